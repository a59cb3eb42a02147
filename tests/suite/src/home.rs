//! What outlives a product that is stopped: its folder, and where its processes stand apart, their database and network.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use gatewright_database::testing::ScratchDatabase;
use gatewright_database::{Store, StoreAddress};
use tempfile::TempDir;

use crate::apart::Processes;
use crate::lan::Lan;

/// How the roles are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// All in one process, on SQLite.
    Together,
    /// One role a process, two processes a role, in two zones, each in a network namespace, on PostgreSQL.
    Apart,
}

impl Layout {
    /// The one that `GATEWRIGHT_TEST_LAYOUT` names: `together` or `apart`. Default: together.
    pub fn chosen() -> anyhow::Result<Self> {
        match std::env::var("GATEWRIGHT_TEST_LAYOUT").as_deref() {
            Err(_) | Ok("together") => Ok(Self::Together),
            Ok("apart") => Ok(Self::Apart),
            Ok(other) => anyhow::bail!("GATEWRIGHT_TEST_LAYOUT is together or apart, not {other}"),
        }
    }
}

/// A place for a product. Nothing of it is left once it is dropped.
pub struct Home {
    /// Processes that went on while the one that drives sessions was stopped. They go before what they stand on.
    pub(crate) survivors: Mutex<Option<Processes>>,
    pub(crate) apart: Option<Apart>,
    dir: TempDir,
}

/// What processes that stand apart share.
pub(crate) struct Apart {
    pub(crate) database: ScratchDatabase,
    pub(crate) lan: Lan,
}

impl Home {
    /// An empty one for the chosen layout.
    pub async fn new() -> anyhow::Result<Self> {
        Self::of(Layout::chosen()?).await
    }

    /// An empty one for that layout.
    pub async fn of(layout: Layout) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gatewright-suite-").tempdir()?;
        let apart = match layout {
            Layout::Together => None,
            Layout::Apart => Some(Apart {
                database: ScratchDatabase::create().await,
                lan: Lan::make().await?,
            }),
        };
        Ok(Self {
            survivors: Mutex::new(None),
            apart,
            dir,
        })
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn take_survivors(&self) -> Option<Processes> {
        self.survivors.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn keep_survivors(&self, processes: Processes) {
        *self.survivors.lock().unwrap_or_else(PoisonError::into_inner) = Some(processes);
    }

    /// The address of the database server's database.
    pub fn database_url(&self) -> anyhow::Result<String> {
        let apart = self.apart.as_ref().context("the database is a file")?;
        Ok(apart.database.url().to_owned())
    }

    /// The data folder of the process of this name, which is its role where it stands apart.
    #[must_use]
    pub fn data_dir(&self, process: &str) -> PathBuf {
        match self.apart {
            None => self.path().to_owned(),
            Some(_) => self.path().join(process),
        }
    }

    /// The folders of an agent's sessions, of all agents.
    #[must_use]
    pub fn session_folders(&self) -> Vec<PathBuf> {
        let agents: &[&str] = if self.apart.is_some() {
            &["agent-1", "agent-2"]
        } else {
            &["agent"]
        };
        agents.iter().map(|agent| self.data_dir(agent).join("sessions")).collect()
    }

    /// A session's folder; the first agent's where none has it.
    #[must_use]
    pub fn session_folder(&self, session: &str) -> PathBuf {
        let mut all = self.session_folders().into_iter().map(|folder| folder.join(session));
        let first = all.next().unwrap_or_default();
        if first.exists() {
            first
        } else {
            all.find(|folder| folder.exists()).unwrap_or(first)
        }
    }

    /// Its database, which a product may have open as well.
    pub async fn store(&self) -> anyhow::Result<Store> {
        let address = match &self.apart {
            None => StoreAddress::File(self.path().join("gatewright.db")),
            Some(apart) => StoreAddress::Postgres(apart.database.address()),
        };
        Store::connect(&address).await.context("the product's database can't be opened")
    }
}

//! Sessions with the network `internet`: a cable of their own from the container to the host, and one packet filter.
//!
//! The engine has no part in it: to it every container is without a network. The agent puts a pair of virtual cables into the
//! container once it runs, so nothing of it can be left behind: it goes with the container. What passes is decided by one
//! table of the kernel's filter, which is looked at before each start, and while sessions with a cable run.

mod cable;
mod command;
mod filter;
mod pool;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use gatewright_core::{HomeId, SessionId};
use gatewright_ports::AgentError;
use tracing::{info, warn};

pub use pool::{Pool, PoolError};

use crate::guard::ContainerId;
use crate::network::cable::Cable;
use crate::network::command::CommandError;
use crate::network::filter::Filter;

/// How sessions reach the Internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Where their addresses come from.
    pub pool: Pool,
    /// The name servers that they ask: public addresses, by [`is_public`].
    pub dns: Vec<Ipv4Addr>,
}

/// Whether sessions may reach an address at all.
#[must_use]
pub fn is_public(address: Ipv4Addr) -> bool {
    filter::is_public(address)
}

/// The network of this node.
#[derive(Debug)]
pub(crate) struct Network {
    pool: Pool,
    filter: Filter,
    resolv_conf: PathBuf,
}

/// A container's process, whether it is to have a network, and its home, as the engine tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The first process; 0 while it does not run.
    pub(crate) pid: u32,
    /// Whether the container was made to have a network.
    pub(crate) wanted: bool,
    /// The kept home that it has.
    pub(crate) home: Option<HomeId>,
}

impl Network {
    /// Sets the filter up anew. Blocks.
    ///
    /// # Errors
    /// This process may not, or a program is missing: the node gives sessions no network then.
    pub(crate) fn open(config: &NetworkConfig, deployment: &str, data_dir: &Path) -> Result<Self, CommandError> {
        let filter = Filter::set_up(&config.pool, deployment)?;
        let data_dir = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
        let resolv_conf = data_dir.join("resolv.conf");
        let servers: String = config.dns.iter().map(|server| format!("nameserver {server}\n")).collect();
        std::fs::write(&resolv_conf, servers).map_err(|error| CommandError::new("write resolv.conf", error))?;
        Ok(Self {
            pool: config.pool,
            filter,
            resolv_conf,
        })
    }

    /// The file that says where sessions ask for names.
    pub(crate) fn resolv_conf(&self) -> &Path {
        &self.resolv_conf
    }

    /// Whether the filter is what it was set up as.
    ///
    /// # Errors
    /// `NoCapacity`, with what the operator has to do.
    pub(crate) async fn check(&self) -> Result<(), AgentError> {
        match self.filter.is_intact().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AgentError::NoCapacity {
                why: format!(
                    "the packet filter {} of sessions' networks was changed by somebody: find out by whom, then restart the agent",
                    self.filter.name()
                ),
            }),
            Err(error) => Err(AgentError::Node { why: error.to_string() }),
        }
    }

    /// Gives a running container its cable. Idempotent.
    ///
    /// # Errors
    /// `Node`, `NoCapacity`: nothing of a cable is left.
    pub(crate) async fn connect(&self, session: SessionId, container: &ContainerId, pid: u32) -> Result<(), AgentError> {
        self.check().await?;
        let failed = |error: CommandError| AgentError::Node { why: error.to_string() };
        self.filter.let_through().await.map_err(failed)?;
        let cable = Cable::into_container(container, pid).map_err(failed)?;
        if cable.is_there().await {
            return Ok(());
        }
        let name = cable.lay(&self.pool, self.filter.prefix()).await.map_err(failed)?;
        info!(%session, interface = name, "Session has a network");
        Ok(())
    }

    /// Takes every cable away where the filter is not what it was set up as: without it they would lead anywhere.
    pub(crate) async fn watch(&self) {
        let prefix = self.filter.prefix();
        let cables = cable::all(prefix);
        if cables.is_empty() {
            return;
        }
        let Err(error) = self.check().await else { return };
        warn!(%error, cables = cables.len(), "Sessions lose their network");
        for name in cables {
            if let Err(error) = cable::take_away(&name).await {
                warn!(%error, interface = name, "A cable is left");
            }
        }
    }
}

//! A database that goes back to what it was: what operators do after a loss.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::ensure;
use gatewright_suite::{Home, Product};
use tokio::process::Command;

/// A backup, made as the operator's page says.
pub(crate) struct Backup {
    url: String,
    file: PathBuf,
}

/// The processes that use the database.
const USERS: [&str; 2] = ["web-app-1", "web-app-2"];

impl Backup {
    /// Writes everything that the database holds now to a file.
    pub(crate) async fn make(home: &Home) -> anyhow::Result<Self> {
        let backup = Self {
            url: home.database_url()?,
            file: home.path().join("backup.dump"),
        };
        run(Command::new("pg_dump")
            .arg("--format=custom")
            .arg("--file")
            .arg(&backup.file)
            .arg(&backup.url))
        .await?;
        Ok(backup)
    }

    /// Puts the database back to it, while nobody uses it.
    pub(crate) async fn restore(&self, product: &mut Product) -> anyhow::Result<()> {
        for name in USERS {
            product.stop_one(name).await?;
        }
        run(Command::new("pg_restore")
            .args(["--clean", "--if-exists", "--single-transaction", "--no-owner", "--dbname"])
            .arg(&self.url)
            .arg(&self.file))
        .await?;
        for name in USERS {
            product.start_again(name).await?;
        }
        Ok(())
    }
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let done = command.stdin(Stdio::null()).output().await?;
    ensure!(
        done.status.success(),
        "{:?}: {}",
        command.as_std().get_program(),
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(())
}

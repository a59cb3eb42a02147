//! How often a login may be tried, for all web-apps of a deployment together.

use std::time::Duration;

use gatewright_database::StoreError;
use sha2::{Digest as _, Sha256};

use crate::error::Internal;
use crate::plane::ControlPlane;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriesOf<'a> {
    /// Who asks: an address, or a network of them.
    Client(&'a str),
    /// The name that is asked for. Case and spaces around it make no other one.
    Name(&'a str),
}

impl TriesOf<'_> {
    /// Hashed: a name may be a password typed into the wrong field, or a megabyte.
    fn key(self) -> [u8; 32] {
        match self {
            Self::Client(client) => Sha256::digest(format!("client\0{client}")).into(),
            Self::Name(name) => Sha256::digest(format!("name\0{}", name.trim().to_lowercase())).into(),
        }
    }
}

impl ControlPlane {
    /// Counts a login that is tried: `burst` at once, then one in `every`. How long to wait, where it may not go on. Where the
    /// database can't count, nobody logs in.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn count_login_try(&self, of: TriesOf<'_>, burst: u32, every: Duration) -> Result<Option<Duration>, Internal> {
        let key = of.key();
        let counted = self.0.store.retry(|| async {
            let mut write = self.0.store.begin().await?;
            let wait = write.count_login_try(&key, burst, every, self.now()).await?;
            write.commit().await?;
            Ok::<_, StoreError>(wait)
        });
        Ok(counted.await?)
    }

    /// Takes back the try of somebody who has logged in: only guesses are slowed down, also where many share an address.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn uncount_login_try(&self, of: TriesOf<'_>, every: Duration) -> Result<(), Internal> {
        let mut write = self.0.store.begin().await?;
        write.uncount_login_try(&of.key(), every).await?;
        write.commit().await?;
        Ok(())
    }
}

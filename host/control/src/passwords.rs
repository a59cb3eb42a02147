//! Hashing and checking login passwords: argon2id, off the async threads, a bounded number at once.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::Internal;
use crate::random;

/// Passwords that are hashed at once. Each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 2;

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    /// The hash of a random password: checked for unknown users, so that they cost as much as known ones.
    decoy: String,
}

impl Passwords {
    pub(crate) async fn new() -> Result<Self, Internal> {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let decoy = hash_on(&permits, random::password(24)).await?;
        Ok(Self { permits, decoy })
    }

    /// The argon2id hash of a password, as a PHC string.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Internal> {
        hash_on(&self.permits, password).await
    }

    /// Whether `password` is the one behind `hash`. Without a hash the answer is no, after the same work.
    pub(crate) async fn verify(&self, hash: Option<String>, password: SecretString) -> Result<bool, Internal> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let matches = blocking(&self.permits, move || {
            let parsed = PasswordHash::new(&hash).map_err(|_| Internal::Hash)?;
            Ok(Argon2::default()
                .verify_password(password.expose_secret().as_bytes(), &parsed)
                .is_ok())
        })
        .await?;
        Ok(matches && known)
    }
}

async fn hash_on(permits: &Arc<Semaphore>, password: SecretString) -> Result<String, Internal> {
    blocking(permits, move || {
        Argon2::default()
            .hash_password(password.expose_secret().as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|_| Internal::Hash)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    permits: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Internal> + Send + 'static,
) -> Result<T, Internal> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(|_| Internal::Stopping)?;
    tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    })
    .await
    .map_err(|_| Internal::Hash)?
}

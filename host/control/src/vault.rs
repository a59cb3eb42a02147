//! Secrets, sealed with AES-256-GCM under a master key that lives in a file outside the database.
//!
//! What an entry is bound to (its id and target) is authenticated with it: a row that was copied to another session or
//! target does not open.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use gatewright_core::{SecretId, SessionId, Timestamp};
use gatewright_database::{SealedSecret, Store};
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use crate::random;

/// The setting that tells whether the key file belongs to this database.
const CHECK: &str = "master-key-check";
/// What the check value seals.
const CHECK_TEXT: &str = "gatewright master key";

/// Why the vault did not open, or an entry of it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file can't be read or written.
    #[error("master key file can't be used")]
    File(#[source] std::io::Error),
    /// Others than this user may read the key file.
    #[error("master key file may be read by others: its mode must be 0600")]
    Exposed,
    /// The database was sealed under a key, and the file is not there.
    #[error("master key file is missing, and the database needs it")]
    Missing,
    /// The file does not hold a key.
    #[error("master key file does not hold a key")]
    Malformed,
    /// The key file belongs to another database.
    #[error("master key does not fit this database")]
    WrongKey,
    /// An entry was changed, or moved to another target.
    #[error("vault entry does not open")]
    Tampered,
    /// Sealing failed.
    #[error("vault entry can't be sealed")]
    Seal,
    /// The database.
    #[error("vault's database operation failed")]
    Store(#[from] gatewright_database::StoreError),
}

/// Seals and opens secrets.
pub(crate) struct Vault {
    key: RandomizedNonceKey,
}

impl Vault {
    /// Reads the master key, or makes it where the database has never had one.
    pub(crate) async fn open(path: &Path, store: &Store) -> Result<Self, VaultError> {
        let check = store.setting(CHECK).await?;
        let bytes = match read_key(path)? {
            Some(bytes) => bytes,
            None if check.is_some() => return Err(VaultError::Missing),
            None => create_key(path)?,
        };
        let vault = Self {
            key: RandomizedNonceKey::new(&AES_256_GCM, bytes.as_slice()).map_err(|_| VaultError::Malformed)?,
        };
        match check {
            Some(text) => {
                let sealed = hex::decode(text).map_err(|_| VaultError::WrongKey)?;
                let (nonce, sealed) = sealed.split_at_checked(aws_lc_rs::aead::NONCE_LEN).ok_or(VaultError::WrongKey)?;
                let opened = vault
                    .open_bytes(nonce, sealed, CHECK.as_bytes())
                    .map_err(|_| VaultError::WrongKey)?;
                if opened.as_slice() != CHECK_TEXT.as_bytes() {
                    return Err(VaultError::WrongKey);
                }
            }
            None => {
                let (nonce, sealed) = vault.seal_bytes(CHECK_TEXT.as_bytes(), CHECK.as_bytes())?;
                let mut write = store.begin().await?;
                write.set_setting(CHECK, &(hex::encode(nonce) + &hex::encode(sealed))).await?;
                write.commit().await?;
            }
        }
        Ok(vault)
    }

    /// Seals the secret of a session's target.
    pub(crate) fn seal(
        &self,
        label: &str,
        session: SessionId,
        service: &str,
        value: &SecretString,
        now: Timestamp,
    ) -> Result<SealedSecret, VaultError> {
        let id = SecretId::from_uuid(random::id());
        let target = session_target(session, service);
        let (nonce, sealed) = self.seal_bytes(value.expose_secret().as_bytes(), &bound_to(id, &target))?;
        Ok(SealedSecret {
            id,
            label: label.into(),
            target,
            session: Some(session),
            nonce,
            sealed,
            created_at: now,
        })
    }

    /// Opens an entry for the target that it was sealed for.
    pub(crate) fn unseal(&self, secret: &SealedSecret, target: &str) -> Result<SecretString, VaultError> {
        let bytes = self.open_bytes(&secret.nonce, &secret.sealed, &bound_to(secret.id, target))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::Tampered)?;
        Ok(SecretString::from(text))
    }

    /// Seals what belongs to the deployment as a whole, as text for a setting of this name.
    pub(crate) fn seal_setting(&self, name: &str, value: &[u8]) -> Result<String, VaultError> {
        let (nonce, sealed) = self.seal_bytes(value, name.as_bytes())?;
        Ok(hex::encode(nonce) + &hex::encode(sealed))
    }

    /// Opens what [`Self::seal_setting`] sealed under the same name.
    pub(crate) fn open_setting(&self, name: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let sealed = hex::decode(text).map_err(|_| VaultError::Tampered)?;
        let (nonce, sealed) = sealed.split_at_checked(aws_lc_rs::aead::NONCE_LEN).ok_or(VaultError::Tampered)?;
        self.open_bytes(nonce, sealed, name.as_bytes())
    }

    fn seal_bytes(&self, plain: &[u8], bound: &[u8]) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
        // Room for the tag from the start: growing would leave a copy of the plain text behind.
        let mut buffer = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        buffer.extend_from_slice(plain);
        match self.key.seal_in_place_append_tag(Aad::from(bound), &mut buffer) {
            Ok(nonce) => Ok((nonce.as_ref().to_vec(), buffer)),
            Err(_) => {
                buffer.zeroize();
                Err(VaultError::Seal)
            }
        }
    }

    fn open_bytes(&self, nonce: &[u8], sealed: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Tampered)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = self
            .key
            .open_in_place(nonce, Aad::from(bound), &mut buffer)
            .map_err(|_| VaultError::Tampered)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// What a session's secret may be opened for.
pub(crate) fn session_target(session: SessionId, service: &str) -> String {
    format!("session/{session}/{service}")
}

fn bound_to(id: SecretId, target: &str) -> Vec<u8> {
    let mut bound = id.as_uuid().into_bytes().to_vec();
    bound.extend_from_slice(target.as_bytes());
    bound
}

fn read_key(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, VaultError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(VaultError::File(error)),
    };
    let mode = file.metadata().map_err(VaultError::File)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed);
    }
    let mut text = Zeroizing::new(String::new());
    file.take(1024).read_to_string(&mut text).map_err(VaultError::File)?;
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut_slice()).map_err(|_| VaultError::Malformed)?;
    Ok(Some(key))
}

fn create_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(VaultError::File)?;
    }
    let key = Zeroizing::new(random::bytes32());
    let text = Zeroizing::new(hex::encode(key.as_slice()) + "\n");
    // Written under another name first: a crash must not leave half a key that looks like one.
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(VaultError::File)?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(VaultError::File)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(VaultError::File)?;
    fs::rename(&draft, path).map_err(VaultError::File)?;
    Ok(key)
}

#[cfg(test)]
mod tests;

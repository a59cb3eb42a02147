#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;

use uuid::Uuid;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("keys").join("master.key")
    }

    async fn store(&self) -> Store {
        Store::open(&self.0.path().join("data").join("gatewright.db")).await.unwrap()
    }

    async fn vault(&self) -> Result<Vault, VaultError> {
        Vault::open(&self.key(), &self.store().await).await
    }
}

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn sealed(vault: &Vault) -> SealedSecret {
    let value = SecretString::from("correct horse");
    vault.seal("desktop", session(1), "vnc", &value, Timestamp::from_micros(1)).unwrap()
}

#[tokio::test]
async fn what_is_sealed_opens_after_a_restart_and_only_for_its_target() {
    let folder = Folder::new();
    let secret = sealed(&folder.vault().await.unwrap());
    assert!(!secret.sealed.windows(5).any(|part| part == b"horse"));
    let again = folder.vault().await.unwrap();
    assert_eq!(
        again.unseal(&secret, &session_target(session(1), "vnc")).unwrap().expose_secret(),
        "correct horse"
    );
    for target in [session_target(session(2), "vnc"), session_target(session(1), "ssh"), String::new()] {
        assert!(matches!(again.unseal(&secret, &target), Err(VaultError::Tampered)), "{target}");
    }
}

#[tokio::test]
async fn a_changed_entry_does_not_open() {
    let folder = Folder::new();
    let vault = folder.vault().await.unwrap();
    let good = sealed(&vault);
    let target = session_target(session(1), "vnc");
    let mut bad = vec![good.clone(); 5];
    bad[0].sealed[3] ^= 1;
    *bad[1].sealed.last_mut().unwrap() ^= 1;
    bad[2].nonce[0] ^= 1;
    bad[3].id = SecretId::from_uuid(Uuid::from_u128(99));
    bad[4].sealed.truncate(4);
    for (index, entry) in bad.iter().enumerate() {
        assert!(matches!(vault.unseal(entry, &target), Err(VaultError::Tampered)), "{index}");
    }
    assert!(vault.unseal(&good, &target).is_ok());
    assert_ne!(sealed(&vault).nonce, sealed(&vault).nonce);
}

#[tokio::test]
async fn the_key_file_is_private_and_belongs_to_its_database() {
    let folder = Folder::new();
    folder.vault().await.unwrap();
    let mode = std::fs::metadata(folder.key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = std::fs::read_to_string(folder.key()).unwrap();

    std::fs::set_permissions(folder.key(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(folder.vault().await, Err(VaultError::Exposed)));
    std::fs::set_permissions(folder.key(), fs::Permissions::from_mode(0o600)).unwrap();

    std::fs::write(folder.key(), "00".repeat(32)).unwrap();
    assert!(matches!(folder.vault().await, Err(VaultError::WrongKey)));
    std::fs::write(folder.key(), "no key").unwrap();
    assert!(matches!(folder.vault().await, Err(VaultError::Malformed)));
    std::fs::remove_file(folder.key()).unwrap();
    assert!(matches!(folder.vault().await, Err(VaultError::Missing)));
    assert!(!folder.key().exists(), "a lost key is not replaced in silence");

    std::fs::write(folder.key(), key).unwrap();
    std::fs::set_permissions(folder.key(), fs::Permissions::from_mode(0o600)).unwrap();
    folder.vault().await.unwrap();
}

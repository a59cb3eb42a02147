//! Logging in, and who a login's token belongs to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::Timestamp;
use gatewright_core::record::User;
use gatewright_database::{LoginRecord, StoreError};
use gatewright_ports::control::Membership;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::random;

/// The time of last use is written this often at the most: not every request is a write.
const TOUCH_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
/// Passwords longer than this are wrong without being hashed.
const PASSWORD_MAX: usize = 1024;

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Name or password is wrong, or the user is disabled. Which, nobody outside learns.
    #[error("name or password is wrong")]
    Wrong,
    /// Something of ours.
    #[error("login is not possible now")]
    Internal(#[from] Internal),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

/// A new login.
#[derive(Debug)]
pub struct LoggedIn {
    /// What the cookie holds; stored nowhere.
    pub token: SecretString,
    /// Whose it is.
    pub identity: Identity,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// Who a token belongs to, now.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user.
    pub user: User,
    /// Their groups, the one that decides first at the front.
    pub groups: Vec<Membership>,
    /// What unsafe requests of this login must carry.
    pub csrf_token: String,
    pub(crate) token_hash: [u8; 32],
}

impl Identity {
    /// As events remember it. `client` is the address as the edge saw it.
    #[must_use]
    pub fn actor(&self, client: &str) -> Actor {
        Actor {
            user: Some(self.user.id),
            name: self.user.name.clone(),
            groups: self.groups.iter().map(|group| group.name.clone()).collect(),
            client: client.into(),
        }
    }

    /// Whether a request carries this login's CSRF token. Compared in constant time.
    #[must_use]
    pub fn csrf_matches(&self, presented: &str) -> bool {
        presented.as_bytes().ct_eq(self.csrf_token.as_bytes()).into()
    }
}

pub(crate) fn hash_token(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

/// Follows from the token, which only its browser has, and doesn't give it away.
pub(crate) fn csrf_token(token: &SecretString) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"gatewright csrf\0");
    hasher.update(token.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hasher.finalize())
}

impl ControlPlane {
    /// Checks name and password and begins a login. An unknown or disabled user costs as much time as a wrong password.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(&self, name: &str, password: SecretString, client: &str) -> Result<LoggedIn, LoginError> {
        let record = self.0.store.user_by_name(name).await?;
        let usable = password.expose_secret().len() <= PASSWORD_MAX;
        let password = if usable { password } else { SecretString::from("") };
        let hash = record
            .as_ref()
            .filter(|one| one.user.enabled && usable)
            .map(|one| one.password_hash.clone());
        let matches = self.0.passwords.verify(hash, password).await?;
        let Some(record) = record.filter(|_| matches) else {
            let actor = Actor {
                name: name.chars().filter(|c| !c.is_control()).take(64).collect(),
                client: client.into(),
                ..Actor::default()
            };
            self.append(&self.audit(&actor, "login.failed", &actor.name, "", false)).await?;
            return Err(LoginError::Wrong);
        };
        let groups = self.0.store.groups_of(record.user.id).await?;
        let token = SecretString::from(URL_SAFE_NO_PAD.encode(random::bytes32()));
        let now = self.now();
        let identity = Identity {
            csrf_token: csrf_token(&token),
            token_hash: hash_token(&token),
            user: record.user,
            groups,
        };
        let expires_at = now.plus(self.0.config.login_lifetime);
        let mut write = self.0.store.begin().await?;
        write
            .insert_login(&LoginRecord {
                token_hash: identity.token_hash,
                user: identity.user.id,
                client: client.into(),
                created_at: now,
                seen_at: now,
                expires_at,
                first: None,
            })
            .await?;
        write
            .append_event(&self.audit(&identity.actor(client), "login.succeeded", &identity.user.name, "", true))
            .await?;
        write.commit().await?;
        Ok(LoggedIn {
            token,
            identity,
            expires_at,
        })
    }

    /// Who a token belongs to. None where it is unknown, expired or idle for too long, or its user is disabled.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn authenticate(&self, token: &SecretString) -> Result<Option<Identity>, Internal> {
        let token_hash = hash_token(token);
        let Some(login) = self.0.store.login(&token_hash).await? else {
            return Ok(None);
        };
        let now = self.now();
        if now >= login.expires_at || now.since(login.seen_at) >= self.0.config.login_idle {
            return Ok(None);
        }
        let Some(record) = self.0.store.user(login.user).await?.filter(|one| one.user.enabled) else {
            return Ok(None);
        };
        if now.since(login.seen_at) >= TOUCH_EVERY.min(self.0.config.login_idle / 4) {
            let mut write = self.0.store.begin().await?;
            write.touch_login(&token_hash, now).await?;
            write.commit().await?;
        }
        Ok(Some(Identity {
            groups: self.0.store.groups_of(record.user.id).await?,
            user: record.user,
            csrf_token: csrf_token(token),
            token_hash,
        }))
    }

    /// Ends a login, at all edges that it was handed over to. Idempotent.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn logout(&self, identity: &Identity, client: &str) -> Result<(), Internal> {
        let mut write = self.0.store.begin().await?;
        if write.delete_login(&identity.token_hash).await? {
            write
                .append_event(&self.audit(&identity.actor(client), "logout", &identity.user.name, "", true))
                .await?;
        }
        write.commit().await?;
        Ok(())
    }
}

//! Going on at another edge without the password: cookies are an origin's own, so a login there is made from a code.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_database::{Constraint, LoginRecord, StoreError};
use secrecy::SecretString;

use super::login::{Identity, LoggedIn, csrf_token, hash_token};
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::random;

/// How long a code is good. A page asks for it before its edge is gone, since then it can't.
const LIFETIME: Duration = Duration::from_secs(300);

/// A code with which a person goes on at another edge.
#[derive(Debug)]
pub struct Handover {
    /// Good once; stored nowhere.
    pub code: SecretString,
    /// For how long.
    pub lifetime: Duration,
}

impl ControlPlane {
    /// A code of this login. None where it has just ended.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn hand_over(&self, identity: &Identity) -> Result<Option<Handover>, Internal> {
        let code = SecretString::from(URL_SAFE_NO_PAD.encode(random::bytes32()));
        let mut write = self.0.store.begin().await?;
        let until = self.now().plus(LIFETIME);
        match write.insert_handover(&hash_token(&code), &identity.token_hash, until).await {
            Err(StoreError::Conflict(Constraint::Reference)) => return Ok(None),
            inserted => inserted?,
        }
        write.commit().await?;
        Ok(Some(Handover { code, lifetime: LIFETIME }))
    }

    /// A login for whoever has the code, which ends no later than the one that the code is of, and with it. None for a code
    /// that is unknown, used or over, and where its login or user is no longer good.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn come_over(&self, code: &SecretString, client: &str) -> Result<Option<LoggedIn>, Internal> {
        let now = self.now();
        let mut write = self.0.store.begin().await?;
        let Some(from) = write.take_handover(&hash_token(code), now).await? else {
            return Ok(None);
        };
        write.commit().await?;
        let login = self.0.store.login(&from).await?;
        let Some(login) = login.filter(|login| now < login.expires_at && now.since(login.seen_at) < self.0.config.login_idle) else {
            return Ok(None);
        };
        let Some(record) = self.0.store.user(login.user).await?.filter(|one| one.user.enabled) else {
            return Ok(None);
        };
        let groups = self.0.store.groups_of(record.user.id).await?;
        let token = SecretString::from(URL_SAFE_NO_PAD.encode(random::bytes32()));
        let first = login.first.unwrap_or(from);
        let identity = Identity {
            csrf_token: csrf_token(&token),
            token_hash: hash_token(&token),
            user: record.user,
            groups,
        };
        let mut write = self.0.store.begin().await?;
        write
            .insert_login(&LoginRecord {
                token_hash: identity.token_hash,
                user: identity.user.id,
                client: client.into(),
                created_at: now,
                seen_at: now,
                expires_at: login.expires_at,
                first: Some(first),
            })
            .await?;
        write
            .append_event(&self.audit(&identity.actor(client), "login.handed-over", &identity.user.name, "", true))
            .await?;
        write.commit().await?;
        Ok(Some(LoggedIn {
            token,
            identity,
            expires_at: login.expires_at,
        }))
    }
}

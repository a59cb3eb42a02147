//! Calls of the credential world.

use std::time::Duration;

use gatewright_core::SecretId;
use gatewright_core::reason::Words;
use secrecy::SecretString;

use crate::bindings::credential::exports::gatewright::credential::provider as wit;
use crate::call::{Answer, CallContext, CallError, Granted};
use crate::plugin::{Plugin, World};
use crate::reasons::words;

/// A vault entry that may be used for this session's target. Its value is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedSecret {
    /// The handle.
    pub id: SecretId,
    /// What an administrator called it.
    pub label: String,
}

/// What the target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// VNC's.
    Rfb,
    /// Remote desktop.
    Rdp,
    /// Secure shell.
    Ssh,
}

/// What is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The workspace's or server's name.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The declared service of a container desktop; empty for a server.
    pub service: String,
}

/// For whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The user's login name.
    pub user: String,
    /// Names of the user's groups.
    pub groups: Vec<String>,
}

/// What a credential plugin found.
#[derive(Debug)]
pub enum Resolution {
    /// An entry of the vault, one of those that were offered.
    Handle {
        /// Which.
        secret: SecretId,
        /// How long it may be used to open connections.
        lifetime: Duration,
    },
    /// An account that the plugin made or fetched.
    Account {
        /// Its name.
        username: String,
        /// Its domain, or empty.
        domain: String,
        /// Its password.
        password: SecretString,
        /// How long it may be used to open connections.
        lifetime: Duration,
    },
    /// There is none for this target and person.
    NotFound,
    /// The person may not have it.
    Denied(Words),
    /// Its source does not answer.
    Unavailable,
}

impl Plugin {
    /// Asks a credential plugin what opens `target`. It chooses among `offered`, or makes a value.
    ///
    /// # Errors
    /// [`CallError`]: no connection.
    pub async fn resolve(
        &self,
        context: &CallContext,
        session: &str,
        target: Target,
        claims: Claims,
        offered: Vec<OfferedSecret>,
    ) -> Result<Answer<Resolution>, CallError> {
        let World::Credential(pre) = &self.world else {
            return Err(CallError::WrongKind);
        };
        let target = wit::Target {
            name: target.name,
            protocol: match target.protocol {
                Protocol::Rfb => wit::Protocol::Rfb,
                Protocol::Rdp => wit::Protocol::Rdp,
                Protocol::Ssh => wit::Protocol::Ssh,
            },
            service: target.service,
        };
        let claims = wit::Claims {
            user: claims.user,
            groups: claims.groups,
        };
        let handles: Vec<SecretId> = offered.iter().map(|secret| secret.id).collect();
        let granted = Granted {
            secrets: offered,
            ..Granted::default()
        };
        let body = async move |mut store: wasmtime::Store<crate::store::CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance
                    .gatewright_credential_provider()
                    .call_resolve(&mut store, session, &target, &claims)
                    .await
            }
            .await;
            (store, result)
        };
        self.run("resolve", context, granted, body, |answer| match answer {
            Ok(resolved) => resolution(resolved, &handles),
            Err(error) => self.refusal(error),
        })
        .await
    }

    /// Tells a credential plugin that a session ended, so that what it made for it can go.
    ///
    /// # Errors
    /// [`CallError`]; the session ends all the same.
    pub async fn release(&self, context: &CallContext, session: &str) -> Result<Answer<()>, CallError> {
        let World::Credential(pre) = &self.world else {
            return Err(CallError::WrongKind);
        };
        let body = async move |mut store: wasmtime::Store<crate::store::CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance.gatewright_credential_provider().call_release(&mut store, session).await
            }
            .await;
            (store, result)
        };
        self.run("release", context, Granted::default(), body, |answer| match answer {
            Ok(()) | Err(wit::Error::NotFound) => Ok(()),
            Err(error) => self
                .refusal(error)
                .and_then(|_| Err(CallError::bad_answer("it could not release the session"))),
        })
        .await
    }

    fn refusal(&self, error: wit::Error) -> Result<Resolution, CallError> {
        match error {
            wit::Error::NotFound => Ok(Resolution::NotFound),
            wit::Error::Unavailable => Ok(Resolution::Unavailable),
            wit::Error::Denied(reason) => words(self.manifest(), reason)
                .map(Resolution::Denied)
                .map_err(CallError::UndeclaredReason),
            wit::Error::Config(detail) => Err(CallError::config(&detail)),
        }
    }
}

fn resolution(resolved: wit::Resolved, handles: &[SecretId]) -> Result<Resolution, CallError> {
    let lifetime = Duration::from_secs(resolved.lifetime_secs.into());
    match resolved.credential {
        wit::Credential::Handle(handle) => handle
            .parse()
            .ok()
            .filter(|secret| handles.contains(secret))
            .map(|secret| Resolution::Handle { secret, lifetime })
            .ok_or_else(|| CallError::bad_answer("a handle that was not offered")),
        wit::Credential::Value(account) => Ok(Resolution::Account {
            username: account.username,
            domain: account.domain,
            password: account.password.into(),
            lifetime,
        }),
    }
}

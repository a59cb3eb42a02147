//! The credential that opens a desktop: the provider plugin says which, the vault opens it, nobody else sees it.

use std::sync::Arc;
use std::time::Duration;

use gatewright_gate::{LoadedPlugin, PolicyWatch};
use gatewright_plugin_host::{CallContext, CallError, Claims, OfferedSecret, Protocol, Resolution, Target};
use gatewright_ports::control::SessionContext;
use gatewright_ports::{Control, ControlError};
use secrecy::SecretString;

/// How long a provider may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no credential: no connection then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("no credential plugin is configured")]
    NoProvider,
    #[error("no version of the credential plugin is active")]
    NotActive,
    #[error("the credential plugin could not be loaded: {0}")]
    NotLoaded(String),
    #[error("the credential plugin failed")]
    Plugin(#[source] CallError),
    #[error("the credential plugin has none for this desktop")]
    NotFound,
    #[error("the credential plugin denies it: {0}")]
    Denied(String),
    #[error("the credential plugin's source does not answer")]
    Unavailable,
    #[error("the vault could not be asked")]
    Vault(#[source] ControlError),
}

/// The password of the session's desktop.
pub(crate) async fn desktop_password(
    control: &Arc<dyn Control>,
    policy: &PolicyWatch,
    context: &SessionContext,
) -> Result<SecretString, CredentialError> {
    let state = policy.current();
    let provider = state.snapshot.credential.as_ref().ok_or(CredentialError::NoProvider)?;
    let plugin = match state.plugin(&provider.plugin) {
        Some(LoadedPlugin::Ready(plugin)) => plugin,
        Some(LoadedPlugin::Failed { why, .. }) => return Err(CredentialError::NotLoaded(why.clone())),
        None => return Err(CredentialError::NotActive),
    };
    let entries = control.secrets(context.session).await.map_err(CredentialError::Vault)?;
    let call = CallContext {
        session: Some(context.session),
        config: provider.config.to_string().into(),
        deadline: Some(DEADLINE),
    };
    let target = Target {
        name: context.workspace_name.clone(),
        protocol: Protocol::Rfb,
        service: "vnc".into(),
    };
    let claims = Claims {
        user: context.user_name.clone(),
        groups: context.groups.iter().map(|group| group.name.clone()).collect(),
    };
    let offered = entries
        .into_iter()
        .map(|entry| OfferedSecret {
            id: entry.id,
            label: entry.label,
        })
        .collect();
    let said = plugin
        .resolve(&call, &context.session.to_string(), target, claims, offered)
        .await
        .map_err(CredentialError::Plugin)?;
    match said.value {
        Resolution::Handle { secret, .. } => control.secret(context.session, secret).await.map_err(CredentialError::Vault),
        Resolution::Account { password, .. } => Ok(password),
        Resolution::NotFound => Err(CredentialError::NotFound),
        Resolution::Denied(words) => Err(CredentialError::Denied(words.why)),
        Resolution::Unavailable => Err(CredentialError::Unavailable),
    }
}

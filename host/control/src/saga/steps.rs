//! The steps of a launch.

use std::collections::VecDeque;
use std::time::Duration;

use gatewright_core::error_chain::chain_of;
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{NodeId, SessionId};
use gatewright_database::{Lease, Reservation, SealedSecret, SessionRecord, StoreError};
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{KeptHome, SessionSpec};
use secrecy::SecretString;

use crate::actor::Actor;
use crate::error::Internal;
use crate::placement::{Placed, shortage_words};
use crate::plane::ControlPlane;
use crate::random;
use crate::saga::drive::fence;
use crate::saga::hooks::{HookFailure, Step};
use crate::vault::VaultError;

/// Readable characters of a desktop's password. VNC authentication looks at eight (RFB 7.2.2).
pub(crate) const DESKTOP_PASSWORD: usize = 8;
/// The label of a desktop's generated password.
const DESKTOP_LABEL: &str = "desktop";
/// The service whose password it is.
const DESKTOP_SERVICE: &str = "vnc";
/// Tries to clear a node before its session is given up.
const CLEAR_TRIES: u32 = 3;

/// What a person reads when no node can take a session.
const NO_ROOM: &str = "No room right now. Try again in a few minutes";
/// What a person reads where no node at all has a device that the workspace asks for: waiting does not help.
const NO_DEVICE: &str = "No machine has the devices that this workspace needs. Ask your administrator";
/// What a person reads whose home is on a node that can't be asked.
const HOME_AWAY: &str = "Your home folder is on a machine that can't be reached right now. Try again later";
/// What a person reads whose home is not where it was.
const HOME_MISSING: &str = "Your home folder was not found on its machine. Ask your administrator";
/// What a person reads when no node has the image.
const NOT_INSTALLED: &str = "This workspace is not installed on any machine yet. Ask your administrator";

/// Why a launch went no further.
pub(crate) enum Stopped {
    /// Somebody else moved the session: it is ending.
    Moved,
    /// Another web-app drives it now.
    Fenced,
    /// A step failed.
    Failed(LaunchFailure),
}

/// A launch that failed.
pub(crate) struct LaunchFailure {
    /// For the person, without the reference.
    pub(crate) person: String,
    /// For administrators.
    pub(crate) detail: String,
}

impl From<HookFailure> for Stopped {
    fn from(failure: HookFailure) -> Self {
        internal(&failure)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fenced => Self::Fenced,
            other => internal(&other),
        }
    }
}

impl From<VaultError> for Stopped {
    fn from(error: VaultError) -> Self {
        internal(&error)
    }
}

impl From<Internal> for Stopped {
    fn from(error: Internal) -> Self {
        internal(&error)
    }
}

fn failed(person: &str, detail: impl Into<String>) -> Stopped {
    Stopped::Failed(LaunchFailure {
        person: person.into(),
        detail: detail.into(),
    })
}

fn internal(error: &dyn std::error::Error) -> Stopped {
    failed("The desktop could not be started. Try again", chain_of(error))
}

fn of_agent(step: &str, error: &AgentError) -> Stopped {
    let person = match error {
        AgentError::NoCapacity { .. } => NO_ROOM,
        AgentError::ImageMissing { .. } => NOT_INSTALLED,
        AgentError::HomeMissing { .. } => HOME_MISSING,
        AgentError::Exited { .. } => "The desktop stopped while it was starting. Try again",
        _ => "The desktop could not be started. Try again",
    };
    failed(person, format!("{step}: {}", chain_of(error)))
}

/// What an agent is told to make.
pub(crate) fn session_spec(record: &SessionRecord, password: &SecretString) -> SessionSpec {
    SessionSpec {
        session: record.session.id,
        image: record.image.clone(),
        resources: record.session.resources,
        network: record.network,
        hostname: record.workspace_icon.clone(),
        home: record.home.map(|home| KeptHome {
            id: home.id,
            new: !home.made,
        }),
        devices: record.devices.clone(),
        desktop_password: Some(password.clone()),
    }
}

impl ControlPlane {
    /// Takes a requested session to `Ready`.
    pub(crate) async fn launch_steps(&self, record: &SessionRecord, lease: &Lease) -> Result<(), Stopped> {
        let id = record.session.id;
        let hooks = &self.0.config.hooks;

        // Disabled after it was requested, and before anybody could see the request.
        if !self.is_enabled(record.session.user).await? {
            return Err(failed("Your account is disabled", "the user is disabled"));
        }
        hooks.before(Step::Place, id).await?;
        let placed = self.place(record).await?;
        hooks.after(Step::Place, id).await?;

        let mut nodes: VecDeque<(NodeId, String)> = placed.order.iter().cloned().collect();
        hooks.before(Step::Reserve, id).await?;
        let (mut node, password) = self.reserve(record, &mut nodes, placed, lease).await?;
        hooks.after(Step::Reserve, id).await?;

        self.advance(id, SessionState::Reserved, SessionState::Creating, lease).await?;
        hooks.before(Step::Create, id).await?;
        while let Err(error) = self.create_on(node, record, &password, lease).await {
            if error == AgentError::Fenced {
                return Err(Stopped::Fenced);
            }
            let elsewhere = matches!(error, AgentError::NoCapacity { .. } | AgentError::ImageMissing { .. });
            if !elsewhere || nodes.is_empty() {
                return Err(of_agent("create", &error));
            }
            self.clear(node, id, lease).await?;
            node = self.change_node(id, node, &mut nodes, &error, lease).await?;
        }
        hooks.after(Step::Create, id).await?;

        self.advance(id, SessionState::Creating, SessionState::Starting, lease).await?;
        hooks.before(Step::Start, id).await?;
        self.bounded("start", self.0.config.step_timeout, self.agent_of(node)?.start(id, fence(lease)))
            .await?;
        hooks.after(Step::Start, id).await?;

        self.advance(id, SessionState::Starting, SessionState::Waiting, lease).await?;
        hooks.before(Step::WaitReady, id).await?;
        self.bounded("wait", self.0.config.ready_timeout, self.agent_of(node)?.wait_ready(id))
            .await?;
        hooks.after(Step::WaitReady, id).await?;

        hooks.before(Step::Ready, id).await?;
        self.declare_ready(record, lease).await?;
        // The session is usable from here on, so a failure behind this line ends it as a failed launch all the same.
        hooks.after(Step::Ready, id).await?;
        Ok(())
    }

    fn agent_of(&self, node: NodeId) -> Result<std::sync::Arc<dyn gatewright_ports::AgentControl>, Stopped> {
        self.agent(node).ok_or_else(|| of_agent("agent", &AgentError::Unavailable))
    }

    async fn bounded(&self, step: &str, limit: Duration, call: impl Future<Output = Result<(), AgentError>>) -> Result<(), Stopped> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(AgentError::Fenced)) => Err(Stopped::Fenced),
            Ok(Err(error)) => Err(of_agent(step, &error)),
            Err(_) => Err(failed(
                "The desktop did not answer in time. Try again",
                format!("{step}: not done within {} s", limit.as_secs()),
            )),
        }
    }

    /// Takes the room of the best node that still has it, and stores the desktop's password in the same transaction.
    async fn reserve(
        &self,
        record: &SessionRecord,
        nodes: &mut VecDeque<(NodeId, String)>,
        mut placed: Placed,
        lease: &Lease,
    ) -> Result<(NodeId, SecretString), Stopped> {
        let id = record.session.id;
        let password = random::password(DESKTOP_PASSWORD);
        let secret: SealedSecret = self.0.vault.seal(DESKTOP_LABEL, id, DESKTOP_SERVICE, &password, self.now())?;
        let mut detail = placed.summary();
        let mut ranked_again = placed.order.is_empty();
        loop {
            let Some((node, name)) = nodes.pop_front() else {
                if ranked_again {
                    break;
                }
                // Others were faster everywhere, and what they left meanwhile was not looked at yet.
                ranked_again = true;
                self.forget_nodes();
                placed = self.place(record).await?;
                nodes.extend(placed.order.iter().cloned());
                detail = placed.summary();
                continue;
            };
            // Before it is: those who rank nodes at the same moment would all choose the same one, and wait for each other.
            self.promised(node, record.session.resources);
            let mut write = self.begin_as(lease).await?;
            match write.reserve(id, node, self.now(), &detail).await? {
                Reservation::Taken => {
                    write.insert_secret(&secret).await?;
                    write.commit().await?;
                    return Ok((node, password));
                }
                Reservation::Moved => return Err(Stopped::Moved),
                // Another launch was faster since the nodes were ranked.
                Reservation::NoRoom(shortage) => detail.push_str(&format!("; {name}: {} by now", shortage_words(shortage))),
                Reservation::NoNode => detail.push_str(&format!("; {name}: is gone by now")),
                Reservation::HomeElsewhere => detail.push_str(&format!("; {name}: does not have the person's home")),
            }
        }
        let person = if placed.home_away {
            HOME_AWAY
        } else if !placed.no_device.is_empty() {
            NO_DEVICE
        } else if placed.order.is_empty() && placed.image_missing {
            NOT_INSTALLED
        } else {
            NO_ROOM
        };
        Err(failed(person, format!("no node has room: {detail}")))
    }

    async fn create_on(&self, node: NodeId, record: &SessionRecord, password: &SecretString, lease: &Lease) -> Result<(), AgentError> {
        let agent = self.agent(node).ok_or(AgentError::Unavailable)?;
        let spec = session_spec(record, password);
        let limit = self.0.config.step_timeout;
        tokio::time::timeout(limit, agent.create(spec, fence(lease)))
            .await
            .unwrap_or_else(|_| {
                Err(AgentError::Node {
                    why: format!("not created within {} s", limit.as_secs()),
                })
            })
    }

    /// Removes from a node whatever a failed `create` left there, before another node is tried.
    async fn clear(&self, node: NodeId, id: SessionId, lease: &Lease) -> Result<(), Stopped> {
        let agent = self.agent_of(node)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match agent.destroy(id, fence(lease)).await {
                Ok(()) => return Ok(()),
                Err(AgentError::Fenced) => return Err(Stopped::Fenced),
                Err(error) if tries >= CLEAR_TRIES => return Err(of_agent("clear", &error)),
                Err(_) => tokio::time::sleep(Duration::from_millis(200) * tries).await,
            }
        }
    }

    async fn change_node(
        &self,
        id: SessionId,
        old: NodeId,
        nodes: &mut VecDeque<(NodeId, String)>,
        error: &AgentError,
        lease: &Lease,
    ) -> Result<NodeId, Stopped> {
        let detail = format!("{old:?} could not: {}", chain_of(error));
        while let Some((new, _)) = nodes.pop_front() {
            let mut write = self.begin_as(lease).await?;
            match write.change_node(id, old, new, self.now(), &detail).await? {
                Reservation::Taken => {
                    write.commit().await?;
                    return Ok(new);
                }
                Reservation::Moved => return Err(Stopped::Moved),
                Reservation::NoRoom(_) | Reservation::NoNode | Reservation::HomeElsewhere => {}
            }
        }
        Err(of_agent("create", error))
    }

    pub(crate) async fn advance(&self, id: SessionId, from: SessionState, to: SessionState, lease: &Lease) -> Result<(), Stopped> {
        let mut write = self.begin_as(lease).await?;
        if !write.advance(id, from, to, self.now(), "").await? {
            return Err(Stopped::Moved);
        }
        write.commit().await?;
        Ok(())
    }

    async fn declare_ready(&self, record: &SessionRecord, lease: &Lease) -> Result<(), Stopped> {
        let id = record.session.id;
        let mut write = self.begin_as(lease).await?;
        if !write
            .advance(id, SessionState::Waiting, SessionState::Ready, self.now(), "")
            .await?
        {
            return Err(Stopped::Moved);
        }
        let actor = self.owner(record).await;
        write
            .append_event(&self.audit_session(&actor, "session.ready", record, "", true))
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// A session's user, as events remember it.
    pub(crate) async fn owner(&self, record: &SessionRecord) -> Actor {
        let groups = self.0.store.groups_of(record.session.user).await.unwrap_or_default();
        Actor {
            user: Some(record.session.user),
            name: record.user_name.clone(),
            groups: groups.into_iter().map(|group| group.name).collect(),
            client: record.client.clone(),
        }
    }

    /// Begins the end of a session whose launch failed. The person gets a sentence with a reference, administrators the detail
    /// under the same reference.
    pub(crate) async fn fail_launch(&self, id: SessionId, failure: &LaunchFailure, lease: &Lease) -> Result<(), Internal> {
        let Some(record) = self.0.store.session(id).await? else {
            return Ok(());
        };
        let mut event = self.audit_session(&self.owner(&record).await, "session.launch-failed", &record, &failure.detail, false);
        event.reference = random::reference();
        let text = format!("{}. Ref {}", failure.person, event.reference);
        let mut write = self.begin_as(lease).await?;
        if write
            .begin_ending(id, &EndReason::LaunchFailed(text), self.now(), &failure.detail)
            .await?
        {
            write.append_event(&event).await?;
            write.commit().await?;
            tracing::warn!(session = %id, detail = %failure.detail, "Launch failed");
        }
        Ok(())
    }
}

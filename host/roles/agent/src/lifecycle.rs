//! Create, start and destroy: the steps of a session on this node, each run in the session's turn.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gatewright_core::record::Network;
use gatewright_core::{DeviceName, SessionId};
use gatewright_plugin_host::ContainerState;
use gatewright_ports::AgentError;
use gatewright_ports::agent_control::{Fence, OwnedSession, SessionSpec};
use secrecy::SecretString;
use tracing::{Instrument as _, info, warn};

use crate::agent::Inner;
use crate::folder::{FolderError, Folders};
use crate::guard::{ContainerId, CreateRules, Limit};
use crate::turns::Memory;

/// How often the engine is asked to remove a container before the caller has to ask again.
const DESTROY_TRIES: u32 = 3;
/// The pause after the first try; doubled each time.
const DESTROY_PAUSE: Duration = Duration::from_millis(100);

impl Inner {
    /// Takes the session's turn and runs `step` in it, to its end even when the caller goes away.
    async fn in_turn<T, F>(self: &Arc<Self>, session: SessionId, step: impl FnOnce(Arc<Self>, Memory) -> F) -> Result<T, AgentError>
    where
        T: Send + 'static,
        F: Future<Output = (Memory, Result<T, AgentError>)> + Send + 'static,
    {
        if self.tasks.is_closed() {
            return Err(AgentError::Unavailable);
        }
        let mut turn = self.turns.take(session).await;
        let inner = Arc::clone(self);
        let step = step(Arc::clone(self), std::mem::take(&mut *turn));
        let task = async move {
            let (memory, result) = step.await;
            let forget = memory.container.is_none();
            *turn = memory;
            if forget {
                inner.turns.forget(session, turn);
            }
            result
        };
        match self.tasks.spawn(task.in_current_span()).await {
            Ok(result) => result,
            Err(error) => {
                warn!(%session, %error, "A step of a session was lost");
                Err(AgentError::Node {
                    why: "a step of the session was lost".into(),
                })
            }
        }
    }

    /// [`Self::in_turn`] for a step that changes the session: not for who drives it no more. In the turn, so that a step that
    /// waited behind that of a newer driver is refused as well.
    async fn in_driven_turn<T, F>(
        self: &Arc<Self>,
        session: SessionId,
        fence: Fence,
        step: impl FnOnce(Arc<Self>, Memory) -> F + Send + 'static,
    ) -> Result<T, AgentError>
    where
        T: Send + 'static,
        F: Future<Output = (Memory, Result<T, AgentError>)> + Send + 'static,
    {
        self.in_turn(session, move |inner, memory| async move {
            let fences = Arc::clone(&inner.fences);
            if let Err(error) = inner.on_disk(move || fences.pass(session, fence)).await {
                warn!(%session, fence = fence.0, %error, "Step was refused");
                return (memory, Err(error));
            }
            step(inner, memory).await
        })
        .await
    }

    /// See [`gatewright_ports::AgentControl::create`].
    pub(crate) async fn create(self: &Arc<Self>, spec: SessionSpec, fence: Fence) -> Result<(), AgentError> {
        if spec.network == Network::Internet {
            self.network()?.check().await?;
        }
        if spec.home.is_some() && !self.calls.is_guarded() {
            return Err(AgentError::NoCapacity {
                why: "this node keeps no homes: its engine is not guarded".into(),
            });
        }
        // Whatever the control plane believes: it may go by what this agent said before it was configured anew.
        let missing = DeviceName::missing(&spec.devices, &self.config.devices);
        if !missing.is_empty() {
            return Err(AgentError::NoCapacity {
                why: format!("has no {}", DeviceName::list(missing)),
            });
        }
        let unenforced = self.watcher.can_give(&spec.resources).await?;
        self.in_driven_turn(spec.session, fence, |inner, _| async move {
            let session = spec.session;
            match inner.create_now(spec, unenforced).await {
                Ok(id) => {
                    info!(%session, container = %id, "Container made");
                    let container = Some(id);
                    (Memory { container }, Ok(()))
                }
                Err(error) => {
                    warn!(%session, %error, "Container was not made");
                    // The caller goes elsewhere after some errors: nothing may be left here then.
                    if let Err(error) = inner.destroy_now(session).await {
                        warn!(%session, %error, "What was made so far is still there");
                    }
                    (Memory::default(), Err(error))
                }
            }
        })
        .await
    }

    async fn create_now(&self, spec: SessionSpec, unenforced: BTreeSet<Limit>) -> Result<ContainerId, AgentError> {
        let session = spec.session;
        let mut there = self.calls.of_session(session).await?;
        if let Some((id, container)) = there.pop() {
            // Made by an earlier call. Until it has run, nobody but us was in its folder.
            if container.is_some_and(|container| container.state == ContainerState::Created)
                && let Some(password) = spec.desktop_password
            {
                self.on_folders(move |folders| folders.renew_password(session, &password)).await?;
            }
            return Ok(id);
        }
        let password: Option<SecretString> = spec.desktop_password;
        let max = usize::try_from(self.config.max_sessions).unwrap_or(usize::MAX);
        let full = self
            .on_folders(move |folders| {
                if folders.list()?.iter().filter(|other| **other != session).count() >= max {
                    return Ok(true);
                }
                folders.make(session, password.as_ref())?;
                Ok(false)
            })
            .await?;
        if full {
            return Err(AgentError::NoCapacity {
                why: "its number of sessions is reached".into(),
            });
        }
        let resolv_conf = match spec.network {
            Network::None => None,
            Network::Internet => Some(text(self.network()?.resolv_conf())?),
        };
        let folder = self.folders.path(session);
        let (home, fresh) = match spec.home {
            None => (None, false),
            Some(home) => {
                let fresh = self.open_home(home).await?;
                (Some(text(&self.homes.path(home.id))?), fresh)
            }
        };
        let made = self
            .calls
            .create(CreateRules {
                session,
                image: spec.image,
                hostname: spec.hostname,
                resources: spec.resources,
                unenforced,
                folder: text(&folder)?,
                resolv_conf,
                home,
                devices: spec.devices,
            })
            .await;
        // Made here for nothing: the session may get its home on another node.
        if let Some(home) = spec.home.filter(|_| fresh && made.is_err()) {
            self.drop_new_home(home.id).await;
        }
        made
    }

    /// See [`gatewright_ports::AgentControl::start`].
    pub(crate) async fn start(self: &Arc<Self>, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.in_driven_turn(session, fence, move |inner, memory| async move {
            let id = match inner.find(session, memory).await {
                Ok(id) => id,
                Err(error) => return (Memory::default(), Err(error)),
            };
            let result = inner.start_now(session, &id).await;
            match &result {
                Ok(()) => info!(%session, container = %id, "Container started"),
                Err(error) => warn!(%session, container = %id, %error, "Container was not started"),
            }
            (Memory { container: Some(id) }, result)
        })
        .await
    }

    /// A container that was promised a network runs with it or not at all.
    async fn start_now(&self, session: SessionId, id: &ContainerId) -> Result<(), AgentError> {
        let wanted = self.calls.is_guarded() && self.calls.wish(id).await?.wanted;
        if wanted {
            self.network()?.check().await?;
        }
        self.calls.start(session, id).await?;
        if !wanted {
            return Ok(());
        }
        let connected = async {
            let pid = self.calls.wish(id).await?.pid;
            self.network()?.connect(session, id, pid).await
        };
        if let Err(error) = connected.await {
            if let Err(error) = self.calls.stop(session, id, Duration::ZERO).await {
                warn!(%session, %error, "A container without its network still runs");
            }
            return Err(error);
        }
        Ok(())
    }

    fn network(&self) -> Result<&crate::network::Network, AgentError> {
        self.network
            .as_ref()
            .as_ref()
            .map_err(|why| AgentError::NoCapacity { why: why.clone() })
    }

    /// See [`gatewright_ports::AgentControl::stop`].
    pub(crate) async fn stop(self: &Arc<Self>, session: SessionId, grace: Duration, fence: Fence) -> Result<(), AgentError> {
        self.in_driven_turn(session, fence, move |inner, memory| async move {
            let id = match inner.find(session, memory).await {
                Ok(id) => id,
                Err(error) => return (Memory::default(), Err(error)),
            };
            let result = inner.stop_now(session, &id, grace).await;
            match &result {
                Ok(()) => info!(%session, container = %id, "Container stopped"),
                Err(error) => warn!(%session, container = %id, %error, "Container was not stopped"),
            }
            (Memory { container: Some(id) }, result)
        })
        .await
    }

    /// What is frozen can't be asked to end.
    async fn stop_now(&self, session: SessionId, id: &ContainerId, grace: Duration) -> Result<(), AgentError> {
        if self.calls.inspect(session, id).await?.state == ContainerState::Paused {
            self.calls.resume(session, id).await?;
        }
        self.calls.stop(session, id, grace).await
    }

    /// See [`gatewright_ports::AgentControl::pause`].
    pub(crate) async fn pause(self: &Arc<Self>, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.in_driven_turn(session, fence, move |inner, memory| async move {
            let id = match inner.find(session, memory).await {
                Ok(id) => id,
                Err(error) => return (Memory::default(), Err(error)),
            };
            let result = inner.calls.pause(session, &id).await;
            match &result {
                Ok(()) => info!(%session, container = %id, "Container paused"),
                Err(error) => warn!(%session, container = %id, %error, "Container was not paused"),
            }
            (Memory { container: Some(id) }, result)
        })
        .await
    }

    /// See [`gatewright_ports::AgentControl::resume`].
    pub(crate) async fn resume(self: &Arc<Self>, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.in_driven_turn(session, fence, move |inner, memory| async move {
            let id = match inner.find(session, memory).await {
                Ok(id) => id,
                Err(error) => return (Memory::default(), Err(error)),
            };
            let result = inner.calls.resume(session, &id).await;
            match &result {
                Ok(()) => info!(%session, container = %id, "Container goes on"),
                Err(error) => warn!(%session, container = %id, %error, "Container does not go on"),
            }
            (Memory { container: Some(id) }, result)
        })
        .await
    }

    /// The session's container, asked of the engine where it is not remembered.
    pub(crate) async fn container(self: &Arc<Self>, session: SessionId) -> Result<ContainerId, AgentError> {
        self.in_turn(session, |inner, memory| async move {
            match inner.find(session, memory).await {
                Ok(id) => (
                    Memory {
                        container: Some(id.clone()),
                    },
                    Ok(id),
                ),
                Err(error) => (Memory::default(), Err(error)),
            }
        })
        .await
    }

    async fn find(&self, session: SessionId, memory: Memory) -> Result<ContainerId, AgentError> {
        if let Some(id) = memory.container {
            return Ok(id);
        }
        let mut there = self.calls.of_session(session).await?;
        there.pop().map(|(id, _)| id).ok_or(AgentError::NotFound)
    }

    /// See [`gatewright_ports::AgentControl::destroy`].
    pub(crate) async fn destroy(self: &Arc<Self>, session: SessionId, fence: Fence) -> Result<(), AgentError> {
        self.in_driven_turn(session, fence, move |inner, memory| async move {
            match inner.destroy_now(session).await {
                Ok(()) => (Memory::default(), Ok(())),
                Err(error) => {
                    warn!(%session, %error, "Session was not destroyed");
                    (memory, Err(error))
                }
            }
        })
        .await
    }

    /// Containers first, as found by their labels; then the folder, in which nobody works any more.
    async fn destroy_now(&self, session: SessionId) -> Result<(), AgentError> {
        let mut pause = DESTROY_PAUSE;
        for try_number in 1..=DESTROY_TRIES {
            match self.destroy_containers(session).await {
                Ok(()) => break,
                Err(error) if try_number == DESTROY_TRIES => return Err(error),
                Err(error) => {
                    warn!(%session, %error, try_number, "Container is still there");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        self.on_folders(move |folders| folders.remove(session)).await?;
        info!(%session, "Session destroyed");
        Ok(())
    }

    async fn destroy_containers(&self, session: SessionId) -> Result<(), AgentError> {
        for (id, _) in self.calls.of_session(session).await? {
            self.calls.destroy(session, &id).await?;
        }
        Ok(())
    }

    /// See [`gatewright_ports::AgentControl::list`].
    pub(crate) async fn list(&self) -> Result<Vec<OwnedSession>, AgentError> {
        // Folders first: a session whose container is made meanwhile is then found at least once.
        let folders = self.on_folders(Folders::list).await?;
        let mut found: BTreeMap<SessionId, (bool, bool)> = folders.into_iter().map(|session| (session, (false, false))).collect();
        for (session, container) in self.calls.all().await? {
            let (running, paused) = found.entry(session).or_default();
            *running |= matches!(container.state, ContainerState::Running | ContainerState::Paused);
            *paused |= container.state == ContainerState::Paused;
        }
        Ok(found
            .into_iter()
            .map(|(session, (running, paused))| OwnedSession {
                session,
                running,
                paused: Some(paused),
            })
            .collect())
    }

    /// Forgets the leases of sessions that are long over.
    pub(crate) async fn sweep_fences(&self) {
        let fences = Arc::clone(&self.fences);
        let swept = self.on_folders(move |folders| {
            let live = folders.list()?;
            fences.sweep(SystemTime::now(), |session| live.contains(&session));
            Ok(())
        });
        // What failed was told, and comes again.
        drop(swept.await);
    }

    /// Folder work blocks.
    async fn on_folders<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folders) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, AgentError> {
        let folders = Arc::clone(&self.folders);
        self.on_disk(move || {
            work(&folders).map_err(|error| {
                warn!(error = &error as &dyn std::error::Error, "Work on a session's folder failed");
                AgentError::Node { why: error.to_string() }
            })
        })
        .await
    }

    /// Work that blocks.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AgentError> + Send + 'static,
    ) -> Result<T, AgentError> {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) => {
                warn!(%error, "Work on a session's folder was lost");
                Err(AgentError::Node {
                    why: "work on a session's folder was lost".into(),
                })
            }
        }
    }
}

/// A path as engines are told it.
fn text(path: &Path) -> Result<String, AgentError> {
    path.to_str().map(str::to_owned).ok_or_else(|| AgentError::Node {
        why: "the data folder's path is not text".into(),
    })
}

//! Following a session, in words for a person.

use gatewright_core::SessionId;
use gatewright_core::session::SessionState;
use gatewright_database::SessionRecord;
use tokio::sync::watch;

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};
use crate::views::{EndView, NameView, SessionView, StepView, WorkspaceRef};

/// The states of a launch, with what a person reads.
const STEPS: [(SessionState, &str); 6] = [
    (SessionState::Requested, "Finding a place"),
    (SessionState::Reserved, "Reserving it"),
    (SessionState::Creating, "Setting up the workspace"),
    (SessionState::Starting, "Starting it"),
    (SessionState::Waiting, "Waiting for its screen"),
    (SessionState::Ready, "Ready"),
];

impl ControlPlane {
    /// Follows a session: its view now, and after every change. None where there is no such session.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn subscribe(&self, id: SessionId) -> Result<Option<watch::Receiver<SessionView>>, Internal> {
        let Some(view) = self.session(id).await? else {
            return Ok(None);
        };
        let receiver = lock(&self.0.watched)
            .entry(id)
            .or_insert_with(|| watch::Sender::new(view))
            .subscribe();
        // What changed between reading and subscribing was sent to nobody.
        self.publish(id).await;
        Ok(Some(receiver))
    }

    /// Tells whoever follows a session how it is now.
    pub(crate) async fn publish(&self, id: SessionId) {
        if !lock(&self.0.watched).contains_key(&id) {
            return;
        }
        // One at a time: what is read later is sent later, a pause that is over can't overtake what came after it.
        let _turn = self.0.publishing.lock().await;
        match self.session(id).await {
            Ok(Some(view)) => {
                let mut watched = lock(&self.0.watched);
                let Some(sender) = watched.get(&id) else {
                    return;
                };
                // Read from another place of the database maybe: states only go forward.
                sender.send_if_modified(|current| {
                    let newer = view.state >= current.state && *current != view;
                    if newer {
                        current.clone_from(&view);
                    }
                    newer
                });
                if sender.receiver_count() == 0 {
                    watched.remove(&id);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(session = %id, error = &error as &dyn std::error::Error, "Session's state can't be read"),
        }
    }

    pub(crate) async fn view(&self, record: &SessionRecord) -> Result<SessionView, Internal> {
        let history = self.0.store.session_steps(record.session.id).await?;
        let session = &record.session;
        let launching = session.state <= SessionState::Ready;
        let steps = STEPS
            .iter()
            .map(|(state, label)| StepView {
                state: *state,
                label: (*label).into(),
                // The step of a state is done when the next state was entered; `Ready` when it was entered itself.
                done: if launching {
                    *state < session.state || (*state == SessionState::Ready && session.state == SessionState::Ready)
                } else {
                    history.iter().any(|step| step.state > *state && step.state <= SessionState::Ready)
                        || (*state == SessionState::Ready && session.ready_at.is_some())
                },
            })
            .collect();
        let step = match session.state {
            SessionState::Ending => "Cleaning up",
            SessionState::Ended => "Ended",
            SessionState::Failed => "Failed",
            SessionState::Ready if session.paused_at.is_some() => "Paused",
            launching => STEPS.iter().find(|(state, _)| *state == launching).map_or("", |(_, label)| label),
        };
        let end = session.end.as_ref().map(|reason| EndView {
            code: reason.code().into(),
            text: reason.text(),
        });
        Ok(SessionView {
            id: session.id,
            workspace: WorkspaceRef {
                id: session.workspace,
                name: record.workspace_name.clone(),
                icon: record.workspace_icon.clone(),
            },
            state: session.state,
            step: step.into(),
            steps,
            message: end.as_ref().map(|end| end.text.clone()),
            end,
            created_at: session.created_at,
            ready_at: session.ready_at,
            ended_at: session.ended_at,
            paused_at: session.paused_at.filter(|_| session.state == SessionState::Ready),
            user: NameView {
                id: session.user,
                name: record.user_name.clone(),
            },
            node: session.node,
            zone: session.zone,
        })
    }
}

//! Following a session, in words for a person.

use std::collections::hash_map::Entry;
use std::time::Duration;

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

/// Between two looks at a session: nobody can follow more of them, and a launch goes through its steps faster than that.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Read from another place of the database maybe: states only go forward.
fn send(sender: &watch::Sender<SessionView>, view: SessionView) {
    sender.send_if_modified(|current| {
        let newer = view.state >= current.state && *current != view;
        if newer {
            *current = view;
        }
        newer
    });
}

impl ControlPlane {
    /// Follows a session: its view now, and after every change. None where there is no such session.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn subscribe(&self, id: SessionId) -> Result<Option<watch::Receiver<SessionView>>, Internal> {
        let Some(view) = self.session(id).await? else {
            return Ok(None);
        };
        let receiver = {
            let mut watched = lock(&self.0.watched);
            let sender = watched.entry(id).or_insert_with(|| watch::Sender::new(view.clone()));
            send(sender, view);
            sender.subscribe()
        };
        // What changed between reading and subscribing was sent to nobody, or is overtaken by what was read.
        self.session_changed(id);
        Ok(Some(receiver))
    }

    /// Sees to it that whoever follows or drives a session hears how it is now. One task at a time reads a session: what is
    /// read later is told later, a pause that is over can't overtake what came after it.
    pub(crate) fn session_changed(&self, id: SessionId) {
        if !lock(&self.0.watched).contains_key(&id) && !lock(&self.0.driven).contains_key(&id) {
            return;
        }
        match lock(&self.0.looking).entry(id) {
            Entry::Occupied(mut again) => *again.get_mut() = true,
            Entry::Vacant(first) => {
                first.insert(false);
                self.spawn(self.clone().look(id));
            }
        }
    }

    async fn look(self, id: SessionId) {
        loop {
            if let Err(error) = self.tell_of(id).await {
                tracing::warn!(session = %id, error = &error as &dyn std::error::Error, "Session's state can't be read");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            let mut looking = lock(&self.0.looking);
            match looking.get_mut(&id) {
                // It changed meanwhile.
                Some(again) if *again => *again = false,
                _ => {
                    looking.remove(&id);
                    return;
                }
            }
        }
    }

    async fn tell_of(&self, id: SessionId) -> Result<(), Internal> {
        let Some(record) = self.0.store.session(id).await? else {
            return Ok(());
        };
        // Its end was asked for, maybe elsewhere: a launch that is under way here is broken off.
        if record.session.state == SessionState::Ending && lock(&self.0.driven).contains_key(&id) {
            self.drive(id);
        }
        if !lock(&self.0.watched).contains_key(&id) {
            return Ok(());
        }
        let view = self.view(&record).await?;
        let mut watched = lock(&self.0.watched);
        let Some(sender) = watched.get(&id) else {
            return Ok(());
        };
        send(sender, view);
        if sender.receiver_count() == 0 {
            watched.remove(&id);
        }
        Ok(())
    }

    pub(crate) async fn view(&self, record: &SessionRecord) -> Result<SessionView, Internal> {
        let session = &record.session;
        let launching = session.state <= SessionState::Ready;
        // On its way it says itself which steps are done. One that ended may have ended anywhere.
        let history = match launching {
            true => Vec::new(),
            false => self.0.store.session_steps(session.id).await?,
        };
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

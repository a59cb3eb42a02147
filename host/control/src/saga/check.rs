//! Checking an image: a session that nobody enters goes through the steps of a launch on a chosen node, is looked at, and
//! ends. It is a session to everything that mends: whatever stops the check, its end is carried through.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{NodeId, SessionId, WorkspaceId};
use gatewright_database::{CheckRecord, Lease, NewSession, Reservation, SessionRecord, StoreError, Write};
use gatewright_ports::agent_control::ContractPart;
use gatewright_ports::{AgentControl, AgentError, ImageStatus};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::error::Internal;
use crate::placement::shortage_words;
use crate::plane::ControlPlane;
use crate::random;
use crate::saga::drive::fence;
use crate::saga::hooks::Step;
use crate::saga::steps::{DESKTOP_PASSWORD, Stopped, session_spec};
use crate::users::login::Identity;
use crate::views::{CheckStepView, CheckView};

/// A step of a check, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStep {
    /// The image is on the node.
    Image,
    /// A workspace can be made of it.
    Create,
    /// It starts.
    Start,
    /// Its desktop answers.
    Desktop,
    /// Its desktop takes its password only.
    Password,
    /// It runs as the workspace's user.
    User,
    /// The transfer folder is where people look for it.
    Transfer,
    /// It ends when it is asked to.
    Stop,
    /// Nothing of it is left.
    Clean,
}

impl CheckStep {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Image,
        Self::Create,
        Self::Start,
        Self::Desktop,
        Self::Password,
        Self::User,
        Self::Transfer,
        Self::Stop,
        Self::Clean,
    ];

    /// The name in the REST API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Create => "create",
            Self::Start => "start",
            Self::Desktop => "desktop",
            Self::Password => "password",
            Self::User => "user",
            Self::Transfer => "transfer",
            Self::Stop => "stop",
            Self::Clean => "clean",
        }
    }

    /// What a person reads.
    const fn label(self) -> &'static str {
        match self {
            Self::Image => "The image is on the node",
            Self::Create => "A workspace can be made of it",
            Self::Start => "It starts",
            Self::Desktop => "Its desktop answers",
            Self::Password => "Its desktop takes the session's password, and no other",
            Self::User => "It has the user that workspaces run as",
            Self::Transfer => "The transfer folder is in the user's home",
            Self::Stop => "It ends when it is asked to",
            Self::Clean => "Nothing of it is left",
        }
    }

    /// What mends it.
    const fn advice(self) -> &'static str {
        match self {
            Self::Image => "Pull the image to this node, or mend its name.",
            Self::Create => "The engine or the node says why. Mend the workspace's size or the image's configuration.",
            Self::Start => "Its first program can't be started. Look at the image's entrypoint, and whether it is built for this machine.",
            Self::Desktop => {
                "Its first program has to serve RFB 3.8 on /run/session/vnc.sock as uid 1000 and go on running. It has no network, \
                 no capabilities, and only /run/session to share."
            }
            Self::Password => {
                "Read the password from /run/session/password before the display starts, remove that file, and offer VncAuth with it."
            }
            Self::User => "Give the image a user of uid 1000 with a home in /etc/passwd.",
            Self::Transfer => "Make Transfer in the user's home a link to /run/session/transfer.",
            Self::Stop => "End with status 0 within two seconds of SIGTERM: the first program has to pass the signal on.",
            Self::Clean => "The node's engine does not remove it. It is tried again until it does; look at the engine's log.",
        }
    }

    const fn of_part(part: ContractPart) -> Self {
        match part {
            ContractPart::Password => Self::Password,
            ContractPart::User => Self::User,
            ContractPart::Transfer => Self::Transfer,
            ContractPart::Stop => Self::Stop,
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// It is to come.
    Waiting,
    /// It is at work.
    Running,
    /// It went well.
    Passed,
    /// It did not.
    Failed,
    /// It was not tried, since one before it failed.
    Skipped,
}

/// A step, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StepOutcome {
    step: CheckStep,
    state: CheckState,
    #[serde(default)]
    why: Option<String>,
}

/// Why no check was begun.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no such workspace or node.
    #[error("no such workspace or node")]
    NotFound,
    /// The node can't be reached now.
    #[error("node {0} can't be reached")]
    NodeAway(String),
    /// One is at work already.
    #[error("a check of this workspace is at work")]
    Running,
    /// Something of ours.
    #[error("check can't be begun")]
    Internal(#[from] Internal),
}

impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

fn fresh() -> Vec<StepOutcome> {
    let waiting = |step| StepOutcome {
        step,
        state: CheckState::Waiting,
        why: None,
    };
    CheckStep::ALL.map(waiting).to_vec()
}

fn read(steps: &str) -> Vec<StepOutcome> {
    // Of another version, at the worst: then there is nothing to show.
    serde_json::from_str(steps).unwrap_or_default()
}

fn text(steps: &[StepOutcome]) -> String {
    serde_json::to_string(steps).unwrap_or_default()
}

/// The steps of a check that goes on, and where they are noted.
struct Report<'a> {
    plane: &'a ControlPlane,
    session: SessionId,
    lease: &'a Lease,
    steps: Vec<StepOutcome>,
}

impl Report<'_> {
    fn set(&mut self, step: CheckStep, state: CheckState, why: Option<String>) {
        if let Some(outcome) = self.steps.iter_mut().find(|one| one.step == step) {
            outcome.state = state;
            outcome.why = why;
        }
    }

    async fn note(&self) -> Result<(), Stopped> {
        let mut write = self.plane.begin_as(self.lease).await?;
        write.update_check(self.session, &text(&self.steps), None).await?;
        write.commit().await?;
        Ok(())
    }

    async fn begin(&mut self, step: CheckStep) -> Result<(), Stopped> {
        self.set(step, CheckState::Running, None);
        self.note().await
    }

    /// Notes how a step went. False where it failed.
    async fn end(&mut self, step: CheckStep, outcome: Result<(), String>) -> Result<bool, Stopped> {
        let passed = outcome.is_ok();
        let state = if passed { CheckState::Passed } else { CheckState::Failed };
        self.set(step, state, outcome.err());
        self.note().await?;
        Ok(passed)
    }
}

impl ControlPlane {
    /// Begins to check a workspace's image on a node. Follow it by [`Self::last_check`].
    ///
    /// # Errors
    /// [`CheckError`].
    pub async fn check_image(&self, who: &Identity, client: &str, workspace: WorkspaceId, node: NodeId) -> Result<CheckView, CheckError> {
        if self.0.stop.is_cancelled() {
            return Err(Internal::Stopping.into());
        }
        let workspace = self.0.store.workspace(workspace).await?.ok_or(CheckError::NotFound)?.workspace;
        let nodes = self.members_nodes().await?;
        let node = nodes.into_iter().find(|one| one.id == node).ok_or(CheckError::NotFound)?;
        if self.agent(node.id).is_none() {
            return Err(CheckError::NodeAway(node.name));
        }
        let new = NewSession {
            id: SessionId::from_uuid(random::id()),
            request_key: None,
            user: who.user.id,
            user_name: who.user.name.clone(),
            workspace: workspace.id,
            workspace_name: workspace.name,
            workspace_icon: workspace.icon,
            image: workspace.image,
            network: workspace.network,
            devices: workspace.devices,
            resources: workspace.resources,
            zone: node.zone,
            client: client.to_owned(),
        };
        let check = CheckRecord {
            session: new.id,
            workspace: new.workspace,
            node: node.id,
            node_name: node.name,
            started_at: self.now(),
            finished_at: None,
            steps: text(&fresh()),
        };
        let mut write = self.0.store.begin().await?;
        if let Some(last) = write.last_check(new.workspace).await?
            && last.finished_at.is_none()
        {
            return Err(CheckError::Running);
        }
        write.insert_session(&new, self.now()).await?;
        write.insert_check(&check).await?;
        let detail = format!("image {} on {}", new.image, check.node_name);
        let event = self.audit(&who.actor(client), "workspace.check-began", &new.workspace_name, detail, true);
        write.append_event(&event).await?;
        write.commit().await?;
        self.drive(new.id);
        Ok(check_view(&check))
    }

    /// The last check of a workspace's image, as far as it is. None where there was none.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn last_check(&self, workspace: WorkspaceId) -> Result<Option<CheckView>, Internal> {
        Ok(self.0.store.last_check(workspace).await?.as_ref().map(check_view))
    }

    /// Takes the session of a check through its steps, and begins its end.
    pub(crate) async fn check_steps(&self, record: &SessionRecord, check: CheckRecord, lease: &Lease) -> Result<(), Stopped> {
        let mut report = Report {
            plane: self,
            session: record.session.id,
            lease,
            steps: fresh(),
        };
        self.check_until_it_fails(record, &check, &mut report, lease).await?;
        let mut write = self.begin_as(lease).await?;
        write.begin_ending(record.session.id, &EndReason::Checked, self.now(), "").await?;
        write.commit().await?;
        Err(Stopped::Moved)
    }

    async fn check_until_it_fails(
        &self,
        record: &SessionRecord,
        check: &CheckRecord,
        report: &mut Report<'_>,
        lease: &Lease,
    ) -> Result<(), Stopped> {
        let id = record.session.id;
        let hooks = &self.0.config.hooks;
        let limit = self.0.config.step_timeout;

        report.begin(CheckStep::Image).await?;
        let Some(agent) = self.agent(check.node) else {
            let away = format!("{} can't be reached", check.node_name);
            report.end(CheckStep::Image, Err(away)).await?;
            return Ok(());
        };
        let there = within(limit, agent.image(&record.image)).await;
        if !report
            .end(CheckStep::Image, there.and_then(|status| image_problem(status, record)))
            .await?
        {
            return Ok(());
        }

        report.begin(CheckStep::Create).await?;
        hooks.before(Step::Reserve, id).await?;
        let taken = {
            let mut write = self.begin_as(lease).await?;
            let taken = write.reserve(id, check.node, self.now(), "to check its image").await?;
            write.commit().await?;
            taken
        };
        hooks.after(Step::Reserve, id).await?;
        let no_room = match taken {
            Reservation::Taken => None,
            Reservation::Moved => return Err(Stopped::Moved),
            Reservation::NoRoom(shortage) => Some(format!("{} has no room for it: {}", check.node_name, shortage_words(shortage))),
            Reservation::NoNode | Reservation::HomeElsewhere => Some(format!("{} is gone", check.node_name)),
        };
        if let Some(why) = no_room {
            report.end(CheckStep::Create, Err(why)).await?;
            return Ok(());
        }
        let password = random::password(DESKTOP_PASSWORD);
        self.advance(id, SessionState::Reserved, SessionState::Creating, lease).await?;
        hooks.before(Step::Create, id).await?;
        let made = within(limit, agent.create(session_spec(record, &password), fence(lease))).await;
        hooks.after(Step::Create, id).await?;
        if !report.end(CheckStep::Create, made).await? {
            return Ok(());
        }

        report.begin(CheckStep::Start).await?;
        self.advance(id, SessionState::Creating, SessionState::Starting, lease).await?;
        hooks.before(Step::Start, id).await?;
        let started = within(limit, agent.start(id, fence(lease))).await;
        hooks.after(Step::Start, id).await?;
        if !report.end(CheckStep::Start, started).await? {
            return Ok(());
        }

        report.begin(CheckStep::Desktop).await?;
        self.advance(id, SessionState::Starting, SessionState::Waiting, lease).await?;
        hooks.before(Step::WaitReady, id).await?;
        let ready = self.0.config.ready_timeout;
        let answers = match tokio::time::timeout(ready, agent.wait_ready(id)).await {
            Ok(answered) => answered.map_err(|error| error.to_string()),
            Err(_) => Err(format!(
                "nothing speaks RFB on /run/session/vnc.sock within {} seconds",
                ready.as_secs()
            )),
        };
        hooks.after(Step::WaitReady, id).await?;
        if !report.end(CheckStep::Desktop, answers).await? {
            return Ok(());
        }
        self.look_at(&agent, id, password, lease, report).await
    }

    /// The steps that the agent looks at from the node.
    async fn look_at(
        &self,
        agent: &Arc<dyn AgentControl>,
        id: SessionId,
        password: SecretString,
        lease: &Lease,
        report: &mut Report<'_>,
    ) -> Result<(), Stopped> {
        let parts = [CheckStep::Password, CheckStep::User, CheckStep::Transfer, CheckStep::Stop];
        for step in parts {
            report.set(step, CheckState::Running, None);
        }
        report.note().await?;
        match within(self.0.config.step_timeout, agent.check(id, password, fence(lease))).await {
            Ok(findings) => {
                // An agent of another version may look at less.
                for step in parts {
                    report.set(step, CheckState::Skipped, Some("this node's agent does not look at it".into()));
                }
                for finding in findings {
                    let state = match finding.problem {
                        None => CheckState::Passed,
                        Some(_) => CheckState::Failed,
                    };
                    report.set(CheckStep::of_part(finding.part), state, finding.problem);
                }
            }
            Err(why) => {
                for step in parts {
                    report.set(step, CheckState::Failed, Some(why.clone()));
                }
            }
        }
        report.note().await
    }

    /// Closes a check together with its session, of which nothing is left.
    pub(crate) async fn finish_check(&self, write: &mut Write, record: &SessionRecord, check: &CheckRecord) -> Result<(), Internal> {
        if check.finished_at.is_some() {
            return Ok(());
        }
        let mut steps = read(&check.steps);
        for outcome in &mut steps {
            outcome.state = match outcome.state {
                _ if outcome.step == CheckStep::Clean => CheckState::Passed,
                CheckState::Running => {
                    let why = record.session.end.as_ref().map_or_else(String::new, EndReason::text);
                    outcome.why = Some(format!("the check was broken off: {why}"));
                    CheckState::Failed
                }
                CheckState::Waiting => CheckState::Skipped,
                other => other,
            };
        }
        write.update_check(check.session, &text(&steps), Some(self.now())).await?;
        let failed = steps.iter().find(|one| one.state != CheckState::Passed);
        let detail = match failed {
            None => format!("image {} on {} keeps the contract", record.image, check.node_name),
            Some(one) => format!(
                "image {} on {}: {}: {}",
                record.image,
                check.node_name,
                one.step.as_str(),
                one.why.as_deref().unwrap_or("not tried")
            ),
        };
        let actor = self.owner(record).await;
        let event = self.audit(&actor, "workspace.checked", &record.workspace_name, detail, failed.is_none());
        write.append_event(&event).await?;
        Ok(())
    }
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, AgentError>>) -> Result<T, String> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("not done within {} seconds", limit.as_secs())),
    }
}

fn image_problem(status: ImageStatus, record: &SessionRecord) -> Result<(), String> {
    match status {
        ImageStatus::Present(_) => Ok(()),
        ImageStatus::Absent => Err(format!("the node has no image {}", record.image)),
        ImageStatus::Pulling(_) => Err("it is still being pulled".into()),
        ImageStatus::Failed { why } => Err(format!("it is not there, and the last pull failed: {why}")),
    }
}

fn check_view(check: &CheckRecord) -> CheckView {
    let steps = read(&check.steps);
    let passed = check.finished_at.map(|_| steps.iter().all(|one| one.state == CheckState::Passed));
    let shown = |one: StepOutcome| CheckStepView {
        label: one.step.label().into(),
        advice: (one.state == CheckState::Failed).then(|| one.step.advice().into()),
        step: one.step,
        state: one.state,
        why: one.why,
    };
    CheckView {
        node: check.node,
        node_name: check.node_name.clone(),
        started_at: check.started_at,
        finished_at: check.finished_at,
        passed,
        steps: steps.into_iter().map(shown).collect(),
    }
}

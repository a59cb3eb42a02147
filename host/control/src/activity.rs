//! Events: appended, searched, and their chains checked.

use gatewright_core::event::{Event, What};
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::{Reference, SessionId};
use gatewright_database::{EventFilter, EventKind, StoredEvent};

use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::views::{ActivityItem, ActivityPage, ChainView, RuleAnswerView};

/// Items on a page at the most.
const PAGE_MAX: u32 = 200;
/// Rows of the record that are checked for each page, each in its chain: some 100 ms of work.
const CHECKED: u32 = 5_000;

/// What Activity should show. Everything that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct ActivityQuery {
    /// At this gate.
    pub gate: Option<Gate>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Of the user with this login name.
    pub user_name: Option<String>,
    /// With this reference.
    pub reference: Option<Reference>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// Verdicts or audit.
    pub kind: Option<EventKind>,
    /// Older than this one.
    pub before: Option<u64>,
    /// Items on the page, 200 at the most.
    pub limit: u32,
}

impl From<StoredEvent> for ActivityItem {
    fn from(stored: StoredEvent) -> Self {
        let event = stored.event;
        let mut item = Self {
            seq: stored.seq,
            id: event.id,
            reference: event.reference,
            at: event.at,
            user_name: event.user_name,
            groups: event.groups,
            session_id: event.session,
            workspace_name: event.workspace_name,
            client: event.client,
            kind: EventKind::Audit,
            gate: None,
            item: None,
            outcome: None,
            message: String::new(),
            rules: Vec::new(),
            action: None,
            object: None,
            detail: None,
            succeeded: None,
        };
        match event.what {
            What::Verdict(verdict) => {
                item.kind = EventKind::Verdict;
                item.gate = Some(verdict.gate);
                item.item = Some(verdict.item);
                item.outcome = Some(verdict.outcome);
                item.message = verdict.message;
                item.rules = verdict
                    .rules
                    .into_iter()
                    .map(|answer| RuleAnswerView {
                        rule_name: answer.rule_name,
                        plugin: answer.plugin,
                        version: answer.version,
                        digest: answer.digest,
                        check: answer.check,
                        outcome: answer.outcome,
                        failure: answer.failure,
                        micros: answer.micros,
                        config_revision: answer.config_revision,
                    })
                    .collect();
            }
            What::Audit(audit) => {
                item.action = Some(audit.action);
                item.object = Some(audit.object);
                item.detail = Some(audit.detail);
                item.succeeded = Some(audit.succeeded);
            }
        }
        item
    }
}

impl ControlPlane {
    /// A page of events, newest first, with a check of the newest part of the record.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn activity(&self, query: &ActivityQuery) -> Result<ActivityPage, Internal> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let filter = EventFilter {
            gate: query.gate,
            outcome: query.outcome,
            user_name: query.user_name.clone(),
            reference: query.reference,
            session: query.session,
            kind: query.kind,
            before: query.before,
            ..EventFilter::default()
        };
        let mut items: Vec<ActivityItem> = self.0.store.events(&filter, limit + 1).await?.into_iter().map(Into::into).collect();
        let more = items.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let chain = self.0.store.verify_events(CHECKED).await?;
        if !chain.intact {
            tracing::error!(broken_at = chain.broken_at, "Record of events was changed from outside");
        }
        Ok(ActivityPage {
            next_before: items.last().filter(|_| more).map(|item| item.seq),
            items,
            chain: ChainView {
                intact: chain.intact,
                checked: chain.checked,
            },
        })
    }

    /// Checks the whole chain. Reads every event.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn verify_activity(&self) -> Result<ChainView, Internal> {
        let chain = self.0.store.verify_events(u32::MAX).await?;
        Ok(ChainView {
            intact: chain.intact,
            checked: chain.checked,
        })
    }

    /// Appends an audit event that something outside the control plane saw: a refused request, reading of Activity.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn record(
        &self,
        actor: &crate::actor::Actor,
        action: &str,
        object: &str,
        detail: &str,
        succeeded: bool,
    ) -> Result<Reference, Internal> {
        let event = self.audit(actor, action, object, detail, succeeded);
        self.append(&event).await?;
        Ok(event.reference)
    }

    pub(crate) async fn append(&self, event: &Event) -> Result<(), Internal> {
        let mut write = self.0.store.begin().await?;
        write.append_event(event).await?;
        write.commit().await?;
        Ok(())
    }
}

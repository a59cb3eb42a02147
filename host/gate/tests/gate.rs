//! What the gate does when nobody needs to be asked, or nobody can be.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::event::{Event, What};
use gatewright_core::gate::{Gate as GateName, Outcome};
use gatewright_core::plugin::{Digest, PluginKind};
use gatewright_core::record::{Rule, RuleEffect, RuleTarget};
use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::{NodeId, RuleId, SecretId, SessionId, UserId, WorkspaceId, ZoneId};
use gatewright_gate::{Decision, EventLog, Gate, PolicyWatch, Subject, Verdict};
use gatewright_plugin_host::{HostConfig, PluginHost};
use gatewright_ports::agent_control::NodeStatus;
use gatewright_ports::control::{ActivePlugin, PolicySnapshot, SecretEntry, SessionContext};
use gatewright_ports::{Control, ControlError};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// A control plane with one policy, which keeps what is appended.
struct Plane {
    policy: Arc<PolicySnapshot>,
    events: Mutex<Vec<Event>>,
    full: AtomicBool,
}

#[async_trait]
impl Control for Plane {
    async fn heartbeat(&self, _: NodeStatus) -> Result<(), ControlError> {
        Ok(())
    }

    async fn watch(&self, _: u64) -> Result<u64, ControlError> {
        std::future::pending().await
    }

    async fn policy(&self) -> Result<Arc<PolicySnapshot>, ControlError> {
        Ok(Arc::clone(&self.policy))
    }

    async fn session(&self, _: SessionId) -> Result<SessionContext, ControlError> {
        Err(ControlError::NotFound)
    }

    async fn component(&self, _: Digest) -> Result<Bytes, ControlError> {
        Ok(Bytes::from_static(b"not a plugin"))
    }

    async fn secrets(&self, _: SessionId) -> Result<Vec<SecretEntry>, ControlError> {
        Ok(Vec::new())
    }

    async fn secret(&self, _: SessionId, _: SecretId) -> Result<SecretString, ControlError> {
        Err(ControlError::NotFound)
    }

    async fn append_events(&self, events: Vec<Event>) -> Result<(), ControlError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(ControlError::Unavailable);
        }
        self.events.lock().unwrap().extend(events);
        Ok(())
    }

    async fn end_session(&self, _: SessionId, _: EndReason) -> Result<(), ControlError> {
        Ok(())
    }
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn rule(effect: RuleEffect) -> Rule {
    Rule {
        id: RuleId::from_uuid(uuid(9)),
        name: "the rule".into(),
        gate: GateName::CopyIn,
        target: RuleTarget::Everything,
        position: 0,
        effect,
        config_revision: 3,
        enabled: true,
        example: false,
    }
}

fn subject() -> Subject {
    let context = SessionContext {
        session: SessionId::from_uuid(uuid(1)),
        user: UserId::from_uuid(uuid(2)),
        user_name: "demo".into(),
        groups: Vec::new(),
        workspace: WorkspaceId::from_uuid(uuid(3)),
        workspace_name: "Terminal".into(),
        zone: ZoneId::from_uuid(uuid(4)),
        node: NodeId::from_uuid(uuid(5)),
        state: SessionState::Ready,
        paused: false,
        end: None,
    };
    Subject {
        context,
        client: "127.0.0.1".into(),
    }
}

/// One paste under `policy`; what is decided and what is recorded. `known`: whether the policy has come.
async fn paste(policy: PolicySnapshot, full: bool, known: bool) -> (Decision, Vec<Event>) {
    let plane = Arc::new(Plane {
        policy: Arc::new(policy),
        events: Mutex::default(),
        full: full.into(),
    });
    let control: Arc<dyn Control> = plane.clone();
    let cache = tempfile::tempdir().unwrap();
    let config = HostConfig {
        compiler: vec!["/bin/false".into()],
        cache_dir: cache.path().join("cache"),
    };
    let plugins = Arc::new(PluginHost::new(config).unwrap());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let watch = PolicyWatch::new(Arc::clone(&control), plugins);
    if known {
        tasks.spawn(Arc::clone(&watch).run(stop.clone()));
        watch.changes().wait_for(|applied| *applied > 0).await.unwrap();
    }
    let gate = Gate::new(watch, EventLog::start(control, &tasks, stop.clone()));
    let decision = gate.clipboard(&subject(), GateName::CopyIn, "text").await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let events = plane.events.lock().unwrap().clone();
    (decision, events)
}

fn outcome(event: &Event) -> (Outcome, String, Option<String>) {
    let What::Verdict(verdict) = &event.what else {
        return (Outcome::Allowed, String::new(), None);
    };
    let failure = verdict.rules.first().and_then(|answer| answer.failure.clone());
    (verdict.outcome, verdict.message.clone(), failure)
}

async fn denied(policy: PolicySnapshot, wanted: Outcome, says: &str) -> Option<String> {
    let (decision, events) = paste(policy, false, true).await;
    assert_eq!(decision.verdict, Verdict::Deny);
    let notice = decision.notice.unwrap();
    let (outcome, message, failure) = outcome(events.first().unwrap());
    assert_eq!(outcome, wanted);
    assert_eq!(notice.text, message, "the person and Activity read the same");
    assert!(
        message.contains(says) && message.ends_with(&format!("Ref {}", notice.reference.unwrap())),
        "{message}"
    );
    failure
}

#[tokio::test]
async fn a_gate_without_a_rule_is_closed_and_says_so() {
    denied(PolicySnapshot::default(), Outcome::Denied, "Paste blocked: text has no rule").await;
}

#[tokio::test]
async fn a_rule_may_close_a_gate_by_itself() {
    let policy = PolicySnapshot {
        rules: vec![rule(RuleEffect::Close)],
        ..PolicySnapshot::default()
    };
    denied(policy, Outcome::Denied, "may not pass in this workspace").await;
}

#[tokio::test]
async fn a_rule_whose_plugin_is_absent_or_broken_closes_the_gate() {
    let ask = || {
        let plugin: gatewright_core::plugin::PluginName = "dlp-clipboard".parse().unwrap();
        rule(RuleEffect::Ask {
            plugin,
            config: serde_json::json!({}),
        })
    };
    let absent = PolicySnapshot {
        rules: vec![ask()],
        ..PolicySnapshot::default()
    };
    let failure = denied(absent, Outcome::Failed, "could not be checked").await;
    assert_eq!(failure.as_deref(), Some("no version of the plugin is active"));

    let active = ActivePlugin {
        kind: PluginKind::Dlp,
        version: "1.0.0".into(),
        digest: Digest::from_bytes([0; 32]),
    };
    let plugins = BTreeMap::from([("dlp-clipboard".parse().unwrap(), active)]);
    let broken = PolicySnapshot {
        rules: vec![ask()],
        plugins,
        ..PolicySnapshot::default()
    };
    let failure = denied(broken, Outcome::Failed, "could not be checked").await;
    assert!(
        failure.is_some_and(|why| why.contains("WebAssembly")),
        "the administrator reads why"
    );
}

#[tokio::test]
async fn what_can_not_be_recorded_is_not_released() {
    let policy = PolicySnapshot {
        rules: vec![rule(RuleEffect::Close)],
        ..PolicySnapshot::default()
    };
    let (decision, events) = paste(policy, true, true).await;
    assert_eq!((decision.verdict, events.len()), (Verdict::Deny, 0));
}

#[tokio::test]
async fn nobody_is_decided_for_before_the_policy_is_known() {
    let (decision, events) = paste(PolicySnapshot::default(), false, false).await;
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(outcome(events.first().unwrap()).0, Outcome::Failed);
}

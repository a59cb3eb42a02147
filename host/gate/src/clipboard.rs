//! The clipboard at the gate: which rules are asked, what they say, what the person reads.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gatewright_core::error_chain::chain_of;
use gatewright_core::event::{Event, Item, RuleAnswer, VerdictRecord, What};
use gatewright_core::gate::{Gate as GateName, Outcome};
use gatewright_core::reason::{Effect, Words, message, size_words};
use gatewright_core::record::{Rule, RuleEffect};
use gatewright_core::{EventId, Reference, Timestamp};
use gatewright_plugin_host::{self as plugin_host, CallContext, ClipboardOffer, ClipboardVerdict, Direction};
use gatewright_policy::{Chain, chain};
use gatewright_ports::control::SessionContext;
use uuid::Uuid;

use crate::policy_watch::{LoadedPlugin, PolicyState, PolicyWatch};
use crate::{EventLog, Notice, NoticeKind};

/// How long all rules of one offer may take together. Input that follows a paste waits for this long at the most.
const DEADLINE: Duration = Duration::from_secs(3);

/// Whose offer it is.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The session, its user, groups, workspace and zone.
    pub context: SessionContext,
    /// The client's address as the edge saw it.
    pub client: String,
}

/// What may be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The text as it came.
    Allow,
    /// This text in its place.
    Replace(String),
    /// Nothing.
    Deny,
}

/// A verdict, with what the person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What may be released.
    pub verdict: Verdict,
    /// None where it passes unchanged.
    pub notice: Option<Notice>,
}

/// The enforcement point of one proxy.
pub struct Gate {
    policy: Arc<PolicyWatch>,
    pub(crate) events: EventLog,
}

/// How far an offer came.
struct Progress {
    answers: Vec<RuleAnswer>,
    /// The text as the last redaction left it.
    replaced: Option<String>,
    /// The words of the last redaction.
    changed: Option<Words>,
}

impl Gate {
    /// A gate that decides by `policy` and records to `events`.
    #[must_use]
    pub fn new(policy: Arc<PolicyWatch>, events: EventLog) -> Self {
        Self { policy, events }
    }

    /// The policy that it decides by.
    #[must_use]
    pub fn policy(&self) -> &Arc<PolicyWatch> {
        &self.policy
    }

    /// Decides about a text that was pasted or copied. Returns once the verdict is recorded; a verdict that can't be
    /// recorded is a denial.
    pub async fn clipboard(&self, subject: &Subject, gate: GateName, text: &str) -> Decision {
        let state = self.policy.current();
        let mut progress = Progress {
            answers: Vec::new(),
            replaced: None,
            changed: None,
        };
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let denial = match chain(&state.snapshot, &subject.context, gate) {
            _ if !state.is_fresh() => Some((Outcome::Failed, unavailable())),
            Chain::Closed(_) => Some((Outcome::Denied, no_rule())),
            Chain::Rules(rules) => ask(&state, &rules, subject, gate, text, deadline, &mut progress).await,
        };
        self.conclude(subject, gate, byte_count(text), denial, progress).await
    }

    /// Denies a text that was too large to be looked at.
    pub async fn clipboard_too_large(&self, subject: &Subject, gate: GateName, bytes: u64, limit: u64) -> Decision {
        let words = Words {
            check: "host limit".into(),
            why: format!("is {}, more than the {} that can be checked", size_words(bytes), size_words(limit)),
            instead: "Use less at a time".into(),
        };
        let progress = Progress {
            answers: Vec::new(),
            replaced: None,
            changed: None,
        };
        self.conclude(subject, gate, bytes, Some((Outcome::Denied, words)), progress).await
    }

    async fn conclude(
        &self,
        subject: &Subject,
        gate: GateName,
        bytes: u64,
        denial: Option<(Outcome, Words)>,
        progress: Progress,
    ) -> Decision {
        let id = Uuid::now_v7();
        let reference = Reference::from_random(u32::try_from(id.as_u128() & 0x3fff_ffff).unwrap_or(0));
        let at = Timestamp::from(SystemTime::now());
        let (outcome, text, verdict, kind) = match (denial, progress.replaced, progress.changed) {
            (Some((outcome, words)), _, _) => {
                let text = message(gate, Effect::Blocked, "text", &words, reference);
                (outcome, text, Verdict::Deny, Some(NoticeKind::Blocked))
            }
            (None, Some(replaced), Some(words)) => {
                let text = message(gate, Effect::Changed, "text", &words, reference);
                (Outcome::Redacted, text, Verdict::Replace(replaced), Some(NoticeKind::Changed))
            }
            (None, _, _) => (Outcome::Allowed, String::new(), Verdict::Allow, None),
        };
        let context = &subject.context;
        let event = Event {
            id: EventId::from_uuid(id),
            reference,
            at,
            user: Some(context.user),
            user_name: context.user_name.clone(),
            groups: context.groups.iter().map(|group| group.name.clone()).collect(),
            session: Some(context.session),
            workspace: Some(context.workspace),
            workspace_name: context.workspace_name.clone(),
            client: subject.client.clone(),
            what: What::Verdict(VerdictRecord {
                gate,
                item: Item {
                    name: "text".into(),
                    media_type: "text/plain".into(),
                    bytes,
                    sha256: None,
                },
                rules: progress.answers,
                outcome,
                message: text.clone(),
            }),
        };
        if self.events.append(event).await.is_err() {
            let text = message(gate, Effect::Blocked, "text", &unavailable(), reference);
            let notice = Notice {
                kind: NoticeKind::Blocked,
                gate: Some(gate),
                text,
                reference: Some(reference),
                at,
            };
            return Decision {
                verdict: Verdict::Deny,
                notice: Some(notice),
            };
        }
        let notice = kind.map(|kind| Notice {
            kind,
            gate: Some(gate),
            text,
            reference: Some(reference),
            at,
        });
        Decision { verdict, notice }
    }
}

/// Asks rule after rule; each sees what the last one left. Some: it ends here, with these words.
async fn ask(
    state: &PolicyState,
    rules: &[&Rule],
    subject: &Subject,
    gate: GateName,
    text: &str,
    deadline: tokio::time::Instant,
    progress: &mut Progress,
) -> Option<(Outcome, Words)> {
    for rule in rules {
        let mut answer = blank(rule);
        let RuleEffect::Ask { plugin: name, config } = &rule.effect else {
            answer.outcome = Outcome::Denied;
            progress.answers.push(answer);
            return Some((Outcome::Denied, closed_by_rule()));
        };
        answer.plugin = Some(name.clone());
        let plugin = match state.plugin(name) {
            Some(LoadedPlugin::Ready(plugin)) => plugin,
            Some(LoadedPlugin::Failed { active, why }) => {
                answer.version.clone_from(&active.version);
                answer.digest = Some(active.digest);
                answer.failure = Some(why.clone());
                progress.answers.push(answer);
                return Some((Outcome::Failed, unavailable()));
            }
            None => {
                answer.failure = Some("no version of the plugin is active".into());
                progress.answers.push(answer);
                return Some((Outcome::Failed, unavailable()));
            }
        };
        answer.version = plugin.version().to_owned();
        answer.digest = Some(plugin.digest());
        let call = CallContext {
            session: Some(subject.context.session),
            config: config.to_string().into(),
            deadline: Some(deadline.saturating_duration_since(tokio::time::Instant::now())),
        };
        let seen = progress.replaced.as_deref().unwrap_or(text);
        match plugin.clipboard(&call, offer(subject, gate, seen)).await {
            Ok(said) => {
                answer.micros = said.micros;
                match said.value {
                    ClipboardVerdict::Allow => answer.outcome = Outcome::Allowed,
                    ClipboardVerdict::Redact { text, words } => {
                        answer.outcome = Outcome::Redacted;
                        answer.check = Some(words.check.clone());
                        progress.replaced = Some(text);
                        progress.changed = Some(words);
                    }
                    ClipboardVerdict::Deny(words) => {
                        answer.outcome = Outcome::Denied;
                        answer.check = Some(words.check.clone());
                        progress.answers.push(answer);
                        return Some((Outcome::Denied, words));
                    }
                }
                progress.answers.push(answer);
            }
            Err(error) => {
                tracing::warn!(rule = %rule.name, plugin = %name, version = %answer.version, error = %error, "A rule could not answer");
                answer.failure = Some(chain_of(&error));
                progress.answers.push(answer);
                return Some((Outcome::Failed, unavailable()));
            }
        }
    }
    None
}

pub(crate) fn blank(rule: &Rule) -> RuleAnswer {
    RuleAnswer {
        rule: rule.id,
        rule_name: rule.name.clone(),
        plugin: None,
        version: String::new(),
        digest: None,
        config_revision: rule.config_revision,
        check: None,
        outcome: Outcome::Failed,
        failure: None,
        micros: 0,
    }
}

fn offer(subject: &Subject, gate: GateName, text: &str) -> ClipboardOffer {
    let context = &subject.context;
    ClipboardOffer {
        direction: if gate == GateName::CopyOut {
            Direction::CopyOut
        } else {
            Direction::CopyIn
        },
        subject: plugin_host::Subject {
            user: context.user_name.clone(),
            groups: context.groups.iter().map(|group| group.name.clone()).collect(),
            workspace: context.workspace_name.clone(),
            zone: context.zone.to_string(),
            session: context.session.to_string(),
        },
        text: text.to_owned(),
    }
}

fn byte_count(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

pub(crate) fn closed_by_rule() -> Words {
    Words {
        check: "closed".into(),
        why: "may not pass in this workspace".into(),
        instead: "Ask your administrator if you need it".into(),
    }
}

pub(crate) fn no_rule() -> Words {
    Words {
        check: "no rule".into(),
        why: "has no rule that lets it pass".into(),
        instead: "Ask your administrator to add one".into(),
    }
}

pub(crate) fn unavailable() -> Words {
    Words {
        check: "unavailable".into(),
        why: "could not be checked just now".into(),
        instead: "Try again, or give your administrator the reference".into(),
    }
}

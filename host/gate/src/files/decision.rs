//! From an offer to a released file, or to nothing.

use std::sync::Arc;

use bytes::Bytes;
use gatewright_core::error_chain::chain_of;
use gatewright_core::event::RuleAnswer;
use gatewright_core::gate::{Gate as GateName, Outcome};
use gatewright_core::reason::Words;
use gatewright_core::record::{Rule, RuleEffect};
use gatewright_plugin_host::{self as plugin_host, CallContext, FileDirection, FileOffer, FileVerdict};
use gatewright_policy::{Chain, chain};
use tokio::sync::Mutex;

use crate::clipboard::{Subject, blank, closed_by_rule, no_rule, unavailable};
use crate::files::kept::{Broken, Kept, Reading};
use crate::files::pieces::{FileSink, FileSource};
use crate::files::record::{Seen, cut_off, no_spool, unrecorded};
use crate::files::spool::{Spool, SpoolError};
use crate::policy_watch::{LoadedPlugin, PolicyState};
use crate::{Gate, Notice};

/// What is released at once.
const RELEASE: usize = 256 << 10;

/// What was declared of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileItem {
    /// Its name, mended.
    pub name: String,
    /// Its size in bytes. A file of another size is not released.
    pub size: u64,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// It was released, whole, and has this name where it is.
    Released(String),
    /// It was not released; the person reads why. The rule that said so, where one did.
    Denied {
        /// The sentence.
        notice: Notice,
        /// The rule's name.
        rule: Option<String>,
    },
    /// Its sender gave up, or it changed while it was read. Nothing was released as a whole.
    Incomplete,
    /// It is not of the size that was declared.
    WrongSize,
    /// It may pass and could not be taken: why, for the log.
    NotTaken(String),
}

/// How the rules left a file.
struct Asked {
    answers: Vec<RuleAnswer>,
    hold: bool,
    denial: Option<(Outcome, Words)>,
}

impl Gate {
    /// Takes a file from `source` to `sink` where the rules of the gate let it pass.
    ///
    /// Whatever a rule reads is kept back until all have spoken. Then: `pass` releases it and what follows as it comes,
    /// `hold` only once the end has come. The last bytes are given to [`FileSink::finish`] after the file's record, with its
    /// SHA-256, is durable. A download that goes before its end has come is recorded before its first byte, too.
    pub async fn file(
        &self,
        subject: &Subject,
        gate: GateName,
        item: &FileItem,
        source: Box<dyn FileSource>,
        sink: &mut dyn FileSink,
        spool: &Spool,
    ) -> FileOutcome {
        let state = self.policy().current();
        let kept = Arc::new(Mutex::new(Kept::new(source, spool.clone(), item.size)));
        let mut asked = Asked {
            answers: Vec::new(),
            hold: false,
            denial: None,
        };
        match chain(&state.snapshot, &subject.context, gate) {
            _ if !state.is_fresh() => asked.denial = Some((Outcome::Failed, unavailable())),
            Chain::Closed(_) => asked.denial = Some((Outcome::Denied, no_rule())),
            Chain::Rules(rules) => ask(&state, &rules, subject, gate, item, &kept, &mut asked).await,
        }
        drop(state);
        // Every rule's reading is over: nobody else holds it.
        let mut kept = kept.lock().await;
        if asked.denial.is_none() && asked.hold {
            // What it is that broke is asked below.
            let _ = kept.pull_all().await;
        }
        if let Some(broken) = kept.take_broken() {
            let seen = seen(item, &kept);
            return self.broken(subject, gate, &seen, &asked, broken).await;
        }
        if let Some((outcome, words)) = &asked.denial {
            return self
                .denied(subject, gate, &seen(item, &kept), &asked.answers, *outcome, words)
                .await;
        }
        self.release(subject, gate, item, &mut kept, &asked, sink).await
    }

    async fn denied(
        &self,
        subject: &Subject,
        gate: GateName,
        seen: &Seen,
        answers: &[RuleAnswer],
        outcome: Outcome,
        words: &Words,
    ) -> FileOutcome {
        let said = self.record_file(subject, gate, seen, answers, outcome, Some(words)).await;
        let notice = said.ok().flatten().unwrap_or_else(|| unrecorded(gate, &seen.name));
        let rule = answers.last().filter(|answer| answer.outcome != Outcome::Allowed);
        FileOutcome::Denied {
            notice,
            rule: rule.map(|answer| answer.rule_name.clone()),
        }
    }

    async fn broken(&self, subject: &Subject, gate: GateName, seen: &Seen, asked: &Asked, broken: Broken) -> FileOutcome {
        match broken {
            Broken::Ended => FileOutcome::Incomplete,
            Broken::Size => FileOutcome::WrongSize,
            Broken::Spool(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "A file can't be held");
                let words = match error {
                    SpoolError::Full { wanted, free } => no_spool(wanted, free),
                    SpoolError::Io(_) | SpoolError::Tampered => unavailable(),
                };
                self.denied(subject, gate, seen, &asked.answers, Outcome::Failed, &words).await
            }
        }
    }

    /// Releases what was kept and then what comes; the last bytes after the record.
    async fn release(
        &self,
        subject: &Subject,
        gate: GateName,
        item: &FileItem,
        kept: &mut Kept,
        asked: &Asked,
        sink: &mut dyn FileSink,
    ) -> FileOutcome {
        let already = kept.received();
        let whole = kept.is_whole();
        // A download leaves as it is released, an upload is published at its end. What is whole has its last record now.
        let first = whole || gate == GateName::Download;
        if first
            && self
                .record_file(subject, gate, &seen(item, kept), &asked.answers, Outcome::Allowed, None)
                .await
                .is_err()
        {
            return denied_unrecorded(gate, item);
        }
        let mut sent = 0;
        let outcome = self.send(subject, gate, item, kept, asked, sink, already, &mut sent).await;
        if gate == GateName::Download && !matches!(outcome, FileOutcome::Released(_)) {
            let seen = Seen {
                bytes: sent,
                sha256: Some(kept.digest_so_far()),
                ..seen(item, kept)
            };
            let words = cut_off(sent);
            // Nothing is left to be stopped when this can't be recorded; the beginning was.
            let said = self
                .record_file(subject, gate, &seen, &asked.answers, Outcome::Failed, Some(&words))
                .await;
            if said.is_err() {
                tracing::error!("The end of a download that was cut off could not be recorded");
            }
        }
        outcome
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `release`")]
    async fn send(
        &self,
        subject: &Subject,
        gate: GateName,
        item: &FileItem,
        kept: &mut Kept,
        asked: &Asked,
        sink: &mut dyn FileSink,
        already: u64,
        sent: &mut u64,
    ) -> FileOutcome {
        let whole = kept.is_whole();
        let mut last = Bytes::new();
        loop {
            let next = if *sent + (last.len() as u64) < already {
                let at = *sent + last.len() as u64;
                let read = kept.read_at(at, RELEASE).await;
                kept.forget_before(at);
                read.map(Some)
            } else {
                kept.pull().await
            };
            let Ok(next) = next else {
                let broken = kept.take_broken().unwrap_or(Broken::Ended);
                let seen = seen(item, kept);
                return self.broken(subject, gate, &seen, asked, broken).await;
            };
            let Some(piece) = next else { break };
            // One piece stays back: whether it is the last is only known when the next one comes.
            let before = std::mem::replace(&mut last, piece);
            if before.is_empty() {
                continue;
            }
            let length = before.len() as u64;
            if let Err(error) = sink.write(before).await {
                return FileOutcome::NotTaken(error.0);
            }
            *sent += length;
        }
        if !whole
            && self
                .record_file(subject, gate, &seen(item, kept), &asked.answers, Outcome::Allowed, None)
                .await
                .is_err()
        {
            return denied_unrecorded(gate, item);
        }
        match sink.finish(last).await {
            Ok(name) => FileOutcome::Released(name),
            Err(error) => FileOutcome::NotTaken(error.0),
        }
    }
}

fn denied_unrecorded(gate: GateName, item: &FileItem) -> FileOutcome {
    FileOutcome::Denied {
        notice: unrecorded(gate, &item.name),
        rule: None,
    }
}

fn seen(item: &FileItem, kept: &Kept) -> Seen {
    Seen {
        name: item.name.clone(),
        media_type: kept.file_type().map(|found| found.media_type.to_owned()).unwrap_or_default(),
        bytes: item.size,
        sha256: kept.digest(),
    }
}

/// Asks rule after rule, each about the whole file; a denial ends it.
async fn ask(
    state: &PolicyState,
    rules: &[&Rule],
    subject: &Subject,
    gate: GateName,
    item: &FileItem,
    kept: &Arc<Mutex<Kept>>,
    asked: &mut Asked,
) {
    for rule in rules {
        let mut answer = blank(rule);
        let RuleEffect::Ask { plugin: name, config } = &rule.effect else {
            answer.outcome = Outcome::Denied;
            asked.answers.push(answer);
            asked.denial = Some((Outcome::Denied, closed_by_rule()));
            return;
        };
        answer.plugin = Some(name.clone());
        let plugin = match state.plugin(name) {
            Some(LoadedPlugin::Ready(plugin)) => plugin,
            Some(LoadedPlugin::Failed { active, why }) => {
                answer.version.clone_from(&active.version);
                answer.digest = Some(active.digest);
                answer.failure = Some(why.clone());
                return asked.fail(answer);
            }
            None => {
                answer.failure = Some("no version of the plugin is active".into());
                return asked.fail(answer);
            }
        };
        answer.version = plugin.version().to_owned();
        answer.digest = Some(plugin.digest());
        let call = CallContext {
            session: Some(subject.context.session),
            config: config.to_string().into(),
            deadline: None,
        };
        let reading = Box::new(Reading::from_the_beginning(Arc::clone(kept)));
        match plugin.file(&call, offer(subject, gate, item), reading).await {
            Ok(said) => {
                answer.micros = said.micros;
                match said.value {
                    FileVerdict::Pass => answer.outcome = Outcome::Allowed,
                    FileVerdict::Hold => {
                        answer.outcome = Outcome::Allowed;
                        asked.hold = true;
                    }
                    FileVerdict::Deny(words) => {
                        answer.outcome = Outcome::Denied;
                        answer.check = Some(words.check.clone());
                        asked.answers.push(answer);
                        asked.denial = Some((Outcome::Denied, words));
                        return;
                    }
                }
                asked.answers.push(answer);
            }
            Err(error) => {
                tracing::warn!(rule = %rule.name, plugin = %name, version = %answer.version, error = %error, "A rule could not answer");
                answer.failure = Some(chain_of(&error));
                return asked.fail(answer);
            }
        }
    }
}

impl Asked {
    fn fail(&mut self, answer: RuleAnswer) {
        self.answers.push(answer);
        self.denial = Some((Outcome::Failed, unavailable()));
    }
}

fn offer(subject: &Subject, gate: GateName, item: &FileItem) -> FileOffer {
    let context = &subject.context;
    FileOffer {
        direction: if gate == GateName::Download {
            FileDirection::Download
        } else {
            FileDirection::Upload
        },
        subject: plugin_host::Subject {
            user: context.user_name.clone(),
            groups: context.groups.iter().map(|group| group.name.clone()).collect(),
            workspace: context.workspace_name.clone(),
            zone: context.zone.to_string(),
            session: context.session.to_string(),
        },
        name: item.name.clone(),
        size: item.size,
    }
}

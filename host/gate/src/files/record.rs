//! What is written down about a file, and the words for it.

use std::time::SystemTime;

use gatewright_core::event::{Event, Item, RuleAnswer, VerdictRecord, What};
use gatewright_core::gate::{Gate as GateName, Outcome};
use gatewright_core::plugin::Digest;
use gatewright_core::reason::{Effect, Words, message, size_words};
use gatewright_core::{EventId, Reference, Timestamp};
use uuid::Uuid;

use crate::clipboard::Subject;
use crate::{Gate, NotRecorded, Notice, NoticeKind};

/// What is known of a file when something is recorded about it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<Digest>,
}

impl Gate {
    /// Records what became of a file. The notice for the person, where there is one: where `words` are given.
    pub(crate) async fn record_file(
        &self,
        subject: &Subject,
        gate: GateName,
        seen: &Seen,
        rules: &[RuleAnswer],
        outcome: Outcome,
        words: Option<&Words>,
    ) -> Result<Option<Notice>, NotRecorded> {
        let id = Uuid::now_v7();
        let reference = Reference::from_random(u32::try_from(id.as_u128() & 0x3fff_ffff).unwrap_or(0));
        let at = Timestamp::from(SystemTime::now());
        let text = words.map(|words| message(gate, Effect::Blocked, &seen.name, words, reference));
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
                    name: seen.name.clone(),
                    media_type: seen.media_type.clone(),
                    bytes: seen.bytes,
                    sha256: seen.sha256,
                },
                rules: rules.to_vec(),
                outcome,
                message: text.clone().unwrap_or_default(),
            }),
        };
        self.events.append(event).await?;
        Ok(text.map(|text| Notice {
            kind: NoticeKind::Blocked,
            gate: Some(gate),
            text,
            reference: Some(reference),
            at,
        }))
    }
}

/// The notice where nothing could be recorded.
pub(crate) fn unrecorded(gate: GateName, name: &str) -> Notice {
    let reference = Reference::from_random(u32::try_from(Uuid::now_v7().as_u128() & 0x3fff_ffff).unwrap_or(0));
    Notice {
        kind: NoticeKind::Blocked,
        gate: Some(gate),
        text: message(gate, Effect::Blocked, name, &crate::clipboard::unavailable(), reference),
        reference: Some(reference),
        at: Timestamp::from(SystemTime::now()),
    }
}

pub(crate) fn no_spool(wanted: u64, free: u64) -> Words {
    Words {
        check: "spool".into(),
        why: format!(
            "needs {} of room to be checked, and {} is free just now",
            size_words(wanted),
            size_words(free)
        ),
        instead: "Try again in a while, or use a smaller file".into(),
    }
}

pub(crate) fn cut_off(bytes: u64) -> Words {
    Words {
        check: "cut off".into(),
        why: format!("was cut off after {}", size_words(bytes)),
        instead: "Try again".into(),
    }
}

//! Reading an engine's answers and learning from them, whatever it speaks.

use std::collections::BTreeMap;

use gatewright_core::SessionId;
use serde::{Deserialize, Serialize};

use super::{Answer, ContainerId, DEPLOYMENT_LABEL, Guard, Known, SESSION_LABEL, Scope, UnexpectedAnswer};

/// The longest message of an engine that is handed on, in characters.
const MAX_MESSAGE: usize = 1024;

/// How engines say that they failed.
#[derive(Debug, Deserialize)]
struct Message {
    message: String,
}

/// An entry of a list of containers.
pub(super) trait ListedContainer: Serialize + for<'a> Deserialize<'a> {
    fn id(&self) -> &str;
    fn labels(&self) -> &BTreeMap<String, String>;
}

/// Engines written in Go send null for an empty list.
pub(super) fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Hands on the containers that are ours, and learns them.
pub(super) fn list<L: ListedContainer>(
    guard: &Guard,
    scope: &Scope,
    known: &mut Known,
    (session, all): (Option<SessionId>, bool),
    status: u16,
    body: &[u8],
) -> Result<Answer, UnexpectedAnswer> {
    let listed: Vec<L> = parse(body)?;
    // The filter went with the request; an engine that did not apply it is not believed.
    let wanted = session.or(scope.session());
    let ours: Vec<(ContainerId, SessionId, L)> = listed
        .into_iter()
        .filter_map(|one| Some((ContainerId::parse(one.id())?, owner(guard, one.labels())?, one)))
        .filter(|(_, owner, _)| wanted.is_none_or(|wanted| wanted == *owner))
        .collect();
    // A list of all sessions may be older than an answer to a creation that came meanwhile: it only adds.
    match wanted {
        Some(wanted) if all => known.relearn(wanted, ours.iter().map(|(id, _, _)| id.clone())),
        _ => ours.iter().for_each(|(id, owner, _)| known.learn(id.clone(), *owner)),
    }
    let listed: Vec<L> = ours.into_iter().map(|(_, _, one)| one).collect();
    json(status, &listed)
}

/// The session of a container with these labels, where it is one of this deployment's.
pub(super) fn owner(guard: &Guard, labels: &BTreeMap<String, String>) -> Option<SessionId> {
    if labels.get(DEPLOYMENT_LABEL)? != &guard.deployment {
        return None;
    }
    labels.get(SESSION_LABEL)?.parse().ok()
}

pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, UnexpectedAnswer> {
    serde_json::from_slice(body).map_err(|_| UnexpectedAnswer)
}

pub(super) fn json(status: u16, value: &impl Serialize) -> Result<Answer, UnexpectedAnswer> {
    Ok(Answer {
        status,
        content_type: Some("application/json"),
        body: serde_json::to_vec(value).map_err(|_| UnexpectedAnswer)?,
    })
}

/// What a program wrote: pieces, before each of them its stream's number, three zeros and its length.
pub(super) fn output(status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    let mut rest = body;
    while !rest.is_empty() {
        let Some((&[1 | 2, 0, 0, 0, a, b, c, d], behind)) = rest.split_first_chunk::<8>() else {
            return Err(UnexpectedAnswer);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        rest = behind.get(length..).ok_or(UnexpectedAnswer)?;
    }
    Ok(Answer {
        status,
        content_type: Some("application/vnd.docker.multiplexed-stream"),
        body: body.to_vec(),
    })
}

/// [`output`], of which the last piece may not be whole: what is there of it is all of it.
pub(super) fn cut_output(status: u16, body: &[u8]) -> Result<Answer, UnexpectedAnswer> {
    let (mut rest, mut whole) = (body, 0);
    while let Some((&[_, _, _, _, a, b, c, d], behind)) = rest.split_first_chunk::<8>() {
        let Some(next) = behind.get(u32::from_be_bytes([a, b, c, d]) as usize..) else {
            break;
        };
        rest = next;
        whole = body.len() - rest.len();
    }
    let mut kept = body.get(..whole).unwrap_or_default().to_vec();
    if let Some((head, some)) = rest.split_first_chunk::<8>() {
        kept.extend_from_slice(head.split_at(4).0);
        kept.extend_from_slice(&u32::try_from(some.len()).map_err(|_| UnexpectedAnswer)?.to_be_bytes());
        kept.extend_from_slice(some);
    }
    output(status, &kept)
}

pub(super) fn nothing(status: u16) -> Answer {
    Answer {
        status,
        content_type: None,
        body: Vec::new(),
    }
}

/// What a failure says: bounded, and never anything but words.
pub(super) fn failure_words(body: &[u8]) -> String {
    // A failure need not be JSON: a proxy before the engine may have written it.
    let message = parse::<Message>(body).map_or_else(|_| "the engine gave no reason".to_owned(), |body| body.message);
    message.chars().take(MAX_MESSAGE).collect()
}

//! What an inspector does with cut text from its header to its decision; the same both ways.

use bytes::BytesMut;

use super::{CutText, CutTextStep, Decision, Direction, Pending};
use crate::relay::{Framed, Relay};
use crate::shared::{Config, Shared};
use crate::{Step, Violation};

/// How far the cut text message of one direction came.
#[derive(Debug, Default)]
pub(crate) enum CutTextTurn {
    /// There is none: another message's turn.
    #[default]
    None,
    /// It is being read.
    Reading(CutText),
    /// It waits for its decision.
    Deciding(Pending),
}

impl CutTextTurn {
    /// Begins with a message's header, whole or not at all.
    pub(crate) fn start(
        &mut self,
        relay: &mut Relay<'_>,
        direction: Direction,
        config: &Config,
        shared: &Shared,
    ) -> Result<Framed, Violation> {
        match CutText::start(relay, direction, config.view_only, &config.limits, shared)? {
            None => Ok(Framed::NeedMore),
            Some(cut_text) => {
                *self = Self::Reading(cut_text);
                Ok(Framed::Done)
            }
        }
    }

    /// Reads on. Some: nothing else may be read before the caller has done this step.
    pub(crate) fn step(&mut self, relay: &mut Relay<'_>, config: &Config, shared: &Shared) -> Result<Option<Step>, Violation> {
        match self {
            Self::None => Ok(None),
            Self::Deciding(_) => Ok(Some(Step::AwaitingDecision)),
            Self::Reading(cut_text) => match cut_text.step(relay, &config.limits, shared)? {
                CutTextStep::NeedMore => Ok(Some(Step::NeedMore)),
                CutTextStep::Done => {
                    *self = Self::None;
                    Ok(None)
                }
                CutTextStep::Offer(offer, pending) => {
                    *self = Self::Deciding(pending);
                    Ok(Some(Step::Clipboard(offer)))
                }
            },
        }
    }

    /// Writes what the decision lets through. False, and nothing happens, when no decision was awaited.
    pub(crate) fn resume(&mut self, decision: Decision, out: &mut BytesMut) -> bool {
        match std::mem::take(self) {
            Self::Deciding(pending) => {
                pending.resolve(decision, out);
                true
            }
            other => {
                *self = other;
                false
            }
        }
    }
}

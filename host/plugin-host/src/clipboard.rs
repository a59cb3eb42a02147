//! Calls of the DLP world's clipboard.

use std::fmt;

use gatewright_core::reason::Words;

use crate::bindings::dlp::exports::gatewright::dlp::clipboard as wit;
use crate::call::{Answer, CallContext, CallError, Granted};
use crate::limits::MAX_OUTPUT_BYTES;
use crate::plugin::{Plugin, World};
use crate::reasons::words;

/// Which way a clipboard text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the session: a paste.
    CopyIn,
    /// Out of the session: a copy.
    CopyOut,
}

/// Who and where, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user's login name.
    pub user: String,
    /// Names of the user's groups.
    pub groups: Vec<String>,
    /// The workspace's name.
    pub workspace: String,
    /// The zone's name.
    pub zone: String,
    /// The session's id.
    pub session: String,
}

/// What is to be decided.
#[derive(Clone, PartialEq, Eq)]
pub struct ClipboardOffer {
    /// Which way.
    pub direction: Direction,
    /// Who and where.
    pub subject: Subject,
    /// The text.
    pub text: String,
}

impl fmt::Debug for ClipboardOffer {
    /// Not the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClipboardOffer")
            .field("direction", &self.direction)
            .field("subject", &self.subject)
            .field("text_bytes", &self.text.len())
            .finish()
    }
}

/// What a rule decided.
#[derive(Clone, PartialEq, Eq)]
pub enum ClipboardVerdict {
    /// It passes as it is.
    Allow,
    /// It does not pass.
    Deny(Words),
    /// Something else passes in its place.
    Redact {
        /// What.
        text: String,
        /// Why.
        words: Words,
    },
}

impl fmt::Debug for ClipboardVerdict {
    /// Not the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("Allow"),
            Self::Deny(words) => f.debug_tuple("Deny").field(words).finish(),
            Self::Redact { text, words } => f
                .debug_struct("Redact")
                .field("text_bytes", &text.len())
                .field("words", words)
                .finish(),
        }
    }
}

impl Plugin {
    /// Asks a DLP plugin about a clipboard text.
    ///
    /// # Errors
    /// [`CallError`]: the text must not pass.
    pub async fn clipboard(&self, context: &CallContext, offer: ClipboardOffer) -> Result<Answer<ClipboardVerdict>, CallError> {
        let World::Clipboard(pre) = &self.world else {
            return Err(CallError::WrongKind);
        };
        let offer = offer_to_wit(offer);
        let body = async move |mut store: wasmtime::Store<crate::store::CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance.gatewright_dlp_clipboard().call_decide(&mut store, &offer).await
            }
            .await;
            (store, result)
        };
        self.run("clipboard", context, Granted::default(), body, |answer| match answer {
            Ok(verdict) => self.verdict(verdict),
            Err(wit::Error::Config(detail)) => Err(CallError::config(&detail)),
        })
        .await
    }

    fn verdict(&self, verdict: wit::Verdict) -> Result<ClipboardVerdict, CallError> {
        let words = |reason| words(self.manifest(), reason).map_err(CallError::UndeclaredReason);
        Ok(match verdict {
            wit::Verdict::Allow => ClipboardVerdict::Allow,
            wit::Verdict::Deny(reason) => ClipboardVerdict::Deny(words(reason)?),
            wit::Verdict::Redact(redaction) => {
                if redaction.text.len() > MAX_OUTPUT_BYTES {
                    return Err(CallError::TooMuchOutput);
                }
                ClipboardVerdict::Redact {
                    text: redaction.text,
                    words: words(redaction.reason)?,
                }
            }
        })
    }
}

fn offer_to_wit(offer: ClipboardOffer) -> wit::Offer {
    wit::Offer {
        direction: match offer.direction {
            Direction::CopyIn => wit::Direction::CopyIn,
            Direction::CopyOut => wit::Direction::CopyOut,
        },
        subject: wit::Subject {
            user: offer.subject.user,
            groups: offer.subject.groups,
            workspace: offer.subject.workspace,
            zone: offer.subject.zone,
            session: offer.subject.session,
        },
        text: offer.text,
    }
}

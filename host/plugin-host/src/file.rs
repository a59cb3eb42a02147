//! Calls of the DLP world's files.

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::reason::Words;

use crate::bindings::dlp_file::exports::gatewright::dlp::file as wit;
use crate::call::{Answer, CallContext, CallError, Granted};
use crate::clipboard::Subject;
use crate::imports::content::Source;
use crate::plugin::{Plugin, World};
use crate::reasons::words;

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileDirection {
    /// Into the session.
    Upload,
    /// Out of the session.
    Download,
}

/// What is to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOffer {
    /// Which way.
    pub direction: FileDirection,
    /// Who and where.
    pub subject: Subject,
    /// The file's name, checked.
    pub name: String,
    /// The declared size in bytes.
    pub size: u64,
}

/// What a rule decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileVerdict {
    /// What it has seen passes, and the rest as it comes.
    Pass,
    /// It passes once its end has come.
    Hold,
    /// It does not pass.
    Deny(Words),
}

/// The file can't be read to its end: cut off, cancelled, changed, longer than declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("file ended before its declared end")]
pub struct ContentEnded;

/// A file's bytes, in order.
///
/// The host's side must give up by itself when nothing comes for long: a call of a plugin has no wall-clock deadline
/// while it waits here.
#[async_trait]
pub trait FileContent: Send + 'static {
    /// The next bytes: at most `max`, none at the end.
    ///
    /// # Errors
    /// [`ContentEnded`].
    async fn read(&mut self, max: usize) -> Result<Bytes, ContentEnded>;
}

impl Plugin {
    /// Whether it decides about files.
    #[must_use]
    pub fn decides_files(&self) -> bool {
        matches!(self.world, World::File(_))
    }

    /// Asks a DLP plugin about a file, which it reads from `content` as far as it wants. Waiting for content counts
    /// against no limit; the guest's own time may grow with what it reads.
    ///
    /// # Errors
    /// [`CallError`]: the file must not pass.
    pub async fn file(
        &self,
        context: &CallContext,
        offer: FileOffer,
        content: Box<dyn FileContent>,
    ) -> Result<Answer<FileVerdict>, CallError> {
        let World::File(pre) = &self.world else {
            return Err(CallError::WrongKind);
        };
        let offer = offer_to_wit(offer);
        let body = async move |mut store: wasmtime::Store<crate::store::CallState>| {
            let result = async {
                let source = store.data_mut().table.push(Source::new(content))?;
                let lent = wasmtime::component::Resource::new_borrow(source.rep());
                let instance = pre.instantiate_async(&mut store).await?;
                instance.gatewright_dlp_file().call_decide(&mut store, &offer, lent).await
            }
            .await;
            (store, result)
        };
        self.run("file", context, Granted::default(), body, |answer| match answer {
            Ok(wit::Verdict::Pass) => Ok(FileVerdict::Pass),
            Ok(wit::Verdict::Hold) => Ok(FileVerdict::Hold),
            Ok(wit::Verdict::Deny(reason)) => words(self.manifest(), reason)
                .map(FileVerdict::Deny)
                .map_err(CallError::UndeclaredReason),
            Err(wit::Error::Config(detail)) => Err(CallError::config(&detail)),
        })
        .await
    }
}

fn offer_to_wit(offer: FileOffer) -> wit::Offer {
    wit::Offer {
        direction: match offer.direction {
            FileDirection::Upload => wit::Direction::Upload,
            FileDirection::Download => wit::Direction::Download,
        },
        subject: wit::Subject {
            user: offer.subject.user,
            groups: offer.subject.groups,
            workspace: offer.subject.workspace,
            zone: offer.subject.zone,
            session: offer.subject.session,
        },
        name: offer.name,
        size: offer.size,
    }
}

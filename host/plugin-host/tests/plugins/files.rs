//! Calls of rules that read files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use gatewright_core::SessionId;
use gatewright_plugin_host::{
    Answer, CallContext, CallError, ClipboardVerdict, ContentEnded, FileContent, FileDirection, FileOffer, FileVerdict, Plugin,
};

use crate::stand::{Stand, decide, offer};

/// A file of so many bytes, which counts what is read of it.
struct Counted {
    left: usize,
    read: Arc<AtomicUsize>,
    /// It ends early instead of at its end.
    cut: bool,
}

#[async_trait]
impl FileContent for Counted {
    async fn read(&mut self, max: usize) -> Result<Bytes, ContentEnded> {
        if self.left == 0 && self.cut {
            return Err(ContentEnded);
        }
        let piece = Bytes::from(vec![7; max.min(self.left)]);
        self.left -= piece.len();
        self.read.fetch_add(piece.len(), Ordering::SeqCst);
        Ok(piece)
    }
}

/// A sender who never sends.
struct Silent;

#[async_trait]
impl FileContent for Silent {
    async fn read(&mut self, _: usize) -> Result<Bytes, ContentEnded> {
        std::future::pending().await
    }
}

fn file_offer() -> FileOffer {
    FileOffer {
        direction: FileDirection::Upload,
        subject: offer("").subject,
        name: "plan.png".into(),
        size: 1,
    }
}

/// Asks about a file; what is said, and how much of it was read.
async fn ask(plugin: &Plugin, size: usize, cut: bool) -> (Result<Answer<FileVerdict>, CallError>, usize) {
    let read = Arc::new(AtomicUsize::new(0));
    let content = Counted {
        left: size,
        read: Arc::clone(&read),
        cut,
    };
    let said = plugin.file(&CallContext::of_host(), file_offer(), Box::new(content)).await;
    (said, read.load(Ordering::SeqCst))
}

async fn load(stand: &Stand, bytes: u32, hold: bool, spin: bool) -> Arc<Plugin> {
    let file = gatewright_hostile_guests::file(bytes, hold, spin).unwrap();
    stand.load(&file).await.unwrap()
}

#[tokio::test]
async fn a_rule_reads_as_much_as_it_wants_and_no_more() {
    let stand = Stand::new();
    let head = load(&stand, 100_000, false, false).await;
    assert!(head.decides_files());
    let (said, read) = ask(&head, 10 << 20, false).await;
    assert_eq!((said.unwrap().value, read), (FileVerdict::Pass, 128 << 10), "by 64 KiB");
    let (said, read) = ask(&head, 10, false).await;
    assert_eq!((said.unwrap().value, read), (FileVerdict::Pass, 10));
    let whole = load(&stand, u32::MAX, true, false).await;
    let (said, read) = ask(&whole, 30 << 20, false).await;
    assert_eq!((said.unwrap().value, read), (FileVerdict::Hold, 30 << 20));
    let (said, read) = ask(&whole, 1000, true).await;
    assert_eq!(
        (said.unwrap().value, read),
        (FileVerdict::Hold, 1000),
        "the caller knows that it was cut"
    );
}

#[tokio::test]
async fn a_rule_that_computes_for_ever_is_stopped() {
    let stand = Stand::new();
    let spinning = load(&stand, 1 << 20, false, true).await;
    let (said, _) = ask(&spinning, 1 << 20, false).await;
    assert!(matches!(said, Err(CallError::OutOfTime { .. })), "{said:?}");
}

#[tokio::test]
async fn a_rule_on_files_is_not_asked_about_the_clipboard_nor_the_other_way_round() {
    let stand = Stand::new();
    let file = load(&stand, 1, false, false).await;
    assert_eq!(decide(&file, "x").await.unwrap_err(), CallError::WrongKind);
    let clipboard = stand.quiet_clipboard().await;
    assert!(!clipboard.decides_files());
    assert_eq!(ask(&clipboard, 1, false).await.0.unwrap_err(), CallError::WrongKind);
}

#[tokio::test]
async fn stalled_files_do_not_starve_the_clipboard() {
    let stand = Stand::new();
    let file = load(&stand, 1, false, false).await;
    let clipboard = stand.quiet_clipboard().await;
    let session = |n: u128| format!("00000000-0000-7000-8000-{n:012x}").parse::<SessionId>().unwrap();
    let mut stalled = tokio::task::JoinSet::new();
    for n in 0..40 {
        let file = Arc::clone(&file);
        let context = CallContext {
            session: Some(session(n)),
            ..CallContext::of_host()
        };
        stalled.spawn(async move { file.file(&context, file_offer(), Box::new(Silent)).await });
    }
    for _ in 0..50 {
        tokio::task::yield_now().await;
        assert_eq!(decide(&clipboard, "hello").await.unwrap().value, ClipboardVerdict::Allow);
    }
    stalled.shutdown().await;
    // Whoever gave up has given its instance back.
    let (said, _) = ask(&file, 1, false).await;
    assert_eq!(said.unwrap().value, FileVerdict::Pass);
}

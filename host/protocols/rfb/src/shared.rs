//! What the two directions know of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::{ClientInspector, Encoding, Limits, ServerInit, ServerInspector, Size, Violation};

/// How a session is to be inspected.
#[derive(Debug, Clone)]
pub struct Config {
    /// Caps.
    pub limits: Limits,
    /// Whether keys, pointer and resizing of the browser, and the clipboard both ways, are dropped.
    pub view_only: bool,
    /// What the browser sees as the desktop's name, whatever the target says. At most 65,535 bytes are shown.
    pub desktop_name: String,
}

/// Makes the two halves of an inspector, to be used after both handshakes. They may live in different tasks.
///
/// # Errors
/// `FramebufferSize` when the target's first size is beyond the caps.
pub fn inspect(config: Config, target: &ServerInit) -> Result<(ServerInspector, ClientInspector), Violation> {
    let size = target.size.check(&config.limits)?;
    let shared = Arc::new(Shared::new(size));
    let config = Arc::new(config);
    Ok((
        ServerInspector::new(Arc::clone(&config), Arc::clone(&shared)),
        ClientInspector::new(config, shared),
    ))
}

/// An extension whose client messages are allowed once the server has announced it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extension {
    QemuExtendedKey,
    SetDesktopSize,
    ContinuousUpdates,
    Fence,
    ExtendedClipboard,
}

impl Extension {
    fn bit(self) -> u32 {
        1 << self as u32
    }

    fn name(self) -> &'static str {
        match self {
            Self::QemuExtendedKey => "the QEMU extended key event",
            Self::SetDesktopSize => "SetDesktopSize",
            Self::ContinuousUpdates => "continuous updates",
            Self::Fence => "fences",
            Self::ExtendedClipboard => "the extended clipboard",
        }
    }
}

/// State that one direction learns and the other asks for. Each value is written by one side only and set before the bytes
/// that depend on it are handed on, so plain release and acquire are enough.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Bits of every encoding ever offered: a server may still be using an older list.
    offered: AtomicU32,
    /// Bits of the extensions announced.
    announced: AtomicU32,
    size: AtomicU32,
    /// Id and flags of the target's first screen, which a resize has to name.
    screen: AtomicU64,
    /// Fences that the server requested and the client has yet to answer, and the other way round.
    pub(crate) server_fences: Outstanding,
    pub(crate) client_fences: Outstanding,
}

impl Shared {
    fn new(size: Size) -> Self {
        Self {
            offered: AtomicU32::new(Encoding::Raw.bit()),
            announced: AtomicU32::new(0),
            size: AtomicU32::new(size.packed()),
            screen: AtomicU64::new(0),
            server_fences: Outstanding::default(),
            client_fences: Outstanding::default(),
        }
    }

    pub(crate) fn offer(&self, encoding: Encoding) {
        self.offered.fetch_or(encoding.bit(), Ordering::Release);
    }

    pub(crate) fn is_offered(&self, encoding: Encoding) -> bool {
        self.offered.load(Ordering::Acquire) & encoding.bit() != 0
    }

    pub(crate) fn require_offered(&self, encoding: Encoding, name: &'static str) -> Result<(), Violation> {
        if self.is_offered(encoding) {
            Ok(())
        } else {
            Err(Violation::NotOffered(name))
        }
    }

    pub(crate) fn announce(&self, extension: Extension) {
        self.announced.fetch_or(extension.bit(), Ordering::Release);
    }

    pub(crate) fn require_announced(&self, extension: Extension) -> Result<(), Violation> {
        if self.announced.load(Ordering::Acquire) & extension.bit() == 0 {
            return Err(Violation::NotAnnounced(extension.name()));
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> Size {
        Size::unpacked(self.size.load(Ordering::Acquire))
    }

    pub(crate) fn resize(&self, size: Size) {
        self.size.store(size.packed(), Ordering::Release);
    }

    /// Id and flags of the first screen, four bytes each.
    pub(crate) fn screen(&self) -> [u8; 8] {
        self.screen.load(Ordering::Acquire).to_be_bytes()
    }

    pub(crate) fn set_screen(&self, id_and_flags: [u8; 8]) {
        self.screen.store(u64::from_be_bytes(id_and_flags), Ordering::Release);
    }
}

/// Counts requests that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Outstanding(AtomicU32);

impl Outstanding {
    /// A request goes out.
    pub(crate) fn request(&self) {
        // Saturates: a server that requests for days without an answer must not wrap to zero.
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_add(1));
    }

    /// An answer comes back. False when none was asked for.
    pub(crate) fn answer(&self) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_sub(1))
            .is_ok()
    }
}

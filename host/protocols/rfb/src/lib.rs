//! Sans-IO codec and inspector for RFB (RFC 6143 and the extensions that noVNC and TigerVNC speak).
//!
//! A relay sits between a browser and a target. It finishes one handshake with each
//! ([`TargetHandshake`], [`BrowserHandshake`]) and then hands every byte through [`inspect`]'s two halves:
//! [`ServerInspector`] for what the target says, [`ClientInspector`] for what the browser says.
//!
//! - Pixels are handed on untouched: the inspector finds where they end and moves the bytes from the input buffer to the output
//!   buffer without copying or waiting for a whole rectangle.
//! - Everything else is parsed, capped ([`Limits`]) and allowed by state; what can't be framed is a [`Violation`] and the end.
//! - Clipboard text is surfaced as a [`ClipboardOffer`]. Nothing of that direction moves until [`ServerInspector::resume`] or
//!   [`ClientInspector::resume`] is given a [`Decision`]; the other direction goes on.
//!
//! A relay's loop for one direction, without its sockets:
//!
//! ```
//! use bytes::BytesMut;
//! use gatewright_rfb::{Decision, ServerInspector, Step, Violation};
//!
//! /// Call with what was read; send what is in `out`.
//! fn relay(
//!     server: &mut ServerInspector,
//!     input: &mut BytesMut, // grows by reads of, say, 64 KiB; never beyond MIN_READ_BUFFER more
//!     out: &mut BytesMut,
//!     decide: impl Fn(&str) -> Decision,
//! ) -> Result<(), Violation> {
//!     loop {
//!         match server.inspect(input, out)? {
//!             Step::NeedMore => return Ok(()),
//!             // A real relay sends `out` and awaits the gate here, while the other direction goes on.
//!             Step::Clipboard(offer) => {
//!                 let decision = offer.text().map_or(Decision::Deny, &decide);
//!                 server.resume(decision, out);
//!             }
//!             Step::AwaitingDecision => unreachable!("resumed above"),
//!         }
//!     }
//! }
//! ```
//!
//! The crate reads no clock, opens no socket and never waits: a peer that goes silent is the caller's to time out.
#![forbid(unsafe_code)]

mod client_messages;
mod clipboard;
mod encodings;
mod geometry;
mod handshake;
mod limits;
mod pixel_format;
mod rectangle;
mod relay;
mod server_messages;
mod shared;
#[cfg(test)]
mod test_session;
mod tight;
mod violation;

pub use client_messages::ClientInspector;
pub use clipboard::{ClipboardOffer, Decision, Direction};
pub use encodings::Encoding;
pub use geometry::Size;
pub use handshake::{BrowserHandshake, ClientInit, HandshakeError, Progress, ServerInit, TargetHandshake, VncPassword, write_server_init};
pub use limits::{Limits, MIN_READ_BUFFER};
pub use pixel_format::PixelFormat;
pub use server_messages::ServerInspector;
pub use shared::{Config, inspect};
pub use violation::Violation;

/// What an inspector wants next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Everything that could be judged was moved to the output. Read more, then call again.
    NeedMore,
    /// Clipboard text waits for a decision. The inspector takes nothing more until `resume`; write the output first.
    Clipboard(ClipboardOffer),
    /// Called again before `resume`: nothing was read. The offer was surfaced once already.
    AwaitingDecision,
}

//! The inspector against a real TigerVNC server, and against everything else that bytes can be.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, unreachable_pub, reason = "tests")]

mod desktop;
mod pixels;
mod recorded;
mod splitting;
mod viewer;
mod xvnc;

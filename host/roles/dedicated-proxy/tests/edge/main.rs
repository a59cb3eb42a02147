//! The edge over real TLS connections, before real routers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod fixture;
mod health;
mod limits;
mod sessions;
mod transport;

//! gw-rpc and gw-stream: the ports of `gatewright-ports` between processes, and the table that says who may call what.
//!
//! One port, TLS 1.3 with certificates of the internal authority on both sides; ALPN chooses. `gw-rpc` is HTTP/2 with
//! JSON, `POST /v1/<port>/<method>`. `gw-stream` is one TLS connection per byte stream: a header line, then raw bytes.
//!
//! - [`RpcPort`] listens, on a web-app and on a connection proxy. [`RemoteControl`] calls a web-app.
//! - Agents never listen: a [`Link`] dials, and serves on the connection that it dialled. Whoever was dialled sees a
//!   [`Channel`] and calls it through [`RemoteAgent`], [`RemoteStreams`] and [`RemoteProxy`].
//! - [`GuardedControl`] and its like stand before a port for one caller, in one process too. [`method::TABLE`] is the
//!   table.
//! - [`RemoteUpstream`] takes an edge's requests to other processes.
//!
//! **Invariant:** a method that is not in the table can't be called, and every call goes through [`Caller::may`].
#![forbid(unsafe_code)]

mod backoff;
mod browsers;
mod caller;
mod channel;
mod client;
mod dial;
mod guarded;
mod header;
mod link;
mod members;
pub mod method;
mod port;
mod serve;
mod socket;
mod wire;

pub use browsers::{Place, RemoteUpstream, Upstreams};
pub use caller::{About, Caller, Denied};
pub use channel::Channel;
pub use client::{JoinError, PendingStreams, RemoteAgent, RemoteControl, RemoteProxy, RemoteStreams, join};
pub use dial::{DialError, Dialer};
pub use guarded::{CachedPlaces, GuardedAgent, GuardedControl, GuardedProxy, GuardedStreams, Places};
pub use header::{InvalidHeader, MAX_HEADER_BYTES, StreamHeader};
pub use link::{Link, LinkServices};
pub use members::Members;
pub use port::{BoundPort, Links, PortError, RpcPort, Services};

/// HTTP/2 with JSON.
pub const ALPN_RPC: &[u8] = b"gw-rpc";
/// A header line, then raw bytes.
pub const ALPN_STREAM: &[u8] = b"gw-stream";

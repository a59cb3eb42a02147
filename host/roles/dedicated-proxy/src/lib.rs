//! The edge: owns the public HTTPS port, checks tickets, hands requests on.
//!
//! `/session/<id>/` goes to a connection proxy once the ticket was checked, everything else to a web-app. Upstreams
//! are routers of the same process; they find [`gatewright_identity::ClientAddr`] and, on a session's paths,
//! [`gatewright_identity::VerifiedTicket`] in a request's extensions.
//!
//! **Invariant:** decides nothing, stores nothing, and forgets a person's login before a connection proxy sees the
//! request.
#![forbid(unsafe_code)]

mod clients;
mod conf;
mod connection;
mod headers;
mod health;
mod origin;
mod plain_http;
mod problem;
mod requests;
mod role;
mod session;

pub use conf::{EdgeConf, EdgeLimits};
pub use gatewright_identity::PublicOrigin;
pub use requests::{Upstream, Upstreams};

/// What answers requests in this process: the app wires it without naming a web framework.
pub type Routes = axum::Router;
pub use role::{Bound, Edge, EdgeError};

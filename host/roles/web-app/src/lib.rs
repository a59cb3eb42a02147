//! Web UI and REST API of the control plane.
//!
//! [`app`] is the whole of it: routes under `/api/`, the pages of the web UI everywhere else. It expects
//! [`gatewright_identity::ClientAddr`] in a request's extensions, as an edge puts it there.
//!
//! **Invariant:** no state outside the database but rate limits; no decision about people outside `policy`; no SQL, no
//! plugin and no session byte here.
#![forbid(unsafe_code)]

mod api;
mod app;
mod assets;
mod client;
mod error;
mod extract;
mod headers;
mod login;
mod openapi;
mod rate_limit;
mod routes;
mod timeout;

pub use app::{WebApp, WebAppConf, app};
pub use openapi::openapi;
pub use rate_limit::{Quota, RateLimits};

//! The edges that a person can come in by.

use gatewright_control::{EdgeView, Handover};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The edges with a public address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Edges {
    pub(crate) items: Vec<Edge>,
}

/// An edge.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Edge {
    /// The name of its zone.
    zone: String,
    /// Where it is, as browsers write it: `https://desk.example.org`.
    origin: String,
}

/// A code with which a login goes on at another edge.
#[derive(Serialize, ToSchema)]
pub(crate) struct HandoverCode {
    /// Good once. Never part of an address.
    code: String,
    /// For how long it is good.
    lifetime_secs: u64,
}

/// What a page's form says at the edge that its person goes on at.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ComeOver {
    /// The code.
    #[schema(value_type = String, format = Password)]
    pub(crate) code: SecretString,
    /// The path of the page that is wanted.
    #[serde(default)]
    pub(crate) next: Option<String>,
}

impl From<EdgeView> for Edge {
    fn from(EdgeView { zone, origin }: EdgeView) -> Self {
        Self { zone, origin }
    }
}

impl From<Handover> for HandoverCode {
    fn from(Handover { code, lifetime }: Handover) -> Self {
        Self {
            code: code.expose_secret().into(),
            lifetime_secs: lifetime.as_secs(),
        }
    }
}

//! Where a request came from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::FromRequestParts;
use gatewright_identity::ClientAddr;
use http::request::Parts;

/// The client's address as the edge saw it; unspecified where no edge stands before us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

impl Client {
    pub(crate) fn of(parts: &Parts) -> Self {
        let seen = parts.extensions.get::<ClientAddr>();
        Self(seen.map_or(Ipv4Addr::UNSPECIFIED.into(), |ClientAddr(address)| address.ip().to_canonical()))
    }

    /// As events remember it.
    pub(crate) fn text(self) -> String {
        if self.0.is_unspecified() {
            String::new()
        } else {
            self.0.to_string()
        }
    }

    /// What rate limits count by: one household has a whole /64.
    pub(crate) fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

//! What a ticket says. Sixty seconds, one person, one session.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use gatewright_core::{SessionId, Timestamp, UserId, ZoneId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a ticket admits. What it opened stays open.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(60);

/// How far the clocks of control plane and proxies may be apart.
pub const TICKET_LEEWAY: Duration = Duration::from_secs(5);

/// A path below a session that a ticket opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionPath {
    /// The desktop, RFB over WebSocket.
    Vnc,
    /// What the gates have to say, as server-sent events.
    Notices,
    /// What lies in the transfer folder.
    Files,
    /// Files into the session.
    Upload,
    /// Files out of the session.
    Download,
    /// One that a newer version knows: it opens nothing here.
    #[serde(other)]
    Unknown,
}

impl SessionPath {
    /// The path's one segment after `/session/<id>/`. None for what is no path of a session.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        match segment {
            "vnc" => Some(Self::Vnc),
            "notices" => Some(Self::Notices),
            "files" => Some(Self::Files),
            "upload" => Some(Self::Upload),
            "download" => Some(Self::Download),
            _ => None,
        }
    }
}

/// What a ticket is to admit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketGrant {
    /// The person.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The session's zone.
    pub zone: ZoneId,
    /// The paths below the session that it opens.
    pub paths: BTreeSet<SessionPath>,
    /// Whether input is dropped.
    pub view_only: bool,
}

/// What a ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Whom it admits, and to what.
    pub grant: TicketGrant,
    /// Its own id.
    pub id: Uuid,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// From when on it admits nobody.
    pub expires_at: Timestamp,
}

/// A ticket whose signature, time and session were checked. Only [`crate::TicketVerifier`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTicket(pub(crate) Ticket);

impl VerifiedTicket {
    /// Whether it opens `path`.
    #[must_use]
    pub fn opens(&self, path: SessionPath) -> bool {
        path != SessionPath::Unknown && self.0.grant.paths.contains(&path)
    }
}

impl Deref for VerifiedTicket {
    type Target = Ticket;

    fn deref(&self) -> &Ticket {
        &self.0
    }
}

/// Why a ticket admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not a ticket, or not signed by us. No more is said: it would only help a forger.
    #[error("invalid ticket")]
    Invalid,
    /// Its minute is over.
    #[error("ticket has expired")]
    Expired,
    /// From the future: a clock is wrong.
    #[error("ticket is not valid yet")]
    NotYetValid,
    /// Of another session.
    #[error("ticket is for another session")]
    OtherSession,
}

/// The claims on the wire (RFC 7519 4.1 where registered).
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: UserId,
    pub(crate) sid: SessionId,
    pub(crate) zone: ZoneId,
    pub(crate) paths: BTreeSet<SessionPath>,
    pub(crate) view_only: bool,
    pub(crate) jti: Uuid,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

impl From<&Ticket> for Claims {
    fn from(ticket: &Ticket) -> Self {
        let grant = &ticket.grant;
        Self {
            sub: grant.user,
            sid: grant.session,
            zone: grant.zone,
            paths: grant.paths.clone(),
            view_only: grant.view_only,
            jti: ticket.id,
            iat: ticket.issued_at.as_secs(),
            exp: ticket.expires_at.as_secs(),
        }
    }
}

impl From<Claims> for Ticket {
    fn from(claims: Claims) -> Self {
        let seconds = |at: i64| Timestamp::from_micros(at.saturating_mul(1_000_000));
        Self {
            grant: TicketGrant {
                user: claims.sub,
                session: claims.sid,
                zone: claims.zone,
                paths: claims.paths,
                view_only: claims.view_only,
            },
            id: claims.jti,
            issued_at: seconds(claims.iat),
            expires_at: seconds(claims.exp),
        }
    }
}

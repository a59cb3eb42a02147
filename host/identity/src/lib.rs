//! All that is signed: certificate authorities and session tickets. The control plane signs, edge and proxies check.
//!
//! - [`PublicCa`] makes the certificate of the public HTTPS port, unless the operator brings a [`ServerCertificate`].
//! - [`TicketSigner`] lets one person into one session for a minute; [`TicketVerifier`] needs the public key only.
//! - [`InternalCa`] signs the short-lived certificates by which nodes know each other; a [`JoinToken`] brings a machine its
//!   first one; [`LiveCredentials`] speaks TLS with the present one.
//! - [`VerifiedTicket`] and [`ClientAddr`] are what an edge hands to a proxy in the same process.
//!
//! **Invariant:** no network and no clock: `now` is always an argument. Private keys are written with mode 0600 and
//! never printed.
#![forbid(unsafe_code)]

mod client;
mod fingerprint;
mod internal_ca;
mod join_token;
mod key_file;
mod node_credentials;
mod node_tls;
mod public_ca;
mod public_names;
mod public_origin;
mod server_certificate;
mod ticket;
mod ticket_key;

pub use client::{ClientAddr, EntryZone, SESSION_PREFIX, TICKET_COOKIE, cookie_value};
pub use fingerprint::Fingerprint;
pub use internal_ca::{InternalCa, InternalCaError, NODE_CERTIFICATE_LIFETIME, NewInternalCa};
pub use join_token::{InvalidJoinToken, JoinToken};
pub use key_file::KeyFileError;
pub use node_credentials::{LiveCredentials, NodeCredentials, NodeCredentialsError, NodeKey, PeerCertificate};
pub use node_tls::{SERVER_NAME, joining_client_config};
pub use public_ca::{PublicCa, PublicCaError};
pub use public_names::{InvalidPublicName, PublicName, PublicNames};
pub use public_origin::{InvalidOrigin, PublicOrigin};
pub use server_certificate::{CertificateResolver, RENEW_WITHIN, ServerCertificate, ServerCertificateError};
pub use ticket::{SessionPath, TICKET_LEEWAY, TICKET_LIFETIME, Ticket, TicketError, TicketGrant, VerifiedTicket};
pub use ticket_key::{TicketKeyError, TicketSigner, TicketVerifier};

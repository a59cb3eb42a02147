//! Signs and checks tickets: JWT (RFC 7519), EdDSA over Ed25519 (RFC 8037) and nothing else (RFC 8725 3.1).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use gatewright_core::{SessionId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key_file::{self, KeyFileError};
use crate::ticket::{Claims, TICKET_LEEWAY, TICKET_LIFETIME, Ticket, TicketError, TicketGrant, VerifiedTicket};

const KEY_FILE: &str = "ticket.key";

/// An explicit type keeps any other token of ours from passing as a ticket (RFC 8725 3.11).
const TOKEN_TYPE: &str = "gatewright-ticket+jwt";

/// No ticket of ours comes near this; anything longer is not even decoded.
const MAX_TOKEN_BYTES: usize = 4096;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum TicketKeyError {
    /// Its file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// What is stored is no Ed25519 key.
    #[error("{} is damaged: remove it to have a new key made", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// Making one failed.
    #[error("cannot make a signing key")]
    Generate(#[source] rcgen::Error),
    /// Signing failed.
    #[error("cannot sign a ticket")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// Signs tickets. Only the control plane has one.
pub struct TicketSigner {
    key: EncodingKey,
    public: [u8; 32],
}

impl TicketSigner {
    /// Opens the key kept in `folder` (which exists) as `ticket.key`, or makes one, mode 0600. Losing it costs people
    /// one minute: they ask for a new ticket.
    ///
    /// # Errors
    /// [`TicketKeyError`].
    pub fn open(folder: &Path) -> Result<Self, TicketKeyError> {
        let path = folder.join(KEY_FILE);
        let pem = match key_file::read_private(&path)? {
            Some(pem) => pem,
            None => {
                let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(TicketKeyError::Generate)?;
                let pem = Zeroizing::new(key.serialize_pem().into_bytes());
                key_file::write(&path, &pem, 0o600)?;
                pem
            }
        };
        let damaged = || TicketKeyError::Damaged { path: path.clone() };
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| damaged())?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| damaged())?;
        Ok(Self {
            key: EncodingKey::from_ed_der(der.secret_pkcs8_der()),
            public,
        })
    }

    /// The public half: 32 bytes of Ed25519.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    /// Checks what this signs.
    #[must_use]
    pub fn verifier(&self) -> TicketVerifier {
        TicketVerifier::new(&self.public)
    }

    /// Signs a ticket for [`TICKET_LIFETIME`] from `now` on. `id` is fresh (UUID version 7).
    ///
    /// # Errors
    /// [`TicketKeyError::Sign`].
    pub fn sign(&self, grant: TicketGrant, id: Uuid, now: Timestamp) -> Result<(String, Ticket), TicketKeyError> {
        // Whole seconds, as on the wire, so that what is returned is what a verifier reads.
        let issued_at = Timestamp::from_micros(now.as_secs().saturating_mul(1_000_000));
        let ticket = Ticket {
            grant,
            id,
            issued_at,
            expires_at: issued_at.plus(TICKET_LIFETIME),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.into());
        let token = jsonwebtoken::encode(&header, &Claims::from(&ticket), &self.key).map_err(TicketKeyError::Sign)?;
        Ok((token, ticket))
    }
}

impl fmt::Debug for TicketSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketSigner").finish_non_exhaustive()
    }
}

/// Checks tickets with the public key alone.
#[derive(Clone)]
pub struct TicketVerifier {
    /// One for each control plane that signs. Shared by all clones.
    keys: Arc<RwLock<Vec<DecodingKey>>>,
    validation: Validation,
}

impl TicketVerifier {
    /// From [`TicketSigner::public_key`].
    #[must_use]
    pub fn new(public_key: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Time is checked below, against the caller's clock. An audience, which ours have not, is still refused.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self {
            keys: Arc::new(RwLock::new(vec![DecodingKey::from_ed_der(public_key)])),
            validation,
        }
    }

    /// Takes over the keys that sign from now on, here and in all clones.
    pub fn set_keys(&self, public_keys: &[[u8; 32]]) {
        let keys = public_keys.iter().map(|key| DecodingKey::from_ed_der(key)).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Checks that `token` is a ticket of ours, for `session`, at `now`.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn verify(&self, token: &str, session: SessionId, now: Timestamp) -> Result<VerifiedTicket, TicketError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TicketError::Invalid);
        }
        let data = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok())
            .ok_or(TicketError::Invalid)?;
        if data.header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(TicketError::Invalid);
        }
        let ticket = Ticket::from(data.claims);
        // Whoever holds the key signs for a minute: a longer life is not one of ours.
        if ticket.expires_at > ticket.issued_at.plus(TICKET_LIFETIME) {
            return Err(TicketError::Invalid);
        }
        if ticket.issued_at > now.plus(TICKET_LEEWAY) {
            return Err(TicketError::NotYetValid);
        }
        if now >= ticket.expires_at.plus(TICKET_LEEWAY) {
            return Err(TicketError::Expired);
        }
        if ticket.grant.session != session {
            return Err(TicketError::OtherSession);
        }
        Ok(VerifiedTicket(ticket))
    }
}

impl fmt::Debug for TicketVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketVerifier").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! What an operator carries from the control plane to a machine that is to join.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::fingerprint::Fingerprint;

const PREFIX: &str = "gwj1";
/// 32 bytes in base64url without padding.
const PART: usize = 43;

/// A text that is no join token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a join token: copy the whole of it, from gwj1 to its end")]
pub struct InvalidJoinToken;

/// A join token: `gwj1.<secret>.<SHA-256 of the authority's certificate>`, both base64url. The secret admits, once or as
/// often as it was made for; the fingerprint tells the machine whom to believe before it says the secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct JoinToken {
    secret: [u8; 32],
    #[zeroize(skip)]
    authority: Fingerprint,
}

impl JoinToken {
    /// A fresh one for the authority of this fingerprint. None where the system has no randomness.
    #[must_use]
    pub fn generate(authority: Fingerprint) -> Option<Self> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).ok()?;
        Some(Self { secret, authority })
    }

    /// What is stored of it: SHA-256 of the secret, which is random, so that nothing slower is needed.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// The authority that it pins.
    #[must_use]
    pub const fn authority(&self) -> Fingerprint {
        self.authority
    }

    /// The text to be shown once and carried.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{PREFIX}.{}.{}",
            URL_SAFE_NO_PAD.encode(self.secret),
            URL_SAFE_NO_PAD.encode(self.authority.as_bytes())
        )
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`InvalidJoinToken`].
    pub fn parse(text: &str) -> Result<Self, InvalidJoinToken> {
        let mut parts = text.trim().split('.');
        let (prefix, secret, authority) = (parts.next(), parts.next(), parts.next());
        if prefix != Some(PREFIX) || parts.next().is_some() {
            return Err(InvalidJoinToken);
        }
        let decoded = |part: Option<&str>| -> Result<[u8; 32], InvalidJoinToken> {
            let part = part.filter(|part| part.len() == PART).ok_or(InvalidJoinToken)?;
            let mut bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidJoinToken)?;
            let array = bytes.as_slice().try_into().map_err(|_| InvalidJoinToken);
            bytes.zeroize();
            array
        };
        Ok(Self {
            secret: decoded(secret)?,
            authority: Fingerprint::from_bytes(decoded(authority)?),
        })
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        let token = JoinToken::generate(Fingerprint::of(b"authority")).unwrap();
        let text = token.text();
        let read = JoinToken::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_eq!(read.authority(), token.authority());
        assert_ne!(JoinToken::generate(Fingerprint::of(b"authority")).unwrap().hash(), token.hash());
        let debug = format!("{token:?}");
        assert!(!text.split('.').skip(1).any(|part| debug.contains(part)), "{debug}");
        for broken in [
            String::new(),
            text.replace("gwj1", "gwj2"),
            format!("{text}.more"),
            text.chars().take(80).collect(),
            text.replace('.', ","),
            text.replacen('.', ".=", 1),
        ] {
            assert_eq!(JoinToken::parse(&broken).unwrap_err(), InvalidJoinToken, "{broken}");
        }
    }
}

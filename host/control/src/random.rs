//! Random values: ids, references, tokens, passwords.

use gatewright_core::Reference;
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

/// No 0/O, 1/l/I: a person may have to type it.
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A UUID of version 7 for a new id.
pub(crate) fn id() -> Uuid {
    Uuid::now_v7()
}

/// A reference for a person to quote.
pub(crate) fn reference() -> Reference {
    Reference::from_random(rand::random())
}

/// 32 random bytes.
pub(crate) fn bytes32() -> [u8; 32] {
    rand::random()
}

/// A password of `length` readable characters, 5 bits each.
pub(crate) fn password(length: usize) -> SecretString {
    let text: Zeroizing<String> = Zeroizing::new(
        (0..length)
            .map(|_| {
                let index = usize::from(rand::random::<u8>() & 31);
                char::from(READABLE.get(index).copied().unwrap_or(b'a'))
            })
            .collect(),
    );
    SecretString::from(text.as_str())
}

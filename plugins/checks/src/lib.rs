//! The checks that DLP plugins share: what a card number is must not depend on which gate it comes to.
#![forbid(unsafe_code)]

pub mod card_number;
mod card_stream;
mod iban;

pub use card_stream::CardScanner;

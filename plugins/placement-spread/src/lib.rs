//! Spreads sessions over the nodes with the most room.
//!
//! The configuration, a JSON object: `{ "require_image": true }`, which is the default. With `false` a node without the session's
//! image is taken when none with it has room.
#![forbid(unsafe_code)]

mod spread;

use gatewright_sdk::placement::{Candidate, Error, Ranking, Request, Strategy};
use serde::Deserialize;

/// What an administrator configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether a node without the image is left out.
    pub require_image: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { require_image: true }
    }
}

/// The strategy.
#[derive(Debug)]
pub struct Spread;

impl Strategy for Spread {
    fn rank(request: Request, candidates: Vec<Candidate>) -> Result<Ranking, Error> {
        Ok(spread::rank(gatewright_sdk::config()?, &request, &candidates))
    }
}

gatewright_sdk::export_placement!(Spread);

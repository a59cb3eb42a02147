//! Opens targets with entries of the vault that an administrator chose by label.
//!
//! The configuration, a JSON object. The first entry that fits decides; what an entry does not name fits everything:
//! ```json
//! { "entries": [ { "protocol": "rfb", "service": "vnc", "label": "desktop" },
//!                { "protocol": "ssh", "name": "build-1", "group": "Developers", "label": "build" } ] }
//! ```
//! Without `entries`, a container desktop (`rfb`, service `vnc`) is opened with the entry that is labelled `desktop`.
#![forbid(unsafe_code)]

mod choice;

use gatewright_sdk::credential::{Claims, Error, Provider, Resolved, Target, entries};

pub use choice::{Config, Rule, RuleProtocol};

/// The provider.
#[derive(Debug)]
pub struct Static;

impl Provider for Static {
    fn resolve(_session: String, target: Target, claims: Claims) -> Result<Resolved, Error> {
        choice::choose(&gatewright_sdk::config()?, &target, &claims, &entries())
    }
}

gatewright_sdk::export_credential!(Static);

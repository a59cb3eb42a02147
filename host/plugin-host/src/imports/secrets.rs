//! `secrets`: handles and labels of what the vault offers for a session's target. Never a value.

use crate::bindings::credential::gatewright::credential::secrets::{Entry, Host};
use crate::store::CallState;

impl Host for CallState {
    fn entries(&mut self) -> wasmtime::Result<Vec<Entry>> {
        Ok(self
            .secrets
            .iter()
            .map(|secret| Entry {
                handle: secret.id.to_string(),
                label: secret.label.clone(),
            })
            .collect())
    }
}

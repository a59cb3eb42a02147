//! `config`: the administrator's configuration of this rule or provider.

use crate::bindings::shared::gatewright::types::{config, types};
use crate::store::CallState;

impl types::Host for CallState {}

impl config::Host for CallState {
    fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.config.to_string())
    }
}

//! From a guest's reason to the words that a person reads.

use gatewright_core::reason::{ParamValue, Reason, UndeclaredReason, Words};

use crate::bindings::shared::gatewright::types::types;
use crate::manifest::Manifest;

/// The words for `reason`, where the manifest declares it with these parameters.
pub(crate) fn words(manifest: &Manifest, reason: types::Reason) -> Result<Words, UndeclaredReason> {
    let declared = manifest
        .reasons
        .iter()
        .find(|declared| declared.code == reason.code)
        .ok_or(UndeclaredReason::Code)?;
    let params = reason
        .params
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                types::ParamValue::Bytes(bytes) => ParamValue::Bytes(bytes),
                types::ParamValue::Count(count) => ParamValue::Count(count),
                types::ParamValue::Name(name) => ParamValue::Name(name),
            };
            (name, value)
        })
        .collect();
    declared.words(&Reason { code: reason.code, params })
}

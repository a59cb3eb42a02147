//! Schemas of the names that `core` already has: the list in the document is the list in the code.

use std::borrow::Cow;

use gatewright_control::CheckStep;
use gatewright_core::NodeRole;
use gatewright_core::gate::{Gate, Outcome};
use gatewright_core::session::SessionState;
use gatewright_policy::Permission;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $all:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let names: Vec<String> = $all.into_iter().map(Into::into).collect();
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).strip_suffix("Name").unwrap_or(stringify!($name)).into()
            }
        }
    )*};
}

names! {
    /// Where a session stands.
    SessionStateName = SessionState::ALL.map(SessionState::as_str);
    /// A gate.
    GateName = Gate::ALL.map(Gate::as_str);
    /// What became of an item at a gate.
    OutcomeName = [Outcome::Allowed, Outcome::Redacted, Outcome::Denied, Outcome::Failed].map(Outcome::as_str);
    /// What a role may be allowed to do.
    PermissionName = Permission::ALL.iter().map(|one| one.as_str());
    /// What a plugin decides.
    PluginKindName = ["placement", "dlp", "credential", "runtime"];
    /// Where a plugin's version stands.
    VersionStateName = ["uploaded", "compiling", "needs-approval", "ready", "active", "failed"];
    /// What a workspace reaches.
    NetworkName = ["none", "internet"];
    /// How an image stands on a node.
    ImageStateName = ["unknown", "absent", "pulling", "present", "failed"];
    /// A step of the check of an image.
    CheckStepName = CheckStep::ALL.map(CheckStep::as_str);
    /// How a step of a check went.
    CheckStateName = ["waiting", "running", "passed", "failed", "skipped"];
    /// What a node does.
    NodeRoleName = NodeRole::ALL.map(NodeRole::as_str);
    /// How a node stands.
    NodeStateName = ["ready", "degraded", "silent", "removed"];
    /// What an event is about.
    EventKindName = ["verdict", "audit"];
}

/// Raw bytes.
pub(crate) struct PluginFile;

impl PartialSchema for PluginFile {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for PluginFile {}

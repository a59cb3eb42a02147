//! The person, and the service itself.

use gatewright_control::Identity;
use gatewright_core::{GroupId, UserId};
use gatewright_policy::{Authorizer, Permission};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::PermissionName;

/// A login name with its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The login name.
    pub(crate) username: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    pub(crate) password: SecretString,
}

/// Who is logged in, and what this person may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    user: MyUser,
    /// The group that decides first comes first.
    groups: Vec<MyGroup>,
    #[schema(value_type = Vec<PermissionName>)]
    permissions: Vec<Permission>,
    /// What header `X-CSRF-Token` of unsafe requests has to carry.
    csrf_token: String,
    /// The version of the service.
    version: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct MyUser {
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
    /// `admin` or `user`.
    role: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct MyGroup {
    #[schema(value_type = Uuid)]
    id: GroupId,
    name: String,
    /// Lower goes first.
    priority: i32,
}

impl Me {
    pub(crate) fn new(identity: &Identity, authorizer: &Authorizer) -> Self {
        Self {
            permissions: authorizer.permissions_of(&identity.user.role),
            user: MyUser {
                id: identity.user.id,
                name: identity.user.name.clone(),
                role: identity.user.role.clone(),
            },
            groups: identity
                .groups
                .iter()
                .map(|group| MyGroup {
                    id: group.id,
                    name: group.name.clone(),
                    priority: group.priority,
                })
                .collect(),
            csrf_token: identity.csrf_token.clone(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// That the service runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    pub(crate) status: &'static str,
    /// The version of the service.
    pub(crate) version: &'static str,
}

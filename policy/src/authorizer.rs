//! Who may do what: a casbin model and the policy lines of each role.

use std::fmt;

use casbin::{CoreApi as _, DefaultModel, Enforcer, MgmtApi as _, StringAdapter};

use crate::permission::Permission;

const MODEL: &str = include_str!("../model.conf");
const ROLES: &str = include_str!("../roles.csv");

/// Why a policy can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizerError {
    /// Not a casbin model, or not lines of a policy.
    #[error("invalid role policy")]
    Policy(#[source] Box<casbin::Error>),
    /// A line gives what does not exist. A misspelt right must not look like a right.
    #[error("role policy gives {role:?} the unknown permission {permission:?}")]
    UnknownPermission {
        /// To whom.
        role: String,
        /// As written.
        permission: String,
    },
}

impl From<casbin::Error> for AuthorizerError {
    fn from(error: casbin::Error) -> Self {
        Self::Policy(Box::new(error))
    }
}

/// Decides what a role may do.
pub struct Authorizer {
    enforcer: Enforcer,
}

impl Authorizer {
    /// The roles that come with the product: `admin` and `user`.
    ///
    /// # Errors
    /// Only where the embedded policy itself is wrong, which a test excludes.
    pub async fn built_in() -> Result<Self, AuthorizerError> {
        Self::from_policy(ROLES).await
    }

    /// Roles as casbin policy lines: `p, <role>, <permission>` and `g, <role>, <role it inherits from>`.
    ///
    /// # Errors
    /// [`AuthorizerError`].
    pub async fn from_policy(lines: &str) -> Result<Self, AuthorizerError> {
        let model = DefaultModel::from_str(MODEL).await?;
        let enforcer = Enforcer::new(model, StringAdapter::new(lines)).await?;
        for line in enforcer.get_policy() {
            if let [role, permission, ..] = line.as_slice()
                && Permission::parse(permission).is_none()
            {
                return Err(AuthorizerError::UnknownPermission {
                    role: role.clone(),
                    permission: permission.clone(),
                });
            }
        }
        Ok(Self { enforcer })
    }

    /// Whether `role` may do it. An unknown role may nothing; so may everybody where the policy can't be evaluated.
    #[must_use]
    pub fn allows(&self, role: &str, permission: Permission) -> bool {
        self.enforcer.enforce((role, permission.as_str())).unwrap_or(false)
    }

    /// All that `role` may do, for a page that shows only what works.
    #[must_use]
    pub fn permissions_of(&self, role: &str) -> Vec<Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(|permission| self.allows(role, *permission))
            .collect()
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn the_built_in_roles() {
        let authorizer = Authorizer::built_in().await.unwrap();
        assert_eq!(authorizer.permissions_of("admin"), Permission::ALL);
        assert_eq!(authorizer.permissions_of("user"), [Permission::SessionsLaunch]);
        for nobody in ["", "Admin", "root", "admin, user", "*", "p"] {
            assert_eq!(authorizer.permissions_of(nobody), [], "{nobody:?}");
        }
    }

    #[tokio::test]
    async fn uploading_is_not_activating() {
        let policy = "p, builder, plugins.upload\np, keeper, plugins.activate\ng, keeper, viewer\np, viewer, plugins.view";
        let authorizer = Authorizer::from_policy(policy).await.unwrap();
        assert_eq!(authorizer.permissions_of("builder"), [Permission::PluginsUpload]);
        assert_eq!(
            authorizer.permissions_of("keeper"),
            [Permission::PluginsView, Permission::PluginsActivate]
        );
    }

    #[tokio::test]
    async fn a_misspelt_right_is_refused() {
        let error = Authorizer::from_policy("p, user, plugins.uplaod").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "role policy gives \"user\" the unknown permission \"plugins.uplaod\""
        );
    }
}

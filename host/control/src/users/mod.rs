//! Users and their passwords.

pub(crate) mod handover;
pub(crate) mod login;
pub(crate) mod tries;

use gatewright_core::UserId;
use gatewright_core::record::User;
use gatewright_core::session::EndReason;
use gatewright_database::{Constraint, StoreError, UserRecord};
use secrecy::{ExposeSecret, SecretString};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::random;

/// The shortest password that is taken, in characters (NIST SP 800-63B 5.1.1.2).
const PASSWORD_MIN: usize = 8;
/// The longest, in bytes: hashing must not become a way to spend our memory.
const PASSWORD_MAX: usize = 1024;

/// Why a user was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Another user has this name.
    #[error("user name is taken")]
    NameTaken,
    /// A name has 1 to 64 printable characters.
    #[error("user name is empty, too long or has control characters")]
    InvalidName,
    /// There is no such user.
    #[error("no such user")]
    NotFound,
    /// The password.
    #[error("password is not acceptable")]
    Password(#[from] PasswordError),
    /// Something of ours.
    #[error("user can't be changed")]
    Internal(#[from] Internal),
}

/// Why a password was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than 8 characters.
    #[error("password has fewer than 8 characters")]
    TooShort,
    /// It has more than 1,024 bytes.
    #[error("password has more than 1024 bytes")]
    TooLong,
    /// The current password is another.
    #[error("current password is wrong")]
    Wrong,
    /// Something of ours.
    #[error("password can't be changed")]
    Internal(#[from] Internal),
}

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(Constraint::UserName) => Self::NameTaken,
            other => Self::Internal(other.into()),
        }
    }
}

impl From<StoreError> for PasswordError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

fn check_password(password: &SecretString) -> Result<(), PasswordError> {
    if password.expose_secret().len() > PASSWORD_MAX {
        Err(PasswordError::TooLong)
    } else if password.expose_secret().chars().count() < PASSWORD_MIN {
        Err(PasswordError::TooShort)
    } else {
        Ok(())
    }
}

impl ControlPlane {
    /// Makes a user with a role (`admin` or `user`), who joins the groups that are for everyone.
    ///
    /// # Errors
    /// [`UserError`].
    pub async fn create_user(&self, name: &str, password: SecretString, role: &str, by: &Actor) -> Result<User, UserError> {
        check_password(&password)?;
        let record = self.new_user(name, password, role, false).await?;
        let mut write = self.0.store.begin().await?;
        write.insert_user(&record).await?;
        write
            .append_event(&self.audit(by, "user.created", &record.user.name, role, true))
            .await?;
        write.commit().await?;
        Ok(record.user)
    }

    /// A user's record, with the password hashed, not yet stored.
    pub(crate) async fn new_user(&self, name: &str, password: SecretString, role: &str, example: bool) -> Result<UserRecord, UserError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(UserError::InvalidName);
        }
        let password_hash = self.0.passwords.hash(password).await?;
        Ok(UserRecord {
            user: User {
                id: UserId::from_uuid(random::id()),
                name: name.into(),
                enabled: true,
                role: role.into(),
                created_at: self.now(),
            },
            password_hash,
            example,
        })
    }

    /// All users by name.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn users(&self) -> Result<Vec<User>, Internal> {
        Ok(self.0.store.users().await?.into_iter().map(|record| record.user).collect())
    }

    /// Changes a user's own password and ends the other logins.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn change_password(&self, identity: &login::Identity, current: SecretString, new: SecretString) -> Result<(), PasswordError> {
        check_password(&new)?;
        let Some(record) = self.0.store.user(identity.user.id).await? else {
            return Err(PasswordError::Wrong);
        };
        if !self.0.passwords.verify(Some(record.password_hash), current).await? {
            return Err(PasswordError::Wrong);
        }
        let hash = self.0.passwords.hash(new).await?;
        let mut write = self.0.store.begin().await?;
        write.set_password_hash(identity.user.id, &hash).await?;
        write.delete_logins_of(identity.user.id, Some(&identity.token_hash)).await?;
        write
            .append_event(&self.audit(&identity.actor(""), "user.password-changed", &identity.user.name, "", true))
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Disables a user: no login works any more, and their sessions end, all at one moment. What a session has running goes on
    /// for as long as the session does, so an account that may do nothing must not keep one.
    ///
    /// # Errors
    /// `NotFound`, `Internal`.
    pub async fn disable_user(&self, user: UserId, by: &Actor) -> Result<(), UserError> {
        let record = self.0.store.user(user).await?.ok_or(UserError::NotFound)?;
        let mut write = self.0.store.begin().await?;
        if write.set_user_enabled(user, false).await? {
            write.delete_logins_of(user, None).await?;
            write
                .append_event(&self.audit(by, "user.disabled", &record.user.name, "", true))
                .await?;
        }
        for session in self.0.store.open_sessions().await?.iter().filter(|one| one.session.user == user) {
            self.begin_end(&mut write, session, &EndReason::UserDisabled, by).await?;
        }
        write.commit().await?;
        // With those that were requested meanwhile. What is requested from now on finds the user disabled before its first step.
        for session in self.0.store.open_sessions().await?.iter().filter(|one| one.session.user == user) {
            self.end(session.session.id, EndReason::UserDisabled, by).await?;
        }
        Ok(())
    }

    /// Lets a disabled user log in again.
    ///
    /// # Errors
    /// `NotFound`, `Internal`.
    pub async fn enable_user(&self, user: UserId, by: &Actor) -> Result<(), UserError> {
        let record = self.0.store.user(user).await?.ok_or(UserError::NotFound)?;
        let mut write = self.0.store.begin().await?;
        if write.set_user_enabled(user, true).await? {
            write
                .append_event(&self.audit(by, "user.enabled", &record.user.name, "", true))
                .await?;
        }
        write.commit().await?;
        Ok(())
    }
}

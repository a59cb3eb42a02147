//! Where the database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Where the database is: a file of this process, or a PostgreSQL server that many processes share.
#[derive(Debug, Clone)]
pub enum StoreAddress {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresAddress),
}

impl From<PathBuf> for StoreAddress {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for StoreAddress {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// What a person may see of it: never a password.
impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// A PostgreSQL server, a database in it, and how to log in.
#[derive(Clone)]
pub struct PostgresAddress {
    pub(crate) options: Box<PgConnectOptions>,
}

/// Why a PostgreSQL address can't be used. Says nothing of what was given: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme, or none.
    #[error("address has to begin with postgres:// or postgresql://")]
    Scheme,
    /// It can't be read.
    #[error("address is not of the form postgres://user:password@host:port/database?sslmode=verify-full")]
    Form,
}

impl PostgresAddress {
    /// Reads `postgres://user:password@host:port/database`. Parameters that may follow: `host` (a folder with the server's
    /// socket: `postgres:///database?host=/run/postgresql&user=name`), `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `options`.
    ///
    /// A server on another machine has to prove who it is (`sslmode=verify-full`) unless the address says otherwise: passwords
    /// and everything that the vault has sealed pass this way.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(url: &SecretString) -> Result<Self, AddressError> {
        let text = url.expose_secret().trim();
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(AddressError::Scheme);
        }
        let mut options = PgConnectOptions::from_str(text).map_err(|_| AddressError::Form)?;
        let says_how = text
            .split_once('?')
            .is_some_and(|(_, rest)| rest.contains("sslmode=") || rest.contains("ssl-mode="));
        if !says_how {
            let mode = if is_here(&options) {
                PgSslMode::Prefer
            } else {
                PgSslMode::VerifyFull
            };
            options = options.ssl_mode(mode);
        }
        Ok(Self {
            options: Box::new(options.application_name("gatewright")),
        })
    }
}

/// Whether nothing of the connection leaves this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let user = options.get_username();
        let database = options.get_database().unwrap_or(user);
        match options.get_socket() {
            Some(socket) => write!(f, "postgres:///{database}?host={}&user={user}", socket.display()),
            None => write!(f, "postgres://{user}@{}:{}/{database}", options.get_host(), options.get_port()),
        }
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Result<PostgresAddress, AddressError> {
        PostgresAddress::parse(&SecretString::from(text))
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = parse("postgres://gate:s3cret@db.example.org:5433/gatewright").unwrap();
        assert_eq!(address.to_string(), "postgres://gate@db.example.org:5433/gatewright");
        assert!(!format!("{:?}", StoreAddress::Postgres(address)).contains("s3cret"));
        for bad in ["mysql://gate:s3cret@db/x", "s3cret", "postgres://gate:s3cret@db:port/x"] {
            let error = parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_server_elsewhere_has_to_prove_who_it_is() {
        let mode = |text: &str| format!("{:?}", parse(text).unwrap().options.get_ssl_mode());
        assert_eq!(mode("postgres://u@db.example.org/x"), "VerifyFull");
        assert_eq!(mode("postgres://u@127.0.0.1/x"), "Prefer");
        assert_eq!(mode("postgres:///x?host=/run/postgresql&user=u"), "Prefer");
        assert_eq!(mode("postgres://u@db.example.org/x?sslmode=require"), "Require");
    }
}

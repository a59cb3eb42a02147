//! A database of its own for each test, on the PostgreSQL server that `cargo xtask test` starts.

use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use crate::PostgresAddress;
use crate::sql::within;

/// The environment variable with the server's address.
pub const SERVER: &str = "GATEWRIGHT_POSTGRES_URL";

/// An empty database, dropped with this value.
#[derive(Debug)]
pub struct ScratchDatabase {
    server: PostgresAddress,
    url: String,
    name: String,
}

impl ScratchDatabase {
    /// Makes one.
    ///
    /// # Panics
    /// There is no server: the message says what to do.
    #[expect(clippy::panic, reason = "a test without its server has to fail with the reason")]
    pub async fn create() -> Self {
        let Ok(url) = std::env::var(SERVER) else {
            panic!("{SERVER} is not set: run the tests by `cargo xtask test`, or `cargo xtask postgres -- cargo test ...`");
        };
        let server = PostgresAddress::parse(&SecretString::from(url.as_str())).unwrap_or_else(|error| panic!("{SERVER}: {error}"));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("test_{}_{since}", std::process::id());
        let scratch = Self {
            url: with_database(&url, &name),
            server,
            name,
        };
        if let Err(error) = scratch
            .on_server(format!("CREATE DATABASE {} TEMPLATE template0", scratch.name))
            .await
        {
            panic!("no database on the server that {SERVER} names: {error}");
        }
        scratch
    }

    /// As [`Self::create`], for what is not async.
    ///
    /// # Panics
    /// As [`Self::create`].
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has to fail with the reason")]
    pub fn create_blocking() -> Self {
        on_own_thread(Self::create()).unwrap_or_else(|| panic!("no database: see the panic above"))
    }

    /// Its address, as a configuration takes it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address.
    ///
    /// # Panics
    /// Never: it is the server's with another name.
    #[must_use]
    pub fn address(&self) -> PostgresAddress {
        PostgresAddress::parse(&SecretString::from(self.url.as_str())).unwrap_or_else(|_| self.server.clone())
    }

    /// Cuts every connection to it, as a server that is started anew does.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn cut_connections(&self) -> Result<(), crate::StoreError> {
        self.on_server(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        ))
        .await
    }

    /// Lets nobody in, or everybody again.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn allow_connections(&self, allow: bool) -> Result<(), crate::StoreError> {
        self.on_server(format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allow}", self.name))
            .await
    }

    async fn on_server(&self, sql: String) -> Result<(), crate::StoreError> {
        let mut connection = within(self.server.options.connect()).await?;
        within(connection.execute(AssertSqlSafe(sql))).await?;
        Ok(())
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let dropping = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if !matches!(on_own_thread(self.on_server(dropping)), Some(Ok(()))) {
            tracing::warn!(database = %self.name, "A test's database was not dropped");
        }
    }
}

/// The test's own runtime may be at its end, or be the one that waits: a thread with one of its own.
fn on_own_thread<T: Send>(work: impl Future<Output = T> + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            Some(runtime.block_on(work))
        });
        thread.join().ok().flatten()
    })
}

/// The same address with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let start = address.find("://").map_or(0, |at| at + 3);
    let (server, _) = address
        .get(start..)
        .and_then(|rest| rest.split_once('/'))
        .map_or((address, ""), |(host, path)| {
            (address.get(..start + host.len()).unwrap_or(address), path)
        });
    if parameters.is_empty() {
        format!("{server}/{name}")
    } else {
        format!("{server}/{name}?{parameters}")
    }
}

//! What the control plane is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatewright_database::StoreAddress;
use secrecy::SecretString;

use crate::clock::{Clock, SystemClock};
use crate::saga::hooks::{NoHooks, SagaHooks};
use crate::saga::limits::SessionLimits;

/// Passwords for the first users; generated where none is given.
#[derive(Debug, Clone, Default)]
pub struct SeedPasswords {
    /// For `admin`.
    pub admin: Option<SecretString>,
    /// For `demo`.
    pub demo: Option<SecretString>,
}

/// The control plane's configuration.
#[derive(Clone)]
pub struct ControlConfig {
    /// Where the database is.
    pub database: StoreAddress,
    /// The master key's file, kept outside the database and its backups. Made at the first start.
    pub master_key: PathBuf,
    /// Folder with `*.wasm` that are imported at the first start. A name with `@` is only made ready, others are activated.
    pub first_plugins: Option<PathBuf>,
    /// Folder whose `*.wasm` are uploaded and activated when they appear or change. Only for development.
    pub watched_plugins: Option<PathBuf>,
    /// Passwords for the first users.
    pub passwords: SeedPasswords,
    /// How long a login lasts at the most.
    pub login_lifetime: Duration,
    /// How long a login lasts without use.
    pub login_idle: Duration,
    /// How long a desktop may take to answer.
    pub ready_timeout: Duration,
    /// How long making or starting a container may take.
    pub step_timeout: Duration,
    /// A node that is silent for longer takes no sessions.
    pub node_timeout: Duration,
    /// How often each node is compared with the database.
    pub reconcile_every: Duration,
    /// How long a session waits for another web-app when the one that drives it is gone.
    pub lease: Duration,
    /// Sessions at once for one user.
    pub sessions_per_user: u32,
    /// How long a session may live.
    pub session_limits: SessionLimits,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Called around each step of the saga.
    pub hooks: Arc<dyn SagaHooks>,
}

impl ControlConfig {
    /// The defaults, with the files in `data`: `gatewright.db` and `master.key`.
    #[must_use]
    pub fn in_folder(data: &std::path::Path) -> Self {
        Self {
            database: data.join("gatewright.db").into(),
            master_key: data.join("master.key"),
            first_plugins: None,
            watched_plugins: None,
            passwords: SeedPasswords::default(),
            login_lifetime: Duration::from_secs(12 * 3600),
            login_idle: Duration::from_secs(3600),
            ready_timeout: Duration::from_secs(90),
            step_timeout: Duration::from_secs(120),
            node_timeout: Duration::from_secs(30),
            reconcile_every: Duration::from_secs(30),
            lease: Duration::from_secs(15),
            sessions_per_user: 8,
            session_limits: SessionLimits::default(),
            clock: Arc::new(SystemClock),
            hooks: Arc::new(NoHooks),
        }
    }
}

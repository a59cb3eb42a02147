//! The control plane without HTTP: users, saga, placement, plugin and node registry, vault, activity.
//!
//! [`ControlPlane`] is the whole of it, cheap to clone. It keeps nothing outside the database but tasks that can be
//! started again from what the database says: [`ControlPlane::recover`] does so after a start.
//!
//! **Invariant:** a session's state is in the database before the step that follows it begins, and a session leaves
//! `Ending` only after its agent confirmed that nothing of it is left.
#![forbid(unsafe_code)]

mod activity;
mod actor;
mod catalog;
mod clock;
mod config;
mod control_port;
mod edges;
mod error;
mod examples;
mod follow;
mod heartbeats;
mod home;
mod home_folders;
mod images;
mod inspection;
mod known_nodes;
mod node_changes;
mod nodes;
mod passwords;
mod placement;
mod plane;
mod plugins;
mod random;
mod registry;
mod saga;
mod seed;
mod users;
mod vault;
mod views;
mod workspaces;

pub use activity::ActivityQuery;
pub use actor::Actor;
pub use catalog::{FieldError, WorkspaceError, WorkspaceWish};
pub use clock::{Clock, SystemClock};
pub use config::{ControlConfig, SeedPasswords};
pub use edges::EdgeView;
pub use error::{Internal, OpenError};
pub use gatewright_database::{AddressError, EventKind, PostgresAddress, StoreAddress, StoreError};
pub use gatewright_plugin_host as plugin_host;
pub use gatewright_ports::ImageStatus;
pub use home_folders::HomeError;
pub use images::PullError;
pub use inspection::InspectError;
pub use node_changes::{RemoveNodeError, join_commands, remove_node};
pub use nodes::{JoinTokenWish, NodeError, OwnNode};
pub use plane::ControlPlane;
pub use plugins::engine::{BadPlugin, InspectedPlugin, PluginEngine, RankError};
pub use plugins::host_engine::HostEngine;
pub use plugins::{ActivateError, DeleteError, RollBackError, UploadError, Uploaded};
pub use saga::check::{CheckError, CheckState, CheckStep};
pub use saga::hooks::{HookFailure, NoHooks, SagaHooks, Step};
pub use saga::launch::{LaunchError, LaunchRequest};
pub use saga::limits::SessionLimits;
pub use saga::pause::PauseError;
pub use seed::{SeedReport, SeededPassword};
pub use users::handover::Handover;
pub use users::login::{Identity, LoggedIn, LoginError};
pub use users::tries::TriesOf;
pub use users::{PasswordError, UserError};
pub use vault::VaultError;
pub use views::{
    ActivityItem, ActivityPage, ChainView, CheckStepView, CheckView, ChecklistItem, EndView, HomeFolderView, HomeView, ImpactView,
    NameView, NodeCapacityView, NodeImageView, NodeStateView, NodeView, PluginView, RuleAnswerView, RuleUse, RunningView, SessionView,
    StepView, VerdictCounts, VersionView, WorkspaceNodeView, WorkspaceRef, WorkspaceSettingsView, WorkspaceView,
};

//! What the REST API sends and takes. The wire contract: a change of the control plane's own types does not change it
//! unnoticed.

mod activity;
mod edges;
mod home;
mod home_folders;
mod images;
mod me;
mod names;
mod nodes;
mod plugins;
mod running;
mod sessions;
mod workspaces;

pub(crate) use activity::{ActivityPage, ActivitySearch};
pub(crate) use edges::{ComeOver, Edges, HandoverCode};
pub(crate) use home::Home;
pub(crate) use home_folders::SavedHomes;
pub(crate) use images::{Check, CheckWish, LastCheck, WorkspaceNodes};
pub(crate) use me::{Credentials, Health, Me};
pub(crate) use names::PluginFile;
pub(crate) use nodes::{JoinCommands, NewNode, Nodes};
pub(crate) use plugins::{Impact, Plugin, Plugins, Uploaded};
pub(crate) use running::{Log, LogSearch, RunningSessions, Stats};
pub(crate) use sessions::{Launch, Session, Sessions, Ticket};
pub(crate) use workspaces::{AllWorkspaceSettings, DeleteWorkspace, WorkspaceSettings, WorkspaceWish, Workspaces};

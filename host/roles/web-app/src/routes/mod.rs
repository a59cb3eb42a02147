//! The endpoints of the REST API, by what they are about.

pub(crate) mod activity;
pub(crate) mod edges;
pub(crate) mod events;
pub(crate) mod home;
pub(crate) mod home_folders;
pub(crate) mod images;
pub(crate) mod login;
pub(crate) mod nodes;
pub(crate) mod plugins;
pub(crate) mod running;
pub(crate) mod sessions;
pub(crate) mod workspaces;

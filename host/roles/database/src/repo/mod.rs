//! The repositories, one file for each thing that is stored.

pub(crate) mod checks;
pub(crate) mod events;
mod handovers;
pub(crate) mod homes;
pub(crate) mod leases;
mod login_tries;
pub(crate) mod logins;
pub(crate) mod members;
pub(crate) mod nodes;
pub(crate) mod plugins;
pub(crate) mod policy;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod users;
pub(crate) mod workspaces;

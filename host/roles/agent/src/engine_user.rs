//! Who a session's user is outside of its container, and whether the agent's own user can run sessions on an engine.

use crate::guard::{Dialect, WORKSPACE_UID, libpod};

/// Who owns on the host what sessions own inside.
///
/// Root gives it to the number that the workspace's user has inside. An ordinary user can give nothing away: an engine of
/// that user maps it to the workspace's user (see the guard), so that all of it stays that user's.
pub(crate) fn owner() -> u32 {
    match rustix::process::geteuid() {
        own if own.is_root() => WORKSPACE_UID,
        own => own.as_raw(),
    }
}

/// Why sessions can't run here. `engine` is the user whose process answers at the engine's socket.
pub(crate) fn unfit(dialect: &Dialect, engine: u32) -> Option<String> {
    judge(dialect, engine, rustix::process::geteuid().as_raw())
}

fn judge(dialect: &Dialect, engine: u32, own: u32) -> Option<String> {
    match dialect {
        // Root's folders are closed to the engine, and another user's engine can't be given anything.
        Dialect::Libpod(libpod::User::Rootless) if own == 0 || own != engine => Some(format!(
            "the engine is rootless and runs as user {engine}, the agent as user {own}: run the agent as the engine's user, who is not root"
        )),
        Dialect::Docker(_) | Dialect::Libpod(libpod::User::Rootful) if own != 0 && own != WORKSPACE_UID => Some(format!(
            "sessions are user {WORKSPACE_UID} on this engine, and the agent as user {own} can give them nothing: run it as root, or with a rootless Podman of that user"
        )),
        // How an engine of another kind maps users only its operator knows.
        Dialect::Docker(_) | Dialect::Libpod(_) | Dialect::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::docker::ApiVersion;

    #[test]
    fn an_agent_fits_an_engine_that_can_be_given_its_folders() {
        let (rootless, rootful) = (Dialect::Libpod(libpod::User::Rootless), Dialect::Libpod(libpod::User::Rootful));
        let docker = Dialect::Docker(ApiVersion::OLDEST);
        let other = Dialect::Other(Vec::new().into());
        for (dialect, engine, own, fits) in [
            (&rootless, 1234, 1234, true),
            (&rootless, 1234, 0, false),
            (&rootless, 1234, 1235, false),
            (&rootless, 0, 0, false),
            (&rootful, 0, 0, true),
            (&rootful, 0, 1000, true),
            (&rootful, 0, 1234, false),
            (&docker, 0, 0, true),
            (&docker, 0, 1234, false),
            (&other, 0, 1234, true),
        ] {
            assert_eq!(judge(dialect, engine, own).is_none(), fits, "{dialect:?} {engine} {own}");
        }
    }
}

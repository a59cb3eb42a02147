//! Every method that crosses processes, and the one table that says who may call it.

use std::time::Duration;

use gatewright_core::NodeRole;

use NodeRole::{Agent, ConnectionProxy, DedicatedProxy, WebApp};
use Scope::{Deployment, Own, Stranger, Zone};

/// How far a caller's right goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Whoever reaches the port, without a certificate too.
    Stranger,
    /// Any node that has one of the roles.
    Deployment,
    /// What the method is about must lie in the caller's zone.
    Zone,
    /// What the method is about must be the caller itself.
    Own,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The method.
    pub method: Method,
    /// The port's segment of the path.
    pub port: &'static str,
    /// The method's segment of the path.
    pub name: &'static str,
    /// Who may call it.
    pub callers: &'static [NodeRole],
    /// And for what.
    pub scope: Scope,
    /// How long an answer may take.
    pub deadline: Duration,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident = $port:literal $name:literal, $callers:expr, $scope:expr, $secs:literal;)*) => {
        /// A method of a port, or a use of a stream.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method { $($(#[$doc])* $method,)* }

        /// The table. A method that is not in it can't be called at all.
        pub const TABLE: &[Entry] = &[$(Entry {
            method: Method::$method,
            port: $port,
            name: $name,
            callers: &$callers,
            scope: $scope,
            deadline: Duration::from_secs($secs),
        },)*];
    };
}

const ANY: [NodeRole; 4] = NodeRole::ALL;

methods! {
    /// `Control::join`
    Join = "control" "join", ANY, Stranger, 15;
    /// `Control::renew`
    Renew = "control" "renew", ANY, Own, 15;
    /// `Control::deployment`
    Deployment = "control" "deployment", ANY, Deployment, 10;
    /// `Control::watch`
    Watch = "control" "watch", ANY, Deployment, 45;
    /// `Control::heartbeat`
    Heartbeat = "control" "heartbeat", [Agent], Own, 10;
    /// `Control::policy`: an agent gets of it which runtime plugins are active, and nothing else.
    Policy = "control" "policy", [Agent, ConnectionProxy], Deployment, 10;
    /// `Control::component`
    Component = "control" "component", [Agent, ConnectionProxy], Deployment, 60;
    /// `Control::session`
    Session = "control" "session", [ConnectionProxy], Zone, 10;
    /// `Control::secrets`
    Secrets = "control" "secrets", [ConnectionProxy], Zone, 10;
    /// `Control::secret`
    Secret = "control" "secret", [ConnectionProxy], Zone, 10;
    /// `Control::append_events`: verdicts about sessions of its zone.
    AppendEvents = "control" "append-events", [ConnectionProxy], Zone, 10;
    /// `Control::end_session`
    EndSession = "control" "end-session", [ConnectionProxy], Zone, 10;
    /// `AgentControl::status`
    AgentStatus = "agent" "status", [WebApp], Deployment, 30;
    /// `AgentControl::create`
    AgentCreate = "agent" "create", [WebApp], Deployment, 600;
    /// `AgentControl::start`
    AgentStart = "agent" "start", [WebApp], Deployment, 600;
    /// `AgentControl::wait_ready`
    AgentWaitReady = "agent" "wait-ready", [WebApp], Deployment, 1800;
    /// `AgentControl::stop`
    AgentStop = "agent" "stop", [WebApp], Deployment, 300;
    /// `AgentControl::pause`
    AgentPause = "agent" "pause", [WebApp], Deployment, 120;
    /// `AgentControl::resume`
    AgentResume = "agent" "resume", [WebApp], Deployment, 120;
    /// `AgentControl::stats`
    AgentStats = "agent" "stats", [WebApp], Deployment, 60;
    /// `AgentControl::logs`
    AgentLogs = "agent" "logs", [WebApp], Deployment, 60;
    /// `AgentControl::exec`
    AgentExec = "agent" "exec", [WebApp], Deployment, 90;
    /// `AgentControl::destroy`
    AgentDestroy = "agent" "destroy", [WebApp], Deployment, 300;
    /// `AgentControl::check`
    AgentCheck = "agent" "check", [WebApp], Deployment, 300;
    /// `AgentControl::image`
    AgentImage = "agent" "image", [WebApp], Deployment, 60;
    /// `AgentControl::pull`
    AgentPull = "agent" "pull", [WebApp], Deployment, 60;
    /// `AgentControl::cancel_pull`
    AgentCancelPull = "agent" "cancel-pull", [WebApp], Deployment, 60;
    /// `AgentControl::remove_home`
    AgentRemoveHome = "agent" "remove-home", [WebApp], Deployment, 300;
    /// `AgentControl::list`
    AgentList = "agent" "list", [WebApp], Deployment, 60;
    /// `SessionStreams::open`
    StreamOpen = "streams" "open", [ConnectionProxy], Zone, 15;
    /// `ProxyControl::list`
    ProxyList = "proxy" "list", [WebApp], Deployment, 10;
    /// `ProxyControl::terminate`
    ProxyTerminate = "proxy" "terminate", [WebApp], Deployment, 10;
    /// `ProxyControl::message`
    ProxyMessage = "proxy" "message", [WebApp], Deployment, 10;
    /// A stream on which the node that dialled serves its ports: to every web-app.
    LinkToWebApp = "stream" "link-web-app", [Agent, ConnectionProxy], Deployment, 10;
    /// The same to a connection proxy of the zone.
    LinkToProxy = "stream" "link-connection-proxy", [Agent], Zone, 10;
    /// A stream that answers `SessionStreams::open`.
    Answer = "stream" "answer", [Agent], Zone, 10;
    /// A stream with a browser's requests.
    Http = "stream" "http", [DedicatedProxy], Deployment, 10;
}

impl Method {
    /// The method's line.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        // The macro makes table and enum from the same list.
        TABLE.iter().find(|entry| entry.method == self).expect("every method has a line")
    }

    /// Its path.
    #[must_use]
    pub fn path(self) -> String {
        let Entry { port, name, .. } = self.entry();
        format!("/v1/{port}/{name}")
    }

    /// What a path names. Streams are not called by path.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let (port, name) = path.strip_prefix("/v1/")?.split_once('/')?;
        TABLE
            .iter()
            .find(|entry| entry.port == port && entry.name == name && port != "stream")
            .map(|entry| entry.method)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn paths_are_unique_and_lead_back() {
        for entry in TABLE {
            let found = Method::of_path(&entry.method.path());
            assert_eq!(found, (entry.port != "stream").then_some(entry.method));
            assert!(!entry.callers.is_empty());
        }
        assert_eq!(Method::of_path("/v1/control/watch").unwrap(), Method::Watch);
        for path in [
            "",
            "/",
            "/v1/control",
            "/v1/control/",
            "/v1/control/watch/",
            "/v2/control/watch",
            "/v1/stream/http",
        ] {
            assert_eq!(Method::of_path(path), None, "{path}");
        }
    }
}

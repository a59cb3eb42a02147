//! What a role may be allowed to do.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a role may be allowed to do in the product.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in the policy file and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

permissions! {
    /// Launch, open and end sessions of one's own.
    SessionsLaunch = "sessions.launch";
    /// See, pause and end other people's sessions.
    SessionsManage = "sessions.manage";
    /// Make, change and delete workspaces, and bring and check their images.
    WorkspacesManage = "workspaces.manage";
    /// Read what the desktops of other people's sessions logged.
    SessionsInspect = "sessions.inspect";
    /// See, add and remove the machines of the deployment.
    NodesManage = "nodes.manage";
    /// See plugins and their versions.
    PluginsView = "plugins.view";
    /// Upload a version, and remove one that is not active.
    PluginsUpload = "plugins.upload";
    /// Activate a version, and roll back.
    PluginsActivate = "plugins.activate";
    /// Read verdicts and the audit trail of everybody.
    ActivityView = "activity.view";
    /// Remove everything that was seeded as an example.
    ExamplesRemove = "examples.remove";
}

impl Permission {
    /// Reads [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

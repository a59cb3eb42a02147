//! What the tests share: a host with its compiler, guests loaded into it, calls.

use std::sync::Arc;

use gatewright_plugin_host::{
    Answer, Approved, CallContext, CallError, ClipboardOffer, ClipboardVerdict, Direction, HostConfig, LoadError, Plugin, PluginHost,
    Subject,
};

/// A host with a cache of its own.
pub(crate) struct Stand {
    pub(crate) host: PluginHost,
    pub(crate) cache: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let cache = tempfile::tempdir().unwrap();
        let host = PluginHost::new(config(&cache)).unwrap();
        Self { host, cache }
    }

    pub(crate) async fn load(&self, bytes: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        self.host.load(bytes, &Approved::endpoints(["engine"])).await
    }

    pub(crate) async fn quiet_clipboard(&self) -> Arc<Plugin> {
        let bytes = gatewright_hostile_guests::clipboard("1.0.0", 1024).unwrap();
        self.load(&bytes).await.unwrap()
    }
}

pub(crate) fn config(cache: &tempfile::TempDir) -> HostConfig {
    HostConfig {
        compiler: vec![env!("CARGO_BIN_EXE_gatewright-compile-component").into()],
        cache_dir: cache.path().join("plugins"),
    }
}

pub(crate) fn offer(text: &str) -> ClipboardOffer {
    ClipboardOffer {
        direction: Direction::CopyIn,
        subject: Subject {
            user: "demo".into(),
            groups: vec!["all-users".into(), "Sales".into()],
            workspace: "Desktop".into(),
            zone: "here".into(),
            session: "00000000-0000-7000-8000-000000000001".into(),
        },
        text: text.into(),
    }
}

pub(crate) async fn decide(plugin: &Plugin, text: &str) -> Result<Answer<ClipboardVerdict>, CallError> {
    plugin.clipboard(&CallContext::of_host(), offer(text)).await
}

//! One call without consequences, before a version may be activated.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::call::{CallContext, CallError, Granted};
use crate::clipboard::{ClipboardOffer, Direction, Subject};
use crate::credential::{Claims, Protocol, Target};
use crate::file::{ContentEnded, FileContent, FileDirection, FileOffer};
use crate::placement::{Candidate, PlacementRequest};
use crate::plugin::{Plugin, World};

const SESSION: &str = "00000000-0000-7000-8000-000000000000";

impl Plugin {
    /// Calls the plugin once, on made-up input, with the configuration that its manifest gives for this. Nothing comes
    /// of the answer; a runtime plugin is only instantiated. Micros of the call.
    ///
    /// # Errors
    /// [`CallError`]: it would fail in use as well.
    pub async fn self_test(&self) -> Result<u64, CallError> {
        let config = self.manifest().self_test_config.as_deref().unwrap_or("{}");
        let context = CallContext {
            config: Arc::from(config),
            ..CallContext::of_host()
        };
        match &self.world {
            World::Clipboard(_) => Ok(self.clipboard(&context, offer()).await?.micros),
            World::File(_) => {
                let content = Box::new(OnePiece(Bytes::from_static(b"self-test")));
                Ok(self.file(&context, file_offer(), content).await?.micros)
            }
            World::Placement(_) => {
                let answer = self.rank(&context, request(), vec![candidate()]).await?;
                Ok(answer.micros)
            }
            World::Credential(_) => {
                let target = Target {
                    name: "self-test".into(),
                    protocol: Protocol::Rfb,
                    service: "vnc".into(),
                };
                let claims = Claims {
                    user: "self-test".into(),
                    groups: vec!["self-test".into()],
                };
                let answer = self.resolve(&context, SESSION, target, claims, Vec::new()).await?;
                Ok(answer.micros)
            }
            World::Runtime(pre) => {
                let body = async move |mut store: wasmtime::Store<crate::store::CallState>| {
                    let result = pre.instantiate_async(&mut store).await.map(drop);
                    (store, result)
                };
                let answer = self.run("self-test", &context, Granted::default(), body, Ok).await?;
                Ok(answer.micros)
            }
        }
    }
}

/// A file that is there at once.
struct OnePiece(Bytes);

#[async_trait]
impl FileContent for OnePiece {
    async fn read(&mut self, max: usize) -> Result<Bytes, ContentEnded> {
        Ok(self.0.split_to(max.min(self.0.len())))
    }
}

fn subject() -> Subject {
    Subject {
        user: "self-test".into(),
        groups: vec!["self-test".into()],
        workspace: "self-test".into(),
        zone: "self-test".into(),
        session: SESSION.into(),
    }
}

fn file_offer() -> FileOffer {
    FileOffer {
        direction: FileDirection::Download,
        subject: subject(),
        name: "self-test.txt".into(),
        size: 9,
    }
}

fn offer() -> ClipboardOffer {
    ClipboardOffer {
        direction: Direction::CopyOut,
        subject: subject(),
        text: "self-test".into(),
    }
}

fn request() -> PlacementRequest {
    PlacementRequest {
        session: SESSION.into(),
        user: "self-test".into(),
        groups: vec!["self-test".into()],
        workspace: "self-test".into(),
        zone: "self-test".into(),
        image: "self-test".into(),
        cpu_millicores: 1000,
        memory_bytes: 1 << 30,
    }
}

fn candidate() -> Candidate {
    Candidate {
        name: "self-test".into(),
        zone: "self-test".into(),
        engine: "self-test".into(),
        cpu_millicores_allocatable: 4000,
        cpu_millicores_free: 2000,
        memory_bytes_allocatable: 8 << 30,
        memory_bytes_free: 4 << 30,
        sessions_allocatable: 10,
        sessions_free: 5,
        has_image: true,
        labels: Vec::new(),
    }
}

//! Images that come from a real registry, and those that do not.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bollard::query_parameters::RemoveImageOptions;
use gatewright_ports::{AgentControl as _, AgentError, ImageStatus};
use tempfile::TempDir;

use crate::registry::{Registry, Wire};
use crate::stand::{COMMAND, IMAGE, Stand, until};
use crate::witness::{Kind, Witness, on_each_engine};

on_each_engine!(
    an_image_comes_and_is_told_of,
    what_is_nowhere_fails_with_the_engines_words,
    a_registry_that_is_cut_off_fails_the_pull_and_another_goes_well,
    a_pull_is_broken_off,
);

/// A layer that takes several pieces.
const LAYER: usize = 8 << 20;

/// A Podman of the test's own: the registries that need no TLS are read once, and this one's is made for it.
struct OwnPodman {
    child: Child,
    socket: PathBuf,
    _dir: TempDir,
}

impl OwnPodman {
    async fn start(registry: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let registries = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
        std::fs::write(at("registries.conf"), registries).unwrap();
        let socket = at("podman.sock");
        let child = Command::new("podman")
            .env("CONTAINERS_REGISTRIES_CONF", at("registries.conf"))
            // Without mounts that would outlive it.
            .args(["--storage-driver", "vfs", "--root"])
            .arg(at("root"))
            .arg("--runroot")
            .arg(at("run"))
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("podman does not start ({error}); run: {COMMAND}"));
        let podman = Self { child, socket, _dir: dir };
        until("Podman answers", async || {
            tokio::net::UnixStream::connect(&podman.socket).await.is_ok()
        })
        .await;
        podman
    }
}

impl Drop for OwnPodman {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An agent, its engine, and a registry behind a wire.
struct Ground {
    stand: Stand,
    registry: Registry,
    wire: Wire,
    _podman: Option<OwnPodman>,
}

impl Ground {
    async fn new(kind: Kind) -> Self {
        let registry = Registry::start().await;
        let wire = Wire::to(&registry).await;
        let podman = match kind {
            Kind::Docker => None,
            Kind::Podman => Some(OwnPodman::start(&wire.host()).await),
        };
        let socket = podman.as_ref().map_or_else(|| kind.socket(), |podman| podman.socket.clone());
        Self {
            stand: Stand::over(kind, &socket).await,
            registry,
            wire,
            _podman: podman,
        }
    }

    async fn put(&self) -> String {
        format!("{}/{}", self.wire.host(), self.registry.put(LAYER).await)
    }

    async fn status(&self, name: &str) -> ImageStatus {
        self.stand.agent.image(name).await.unwrap()
    }

    /// Waits for the end of a pull. Engines try again for a minute.
    async fn end(&self, name: &str) -> ImageStatus {
        let limit = Instant::now() + Duration::from_secs(240);
        loop {
            match self.status(name).await {
                ImageStatus::Pulling(_) => assert!(Instant::now() < limit, "the pull does not end"),
                other => return other,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn pulling(&self, name: &str) {
        until("the layer begins to come", async || match self.status(name).await {
            ImageStatus::Pulling(progress) => match self.stand.kind {
                Kind::Docker => progress.done_bytes > 0 && progress.done_bytes < progress.total_bytes,
                Kind::Podman => progress.step.starts_with("Copying blob"),
            },
            other => panic!("{other:?}"),
        })
        .await;
    }

    /// Removes an image from an engine that others use too.
    async fn forget(&self, name: &str) {
        if let Witness::Docker(docker) = &self.stand.witness {
            drop(docker.remove_image(name, None::<RemoveImageOptions>, None).await);
        }
    }
}

async fn an_image_comes_and_is_told_of(kind: Kind) {
    let ground = Ground::new(kind).await;
    let agent = &ground.stand.agent;
    let name = ground.put().await;
    assert_eq!(ground.status(&name).await, ImageStatus::Absent);

    ground.wire.hold();
    agent.pull(&name).await.unwrap();
    ground.pulling(&name).await;
    agent.pull(&name).await.unwrap();
    ground.wire.mend();
    let ImageStatus::Present(facts) = ground.end(&name).await else {
        panic!("{:?}", ground.status(&name).await);
    };
    assert!(facts.id.starts_with("sha256:") && facts.id.len() == 71, "{facts:?}");
    assert!(facts.size_bytes >= LAYER as u64, "{facts:?}");
    assert_eq!(facts.user, "writer");
    assert!(
        agent.status().await.unwrap().images.contains(&name),
        "the next sign of life has the image"
    );
    // It is there already: that goes well, too.
    agent.pull(&name).await.unwrap();
    assert!(matches!(ground.end(&name).await, ImageStatus::Present(_)));
    ground.forget(&name).await;
    ground.stand.nothing_is_left().await;
}

async fn what_is_nowhere_fails_with_the_engines_words(kind: Kind) {
    let ground = Ground::new(kind).await;
    let agent = &ground.stand.agent;
    let none = format!("{}/test/none:1", ground.wire.host());
    agent.pull(&none).await.unwrap();
    let ImageStatus::Failed { why } = ground.end(&none).await else {
        panic!("an image that is nowhere came");
    };
    assert!(why.contains("manifest unknown"), "{why}");
    assert!(!why.starts_with("engine failed"), "{why}");

    ground.wire.cut();
    let unreached = format!("{}/test/other:1", ground.wire.host());
    agent.pull(&unreached).await.unwrap();
    let ImageStatus::Failed { why } = ground.end(&unreached).await else {
        panic!("an image came from nowhere");
    };
    assert!(!why.is_empty());

    for hostile in [
        "",
        "a b:1",
        "../x:1",
        "x:1?fromSrc=http://evil/x.tar",
        "x:1&tlsVerify=false",
        "HTTP://evil/x:1",
        "x",
        "127.0.0.1:5000/x",
    ] {
        let refused = agent.pull(hostile).await;
        assert!(matches!(refused, Err(AgentError::Refused { .. })), "{hostile:?}: {refused:?}");
    }
    assert!(matches!(agent.image("a b").await, Err(AgentError::Refused { .. })));
    // What is there stays there.
    if kind == Kind::Docker {
        assert!(matches!(ground.status(IMAGE).await, ImageStatus::Present(_)));
    }
}

async fn a_registry_that_is_cut_off_fails_the_pull_and_another_goes_well(kind: Kind) {
    let ground = Ground::new(kind).await;
    let agent = &ground.stand.agent;
    let name = ground.put().await;
    ground.wire.hold();
    agent.pull(&name).await.unwrap();
    ground.pulling(&name).await;
    ground.wire.cut();
    let ImageStatus::Failed { why } = ground.end(&name).await else {
        panic!("it came over a wire that was cut");
    };
    assert!(!why.is_empty());
    assert!(!agent.status().await.unwrap().images.contains(&name));

    ground.wire.mend();
    agent.pull(&name).await.unwrap();
    let end = ground.end(&name).await;
    assert!(matches!(end, ImageStatus::Present(_)), "{end:?}");
    ground.forget(&name).await;
}

async fn a_pull_is_broken_off(kind: Kind) {
    let ground = Ground::new(kind).await;
    let agent = &ground.stand.agent;
    let name = ground.put().await;
    agent.cancel_pull(&name).await.unwrap();
    ground.wire.hold();
    agent.pull(&name).await.unwrap();
    ground.pulling(&name).await;
    agent.cancel_pull(&name).await.unwrap();
    assert_eq!(ground.end(&name).await, ImageStatus::Absent);
    // The engine was told as well: with a whole wire it hangs up, and what it might have had by now did not become an image.
    ground.wire.mend();
    until("the engine hangs up", async || ground.wire.connections() == 0).await;
    assert_eq!(ground.status(&name).await, ImageStatus::Absent);

    agent.pull(&name).await.unwrap();
    assert!(matches!(ground.end(&name).await, ImageStatus::Present(_)));
    ground.forget(&name).await;
}

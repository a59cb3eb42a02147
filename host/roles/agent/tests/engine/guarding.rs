//! What a plugin that means ill gets from the endpoint, before a real engine.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use gatewright_agent::guard::{CreateRules, Scope};
use gatewright_agent::guarded_endpoint;
use gatewright_core::SessionId;
use gatewright_plugin_host::{HttpError, HttpRequest, Method};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::stand::{FENCE, IMAGE, Stand, session, spec};
use crate::witness::{Kind, on_each_engine};

on_each_engine!(a_privileged_container_is_not_made, containers_of_others_are_out_of_sight_and_reach,);

fn request(method: Method, path: &str, body: impl Into<Bytes>) -> HttpRequest {
    HttpRequest {
        method,
        path: path.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.into(),
    }
}

fn creating(session: SessionId, folder: &str) -> Scope {
    Scope::Create(Box::new(CreateRules {
        session,
        image: IMAGE.into(),
        hostname: "desk".into(),
        resources: spec(session).resources,
        folder: folder.into(),
        unenforced: BTreeSet::new(),
        resolv_conf: None,
        home: None,
        devices: Vec::new(),
    }))
}

async fn a_privileged_container_is_not_made(kind: Kind) {
    let relay = Relay::before(&kind.socket());
    let stand = Stand::new(kind).await;
    let session = session();
    let folder = stand.dir.path().to_str().unwrap().to_owned();
    let endpoint = guarded_endpoint(relay.socket.clone(), kind.language(), &stand.deployment, creating(session, &folder));
    let sensible = match kind {
        Kind::Docker => json!({"HostConfig": {
            "Memory": 256 << 20, "NanoCpus": 750_000_000, "PidsLimit": 128, "ShmSize": 32 << 20,
            "Mounts": [{"Type": "bind", "Source": folder, "Target": "/run/session"}],
        }}),
        Kind::Podman => json!({
            "shm_size": 32 << 20, "mounts": [{"type": "bind", "source": folder, "destination": "/run/session"}],
            "resource_limits": {"memory": {"limit": 256 << 20}, "cpu": {"quota": 75_000}, "pids": {"limit": 128}},
        }),
    };
    let wishes: &[(&str, Value)] = match kind {
        Kind::Docker => &[
            ("HostConfig.Privileged", json!(true)),
            ("HostConfig.Binds", json!(["/:/host"])),
            ("HostConfig.CapAdd", json!(["SYS_ADMIN"])),
            ("HostConfig.PidMode", json!("host")),
            (
                "HostConfig.Devices",
                json!([{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x"}]),
            ),
            (
                "HostConfig.DeviceRequests",
                json!([{"Driver": "cdi", "DeviceIDs": ["vendor.example/probe=one"]}]),
            ),
            ("HostConfig.SecurityOpt", json!(["seccomp=unconfined"])),
        ],
        Kind::Podman => &[
            ("privileged", json!(true)),
            ("volumes", json!([{"Name": "x", "Dest": "/host"}])),
            ("cap_add", json!(["SYS_ADMIN"])),
            ("pidns.nsmode", json!("host")),
            ("devices", json!([{"path": "/dev/null:/dev/x"}])),
            ("devices", json!([{"path": "vendor.example/probe=one"}])),
            ("seccomp_profile_path", json!("unconfined")),
        ],
    };
    let create = format!("{}/containers/create", kind.api());
    for (named, wish) in wishes {
        let mut body = sensible.clone();
        let mut at = &mut body;
        for name in named.split('.') {
            at = &mut at[name];
        }
        *at = wish.clone();
        match endpoint.send(request(Method::Post, &create, body.to_string())).await {
            Err(HttpError::Refused(why)) => assert!(why.contains(named), "{why}"),
            other => panic!("{named}: {other:?}"),
        }
    }
    assert!(!relay.sent().contains("create"), "a refused request reached the engine");
    assert!(stand.containers().await.is_empty());

    // The same without it is made, and the answer is the engine's.
    let made = endpoint.send(request(Method::Post, &create, sensible.to_string())).await.unwrap();
    assert_eq!(made.status, 201);
    let made: Vec<Bytes> = made.body.try_collect().await.unwrap();
    let id = stand.containers().await[0]["Id"].as_str().unwrap().to_owned();
    assert!(String::from_utf8_lossy(&made.concat()).contains(&id));
    let seen = stand.seen(session).await;
    assert_eq!(seen["HostConfig"]["SecurityOpt"], json!(["no-new-privileges"]));
    assert_eq!(seen["HostConfig"]["NetworkMode"], "none");
    // A call that creates does not remove, not even its own.
    assert!(matches!(
        endpoint
            .send(request(Method::Delete, &format!("{}/containers/{id}?force=1", kind.api()), ""))
            .await,
        Err(HttpError::Refused(_))
    ));
    Stand::sweep(&stand.witness, &stand.deployment).await;
}

async fn containers_of_others_are_out_of_sight_and_reach(kind: Kind) {
    let stand = Stand::new(kind).await;
    let (session, other) = (session(), crate::stand::session());
    let api = kind.api();
    let foreign = format!("{}-foreign", stand.deployment);
    let make = async |deployment: &str, session: SessionId| {
        let labels = [("gatewright.deployment", deployment), ("gatewright.session", &session.to_string())];
        stand.witness.make(&labels).await
    };
    let mine = make(&stand.deployment, session).await;
    let neighbour = make(&stand.deployment, other).await;
    let stranger = make(&foreign, session).await;

    let endpoint = guarded_endpoint(kind.socket(), kind.language(), &stand.deployment, Scope::Session(session));
    // Nothing is ours before the engine has said so.
    assert!(matches!(
        endpoint
            .send(request(Method::Delete, &format!("{api}/containers/{mine}"), ""))
            .await,
        Err(HttpError::Refused(_))
    ));
    let listed = endpoint
        .send(request(Method::Get, &format!("{api}/containers/json?all=true"), ""))
        .await
        .unwrap();
    let listed: Vec<Bytes> = listed.body.try_collect().await.unwrap();
    let listed = String::from_utf8(listed.concat()).unwrap();
    assert!(
        listed.contains(&mine) && !listed.contains(&neighbour) && !listed.contains(&stranger),
        "{listed}"
    );
    for id in [&neighbour, &stranger] {
        for (method, path) in [
            (Method::Get, format!("{api}/containers/{id}/json")),
            (Method::Post, format!("{api}/containers/{id}/start")),
            (Method::Delete, format!("{api}/containers/{id}?force=true")),
        ] {
            assert!(
                matches!(endpoint.send(request(method, &path, "")).await, Err(HttpError::Refused(_))),
                "{path}"
            );
        }
    }
    let removed = endpoint
        .send(request(Method::Delete, &format!("{api}/containers/{mine}?force=true"), ""))
        .await
        .unwrap();
    assert_eq!(removed.status, 204);
    let left = stand.containers().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["Id"], neighbour);
    // And a whole agent: the stranger's container of the same session is not touched by its undo.
    use gatewright_ports::AgentControl as _;
    stand.agent.destroy(session, FENCE).await.unwrap();
    assert!(stand.witness.inspect(&stranger).await.is_some());
    Stand::sweep(&stand.witness, &stand.deployment).await;
    Stand::sweep(&stand.witness, &foreign).await;
}

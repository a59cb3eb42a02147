//! What a plugin that means ill gets from the endpoint, before a real engine.

use std::collections::HashMap;

use bollard::models::ContainerCreateBody;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use gatewright_agent::guard::{CreateRules, Scope};
use gatewright_agent::guarded_endpoint;
use gatewright_core::SessionId;
use gatewright_plugin_host::{HttpError, HttpRequest, Method};

use crate::relay::Relay;
use crate::stand::{IMAGE, Stand, engine, session, spec};

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
    }))
}

#[tokio::test]
async fn a_privileged_container_is_not_made() {
    let relay = Relay::before(&engine());
    let stand = Stand::new().await;
    let session = session();
    let folder = stand.dir.path().to_str().unwrap().to_owned();
    let endpoint = guarded_endpoint(relay.socket.clone(), &stand.deployment, creating(session, &folder));
    let most = r#""Memory":268435456,"NanoCpus":750000000,"PidsLimit":128,"ShmSize":33554432"#;
    let mount = format!(r#""Mounts":[{{"Type":"bind","Source":"{folder}","Target":"/run/session"}}]"#);
    for (more, named) in [
        (r#""Privileged":true"#, "HostConfig.Privileged"),
        (r#""Binds":["/:/host"]"#, "HostConfig.Binds"),
        (r#""CapAdd":["SYS_ADMIN"]"#, "HostConfig.CapAdd"),
        (r#""PidMode":"host""#, "HostConfig.PidMode"),
        (r#""SecurityOpt":["seccomp=unconfined"]"#, "HostConfig.SecurityOpt"),
    ] {
        let body = format!(r#"{{"HostConfig":{{{most},{mount},{more}}}}}"#);
        match endpoint.send(request(Method::Post, "/v1.41/containers/create", body)).await {
            Err(HttpError::Refused(why)) => assert!(why.contains(named), "{why}"),
            other => panic!("{named}: {other:?}"),
        }
    }
    assert!(!relay.sent().contains("create"), "a refused request reached the engine");
    assert!(stand.containers().await.is_empty());

    // The same without it is made, and the answer is the engine's.
    let body = format!(r#"{{"HostConfig":{{{most},{mount}}}}}"#);
    let made = endpoint
        .send(request(Method::Post, "/v1.41/containers/create", body))
        .await
        .unwrap();
    assert_eq!(made.status, 201);
    let made: Vec<Bytes> = made.body.try_collect().await.unwrap();
    let id = stand.containers().await[0].id.clone().unwrap();
    assert!(String::from_utf8_lossy(&made.concat()).contains(&id));
    assert_eq!(stand.witness(session).await.host_config.unwrap().cap_drop.unwrap(), ["ALL"]);
    // A call that creates does not remove, not even its own.
    assert!(matches!(
        endpoint
            .send(request(Method::Delete, &format!("/containers/{id}?force=1"), ""))
            .await,
        Err(HttpError::Refused(_))
    ));
    Stand::sweep(&stand.docker, &stand.deployment).await;
}

#[tokio::test]
async fn containers_of_others_are_out_of_sight_and_reach() {
    let stand = Stand::new().await;
    let (session, other) = (session(), crate::stand::session());
    let foreign = format!("{}-foreign", stand.deployment);
    let make = async |deployment: &str, session: SessionId| {
        let labels = HashMap::from([
            ("gatewright.deployment".to_owned(), deployment.to_owned()),
            ("gatewright.session".to_owned(), session.to_string()),
        ]);
        let body = ContainerCreateBody {
            image: Some(IMAGE.into()),
            labels: Some(labels),
            ..ContainerCreateBody::default()
        };
        stand.docker.create_container(None, body).await.unwrap().id
    };
    let mine = make(&stand.deployment, session).await;
    let neighbour = make(&stand.deployment, other).await;
    let stranger = make(&foreign, session).await;

    let endpoint = guarded_endpoint(engine(), &stand.deployment, Scope::Session(session));
    // Nothing is ours before the engine has said so.
    assert!(matches!(
        endpoint.send(request(Method::Delete, &format!("/containers/{mine}"), "")).await,
        Err(HttpError::Refused(_))
    ));
    let listed = endpoint.send(request(Method::Get, "/containers/json?all=true", "")).await.unwrap();
    let listed: Vec<Bytes> = listed.body.try_collect().await.unwrap();
    let listed = String::from_utf8(listed.concat()).unwrap();
    assert!(
        listed.contains(&mine) && !listed.contains(&neighbour) && !listed.contains(&stranger),
        "{listed}"
    );
    for id in [&neighbour, &stranger] {
        for (method, path) in [
            (Method::Get, format!("/containers/{id}/json")),
            (Method::Post, format!("/containers/{id}/start")),
            (Method::Delete, format!("/containers/{id}?force=true")),
        ] {
            assert!(
                matches!(endpoint.send(request(method, &path, "")).await, Err(HttpError::Refused(_))),
                "{path}"
            );
        }
    }
    let removed = endpoint
        .send(request(Method::Delete, &format!("/containers/{mine}?force=true"), ""))
        .await
        .unwrap();
    assert_eq!(removed.status, 204);
    let left = stand.containers().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id.as_ref(), Some(&neighbour));
    // And a whole agent: the stranger's container of the same session is not touched by its undo.
    use gatewright_ports::AgentControl as _;
    stand.agent.destroy(session).await.unwrap();
    assert!(stand.docker.inspect_container(&stranger, None).await.is_ok());
    Stand::sweep(&stand.docker, &stand.deployment).await;
    Stand::sweep(&stand.docker, &foreign).await;
}

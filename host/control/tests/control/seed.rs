//! The first start, the examples, and the home page.

use gatewright_core::gate::Gate;
use gatewright_core::record::{Network, RuleEffect, RuleTarget};
use gatewright_core::session::SessionState;
use gatewright_ports::Control;
use secrecy::ExposeSecret;

use crate::agent::FakeAgent;
use crate::support::{PASSWORD, Site, admin};

#[tokio::test]
async fn the_first_start_makes_passwords_and_the_next_one_does_not() {
    let site = Site::new();
    let mut config = site.config();
    config.passwords.demo = None;
    let plane = site.open_with(config).await;
    let users: Vec<_> = plane.seeded.passwords.iter().map(|one| one.user.as_str()).collect();
    assert_eq!(users, ["admin", "demo"]);
    let [given, made] = plane.seeded.passwords.as_slice() else {
        panic!("two users");
    };
    assert_eq!(given.password.expose_secret(), PASSWORD);
    assert_eq!(made.password.expose_secret().len(), 16);
    plane.control.login("demo", made.password.clone(), "").await.unwrap();
    let deployment = plane.control.deployment_id().await.unwrap();
    plane.control.shutdown().await;

    let plane = site.open().await;
    assert!(plane.seeded.passwords.is_empty());
    assert_eq!(plane.control.deployment_id().await.unwrap(), deployment);
    assert_eq!(plane.control.workspaces().await.unwrap().len(), 3);
}

#[tokio::test]
async fn the_examples_are_what_the_page_promises() {
    let site = Site::new();
    let plane = site.open().await;
    let workspaces = plane.control.workspaces().await.unwrap();
    let seen: Vec<_> = workspaces
        .iter()
        .map(|one| (one.name.as_str(), one.network, one.available))
        .collect();
    assert_eq!(
        seen,
        [
            ("Terminal", Network::None, true),
            ("Desktop", Network::None, true),
            ("Firefox", Network::Internet, false)
        ]
    );
    assert!(workspaces.last().unwrap().unavailable_reason.is_some());

    let policy = plane.control.policy().await.unwrap();
    let rules: Vec<_> = policy
        .rules
        .iter()
        .map(|rule| {
            let RuleTarget::Group(group) = rule.target else {
                panic!("{rule:?}");
            };
            let does = match &rule.effect {
                RuleEffect::Close => "close".to_owned(),
                RuleEffect::Ask { config, .. } => config.to_string(),
            };
            assert!(rule.example && rule.enabled);
            (policy.groups.get(&group).unwrap().as_str(), rule.gate, does)
        })
        .collect();
    let redact = |key| format!(r#"{{"{key}":{{"allow":true,"checks":[{{"action":"redact","check":"card-number"}}],"max_bytes":65536}}}}"#);
    let pass = |key| format!(r#"{{"{key}":{{"allow":true,"checks":[],"max_bytes":65536}}}}"#);
    for wanted in [
        ("all-users", Gate::CopyIn, pass("copy_in")),
        ("all-users", Gate::CopyOut, pass("copy_out")),
        ("all-users", Gate::Upload, r#"{"max_bytes":104857600}"#.into()),
        ("all-users", Gate::Download, "close".into()),
        (
            "Sales",
            Gate::Download,
            r#"{"extensions":["png","jpg","jpeg"],"max_bytes":20971520}"#.into(),
        ),
        ("Sales", Gate::CopyIn, redact("copy_in")),
        ("Sales", Gate::CopyOut, redact("copy_out")),
    ] {
        assert!(rules.contains(&wanted), "{wanted:?} in {rules:?}");
    }
    assert_eq!(rules.len(), 7);
}

#[tokio::test]
async fn examples_go_in_one_step_with_their_sessions() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    let who = plane.login("admin").await;
    assert!(plane.control.home(&who).await.unwrap().examples_present);
    let revision = plane.control.policy().await.unwrap().revision;

    plane.control.remove_examples(&admin()).await.unwrap();
    let ended = plane.wait_final(id).await;
    assert_eq!(ended.end.unwrap().code, "administrator");
    assert!(agent.containers().is_empty());
    assert!(plane.control.workspaces().await.unwrap().is_empty());
    let policy = plane.control.policy().await.unwrap();
    assert!(policy.rules.is_empty() && policy.groups.is_empty() && policy.revision > revision);
    assert!(!plane.control.home(&who).await.unwrap().examples_present);
    let users: Vec<_> = plane.control.users().await.unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(users, ["admin"]);
    plane.control.remove_examples(&admin()).await.unwrap();
}

#[tokio::test]
async fn the_checklist_follows_what_happened() {
    let site = Site::new();
    let plane = site.open().await;
    let agent = FakeAgent::new(1, 2).share();
    plane.add(&agent).await;
    let done = async |name: &str| {
        let who = plane.login(name).await;
        let home = plane.control.home(&who).await.unwrap();
        home.checklist.into_iter().map(|item| (item.id, item.done)).collect::<Vec<_>>()
    };
    assert_eq!(
        done("demo").await,
        [("launch-terminal".to_owned(), false), ("copy-card-number".to_owned(), false)]
    );
    assert_eq!(done("admin").await.len(), 5);
    let id = plane.launch().await;
    plane.wait_state(id, SessionState::Ready).await;
    assert_eq!(done("demo").await.first().unwrap(), &("launch-terminal".to_owned(), true));
    assert_eq!(done("admin").await.first().unwrap(), &("launch-terminal".to_owned(), false));
}

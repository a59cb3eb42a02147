//! Members and join tokens.

use std::collections::BTreeSet;

use gatewright_core::{NodeId, NodeIdentity, NodeRole, Timestamp};
use gatewright_database::{ChangeKind, JoinTokenRecord, MemberRecord};
use uuid::Uuid;

use crate::support::{Site, on_both, zone};

on_both!(a_token_is_used_up_and_runs_out, a_member_that_was_removed_stays_removed,);

async fn a_token_is_used_up_and_runs_out(site: Site) {
    let store = site.open().await;
    let here = zone(&store).await;
    let at = Timestamp::from_micros;
    let token = JoinTokenRecord {
        hash: [7; 32],
        roles: [NodeRole::Agent].into(),
        zone: here,
        uses: 2,
        expires_at: at(100),
        created_by: "admin".into(),
    };
    let mut write = store.begin().await.unwrap();
    write.insert_join_token(&token, at(1)).await.unwrap();
    assert_eq!(write.take_join_token(&[8; 32], at(2)).await.unwrap(), None);
    assert_eq!(write.take_join_token(&[7; 32], at(100)).await.unwrap(), None);
    let roles: BTreeSet<_> = [NodeRole::Agent].into();
    assert_eq!(write.take_join_token(&[7; 32], at(99)).await.unwrap(), Some((roles.clone(), here)));
    assert_eq!(write.take_join_token(&[7; 32], at(99)).await.unwrap(), Some((roles, here)));
    assert_eq!(write.take_join_token(&[7; 32], at(99)).await.unwrap(), None);
    write.commit().await.unwrap();
}

async fn a_member_that_was_removed_stays_removed(site: Site) {
    let store = site.open().await;
    let mut member = MemberRecord {
        identity: NodeIdentity {
            node: NodeId::from_uuid(Uuid::from_u128(5)),
            zone: zone(&store).await,
            roles: [NodeRole::ConnectionProxy, NodeRole::Agent].into(),
        },
        name: "one".into(),
        address: None,
        public_url: None,
        ticket_key: None,
        joined_at: Timestamp::from_micros(1),
        removed_at: None,
    };
    let mut write = store.begin().await.unwrap();
    assert!(write.upsert_member(&member).await.unwrap());
    assert!(!write.upsert_member(&member).await.unwrap(), "nothing new is no change");
    write.commit().await.unwrap();
    assert!(store.told_members().await.unwrap().is_empty(), "nobody dials it");
    let mut write = store.begin().await.unwrap();
    member.address = Some("host:7443".into());
    member.ticket_key = Some(vec![1; 32]);
    member.public_url = Some("https://desk.example.org".into());
    assert!(write.upsert_member(&member).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(store.members().await.unwrap(), [member.clone()]);
    assert_eq!(store.told_members().await.unwrap(), [member.clone()]);
    let changes = store.newest_change(&[ChangeKind::Member]).await.unwrap();

    let mut write = store.begin().await.unwrap();
    let at = Timestamp::from_micros(9);
    assert!(write.remove_member(member.identity.node, at).await.unwrap());
    assert!(!write.remove_member(member.identity.node, at).await.unwrap());
    member.address = None;
    assert!(!write.upsert_member(&member).await.unwrap());
    write.commit().await.unwrap();
    let kept = store.member(member.identity.node).await.unwrap().unwrap();
    assert_eq!((kept.removed_at, kept.address.as_deref()), (Some(at), Some("host:7443")));
    assert!(store.newest_change(&[ChangeKind::Member]).await.unwrap() > changes);
}

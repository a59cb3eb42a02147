//! Users, groups and logins.

use gatewright_core::GroupId;
use gatewright_core::record::Group;
use gatewright_database::{Constraint, GroupRecord, LoginRecord, StoreError};
use uuid::Uuid;

use crate::support::{Site, at, on_both, user};

on_both!(
    names_are_unique_without_regard_to_case,
    a_group_for_everyone_has_everyone_in_it,
    logins_end_with_their_user_and_by_age,
);

fn group(number: u128, name: &str, priority: i32, everyone: bool) -> GroupRecord {
    GroupRecord {
        group: Group {
            id: GroupId::from_uuid(Uuid::from_u128(number)),
            name: name.into(),
            priority,
            example: true,
        },
        everyone,
    }
}

async fn names_are_unique_without_regard_to_case(site: Site) {
    let store = site.open().await;
    let mut write = store.begin().await.unwrap();
    write.insert_user(&user(1, "Zoë")).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.user_by_name(" ZOË ").await.unwrap().unwrap().user.name, "Zoë");
    let mut write = store.begin().await.unwrap();
    let error = write.insert_user(&user(2, "zoË")).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(Constraint::UserName)), "{error}");
}

async fn a_group_for_everyone_has_everyone_in_it(site: Site) {
    let store = site.open().await;
    let mut write = store.begin().await.unwrap();
    write.insert_user(&user(1, "before")).await.unwrap();
    write.insert_group(&group(10, "all-users", 1000, true)).await.unwrap();
    write.insert_group(&group(11, "Sales", 100, false)).await.unwrap();
    write.insert_user(&user(2, "after")).await.unwrap();
    write
        .join_group(user(2, "").user.id, group(11, "", 0, false).group.id)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let names = |number| {
        let store = store.clone();
        async move {
            let groups = store.groups_of(user(number, "").user.id).await.unwrap();
            groups.into_iter().map(|one| one.name).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(1).await, ["all-users"]);
    assert_eq!(names(2).await, ["Sales", "all-users"]);
    let mut write = store.begin().await.unwrap();
    let error = write
        .join_group(user(3, "").user.id, group(11, "", 0, false).group.id)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict(Constraint::Reference)), "{error}");
}

async fn logins_end_with_their_user_and_by_age(site: Site) {
    let store = site.open().await;
    let login = |number: u8, seen: i64| LoginRecord {
        token_hash: [number; 32],
        user: user(1, "").user.id,
        client: String::new(),
        created_at: at(0),
        seen_at: at(seen),
        expires_at: at(1000),
        first: None,
    };
    let mut write = store.begin().await.unwrap();
    write.insert_user(&user(1, "demo")).await.unwrap();
    for (number, seen) in [(1, 10), (2, 500), (3, 600)] {
        write.insert_login(&login(number, seen)).await.unwrap();
    }
    assert_eq!(write.sweep_logins(at(700), at(100)).await.unwrap(), 1);
    assert_eq!(write.delete_logins_of(user(1, "").user.id, Some(&[2; 32])).await.unwrap(), 1);
    write.commit().await.unwrap();
    assert_eq!(store.login(&[1; 32]).await.unwrap(), None);
    assert_eq!(store.login(&[2; 32]).await.unwrap(), Some(login(2, 500)));
    let mut write = store.begin().await.unwrap();
    assert!(write.delete_user(user(1, "").user.id).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(store.login(&[2; 32]).await.unwrap(), None);
}

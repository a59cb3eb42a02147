//! Logging in, staying in, and being put out.

use std::time::Duration;

use gatewright_control::{LoginError, PasswordError, TriesOf, UserError};
use secrecy::{ExposeSecret, SecretString};

use crate::support::{HandClock, PASSWORD, Plane, Site, admin};

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

async fn token(plane: &Plane, name: &str, password: &str) -> Result<SecretString, LoginError> {
    Ok(plane.control.login(name, secret(password), "192.0.2.7").await?.token)
}

async fn works(plane: &Plane, token: &SecretString) -> bool {
    plane.control.authenticate(token).await.unwrap().is_some()
}

#[tokio::test]
async fn the_right_password_opens_and_nothing_else_does() {
    let site = Site::new();
    let plane = site.open().await;
    let token = token(&plane, "DEMO", PASSWORD).await.unwrap();
    let identity = plane.control.authenticate(&token).await.unwrap().unwrap();
    assert_eq!((identity.user.name.as_str(), identity.user.role.as_str()), ("demo", "user"));
    assert!(identity.csrf_matches(&identity.csrf_token));
    assert!(!identity.csrf_matches(""));
    assert_ne!(identity.csrf_token, token.expose_secret());
    for (name, password) in [
        ("demo", "wrong"),
        ("demo", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("demo", &"x".repeat(2_000_000)),
        ("demo\0", PASSWORD),
    ] {
        let refused = self::token(&plane, name, password).await.unwrap_err();
        assert!(matches!(refused, LoginError::Wrong), "{name}: {refused}");
    }
    assert!(!works(&plane, &secret("")).await);
    assert!(!works(&plane, &secret(token.expose_secret().get(1..).unwrap())).await);
    let actions = plane.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "login.failed").count(), 6);
    plane.control.shutdown().await;
    // The database alone opens nothing: neither token nor password is in it.
    for entry in std::fs::read_dir(site.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for needle in [token.expose_secret(), PASSWORD] {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle.as_bytes()));
        }
    }
}

#[tokio::test]
async fn a_login_ends_by_age_by_idleness_and_by_logging_out() {
    let site = Site::new();
    let clock = HandClock::new();
    let mut config = site.config();
    config.clock = clock.clone();
    let plane = site.open_with(config).await;
    let idle = token(&plane, "demo", PASSWORD).await.unwrap();
    let used = token(&plane, "demo", PASSWORD).await.unwrap();
    for _ in 0..23 {
        clock.advance(Duration::from_secs(30 * 60));
        assert!(works(&plane, &used).await);
    }
    assert!(!works(&plane, &idle).await, "unused for longer than an hour");
    clock.advance(Duration::from_secs(30 * 60));
    assert!(!works(&plane, &used).await, "older than twelve hours");

    let token = token(&plane, "demo", PASSWORD).await.unwrap();
    let identity = plane.control.authenticate(&token).await.unwrap().unwrap();
    plane.control.logout(&identity, "").await.unwrap();
    plane.control.logout(&identity, "").await.unwrap();
    assert!(!works(&plane, &token).await);
}

#[tokio::test]
async fn a_new_password_ends_the_other_logins() {
    let site = Site::new();
    let plane = site.open().await;
    let here = token(&plane, "demo", PASSWORD).await.unwrap();
    let elsewhere = token(&plane, "demo", PASSWORD).await.unwrap();
    let identity = plane.control.authenticate(&here).await.unwrap().unwrap();
    let change = async |current: &str, new: &str| plane.control.change_password(&identity, secret(current), secret(new)).await;
    assert!(matches!(change("wrong", "long enough").await, Err(PasswordError::Wrong)));
    assert!(matches!(change(PASSWORD, "short").await, Err(PasswordError::TooShort)));
    assert!(matches!(change(PASSWORD, &"x".repeat(2000)).await, Err(PasswordError::TooLong)));
    assert!(works(&plane, &elsewhere).await);
    change(PASSWORD, "a new password").await.unwrap();
    assert!(works(&plane, &here).await);
    assert!(!works(&plane, &elsewhere).await);
    assert!(token(&plane, "demo", PASSWORD).await.is_err());
    assert!(token(&plane, "demo", "a new password").await.is_ok());
}

#[tokio::test]
async fn a_disabled_user_is_out_and_does_not_get_in() {
    let site = Site::new();
    let plane = site.open().await;
    let before = token(&plane, "demo", PASSWORD).await.unwrap();
    let user = plane.control.authenticate(&before).await.unwrap().unwrap().user.id;
    plane.control.disable_user(user, &admin()).await.unwrap();
    assert!(!works(&plane, &before).await);
    assert!(matches!(token(&plane, "demo", PASSWORD).await, Err(LoginError::Wrong)));
    plane.control.enable_user(user, &admin()).await.unwrap();
    assert!(!works(&plane, &before).await);
    assert!(token(&plane, "demo", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn new_users_join_everyone_and_names_are_taken_once() {
    let site = Site::new();
    let plane = site.open().await;
    let create = async |name: &str, password: &str| plane.control.create_user(name, secret(password), "user", &admin()).await;
    create("anna", "long enough").await.unwrap();
    assert!(matches!(create("Anna", "long enough").await, Err(UserError::NameTaken)));
    assert!(matches!(create("  ", "long enough").await, Err(UserError::InvalidName)));
    assert!(matches!(create("a\u{7}", "long enough").await, Err(UserError::InvalidName)));
    assert!(matches!(
        create("bert", "short").await,
        Err(UserError::Password(PasswordError::TooShort))
    ));
    let groups = plane
        .control
        .login("anna", secret("long enough"), "")
        .await
        .unwrap()
        .identity
        .groups;
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["all-users"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_are_counted_for_all_web_apps_together() {
    let site = Site::shared();
    let (one, other) = tokio::join!(site.open(), site.open());
    let hour = Duration::from_secs(3600);
    let count = async |plane: &Plane, of: TriesOf<'_>| plane.control.count_login_try(of, 3, hour).await.unwrap();
    // Turn by turn: a second web-app gives no second set of tries, however the name is written.
    assert_eq!(count(&one, TriesOf::Name("admin")).await, None);
    assert_eq!(count(&other, TriesOf::Name(" Admin")).await, None);
    assert_eq!(count(&one, TriesOf::Name("ADMIN")).await, None);
    for plane in [&one, &other] {
        let wait = count(plane, TriesOf::Name("admin")).await.unwrap();
        assert!(wait <= hour && wait > hour / 2, "{wait:?}");
    }
    // Another name, and an address that reads like it, are not concerned.
    assert_eq!(count(&other, TriesOf::Name("demo")).await, None);
    assert_eq!(count(&other, TriesOf::Client("admin")).await, None);
    // Both at once: exactly the burst gets through.
    let tries = (0..10).map(|number| {
        let control = if number % 2 == 0 {
            one.control.clone()
        } else {
            other.control.clone()
        };
        tokio::spawn(async move { control.count_login_try(TriesOf::Client("192.0.2.9"), 3, hour).await.unwrap() })
    });
    let mut through = 0;
    for tried in tries.collect::<Vec<_>>() {
        through += usize::from(tried.await.unwrap().is_none());
    }
    assert_eq!(through, 3);
    one.control.shutdown().await;
    other.control.shutdown().await;
    // Where nobody counts, nobody gets through.
    assert!(one.control.count_login_try(TriesOf::Name("new"), 3, hour).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_come_back_one_by_one() {
    let site = Site::new();
    let clock = HandClock::new();
    let mut config = site.config();
    config.clock = clock.clone();
    let Plane { control, .. } = site.open_with(config).await;
    let minute = Duration::from_secs(60);
    let count = async || control.count_login_try(TriesOf::Name("admin"), 2, minute).await.unwrap();
    assert_eq!((count().await, count().await), (None, None));
    assert_eq!(count().await, Some(minute));
    // What was refused costs nothing.
    assert_eq!(count().await, Some(minute));
    clock.advance(minute);
    assert_eq!(count().await, None);
    assert_eq!(count().await, Some(minute));
    clock.advance(minute * 10);
    assert_eq!((count().await, count().await), (None, None));
    assert_eq!(count().await, Some(minute));
    control.shutdown().await;
}

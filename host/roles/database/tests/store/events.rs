//! The record: appended once, searched, and nothing of it changed unnoticed.

use gatewright_core::gate::{Gate, Outcome};
use gatewright_database::{Constraint, EventFilter, EventKind, Store, StoreError};

use crate::support::{Site, append, at, audit, on_both, verdict};

on_both!(
    an_event_is_appended_once_whoever_repeats_it,
    events_are_found_by_what_is_asked_for,
    verdicts_are_counted_for_each_plugin,
    the_database_itself_refuses_to_change_the_record,
    a_tampered_record_is_found_where_it_was_tampered_with,
    a_row_with_a_hash_of_its_own_does_not_fit_the_next_one,
);

async fn filled(site: &Site) -> Store {
    let store = site.open().await;
    for number in 1..=6 {
        assert!(append(&store, &audit(number, "login.succeeded")).await);
    }
    for (number, outcome) in [(7, Outcome::Allowed), (8, Outcome::Redacted), (9, Outcome::Denied)] {
        assert!(append(&store, &verdict(number, "dlp-clipboard", outcome)).await);
    }
    store
}

async fn an_event_is_appended_once_whoever_repeats_it(site: Site) {
    let store = filled(&site).await;
    assert!(!append(&store, &audit(3, "something.else")).await);
    let report = store.verify_events(u32::MAX).await.unwrap();
    assert!(report.intact);
    assert_eq!(report.checked, 9);
    let third = store
        .events(&EventFilter::default(), 100)
        .await
        .unwrap()
        .into_iter()
        .find(|one| one.seq == 3)
        .unwrap();
    assert_eq!(third.event, audit(3, "login.succeeded"));
}

async fn events_are_found_by_what_is_asked_for(site: Site) {
    let store = filled(&site).await;
    let seqs = |filter: EventFilter| {
        let store = store.clone();
        async move {
            store
                .events(&filter, 3)
                .await
                .unwrap()
                .into_iter()
                .map(|one| one.seq)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(seqs(EventFilter::default()).await, [9, 8, 7]);
    assert_eq!(
        seqs(EventFilter {
            before: Some(8),
            ..EventFilter::default()
        })
        .await,
        [7, 6, 5]
    );
    assert_eq!(
        seqs(EventFilter {
            gate: Some(Gate::CopyIn),
            outcome: Some(Outcome::Redacted),
            ..EventFilter::default()
        })
        .await,
        [8]
    );
    assert_eq!(
        seqs(EventFilter {
            gate: Some(Gate::CopyOut),
            ..EventFilter::default()
        })
        .await,
        [0; 0]
    );
    assert_eq!(
        seqs(EventFilter {
            kind: Some(EventKind::Audit),
            ..EventFilter::default()
        })
        .await,
        [6, 5, 4]
    );
    assert_eq!(
        seqs(EventFilter {
            user_name: Some("nobody".into()),
            ..EventFilter::default()
        })
        .await,
        [0; 0]
    );
    assert_eq!(
        seqs(EventFilter {
            reference: Some(audit(2, "x").reference),
            ..EventFilter::default()
        })
        .await,
        [2]
    );
    assert_eq!(
        seqs(EventFilter {
            action: Some("login.succeeded".into()),
            before: Some(3),
            ..EventFilter::default()
        })
        .await,
        [2, 1]
    );
}

async fn verdicts_are_counted_for_each_plugin(site: Site) {
    let store = filled(&site).await;
    let plugin = "dlp-clipboard".parse().unwrap();
    let mut counts = store.count_verdicts_of_plugin(&plugin, at(8)).await.unwrap();
    counts.sort();
    assert_eq!(counts, [("denied".to_owned(), 1), ("redacted".to_owned(), 1)]);
    let last: Vec<_> = store
        .events_of_plugin(&plugin, 2)
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.seq)
        .collect();
    assert_eq!(last, [9, 8]);
    assert!(store.events_of_plugin(&"other".parse().unwrap(), 2).await.unwrap().is_empty());
}

async fn the_database_itself_refuses_to_change_the_record(site: Site) {
    let _store = filled(&site).await;
    let mut raw = site.raw().await;
    for sql in ["UPDATE events SET user_name = 'someone'", "DELETE FROM events WHERE seq = 1"] {
        let error = raw.execute(sql).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(Constraint::AppendOnly)), "{sql}: {error}");
    }
}

async fn a_tampered_record_is_found_where_it_was_tampered_with(site: Site) {
    for (sql, broken_at) in [
        ("UPDATE events SET body = replace(body, 'demo', 'evil') WHERE seq = 4", 4),
        // Only what it is looked up by: the body is untouched, and still it is found.
        ("UPDATE events SET user_name = 'evil' WHERE seq = 2", 2),
        ("UPDATE events SET outcome = 'allowed' WHERE seq = 9", 9),
        ("DELETE FROM events WHERE seq = 5", 6),
        ("DELETE FROM event_plugins WHERE seq = 9; DELETE FROM events WHERE seq = 9", 9),
        (
            "UPDATE event_chains SET hash = prev FROM events WHERE events.seq = 9 AND event_chains.chain = 1",
            10,
        ),
        ("DELETE FROM event_plugins; DELETE FROM events", 1),
        ("UPDATE events SET chain = 2 WHERE seq = 9", 9),
    ] {
        // Each on a record of its own.
        let site = site.another().await;
        let store = filled(&site).await;
        let mut raw = site.raw().await;
        raw.unguard_events().await;
        assert!(store.verify_events(u32::MAX).await.unwrap().intact);
        raw.execute(sql).await.unwrap();
        let report = store.verify_events(u32::MAX).await.unwrap();
        assert!(!report.intact, "{sql}");
        assert_eq!(report.broken_at, Some(broken_at), "{sql}");
    }
}

async fn a_row_with_a_hash_of_its_own_does_not_fit_the_next_one(site: Site) {
    use sha2::{Digest, Sha256};
    let store = filled(&site).await;
    let mut raw = site.raw().await;
    raw.unguard_events().await;
    let (prev, body) = raw.link(4).await;
    let body = body.replace("192.0.2.1", "192.0.2.2");
    let mut hasher = Sha256::new();
    hasher.update(4_i64.to_be_bytes());
    hasher.update(&prev);
    hasher.update(body.as_bytes());
    raw.set_link(4, &body, hasher.finalize().as_slice()).await;
    assert_eq!(store.verify_events(u32::MAX).await.unwrap().broken_at, Some(5));
    // A check of the end alone begins behind it.
    assert!(store.verify_events(3).await.unwrap().intact);
}

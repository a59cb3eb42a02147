//! What is learnt, and what is handed on.

use super::*;

#[test]
fn answers_are_rebuilt_and_learnt_from() {
    let mut known = Known::default();
    let answer = |known: &mut Known, operation: &Operation, status, body: &Value| {
        guard().answer(&creating(), known, operation, status, body.to_string().as_bytes())
    };
    let c = "c".repeat(64);
    let made = Operation::Create { session: session(1) };
    assert_eq!(answer(&mut known, &made, 201, &json!({"Id": "short"})), Err(UnexpectedAnswer));
    assert_eq!(known.session_of(&id('c')), None);
    answer(&mut known, &made, 201, &json!({"Id": c, "Warnings": null})).unwrap();
    assert_eq!(known.session_of(&id('c')), Some(session(1)));
    // A failed creation teaches nothing, whatever its text says.
    let conflict = answer(
        &mut known,
        &made,
        409,
        &json!({"message": format!("in use by {}", "d".repeat(64)), "Id": "d".repeat(64)}),
    )
    .unwrap();
    assert_eq!(conflict.status, 409);
    assert_eq!(known.session_of(&id('d')), None);

    let labels = |deployment: &str, number| json!({"gatewright.deployment": deployment, "gatewright.session": session(number).to_string(), "x": "y"});
    let entry = |digit: char, labels: Value| json!({"Id": digit.to_string().repeat(64), "Labels": labels, "State": "running", "Mounts": [{"Source": "/secret"}]});
    let list = Operation::List {
        deployment: "test".into(),
        session: None,
        all: true,
    };
    let body = json!([
        entry('d', labels("test", 1)),
        entry('e', labels("other", 1)),
        entry('f', json!(null)),
        entry('0', labels("test", 2))
    ]);
    let Answer { body, .. } = answer(&mut known, &list, 200, &body).unwrap();
    let listed: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert!(!listed.to_string().contains("secret"));
    // A full list of a session is all there is of it: `c` is gone.
    assert_eq!(known.of_session(session(1)), [id('d')]);
    assert!(known.of_session(session(2)).is_empty(), "the call was about session 1");

    let inspect = Operation::Inspect(id('d'));
    let inspected = json!({"Id": "d".repeat(64), "State": {"Status": "exited", "ExitCode": 3}, "Config": {"Labels": labels("test", 1), "Env": ["SECRET=1"]}, "HostConfig": {}});
    let seen = answer(&mut known, &inspect, 200, &inspected).unwrap();
    let seen = String::from_utf8(seen.body).unwrap();
    assert!(seen.contains("\"ExitCode\":3") && !seen.contains("SECRET"), "{seen}");
    let foreign = json!({"Id": "d".repeat(64), "State": {}, "Config": {"Labels": labels("test", 2)}});
    assert_eq!(answer(&mut known, &inspect, 200, &foreign), Err(UnexpectedAnswer));

    let remove = Operation::Remove { id: id('d'), force: true };
    answer(&mut known, &remove, 409, &json!({"message": "removal in progress"})).unwrap();
    assert_eq!(known.session_of(&id('d')), Some(session(1)));
    answer(&mut known, &remove, 404, &json!({"message": "no such container"})).unwrap();
    assert_eq!(known.session_of(&id('d')), None);

    for status in [100, 101, 199, 202, 206, 301, 302, 307, 600, 0] {
        assert_eq!(
            answer(&mut known, &Operation::Version, status, &json!({})),
            Err(UnexpectedAnswer),
            "{status}"
        );
    }
    let long = answer(&mut known, &Operation::Version, 500, &json!({"message": "x".repeat(100_000)})).unwrap();
    assert!(long.body.len() < 2000);
}

#[test]
fn versions_are_negotiated() {
    for (engine, ours) in [
        ("1.41", Some("1.41")),
        ("1.43", Some("1.43")),
        ("1.99", Some("1.51")),
        ("1.40", None),
        ("2.0", None),
        ("", None),
        ("1.x", None),
    ] {
        assert_eq!(
            ApiVersion::negotiate(engine).map(|version| version.to_string()).as_deref(),
            ours,
            "{engine}"
        );
    }
}

//! What is learnt, and what is handed on.

use super::*;

fn answer(known: &mut Known, operation: &Operation, status: u16, body: &Value) -> Result<(u16, String), UnexpectedAnswer> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = guard_of(User::Rootful).answer(&creating(), known, operation, status, body.as_bytes())?;
    Ok((answer.status, String::from_utf8(answer.body).unwrap()))
}

fn labels(deployment: &str, number: u128) -> Value {
    json!({"gatewright.deployment": deployment, "gatewright.session": session(number).to_string(), "x": "y"})
}

#[test]
fn creations_and_lists_teach_what_is_ours() {
    let mut known = Known::default();
    let made = Operation::Create { session: session(1) };
    assert_eq!(answer(&mut known, &made, 201, &json!({"Id": "short"})), Err(UnexpectedAnswer));
    let c = "c".repeat(64);
    answer(&mut known, &made, 201, &json!({"Id": c, "Warnings": null})).unwrap();
    assert_eq!(known.session_of(&id('c')), Some(session(1)));
    let conflict = json!({"cause": "x", "message": "in use", "response": 500, "Id": "d".repeat(64)});
    let (status, text) = answer(&mut known, &made, 500, &conflict).unwrap();
    assert_eq!((status, text.as_str()), (500, r#"{"message":"in use","response":500}"#));
    assert_eq!(known.session_of(&id('d')), None);

    let entry = |digit: char, labels: Value| json!({"Id": digit.to_string().repeat(64), "Labels": labels, "State": "running", "Mounts": ["/secret"], "Pid": 17});
    let list = Operation::List {
        deployment: "test".into(),
        session: None,
        all: true,
    };
    let all = json!([
        entry('d', labels("test", 1)),
        entry('e', labels("other", 1)),
        entry('f', json!(null)),
        entry('0', labels("test", 2))
    ]);
    let (_, listed) = answer(&mut known, &list, 200, &all).unwrap();
    let entries: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(entries.as_array().unwrap().len(), 1, "{listed}");
    assert!(!listed.contains("secret") && !listed.contains("Pid"));
    // A full list of a session is all there is of it: `c` is gone.
    assert_eq!(known.of_session(session(1)), [id('d')]);
}

#[test]
fn a_removal_that_failed_is_not_believed() {
    let mut known = known();
    let remove = Operation::Remove { id: id('a'), force: true };
    let a = "a".repeat(64);
    let failed = json!([{"Id": a, "Err": {"OSErr": "busy"}}]);
    assert_eq!(answer(&mut known, &remove, 200, &failed).unwrap().0, 500);
    let of_another = json!([{"Id": "b".repeat(64)}]);
    assert_eq!(answer(&mut known, &remove, 200, &of_another), Err(UnexpectedAnswer));
    assert_eq!(answer(&mut known, &remove, 200, &json!([])), Err(UnexpectedAnswer));
    assert_eq!(known.session_of(&id('a')), Some(session(1)));
    let done = answer(&mut known, &remove, 200, &json!([{"Id": a, "RawInput": a, "Err": null}])).unwrap();
    assert_eq!(done, (204, String::new()));
    assert_eq!(known.session_of(&id('a')), None);
    // Two more ways to say it.
    for status in [204, 404] {
        known.learn(id('a'), session(1));
        answer(&mut known, &remove, status, &json!(null)).unwrap();
        assert_eq!(known.session_of(&id('a')), None, "{status}");
    }
}

#[test]
fn what_says_more_of_the_host_stays_here() {
    let mut known = known();
    let inspect = Operation::Inspect(id('a'));
    let inspected = json!({
        "Id": "a".repeat(64), "State": {"Status": "exited", "ExitCode": 3, "Pid": 7}, "ImageName": "x",
        "Config": {"Labels": labels("test", 1), "Env": ["SECRET=1"]}, "HostConfig": {}, "StaticDir": "/secret",
    });
    let (_, seen) = answer(&mut known, &inspect, 200, &inspected).unwrap();
    assert!(seen.contains("\"ExitCode\":3") && !seen.to_lowercase().contains("secret"), "{seen}");
    let foreign = json!({"Id": "a".repeat(64), "State": {}, "Config": {"Labels": labels("test", 2)}});
    assert_eq!(answer(&mut known, &inspect, 200, &foreign), Err(UnexpectedAnswer));
    let info = json!({
        "host": {"cpus": 2, "memTotal": 5, "cgroupVersion": "v1", "cgroupControllers": null, "hostname": "secret",
                 "remoteSocket": {"path": "/secret"}, "security": {"rootless": false, "seccompEnabled": true}},
        "store": {"graphRoot": "/secret"}, "version": {"Version": "4.3.1"},
    });
    let (_, seen) = answer(&mut known, &Operation::Info, 200, &info).unwrap();
    assert!(
        seen.contains("4.3.1") && seen.contains("\"cgroupControllers\":[]") && !seen.contains("secret"),
        "{seen}"
    );
    for status in [100, 101, 202, 206, 301, 600] {
        assert_eq!(
            answer(&mut known, &Operation::Info, status, &info),
            Err(UnexpectedAnswer),
            "{status}"
        );
    }
}

//! A hostile browser gets nothing but an end with a reason.

use gatewright_suite::{Desktop, Product};
use http::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_connects_without_a_ticket_of_their_own() {
    let product = Product::start().await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let admin = product.login("admin").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let other = admin.launch("Terminal").await.unwrap();
    let cookie = demo.enter(&session).await.unwrap();
    let origin = product.origin.clone();
    let elsewhere = "https://evil.example".to_owned();
    // The cookie's value with its signature's last character changed, and the same unsigned.
    let mut forged = cookie.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let middle = cookie.split('.').nth(1).unwrap();
    let unsigned = format!("gatewright-ticket=eyJhbGciOiJub25lIn0.{middle}.");

    for (what, session, cookie, origin, status) in [
        ("no ticket", &session, "", &origin, StatusCode::UNAUTHORIZED),
        ("a forged ticket", &session, forged.as_str(), &origin, StatusCode::UNAUTHORIZED),
        ("an unsigned ticket", &session, unsigned.as_str(), &origin, StatusCode::UNAUTHORIZED),
        ("another session's ticket", &other, cookie.as_str(), &origin, StatusCode::FORBIDDEN),
        (
            "another page's origin",
            &session,
            cookie.as_str(),
            &elsewhere,
            StatusCode::FORBIDDEN,
        ),
    ] {
        let refused = Desktop::open(&product, session, cookie, origin).await.unwrap();
        assert_eq!(refused.err(), Some(status), "{what}");
    }
    // Another person's session does not exist for anybody else.
    let ticket = demo
        .request(Method::POST, &format!("/api/v1/sessions/{other}/ticket"))
        .send()
        .await
        .unwrap();
    assert_eq!(ticket.status(), StatusCode::NOT_FOUND);
    let seen = demo
        .request(Method::GET, &format!("/api/v1/sessions/{other}"))
        .send()
        .await
        .unwrap();
    assert_eq!(seen.status(), StatusCode::NOT_FOUND);

    demo.end(&session).await.unwrap();
    admin.end(&other).await.unwrap();
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_not_allowed_end_the_stream_and_not_the_session() {
    let product = Product::start().await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let huge_cut_text = [&[6, 0, 0, 0][..], &0x7fff_ffff_u32.to_be_bytes()].concat();
    let huge_extended = [&[6, 0, 0, 0][..], &i32::MIN.to_be_bytes()].concat();
    for (what, bytes) in [
        ("xvp", &[250, 0, 1, 2][..]),
        ("gii", &[253, 0, 0, 0][..]),
        (
            "continuous updates before they were announced",
            &[150, 1, 0, 0, 0, 0, 0, 9, 0, 9][..],
        ),
        ("a fence that nobody asked for", &[248, 0, 0, 0, 0, 0, 0, 1, 0][..]),
        (
            "a new size before it was announced",
            &[251, 0, 4, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 3, 0, 0, 0, 0, 0][..],
        ),
        ("a message that does not exist", &[77, 7, 7, 7][..]),
        ("a text of 2 GiB", &huge_cut_text),
        ("an extended text of 2 GiB", &huge_extended),
    ] {
        let mut desktop = demo.connect(&product, &session).await.unwrap();
        desktop.send(bytes).await.unwrap();
        let closed = desktop.closed().await.unwrap();
        assert_eq!(closed.code, 4003, "{what}: {closed:?}");
        assert!(!closed.reason.is_empty(), "{what}");
    }
    // The session itself is untouched.
    let mut desktop = demo.connect(&product, &session).await.unwrap();
    desktop.next().await.unwrap();
    assert_eq!(desktop.name, "Terminal");

    // A second window takes over and the first is told.
    let _second = demo.connect(&product, &session).await.unwrap();
    assert_eq!(desktop.closed().await.unwrap().code, 4005);
    demo.end(&session).await.unwrap();
    product.engine().gone(&session).await.unwrap();
    product.stop().await.unwrap();
}

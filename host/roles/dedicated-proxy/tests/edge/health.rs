//! What a load balancer asks.

use gatewright_dedicated_proxy::EdgeLimits;
use http::Request;

use crate::fixture::edge;

#[tokio::test]
async fn an_edge_says_whether_it_lives_and_whether_it_can_serve() {
    let fixture = edge(EdgeLimits::default()).await;
    let alive = fixture.send(Request::get("/healthz"), "").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, "alive\n"));
    assert_eq!(alive.header("cache-control"), "no-store");
    let ready = fixture.send(Request::get("/readyz"), "").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));

    // A web-app whose database is gone: this edge is alive, and of no use.
    fixture.ready.send_replace(false);
    let answer = fixture.send(Request::get("/readyz"), "").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready\n"));
    assert_eq!(fixture.send(Request::get("/healthz"), "").await.status, 200);
    assert_eq!(fixture.send(Request::head("/readyz"), "").await.status, 503);
    fixture.ready.send_replace(true);
    assert_eq!(fixture.send(Request::get("/readyz"), "").await.status, 200);

    assert_eq!(fixture.send(Request::post("/readyz"), "").await.code(), "method");
    // Nothing else is answered here.
    assert!(fixture.send(Request::get("/healthz/x"), "").await.body.contains("GET /healthz/x"));
}

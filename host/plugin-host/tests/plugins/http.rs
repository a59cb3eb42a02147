//! Requests of runtime plugins.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use gatewright_plugin_host::{
    Approved, CallContext, CallError, HttpEndpoint, HttpError, HttpRequest, HttpResponse, LoadError, Runtime, RuntimeError,
};

use crate::stand::Stand;

/// Takes every request and answers none.
pub(crate) struct Silent;

#[async_trait]
impl HttpEndpoint for Silent {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        std::future::pending().await
    }
}

/// Answers with a body of so many pieces of a size, and writes down what it was asked.
struct Pieces {
    pieces: usize,
    size: usize,
    asked: Mutex<Vec<String>>,
}

impl Pieces {
    fn new(pieces: usize, size: usize) -> Arc<Self> {
        Arc::new(Self {
            pieces,
            size,
            asked: Mutex::default(),
        })
    }
}

#[async_trait]
impl HttpEndpoint for Pieces {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let line = format!("{} {}", request.method, request.path);
        self.asked.lock().unwrap().push(line);
        let piece = Bytes::from(vec![b'x'; self.size]);
        let body = stream::iter(std::iter::repeat_n(piece, self.pieces)).map(Ok);
        Ok(HttpResponse {
            status: 200,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: Box::pin(body),
        })
    }
}

async fn runtime(stand: &Stand, endpoint: Arc<dyn HttpEndpoint>) -> Runtime {
    let plugin = stand.load(&gatewright_hostile_guests::runtime().unwrap()).await.unwrap();
    Runtime::new(plugin, "engine", endpoint).unwrap()
}

#[tokio::test]
async fn a_granted_request_arrives_and_its_body_is_read_piece_by_piece() {
    let stand = Stand::new();
    let engine = Pieces::new(7, 100_000);
    let runtime = runtime(&stand, engine.clone()).await;
    runtime.health(&CallContext::of_host()).await.unwrap();
    assert_eq!(*engine.asked.lock().unwrap(), ["GET /_ping"]);
}

#[tokio::test]
async fn a_body_over_the_calls_limit_ends() {
    let stand = Stand::new();
    let runtime = runtime(&stand, Pieces::new(1000, 100_000)).await;
    // The guest says so itself: its read fails.
    assert_eq!(
        runtime.health(&CallContext::of_host()).await.unwrap_err(),
        RuntimeError::Unreachable
    );
}

#[tokio::test]
async fn an_endpoint_under_another_name_is_not_reached() {
    let stand = Stand::new();
    let plugin = stand.load(&gatewright_hostile_guests::runtime().unwrap()).await.unwrap();
    let engine = Pieces::new(1, 1);
    let runtime = Runtime::new(plugin, "other", engine.clone()).unwrap();
    assert_eq!(
        runtime.health(&CallContext::of_host()).await.unwrap_err(),
        RuntimeError::Unreachable
    );
    assert!(engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_approved_is_not_loaded() {
    let stand = Stand::new();
    let bytes = gatewright_hostile_guests::runtime().unwrap();
    let error = stand.host.load(&bytes, &Approved::nothing()).await.unwrap_err();
    assert!(
        matches!(&error, LoadError::NotApproved { endpoints } if *endpoints == ["engine"]),
        "{error}"
    );
}

/// This thread's processor time: what a guest's own time is measured with.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
}

#[tokio::test]
async fn the_engines_work_is_not_the_guests_time() {
    /// Works on the guest's thread for longer than the guest itself may compute, now and then letting go of it.
    struct Slow(Duration);

    #[async_trait]
    impl HttpEndpoint for Slow {
        async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            let piece = self.0 / 8;
            for _ in 0..9 {
                let began = processor_time();
                while processor_time() - began < piece {
                    std::hint::spin_loop();
                }
                tokio::task::yield_now().await;
            }
            Pieces::new(1, 10).send(request).await
        }
    }

    let stand = Stand::new();
    let plugin = stand.load(&gatewright_hostile_guests::runtime().unwrap()).await.unwrap();
    let guest_time = plugin.manifest().limits.guest_time;
    let runtime = Runtime::new(plugin, "engine", Arc::new(Slow(guest_time))).unwrap();
    let answer = runtime.health(&CallContext::of_host()).await.unwrap();
    assert!(u128::from(answer.micros) > guest_time.as_micros());
}

#[tokio::test]
async fn the_callers_deadline_counts_where_it_is_shorter() {
    let stand = Stand::new();
    let runtime = runtime(&stand, Arc::new(Silent)).await;
    let context = CallContext {
        deadline: Some(Duration::from_millis(50)),
        ..CallContext::of_host()
    };
    let error = runtime.health(&context).await.unwrap_err();
    let limit = Duration::from_millis(50);
    assert_eq!(error, RuntimeError::Call(CallError::Timeout { limit }));
    assert_eq!(error.to_string(), "plugin did not answer within 50 ms");
}

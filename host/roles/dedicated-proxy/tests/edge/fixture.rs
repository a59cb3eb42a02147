//! An edge on a port of its own, two little upstreams, and clients that trust its authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Extension, Request};
use axum::routing::{any, get};
use bytes::Bytes;
use gatewright_core::{SessionId, Timestamp, UserId, ZoneId};
use gatewright_dedicated_proxy::{Edge, EdgeConf, EdgeLimits, Upstream, Upstreams};
use gatewright_identity::{CertificateResolver, ClientAddr, PublicCa, PublicNames, SessionPath, TicketGrant, TicketSigner, VerifiedTicket};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Long enough for a loaded machine; nothing waits for it unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Fixture {
    pub(crate) addr: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    pub(crate) signer: TicketSigner,
    pub(crate) ca: PublicCa,
    pub(crate) certificate: Arc<CertificateResolver>,
    /// A permit for each `GET /slow` that may be answered.
    pub(crate) gate: Arc<Semaphore>,
    /// A permit for each `GET /slow` that has arrived.
    pub(crate) arrived: Arc<Semaphore>,
    /// Whether the web-app says that it is ready.
    pub(crate) ready: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

pub(crate) fn session(last: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(last))
}

/// Answers with what it saw of the request.
async fn echo(request: Request) -> String {
    let client = request.extensions().get::<ClientAddr>().is_some();
    let ticket = request.extensions().get::<VerifiedTicket>().is_some();
    let mut seen = format!("{} {} client={client} ticket={ticket}\n", request.method(), request.uri().path());
    for (name, value) in request.headers() {
        seen.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    seen
}

/// One event, and then nothing for ever.
async fn events() -> axum::response::Sse<impl futures_util::Stream<Item = Result<axum::response::sse::Event, std::convert::Infallible>>> {
    use futures_util::StreamExt as _;
    let first = futures_util::stream::iter([Ok(axum::response::sse::Event::default().data("first"))]);
    axum::response::Sse::new(first.chain(futures_util::stream::pending()))
}

async fn vnc(
    Extension(client): Extension<ClientAddr>,
    Extension(ticket): Extension<VerifiedTicket>,
    upgrade: WebSocketUpgrade,
) -> axum::response::Response {
    upgrade.protocols(["binary"]).on_upgrade(move |mut socket| async move {
        let hello = format!("{} {}", client.0.ip(), ticket.grant.session);
        socket.send(Message::Text(hello.into())).await.unwrap();
        while let Some(Ok(Message::Binary(bytes))) = socket.recv().await {
            socket.send(Message::Binary(bytes)).await.unwrap();
        }
    })
}

pub(crate) async fn edge(limits: EdgeLimits) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let ca = PublicCa::open(folder.path(), now).unwrap();
    let names = PublicNames::of_this_machine(Some("desk.example.org")).unwrap();
    let certificate = CertificateResolver::new(ca.server_certificate(&names, now).unwrap());
    let signer = TicketSigner::open(folder.path()).unwrap();
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (open, came) = (Arc::clone(&gate), Arc::clone(&arrived));
    let (ready, readiness) = watch::channel(true);
    let slow = async move || {
        came.add_permits(1);
        open.acquire().await.unwrap().forget();
        "at last"
    };
    let web_app = Router::new()
        .route("/slow", get(slow))
        .route("/events", get(events))
        .route(
            "/readyz",
            get(async move || {
                if *readiness.borrow() {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            }),
        )
        .route("/count", any(async |body: Bytes| body.len().to_string()))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .fallback(any(echo));
    let router = Router::new()
        .route("/session/{session}/vnc", get(vnc))
        .route("/session/{session}/notices", any(echo));
    let stop = CancellationToken::new();
    let bound = Edge {
        conf: EdgeConf {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            public_origin: Some("https://desk.example.org".parse().unwrap()),
            limits,
        },
        certificate: Arc::clone(&certificate),
        tickets: signer.verifier(),
        upstreams: Upstreams {
            web_app: Upstream::Local(web_app),
            router: Upstream::Local(router),
        },
    }
    .bind(stop.clone())
    .await
    .unwrap();
    Fixture {
        addr: *bound.addrs.first().unwrap(),
        stop,
        served: tokio::spawn(bound.serve),
        signer,
        ca,
        certificate,
        gate,
        arrived,
        ready,
        _folder: folder,
    }
}

impl Fixture {
    pub(crate) async fn tls(&self, alpn: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca.certificate().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let socket = TcpStream::connect(self.addr).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
    }

    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.addr.port())
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.host())
    }

    /// Sends one request over HTTP/1.1 and reads the whole answer.
    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Answer {
        let stream = self.tls(b"http/1.1").await;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = request.header("host", self.host()).body(Body::from(body.into())).unwrap();
        let answer = answer(sender.send_request(request).await.unwrap()).await;
        drop(sender);
        connection.await.unwrap().unwrap();
        answer
    }

    /// The same over HTTP/2.
    pub(crate) async fn send2(&self, request: http::request::Builder) -> Answer {
        let stream = self.tls(b"h2").await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let answer = answer(sender.send_request(request.body(Body::empty()).unwrap()).await.unwrap()).await;
        drop(sender);
        connection.await.unwrap().unwrap();
        answer
    }

    pub(crate) fn ticket_at(&self, session: SessionId, at: SystemTime) -> String {
        let grant = TicketGrant {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            session,
            zone: ZoneId::from_uuid(Uuid::from_u128(1)),
            paths: [SessionPath::Vnc, SessionPath::Notices].into(),
            view_only: false,
        };
        self.signer.sign(grant, Uuid::now_v7(), Timestamp::from(at)).unwrap().0
    }

    pub(crate) fn ticket(&self, session: SessionId) -> String {
        self.ticket_at(session, SystemTime::now())
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The stable code of a problem.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.get("status").unwrap(), self.status);
        problem.get("code").unwrap().as_str().unwrap().into()
    }
}

async fn answer(response: http::Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

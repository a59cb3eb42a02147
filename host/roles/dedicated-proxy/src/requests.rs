//! Where a request goes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use gatewright_identity::{ClientAddr, PublicOrigin, SESSION_PREFIX, TicketVerifier};
use http::uri::Authority;
use http::{Request, header, request};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::headers;
use crate::health;
use crate::origin;
use crate::problem::Problem;
use crate::session::{self, Wanted};

/// The prefix of native RDP over HTTPS ([MS-TSGU] 3.3.5.1), which no role here serves.
const RD_GATEWAY_PREFIX: &str = "/remoteDesktopGateway";

/// Who answers what the edge hands on.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// A router of this process: it gets the request itself, so that it can upgrade the connection.
    Local(Router),
}

impl Upstream {
    pub(crate) async fn call(&self, request: Request<Body>) -> Response {
        match self {
            // A router answers everything itself: its error type has no value.
            Self::Local(router) => router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}),
        }
    }
}

/// The roles behind the edge.
#[derive(Debug, Clone)]
pub struct Upstreams {
    /// Everything but sessions.
    pub web_app: Upstream,
    /// A connection proxy's router: `/session/<id>/`.
    pub router: Upstream,
}

/// Checks and hands on.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) tickets: TicketVerifier,
    pub(crate) upstreams: Upstreams,
    pub(crate) public_origin: Option<PublicOrigin>,
    pub(crate) body_timeout: Duration,
    pub(crate) stop: CancellationToken,
}

impl Requests {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Body>, client: SocketAddr) -> Response {
        let (mut parts, body) = request.into_parts();
        let host = headers::clean(&mut parts);
        let mut response = match &host {
            Ok(host) => self.hand_on(parts, body, host, client).await,
            Err(problem) => Err(*problem),
        }
        .map_or_else(IntoResponse::into_response, |response| self.until_stop(response));
        headers::secure(&mut response, host.as_ref().ok());
        response
    }

    /// Server-sent events have no end of their own and their clients come back: a stop does not wait for them.
    fn until_stop(&self, response: Response) -> Response {
        let endless = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if !endless {
            return response;
        }
        let stop = self.stop.clone();
        response.map(|body| Body::from_stream(body.into_data_stream().take_until(stop.cancelled_owned())))
    }

    async fn hand_on(&self, mut parts: request::Parts, body: Body, host: &Authority, client: SocketAddr) -> Result<Response, Problem> {
        parts.extensions.insert(ClientAddr(client));
        let path = parts.uri.path();
        if path
            .get(..RD_GATEWAY_PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(RD_GATEWAY_PREFIX))
        {
            return Err(Problem::NOT_FOUND);
        }
        if let Some(answer) = health::answer(&parts.method, path, &self.upstreams.web_app).await {
            return answer;
        }
        if !path.starts_with(SESSION_PREFIX) {
            return Ok(self.upstreams.web_app.call(Request::from_parts(parts, body)).await);
        }
        let wanted = session::wanted(path).ok_or(Problem::NOT_FOUND)?;
        let checked = origin::check(&parts.method, &parts.headers, host, self.public_origin.as_ref());
        checked.inspect_err(|_| tracing::debug!(%client, "A request of another site's page was refused"))?;
        let mut request = Request::from_parts(parts, body);
        match wanted {
            Wanted::Enter(id) => session::enter(&self.tickets, id, request, self.body_timeout).await,
            Wanted::Open(id, path) => {
                session::open(&self.tickets, id, path, &mut request)?;
                Ok(self.upstreams.router.call(request).await)
            }
        }
    }
}

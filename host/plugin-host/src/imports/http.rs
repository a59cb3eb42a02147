//! `http`: requests to the endpoint that was granted, and their bodies piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use wasmtime::component::Resource;

use crate::bindings::shared::gatewright::types::http as wit;
use crate::grants::{HttpGrant, Method};
use crate::http::{HttpBody, HttpEndpoint, HttpError, HttpRequest};
use crate::limits::{MAX_HTTP_REQUEST_BYTES, MAX_HTTP_REQUESTS, MAX_HTTP_RESPONSE_BYTES};
use crate::meter::Unmetered;
use crate::store::CallState;
use crate::text::bounded;

/// What a call may reach, and how much of it is left.
pub(crate) struct HttpAccess {
    /// What the manifest wants and the operator approved.
    pub(crate) grants: Arc<[HttpGrant]>,
    /// The endpoint's name and what stands behind it.
    pub(crate) endpoint: (String, Arc<dyn HttpEndpoint>),
    pub(crate) requests_left: u32,
    pub(crate) bytes_left: usize,
}

impl HttpAccess {
    pub(crate) fn new(grants: Arc<[HttpGrant]>, name: String, endpoint: Arc<dyn HttpEndpoint>) -> Self {
        Self {
            grants,
            endpoint: (name, endpoint),
            requests_left: MAX_HTTP_REQUESTS,
            bytes_left: MAX_HTTP_RESPONSE_BYTES,
        }
    }
}

/// A body that is being read.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Body {
    stream: HttpBody,
    /// What of the last piece did not fit into a read.
    rest: Bytes,
}

/// Headers that are the endpoint's to set: framing, connection, host.
const HOSTS_OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl wit::Host for CallState {
    async fn send(&mut self, endpoint: String, request: wit::Request) -> wasmtime::Result<Result<wit::Response, wit::Error>> {
        let meter = Arc::clone(&self.meter);
        let (request, target) = match self.admit(&endpoint, request) {
            Ok(admitted) => admitted,
            Err(error) => return Ok(Err(error)),
        };
        tracing::debug!(plugin = %self.plugin, method = %request.method, path = %request.path, "Plugin sends a request");
        let response = match Unmetered::new(meter, async move { target.send(request).await }).await {
            Ok(response) => response,
            Err(error) => return Ok(Err(error.into())),
        };
        let body = self.table.push(Body {
            stream: response.body,
            rest: Bytes::new(),
        })?;
        Ok(Ok(wit::Response {
            status: response.status,
            headers: response.headers,
            body,
        }))
    }
}

impl wit::HostBody for CallState {
    async fn read(&mut self, body: Resource<Body>, max: u32) -> wasmtime::Result<Result<Vec<u8>, wit::Error>> {
        let meter = Arc::clone(&self.meter);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let body = self.table.get_mut(&body)?;
        // An empty piece is not the end; only the stream's end is.
        while body.rest.is_empty() && max > 0 {
            match Unmetered::new(Arc::clone(&meter), body.stream.next()).await {
                None => return Ok(Ok(Vec::new())),
                Some(Ok(piece)) => body.rest = piece,
                Some(Err(error)) => return Ok(Err(error.into())),
            }
        }
        let piece = body.rest.split_to(max.min(body.rest.len()));
        let Some(http) = &mut self.http else {
            return Ok(Err(wit::Error::NotGranted));
        };
        match http.bytes_left.checked_sub(piece.len()) {
            Some(left) => http.bytes_left = left,
            None => return Ok(Err(wit::Error::TooLarge)),
        }
        Ok(Ok(piece.into()))
    }

    async fn drop(&mut self, body: Resource<Body>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

impl CallState {
    /// Checks a request against manifest and approval, and counts it.
    fn admit(&mut self, endpoint: &str, request: wit::Request) -> Result<(HttpRequest, Arc<dyn HttpEndpoint>), wit::Error> {
        let http = self.http.as_mut().ok_or(wit::Error::NotGranted)?;
        let method = match request.method {
            wit::Method::Get => Method::Get,
            wit::Method::Head => Method::Head,
            wit::Method::Post => Method::Post,
            wit::Method::Put => Method::Put,
            wit::Method::Delete => Method::Delete,
        };
        let granted = http.endpoint.0 == endpoint
            && http
                .grants
                .iter()
                .any(|grant| grant.endpoint == endpoint && grant.covers(method, &request.path));
        if !granted {
            tracing::warn!(
                plugin = %self.plugin,
                endpoint = %bounded(endpoint, 64),
                %method,
                path = %bounded(&request.path, 256),
                "Plugin asked for a request that it was not granted"
            );
            return Err(wit::Error::NotGranted);
        }
        if request.body.len() > MAX_HTTP_REQUEST_BYTES {
            return Err(wit::Error::TooLarge);
        }
        http.requests_left = http
            .requests_left
            .checked_sub(1)
            .ok_or_else(|| wit::Error::Refused("too many requests in one call".into()))?;
        let headers = checked_headers(request.headers)?;
        Ok((
            HttpRequest {
                method,
                path: request.path,
                headers,
                body: request.body.into(),
            },
            Arc::clone(&http.endpoint.1),
        ))
    }
}

fn checked_headers(headers: Vec<(String, String)>) -> Result<Vec<(String, String)>, wit::Error> {
    if headers.len() > 64 {
        return Err(wit::Error::Refused("more than 64 headers".into()));
    }
    headers
        .into_iter()
        .map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let is_name =
                !name.is_empty() && name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            let is_value = value.len() <= 8192 && value.bytes().all(|b| b == b'\t' || (b >= 0x20 && b != 0x7f));
            if !is_name || !is_value || HOSTS_OWN_HEADERS.contains(&name.as_str()) {
                return Err(wit::Error::Refused(format!("header {:?} can't be set", bounded(&name, 64))));
            }
            Ok((name, value))
        })
        .collect()
}

impl From<HttpError> for wit::Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Refused(why) => Self::Refused(bounded(&why, 512)),
            HttpError::Unreachable => Self::Unreachable,
            HttpError::Timeout => Self::Timeout,
            HttpError::TooLarge => Self::TooLarge,
            HttpError::Protocol => Self::Protocol,
        }
    }
}

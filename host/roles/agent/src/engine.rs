//! HTTP/1.1 to an engine's unix socket: one connection an exchange, every part of it bounded.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use gatewright_plugin_host::HttpError;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use tracing::{debug, warn};

use crate::config::EngineLanguage;
use crate::guard::docker::ApiVersion;
use crate::guard::{Cut, Dialect, MAX_PULL_LINE, libpod};

/// A unix socket accepts at once, or its owner is dead or drowning.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// A ping that takes longer means an engine that can't work.
const PING_LIMIT: Duration = Duration::from_secs(5);
/// The largest response head, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// Lines that are read before somebody takes them.
const LINES_AHEAD: usize = 64;
/// The largest response body, in bytes: a list of some thousand containers.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// An engine, by its socket.
#[derive(Debug)]
pub(crate) struct Engine {
    socket: PathBuf,
    language: EngineLanguage,
    /// Found by asking; forgotten when the engine goes away, since another may come back.
    dialect: Mutex<Option<Dialect>>,
}

/// What an engine tells line by line.
pub(crate) struct EngineLines {
    pub(crate) status: u16,
    pub(crate) lines: mpsc::Receiver<Result<Vec<u8>, HttpError>>,
}

/// What an engine answered.
#[derive(Debug)]
pub(crate) struct EngineAnswer {
    pub(crate) status: u16,
    /// The engine's version as its answer to a ping has it: of the interface for Docker, of Podman itself for Podman.
    pub(crate) version: Option<String>,
    pub(crate) body: Bytes,
    /// Why it is not all of the body.
    pub(crate) cut: Option<Cut>,
}

/// How much of an answer's body is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading {
    /// All of it.
    Whole,
    /// What comes within this time, and about so many bytes.
    Some { bytes: usize, time: Duration },
}

impl Engine {
    pub(crate) fn new(socket: PathBuf, language: EngineLanguage) -> Self {
        Self {
            socket,
            language,
            dialect: Mutex::new(None),
        }
    }

    /// Whether the guard reads its language.
    pub(crate) fn is_guarded(&self) -> bool {
        !matches!(self.language, EngineLanguage::Other(_))
    }

    /// The version of its interface to speak.
    ///
    /// # Errors
    /// `Protocol` where the engine is too old, or is another.
    pub(crate) async fn dialect(&self) -> Result<Dialect, HttpError> {
        if let EngineLanguage::Other(allowed) = &self.language {
            // Nothing to find out: the operator's list is all there is.
            return Ok(Dialect::Other(Arc::clone(allowed)));
        }
        if let Some(dialect) = self.lock().clone() {
            return Ok(dialect);
        }
        let answer = self.exchange("GET", "/_ping", None, PING_LIMIT, Reading::Whole).await?;
        let version = answer.version.unwrap_or_default();
        let dialect = match &self.language {
            EngineLanguage::Docker => ApiVersion::negotiate(&version).map(Dialect::Docker),
            EngineLanguage::Other(_) => None,
            EngineLanguage::Libpod => {
                let info = self.exchange("GET", libpod::INFO, None, PING_LIMIT, Reading::Whole).await?;
                libpod::User::negotiate(&version, &info.body).map(Dialect::Libpod)
            }
        };
        let Some(dialect) = dialect else {
            warn!(%version, language = ?self.language, "Engine is too old, or speaks another language");
            return Err(HttpError::Protocol);
        };
        *self.lock() = Some(dialect.clone());
        Ok(dialect)
    }

    /// The user whose process answers at the socket, as the kernel knows it.
    ///
    /// # Errors
    /// `Unreachable`.
    pub(crate) async fn user(&self) -> Result<u32, HttpError> {
        match timeout(CONNECT_LIMIT, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(stream.peer_cred().map_err(|_| HttpError::Unreachable)?.uid()),
            Ok(Err(_)) | Err(_) => Err(HttpError::Unreachable),
        }
    }

    /// Sends one request that the guard built and reads the whole answer within `limit`.
    ///
    /// # Errors
    /// All but `Refused`.
    pub(crate) async fn exchange(
        &self,
        method: &'static str,
        target: &str,
        body: Option<String>,
        limit: Duration,
        reading: Reading,
    ) -> Result<EngineAnswer, HttpError> {
        let started = Instant::now();
        let deadline = tokio::time::Instant::now() + limit;
        let result = match timeout_at(deadline, self.talk(method, target, body, reading)).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Timeout),
        };
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        match &result {
            Ok(answer) => debug!(method, target, status = answer.status, micros, "Engine answered"),
            Err(error) => {
                *self.lock() = None;
                debug!(method, target, micros, %error, "Engine did not answer");
            }
        }
        result
    }

    /// Asks for something that the engine tells of line by line for as long as it works. Gives the status, and then either the
    /// lines as they come or, with another status than 200, the whole answer as one. Whoever drops the receiver ends it.
    ///
    /// The future that comes with it drives all of it, and ends with it: the caller has to run it.
    ///
    /// # Errors
    /// All but `Refused`.
    pub(crate) async fn lines(
        &self,
        method: &'static str,
        target: &str,
        limit: Duration,
    ) -> Result<(EngineLines, impl Future<Output = ()> + Send + use<>), HttpError> {
        let deadline = tokio::time::Instant::now() + limit;
        let (mut sender, connection) = self.connect().await?;
        let mut connection = Box::pin(connection);
        let request = request(method, target, None)?;
        let answered = async {
            let asked = sender.send_request(request);
            let mut asked = pin!(asked);
            tokio::select! {
                response = &mut asked => response,
                _ended = &mut connection => asked.await,
            }
        };
        let response = timeout_at(deadline, answered).await.map_err(|_| HttpError::Timeout)?;
        let response = response.map_err(|error| http_error(&error))?;
        let status = response.status().as_u16();
        let (tell, lines) = mpsc::channel(LINES_AHEAD);
        let reading = read_lines(response.into_body(), tell.clone());
        let driven = async move {
            // Nothing is asked on this connection any more; dropping its sender earlier would close it.
            let _sender = sender;
            let mut reading = pin!(reading);
            tokio::select! {
                () = &mut reading => {}
                () = tell.closed() => {}
                _ended = &mut connection => tokio::select! {
                    () = &mut reading => {}
                    () = tell.closed() => {}
                },
            }
        };
        Ok((EngineLines { status, lines }, driven))
    }

    async fn connect(&self) -> Result<(SendRequest<Full<Bytes>>, Connection<TokioIo<UnixStream>, Full<Bytes>>), HttpError> {
        let stream = match timeout(CONNECT_LIMIT, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => return Err(HttpError::Unreachable),
        };
        hyper::client::conn::http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(64)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| http_error(&error))
    }

    async fn talk(&self, method: &'static str, target: &str, body: Option<String>, reading: Reading) -> Result<EngineAnswer, HttpError> {
        let (mut sender, connection) = self.connect().await?;
        let request = request(method, target, body)?;
        let exchange = async move {
            let response = sender.send_request(request).await.map_err(|error| http_error(&error))?;
            let status = response.status().as_u16();
            let header = match &self.language {
                EngineLanguage::Docker => Some("api-version"),
                EngineLanguage::Libpod => Some("libpod-api-version"),
                EngineLanguage::Other(_) => None,
            };
            let version = header.and_then(|name| response.headers().get(name));
            let version = version.and_then(|value| Some(value.to_str().ok()?.to_owned()));
            let (body, cut) = match reading {
                Reading::Some { bytes, time } if status == 200 => some_of(response.into_body(), bytes, time).await?,
                Reading::Whole | Reading::Some { .. } => (whole(response.into_body()).await?, None),
            };
            Ok(EngineAnswer {
                status,
                version,
                body,
                cut,
            })
        };
        // The connection is driven here and not by a task of its own: nothing outlives the exchange.
        let mut exchange = pin!(exchange);
        let mut connection = pin!(connection);
        tokio::select! {
            result = &mut exchange => result,
            _ended = &mut connection => exchange.await,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Dialect>> {
        self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a body and hands on its lines, until nobody wants them.
async fn read_lines(mut body: Incoming, tell: mpsc::Sender<Result<Vec<u8>, HttpError>>) {
    let mut line = Vec::new();
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => {
                let _nobody_listens = tell.send(Err(http_error(&error))).await;
                return;
            }
        };
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            if line.len() + part.len() > MAX_PULL_LINE {
                let _nobody_listens = tell.send(Err(HttpError::TooLarge)).await;
                return;
            }
            line.extend_from_slice(part);
            if part.ends_with(b"\n") && tell.send(Ok(std::mem::take(&mut line))).await.is_err() {
                return;
            }
        }
    }
    if !line.is_empty() {
        let _nobody_listens = tell.send(Ok(line)).await;
    }
}

async fn whole(body: Incoming) -> Result<Bytes, HttpError> {
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            HttpError::TooLarge
        } else {
            error.downcast_ref().map_or(HttpError::Protocol, http_error)
        }
    })?;
    Ok(body.to_bytes())
}

/// What comes of a body within a time, up to a size.
async fn some_of(mut body: Incoming, bytes: usize, time: Duration) -> Result<(Bytes, Option<Cut>), HttpError> {
    let until = tokio::time::Instant::now() + time;
    let mut read = BytesMut::new();
    loop {
        if read.len() > bytes {
            read.truncate(bytes);
            return Ok((read.freeze(), Some(Cut::TooMuch)));
        }
        match timeout_at(until, body.frame()).await {
            Ok(None) => return Ok((read.freeze(), None)),
            Ok(Some(frame)) => {
                if let Ok(data) = frame.map_err(|error| http_error(&error))?.into_data() {
                    read.extend_from_slice(&data);
                }
            }
            Err(_) => return Ok((read.freeze(), Some(Cut::TooLong))),
        }
    }
}

fn request(method: &'static str, target: &str, body: Option<String>) -> Result<http::Request<Full<Bytes>>, HttpError> {
    let mut request = http::Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, "engine")
        .header(ACCEPT, "application/json");
    if body.is_some() {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request
        .body(Full::new(body.map(Bytes::from).unwrap_or_default()))
        .map_err(|_| HttpError::Protocol)
}

fn http_error(error: &hyper::Error) -> HttpError {
    if error.is_parse_too_large() {
        HttpError::TooLarge
    } else if error.is_parse() || error.is_user() {
        HttpError::Protocol
    } else {
        // It went away in the middle.
        HttpError::Unreachable
    }
}

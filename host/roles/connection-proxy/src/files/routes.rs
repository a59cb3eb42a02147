//! `/session/{id}/files`, `/session/{id}/upload` and `/session/{id}/download`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use gatewright_core::SessionId;
use gatewright_core::file_name::FileName;
use gatewright_files::Failure;
use gatewright_gate::{FileItem, Subject};
use gatewright_identity::{ClientAddr, SessionPath};
use gatewright_ports::SessionStreams;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::files::agent_stream::AgentStream;
use crate::files::download::Download;
use crate::files::problem::{Problem, words};
use crate::files::upload::{Begin, Upload};
use crate::live::LiveSession;
use crate::proxy::Inner;
use crate::routes::ticket;
use crate::vnc::admit;

/// The largest body that is no file.
const MAX_ASKED_BYTES: usize = 16 << 10;
/// What is read and thrown away of a request that is refused: more than a slice of the page's.
const DRAIN_BYTES: usize = 32 << 20;
const DRAIN: Duration = Duration::from_secs(20);

pub(crate) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/session/{session}/files", get(list))
        .route(
            "/session/{session}/upload",
            post(begin_upload).put(feed).get(upload_state).delete(cancel),
        )
        .route("/session/{session}/download", post(begin_download).get(fetch))
}

/// Somebody who may transfer files of a session.
struct Admitted {
    live: Arc<LiveSession>,
    subject: Subject,
    agent: Arc<dyn SessionStreams>,
}

async fn admitted(
    inner: &Arc<Inner>,
    headers: &HeaderMap,
    session: SessionId,
    path: SessionPath,
    client: Option<Extension<ClientAddr>>,
) -> Result<Admitted, Problem> {
    let ticket = ticket(inner, headers, session, path).ok_or_else(Problem::no_ticket)?;
    if ticket.grant.view_only {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "view-only",
            "Who only watches a session can't transfer files.",
        ));
    }
    let context = admit(inner, &ticket)
        .await
        .map_err(|end| Problem::new(StatusCode::CONFLICT, "not-open", end.text()))?;
    let agent = inner.agents.get(context.node).ok_or_else(Problem::unavailable)?;
    Ok(Admitted {
        live: inner.registry.enter(session),
        subject: Subject {
            context,
            client: client.map_or_else(String::new, |Extension(ClientAddr(address))| address.ip().to_string()),
        },
        agent,
    })
}

type Client = Option<Extension<ClientAddr>>;
type Shared = State<Arc<Inner>>;

async fn list(State(inner): Shared, Path(session): Path<SessionId>, client: Client, headers: HeaderMap) -> Result<Response, Problem> {
    let admitted = admitted(&inner, &headers, session, SessionPath::Files, client).await?;
    let entries = AgentStream::open(admitted.agent.as_ref(), session).await?.list().await?;
    let items: Vec<Value> = entries
        .into_iter()
        .map(|entry| {
            let shown = FileName::mend(&entry.name).map_or_else(|_| "?".to_owned(), |name| name.as_str().to_owned());
            json!({
                "name": entry.name,
                "shown": shown,
                "size": entry.size,
                "modified": entry.modified,
                "refused": entry.refused.map(words),
            })
        })
        .collect();
    Ok(said(StatusCode::OK, json!({ "items": items })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUpload {
    name: String,
    size: u64,
}

async fn begin_upload(
    State(inner): Shared,
    Path(session): Path<SessionId>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let NewUpload { name, size } = asked(body).await?;
    let Admitted { live, subject, agent } = admitted(&inner, &headers, session, SessionPath::Upload, client).await?;
    let name = FileName::mend(&name).map_err(|_| Failure::Name)?.as_str().to_owned();
    let item = FileItem { name: name.clone(), size };
    let id = Upload::begin(
        &inner,
        Begin {
            live,
            subject,
            agent,
            item,
        },
    )
    .await?;
    Ok(said(StatusCode::CREATED, json!({ "id": id, "name": name, "offset": 0 })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    id: Uuid,
    #[serde(default)]
    offset: u64,
}

/// The upload that a request is about. The ticket says whose session it is.
fn upload(inner: &Inner, headers: &HeaderMap, session: SessionId, id: Uuid) -> Result<Arc<Upload>, Problem> {
    ticket(inner, headers, session, SessionPath::Upload).ok_or_else(Problem::no_ticket)?;
    inner.transfers.upload(session, id).ok_or_else(Problem::no_transfer)
}

async fn feed(
    State(inner): Shared,
    Path(session): Path<SessionId>,
    Query(place): Query<Place>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let upload = upload(&inner, &headers, session, place.id)?;
    let mut body = body.into_data_stream();
    let fed = upload.feed(place.offset, &mut body).await;
    if fed.is_err() {
        // Many clients send all before they read: an answer to half a request would be lost with the connection.
        drop(tokio::time::timeout(DRAIN, drain(&mut body)).await);
    }
    Ok(said(StatusCode::OK, fed?))
}

async fn drain(body: &mut BodyDataStream) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(piece)) = body.next().await {
        match left.checked_sub(piece.len()) {
            Some(less) => left = less,
            None => return,
        }
    }
}

async fn upload_state(
    State(inner): Shared,
    Path(session): Path<SessionId>,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = upload(&inner, &headers, session, place.id)?.state()?;
    Ok(said(StatusCode::OK, state))
}

async fn cancel(
    State(inner): Shared,
    Path(session): Path<SessionId>,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    upload(&inner, &headers, session, place.id)?.cancel();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDownload {
    name: String,
}

async fn begin_download(
    State(inner): Shared,
    Path(session): Path<SessionId>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let NewDownload { name } = asked(body).await?;
    let Admitted { live, subject, agent } = admitted(&inner, &headers, session, SessionPath::Download, client).await?;
    let offered = Download::begin(&inner, live, subject, agent.as_ref(), &name).await?;
    let answer = json!({ "id": offered.id, "name": offered.name, "size": offered.size });
    Ok(said(StatusCode::OK, answer))
}

/// Whatever is in the file, it is saved and not opened: no page of this origin is made of it.
async fn fetch(
    State(inner): Shared,
    Path(session): Path<SessionId>,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ticket(&inner, &headers, session, SessionPath::Download).ok_or_else(Problem::no_ticket)?;
    let download = inner.transfers.take_download(session, place.id).ok_or_else(Problem::no_transfer)?;
    let fetching = download.fetch().ok_or_else(Problem::no_transfer)?;
    let head: [(HeaderName, String); 6] = [
        (header::CONTENT_TYPE, "application/octet-stream".into()),
        (header::CONTENT_LENGTH, download.size.to_string()),
        (header::CONTENT_DISPOSITION, disposition(&download.name)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (header::CACHE_CONTROL, "no-store".into()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".into()),
    ];
    Ok((head, Body::from_stream(fetching)).into_response())
}

/// RFC 6266 with RFC 8187: the exact name, and one in ASCII for who can't read it.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii() && !c.is_control() && !matches!(c, '"' | '\\' | '%') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut exact = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            exact.push(char::from(byte));
        } else {
            exact.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

async fn asked<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let wrong = || {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-body",
            "The body is not what is asked for here.",
        )
    };
    let bytes = axum::body::to_bytes(body, MAX_ASKED_BYTES).await.map_err(|_| wrong())?;
    serde_json::from_slice(&bytes).map_err(|_| wrong())
}

fn said(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_can_say_nothing_but_itself() {
        assert_eq!(
            disposition("plan.png"),
            "attachment; filename=\"plan.png\"; filename*=UTF-8''plan.png"
        );
        assert_eq!(
            disposition("é\"; x=1 50%.txt"),
            "attachment; filename=\"__; x=1 50_.txt\"; filename*=UTF-8''%C3%A9%22%3B%20x%3D1%2050%25.txt"
        );
    }
}

//! The web UI: from the binary, or from a folder while it is being worked on.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::RustEmbed;
use sha2::Digest as _;

use crate::app::WebApp;
use crate::error::ApiError;

/// What `npm run build` made. Optimised builds hold it; others read it from the source tree. It may be missing.
#[derive(RustEmbed)]
#[folder = "../../../web/dist"]
#[allow_missing = true]
struct Embedded;

/// Where the web UI comes from.
#[derive(Debug)]
pub(crate) enum Pages {
    /// The binary.
    Embedded,
    /// A folder.
    Folder(PathBuf),
}

struct Asset {
    bytes: Cow<'static, [u8]>,
    digest: [u8; 32],
}

impl Pages {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        folder.map_or(Self::Embedded, Self::Folder)
    }

    async fn get(&self, path: &str) -> Option<Asset> {
        // Nothing outside the folder: no `..`, no root, no empty name.
        let plain = !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            return None;
        }
        match self {
            Self::Embedded => Embedded::get(path).map(|file| Asset {
                digest: file.metadata.sha256_hash(),
                bytes: file.data,
            }),
            Self::Folder(folder) => {
                let bytes = tokio::fs::read(folder.join(path)).await.ok()?;
                Some(Asset {
                    digest: sha2::Sha256::digest(&bytes).into(),
                    bytes: bytes.into(),
                })
            }
        }
    }
}

/// Answers whatever is no endpoint: a file of the web UI, or its page where the path is one that it knows.
pub(crate) async fn serve(State(app): State<WebApp>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Only GET works here.").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let file = if is_page(path) { "index.html" } else { path };
    match app.pages.get(file).await {
        Some(asset) => respond(file, asset, request.headers()),
        None if file == "index.html" => not_built(),
        None if wants_page(request.headers()) => no_such_page(&app).await,
        None => ApiError::not_found().into_response(),
    }
}

/// Whether a browser navigates here, as opposed to a page that loads a part of itself.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The web UI says that there is no such page, and so does the status.
async fn no_such_page(app: &WebApp) -> Response {
    let Some(asset) = app.pages.get("index.html").await else {
        return not_built();
    };
    let mut response = respond("index.html", asset, &HeaderMap::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// The routes of the web UI. A path that is none is not there: what serves a page for everything hides broken links.
fn is_page(path: &str) -> bool {
    let mut parts = path.trim_end_matches('/').split('/');
    let first = parts.next();
    matches!(
        (first, parts.next(), parts.next()),
        (
            Some("" | "login" | "workspaces" | "sessions" | "nodes" | "plugins" | "activity"),
            None,
            None
        ) | (Some("workspaces" | "sessions" | "plugins"), Some(_), None)
    )
}

fn respond(file: &str, asset: Asset, headers: &HeaderMap) -> Response {
    // The name of a built file changes with its content.
    let cache = if file.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let digest: String = asset.digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // Weak: the same tag names the compressed form.
    let tag = format!("W/\"{digest}\"");
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag.trim_start_matches("W/"));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.bytes.into_response()
    };
    let set = response.headers_mut();
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        set.insert(header::ETAG, tag);
    }
    if !known {
        let kind = mime_guess::from_path(file).first_or_octet_stream();
        let kind = match (kind.type_(), kind.subtype()) {
            (mime_guess::mime::TEXT, _) | (_, mime_guess::mime::JAVASCRIPT) => format!("{kind}; charset=utf-8"),
            _ => kind.to_string(),
        };
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            set.insert(header::CONTENT_TYPE, kind);
        }
    }
    response
}

fn not_built() -> Response {
    const PAGE: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Gatewright</title>\n\
        <h1>The web UI was not built</h1>\n\
        <p>The service runs and its REST API answers, but this build holds no pages.</p>\n\
        <p>Run <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, then build the service again, \
        or set <code>GATEWRIGHT_WEB_DIST</code> to the folder with the built pages.</p></html>\n";
    let set = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, set, PAGE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_the_web_ui_knows() {
        for (path, page) in [
            ("", true),
            ("login", true),
            ("plugins", true),
            ("plugins/", true),
            ("plugins/dlp-clipboard", true),
            ("plugins/a/b", false),
            ("sessions", true),
            ("workspaces/new", true),
            ("nodes", true),
            ("nodes/x", false),
            ("sessions/0190163d-8694-739b-aea5-966c26f8ad91", true),
            ("activity", true),
            ("activity/x", false),
            ("assets/index.js", false),
            ("favicon.ico", false),
            ("wp-admin", false),
        ] {
            assert_eq!(is_page(path), page, "{path:?}");
        }
    }
}

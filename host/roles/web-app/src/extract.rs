//! Reading requests: strictly, and with our own words where they can't be read.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::ApiError;

/// The largest JSON body.
pub(crate) const JSON_MAX_BYTES: usize = 64 * 1024;

/// The largest plugin.
pub(crate) const PLUGIN_MAX_BYTES: usize = 32 * 1024 * 1024;

/// A JSON body. Types refuse unknown fields themselves.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "The body has to be application/json.",
            )),
            // The words are serde's, about the field and the type that it wanted.
            Err(JsonRejection::JsonDataError(error)) => Err(ApiError::unprocessable("invalid-body", error.body_text())),
            Err(JsonRejection::JsonSyntaxError(_)) => Err(ApiError::unprocessable("invalid-body", "The body is not JSON.")),
            Err(JsonRejection::BytesRejection(rejection)) => Err(unread(&rejection, "64 KiB")),
            Err(_) => Err(ApiError::unprocessable("invalid-body", "The body can't be read.")),
        }
    }
}

/// A plugin's bytes, whatever content type they were sent with: `curl --data-binary` calls everything a form.
pub(crate) struct PluginBytes(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for PluginBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(|rejection| unread(&rejection, "32 MiB"))
    }
}

fn unread(rejection: &BytesRejection, limit: &str) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("The body is larger than {limit}."),
        )
    } else {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid-body", "The body broke off.")
    }
}

/// Query parameters. Types refuse unknown ones themselves.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(value)| Self(value))
            .map_err(|rejection| ApiError::unprocessable("invalid-query", rejection.body_text()))
    }
}

/// Path parameters. What is no id names nothing.
pub(crate) struct At<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|_| ApiError::not_found())
    }
}

/// `Idempotency-Key`: the same key is the same request.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<Uuid>, ApiError> {
    headers
        .get("idempotency-key")
        .map(|value| {
            let text = value.to_str().unwrap_or_default();
            Uuid::parse_str(text).map_err(|_| ApiError::unprocessable("invalid-key", "Idempotency-Key has to be a UUID."))
        })
        .transpose()
}

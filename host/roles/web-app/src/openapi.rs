//! The OpenAPI document, made from the handlers.

use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{RefOr, Responses};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::app::{self, WebApp};
use crate::login::LOGIN_COOKIE;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gatewright",
        description = "REST API of the control plane. Unsafe methods with a login need header `X-CSRF-Token` (from `/api/v1/me`) \
                       and an `Origin` of this site. Unknown fields are refused. Times are microseconds since 1970. \
                       `x-permission` names what an operation needs besides a login.",
    ),
    security(("login" = [])),
    modifiers(&LoginCookie),
)]
struct Document;

struct LoginCookie;

impl Modify for LoginCookie {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(LOGIN_COOKIE)));
        document.components.get_or_insert_default().add_security_scheme("login", cookie);
    }
}

/// A router that documents itself.
pub(crate) fn router() -> OpenApiRouter<WebApp> {
    OpenApiRouter::with_openapi(Document::openapi())
}

/// The document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = app::api().into_openapi();
    for path in document.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.delete, &mut path.put, &mut path.patch];
        for operation in operations.into_iter().flatten() {
            describe(&mut operation.responses);
        }
    }
    document
}

/// Every response has to have a description, also where its schema says it all.
fn describe(responses: &mut Responses) {
    for (status, response) in &mut responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = if status == "default" { "An error." } else { "As asked." }.into();
        }
    }
}

/// The document as it is served and checked in.
pub(crate) fn text() -> String {
    // Strings, numbers and maps with string keys always serialize.
    let mut text = openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn response(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

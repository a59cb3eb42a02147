//! Who asks, and whether they may.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use gatewright_control::{Actor, Identity};
use gatewright_identity::{PublicOrigin, cookie_value};
use gatewright_policy::Permission;
use http::request::Parts;
use http::{HeaderMap, header};
use secrecy::SecretString;

use crate::app::WebApp;
use crate::client::Client;
use crate::error::ApiError;

/// The cookie of a login. The prefix makes browsers insist on HTTPS, this host and all paths.
pub(crate) const LOGIN_COOKIE: &str = "__Host-gatewright";

const CSRF_HEADER: &str = "x-csrf-token";

/// A person who is logged in. An unsafe request was also found to come from a page of ours.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) identity: Identity,
    pub(crate) client: String,
}

impl Login {
    /// As events remember it.
    pub(crate) fn actor(&self) -> Actor {
        self.identity.actor(&self.client)
    }
}

impl FromRequestParts<WebApp> for Login {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &WebApp) -> Result<Self, ApiError> {
        let token = login_token(&parts.headers).ok_or_else(ApiError::login_required)?;
        let identity = app.control.authenticate(&token).await?;
        let identity = identity.ok_or_else(ApiError::login_required)?;
        if !parts.method.is_safe() {
            let presented = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
            let matches = presented.is_some_and(|presented| identity.csrf_matches(presented));
            if !matches || origin(parts, app) != Origin::Own {
                return Err(ApiError::csrf());
            }
        }
        Ok(Self {
            identity,
            client: Client::of(parts).text(),
        })
    }
}

fn login_token(headers: &HeaderMap) -> Option<SecretString> {
    // HTTP/2 clients may send one header per cookie (RFC 9113 8.2.3).
    let cookies: Vec<&str> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    cookie_value(&cookies.join("; "), LOGIN_COOKIE).map(SecretString::from)
}

/// What a request's `Origin` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A page of ours.
    Own,
    /// Another site's page, or several at once.
    Foreign,
    /// Nothing: no browser sends an unsafe request without one.
    Unknown,
}

/// Where a request's page came from.
pub(crate) fn origin(parts: &Parts, app: &WebApp) -> Origin {
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or_default();
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Origin::Unknown,
        (Some(origin), None) if PublicOrigin::is_own(origin.as_bytes(), host, app.conf.public_origin.as_ref()) => Origin::Own,
        _ => Origin::Foreign,
    }
}

/// A permission as a type, so that a handler's arguments say what it needs.
pub(crate) trait Need: Send {
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),* $(,)?) => {$(
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl Need for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

needs!(
    SessionsLaunch,
    WorkspacesManage,
    SessionsManage,
    SessionsInspect,
    NodesManage,
    PluginsView,
    PluginsUpload,
    PluginsActivate,
    ActivityView,
    ExamplesRemove
);

/// A person who is logged in and has the permission.
#[derive(Debug)]
pub(crate) struct May<N> {
    login: Login,
    need: PhantomData<N>,
}

impl<N> Deref for May<N> {
    type Target = Login;

    fn deref(&self) -> &Login {
        &self.login
    }
}

impl<N: Need> FromRequestParts<WebApp> for May<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &WebApp) -> Result<Self, ApiError> {
        let login = Login::from_request_parts(parts, app).await?;
        if !app.authorizer.allows(&login.identity.user.role, N::PERMISSION) {
            return Err(ApiError::forbidden());
        }
        Ok(Self { login, need: PhantomData })
    }
}

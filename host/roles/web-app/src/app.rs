//! The application: its parts and its routes.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gatewright_control::ControlPlane;
use gatewright_identity::{PublicOrigin, TicketSigner};
use gatewright_policy::{Authorizer, AuthorizerError};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::assets::{self, Pages};
use crate::error::ApiError;
use crate::extract::{JSON_MAX_BYTES, PLUGIN_MAX_BYTES};
use crate::rate_limit::{Limiters, RateLimits};
use crate::routes::{activity, edges, events, home, home_folders, images, login, nodes, plugins, running, sessions, workspaces};
use crate::{headers, openapi, timeout};

/// Configuration of a web-app.
#[derive(Debug, Clone, Default)]
pub struct WebAppConf {
    /// The origin that people's browsers show. Without it: whatever host they asked for.
    pub public_origin: Option<PublicOrigin>,
    /// Serve the web UI from this folder instead of from the binary.
    pub web_dist: Option<PathBuf>,
    /// How often things may be tried.
    pub rate_limits: RateLimits,
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct WebApp {
    pub(crate) conf: Arc<WebAppConf>,
    pub(crate) control: ControlPlane,
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) signer: Arc<TicketSigner>,
    pub(crate) limits: Arc<Limiters>,
    pub(crate) pages: Arc<Pages>,
}

impl WebApp {
    /// Puts the parts together, with the roles that come with the product.
    ///
    /// # Errors
    /// Only where the role policy in the binary is wrong.
    pub async fn new(control: ControlPlane, signer: impl Into<Arc<TicketSigner>>, conf: WebAppConf) -> Result<Self, AuthorizerError> {
        Ok(Self::with_roles(control, signer, conf, Authorizer::built_in().await?))
    }

    /// The same with other roles.
    #[must_use]
    pub fn with_roles(control: ControlPlane, signer: impl Into<Arc<TicketSigner>>, conf: WebAppConf, roles: Authorizer) -> Self {
        Self {
            limits: Arc::new(Limiters::new(conf.rate_limits)),
            pages: Arc::new(Pages::new(conf.web_dist.clone())),
            conf: Arc::new(conf),
            control,
            authorizer: Arc::new(roles),
            signer: signer.into(),
        }
    }
}

/// The whole application.
pub fn app(web_app: WebApp) -> Router {
    let document = openapi::text();
    let (api, _) = api().split_for_parts();
    let pages = Router::new().fallback(assets::serve).layer(CompressionLayer::new());
    api.route("/readyz", get(login::ready))
        .route("/api/openapi.json", get(async move || openapi::response(document)))
        .method_not_allowed_fallback(async || ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This method does not work here."))
        .route("/api/{*rest}", axum::routing::any(async || ApiError::not_found()))
        .fallback_service(pages.with_state(web_app.clone()))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(from_fn_with_state(web_app.clone(), headers::secure))
        .with_state(web_app)
}

/// The endpoints, each in the group that says how large and how slow it may be.
pub(crate) fn api() -> OpenApiRouter<WebApp> {
    let quick = OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(login::me))
        .routes(routes!(login::health))
        .routes(routes!(edges::list))
        .routes(routes!(edges::hand_over))
        .routes(routes!(edges::come_over))
        .routes(routes!(workspaces::list, workspaces::create))
        .routes(routes!(workspaces::list_settings))
        .routes(routes!(workspaces::settings, workspaces::change, workspaces::remove))
        .routes(routes!(home_folders::list))
        .routes(routes!(home_folders::delete))
        .routes(routes!(images::nodes))
        .routes(routes!(images::pull, images::cancel))
        .routes(routes!(images::check, images::last_check))
        .routes(routes!(sessions::list, sessions::launch))
        .routes(routes!(sessions::one, sessions::end))
        .routes(routes!(sessions::ticket))
        .routes(routes!(sessions::pause))
        .routes(routes!(sessions::resume))
        .routes(routes!(running::list))
        .routes(routes!(running::stats))
        .routes(routes!(running::logs))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::impact))
        .routes(routes!(plugins::roll_back))
        .routes(routes!(plugins::remove))
        .routes(routes!(nodes::list, nodes::add))
        .routes(routes!(nodes::remove))
        .routes(routes!(activity::list))
        .routes(routes!(home::home))
        .routes(routes!(home::remove_examples))
        .layer(DefaultBodyLimit::max(JSON_MAX_BYTES))
        .layer(from_fn_with_state(timeout::QUICK, timeout::limit));
    // These compile plugins.
    let slow = OpenApiRouter::new()
        .routes(routes!(plugins::upload))
        .routes(routes!(plugins::activate))
        .layer(DefaultBodyLimit::max(PLUGIN_MAX_BYTES))
        .layer(from_fn_with_state(timeout::UPLOAD, timeout::limit));
    // These end by themselves.
    let streams = OpenApiRouter::new().routes(routes!(events::follow));
    openapi::router().merge(quick).merge(slow).merge(streams)
}

/// The path alone: a query may hold what a person searched for.
fn span(request: &Request) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    ApiError::internal(format!("a handler panicked: {said}")).into_response()
}

/// So that a configuration can be printed.
impl std::fmt::Debug for WebApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebApp").field("conf", &self.conf).finish_non_exhaustive()
    }
}

//! All of axum. Every route is declared once, in a table with the roles it admits; the router is built from those tables, and
//! a test holds the whole of route × role. Handlers extract, call one flow, and render.

pub mod api;
mod brief;
mod closed;
mod csc;
mod guard;
mod log;
pub mod pages;
mod pki;
pub mod problem;
mod remote;
mod report_file;
pub mod sites;
mod upload;
pub mod witness;

pub use closed::serve_until_reconciled;
pub use guard::{Access, Caller};
pub use remote::Remote;

use crate::{app::App, error::InternalError};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, Response, StatusCode, header},
    middleware,
    routing::MethodRouter,
};
use std::{net::SocketAddr, time::Duration};
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer, timeout::TimeoutLayer};

/// One route: what it answers to, whom it admits, what it does.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: MethodRouter<App>,
}

impl Route {
    /// A route that admits `access`; the handler answers one method.
    pub fn new(method: Method, path: &'static str, access: Access, handler: MethodRouter<App>) -> Self {
        Self { method, path, access, handler }
    }
}

/// Every route of the service.
pub fn routes() -> Vec<Route> {
    [api::routes(), csc::routes(), pki::routes(), log::routes(), sites::routes()].into_iter().flatten().collect()
}

/// The whole service as one router.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in [api::routes(), csc::routes(), log::routes(), sites::routes()].into_iter().flatten() {
        let guarded = middleware::from_fn_with_state((app.clone(), route.access), guard::guard);
        let mut handler = route.handler.layer(guarded);
        if route.path.starts_with("/csc/") && route.method == Method::POST {
            handler = handler.layer(middleware::from_fn(csc::as_specified));
        }
        router = router.route(route.path, handler);
    }
    // One stack, outermost first: each call of `Router::layer` would cost every request an allocation of its own.
    let around = ServiceBuilder::new()
        .layer(MapResponseLayer::new(with_security_headers))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST_REQUEST))
        .layer(DefaultBodyLimit::max(LARGEST_SMALL_BODY))
        .layer(CsrfLayer::new())
        .layer(middleware::from_fn(pages::language::remember))
        .layer(middleware::from_fn_with_state(app.clone(), sites::refusals::as_page))
        .layer(middleware::from_fn_with_state(app.clone(), closed::unless_stopped));
    router
        .merge(api::description::browser())
        .fallback(sites::refusals::not_found)
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(around)
        .merge(for_relying_parties(&app))
        .with_state(app)
}

/// What relying parties' software asks for: nobody is logged in there, so nobody is looked for, and no browser is spoken to.
fn for_relying_parties(app: &App) -> Router<App> {
    let app = app.clone();
    let around = ServiceBuilder::new()
        .layer(MapResponseLayer::new(with_security_headers))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST_REQUEST))
        .layer(DefaultBodyLimit::max(LARGEST_SMALL_BODY))
        .layer(MapResponseLayer::new(move |response| closed::withheld_where_stopped(&app, response)));
    let routes = pki::routes().into_iter();
    let router = routes.fold(Router::new(), |router, Route { path, handler, .. }| router.route(path, handler));
    router.method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED).layer(around)
}

fn with_security_headers<B>(mut response: Response<B>) -> Response<B> {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Serves until `stop` resolves, then finishes what is under way.
pub async fn serve(
    app: App,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), InternalError> {
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await.map_err(InternalError::io("serving"))
}

/// Sent with every answer that does not set its own.
const SECURITY_HEADERS: &[(HeaderName, &str)] = &[
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Bytes of a body that is no document; routes for documents set their own limit.
const LARGEST_SMALL_BODY: usize = 1 << 20;
/// A 200 MB upload over a slow line, with signing and verifying.
const LONGEST_REQUEST: Duration = Duration::from_secs(300);

//! All of axum. Every route is declared once, in a table with the roles it admits; the router is built from those tables, and
//! a test holds the whole of route × role. Handlers extract, call one flow, and render.

mod answers;
pub mod api;
pub mod bridge;
mod brief;
mod brief_tls;
mod closed;
mod csc;
mod entrance;
mod guard;
pub mod identity_simulator;
mod log;
pub mod pages;
mod parameters;
mod pki;
mod plain;
pub mod problem;
mod remote;
mod report_file;
mod request_id;
pub mod sites;
mod slow;
mod unread;
mod upload;
pub mod witness;

pub use closed::serve_until_reconciled;
pub use guard::{Access, Caller, Standing};
pub use remote::Remote;

use crate::{app::App, connections::Connections, error::InternalError, tls::Tls};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, Response, StatusCode, header},
    middleware,
    routing::MethodRouter,
};
use entrance::Entrance;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
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
        // The form of consent is a person's at a browser, and is refused as pages are.
        let is_page = route.path.ends_with("/oauth2/authorize");
        if route.path.starts_with("/csc/") && route.method == Method::POST && !is_page {
            handler = handler.layer(middleware::from_fn(csc::as_specified));
        }
        router = router.route(route.path, handler);
    }
    // One stack, outermost first: each call of `Router::layer` would cost every request an allocation of its own.
    let around = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(app.clone(), request_id::named))
        .layer(MapResponseLayer::new(with_security_headers))
        .layer(middleware::from_fn(problem::in_one_shape))
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
    for (name, value) in &SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Serves until `stop` resolves, then finishes what is under way: by TLS where it is set, and then beside it what is fetched over plain HTTP.
pub async fn serve(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), InternalError> {
    let tls = app.settings.tls.as_ref().map(|settings| Tls::open(settings, &app.clock)).transpose();
    let tls = tls.map_err(|error| InternalError::other(format!("server.tls: {error}")))?;
    if let Some(tls) = &tls {
        // Set by whichever listener of this process was first: they show the same.
        let _ = app.tls.set(tls.clone());
    }
    let plain = plain::listen(&app.settings).await?;
    let doors = Doors { listener, plain, tls, connections: app.connections.clone() };
    doors.serve(router(app.clone()), plain::router(app), stop).await;
    Ok(())
}

/// The listeners of the service.
struct Doors {
    listener: TcpListener,
    plain: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
    connections: Arc<Connections>,
}

impl Doors {
    /// Serves `router` at the listener and `beside` at the plain one, until `stop` resolves and what is under way is finished.
    async fn serve(self, router: Router, beside: Router, stop: impl Future<Output = ()> + Send) {
        let Self { listener, plain, tls, connections } = self;
        let watching = tls.clone().map(|tls| tokio::spawn(tls.watch()));
        let (stopping, stopped) = tokio::sync::watch::channel(());
        let stop_of = || {
            let mut stopped = stopped.clone();
            async move { drop(stopped.changed().await) }
        };
        let at_plain = async {
            if let Some(listener) = plain {
                let entrance = Entrance { listener, router: beside, connections: connections.clone(), tls: None };
                entrance.serve(stop_of()).await;
            }
        };
        let entrance = Entrance { listener, router, connections: connections.clone(), tls };
        let stop = async move {
            stop.await;
            drop(stopping);
        };
        tokio::join!(entrance.serve(stop_of()), at_plain, stop);
        if let Some(watching) = watching {
            watching.abort();
        }
    }
}

/// Sent with every answer that does not set its own.
static SECURITY_HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // No other site's window, frame or script holds on to a page of this one.
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Bytes of a body that is no document; routes for documents set their own limit.
const LARGEST_SMALL_BODY: usize = 1 << 20;
/// A 200 MB upload over a slow line, with signing and verifying.
const LONGEST_REQUEST: Duration = Duration::from_secs(300);

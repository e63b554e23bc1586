//! The plain listener beside TLS: what relying parties' software fetches over HTTP as the standards expect, and health. Everything else is sent to TLS, and
//! what should never have been sent in clear is refused, so that whoever wrote it notices.

use super::{for_relying_parties, sites};
use crate::{
    app::App,
    config::Settings,
    error::{Error, InternalError, RequestError, RequestErrorKind},
};
use axum::{
    Router,
    extract::{Request, State},
    http::{Method, header},
    response::{IntoResponse, Redirect, Response},
};
use tokio::net::TcpListener;

/// Opens the listener, where one is set.
pub(super) async fn listen(settings: &Settings) -> Result<Option<TcpListener>, InternalError> {
    let Some(address) = settings.tls.as_ref().and_then(|tls| tls.plain_listen) else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    listener.map(Some).map_err(InternalError::io(format!("server.tls.plain_listen: listening on {address}")))
}

/// What is served there.
pub(super) fn router(app: App) -> Router {
    let probes = sites::health::probes().into_iter();
    let router = probes.fold(Router::new(), |router, (path, handler)| router.route(path, handler));
    router.fallback(elsewhere).merge(for_relying_parties(&app)).with_state(app)
}

async fn elsewhere(State(app): State<App>, request: Request) -> Response {
    let is_harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_harmless || request.headers().contains_key(header::AUTHORIZATION) {
        return Error::from(https_required()).into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Redirect::permanent(&format!("{}{path}", app.settings.public_url)).into_response()
}

fn https_required() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "https_required",
        "Chỉ gửi yêu cầu này qua HTTPS. Nội dung vừa gửi đã đi qua mạng không mã hóa: hãy thay khóa hoặc mật khẩu có trong đó.",
        "Send this over HTTPS only. What was just sent crossed the network in clear: replace any key or password in it.",
    )
}

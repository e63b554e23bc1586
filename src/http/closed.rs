//! What is served while a restored database waits for its reconciliation: that the process lives, and to every other question that there is
//! no answer yet. No token is opened, and nothing is read of the data but whether it was reconciled. And what a running service answers whose
//! database turns out to be such a one.

use super::{Doors, plain};
use crate::{
    app::App,
    clock::Clock,
    config::Settings,
    connections::Connections,
    error::{Error, InternalError, Result},
    restoration,
    tls::Tls,
};
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use std::time::Duration;
use tokio::net::TcpListener;

/// Serves until the data is reconciled (`true`) or `stop` resolves (`false`).
pub async fn serve_until_reconciled(
    settings: &Settings,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<bool> {
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let needed = restoration::of(settings).await?;
    let refusal = needed.as_ref().map(restoration::refusal);
    let Some(refusal) = refusal else { return Ok(true) };
    let router = Router::new()
        .route("/healthz", get(async || StatusCode::OK))
        .fallback(async move || Error::from(refusal.clone()).into_response());
    let tls = settings.tls.as_ref().map(|settings| Tls::open(settings, &Clock::default())).transpose();
    let tls = tls.map_err(|error| InternalError::other(format!("server.tls: {error}")))?;
    let connections = Connections::new(settings.connections, settings.trusted_proxies.clone());
    let doors = Doors { listener, plain: plain::listen(settings).await?, tls, connections };
    let serving = tokio::spawn(doors.serve(router.clone(), router, async { drop(end.await) }));
    let reconciled = async {
        loop {
            tokio::time::sleep(LOOKED_AFTER).await;
            match restoration::of(settings).await {
                Ok(None) => return,
                Ok(Some(_)) => {}
                Err(error) => tracing::error!(event = "restoration_not_read", error = %error),
            }
        }
    };
    let outcome = tokio::select! {
        () = reconciled => true,
        () = stop => false,
    };
    drop(ended);
    serving.await.map_err(|error| InternalError::other(error.to_string()))?;
    Ok(outcome)
}

/// Admits nobody to a service whose database may not be served from any more; whether the process lives, and its figures, are still told.
pub(super) async fn unless_stopped(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.audit.stopped() {
        Some(needed) if !["/healthz", "/metrics"].contains(&request.uri().path()) => {
            Error::from(restoration::refusal(&needed)).into_response()
        }
        _ => next.run(request).await,
    }
}

/// The same for what relying parties ask: the answer is made, and not given.
pub(super) fn withheld_where_stopped(app: &App, response: Response) -> Response {
    match app.audit.stopped() {
        Some(needed) => Error::from(restoration::refusal(&needed)).into_response(),
        None => response,
    }
}

/// How often the mark is looked at.
const LOOKED_AFTER: Duration = Duration::from_secs(1);

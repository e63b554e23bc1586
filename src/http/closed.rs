//! What is served while a restored database waits for its reconciliation: that the process lives, and to every other question that there is
//! no answer yet. No token is opened, and nothing is read of the data but whether it was reconciled.

use super::{Doors, plain};
use crate::{
    clock::Clock,
    config::Settings,
    connections::Connections,
    error::{Error, InternalError, Result},
    restoration,
    tls::Tls,
};
use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};
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

/// How often the mark is looked at.
const LOOKED_AFTER: Duration = Duration::from_secs(1);

//! A witness over HTTP (C2SP tlog-witness): one call, and its key to look at. Nobody logs in: a checkpoint that its log signed is all it takes.

use super::{brief::Brief, brief_tls::BriefTls};
use crate::{
    error::InternalError,
    tls::Tls,
    witness::{Refusal, Witness},
};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_pki::transparency::limits::LONGEST_NOTE;
use std::{sync::Arc, time::Duration};
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

/// Who may ask by TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    Anybody,
    /// Whoever shows a certificate that the settings admit.
    WithCertificate,
}

/// Serves until `stop` resolves, by TLS where that is given.
pub async fn serve(
    witness: Witness,
    listener: tokio::net::TcpListener,
    tls: Option<(Arc<Tls>, Callers)>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), InternalError> {
    let around = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST_REQUEST))
        .layer(DefaultBodyLimit::max(LONGEST_NOTE));
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/key", get(async |State(witness): State<Arc<Witness>>| format!("{}\n", witness.key())))
        .layer(around)
        .with_state(Arc::new(witness));
    let brief = Brief::new(listener, LONGEST_CONNECTION);
    let served = match tls {
        None => axum::serve(brief, router).with_graceful_shutdown(stop).await,
        Some((tls, callers)) => {
            let watching = tokio::spawn(Arc::clone(&tls).watch());
            let by_tls = BriefTls::over(brief, tls, callers == Callers::WithCertificate);
            let served = axum::serve(by_tls.map_err(InternalError::io("listening"))?, router);
            let served = served.with_graceful_shutdown(stop).await;
            watching.abort();
            served
        }
    };
    served.map_err(InternalError::io("serving"))
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let signed = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
    let refusal = match signed {
        Ok(Ok(line)) => return plain(StatusCode::OK, format!("{line}\n")),
        Ok(Err(refusal)) => refusal,
        Err(error) => Refusal::Internal(InternalError::other(error.to_string())),
    };
    tracing::warn!(event = "checkpoint_refused", reason = %refusal);
    match refusal {
        Refusal::Malformed | Refusal::Backwards => plain(StatusCode::BAD_REQUEST, format!("{refusal}\n")),
        Refusal::UnknownLog => plain(StatusCode::NOT_FOUND, format!("{refusal}\n")),
        Refusal::NotSigned => plain(StatusCode::FORBIDDEN, format!("{refusal}\n")),
        Refusal::Inconsistent => plain(StatusCode::UNPROCESSABLE_ENTITY, format!("{refusal}\n")),
        Refusal::OtherSize(size) | Refusal::OtherRoot(size) => {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response()
        }
        // The reason stands in the log of this machine.
        Refusal::Internal(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "internal\n".to_owned()),
    }
}

fn plain(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// A request with its answer, and time to bring it over a slow line.
const LONGEST_CONNECTION: Duration = Duration::from_secs(30);
const LONGEST_REQUEST: Duration = Duration::from_secs(10);

//! Documents as they arrive: a raw body or the parts of a form, spooled piece by piece, never held in memory.

use crate::{
    app::App,
    error::{Error, RequestError, RequestErrorKind},
    verification::Spool,
};
use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{HeaderMap, header},
};
use std::{future::poll_fn, pin::Pin};

/// Whether a body is a form with files.
pub fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.trim_start().get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM))
}

/// The form of a request.
pub async fn form(request: Request) -> Result<Multipart, Error> {
    Multipart::from_request(request, &()).await.map_err(|_| malformed().into())
}

/// A whole body.
pub async fn spool_body(app: &App, mut body: Body) -> Result<Spool, Error> {
    let mut spool = empty(app)?;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(piece) = frame.map_err(|_| cut_short())?.into_data() {
            spool.take(&piece).await?;
        }
    }
    Ok(spool)
}

/// One part of a form.
pub async fn spool_field(app: &App, field: &mut Field<'_>) -> Result<Spool, Error> {
    let mut spool = empty(app)?;
    while let Some(piece) = field.chunk().await.map_err(|_| cut_short())? {
        spool.take(&piece).await?;
    }
    Ok(spool)
}

/// The next part of a form.
pub async fn next_field(form: &mut Multipart) -> Result<Option<Field<'_>>, Error> {
    form.next_field().await.map_err(|_| malformed().into())
}

fn empty(app: &App) -> Result<Spool, Error> {
    Spool::new(&app.settings.data_dir, app.settings.largest_upload)
}

fn malformed() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "form_malformed",
        "Biểu mẫu gửi lên không đúng dạng multipart/form-data hoặc bị ngắt giữa chừng.",
        "The form is not valid multipart/form-data, or was cut short.",
    )
}

/// The sender broke off, or took too long.
pub fn cut_short() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "upload_cut_short",
        "Việc gửi tệp bị ngắt giữa chừng. Hãy gửi lại.",
        "The upload was cut short. Send the file again.",
    )
}

const FORM: &str = "multipart/form-data";

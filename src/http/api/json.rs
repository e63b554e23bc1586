//! JSON bodies: read with a problem in both languages where they are malformed, never with the framework's own text.

use crate::{
    error::{Error, RequestError, RequestErrorKind},
    http::problem::{body_too_large, content_type_unsupported},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use serde::de::DeserializeOwned;

/// A JSON body of type `T`, with the bytes it was read from.
pub struct JsonBody<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        said_to_be_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|_| body_too_large())?;
        let value = read(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// A JSON body that may be left out: nothing is its type's default.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let headers = request.headers().clone();
        let bytes = Bytes::from_request(request, state).await.map_err(|_| body_too_large())?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        said_to_be_json(&headers)?;
        Ok(Self(read(&bytes)?))
    }
}

/// The error's text could quote a personal number, so only its place is told.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        RequestError::new(
            RequestErrorKind::Invalid,
            "json_invalid",
            format!("Nội dung JSON không đúng mẫu (dòng {line}, cột {column}). Xem /api/docs."),
            format!("The JSON body does not have the expected form (line {line}, column {column}). See /api/docs."),
        )
    })
}

/// A body that says of itself that it is something else is not read as JSON. One that says nothing is.
fn said_to_be_json(headers: &HeaderMap) -> Result<(), RequestError> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind == "application/json" || kind.ends_with("+json") {
        true => Ok(()),
        false => Err(content_type_unsupported()),
    }
}

//! JSON bodies: read with a problem in both languages where they are malformed, never with the framework's own text.

use crate::error::{Error, RequestError};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
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
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            RequestError::new(
                crate::error::RequestErrorKind::TooLarge,
                "body_too_large",
                "Nội dung gửi lên quá lớn hoặc bị ngắt giữa chừng.",
                "The body is too large or was cut short.",
            )
        })?;
        // The error's text could quote a personal number, so only its place is told.
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            RequestError::new(
                crate::error::RequestErrorKind::Invalid,
                "json_invalid",
                format!("Nội dung JSON không đúng mẫu (dòng {line}, cột {column}). Xem /api/docs."),
                format!("The JSON body does not have the expected form (line {line}, column {column}). See /api/docs."),
            )
        })?;
        Ok(Self { value, bytes })
    }
}

//! JSON bodies: read with a problem in both languages where they are malformed, never with the framework's own text.

use crate::error::{Error, RequestError, RequestErrorKind};
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
        let bytes = Bytes::from_request(request, state).await.map_err(|_| cut_short())?;
        let value = read(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// A JSON body that may be left out: nothing is its type's default.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let bytes = Bytes::from_request(request, state).await.map_err(|_| cut_short())?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { Ok(Self(read(&bytes)?)) }
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

fn cut_short() -> RequestError {
    RequestError::new(
        RequestErrorKind::TooLarge,
        "body_too_large",
        "Nội dung gửi lên quá lớn hoặc bị ngắt giữa chừng.",
        "The body is too large or was cut short.",
    )
}

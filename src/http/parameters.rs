//! What stands in an address: the parts of its path and its query, read with a problem in both languages where they are malformed, never with
//! the framework's own text.

use crate::error::{Error, RequestError, RequestErrorKind};
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;

/// The query of an address.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        read.map(|query| Self(query.0)).map_err(|_| malformed().into())
    }
}

/// The named parts of an address's path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        // What is no text, or no number where one stands, names nothing.
        read.map(|path| Self(path.0)).map_err(|_| RequestError::not_found().into())
    }
}

/// The framework's text names the parameter and could quote a personal number, so only that much is told.
fn malformed() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "query_invalid",
        "Phần sau dấu ? của địa chỉ không đúng mẫu: thiếu tham số, tham số lặp lại, hoặc giá trị sai kiểu. Xem /api/docs.",
        "What stands behind the ? of the address does not have the expected form: a parameter is missing, stands twice, or has a value of \
         another type. See /api/docs.",
    )
}

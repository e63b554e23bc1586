//! Pictures of pages as answers, for the pages on which documents are signed.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use chuky_pki::picture::Picture;
use serde::Deserialize;

/// From which page on pictures are shown.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct FromQuery {
    pub(super) from: u32,
}

impl Default for FromQuery {
    fn default() -> Self {
        Self { from: 1 }
    }
}

/// Of which bytes a picture is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SheetQuery {
    /// Hex.
    pub(super) sha256: String,
}

/// A picture as an answer; nobody between keeps it.
pub(super) fn picture_answer(picture: Picture) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (headers, picture.png).into_response()
}

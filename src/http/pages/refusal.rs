//! Pages that say no: not found, not allowed, not logged in, too large, broken. Each says what happened and what to do,
//! with the request's number that the log carries; never an internal detail.

use super::{Frame, html, rendered};
use askama::Template;
use axum::{http::StatusCode, response::Response};
use chuky_model::text::Bilingual;

/// A page for an answer that is not what was asked for.
#[derive(Clone, Debug, Template)]
#[template(path = "refusal.html")]
pub struct RefusalPage {
    pub frame: Frame,
    pub status: StatusCode,
    /// What the flow that refused says; the status's own sentence where it says nothing.
    pub said: Option<Bilingual>,
    /// The request's number, as the log carries it.
    pub request_id: Option<String>,
}

impl RefusalPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    /// The page as an answer with its status.
    pub fn answer(&self) -> Response {
        html(self.status, self.html())
    }

    /// Which texts fit: those of the status where it has some, else those of its class.
    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "401",
            StatusCode::FORBIDDEN => "403",
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => "404",
            StatusCode::CONFLICT => "409",
            StatusCode::PAYLOAD_TOO_LARGE => "413",
            StatusCode::TOO_MANY_REQUESTS => "429",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::BAD_GATEWAY => "503",
            status if status.is_client_error() => "400",
            _ => "500",
        }
    }

    fn title(&self) -> String {
        self.frame.say(&format!("refusal-{}-title", self.kind()))
    }

    fn sentence(&self) -> String {
        match &self.said {
            Some(sentence) => self.frame.of(sentence).to_owned(),
            None => self.frame.say(&format!("refusal-{}-text", self.kind())),
        }
    }
}

//! `/`: the doors. `/agency`: the places for those who work here, one sentence each.

use super::{Frame, html, rendered};
use askama::Template;
use axum::{http::StatusCode, response::Response};

/// The page with the doors.
#[derive(Clone, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    pub frame: Frame,
}

/// The page that leads agencies to their places.
#[derive(Clone, Debug, Template)]
#[template(path = "agency.html")]
pub struct AgencyPage {
    pub frame: Frame,
}

impl HomePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

impl AgencyPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

/// `GET /`.
pub async fn show(frame: Frame) -> Response {
    html(StatusCode::OK, HomePage { frame }.html())
}

/// `GET /agency`.
pub async fn show_agency(frame: Frame) -> Response {
    html(StatusCode::OK, AgencyPage { frame }.html())
}

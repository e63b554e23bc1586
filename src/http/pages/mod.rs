//! The pages: one view model a page, plain data in, HTML out; templates, styles, scripts and texts lie in `web/`.
//! May use the model and the embedded files. Must never decide anything, read a database or see a key: handlers fill the
//! view models from the flows' answers and send them with [`html`].

// A view model's field is what its name says and the screen shows; fields with a rule of their own have docs.
#![allow(missing_docs)]

pub mod account;
pub mod activate;
pub mod activation_sheets;
pub mod alarms;
pub mod approvals;
pub mod assets;
pub mod audit;
pub mod booth;
pub mod booth_queue;
pub mod certificate;
pub mod certificate_status;
pub mod certificates;
pub mod chart;
pub mod consent;
pub mod credentials;
pub mod decree_forms;
pub mod document_code;
pub mod documents;
pub mod foreign;
pub mod form;
pub mod frame;
pub mod home;
pub mod incoming;
pub mod kept;
pub mod language;
pub mod limits;
pub mod lists;
pub mod login;
pub mod mandates;
pub mod merchant;
pub mod messages;
pub mod own;
pub mod payments;
pub mod payroll;
pub mod personnel;
pub mod picture;
pub mod problems;
pub mod quick_response;
pub mod receipt;
pub mod refusal;
pub mod registration;
pub mod report_definitions;
pub mod report_sections;
pub mod reports;
pub mod revocations;
pub mod rows;
pub mod sheets;
pub mod sign;
pub mod staff;
pub mod texts;
pub mod unlocks;
pub mod verdict;
pub mod verdict_pages;
pub mod verdict_sheet;
mod verdict_words;
pub mod verify;
pub mod welcome;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

pub use frame::{Frame, Visitor};
pub use language::PageLanguage;
pub use problems::{Problem, Problems};
pub use verdict::{VerdictCard, verdict_card};
pub use verdict_sheet::verdict_sheet;

/// What a page may load and do: its own styles, scripts and pictures, and nothing from anywhere else.
/// `data:` is for the report that a verdict card offers as a download.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page as an answer, with the headers that every page carries. Pages hold personal matters, so nobody keeps them.
pub fn html(status: StatusCode, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CONTENT_LANGUAGE, HeaderValue::from_static("vi, en")),
    ];
    (status, headers, page).into_response()
}

/// The same page where it may open the camera; no other page may.
pub fn with_camera(mut page: Response) -> Response {
    page.headers_mut().insert("permissions-policy", HeaderValue::from_static(CAMERA_POLICY));
    page
}

const CAMERA_POLICY: &str = "camera=(self), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Renders a template. Writing to a string cannot fail unless a template's own value refuses to be shown, which is a
/// defect of this code: it is logged, and the page stays empty rather than half.
fn rendered(template: &impl askama::Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(event = "page_not_rendered", %error);
        String::new()
    })
}

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod gallery_account;
#[cfg(test)]
mod gallery_approvals;
#[cfg(test)]
mod gallery_audit;
#[cfg(test)]
mod gallery_booth;
#[cfg(test)]
mod gallery_codes;
#[cfg(test)]
mod gallery_consent;
#[cfg(test)]
mod gallery_custody;
#[cfg(test)]
mod gallery_documents;
#[cfg(test)]
mod gallery_foreign;
#[cfg(test)]
mod gallery_incoming;
#[cfg(test)]
mod gallery_judged;
#[cfg(test)]
mod gallery_lifecycle;
#[cfg(test)]
mod gallery_lists;
#[cfg(test)]
mod gallery_payments;
#[cfg(test)]
mod gallery_payroll;
#[cfg(test)]
mod gallery_personnel;
#[cfg(test)]
mod gallery_reports;
#[cfg(test)]
mod gallery_sign;
#[cfg(test)]
mod gallery_staff;
#[cfg(test)]
mod tests;

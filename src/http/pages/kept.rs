//! `/v/{code}`: a verdict under its short link, with its QR code, the report as files, and a form that tells whether a file is the one
//! that was judged.

use super::{
    Frame, Problems, VerdictCard, html, limits, quick_response::QuickResponse, rendered, rows::Row, texts,
    verdict::ReportLinks,
};
use crate::verification::Kept;
use askama::Template;
use axum::{http::StatusCode, response::Response};

/// What came of comparing a file with the one that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub is_same: bool,
    pub file: String,
    /// Lower-case hex of the file that was compared.
    pub sha256: String,
}

/// The page. The form posts `multipart/form-data` with one file `document` to the page itself.
#[derive(Clone, Debug, Template)]
#[template(path = "kept.html")]
pub struct KeptPage {
    pub frame: Frame,
    pub card: VerdictCard,
    /// The page's whole address, as shown and in the QR code.
    pub address: String,
    pub quick_response: Option<QuickResponse>,
    pub rows: Vec<Row>,
    pub comparison: Option<Comparison>,
    /// Of the field `document`.
    pub problems: Problems,
    /// Whether the judged file's digest is known: without it nothing can be compared.
    pub is_comparable: bool,
    /// Largest file taken, in bytes, as the hint says.
    pub largest_bytes: u64,
}

impl KeptPage {
    /// The page of a stored verdict; `origin` is the service's public address.
    pub fn of(frame: Frame, kept: &Kept, origin: &str) -> Self {
        let path = frame.path.clone();
        let file = |form: &str| Some(format!("{path}/{form}"));
        let links = ReportLinks { pdf: file("pdf"), json: file("json"), xml: file("xml"), short: None };
        let report = &kept.judged.report;
        let mut rows = vec![Row::new(&frame, "kept-judged-at", &texts::screen_instant(kept.judged.at))];
        if let Some(sha256) = &report.sha256 {
            rows.push(Row::new(&frame, "label-sha256", sha256));
        }
        if let Some(policy) = &report.policy {
            rows.push(Row::new(&frame, "kept-policy", frame.of(&policy.title)));
        }
        rows.push(Row::new(&frame, "kept-created-at", &texts::screen_instant(kept.created_at)));
        rows.push(Row::new(&frame, "kept-expires-at", &texts::screen_instant(kept.expires_at)));
        let address = format!("{}{path}", origin.trim_end_matches('/'));
        Self {
            card: VerdictCard::of(report, &frame, links),
            quick_response: QuickResponse::of(&address),
            address,
            rows,
            comparison: None,
            problems: Problems::none(),
            is_comparable: report.sha256.is_some(),
            largest_bytes: limits::LARGEST_DOCUMENT,
            frame,
        }
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["document"]), ..self.clone() })
    }

    /// The page as an answer.
    pub fn answer(&self, status: StatusCode) -> Response {
        html(status, self.html())
    }

    fn hint(&self) -> String {
        let megabytes = texts::grouped(self.largest_bytes / 1_000_000);
        self.frame.fill("kept-compare-hint", &[("megabytes", &megabytes)])
    }
}

//! `/verify`: one large drop area that is also a button; after posting, one verdict card a file.

use super::{Frame, Problems, VerdictCard, html, limits, rendered};
use askama::Template;
use axum::{http::StatusCode, response::Response};

/// The page. The form posts `multipart/form-data` to `/verify` with `csrf` and one or more files `document`. The script
/// posts the same form once for each file and takes the cards (`article.verdict`) out of the answering page.
#[derive(Clone, Debug, Template)]
#[template(path = "verify.html")]
pub struct VerifyPage {
    pub frame: Frame,
    /// Verdicts on the files that were posted; none on the empty page.
    pub cards: Vec<VerdictCard>,
    /// Of the field `document`.
    pub problems: Problems,
    /// Largest file taken, in bytes, as the hint says.
    pub largest_bytes: u64,
    /// Most files taken at once, as the hint says.
    pub most_files: u32,
}

/// `GET /verify`.
pub async fn show(frame: Frame) -> Response {
    html(StatusCode::OK, VerifyPage::of(frame, Vec::new(), Problems::none()).html())
}

impl VerifyPage {
    /// The page with these cards and problems and the usual bounds.
    pub fn of(frame: Frame, cards: Vec<VerdictCard>, problems: Problems) -> Self {
        Self { frame, cards, problems, largest_bytes: limits::LARGEST_DOCUMENT, most_files: limits::MOST_DOCUMENTS }
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["document"]), ..self.clone() })
    }

    /// The hint about size and number.
    fn hint(&self) -> String {
        let megabytes = super::texts::grouped(self.largest_bytes / 1_000_000);
        let files = super::texts::grouped(u64::from(self.most_files));
        self.frame.fill("verify-hint", &[("megabytes", &megabytes), ("files", &files)])
    }
}

//! `/k/{code}`: what the service knows of a signed document, for whoever holds it on paper, and a form that compares their file with it. It
//! says first that a code proves nothing about the page it stands on. `/k` takes the code from whoever cannot scan.

use super::{Frame, Problems, html, limits, rendered, rows::Row, texts};
use crate::{
    outgoing::OnPaper,
    signing::code::{Same, Told},
};
use askama::Template;
use axum::{http::StatusCode, response::Response};
use chuky_model::{instant::Instant, record::state::CertificateState};

/// What came of comparing a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    pub same: Same,
    pub file: String,
    /// Lower-case hex of the file that was compared.
    pub sha256: String,
}

impl Compared {
    fn key(&self) -> &'static str {
        match self.same {
            Same::Newest => "code-same",
            Same::Earlier => "code-earlier",
            Same::Longer => "code-longer",
            Same::Other => "code-other",
        }
    }

    fn class(&self) -> &'static str {
        match self.same {
            Same::Newest | Same::Earlier => "kept-same",
            Same::Longer => "code-unsure",
            Same::Other => "kept-other",
        }
    }

    fn sign(&self) -> &'static str {
        match self.same {
            Same::Newest | Same::Earlier => "✓",
            Same::Longer => "?",
            Same::Other => "✕",
        }
    }
}

/// The page of a code. The form posts `multipart/form-data` with one file `document` to the page itself; the owner's form posts `open` (`yes`
/// or `no`) to `/k/{code}/open`.
#[derive(Clone, Debug, Template)]
#[template(path = "document_code.html")]
pub struct DocumentCodePage {
    pub frame: Frame,
    pub code: String,
    /// Who signed, and when.
    pub signer: Vec<Row>,
    /// The state of the certificate: its text's name and since when.
    pub certificate: &'static str,
    pub certificate_text: String,
    /// What identifies the original.
    pub original: Vec<Row>,
    pub compared: Option<Compared>,
    /// Of the field `document`.
    pub problems: Problems,
    pub is_own: bool,
    pub is_open: bool,
    /// Largest file taken, in bytes, as the hint says.
    pub largest_bytes: u64,
}

impl DocumentCodePage {
    /// Of what is told at that moment.
    pub fn of(frame: Frame, told: &Told, on_paper: Option<&OnPaper>, now: Instant) -> Self {
        let (certificate, certificate_text) = certificate(&frame, told, now);
        Self {
            code: told.code.clone(),
            signer: signer(&frame, told),
            certificate,
            certificate_text,
            original: original(&frame, told, on_paper),
            compared: None,
            problems: Problems::none(),
            is_own: told.is_own,
            is_open: told.ended_at.is_none(),
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

    /// What the owner's button asks for.
    fn wanted(&self) -> &'static str {
        if self.is_open { "no" } else { "yes" }
    }

    fn hint(&self) -> String {
        let megabytes = texts::grouped(self.largest_bytes / 1_000_000);
        self.frame.fill("kept-compare-hint", &[("megabytes", &megabytes)])
    }
}

/// The page that takes a code.
#[derive(Clone, Debug, Template)]
#[template(path = "document_code_find.html")]
pub struct FindCodePage {
    pub frame: Frame,
    /// What was typed.
    pub code: String,
    /// Whether nothing is known of it.
    pub is_unknown: bool,
}

impl FindCodePage {
    /// The page as an answer: 404 where nothing is known of the code.
    pub fn answer(&self) -> Response {
        html(if self.is_unknown { StatusCode::NOT_FOUND } else { StatusCode::OK }, rendered(self))
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

fn signer(frame: &Frame, told: &Told) -> Vec<Row> {
    let at = texts::screen_instant(told.signed_at);
    let all = [
        ("code-signer", told.signer.as_str()),
        ("content-title", told.position.as_str()),
        ("content-organization", told.organization.as_str()),
        ("code-signed-at", at.as_str()),
        ("content-issuer", told.issuer.as_str()),
        ("code-serial", told.serial.as_str()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(label, value)| Row::new(frame, label, value)).collect()
}

fn certificate(frame: &Frame, told: &Told, now: Instant) -> (&'static str, String) {
    let since = told.revoked_at.map(texts::screen_instant).unwrap_or_default();
    let until = texts::screen_instant(told.not_after);
    let (name, key) = match told.certificate {
        CertificateState::Suspended => ("suspended", "code-certificate-suspended"),
        CertificateState::Issued if told.not_after < now => ("expired", "code-certificate-expired"),
        CertificateState::Issued => ("good", "code-certificate-good"),
        _ => ("revoked", "code-certificate-revoked"),
    };
    (name, frame.fill(key, &[("since", &since), ("until", &until)]))
}

fn original(frame: &Frame, told: &Told, on_paper: Option<&OnPaper>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |label: &str, value: &str| {
        if !value.is_empty() {
            rows.push(Row::new(frame, label, value));
        }
    };
    row("code-title", &told.title);
    if let Some(paper) = on_paper {
        row("code-standing", &frame.name_of("code-standing", paper.standing.name()));
        row("code-type", &paper.type_name);
        row("code-number", paper.number.as_deref().unwrap_or_default());
        row("code-issued", &paper.issued_at.map(|at| texts::screen_day(&at.rfc3339())).unwrap_or_default());
        row("code-subject", &paper.subject);
        row("code-agency", paper.agency.as_deref().unwrap_or_default());
    }
    row("code-pages", &told.pages.map(|pages| texts::grouped(u64::from(pages))).unwrap_or_default());
    let octets = texts::grouped(u64::try_from(told.size).unwrap_or(0));
    row("code-size", &frame.fill("code-octets", &[("octets", &octets)]));
    row("label-sha256", &told.sha256);
    rows
}

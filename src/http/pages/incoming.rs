//! `/documents/incoming`: the agency's register of incoming documents, and one of them with what was found out about each file.

use super::{Frame, Problems, rendered, rows::Row, texts};
use askama::Template;
use chuky_model::report::{Indication, Outcome};

/// One line of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRow {
    pub document: String,
    /// `registered`, `refused`, `recalled` or `replaced`.
    pub state: String,
    /// Number and year of the register.
    pub number: Option<(i64, i64)>,
    pub sender_id: String,
    pub sender_name: String,
    /// The sender's number and notation.
    pub code: String,
    /// As the sender writes it, `2026/11/22`.
    pub issued_on: String,
    pub subject: String,
    pub received_by: String,
    /// RFC 3339.
    pub received_at: String,
    /// Taken by a clerk who was asked.
    pub is_accepted: bool,
}

impl IncomingRow {
    /// `12/2026`, or a dash.
    fn place(&self) -> String {
        self.number.map_or_else(|| "–".to_owned(), |(number, year)| format!("{number}/{year}"))
    }

    /// The sender's day as screens write days.
    fn issued(&self) -> String {
        let parts: Vec<&str> = self.issued_on.split(['/', '-']).collect();
        match parts.as_slice() {
            [year, month, day] if year.len() == 4 => format!("{day}/{month}/{year}"),
            _ => self.issued_on.clone(),
        }
    }

    fn received(&self, frame: &Frame) -> String {
        let when = texts::screen_time(&self.received_at);
        frame.fill("by-and-when", &[("who", &self.received_by), ("when", &when)])
    }

    /// The colour of its state.
    fn look(&self) -> &'static str {
        match self.state.as_str() {
            "refused" => "rejected",
            "recalled" | "replaced" => "suspended",
            _ => "registered",
        }
    }
}

/// The register, newest first.
#[derive(Clone, Template)]
#[template(path = "incoming.html")]
pub struct IncomingListPage {
    pub frame: Frame,
    pub rows: Vec<IncomingRow>,
    /// Where older ones are.
    pub next: Option<String>,
    /// Why a package is taken whose signatures are open, as it was typed.
    pub accept: String,
    /// Of the form as a whole, `document` and `accept`.
    pub problems: Problems,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingFile {
    pub name: String,
    pub indication: Indication,
    pub message: String,
    pub signers: Vec<String>,
    pub by_sender: bool,
    pub marks_searched: bool,
}

impl IncomingFile {
    /// How its line looks: as a check that passed, failed, or could not be made.
    fn outcome(&self) -> &'static str {
        match self.indication {
            Indication::TotalPassed => "passed",
            Indication::TotalFailed => "failed",
            Indication::Indeterminate | Indication::NoSignatureFound => "not-done",
        }
    }

    fn word(&self, frame: &Frame) -> String {
        frame.say(match self.indication {
            Indication::TotalPassed => "incoming-file-valid",
            Indication::TotalFailed => "incoming-file-not-valid",
            Indication::Indeterminate => "incoming-file-undetermined",
            Indication::NoSignatureFound => "incoming-file-unsigned",
        })
    }

    fn signed_by(&self, frame: &Frame) -> String {
        let key = if self.by_sender { "incoming-by-sender" } else { "incoming-by-others" };
        frame.fill(key, &[("signers", &self.signers.join(", "))])
    }
}

/// What its sender did to a registered document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingChanged {
    /// The sender's reason.
    pub reason: Option<String>,
    /// Why the clerk took it, and what was open.
    pub accepted: Option<String>,
    pub open: Vec<String>,
    /// What stands in its place: identifier, number and year.
    pub replaced_by: Option<(String, i64, i64)>,
    pub received_by: String,
    /// RFC 3339.
    pub received_at: String,
}

impl IncomingChanged {
    fn when(&self, frame: &Frame) -> String {
        let when = texts::screen_time(&self.received_at);
        frame.fill("by-and-when", &[("who", &self.received_by), ("when", &when)])
    }

    /// The number of what stands in its place.
    fn place(&self) -> String {
        self.replaced_by.as_ref().map(|(_, number, year)| format!("{number}/{year}")).unwrap_or_default()
    }
}

/// One incoming document.
#[derive(Clone, Template)]
#[template(path = "incoming_document.html")]
pub struct IncomingDocumentPage {
    pub frame: Frame,
    pub row: IncomingRow,
    /// What the sender is told, two digits.
    pub status: String,
    /// Why it was sent back.
    pub reason: Option<String>,
    /// Why the clerk took it, and what was open.
    pub accepted: Option<String>,
    pub open: Vec<String>,
    pub number_on_page: Outcome,
    /// What its sender did to it since.
    pub change: Option<IncomingChanged>,
    pub files: Vec<IncomingFile>,
}

impl IncomingListPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

impl IncomingDocumentPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn rows(&self) -> Vec<Row> {
        let (frame, row) = (&self.frame, &self.row);
        let sender = format!("{} ({})", row.sender_name, row.sender_id);
        let word = frame.name_of("edoc-status", &self.status);
        let status = frame.fill("incoming-status-word", &[("code", &self.status), ("word", &word)]);
        let mut rows = vec![
            Row::new(frame, "incoming-sender", &sender),
            Row::new(frame, "incoming-code", &row.code),
            Row::new(frame, "incoming-issued", &row.issued()),
        ];
        if row.number.is_some() {
            rows.push(Row::new(frame, "incoming-number", &row.place()));
        }
        rows.push(Row::new(frame, "incoming-status", &status));
        rows.push(Row::new(frame, "incoming-received", &row.received(frame)));
        let found = frame.say(match self.number_on_page {
            Outcome::Passed => "incoming-number-found",
            Outcome::Failed => "incoming-number-not-found",
            Outcome::NotDone => "incoming-number-not-looked-for",
        });
        rows.push(Row::new(frame, "incoming-number-on-page", &found));
        rows
    }
}

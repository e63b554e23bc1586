//! `/reports`: figures with a chart drawn here and a table beside it, each number leading to what it means, and the files.
//!
//! | form | sent to | fields |
//! |---|---|---|
//! | [`ReportsForm`] | `/reports` (GET) | `from`: first month, `until`: last day, `unit`: code |

use super::{Frame, Problems, rendered, report_sections::Section, texts};
use crate::statistics::{Asked, Report};
use askama::Template;

/// What the form shows: as it was typed, or as it was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportsForm {
    pub from: String,
    pub until: String,
    pub unit: String,
}

/// The page.
#[derive(Clone, Template)]
#[template(path = "reports.html")]
pub struct ReportsPage {
    pub frame: Frame,
    pub form: ReportsForm,
    /// `None` where the question was refused.
    pub report: Option<Report>,
    /// Of the fields of [`ReportsForm`].
    pub problems: Problems,
}

impl ReportsForm {
    /// The form of a question and, where it was answered, its answer.
    pub fn of(asked: &Asked, report: Option<&Report>) -> Self {
        let typed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        match report {
            Some(report) => Self {
                from: report.from.clone(),
                until: report.until.clone(),
                unit: report.unit.clone().unwrap_or_default(),
            },
            None => Self { from: typed(&asked.from), until: typed(&asked.until), unit: typed(&asked.unit) },
        }
    }

    /// An address with the same question.
    pub fn address(&self, path: &str) -> String {
        let fields = [("from", &self.from), ("until", &self.until), ("unit", &self.unit)];
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let given = given.map(|(name, value)| format!("{name}={}", encoded(value)));
        match given.collect::<Vec<_>>().join("&") {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

impl ReportsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["from", "until", "unit"]), ..self.clone() })
    }

    fn sections(&self) -> Vec<Section> {
        self.report.as_ref().map_or_else(Vec::new, |report| Section::all(&self.frame, report))
    }

    fn csv(&self, table: &str) -> String {
        self.form.address(&format!("/api/v1/reports/tables/{table}"))
    }

    fn workbook(&self) -> String {
        self.form.address("/api/v1/reports/workbook")
    }

    fn json(&self) -> String {
        self.form.address("/api/v1/reports")
    }

    fn scope(&self, report: &Report) -> String {
        let (from, until) = (month(&report.from), day(&report.until));
        let period = [("from", from.as_str()), ("until", until.as_str())];
        match report.is_whole {
            true => self.frame.fill("reports-scope-whole", &period),
            false => self.frame.fill("reports-scope-own", &period),
        }
    }

    fn made(&self, report: &Report) -> String {
        self.frame.fill("reports-made", &[("at", &texts::screen_time(&report.made_at))])
    }
}

/// `2026-11` as `11/2026`.
pub(super) fn month(text: &str) -> String {
    text.split_once('-').map_or_else(|| text.to_owned(), |(year, month)| format!("{month}/{year}"))
}

/// `2026-11-26` as `26/11/2026`.
pub(super) fn day(text: &str) -> String {
    let mut parts: Vec<&str> = text.split('-').collect();
    parts.reverse();
    parts.join("/")
}

/// RFC 3986 §2.1, everything but letters, digits and the three that codes and dates hold.
fn encoded(text: &str) -> String {
    let octet = |octet: u8| match octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
        true => char::from(octet).to_string(),
        false => format!("%{octet:02X}"),
    };
    text.bytes().map(octet).collect()
}

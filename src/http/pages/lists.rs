//! `/registration/lists`: agencies' lists of officials: uploading one, correcting what is wrong in place, deciding it, and how far it is
//! carried out.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | upload | `/registration/lists` | `csrf`, `file` (multipart) |
//! | correct a line | `/registration/lists/{id}/lines/{position}` | `csrf` and the columns that are corrected |
//! | [`ListDecisionForm`] | `…/enter`, `…/drop`, `…/approve`, `…/reject`, and the last two and `…/remove` of a line | the digest of what was shown; why not |

use super::{Frame, Problems, rendered, rows::Row, texts};
use crate::registration::lists::is_sheet;
use askama::Template;
use chuky_model::id::{AgencyListId, RequestId};
use serde::Deserialize;

/// What a decision or a button posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListDecisionForm {
    pub csrf: String,
    pub content_digest: String,
    /// The passkey's answer, where one was asked: JSON.
    pub assertion: String,
    pub reason: String,
}

/// One list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCard {
    pub list: AgencyListId,
    pub state: &'static str,
    pub title: String,
    pub unit: String,
    pub size: i64,
    /// Lines without an outcome.
    pub open: i64,
    pub content_digest: String,
    /// RFC 3339.
    pub entered_by: String,
    pub uploaded_at: String,
    pub decided: Option<(String, String)>,
    pub rejection: Option<String>,
    pub finished_at: Option<String>,
    pub own: bool,
    pub decidable: bool,
}

impl ListCard {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let by =
            |who: &str, when: &str| frame.fill("by-and-when", &[("who", who), ("when", &texts::screen_time(when))]);
        let mut rows = vec![
            Row::new(frame, "officials-unit", &self.unit),
            Row::new(frame, "road-entered", &by(&self.entered_by, &self.uploaded_at)),
        ];
        if matches!(self.state, "entered" | "approved" | "done") {
            let (done, size) = (texts::grouped(count(self.done())), texts::grouped(count(self.size)));
            let progress = frame.fill("order-of", &[("done", &done), ("size", &size)]);
            rows.insert(0, Row::new(frame, "order-progress", &progress));
        }
        if let Some((who, when)) = &self.decided {
            rows.push(Row::new(frame, "road-decided", &by(who, when)));
        }
        if let Some(reason) = &self.rejection {
            rows.push(Row::new(frame, "road-rejection", reason));
        }
        if let Some(at) = &self.finished_at {
            rows.push(Row::new(frame, "order-finished", &texts::screen_time(at)));
        }
        rows
    }

    fn done(&self) -> i64 {
        self.size.saturating_sub(self.open)
    }

    fn size_text(&self, frame: &Frame) -> String {
        frame.fill("officials-size", &[("size", &texts::grouped(count(self.size)))])
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCell {
    pub column: &'static str,
    pub text: String,
    /// What is wrong, in the reader's language.
    pub problems: Vec<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListLine {
    pub position: i64,
    /// The row of the file.
    pub row: i64,
    pub cells: Vec<ListCell>,
    pub outcome: Option<&'static str>,
    pub reason: Option<String>,
    pub request: Option<RequestId>,
    /// Set where it can be decided by itself.
    pub content_digest: Option<String>,
}

impl ListLine {
    fn text(&self, column: &str) -> &str {
        self.cells.iter().find(|cell| cell.column == column).map(|cell| cell.text.as_str()).unwrap_or_default()
    }

    /// Approved, and reached by printed sheets.
    fn is_by_sheet(&self) -> bool {
        self.outcome == Some("approved") && is_sheet(self.text("phone"))
    }

    /// Everything beside the name, in one line.
    fn summary(&self) -> String {
        let texts = self.cells.iter().filter(|cell| cell.column != "full_name" && !cell.text.is_empty());
        texts.map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" · ")
    }

    fn wrong(&self) -> impl Iterator<Item = &ListCell> {
        self.cells.iter().filter(|cell| !cell.problems.is_empty())
    }

    fn is_wrong(&self) -> bool {
        self.wrong().next().is_some()
    }
}

/// The lists.
#[derive(Clone, Template)]
#[template(path = "agency_lists.html")]
pub struct ListsPage {
    pub frame: Frame,
    pub lists: Vec<ListCard>,
    /// Address of the next page.
    pub next: Option<String>,
    pub may_upload: bool,
    /// Of the field `file`.
    pub problems: Problems,
}

/// One list with some of its lines.
#[derive(Clone, Template)]
#[template(path = "agency_list.html")]
pub struct ListPage {
    pub frame: Frame,
    pub card: ListCard,
    /// Lines that something is wrong with.
    pub wrong: usize,
    pub lines: Vec<ListLine>,
    /// `all`, `wrong` or `open`.
    pub shown: &'static str,
    /// Address of the next lines.
    pub next: Option<String>,
    /// Of the field `reason` and the list as a whole.
    pub problems: Problems,
}

impl ListsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["file"]), ..self.clone() })
    }
}

impl ListPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["reason"]), ..self.clone() })
    }

    /// Of a line, as a passkey signs it.
    fn place(&self, position: &i64) -> String {
        format!("{}/{position}", self.card.list)
    }

    fn is_correctable(&self) -> bool {
        self.card.own && self.card.state == "draft"
    }

    /// The reader may have the forms of Decree 68/2024 filled.
    fn has_forms(&self) -> bool {
        self.card.decidable || (self.card.own && matches!(self.card.state, "entered" | "approved" | "done"))
    }

    /// The first and the last line of this page with a printed sheet; none where nobody on it has any. The pages' files have nobody twice: a
    /// sheet that is printed again ends the one before.
    fn sheets(&self) -> Option<(i64, i64)> {
        let mut positions = self.lines.iter().filter(|line| line.is_by_sheet()).map(|line| line.position);
        let first = positions.next()?;
        Some((first, positions.next_back().unwrap_or(first)))
    }

    /// What there is to show, by state.
    fn filters(&self) -> &'static [&'static str] {
        if self.card.state == "draft" { &["all", "wrong"] } else { &["all", "open"] }
    }

    fn is_shown(&self, filter: &str) -> bool {
        self.shown == filter
    }

    fn has_wrong(&self) -> bool {
        self.wrong > 0
    }

    fn wrong_text(&self) -> String {
        let wrong = texts::grouped(u64::try_from(self.wrong).unwrap_or(u64::MAX));
        self.frame.fill("officials-wrong", &[("wrong", &wrong)])
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

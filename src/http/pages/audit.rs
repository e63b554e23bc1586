//! `/audit`: what the log says of one certificate or another subject, the proof of each entry, and how far the log is signed.
//!
//! | form | sent to | fields |
//! |---|---|---|
//! | search | `/audit` (GET) | `about`: a serial number or `noun:identifier` |

use super::{Frame, rendered, rows::Row, texts};
use askama::Template;

/// The page.
#[derive(Clone, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub frame: Frame,
    /// As it was typed; empty before.
    pub about: String,
    /// `None` before anything was searched for.
    pub lines: Option<Vec<AuditRow>>,
    /// Address of the next page.
    pub next: Option<String>,
    pub standing: LogStanding,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in the log; `None` until it is appended.
    pub index: Option<u64>,
    /// RFC 3339.
    pub at: String,
    /// The stable name.
    pub kind: String,
    pub actor: String,
    pub subject: String,
    /// JSON; empty where there is none.
    pub content: String,
    /// Whether it holds a commitment that whoever looks may open.
    pub opens: bool,
}

/// How far the log is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStanding {
    pub origin: String,
    pub size: u64,
    /// Base64.
    pub root: String,
    /// As it is published.
    pub key: String,
    pub witnesses: Vec<WitnessRow>,
}

/// One witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRow {
    pub name: String,
    /// RFC 3339; `None` where it has not signed since the service started.
    pub at: Option<String>,
    pub size: u64,
}

impl AuditPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn kind(&self, row: &AuditRow) -> String {
        self.frame.name_of("audit-kind", &row.kind.replace('.', "-"))
    }

    fn rows(&self, row: &AuditRow) -> Vec<Row> {
        let frame = &self.frame;
        let mut rows = vec![
            Row::new(frame, "audit-at", &texts::screen_time(&row.at)),
            Row::new(frame, "audit-name", &row.kind),
            Row::new(frame, "audit-actor", &row.actor),
            Row::new(frame, "audit-subject", &row.subject),
        ];
        if !row.content.is_empty() {
            rows.push(Row::new(frame, "audit-content", &row.content));
        }
        let place = row.index.map_or_else(|| frame.say("audit-waiting"), texts::grouped);
        rows.push(Row::new(frame, "audit-place", &place));
        rows
    }

    fn standing_rows(&self) -> Vec<Row> {
        let (frame, standing) = (&self.frame, &self.standing);
        let mut rows = vec![
            Row::new(frame, "audit-origin", &standing.origin),
            Row::new(frame, "audit-size", &texts::grouped(standing.size)),
            Row::new(frame, "audit-root", &standing.root),
            Row::new(frame, "audit-key", &standing.key),
        ];
        for witness in &standing.witnesses {
            let state = match &witness.at {
                Some(at) => {
                    let (at, size) = (texts::screen_time(at), texts::grouped(witness.size));
                    frame.fill("audit-witness-signed", &[("at", at.as_str()), ("size", size.as_str())])
                }
                None => frame.say("audit-witness-waiting"),
            };
            rows.push(Row { label: frame.fill("audit-witness", &[("name", witness.name.as_str())]), value: state });
        }
        rows
    }
}

//! Which lines of a list have their outcome, as the audit log tells it. A line's row carries no MAC: what was rejected or carried out and
//! lost its outcome by SQL would be carried out, or carried out again, if the row were believed.

use super::differs;
use crate::{
    app::App,
    audit::{Actor, Entry, Kind},
    error::{InternalError, Result},
};
use chuky_model::{
    id::AgencyListId,
    instant::Instant,
    record::{
        Authenticated, Cursor,
        agency::{AgencyLine, AgencyList},
        state::AgencyLineOutcome,
    },
};
use std::collections::HashMap;

/// Outcomes by position, as far as the log told them before the lines were read, and after.
#[derive(Debug, Default)]
pub struct Finished(HashMap<i64, Kind>, HashMap<i64, Kind>);

/// The entry that tells of a line's outcome; about its list.
pub fn entry(at: Instant, by: Actor, list: &AgencyList, line: &AgencyLine) -> Entry {
    let content = serde_json::json!({
        "position": line.position, "outcome": line.outcome.map(AgencyLineOutcome::name), "request": line.request_id,
    });
    let kind = match line.outcome {
        Some(AgencyLineOutcome::Rejected) => Kind::AgencyLineRejected,
        _ => Kind::AgencyLineFinished,
    };
    Entry::new(at, kind, by, list.subject()).with(content)
}

impl Finished {
    /// What the log tells of a list.
    pub async fn of(app: &App, list: &AgencyList) -> Result<Self> {
        let (subject, mut finished, mut after) = (list.subject(), HashMap::new(), Cursor::OLDEST);
        loop {
            let page = app.store.audit_entries_about(&subject, after, PAGE).await?;
            for entry in &page {
                let told = [Kind::AgencyLineRejected, Kind::AgencyLineFinished];
                let Some(kind) = told.into_iter().find(|kind| kind.name() == entry.kind) else { continue };
                let content: serde_json::Value = serde_json::from_slice(&entry.content).unwrap_or_default();
                let position = content.get("position").and_then(serde_json::Value::as_i64);
                finished.insert(position.ok_or_else(|| InternalError::other("an entry of a line names none"))?, kind);
            }
            match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
                Some(last) => after = Cursor { at: last.recorded_at, id: last.id.0 },
                None => return Ok(Self(finished, HashMap::new())),
            }
        }
    }

    /// Takes in what was told since, of lines that have an outcome in their rows: of those without one only what was told before they were read
    /// counts.
    pub fn and_then(&mut self, later: Self) {
        self.1.extend(later.0);
    }

    /// Whether the row's outcome is what the log tells. Lines that were carried out before the log told of it have theirs in the row alone.
    pub fn fits(&self, line: &AgencyLine) -> bool {
        let before = self.0.get(&line.position);
        match (line.outcome, before.or(self.1.get(&line.position))) {
            (None, _) => before.is_none(),
            (Some(AgencyLineOutcome::Rejected), told) => told == Some(&Kind::AgencyLineRejected),
            (Some(_), told) => told != Some(&Kind::AgencyLineRejected),
        }
    }

    /// Passes where it fits.
    pub fn check(&self, id: AgencyListId, line: &AgencyLine) -> Result<()> {
        if self.fits(line) {
            return Ok(());
        }
        tracing::error!(event = "agency_line_differs", list = %id, position = line.position);
        Err(differs().into())
    }
}

/// Entries read at a time.
const PAGE: i64 = 1_000;

//! What the log says of one subject, for auditors: its entries with their places, oldest first.

use crate::{app::App, error::Result};
use chuky_model::{
    record::{Cursor, audit::AuditEntry},
    serial::Serial,
};
use serde::Serialize;
use serde_json::Value;

/// Of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A certificate: its own entries, its request's and its credential's.
    Certificate(Serial),
    /// `noun:identifier`.
    Subject(String),
}

/// One entry.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AuditLine {
    /// Its place in the log, from 0; `None` until it is appended.
    pub index: Option<u64>,
    pub id: String,
    /// RFC 3339.
    pub at: String,
    /// A stable name, such as `certificate.issued`.
    pub kind: String,
    pub actor: String,
    pub subject: String,
    pub content: Value,
}

/// The entries about it after the cursor, oldest first, at most [`PAGE`] of each of its subjects, and where the next page begins.
pub async fn about(app: &App, about: &About, after: Cursor) -> Result<(Vec<AuditLine>, Option<Cursor>)> {
    let mut entries = Vec::new();
    for subject in subjects(app, about).await? {
        entries.extend(app.store.audit_entries_about(&subject, after, PAGE).await?);
    }
    entries.sort_by_key(|entry| (entry.recorded_at, entry.id.0));
    // Of each subject a page was read, so that a page of them together is complete.
    let page = usize::try_from(PAGE).unwrap_or_default();
    let has_more = entries.len() >= page;
    entries.truncate(page);
    let next = entries.last().filter(|_| has_more).map(|last| Cursor { at: last.recorded_at, id: last.id.0 });
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        let leaf = app.store.audit_leaf_of_entry(entry.id).await?;
        lines.push(line(&entry, leaf.and_then(|leaf| u64::try_from(leaf.sequence).ok())));
    }
    Ok((lines, next))
}

async fn subjects(app: &App, about: &About) -> Result<Vec<String>> {
    let serial = match about {
        About::Subject(subject) => return Ok(vec![subject.clone()]),
        About::Certificate(serial) => serial,
    };
    let mut subjects = Vec::new();
    for row in app.store.certificates_by_serial(serial).await? {
        subjects.push(format!("certificate:{}", row.id));
        subjects.extend(row.request_id.map(|id| format!("request:{id}")));
        let credential = app.store.credential_of_certificate(row.id).await?;
        subjects.extend(credential.map(|credential| format!("credential:{}", credential.id)));
    }
    Ok(subjects)
}

fn line(entry: &AuditEntry, index: Option<u64>) -> AuditLine {
    AuditLine {
        index,
        id: entry.id.to_string(),
        at: entry.recorded_at.rfc3339(),
        kind: entry.kind.clone(),
        actor: entry.actor.clone(),
        subject: entry.subject.clone(),
        content: serde_json::from_slice(&entry.content).unwrap_or(Value::Null),
    }
}

/// Entries of one page.
pub const PAGE: i64 = 100;

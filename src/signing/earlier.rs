//! Rows of documents from before they had MACs. At the start each is attested where the audit log, whose leaves and heads were just
//! checked, tells of exactly that owner and exactly those digests, from before it first told of a document that has one: what SQL puts into the
//! queue is appended like any other entry, but behind that. Any other row stays as it is, and whoever asks for it is told so.

use super::document::original;
use crate::{
    app::{App, audit_key_file, remembered_head},
    attestation,
    audit::{self, Actor, Entry, Kind, replay::Replay},
    error::{InternalError, Result},
    store,
};
use chuky_model::{
    id::DocumentId,
    record::{Authenticated, audit::AuditEntry, document::Document, state::DocumentState},
};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What entries say of a document's bytes.
#[derive(Deserialize)]
struct Told {
    /// Hex.
    sha256: String,
    /// Of an upload only.
    size: Option<i64>,
    /// Absent in entries from before there was more than PAdES.
    format: Option<String>,
}

/// Attests what can be. A later start finds nothing more to do; a row that SQL brings without a MAC has an entry with a version, or none.
pub async fn attest_earlier(app: &App) -> Result<()> {
    let told = told_before(app).await?;
    let mut after = DocumentId(Uuid::nil());
    loop {
        let page = app.store.documents_without_mac(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let mut fitting = Vec::new();
        for mut document in page {
            let entries = told.get(&document.subject()).map(Vec::as_slice).unwrap_or_default();
            if !is_told(&document, entries) {
                tracing::error!(event = "document_not_attested", document = %document.id);
                continue;
            }
            attestation::attest_change(&*app.tokens.subscribers, &mut document).await?;
            fitting.push(document);
        }
        let mut transaction = app.store.begin().await?;
        for document in fitting {
            match transaction.update_document(&document).await {
                // Another node was faster.
                Err(store::Error::Stale) => continue,
                other => other?,
            }
            let entry = Entry::of_row(app.clock.now(), Kind::DocumentAttested, Actor::Service, &document);
            audit::record(&mut transaction, entry).await?;
        }
        transaction.commit().await?;
    }
}

/// What the log, held against its heads as it is read, tells of each document whose row has no MAC: up to the first document that has one.
async fn told_before(app: &App) -> Result<HashMap<String, Vec<AuditEntry>>> {
    let (mut wanted, mut after) = (HashSet::new(), DocumentId(Uuid::nil()));
    loop {
        let page = app.store.documents_without_mac(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        wanted.extend(page.iter().map(Authenticated::subject));
    }
    let mut told: HashMap<String, Vec<AuditEntry>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(told);
    }
    let file = audit_key_file(&app.settings);
    let key = std::fs::read(&file).map_err(InternalError::io(file.display().to_string()))?;
    let mut is_before = true;
    let mut log = Replay::new(app.store.clone(), &key, remembered_head(&app.settings))?;
    log.advance_over_all(|entry| {
        if !entry.kind.starts_with("document.") {
            return;
        }
        is_before &= entry.row_version.is_none();
        let entries = wanted.contains(&entry.subject).then(|| told.entry(entry.subject.clone()).or_default());
        // One more than may be is enough to refuse.
        let entries = entries.filter(|entries| entries.len() <= MOST_ENTRIES);
        // A later entry with a version tells that the row had a MAC; one without is none of the service's.
        if let Some(entries) = entries.filter(|_| is_before || entry.row_version.is_some()) {
            entries.push(entry.clone());
        }
    })
    .await?;
    Ok(told)
}

/// Whether the log tells of this document: uploaded once, by its owner, and last signed as the row says. An entry with a version is one of
/// a row that had a MAC.
fn is_told(document: &Document, entries: &[AuditEntry]) -> bool {
    if entries.len() >= MOST_ENTRIES || entries.iter().any(|entry| entry.row_version.is_some()) {
        return false;
    }
    let of = |kind: Kind| entries.iter().filter(move |entry| entry.kind == kind.name());
    let mut uploads = of(Kind::DocumentUploaded);
    let (Some(upload), None) = (uploads.next(), uploads.next()) else { return false };
    let Some(told) = told(upload) else { return false };
    let is_original = upload.actor == format!("account:{}", document.owner_id)
        && told.sha256 == hex::encode(&document.sha256)
        && told.size == Some(document.size)
        && document.stored_as == original(document.id);
    let signed = (&document.signed_sha256, document.signed_size, &document.signed_stored_as);
    let is_signed = match (of(Kind::DocumentSigned).next_back(), signed) {
        (None, (None, None, None)) => document.state == DocumentState::Ready && document.signed_format.is_none(),
        (Some(entry), (Some(sha256), Some(_), Some(stored_as))) => {
            let format = |format: &Option<String>| format.clone().unwrap_or_else(|| PADES.to_owned());
            document.state == DocumentState::Signed
                && stored_as.starts_with(&format!("{}.", document.id))
                && self::told(entry).is_some_and(|told| {
                    told.sha256 == hex::encode(sha256) && format(&told.format) == format(&document.signed_format)
                })
        }
        _ => false,
    };
    is_original && is_signed
}

fn told(entry: &AuditEntry) -> Option<Told> {
    serde_json::from_slice(&entry.content).ok()
}

/// What rows and entries without a format are.
const PADES: &str = "pades";
/// Rows looked at together, in one transaction.
const PAGE: i64 = 200;
/// Entries about one document: an upload and its signatures.
const MOST_ENTRIES: usize = 1_000;

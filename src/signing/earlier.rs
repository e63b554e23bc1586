//! Rows of documents from before they had MACs. At the start each is attested where the audit log, whose leaves and heads were just
//! checked, tells of exactly that owner and exactly those digests; any other stays as it is, and whoever asks for it is told so.

use super::document::original;
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::Result,
    store,
};
use chuky_model::{
    id::DocumentId,
    instant::Instant,
    record::{Authenticated, Cursor, audit::AuditEntry, document::Document, state::DocumentState},
};
use serde::Deserialize;
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
    let mut after = DocumentId(Uuid::nil());
    loop {
        let page = app.store.documents_without_mac(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let mut fitting = Vec::new();
        for mut document in page {
            let entries = app.store.audit_entries_about(&document.subject(), BEGINNING, MOST_ENTRIES).await?;
            if !is_told(&document, &entries) {
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

/// Whether the log tells of this document: uploaded once, by its owner, and last signed as the row says. An entry with a version is one of
/// a row that had a MAC.
fn is_told(document: &Document, entries: &[AuditEntry]) -> bool {
    let many = i64::try_from(entries.len()).is_ok_and(|count| count >= MOST_ENTRIES);
    if many || entries.iter().any(|entry| entry.row_version.is_some()) {
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

const BEGINNING: Cursor = Cursor { at: Instant(0), id: Uuid::nil() };
/// What rows and entries without a format are.
const PADES: &str = "pades";
/// Rows looked at together, in one transaction.
const PAGE: i64 = 200;
/// Entries about one document: an upload and its signatures.
const MOST_ENTRIES: i64 = 1_000;

//! Rows from before they were attested: of roads, which did not cover recipients and history, of numbers, of statuses and of incoming packages. At the
//! start each is attested where the audit log, whose leaves and heads were just checked, tells of exactly it; any other stays as it is,
//! and whoever asks for it is told so. Of recipients the log tells nothing: they are taken as they stand, once.

use super::{
    incoming::Details,
    limits::{EARLIER, ENTRIES},
    road::{history_digest, note_of, recipients_digest},
    status::{EARLIER_NOTE, NOTE},
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, Result},
    signing, store,
};
use chuky_model::{
    id::{AccountId, IncomingId, OutgoingId},
    record::{
        Authenticated, Cursor,
        audit::AuditEntry,
        incoming::IncomingDocument,
        outgoing::{OutgoingDocument, OutgoingEvent, OutgoingNumber, OutgoingRecipient, OutgoingStatus, status_key},
        state::{IncomingState, NumberState, OutgoingState},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Attests what can be. A later start finds nothing more to do, and takes nothing that SQL made meanwhile: each road has been attested,
/// and a number or package without a MAC has none from before.
pub async fn attest_earlier(app: &App) -> Result<()> {
    let mut after = OutgoingId(Uuid::nil());
    loop {
        let page = app.store.earlier_outgoing(after, EARLIER).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for row in page {
            if !attested(road(app, row.id).await)? {
                tracing::error!(event = "document_not_attested", outgoing = %row.id);
            }
        }
    }
    statuses(app).await?;
    let mut after = IncomingId(Uuid::nil());
    loop {
        let page = app.store.earlier_incoming(after, EARLIER).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for row in page {
            let id = row.id;
            if !attested(package(app, row).await)? {
                tracing::error!(event = "document_not_attested", incoming = %id);
            }
        }
    }
}

/// Statuses from before they had rows of their own get one where the log tells of exactly them as that recipient's last.
async fn statuses(app: &App) -> Result<()> {
    let mut after = (OutgoingId(Uuid::nil()), 0);
    // Of one road: its recipients follow each other.
    let mut told = (OutgoingId(Uuid::nil()), Vec::new());
    loop {
        let page = app.store.earlier_statuses(after, EARLIER).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.outgoing_id, last.position);
        for recipient in page {
            if told.0 != recipient.outgoing_id {
                let id = recipient.outgoing_id;
                let mut entries = entries_about(app, &format!("outgoing_document:{id}")).await?;
                entries.retain(|entry| entry.kind == Kind::OutgoingStatus.name());
                told = (id, entries);
            }
            if !attested(status(app, &recipient, &told.1).await)? {
                tracing::error!(event = "status_not_attested", outgoing = %recipient.outgoing_id, recipient = recipient.position);
            }
        }
    }
}

/// Everything that the log tells of a subject, in order.
async fn entries_about(app: &App, subject: &str) -> Result<Vec<AuditEntry>> {
    let (mut all, mut after) = (Vec::new(), Cursor::OLDEST);
    loop {
        let page = app.store.audit_entries_about(subject, after, ENTRIES).await?;
        let full = i64::try_from(page.len()).is_ok_and(|count| count == ENTRIES);
        all.extend(page);
        match all.last().filter(|_| full) {
            Some(last) => after = Cursor { at: last.recorded_at, id: last.id.0 },
            None => return Ok(all),
        }
    }
}

/// `entries` are those of the log about statuses of the road.
async fn status(app: &App, recipient: &OutgoingRecipient, entries: &[AuditEntry]) -> Result<bool> {
    let id = recipient.outgoing_id;
    let said = |entry: &&AuditEntry| content(entry)["recipient"] == recipient.organ_id.as_str();
    let Some(entry) = entries.iter().rfind(said) else { return Ok(false) };
    let told = content(entry)["status"].as_str().map(str::to_owned);
    let account = entry.actor.strip_prefix("account:").and_then(|id| id.parse::<AccountId>().ok());
    let (Some(status), Some(recorded_by)) = (told, account) else { return Ok(false) };
    if recipient.status.as_ref() != Some(&status) || recipient.status_at != Some(entry.recorded_at) {
        return Ok(false);
    }
    let key = status_key(id, recipient.position);
    // Of the note the log tells nothing: it is one that the vault sealed for this document.
    let note = recipient.status_note.as_ref().map(|sealed| app.vault.open(EARLIER_NOTE, &id.to_string(), sealed));
    let Ok(note) = note.transpose() else { return Ok(false) };
    let mut row = OutgoingStatus {
        note: note.map(|note| app.vault.seal(NOTE, &key, &note)).transpose()?,
        id: key,
        outgoing_id: id,
        position: recipient.position,
        status,
        recorded_by,
        recorded_at: entry.recorded_at,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.insert_outgoing_status(&row).await {
        // Another node was faster, or the recipient said something new.
        Err(store::Error::Conflict(_)) => return Ok(true),
        other => other?,
    }
    let entry = Entry::of_row(app.clock.now(), Kind::OutgoingAttested, Actor::Service, &row);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    Ok(true)
}

/// A forged row keeps no other back, and no service from its start.
fn attested(outcome: Result<bool>) -> Result<bool> {
    match outcome {
        Err(Error::Internal(InternalError::RowForged { .. }) | Error::Request(_)) => Ok(false),
        other => other,
    }
}

async fn road(app: &App, id: OutgoingId) -> Result<bool> {
    let row = current::row_by_log(app, || app.store.outgoing_by_id(id)).await?;
    let Some(mut row) = row.filter(|row| row.history_digest.is_none()) else { return Ok(true) };
    let events = app.store.outgoing_events(id).await?;
    let entries = entries_about(app, &row.subject()).await?;
    let number = app.store.outgoing_number_of(id).await?;
    let is_told = has_history(&events, &entries) && has_number(app, &row, number.as_ref(), (&events, &entries));
    if !is_told {
        return Ok(false);
    }
    row.history_digest = Some(history_digest(&events));
    row.recipients_digest = Some(recipients_digest(&app.store.outgoing_recipients(id).await?));
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_outgoing(&row).await {
        // Another node was faster.
        Err(store::Error::Stale) => return Ok(true),
        other => other?,
    }
    let now = app.clock.now();
    let entry = Entry::of_row(now, Kind::OutgoingAttested, Actor::Service, &row);
    audit::record(&mut transaction, entry).await?;
    if let Some(mut number) = number {
        attestation::attest_change(&*app.tokens.subscribers, &mut number).await?;
        transaction.update_outgoing_number(&number).await?;
        let entry = Entry::of_row(now, Kind::OutgoingAttested, Actor::Service, &number);
        audit::record(&mut transaction, entry).await?;
    }
    transaction.commit().await?;
    current::changed(app, &row);
    Ok(true)
}

/// Whether the events are those of which the log tells, each by its version.
fn has_history(events: &[OutgoingEvent], entries: &[AuditEntry]) -> bool {
    // An archive timestamp is nobody's act: a version without an event.
    let is_event = |entry: &&AuditEntry| entry.row_version.is_some() && entry.kind != Kind::OutgoingArchived.name();
    let versions: Vec<&AuditEntry> = entries.iter().filter(is_event).collect();
    let is_told = |event: &OutgoingEvent| {
        versions.iter().any(|entry| {
            entry.row_version == Some(event.position)
                && entry.kind == event.kind
                && entry.actor == format!("account:{}", event.account_id)
                && entry.recorded_at == event.happened_at
                && content(entry)["state"] == event.state.name()
        })
    };
    versions.len() == events.len() && !events.is_empty() && events.iter().all(is_told)
}

/// Whether the number, or that there is none, is what the log and the road tell.
fn has_number(
    app: &App,
    row: &OutgoingDocument,
    number: Option<&OutgoingNumber>,
    (events, entries): (&[OutgoingEvent], &[AuditEntry]),
) -> bool {
    let given: Vec<&AuditEntry> =
        entries.iter().filter(|entry| entry.kind == Kind::OutgoingNumberGiven.name()).collect();
    let (Some(number), [entry]) = (number, given.as_slice()) else {
        return number.is_none() && given.is_empty();
    };
    let wanted = json!({ "unit": number.unit, "year": number.year, "series": number.series, "number": number.number });
    let is_given = number.mac.is_empty()
        && number.unit == row.unit
        && content(entry) == wanted
        && entry.recorded_at == number.given_at
        && entry.actor == format!("account:{}", number.given_by);
    let refused = events.iter().find(|event| event.state == OutgoingState::Refused);
    // What the vault did not seal is no note of ours.
    let why = refused.and_then(|event| note_of(app, event).ok().flatten());
    let stands = match number.state {
        NumberState::Given => refused.is_none(),
        NumberState::Void => number.void_reason.is_some() && number.void_reason == why,
    };
    is_given && stands
}

async fn package(app: &App, mut row: IncomingDocument) -> Result<bool> {
    let entries = entries_about(app, &row.subject()).await?;
    let [entry] = entries.as_slice() else { return Ok(false) };
    let kind = if row.state == IncomingState::Registered { Kind::IncomingRegistered } else { Kind::IncomingRefused };
    let told = content(entry);
    let wanted = json!({
        "unit": row.unit, "sender": row.sender_id, "sha256": hex::encode(&row.package_sha256), "year": row.year, "number": row.number,
        "accepted_undetermined": told["accepted_undetermined"],
    });
    let is_told = entry.kind == kind.name()
        && entry.row_version.is_none()
        && entry.actor == format!("account:{}", row.received_by)
        && entry.recorded_at == row.received_at
        && told == wanted;
    if !is_told {
        return Ok(false);
    }
    // It is a package, taken by whoever received it, of that agency; the encrypted part is bound to the row.
    let document = signing::of_road(app, row.document_id).await?;
    let receiver = current::row(app, || app.store.account_by_id(row.received_by)).await?;
    // What the vault did not seal for this row is not what was received.
    let Ok(details) = Details::of(app, &row) else { return Ok(false) };
    let is_own = document.media_type == signing::PACKAGE
        && document.owner_id == row.received_by
        && document.sha256 == row.package_sha256
        && receiver.is_some_and(|receiver| receiver.unit == row.unit)
        && row.message_id == format!("{},{}", details.issued_on, details.code);
    if !is_own {
        return Ok(false);
    }
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.attest_incoming(&row).await {
        Err(store::Error::Stale) => return Ok(true),
        other => other?,
    }
    let entry = Entry::of_row(app.clock.now(), Kind::IncomingAttested, Actor::Service, &row);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    Ok(true)
}

fn content(entry: &AuditEntry) -> Value {
    serde_json::from_slice(&entry.content).unwrap_or_default()
}

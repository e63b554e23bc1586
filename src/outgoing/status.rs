//! What recipients say of a document that was sent to them. Each recipient's last word is a row of its own under a MAC, so that nobody who
//! writes SQL makes an agency say that it received something.

use super::{
    limits::STATUS_TRIES,
    road::{Road, clerk, moved_on, reason},
    view::{self, OutgoingView},
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store,
};
use chuky_model::{
    id::OutgoingId,
    record::{
        outgoing::{OutgoingRecipient, OutgoingStatus, status_key},
        state::OutgoingState,
    },
};
use std::collections::HashMap;

/// Records what a recipient says of the document: two digits by QCVN 102:2016/BTTTT. The latest counts.
pub async fn status(
    app: &App,
    by: &Principal,
    id: OutgoingId,
    (organ_id, status): (&str, &str),
    note: Option<&str>,
) -> Result<OutgoingView> {
    let note = note.map(str::trim).filter(|note| !note.is_empty()).map(reason).transpose()?;
    for _ in 0..STATUS_TRIES {
        // 1. A document that was sent, and a recipient of it.
        let road = Road::load(app, by, id).await?;
        clerk(by)?;
        if !matches!(road.row.state, OutgoingState::Sent | OutgoingState::Recalled) {
            return Err(moved_on().into());
        }
        if !STATUSES.contains(&status) {
            let (vi, en) = (
                "Mã trạng thái là 01, 02, 03, 04, 05, 06, 13, 15 hoặc 16.",
                "The status is 01, 02, 03, 04, 05, 06, 13, 15 or 16.",
            );
            return Err(RequestError::invalid("status", "status_unknown", vi, en).into());
        }
        let recipients = road.recipients(app).await?;
        let recipient = recipients.iter().find(|one| one.organ_id == organ_id).ok_or_else(RequestError::not_found)?;
        // 2. Its row, after the one before.
        let key = status_key(id, recipient.position);
        let earlier = current::row_of_by_log(app, &key, || app.store.outgoing_status_of(&key)).await?;
        let mut row = OutgoingStatus {
            note: note.as_ref().map(|note| app.vault.seal(NOTE, &key, note.as_bytes())).transpose()?,
            id: key,
            outgoing_id: id,
            position: recipient.position,
            status: status.to_owned(),
            recorded_by: by.account,
            recorded_at: app.clock.now(),
            version: earlier.as_ref().map_or(0, |earlier| earlier.version),
            mac: Vec::new(),
        };
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        // 3. Stored while the document stands still.
        if stored(app, by, &road, (&row, organ_id)).await? {
            return view::of_road(app, by, &road).await;
        }
    }
    Err(RequestError::try_again().into())
}

/// `false` where the document moved on, or another status came first.
async fn stored(app: &App, by: &Principal, road: &Road, (row, organ_id): (&OutgoingStatus, &str)) -> Result<bool> {
    let mut transaction = app.store.begin().await?;
    let held = transaction.hold_outgoing(&road.row).await;
    let done = match (held, row.version) {
        (Ok(()), 1) => transaction.insert_outgoing_status(row).await,
        (Ok(()), _) => transaction.update_outgoing_status(row).await,
        (refused, _) => refused,
    };
    match done {
        Err(store::Error::Stale | store::Error::Conflict(_)) => {
            transaction.rollback().await?;
            return Ok(false);
        }
        other => other?,
    }
    let entry = Entry::of_row(row.recorded_at, Kind::OutgoingStatus, Actor::Account(by.account), row);
    let content = serde_json::json!({ "recipient": organ_id, "status": row.status });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    current::changed(app, row);
    Ok(true)
}

/// What the recipients of a document last said, by their place in it.
pub(super) async fn statuses(
    app: &App,
    id: OutgoingId,
    recipients: &[OutgoingRecipient],
) -> Result<HashMap<i64, OutgoingStatus>> {
    let rows = current::rows(app, || app.store.outgoing_statuses(id)).await?;
    let mut said: HashMap<i64, OutgoingStatus> = rows.into_iter().map(|row| (row.position, row)).collect();
    for recipient in recipients {
        let key = status_key(id, recipient.position);
        let is_missing = !said.contains_key(&recipient.position)
            && app.audit.row_versions().newest(&format!("outgoing_status:{key}")).await? > 0;
        // Made in this moment, or taken away.
        if is_missing && let Some(row) = current::row_of(app, &key, || app.store.outgoing_status_of(&key)).await? {
            said.insert(row.position, row);
        }
    }
    Ok(said)
}

/// A status' note in clear.
pub(super) fn note_of(app: &App, row: &OutgoingStatus) -> Result<Option<String>> {
    let Some(sealed) = &row.note else { return Ok(None) };
    let plain = app.vault.open(NOTE, &row.id, sealed)?;
    Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
}

/// QCVN 102:2016/BTTTT: 01 arrived, 02 refused, 03 received, 04 awaiting assignment, 05 processing, 06 done; 13, 15 and 16 about a recall.
const STATUSES: [&str; 9] = ["01", "02", "03", "04", "05", "06", "13", "15", "16"];
/// Where a status' note is encrypted for.
pub(super) const NOTE: &str = "outgoing_status.note";
/// Where it was encrypted for before statuses had rows of their own, under the document's identifier.
pub(super) const EARLIER_NOTE: &str = "outgoing_recipient.status_note";

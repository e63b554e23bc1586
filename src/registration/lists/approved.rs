//! Whether a request that came from a list was approved with the assertion that its approver needs: over its own line, or over the whole
//! list. Digests of a list's lines are kept once they gave the digest that was approved, so that redeeming thousands of codes
//! opens each list once.

use super::{AgencyLine, AgencyList, CheckedLine, Details, cells_of, differs, entered_lines, line_digest, load};
use crate::{
    accounts::passkey::{Subject, approval},
    app::App,
    error::Result,
};
use chuky_model::{id::AccountId, instant::Instant};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Digests of the lines of lists, by position, under the digest that they gave together: what gave it once gives it for ever.
#[derive(Default)]
pub struct ApprovedLists(Mutex<HashMap<Vec<u8>, Arc<Digests>>>);

type Digests = HashMap<i64, [u8; 32]>;

/// Passes where `approver` decided on the line of a request with these details, at that time, as they had to.
pub async fn check(
    app: &App,
    line: AgencyLine,
    details: &Details,
    (approver, decided_at): (AccountId, Instant),
) -> Result<()> {
    if !approval::is_demanded(app, approver, decided_at).await? {
        return Ok(());
    }
    // 1. The line says what the request says.
    let list = load(app, line.list_id).await?;
    let cells = cells_of(app, &line)?;
    let digest = line_digest(app, &list, &line, &cells, details);
    // 2. It was decided on alone, or with a list that it is part of.
    let alone = Subject::AgencyLine(list.id, line.position);
    if approval::is_stated(app, approver, alone).await? {
        return approval::check(app, (approver, decided_at), alone, &hex::encode(digest)).await;
    }
    if digests(app, &list).await?.get(&line.position) != Some(&digest) || list.decided_by != Some(approver) {
        tracing::error!(event = "agency_line_differs", list = %list.id, position = line.position);
        return Err(differs().into());
    }
    let content = list.content_digest.as_ref().map(hex::encode).unwrap_or_default();
    let decided_at = list.decided_at.unwrap_or(list.uploaded_at);
    approval::check(app, (approver, decided_at), Subject::AgencyList(list.id), &content).await
}

/// The digests of an entered list's lines, which give its digest.
async fn digests(app: &App, list: &AgencyList) -> Result<Arc<Digests>> {
    let key = list.content_digest.clone().ok_or_else(differs)?;
    if let Some(known) = app.approved_lists.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let mut digests = Digests::new();
    for CheckedLine { line, cells, details, .. } in entered_lines(app, list).await? {
        let details = details.ok_or_else(differs)?;
        digests.insert(line.position, line_digest(app, list, &line, &cells, &details));
    }
    let digests = Arc::new(digests);
    let mut known = app.approved_lists.0.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= LISTS_KEPT {
        known.clear();
    }
    known.insert(key, digests.clone());
    Ok(digests)
}

/// Lists whose digests are kept: one of 20,000 lines takes about a megabyte.
const LISTS_KEPT: usize = 16;

//! Carrying out approved lists: each line in a transaction of its own, with its request, its approval, its code on the way to its official,
//! and what became of it, so that the job can stop anywhere and go on later, here or on another node.

use super::{CheckedLine, Column, entered_lines, load};
use crate::{
    accounts::passkey::{Approved, Subject, approval},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, Result},
    fault,
    issuance::reminders::{BODY, RECIPIENT},
    registration::{ActivationCode, Details, decision, is_open, new_request},
    store, units,
};
use chuky_model::{
    id::{AccountId, AgencyListId, MessageId},
    instant::Instant,
    record::{
        agency::{AgencyLine, AgencyList},
        state::{AgencyLineOutcome, AgencyListState, MessageChannel},
        work::Message,
    },
    request::Hierarchy,
};
use uuid::Uuid;

/// Carries a list out beside the request that approved it; what fails is taken up again by [`run_due`].
pub fn start(app: &App, id: AgencyListId) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = run(&app, id).await {
            tracing::error!(event = "agency_list_failed", list = %id, error = %error);
        }
    });
}

/// Takes up every approved list that is not finished; how many were finished. One that fails keeps no other back.
pub async fn run_due(app: &App) -> Result<usize> {
    let (mut finished, mut failed) = (0, None);
    for list in app.store.agency_lists_in(AgencyListState::Approved, AT_A_TIME).await? {
        match run(app, list.id).await {
            Ok(done) => finished += usize::from(done),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(finished), Err)
}

/// Carries a list out; `false` where another node is at it.
async fn run(app: &App, id: AgencyListId) -> Result<bool> {
    let holder = Uuid::now_v7().to_string();
    if !held(app, &holder).await? {
        return Ok(false);
    }
    let outcome = carry_out(app, id, &holder).await;
    let mut transaction = app.store.begin().await?;
    transaction.release_lease(LEASE, &holder).await?;
    transaction.commit().await?;
    outcome
}

async fn held(app: &App, holder: &str) -> Result<bool> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let held = transaction.take_lease(LEASE, holder, now, now.plus_seconds(LEASE_SECONDS)).await?.is_some();
    transaction.commit().await?;
    Ok(held)
}

async fn carry_out(app: &App, id: AgencyListId, holder: &str) -> Result<bool> {
    // 1. An approved list, over exactly the lines that were approved.
    let mut list = load(app, id).await?;
    let (AgencyListState::Approved, Some(approver)) = (list.state, list.decided_by) else { return Ok(false) };
    let lines = app.store.agency_lines(id, 0, list.size.saturating_add(1)).await?;
    let lines = entered_lines(app, &list, lines)?;
    let content = list.content_digest.as_ref().map(hex::encode).unwrap_or_default();
    let decided_at = list.decided_at.unwrap_or(list.uploaded_at);
    approval::check(app, (approver, decided_at), Subject::AgencyList(id), &content).await?;
    // 2. Those without an outcome, one by one.
    let mut renewed = app.clock.now();
    for line in lines.into_iter().filter(|line| line.line.outcome.is_none()) {
        carry_out_line(app, &list, (approver, &Approved::nothing()), line).await?;
        fault::point("list.after_line");
        if app.clock.now() >= renewed.plus_seconds(RENEWED_SECONDS) {
            renewed = app.clock.now();
            if !held(app, holder).await? {
                return Ok(false);
            }
        }
    }
    // 3. Done: every line has its outcome.
    let now = app.clock.now();
    list.state = AgencyListState::Done;
    list.finished_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_agency_list(&list).await?;
    let entry = Entry::of_row(now, Kind::AgencyListFinished, Actor::Service, &list);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "size": list.size }))).await?;
    transaction.commit().await?;
    current::changed(app, &list);
    Ok(true)
}

/// Makes the request of one line, approved by `approver` over exactly its content, with its code in a message. `approved` proves the
/// decision on this line alone; that on a whole list stands with the list.
pub(super) async fn carry_out_line(
    app: &App,
    list: &AgencyList,
    (approver, approved): (AccountId, &Approved),
    CheckedLine { line, cells, details, .. }: CheckedLine,
) -> Result<()> {
    let details = details.ok_or_else(super::differs)?;
    // 1. Nobody has asked for the same meanwhile.
    if has_open_request(app, &details).await? {
        return finish(app, AgencyLine { outcome: Some(AgencyLineOutcome::RequestOpen), ..line }).await;
    }
    // 2. Every MAC, before the transaction keeps others waiting.
    let entered = list.entered_at.unwrap_or(list.uploaded_at);
    let code = cells.text(Column::Unit);
    let unit = match code.is_empty() {
        true => list.unit.clone(),
        false => units::unit_at(app, &code, entered).await?.map_or(code, |unit| unit.code),
    };
    let mut request = new_request(app, list.entered_by, Hierarchy::Officials, &unit, &details)?;
    attestation::attest(&*app.tokens.subscribers, &mut request).await?;
    let digest = decision::digest(app, &request, &details);
    let approving = decision::Approving::prepare(app, approver, request.id, digest, true).await?;
    let message = message(app, &details, approving.code())?;
    // 3. Request, approval, code, message and outcome, all or none.
    let mut transaction = app.store.begin().await?;
    let outcome = Some(AgencyLineOutcome::Approved);
    let line = AgencyLine { outcome, request_id: Some(request.id), done_at: Some(app.clock.now()), ..line };
    crate::registration::insert(app, &mut transaction, &request).await?;
    match transaction.finish_agency_line(&line).await {
        // Another node was faster, and nothing of this is kept.
        Err(store::Error::Stale) => return Ok(()),
        other => other?,
    }
    approving.store(app, &mut transaction, &mut request, approved).await?;
    transaction.insert_message(&message).await?;
    Ok(transaction.commit().await?)
}

async fn finish(app: &App, line: AgencyLine) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    match transaction.finish_agency_line(&AgencyLine { done_at: Some(app.clock.now()), ..line }).await {
        Err(store::Error::Stale) => return Ok(()),
        other => other?,
    }
    Ok(transaction.commit().await?)
}

async fn has_open_request(app: &App, details: &Details) -> Result<bool> {
    for request in app.store.requests_of_person(&crate::registration::person_lookup(app, details)).await? {
        let same = request.hierarchy == Hierarchy::Officials && is_open(request.state);
        if same && crate::registration::open(app, &request)?.kind == details.kind {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The code on its way. It names no person.
fn message(app: &App, details: &Details, (code, expires): (&ActivationCode, Instant)) -> Result<Message> {
    let id = MessageId(Uuid::now_v7());
    let (day, address) = (expires.vietnamese(), app.settings.public_url.trim_end_matches('/'));
    // Without diacritics: one SMS has 160 characters then.
    let text = zeroize::Zeroizing::new(format!(
        "Ma kich hoat chu ky so cua ban: {}. Mo {address}/activate truoc ngay {}. Khong dua ma cho ai.",
        code.grouped(),
        day.get(..10).unwrap_or_default()
    ));
    let seal = |name: &str, plain: &str| app.vault.seal(name, &id.to_string(), plain.as_bytes());
    if details.phone.is_empty() {
        return Err(InternalError::other("a list's line without a phone number").into());
    }
    Ok(Message {
        id,
        channel: MessageChannel::Sms,
        recipient: seal(RECIPIENT, &details.phone)?,
        body: seal(BODY, &text)?,
        created_at: app.clock.now(),
        sent_at: None,
    })
}

const LEASE: &str = "agency-lists";
/// A node that died gives the work up after this.
const LEASE_SECONDS: i64 = 120;
/// Between two renewals of the lease.
const RENEWED_SECONDS: i64 = 30;
/// Lists that one round takes up.
const AT_A_TIME: i64 = 20;

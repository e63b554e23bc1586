//! What a crash or a failure left half done: a certificate that was only intended is given up, one whose signing had begun is void
//! and revoked, and the request waits for its subscriber again, with the same code and a new serial to come. Out of a backup an
//! intended one, too, is void and revoked: it may have been issued since.

use super::{reconciliation, register, revocation_list};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::Result,
    registration,
    store::{self, Store},
};
use chuky_model::{
    id::CertificateId,
    instant::Instant,
    record::{Cursor, state::CertificateState},
    request::RequestState,
};
use chuky_pki::{certificate::Certificate, crl::Reason};

/// A half-done issue that may have been finished where this database does not know of it: revoked as the evidence says, else from now on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished<'a> {
    pub at: Instant,
    pub reason: Reason,
    pub invalid_since: Option<Instant>,
    pub certificate: Option<&'a Certificate>,
}

/// Takes back what was half done when the service last ended. On SQLite no other process issues; on PostgreSQL another node may be at
/// work, so only what nobody holds is taken back.
pub async fn at_start(app: &App) -> Result<usize> {
    match app.store {
        Store::Sqlite(_) => run(app, Reach::Everything).await,
        Store::Postgres(_) => abandoned(app).await,
    }
}

/// Takes back everything that is half done, whoever began it: nobody is at work on a database that came out of a backup.
pub(super) async fn all_restored(app: &App) -> Result<usize> {
    run(app, Reach::Restored).await
}

/// Takes back what nobody is at work on any more: its process has ended, or it is older than any issue takes.
pub async fn abandoned(app: &App) -> Result<usize> {
    run(app, Reach::Abandoned).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everything,
    /// Everything, and what may have been finished after the backup.
    Restored,
    Abandoned,
}

/// What was finished meanwhile stays: each step is a compare-and-swap, so an issue that somebody is at work on after all is ended and
/// never doubled.
async fn run(app: &App, reach: Reach) -> Result<usize> {
    let now = app.clock.now();
    let overdue = now.plus_seconds(-LONGEST_ISSUE_SECONDS);
    let finished = Finished { at: now, reason: Reason::Unspecified, invalid_since: None, certificate: None };
    let finished = (reach == Reach::Restored).then_some(finished);
    let mut taken_back = 0;
    for state in [CertificateState::Intended, CertificateState::Signing] {
        let mut after = Cursor::OLDEST;
        loop {
            let rows = app.store.list_certificates(state, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = Cursor { at: last.updated_at, id: last.id.0 };
            for row in rows {
                let mut held = None;
                if reach == Reach::Abandoned && row.updated_at > overdue {
                    // On SQLite this process is at work on it. On PostgreSQL it is held until it is back, so that one node takes it back.
                    if matches!(app.store, Store::Postgres(_)) {
                        held = app.store.hold_issue(row.id).await?;
                    }
                    if held.is_none() {
                        continue;
                    }
                }
                taken_back += usize::from(take_back_known(app, row.id, finished).await?);
                drop(held);
            }
        }
    }
    if taken_back > 0 {
        tracing::warn!(event = "issues_taken_back", count = taken_back);
        revocation_list::publish_after_change(app).await?;
    }
    Ok(taken_back)
}

/// Takes one certificate back; `false` where it has meanwhile been finished or taken back.
pub(super) async fn take_back(app: &App, id: CertificateId) -> Result<bool> {
    take_back_known(app, id, None).await
}

/// The same with what is known beside the row.
pub(super) async fn take_back_known(app: &App, id: CertificateId, finished: Option<Finished<'_>>) -> Result<bool> {
    let row = current::row_by_log(app, || app.store.certificate_by_id(id)).await?;
    let Some(mut row) = row else { return Ok(false) };
    let now = app.clock.now();
    match (row.state, finished) {
        // Nothing was signed: the serial is never used again, and no list needs to name it.
        (CertificateState::Intended, None) => {}
        // Perhaps signed, handed out never.
        (CertificateState::Signing, None) => {
            row.revoked_at = Some(now);
            row.revocation_reason = Some(i64::from(Reason::Unspecified.code()));
        }
        (CertificateState::Intended | CertificateState::Signing, Some(finished)) => {
            reconciliation::revoke_finished(app, &mut row, finished).await?;
        }
        _ => return Ok(false),
    }
    let reached = row.state;
    row.state = CertificateState::Void;
    row.updated_at = now;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let request = match row.request_id {
        Some(id) => Some(registration::load(app, id).await?),
        None => None,
    };
    let mut transaction = app.store.begin().await?;
    match transaction.update_certificate(&row).await {
        Err(store::Error::Stale) => return Ok(false),
        other => other?,
    }
    if let Some(mut request) = request.filter(|request| request.state == RequestState::Issuing) {
        registration::advance(app, &mut transaction, &mut request, RequestState::Approved).await?;
        audit::record(&mut transaction, Entry::of_row(now, Kind::RequestReopened, Actor::Service, &request)).await?;
    }
    let content = serde_json::json!({ "reached": reached });
    register::settle(app, transaction, &row, (Kind::CertificateVoided, Actor::Service), content).await?;
    Ok(true)
}

const PAGE: i64 = 100;
/// RSA-4096 may take two minutes in the HSM; every other step is far shorter. What is older is taken back even where its node seems to be
/// at work: the server may not have noticed yet that a host vanished.
const LONGEST_ISSUE_SECONDS: i64 = 600;

//! Decisions on entered lists: by an approver who did not upload it, over exactly what was shown; the list as a whole, or line by line.

use super::{
    changed, committed, differs, entered_lines, finished, line_digest, load, may_decide, moved_on,
    run::{self, Prepared, Stored},
};
use crate::{
    accounts::{
        self, Principal,
        passkey::{Approved, Given, Subject},
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, RequestErrorKind, Result},
    fault,
    registration::decision::refuse_subject,
    store::Transaction,
};
use chuky_model::{
    id::AgencyListId,
    record::{
        agency::{AgencyLine, AgencyList},
        state::{AgencyLineOutcome, AgencyListState},
    },
};

/// Decides on what is open of a list: approving the digest of exactly what was shown, or rejecting with a reason. An approved list is
/// carried out at once.
pub async fn decide(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    decision: Result<&str, &str>,
    given: Option<&Given>,
) -> Result<()> {
    let mut approved = Approved::nothing();
    let mut list = decidable(app, by, id).await?;
    let kind = match decision {
        Ok(seen) if list.content_digest.as_ref().map(hex::encode).as_deref() != Some(seen) => {
            return Err(content_differs().into());
        }
        Ok(seen) => {
            let lines = entered_lines(app, &list).await?;
            let open = lines.iter().filter(|line| line.line.outcome.is_none());
            for details in open.filter_map(|line| line.details.as_ref()) {
                refuse_subject(app, by.account, details).await?;
            }
            approved = Approved::by(app, by, (Subject::AgencyList(id), seen), given).await?;
            list.state = AgencyListState::Approved;
            Kind::AgencyListApproved
        }
        Err(reason) => {
            list.rejection_reason = Some(checked_reason(reason)?);
            list.state = AgencyListState::Rejected;
            Kind::AgencyListRejected
        }
    };
    list.decided_by = Some(by.account);
    list.decided_at = Some(app.clock.now());
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let mut transaction = app.store.begin().await?;
    approved.store(app, &mut transaction).await?;
    let content = serde_json::json!({ "size": list.size, "content": list.content_digest.as_ref().map(hex::encode) });
    changed(app, transaction, (&list, kind, by), approved.told(content)).await?;
    if list.state == AgencyListState::Approved {
        run::start(app, id);
    }
    Ok(())
}

/// Decides on one line of an entered list by itself.
pub async fn decide_line(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    position: i64,
    decision: Result<&str, &str>,
    given: Option<&Given>,
) -> Result<()> {
    // 1. The line as it was entered: the whole list must be what it was then.
    let list = decidable(app, by, id).await?;
    let lines = entered_lines(app, &list).await?;
    let is_last = !lines.iter().any(|line| line.line.outcome.is_none() && line.line.position != position);
    let line = lines.into_iter().find(|line| line.line.position == position).ok_or_else(RequestError::not_found)?;
    if line.line.outcome.is_some() {
        return Err(moved_on().into());
    }
    // 2. Exactly what was seen, or why not.
    let mut prepared = match decision {
        Ok(seen) => {
            let details = line.details.as_ref().ok_or_else(differs)?;
            refuse_subject(app, by.account, details).await?;
            if hex::encode(line_digest(app, &list, &line.line, &line.cells, details)) != seen {
                return Err(content_differs().into());
            }
            let approved = Approved::by(app, by, (Subject::AgencyLine(id, position), seen), given).await?;
            Prepared::of(app, &list, (by.account, approved), line).await?
        }
        Err(reason) => {
            let reason = Some(checked_reason(reason)?);
            Prepared::without(AgencyLine { reason, ..line.line }, AgencyLineOutcome::Rejected)
        }
    };
    // 3. The line's outcome with the list's next version, so that nothing else is decided of the list in the same moment.
    fault::point("list.before_line");
    let next = next_version(app, by, &list, is_last).await?;
    loop {
        let mut transaction = app.store.begin().await?;
        match prepared.store(app, &mut transaction, &list).await? {
            Stored::Whole(line) => return decided(app, by, transaction, (&next, &line)).await,
            Stored::RequestOpen(line) => prepared = Prepared::without(line, AgencyLineOutcome::RequestOpen),
            Stored::MovedOn => return Err(moved_on().into()),
        }
    }
}

/// The list after one more decision; the last one ends it.
async fn next_version(app: &App, by: &Principal, list: &AgencyList, is_last: bool) -> Result<AgencyList> {
    let mut next = list.clone();
    if is_last {
        next.state = AgencyListState::Done;
        (next.decided_by, next.decided_at) = (Some(by.account), Some(app.clock.now()));
        next.finished_at = next.decided_at;
    }
    attestation::attest_change(&*app.tokens.subscribers, &mut next).await?;
    Ok(next)
}

/// Stores the list's next version, records the line's outcome, and commits.
async fn decided(
    app: &App,
    by: &Principal,
    mut transaction: Transaction,
    (list, line): (&AgencyList, &AgencyLine),
) -> Result<()> {
    let (now, actor) = (app.clock.now(), Actor::Account(by.account));
    let told = finished::entry(now, actor, list, line);
    if list.state != AgencyListState::Done {
        return committed(app, transaction, list, Entry { row_version: Some(list.version), ..told }).await;
    }
    audit::record(&mut transaction, told).await?;
    committed(app, transaction, list, Entry::of_row(now, Kind::AgencyListFinished, actor, list)).await
}

async fn decidable(app: &App, by: &Principal, id: AgencyListId) -> Result<AgencyList> {
    if !may_decide(by) {
        return Err(RequestError::forbidden().into());
    }
    let list = load(app, id).await?;
    if accounts::same_person(app, by.account, list.entered_by).await? {
        return Err(RequestError::new(
            RequestErrorKind::Forbidden,
            "own_request",
            "Bạn đã lập danh sách này nên không thể tự duyệt. Hãy nhờ một người khác.",
            "You entered this list, so somebody else must decide on it.",
        )
        .into());
    }
    if list.state == AgencyListState::Entered { Ok(list) } else { Err(moved_on().into()) }
}

fn checked_reason(reason: &str) -> Result<String> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let (vi, en) = ("Hãy ghi lý do từ chối, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
        return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
    }
    Ok(reason.to_owned())
}

fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Danh sách khác với danh sách bạn đã xem. Hãy xem lại trước khi tiếp tục.",
        "The list differs from the one you were shown. Look at it again before going on.",
    )
}

const LONGEST_REASON: usize = 500;

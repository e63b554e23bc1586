//! Decisions on entered lists: by an approver who did not upload it, over exactly what was shown; the list as a whole, or line by line.

use super::{CheckedLine, changed, differs, entered_lines, line_digest, load, may_decide, moved_on, run};
use crate::{
    accounts::{
        self, Principal,
        passkey::{Approved, Given, Subject},
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, RequestErrorKind, Result},
    registration::decision::refuse_subject,
};
use chuky_model::{
    id::AgencyListId,
    record::{
        Authenticated,
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
            let lines = app.store.agency_lines(id, 0, list.size.saturating_add(1)).await?;
            let lines = entered_lines(app, &list, lines)?;
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
    let lines = app.store.agency_lines(id, 0, list.size.saturating_add(1)).await?;
    let lines = entered_lines(app, &list, lines)?;
    let line = lines.into_iter().find(|line| line.line.position == position).ok_or_else(RequestError::not_found)?;
    if line.line.outcome.is_some() {
        return Err(moved_on().into());
    }
    // 2. Exactly what was seen, or why not.
    match decision {
        Ok(seen) => {
            let details = line.details.as_ref().ok_or_else(differs)?;
            refuse_subject(app, by.account, details).await?;
            if hex::encode(line_digest(app, &list, &line.line, &line.cells, details)) != seen {
                return Err(content_differs().into());
            }
            let approved = Approved::by(app, by, (Subject::AgencyLine(id, position), seen), given).await?;
            run::carry_out_line(app, &list, (by.account, &approved), line).await?;
        }
        Err(reason) => reject_line(app, by, &list, (line, checked_reason(reason)?)).await?,
    }
    // 3. The last one decided ends the list.
    if app.store.count_open_agency_lines(id).await? == 0 {
        let mut list = list;
        list.state = AgencyListState::Done;
        (list.decided_by, list.decided_at) = (Some(by.account), Some(app.clock.now()));
        list.finished_at = list.decided_at;
        attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
        let transaction = app.store.begin().await?;
        changed(app, transaction, (&list, Kind::AgencyListFinished, by), serde_json::Value::Null).await?;
    }
    Ok(())
}

async fn reject_line(
    app: &App,
    by: &Principal,
    list: &AgencyList,
    (CheckedLine { line, .. }, reason): (CheckedLine, String),
) -> Result<()> {
    let now = app.clock.now();
    let outcome = Some(AgencyLineOutcome::Rejected);
    let line = AgencyLine { outcome, reason: Some(reason), done_at: Some(now), ..line };
    let mut transaction = app.store.begin().await?;
    super::moved(transaction.finish_agency_line(&line).await)?;
    let entry = Entry::new(now, Kind::AgencyLineRejected, Actor::Account(by.account), list.subject());
    audit::record(&mut transaction, entry.with(serde_json::json!({ "position": line.position }))).await?;
    Ok(transaction.commit().await?)
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

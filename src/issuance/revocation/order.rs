//! Orders to revoke a list of certificates (a unit's staff, a compromised batch of devices): shown as what would be revoked, entered over
//! the digest of exactly that, approved by another person over the same digest, and then carried out by [`super::run`].

use super::{
    Change, Ground, ListOutcome, Listed, Reason, admit,
    listed::{outcome_of, rows_of},
    status,
};
use crate::{
    accounts::{
        self, Principal,
        passkey::{Approved, Given, Subject},
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, RequestErrorKind, Result},
    store,
};
use chuky_model::{
    id::RevocationOrderId,
    instant::Instant,
    record::{
        Cursor,
        certificate::Certificate as Row,
        revocation::{RevocationLine, RevocationOrder},
        state::{RevocationOrderState, RevocationOutcome},
    },
    request::Hierarchy,
    role::Role,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Which certificates are to be revoked, and why.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub listed: Listed,
    pub reason: Reason,
    pub invalid_since: Option<Instant>,
    pub ground: Ground,
}

/// What an order would revoke.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Proposed {
    /// What entering the order must repeat.
    pub content_digest: String,
    /// How many certificates would be revoked.
    pub size: usize,
    /// Each with its state if it were revoked now, or why it is none of them.
    pub certificates: Vec<ListOutcome>,
}

/// An order as those who may see it are shown it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OrderView {
    #[schema(value_type = String)]
    pub id: RevocationOrderId,
    /// `entered`, `approved`, `done` or `rejected`.
    #[schema(value_type = String)]
    pub state: RevocationOrderState,
    #[schema(value_type = String)]
    pub reason: Reason,
    pub ground: String,
    pub invalid_since: Option<String>,
    /// What an approval must repeat.
    pub content_digest: String,
    pub size: i64,
    /// How many certificates have been dealt with.
    pub done: i64,
    /// Display names, and RFC 3339.
    pub entered_by: String,
    pub entered_at: String,
    /// Until when it is to be dealt with (`authority.revocation_hours`).
    pub due_at: String,
    pub decided_by: Option<String>,
    pub decided_at: Option<String>,
    pub rejection_reason: Option<String>,
    pub finished_at: Option<String>,
    /// Whether the reader may decide it: a second pair of eyes.
    pub decidable: bool,
}

/// One certificate of an order.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OrderLine {
    pub serial: String,
    #[schema(value_type = String)]
    pub hierarchy: Hierarchy,
    pub common_name: String,
    #[schema(value_type = Option<String>)]
    pub outcome: Option<RevocationOutcome>,
    /// RFC 3339.
    pub done_at: Option<String>,
}

/// An order with some of its lines.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OrderDetail {
    #[serde(flatten)]
    pub order: OrderView,
    pub lines: Vec<OrderLine>,
    /// The position of the next line, to be passed as `from`; absent on the last page.
    pub next: Option<i64>,
}

/// Tells what an order would revoke. Nothing is changed.
pub async fn propose(app: &App, by: &Principal, wanted: Wanted) -> Result<Proposed> {
    Ok(proposed(app, by, wanted).await?.0)
}

/// Enters an order for exactly what was shown.
pub async fn enter(app: &App, by: &Principal, wanted: Wanted, content_digest: &str) -> Result<OrderView> {
    // 1. The same list as was shown.
    let (reason, invalid_since, ground) = (wanted.reason, wanted.invalid_since, wanted.ground);
    let (proposed, rows) = proposed(app, by, wanted).await?;
    if proposed.content_digest != content_digest {
        return Err(content_differs().into());
    }
    if rows.is_empty() {
        let (vi, en) = (
            "Không có chứng thư nào trong danh sách thu hồi được.",
            "There is no certificate in the list that can be revoked.",
        );
        return Err(RequestError::invalid("serials", "nothing_to_revoke", vi, en).into());
    }
    // 2. The order with its lines, and its audit entry, in one transaction.
    let now = app.clock.now();
    let mut order = RevocationOrder {
        id: RevocationOrderId(Uuid::now_v7()),
        state: RevocationOrderState::Entered,
        reason: i64::from(reason.code()),
        ground: ground_name(ground),
        invalid_since,
        content_digest: digest((reason, invalid_since, &ground_name(ground)), &rows),
        size: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        entered_by: by.account,
        entered_at: now,
        decided_by: None,
        decided_at: None,
        rejection_reason: None,
        finished_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut order).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_revocation_order(&order).await?;
    for (position, row) in (0..).zip(&rows) {
        let line =
            RevocationLine { order_id: order.id, position, certificate_id: row.id, outcome: None, done_at: None };
        transaction.insert_revocation_line(&line).await?;
    }
    let content = serde_json::json!({
        "reason": reason, "ground": order.ground, "size": order.size, "content": hex::encode(&order.content_digest),
    });
    let entry = Entry::of_row(now, Kind::RevocationOrdered, Actor::Account(by.account), &order);
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    view(app, by, &order).await
}

/// Decides on an order: by somebody who did not enter it, approving exactly what was shown. An approved one is carried out at once.
pub async fn decide(
    app: &App,
    by: &Principal,
    id: RevocationOrderId,
    decision: Result<&str, &str>,
    given: Option<&Given>,
) -> Result<OrderView> {
    // 1. Four eyes.
    if !may_decide(by) {
        return Err(RequestError::forbidden().into());
    }
    let mut order = load(app, id).await?;
    if accounts::same_person(app, by.account, order.entered_by).await? {
        return Err(RequestError::new(
            RequestErrorKind::Forbidden,
            "own_request",
            "Bạn đã lập danh sách này nên không thể tự duyệt. Hãy nhờ một người khác.",
            "You entered this list, so somebody else must decide on it.",
        )
        .into());
    }
    if order.state != RevocationOrderState::Entered {
        return Err(moved_on().into());
    }
    // 2. Exactly what was seen, or why not.
    let mut approved = Approved::nothing();
    let kind = match decision {
        Ok(seen) if seen != hex::encode(&order.content_digest) => return Err(content_differs().into()),
        Ok(seen) => {
            approved = Approved::by(app, by, (Subject::RevocationOrder(id), seen), given).await?;
            order.state = RevocationOrderState::Approved;
            Kind::RevocationApproved
        }
        Err(reason) => {
            let reason = reason.trim();
            if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
                let (vi, en) = ("Hãy ghi lý do từ chối, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
                return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
            }
            order.rejection_reason = Some(reason.to_owned());
            order.state = RevocationOrderState::Rejected;
            Kind::RevocationRejected
        }
    };
    // 3. By compare-and-swap with its audit entry.
    let now = app.clock.now();
    order.decided_by = Some(by.account);
    order.decided_at = Some(now);
    store_change(app, &mut order, (kind, Actor::Account(by.account), now), &approved).await?;
    if order.state == RevocationOrderState::Approved {
        super::run::start(app, order.id);
    }
    view(app, by, &order).await
}

/// Orders that the caller may see, newest first, before a cursor; with the cursor of the next page.
pub async fn list(app: &App, by: &Principal, before: Cursor) -> Result<(Vec<OrderView>, Option<Cursor>)> {
    let orders = current::rows(app, || app.store.list_revocation_orders(before, PAGE)).await?;
    let full = i64::try_from(orders.len()).is_ok_and(|count| count == PAGE);
    let next = orders.last().filter(|_| full).map(|last| Cursor { at: last.entered_at, id: last.id.0 });
    let mut views = Vec::new();
    for order in orders.iter().filter(|order| may_see(by, order)) {
        views.push(view(app, by, order).await?);
    }
    Ok((views, next))
}

/// One order with its lines from a position on.
pub async fn order(app: &App, by: &Principal, id: RevocationOrderId, from: i64) -> Result<OrderDetail> {
    let order = load(app, id).await?;
    if !may_see(by, &order) {
        return Err(RequestError::not_found().into());
    }
    let rows = app.store.revocation_lines(id, from.max(0), LINES).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == LINES);
    let next = rows.last().filter(|_| full).map(|last| last.position.saturating_add(1));
    let mut lines = Vec::new();
    for line in rows {
        let row = current::row(app, || app.store.certificate_by_id(line.certificate_id)).await?;
        let row = row.ok_or_else(RequestError::not_found)?;
        let certificate = status::certificate_of(app, &row)?;
        lines.push(OrderLine {
            serial: row.serial.to_string(),
            hierarchy: row.hierarchy,
            common_name: certificate.map(|one| one.subject().common_name()).unwrap_or_default(),
            outcome: line.outcome,
            done_at: line.done_at.map(Instant::rfc3339),
        });
    }
    Ok(OrderDetail { order: view(app, by, &order).await?, lines, next })
}

/// The order of that identifier as it is now, its MAC checked.
pub(super) async fn load(app: &App, id: RevocationOrderId) -> Result<RevocationOrder> {
    let order = current::row_by_log(app, || app.store.revocation_order_by_id(id)).await?;
    Ok(order.ok_or_else(RequestError::not_found)?)
}

/// Stores an order's next state with what proves it and its audit entry.
pub(super) async fn store_change(
    app: &App,
    order: &mut RevocationOrder,
    (kind, actor, now): (Kind, Actor, Instant),
    approved: &Approved,
) -> Result<()> {
    attestation::attest_change(&*app.tokens.subscribers, order).await?;
    let mut transaction = app.store.begin().await?;
    approved.store(app, &mut transaction).await?;
    match transaction.update_revocation_order(order).await {
        Err(store::Error::Stale) => return Err(moved_on().into()),
        other => other?,
    }
    let content = serde_json::json!({ "content": hex::encode(&order.content_digest), "size": order.size });
    let content = approved.told(content);
    audit::record(&mut transaction, Entry::of_row(now, kind, actor, order).with(content)).await?;
    transaction.commit().await?;
    current::changed(app, order);
    Ok(())
}

/// The digest of what is revoked and why: issuer and serial of each certificate, in their order.
pub(super) fn digest((reason, invalid_since, ground): (Reason, Option<Instant>, &str), rows: &[Row]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(format!("chuky-revocation-order-v1\n{}\n{ground}\n", reason.code()));
    digest.update(format!("{}\n", invalid_since.map(Instant::rfc3339).unwrap_or_default()));
    for row in rows {
        digest.update(format!("{} {}\n", row.issuer_label, row.serial));
    }
    digest.finalize().to_vec()
}

/// What would be revoked, with its rows.
async fn proposed(app: &App, by: &Principal, wanted: Wanted) -> Result<(Proposed, Vec<Row>)> {
    let Wanted { listed, reason, invalid_since, ground } = wanted;
    let change = Change::Revoke { reason, invalid_since };
    super::check_reason(by, reason)?;
    let now = app.clock.now();
    let (mut rows, mut certificates) = (Vec::<Row>::new(), Vec::new());
    for (serial, row) in rows_of(app, by, listed).await? {
        let outcome = row.and_then(|row| {
            if rows.iter().any(|other| other.id == row.id) {
                return Err(twice().into());
            }
            let mut changed = row.clone();
            admit(by, &mut changed, change, now)?;
            rows.push(row);
            Ok(changed)
        });
        certificates.push(outcome_of(app, by, serial, outcome));
    }
    let content_digest = hex::encode(digest((reason, invalid_since, &ground_name(ground)), &rows));
    Ok((Proposed { content_digest, size: rows.len(), certificates }, rows))
}

async fn view(app: &App, by: &Principal, order: &RevocationOrder) -> Result<OrderView> {
    let decided_by = match order.decided_by {
        Some(account) => Some(accounts::name_of(app, account).await?),
        None => None,
    };
    let due = order.entered_at.plus_seconds(app.settings.authority.revocation_hours.saturating_mul(3_600));
    Ok(OrderView {
        id: order.id,
        state: order.state,
        reason: Reason::from_code(u64::try_from(order.reason).unwrap_or_default()),
        ground: order.ground.clone(),
        invalid_since: order.invalid_since.map(Instant::rfc3339),
        content_digest: hex::encode(&order.content_digest),
        size: order.size,
        done: app.store.count_revocation_lines_done(order.id).await?,
        entered_by: accounts::name_of(app, order.entered_by).await?,
        entered_at: order.entered_at.rfc3339(),
        due_at: due.rfc3339(),
        decided_by,
        decided_at: order.decided_at.map(Instant::rfc3339),
        rejection_reason: order.rejection_reason.clone(),
        finished_at: order.finished_at.map(Instant::rfc3339),
        decidable: order.state == RevocationOrderState::Entered
            && may_decide(by)
            && !accounts::same_person(app, by.account, order.entered_by).await?,
    })
}

fn may_decide(by: &Principal) -> bool {
    by.has(Role::Approver) || by.has(Role::SecurityOfficer)
}

/// Names of subscribers stand in it: whoever entered it sees it, and who decides.
fn may_see(by: &Principal, order: &RevocationOrder) -> bool {
    may_decide(by) || order.entered_by == by.account
}

fn ground_name(ground: Ground) -> String {
    serde_json::to_value(ground).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Danh sách khác với danh sách bạn đã xem. Hãy xem lại trước khi tiếp tục.",
        "The list differs from the one you were shown. Look at it again before going on.",
    )
}

fn twice() -> RequestError {
    RequestError::conflict(
        "listed_twice",
        "Chứng thư này đã có trong danh sách.",
        "This certificate is in the list already.",
    )
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "order_moved_on",
        "Danh sách này đã được xử lý. Hãy tải lại trang.",
        "This list has been decided. Reload the page.",
    )
}

const LONGEST_REASON: usize = 500;
/// Orders of one page.
const PAGE: i64 = 50;
/// Lines of one page of an order.
const LINES: i64 = 200;

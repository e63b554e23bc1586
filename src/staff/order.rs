//! Orders: entered by an administrator or security officer, decided by a security officer who is another person than whoever entered it and
//! than the account's holder, over exactly what was shown. An approved order changes the account in the transaction of its approval.

use super::{
    Change, OrderView, Wanted, apply::Applied, check_second, content, known_person, may_decide, may_enter, moved_on,
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
    error::{InternalError, RequestError, RequestErrorKind, Result},
    fault, store, subject as subjects,
};
use chuky_model::{
    id::{AccountId, StaffOrderId},
    instant::Instant,
    record::{
        account::Account,
        staff::StaffOrder,
        state::{StaffOrderKind, StaffOrderState},
    },
    role::Role,
};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

/// An order with what it says and the account as it is now; `None` of one that is to be opened.
pub(super) struct Ordered {
    pub order: StaffOrder,
    pub change: Change,
    pub account: Option<Account>,
    /// The telephone number that is kept of an account to be recovered; empty where there is none, and of every other order.
    pub kept_contact: Zeroizing<String>,
}

/// Enters an order. Nothing of the account changes until another person has approved it.
pub async fn enter(app: &App, by: &Principal, wanted: Wanted) -> Result<OrderView> {
    // 1. Who asks, for what, and whether it could be approved as things are.
    if !may_enter(by) {
        return Err(RequestError::forbidden().into());
    }
    known_person(app, by).await?;
    let account = match wanted.account() {
        Some(login) => Some(account_of(app, &login).await?),
        None => None,
    };
    let change = wanted.checked(app)?;
    check_possible(app, &change, account.as_ref()).await?;
    expire_due(app).await?;
    // 2. The order with its audit entry.
    let now = app.clock.now();
    let id = StaffOrderId(Uuid::now_v7());
    let order = StaffOrder {
        id,
        kind: change.kind(),
        state: StaffOrderState::Open,
        account_id: account.as_ref().map_or_else(|| AccountId(Uuid::now_v7()), |account| account.id),
        content: change.seal(app, id)?,
        content_digest: Vec::new(),
        entered_by: by.account,
        entered_at: now,
        expires_at: now.plus_seconds(app.settings.accounts.order_days.saturating_mul(86_400)),
        decided_by: None,
        decided_at: None,
        refusal_reason: None,
        version: 1,
        mac: Vec::new(),
    };
    let kept_contact = kept_contact(app, &change, account.as_ref()).await?;
    let mut ordered = Ordered { order, change, account, kept_contact };
    ordered.order.content_digest = digest(app, &ordered)?.to_vec();
    let order = &mut ordered.order;
    attestation::attest(&*app.tokens.subscribers, order).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.insert_staff_order(order).await {
        Err(store::Error::Conflict(_)) => return Err(open_already().into()),
        other => other?,
    }
    audit::record(&mut transaction, entry(order, now, Kind::StaffOrderEntered, Actor::Account(by.account))).await?;
    transaction.commit().await?;
    OrderView::of(app, by, ordered).await
}

/// Approves exactly what was shown, and changes the account with it. `given` is the passkey's answer of whoever decides by passkey.
pub async fn approve(
    app: &App,
    by: &Principal,
    id: StaffOrderId,
    content_digest: &str,
    given: Option<&Given>,
) -> Result<OrderView> {
    // 1. A second pair of eyes.
    let ordered = decidable(app, by, id).await?;
    // 2. Exactly what was seen, of an account that is as it was then, and still possible.
    let digest = digest(app, &ordered)?;
    let Ordered { mut order, change, account, .. } = ordered;
    if hex::encode(digest) != content_digest {
        return Err(content_differs().into());
    }
    check_possible(app, &change, account.as_ref()).await?;
    let approved = Approved::by(app, by, (Subject::StaffOrder(id), content_digest), given).await?;
    // 3. Decision, account, invitation and their audit entries in one transaction.
    let now = app.clock.now();
    order.state = StaffOrderState::Approved;
    order.content_digest = digest.to_vec();
    order.decided_by = Some(by.account);
    order.decided_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut order).await?;
    let applied = Applied::prepare(app, &order, &change, account).await?;
    fault::point("staff_order_before_commit");
    let mut transaction = app.store.begin().await?;
    applied.store(app, &mut transaction, by.account, now).await?;
    store_change(&mut transaction, &order).await?;
    approved.store(app, &mut transaction).await?;
    let told = entry(&order, now, Kind::StaffOrderApproved, Actor::Account(by.account));
    let content = approved.told(told.content.clone());
    audit::record(&mut transaction, told.with(content)).await?;
    transaction.commit().await?;
    fault::point("staff_order_after_commit");
    current::changed(app, &order);
    applied.tell(app);
    OrderView::of(app, by, load(app, id).await?).await
}

/// Refuses an order with a reason for whoever entered it.
pub async fn refuse(app: &App, by: &Principal, id: StaffOrderId, reason: &str) -> Result<OrderView> {
    let Ordered { mut order, .. } = decidable(app, by, id).await?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let (vi, en) = ("Hãy ghi lý do từ chối, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
        return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
    }
    order.state = StaffOrderState::Refused;
    order.decided_by = Some(by.account);
    order.decided_at = Some(app.clock.now());
    order.refusal_reason = Some(reason.to_owned());
    end(app, &mut order, Kind::StaffOrderRefused, Actor::Account(by.account)).await?;
    OrderView::of(app, by, load(app, id).await?).await
}

/// Takes back an open order: the person who entered it.
pub async fn withdraw(app: &App, by: &Principal, id: StaffOrderId) -> Result<OrderView> {
    let Ordered { mut order, .. } = load(app, id).await?;
    if !accounts::same_person(app, by.account, order.entered_by).await? {
        return Err(not_yours().into());
    }
    check_open(app, &order)?;
    order.state = StaffOrderState::Withdrawn;
    end(app, &mut order, Kind::StaffOrderWithdrawn, Actor::Account(by.account)).await?;
    OrderView::of(app, by, load(app, id).await?).await
}

/// Ends orders that nobody decided in time; how many.
pub async fn expire_due(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let due = current::rows(app, || app.store.expired_staff_orders(now, AT_A_TIME)).await?;
    let count = due.len();
    for mut order in due {
        order.state = StaffOrderState::Expired;
        match end(app, &mut order, Kind::StaffOrderExpired, Actor::Service).await {
            // Decided, or ended by another node, in this moment.
            Err(crate::error::Error::Request(_)) => {}
            other => other?,
        }
    }
    Ok(count)
}

/// What an approver approves: a keyed digest of the order, what it says, and the account as it is. Keyed, for it covers a personal number.
/// Whatever it covers [`OrderView`] shows whole to whoever decides.
pub(super) fn digest(app: &App, ordered: &Ordered) -> Result<[u8; 32]> {
    let Ordered { order, change, account, kept_contact } = ordered;
    let before = account.as_ref().map(|account| {
        json!({
            "login": account.login, "roles": account.roles, "unit": account.unit,
            "disabled": account.disabled_at.is_some(), "person": account.person_lookup.as_ref().map(hex::encode),
            "contact": kept_contact.as_str(),
        })
    });
    let content = json!({
        "order": order.id, "account": order.account_id, "entered_by": order.entered_by, "before": before,
    });
    let text = Zeroizing::new(format!("{content}\n{}", change.text()?.as_str()));
    Ok(app.vault.lookup("staff_order", &text))
}

/// The order of that identifier as it is now, its MAC checked, with its account.
pub(super) async fn load(app: &App, id: StaffOrderId) -> Result<Ordered> {
    let order = current::row_by_log(app, || app.store.staff_order_by_id(id)).await?;
    with_account(app, order.ok_or_else(RequestError::not_found)?).await
}

/// An order whose row was checked, with what it says and its account.
pub(super) async fn with_account(app: &App, order: StaffOrder) -> Result<Ordered> {
    let change = Change::open(app, order.id, &order.content)?;
    if change.kind() != order.kind {
        return Err(InternalError::RowForged { table: "staff_order" }.into());
    }
    // What is to be opened has no account before it is approved.
    let waits = order.kind == StaffOrderKind::Open && order.state != StaffOrderState::Approved;
    let account = match waits {
        true => None,
        false => current::row_by_log(app, || app.store.account_by_id(order.account_id)).await?,
    };
    let kept_contact = kept_contact(app, &change, account.as_ref()).await?;
    Ok(Ordered { order, change, account, kept_contact })
}

async fn kept_contact(app: &App, change: &Change, account: Option<&Account>) -> Result<Zeroizing<String>> {
    let (Change::Recover { .. }, Some(account)) = (change, account) else { return Ok(Zeroizing::default()) };
    match current::row_by_log(app, || app.store.staff_invitation_of(account.id)).await? {
        Some(kept) => accounts::contact_of(app, &kept),
        None => Ok(Zeroizing::default()),
    }
}

/// The keyed hash of the number of the person whom an order is about, where it is known.
pub(super) fn subject(app: &App, change: &Change, account: Option<&Account>) -> Option<Vec<u8>> {
    match change {
        Change::Open(opening) => Some(person_lookup(app, opening).to_vec()),
        _ => account.and_then(|account| account.person_lookup.clone()),
    }
}

pub(super) fn person_lookup(app: &App, opening: &content::Opening) -> [u8; 32] {
    app.vault.lookup("person", opening.personal_number.reveal())
}

/// Whether an order is open at that moment.
pub(super) fn is_open(order: &StaffOrder, now: Instant) -> bool {
    order.state == StaffOrderState::Open && order.expires_at > now
}

/// Passes where a change can be made of the account as it is.
async fn check_possible(app: &App, change: &Change, account: Option<&Account>) -> Result<()> {
    let opening = match (change, account) {
        (Change::Open(opening), _) => opening,
        (_, Some(account)) => return check_account(app, change, account).await,
        (_, None) => return Err(RequestError::not_found().into()),
    };
    if app.store.account_by_login(&opening.login).await?.is_some() {
        return Err(login_taken().into());
    }
    // One person has one account: another one is given further roles, or enabled.
    let person = person_lookup(app, opening);
    let theirs = accounts::all_of_person(app, &person).await?;
    let there = theirs.iter().find(|one| one.disabled_at.is_none() || one.roles.iter().any(|role| role.is_ordered()));
    match there {
        Some(account) => Err(has_account(account, &accounts::display_name(app, account)?).into()),
        None => Ok(()),
    }
}

async fn check_account(app: &App, change: &Change, account: &Account) -> Result<()> {
    let Some(person) = account.person_lookup.as_deref() else { return Err(super::person_unknown().into()) };
    if let Change::Erase {} = change {
        return subjects::check_erasable(app, account).await;
    }
    let enabled = account.disabled_at.is_none();
    let is_staff = account.roles.iter().any(|role| role.is_ordered());
    let changes = match change {
        Change::Open(_) | Change::Erase {} => false,
        Change::Grant { roles } => {
            // Roles exclude each other by person, whatever accounts they are spread over.
            let mut all = roles.clone();
            all.extend(roles_of(app, person).await?);
            content::check_together(&all)?;
            content::check_unit_of(roles, &account.unit)?;
            enabled && roles.iter().any(|role| !account.roles.contains(role))
        }
        Change::Move { unit } => {
            content::check_unit_of(&account.roles, unit)?;
            enabled && *unit != account.unit
        }
        // Officials who lost what they sign with beside the PIN are recovered like staff.
        Change::Recover { .. } => enabled && (is_staff || account.roles.contains(&Role::Official)),
        Change::Enable {} => {
            content::check_together(&roles_of(app, person).await?)?;
            !enabled && is_staff
        }
    };
    if changes { Ok(()) } else { Err(changes_nothing(enabled).into()) }
}

/// The roles of all accounts of a person, disabled ones too: they come back when these are enabled.
async fn roles_of(app: &App, person: &[u8]) -> Result<Vec<Role>> {
    Ok(accounts::all_of_person(app, person).await?.into_iter().flat_map(|one| one.roles).collect())
}

async fn account_of(app: &App, login: &str) -> Result<Account> {
    let account = current::row_by_log(app, || app.store.account_by_login(login)).await?;
    Ok(account.ok_or_else(|| {
        let (vi, en) = ("Không có tài khoản nào có tên đăng nhập này.", "There is no account of that log-in name.");
        RequestError::invalid("account", "account_unknown", vi, en)
    })?)
}

async fn decidable(app: &App, by: &Principal, id: StaffOrderId) -> Result<Ordered> {
    if !may_decide(by) {
        return Err(RequestError::forbidden().into());
    }
    known_person(app, by).await?;
    let ordered = load(app, id).await?;
    check_open(app, &ordered.order)?;
    let subject = subject(app, &ordered.change, ordered.account.as_ref());
    check_second(app, by.account, ordered.order.entered_by, subject.as_deref()).await?;
    Ok(ordered)
}

fn check_open(app: &App, order: &StaffOrder) -> Result<()> {
    match order.state {
        StaffOrderState::Open if is_open(order, app.clock.now()) => Ok(()),
        StaffOrderState::Open | StaffOrderState::Expired => Err(expired().into()),
        _ => Err(moved_on().into()),
    }
}

/// Stores an order's last state with its audit entry.
async fn end(app: &App, order: &mut StaffOrder, kind: Kind, actor: Actor) -> Result<()> {
    attestation::attest_change(&*app.tokens.subscribers, order).await?;
    let mut transaction = app.store.begin().await?;
    store_change(&mut transaction, order).await?;
    audit::record(&mut transaction, entry(order, app.clock.now(), kind, actor)).await?;
    transaction.commit().await?;
    current::changed(app, order);
    Ok(())
}

async fn store_change(transaction: &mut store::Transaction, order: &StaffOrder) -> Result<()> {
    match transaction.update_staff_order(order).await {
        Err(store::Error::Stale) => Err(moved_on().into()),
        other => Ok(other?),
    }
}

fn entry(order: &StaffOrder, at: Instant, kind: Kind, actor: Actor) -> Entry {
    let content = json!({
        "kind": order.kind, "account": order.account_id, "content": hex::encode(&order.content_digest),
    });
    Entry::of_row(at, kind, actor, order).with(content)
}

fn has_account(account: &Account, name: &str) -> RequestError {
    let login = &account.login;
    let roles = Role::join(&account.roles);
    RequestError::invalid(
        "personal_number",
        "person_has_account",
        format!(
            "Người này đã có tài khoản {login} ({name}; {roles}). Hãy lập lệnh cấp thêm vai trò hoặc mở lại tài khoản đó."
        ),
        format!(
            "This person has the account {login} ({name}; {roles}). Order further roles for it, or that it be enabled."
        ),
    )
}

fn login_taken() -> RequestError {
    RequestError::invalid(
        "login",
        "login_taken",
        "Tên đăng nhập này đã có người dùng. Hãy chọn tên khác.",
        "This log-in name is taken. Choose another.",
    )
}

fn changes_nothing(enabled: bool) -> RequestError {
    let (vi, en) = match enabled {
        true => (
            "Lệnh này không thay đổi gì: tài khoản đã như vậy, hoặc không phải tài khoản nhân viên.",
            "This order changes nothing: the account is so already, or is none of staff.",
        ),
        false => (
            "Tài khoản đang bị khóa. Hãy lập lệnh mở lại trước.",
            "The account is disabled. Order first that it be enabled.",
        ),
    };
    RequestError::conflict("changes_nothing", vi, en)
}

fn open_already() -> RequestError {
    RequestError::conflict(
        "order_open",
        "Tài khoản này đang có một lệnh chờ duyệt. Hãy đợi lệnh đó được xử lý, hoặc rút lệnh.",
        "An order about this account waits already. Wait until it is dealt with, or have it withdrawn.",
    )
}

fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Lệnh hoặc tài khoản khác với nội dung bạn đã xem. Hãy xem lại trước khi duyệt.",
        "The order or the account differs from what you were shown. Look at it again before you approve.",
    )
}

fn expired() -> RequestError {
    RequestError::conflict(
        "order_expired",
        "Lệnh đã hết hạn chờ duyệt. Hãy lập lệnh mới.",
        "Nobody decided on this order in time. Enter a new one.",
    )
}

fn not_yours() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "order_not_yours",
        "Chỉ người đã lập lệnh mới rút được lệnh.",
        "Only whoever entered an order can withdraw it.",
    )
}

const LONGEST_REASON: usize = 500;
/// Orders that end in one go; the others in the next.
const AT_A_TIME: i64 = 200;

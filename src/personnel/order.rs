//! Orders: shown, entered, approved by another person over exactly what was shown, or refused.

use super::{
    carry_out,
    content::{Certificates, Content, Wanted, effective},
    effect::Effect,
    forbidden, may_decide, may_enter, moved_on,
    view::{OrderView, Preview, viewed},
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
    error::{InternalError, RequestError, Result},
    fault, store, units,
};
use chuky_model::{
    id::{AccountId, PersonnelOrderId},
    instant::Instant,
    person::PersonalNumber,
    record::{
        Cursor,
        account::Account,
        personnel::{PersonnelLine, PersonnelOrder},
        state::{PersonnelKind, PersonnelState},
    },
    role::Role,
};
use uuid::Uuid;

/// What an order would bring. Nothing is changed.
pub async fn preview(app: &App, by: &Principal, wanted: Wanted) -> Result<Preview> {
    Ok(proposed(app, by, &wanted).await?.2)
}

/// Enters an order for exactly what was shown.
pub async fn enter(app: &App, by: &Principal, wanted: Wanted, content_digest: &str) -> Result<OrderView> {
    // 1. The same as was shown.
    let (content, (unit, effective_at), preview) = proposed(app, by, &wanted).await?;
    if preview.content_digest != content_digest {
        return Err(content_differs().into());
    }
    // 2. The order with its lines and its audit entry.
    let now = app.clock.now();
    let id = PersonnelOrderId(Uuid::now_v7());
    let mut order = PersonnelOrder {
        id,
        kind: content.kind,
        state: PersonnelState::Open,
        unit,
        content: content.seal(app, id)?,
        content_digest: Vec::new(),
        size: i64::try_from(content.accounts.len()).unwrap_or(i64::MAX),
        effective_at,
        entered_by: by.account,
        entered_at: now,
        decided_by: None,
        decided_at: None,
        refusal_reason: None,
        finished_at: None,
        version: 1,
        mac: Vec::new(),
    };
    order.content_digest = digest(app, &order, &content, &preview.effects)?.to_vec();
    attestation::attest(&*app.tokens.subscribers, &mut order).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_personnel_order(&order).await?;
    for (position, account_id) in (0..).zip(&content.accounts) {
        let line = PersonnelLine { order_id: id, position, account_id: *account_id, outcome: None, done_at: None };
        transaction.insert_personnel_line(&line).await?;
    }
    audit::record(&mut transaction, entry(&order, now, Kind::PersonnelEntered, Actor::Account(by.account))).await?;
    transaction.commit().await?;
    viewed(app, by, &order).await
}

/// Approves exactly what was shown. What is due is carried out at once, the rest on its day.
pub async fn approve(
    app: &App,
    by: &Principal,
    id: PersonnelOrderId,
    content_digest: &str,
    given: Option<&Given>,
) -> Result<OrderView> {
    // 1. A second pair of eyes, over what it brings as things are.
    let (mut order, content) = decidable(app, by, id).await?;
    let effects = effects(app, &content).await?;
    let seen = digest(app, &order, &content, &effects)?;
    if hex::encode(seen) != content_digest {
        return Err(content_differs().into());
    }
    let approved = Approved::by(app, by, (Subject::PersonnelOrder(id), content_digest), given).await?;
    // 2. Stored with its audit entry.
    let now = app.clock.now();
    order.state = PersonnelState::Approved;
    order.content_digest = seen.to_vec();
    order.decided_by = Some(by.account);
    order.decided_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut order).await?;
    let mut transaction = app.store.begin().await?;
    changed(&mut transaction, &order).await?;
    approved.store(app, &mut transaction).await?;
    let told = entry(&order, now, Kind::PersonnelApproved, Actor::Account(by.account));
    let said = approved.told(told.content.clone());
    audit::record(&mut transaction, told.with(said)).await?;
    transaction.commit().await?;
    current::changed(app, &order);
    fault::point("personnel_order_approved");
    // 3. Few are done before the answer; what fails is taken up again by the job.
    if order.effective_at <= now {
        carry_out::start(app, &order).await;
    }
    viewed(app, by, &load(app, id).await?).await
}

/// Refuses an order with a reason for whoever entered it.
pub async fn refuse(app: &App, by: &Principal, id: PersonnelOrderId, reason: &str) -> Result<OrderView> {
    let (mut order, _) = decidable(app, by, id).await?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let (vi, en) = ("Hãy ghi lý do từ chối, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
        return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
    }
    order.state = PersonnelState::Refused;
    order.decided_by = Some(by.account);
    order.decided_at = Some(app.clock.now());
    order.refusal_reason = Some(reason.to_owned());
    end(app, &mut order, (Kind::PersonnelRefused, Actor::Account(by.account))).await?;
    viewed(app, by, &order).await
}

/// Takes an order back before its day: whoever entered it, or a security officer. What is not done is done by nobody.
pub async fn withdraw(app: &App, by: &Principal, id: PersonnelOrderId) -> Result<OrderView> {
    by.in_session()?;
    let mut order = load(app, id).await?;
    if !may_decide(by) && !accounts::same_person(app, by.account, order.entered_by).await? {
        return Err(RequestError::not_found().into());
    }
    if !may_be_withdrawn(app, &order) {
        return Err(moved_on().into());
    }
    if is_about(app, by, &opened(app, &order)?).await? {
        return Err(own_order().into());
    }
    order.state = PersonnelState::Withdrawn;
    end(app, &mut order, (Kind::PersonnelWithdrawn, Actor::Account(by.account))).await?;
    viewed(app, by, &order).await
}

/// What waits, and what could not be carried out for so long that somebody has to look at it.
pub(super) fn may_be_withdrawn(app: &App, order: &PersonnelOrder) -> bool {
    let now = app.clock.now();
    let is_stuck = now >= order.effective_at.plus_seconds(STUCK_SECONDS)
        && order.decided_at.is_some_and(|at| now >= at.plus_seconds(STUCK_SECONDS));
    order.state == PersonnelState::Open
        || (order.state == PersonnelState::Approved && (order.effective_at > now || is_stuck))
}

/// Takes back whatever waits in a database that came out of a backup: what was refused or taken back since is not known. How many.
pub async fn close_restored(app: &App) -> Result<usize> {
    let (mut before, mut closed) = (Cursor::NEWEST, 0);
    loop {
        let page = current::rows(app, || app.store.list_personnel_orders(before, AT_A_TIME)).await?;
        let Some(last) = page.last() else { return Ok(closed) };
        before = Cursor { at: last.entered_at, id: last.id.0 };
        let waits = |order: &PersonnelOrder| matches!(order.state, PersonnelState::Open | PersonnelState::Approved);
        for mut order in page.into_iter().filter(waits) {
            order.state = PersonnelState::Withdrawn;
            end(app, &mut order, (Kind::PersonnelWithdrawn, Actor::Service)).await?;
            closed += 1;
        }
    }
}

/// What an approver approves: a keyed digest of the order, what it says, and what it brings as things are.
pub(super) fn digest(app: &App, order: &PersonnelOrder, content: &Content, effects: &[Effect]) -> Result<[u8; 32]> {
    let shown = serde_json::json!({
        "order": order.id, "entered_by": order.entered_by, "effective": order.effective_at.0,
        "effects": effects.iter().map(Effect::bound).collect::<Vec<_>>(),
    });
    Ok(app.vault.lookup("personnel_order", &format!("{shown}\n{}", content.text()?)))
}

/// What an order brings for each of its officials.
pub(super) async fn effects(app: &App, content: &Content) -> Result<Vec<Effect>> {
    let mut effects = Vec::with_capacity(content.accounts.len());
    for account in &content.accounts {
        effects.push(Effect::of(app, content, *account).await?);
    }
    Ok(effects)
}

/// The order of that identifier as it is now.
pub(super) async fn load(app: &App, id: PersonnelOrderId) -> Result<PersonnelOrder> {
    let order = current::row_by_log(app, || app.store.personnel_order_by_id(id)).await?;
    Ok(order.ok_or_else(RequestError::not_found)?)
}

/// What an order whose row was checked says.
pub(super) fn opened(app: &App, order: &PersonnelOrder) -> Result<Content> {
    let content = Content::open(app, order.id, &order.content)?;
    match content.kind == order.kind {
        true => Ok(content),
        false => Err(InternalError::RowForged { table: "personnel_order" }.into()),
    }
}

/// Stores an order's next state in a transaction.
pub(super) async fn changed(transaction: &mut store::Transaction, order: &PersonnelOrder) -> Result<()> {
    match transaction.update_personnel_order(order).await {
        Err(store::Error::Stale) => Err(moved_on().into()),
        other => Ok(other?),
    }
}

/// Stores an order's last state with its audit entry.
pub(super) async fn end(app: &App, order: &mut PersonnelOrder, (kind, by): (Kind, Actor)) -> Result<()> {
    attestation::attest_change(&*app.tokens.subscribers, order).await?;
    let mut transaction = app.store.begin().await?;
    changed(&mut transaction, order).await?;
    audit::record(&mut transaction, entry(order, app.clock.now(), kind, by)).await?;
    transaction.commit().await?;
    current::changed(app, order);
    Ok(())
}

fn entry(order: &PersonnelOrder, at: Instant, kind: Kind, by: Actor) -> Entry {
    let content = serde_json::json!({
        "kind": order.kind, "size": order.size, "effective": order.effective_at.rfc3339(),
        "content": hex::encode(&order.content_digest),
    });
    Entry::of_row(at, kind, by, order).with(content)
}

/// What is asked for, checked, with the unit of those whom it is about, its day, and what it would bring.
async fn proposed(app: &App, by: &Principal, wanted: &Wanted) -> Result<(Content, (String, Instant), Preview)> {
    by.in_session()?;
    if !may_enter(by) {
        return Err(RequestError::forbidden().into());
    }
    let (known, today) = (units::known(app).await?, units::day_of(app.clock.now()));
    let (unit, title, ground) = wanted.checked(&known, &today)?;
    let effective_at = effective(app, &wanted.from)?;
    let (accounts, of_unit) = match wanted.kind {
        PersonnelKind::Merger => of_agency(app, wanted.from_unit.trim(), &unit).await?,
        _ => of_person(app, by, wanted).await?,
    };
    let content = Content { kind: wanted.kind, accounts, unit, title, certificates: wanted.certificates, ground };
    check_own_unit(by, &of_unit)?;
    if content.certificates == Certificates::Reissue && !(by.has(Role::Registrar) && by.unit == of_unit) {
        return Err(reissue_by_registrar().into());
    }
    for account in &content.accounts {
        if !app.store.pending_personnel_orders_of(*account).await?.is_empty() {
            return Err(order_open().into());
        }
    }
    let effects = effects(app, &content).await?;
    if !effects.iter().any(Effect::is_something) {
        let (vi, en) = ("Việc này không thay đổi gì.", "This changes nothing.");
        return Err(RequestError::invalid("account", "changes_nothing", vi, en).into());
    }
    let bound: Vec<Effect> = effects.iter().map(Effect::bound).collect();
    let shown = serde_json::json!({ "effective": effective_at.0, "effects": bound });
    let seen = app.vault.lookup("personnel_preview", &format!("{shown}\n{}", content.text()?));
    let preview = Preview { content_digest: hex::encode(seen), effective_at: effective_at.rfc3339(), effects };
    Ok((content, (of_unit, effective_at), preview))
}

/// The official whom it is about; of whoever died every account.
async fn of_person(app: &App, by: &Principal, wanted: &Wanted) -> Result<(Vec<AccountId>, String)> {
    let account = named(app, wanted.account.trim()).await?;
    let account = account.filter(|account| account.disabled_at.is_none()).ok_or_else(|| {
        let (vi, en) = (
            "Không có tài khoản đang mở nào có tên đăng nhập hoặc số định danh này.",
            "There is no open account of that log-in name or personal number.",
        );
        RequestError::invalid("account", "account_unknown", vi, en)
    })?;
    let Some(person) = account.person_lookup.clone() else { return Err(person_unknown().into()) };
    if accounts::same_person(app, by.account, account.id).await? {
        return Err(own_order().into());
    }
    if account.roles.iter().all(|role| *role == Role::Citizen) && wanted.kind != PersonnelKind::Death {
        let (vi, en) = (
            "Tài khoản này không phải của cán bộ: không có đơn vị hay chức vụ nào để thay đổi.",
            "This account is no official's: there is no unit or title to change.",
        );
        return Err(RequestError::invalid("account", "no_official", vi, en).into());
    }
    let unit = account.unit.clone();
    if wanted.kind != PersonnelKind::Death {
        return Ok((vec![account.id], unit));
    }
    // The one that was named first, whose log-in stands for the person from here on.
    let mut all: Vec<Account> = accounts::all_of_person(app, &person).await?;
    all.retain(accounts::is_enabled);
    all.sort_by_key(|one| one.id != account.id);
    Ok((all.into_iter().map(|account| account.id).collect(), unit))
}

/// The account of a log-in, or of a personal number: the one with tasks where a person has several.
async fn named(app: &App, text: &str) -> Result<Option<Account>> {
    let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    if let Ok(number) = PersonalNumber::parse(&digits) {
        let mut theirs = accounts::of_person(app, &app.vault.lookup("person", number.reveal())).await?;
        theirs.sort_by_key(|account| account.roles.iter().all(|role| *role == Role::Citizen));
        return Ok(theirs.into_iter().next());
    }
    let login = text.to_lowercase();
    current::row_by_log(app, || app.store.account_by_login(&login)).await
}

/// Everybody of an agency.
async fn of_agency(app: &App, from: &str, to: &str) -> Result<(Vec<AccountId>, String)> {
    let invalid = |code, vi: &str, en: &str| RequestError::invalid("from_unit", code, vi, en);
    if from.is_empty() || from == to {
        let (vi, en) = (
            "Hãy nhập mã của cơ quan bị sáp nhập, khác với mã cơ quan mới.",
            "Enter the code of the agency that ends, another than that of the new one.",
        );
        return Err(invalid("unit_missing", vi, en).into());
    }
    let rows = current::rows(app, || app.store.accounts_of_unit(from, MOST_ACCOUNTS + 1)).await?;
    let enabled: Vec<Account> = rows.into_iter().filter(accounts::is_enabled).collect();
    if enabled.is_empty() {
        let (vi, en) = ("Không có tài khoản nào của cơ quan này.", "There is no account of this agency.");
        return Err(invalid("unit_empty", vi, en).into());
    }
    if i64::try_from(enabled.len()).unwrap_or(i64::MAX) > MOST_ACCOUNTS {
        let vi = format!("Cơ quan có hơn {MOST_ACCOUNTS} tài khoản. Hãy lập lệnh cho từng đơn vị nhỏ hơn.");
        let en = format!("The agency has more than {MOST_ACCOUNTS} accounts. Enter orders for smaller units.");
        return Err(invalid("unit_too_large", &vi, &en).into());
    }
    Ok((enabled.iter().map(|account| account.id).collect(), from.to_owned()))
}

/// A registrar acts for the own unit; whoever answers for the whole installation for all.
fn check_own_unit(by: &Principal, unit: &str) -> Result<()> {
    if by.has(Role::SecurityOfficer) || by.has(Role::Administrator) || by.unit == unit {
        return Ok(());
    }
    Err(forbidden(
        "unit_of_another",
        "Người này không thuộc đơn vị của bạn. Hãy nhờ cán bộ đăng ký của đơn vị đó hoặc cán bộ an ninh.",
        "This person is not of your unit. Ask a registrar of that unit or a security officer.",
    )
    .into())
}

/// Whoever decides is neither who entered it nor whom it is about.
async fn decidable(app: &App, by: &Principal, id: PersonnelOrderId) -> Result<(PersonnelOrder, Content)> {
    by.in_session()?;
    if !may_decide(by) {
        return Err(RequestError::forbidden().into());
    }
    let order = load(app, id).await?;
    if accounts::same_person(app, by.account, order.entered_by).await? {
        return Err(forbidden(
            "own_order",
            "Bạn đã lập lệnh này nên không thể tự duyệt. Hãy nhờ một cán bộ an ninh khác.",
            "You entered this order, so another security officer must decide on it.",
        )
        .into());
    }
    let content = opened(app, &order)?;
    if is_about(app, by, &content).await? {
        return Err(own_order().into());
    }
    if order.state == PersonnelState::Open { Ok((order, content)) } else { Err(moved_on().into()) }
}

/// Whether an order is about the caller. In a merger everybody goes together, and nobody gains.
pub(super) async fn is_about(app: &App, by: &Principal, content: &Content) -> Result<bool> {
    if content.kind == PersonnelKind::Merger {
        return Ok(false);
    }
    for account in &content.accounts {
        if accounts::same_person(app, by.account, *account).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn own_order() -> RequestError {
    forbidden(
        "own_account_order",
        "Lệnh này là về chính bạn. Hãy nhờ một người khác.",
        "This order is about yourself. Ask somebody else.",
    )
}

fn person_unknown() -> RequestError {
    RequestError::conflict(
        "person_unknown",
        "Tài khoản này không ghi là của người nào, nên không biết có đủ hai người hay không.",
        "This account does not say whose it is, so nobody knows whether these are two people.",
    )
}

fn reissue_by_registrar() -> RequestError {
    RequestError::invalid(
        "certificates",
        "reissue_by_registrar",
        "Hồ sơ cấp lại chứng thư do cán bộ đăng ký của đơn vị lập. Hãy chọn cách khác, hoặc nhờ người đó.",
        "A request for another certificate is entered by a registrar of the unit. Choose another way, or ask them.",
    )
}

fn order_open() -> RequestError {
    RequestError::conflict(
        "order_open",
        "Đang có một lệnh khác về người này chờ duyệt hoặc chờ đến ngày. Hãy đợi hoặc rút lệnh đó.",
        "Another order about this person waits for a decision or for its day. Wait, or withdraw that one.",
    )
}

fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Kết quả của lệnh khác với nội dung bạn đã xem. Hãy xem lại.",
        "What the order brings differs from what you were shown. Look at it again.",
    )
}

const LONGEST_REASON: usize = 500;
/// After which an approved order that is not carried out may be taken back.
const STUCK_SECONDS: i64 = 3_600;
/// Orders looked at together.
const AT_A_TIME: i64 = 100;
/// Accounts of one order: it is shown and approved whole.
const MOST_ACCOUNTS: i64 = 2_000;

//! The founding of an installation: its first security officers and administrators, made on the machine, once. That it was done stands in the
//! audit log, which is checked as a whole before it is believed: emptying tables brings no second founding.

use super::{
    apply::{entry, opened},
    content::{Opening, Person, masked_phone},
    invitation::{self, make_code, store_code},
    order::person_lookup,
};
use crate::{
    accounts::{self, contact_of, quorum},
    app::{App, audit_key_file, remembered_head},
    attestation,
    audit::{self, Actor, Entry, Kind, verify::verify},
    current,
    error::{InternalError, RequestError, Result},
    fault,
    registration::ActivationCode,
    store::Transaction,
};
use chuky_model::{
    id::AccountId,
    instant::Instant,
    record::{Cursor, account::Account, staff::StaffInvitation, work::Message},
    role::Role,
};
use serde::Deserialize;
use uuid::Uuid;

/// The file of a founding: `[[staff]]` with the persons who begin.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Founding {
    staff: Vec<Person>,
}

/// What is handed to one person: shown once.
pub struct Sheet {
    pub login: String,
    pub name: String,
    pub roles: Vec<Role>,
    pub unit: String,
    /// Masked; empty where none is kept.
    pub phone: String,
    /// `None` of what is only planned.
    pub code: Option<ActivationCode>,
    pub expires_at: Instant,
    /// The masked number to which a second secret went.
    pub sent_to: Option<String>,
}

/// One account with its invitation, before they are stored.
struct Founder {
    account: Account,
    invitation: StaffInvitation,
    message: Option<Message>,
}

impl Founding {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            // The error's own text would quote the line, and with it a personal number.
            let line = error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
            let vi = format!("Tệp lập hệ thống không đúng mẫu, dòng {line}. Xem docs/operators.md.");
            let en =
                format!("The founding's file does not have the expected form, line {line}. See docs/operators.md.");
            RequestError::invalid("file", "founding_form", vi, en).into()
        })
    }

    /// Every person by the rules of orders, and all of them together: two security officers, an administrator, nobody twice.
    fn checked(self, app: &App) -> Result<Vec<Opening>> {
        if self.staff.len() > MOST_FOUNDERS {
            let (vi, en) = ("Tối đa 20 người.", "At most 20 persons.");
            return Err(RequestError::invalid("staff", "founders_many", vi, en).into());
        }
        let mut founders: Vec<Opening> = Vec::new();
        for person in self.staff {
            let opening = person.checked(app)?;
            let rules = |role: &Role| matches!(role, Role::SecurityOfficer | Role::Administrator | Role::Auditor);
            if !opening.roles.iter().all(rules) {
                return Err(not_of_founding(&opening.login).into());
            }
            let same =
                |other: &Opening| other.login == opening.login || other.personal_number == opening.personal_number;
            if founders.iter().any(same) {
                return Err(twice(&opening.login).into());
            }
            founders.push(opening);
        }
        let count = |role: Role| founders.iter().filter(|one| one.roles.contains(&role)).count();
        if count(Role::SecurityOfficer) < FEWEST_OFFICERS || count(Role::Administrator) < 1 {
            return Err(too_few().into());
        }
        Ok(founders)
    }
}

/// What a founding would make; nothing is stored, and there are no codes.
pub async fn planned(app: &App, founding: Founding) -> Result<Vec<Sheet>> {
    let founders = founding.checked(app)?;
    check_unfounded(app).await?;
    let expires_at = app.clock.now().plus_seconds(app.settings.accounts.invitation_hours.saturating_mul(3_600));
    let planned = founders.into_iter().map(|opening| Sheet {
        phone: masked_phone(&opening.phone),
        login: opening.login,
        name: opening.full_name,
        roles: opening.roles,
        unit: opening.unit,
        code: None,
        expires_at,
        sent_to: None,
    });
    Ok(planned.collect())
}

/// Makes the first accounts. The sheets are shown before anything is stored: whoever loses them to a power cut has founded nothing, and
/// begins anew.
pub async fn found(app: &App, founding: Founding, show: impl FnOnce(&[Sheet]) -> Result<()>) -> Result<usize> {
    // 1. Who, and that it is the first time. No other process founds meanwhile.
    let openings = founding.checked(app)?;
    let held = app.store.hold("staff-founding").await?.ok_or_else(RequestError::try_again)?;
    check_unfounded(app).await?;
    // 2. Accounts and invitations.
    let mut founders = Vec::new();
    let mut sheets = Vec::new();
    for opening in &openings {
        if app.store.account_by_login(&opening.login).await?.is_some() {
            return Err(twice(&opening.login).into());
        }
        let (founder, sheet) = founder(app, opening).await?;
        founders.push(founder);
        sheets.push(sheet);
    }
    // 3. The sheets, then everything in one transaction with the entry that this was done.
    show(&sheets)?;
    fault::point("founding_before_commit");
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    for founder in &founders {
        transaction.insert_account(&founder.account).await?;
        let made = entry(&founder.account, now, Kind::AccountCreated, Actor::Service);
        audit::record(&mut transaction, made).await?;
        accounts::record_person(app, &mut transaction, (now, Actor::Service), &founder.account).await?;
        store_code(&mut transaction, &founder.invitation, founder.message.as_ref()).await?;
        let made = Entry::of_row(now, Kind::InvitationMade, Actor::Service, &founder.invitation);
        audit::record(&mut transaction, made).await?;
    }
    let accounts: Vec<AccountId> = founders.iter().map(|founder| founder.account.id).collect();
    let founded = Entry::new(now, Kind::StaffFounded, Actor::Service, SUBJECT);
    let founded = audit::record(&mut transaction, founded.with(serde_json::json!({ "accounts": accounts }))).await?;
    transaction.commit().await?;
    // 4. It counts as done when the log's signed head says so.
    app.audit.wait(founded).await?;
    drop(held);
    Ok(founders.len())
}

/// Makes new invitations while nobody could enter and approve an order: for founders who have not redeemed theirs or, where these would not be
/// enough, for everybody who founded the installation or has a role of orders by now and cannot log in, whose accounts it enables and
/// recovers. `only` names those meant; nobody for all.
pub async fn renew(app: &App, only: &[String], show: impl FnOnce(&[Sheet]) -> Result<()>) -> Result<usize> {
    // 1. Only while nobody can work. No other process founds meanwhile.
    let _held = app.store.hold("staff-founding").await?.ok_or_else(RequestError::try_again)?;
    if !was_founded(app).await? {
        return Err(not_founded().into());
    }
    let staff = quorum::accounts(app).await?;
    if quorum::can_work(&staff) {
        return Err(at_work().into());
    }
    // 2. Whose, by a log that is whole.
    let mut renewals = Vec::new();
    for account in candidates(app, &staff).await? {
        if only.is_empty() || only.contains(&account.login) {
            renewals.extend(Renewal::of(app, account).await?);
        }
    }
    if only.is_empty() && would_work(&staff, renewals.iter().filter(|one| one.waits)) {
        renewals.retain(|one| one.waits);
    }
    if renewals.is_empty() {
        return Err(nobody_to_renew().into());
    }
    // 3. The sheets, then everything in one transaction.
    let now = app.clock.now();
    let mut sheets = Vec::new();
    for renewal in &mut renewals {
        sheets.push(renewal.prepare(app, now).await?);
    }
    show(&sheets)?;
    let mut transaction = app.store.begin().await?;
    for renewal in &renewals {
        renewal.store(&mut transaction, now).await?;
    }
    transaction.commit().await?;
    for renewal in &renewals {
        current::changed(app, &renewal.account);
        current::changed(app, &renewal.invitation);
    }
    Ok(renewals.len())
}

/// An account whose holder gets a new invitation.
struct Renewal {
    account: Account,
    invitation: StaffInvitation,
    /// It is as the founding made it, and waits for its holder.
    waits: bool,
    message: Option<Message>,
}

impl Renewal {
    /// `None` of an account whose holder can do their part in orders, or whose person is not known.
    async fn of(app: &App, mut account: Account) -> Result<Option<Self>> {
        if quorum::works(&account) && quorum::has_part(&account) {
            return Ok(None);
        }
        let Some(person) = account.person_lookup.clone() else { return Ok(None) };
        let there = current::row_by_log(app, || app.store.staff_invitation_of(account.id)).await?;
        let waits = account.disabled_at.is_none()
            && quorum::has_part(&account)
            && there.as_ref().is_some_and(|one| one.redeemed_at.is_none() && one.order_id.is_none());
        if !quorum::has_part(&account) {
            account.roles = founded_roles(app, account.id).await?;
        }
        if !quorum::has_part(&account) {
            return Ok(None);
        }
        let invitation = match there {
            Some(there) if waits => there,
            Some(there) => {
                let contact = contact_of(app, &there)?;
                let fresh = invitation::unknown(app, (account.id, None), &person, &contact)?;
                StaffInvitation { version: there.version, ..fresh }
            }
            // Version 0 is of what is not stored yet.
            None => StaffInvitation { version: 0, ..invitation::unknown(app, (account.id, None), &person, "")? },
        };
        Ok(Some(Self { account, invitation, waits, message: None }))
    }

    /// Makes the code, and recovers the account where it does not merely wait for its holder.
    async fn prepare(&mut self, app: &App, now: Instant) -> Result<Sheet> {
        let hsm = &*app.tokens.subscribers;
        if !self.waits {
            let account = &mut self.account;
            account.password_hash = None;
            account.totp_secret = None;
            account.totp_step = None;
            account.failed_logins = 0;
            account.locked_until = None;
            account.disabled_at = None;
            account.renewed_at = Some(now);
            attestation::attest_change(hsm, account).await?;
        }
        // Whoever stands at the machine may ask more often than five times.
        self.invitation.messages = 0;
        let (code, message) = make_code(app, &mut self.invitation).await?;
        attestation::attest_change(hsm, &mut self.invitation).await?;
        self.message = message;
        sheet(app, &self.account, &self.invitation, code)
    }

    async fn store(&self, transaction: &mut Transaction, now: Instant) -> Result<()> {
        if !self.waits {
            transaction.update_account(&self.account).await.map_err(accounts::moved_on)?;
            audit::record(transaction, entry(&self.account, now, Kind::AccountRecovered, Actor::Service)).await?;
        }
        store_code(transaction, &self.invitation, self.message.as_ref()).await?;
        let renewed = Entry::of_row(now, Kind::InvitationRenewed, Actor::Service, &self.invitation);
        audit::record(transaction, renewed).await?;
        Ok(())
    }
}

/// The accounts of the founding, and those of everybody who has a role of orders by now.
async fn candidates(app: &App, staff: &[Account]) -> Result<Vec<Account>> {
    check_log_whole(app).await?;
    let mut candidates: Vec<Account> = Vec::new();
    for entry in app.store.audit_entries_about(SUBJECT, Cursor::OLDEST, 1).await? {
        let content: serde_json::Value = serde_json::from_slice(&entry.content).unwrap_or_default();
        let ids = content["accounts"].as_array().cloned().unwrap_or_default();
        for id in ids.iter().filter_map(|id| id.as_str()?.parse::<AccountId>().ok()) {
            candidates.extend(current::row_by_log(app, || app.store.account_by_id(id)).await?);
        }
    }
    let others = staff.iter().filter(|one| !candidates.iter().any(|other| other.id == one.id)).cloned();
    let others: Vec<Account> = others.collect();
    candidates.extend(others);
    Ok(candidates)
}

/// The roles with which the founding made an account.
async fn founded_roles(app: &App, id: AccountId) -> Result<Vec<Role>> {
    let made = app.store.audit_entries_about(&format!("account:{id}"), Cursor::OLDEST, 1).await?;
    let content: serde_json::Value =
        made.first().and_then(|entry| serde_json::from_slice(&entry.content).ok()).unwrap_or_default();
    Ok(serde_json::from_value(content["roles"].clone())
        .map_err(|_| InternalError::other("the entry of a founder's account names no roles"))?)
}

/// Whether orders could be entered and approved once those have redeemed their invitations.
fn would_work<'a>(staff: &[Account], renewed: impl Iterator<Item = &'a Renewal>) -> bool {
    let redeemed = renewed.map(|one| Account { password_hash: Some(String::new()), ..one.account.clone() });
    quorum::can_work(&redeemed.chain(staff.iter().cloned()).collect::<Vec<_>>())
}

async fn founder(app: &App, opening: &Opening) -> Result<(Founder, Sheet)> {
    let account = opened(app, AccountId(Uuid::now_v7()), opening).await?;
    let person = person_lookup(app, opening);
    let mut invitation = invitation::unknown(app, (account.id, None), &person, &opening.phone)?;
    let (code, message) = make_code(app, &mut invitation).await?;
    attestation::attest(&*app.tokens.subscribers, &mut invitation).await?;
    let sheet = sheet(app, &account, &invitation, code)?;
    Ok((Founder { account, invitation, message }, sheet))
}

fn sheet(app: &App, account: &Account, invitation: &StaffInvitation, code: ActivationCode) -> Result<Sheet> {
    Ok(Sheet {
        login: account.login.clone(),
        name: accounts::display_name(app, account)?,
        roles: account.roles.clone(),
        unit: account.unit.clone(),
        phone: masked_phone(&contact_of(app, invitation)?),
        code: Some(code),
        expires_at: invitation.expires_at,
        sent_to: invitation::sent_to(app, invitation)?,
    })
}

async fn was_founded(app: &App) -> Result<bool> {
    Ok(app.store.count_audit_entries(Kind::StaffFounded.name(), SUBJECT).await? > 0)
}

/// Passes where nobody founded this installation, by a log that is whole, and no staff is there.
async fn check_unfounded(app: &App) -> Result<()> {
    if was_founded(app).await? {
        return Err(founded_before().into());
    }
    check_log_whole(app).await?;
    if !app.store.list_staff_accounts(Cursor::OLDEST, 1).await?.is_empty() {
        return Err(staff_there().into());
    }
    Ok(())
}

/// Passes where the whole log fits its signed heads and the one remembered outside the database.
async fn check_log_whole(app: &App) -> Result<()> {
    // An entry that somebody took out leaves its place in the log empty.
    let file = audit_key_file(&app.settings);
    let key = std::fs::read(&file).map_err(InternalError::io(file.display().to_string()))?;
    let findings = verify(&app.store, &key, &remembered_head(&app.settings)).await?;
    if let Some(fault) = findings.faults.first() {
        return Err(log_broken(fault).into());
    }
    Ok(())
}

fn founded_before() -> RequestError {
    RequestError::conflict(
        "founded_before",
        "Hệ thống này đã được lập, nhật ký kiểm toán ghi rõ. Tài khoản khác được lập bằng lệnh có hai người.",
        "This installation was founded before; the audit log says so. Further accounts are made by orders of two people.",
    )
}

fn log_broken(fault: &str) -> RequestError {
    RequestError::conflict(
        "audit_log_broken",
        format!(
            "Nhật ký kiểm toán không nguyên vẹn ({fault}), nên không biết hệ thống đã được lập hay chưa. Xem chuky audit verify."
        ),
        format!(
            "The audit log is not whole ({fault}), so nobody knows whether this was founded before. See chuky audit verify."
        ),
    )
}

fn staff_there() -> RequestError {
    RequestError::conflict(
        "staff_there",
        "Cơ sở dữ liệu đã có tài khoản nhân viên (ví dụ tài khoản mẫu). Hệ thống thật bắt đầu với thư mục dữ liệu trống và serve --no-demo.",
        "The database has staff accounts already (those of a demonstration?). A real installation begins with an empty data directory and serve --no-demo.",
    )
}

fn not_founded() -> RequestError {
    RequestError::conflict("not_founded", "Hệ thống này chưa được lập.", "This installation was not founded yet.")
}

fn at_work() -> RequestError {
    RequestError::conflict(
        "founding_over",
        "Đã có đủ người nhận tài khoản để lập và duyệt lệnh. Hãy dùng lệnh khôi phục cho người còn lại.",
        "Enough people have their accounts to enter and approve orders. Use an order to recover for the others.",
    )
}

fn nobody_to_renew() -> RequestError {
    RequestError::conflict(
        "nobody_to_renew",
        "Không có tài khoản nào như vậy của người lập hệ thống hoặc của người lập, duyệt lệnh mà chưa đăng nhập được.",
        "There is no such account of a founder, or of somebody who enters or approves orders, that cannot log in.",
    )
}

fn too_few() -> RequestError {
    RequestError::invalid(
        "staff",
        "founders_few",
        "Cần ít nhất hai cán bộ an ninh (security_officer) và một quản trị (administrator), mỗi người một khác.",
        "At least two security officers and one administrator are needed, each another person.",
    )
}

fn twice(login: &str) -> RequestError {
    RequestError::invalid(
        "staff",
        "founder_twice",
        format!("{login}: tên đăng nhập hoặc số định danh có hai lần."),
        format!("{login}: the log-in name or the personal number stands twice."),
    )
}

fn not_of_founding(login: &str) -> RequestError {
    RequestError::invalid(
        "staff",
        "founder_role",
        format!(
            "{login}: khi lập hệ thống chỉ có security_officer, administrator và auditor; vai trò khác cấp bằng lệnh."
        ),
        format!(
            "{login}: a founding makes security_officer, administrator and auditor only; other roles come by orders."
        ),
    )
}

/// What the entry of the founding is about.
const SUBJECT: &str = "installation:staff";
const FEWEST_OFFICERS: usize = 2;
const MOST_FOUNDERS: usize = 20;

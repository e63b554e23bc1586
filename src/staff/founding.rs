//! The founding of an installation: its first security officers and administrators, made on the machine, once. That it was done stands in the
//! audit log, which is checked as a whole before it is believed: emptying tables brings no second founding.

use super::{
    apply::{entry, opened},
    content::{Opening, Person, masked_phone},
    invitation::{self, contact_of, make_code, store_code},
    order::person_lookup,
};
use crate::{
    accounts,
    app::{App, audit_key_file, remembered_head},
    attestation,
    audit::{self, Actor, Entry, Kind, verify::verify},
    current,
    error::{InternalError, RequestError, Result},
    fault,
    registration::ActivationCode,
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

/// Makes new invitations for founders who have not redeemed theirs, as long as those who have could not enter and approve an order.
pub async fn renew(app: &App, show: impl FnOnce(&[Sheet]) -> Result<()>) -> Result<usize> {
    let _held = app.store.hold("staff-founding").await?.ok_or_else(RequestError::try_again)?;
    if !was_founded(app).await? {
        return Err(not_founded().into());
    }
    let invitations = current::rows(app, || app.store.founding_invitations(MOST_INVITATIONS)).await?;
    let (mut waiting, mut working) = (Vec::new(), Vec::new());
    for invitation in invitations {
        let id = invitation.account_id;
        let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
        let Some(account) = account.filter(|account| account.disabled_at.is_none()) else { continue };
        match invitation.redeemed_at {
            Some(_) => working.push(account),
            None => waiting.push((account, invitation)),
        }
    }
    if can_work(&working) || waiting.is_empty() {
        return Err(at_work().into());
    }
    let (mut rows, mut sheets) = (Vec::new(), Vec::new());
    for (account, mut invitation) in waiting {
        // Whoever stands at the machine may ask more often than five times.
        invitation.messages = 0;
        let (code, message) = make_code(app, &mut invitation).await?;
        attestation::attest_change(&*app.tokens.subscribers, &mut invitation).await?;
        sheets.push(sheet(app, &account, &invitation, code)?);
        rows.push((invitation, message));
    }
    show(&sheets)?;
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    for (invitation, message) in &rows {
        store_code(&mut transaction, invitation, message.as_ref()).await?;
        let entry = Entry::of_row(now, Kind::InvitationRenewed, Actor::Service, invitation);
        audit::record(&mut transaction, entry).await?;
    }
    transaction.commit().await?;
    Ok(rows.len())
}

/// Whether an order could be entered by one of them and approved by another.
fn can_work(accounts: &[Account]) -> bool {
    let enters = |one: &Account| one.roles.contains(&Role::Administrator) || one.roles.contains(&Role::SecurityOfficer);
    let officers = || accounts.iter().filter(|one| one.roles.contains(&Role::SecurityOfficer));
    officers().any(|officer| accounts.iter().any(|one| one.id != officer.id && enters(one)))
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
    // An entry that somebody took out leaves its place in the log empty.
    let file = audit_key_file(&app.settings);
    let key = std::fs::read(&file).map_err(InternalError::io(file.display().to_string()))?;
    let findings = verify(&app.store, &key, &remembered_head(&app.settings)).await?;
    if let Some(fault) = findings.faults.first() {
        return Err(log_broken(fault).into());
    }
    if !app.store.list_staff_accounts(Cursor::OLDEST, 1).await?.is_empty() {
        return Err(staff_there().into());
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
const MOST_INVITATIONS: i64 = 20;

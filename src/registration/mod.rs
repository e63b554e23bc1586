//! Registration: a request is entered by one person, decided by another, and then waits for its subscriber with a one-time code.
//! Every move is a compare-and-swap on a row that carries an HSM MAC; what was approved is bound to exactly what was seen.

pub mod admission;
mod code;
pub mod consent;
mod contact;
mod decision;
mod details;
pub mod forms;
mod identity;
pub mod lists;
mod modification;
pub mod numbers;
mod overview;
mod queue;
mod renewal;
pub mod second;
mod view;

pub use code::{
    ActivationCode, Earlier, MadeCode, ReceiptKey, Redeemable, earlier, make_code, may_make_code, redeemable,
};
pub use consent::content_digest;
pub use decision::{approve, is_concerned, refuse, reject, withdraw};
pub use details::{Details, Replacement};
pub use identity::IdentityView;
pub use modification::{Changes, modifiable, modify, not_in_force};
pub use overview::{Booth, Listed, Road, booth, list_all, road};
pub use renewal::renew;
pub use second::{check as check_second_secret, sent_to};
pub use view::{Identity, RequestView, list, own, view};

use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store::{self, Transaction},
};
use chuky_model::{
    id::{AccountId, RequestId},
    record::request::RegistrationRequest,
    request::{Hierarchy, RequestState, SubjectKind},
    role::Role,
};
use uuid::Uuid;

/// What whoever enters a request says beside its content.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Why it is entered although the identity provider says otherwise of its person.
    pub identity_ground: String,
    /// The day of issue of the card that was looked at, where it is known.
    pub card_issued: Option<time::Date>,
}

/// A citizen's request entered by a booth operator; an official's, a seal's, a device's or a payment provider's by a registrar.
pub async fn submit(
    app: &App,
    by: &Principal,
    hierarchy: Hierarchy,
    unit: &str,
    details: Details,
    beside: &Beside,
) -> Result<RequestView> {
    // 1. Who may enter what.
    if !by.has(entering(hierarchy, details.kind)) {
        return Err(RequestError::forbidden().into());
    }
    let (sight, now) = (view::Sight::of(app).await?, app.clock.now());
    if !sight.is_own(by, unit, now) {
        let (vi, en) = ("Đơn vị này không thuộc đơn vị của bạn.", "This unit does not belong to yours.");
        return Err(RequestError::invalid("unit", "unit_of_others", vi, en).into());
    }
    // A unit that has ended enters nothing any more: the one that took its place does, as at the booth's page.
    let unit = &sight.code_today(unit, now);
    // 2. The content, by rule.
    if details.identity.is_some() {
        let (vi, en) =
            ("Kết quả kiểm tra danh tính do hệ thống ghi.", "The service itself records what an identity check says.");
        return Err(RequestError::invalid("identity", "identity_not_yours", vi, en).into());
    }
    if details.replaces.is_some() {
        let (vi, en) = (
            "Việc thay đổi thông tin được đề nghị trên chính chứng thư cũ.",
            "A change of information is asked for at the certificate that it is about.",
        );
        return Err(RequestError::invalid("replaces", "replaces_nothing", vi, en).into());
    }
    let details = details.checked(hierarchy, today(app))?;
    admission::check_age(app, &details, today(app))?;
    admission::check_card(app, &details, beside.card_issued)?;
    // 3. One open request a person and hierarchy, and of everything else one of each name; and by policy one certificate.
    refuse_second(app, hierarchy, &details).await?;
    let is_second = admission::check_first(app, hierarchy, &details).await?;
    // 4. What the identity provider says of the person.
    let despite = identity::Despite::Ground(&beside.identity_ground);
    let details = identity::checked(app, by, details, despite).await?;
    // 5. The row with its MAC, and its audit entry, in one transaction.
    let request = new_request(app, by.account, hierarchy, unit, &details)?;
    let told = serde_json::json!({ "second": is_second, "card_looked_at": beside.card_issued.is_some() });
    entered_so(app, request, told).await
}

/// Who enters requests: operators at booths those of citizens, registrars all others.
pub fn entering(hierarchy: Hierarchy, kind: SubjectKind) -> Role {
    match (hierarchy, kind) {
        (Hierarchy::Citizens, SubjectKind::Person) => Role::Operator,
        _ => Role::Registrar,
    }
}

/// Who decides on them: keys of devices and payment providers open systems, and are the security officer's to judge.
pub fn deciding(kind: SubjectKind) -> Role {
    if kind.has_own_key() { Role::SecurityOfficer } else { Role::Approver }
}

/// Passes where no open request asks for the same.
async fn refuse_second(app: &App, hierarchy: Hierarchy, details: &Details) -> Result<()> {
    for earlier in app.store.requests_of_person(&person_lookup(app, details)).await? {
        if earlier.hierarchy != hierarchy || !earlier.state.is_open() {
            continue;
        }
        let other = open(app, &earlier)?;
        let same = other.kind == SubjectKind::Person
            || (other.common_name() == details.common_name() && other.device_serial == details.device_serial);
        if other.kind == details.kind && same {
            return Err(already_open().into());
        }
    }
    Ok(())
}

fn already_open() -> RequestError {
    RequestError::conflict(
        "request_open",
        "Người này đã có một hồ sơ đang chờ. Hãy hoàn tất hoặc từ chối hồ sơ đó trước.",
        "This person has a request under way. Finish or reject that one first.",
    )
}

/// A request that was just entered, not stored yet.
fn new_request(
    app: &App,
    by: AccountId,
    hierarchy: Hierarchy,
    unit: &str,
    details: &Details,
) -> Result<RegistrationRequest> {
    let now = app.clock.now();
    let id = RequestId(Uuid::now_v7());
    Ok(RegistrationRequest {
        id,
        hierarchy,
        state: RequestState::Submitted,
        person_lookup: person_lookup(app, details).to_vec(),
        details: seal(app, id, details)?,
        unit: unit.to_owned(),
        entered_by: by,
        created_at: now,
        decided_by: None,
        decided_at: None,
        rejection_reason: None,
        account_id: None,
        certificate_id: None,
        follows_certificate: None,
        updated_at: now,
        version: 1,
        mac: Vec::new(),
    })
}

/// What is asked for, as a keyed digest that only one open request has: one of each person and hierarchy, and of everything else one of
/// each name. It keeps two who enter the same at the same moment apart; what was entered before is found by [`refuse_second`].
fn open_key(app: &App, hierarchy: Hierarchy, details: &Details) -> [u8; 32] {
    let mut content = serde_json::json!({
        "hierarchy": hierarchy, "kind": details.kind, "person": details.personal_number.reveal(),
    });
    if details.kind != SubjectKind::Person {
        content["name"] = details.common_name().into();
        content["serial"] = details.device_serial.as_str().into();
    }
    app.vault.lookup("open_request", &zeroize::Zeroizing::new(content.to_string()))
}

/// Stores an entered request with its audit entry.
async fn entered(app: &App, request: RegistrationRequest) -> Result<RequestView> {
    entered_so(app, request, serde_json::Value::Null).await
}

/// The same with what its audit entry tells besides.
async fn entered_so(app: &App, mut request: RegistrationRequest, told: serde_json::Value) -> Result<RequestView> {
    attestation::attest(&*app.tokens.subscribers, &mut request).await?;
    let mut transaction = app.store.begin().await?;
    insert(app, &mut transaction, &request, told).await?;
    transaction.commit().await?;
    RequestView::of(app, &request)
}

/// Inserts an entered request, whose MAC is made, with its audit entry. Refused where another asks for the same since a moment; the
/// transaction is of no use then.
async fn insert(
    app: &App,
    transaction: &mut Transaction,
    request: &RegistrationRequest,
    told: serde_json::Value,
) -> Result<()> {
    let details = open(app, request)?;
    match transaction.insert_request(request, &open_key(app, request.hierarchy, &details)).await {
        Err(store::Error::Conflict(_)) => return Err(already_open().into()),
        other => other?,
    }
    let mut content = serde_json::json!({
        "hierarchy": request.hierarchy, "unit": request.unit, "follows": request.follows_certificate,
        "kind": details.kind, "identity": details.identity.as_ref().map(crate::identity::IdentityCheck::told),
    });
    if let (Some(content), serde_json::Value::Object(told)) = (content.as_object_mut(), told) {
        content.extend(told);
    }
    let actor = Actor::Account(request.entered_by);
    let entry = Entry::of_row(request.created_at, Kind::RequestSubmitted, actor, request);
    audit::record(transaction, entry.with(content)).await?;
    Ok(())
}

/// The request of that identifier as it is now, its MAC checked. `not_found` where there is none.
pub async fn load(app: &App, id: RequestId) -> Result<RegistrationRequest> {
    let request = current::row_by_log(app, || app.store.request_by_id(id)).await?;
    Ok(request.ok_or_else(RequestError::not_found)?)
}

/// Moves a request to its next state inside a transaction: legal by the state machine, and only from the version that was read. The
/// caller records it there, with an entry of the row.
pub async fn advance(
    app: &App,
    transaction: &mut Transaction,
    request: &mut RegistrationRequest,
    next: RequestState,
) -> Result<()> {
    if !request.state.may_become(next) {
        return Err(moved_on().into());
    }
    request.state = next;
    request.updated_at = app.clock.now();
    attestation::attest_change(&*app.tokens.subscribers, request).await?;
    match transaction.update_request(request).await {
        Err(store::Error::Stale) => Err(moved_on().into()),
        other => Ok(other?),
    }
}

/// Whether a request is of the caller's unit, or of one below it, as units are today; of whoever no unit narrows, always.
pub async fn is_of_own_unit(app: &App, by: &Principal, request: &RegistrationRequest) -> Result<bool> {
    Ok(view::Sight::of(app).await?.is_own(by, &request.unit, request.created_at))
}

/// The details of a request in clear.
pub fn open(app: &App, request: &RegistrationRequest) -> Result<Details> {
    let plain = app.vault.open(DETAILS, &request.id.to_string(), &request.details)?;
    serde_json::from_slice(&plain)
        .map_err(|_| crate::error::InternalError::other("a request's details cannot be read").into())
}

/// What a request asks for, from its sealed details, and nothing else of them.
pub fn kind_of(app: &App, id: RequestId, sealed: &[u8]) -> Result<SubjectKind> {
    #[derive(serde::Deserialize)]
    struct KindOnly {
        #[serde(default)]
        kind: SubjectKind,
    }
    let plain = app.vault.open(DETAILS, &id.to_string(), sealed)?;
    let read = serde_json::from_slice::<KindOnly>(&plain).map(|details| details.kind);
    read.map_err(|_| crate::error::InternalError::other("a request's details cannot be read").into())
}

/// The keyed hash by which a person is found again.
pub fn person_lookup(app: &App, details: &Details) -> [u8; 32] {
    app.vault.lookup("person", details.personal_number.reveal())
}

fn seal(app: &App, id: RequestId, details: &Details) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(details).map(zeroize::Zeroizing::new);
    let plain = plain.map_err(|_| crate::error::InternalError::other("a request's details cannot be written"))?;
    app.vault.seal(DETAILS, &id.to_string(), &plain)
}

/// Puts nobody in the place of a request's person, in the row and in what it says; what is not about the person stays.
pub fn replace_by_nobody(app: &App, request: &mut RegistrationRequest, details: Details) -> Result<()> {
    request.details = seal(app, request.id, &details.of_nobody()?)?;
    request.person_lookup = app.vault.lookup("erased", &request.id.to_string()).to_vec();
    Ok(())
}

/// The day it is in Vietnam.
pub fn today(app: &App) -> time::Date {
    app.clock.now().in_vietnam().map_or(time::Date::MIN, |moment| moment.date())
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "request_moved_on",
        "Hồ sơ đã chuyển sang bước khác. Hãy tải lại trang để xem trạng thái mới.",
        "The request has moved on. Reload to see its present state.",
    )
}

const DETAILS: &str = "registration_request.details";

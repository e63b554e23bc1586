//! Revoking, suspending and resuming certificates, one or a whole list: by the subscriber or by those who may, told by OCSP at once and
//! by a new list. What is revoked stays revoked; who, when and why stands in the audit log.

mod holders;
mod listed;
mod order;
mod replaced;
mod roles;
mod run;
mod suspensions;

pub use holders::{Question, of_caller, own, suspend_for_caller};
pub use listed::{ListOutcome, Listed, change_listed, serials_of, would_change_listed};
pub use order::{OrderDetail, OrderLine, OrderView, Proposed, Wanted, decide, enter, list, order, propose};
pub(super) use replaced::replaced;
pub use run::{run_due, start};
pub use suspensions::end_suspensions;

use super::{register, revocation_list, status};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    registration, store,
};
use chuky_model::{
    id::{AccountId, AuditEntryId, CertificateId},
    instant::Instant,
    record::{
        certificate::Certificate as Row,
        credential::Credential,
        request::RegistrationRequest,
        revocation::RevocationLine,
        state::{CertificateState, CredentialState, RevocationOutcome},
    },
    request::{Hierarchy, SubjectKind},
    role::Role,
    serial::Serial,
};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// For good.
    Revoke {
        reason: Reason,
        /// Since when signatures are in doubt (RFC 5280 §5.3.2), where that is before now.
        invalid_since: Option<Instant>,
    },
    Suspend,
    Resume,
}

/// Why, in the words of the law: for the audit log, never for lists, where [`Reason`] stands. Decree 68/2024, article 17, and Decree
/// 23/2025 know these grounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The subscriber asks.
    #[default]
    SubscriberRequest,
    KeyExposed,
    DeviceLost,
    /// Courts, police, or the cipher authority demand it.
    AuthorityDemand,
    /// The agency that manages the subscriber asks.
    AgencyRequest,
    /// Another post, with which the certificate does not agree.
    PositionChanged,
    /// Retired, resigned or dismissed.
    LeftOffice,
    SubscriberDied,
    /// Dissolved, parted or merged.
    OrganizationEnded,
    /// The device, service or program no longer runs.
    ServiceEnded,
    /// What the certificate says is or has become wrong.
    InformationWrong,
    /// The certification authority made a mistake.
    AuthorityError,
    /// What led to the suspension is settled.
    Settled,
    /// Nobody lifted the suspension within `authority.suspension_days`.
    SuspensionNotLifted,
}

/// Why a change is made, and on whose word.
#[derive(Clone, Debug, Default)]
pub struct Why {
    pub ground: Ground,
    /// What a caller was asked, where somebody else asks on the telephone.
    pub asked: Vec<Question>,
    /// The line of the order by which a whole list is revoked, and who approved that.
    pub ordered: Option<(RevocationLine, AccountId)>,
}

impl From<Ground> for Why {
    fn from(ground: Ground) -> Self {
        Self { ground, ..Self::default() }
    }
}

/// A certificate as those who may see it are shown it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CertificateView {
    /// Lower-case hex.
    pub serial: String,
    #[schema(value_type = String)]
    pub hierarchy: Hierarchy,
    /// `issued`, `suspended` or `revoked`.
    #[schema(value_type = String)]
    pub state: CertificateState,
    pub common_name: String,
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    pub not_after: String,
    pub revoked_at: Option<String>,
    #[schema(value_type = Option<String>)]
    pub reason: Option<Reason>,
    /// RFC 3339: since when its signatures are in doubt, where that is before the revocation.
    pub invalid_since: Option<String>,
    /// PEM; for the subscriber only, because it holds the personal number.
    pub certificate: Option<String>,
}

/// One certificate, for its subscriber and for those who may revoke it.
pub async fn view(app: &App, by: &Principal, serial: &str) -> Result<CertificateView> {
    let row = find(app, by, serial).await?;
    shown(app, by, &row)
}

/// Changes a certificate's standing. Returns when OCSP and the list tell it; a list that could not be published now is tried again.
pub async fn change(
    app: &App,
    by: &Principal,
    serial: &str,
    change: Change,
    why: impl Into<Why>,
) -> Result<CertificateView> {
    // 1. The certificate, and whether the caller may.
    let row = find(app, by, serial).await?;
    if change == Change::Resume && !is_staff_for(app, by, &row).await? {
        return Err(RequestError::forbidden().into());
    }
    // 2. The new standing, stored.
    let (row, entry) = changed(app, by, row, change, &why.into()).await?;
    app.audit.wait(entry).await?;
    // 3. Published. OCSP tells it already.
    if let Err(error) = revocation_list::publish_after_change(app).await {
        tracing::error!(event = "list_not_published", error = %error);
    }
    shown(app, by, &row)
}

/// Changes a certificate as two people decided, unless it is so already; nothing is published. Since when it is in doubt counts only within its
/// validity. [`register::follow`] must have been asked.
pub(crate) async fn change_by_order(
    app: &App,
    by: Actor,
    id: CertificateId,
    change: Change,
    ground: Ground,
) -> Result<()> {
    let mut row = as_it_is(app, id).await?;
    let now = app.clock.now();
    let change = match change {
        Change::Revoke { reason, invalid_since } => {
            // Of a certificate that was issued later, it was never good.
            let since = invalid_since.map(|since| since.max(row.not_before)).filter(|since| *since <= now);
            Change::Revoke { reason, invalid_since: since }
        }
        other => other,
    };
    let is_so = match change {
        Change::Revoke { .. } => row.state == CertificateState::Revoked,
        Change::Suspend => row.state != CertificateState::Issued,
        Change::Resume => row.state == CertificateState::Issued,
    };
    if !is_so {
        let entry = changed_for(app, by, &mut row, change, &ground.into()).await?;
        app.audit.wait(entry).await?;
    }
    Ok(())
}

/// Gives a certificate that the caller may change its new standing, in one transaction with its audit entry, which the caller waits for;
/// publishes nothing.
async fn changed(app: &App, by: &Principal, mut row: Row, change: Change, why: &Why) -> Result<(Row, AuditEntryId)> {
    admit(by, &mut row.clone(), change, app.clock.now())?;
    let entry = changed_for(app, Actor::Account(by.account), &mut row, change, why).await?;
    Ok((row, entry))
}

/// The same for somebody whose right to it was established before.
async fn changed_for(app: &App, by: Actor, row: &mut Row, change: Change, why: &Why) -> Result<AuditEntryId> {
    let now = app.clock.now();
    // A try of the PIN or of a log-in that is counted in this moment must not keep a certificate from being revoked.
    for _ in 0..AT_ONCE {
        if let Some(entry) = changed_once(app, by, row, (change, now), why).await? {
            return Ok(entry);
        }
    }
    Err(RequestError::overtaken().into())
}

/// `None` where the key or the account that goes with it was changed in this moment; `row` is as it was then.
async fn changed_once(
    app: &App,
    by: Actor,
    before: &mut Row,
    (change, now): (Change, Instant),
    why: &Why,
) -> Result<Option<AuditEntryId>> {
    // 1. The new standing, where the old one allows it.
    let mut row = before.clone();
    apply(&mut row, change, now)?;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    // 2. With a revoked certificate its key is never used again.
    let closed = match change {
        Change::Revoke { .. } => closed_credential(app, &row, now).await?,
        _ => None,
    };
    let narrowed = match change {
        Change::Revoke { .. } => roles::narrowed(app, &row, now).await?,
        _ => None,
    };
    // 3. One transaction, with its audit entry.
    let mut content = serde_json::json!({ "ground": why.ground });
    if !why.asked.is_empty() {
        content["asked"] = serde_json::json!(why.asked);
    }
    let kind = match change {
        Change::Revoke { reason, .. } => {
            content["reason"] = serde_json::json!(reason);
            Kind::CertificateRevoked
        }
        Change::Suspend => Kind::CertificateSuspended,
        Change::Resume => Kind::CertificateResumed,
    };
    let mut transaction = app.store.begin().await?;
    if let Some((line, approved_by)) = &why.ordered {
        content["order"] = serde_json::json!(line.order_id);
        content["approved_by"] = serde_json::json!(approved_by);
        let line = RevocationLine { outcome: Some(RevocationOutcome::Revoked), done_at: Some(now), ..line.clone() };
        transaction.finish_revocation_line(&line).await?;
    }
    transaction.update_certificate(&row).await.map_err(overtaken)?;
    if let Some(credential) = &closed {
        match transaction.update_credential(credential).await {
            Err(store::Error::Stale) => return Ok(None),
            other => other?,
        }
        let entry = Entry::of_row(now, Kind::CredentialClosed, by, credential);
        audit::record(&mut transaction, entry).await?;
    }
    if let Some(account) = &narrowed {
        match transaction.update_account(account).await {
            Err(store::Error::Stale) => return Ok(None),
            other => other?,
        }
        audit::record(&mut transaction, Entry::of_row(now, Kind::AccountChanged, by, account)).await?;
    }
    let entry = register::commit(app, transaction, &row, (kind, by), content).await?;
    current::changed(app, &row);
    if let Some(account) = &narrowed {
        current::changed(app, account);
    }
    *before = row;
    Ok(Some(entry))
}

/// Gives a row that the caller may change its new standing, where the reason and the old one allow it.
fn admit(by: &Principal, row: &mut Row, change: Change, now: Instant) -> Result<()> {
    if let Change::Revoke { reason, invalid_since } = change {
        check_reason(by, reason)?;
        check_invalid_since(row, invalid_since, now)?;
    }
    apply(row, change, now)
}

fn apply(row: &mut Row, change: Change, now: Instant) -> Result<()> {
    let next = match change {
        Change::Revoke { .. } => CertificateState::Revoked,
        Change::Suspend => CertificateState::Suspended,
        Change::Resume => CertificateState::Issued,
    };
    if !row.state.may_become(next) {
        return Err(RequestError::conflict(
            "certificate_state",
            "Chứng thư số không ở trạng thái cho phép việc này. Hãy xem lại trạng thái của chứng thư.",
            "The certificate is not in a state that allows this. Look at its present state.",
        )
        .into());
    }
    row.state = next;
    row.updated_at = now;
    (row.revoked_at, row.revocation_reason) = match change {
        // A certificate that was suspended counts as revoked from its suspension on.
        Change::Revoke { reason, .. } => (row.revoked_at.or(Some(now)), Some(i64::from(reason.code()))),
        Change::Suspend => (Some(now), Some(i64::from(Reason::CertificateHold.code()))),
        Change::Resume => (None, None),
    };
    row.invalid_since = match change {
        Change::Revoke { invalid_since, .. } => invalid_since,
        Change::Suspend | Change::Resume => None,
    };
    Ok(())
}

/// RFC 5280 §5.3.1: a hold is a suspension, its end a resumption; that a CA or attribute authority is compromised is said by whoever
/// answers for security.
fn check_reason(by: &Principal, reason: Reason) -> Result<()> {
    let (vi, en) = match reason {
        Reason::CertificateHold | Reason::RemoveFromCrl => (
            "Lý do này là tạm dừng hoặc khôi phục, không phải thu hồi. Hãy dùng chức năng tạm dừng hoặc khôi phục.",
            "This reason is a suspension or its end, not a revocation. Suspend or resume the certificate.",
        ),
        Reason::CaCompromise | Reason::AaCompromise if !by.has(Role::SecurityOfficer) => {
            ("Chỉ cán bộ an ninh được thu hồi với lý do này.", "Only the security officer revokes for this reason.")
        }
        _ => return Ok(()),
    };
    Err(RequestError::invalid("reason", "reason_not_admitted", vi, en).into())
}

/// RFC 5280 §5.3.2: a time at which the certificate was valid, and not one that is still to come.
fn check_invalid_since(row: &Row, invalid_since: Option<Instant>, now: Instant) -> Result<()> {
    if invalid_since.is_none_or(|since| row.not_before <= since && since <= now) {
        return Ok(());
    }
    Err(RequestError::invalid(
        "invalid_since",
        "invalid_since_outside",
        "Thời điểm nghi ngờ phải nằm trong thời hạn của chứng thư và không ở tương lai.",
        "The time since when signatures are in doubt lies within the certificate's validity, and not in the future.",
    )
    .into())
}

/// The certificate of that serial as it is now, where the caller may know of it.
async fn find(app: &App, by: &Principal, serial: &str) -> Result<Row> {
    let serial: Serial = serial.parse().map_err(|_| RequestError::not_found())?;
    register::follow(app).await?;
    for row in current::rows(app, || app.store.certificates_by_serial(&serial)).await? {
        let row = as_it_is(app, row.id).await?;
        let issued =
            matches!(row.state, CertificateState::Issued | CertificateState::Suspended | CertificateState::Revoked);
        if issued && (is_own(by, &row) || is_staff_for(app, by, &row).await?) {
            return Ok(row);
        }
    }
    Err(RequestError::not_found().into())
}

/// The certificate of that row as it is now. [`register::follow`] must have been asked.
async fn as_it_is(app: &App, id: CertificateId) -> Result<Row> {
    let row = register::genuine(app, || app.store.certificate_by_id(id)).await?;
    Ok(row.ok_or(InternalError::RowForged { table: "certificate" })?)
}

fn is_own(by: &Principal, row: &Row) -> bool {
    row.account_id == Some(by.account)
}

/// Whether the caller answers for that certificate: whoever enters requests of its kind in the unit that it was requested in, and the security
/// officer for all.
async fn is_staff_for(app: &App, by: &Principal, row: &Row) -> Result<bool> {
    if !is_staff_of(by, row.hierarchy) || by.has(Role::SecurityOfficer) {
        return Ok(by.has(Role::SecurityOfficer));
    }
    let Some(request) = request_of(app, row).await? else { return Ok(false) };
    let kind = registration::open(app, &request)?.kind;
    answers_for(app, by, (&request, kind)).await
}

/// Whether the caller answers for the certificate of a request of that kind: a security officer, or whoever enters such requests in its unit.
async fn answers_for(app: &App, by: &Principal, (request, kind): (&RegistrationRequest, SubjectKind)) -> Result<bool> {
    let enters = by.has(registration::entering(request.hierarchy, kind));
    Ok(by.has(Role::SecurityOfficer) || (enters && registration::is_of_own_unit(app, by, request).await?))
}

/// The request that a certificate was made for; `None` of one that nobody requested, which is the service's own.
async fn request_of(app: &App, row: &Row) -> Result<Option<RegistrationRequest>> {
    let Some(request) = row.request_id else { return Ok(None) };
    Ok(Some(registration::load(app, request).await?))
}

/// Whether the caller answers for certificates of some kind of the hierarchy.
fn is_staff_of(by: &Principal, hierarchy: Hierarchy) -> bool {
    let mut kinds = SubjectKind::ALL.into_iter().filter(|kind| kind.profile(hierarchy).is_some());
    by.has(Role::SecurityOfficer) || kinds.any(|kind| by.has(registration::entering(hierarchy, kind)))
}

/// Whom the certificate names; `None` of one that nobody requested, which is the service's own.
pub async fn kind_of(app: &App, row: &Row) -> Result<Option<SubjectKind>> {
    let request = request_of(app, row).await?;
    request.map(|request| Ok(registration::open(app, &request)?.kind)).transpose()
}

/// The agency for which an official's, a seal's or a device's certificate was requested; `None` of any other.
pub async fn unit_of(app: &App, row: &Row) -> Result<Option<String>> {
    let request = request_of(app, row).await?;
    Ok(request.filter(|request| request.hierarchy == Hierarchy::Officials).map(|request| request.unit))
}

pub(super) async fn closed_credential(app: &App, row: &Row, now: Instant) -> Result<Option<Credential>> {
    let credential = current::row_by_log(app, || app.store.credential_of_certificate(row.id)).await?;
    let Some(mut credential) = credential else { return Ok(None) };
    credential.state = CredentialState::Closed;
    credential.updated_at = now;
    attestation::attest_change(&*app.tokens.subscribers, &mut credential).await?;
    Ok(Some(credential))
}

fn shown(app: &App, by: &Principal, row: &Row) -> Result<CertificateView> {
    let certificate = status::certificate_of(app, row)?;
    let certificate = certificate.ok_or_else(|| InternalError::other("an issued certificate without content"))?;
    let reason = row.revocation_reason.and_then(|code| u64::try_from(code).ok()).map(Reason::from_code);
    Ok(CertificateView {
        serial: row.serial.to_string(),
        hierarchy: row.hierarchy,
        state: row.state,
        common_name: certificate.subject().common_name(),
        issuer: certificate.issuer().common_name(),
        not_before: row.not_before.rfc3339(),
        not_after: row.not_after.rfc3339(),
        revoked_at: row.revoked_at.map(Instant::rfc3339),
        reason,
        invalid_since: row.invalid_since.map(Instant::rfc3339),
        certificate: is_own(by, row).then(|| certificate.to_pem()),
    })
}

/// Somebody changed the same row at the same time: look again.
fn overtaken(error: store::Error) -> crate::error::Error {
    match error {
        store::Error::Stale => RequestError::conflict(
            "certificate_state",
            "Chứng thư số vừa được thay đổi. Hãy xem lại trạng thái rồi thử lại.",
            "The certificate has just been changed. Look at its state and try again.",
        )
        .into(),
        error => error.into(),
    }
}

/// Changes of a key or an account that may meet a revocation, one after the other.
const AT_ONCE: usize = 16;

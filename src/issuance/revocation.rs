//! Revoking, suspending and resuming a certificate: by its subscriber or by those who may, told by OCSP at once and by a new list.
//! What is revoked stays revoked.

use super::{register, revocation_list, status};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    store,
};
use chuky_model::{
    instant::Instant,
    record::{
        certificate::Certificate as Row,
        credential::Credential,
        state::{CertificateState, CredentialState},
    },
    request::Hierarchy,
    role::Role,
    serial::Serial,
};
use chuky_pki::crl::Reason;
use serde::Serialize;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// For good, for one of the reasons that subscribers' certificates have.
    Revoke(Reason),
    Suspend,
    Resume,
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
    /// PEM; for the subscriber only, because it holds the personal number.
    pub certificate: Option<String>,
}

/// One certificate, for its subscriber and for those who may revoke it.
pub async fn view(app: &App, by: &Principal, serial: &str) -> Result<CertificateView> {
    let row = find(app, by, serial).await?;
    shown(app, by, &row)
}

/// Changes a certificate's standing. Returns when OCSP and the list tell it; a list that could not be published now is tried again.
pub async fn change(app: &App, by: &Principal, serial: &str, change: Change) -> Result<CertificateView> {
    // 1. The certificate, and whether the caller may.
    let mut row = find(app, by, serial).await?;
    if change == Change::Resume && !is_staff_for(by, row.hierarchy) {
        return Err(RequestError::forbidden().into());
    }
    // 2. The new standing, where the old one allows it.
    let now = app.clock.now();
    apply(&mut row, change, now)?;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    // 3. With a revoked certificate its key is never used again.
    let closed = match change {
        Change::Revoke(_) => closed_credential(app, &row, now).await?,
        _ => None,
    };
    // 4. One transaction, with its audit entry.
    let (kind, content) = match change {
        Change::Revoke(reason) => (Kind::CertificateRevoked, serde_json::json!({ "reason": reason })),
        Change::Suspend => (Kind::CertificateSuspended, serde_json::Value::Null),
        Change::Resume => (Kind::CertificateResumed, serde_json::Value::Null),
    };
    let mut transaction = app.store.begin().await?;
    transaction.update_certificate(&row).await.map_err(overtaken)?;
    if let Some(credential) = &closed {
        transaction.update_credential(credential).await.map_err(overtaken)?;
        let entry = Entry::of_row(now, Kind::CredentialClosed, Actor::Account(by.account), credential);
        audit::record(&mut transaction, entry).await?;
    }
    register::settle(app, transaction, &row, (kind, Actor::Account(by.account)), content).await?;
    current::changed(app, &row);
    // 5. Published. OCSP reads the row and tells it already.
    if let Err(error) = revocation_list::publish_after_change(app).await {
        tracing::error!(event = "list_not_published", error = %error);
    }
    shown(app, by, &row)
}

fn apply(row: &mut Row, change: Change, now: Instant) -> Result<()> {
    let next = match change {
        Change::Revoke(reason) => {
            check_reason(reason)?;
            CertificateState::Revoked
        }
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
        Change::Revoke(reason) => (row.revoked_at.or(Some(now)), Some(i64::from(reason.code()))),
        Change::Suspend => (Some(now), Some(i64::from(Reason::CertificateHold.code()))),
        Change::Resume => (None, None),
    };
    Ok(())
}

/// RFC 5280 §5.3.1: the other reasons are for CAs, for lists of changes, or for suspension.
fn check_reason(reason: Reason) -> Result<()> {
    use Reason::{
        AffiliationChanged, CessationOfOperation, KeyCompromise, PrivilegeWithdrawn, Superseded, Unspecified,
    };
    let admitted =
        [Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn];
    if admitted.contains(&reason) {
        return Ok(());
    }
    let (vi, en) =
        ("Lý do này không dùng cho chứng thư của thuê bao.", "This reason is not one for a subscriber's certificate.");
    Err(RequestError::invalid("reason", "reason_not_admitted", vi, en).into())
}

/// The certificate of that serial as it is now, where the caller may know of it.
async fn find(app: &App, by: &Principal, serial: &str) -> Result<Row> {
    let serial: Serial = serial.parse().map_err(|_| RequestError::not_found())?;
    register::follow(app).await?;
    for row in current::rows(app, || app.store.certificates_by_serial(&serial)).await? {
        let id = row.id;
        let row = register::genuine(app, || app.store.certificate_by_id(id)).await?;
        let row = row.ok_or(InternalError::RowForged { table: "certificate" })?;
        let issued =
            matches!(row.state, CertificateState::Issued | CertificateState::Suspended | CertificateState::Revoked);
        if issued && (is_own(by, &row) || is_staff_for(by, row.hierarchy)) {
            return Ok(row);
        }
    }
    Err(RequestError::not_found().into())
}

fn is_own(by: &Principal, row: &Row) -> bool {
    row.account_id == Some(by.account)
}

fn is_staff_for(by: &Principal, hierarchy: Hierarchy) -> bool {
    by.has(Role::SecurityOfficer)
        || match hierarchy {
            Hierarchy::Citizens => by.has(Role::Operator),
            Hierarchy::Officials => by.has(Role::Registrar),
        }
}

async fn closed_credential(app: &App, row: &Row, now: Instant) -> Result<Option<Credential>> {
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

//! A subscriber's credential as it may be relied on: its row and its certificate's with fitting MACs, its owner the caller, and no
//! older than the audit log says. Reads only; what changes a credential is in `tries`.

use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::Kind,
    error::{InternalError, RequestError, Result},
};
use chuky_model::{
    id::CredentialId,
    record::{
        certificate::Certificate as CertificateRow,
        credential::Credential,
        state::{CertificateState, CredentialState},
    },
};
use chuky_pki::certificate::Certificate;

/// A credential with the certificate that it signs for.
#[derive(Clone, Debug)]
pub struct Signer {
    pub credential: Credential,
    pub row: CertificateRow,
    pub certificate: Certificate,
}

impl Signer {
    /// Wrong PINs that are left before the credential locks.
    pub fn tries_left(&self, app: &App) -> u32 {
        app.settings.seal.tries.saturating_sub(u32::try_from(self.credential.tries).unwrap_or(u32::MAX))
    }
}

/// The caller's credential with its certificate, fit to sign now. What belongs to somebody else is not found.
pub async fn signer(app: &App, by: &Principal, id: CredentialId) -> Result<Signer> {
    let credential = own_credential(app, by, id).await?;
    usable(&credential)?;
    let signer = with_certificate(app, credential).await?;
    let now = app.clock.now();
    if signer.row.state != CertificateState::Issued || now < signer.row.not_before || now > signer.row.not_after {
        return Err(RequestError::conflict(
            "certificate_not_usable",
            "Chứng thư số này không dùng để ký được: đã hết hạn, bị tạm dừng hoặc bị thu hồi.",
            "This certificate cannot be signed with: it has expired, is suspended or is revoked.",
        )
        .into());
    }
    Ok(signer)
}

/// Every credential of the caller that has a certificate, newest first, whatever state it is in.
pub async fn signers(app: &App, by: &Principal) -> Result<Vec<Signer>> {
    let mut signers = Vec::new();
    for credential in app.store.credentials_of_account(by.account).await? {
        let credential = attestation::check(&*app.tokens.subscribers, credential).await?;
        if credential.certificate_id.is_some() {
            signers.push(with_certificate(app, credential).await?);
        }
    }
    Ok(signers)
}

/// The subject of audit entries about a credential.
pub fn subject(id: CredentialId) -> String {
    format!("credential:{id}")
}

/// The caller's credential: its MAC fits, and the audit log knows of no later version.
pub(super) async fn own_credential(app: &App, by: &Principal, id: CredentialId) -> Result<Credential> {
    for _ in 0..READINGS {
        let credential = app.store.credential_by_id(id).await?;
        let credential = attestation::check_found(&*app.tokens.subscribers, credential).await?;
        let credential = credential.filter(|credential| credential.account_id == by.account);
        let credential = credential.ok_or_else(RequestError::not_found)?;
        let mut changes = 0_i64;
        for kind in CHANGES {
            let count = app.store.count_audit_entries(kind.name(), &subject(id)).await?;
            changes = changes.saturating_add(count);
        }
        // A new row has version 1, and each change raises it by one in the transaction of its audit entry.
        if credential.version.saturating_sub(1) == changes {
            return Ok(credential);
        }
        let again = app.store.credential_by_id(id).await?;
        if again.is_some_and(|again| again.version == credential.version) {
            // Nobody changed it meanwhile: an old row was put back.
            tracing::error!(event = "row_reset", table = "credential", version = credential.version, changes);
            return Err(InternalError::RowForged { table: "credential" }.into());
        }
    }
    Err(RequestError::try_again().into())
}

/// Whether the credential may be tried.
pub(super) fn usable(credential: &Credential) -> Result<(), RequestError> {
    match credential.state {
        CredentialState::Active => Ok(()),
        CredentialState::Locked => Err(locked()),
        CredentialState::Prepared | CredentialState::Closed => Err(RequestError::conflict(
            "credential_not_active",
            "Chữ ký này chưa sẵn sàng hoặc đã ngừng sử dụng.",
            "This credential is not ready, or is no longer in use.",
        )),
    }
}

/// The credential is locked.
pub(super) fn locked() -> RequestError {
    let error = RequestError::new(
        crate::error::RequestErrorKind::Forbidden,
        "pin_locked",
        "Mã PIN đã bị khóa vì nhập sai quá nhiều lần. Hãy liên hệ nơi cấp chữ ký.",
        "The PIN is locked after too many wrong tries. Contact the office that issued the signature.",
    );
    RequestError { field: Some("pin"), ..error }
}

async fn with_certificate(app: &App, credential: Credential) -> Result<Signer> {
    let id = credential.certificate_id.ok_or_else(RequestError::not_found)?;
    let row = app.store.certificate_by_id(id).await?;
    let row = attestation::check_found(&*app.tokens.subscribers, row).await?;
    let row = row.ok_or(InternalError::RowForged { table: "credential" })?;
    let sealed = row.certificate.as_ref().ok_or_else(RequestError::not_found)?;
    let der = app.vault.open(CERTIFICATE, &row.id.to_string(), sealed)?;
    let certificate = Certificate::from_der(&der).map_err(|error| InternalError::Pki(error.to_string()))?;
    if row.account_id != Some(credential.account_id) || certificate.spki_der() != credential.spki {
        return Err(InternalError::RowForged { table: "certificate" }.into());
    }
    Ok(Signer { credential, row, certificate })
}

/// Where a certificate's DER is encrypted for.
const CERTIFICATE: &str = "certificate.certificate";
/// Everything that changes a credential's row after it was made; each records exactly one of these.
const CHANGES: &[Kind] = &[
    Kind::PinTried,
    Kind::PinAccepted,
    Kind::PinNotTried,
    Kind::CredentialLocked,
    Kind::CredentialUnlocked,
    Kind::CredentialResealed,
    Kind::CredentialClosed,
];
/// How often a credential that somebody else is just using is read again.
const READINGS: usize = 5;

//! A subscriber's credential as it may be relied on: its row and its certificate's with fitting MACs, its owner the caller, and no
//! older than the audit log says. Reads only; what changes a credential is in `tries`.

use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{InternalError, RequestError, Result},
};
use chuky_model::{
    id::CredentialId,
    person::PersonalNumber,
    record::{
        certificate::Certificate as CertificateRow,
        credential::Credential,
        state::{CertificateState, CredentialState},
    },
};
use chuky_pki::{certificate::Certificate, name::NameAttribute};

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

    /// Whether only unlocking helps: locked, or every try was counted by calls that ended with their process before they locked it.
    pub fn is_locked(&self, app: &App) -> bool {
        let used_up = self.credential.state == CredentialState::Active && self.tries_left(app) == 0;
        used_up || self.credential.state == CredentialState::Locked
    }

    /// The state as it is shown: what only unlocking helps is locked.
    pub fn shown_state(&self, app: &App) -> CredentialState {
        if self.is_locked(app) { CredentialState::Locked } else { self.credential.state }
    }

    /// The personal number that the certificate names its holder by.
    pub fn personal_number(&self) -> Option<PersonalNumber> {
        let kind = NameAttribute::UserId.oid();
        let mut numbers = self.certificate.subject().values(&kind);
        numbers.find_map(|value| PersonalNumber::parse(value.strip_prefix("CCCD:")?).ok())
    }

    /// How often four eyes may still unlock the credential.
    pub fn unlocks_left(&self) -> u32 {
        MOST_UNLOCKS.saturating_sub(u32::try_from(self.credential.unlocks).unwrap_or(u32::MAX))
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
    for credential in current::rows(app, || app.store.credentials_of_account(by.account)).await? {
        if credential.certificate_id.is_some() {
            signers.push(with_certificate(app, credential).await?);
        }
    }
    Ok(signers)
}

/// The caller's credential as it is now: its MAC fits, and the audit log knows of no later version.
pub(super) async fn own_credential(app: &App, by: &Principal, id: CredentialId) -> Result<Credential> {
    let credential = current::row_by_log(app, || app.store.credential_by_id(id)).await?;
    let credential = credential.filter(|credential| credential.account_id == by.account);
    Ok(credential.ok_or_else(RequestError::not_found)?)
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

pub(super) async fn with_certificate(app: &App, credential: Credential) -> Result<Signer> {
    let id = credential.certificate_id.ok_or_else(RequestError::not_found)?;
    let row = current::row(app, || app.store.certificate_by_id(id)).await?;
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

/// How often a credential is unlocked in its life; after that only a new key and certificate help.
pub const MOST_UNLOCKS: u32 = 2;

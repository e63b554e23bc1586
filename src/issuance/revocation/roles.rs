//! A role that a certificate brought goes with the last such certificate: whose seal is revoked is no clerk any more, and a payment
//! provider without a certificate none. The roles of persons stay, so that they still reach what they signed.

use super::kind_of;
use crate::{
    app::App,
    attestation, current,
    error::{InternalError, Result},
};
use chuky_model::{
    instant::Instant,
    record::{account::Account, certificate::Certificate as Row, state::CertificateState},
    request::SubjectKind,
    role::Role,
};

/// The account of a certificate that is revoked now, without the role that this one brought; `None` where it keeps its roles.
pub(super) async fn narrowed(app: &App, row: &Row, now: Instant) -> Result<Option<Account>> {
    let (Some(id), Some(kind)) = (row.account_id, kind_of(app, row).await?) else { return Ok(None) };
    let role = match kind {
        SubjectKind::Seal => Role::Clerk,
        SubjectKind::PaymentProvider => Role::PaymentProvider,
        SubjectKind::Person | SubjectKind::Device => return Ok(None),
    };
    for other in current::rows(app, || app.store.certificates_of_account(id)).await? {
        // One that is suspended may be resumed.
        let stands = matches!(other.state, CertificateState::Issued | CertificateState::Suspended);
        if other.id != row.id && stands && other.not_after > now && kind_of(app, &other).await? == Some(kind) {
            return Ok(None);
        }
    }
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let mut account = account.ok_or(InternalError::RowForged { table: "account" })?;
    if !account.roles.contains(&role) {
        return Ok(None);
    }
    account.roles.retain(|held| *held != role);
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    Ok(Some(account))
}

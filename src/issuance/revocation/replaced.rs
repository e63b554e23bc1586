//! Revoking a certificate in the transaction that issues the one with changed information in its place (RFC 3647 §4.8): whenever the
//! process dies, either both are done or neither.

use super::{Change, Ground, apply, as_it_is, closed_credential, overtaken, register, revocation_list};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::Result,
    store::Transaction,
};
use chuky_model::{
    id::CertificateId,
    instant::Instant,
    record::{certificate::Certificate as Row, credential::Credential},
};
use chuky_pki::crl::Reason;

/// A certificate that is revoked with the issue of another.
pub(in crate::issuance) struct Replaced {
    row: Row,
    /// With its certificate its key is never used again.
    credential: Option<Credential>,
    reason: Reason,
}

/// Prepares the revocation; nothing is stored yet.
pub(in crate::issuance) async fn replaced(
    app: &App,
    id: CertificateId,
    reason: Reason,
    now: Instant,
) -> Result<Replaced> {
    register::follow(app).await?;
    let mut row = as_it_is(app, id).await?;
    apply(&mut row, Change::Revoke { reason, invalid_since: None }, now)?;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let credential = closed_credential(app, &row, now).await?;
    Ok(Replaced { row, credential, reason })
}

impl Replaced {
    /// Stores the revocation in the transaction of the new certificate, commits it, and returns when it is under a signed head.
    pub(in crate::issuance) async fn committed(
        self,
        app: &App,
        mut transaction: Transaction,
        by: Actor,
        new: &Row,
    ) -> Result<()> {
        transaction.update_certificate(&self.row).await.map_err(overtaken)?;
        if let Some(credential) = &self.credential {
            transaction.update_credential(credential).await.map_err(overtaken)?;
            let entry = Entry::of_row(self.row.updated_at, Kind::CredentialClosed, by, credential);
            audit::record(&mut transaction, entry).await?;
        }
        let content = serde_json::json!({
            "ground": Ground::InformationWrong, "reason": self.reason, "replaced_by": new.id, "request": new.request_id,
        });
        let entry = register::commit(app, transaction, &self.row, (Kind::CertificateRevoked, by), content).await?;
        current::changed(app, &self.row);
        crate::fault::point("issue.after_replacement");
        app.audit.wait(entry).await?;
        if let Err(error) = revocation_list::publish_after_change(app).await {
            tracing::error!(event = "list_not_published", error = %error);
        }
        Ok(())
    }
}

//! Revocations of the authority's own certificates, which no row of a certificate tells: the audit log's entry is all that says so.

use super::{Content, Standing, told_of};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, Result},
    store::Transaction,
};
use chuky_model::{id::AuditEntryId, instant::Instant, serial::Serial};
use chuky_pki::crl::Reason;
use std::sync::atomic::Ordering;

/// The revocation of one of the authority's own certificates.
#[derive(Clone, Copy, Debug)]
pub(in crate::issuance) struct OwnRevocation {
    pub at: Instant,
    pub reason: Reason,
    pub invalid_since: Option<Instant>,
}

/// Commits the revocation of one of the authority's own certificates, which no row of a certificate tells, with its audit entry, and
/// remembers it. Of issuer, serial number and the entry's subject; `further` is content beside the register's own.
pub(in crate::issuance) async fn commit_own(
    app: &App,
    mut transaction: Transaction,
    (issuer, serial, subject): (&str, &Serial, String),
    revocation: OwnRevocation,
    further: serde_json::Value,
) -> Result<AuditEntryId> {
    let above = app.register.memory().newest;
    let generation = transaction.raise_status_generation(above).await?;
    let OwnRevocation { at, reason, invalid_since } = revocation;
    let content = Content {
        issuer: issuer.to_owned(),
        serial: serial.clone(),
        version: 1,
        revoked_at: Some(at),
        code: Some(i64::from(reason.code())),
        invalid_since,
        generation,
    };
    let mut value = serde_json::to_value(&content).map_err(|error| InternalError::other(error.to_string()))?;
    if let (Some(value), serde_json::Value::Object(further)) = (value.as_object_mut(), further) {
        for (name, further) in further {
            value.entry(name).or_insert(further);
        }
    }
    let changed_at = app.clock.now();
    let entry = Entry::new(changed_at, Kind::AuthorityRevoked, Actor::Service, subject).with(value);
    let entry = audit::record(&mut transaction, entry).await?;
    let committing = app.clone();
    let committed = tokio::spawn(async move {
        transaction.commit().await?;
        if let Some(told) = told_of(Standing::Revoked, &content) {
            committing.register.learn(&content, told, (changed_at, true));
        }
        committing.register.own_learned.fetch_add(1, Ordering::SeqCst);
        Ok::<(), crate::store::Error>(())
    });
    committed.await.map_err(|error| InternalError::other(error.to_string()))??;
    Ok(entry)
}

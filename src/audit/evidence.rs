//! What the log is held against wherever it is read: the newest head that the audit key signed, and the head that is remembered outside the
//! database. Whatever does not fit is an error of its own kind, for nothing may be built on such a log.

use super::{
    head::{AUDIT_SCHEME, RememberedHead, SignedHead, digest},
    merkle::Frontier,
};
use crate::{
    error::{Error, InternalError, Result},
    store::Store,
};
use chuky_model::record::audit::AuditHead;
use chuky_pki::crypto::PublicKey;

/// The heads as they are at a moment.
pub(super) struct Evidence {
    head: Option<SignedHead>,
    remembered: Option<SignedHead>,
}

impl Evidence {
    /// Reads both heads. Refused where the stored one is not the audit key's, or is not as long as what is remembered.
    pub async fn now(store: &Store, key: &PublicKey, remembered: &RememberedHead) -> Result<Self> {
        // The remembered one first: it is never newer than the stored one.
        let remembered = remembered.load()?;
        let head = store.latest_audit_head().await?.map(|row| genuine(key, row)).transpose()?;
        let evidence = Self { head, remembered };
        if evidence.remembered.as_ref().is_some_and(|head| head.size > evidence.signed()) {
            return Err(not_whole("the audit log is shorter than was remembered"));
        }
        Ok(evidence)
    }

    /// How many entries are under the newest head.
    pub fn signed(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size)
    }

    /// The newest head.
    pub fn head(&self) -> Option<&SignedHead> {
        self.head.as_ref()
    }

    /// A frontier against the heads of its size, where there are such.
    pub fn compare(&self, frontier: &Frontier) -> Result<()> {
        let differs = |head: &Option<SignedHead>| {
            let head = head.as_ref().filter(|head| head.size == frontier.size());
            head.is_some_and(|head| head.root != frontier.root())
        };
        if differs(&self.remembered) {
            return Err(not_whole("the audit log is not the one that was remembered"));
        }
        if differs(&self.head) {
            return Err(not_whole("the audit log does not match its head"));
        }
        Ok(())
    }
}

/// A stored head whose signature is the audit key's.
fn genuine(key: &PublicKey, row: AuditHead) -> Result<SignedHead> {
    let forged = || not_whole("the newest head of the audit log is not signed by the audit key");
    let size = u64::try_from(row.size).map_err(|_| forged())?;
    let root = row.root_hash.try_into().map_err(|_| forged())?;
    let signed = digest(size, &root, row.signed_at);
    key.verify_digest(AUDIT_SCHEME.into(), &signed, &row.signature).map_err(|_| forged())?;
    Ok(SignedHead { size, root, at: row.signed_at, signature: row.signature })
}

/// The error of a log that contradicts itself or what is known of it.
pub(super) fn not_whole(what: &str) -> Error {
    tracing::error!(event = "audit_log_not_whole", what);
    InternalError::LogNotWhole(what.to_owned()).into()
}

/// What contradicts, where that is what the error says: asking again changes nothing.
pub(super) fn contradiction(error: &Error) -> Option<&str> {
    match error {
        Error::Internal(InternalError::LogNotWhole(what)) => Some(what),
        _ => None,
    }
}

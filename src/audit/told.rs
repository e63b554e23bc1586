//! When the log was first signed with an entry in it: what nobody who only has SQL can put back, whatever time the entry itself says.

use super::{
    entry::leaf,
    head::{AUDIT_SCHEME, digest},
    merkle::{Frontier, Hash, leaf_hash},
};
use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_model::{
    instant::Instant,
    record::audit::{AuditEntry, AuditHead},
};
use chuky_pki::crypto::PublicKey;

/// The time of the first head over this entry, where that head is the audit key's and has exactly this entry under it; `None` of any other.
/// `audit_key` is SPKI DER. Reads the hashes of the whole log up to that head: for what is seldom asked.
pub async fn told_at(store: &Store, audit_key: &[u8], entry: &AuditEntry) -> Result<Option<Instant>> {
    let key = PublicKey::from_spki_der(audit_key).map_err(|error| InternalError::Pki(error.to_string()))?;
    let Some(stored) = store.audit_leaf_of_entry(entry.id).await? else { return Ok(None) };
    let hash = leaf_hash(&leaf(entry));
    // The first head of a size beyond its place.
    let heads = store.list_audit_heads(stored.sequence, 1).await?;
    let Some(head) = heads.first().filter(|_| stored.hash == hash) else { return Ok(None) };
    let root: Option<Hash> = head.root_hash.clone().try_into().ok();
    let Some(root) = root.filter(|root| is_signed(&key, head, root)) else { return Ok(None) };
    let under = root_over(store, head.size, (stored.sequence, hash)).await?;
    Ok((under == Some(root)).then_some(head.signed_at))
}

fn is_signed(key: &PublicKey, head: &AuditHead, root: &Hash) -> bool {
    let Ok(size) = u64::try_from(head.size) else { return false };
    key.verify_digest(AUDIT_SCHEME.into(), &digest(size, root, head.signed_at), &head.signature).is_ok()
}

/// The root over so many leaves, one of which is that hash in its place; `None` where one is missing.
async fn root_over(store: &Store, size: i64, (place, hash): (i64, Hash)) -> Result<Option<Hash>> {
    let (mut frontier, mut next) = (Frontier::default(), 0);
    while next < size {
        let page = store.audit_hashes(next, size.saturating_sub(next).min(PAGE)).await?;
        if page.is_empty() {
            return Ok(None);
        }
        for (sequence, stored) in page {
            let stored = stored.try_into().ok().filter(|_| sequence == next);
            let Some(stored) = stored else { return Ok(None) };
            frontier.append(if sequence == place { hash } else { stored });
            next = next.saturating_add(1);
        }
    }
    Ok(Some(frontier.root()))
}

/// Hashes read at a time.
const PAGE: i64 = 10_000;

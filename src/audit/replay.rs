//! Follows the log as it grows, for memories that are made from it. Every entry's leaf is checked, and the whole against each signed
//! head that is met and the one remembered outside the database, so that an entry that was changed or taken out stops the memory
//! rather than being forgotten. Reads only.

use super::{
    entry::leaf,
    head::{AUDIT_SCHEME, RememberedHead, digest},
    merkle::{Frontier, Hash, leaf_hash},
};
use crate::{
    error::{Error, InternalError, Result},
    store::Store,
};
use chuky_model::record::audit::{AuditEntry, AuditHead};
use chuky_pki::crypto::PublicKey;

/// A reader of the log that knows how far it has come.
pub struct Replay {
    store: Store,
    key: PublicKey,
    remembered: RememberedHead,
    /// Over the entries under the newest head that was met.
    frontier: Frontier,
}

impl Replay {
    /// A reader at the log's beginning. `audit_key` is SPKI DER.
    pub fn new(store: Store, audit_key: &[u8], remembered: RememberedHead) -> Result<Self> {
        let key = PublicKey::from_spki_der(audit_key).map_err(|error| InternalError::Pki(error.to_string()))?;
        Ok(Self { store, key, remembered, frontier: Frontier::default() })
    }

    /// Shows every entry since the last call whose kind is `noun.…` for one of the nouns: those under the log's head once, those that wait or were
    /// appended since perhaps again. What was committed before the call is shown.
    pub async fn advance(&mut self, nouns: &[&str], mut visit: impl FnMut(&AuditEntry)) -> Result<()> {
        // An entry that leaves the queue while this reads is found among the leaves, which are read after it.
        let mut waiting = Vec::new();
        for noun in nouns {
            waiting.extend(self.store.pending_audit_entries_of(noun, MOST_WAITING).await?);
        }
        if i64::try_from(waiting.len()).is_ok_and(|count| count >= MOST_WAITING) {
            return Err(off("the audit log does not advance"));
        }
        // The remembered head first: it is never newer than the stored one.
        let remembered = self.remembered.load()?.map(|head| (head.size, head.root));
        let head = self.store.latest_audit_head().await?;
        let signed = head.as_ref().map_or(0, |head| u64::try_from(head.size).unwrap_or(0));
        if remembered.is_some_and(|(size, _)| size > signed) {
            return Err(off("the audit log is shorter than was remembered"));
        }
        let mut next = self.frontier.size();
        loop {
            let from = i64::try_from(next).unwrap_or(i64::MAX);
            let page = self.store.list_audit_leaves(from, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for (stored, entry) in page {
                let hash = leaf_hash(&leaf(&entry));
                if u64::try_from(stored.sequence) != Ok(next) || stored.hash != hash {
                    return Err(off("an entry of the audit log was changed or is missing"));
                }
                next += 1;
                if is_of(&entry, nouns) {
                    visit(&entry);
                }
                if next <= signed {
                    self.frontier.append(hash);
                    self.compare(head.as_ref(), remembered)?;
                }
            }
        }
        if self.frontier.size() < signed {
            return Err(off("the audit log is shorter than its head"));
        }
        waiting.iter().for_each(visit);
        Ok(())
    }

    /// The frontier against the heads of its size.
    fn compare(&self, head: Option<&AuditHead>, remembered: Option<(u64, Hash)>) -> Result<()> {
        let size = self.frontier.size();
        if remembered.is_some_and(|(of, root)| of == size && root != self.frontier.root()) {
            return Err(off("the audit log is not the one that was remembered"));
        }
        let Some(head) = head.filter(|head| u64::try_from(head.size) == Ok(size)) else { return Ok(()) };
        let root = self.frontier.root();
        let digest = digest(size, &root, head.signed_at);
        let genuine = self.key.verify_digest(AUDIT_SCHEME.into(), &digest, &head.signature).is_ok();
        if head.root_hash == root && genuine { Ok(()) } else { Err(off("the audit log does not match its head")) }
    }
}

fn is_of(entry: &AuditEntry, nouns: &[&str]) -> bool {
    entry.kind.split_once('.').is_some_and(|(noun, _)| nouns.contains(&noun))
}

fn off(what: &str) -> Error {
    tracing::error!(event = "audit_log_not_whole", what);
    InternalError::other(what).into()
}

/// Entries read at a time.
const PAGE: i64 = 1_000;
/// Entries that wait for the sequencer, which takes a thousand a round; more mean that it stands still.
const MOST_WAITING: i64 = 100_000;

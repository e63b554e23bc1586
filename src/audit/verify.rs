//! Checks the whole log: every entry's leaf, every place, every signed head, the head remembered outside the database, and that every entry is in
//! the log or waits for it. An entry that was changed, taken out, put elsewhere, dated back or put in between is found and named. One that
//! whoever has SQL adds at the end is taken in like any other: nothing authorises by an entry alone.

use super::{
    entry::leaf,
    head::{AUDIT_SCHEME, RememberedHead, SignedHead, digest},
    merkle::{Frontier, leaf_hash},
};
use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_model::{instant::Instant, record::audit::AuditHead};
use chuky_pki::crypto::PublicKey;

/// What the check of the log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Entries that were checked.
    pub entries: u64,
    /// Heads that were checked.
    pub heads: u64,
    /// The newest head, where there is one.
    pub head: Option<SignedHead>,
    /// Entries that wait to be appended.
    pub waiting: usize,
    /// What is worth knowing and no fault of the log: its clock was set back.
    pub notices: Vec<String>,
    /// What is off, in words; empty when the log is whole.
    pub faults: Vec<String>,
}

/// Reads the whole log and checks it against its heads, with the audit key's public half (SPKI DER).
pub async fn verify(store: &Store, audit_key: &[u8], remembered: &RememberedHead) -> Result<Findings> {
    let key = PublicKey::from_spki_der(audit_key).map_err(|error| InternalError::Pki(error.to_string()))?;
    let mut findings = Findings::default();
    let mut frontier = Frontier::default();
    let mut heads = Heads::default();
    // Before the log: it is never newer than that.
    let remembered = remembered.load()?;
    loop {
        let from = i64::try_from(frontier.size()).unwrap_or(i64::MAX);
        let page = store.list_audit_leaves(from, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for (stored, entry) in page {
            let sequence = frontier.size();
            if u64::try_from(stored.sequence) != Ok(sequence) {
                findings.faults.push(format!("entry {sequence} is missing"));
                return Ok(findings);
            }
            let hash = leaf_hash(&leaf(&entry));
            if stored.hash != hash {
                findings.faults.push(format!("entry {sequence} ({}) was changed", entry.id));
            }
            frontier.append(hash);
            findings.entries += 1;
            while let Some(head) = heads.next_of(store, frontier.size()).await? {
                check_head(&mut findings, &key, &head, &frontier);
            }
            let head = remembered.as_ref().filter(|head| head.size == frontier.size());
            if head.is_some_and(|head| head.root != frontier.root()) {
                let what = "has another root than was remembered: the log was rewritten";
                findings.faults.push(format!("the log of {} entries {what}", frontier.size()));
            }
        }
    }
    // One that was signed since the last page was read covers entries that were appended since.
    if let Some(head) = heads.next(store).await?
        && store.audit_size().await? < head.size
    {
        findings.faults.push(format!("a head signs {} entries, the log has {}", head.size, frontier.size()));
    }
    let signed = findings.head.as_ref().map_or(0, |head| head.size);
    if let Some(remembered) = remembered.filter(|remembered| signed < remembered.size) {
        findings.faults.push(format!("a head of size {} was remembered, and is gone", remembered.size));
    }
    for id in store.audit_entries_adrift(Instant(0), PAGE).await? {
        findings.faults.push(format!("entry {id} is not in the log and does not wait for it: it was taken out"));
    }
    findings.waiting = store.pending_audit_entries(PAGE).await?.len();
    Ok(findings)
}

/// The signed heads in order, a page at a time.
#[derive(Default)]
struct Heads {
    page: std::collections::VecDeque<AuditHead>,
    after: i64,
}

impl Heads {
    /// The next head, without taking it.
    async fn next(&mut self, store: &Store) -> Result<Option<AuditHead>> {
        if self.page.is_empty() {
            self.page = store.list_audit_heads(self.after, PAGE).await?.into();
        }
        Ok(self.page.front().cloned())
    }

    /// Takes the next head where it is of this size.
    async fn next_of(&mut self, store: &Store, size: u64) -> Result<Option<AuditHead>> {
        match self.next(store).await? {
            Some(head) if u64::try_from(head.size) == Ok(size) => {
                self.after = head.size;
                Ok(self.page.pop_front())
            }
            _ => Ok(None),
        }
    }
}

fn check_head(findings: &mut Findings, key: &PublicKey, row: &AuditHead, frontier: &Frontier) {
    findings.heads += 1;
    let root = frontier.root();
    if row.root_hash != root {
        findings.faults.push(format!("the head of size {} has another root than the entries", row.size));
        return;
    }
    let digest = digest(frontier.size(), &root, row.signed_at);
    if key.verify_digest(AUDIT_SCHEME.into(), &digest, &row.signature).is_err() {
        findings.faults.push(format!("the signature of the head of size {} is wrong", row.size));
        return;
    }
    let head = SignedHead { size: frontier.size(), root, at: row.signed_at, signature: row.signature.clone() };
    if findings.head.as_ref().is_some_and(|older| older.at > head.at) {
        // The audit key signed both: a clock was set back, and nothing was put in.
        findings
            .notices
            .push(format!("the head of size {} is older than one before it: a clock was set back", row.size));
    }
    findings.head = Some(head);
}

/// Tells of entries of the last minutes that are not in the log and do not wait for it; how many.
pub async fn watch_queue(store: &Store, now: Instant) -> Result<usize> {
    let adrift = store.audit_entries_adrift(now.plus_seconds(-LOOKED_BACK), PAGE).await?;
    for id in &adrift {
        tracing::error!(event = "audit_entry_taken_out", entry = %id);
    }
    Ok(adrift.len())
}

/// Entries and heads read at a time.
const PAGE: i64 = 1_000;
/// Seconds: an entry waits for less than one, and the queue is looked at twice a minute.
const LOOKED_BACK: i64 = 120;

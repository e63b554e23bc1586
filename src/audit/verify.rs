//! Checks the whole log: every entry's leaf, every place, every signed head, and the head remembered outside the database.
//! A changed, dropped, reordered, back-dated or invented entry is found and named.

use super::{
    entry::leaf,
    head::{AUDIT_SCHEME, RememberedHead, SignedHead, digest},
    merkle::{Frontier, leaf_hash},
};
use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_model::record::audit::AuditHead;
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
    /// What is off, in words; empty when the log is whole.
    pub faults: Vec<String>,
}

/// Reads the whole log and checks it against its heads, with the audit key's public half (SPKI DER).
pub async fn verify(store: &Store, audit_key: &[u8], remembered: &RememberedHead) -> Result<Findings> {
    let key = PublicKey::from_spki_der(audit_key).map_err(|error| InternalError::Pki(error.to_string()))?;
    let mut findings = Findings::default();
    let mut frontier = Frontier::default();
    let mut heads = Heads::default();
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
        }
    }
    if let Some(head) = heads.next(store).await? {
        findings.faults.push(format!("a head signs {} entries, the log has {}", head.size, frontier.size()));
    }
    check_remembered(&mut findings, remembered)?;
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
        findings.faults.push(format!("the head of size {} is older than one before it", row.size));
    }
    findings.head = Some(head);
}

fn check_remembered(findings: &mut Findings, remembered: &RememberedHead) -> Result<()> {
    let Some(remembered) = remembered.load()? else { return Ok(()) };
    match &findings.head {
        Some(head) if head.size >= remembered.size => {}
        _ => findings.faults.push(format!("a head of size {} was remembered, and is gone", remembered.size)),
    }
    Ok(())
}

/// Entries and heads read at a time.
const PAGE: i64 = 1_000;

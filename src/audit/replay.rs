//! Follows the log as it grows, for memories that are made from it. Every entry's leaf is checked, and the whole against each signed
//! head that is met and the one remembered outside the database, so that an entry that was changed or taken out stops the memory
//! rather than being forgotten. Reads only.

use super::{
    entry::leaf,
    evidence::{Evidence, contradiction, not_whole},
    head::RememberedHead,
    merkle::{Frontier, leaf_hash},
    versions::RowVersions,
};
use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_model::record::audit::AuditEntry;
use chuky_pki::crypto::PublicKey;

/// A reader of the log that knows how far it has come.
pub struct Replay {
    store: Store,
    key: PublicKey,
    remembered: RememberedHead,
    /// Over the entries under the newest head that was met.
    frontier: Frontier,
    /// What was found to contradict, once and for all: whoever asks again is told the same.
    broken: Option<String>,
}

impl Replay {
    /// A reader at the log's beginning. `audit_key` is SPKI DER.
    pub fn new(store: Store, audit_key: &[u8], remembered: RememberedHead) -> Result<Self> {
        let key = PublicKey::from_spki_der(audit_key).map_err(|error| InternalError::Pki(error.to_string()))?;
        Ok(Self { store, key, remembered, frontier: Frontier::default(), broken: None })
    }

    /// Goes on after the entries of this frontier, which whoever calls vouches for: that they are the log's is seen where its heads fit.
    pub(super) fn resume(&mut self, frontier: Frontier) {
        (self.frontier, self.broken) = (frontier, None);
    }

    /// Begins after what stands for the log's beginning, where it was found to be that when the versions of rows were read: shows what it keeps, and
    /// goes on from where nothing about payments since that day (UTC) is passed over.
    pub async fn begin(&mut self, rows: &RowVersions, first_day: i64, visit: impl FnMut(&AuditEntry)) -> Result<()> {
        rows.read().await?;
        if let Some(beginning) = rows.beginning() {
            beginning.show(visit);
            self.resume(beginning.since(first_day).clone());
        }
        Ok(())
    }

    /// Shows every entry since the last call whose kind is `noun.…` for one of the nouns: those under the log's head once, those that wait or were
    /// appended since perhaps again. What was committed before the call is shown.
    pub async fn advance(&mut self, nouns: &[&str], visit: impl FnMut(&AuditEntry)) -> Result<()> {
        self.unbroken()?;
        // An entry that leaves the queue while this reads is found among the leaves, which are read after it.
        let mut waiting = Vec::new();
        for noun in nouns {
            waiting.extend(self.store.pending_audit_entries_of(noun, MOST_WAITING).await?);
        }
        if i64::try_from(waiting.len()).is_ok_and(|count| count >= MOST_WAITING) {
            return Err(InternalError::other("the audit log does not advance").into());
        }
        let mut visit = visit;
        let shown = |_: &Frontier, entry: &AuditEntry| {
            if is_of(entry, nouns) {
                visit(entry)
            }
        };
        self.take(shown, true).await?;
        waiting.iter().for_each(visit);
        Ok(())
    }

    /// Shows every entry of the log since the last call: those under its head once, those appended since perhaps again. None that only waits.
    pub async fn advance_over_all(&mut self, mut visit: impl FnMut(&AuditEntry)) -> Result<()> {
        self.unbroken()?;
        self.take(|_, entry| visit(entry), true).await
    }

    /// Shows every entry under the log's head since the last call, once and with what lies before it; none that was only appended.
    pub(super) async fn advance_under_head(&mut self, visit: impl FnMut(&Frontier, &AuditEntry)) -> Result<()> {
        self.unbroken()?;
        self.take(visit, false).await
    }

    /// Over the entries under a signed head that were read.
    pub(super) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// How many entries under a signed head were read.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    fn unbroken(&self) -> Result<()> {
        match &self.broken {
            Some(what) => Err(InternalError::LogNotWhole(what.clone()).into()),
            None => Ok(()),
        }
    }

    async fn take(&mut self, visit: impl FnMut(&Frontier, &AuditEntry), beyond: bool) -> Result<()> {
        match self.read_on(visit, beyond).await {
            Ok(frontier) => self.frontier = frontier,
            Err(error) => {
                self.broken = contradiction(&error).map(str::to_owned);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reads on from where the last reading that succeeded ended, perhaps beyond the signed head; how far this one came.
    async fn read_on(&self, mut visit: impl FnMut(&Frontier, &AuditEntry), beyond: bool) -> Result<Frontier> {
        let evidence = Evidence::now(&self.store, &self.key, &self.remembered).await?;
        let mut frontier = self.frontier.clone();
        if evidence.signed() < frontier.size() {
            return Err(not_whole("the audit log is shorter than it was"));
        }
        evidence.compare(&frontier)?;
        let mut next = frontier.size();
        while beyond || next < evidence.signed() {
            let from = i64::try_from(next).unwrap_or(i64::MAX);
            let page = self.store.list_audit_leaves(from, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for (stored, entry) in page {
                let hash = leaf_hash(&leaf(&entry));
                if u64::try_from(stored.sequence) != Ok(next) || stored.hash != hash {
                    return Err(not_whole("an entry of the audit log was changed or is missing"));
                }
                next += 1;
                if beyond || next <= evidence.signed() {
                    visit(&frontier, &entry);
                }
                if next <= evidence.signed() {
                    frontier.append(hash);
                    evidence.compare(&frontier)?;
                }
            }
        }
        if frontier.size() < evidence.signed() {
            return Err(not_whole("the audit log is shorter than its head"));
        }
        Ok(frontier)
    }
}

fn is_of(entry: &AuditEntry, nouns: &[&str]) -> bool {
    entry.kind.split_once('.').is_some_and(|(noun, _)| nouns.contains(&noun))
}

/// Entries read at a time.
const PAGE: i64 = 1_000;
/// Entries that wait for the sequencer, which takes a thousand a round; more mean that it stands still.
const MOST_WAITING: i64 = 100_000;

//! The newest version of each row that authorises, and whose the accounts are, as the audit log tells it: kept in memory, made from a
//! reading of the whole log that checks every leaf against the signed heads, and fed by the sequencer with whatever is appended, on this node
//! or on another. What SQL says besides may raise a version and never lower it. Holds numbers under digests only and decides nothing.

use super::{
    entry::Kind,
    evidence::contradiction,
    merkle::Frontier,
    replay::Replay,
    summary::{Beginning, Summaries, Summary},
};
use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_model::{id::AccountId, record::audit::AuditEntry};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// What the log says about versions of rows. One of each process, shared.
pub struct RowVersions {
    store: Store,
    known: Mutex<Known>,
    /// Reads the log up to where the sequencer goes on.
    reader: tokio::sync::Mutex<Replay>,
    /// What the log's beginning comes to, until it was found to be that or not.
    offered: Mutex<Option<Summary>>,
    /// What was found to be the log's beginning, for other memories.
    beginning: Mutex<Option<Beginning>>,
    /// The entries of a beginning that was not read at the start, and how many of them have been read since.
    unread: Mutex<Option<(Frontier, u64)>>,
}

/// A row or a person, as it is known here.
pub(super) type Key = [u8; 12];

/// Nothing of it is ever dropped: what is not known here would be believed of SQL.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// How many entries of the log were read; `None` before it was read at all.
    read: Option<u64>,
    /// How many entries the sequencer found before it showed the first.
    unseen: u64,
    /// 17 octets a place, of which between 7/16 and 7/8 are taken.
    versions: HashMap<Key, u32>,
    /// Accounts by the person whose they are.
    persons: BTreeSet<(Key, Uuid)>,
    /// Why nothing is said any more.
    broken: Option<String>,
}

impl RowVersions {
    /// Nothing is known before it is first asked, or [`Self::read`].
    pub(super) fn new(store: Store, reader: Replay) -> Self {
        Self {
            store,
            known: Mutex::default(),
            reader: tokio::sync::Mutex::new(reader),
            offered: Mutex::default(),
            beginning: Mutex::default(),
            unread: Mutex::default(),
        }
    }

    /// Reads on from what is kept of the log's beginning, where the log turns out to continue it. To be called before anything is asked.
    pub async fn resume(&self, summaries: &Summaries) {
        let kept = summaries.load().await;
        *locked(&self.offered) = kept;
    }

    /// What was kept of the log's beginning and was found to be that, for one other memory.
    pub(super) fn beginning(&self) -> Option<Beginning> {
        locked(&self.beginning).take()
    }

    /// Over the entries that were not read at the start, and are to be.
    pub(super) fn unread(&self) -> Option<Frontier> {
        locked(&self.unread).as_ref().map(|(frontier, _)| frontier.clone())
    }

    /// How many entries were not read at the start and not since; 0 where all were.
    pub fn still_unread(&self) -> u64 {
        locked(&self.unread).as_ref().map_or(0, |(frontier, read)| frontier.size().saturating_sub(*read))
    }

    /// So many of them have been read by now.
    pub(super) fn read_again(&self, entries: u64) {
        if let Some((_, read)) = &mut *locked(&self.unread) {
            *read = entries;
        }
    }

    /// All entries have been read by now.
    pub(super) fn all_read(&self) {
        *locked(&self.unread) = None;
    }

    /// The log was found to contradict itself: nothing is said any more.
    pub(super) fn refuse(&self, what: String) {
        self.known().broken = Some(what);
    }

    /// What the log was found to contradict; `None` where it is whole as far as it was read.
    pub fn broken(&self) -> Option<String> {
        self.known().broken.clone()
    }

    /// The newest version of a row (`noun:key`); 0 where the log knows of none. Refused where the log contradicts itself or its heads.
    pub async fn newest(&self, subject: &str) -> Result<i64> {
        self.read().await?;
        Ok(self.known().newest(subject))
    }

    /// The same, raised by what was recorded and is not appended yet: for what is rare and worth most, so that not even the moment is open
    /// until another node's entry has been appended.
    pub async fn newest_by_log(&self, subject: &str) -> Result<i64> {
        let recorded = self.store.newest_row_version(subject).await?.unwrap_or(0);
        Ok(recorded.max(self.newest(subject).await?))
    }

    /// The accounts that the log says are that person's, by the entries' subject.
    pub async fn accounts_named(&self, subject: &str) -> Result<BTreeSet<AccountId>> {
        self.read().await?;
        let person = key(subject);
        let known = self.known();
        Ok(known.persons.range((person, Uuid::nil())..=(person, Uuid::max())).map(|(_, id)| AccountId(*id)).collect())
    }

    /// A genuine row of this version was seen, so that everything before it is old.
    pub fn learn(&self, subject: &str, version: i64) {
        self.known().raise(subject, version);
    }

    /// Reads the log where that was not done yet.
    pub async fn read(&self) -> Result<()> {
        self.read_while(async || ()).await
    }

    /// The same; `meanwhile` happens between a reading and what is made of it.
    async fn read_while(&self, meanwhile: impl AsyncFn()) -> Result<()> {
        {
            let known = self.known();
            if let Some(what) = &known.broken {
                return Err(InternalError::LogNotWhole(what.clone()).into());
            }
            if known.is_read() {
                return Ok(());
            }
        }
        let mut reader = self.reader.lock().await;
        // Somebody else may have read it meanwhile.
        if self.known().is_read() {
            return Ok(());
        }
        self.read_after_summary(&mut reader).await?;
        // While this reads, another node appends and the sequencer may begin behind that: then what lies between is read, too.
        for _ in 0..2 {
            reader.advance_over_all(|entry| self.known().take_in(entry)).await?;
            meanwhile().await;
            let mut known = self.known();
            known.read = Some(reader.size());
            if known.is_read() {
                return Ok(());
            }
        }
        Err(InternalError::LogNotWhole("the audit log is shorter than it was".to_owned()).into())
    }

    /// Takes over what is kept of the log's beginning where the log, read on from there, fits its signed head; leaves it aside otherwise.
    async fn read_after_summary(&self, reader: &mut Replay) -> Result<()> {
        let Some(Summary { frontier, mut known, beginning }) = locked(&self.offered).take() else { return Ok(()) };
        reader.resume(frontier.clone());
        match reader.advance_over_all(|entry| known.take_in(entry)).await {
            Ok(()) => {
                self.known().join(known);
                *locked(&self.beginning) = Some(beginning);
                *locked(&self.unread) = Some((frontier, 0));
                Ok(())
            }
            Err(error) => {
                reader.resume(Frontier::default());
                // Whether that is the log's fault or the summary's is told by the log alone.
                let reason = contradiction(&error).map(str::to_owned).ok_or(error)?;
                tracing::warn!(event = "audit_summary_not_used", reason);
                Ok(())
            }
        }
    }

    /// What appended entries tell.
    pub(super) fn learn_from<'e>(&self, entries: impl IntoIterator<Item = &'e AuditEntry>) {
        let mut known = self.known();
        entries.into_iter().for_each(|entry| known.take_in(entry));
    }

    /// The sequencer shows what comes after that many entries; those before are read here.
    pub(super) fn shown_after(&self, entries: u64) {
        self.known().unseen = entries;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        locked(&self.known)
    }
}

fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn is_read(&self) -> bool {
        self.read.is_some_and(|read| read >= self.unseen)
    }

    fn newest(&self, subject: &str) -> i64 {
        self.versions.get(&key(subject)).copied().map_or(0, i64::from)
    }

    /// What is known, to be kept.
    pub(super) fn parts(&self) -> (&HashMap<Key, u32>, &BTreeSet<(Key, Uuid)>) {
        (&self.versions, &self.persons)
    }

    pub(super) fn restore_version(&mut self, key: Key, version: u32) {
        self.versions.insert(key, version);
    }

    pub(super) fn restore_person(&mut self, key: Key, account: Uuid) {
        self.persons.insert((key, account));
    }

    /// Takes over what another reading knows. The larger one stays where it is.
    fn join(&mut self, mut other: Self) {
        if self.versions.len() < other.versions.len() {
            std::mem::swap(&mut self.versions, &mut other.versions);
        }
        for (key, version) in other.versions {
            let known = self.versions.entry(key).or_insert(version);
            *known = version.max(*known);
        }
        self.persons.append(&mut other.persons);
    }

    pub(super) fn take_in(&mut self, entry: &AuditEntry) {
        if let Some(version) = entry.row_version {
            self.raise(&entry.subject, version);
        }
        if entry.kind == Kind::PersonNamed.name()
            && let Ok(content) = serde_json::from_slice::<serde_json::Value>(&entry.content)
            && let Some(account) = content.get("account").and_then(|id| id.as_str()?.parse::<AccountId>().ok())
        {
            self.persons.insert((key(&entry.subject), account.0));
        }
    }

    /// Versions only grow. A version that no row reaches is kept as the highest that can be.
    fn raise(&mut self, subject: &str, version: i64) {
        let version = u32::try_from(version.max(0)).unwrap_or(u32::MAX);
        let known = self.versions.entry(key(subject)).or_insert(version);
        *known = version.max(*known);
    }
}

/// Identifiers are given by the service, so that nobody chooses them to collide: 96 bits are enough.
fn key(subject: &str) -> Key {
    let digest: [u8; 32] = Sha256::digest(subject).into();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..12]);
    key
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::audit::{
        entry::leaf,
        head::{AUDIT_KEY, RememberedHead, digest},
        merkle::{Frontier, leaf_hash},
    };
    use chuky_model::{
        id::AuditEntryId,
        instant::Instant,
        record::audit::{AuditHead, AuditLeaf},
    };
    use openssl::{
        ec::{EcGroup, EcKey},
        ecdsa::EcdsaSig,
        nid::Nid,
        pkey::{PKey, Private},
    };

    fn entry(kind: &str, subject: &str, content: &str, row_version: Option<i64>) -> AuditEntry {
        AuditEntry {
            id: AuditEntryId(Uuid::now_v7()),
            recorded_at: Instant(1),
            kind: kind.to_owned(),
            actor: "service".to_owned(),
            subject: subject.to_owned(),
            content: content.as_bytes().to_vec(),
            row_version,
        }
    }

    #[test]
    fn versions_grow_and_a_flood_drops_none() {
        let mut known = Known::default();
        assert_eq!(known.newest("account:1"), 0);
        known.raise("account:1", 3);
        known.raise("account:1", 2);
        for row in 0..=200_000 {
            known.take_in(&entry("account.changed", &row.to_string(), "{}", Some(1)));
        }
        assert_eq!(known.newest("account:1"), 3);
        known.raise("account:2", i64::MAX);
        assert_eq!(known.newest("account:2"), i64::from(u32::MAX));
        known.raise("account:3", -1);
        assert_eq!(known.newest("account:3"), 0);
    }

    #[test]
    fn persons_are_kept_by_their_subject() {
        let mut known = Known::default();
        let account = Uuid::now_v7();
        known.take_in(&entry("person.named", "person:1", &format!(r#"{{"account":"{account}"}}"#), None));
        known.take_in(&entry("person.named", "person:2", "{}", None));
        known.take_in(&entry("account.created", "person:3", &format!(r#"{{"account":"{account}"}}"#), None));
        assert_eq!(known.persons.into_iter().collect::<Vec<_>>(), [(key("person:1"), account)]);
    }

    /// A log that another node appends to and signs.
    struct OtherNode {
        store: Store,
        key: EcKey<Private>,
        frontier: tokio::sync::Mutex<Frontier>,
    }

    impl OtherNode {
        /// Appends one entry of that version of a row, under a head of its own; how many there are then.
        async fn append(&self, version: i64) -> u64 {
            let mut frontier = self.frontier.lock().await;
            let (entry, before) = (entry("account.changed", "account:1", "{}", Some(version)), frontier.size());
            let hash = leaf_hash(&leaf(&entry));
            frontier.append(hash);
            let (size, previous_size) = (frontier.size(), i64::try_from(before).unwrap());
            let signature = EcdsaSig::sign(&digest(size, &frontier.root(), Instant(1)), &self.key).unwrap();
            let head = AuditHead {
                size: i64::try_from(size).unwrap(),
                previous_size,
                root_hash: frontier.root().to_vec(),
                signed_at: Instant(1),
                key_label: AUDIT_KEY.to_owned(),
                signature: signature.to_der().unwrap(),
            };
            let mut transaction = self.store.begin().await.unwrap();
            transaction.insert_audit_entry(&entry).await.unwrap();
            let leaf = AuditLeaf { sequence: previous_size, entry_id: entry.id, hash: hash.to_vec() };
            transaction.append_audit_leaves(&[leaf]).await.unwrap();
            transaction.insert_audit_head(&head).await.unwrap();
            transaction.commit().await.unwrap();
            size
        }
    }

    /// A node starts beside one that appends: its sequencer begins behind what its reader had read.
    #[tokio::test]
    async fn what_is_appended_while_the_log_is_read_is_read_too() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_file(&directory.path().join("chuky.db")).await.unwrap();
        let key = EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap();
        let spki = PKey::from_ec_key(key.clone()).unwrap().public_key_to_der().unwrap();
        let other = OtherNode { store: store.clone(), key, frontier: tokio::sync::Mutex::default() };
        other.append(1).await;
        let remembered = RememberedHead::at(directory.path().join("audit-head.json"));
        let rows = RowVersions::new(store.clone(), Replay::new(store.clone(), &spki, remembered.clone()).unwrap());
        let looks = std::sync::atomic::AtomicU64::new(0);
        // After the first reading the other node appends, and the sequencer here begins behind that.
        let meanwhile = async || {
            if looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                other.append(2).await;
                rows.shown_after(other.append(3).await);
            }
        };
        rows.read_while(meanwhile).await.unwrap();
        assert_eq!(rows.newest("account:1").await.unwrap(), 3);
        assert_eq!(looks.into_inner(), 2);
        // A log that does not reach what the sequencer found is not whole.
        let rows = RowVersions::new(store.clone(), Replay::new(store, &spki, remembered).unwrap());
        rows.shown_after(4);
        assert!(matches!(rows.read().await, Err(crate::error::Error::Internal(InternalError::LogNotWhole(_)))));
    }

    #[test]
    fn what_the_sequencer_did_not_show_is_read() {
        let mut known = Known::default();
        assert!(!known.is_read());
        known.read = Some(3);
        assert!(known.is_read());
        known.unseen = 4;
        assert!(!known.is_read());
    }
}

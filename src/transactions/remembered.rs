//! The identities of accepted payments, in memory, as the audit log tells them: what makes a payment that was accepted stay accepted when
//! SQL takes its row away. Fed by the log's replay at the start, by each commit here, and by whatever other nodes append; it is asked only
//! about payments that the database takes for new. Holds the first 64 bits of keyed hashes, and digests of rows that were found genuine.

use crate::audit::Kind;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::{
    instant::Instant,
    record::{audit::AuditEntry, payment::PaymentIdentity},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicI64, Ordering},
    },
};

/// The content of the audit entry about a group of accepted payments.
#[derive(Serialize, Deserialize)]
pub(super) struct GroupContent {
    pub count: i64,
    /// SHA-256 over the group's rows, hex.
    pub digest: String,
    /// The first 64 bits of each identity, base64.
    #[serde(default)]
    pub identities: String,
}

/// What is read of the audit entry about payments that were removed.
#[derive(Deserialize)]
struct ForgottenContent {
    /// RFC 3339.
    before: String,
}

/// The first 64 bits of each of these identities, as the log carries them.
pub(super) fn joined(rows: &[&PaymentIdentity]) -> String {
    let octets: Vec<u8> =
        rows.iter().flat_map(|row| row.identity.iter().take(OCTETS_OF_IDENTITY).copied().collect::<Vec<_>>()).collect();
    STANDARD.encode(octets)
}

/// What is remembered, day by day (UTC).
#[derive(Debug)]
pub struct Remembered {
    days: RwLock<BTreeMap<i64, HashSet<u64, BuildHasherDefault<AlreadyHashed>>>>,
    most: usize,
    /// Earlier days are over: the log may tell of them once more.
    first: AtomicI64,
    /// Rows of payments that were accepted before this have been removed.
    forgotten: AtomicI64,
    /// SHA-256 of rows that were found genuine of late: a row never changes, so whoever asks again and again costs one row, not its group.
    genuine: Mutex<HashSet<[u8; 32]>>,
}

impl Remembered {
    /// An empty memory for so many payments of that day and later ones.
    pub fn new(most: usize, first: i64) -> Self {
        let (first, forgotten) = (AtomicI64::new(first), AtomicI64::new(i64::MIN));
        Self { days: RwLock::default(), most, first, forgotten, genuine: Mutex::default() }
    }

    /// Learns from an entry of the audit log; entries about other things are passed over.
    pub fn read(&self, entry: &AuditEntry) {
        if entry.kind == Kind::PaymentsForgotten.name() {
            let read = serde_json::from_slice::<ForgottenContent>(&entry.content).ok();
            if let Some(before) = read.and_then(|content| Instant::parse_rfc3339(&content.before)) {
                self.forgot_before(before);
            }
        }
        let day = day(entry.recorded_at);
        let first = self.first.load(Ordering::SeqCst).max(self.forgotten().map_or(i64::MIN, self::day));
        if entry.kind != Kind::PaymentsConsumed.name() || day < first {
            return;
        }
        let read = serde_json::from_slice::<GroupContent>(&entry.content).ok();
        let octets = read.and_then(|content| STANDARD.decode(content.identities).ok()).unwrap_or_default();
        let identities = octets.chunks_exact(OCTETS_OF_IDENTITY).map(fingerprint);
        let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
        days.entry(day).or_default().extend(identities);
    }

    /// Learns payments that were just accepted here.
    pub fn learn(&self, at: Instant, identities: impl Iterator<Item = [u8; 32]>) {
        let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
        days.entry(day(at)).or_default().extend(identities.map(|identity| fingerprint(&identity)));
    }

    /// The first day (UTC) that is remembered.
    pub fn first_day(&self) -> i64 {
        self.first.load(Ordering::SeqCst)
    }

    /// Whether a payment of this identity was accepted. For a payment that was not, the answer is wrong once in 10¹² questions at ten
    /// million remembered payments.
    pub fn holds(&self, identity: &[u8]) -> bool {
        let fingerprint = fingerprint(identity);
        self.memory().values().any(|day| day.contains(&fingerprint))
    }

    /// Whether the row of that digest was found genuine here of late.
    pub(super) fn is_genuine(&self, digest: &[u8; 32]) -> bool {
        self.genuine.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    /// The row of that digest was found genuine.
    pub(super) fn found_genuine(&self, digest: [u8; 32]) {
        let mut genuine = self.genuine.lock().unwrap_or_else(PoisonError::into_inner);
        if genuine.len() >= MOST_GENUINE {
            genuine.clear();
        }
        genuine.insert(digest);
    }

    /// Whether there is room for another group.
    pub fn has_room(&self) -> bool {
        self.count() < self.most
    }

    /// How many payments are remembered.
    pub fn count(&self) -> usize {
        self.memory().values().map(HashSet::len).sum()
    }

    /// Rows of payments accepted before that moment are being removed, here or on another node. Whoever judges refuses their orders.
    pub fn forgot_before(&self, before: Instant) {
        self.forgotten.fetch_max(before.0, Ordering::SeqCst);
        let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
        *days = days.split_off(&day(before));
    }

    /// Before when accepted payments have left no row; `None` where none was ever removed.
    pub fn forgotten(&self) -> Option<Instant> {
        Some(Instant(self.forgotten.load(Ordering::SeqCst))).filter(|before| before.0 > i64::MIN)
    }

    /// Forgets the days before that one; where it lies further back than before, what the log tells from now on of the days between is kept.
    pub fn forget_before(&self, first: i64) {
        self.first.store(first, Ordering::SeqCst);
        let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
        *days = days.split_off(&first);
    }

    fn memory(&self) -> RwLockReadGuard<'_, BTreeMap<i64, HashSet<u64, BuildHasherDefault<AlreadyHashed>>>> {
        self.days.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The day (UTC) of an instant, as the database counts them.
pub fn day(at: Instant) -> i64 {
    at.0.div_euclid(MICROSECONDS_A_DAY)
}

fn fingerprint(identity: &[u8]) -> u64 {
    let mut octets = [0; OCTETS_OF_IDENTITY];
    octets.iter_mut().zip(identity).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(octets)
}

/// Identities are keyed hashes, which nobody outside can choose: hashing them again would only cost time.
#[derive(Debug, Default)]
pub struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        self.0 = octets.iter().fold(self.0, |hash, octet| hash.rotate_left(8) ^ u64::from(*octet));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Octets of an identity that are remembered and logged.
const OCTETS_OF_IDENTITY: usize = 8;
/// Digests of genuine rows that are kept: four megabytes.
const MOST_GENUINE: usize = 65_536;
/// Microseconds in a day.
pub const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::id::{AccountId, AuditEntryId, BatchId};
    use uuid::Uuid;

    fn row(number: u64) -> PaymentIdentity {
        let mut identity = vec![7; 32];
        identity[..8].copy_from_slice(&number.to_be_bytes());
        PaymentIdentity {
            identity,
            order_digest: vec![1; 32],
            provider_id: AccountId(Uuid::nil()),
            accepted_at: Instant(0),
            batch_id: BatchId(Uuid::nil()),
        }
    }

    #[test]
    fn the_log_and_the_commit_teach_the_same_and_days_end() {
        let rows: Vec<_> = (0..300).map(row).collect();
        let content =
            GroupContent { count: 300, digest: String::new(), identities: joined(&rows.iter().collect::<Vec<_>>()) };
        let entry = |kind: Kind, content: Vec<u8>| AuditEntry {
            id: AuditEntryId(Uuid::nil()),
            recorded_at: Instant(3 * MICROSECONDS_A_DAY + 5),
            kind: kind.name().to_owned(),
            actor: "service".to_owned(),
            subject: String::new(),
            content,
            row_version: None,
        };
        let (told, learnt) = (Remembered::new(301, 3), Remembered::new(300, 3));
        told.read(&entry(Kind::PaymentsConsumed, serde_json::to_vec(&content).unwrap()));
        told.read(&entry(Kind::PaymentConflict, serde_json::to_vec(&content).unwrap()));
        told.read(&entry(Kind::PaymentsConsumed, b"{}".to_vec()));
        learnt.learn(Instant(3 * MICROSECONDS_A_DAY), rows.iter().map(|row| row.identity.clone().try_into().unwrap()));
        for memory in [&told, &learnt] {
            assert_eq!(memory.count(), 300);
            assert!(rows.iter().all(|row| memory.holds(&row.identity)) && !memory.holds(&row(300).identity));
        }
        assert!(told.has_room() && !learnt.has_room());
        learnt.forget_before(3);
        assert_eq!(learnt.count(), 300);
        learnt.forget_before(4);
        learnt.read(&entry(Kind::PaymentsConsumed, serde_json::to_vec(&content).unwrap()));
        assert!(learnt.count() == 0 && !learnt.holds(&rows[0].identity));
        // Back by a day, whose entries count again.
        learnt.forget_before(3);
        learnt.read(&entry(Kind::PaymentsConsumed, serde_json::to_vec(&content).unwrap()));
        assert_eq!(learnt.count(), 300);
        // The greatest of what was removed.
        assert_eq!(learnt.forgotten(), None);
        for (before, greatest) in
            [("1970-01-03T00:00:00Z", 2), ("1970-01-02T00:00:00Z", 2), ("1970-01-04T00:00:00Z", 3)]
        {
            let content = serde_json::json!({ "before": before, "groups": 1, "payments": 1 });
            learnt.read(&entry(Kind::PaymentsForgotten, content.to_string().into_bytes()));
            assert_eq!(learnt.forgotten(), Some(Instant(greatest * MICROSECONDS_A_DAY)));
        }
        // What was removed is missed by nobody, whatever the first day is.
        assert_eq!(learnt.count(), 300);
        learnt.forgot_before(Instant(4 * MICROSECONDS_A_DAY));
        learnt.read(&entry(Kind::PaymentsConsumed, serde_json::to_vec(&content).unwrap()));
        assert_eq!(learnt.count(), 0);
    }
}

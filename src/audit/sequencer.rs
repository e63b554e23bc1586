//! The one writer of the log: takes entries that no transaction has linked yet, gives them their places, and has the new
//! head signed. It holds a lease, so that of several nodes one appends; the others follow and check its heads. Nothing is put on a log that
//! contradicts itself or what is remembered of it: a rewritten history is never signed.

use super::{
    entry::leaf,
    evidence::{Evidence, contradiction, not_whole},
    head::{AUDIT_KEY, AUDIT_SCHEME, RememberedHead, SignedHead, digest},
    merkle::{Frontier, leaf_hash},
    replay::Replay,
    standing::{self, Needed},
    versions::RowVersions,
};
use crate::{
    clock::Clock,
    error::{InternalError, RequestError, Result},
    store::{Held, Store},
};
use chuky_hsm::Hsm;
use chuky_model::{
    id::AuditEntryId,
    instant::Instant,
    record::audit::{AuditEntry, AuditHead, AuditLeaf},
};
use chuky_pki::crypto::PublicKey;
use std::{
    sync::Arc,
    time::{Duration, Instant as Moment},
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Appends entries and signs heads, from a task of its own.
pub struct Sequencer {
    store: Store,
    hsm: Arc<dyn Hsm>,
    audit_key: Vec<u8>,
    public: PublicKey,
    clock: Clock,
    remembered: RememberedHead,
    holder: String,
    held_until: Instant,
    /// While this is held no other process that lives appends, whatever a dead one's lease says.
    alone: Option<Held>,
    /// Over the entries under the newest head that was met and found to fit; `None` before the log was looked at.
    frontier: Option<Frontier>,
    /// What that head says.
    signed_at: Instant,
    /// Nobody but this process has appended since its last round.
    is_writing: bool,
    /// What was found to contradict. Nothing is appended any more.
    broken: Option<String>,
    /// Works on a database that is to be reconciled.
    reconciles: bool,
    /// When it was last asked whether this database may be served from, and when it was last told that nothing is appended.
    looked_at: Option<Moment>,
    told_at: Option<Moment>,
    rows: Arc<RowVersions>,
    listener: Listener,
    heads: watch::Sender<u64>,
    stopped: watch::Sender<Option<Needed>>,
    wake: Arc<Notify>,
}

/// Is shown each entry that is appended, here or by another node; the same one perhaps twice.
pub type Listener = Arc<dyn Fn(&AuditEntry) + Send + Sync>;

/// Lets a flow wait until an entry is under a signed head.
#[derive(Clone)]
pub struct Covered {
    store: Store,
    heads: watch::Receiver<u64>,
    stopped: watch::Receiver<Option<Needed>>,
    wake: Arc<Notify>,
    rows: Arc<RowVersions>,
}

impl Sequencer {
    /// A sequencer over this store, signing with the audit key of the token of status and time, whose `SubjectPublicKeyInfo` is that.
    pub fn new(
        store: Store,
        (hsm, audit_key): (Arc<dyn Hsm>, Vec<u8>),
        clock: Clock,
        remembered: RememberedHead,
        listener: Listener,
    ) -> Result<(Self, Covered)> {
        let public = PublicKey::from_spki_der(&audit_key).map_err(|error| InternalError::Pki(error.to_string()))?;
        let ((heads, watched), (stopped, stops)) = (watch::channel(0), watch::channel(None));
        let wake = Arc::new(Notify::new());
        let reader = Replay::new(store.clone(), &audit_key, remembered.clone())?;
        let rows = Arc::new(RowVersions::new(store.clone(), reader));
        let covered =
            Covered { store: store.clone(), heads: watched, stopped: stops, wake: wake.clone(), rows: rows.clone() };
        let sequencer = Self {
            store,
            hsm,
            audit_key,
            public,
            clock,
            remembered,
            holder: Uuid::now_v7().to_string(),
            held_until: Instant(0),
            alone: None,
            frontier: None,
            signed_at: Instant(0),
            is_writing: false,
            broken: None,
            reconciles: false,
            looked_at: None,
            told_at: None,
            rows,
            listener,
            heads,
            stopped,
            wake,
        };
        Ok((sequencer, covered))
    }

    /// The same for a database that is to be reconciled.
    pub fn reconciling(self) -> Self {
        Self { reconciles: true, ..self }
    }

    /// Appends until the task is dropped, or until the database turns out to be one that may not be served from. A failure is logged and
    /// tried again: entries are safe in their table meanwhile.
    pub async fn run(mut self) {
        loop {
            let done = self.round().await;
            if self.stopped.borrow().is_some() {
                return;
            }
            let Err(error) = done else {
                let _ = tokio::time::timeout(INTERVAL, self.wake.notified()).await;
                continue;
            };
            self.is_writing = false;
            if self.broken.is_none() || self.told_at.is_none_or(|at| at.elapsed() >= TOLD_AGAIN) {
                tracing::error!(event = "audit_append_failed", error = %error);
                self.told_at = Some(Moment::now());
            }
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }

    /// One round: first whether this database may still be served from, then what waits.
    async fn round(&mut self) -> Result<()> {
        if !self.reconciles && self.looked_at.is_none_or(|at| at.elapsed() >= LOOKED_AFTER) {
            if let Some(needed) = standing::needed(&self.store, &self.remembered).await? {
                tracing::error!(event = "database_put_back", reason = %standing::refusal(&needed).detail.en);
                self.stopped.send_replace(Some(needed));
                // Whoever waits for a head is told.
                self.heads.send_modify(|_| ());
                return Ok(());
            }
            self.looked_at = Some(Moment::now());
        }
        if let Some(what) = &self.broken {
            return Err(InternalError::LogNotWhole(what.clone()).into());
        }
        let done = self.append().await;
        self.broken = done.as_ref().err().and_then(contradiction).map(str::to_owned);
        done
    }

    /// Places for whatever waits, then one signed head over all of it.
    pub async fn append(&mut self) -> Result<()> {
        // 1. What is there is looked at before anything is put on it, and before others wait for this process.
        if self.frontier.is_none() {
            self.catch_up().await?;
        }
        if !self.hold_lease().await? {
            self.is_writing = false;
            return self.catch_up().await.map(drop);
        }
        let mut frontier = match self.undisturbed().await? {
            Some(frontier) => frontier,
            None => self.catch_up().await?,
        };
        // 2. Until all of it is done, the next round looks at what became of it.
        self.is_writing = false;
        self.place_waiting(&mut frontier).await?;
        let signed = self.frontier.as_ref().map_or(0, Frontier::size);
        if signed < frontier.size() {
            self.sign_head(frontier, signed).await?;
        }
        self.is_writing = true;
        Ok(())
    }

    /// What the log grows on, where nobody but this process has put anything on it since.
    async fn undisturbed(&self) -> Result<Option<Frontier>> {
        let Some(frontier) = self.frontier.as_ref().filter(|_| self.is_writing) else { return Ok(None) };
        let newest = self.store.latest_audit_head().await?;
        let size = newest.as_ref().map_or(0, |head| u64::try_from(head.size).unwrap_or(0));
        let is_own = newest.is_none_or(|head| head.root_hash == frontier.root());
        match size.cmp(&frontier.size()) {
            std::cmp::Ordering::Equal if is_own => Ok(Some(frontier.clone())),
            std::cmp::Ordering::Greater => Ok(None),
            _ => Err(not_whole("the newest head of the audit log was taken out or replaced")),
        }
    }

    /// Renews the lease only in its second half: an idle log writes little. A process that died lets go of `alone` with its end, so its
    /// lease need not run out; one that only cannot be seen any more keeps it until then.
    async fn hold_lease(&mut self) -> Result<bool> {
        let now = self.clock.now();
        if now.plus_seconds(LEASE_SECONDS / 2) < self.held_until {
            return Ok(true);
        }
        let until = now.plus_seconds(LEASE_SECONDS);
        if !self.alone.as_ref().is_some_and(Held::lasts) {
            self.alone = self.store.hold(LEASE).await?;
        }
        let ended_by = if self.alone.is_some() { Instant(i64::MAX) } else { now };
        let mut transaction = self.store.begin().await?;
        let held = transaction.take_lease(LEASE, &self.holder, ended_by, until).await?.is_some();
        transaction.commit().await?;
        self.held_until = if held { until } else { Instant(0) };
        Ok(held)
    }

    async fn place_waiting(&self, frontier: &mut Frontier) -> Result<()> {
        loop {
            let waiting = self.store.pending_audit_entries(BATCH).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let mut grown = frontier.clone();
            let mut leaves = Vec::with_capacity(waiting.len());
            for entry in &waiting {
                let hash = leaf_hash(&leaf(entry));
                let sequence = size_column(grown.size())?;
                leaves.push(AuditLeaf { sequence, entry_id: entry.id, hash: hash.to_vec() });
                grown.append(hash);
            }
            let mut transaction = self.store.begin().await?;
            transaction.append_audit_leaves(&leaves).await?;
            transaction.commit().await?;
            self.rows.learn_from(&waiting);
            waiting.iter().for_each(|entry| (self.listener)(entry));
            *frontier = grown;
        }
    }

    async fn sign_head(&mut self, frontier: Frontier, previous_size: u64) -> Result<()> {
        let (at, root) = (signing_time(self.clock.now(), self.signed_at), frontier.root());
        let digest = digest(frontier.size(), &root, at);
        let key = (AUDIT_KEY, self.audit_key.as_slice());
        let signature = self.hsm.sign_as(key, AUDIT_SCHEME, &digest).await.map_err(InternalError::Hsm)?;
        let head = SignedHead { size: frontier.size(), root, at, signature };
        let row = AuditHead {
            size: size_column(head.size)?,
            previous_size: size_column(previous_size)?,
            root_hash: head.root.to_vec(),
            signed_at: at,
            key_label: AUDIT_KEY.to_owned(),
            signature: head.signature.clone(),
        };
        let mut transaction = self.store.begin().await?;
        transaction.insert_audit_head(&row).await?;
        transaction.commit().await?;
        self.remembered.save(&head)?;
        self.frontier = Some(frontier);
        self.signed_at = at;
        let _ = self.heads.send_replace(head.size);
        Ok(())
    }

    /// Takes in what the log holds beyond the newest head that was met, whoever appended it, checks it against the heads of now, and remembers
    /// the newest. Returns what the log grows on: with entries that have a place and no head yet.
    async fn catch_up(&mut self) -> Result<Frontier> {
        let evidence = Evidence::now(&self.store, &self.public, &self.remembered).await?;
        let mut signed = match &self.frontier {
            Some(frontier) => frontier.clone(),
            None => {
                let hashed = self.hashed(&evidence).await?;
                self.rows.shown_after(hashed.size());
                hashed
            }
        };
        if evidence.signed() < signed.size() {
            return Err(not_whole("the audit log is shorter than it was"));
        }
        evidence.compare(&signed)?;
        let mut frontier = signed.clone();
        loop {
            let page = self.store.list_audit_leaves(size_column(frontier.size())?, BATCH).await?;
            if page.is_empty() {
                break;
            }
            for (stored, entry) in &page {
                let hash = leaf_hash(&leaf(entry));
                if stored.sequence != size_column(frontier.size())? || stored.hash != hash {
                    return Err(not_whole("an entry of the audit log was changed or is missing"));
                }
                frontier.append(hash);
                evidence.compare(&frontier)?;
                if frontier.size() == evidence.signed() {
                    signed = frontier.clone();
                }
            }
            self.rows.learn_from(page.iter().map(|(_, entry)| entry));
            page.iter().for_each(|(_, entry)| (self.listener)(entry));
        }
        if frontier.size() < evidence.signed() {
            return Err(not_whole("the audit log is shorter than its head"));
        }
        if let Some(head) = evidence.head() {
            if self.frontier.as_ref().map(Frontier::size) != Some(head.size) {
                self.remembered.save(head)?;
            }
            self.signed_at = head.at;
            let _ = self.heads.send_replace(head.size);
        }
        self.frontier = Some(signed);
        Ok(frontier)
    }

    /// The frontier under the newest head, from the leaves' hashes alone: a hash that is not that of its entry makes another root, and an entry
    /// that is not that of its hash changes nothing that is signed. Entries are hashed by [`super::replay`] and [`super::verify`].
    async fn hashed(&self, evidence: &Evidence) -> Result<Frontier> {
        let mut frontier = Frontier::default();
        while frontier.size() < evidence.signed() {
            let wanted = size_column(evidence.signed() - frontier.size())?.min(HASHES);
            let hashes = self.store.audit_hashes(size_column(frontier.size())?, wanted).await?;
            if hashes.is_empty() {
                return Err(not_whole("the audit log is shorter than its head"));
            }
            for (sequence, hash) in hashes {
                let hash = hash.try_into().ok().filter(|_| u64::try_from(sequence) == Ok(frontier.size()));
                frontier.append(hash.ok_or_else(|| not_whole("an entry of the audit log is missing"))?);
                evidence.compare(&frontier)?;
            }
        }
        Ok(frontier)
    }
}

impl Covered {
    /// What the log says about versions of rows.
    pub fn row_versions(&self) -> &RowVersions {
        &self.rows
    }

    /// Why this database may not be served from any more, where that was found while it was.
    pub fn stopped(&self) -> Option<Needed> {
        self.stopped.borrow().clone()
    }

    /// Returns when this database may not be served from any more.
    pub async fn until_stopped(&self) {
        let mut stopped = self.stopped.clone();
        // A sequencer that ended with its service stops nothing.
        if stopped.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Wakes the sequencer now, for an entry that somebody waits for.
    pub fn hurry(&self) {
        self.wake.notify_one();
    }

    /// Waits until the entry is under a signed head; "try again" when that takes longer than the bound.
    pub async fn wait(&self, entry: AuditEntryId) -> Result<()> {
        let mut heads = self.heads.clone();
        self.hurry();
        let waited = tokio::time::timeout(LONGEST_WAIT, async {
            loop {
                let size = *heads.borrow_and_update();
                if let Some(needed) = self.stopped() {
                    return Err(standing::refusal(&needed).into());
                }
                let leaf = self.store.audit_leaf_of_entry(entry).await?;
                if leaf.is_some_and(|leaf| u64::try_from(leaf.sequence).is_ok_and(|sequence| sequence < size)) {
                    return Ok(());
                }
                heads.changed().await.map_err(|_| InternalError::other("the audit sequencer has stopped"))?;
            }
        });
        waited.await.map_err(|_| {
            tracing::error!(event = "audit_log_does_not_advance", entry = %entry);
            RequestError::try_again()
        })?
    }
}

/// What a head says: the time, or that of the head before it where the clock is a little behind that. A clock that was far ahead and was put
/// right tells the truth again at once.
fn signing_time(now: Instant, before: Instant) -> Instant {
    if before > now && before.0.saturating_sub(now.0) <= SMALL_STEP { before } else { now }
}

fn size_column(size: u64) -> Result<i64> {
    Ok(i64::try_from(size).map_err(|_| InternalError::other("the audit log is full"))?)
}

/// Entries are under a signed head within 200 ms (architecture: "Data").
const INTERVAL: Duration = Duration::from_millis(150);
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often it is told that nothing is appended because the log contradicts itself.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// How often it is asked whether this database may still be served from.
const LOOKED_AFTER: Duration = Duration::from_secs(1);
/// Microseconds by which two nodes' clocks differ, or one is set back in use.
const SMALL_STEP: i64 = 60_000_000;
/// How long a flow waits for its entry to be covered.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Entries placed in one transaction.
const BATCH: i64 = 1_000;
/// Hashes read at a time: 40 octets each.
const HASHES: i64 = 20_000;
/// The name of the work that one process does at a time, and of the file beside a SQLite database by which it holds it.
pub const LEASE: &str = "audit-sequencer";
/// A node that vanished with its host is replaced after this long; one that was killed at once.
const LEASE_SECONDS: i64 = 6;

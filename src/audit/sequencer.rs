//! The one writer of the log: takes entries that no transaction has linked yet, gives them their places, and has the new
//! head signed. It holds a lease, so that of several nodes one appends; the others wait for its heads.

use super::{
    entry::leaf,
    head::{AUDIT_KEY, AUDIT_SCHEME, RememberedHead, SignedHead, digest},
    merkle::{Frontier, leaf_hash},
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
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Appends entries and signs heads, from a task of its own.
pub struct Sequencer {
    store: Store,
    hsm: Arc<dyn Hsm>,
    audit_key: Vec<u8>,
    clock: Clock,
    remembered: RememberedHead,
    holder: String,
    held_until: Instant,
    /// While this is held no other process that lives appends, whatever a dead one's lease says.
    alone: Option<Held>,
    frontier: Option<Frontier>,
    rows: Arc<RowVersions>,
    listener: Listener,
    /// Up to where the log's entries have been learned from, by a node that does not append; `None` before it follows.
    followed: Option<i64>,
    heads: watch::Sender<u64>,
    wake: Arc<Notify>,
}

/// Is shown each entry that is appended, here or by another node; the same one perhaps twice.
pub type Listener = Arc<dyn Fn(&AuditEntry) + Send + Sync>;

/// Lets a flow wait until an entry is under a signed head.
#[derive(Clone)]
pub struct Covered {
    store: Store,
    heads: watch::Receiver<u64>,
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
    ) -> (Self, Covered) {
        let (heads, watched) = watch::channel(0);
        let wake = Arc::new(Notify::new());
        let rows = Arc::new(RowVersions::default());
        let covered = Covered { store: store.clone(), heads: watched, wake: wake.clone(), rows: rows.clone() };
        (
            Self {
                store,
                hsm,
                audit_key,
                clock,
                remembered,
                holder: Uuid::now_v7().to_string(),
                held_until: Instant(0),
                alone: None,
                frontier: None,
                rows,
                listener,
                followed: None,
                heads,
                wake,
            },
            covered,
        )
    }

    /// Appends until the task is dropped. A failure is logged and tried again: entries are safe in their table meanwhile.
    pub async fn run(mut self) {
        loop {
            match self.append().await {
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(event = "audit_append_failed", error = %error);
                    self.frontier = None;
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
            let _ = tokio::time::timeout(INTERVAL, self.wake.notified()).await;
        }
    }

    /// One round: places for whatever waits, then one signed head over all of it.
    pub async fn append(&mut self) -> Result<()> {
        if !self.hold_lease().await? {
            self.frontier = None;
            return self.follow().await;
        }
        let mut frontier = match self.frontier.take() {
            Some(frontier) => frontier,
            None => {
                // Whatever another node appended up to here.
                self.follow().await?;
                self.load_frontier().await?
            }
        };
        let appended = self.place_waiting(&mut frontier).await?;
        let signed = self.store.latest_audit_head().await?.map_or(0, |head| head.size);
        if appended > 0 || signed < size_column(frontier.size())? {
            self.sign_head(&frontier, signed).await?;
        }
        let _ = self.heads.send_replace(frontier.size());
        self.followed = Some(size_column(frontier.size())?);
        self.frontier = Some(frontier);
        Ok(())
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

    async fn place_waiting(&self, frontier: &mut Frontier) -> Result<usize> {
        let mut appended = 0;
        loop {
            let waiting = self.store.pending_audit_entries(BATCH).await?;
            if waiting.is_empty() {
                return Ok(appended);
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
            appended += waiting.len();
            *frontier = grown;
        }
    }

    async fn sign_head(&self, frontier: &Frontier, previous_size: i64) -> Result<()> {
        let (at, root) = (self.clock.now(), frontier.root());
        let digest = digest(frontier.size(), &root, at);
        let key = (AUDIT_KEY, self.audit_key.as_slice());
        let signature = self.hsm.sign_as(key, AUDIT_SCHEME, &digest).await.map_err(InternalError::Hsm)?;
        let head = SignedHead { size: frontier.size(), root, at, signature };
        let row = AuditHead {
            size: size_column(head.size)?,
            previous_size,
            root_hash: head.root.to_vec(),
            signed_at: at,
            key_label: AUDIT_KEY.to_owned(),
            signature: head.signature.clone(),
        };
        let mut transaction = self.store.begin().await?;
        transaction.insert_audit_head(&row).await?;
        transaction.commit().await?;
        Ok(self.remembered.save(&head)?)
    }

    /// Rebuilds the right edge from the leaves, and refuses to go on where the log is shorter than what was remembered.
    async fn load_frontier(&self) -> Result<Frontier> {
        let mut frontier = Frontier::default();
        loop {
            let from = size_column(frontier.size())?;
            let leaves = self.store.list_audit_leaves(from, BATCH).await?;
            if leaves.is_empty() {
                break;
            }
            for (leaf, _) in leaves {
                if leaf.sequence != size_column(frontier.size())? {
                    return Err(InternalError::other(format!("audit entry {} is missing", frontier.size())).into());
                }
                let hash = leaf.hash.try_into().map_err(|_| InternalError::other("an audit leaf hash has 32 bytes"))?;
                frontier.append(hash);
            }
        }
        if let Some(head) = self.remembered.load()?
            && frontier.size() < head.size
        {
            let what = format!("the audit log has {} entries, {} were remembered", frontier.size(), head.size);
            return Err(InternalError::other(what).into());
        }
        Ok(frontier)
    }

    /// What another node appended is learned from, and its newest head announced.
    async fn follow(&mut self) -> Result<()> {
        let mut from = match self.followed {
            Some(from) => from,
            None => {
                let size = self.store.audit_size().await?;
                // What was asked of the log before this may have been appended to since.
                self.rows.forget();
                size
            }
        };
        loop {
            let leaves = self.store.list_audit_leaves(from, BATCH).await?;
            let Some((last, _)) = leaves.last() else { break };
            from = last.sequence.saturating_add(1);
            self.rows.learn_from(leaves.iter().map(|(_, entry)| entry));
            leaves.iter().for_each(|(_, entry)| (self.listener)(entry));
            self.followed = Some(from);
        }
        self.followed = Some(from);
        if let Some(head) = self.store.latest_audit_head().await? {
            let _ = self.heads.send_replace(u64::try_from(head.size).unwrap_or(0));
        }
        Ok(())
    }
}

impl Covered {
    /// What the log says about versions of rows.
    pub fn row_versions(&self) -> &RowVersions {
        &self.rows
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

fn size_column(size: u64) -> Result<i64> {
    Ok(i64::try_from(size).map_err(|_| InternalError::other("the audit log is full"))?)
}

/// Entries are under a signed head within 200 ms (architecture: "Data").
const INTERVAL: Duration = Duration::from_millis(150);
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a flow waits for its entry to be covered.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Entries placed in one transaction.
const BATCH: i64 = 1_000;
/// The name of the work that one process does at a time, and of the file beside a SQLite database by which it holds it.
pub const LEASE: &str = "audit-sequencer";
/// A node that vanished with its host is replaced after this long; one that was killed at once.
const LEASE_SECONDS: i64 = 6;

//! What the audit log says of certificates whose standing was changed, kept in memory: a row that was put back or taken out by SQL
//! undoes nothing. Revocation is final here, whatever rows or later entries say; everything else is told only by rows that are no
//! older than the log's last word about them. Made from the log at the start, then from each change as it is committed.

mod own;
mod questions;

pub(super) use own::{OwnRevocation, commit_own};

use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind, replay::Replay, summary},
    current,
    error::{InternalError, Result},
    store::{Store, Transaction},
};
use chuky_model::{
    id::AuditEntryId,
    instant::Instant,
    record::{
        audit::AuditEntry,
        certificate::Certificate as Row,
        state::{CertificateState, KeyPurpose},
    },
    serial::Serial,
};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant as Moment},
};
use tokio::sync::Mutex;

/// What the log's last word about a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// For good.
    Revoked,
    Suspended,
    /// Good again.
    Resumed,
}

/// A certificate's standing as the log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub standing: Standing,
    /// When it was revoked or suspended; of a resumed one, when it had been suspended.
    pub at: Instant,
    pub reason: Reason,
    /// Since when its signatures are in doubt (RFC 5280 §5.3.2), where that is before the revocation.
    pub invalid_since: Option<Instant>,
    /// The row's version after the change.
    version: i64,
}

/// The newest list of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub number: i64,
    pub this_update: Instant,
    /// The list tells every change up to this one.
    pub generation: i64,
}

/// The memory.
pub struct Register {
    told: RwLock<Memory>,
    /// How often something was learned of the authority's own certificates.
    own_learned: AtomicU64,
    asked: AtomicU64,
    log: Mutex<Log>,
    /// When the log was last found to hold nothing new, in milliseconds of the process; 0 before the first time.
    confirmed: AtomicU64,
    started: Moment,
}

#[derive(Default)]
struct Memory {
    issuers: HashMap<String, Issued>,
    lists: HashMap<String, Published>,
    /// The greatest counter that was met.
    newest: i64,
    /// Lists that this process published: every change up to this one is told by them, whatever the log says.
    own_lists: HashMap<String, i64>,
}

/// What is told of one issuer's certificates.
struct Issued {
    told: BTreeMap<Key, Told>,
    /// Suspensions and resumptions of those that were ever suspended, by the row's version.
    held: BTreeMap<Key, BTreeMap<i64, (Standing, Instant)>>,
    /// The newest change among the serial numbers that end with each octet.
    changed: [i64; 256],
    /// The same of changes that this process made.
    own_changed: [i64; 256],
}

impl Default for Issued {
    fn default() -> Self {
        Self { told: BTreeMap::new(), held: BTreeMap::new(), changed: [0; 256], own_changed: [0; 256] }
    }
}

struct Log {
    replay: Replay,
    /// The counter of changes, as it was before the log was last read.
    generation: Option<i64>,
    /// Questions up to this one are answered by what was read.
    covers: u64,
}

/// A serial number with zeros in front: 20 octets sort as numbers do.
type Key = [u8; 20];

/// The content of an audit entry about a change of standing.
#[derive(Serialize, Deserialize)]
struct Content {
    issuer: String,
    serial: Serial,
    version: i64,
    /// Absent where nothing was signed.
    revoked_at: Option<Instant>,
    /// CRLReason.
    code: Option<i64>,
    /// RFC 5280 §5.3.2; entries of before it was recorded have none.
    #[serde(default)]
    invalid_since: Option<Instant>,
    /// The counter of changes with this one counted.
    generation: i64,
}

/// The content of an audit entry about a published list.
#[derive(Serialize, Deserialize)]
pub(super) struct ListContent {
    pub list: String,
    pub number: i64,
    pub this_update: Instant,
    pub generation: i64,
    pub entries: usize,
    /// Hex.
    pub sha256: String,
}

impl Register {
    /// An empty memory over this log.
    pub fn new(replay: Replay) -> Self {
        Self {
            told: RwLock::default(),
            own_learned: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            log: Mutex::new(Log { replay, generation: None, covers: 0 }),
            confirmed: AtomicU64::new(0),
            started: Moment::now(),
        }
    }

    /// The log's last word about a certificate; `None` where its standing was never changed. Ask [`follow`] first.
    pub fn told(&self, issuer_label: &str, serial: &Serial) -> Option<Told> {
        self.memory().issuers.get(issuer_label)?.told.get(&key(serial)).copied()
    }

    /// Whether the log has no later word than the row.
    fn admits(&self, row: &Row) -> bool {
        let Some(told) = self.told(&row.issuer_label, &row.serial) else { return true };
        let fits = match told.standing {
            Standing::Revoked => matches!(row.state, CertificateState::Revoked | CertificateState::Void),
            Standing::Suspended => row.state != CertificateState::Issued,
            Standing::Resumed => true,
        };
        row.version > told.version || (row.version == told.version && fits)
    }

    /// Entries of an issuer after a serial number, in their order.
    pub(super) fn page(&self, issuer_label: &str, after: Option<&Serial>, most: usize) -> Vec<(Serial, Told)> {
        let from = after.map_or(Bound::Unbounded, |serial| Bound::Excluded(key(serial)));
        let memory = self.memory();
        let Some(entries) = memory.issuers.get(issuer_label) else { return Vec::new() };
        let serial = |key: &Key| Serial::from_octets(key).ok();
        let range = entries.told.range((from, Bound::Unbounded)).take(most);
        range.filter_map(|(key, told)| Some((serial(key)?, *told))).collect()
    }

    /// The newest list of that name that the log knows.
    pub(super) fn published(&self, list: &str) -> Option<Published> {
        self.memory().lists.get(list).copied()
    }

    /// Whether a list lacks a change among the certificates of its issuer whose serial number leaves `part` when divided by `parts`.
    /// What this process changed is told by a list that it published itself, so that no invented entry of a list keeps one back.
    pub(super) fn is_behind(&self, list: &str, issuer_label: &str, (parts, part): (u8, u8)) -> bool {
        let memory = self.memory();
        let newest = |changed: &[i64; 256]| {
            let of_part = changed.iter().skip(usize::from(part)).step_by(usize::from(parts.max(1)));
            of_part.copied().max().unwrap_or_default()
        };
        let Some(published) = memory.lists.get(list) else { return true };
        let Some(issued) = memory.issuers.get(issuer_label) else { return false };
        published.generation < newest(&issued.changed)
            || published.generation > memory.newest
            || memory.own_lists.get(list).copied().unwrap_or_default() < newest(&issued.own_changed)
    }

    /// Remembers a list that this process published.
    pub(super) fn learn_own_list(&self, list: &str, published: Published) {
        let mut memory = self.told.write().unwrap_or_else(PoisonError::into_inner);
        memory.own_lists.insert(list.to_owned(), published.generation);
        drop(memory);
        self.learn_list(list, published);
    }

    /// Remembers that a list's numbers were used up to this one, by lists that nobody here knows.
    pub(super) fn learn_floor(&self, list: &str, number: i64, this_update: Instant, generation: i64) {
        self.learn_list(list, Published { number, this_update, generation });
    }

    fn learn_list(&self, list: &str, published: Published) {
        let mut memory = self.told.write().unwrap_or_else(PoisonError::into_inner);
        let known = memory.lists.entry(list.to_owned()).or_insert(published);
        if known.number < published.number {
            *known = published;
        }
    }

    fn memory(&self) -> std::sync::RwLockReadGuard<'_, Memory> {
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a change. Revocation stays, an older word than the known one is passed over.
    fn learn(&self, content: &Content, mut told: Told, (changed_at, own): (Instant, bool)) {
        let key = key(&content.serial);
        let mut memory = self.told.write().unwrap_or_else(PoisonError::into_inner);
        memory.newest = memory.newest.max(content.generation);
        let issued = memory.issuers.entry(content.issuer.clone()).or_default();
        let last = usize::from(key[19]);
        issued.changed[last] = issued.changed[last].max(content.generation);
        if own {
            issued.own_changed[last] = issued.own_changed[last].max(content.generation);
        }
        if told.standing != Standing::Revoked {
            issued.held.entry(key).or_default().insert(told.version, (told.standing, changed_at));
        }
        if let Some(known) = issued.told.get(&key) {
            let settled = known.standing == Standing::Revoked;
            if settled || (told.standing != Standing::Revoked && told.version <= known.version) {
                return;
            }
            if told.standing == Standing::Resumed {
                (told.at, told.reason) = (known.at, known.reason);
            }
        }
        issued.told.insert(key, told);
    }

    fn met(&self, generation: i64) {
        let mut memory = self.told.write().unwrap_or_else(PoisonError::into_inner);
        memory.newest = memory.newest.max(generation);
    }

    fn read(&self, entry: &AuditEntry) {
        let of_authority = entry.kind == Kind::AuthorityRevoked.name();
        let standing = match entry.kind.as_str() {
            _ if of_authority => Standing::Revoked,
            kind if kind == Kind::CertificateRevoked.name() || kind == Kind::CertificateVoided.name() => {
                Standing::Revoked
            }
            kind if kind == Kind::CertificateSuspended.name() => Standing::Suspended,
            kind if kind == Kind::CertificateResumed.name() => Standing::Resumed,
            _ => return,
        };
        // Entries of before this content was recorded: their rows are read at the start.
        let Ok(content) = serde_json::from_slice::<Content>(&entry.content) else { return };
        if let Some(told) = told_of(standing, &content) {
            self.learn(&content, told, (entry.recorded_at, false));
        }
        if of_authority {
            self.own_learned.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn read_list(&self, entry: &AuditEntry) {
        if [Kind::CrlPublished.name(), Kind::CrlReconciled.name()].contains(&entry.kind.as_str())
            && let Ok(content) = serde_json::from_slice::<ListContent>(&entry.content)
        {
            let ListContent { list, number, this_update, generation, .. } = content;
            self.learn_list(&list, Published { number, this_update, generation });
        }
    }
}

/// The row that `read` finds, where its MAC fits and it is no older than the log's last word, as `current` and this register know it;
/// one that somebody is just changing is read again. Ask [`follow`] first.
pub async fn genuine<F>(app: &App, read: impl Fn() -> F) -> Result<Option<Row>>
where
    F: Future<Output = Result<Option<Row>, crate::store::Error>>,
{
    let mut older = None;
    while let Some(row) = current::row(app, &read).await? {
        if app.register.admits(&row) {
            return Ok(Some(row));
        }
        if older == Some(row.version) {
            tracing::error!(event = "row_put_back", table = "certificate", id = %row.id, version = row.version);
            return Err(InternalError::RowForged { table: "certificate" }.into());
        }
        older = Some(row.version);
    }
    Ok(None)
}

/// Learns what was changed by anybody until now. One question to the database answers all who ask at the same time, and where a
/// single process owns the database (SQLite) it is asked once a second.
pub async fn follow(app: &App) -> Result<()> {
    let register = &app.register;
    if matches!(app.store, Store::Sqlite(_)) && register.was_confirmed_within(OWN_FILE_LOOKED_AT) {
        return Ok(());
    }
    follow_now(app).await.map(drop)
}

/// The same, looking at the database in any case. Returns the counter of changes: the memory holds all up to it.
pub(super) async fn follow_now(app: &App) -> Result<i64> {
    let register = &app.register;
    let ticket = register.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
    let mut log = register.log.lock().await;
    if let Some(generation) = log.generation.filter(|_| log.covers >= ticket) {
        return Ok(generation);
    }
    let covers = register.asked.load(Ordering::SeqCst);
    let generation = app.store.status_generation().await?;
    if log.generation != Some(generation) {
        catch_up(app, &mut log).await?;
        log.generation = Some(generation);
        app.register.met(generation);
    }
    log.covers = covers;
    let now = u64::try_from(register.started.elapsed().as_millis()).unwrap_or(u64::MAX);
    register.confirmed.store(now.max(1), Ordering::SeqCst);
    Ok(generation)
}

/// Reads the log on, so that a later [`follow`] has little to read.
pub async fn keep_up(app: &App) -> Result<()> {
    let mut log = app.register.log.lock().await;
    let generation = app.store.status_generation().await?;
    catch_up(app, &mut log).await?;
    log.generation = Some(generation);
    app.register.met(generation);
    Ok(())
}

async fn catch_up(app: &App, log: &mut Log) -> Result<()> {
    let read = |entry: &AuditEntry| {
        if summary::is_remembered(entry) {
            app.register.read(entry);
            app.register.read_list(entry);
            app.payments.read(entry);
        }
    };
    if log.generation.is_none() {
        log.replay.begin(app.audit.row_versions(), app.payments.remembered().first_day(), read).await?;
    }
    log.replay.advance(&["certificate", "crl", "payments", "payment_provider"], read).await?;
    if log.generation.is_none() {
        adopt_rows(app).await?;
    }
    Ok(())
}

/// Rows that were revoked before the log told their version: those whose MAC fits are taken over.
async fn adopt_rows(app: &App) -> Result<()> {
    for issuer in app.store.authority_keys().await?.iter().filter(|key| key.purpose == KeyPurpose::Issuing) {
        let mut after: Option<Serial> = None;
        loop {
            let page = app.store.revoked_certificates(&issuer.label, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.serial.clone());
            for known in page.iter().filter(|row| app.register.told(&issuer.label, &row.serial).is_none()) {
                let row = app.store.certificate_by_serial(&issuer.label, &known.serial).await?;
                // One that was forged is in the log as such, and keeps nobody else from his standing.
                let Ok(Some(row)) = attestation::check_found(&*app.tokens.subscribers, row).await else { continue };
                let standing = match row.state {
                    CertificateState::Suspended => Standing::Suspended,
                    _ => Standing::Revoked,
                };
                let content = content(&row, 0);
                if let Some(told) = told_of(standing, &content) {
                    app.register.learn(&content, told, (row.revoked_at.unwrap_or(row.updated_at), false));
                }
            }
        }
    }
    Ok(())
}

impl Register {
    fn was_confirmed_within(&self, age: Duration) -> bool {
        let confirmed = self.confirmed.load(Ordering::SeqCst);
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        confirmed != 0 && u128::from(now.saturating_sub(confirmed)) < age.as_millis()
    }
}

/// Commits a change of a certificate's standing with its audit entry, and remembers it, whatever becomes of the caller; returns when
/// the entry is under a signed head. `row` is as the transaction stored it; `further` is content beside the register's own.
pub(super) async fn settle(
    app: &App,
    transaction: Transaction,
    row: &Row,
    by: (Kind, Actor),
    further: serde_json::Value,
) -> Result<()> {
    let entry = commit(app, transaction, row, by, further).await?;
    // What nobody can take out of the log unseen.
    app.audit.wait(entry).await
}

/// The same without waiting for the signed head: for many changes that are waited for together.
pub(super) async fn commit(
    app: &App,
    mut transaction: Transaction,
    row: &Row,
    (kind, actor): (Kind, Actor),
    further: serde_json::Value,
) -> Result<AuditEntryId> {
    // The counter is the last row that is locked: changes wait for each other from here to the commit only.
    let above = app.register.memory().newest;
    let generation = transaction.raise_status_generation(above).await?;
    let content = content(row, generation);
    let mut value = serde_json::to_value(&content).map_err(|error| InternalError::other(error.to_string()))?;
    if let (Some(value), serde_json::Value::Object(further)) = (value.as_object_mut(), further) {
        for (name, further) in further {
            value.entry(name).or_insert(further);
        }
    }
    let entry = Entry::of_row(row.updated_at, kind, actor, row).with(value);
    let entry = audit::record(&mut transaction, entry).await?;
    let standing = match kind {
        Kind::CertificateSuspended => Standing::Suspended,
        Kind::CertificateResumed => Standing::Resumed,
        _ => Standing::Revoked,
    };
    let (committing, changed) = (app.clone(), row.clone());
    let committed = tokio::spawn(async move {
        transaction.commit().await?;
        current::changed(&committing, &changed);
        if let Some(told) = told_of(standing, &content) {
            committing.register.learn(&content, told, (changed.updated_at, true));
        }
        Ok::<(), crate::store::Error>(())
    });
    committed.await.map_err(|error| InternalError::other(error.to_string()))??;
    Ok(entry)
}

fn content(row: &Row, generation: i64) -> Content {
    Content {
        generation,
        issuer: row.issuer_label.clone(),
        serial: row.serial.clone(),
        version: row.version,
        revoked_at: row.revoked_at,
        code: row.revocation_reason,
        invalid_since: row.invalid_since,
    }
}

fn told_of(standing: Standing, content: &Content) -> Option<Told> {
    let reason = Reason::from_code(content.code.and_then(|code| u64::try_from(code).ok()).unwrap_or_default());
    let at = match (standing, content.revoked_at) {
        (_, Some(at)) => at,
        (Standing::Resumed, None) => Instant(0),
        // Given up before anything was signed.
        (_, None) => return None,
    };
    Some(Told { standing, at, reason, invalid_since: content.invalid_since, version: content.version })
}

fn key(serial: &Serial) -> Key {
    let mut key = [0; 20];
    let octets = serial.as_octets();
    key[20 - octets.len().min(20)..].copy_from_slice(octets.get(..20).unwrap_or(octets));
    key
}

/// Rows looked at together.
const PAGE: i64 = 5_000;
/// SQLite belongs to one process; a restored file, say, shows after this long.
const OWN_FILE_LOOKED_AT: Duration = Duration::from_secs(1);

//! What the log's beginning comes to: the frontier of so many entries, the newest versions of rows, and the few entries that memories are made
//! of. Kept as a file beside the secrets, under a MAC of the HSM, so that a start reads on from there instead of reading everything. It is made of
//! entries under a signed head only, each hashed; it is used where the log continues it up to its signed head, and left aside otherwise.

use super::{
    entry::Kind,
    evidence::contradiction,
    head::RememberedHead,
    merkle::{Frontier, HASH_OCTETS, Hash},
    replay::Replay,
    versions::Known,
};
use crate::{
    error::{InternalError, Result},
    store::Store,
};
use chuky_hsm::Hsm;
use chuky_model::{id::AuditEntryId, instant::Instant, record::audit::AuditEntry};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use uuid::Uuid;

/// What so many entries come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub frontier: Frontier,
    pub known: Known,
    pub beginning: Beginning,
}

/// The entries of a log's beginning that memories are made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// Over all of it.
    frontier: Frontier,
    /// In their order.
    kept: Vec<AuditEntry>,
    /// Of those that supersede each other the one with the greatest number, by what they are about.
    greatest: BTreeMap<String, (i64, AuditEntry)>,
    /// What lies before the first entry about accepted payments of a day (UTC). Only the last days' are read, and from there.
    days: BTreeMap<i64, Frontier>,
}

/// How much of an entry memories need.
enum Needed {
    Nothing,
    Whole,
    /// Where none about the same has a greater number.
    Greatest(String, i64),
    /// The entries since a day.
    SinceItsDay,
}

/// Whether a memory other than that of versions is made of such entries. Whoever makes one from the log takes no others, for a summary keeps no others.
pub fn is_remembered(entry: &AuditEntry) -> bool {
    !matches!(needed(entry), Needed::Nothing)
}

fn needed(entry: &AuditEntry) -> Needed {
    let kind = |kinds: &[Kind]| kinds.iter().any(|kind| kind.name() == entry.kind);
    let content = || serde_json::from_slice::<serde_json::Value>(&entry.content).ok();
    let standing = [
        Kind::CertificateRevoked,
        Kind::CertificateVoided,
        Kind::AuthorityRevoked,
        Kind::CertificateSuspended,
        Kind::CertificateResumed,
    ];
    if kind(&standing) || kind(&[Kind::ProviderChanged]) {
        return Needed::Whole;
    }
    if kind(&[Kind::CrlPublished, Kind::CrlReconciled]) {
        let of = |content: serde_json::Value| Some((content["list"].as_str()?.to_owned(), content["number"].as_i64()?));
        return content()
            .and_then(of)
            .map_or(Needed::Nothing, |(list, number)| Needed::Greatest(format!("crl {list}"), number));
    }
    if kind(&[Kind::PaymentsForgotten]) {
        let before = content().and_then(|content| Instant::parse_rfc3339(content["before"].as_str()?));
        return before.map_or(Needed::Nothing, |before| Needed::Greatest("payments".to_owned(), before.0));
    }
    if kind(&[Kind::PaymentsConsumed]) { Needed::SinceItsDay } else { Needed::Nothing }
}

impl Beginning {
    /// Shows the entries that are kept, those whose order matters in their order.
    pub fn show(&self, visit: impl FnMut(&AuditEntry)) {
        self.kept.iter().chain(self.greatest.values().map(|(_, entry)| entry)).for_each(visit);
    }

    /// From where the log is read on so that nothing about payments since that day (UTC) is passed over.
    pub(super) fn since(&self, first_day: i64) -> &Frontier {
        let marks = self.days.range(first_day..).map(|(_, mark)| mark);
        marks.chain([&self.frontier]).min_by_key(|mark| mark.size()).unwrap_or(&self.frontier)
    }

    fn take_in(&mut self, before: &Frontier, entry: &AuditEntry) {
        match needed(entry) {
            Needed::Nothing => {}
            Needed::Whole => self.kept.push(entry.clone()),
            Needed::Greatest(about, number) => {
                // As memories do: of two with the same number the first counts.
                if self.greatest.get(&about).is_none_or(|(known, _)| *known < number) {
                    self.greatest.insert(about, (number, entry.clone()));
                }
            }
            Needed::SinceItsDay => {
                let day = entry.recorded_at.0.div_euclid(MICROSECONDS_A_DAY);
                self.days.entry(day).or_insert_with(|| before.clone());
            }
        }
    }
}

/// The file, and what is needed to make it.
pub struct Summaries {
    store: Store,
    key: Vec<u8>,
    remembered: RememberedHead,
    hsm: Arc<dyn Hsm>,
    path: PathBuf,
    /// How many entries the one that is kept is made of, as far as is known.
    size: AtomicU64,
}

impl Summaries {
    /// Kept in that file under a MAC of that token, of the log that the audit key signs (SPKI DER).
    pub fn new(
        store: Store,
        (hsm, key): (Arc<dyn Hsm>, Vec<u8>),
        remembered: RememberedHead,
        path: impl Into<PathBuf>,
    ) -> Self {
        Self { store, key, remembered, hsm, path: path.into(), size: AtomicU64::new(0) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The summary that is kept; `None` where there is none, or none that the HSM knows: then everything is read.
    pub(super) async fn load(&self) -> Option<Summary> {
        let refused = |reason: &str| tracing::warn!(event = "audit_summary_not_used", reason);
        let octets = match fs::read(&self.path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                refused(&error.to_string());
                return None;
            }
        };
        let (body, mac) = octets.split_last_chunk::<HASH_OCTETS>()?;
        let digest: Hash = Sha256::digest(body).into();
        match self.hsm.verify_mac(DOMAIN, &digest, mac).await {
            Ok(true) => {}
            Ok(false) => {
                refused("its MAC does not fit");
                return None;
            }
            Err(error) => {
                refused(&error.to_string());
                return None;
            }
        }
        let summary = read(body);
        match &summary {
            Some(summary) => self.size.store(summary.frontier.size(), Ordering::Relaxed),
            None => refused("it has another form"),
        }
        summary
    }

    /// Reads the log on from the summary that is kept, and keeps the one that comes of it; how many entries it is made of.
    pub async fn renew(&self) -> Result<u64> {
        let kept = self.load().await.unwrap_or_default();
        let summary = match self.grown(kept).await {
            // It is not the beginning of this log: a database came out of a backup.
            Err(error) if contradiction(&error).is_some() => self.grown(Summary::default()).await?,
            grown => grown?,
        };
        let mut octets = write(&summary);
        let digest: Hash = Sha256::digest(&octets).into();
        octets.extend(self.hsm.mac(DOMAIN, &digest).await.map_err(InternalError::Hsm)?);
        crate::tokens::write_secret(&self.path, &octets)?;
        self.size.store(summary.frontier.size(), Ordering::Relaxed);
        Ok(summary.frontier.size())
    }

    /// The same where the log has grown by so much that a start would notice; how many entries the summary is made of then.
    pub async fn renew_where_due(&self) -> Result<Option<u64>> {
        let head = self.store.latest_audit_head().await?;
        let signed = head.map_or(0, |head| u64::try_from(head.size).unwrap_or(0));
        if signed < self.size.load(Ordering::Relaxed).saturating_add(WORTH_A_SUMMARY) {
            return Ok(None);
        }
        self.renew().await.map(Some)
    }

    async fn grown(&self, mut summary: Summary) -> Result<Summary> {
        let mut replay = Replay::new(self.store.clone(), &self.key, self.remembered.clone())?;
        replay.resume(summary.frontier);
        let (known, beginning) = (&mut summary.known, &mut summary.beginning);
        replay
            .advance_under_head(|before, entry| {
                known.take_in(entry);
                beginning.take_in(before, entry);
            })
            .await?;
        summary.frontier = replay.frontier().clone();
        summary.beginning.frontier = summary.frontier.clone();
        Ok(summary)
    }
}

fn write(summary: &Summary) -> Vec<u8> {
    let mut to = FORM.to_vec();
    put_frontier(&mut to, &summary.frontier);
    let (versions, persons) = summary.known.parts();
    put_number(&mut to, versions.len());
    for (key, version) in versions {
        to.extend(key);
        to.extend(version.to_be_bytes());
    }
    put_number(&mut to, persons.len());
    for (key, account) in persons {
        to.extend(key);
        to.extend(account.as_bytes());
    }
    let Beginning { kept, greatest, days, .. } = &summary.beginning;
    put_number(&mut to, kept.len());
    kept.iter().for_each(|entry| put_entry(&mut to, entry));
    put_number(&mut to, greatest.len());
    for (about, (number, entry)) in greatest {
        put(&mut to, about.as_bytes());
        to.extend(number.to_be_bytes());
        put_entry(&mut to, entry);
    }
    put_number(&mut to, days.len());
    for (day, mark) in days {
        to.extend(day.to_be_bytes());
        put_frontier(&mut to, mark);
    }
    to
}

/// `None` of what [`write`] did not write.
fn read(body: &[u8]) -> Option<Summary> {
    let mut from = Octets(body.strip_prefix(FORM)?);
    let frontier = from.frontier()?;
    let mut known = Known::default();
    for _ in 0..from.number()? {
        known.restore_version(from.array()?, u32::from_be_bytes(from.array()?));
    }
    for _ in 0..from.number()? {
        known.restore_person(from.array()?, Uuid::from_bytes(from.array()?));
    }
    let mut beginning = Beginning { frontier: frontier.clone(), ..Beginning::default() };
    for _ in 0..from.number()? {
        beginning.kept.push(from.entry()?);
    }
    for _ in 0..from.number()? {
        let about = from.text()?;
        beginning.greatest.insert(about, (i64::from_be_bytes(from.array()?), from.entry()?));
    }
    for _ in 0..from.number()? {
        beginning.days.insert(i64::from_be_bytes(from.array()?), from.frontier()?);
    }
    from.0.is_empty().then_some(Summary { frontier, known, beginning })
}

fn put_number(to: &mut Vec<u8>, number: usize) {
    to.extend(u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes());
}

fn put(to: &mut Vec<u8>, octets: &[u8]) {
    put_number(to, octets.len());
    to.extend(octets);
}

fn put_frontier(to: &mut Vec<u8>, frontier: &Frontier) {
    to.extend(frontier.size().to_be_bytes());
    frontier.peaks().iter().for_each(|peak| to.extend(peak));
}

fn put_entry(to: &mut Vec<u8>, entry: &AuditEntry) {
    to.extend(entry.id.0.as_bytes());
    to.extend(entry.recorded_at.0.to_be_bytes());
    // No row has a version below zero.
    to.extend(entry.row_version.unwrap_or(-1).to_be_bytes());
    for part in [entry.kind.as_bytes(), entry.actor.as_bytes(), entry.subject.as_bytes(), &entry.content] {
        put(to, part);
    }
}

/// What is still to be read.
struct Octets<'o>(&'o [u8]);

impl<'o> Octets<'o> {
    fn take(&mut self, length: u64) -> Option<&'o [u8]> {
        let (part, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(part)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*part)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn frontier(&mut self) -> Option<Frontier> {
        let size = self.number()?;
        let peaks = (0..size.count_ones()).map(|_| self.array()).collect::<Option<Vec<Hash>>>()?;
        Some(Frontier::of(size, peaks))
    }

    fn entry(&mut self) -> Option<AuditEntry> {
        let (id, at) = (Uuid::from_bytes(self.array()?), i64::from_be_bytes(self.array()?));
        let version = i64::from_be_bytes(self.array()?);
        let (kind, actor, subject) = (self.text()?, self.text()?, self.text()?);
        let length = self.number()?;
        Some(AuditEntry {
            id: AuditEntryId(id),
            recorded_at: Instant(at),
            kind,
            actor,
            subject,
            content: self.take(length)?.to_vec(),
            row_version: (version >= 0).then_some(version),
        })
    }
}

/// Keeps these MACs apart from those of rows.
const DOMAIN: &str = "chuky-log-summary-v2";
/// What the file begins with. It and the domain have another number wherever more entries are kept than before: a file that was made without
/// them is read no more, and the log is read from its beginning.
const FORM: &[u8] = b"chuky-log-summary-v2\n";
/// Entries: reading them takes about a second (docs/performance.md), so that fewer are no reason to write a file.
pub const WORTH_A_SUMMARY: u64 = 50_000;
const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::merkle::leaf_hash;
    use super::*;
    use serde_json::json;

    fn entry(kind: Kind, at: i64, content: serde_json::Value) -> AuditEntry {
        AuditEntry {
            id: AuditEntryId(Uuid::now_v7()),
            recorded_at: Instant(at),
            kind: kind.name().to_owned(),
            actor: "service".to_owned(),
            subject: format!("certificate:{at}"),
            content: content.to_string().into_bytes(),
            row_version: (at % 2 == 0).then_some(at),
        }
    }

    fn summary() -> (Summary, Vec<AuditEntry>) {
        let day = |number: i64| number * MICROSECONDS_A_DAY;
        let list = |number: i64| json!({ "list": "one", "number": number });
        let entries = vec![
            entry(Kind::CertificateRevoked, 1, json!({})),
            entry(Kind::CrlPublished, 2, list(5)),
            entry(Kind::PaymentsConsumed, day(3) + 1, json!({})),
            entry(Kind::CrlPublished, 4, list(7)),
            entry(Kind::PaymentsConsumed, day(3) + 2, json!({})),
            entry(Kind::CrlPublished, 6, list(6)),
            entry(Kind::PaymentsForgotten, 7, json!({ "before": "1970-01-03T00:00:00Z" })),
            entry(Kind::PaymentsConsumed, day(4), json!({})),
            entry(Kind::SessionOpened, 9, json!({})),
            entry(Kind::PersonNamed, 10, json!({ "account": Uuid::now_v7().to_string() })),
        ];
        let mut summary = Summary::default();
        for entry in &entries {
            summary.known.take_in(entry);
            summary.beginning.take_in(&summary.frontier, entry);
            summary.frontier.append(leaf_hash(&super::super::entry::leaf(entry)));
        }
        summary.beginning.frontier = summary.frontier.clone();
        (summary, entries)
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let (summary, _) = summary();
        let octets = write(&summary);
        assert_eq!(read(&octets), Some(summary));
        for length in 0..octets.len() {
            assert_eq!(read(&octets[..length]), None, "{length} of {} octets", octets.len());
        }
        assert_eq!(read(&[&octets[..], b"\0"].concat()), None);
        // One in which a program of before kept no revocation of an own certificate.
        assert_eq!(read(&[b"chuky-log-summary-v1\n", &octets[FORM.len()..]].concat()), None);
    }

    /// Whoever has more kept raises the number in [`FORM`] and [`DOMAIN`], and then the list here.
    #[test]
    fn what_is_kept_goes_with_the_form() {
        let content = json!({ "list": "one", "number": 1, "before": "1970-01-03T00:00:00Z" });
        let kept = Kind::ALL.iter().filter(|kind| is_remembered(&entry(**kind, 1, content.clone())));
        let kept: std::collections::BTreeSet<&str> = kept.map(|kind| kind.name()).collect();
        let known: std::collections::BTreeSet<&str> = [
            "certificate.authority_revoked",
            "certificate.resumed",
            "certificate.revoked",
            "certificate.suspended",
            "certificate.voided",
            "crl.published",
            "crl.reconciled",
            "payments.consumed",
            "payments.forgotten",
            "payment_provider.changed",
        ]
        .into();
        assert_eq!((kept, FORM, DOMAIN), (known, &b"chuky-log-summary-v2\n"[..], "chuky-log-summary-v2"));
    }

    #[test]
    fn the_greatest_and_the_last_days_are_kept() {
        let (summary, entries) = summary();
        let mut shown = Vec::new();
        summary.beginning.show(|entry| shown.push(entry.id));
        let ids = |places: &[usize]| places.iter().map(|place| entries[*place].id).collect::<Vec<_>>();
        assert_eq!(shown, ids(&[0, 3, 6]));
        let since = |day: i64| summary.beginning.since(day).size();
        assert_eq!([since(i64::MIN), since(3), since(4), since(5)], [2, 2, 7, 10]);
    }
}

//! Certificate revocation lists of every CA, whole and in parts: published at once after a change and before the old one ends.
//! Numbers and times only grow, whoever publishes: a list names the one it follows, and the database admits one follower. Entries
//! come from the register and pass through a file, so that a list of millions takes no memory; rows alone take nobody off a list.

mod last;

pub(super) use last::{FOR_EVER, are_newest, publish_after_last, publish_last};

use super::{
    Authority, CertifiedKey,
    authority::internal,
    ceremony, certify,
    limits::{LIST_PIECE, LISTS_KEPT, LONG_LIST_PAUSE, LONGEST_LIST_IN_MEMORY, MOST_TRIES},
    register::{self, ListContent, Published, Standing, Told},
};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    config::MOST_LIST_PARTS,
    error::{InternalError, Result},
    fault,
    store::{self, Transaction},
};
use chuky_model::{
    instant::Instant,
    record::{
        certificate::{Crl as Row, CrlPiece},
        state::{AuthorityState, CertificateState, KeyPurpose},
    },
    serial::Serial,
};
use chuky_pki::{
    crl::{self, CrlFrame, CrlToMake, Promises, Revoked},
    crypto::Hasher,
    lint::LongList,
};
use std::time::Duration;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    sync::Mutex,
};

/// One publication at a time in this process: many changes at once are told by one list.
pub type Publications = Mutex<()>;

/// A list by its name: an issuer's whole list, or the part of it with the serial numbers that leave `part` when divided by `parts`.
#[derive(Clone, Copy, Debug)]
pub struct ListName<'a> {
    pub issuer: &'a CertifiedKey,
    /// `None` for the whole list.
    pub part: Option<(u8, u8)>,
}

impl<'a> ListName<'a> {
    /// Reads `label` or `label.parts.part`; `None` where no CA of this authority publishes it.
    pub fn parse(authority: &'a Authority, name: &str) -> Option<Self> {
        let issuer = |label: &str| authority.by_label(label).filter(|key| key.is_issuer());
        if let Some(issuer) = issuer(name) {
            return Some(Self { issuer, part: None });
        }
        let (rest, part) = name.rsplit_once('.')?;
        let (label, parts) = rest.rsplit_once('.')?;
        let (parts, part): (u8, u8) = (parts.parse().ok()?, part.parse().ok()?);
        let issuer = issuer(label)?;
        // One way to write each name.
        let list = Self { issuer, part: Some((parts, part)) };
        ((2..=MOST_LIST_PARTS).contains(&parts) && part < parts && list.name() == name).then_some(list)
    }

    /// Under which it is stored and served.
    pub fn name(&self) -> String {
        match self.part {
            None => self.issuer.label.clone(),
            Some((parts, part)) => format!("{}.{parts}.{part}", self.issuer.label),
        }
    }

    fn has(&self, serial: &Serial) -> bool {
        let last = serial.as_octets().last().copied().unwrap_or_default();
        self.part.is_none_or(|(parts, part)| last % parts == part)
    }

    /// Whether a change came after what the newest list tells.
    fn is_behind(&self, app: &App) -> bool {
        app.register.is_behind(&self.name(), &self.issuer.label, self.part.unwrap_or((1, 0)))
    }
}

/// The name of the list that a certificate of this serial number refers to.
pub(super) fn list_of(app: &App, issuer_label: &str, serial: &Serial) -> String {
    match app.settings.authority.crl_parts {
        0 | 1 => issuer_label.to_owned(),
        parts => {
            let last = serial.as_octets().last().copied().unwrap_or_default();
            format!("{issuer_label}.{parts}.{}", last % parts)
        }
    }
}

/// The newest list of that name without its octets, published now where there is none or the last one has ended.
pub async fn latest(app: &App, list: &ListName<'_>) -> Result<Row> {
    // A root whose token is away makes no list now, and a CA that has ended none ever again: the last one is all there is.
    let settled = list.issuer.is_away(app) || list.issuer.state == AuthorityState::Ended;
    let current = |row: &Row| settled || row.next_update > app.clock.now();
    let name = list.name();
    if let Some(row) = app.store.latest_crl_head(&name).await?.filter(current) {
        return Ok(row);
    }
    let _one = app.publications.lock().await;
    match app.store.latest_crl_head(&name).await?.filter(current) {
        Some(row) => Ok(row),
        None => publish(app, list).await,
    }
}

/// A piece of a published list, from 0 on; `None` after the last one, or where the list has been followed by many others.
pub async fn piece(app: &App, row: &Row, number: i64) -> Result<Option<Vec<u8>>> {
    if number > 0 {
        let piece = app.store.crl_piece(&row.issuer_label, row.number, number).await?;
        return Ok(piece.map(|piece| piece.octets));
    }
    let newest = app.store.latest_crl(&row.issuer_label).await?;
    Ok(newest.filter(|newest| newest.number == row.number).map(|newest| newest.list))
}

/// The whole of a CA's newest list, DER; `None` where it is longer than evidence in a signature may be.
pub async fn whole(app: &App, issuer: &CertifiedKey) -> Result<Option<Vec<u8>>> {
    let list = ListName { issuer, part: None };
    for _ in 0..MOST_TRIES {
        let row = latest(app, &list).await?;
        if row.length > LONGEST_LIST_IN_MEMORY {
            return Ok(None);
        }
        let mut octets = Vec::new();
        let mut number = 0;
        while let Some(piece) = piece(app, &row, number).await? {
            octets.extend_from_slice(&piece);
            number += 1;
        }
        if row.length == 0 || i64::try_from(octets.len()) == Ok(row.length) {
            return Ok(Some(octets));
        }
        // A newer list came between.
    }
    Err(InternalError::other(format!("the list of {} was overtaken {MOST_TRIES} times", issuer.label)).into())
}

/// Publishes after a certificate was revoked, suspended, resumed or voided. Returns when lists that tell the change are out; a long
/// list that is only just published follows within a minute.
pub async fn publish_after_change(app: &App) -> Result<()> {
    publish_where(app, KeyPurpose::Issuing, |_, _, _| true).await
}

/// Publishes what is due: lists past half their life, and changes that are not told yet, whoever made them.
pub async fn publish_due(app: &App) -> Result<()> {
    publish_where(app, KeyPurpose::Root, |app, list, row| {
        let Some(row) = row else { return true };
        let half = row.next_update.0.saturating_sub(row.this_update.0) / 2;
        list.is_behind(app) || app.clock.now().0 >= row.this_update.0.saturating_add(half) || last::is_left(app, row)
    })
    .await
}

/// Makes the lists of roots whose tokens are here, whether they are due or not. Their names.
pub(super) async fn publish_roots(app: &App) -> Result<Vec<String>> {
    let _one = app.publications.lock().await;
    let authority = Authority::of(app).await?;
    let mut names = Vec::new();
    for issuer in authority.issuers().filter(|key| key.purpose == KeyPurpose::Root && signs_lists(app, key)) {
        publish(app, &ListName { issuer, part: None }).await?;
        names.push(issuer.label.clone());
    }
    Ok(names)
}

/// Makes every list that can be made, whether it is due or not.
pub(super) async fn publish_all(app: &App) -> Result<()> {
    let _one = app.publications.lock().await;
    register::follow_now(app).await?;
    let authority = Authority::of(app).await?;
    for issuer in authority.issuers().filter(|key| signs_lists(app, key)) {
        for name in names(app, issuer).await? {
            let Some(list) = ListName::parse(&authority, &name) else { continue };
            publish(app, &list).await?;
        }
    }
    Ok(())
}

/// Whether its lists can be made: the key is here, and the CA has not ended.
fn signs_lists(app: &App, issuer: &CertifiedKey) -> bool {
    issuer.state != AuthorityState::Ended && !issuer.is_away(app)
}

/// `from`: `Issuing` for changes only, which leaves the roots out: their lists change with a ceremony.
async fn publish_where(
    app: &App,
    from: KeyPurpose,
    is_due: impl Fn(&App, &ListName<'_>, Option<&Row>) -> bool,
) -> Result<()> {
    let _one = app.publications.lock().await;
    register::follow_now(app).await?;
    let authority = Authority::of(app).await?;
    let mut outcome = Ok(());
    for issuer in authority.issuers().filter(|key| signs_lists(app, key)) {
        if from != KeyPurpose::Root && issuer.purpose != from {
            continue;
        }
        for name in names(app, issuer).await? {
            let Some(list) = ListName::parse(&authority, &name) else { continue };
            if from == KeyPurpose::Issuing && !list.is_behind(app) {
                continue;
            }
            let row = app.store.latest_crl_head(&name).await?;
            if is_due(app, &list, row.as_ref()) && !must_wait(app, row.as_ref()) {
                // A list that cannot be made must not keep the others back: its failure is logged and passed on at the end.
                let published = publish(app, &list).await.map(drop).inspect_err(|error| {
                    tracing::error!(event = "crl_not_published", list = name, error = %error);
                });
                outcome = outcome.and(published);
            }
        }
    }
    outcome
}

/// The issuer's whole list, its parts as new certificates name them, and those that older ones name.
pub(super) async fn names(app: &App, issuer: &CertifiedKey) -> Result<Vec<String>> {
    let mut names = app.store.crl_names(&issuer.label).await?;
    names.push(issuer.label.clone());
    if issuer.purpose == KeyPurpose::Issuing {
        let parts = app.settings.authority.crl_parts;
        let parts = if parts > 1 { 0..parts } else { 0..0 };
        names.extend(parts.clone().map(|part| format!("{}.{}.{part}", issuer.label, parts.end)));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// A long list is not written anew for each of many changes in a row.
fn must_wait(app: &App, row: Option<&Row>) -> bool {
    row.is_some_and(|row| {
        let is_long = row.length > i64::try_from(LIST_PIECE).unwrap_or(i64::MAX);
        is_long && app.clock.now() < row.this_update.plus_seconds(LONG_LIST_PAUSE) && row.next_update > app.clock.now()
    })
}

/// Makes the next list of that name and publishes it. The caller holds `app.publications`.
async fn publish(app: &App, list: &ListName<'_>) -> Result<Row> {
    publish_until(app, list, None).await
}

/// The same with an end other than usual.
async fn publish_until(app: &App, list: &ListName<'_>, until: Option<Instant>) -> Result<Row> {
    for _ in 0..MOST_TRIES {
        match publish_once(app, list, until).await? {
            Some(row) => return Ok(row),
            // Another node was faster: its list may have been made before our change.
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Err(InternalError::other(format!("the list {} was overtaken {MOST_TRIES} times", list.name())).into())
}

async fn publish_once(app: &App, list: &ListName<'_>, until: Option<Instant>) -> Result<Option<Row>> {
    let (name, issuer) = (list.name(), list.issuer);
    // 1. The list that is followed, then every change until now. The log knows of lists that SQL took out.
    let previous = app.store.latest_crl_head(&name).await?;
    let generation = register::follow_now(app).await?;
    let known = app.register.published(&name);
    let previous_number = previous.as_ref().map_or(0, |row| row.number);
    let number = previous_number.max(known.map_or(0, |known| known.number)).saturating_add(1);
    // 2. A later time: lists tell whole seconds.
    let earlier = previous.map(|row| row.this_update).max(known.map(|known| known.this_update));
    let this_update = later_than(app, earlier).await?;
    let next_update = until.unwrap_or_else(|| this_update.plus_seconds(life_hours(app, issuer).saturating_mul(3_600)));
    // 3. Entries, into a file.
    let mut entries = Entries::collect(app, list).await?;
    // 4. Signed, and the signature verified.
    let to_make = CrlToMake {
        issuer: &issuer.certificate,
        number: u64::try_from(number).unwrap_or_default(),
        this_update,
        next_update,
    };
    let address = format!("{}/crl/{name}.crl", app.settings.status_url());
    let promises =
        Promises { distribution_point: list.part.is_some().then_some(address.as_str()), keeps_expired: true };
    let frame = to_make.frame(issuer.scheme, entries.length, promises).map_err(internal)?;
    let digest = entries.digest(issuer, &frame).await?;
    let signature = issuer.sign(app, &digest).await?;
    let key = issuer.certificate.public_key().map_err(internal)?;
    key.verify_digest(issuer.scheme.into(), &digest, &signature).map_err(internal)?;
    fault::point("crl.before_store");
    // 5. Stored, which publishes it, with its audit entry.
    let mut row = Row {
        issuer_label: name.clone(),
        number,
        previous_number,
        this_update,
        next_update,
        length: 0,
        digest: Vec::new(),
        list: Vec::new(),
    };
    let mut transaction = app.store.begin().await?;
    entries.store(&mut transaction, &mut row, &frame.around(&signature)).await?;
    let count = entries.count;
    read_back(&mut transaction, &row, (&to_make, count), issuer).await?;
    if until.is_none() {
        // Nothing follows the last list of a CA that has ended, whoever has not heard of it yet.
        ceremony::may_sign(&mut transaction, &issuer.label, number.to_be_bytes()[7]).await?;
    }
    match transaction.publish_crl(&row).await {
        Ok(()) => {}
        Err(store::Error::Stale | store::Error::Conflict(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    transaction.remove_crl_pieces(&name, number.saturating_sub(LISTS_KEPT)).await?;
    let sha256 = hex::encode(&row.digest);
    let content = ListContent { list: name.clone(), number, this_update, generation, entries: entries.count, sha256 };
    let content = serde_json::to_value(&content).map_err(|error| InternalError::other(error.to_string()))?;
    let entry = Entry::new(app.clock.now(), Kind::CrlPublished, Actor::Service, format!("crl:{name}"));
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    app.register.learn_own_list(&name, Published { number, this_update, generation });
    fault::point("crl.after_store");
    row.list = Vec::new();
    Ok(Some(row))
}

/// How long a list is good. A root's changes with a ceremony only.
fn life_hours(app: &App, issuer: &CertifiedKey) -> i64 {
    match (issuer.purpose, &issuer.token) {
        (KeyPurpose::Root, Some(_)) => app.settings.authority.root_list_days.saturating_mul(24),
        (KeyPurpose::Root, None) => ROOT_LIST_HOURS,
        _ => app.settings.authority.crl_hours,
    }
}

/// What was stored says what was meant, breaks no rule and is what was signed, however long it is: piece by piece, as it will be served.
async fn read_back(
    transaction: &mut Transaction,
    row: &Row,
    (meant, count): (&CrlToMake<'_>, usize),
    issuer: &CertifiedKey,
) -> Result<()> {
    let mut list = LongList::new(meant.issuer, issuer.scheme.hash().into());
    list.read(&row.list).map_err(internal)?;
    for number in 1.. {
        let Some(piece) = transaction.crl_piece(&row.issuer_label, row.number, number).await? else { break };
        list.read(&piece.octets).map_err(internal)?;
    }
    let read = list.finish().map_err(internal)?;
    let said = (read.frame.number(), read.frame.this_update, read.frame.next_update, read.entries);
    if said != (Some(meant.number), meant.this_update, Some(meant.next_update), count)
        || !read.frame.issuer.matches(meant.issuer.subject())
    {
        return Err(InternalError::other("a list says something else than what was meant").into());
    }
    let key = issuer.certificate.public_key().map_err(internal)?;
    key.verify_digest(issuer.scheme.into(), &read.digest, &read.signature).map_err(internal)?;
    certify::clean(read.findings)
}

/// The entries of a list on their way, in a file without a name.
struct Entries {
    file: File,
    length: usize,
    count: usize,
}

impl Entries {
    async fn collect(app: &App, list: &ListName<'_>) -> Result<Self> {
        let failed = |error| InternalError::io("the entries of a list")(error);
        let mut entries = Self { file: File::from_std(tempfile::tempfile().map_err(failed)?), length: 0, count: 0 };
        let mut after: Option<Serial> = None;
        loop {
            let page = app.register.page(&list.issuer.label, after.as_ref(), PAGE);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let mut octets = Vec::with_capacity(page.len() * 50);
            for (serial, told) in page.iter().filter(|(serial, _)| list.has(serial)) {
                if stands(app, &list.issuer.label, serial, told).await? {
                    let Told { at, reason, invalid_since, .. } = *told;
                    let revoked = Revoked { serial: serial.clone(), at, reason, invalid_since };
                    octets.extend_from_slice(&crl::entry(&revoked));
                    entries.count += 1;
                }
            }
            entries.length += octets.len();
            entries.file.write_all(&octets).await.map_err(failed)?;
        }
        entries.file.flush().await.map_err(failed)?;
        Ok(entries)
    }

    /// What the issuer signs.
    async fn digest(&mut self, issuer: &CertifiedKey, frame: &CrlFrame) -> Result<Vec<u8>> {
        let mut hasher = Hasher::new(issuer.scheme.hash().into());
        hasher.update(frame.head());
        self.file.rewind().await.map_err(InternalError::io("the entries of a list"))?;
        let mut octets = vec![0; LIST_PIECE];
        loop {
            let length = self.file.read(&mut octets).await.map_err(InternalError::io("the entries of a list"))?;
            if length == 0 {
                break;
            }
            hasher.update(octets.get(..length).unwrap_or_default());
        }
        hasher.update(frame.tail());
        Ok(hasher.finish())
    }

    /// Puts the first piece, length and digest of the whole list into `row`, and the other pieces into their table.
    async fn store(
        &mut self,
        transaction: &mut Transaction,
        row: &mut Row,
        (before, after): &(Vec<u8>, Vec<u8>),
    ) -> Result<()> {
        let failed = |error| InternalError::io("the entries of a list")(error);
        self.file.rewind().await.map_err(failed)?;
        let mut whole = std::io::Cursor::new(before).chain(&mut self.file).chain(std::io::Cursor::new(after));
        let mut hasher = Hasher::new(chuky_pki::algorithm::DigestAlgorithm::Sha256);
        for number in 0.. {
            let mut octets = Vec::with_capacity(LIST_PIECE.min(self.length + before.len() + after.len()));
            let most = u64::try_from(LIST_PIECE).unwrap_or(u64::MAX);
            (&mut whole).take(most).read_to_end(&mut octets).await.map_err(failed)?;
            if octets.is_empty() {
                break;
            }
            hasher.update(&octets);
            row.length = row.length.saturating_add(i64::try_from(octets.len()).unwrap_or(i64::MAX));
            if number == 0 {
                row.list = octets;
            } else {
                let (issuer_label, list) = (row.issuer_label.clone(), row.number);
                let piece = CrlPiece { issuer_label, number: list, piece: number, octets };
                transaction.insert_crl_piece(&piece).await?;
            }
        }
        row.digest = hasher.finish();
        Ok(())
    }
}

/// Whether an entry stays on the list. The log alone takes nobody off: the row that says so must be genuine and no older.
async fn stands(app: &App, issuer_label: &str, serial: &Serial, told: &Told) -> Result<bool> {
    if told.standing == Standing::Revoked {
        return Ok(true);
    }
    match register::genuine(app, || app.store.certificate_by_serial(issuer_label, serial)).await {
        Ok(row) => Ok(row.is_none_or(|row| row.state != CertificateState::Issued)),
        Err(crate::error::Error::Internal(InternalError::RowForged { .. })) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The present second, or the one after the previous list's: waits for it, so that no list is dated in the future.
async fn later_than(app: &App, previous: Option<Instant>) -> Result<Instant> {
    let now = app.clock.now();
    let second = Instant::from_unix_seconds(now.unix_seconds());
    let earliest = previous.map_or(second, |previous| previous.plus_seconds(1));
    if earliest <= second {
        return Ok(second);
    }
    let wait = Duration::from_micros(u64::try_from(earliest.0.saturating_sub(now.0)).unwrap_or_default());
    if wait > LONGEST_WAIT {
        return Err(InternalError::other("the last list is dated later than this machine's clock").into());
    }
    tokio::time::sleep(wait).await;
    Ok(earliest)
}

/// Entries taken from the register at a time.
const PAGE: usize = 5_000;
/// A root's whose token is always here: thirty days.
const ROOT_LIST_HOURS: i64 = 30 * 24;
/// Beyond this the clock is wrong, not merely within the same second.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

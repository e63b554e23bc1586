//! Certificate revocation lists of every CA: published at once after a change and before the old one ends. Numbers and times only
//! grow, whoever publishes: a list names the one it follows, and the database admits one follower.

use super::{Authority, CertifiedKey, authority::internal, certify};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, Result},
    fault, store,
};
use chuky_model::{
    instant::Instant,
    record::{certificate::Crl as Row, state::KeyPurpose},
};
use chuky_pki::crl::{CrlToMake, Reason, Revoked};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::Mutex;

/// Changes that lists have still to tell; many changes at once are told by one list.
#[derive(Debug, Default)]
pub struct Publications {
    wanted: AtomicU64,
    done: Mutex<u64>,
}

/// The newest list of a CA, published now where there is none or the last one has ended.
pub async fn latest(app: &App, issuer: &CertifiedKey) -> Result<Row> {
    match app.store.latest_crl(&issuer.label).await? {
        Some(list) if list.next_update > app.clock.now() => Ok(list),
        _ => publish(app, issuer).await,
    }
}

/// Publishes after a certificate was revoked, suspended, resumed or voided. Returns when a list that tells the change is out.
pub async fn publish_after_change(app: &App) -> Result<()> {
    let ticket = app.publications.wanted.fetch_add(1, Ordering::SeqCst).saturating_add(1);
    publish_until(app, ticket).await
}

/// Publishes what is due: lists past half their life, and changes whose publication failed.
pub async fn publish_due(app: &App) -> Result<()> {
    publish_until(app, app.publications.wanted.load(Ordering::SeqCst)).await?;
    let now = app.clock.now();
    let mut outcome = Ok(());
    for issuer in Authority::of(app).await?.issuers() {
        let due = match app.store.latest_crl(&issuer.label).await? {
            None => true,
            Some(list) => {
                let half = list.next_update.0.saturating_sub(list.this_update.0) / 2;
                now.0 >= list.this_update.0.saturating_add(half)
            }
        };
        if due {
            outcome = outcome.and(told(publish(app, issuer).await, issuer));
        }
    }
    outcome
}

/// A CA whose list cannot be made must not keep the others from theirs: its failure is logged here and passed on at the end.
fn told(published: Result<Row>, issuer: &CertifiedKey) -> Result<()> {
    published.map(drop).inspect_err(|error| {
        tracing::error!(event = "crl_not_published", issuer = issuer.label, error = %error);
    })
}

async fn publish_until(app: &App, ticket: u64) -> Result<()> {
    let mut done = app.publications.done.lock().await;
    if *done >= ticket {
        return Ok(());
    }
    let told = app.publications.wanted.load(Ordering::SeqCst);
    let authority = Authority::of(app).await?;
    let mut outcome = Ok(());
    for issuer in authority.issuers().filter(|issuer| issuer.purpose == KeyPurpose::Issuing) {
        outcome = outcome.and(self::told(publish(app, issuer).await, issuer));
    }
    outcome?;
    *done = told;
    Ok(())
}

/// Makes the next list of a CA and publishes it.
async fn publish(app: &App, issuer: &CertifiedKey) -> Result<Row> {
    for _ in 0..MOST_TRIES {
        match publish_once(app, issuer).await? {
            Some(list) => return Ok(list),
            // Another node was faster: its list may have been made before our change.
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Err(InternalError::other(format!("the list of {} was overtaken {MOST_TRIES} times", issuer.label)).into())
}

async fn publish_once(app: &App, issuer: &CertifiedKey) -> Result<Option<Row>> {
    // 1. The list that is followed, and a later time: lists tell whole seconds.
    let previous = app.store.latest_crl(&issuer.label).await?;
    let this_update = later_than(app, previous.as_ref()).await?;
    let life = match issuer.purpose {
        KeyPurpose::Root => ROOT_LIST_HOURS,
        _ => app.settings.authority.crl_hours,
    };
    let previous_number = previous.as_ref().map_or(0, |list| list.number);
    let number = previous_number.saturating_add(1);
    let next_update = this_update.plus_seconds(life.saturating_mul(3_600));
    // 2. What is revoked. RFC 5280 §3.3: an entry stays until one list after the certificate has expired.
    let expired_before = previous.as_ref().map_or(this_update, |list| list.this_update);
    let entries = revoked(app, &issuer.label, expired_before).await?;
    // 3. Signed, and the signature verified.
    let to_make = CrlToMake {
        issuer: &issuer.certificate,
        number: u64::try_from(number).unwrap_or_default(),
        this_update,
        next_update,
    };
    let count = entries.len();
    let to_be_signed = to_make.to_be_signed(issuer.scheme, entries.into_iter()).map_err(internal)?;
    let signature = issuer.sign(app, &to_be_signed.digest()).await?;
    let key = issuer.certificate.public_key().map_err(internal)?;
    let list = to_be_signed.assemble(&signature, &key).map_err(internal)?;
    certify::clean(chuky_pki::lint::lint_crl(&list, &issuer.certificate))?;
    fault::point("crl.before_store");
    // 4. Stored, which publishes it, with its audit entry.
    let row = Row { issuer_label: issuer.label.clone(), number, previous_number, this_update, next_update, list };
    let mut transaction = app.store.begin().await?;
    match transaction.publish_crl(&row).await {
        Ok(()) => {}
        Err(store::Error::Stale | store::Error::Conflict(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let entry = Entry::new(app.clock.now(), Kind::CrlPublished, Actor::Service, format!("crl:{}", issuer.label));
    audit::record(&mut transaction, entry.with(serde_json::json!({ "number": number, "entries": count }))).await?;
    transaction.commit().await?;
    fault::point("crl.after_store");
    Ok(Some(row))
}

/// The present second, or the one after the previous list's: waits for it, so that no list is dated in the future.
async fn later_than(app: &App, previous: Option<&Row>) -> Result<Instant> {
    let now = app.clock.now();
    let second = Instant::from_unix_seconds(now.unix_seconds());
    let earliest = previous.map_or(second, |list| list.this_update.plus_seconds(1));
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

async fn revoked(app: &App, issuer_label: &str, at: Instant) -> Result<Vec<Revoked>> {
    let mut entries: Vec<Revoked> = Vec::new();
    loop {
        let after = entries.last().map(|entry| entry.serial.clone());
        let page = app.store.revoked_certificates(issuer_label, at, after.as_ref(), PAGE).await?;
        if page.is_empty() {
            return Ok(entries);
        }
        entries.extend(page.into_iter().map(|row| Revoked {
            serial: row.serial,
            at: row.revoked_at,
            reason: Reason::from_code(u64::try_from(row.revocation_reason).unwrap_or_default()),
            invalid_since: row.invalid_since,
        }));
    }
}

/// Rows read at a time.
const PAGE: i64 = 5_000;
/// Nodes that publish at once overtake each other a few times at most.
const MOST_TRIES: u32 = 10;
/// A root's list changes with a ceremony only: thirty days.
const ROOT_LIST_HOURS: i64 = 30 * 24;
/// Beyond this the clock is wrong, not merely within the same second.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

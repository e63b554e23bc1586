//! Archives stay readable: a document of any format with an archive timestamp gets its next one before the newest ends to count by itself, because its
//! certificate or an algorithm of it ends (EN 319 142-1 §5.4.3, EN 319 132-1 §5.5.2, EN 319 122-1 §5.5.3, TS 119 182-1 §5.3.6.2). Each such
//! document has one row, of the document's identifier, claimed by whichever node comes first; nobody's key is needed. Whatever is stored of the
//! document later keeps the row: an archive stays one.

use super::{
    document,
    evidence::Stamping,
    extend::{ArchiveLevel, ExtensionRequest, raised},
    sign::{Unrecorded, moved_on},
};
use crate::{
    app::App,
    audit::{Actor, Kind},
    error::{InternalError, Result},
    store::{self, Transaction},
};
use chuky_model::{
    id::{DocumentId, JobId},
    instant::Instant,
    record::{
        Authenticated, Cursor,
        document::Document,
        state::{DocumentState, JobState},
        work::Job,
    },
    request::Hierarchy,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is renewed, and why then.
#[derive(Debug, Serialize, Deserialize)]
struct Renewal {
    document: DocumentId,
    hierarchy: Hierarchy,
    /// Until when the newest timestamp counts by itself, in microseconds; 0 where something was added that no archive timestamp covers.
    until: i64,
    /// What the extension was asked to: the signatures, where not all of them, and the document that a detached signature covers.
    #[serde(default)]
    signatures: Option<Vec<String>>,
    #[serde(default)]
    content: Option<String>,
}

impl Renewal {
    /// The document's row, due then.
    fn row(&self, kind: &str, (now, run_at): (Instant, Instant)) -> Result<Job> {
        Ok(Job {
            id: row_of(self.document),
            kind: kind.to_owned(),
            payload: serde_json::to_vec(self).map_err(|error| InternalError::other(error.to_string()))?,
            state: JobState::Queued,
            run_at,
            tries: 0,
            last_error: None,
            created_at: now,
        })
    }

    /// The next archive timestamp.
    fn wanted(&self) -> ExtensionRequest {
        let (signatures, content) = (self.signatures.clone(), self.content.clone());
        ExtensionRequest { level: ArchiveLevel::LTA, sha256: None, signatures, content }
    }

    /// Soon, of a document of which nothing more is known.
    fn soon(document: DocumentId, hierarchy: Hierarchy) -> Self {
        Self { document, hierarchy, until: 0, signatures: None, content: None }
    }

    fn of(job: &Job) -> Result<Self> {
        Ok(serde_json::from_slice(&job.payload).map_err(|error| InternalError::other(error.to_string()))?)
    }
}

/// One row for each document.
fn row_of(document: DocumentId) -> JobId {
    JobId(document.0)
}

/// Has a document with an archive timestamp of that hierarchy, which counts until then, wait for its next one by the same request; stored with the
/// document's row.
pub(super) fn renewed_later(
    app: &App,
    made: Unrecorded,
    wanted: &ExtensionRequest,
    (hierarchy, until): (Hierarchy, Instant),
) -> Result<Unrecorded> {
    let (signatures, content) = (wanted.signatures.clone(), wanted.content.clone());
    let renewal = Renewal { document: made.document().id, hierarchy, until: until.0, signatures, content };
    // A clock that is ahead must not put it off past the timestamp's end.
    let now = app.clock.certain();
    let ahead = app.settings.documents.renewal_days.saturating_mul(DAY);
    // Not at once again, where the authority has no certificate that lasts longer.
    let run_at = until.plus_seconds(-ahead).max(now.plus_seconds(DAY));
    let kind = if made.document().state == DocumentState::Outgoing { ROAD_KIND } else { KIND };
    Ok(made.with_renewal(renewal.row(kind, (now, run_at))?))
}

/// The one place in which a document's renewal goes on to new bytes of it, in the transaction that stores them: with the archive timestamp that they
/// have, or, where they have none and are of an archive, soon. `claimed` is the renewal whose work they are.
pub(super) async fn goes_on(
    transaction: &mut Transaction,
    document: &Document,
    made: Option<&Job>,
    claimed: Option<&Job>,
    now: Instant,
) -> Result<()> {
    if let Some(claimed) = claimed {
        match transaction.finish_job(claimed, JobState::Done, now, None).await {
            Err(store::Error::Stale) => return Err(moved_on().into()),
            other => other?,
        }
    }
    if let Some(made) = made {
        return Ok(transaction.put_job(made).await?);
    }
    let waits = transaction.job_by_id(row_of(document.id)).await?;
    if let Some(waits) = waits.filter(|row| row.kind == KIND && row.state == JobState::Queued) {
        // What was written over the row is no reason to refuse a signature.
        let renewal = Renewal::of(&waits).unwrap_or_else(|_| Renewal::soon(document.id, Hierarchy::Citizens));
        let run_at = waits.run_at.min(now.plus_seconds(DAY));
        let renewal = Renewal { document: document.id, until: 0, ..renewal };
        transaction.put_job(&renewal.row(KIND, (now, run_at))?).await?;
    }
    Ok(())
}

/// Renews what is due, one after the other; how many were renewed. What cannot be renewed today is tried again tomorrow. Due is what a clock that was
/// set ahead cannot make due: it would be claimed and put off to a day that comes when the timestamp has ended.
pub async fn renew_due(app: &App) -> Result<usize> {
    let mut renewed = 0;
    for _ in 0..AT_A_TIME {
        let now = app.clock.certain();
        let mut transaction = app.store.begin().await?;
        let jobs = transaction.claim_jobs(KIND, now, now.plus_seconds(CLAIM_SECONDS), 1).await?;
        transaction.commit().await?;
        let Some(job) = jobs.first() else { break };
        match renew(app, job).await {
            Ok(true) => renewed += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(event = "archive_not_renewed", job = %job.id, error = %error);
                finish(app, job, JobState::Queued, Some(&error.to_string())).await?;
            }
        }
    }
    Ok(renewed)
}

/// Looks through some documents after that one for archives that no row renews, because SQL took it away, and gives them one that is due. Where to go
/// on, `None` after the last.
pub async fn find_unrenewed(app: &App, after: Option<DocumentId>) -> Result<Option<DocumentId>> {
    let after = after.unwrap_or(DocumentId(Uuid::nil()));
    let documents = app.store.documents_without_job(KIND, after, LOOKED_AT).await?;
    for document in &documents {
        let Some(archived) = was_archived(app, document).await? else { continue };
        tracing::warn!(event = "archive_without_renewal", document = %document.id);
        let now = app.clock.certain();
        let Archived { signatures, content } = archived;
        let renewal = Renewal { signatures, content, ..Renewal::soon(document.id, Hierarchy::Citizens) };
        let mut transaction = app.store.begin().await?;
        transaction.put_job(&renewal.row(KIND, (now, now))?).await?;
        transaction.commit().await?;
    }
    Ok(documents.last().filter(|_| documents.len() as i64 == LOOKED_AT).map(|last| last.id))
}

/// What the audit log tells of an archive timestamp that was given here.
#[derive(Default, Deserialize)]
struct Archived {
    #[serde(default)]
    signatures: Option<Vec<String>>,
    #[serde(default)]
    content: Option<String>,
}

/// The newest that the audit log tells of.
async fn was_archived(app: &App, document: &Document) -> Result<Option<Archived>> {
    let (mut after, mut newest) = (Cursor::OLDEST, None);
    loop {
        let entries = app.store.audit_entries_about(&document.subject(), after, ENTRIES).await?;
        let archives = [Kind::DocumentSigned.name(), Kind::DocumentExtended.name()];
        for entry in entries.iter().filter(|entry| archives.contains(&entry.kind.as_str())) {
            let content: serde_json::Value = serde_json::from_slice(&entry.content).unwrap_or_default();
            if content["level"] == "LTA" {
                newest = Some(serde_json::from_value(content).unwrap_or_default());
            }
        }
        match entries.last().filter(|_| entries.len() as i64 == ENTRIES) {
            Some(last) => after = Cursor { at: last.recorded_at, id: last.id.0 },
            None => return Ok(newest),
        }
    }
}

async fn renew(app: &App, job: &Job) -> Result<bool> {
    let renewal = Renewal::of(job)?;
    let document = document::genuine(app, renewal.document).await?;
    let Some(document) = document.filter(|document| document.state != DocumentState::Removed) else {
        // There is nothing to keep any more.
        finish(app, job, JobState::Done, None).await?;
        return Ok(false);
    };
    let next = Stamping::of(app, renewal.hierarchy).await?.counts_until(app.clock.now())?;
    if next.0 <= renewal.until {
        tracing::warn!(event = "archive_waits_for_timestamp_key", document = %document.id, until = %next.rfc3339());
        let why = "the timestamp authority has no certificate that lasts longer";
        finish(app, job, JobState::Queued, Some(why)).await?;
        return Ok(false);
    }
    let place = app.places.of_service();
    raised(app, Actor::Service, &document, &renewal.wanted(), place).await?.stored(app, Some(job)).await?;
    Ok(true)
}

/// Ends a claimed row's turn; one that is queued again is due tomorrow. Where the document was stored anew meanwhile, the row is that one's.
async fn finish(app: &App, job: &Job, state: JobState, why: Option<&str>) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    let tomorrow = app.clock.certain().plus_seconds(DAY);
    let why: Option<String> = why.map(|why| why.chars().take(LONGEST_REASON).collect());
    match transaction.finish_job(job, state, tomorrow, why.as_deref()).await {
        Err(store::Error::Stale) => return Ok(()),
        other => other?,
    }
    Ok(transaction.commit().await?)
}

/// A sealed document of a road that waits for an archive timestamp, claimed. Its road stores what comes of it: the road's row says which
/// bytes are the document's, so it has a kind of its own, which nothing renews past the road.
pub struct DueArchive {
    job: Job,
    renewal: Renewal,
}

impl DueArchive {
    /// Which document.
    pub fn document(&self) -> DocumentId {
        self.renewal.document
    }

    /// There is nothing to keep.
    pub async fn done(&self, app: &App) -> Result<()> {
        finish(app, &self.job, JobState::Done, None).await
    }

    /// It cannot be had today.
    pub async fn tomorrow(&self, app: &App, why: &str) -> Result<()> {
        finish(app, &self.job, JobState::Queued, Some(why)).await
    }
}

/// The next document of a road whose archive timestamp is due.
pub async fn due_on_roads(app: &App) -> Result<Option<DueArchive>> {
    let now = app.clock.certain();
    let mut transaction = app.store.begin().await?;
    let jobs = transaction.claim_jobs(ROAD_KIND, now, now.plus_seconds(CLAIM_SECONDS), 1).await?;
    transaction.commit().await?;
    let Some(job) = jobs.into_iter().next() else { return Ok(None) };
    let renewal = match Renewal::of(&job) {
        // What was written over the row is no reason to leave the document without its archive.
        Err(_) => Renewal::soon(DocumentId(job.id.0), Hierarchy::Officials),
        Ok(renewal) => Renewal { document: DocumentId(job.id.0), ..renewal },
    };
    Ok(Some(DueArchive { job, renewal }))
}

/// A row by which that document of a road waits for its archive timestamp from now on.
pub fn archive_wanted(app: &App, document: DocumentId) -> Result<Job> {
    let now = app.clock.certain();
    Renewal::soon(document, Hierarchy::Officials).row(ROAD_KIND, (now, now))
}

/// Whether the road's document has an archive timestamp that is followed by the next.
pub async fn is_archived(app: &App, document: DocumentId) -> Result<bool> {
    let job = app.store.job_by_id(row_of(document)).await?;
    let job = job.filter(|job| job.kind == ROAD_KIND && job.state == JobState::Queued);
    Ok(job.is_some_and(|job| Renewal::of(&job).is_ok_and(|renewal| renewal.until > 0)))
}

/// The document of a road with an archive timestamp, its row and its next renewal the road's to record; `None` where the authority has no
/// certificate that lasts longer than the timestamp that it has.
pub async fn archived(app: &App, document: &Document, due: Option<&DueArchive>) -> Result<Option<Unrecorded>> {
    if let Some(due) = due {
        let next = Stamping::of(app, due.renewal.hierarchy).await?.counts_until(app.clock.now())?;
        if next.0 <= due.renewal.until {
            tracing::warn!(event = "archive_waits_for_timestamp_key", document = %document.id, until = %next.rfc3339());
            due.tomorrow(app, "the timestamp authority has no certificate that lasts longer").await?;
            return Ok(None);
        }
    }
    raised(app, Actor::Service, document, &ExtensionRequest::default(), app.places.of_service()).await.map(Some)
}

const KIND: &str = "archive_renewal";
/// Of documents on roads.
pub const ROAD_KIND: &str = "road_archive";
/// Seconds.
const DAY: i64 = 86_400;
/// Documents renewed in one round of the worker.
const AT_A_TIME: usize = 20;
/// Documents without a row that are looked at in one round.
const LOOKED_AT: i64 = 50;
/// Entries of the audit log read at a time.
const ENTRIES: i64 = 100;
/// A claimed document is free again after this: its node is gone.
const CLAIM_SECONDS: i64 = 600;
/// Characters of a kept reason.
const LONGEST_REASON: usize = 300;

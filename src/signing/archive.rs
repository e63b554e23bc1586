//! Archives stay readable: a PDF with an archive timestamp gets its next one before the newest ends to count by itself, because its certificate or an
//! algorithm of it ends (EN 319 142-1 §5.4.3). Each document waits as a row, claimed by whichever node comes first; nobody's key is needed.

use super::{
    document,
    evidence::Stamping,
    extend::{ArchiveLevel, raised},
    sign::Unrecorded,
};
use crate::{
    app::App,
    audit::Actor,
    error::{InternalError, Result},
};
use chuky_model::{
    id::{DocumentId, JobId},
    instant::Instant,
    record::{
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
    /// Hex: the signed bytes that wait; others have a row of their own.
    sha256: String,
    hierarchy: Hierarchy,
    /// Until when the newest timestamp counts by itself, in microseconds.
    until: i64,
}

/// Has a document with an archive timestamp of that hierarchy wait for its next one; stored with the document's row.
pub(super) fn renewed_later(app: &App, made: Unrecorded, hierarchy: Hierarchy, until: Instant) -> Result<Unrecorded> {
    let document = made.document();
    let sha256 = hex::encode(document.signed_sha256.as_deref().unwrap_or_default());
    let renewal = Renewal { document: document.id, sha256, hierarchy, until: until.0 };
    let payload = serde_json::to_vec(&renewal).map_err(|error| InternalError::other(error.to_string()))?;
    let now = app.clock.now();
    let ahead = app.settings.documents.renewal_days.saturating_mul(DAY);
    let job = Job {
        id: JobId(Uuid::now_v7()),
        kind: KIND.to_owned(),
        payload,
        state: JobState::Queued,
        // Not at once again, where the authority has no certificate that lasts longer.
        run_at: until.plus_seconds(-ahead).max(now.plus_seconds(DAY)),
        tries: 0,
        last_error: None,
        created_at: now,
    };
    Ok(made.with_renewal(job))
}

/// Renews what is due; how many were renewed. What cannot be renewed today is tried again tomorrow.
pub async fn renew_due(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let jobs = transaction.claim_jobs(KIND, now, now.plus_seconds(CLAIM_SECONDS), AT_A_TIME).await?;
    transaction.commit().await?;
    let mut renewed = 0;
    for job in jobs {
        match renew(app, &job).await {
            Ok(true) => renewed += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(event = "archive_not_renewed", job = %job.id, error = %error);
                put_off(app, &job, &error.to_string()).await?;
            }
        }
    }
    Ok(renewed)
}

async fn renew(app: &App, job: &Job) -> Result<bool> {
    let renewal: Renewal =
        serde_json::from_slice(&job.payload).map_err(|error| InternalError::other(error.to_string()))?;
    let document = document::genuine(app, renewal.document).await?;
    // Signed or extended again meanwhile, or removed: another row waits for what it is now, or none.
    let Some(document) = document.filter(|document| is_meant(document, &renewal)) else {
        let mut transaction = app.store.begin().await?;
        transaction.finish_job(job, JobState::Done, app.clock.now(), None).await?;
        transaction.commit().await?;
        return Ok(false);
    };
    let next = Stamping::of(app, renewal.hierarchy).await?.counts_until(app.clock.now())?;
    if next.0 <= renewal.until {
        tracing::warn!(event = "archive_waits_for_timestamp_key", document = %document.id, until = %next.rfc3339());
        put_off(app, job, "the timestamp authority has no certificate that lasts longer").await?;
        return Ok(false);
    }
    raised(app, Actor::Service, &document, ArchiveLevel::LTA).await?.stored(app, Some(job)).await?;
    Ok(true)
}

fn is_meant(document: &Document, renewal: &Renewal) -> bool {
    document.state != DocumentState::Removed
        && document.signed_sha256.as_ref().map(hex::encode).as_ref() == Some(&renewal.sha256)
}

async fn put_off(app: &App, job: &Job, why: &str) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    let tomorrow = app.clock.now().plus_seconds(DAY);
    let why: String = why.chars().take(LONGEST_REASON).collect();
    transaction.finish_job(job, JobState::Queued, tomorrow, Some(&why)).await?;
    Ok(transaction.commit().await?)
}

const KIND: &str = "archive_renewal";
/// Seconds.
const DAY: i64 = 86_400;
/// Documents in one round of the worker.
const AT_A_TIME: i64 = 20;
/// A claimed document is free again after this: its node is gone.
const CLAIM_SECONDS: i64 = 600;
/// Characters of a kept reason.
const LONGEST_REASON: usize = 300;

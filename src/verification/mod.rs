//! The flow from bytes to a verdict: the document goes through a reader worker, evidence is gathered from what this service
//! knows itself, and the judgement is pure. What could not be read gets a report that says so, never an error.

mod admission;
mod certificate;
pub mod detached;
mod evidence;
mod kept;
pub mod limits;
mod pictures;
mod policies;
mod spool;
mod unread;

pub use admission::{Admission, Arriving};
pub use certificate::{judge_certificate, unread_certificate};
pub use evidence::present as present_trust;
pub use kept::{Kept, Link, from_handed, handed, keep, kept};
pub use pictures::{Pictures, drawn};
pub use policies::Policies;
pub use spool::Spool;
pub use unread::{Unjudged, digest_of, unread, unreadable};

use crate::{
    app::App,
    audit::{Actor, Entry, Kind, record},
    error::{Error, InternalError, Result},
    fetching::Fetcher,
    reader::{Aside, Evidence, ReaderFailure, ReaderPool, Task, TaskOutput},
};
use chuky_model::{
    instant::Instant,
    report::{Check, Report},
};
use chuky_pki::pdf::write::LongTermData;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    fs::File,
    io::{Seek, SeekFrom},
};

/// A document that was handed in, with the content that its signature covers where that lies outside.
#[derive(Debug)]
pub struct Submission {
    /// Shown in the report.
    pub name: String,
    pub document: Spool,
    pub content: Option<File>,
    /// The text of the validation policy.
    pub policy: String,
}

/// A verdict with the moment it was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub report: Report,
    pub at: Instant,
}

/// Judges an upload with the evidence of this service, and records that it did, without content.
pub async fn verify_document(app: &App, actor: Actor, submission: Submission) -> Result<Judged> {
    let document = submission.document.finish().await?;
    let names = (submission.name.as_str(), submission.policy);
    judge_recorded(app, actor, names, document, submission.content).await
}

/// The same, with pictures of the pages that changed or carry a signature. The verdict never waits on whether they can be made.
pub async fn verify_and_draw(app: &App, actor: Actor, submission: Submission) -> Result<(Judged, Pictures)> {
    let document = submission.document.finish().await?;
    let kept = again(&document)?;
    let names = (submission.name.as_str(), submission.policy);
    let judged = judge_recorded(app, actor, names, document, submission.content).await?;
    let pictures = pictures::draw(app, kept, &judged.report).await;
    Ok((judged, pictures))
}

/// `name` is the document's, `policy` the validation policy's text.
async fn judge_recorded(
    app: &App,
    actor: Actor,
    (name, policy): (&str, String),
    document: File,
    content: Option<File>,
) -> Result<Judged> {
    // 1. The verdict.
    let Judged { report, at } = judge_now(app, (name, Some(policy)), (&document, content.as_ref())).await?;
    // 2. The audit log: which bytes, which answer.
    let subject = format!("document:{}", report.sha256.as_deref().unwrap_or("unread"));
    let content = json!({
        "indication": report.indication, "sub_indication": report.sub_indication, "integrity": report.integrity,
        "signatures": report.signatures.len(),
    });
    let mut transaction = app.store.begin().await?;
    record(&mut transaction, Entry::new(at, Kind::DocumentVerified, actor, subject).with(content)).await?;
    transaction.commit().await?;
    Ok(Judged { report, at })
}

/// Judges a document, with the content of a detached signature, by everything that this service knows or may fetch now; the default policy where
/// none is named. Not recorded here.
pub async fn judge_now(
    app: &App,
    (name, policy): (&str, Option<String>),
    (document, content): (&File, Option<&File>),
) -> Result<Judged> {
    // 1. What we know ourselves.
    let mut evidence = evidence::of_authority(app).await?;
    evidence.policy = policy.unwrap_or(evidence.policy);
    let at = evidence.at;
    // 2. The verdict, made in a reader.
    let name = shortened(name);
    let (workers, files) = ((&app.readers, &app.fetcher), (document, content));
    let (mut report, fetches) = judge_fetching(workers, &name, files, &mut evidence).await.map_err(no_reader)?;
    // 3. A revocation that is newer than the published list: the verdict is made again with today's status.
    if add_todays_status(app, &report, &mut evidence).await? {
        let content = content.map(again).transpose()?;
        report = judge(&app.readers, &name, again(document)?, content, evidence).await.map_err(no_reader)?;
    }
    report.checks.extend(fetches);
    evidence::leave_unasked_open(&mut report);
    Ok(Judged { report, at })
}

/// A verdict on a document with what it relied on, for whoever adds that to the document; recorded with what comes of it, not here.
pub struct Relying {
    pub report: Report,
    pub relied: LongTermData,
    /// What it was judged by; the same again for what is made of the document.
    pub evidence: Evidence,
}

/// Judges a document, with the content of a detached signature, as [`verify_document`] does, and says what the verdict relied on.
pub async fn judge_relying(app: &App, name: &str, files: (&File, Option<&File>)) -> Result<Relying> {
    let mut evidence = evidence::of_authority(app).await?;
    let (report, _) =
        judge_fetching((&app.readers, &app.fetcher), name, files, &mut evidence).await.map_err(no_reader)?;
    add_todays_status(app, &report, &mut evidence).await?;
    evidence.wants_relied = true;
    judge_again(app, name, files, evidence).await
}

/// Judges what was made of a document by the same evidence.
pub async fn judge_again(
    app: &App,
    name: &str,
    (document, content): (&File, Option<&File>),
    evidence: Evidence,
) -> Result<Relying> {
    let content = content.map(again).transpose()?;
    let judged = judge_with_aside(&app.readers, name, again(document)?, content, evidence.clone()).await;
    let (mut report, Aside { relied, .. }) = judged.map_err(no_reader)?;
    evidence::leave_unasked_open(&mut report);
    Ok(Relying { report, relied, evidence })
}

/// Adds revocations that are newer than the published list, suspensions that were lifted meanwhile, and the status of signers where the list
/// is too long to be handed to a reader. Whether there was any.
async fn add_todays_status(app: &App, report: &Report, evidence: &mut Evidence) -> Result<bool> {
    let newer = evidence::newer_status(app, report).await?;
    let holds = evidence::lifted_holds(app, report).await?;
    let any = !newer.is_empty() || !holds.is_empty();
    evidence.ocsp_responses.extend(newer);
    evidence.holds = holds;
    Ok(any)
}

fn again(document: &File) -> Result<File> {
    Ok(document.try_clone().map_err(InternalError::io("a spool file"))?)
}

/// The world's fault, not the document's.
fn no_reader(failure: ReaderFailure) -> Error {
    match failure {
        ReaderFailure::NotStarted(error) => InternalError::io("a reader worker")(error).into(),
        other => InternalError::other(other.to_string()).into(),
    }
}

/// Has a reader judge a file. What the reader could not finish is a report too; an error means that there was no reader.
pub async fn judge(
    readers: &ReaderPool,
    name: &str,
    document: File,
    content: Option<File>,
    evidence: Evidence,
) -> Result<Report, ReaderFailure> {
    Ok(judge_with_aside(readers, name, document, content, evidence).await?.0)
}

/// The same with what others published, where the settings allow to fetch it. The reader, which has no network, says what it lacked; what is
/// fetched goes into `evidence` unread, and the reader judges again. Returns what was fetched and what was not, as checks.
pub async fn judge_fetching(
    (readers, fetcher): (&ReaderPool, &Fetcher),
    name: &str,
    (document, content): (&File, Option<&File>),
    evidence: &mut Evidence,
) -> Result<(Report, Vec<Check>), ReaderFailure> {
    let again = |file: &File| file.try_clone().map_err(ReaderFailure::NotStarted);
    evidence.wants_gaps = fetcher.is_on();
    let mut visit = fetcher.visit();
    loop {
        let content = content.map(again).transpose()?;
        let (report, aside) = judge_with_aside(readers, name, again(document)?, content, evidence.clone()).await?;
        let found = visit.fill(aside.gaps).await;
        if found.is_empty() {
            return Ok((report, visit.checks()));
        }
        evidence.fetched.extend(found);
    }
}

async fn judge_with_aside(
    readers: &ReaderPool,
    name: &str,
    document: File,
    content: Option<File>,
    evidence: Evidence,
) -> Result<(Report, Aside), ReaderFailure> {
    let unread = |name: &str, digest, why: &Unjudged| (unread(name, digest, why), Aside::default());
    let length = document.metadata().map_err(ReaderFailure::NotStarted)?.len();
    if length > limits::LARGEST_FILE {
        return Ok(unread(name, unread::digest_of(&document), &Unjudged::TooLarge(length)));
    }
    let kept = document.try_clone().map_err(ReaderFailure::NotStarted)?;
    let (handed, content_after) = match content {
        None => (document, None),
        Some(content) => (both(&document, &content).map_err(ReaderFailure::NotStarted)?, Some(length)),
    };
    let task = Task::Verify { name: name.to_owned(), evidence, content_after };
    match readers.run(task, Some(handed)).await {
        Ok(TaskOutput::Report(report, aside)) => Ok((*report, aside)),
        Ok(_) => {
            let why = Unjudged::Stopped("the reader answered another question".to_owned());
            Ok(unread(name, unread::digest_of(&kept), &why))
        }
        Err(failure) => {
            let why = match &failure {
                ReaderFailure::TimedOut(_) => Unjudged::OutOfTime(failure.to_string()),
                ReaderFailure::Crashed(_) => Unjudged::Stopped(failure.to_string()),
                ReaderFailure::NotStarted(_) => return Err(failure),
            };
            Ok(unread(name, unread::digest_of(&kept), &why))
        }
    }
}

/// Document and content behind each other in a file without a name: a reader is handed one descriptor.
pub fn joined(document: &File, content: &File) -> Result<File> {
    Ok(both(document, content).map_err(InternalError::io("an unnamed file"))?)
}

fn both(mut document: &File, mut content: &File) -> std::io::Result<File> {
    let mut both = tempfile::tempfile()?;
    document.seek(SeekFrom::Start(0))?;
    content.seek(SeekFrom::Start(0))?;
    std::io::copy(&mut document, &mut both)?;
    std::io::copy(&mut content, &mut both)?;
    Ok(both)
}

/// A name as a report repeats it: one line, bounded.
fn shortened(name: &str) -> String {
    let mut short = String::new();
    for letter in name.chars().filter(|letter| !letter.is_control()) {
        if short.len() + letter.len_utf8() > limits::LONGEST_NAME {
            break;
        }
        short.push(letter);
    }
    short
}

//! Deadlines on the road: whoever has a document is told before its deadline and after it, once each. Reminders are jobs stored with the
//! transition that sets the deadline; each looks again whether the document still stands there, and only writes messages.

use super::{
    draft::acts_on_roads,
    limits::{REMIND_BEFORE_HOURS, REMINDED_AT_ONCE, REMINDED_CLERKS, REMINDER_TRIES, REMINDERS_KEPT_DAYS},
    road::Road,
};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, Result},
    outbox::{self, Said, To},
    registration, store,
    store::Transaction,
};
use chuky_model::{
    id::{AccountId, JobId, OutgoingId},
    instant::Instant,
    record::{
        outgoing::OutgoingDocument,
        state::{JobState, OutgoingState, StepState},
        work::{Job, Message},
    },
    role::Role,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a reminder is about.
#[derive(Debug, Serialize, Deserialize)]
struct Reminder {
    outgoing: OutgoingId,
    state: OutgoingState,
    /// In microseconds.
    due_at: i64,
    /// Whether the deadline is still to come.
    before: bool,
}

impl Reminder {
    /// One identifier for each deadline of a document and each of its two reminders.
    fn id(&self) -> JobId {
        let name = format!("{} {} {} {}", self.outgoing, self.state.name(), self.due_at, self.before);
        let digest = Sha256::new().chain_update("chuky-road-reminder-v1\n").chain_update(name).finalize();
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
        JobId(Uuid::from_bytes(id))
    }
}

/// Queues the reminders of a row's deadline, in the transaction that stores it. One that was queued before is not queued again.
pub(super) async fn queue(transaction: &mut Transaction, row: &OutgoingDocument, now: Instant) -> Result<()> {
    if !waits(row.state) {
        return Ok(());
    }
    let early = row.due_at.plus_seconds(-REMIND_BEFORE_HOURS * 3_600);
    for (before, run_at) in [(true, early), (false, row.due_at)] {
        // Whoever has just got it knows.
        if run_at <= now {
            continue;
        }
        let reminder = Reminder { outgoing: row.id, state: row.state, due_at: row.due_at.0, before };
        let job = Job {
            id: reminder.id(),
            kind: KIND.to_owned(),
            payload: serde_json::to_vec(&reminder).map_err(|error| InternalError::other(error.to_string()))?,
            state: JobState::Queued,
            run_at,
            tries: 0,
            last_error: None,
            created_at: now,
        };
        transaction.insert_job_once(&job).await?;
    }
    Ok(())
}

/// Tells those whose deadlines are near or past; how many documents they were told of. The worker loop calls it.
pub async fn remind_due(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let jobs = transaction.claim_jobs(KIND, now, now.plus_seconds(CLAIM_SECONDS), REMINDED_AT_ONCE).await?;
    transaction.commit().await?;
    let mut told = 0;
    for job in jobs {
        match tell(app, &job).await {
            Ok(true) => told += 1,
            Ok(false) => {}
            // The claim ends by itself, and the reminder is tried again, as long as there is sense in it.
            Err(error) => {
                tracing::error!(event = "deadline_not_reminded", job = %job.id, tries = job.tries, %error);
                if job.tries >= REMINDER_TRIES {
                    given_up(app, &job).await?;
                }
            }
        }
    }
    let mut transaction = app.store.begin().await?;
    transaction.remove_finished_jobs(KIND, now.plus_seconds(-REMINDERS_KEPT_DAYS * 86_400)).await?;
    transaction.commit().await?;
    Ok(told)
}

async fn given_up(app: &App, job: &Job) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    match transaction.finish_job(job, JobState::Failed, app.clock.now(), Some("not told")).await {
        // Another node has it by now.
        Err(store::Error::Stale) => return Ok(()),
        other => other?,
    }
    Ok(transaction.commit().await?)
}

async fn tell(app: &App, job: &Job) -> Result<bool> {
    let reminder: Reminder =
        serde_json::from_slice(&job.payload).map_err(|error| InternalError::other(error.to_string()))?;
    let now = app.clock.now();
    // 1. Where the document still stands there; what SQL wrote into the job tells nobody anything else.
    let road = Road::of(app, reminder.outgoing).await?;
    let is_due = road.row.state == reminder.state && road.row.due_at.0 == reminder.due_at && job.id == reminder.id();
    let mut messages = Vec::new();
    if is_due {
        let mut failed = None;
        for account in owners(app, &road).await? {
            // One whose row cannot be read keeps the message from nobody else.
            match message(app, account, &reminder).await {
                Ok(message) => messages.extend(message),
                Err(error) => {
                    tracing::error!(event = "owner_not_reminded", %account, %error);
                    failed = Some(error);
                }
            }
        }
        if let Some(error) = failed.filter(|_| messages.is_empty()) {
            return Err(error);
        }
    }
    // 2. The messages with the end of the job, in one transaction.
    let mut transaction = app.store.begin().await?;
    for message in &messages {
        transaction.insert_message(message).await?;
    }
    if is_due {
        let subject = format!("outgoing_document:{}", reminder.outgoing);
        let entry = Entry::new(now, Kind::OutgoingReminded, Actor::Service, subject);
        let content = serde_json::json!({ "before": reminder.before, "messages": messages.len() });
        audit::record(&mut transaction, entry.with(content)).await?;
    }
    transaction.finish_job(job, JobState::Done, now, None).await?;
    transaction.commit().await?;
    Ok(is_due)
}

/// Whether somebody is to act.
fn waits(state: OutgoingState) -> bool {
    use OutgoingState::{Draft, Initials, Numbering, Sealed, Sealing, Signing};
    matches!(state, Draft | Initials | Signing | Numbering | Sealing | Sealed)
}

/// Who has the document now.
async fn owners(app: &App, road: &Road) -> Result<Vec<AccountId>> {
    Ok(match road.row.state {
        OutgoingState::Draft => vec![road.row.drafted_by],
        OutgoingState::Initials | OutgoingState::Signing => {
            let waiting = road.steps.iter().filter(|step| step.state == StepState::Waiting);
            waiting.map(|step| step.account_id).collect()
        }
        _ => {
            let unit = &road.row.unit;
            let accounts = current::rows(app, || app.store.accounts_of_unit(unit, ACCOUNTS)).await?;
            let clerks = accounts.iter().filter(|one| one.roles.contains(&Role::Clerk) && acts_on_roads(one, unit));
            clerks.map(|one| one.id).take(REMINDED_CLERKS).collect()
        }
    })
}

/// The message, where the account's person gave a contact to send it to. It names no person and no document.
async fn message(app: &App, account: AccountId, reminder: &Reminder) -> Result<Option<Message>> {
    let Some(to) = contact(app, account).await? else { return Ok(None) };
    let due = Instant(reminder.due_at).vietnamese();
    let url = &app.settings.public_url;
    // Without diacritics: one SMS has 160 characters then.
    let text = match reminder.before {
        true => format!("Co van ban di cho ban xu ly truoc {due}. Xem tai {url}/documents"),
        false => format!("Co van ban di cho ban xu ly da qua han {due}. Xem tai {url}/documents"),
    };
    let long = match reminder.before {
        true => format!("Có văn bản đi chờ bạn xử lý trước {due}.\nXem tại {url}/documents"),
        false => format!("Có văn bản đi chờ bạn xử lý đã quá hạn {due}.\nXem tại {url}/documents"),
    };
    let said = Said { short: &text, subject: "Văn bản đi chờ bạn xử lý", long: &long };
    Ok(Some(outbox::message(app, &to, &said)?))
}

/// The contact that the account's person gave last, with a certificate.
async fn contact(app: &App, account: AccountId) -> Result<Option<To>> {
    let mut certificates = current::rows(app, || app.store.certificates_of_account(account)).await?;
    certificates.sort_by_key(|row| std::cmp::Reverse(row.not_before));
    for request in certificates.iter().filter_map(|row| row.request_id) {
        let details = match registration::load(app, request).await {
            Ok(row) => registration::open(app, &row),
            Err(error) => Err(error),
        };
        match details {
            Ok(details) => {
                if let Some(contact) = details.contact() {
                    return Ok(Some(contact));
                }
            }
            // Erased.
            Err(Error::Request(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

const KIND: &str = "road_reminder";
/// A claimed reminder is free again after this: its node is gone.
const CLAIM_SECONDS: i64 = 300;
/// Accounts of an agency among which its clerks are looked for.
const ACCOUNTS: i64 = 2_000;

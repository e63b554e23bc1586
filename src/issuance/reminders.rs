//! Reminders before a certificate ends: queued as rows with the certificate, claimed by whichever node comes first, and told once. Writes
//! messages and never sends them itself; looks again at the certificate before it does.

use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, Result},
    outbox::{self, Said},
    registration,
    store::Transaction,
};
use chuky_model::{
    id::{AccountId, CertificateId, JobId},
    record::{
        Authenticated,
        certificate::Certificate as Row,
        state::{CertificateState, JobState},
        work::{Job, Message},
    },
    request::SubjectKind,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a reminder is about.
#[derive(Serialize, Deserialize)]
struct Reminder {
    certificate: CertificateId,
    days: i64,
}

/// Queues the reminders of a certificate, in the transaction that stores it.
pub(super) async fn queue(app: &App, transaction: &mut Transaction, row: &Row) -> Result<()> {
    let now = app.clock.now();
    for days in app.settings.authority.reminder_days.iter().copied().take(MOST_REMINDERS) {
        let run_at = row.not_after.plus_seconds(-days.saturating_mul(86_400));
        if run_at <= now {
            continue;
        }
        let payload = serde_json::to_vec(&Reminder { certificate: row.id, days });
        let job = Job {
            id: JobId(Uuid::now_v7()),
            kind: KIND.to_owned(),
            payload: payload.map_err(|error| InternalError::other(error.to_string()))?,
            state: JobState::Queued,
            run_at,
            tries: 0,
            last_error: None,
            created_at: now,
        };
        transaction.insert_job(&job).await?;
    }
    Ok(())
}

/// Writes the messages of reminders that are due; how many. Of one whose subscriber gave no number the log says that nobody was told.
pub async fn send_due(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let jobs = transaction.claim_jobs(KIND, now, now.plus_seconds(CLAIM_SECONDS), AT_A_TIME).await?;
    transaction.commit().await?;
    let mut told = 0;
    for job in jobs {
        match tell(app, &job).await {
            Ok(true) => told += 1,
            Ok(false) => {}
            // The claim ends by itself, and the reminder is tried again.
            Err(error) => tracing::error!(event = "reminder_failed", job = %job.id, error = %error),
        }
    }
    Ok(told)
}

async fn tell(app: &App, job: &Job) -> Result<bool> {
    let reminder: Reminder =
        serde_json::from_slice(&job.payload).map_err(|error| InternalError::other(error.to_string()))?;
    let now = app.clock.now();
    let row = current::row(app, || app.store.certificate_by_id(reminder.certificate)).await?;
    // Revoked, or followed by another meanwhile: nobody needs to be told.
    let row = row.filter(|row| row.state == CertificateState::Issued && row.not_after > now);
    let due = match row {
        Some(row) if !is_followed(app, &row).await? => Some(row),
        _ => None,
    };
    let message = match &due {
        Some(row) => message(app, row).await?,
        None => None,
    };
    let mut transaction = app.store.begin().await?;
    if let Some(row) = &due {
        if let Some(message) = &message {
            transaction.insert_message(message).await?;
        }
        let content = serde_json::json!({ "days": reminder.days, "message": message.as_ref().map(|one| one.id) });
        let kind = if message.is_some() { Kind::CertificateReminded } else { Kind::CertificateNotReminded };
        let entry = Entry::new(now, kind, Actor::Service, row.subject());
        audit::record(&mut transaction, entry.with(content)).await?;
    }
    transaction.finish_job(job, JobState::Done, now, None).await?;
    transaction.commit().await?;
    Ok(message.is_some())
}

/// Serial numbers of an account's certificates that end soon and of whose end nobody was told: no contact was given.
pub async fn untold(app: &App, account: AccountId) -> Result<Vec<String>> {
    let first = app.settings.authority.reminder_days.iter().copied().max().unwrap_or_default();
    let now = app.clock.now();
    let ends_soon = |row: &Row| {
        let due = row.not_after.plus_seconds(-first.saturating_mul(86_400)) <= now;
        row.state == CertificateState::Issued && due && row.not_after > now
    };
    let mut untold = Vec::new();
    for row in app.store.certificates_of_account(account).await?.iter().filter(|row| ends_soon(row)) {
        if message(app, row).await?.is_none() && !is_followed(app, row).await? {
            untold.push(row.serial.to_string());
        }
    }
    Ok(untold)
}

/// Whether its subscriber has another certificate of the same that ends later: a seal does not follow its clerk's own.
async fn is_followed(app: &App, row: &Row) -> Result<bool> {
    let Some(account) = row.account_id else { return Ok(false) };
    let others = current::rows(app, || app.store.certificates_of_account(account)).await?;
    let named = named(app, row).await?;
    for other in others {
        let later = other.hierarchy == row.hierarchy
            && other.state == CertificateState::Issued
            && other.not_after > row.not_after;
        if later && self::named(app, &other).await? == named {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a certificate is for: a person's signatures, or the thing of that name.
async fn named(app: &App, row: &Row) -> Result<(SubjectKind, String)> {
    let Some(request) = row.request_id else { return Ok((SubjectKind::Person, String::new())) };
    let details = registration::open(app, &registration::load(app, request).await?)?;
    Ok(match details.kind {
        SubjectKind::Person => (SubjectKind::Person, String::new()),
        kind => (kind, details.common_name().to_owned()),
    })
}

/// The message, where the subscriber gave a contact to send it to. It names no person.
async fn message(app: &App, row: &Row) -> Result<Option<Message>> {
    let Some(request) = row.request_id else { return Ok(None) };
    let details = registration::open(app, &registration::load(app, request).await?)?;
    let Some(to) = details.contact() else { return Ok(None) };
    let end = row.not_after.vietnamese();
    let day = end.get(..10).unwrap_or_default();
    // Without diacritics: one SMS has 160 characters then.
    let text = format!("Chung thu so cua ban het han ngay {day}. Hay gia han tai {}", app.settings.public_url);
    let long = format!(
        "Chứng thư chữ ký số của bạn hết hạn ngày {day}.\nHãy gia hạn tại {url} trước ngày đó.\n\n\
         Your signing certificate ends on {day}. Renew it at {url} before that day.\n",
        url = app.settings.public_url
    );
    let said = Said { short: &text, subject: "Chứng thư chữ ký số của bạn sắp hết hạn", long: &long };
    Ok(Some(outbox::message(app, &to, &said)?))
}

const KIND: &str = "expiry_reminder";
/// Reminders of one certificate.
const MOST_REMINDERS: usize = 8;
/// Reminders in one round of the worker.
const AT_A_TIME: i64 = 100;
/// A claimed reminder is free again after this: its node is gone.
const CLAIM_SECONDS: i64 = 300;

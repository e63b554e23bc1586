//! Erasing a subscriber: what was entered about them, their account, documents, keys and messages. Certificates, their status, decisions and the audit log
//! stay, as the law asks for, and hold until their end what they say. Each step is a transaction of its own that finds what is left: a job that was killed
//! anywhere goes on there.

use super::ERASED;
use crate::{
    accounts,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    fault, foreign, outbox, registration, signing,
};
use chuky_model::{
    id::{AccountId, JobId},
    instant::Instant,
    record::{
        Cursor,
        account::Account,
        certificate::Certificate,
        request::RegistrationRequest,
        state::{CertificateState, CredentialState, JobState},
        work::Job,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Whom a job is about.
#[derive(Serialize, Deserialize)]
struct Erasure {
    account: AccountId,
}

/// A certificate that stays, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Kept {
    pub serial: String,
    /// RFC 3339.
    pub until: String,
}

/// Passes where the holder of an account may be erased: a subscriber and nobody of staff, with no certificate that is good and no request that waits.
pub async fn check(app: &App, account: &Account) -> Result<()> {
    let Some(person) = &account.person_lookup else { return Err(nobody().into()) };
    let now = app.clock.now();
    for one in current::rows(app, || app.store.accounts_of_person(person)).await? {
        if one.roles.iter().any(|role| role.is_ordered()) {
            return Err(staff().into());
        }
        let certificates = current::rows(app, || app.store.certificates_of_account(one.id)).await?;
        if let Some(good) = certificates.iter().find(|row| is_good(row, now)) {
            return Err(not_ended(good).into());
        }
    }
    match app.store.requests_of_person(person).await?.iter().any(|request| request.state.is_open()) {
        true => Err(waits().into()),
        false => Ok(()),
    }
}

fn is_good(row: &Certificate, now: Instant) -> bool {
    let ended = matches!(row.state, CertificateState::Revoked | CertificateState::Void) || row.not_after <= now;
    !ended
}

/// What stays of the holder of an account, and until when (`authority.retention_years`).
pub async fn kept(app: &App, account: AccountId) -> Result<Vec<Kept>> {
    let seconds = i64::from(app.settings.authority.retention_years).saturating_mul(YEAR);
    let certificates = current::rows(app, || app.store.certificates_of_account(account)).await?;
    let until = |row: &Certificate| row.not_after.plus_seconds(seconds).rfc3339();
    Ok(certificates.iter().map(|row| Kept { serial: row.serial.to_string(), until: until(row) }).collect())
}

/// The job of an approved order, stored with it.
pub fn job(account: AccountId, now: Instant) -> Result<Job> {
    let payload = serde_json::to_vec(&Erasure { account });
    Ok(Job {
        id: JobId(Uuid::now_v7()),
        kind: KIND.to_owned(),
        payload: payload.map_err(|error| InternalError::other(error.to_string()))?,
        state: JobState::Queued,
        run_at: now,
        tries: 0,
        last_error: None,
        created_at: now,
    })
}

/// Carries out what was ordered; how many people were erased.
pub async fn run_due(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let jobs = transaction.claim_jobs(KIND, now, now.plus_seconds(CLAIM_SECONDS), AT_A_TIME).await?;
    transaction.commit().await?;
    let mut done = 0;
    for job in jobs {
        let erasure: Erasure =
            serde_json::from_slice(&job.payload).map_err(|error| InternalError::other(error.to_string()))?;
        match erase(app, erasure.account).await {
            Ok(()) => {
                let mut transaction = app.store.begin().await?;
                transaction.finish_job(&job, JobState::Done, app.clock.now(), None).await?;
                transaction.commit().await?;
                done += 1;
            }
            // The claim ends by itself, and the rest is done then.
            Err(error) => tracing::error!(event = "subject_not_erased", job = %job.id, error = %error),
        }
    }
    Ok(done)
}

/// Every step finds what the one before a crash left. The account is last: it says whose everything else is.
async fn erase(app: &App, id: AccountId) -> Result<()> {
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
    let account = account.ok_or_else(RequestError::not_found)?;
    if let Some(person) = account.person_lookup.clone() {
        // 1. Messages, while the requests still say where they went.
        let requests = app.store.requests_of_person(&person).await?;
        messages(app, &requests).await?;
        fault::point("erasure_after_messages");
        // 2. What each account has: this one's holder may have others, which were disabled.
        let held = current::rows(app, || app.store.accounts_of_person(&person)).await?;
        for one in &held {
            belongings(app, one.id).await?;
        }
        fault::point("erasure_after_belongings");
        // 3. What was entered about the person.
        for request in requests {
            erase_request(app, registration::load(app, request.id).await?, false).await?;
            fault::point("erasure_after_request");
        }
        // 4. The accounts, the one of the order last.
        for one in held.into_iter().filter(|one| one.id != id) {
            erase_account(app, one, &person).await?;
        }
        let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
        erase_account(app, account.ok_or_else(RequestError::not_found)?, &person).await?;
        fault::point("erasure_after_account");
    }
    // 5. What the database's files still hold of rows that are no more.
    app.store.compact().await?;
    Ok(())
}

/// Takes away what was sent, or waits to be sent, to the telephones and mail boxes of these requests.
async fn messages(app: &App, requests: &[RegistrationRequest]) -> Result<()> {
    let mut contacts = BTreeSet::new();
    for request in requests {
        let details = registration::open(app, &registration::load(app, request.id).await?)?;
        contacts.extend(details.contact().map(|to| to.address.to_string()));
    }
    let mut after = Cursor::OLDEST;
    while !contacts.is_empty() {
        let page = app.store.messages_after(after, PAGE).await?;
        let theirs =
            page.iter().filter(|message| outbox::recipient(app, message).is_ok_and(|to| contacts.contains(&to)));
        let theirs: Vec<_> = theirs.map(|message| message.id).collect();
        let mut transaction = app.store.begin().await?;
        for id in theirs {
            transaction.remove_message(id).await?;
        }
        transaction.commit().await?;
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => after = Cursor { at: last.created_at, id: last.id.0 },
            None => break,
        }
    }
    Ok(())
}

/// Documents, keys and API keys of an account.
async fn belongings(app: &App, id: AccountId) -> Result<()> {
    signing::remove_documents_of(app, id).await?;
    foreign::erase_of(app, id).await?;
    let now = app.clock.now();
    for mut credential in current::rows(app, || app.store.credentials_of_account(id)).await? {
        signing::picture::forget(app, Actor::Service, credential.id).await?;
        if credential.sealed_key.is_empty() {
            continue;
        }
        credential.sealed_key.clear();
        credential.pin_salt.clear();
        credential.state = CredentialState::Closed;
        credential.updated_at = now;
        attestation::attest_change(&*app.tokens.subscribers, &mut credential).await?;
        let mut transaction = app.store.begin().await?;
        transaction.update_credential(&credential).await?;
        let entry = Entry::of_row(now, Kind::CredentialClosed, Actor::Service, &credential);
        audit::record(&mut transaction, entry.with(serde_json::json!({ "erased": true }))).await?;
        transaction.commit().await?;
        current::changed(app, &credential);
    }
    for mut key in current::rows(app, || app.store.api_keys_of_account(id)).await? {
        if key.label == ERASED {
            continue;
        }
        key.label = ERASED.to_owned();
        key.revoked_at.get_or_insert(now);
        attestation::attest_change(&*app.tokens.subscribers, &mut key).await?;
        let mut transaction = app.store.begin().await?;
        transaction.update_api_key(&key).await?;
        audit::record(&mut transaction, Entry::of_row(now, Kind::ApiKeyRevoked, Actor::Service, &key)).await?;
        transaction.commit().await?;
        current::changed(app, &key);
    }
    accounts::passkey::forget_names(app, id).await
}

/// Puts nobody in the place of a request's person. `ends` one that nobody redeemed.
pub(super) async fn erase_request(app: &App, mut request: RegistrationRequest, ends: bool) -> Result<()> {
    let details = registration::open(app, &request)?;
    registration::replace_by_nobody(app, &mut request, details)?;
    request.rejection_reason = None;
    let now = app.clock.now();
    request.updated_at = now;
    if ends {
        request.state = chuky_model::request::RequestState::Expired;
    }
    attestation::attest_change(&*app.tokens.subscribers, &mut request).await?;
    let mut transaction = app.store.begin().await?;
    transaction.erase_request(&request, now).await?;
    let entry = Entry::of_row(now, Kind::RequestErased, Actor::Service, &request);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "state": request.state }))).await?;
    transaction.commit().await?;
    current::changed(app, &request);
    Ok(())
}

async fn erase_account(app: &App, mut account: Account, person: &[u8]) -> Result<()> {
    let now = app.clock.now();
    account.login = format!("erased-{}", account.id);
    account.display_name = accounts::sealed_name(app, account.id, ERASED)?;
    account.password_hash = None;
    account.totp_secret = None;
    account.totp_step = None;
    account.person_lookup = None;
    account.disabled_at.get_or_insert(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(accounts::moved_on)?;
    audit::record(&mut transaction, Entry::of_row(now, Kind::AccountErased, Actor::Service, &account)).await?;
    accounts::forget_person(app, &mut transaction, now, (account.id, person)).await?;
    accounts::give_turns_up(app, &mut transaction, person).await?;
    transaction.commit().await?;
    current::changed(app, &account);
    Ok(())
}

fn nobody() -> RequestError {
    RequestError::conflict(
        "subject_unknown",
        "Tài khoản này không ghi là của người nào, hoặc dữ liệu đã được xóa.",
        "This account does not say whose it is, or its holder was erased before.",
    )
}

fn staff() -> RequestError {
    RequestError::conflict(
        "subject_of_staff",
        "Tài khoản nhân viên không xóa được: nhật ký cần biết ai đã làm gì. Hãy khóa tài khoản.",
        "An account of staff is not erased: the log has to say who did what. Disable it.",
    )
}

fn not_ended(row: &Certificate) -> RequestError {
    let until = row.not_after.vietnamese();
    let day = until.get(..10).unwrap_or_default();
    RequestError::conflict(
        "certificate_not_ended",
        format!("Còn chứng thư chưa kết thúc (đến {day}). Hãy thu hồi trước, hoặc đợi hết hạn."),
        format!("A certificate has not ended (until {day}). Revoke it first, or wait for its end."),
    )
}

fn waits() -> RequestError {
    RequestError::conflict(
        "request_open",
        "Người này còn hồ sơ đang chờ. Hãy rút hoặc từ chối hồ sơ đó trước.",
        "A request of this person waits. Withdraw or reject it first.",
    )
}

const KIND: &str = "subject_erasure";
/// Seconds.
const YEAR: i64 = 31_557_600;
/// People in one round of the worker.
const AT_A_TIME: i64 = 5;
/// A claimed erasure is free again after this: its node is gone, or something failed.
const CLAIM_SECONDS: i64 = 600;
/// Rows read together.
const PAGE: i64 = 500;

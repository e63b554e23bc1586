//! Everything that is held about a person as one JSON: for the person, logged in, or for a security officer who answers somebody who asks in writing.
//! Secrets are no data about a person and stay where they are: password, PIN, keys, codes.

use crate::{
    accounts::{self, Principal, passkey},
    app::App,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    foreign, registration, signing,
};
use chuky_model::{
    id::AccountId,
    record::{Cursor, account::Account, certificate::Certificate, credential::Credential, document::Document},
    role::Role,
};
use serde_json::{Value, json};

/// Everything about the caller.
pub async fn own(app: &App, by: &Principal) -> Result<Value> {
    if !by.is_in_session() {
        return Err(RequestError::unauthenticated().into());
    }
    exported(app, by, by.account, "").await
}

/// Everything about the holder of an account, for a security officer; with the ground on which it is given out.
pub async fn of(app: &App, by: &Principal, login: &str, ground: &str) -> Result<Value> {
    if !by.has(Role::SecurityOfficer) || !by.is_in_session() {
        return Err(RequestError::forbidden().into());
    }
    let ground = ground.trim();
    if ground.is_empty() || ground.chars().count() > LONGEST_GROUND {
        let (vi, en) =
            ("Hãy ghi căn cứ cung cấp dữ liệu, tối đa 500 ký tự.", "Give the ground, at most 500 characters.");
        return Err(RequestError::invalid("ground", "ground_missing", vi, en).into());
    }
    let login = login.trim().to_lowercase();
    let account = current::row_by_log(app, || app.store.account_by_login(&login)).await?;
    let account = account.ok_or_else(RequestError::not_found)?;
    exported(app, by, account.id, ground).await
}

async fn exported(app: &App, by: &Principal, whose: AccountId, ground: &str) -> Result<Value> {
    let account = current::row_by_log(app, || app.store.account_by_id(whose)).await?;
    let account = account.ok_or_else(RequestError::not_found)?;
    let now = app.clock.now();
    let entry = Entry::new(now, Kind::SubjectExported, Actor::Account(by.account), format!("account:{whose}"));
    let mut transaction = app.store.begin().await?;
    let content = json!({ "own": whose == by.account, "ground": !ground.is_empty() });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    let held = match &account.person_lookup {
        Some(person) => current::rows(app, || app.store.accounts_of_person(person)).await?,
        None => vec![account.clone()],
    };
    let mut accounts = Vec::new();
    for account in &held {
        accounts.push(of_account(app, account).await?);
    }
    Ok(json!({
        "format": "chuky-subject-export-1",
        "made_at": now.rfc3339(),
        "requests": requests(app, account.person_lookup.as_deref()).await?,
        "accounts": accounts,
    }))
}

async fn requests(app: &App, person: Option<&[u8]>) -> Result<Vec<Value>> {
    let Some(person) = person else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for request in app.store.requests_of_person(person).await? {
        let request = registration::load(app, request.id).await?;
        let mut decisions = Vec::new();
        for approval in app.store.approvals_of_request(request.id).await? {
            decisions.push(json!({
                "decision": approval.decision.name(), "at": approval.decided_at.rfc3339(), "reason": approval.reason,
            }));
        }
        all.push(json!({
            "id": request.id, "hierarchy": request.hierarchy, "state": request.state.name(), "unit": request.unit,
            "entered_at": request.created_at.rfc3339(), "details": registration::open(app, &request)?,
            "rejection_reason": request.rejection_reason, "decisions": decisions,
            "history": history(app, &format!("request:{}", request.id)).await?,
        }));
    }
    Ok(all)
}

async fn of_account(app: &App, account: &Account) -> Result<Value> {
    let id = account.id;
    let certificates = current::rows(app, || app.store.certificates_of_account(id)).await?;
    let credentials = current::rows(app, || app.store.credentials_of_account(id)).await?;
    let mut keys = Vec::new();
    for credential in &credentials {
        keys.push(of_credential(app, credential).await?);
    }
    let mut passkeys = Vec::new();
    for row in current::rows(app, || app.store.passkeys_of_account(id)).await? {
        passkeys.push(json!({ "name": passkey::name_of(app, &row)?, "created_at": row.created_at.rfc3339() }));
    }
    let api_keys = current::rows(app, || app.store.api_keys_of_account(id)).await?;
    let api_keys: Vec<_> =
        api_keys.iter().map(|key| json!({ "label": key.label, "expires_at": key.expires_at.rfc3339() })).collect();
    Ok(json!({
        "id": id, "login": account.login, "name": accounts::display_name(app, account)?,
        "roles": account.roles, "unit": account.unit, "created_at": account.created_at.rfc3339(),
        "second_factor": account.totp_step.is_some(),
        "certificates": certificates.iter().map(|row| of_certificate(app, row)).collect::<Result<Vec<_>>>()?,
        "foreign_certificates": foreign::exported(app, id).await?,
        "keys": keys, "documents": documents(app, id).await?, "api_keys": api_keys,
        "passkeys": passkeys,
        "history": history(app, &format!("account:{id}")).await?,
    }))
}

fn of_certificate(app: &App, row: &Certificate) -> Result<Value> {
    let pem = crate::issuance::certificate_pem(app, row)?;
    Ok(json!({
        "serial": row.serial.to_string(), "state": row.state.name(), "not_before": row.not_before.rfc3339(),
        "not_after": row.not_after.rfc3339(), "revoked_at": row.revoked_at.map(|at| at.rfc3339()), "certificate": pem,
    }))
}

async fn of_credential(app: &App, row: &Credential) -> Result<Value> {
    let (mut signatures, mut before) = (Vec::new(), Cursor::NEWEST);
    loop {
        let page = app.store.list_signatures(row.id, before, PAGE).await?;
        let made = |at: chuky_model::instant::Instant, digest: &[u8]| json!({ "at": at.rfc3339(), "digest": hex::encode(digest) });
        signatures.extend(page.iter().map(|one| made(one.created_at, &one.digest)));
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => before = Cursor { at: last.created_at, id: last.id.0 },
            None => break,
        }
    }
    Ok(
        json!({ "id": row.id, "state": row.state.name(), "created_at": row.created_at.rfc3339(), "signatures": signatures }),
    )
}

async fn documents(app: &App, owner: AccountId) -> Result<Vec<Value>> {
    let (mut all, mut before) = (Vec::new(), Cursor::NEWEST);
    loop {
        let page: Vec<Document> = current::rows(app, || app.store.list_documents(owner, before, PAGE)).await?;
        for row in &page {
            all.push(json!({
                "id": row.id, "name": signing::document_name(app, row)?, "state": row.state.name(), "size": row.size,
                "sha256": hex::encode(&row.sha256), "uploaded_at": row.created_at.rfc3339(),
            }));
        }
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => before = Cursor { at: last.created_at, id: last.id.0 },
            None => return Ok(all),
        }
    }
}

/// What the audit log says of a thing: what happened and when.
async fn history(app: &App, subject: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), Cursor::OLDEST);
    loop {
        let page = app.store.audit_entries_about(subject, after, PAGE).await?;
        all.extend(page.iter().map(|entry| json!({ "at": entry.recorded_at.rfc3339(), "what": entry.kind })));
        match page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            Some(last) => after = Cursor { at: last.recorded_at, id: last.id.0 },
            None => return Ok(all),
        }
    }
}

const LONGEST_GROUND: usize = 500;
/// Rows read together.
const PAGE: i64 = 500;

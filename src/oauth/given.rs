//! What people have let applications do, for them to see and to end: access and refresh tokens, codes that wait for their exchange, and activation
//! data with signatures left. Only narrows; a log-out ends none of it, as an application goes on working after its user has left.

use super::{
    client,
    limits::GRANTS_AT_ONCE,
    refresh,
    token::{self, client_name},
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current, custody,
    error::{RequestError, Result},
    store::Error as StoreError,
};
use chuky_model::{
    id::OauthClientId,
    instant::Instant,
    record::oauth::{OauthClient, OauthCode},
};
use serde::Serialize;

/// An application with what it may do for the caller now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct GrantView {
    /// The application.
    pub client_id: String,
    pub name: String,
    /// Whether it may use the signing API for the caller.
    pub service: bool,
    /// Signatures that were allowed and are not made yet.
    pub signatures: i64,
    /// RFC 3339: the first consent of these.
    pub since: String,
    /// RFC 3339: when the last of them ends by itself.
    pub until: String,
}

/// The applications that may do something for the caller, by the time of their first consent.
pub async fn granted(app: &App, by: &Principal) -> Result<Vec<GrantView>> {
    let now = app.clock.now();
    let mut grants: Vec<(OauthClient, Grant)> = Vec::new();
    let tokens = current::rows(app, || app.store.oauth_tokens_of_account(by.account, now, GRANTS_AT_ONCE)).await?;
    for token in tokens {
        let grant = Grant { service: true, signatures: 0, since: token.created_at, until: token.expires_at };
        add(app, &mut grants, token.client_id, grant).await?;
    }
    let lasting = current::rows(app, || app.store.oauth_refresh_of_account(by.account, now, GRANTS_AT_ONCE)).await?;
    for row in lasting {
        let grant = Grant { service: true, signatures: 0, since: row.created_at, until: row.expires_at };
        add(app, &mut grants, row.client_id, grant).await?;
    }
    let activations =
        current::rows(app, || app.store.open_activations_of_account(by.account, now, GRANTS_AT_ONCE)).await?;
    for row in activations {
        let Some(client) = token::client_of(&row.client) else { continue };
        let signatures = row.hash_count.saturating_sub(row.used_count);
        let grant = Grant { service: false, signatures, since: row.created_at, until: row.expires_at };
        add(app, &mut grants, client, grant).await?;
    }
    grants.sort_by_key(|(client, grant)| (grant.since, client.id.0));
    Ok(grants.into_iter().map(|(client, grant)| view(client, &grant)).collect())
}

/// Ends all that an application may do for the caller. One that may do nothing is no error.
pub async fn end_grant(app: &App, by: &Principal, id: OauthClientId) -> Result<()> {
    let client = current::row(app, || app.store.oauth_client(id)).await?;
    client.ok_or_else(RequestError::not_found)?;
    let now = app.clock.now();
    // Codes first: what is exchanged meanwhile is found among the tokens. Whatever was ended is not found again.
    let codes = current::rows(app, || app.store.oauth_codes_of_grant(by.account, id, now, GRANTS_AT_ONCE)).await?;
    for code in codes {
        end_code(app, by, code).await?;
    }
    loop {
        let lasting =
            current::rows(app, || app.store.oauth_refresh_of_grant(by.account, id, now, GRANTS_AT_ONCE)).await?;
        if lasting.is_empty() {
            break;
        }
        for row in lasting {
            refresh::end_all(app, &row.code_hash).await?;
        }
    }
    loop {
        let tokens =
            current::rows(app, || app.store.oauth_tokens_of_grant(by.account, id, now, GRANTS_AT_ONCE)).await?;
        let all = (tokens.len() as i64) < GRANTS_AT_ONCE;
        for token in tokens {
            token::end(app, token).await?;
        }
        if all {
            break;
        }
    }
    let name = client_name(id);
    let open = current::rows(app, || app.store.open_activations_of_account(by.account, now, GRANTS_AT_ONCE)).await?;
    for row in open.into_iter().filter(|row| row.client == name) {
        custody::close_activation(app, Actor::Account(by.account), row.id, &name).await?;
    }
    let subject = format!("oauth_client:{id}");
    let entry = Entry::new(app.clock.now(), Kind::OauthGrantEnded, Actor::Account(by.account), subject);
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, entry.with(serde_json::json!({ "client": by.client }))).await?;
    Ok(transaction.commit().await?)
}

struct Grant {
    service: bool,
    signatures: i64,
    since: Instant,
    until: Instant,
}

/// Adds what was found to what the application may do; one that ended may do nothing.
async fn add(app: &App, grants: &mut Vec<(OauthClient, Grant)>, id: OauthClientId, more: Grant) -> Result<()> {
    match grants.iter_mut().find(|(client, _)| client.id == id) {
        Some((_, grant)) => {
            grant.service |= more.service;
            grant.signatures = grant.signatures.saturating_add(more.signatures);
            grant.since = grant.since.min(more.since);
            grant.until = grant.until.max(more.until);
        }
        None => {
            if let Some(client) = client::alive(app, id).await? {
                grants.push((client, more));
            }
        }
    }
    Ok(())
}

fn view(client: OauthClient, grant: &Grant) -> GrantView {
    GrantView {
        client_id: client.id.to_string(),
        name: client.name,
        service: grant.service,
        signatures: grant.signatures,
        since: grant.since.rfc3339(),
        until: grant.until.rfc3339(),
    }
}

/// A code that its user takes back counts as used; one that was exchanged in this moment stays as it is.
async fn end_code(app: &App, by: &Principal, mut code: OauthCode) -> Result<()> {
    let now = app.clock.now();
    code.used_at = Some(now);
    code.sealed_activation = None;
    attestation::attest_change(&*app.tokens.subscribers, &mut code).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_oauth_code(&code).await {
        Err(StoreError::Stale) => return Ok(()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::OauthCodeUsed, Actor::Account(by.account), &code);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "taken_back": true }))).await?;
    Ok(transaction.commit().await?)
}

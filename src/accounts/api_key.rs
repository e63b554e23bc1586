//! API keys of systems: `chuky_<id>_<secret>`, shown once, stored as a hash, bound to an account and an end.

use super::{Principal, acting, is_enabled, token_hash};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::{AccountId, ApiKeyId},
    instant::Instant,
    record::account::ApiKey,
};
use rand::Rng;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What every API key starts with, so that scanners for leaked secrets find them.
pub(super) const PREFIX: &str = "chuky_";
/// What the name of a client begins with that came with a key.
pub(super) const CLIENT: &str = "api_key:";

/// Makes a key for an account. The text is returned once and kept nowhere.
pub async fn create_api_key(
    app: &App,
    by: Actor,
    account: AccountId,
    label: &str,
    expires_at: Instant,
) -> Result<Zeroizing<String>> {
    let now = app.clock.now();
    let mut secret = Zeroizing::new([0_u8; 32]);
    rand::rng().fill_bytes(secret.as_mut_slice());
    let id = ApiKeyId(Uuid::now_v7());
    let text = Zeroizing::new(format!("{PREFIX}{}_{}", id.0.simple(), hex::encode(secret.as_slice())));
    let mut key = ApiKey {
        id,
        account_id: account,
        key_hash: token_hash(text.as_bytes()),
        label: label.chars().take(LONGEST_LABEL).collect(),
        expires_at,
        revoked_at: None,
        created_at: now,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut key).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_api_key(&key).await?;
    let entry = Entry::of_row(now, Kind::ApiKeyCreated, by, &key).with(serde_json::json!({ "account": account }));
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    Ok(text)
}

/// Who holds this key, where it is neither revoked nor over.
pub(super) async fn principal(app: &App, text: &str) -> Result<Principal> {
    let now = app.clock.now();
    let hash = token_hash(text.as_bytes());
    let good = |key: &ApiKey| key.revoked_at.is_none();
    let key = current::kept(app, &hash, || app.store.api_key_by_hash(&hash), good).await?;
    let key =
        key.filter(|key| key.revoked_at.is_none() && key.expires_at > now).ok_or_else(RequestError::unauthenticated)?;
    // A busy system's account is kept with its key.
    let id = key.account_id;
    let account = current::kept(app, id.as_bytes(), || app.store.account_by_id(id), is_enabled).await?;
    acting(app, account.as_deref(), format!("{CLIENT}{}", key.id), key.created_at)
}

const LONGEST_LABEL: usize = 100;

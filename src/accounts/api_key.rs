//! API keys of systems: `chuky_<id>_<secret>`, shown once, stored as a hash, bound to an account and an end. Whatever roles the account has by the
//! time a key is used, the key brings none that decides: that is asked at each use, not when the key is made.

use super::{Principal, acting, is_enabled, login::moved_on, token_hash};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store::{self, Transaction},
};
use chuky_model::{
    id::{AccountId, ApiKeyId},
    instant::Instant,
    record::account::{Account, ApiKey},
    role::Role,
};
use rand::Rng;
use serde::Serialize;
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

/// Makes a key for the caller's own account, in a session of its holder's. Refused to accounts that decide for others: what they do, a person does
/// each time. `days` is 1 to 366. The text and the key's end.
pub async fn create_own(app: &App, by: &Principal, label: &str, days: i64) -> Result<(Zeroizing<String>, Instant)> {
    by.in_session()?;
    if by.roles.iter().any(|role| decides(*role)) {
        return Err(RequestError::conflict(
            "api_key_of_decider",
            "Tài khoản có quyền phê duyệt hoặc quản trị không có khóa API: mỗi quyết định do một người thực hiện. Hãy dùng một tài khoản riêng cho hệ thống.",
            "An account that approves or administers has no API key: a person makes each of its decisions. Use an account of its own for the system.",
        )
        .into());
    }
    let label = label.trim();
    if label.is_empty() || label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
        let (vi, en) = ("Hãy đặt tên cho khóa, tối đa 100 ký tự.", "Give the key a name, at most 100 characters.");
        return Err(RequestError::invalid("label", "api_key_label", vi, en).into());
    }
    if !(1..=MOST_DAYS).contains(&days) {
        let (vi, en) = ("Khóa API có hiệu lực từ 1 đến 366 ngày.", "An API key lasts 1 to 366 days.");
        return Err(RequestError::invalid("days", "api_key_days", vi, en).into());
    }
    let expires_at = app.clock.now().plus_seconds(days.saturating_mul(86_400));
    let key = create_api_key(app, Actor::Account(by.account), by.account, label, expires_at).await?;
    Ok((key, expires_at))
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
    let mut principal = acting(app, account.as_deref(), format!("{CLIENT}{}", key.id), key.created_at)?;
    principal.roles.retain(|role| !decides(*role));
    Ok(principal)
}

/// Whether a person makes the role's decisions, each time, in a session.
pub fn decides(role: Role) -> bool {
    matches!(role, Role::Approver | Role::SecurityOfficer | Role::Administrator)
}

/// A key of the caller's own account.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ApiKeyView {
    #[schema(value_type = String)]
    pub id: ApiKeyId,
    /// What its holder called it.
    pub label: String,
    /// RFC 3339.
    pub created_at: String,
    pub expires_at: String,
}

/// The keys of the caller's account that open something, oldest first.
pub async fn own(app: &App, by: &Principal) -> Result<Vec<ApiKeyView>> {
    let now = app.clock.now();
    let keys = current::rows(app, || app.store.api_keys_of_account(by.account)).await?;
    let alive = keys.into_iter().filter(|key| key.revoked_at.is_none() && key.expires_at > now);
    Ok(alive.map(view).collect())
}

fn view(key: ApiKey) -> ApiKeyView {
    ApiKeyView {
        id: key.id,
        label: key.label,
        created_at: key.created_at.rfc3339(),
        expires_at: key.expires_at.rfc3339(),
    }
}

/// Revokes a key for good: one's own, or anybody's as somebody who may disable the account. One that is revoked already stays so.
pub async fn revoke(app: &App, by: &Principal, id: ApiKeyId) -> Result<()> {
    // Revoked by somebody else in this moment, it is read again.
    for _ in 0..AT_ONCE {
        if revoked_once(app, by, id).await? {
            return Ok(());
        }
    }
    Err(RequestError::overtaken().into())
}

async fn revoked_once(app: &App, by: &Principal, id: ApiKeyId) -> Result<bool> {
    let key = current::row_by_log(app, || app.store.api_key_by_id(id)).await?;
    let mut key = key.ok_or_else(RequestError::not_found)?;
    let may = key.account_id == by.account || by.has(Role::SecurityOfficer) || by.has(Role::Administrator);
    if !may {
        return Err(RequestError::not_found().into());
    }
    by.in_session()?;
    if key.revoked_at.is_some() {
        return Ok(true);
    }
    let now = app.clock.now();
    key.revoked_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut key).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_api_key(&key).await {
        Err(store::Error::Stale) => return Ok(false),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::ApiKeyRevoked, Actor::Account(by.account), &key);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    current::changed(app, &key);
    Ok(true)
}

/// The keys of an account that an approval gives a role which decides, revoked and attested; none of every other account.
pub async fn ended_by_role(app: &App, account: &Account, now: Instant) -> Result<Vec<ApiKey>> {
    if !account.roles.iter().any(|role| decides(*role)) {
        return Ok(Vec::new());
    }
    let mut ended = current::rows(app, || app.store.api_keys_of_account(account.id)).await?;
    ended.retain(|key| key.revoked_at.is_none());
    for key in &mut ended {
        key.revoked_at = Some(now);
        attestation::attest_change(&*app.tokens.subscribers, key).await?;
    }
    Ok(ended)
}

/// Stores a key that was revoked, with its audit entry.
pub async fn store_revoked(transaction: &mut Transaction, key: &ApiKey, by: Actor, now: Instant) -> Result<()> {
    transaction.update_api_key(key).await.map_err(moved_on)?;
    audit::record(transaction, Entry::of_row(now, Kind::ApiKeyRevoked, by, key)).await?;
    Ok(())
}

const LONGEST_LABEL: usize = 100;
const MOST_DAYS: i64 = 366;
/// Calls for the same key that may meet, one after the other.
const AT_ONCE: usize = 8;

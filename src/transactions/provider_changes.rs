//! Changes to the registry of payment providers: asked by one person, decided by another, both recorded, the terms in force from then on.

use super::providers::{MOST_PROVIDERS, Terms, terms_of, used};
use crate::{
    accounts::{
        self, Principal,
        passkey::{Approved, Given, Subject},
        same_person,
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    store,
};
use chuky_model::{
    id::{AccountId, ProviderChangeId},
    instant::Instant,
    record::{
        Cursor,
        account::Account,
        payment::{PaymentProvider, ProviderChange},
        state::ChangeState,
    },
    role::Role,
};
use serde::Serialize;
use uuid::Uuid;

/// A registered provider with its figures.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ProviderView {
    #[schema(value_type = String)]
    pub id: AccountId,
    pub login: String,
    pub terms: Terms,
    /// RFC 3339.
    pub changed: String,
    /// Payments accepted today (UTC), by every node.
    pub accepted_today: u64,
    /// Since this process started.
    pub counts: super::figures::Counts,
}

/// A change that somebody asked for.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ChangeView {
    #[schema(value_type = String)]
    pub id: ProviderChangeId,
    #[schema(value_type = String)]
    pub provider: AccountId,
    pub login: String,
    pub terms: Terms,
    pub reason: String,
    /// `asked`, `approved` or `refused`.
    #[schema(value_type = String)]
    pub state: ChangeState,
    #[schema(value_type = String)]
    pub asked_by: AccountId,
    /// Display name of who asked.
    pub asked_by_name: String,
    /// RFC 3339.
    pub asked_at: String,
    /// Whether the reader may decide it.
    pub decidable: bool,
    /// What a passkey signs that approves it.
    pub content_digest: String,
}

/// Asks for a provider's terms to become these. `provider` is the login name or identifier of its account.
pub async fn ask(app: &App, by: &Principal, provider: &str, terms: Terms, reason: &str) -> Result<ChangeView> {
    // 1. Terms that mean something, for an account that is a provider's.
    terms.check()?;
    if let Some(why) = terms.webhook.as_ref().and_then(|address| app.hooks.admits(address).err()) {
        return Err(RequestError::invalid(
            "webhook",
            "webhook_not_admitted",
            format!("Địa chỉ nhận cảnh báo không được chấp nhận ({why}). Quản trị viên khai báo máy chủ trong payments.webhooks.hosts."),
            format!("The address for alarms is not admitted: {why}. The administrator names hosts in payments.webhooks.hosts."),
        )
        .into());
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(RequestError::invalid(
            "reason",
            "change_reason",
            "Hãy ghi lý do thay đổi, tối đa 500 ký tự.",
            "Say why, in at most 500 characters.",
        )
        .into());
    }
    let account = provider_account(app, provider.trim()).await?;
    // 2. The request with its audit entry; the terms are bound by the row's MAC and told in the log by their digest.
    let now = app.clock.now();
    let text = serde_json::to_string(&terms).map_err(|error| InternalError::other(error.to_string()))?;
    let mut change = ProviderChange {
        id: ProviderChangeId(Uuid::now_v7()),
        account_id: account.id,
        terms: text,
        reason: reason.to_owned(),
        state: ChangeState::Asked,
        asked_by: by.account,
        asked_at: now,
        decided_by: None,
        decided_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut change).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.insert_provider_change(&change).await {
        Err(store::Error::Conflict(_)) => return Err(open_already().into()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::ProviderChangeAsked, Actor::Account(by.account), &change);
    audit::record(&mut transaction, entry.with(content(&change))).await?;
    transaction.commit().await?;
    view(app, by, &change).await
}

/// Asks for a provider's own alarms to go to another address, or to none; its other terms stay. Staff decides, as on every change.
pub async fn ask_webhook(app: &App, by: &Principal, address: Option<String>, reason: &str) -> Result<ChangeView> {
    let row = current::row_by_log(app, || app.store.payment_provider(by.account)).await?;
    let row = row.ok_or_else(|| {
        RequestError::conflict(
            "provider_not_registered",
            "Đơn vị chưa được đăng ký. Quản trị viên đăng ký trước, rồi hãy đặt địa chỉ nhận cảnh báo.",
            "The provider is not registered. An administrator registers it first; then set the address for alarms.",
        )
    })?;
    let terms = Terms { webhook: address, ..terms_of(&row)? };
    ask(app, by, &by.account.to_string(), terms, reason).await
}

/// Decides on a change, by somebody other than who asked; approved terms are in force at once.
pub async fn decide(
    app: &App,
    by: &Principal,
    id: ProviderChangeId,
    approved: bool,
    given: Option<&Given>,
) -> Result<ChangeView> {
    // 1. Four eyes.
    let change = current::row_by_log(app, || app.store.provider_change(id)).await?;
    let mut change = change.ok_or_else(RequestError::not_found)?;
    if same_person(app, by.account, change.asked_by).await? {
        return Err(own_change().into());
    }
    if change.state != ChangeState::Asked {
        return Err(moved_on().into());
    }
    let seen = content_digest(&change);
    let proof = match approved {
        true => Approved::by(app, by, (Subject::ProviderChange(id), &seen), given).await?,
        false => Approved::nothing(),
    };
    // 2. What is in force now, and what will be.
    let now = app.clock.now();
    let found = current::row_by_log(app, || app.store.payment_provider(change.account_id)).await?;
    let is_new = found.is_none();
    let mut provider = found.unwrap_or_else(|| PaymentProvider {
        account_id: change.account_id,
        terms: String::new(),
        changed_at: now,
        version: 0,
        mac: Vec::new(),
    });
    change.state = if approved { ChangeState::Approved } else { ChangeState::Refused };
    (change.decided_by, change.decided_at) = (Some(by.account), Some(now));
    attestation::attest_change(&*app.tokens.subscribers, &mut change).await?;
    if approved {
        (provider.terms, provider.changed_at) = (change.terms.clone(), now);
        attestation::attest_change(&*app.tokens.subscribers, &mut provider).await?;
    }
    // 3. Both rows with their audit entries in one transaction; the answer waits until the log's head covers them.
    let overtaken = |error| match error {
        store::Error::Stale | store::Error::Conflict(_) => moved_on().into(),
        error => crate::error::Error::from(error),
    };
    let actor = Actor::Account(by.account);
    let mut transaction = app.store.begin().await?;
    proof.store(app, &mut transaction).await?;
    transaction.update_provider_change(&change).await.map_err(overtaken)?;
    let kind = if approved { Kind::ProviderChangeApproved } else { Kind::ProviderChangeRefused };
    let told = Entry::of_row(now, kind, actor, &change).with(proof.told(content(&change)));
    let mut entry = audit::record(&mut transaction, told).await?;
    if approved {
        match is_new {
            true => transaction.insert_payment_provider(&provider).await.map_err(overtaken)?,
            false => transaction.update_payment_provider(&provider).await.map_err(overtaken)?,
        }
        let told = Entry::of_row(now, Kind::ProviderChanged, actor, &provider).with(content(&change));
        entry = audit::record(&mut transaction, told).await?;
    }
    transaction.commit().await?;
    current::changed(app, &provider);
    app.payments.registry.forget();
    app.audit.wait(entry).await?;
    view(app, by, &change).await
}

/// Changes that wait for a decision, oldest first.
pub async fn open_changes(app: &App, by: &Principal) -> Result<Vec<ChangeView>> {
    let state = ChangeState::Asked;
    let read = || app.store.list_provider_changes(state, Cursor::OLDEST, MOST_PROVIDERS);
    let mut views = Vec::new();
    for change in current::rows(app, read).await? {
        views.push(view(app, by, &change).await?);
    }
    Ok(views)
}

/// Registered providers with their figures.
pub async fn providers(app: &App) -> Result<Vec<ProviderView>> {
    let mut views = Vec::new();
    for row in current::rows(app, || app.store.payment_providers(MOST_PROVIDERS)).await? {
        let account = current::row(app, || app.store.account_by_id(row.account_id)).await?;
        views.push(ProviderView {
            id: row.account_id,
            login: account.map(|account| account.login).unwrap_or_default(),
            terms: terms_of(&row)?,
            changed: row.changed_at.rfc3339(),
            accepted_today: used(app, row.account_id, app.clock.now()).await?,
            counts: app.payments.figures.of(row.account_id),
        });
    }
    Ok(views)
}

async fn provider_account(app: &App, named: &str) -> Result<Account> {
    let account = match named.parse::<AccountId>() {
        Ok(id) => current::row(app, || app.store.account_by_id(id)).await?,
        Err(_) => current::row(app, || app.store.account_by_login(named)).await?,
    };
    Ok(account.filter(|account| account.roles.contains(&Role::PaymentProvider)).ok_or_else(|| {
        RequestError::invalid(
            "provider",
            "provider_unknown",
            "Không có tài khoản nào như vậy với vai trò đơn vị thanh toán.",
            "There is no such account with the role of a payment provider.",
        )
    })?)
}

async fn view(app: &App, by: &Principal, change: &ProviderChange) -> Result<ChangeView> {
    let terms = serde_json::from_str(&change.terms).map_err(|error| InternalError::other(error.to_string()))?;
    let account = current::row(app, || app.store.account_by_id(change.account_id)).await?;
    Ok(ChangeView {
        id: change.id,
        provider: change.account_id,
        login: account.map(|account| account.login).unwrap_or_default(),
        terms,
        reason: change.reason.clone(),
        state: change.state,
        asked_by: change.asked_by,
        asked_by_name: accounts::name_of(app, change.asked_by).await?,
        asked_at: Instant::rfc3339(change.asked_at),
        decidable: change.state == ChangeState::Asked && !same_person(app, by.account, change.asked_by).await?,
        content_digest: content_digest(change),
    })
}

fn content(change: &ProviderChange) -> serde_json::Value {
    let digest = hex::encode(chuky_pki::crypto::sha256(change.terms.as_bytes()));
    let content = content_digest(change);
    serde_json::json!({ "provider": change.account_id, "change": change.id, "terms_sha256": digest, "content": content })
}

/// What a second pair of eyes sees of a change, as it was asked.
fn content_digest(change: &ProviderChange) -> String {
    let (id, provider, by) = (change.id, change.account_id, change.asked_by);
    let asked = format!("{id}\n{provider}\n{by}\n{}\n{}\n", change.asked_at.rfc3339(), change.terms);
    let text = format!("chuky-provider-change-v1\n{asked}{}", change.reason);
    hex::encode(chuky_pki::crypto::sha256(text.as_bytes()))
}

fn open_already() -> RequestError {
    RequestError::conflict(
        "change_open",
        "Đã có một đề nghị thay đổi cho đơn vị này đang chờ duyệt.",
        "A change for this provider is waiting for a decision.",
    )
}

fn own_change() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "own_request",
        "Bạn đã đề nghị thay đổi này nên không thể tự duyệt. Hãy nhờ một người khác.",
        "You asked for this, so somebody else must decide on it.",
    )
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "change_moved_on",
        "Đề nghị này đã được xử lý, hoặc đơn vị vừa được thay đổi. Hãy tải lại trang.",
        "This change has been decided, or the provider was just changed. Reload the page.",
    )
}

const LONGEST_REASON: usize = 500;

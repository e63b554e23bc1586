//! Recurring mandates: a payer signs once what a provider may collect, sees what was collected, and ends it at once. Whether a collection keeps
//! to its mandate is judged in [`content`]; that each is accepted once, and none above the limits, is the business of [`collect`].

mod collect;
mod content;

pub use collect::{Collecting, CollectionAnswer, collect, is_collection};
pub use content::{CHECKS, Content, Objection, Period, Wish};

use super::{providers, sign::sign_payload};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    custody::{self, Factors},
    error::{InternalError, RequestError, Result},
    store,
};
use chuky_model::{
    id::{AccountId, CredentialId, MandateId},
    instant::Instant,
    record::{Cursor, payment::Mandate, state::MandateState},
};
use content::{collected_now, day_in_vietnam};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The media type in `typ` of a mandate, which is a compact JWS.
pub const KIND: &str = "chuky-mandate+json";

/// A mandate, for its payer.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MandateView {
    #[schema(value_type = String)]
    pub id: MandateId,
    pub mandate: Wish,
    /// Name of the provider that collects.
    pub provider_name: String,
    /// `active` or `ended`.
    #[schema(value_type = String)]
    pub state: MandateState,
    /// RFC 3339.
    pub created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Minor units, in the present period.
    pub collected: u64,
    /// What was collected, newest first, at most a hundred.
    pub collections: Vec<CollectionView>,
    /// What was signed.
    pub jws: String,
}

/// One collection.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CollectionView {
    pub id: String,
    /// Minor units.
    pub amount: u64,
    /// RFC 3339.
    pub collected: String,
}

/// Signs a mandate under one activation for exactly its hash, and stores it: it is in force.
pub async fn sign(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    wish: Wish,
) -> Result<MandateView> {
    // 1. A mandate that means something, for a provider that collects.
    let signer = custody::signer(app, by, credential).await?;
    let now = app.clock.now();
    wish.check(day_in_vietnam(now), day_in_vietnam(signer.row.not_after))?;
    if !collectors(app).await?.contains_key(&wish.provider) {
        return Err(RequestError::invalid(
            "provider",
            "provider_unknown",
            "Hãy chọn một đơn vị thu đã đăng ký và đang hoạt động.",
            "Choose a registered provider that is active.",
        )
        .into());
    }
    // 2. What is signed is what was asked for, under a fresh identifier.
    let id = MandateId(Uuid::now_v7());
    let payload = serde_json::to_vec(&Content { wish, id }).map_err(|error| InternalError::other(error.to_string()))?;
    let jws = sign_payload(app, by, &signer, factors, (Some(KIND), &payload)).await?;
    let content = collect::verified(&jws, &signer.certificate);
    let content = content.ok_or_else(|| InternalError::other("the mandate that was signed does not verify"))?;
    // 3. The row with its audit entry.
    let mut row = Mandate {
        id,
        account_id: by.account,
        certificate_id: signer.row.id,
        provider_id: content.wish.provider,
        jws: app.vault.seal(SEALED, &id.to_string(), jws.as_bytes())?,
        state: MandateState::Active,
        created_at: now,
        ended_at: None,
        period_start: 0,
        collected: 0,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_mandate(&row).await?;
    let entry = Entry::of_row(now, Kind::MandateSigned, Actor::Account(by.account), &row);
    let digest = hex::encode(chuky_pki::crypto::sha256(&payload));
    let told = serde_json::json!({ "certificate": row.certificate_id, "provider": row.provider_id, "sha256": digest });
    audit::record(&mut transaction, entry.with(told)).await?;
    transaction.commit().await?;
    view(app, &row).await
}

/// Ends a mandate of the caller's: nothing is collected from the moment that this returns, whatever SQL says later.
pub async fn end(app: &App, by: &Principal, id: MandateId) -> Result<MandateView> {
    // A collection may be accepted in the same moment; the mandate is ended behind it.
    for _ in 0..TRIES {
        let mut row = own(app, by, id).await?;
        if row.state == MandateState::Ended {
            return view(app, &row).await;
        }
        let now = app.clock.now();
        (row.state, row.ended_at) = (MandateState::Ended, Some(now));
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_mandate(&row).await {
            Err(store::Error::Stale) => continue,
            other => other?,
        }
        let entry = Entry::of_row(now, Kind::MandateEnded, Actor::Account(by.account), &row);
        let entry = audit::record(&mut transaction, entry).await?;
        transaction.commit().await?;
        current::changed(app, &row);
        app.audit.wait(entry).await?;
        return view(app, &row).await;
    }
    Err(RequestError::try_again().into())
}

/// The caller's mandates, newest first, before a cursor; with the cursor of the next page.
pub async fn list(app: &App, by: &Principal, before: Cursor) -> Result<(Vec<MandateView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.mandates_of(by.account, before, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.created_at, id: last.id.0 });
    let mut views = Vec::new();
    for row in rows {
        views.push(view(app, &row).await?);
    }
    Ok((views, next))
}

/// One mandate of the caller's.
pub async fn show(app: &App, by: &Principal, id: MandateId) -> Result<MandateView> {
    view(app, &own(app, by, id).await?).await
}

/// Providers that may collect, by the names in their terms.
pub async fn collectors(app: &App) -> Result<BTreeMap<AccountId, String>> {
    let snapshot = providers::snapshot(app).await?;
    let active = snapshot.terms.iter().filter(|(_, terms)| terms.active && !terms.certificates.is_empty());
    Ok(active.map(|(id, terms)| (*id, terms.name.clone())).collect())
}

async fn own(app: &App, by: &Principal, id: MandateId) -> Result<Mandate> {
    let row = current::row_by_log(app, || app.store.mandate(id)).await?;
    Ok(row.filter(|row| row.account_id == by.account).ok_or_else(RequestError::not_found)?)
}

/// What was signed, as it is stored.
fn opened(app: &App, row: &Mandate) -> Result<String> {
    let jws = app.vault.open(SEALED, &row.id.to_string(), &row.jws)?;
    Ok(String::from_utf8(jws.to_vec()).map_err(|error| InternalError::other(error.to_string()))?)
}

async fn view(app: &App, row: &Mandate) -> Result<MandateView> {
    let jws = opened(app, row)?;
    let certificate = super::standing::certificate(app, row.certificate_id).await?;
    let content = collect::verified(&jws, &certificate).ok_or(InternalError::RowForged { table: "mandate" })?;
    let mut collections = Vec::new();
    for row in app.store.mandate_collections_of(row.id, COLLECTIONS_SHOWN).await? {
        let row = app.checked_rows.check(&*app.tokens.subscribers, row).await?;
        let id = app.vault.open(collect::SEALED, &hex::encode(&row.identity), &row.order_id)?;
        collections.push(CollectionView {
            id: String::from_utf8_lossy(&id).into_owned(),
            amount: u64::try_from(row.amount).unwrap_or_default(),
            collected: row.collected_at.rfc3339(),
        });
    }
    let snapshot = providers::snapshot(app).await?;
    let provider_name = snapshot.terms.get(&row.provider_id).map(|terms| terms.name.clone()).unwrap_or_default();
    Ok(MandateView {
        id: row.id,
        collected: collected_now(row, &content.wish, app.clock.now()),
        mandate: content.wish,
        provider_name,
        state: row.state,
        created: row.created_at.rfc3339(),
        ended: row.ended_at.map(Instant::rfc3339),
        collections,
        jws,
    })
}

/// What the sealed JWS is bound to beside its row.
const SEALED: &str = "mandate.jws";
/// Mandates of one page of the list.
const PAGE: i64 = 20;
/// Collections that a mandate is shown with.
const COLLECTIONS_SHOWN: i64 = 100;
/// How often a row that others are just changing is read again.
const TRIES: usize = 8;

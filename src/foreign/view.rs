//! What holders and those who decide are shown of a registered certificate. Personal numbers in it are shown to nobody.

use super::{
    content::{Content, Fit},
    decide::may_remove,
    may_decide,
    rows::{self, load},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::ForeignCertificateId,
    instant::Instant,
    record::{
        Cursor,
        foreign::ForeignCertificate,
        state::{ForeignCertificateState, ForeignStatus},
    },
};
use serde::Serialize;

/// A registered certificate of another authority.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ForeignView {
    #[schema(value_type = String)]
    pub id: ForeignCertificateId,
    /// `waiting`, `registered`, `refused` or `removed`.
    #[schema(value_type = String)]
    pub state: ForeignCertificateState,
    /// `number`, `name`, `name_differs` or `stood_before`.
    pub fit: Fit,
    /// Whom it names.
    pub common_name: String,
    pub organization: String,
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    /// SHA-256 of the certificate, lower-case hex.
    pub fingerprint: String,
    /// RFC 3339.
    pub not_before: String,
    pub not_after: String,
    pub expired: bool,
    /// `good`, `unknown`, `suspended` or `revoked`: what its authority said at `status_at`.
    #[schema(value_type = String)]
    pub status: ForeignStatus,
    pub status_at: String,
    /// Why it was not known when the certificate was registered; empty where it was.
    pub status_reason: String,
    /// Whose account it is registered for.
    pub holder: String,
    pub login: String,
    /// What an approval must repeat.
    pub content_digest: String,
    pub created_at: String,
    pub decided_by: Option<String>,
    pub decided_at: Option<String>,
    pub refusal_reason: Option<String>,
    pub ended_at: Option<String>,
    /// Whether it is the reader's own.
    pub own: bool,
    /// Whether the reader may decide on it: a second pair of eyes.
    pub decidable: bool,
    /// Whether the reader may take it away.
    pub removable: bool,
}

/// The caller's own, newest first.
pub async fn own(app: &App, by: &Principal) -> Result<Vec<ForeignView>> {
    let mut views = Vec::new();
    let rows = current::rows(app, || app.store.foreign_certificates_of_account(by.account)).await?;
    for row in rows.into_iter().filter(|row| !row.content.is_empty()) {
        views.push(viewed(app, by, &row).await?);
    }
    Ok(views)
}

/// Those that wait for a decision, oldest first, after the cursor; with the cursor of the next page.
pub async fn waiting(app: &App, by: &Principal, after: Cursor) -> Result<(Vec<ForeignView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.waiting_foreign_certificates(after, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.created_at, id: last.id.0 });
    let mut views = Vec::new();
    for row in rows {
        views.push(viewed(app, by, &row).await?);
    }
    Ok((views, next))
}

/// One, of the caller's own or for whoever decides.
pub async fn one(app: &App, by: &Principal, id: ForeignCertificateId) -> Result<ForeignView> {
    let row = load(app, id).await?;
    if row.account_id != by.account && !may_remove(by) {
        return Err(RequestError::not_found().into());
    }
    viewed(app, by, &row).await
}

pub(super) async fn viewed(app: &App, by: &Principal, row: &ForeignCertificate) -> Result<ForeignView> {
    let content = Content::open(app, row.id, &row.content)?;
    let certificate = content.certificate()?;
    let account = current::row(app, || app.store.account_by_id(row.account_id)).await?;
    let account = account.ok_or_else(RequestError::not_found)?;
    let decided_by = match row.decided_by {
        Some(account) => Some(accounts::name_of(app, account).await?),
        None => None,
    };
    let waits = row.state == ForeignCertificateState::Waiting;
    let second = waits && may_decide(by) && !accounts::same_person(app, by.account, row.account_id).await?;
    let now = app.clock.now();
    Ok(ForeignView {
        id: row.id,
        state: row.state,
        fit: content.fit,
        common_name: certificate.subject().common_name(),
        organization: certificate.subject().organization(),
        issuer: certificate.issuer().common_name(),
        serial: hex::encode(certificate.serial_octets()),
        fingerprint: hex::encode(certificate.fingerprint()),
        not_before: certificate.not_before().rfc3339(),
        not_after: certificate.not_after().rfc3339(),
        expired: row.not_after <= now,
        status: row.status,
        status_at: row.status_at.rfc3339(),
        status_reason: if row.status == ForeignStatus::Unknown { content.status_reason.clone() } else { String::new() },
        holder: accounts::display_name(app, &account)?,
        content_digest: hex::encode(rows::digest(app, row.id, &account, &content)?),
        login: account.login,
        created_at: row.created_at.rfc3339(),
        decided_by,
        decided_at: row.decided_at.map(Instant::rfc3339),
        refusal_reason: row.refusal_reason.clone(),
        ended_at: row.ended_at.map(Instant::rfc3339),
        own: row.account_id == by.account,
        decidable: second,
        removable: rows::is_standing(row) && (row.account_id == by.account || may_remove(by)),
    })
}

const PAGE: i64 = 50;

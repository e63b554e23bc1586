//! What an operator, registrar or approver is shown of a request. The personal number is masked but checkable.

use super::{decision::digest, load, open};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    error::{RequestError, Result},
};
use chuky_model::{
    id::{AccountId, CertificateId, RequestId},
    record::{Cursor, request::RegistrationRequest},
    request::{Hierarchy, RequestState},
    role::Role,
};
use serde::Serialize;

/// A request as it is shown and answered.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RequestView {
    #[schema(value_type = String)]
    pub id: RequestId,
    #[schema(value_type = String)]
    pub hierarchy: Hierarchy,
    #[schema(value_type = String)]
    pub state: RequestState,
    pub full_name: String,
    /// Masked, e.g. `001•••••2345`.
    pub personal_number: String,
    pub birth_date: String,
    pub province: String,
    pub locality: String,
    pub organization: String,
    pub organizational_unit: String,
    pub title: String,
    pub unit: String,
    #[schema(value_type = String)]
    pub entered_by: AccountId,
    /// RFC 3339.
    pub created_at: String,
    pub rejection_reason: Option<String>,
    /// The certificate that the one asked for is to follow.
    #[schema(value_type = Option<String>)]
    pub follows: Option<CertificateId>,
    /// What an approval must repeat.
    pub content_digest: String,
}

impl RequestView {
    /// The view of a request whose MAC was checked.
    pub fn of(app: &App, request: &RegistrationRequest) -> Result<Self> {
        let details = open(app, request)?;
        Ok(Self {
            id: request.id,
            hierarchy: request.hierarchy,
            state: request.state,
            personal_number: details.personal_number.masked(),
            content_digest: hex::encode(digest(app, request, &details)),
            full_name: details.full_name,
            birth_date: details.birth_date,
            province: details.province,
            locality: details.locality,
            organization: details.organization,
            organizational_unit: details.organizational_unit,
            title: details.title,
            unit: request.unit.clone(),
            entered_by: request.entered_by,
            created_at: request.created_at.rfc3339(),
            rejection_reason: request.rejection_reason.clone(),
            follows: request.follows_certificate,
        })
    }
}

/// One request, for those who may see it: operators see citizens', registrars officials', approvers both.
pub async fn view(app: &App, by: &Principal, id: RequestId) -> Result<RequestView> {
    let request = load(app, id).await?;
    if may_see(by, request.hierarchy) { RequestView::of(app, &request) } else { Err(RequestError::not_found().into()) }
}

/// Requests in a state that the caller may see, oldest first, after a cursor; with the cursor of the next page.
pub async fn list(
    app: &App,
    by: &Principal,
    state: RequestState,
    after: Cursor,
) -> Result<(Vec<RequestView>, Option<Cursor>)> {
    let rows = app.store.list_requests(state, after, PAGE).await?;
    let next = rows.last().filter(|_| rows.len() as i64 == PAGE).map(|row| Cursor { at: row.created_at, id: row.id.0 });
    let mut views = Vec::new();
    for row in rows {
        if may_see(by, row.hierarchy) {
            let row = attestation::check(&*app.tokens.subscribers, row).await?;
            views.push(RequestView::of(app, &row)?);
        }
    }
    Ok((views, next))
}

pub(super) fn may_see(by: &Principal, hierarchy: Hierarchy) -> bool {
    by.has(Role::Approver)
        || match hierarchy {
            Hierarchy::Citizens => by.has(Role::Operator),
            Hierarchy::Officials => by.has(Role::Registrar),
        }
}

/// Requests a page.
pub(super) const PAGE: i64 = 50;

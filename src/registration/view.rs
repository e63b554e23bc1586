//! What an operator, registrar or approver is shown of a request. The personal number is masked, except to whoever decides: an approver
//! compares all of it with the papers, as all of it is certified.

use super::{
    IdentityView, Replacement,
    decision::digest,
    load, open,
    queue::{self, Rows},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    error::{RequestError, Result},
    units,
};
use chuky_model::{
    id::{AccountId, CertificateId, RequestId},
    instant::Instant,
    person::Sex,
    record::{Cursor, request::RegistrationRequest},
    request::{Hierarchy, RequestState, SubjectKind},
    role::Role,
    unit::{Area, Units},
};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// A request as it is shown and answered.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RequestView {
    #[schema(value_type = String)]
    pub id: RequestId,
    #[schema(value_type = String)]
    pub hierarchy: Hierarchy,
    #[schema(value_type = String)]
    pub state: RequestState,
    /// `person`, `seal`, `device` or `payment_provider`.
    #[schema(value_type = String)]
    pub kind: SubjectKind,
    /// What the certificate will name (CN).
    pub common_name: String,
    /// Of a seal, a device or a payment provider, whoever answers for it.
    pub full_name: String,
    /// Masked, e.g. `001•••••2345`.
    pub personal_number: String,
    pub birth_date: String,
    pub province: String,
    pub locality: String,
    pub organization: String,
    pub organizational_unit: String,
    pub title: String,
    /// The organization's tax code; empty for persons.
    pub tax_code: String,
    /// A device's serial number; empty for everything else.
    pub device_serial: String,
    /// Where the second secret of a first activation goes, masked; empty where the request names no contact.
    pub contact: String,
    pub unit: String,
    #[schema(value_type = String)]
    pub entered_by: AccountId,
    /// RFC 3339.
    pub created_at: String,
    /// Until when it is to be decided and issued (`authority.issue_working_days`).
    pub due_at: String,
    pub rejection_reason: Option<String>,
    /// The certificate that the one asked for is to follow.
    #[schema(value_type = Option<String>)]
    pub follows: Option<CertificateId>,
    /// Set for a change of information: why the old certificate is revoked when the new one is issued.
    #[schema(value_type = Option<String>)]
    pub replaces: Option<Replacement>,
    /// What the identity check came to; absent where none was recorded.
    pub identity_check: Option<IdentityView>,
    /// What an approval must repeat.
    pub content_digest: String,
    /// Who the subscriber is, in full; only of one request that waits for a decision, and only for whoever may decide on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// Who a subscriber is, as whoever decides compares it with the papers.
#[derive(Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Identity {
    pub full_name: String,
    /// All twelve digits.
    pub personal_number: String,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    /// `male` or `female`.
    #[schema(value_type = String)]
    pub sex: Sex,
    /// Where codes and the second secret go; empty where the request names no number.
    pub phone: String,
    pub mail: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl RequestView {
    /// The view of a request whose MAC was checked, for the caller: in full where they may decide on it now.
    pub(super) fn to(app: &App, by: &Principal, request: &RegistrationRequest) -> Result<Self> {
        let details = open(app, request)?;
        let decides = request.state == RequestState::Submitted
            && request.entered_by != by.account
            && by.has(super::deciding(details.kind));
        let identity = decides.then(|| Identity {
            full_name: details.full_name.clone(),
            personal_number: details.personal_number.reveal().to_owned(),
            birth_date: details.birth_date.clone(),
            sex: details.sex,
            phone: details.phone.clone(),
            mail: details.mail.clone(),
        });
        Ok(Self { identity, ..Self::of(app, request)? })
    }

    /// The view of a request whose MAC was checked.
    pub fn of(app: &App, request: &RegistrationRequest) -> Result<Self> {
        let details = open(app, request)?;
        Ok(Self {
            id: request.id,
            hierarchy: request.hierarchy,
            state: request.state,
            personal_number: details.personal_number.masked(),
            contact: details.masked_contact(),
            content_digest: hex::encode(digest(app, request, &details)),
            identity_check: details.identity.as_ref().map(IdentityView::of),
            kind: details.kind,
            common_name: details.common_name().to_owned(),
            tax_code: details.tax_code,
            device_serial: details.device_serial,
            replaces: details.replaces,
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
            due_at: due(request.created_at, app.settings.authority.issue_working_days).rfc3339(),
            rejection_reason: request.rejection_reason.clone(),
            follows: request.follows_certificate,
            identity: None,
        })
    }
}

/// What the caller asked for, or staff for them, and is not finished, newest first.
pub async fn own(app: &App, by: &Principal) -> Result<Vec<RequestView>> {
    let Some(person) = accounts::person_of(app, by.account).await? else { return Ok(Vec::new()) };
    let mut views = Vec::new();
    for row in app.store.requests_of_person(&person).await?.into_iter().filter(|row| row.state.is_open()) {
        views.push(RequestView::of(app, &attestation::check(&*app.tokens.subscribers, row).await?)?);
    }
    Ok(views)
}

/// One request, for those who may see it: operators see citizens', registrars all others, approvers every one, security officers those
/// that they decide.
pub async fn view(app: &App, by: &Principal, id: RequestId) -> Result<RequestView> {
    let request = load(app, id).await?;
    let view = RequestView::to(app, by, &request)?;
    if Sight::of(app).await?.sees(by, &request, view.kind) { Ok(view) } else { Err(RequestError::not_found().into()) }
}

/// Requests in a state that the caller may see, oldest first, after a cursor; with the cursor of the next page.
pub async fn list(
    app: &App,
    by: &Principal,
    state: RequestState,
    after: Cursor,
) -> Result<(Vec<RequestView>, Option<Cursor>)> {
    let sight = Sight::of(app).await?;
    let rows = Rows::seen_by(by, &sight, Some(state));
    let is_looked_at = |row: &RegistrationRequest| may_see_some(by, row.hierarchy);
    let is_shown = |row: &RegistrationRequest, view: &RequestView| sight.sees(by, row, view.kind);
    let (found, next) = queue::page(app, &rows, after, PAGE, (is_looked_at, is_shown)).await?;
    Ok((found.into_iter().map(|(view, _)| view).collect(), next))
}

/// Which requests somebody sees: by role; and who only enters requests those of their own unit and of units below it.
pub(super) struct Sight {
    units: Arc<Units>,
    today: String,
}

impl Sight {
    /// As of now.
    pub(super) async fn of(app: &App) -> Result<Self> {
        Ok(Self { units: units::known(app).await?, today: units::day_of(app.clock.now()) })
    }

    /// Whether the caller sees a request of that kind.
    pub(super) fn sees(&self, by: &Principal, request: &RegistrationRequest, kind: SubjectKind) -> bool {
        let decides = by.has(Role::Approver) || by.has(super::deciding(kind));
        may_see(by, request.hierarchy, kind) && (decides || self.is_own(by, &request.unit, request.created_at))
    }

    /// Whether a unit, as it was called at a moment, is the caller's or lies below it today, or its area went there. Whoever belongs to no
    /// unit, to the whole city or to what never was a unit is not narrowed; whoever's unit has ended sees what followed it, or nothing.
    pub(super) fn is_own(&self, by: &Principal, unit: &str, at: Instant) -> bool {
        let area = units::area_of(&self.units, by, &self.today);
        if area == Area::Everything {
            return true;
        }
        let then = self.units.followed(unit, &units::day_of(at), &self.today).unwrap_or_default();
        then.into_iter().any(|unit| area.covers(&self.units, unit, &self.today))
    }

    /// Every code under which rows of the caller's units may be kept; `None` where no unit narrows the caller.
    pub(super) fn codes(&self, by: &Principal) -> Option<Vec<String>> {
        match units::area_of(&self.units, by, &self.today) {
            Area::Everything => None,
            Area::Units(own) => Some(self.units.codes_of(&own.iter().collect::<Vec<_>>(), &self.today)),
        }
    }

    /// The code today of a unit that was named at a moment.
    pub(super) fn code_today(&self, unit: &str, at: Instant) -> String {
        self.units.code_today(unit, &units::day_of(at), &self.today)
    }
}

fn may_see(by: &Principal, hierarchy: Hierarchy, kind: SubjectKind) -> bool {
    by.has(Role::Approver) || by.has(super::entering(hierarchy, kind)) || by.has(super::deciding(kind))
}

/// Whether the caller may see requests of some kind in a hierarchy: what is not opened needs no look at what it holds.
pub(super) fn may_see_some(by: &Principal, hierarchy: Hierarchy) -> bool {
    SubjectKind::ALL.into_iter().any(|kind| kind.profile(hierarchy).is_some() && may_see(by, hierarchy, kind))
}

/// So many working days later, at the same hour; Saturdays and Sundays in Vietnam do not count. Public holidays are not known here.
fn due(entered: Instant, working_days: i64) -> Instant {
    const AHEAD: i64 = 7 * 3_600;
    const DAY: i64 = 86_400;
    let mut due = entered;
    let mut left = working_days;
    while left > 0 {
        due = due.plus_seconds(DAY);
        // 1 January 1970 was a Thursday.
        let weekday = due.unix_seconds().saturating_add(AHEAD).div_euclid(DAY).saturating_add(3).rem_euclid(7);
        left -= i64::from(weekday < 5);
    }
    due
}

/// Requests a page.
pub(super) const PAGE: usize = 50;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn working_days_pass_over_the_weekend() {
        let at = |text: &str, days| due(Instant::parse_rfc3339(text).unwrap(), days).rfc3339();
        // A Thursday, and a Saturday that begins in Vietnam while it is Friday in UTC.
        assert_eq!(at("2026-11-26T03:00:00Z", 3), "2026-12-01T03:00:00Z");
        assert_eq!(at("2026-11-27T18:00:00Z", 1), "2026-11-29T18:00:00Z");
    }
}

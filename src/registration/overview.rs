//! What people at a desk look at: the booth's queue and today's count, the list of all requests, and one request with its road.
//! Rows are shown with their MACs checked; names of colleagues come from their accounts.

use super::{
    RequestView, load,
    queue::{self, Rows},
    view::{PAGE, Sight, may_see_some},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    error::{RequestError, Result},
};
use chuky_model::{
    id::{AccountId, RequestId},
    instant::Instant,
    record::{Cursor, request::RegistrationRequest},
    request::{Hierarchy, RequestState, SubjectKind},
};
use std::collections::HashMap;

/// What a booth's page shows beside the step.
pub struct Booth {
    pub issued_today: u64,
    pub entered_today: u64,
    /// Open requests of citizens in this unit, oldest first.
    pub queue: Vec<(RequestView, Instant)>,
}

/// A request in a list, with the name of whoever entered it.
pub struct Listed {
    pub view: RequestView,
    pub entered: Instant,
    pub entered_by: String,
}

/// A request with what has happened to it.
pub struct Road {
    pub view: RequestView,
    pub entered: Instant,
    pub entered_by: String,
    pub decided: Option<(String, Instant)>,
    /// The issued certificate's serial.
    pub serial: Option<String>,
}

/// The queue and the counts of the caller's unit: of citizens' requests alone.
pub async fn booth(app: &App, by: &Principal) -> Result<Booth> {
    let sight = Sight::of(app).await?;
    // The unit as the account names it and as it is called since a reform; of an account that is narrowed, what came to it besides.
    let mut codes = vec![by.unit.clone(), sight.code_today(&by.unit, by.unit_since)];
    codes.extend(sight.codes(by).unwrap_or_default());
    codes.sort();
    codes.dedup();
    let since = midnight(app.clock.now());
    let (mut entered, mut issued) = (0, 0);
    for code in &codes {
        entered += app.store.count_requests_entered(code, Hierarchy::Citizens, since).await?;
        issued += app.store.count_requests_issued(code, Hierarchy::Citizens, since).await?;
    }
    let states = RequestState::ALL.iter().copied().filter(|state| state.is_open()).collect();
    let rows = Rows { codes: Some(codes), states };
    let is_looked_at =
        |row: &RegistrationRequest| row.hierarchy == Hierarchy::Citizens && sight.is_own(by, &row.unit, row.created_at);
    let is_shown = |_: &RegistrationRequest, view: &RequestView| view.kind == SubjectKind::Person;
    let (queue, _) = queue::page(app, &rows, Cursor::OLDEST, QUEUE, (is_looked_at, is_shown)).await?;
    Ok(Booth {
        issued_today: u64::try_from(issued).unwrap_or_default(),
        entered_today: u64::try_from(entered).unwrap_or_default(),
        queue: queue.into_iter().map(|(view, row)| (view, row.created_at)).collect(),
    })
}

/// Requests that the caller may see, newest first, before a cursor; with the cursor of the next page. A state narrows them.
pub async fn list_all(
    app: &App,
    by: &Principal,
    state: Option<RequestState>,
    place: Option<Cursor>,
) -> Result<(Vec<Listed>, Option<Cursor>)> {
    let sight = Sight::of(app).await?;
    // A queue is worked off from its oldest.
    let rows = Rows::seen_by(by, &sight, state);
    let place = place.unwrap_or_else(|| rows.beginning());
    let is_looked_at = |row: &RegistrationRequest| may_see_some(by, row.hierarchy);
    let is_shown = |row: &RegistrationRequest, view: &RequestView| sight.sees(by, row, view.kind);
    let (found, next) = queue::page(app, &rows, place, PAGE, (is_looked_at, is_shown)).await?;
    let mut names = Names::default();
    let mut listed = Vec::new();
    for (view, row) in found {
        let entered_by = names.of(app, row.entered_by).await?;
        listed.push(Listed { view, entered: row.created_at, entered_by });
    }
    Ok((listed, next))
}

/// One request with its road, for those who may see it.
pub async fn road(app: &App, by: &Principal, id: RequestId) -> Result<Road> {
    let request = load(app, id).await?;
    let view = RequestView::to(app, by, &request)?;
    if !Sight::of(app).await?.sees(by, &request, view.kind) {
        return Err(RequestError::not_found().into());
    }
    let mut names = Names::default();
    let decided = match (request.decided_by, request.decided_at) {
        (Some(account), Some(at)) => Some((names.of(app, account).await?, at)),
        _ => None,
    };
    Ok(Road {
        view,
        entered: request.created_at,
        entered_by: names.of(app, request.entered_by).await?,
        decided,
        serial: serial(app, &request).await?,
    })
}

async fn serial(app: &App, request: &RegistrationRequest) -> Result<Option<String>> {
    let Some(id) = request.certificate_id else { return Ok(None) };
    Ok(app.store.certificate_by_id(id).await?.map(|certificate| certificate.serial.to_string()))
}

/// Names of accounts, each asked for once.
#[derive(Default)]
struct Names(HashMap<AccountId, String>);

impl Names {
    async fn of(&mut self, app: &App, id: AccountId) -> Result<String> {
        if let Some(name) = self.0.get(&id) {
            return Ok(name.clone());
        }
        let name = accounts::name_of(app, id).await?;
        self.0.insert(id, name.clone());
        Ok(name)
    }
}

/// The last midnight in Vietnam (UTC+7, no daylight saving).
fn midnight(now: Instant) -> Instant {
    const AHEAD: i64 = 7 * 3_600;
    const DAY: i64 = 86_400;
    let local = now.unix_seconds().saturating_add(AHEAD);
    Instant::from_unix_seconds(local.saturating_sub(local.rem_euclid(DAY)).saturating_sub(AHEAD))
}

/// Lines of the queue.
const QUEUE: usize = 30;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_vietnam() {
        let at = |text: &str| midnight(Instant::parse_rfc3339(text).unwrap()).rfc3339();
        assert_eq!(at("2026-11-22T03:05:09Z"), at("2026-11-21T17:00:00Z"));
        assert_ne!(at("2026-11-22T03:05:09Z"), at("2026-11-21T16:59:59Z"));
    }
}

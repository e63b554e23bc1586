//! Pages of requests, filled after everything that narrows them: whoever sees few of them gets a whole page of those few. Of an account that
//! is narrowed to a unit only rows under the unit's codes are asked for.

use super::{RequestView, view::Sight};
use crate::{accounts::Principal, app::App, attestation, error::Result};
use chuky_model::{
    record::{Cursor, request::RegistrationRequest},
    request::RequestState,
    role::Role,
};

/// In which order which rows are looked at.
pub(super) struct Rows {
    /// The codes of the units whose rows there are; `None`: all rows.
    pub codes: Option<Vec<String>>,
    /// Only those in one of these states, oldest first; without any, all of them, newest first.
    pub states: Vec<RequestState>,
}

impl Rows {
    /// What the caller may see some of, at most.
    pub(super) fn seen_by(by: &Principal, sight: &Sight, state: Option<RequestState>) -> Self {
        let decides = by.has(Role::Approver) || by.has(Role::SecurityOfficer);
        Self { codes: sight.codes(by).filter(|_| !decides), states: state.into_iter().collect() }
    }

    /// Where a list begins.
    pub(super) fn beginning(&self) -> Cursor {
        if self.states.is_empty() { Cursor::NEWEST } else { Cursor::OLDEST }
    }

    /// The next rows behind a place, at most [`STEP`].
    async fn behind(&self, app: &App, place: Cursor) -> Result<Vec<RegistrationRequest>> {
        let mut rows = Vec::new();
        match (&self.codes, self.states.as_slice()) {
            (None, []) => rows = app.store.list_all_requests(place, STEP).await?,
            (None, states) => {
                for state in states {
                    rows.extend(app.store.list_requests(*state, place, STEP).await?);
                }
            }
            (Some(codes), []) => {
                for code in codes {
                    rows.extend(app.store.list_requests_of_unit(code, place, STEP).await?);
                }
            }
            (Some(codes), states) => {
                for code in codes {
                    for state in states {
                        rows.extend(app.store.list_requests_of_unit_in(code, *state, place, STEP).await?);
                    }
                }
            }
        }
        rows.sort_by_key(|row| (row.created_at, row.id));
        if self.states.is_empty() {
            rows.reverse();
        }
        rows.truncate(usize::try_from(STEP).unwrap_or(usize::MAX));
        Ok(rows)
    }
}

/// The next requests behind a place that pass both filters, with their MACs checked, and the place behind the last where there may be more: also
/// where so many rows were looked at that the caller would wait. The first filter is asked of rows before anything of them is opened.
pub(super) async fn page(
    app: &App,
    rows: &Rows,
    mut place: Cursor,
    wanted: usize,
    (is_looked_at, is_shown): (
        impl Fn(&RegistrationRequest) -> bool,
        impl Fn(&RegistrationRequest, &RequestView) -> bool,
    ),
) -> Result<(Vec<(RequestView, RegistrationRequest)>, Option<Cursor>)> {
    let mut found = Vec::new();
    let (mut looked_at, mut opened) = (0, 0);
    loop {
        let step = rows.behind(app, place).await?;
        let is_last = i64::try_from(step.len()).is_ok_and(|count| count < STEP);
        looked_at += step.len();
        for row in step {
            place = Cursor { at: row.created_at, id: row.id.0 };
            if !is_looked_at(&row) {
                continue;
            }
            let row = attestation::check(&*app.tokens.subscribers, row).await?;
            let view = RequestView::of(app, &row)?;
            if is_shown(&row, &view) {
                found.push((view, row));
            }
            opened += 1;
            if found.len() >= wanted || opened >= MOST_OPENED {
                return Ok((found, Some(place)));
            }
        }
        if is_last || looked_at >= MOST_LOOKED_AT {
            return Ok((found, Some(place).filter(|_| !is_last)));
        }
    }
}

/// Rows that are read at once.
const STEP: i64 = 200;
/// Rows whose MACs are checked for one page, each by the HSM.
const MOST_OPENED: usize = 2_000;
/// Rows that are read for one page.
const MOST_LOOKED_AT: usize = 50_000;

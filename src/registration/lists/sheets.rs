//! What is printed for the officials of a carried out list who have no telephone: the sheet with the code by the side that entered the list, the
//! sheet with the second secret by who approved it. Each is made anew when it is printed and shown that once; nobody is given both.

use super::load;
use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, RequestErrorKind, Result},
    registration::{self, ActivationCode, Details, second},
};
use chuky_model::{
    id::{AgencyListId, RequestId},
    instant::Instant,
    record::state::AgencyLineOutcome,
    request::RequestState,
};
use std::ops::ControlFlow;
use zeroize::Zeroizing;

/// The sheet with a code.
pub struct CodeSheet {
    pub details: Details,
    pub code: ActivationCode,
    pub expires_at: Instant,
}

/// The sheet with a second secret.
pub struct ConfirmationSheet {
    pub details: Details,
    pub digits: Zeroizing<String>,
}

/// What was printed for a part of a list.
pub struct Printed<T> {
    pub sheets: Vec<T>,
    /// Who gets no sheet now, and why.
    pub left_out: Vec<(Details, RequestError)>,
    /// Position of the first line that was not looked at.
    pub next: Option<i64>,
    /// Of somebody who is not the caller's to see.
    refused: Option<RequestError>,
}

/// Lines of a list by their positions: from one on, up to and with another where it is given.
#[derive(Clone, Copy)]
pub struct Lines {
    pub from: i64,
    pub to: Option<i64>,
}

/// Somebody without a telephone who has not activated.
struct Person {
    position: i64,
    request: RequestId,
    details: Details,
}

/// Makes the codes of the people without a telephone among these lines who have not activated, for who may hand their codes on. Codes that were
/// printed before open nothing from then on, so what was made is given, whatever becomes of the others.
pub async fn code_sheets(app: &App, by: &Principal, id: AgencyListId, lines: Lines) -> Result<Printed<CodeSheet>> {
    let (people, next) = people(app, id, lines).await?;
    let mut printed = Printed::new(next);
    for person in people {
        let details = person.details.clone();
        let made = registration::make_code(app, by, person.request).await;
        let sheet = made.map(|made| Some(CodeSheet { details, code: made.code, expires_at: made.expires_at }));
        if printed.take(id, person, sheet)?.is_break() {
            break;
        }
    }
    printed.whole()
}

/// Makes the second secrets of the same people, for who approved.
pub async fn confirmation_sheets(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    lines: Lines,
) -> Result<Printed<ConfirmationSheet>> {
    by.in_session()?;
    let (people, next) = people(app, id, lines).await?;
    let mut printed = Printed::new(next);
    for person in people {
        let made = second::on_paper(app, by, person.request).await;
        let sheet = made.map(|made| made.map(|(details, digits)| ConfirmationSheet { details, digits }));
        if printed.take(id, person, sheet)?.is_break() {
            break;
        }
    }
    printed.whole()
}

impl<T> Printed<T> {
    fn new(next: Option<i64>) -> Self {
        Self { sheets: Vec::new(), left_out: Vec::new(), next, refused: None }
    }

    /// Takes what became of one person's sheet. An error of the world ends the file with those before; it is an error where there are none.
    fn take(&mut self, list: AgencyListId, person: Person, sheet: Result<Option<T>>) -> Result<ControlFlow<()>> {
        match sheet {
            Ok(sheet) => self.sheets.extend(sheet),
            Err(Error::Request(error)) if error.kind == RequestErrorKind::NotFound => self.refused = Some(error),
            Err(Error::Request(error)) => self.left_out.push((person.details, error)),
            Err(error) if self.sheets.is_empty() => return Err(error),
            Err(error) => {
                tracing::error!(event = "sheets_broken_off", %list, position = person.position, %error);
                self.next = Some(person.position);
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// With at least one sheet; otherwise why there is none.
    fn whole(self) -> Result<Self> {
        if self.sheets.is_empty() {
            let why = self.left_out.into_iter().next().map(|(_, why)| why).or(self.refused);
            return Err(why.unwrap_or_else(no_sheets).into());
        }
        Ok(self)
    }
}

/// The people without a telephone among these lines who have not activated, and the position after them.
async fn people(app: &App, id: AgencyListId, lines: Lines) -> Result<(Vec<Person>, Option<i64>)> {
    let (requests, next) = approved(app, id, lines).await?;
    let mut people = Vec::new();
    for (position, request) in requests {
        let row = registration::load(app, request).await?;
        let details = registration::open(app, &row)?;
        if details.by_sheet && row.state == RequestState::Approved {
            people.push(Person { position, request, details });
        }
    }
    Ok((people, next))
}

/// The requests that came of these lines, by position, and the position after them. Who may have what of them is asked of each.
async fn approved(
    app: &App,
    id: AgencyListId,
    Lines { from, to }: Lines,
) -> Result<(Vec<(i64, RequestId)>, Option<i64>)> {
    let list = load(app, id).await?;
    let most = if to.is_some() { MOST_LINES } else { LINES };
    let mut lines = app.store.agency_lines(list.id, from, most.saturating_add(1)).await?;
    let beyond = |position: i64| to.is_some_and(|to| position > to);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let next = lines.get(most).map(|line| line.position).filter(|position| !beyond(*position));
    lines.truncate(most);
    let made = lines.into_iter().filter(|line| line.outcome == Some(AgencyLineOutcome::Approved));
    let made = made.filter(|line| !beyond(line.position));
    Ok((made.filter_map(|line| Some((line.position, line.request_id?))).collect(), next))
}

fn no_sheets() -> RequestError {
    RequestError::conflict(
        "no_sheets",
        "Không có phiếu nào để in: không ai trong phần này dùng phiếu, họ đã kích hoạt, hoặc bạn không phải người được in phiếu này.",
        "There is nothing to print: nobody in this part uses sheets, they have activated, or these sheets are not yours to print.",
    )
}

/// Lines a file, as a page of the list shows them.
const LINES: i64 = 100;
/// The same where the last is named: a page that leaves lines out shows as many of them from a longer part.
const MOST_LINES: i64 = 2_000;

//! What is printed for the officials of a carried out list who have no telephone: the sheet with the code by the side that entered the list, the
//! sheet with the second secret by who approved it. Each is made anew when it is printed and shown that once; nobody is given both.

use super::load;
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    registration::{self, ActivationCode, Details, second},
};
use chuky_model::{
    id::{AgencyListId, RequestId},
    instant::Instant,
    record::state::AgencyLineOutcome,
    request::RequestState,
};
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

/// Makes the codes of the people without a telephone among the lines from a position on who have not activated, for who may hand their codes on;
/// with the position of the next line. Codes that were printed before open nothing from then on.
pub async fn code_sheets(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    from: i64,
) -> Result<(Vec<CodeSheet>, Option<i64>)> {
    let (requests, next) = approved(app, id, from).await?;
    let mut sheets = Vec::new();
    for request in requests {
        let row = registration::load(app, request).await?;
        let details = registration::open(app, &row)?;
        if details.by_sheet && row.state == RequestState::Approved {
            let made = registration::make_code(app, by, request).await?;
            sheets.push(CodeSheet { details, code: made.code, expires_at: made.expires_at });
        }
    }
    Ok((some(sheets)?, next))
}

/// Makes the second secrets of the same people, for who approved; with the position of the next line.
pub async fn confirmation_sheets(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    from: i64,
) -> Result<(Vec<ConfirmationSheet>, Option<i64>)> {
    let (requests, next) = approved(app, id, from).await?;
    by.in_session()?;
    let mut sheets = Vec::new();
    for request in requests {
        if let Some((details, digits)) = second::on_paper(app, by, request).await? {
            sheets.push(ConfirmationSheet { details, digits });
        }
    }
    Ok((some(sheets)?, next))
}

/// The requests that came of the lines from a position on. Who may have what of them is asked of each.
async fn approved(app: &App, id: AgencyListId, from: i64) -> Result<(Vec<RequestId>, Option<i64>)> {
    let list = load(app, id).await?;
    let mut lines = app.store.agency_lines(list.id, from, LINES.saturating_add(1)).await?;
    let most = usize::try_from(LINES).unwrap_or(usize::MAX);
    let next = lines.get(most).map(|line| line.position);
    lines.truncate(most);
    let made = lines.into_iter().filter(|line| line.outcome == Some(AgencyLineOutcome::Approved));
    Ok((made.filter_map(|line| line.request_id).collect(), next))
}

fn some<T>(sheets: Vec<T>) -> Result<Vec<T>> {
    if sheets.is_empty() {
        return Err(RequestError::conflict(
            "no_sheets",
            "Không có phiếu nào để in: không ai trong phần này dùng phiếu, họ đã kích hoạt, hoặc bạn không phải người được in phiếu này.",
            "There is nothing to print: nobody in this part uses sheets, they have activated, or these sheets are not yours to print.",
        )
        .into());
    }
    Ok(sheets)
}

/// Lines a file, as a page of the list shows them.
const LINES: i64 = 100;

//! Number and date: the next number of the agency's series in the year is entered into the register first, then written into the
//! document's fields. A crash between the two is continued with the same number; a number that nobody has any more stays in the register
//! with the reason.

use super::{
    details::Details,
    draft::{DATE, NUMBER},
    limits::REGISTER,
    restored::{self, Register},
    road::{Act, Road, clerk},
    view::{self, OutgoingView},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, Result},
    fault,
    reader::Task,
    signing, store,
};
use chuky_model::{
    id::OutgoingId,
    record::{
        outgoing::{OutgoingNumber, number_and_notation},
        state::{NumberState, OutgoingState},
    },
};
use serde::Serialize;

/// One line of the register of outgoing documents.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct NumberLine {
    pub number: i64,
    /// `15/QĐ-UBND`.
    pub code: String,
    /// `given` or `void`.
    pub state: String,
    /// Why nobody has it any more.
    pub void_reason: Option<String>,
    /// RFC 3339.
    pub given_at: String,
    pub given_by: String,
    pub document: String,
    pub type_name: String,
    pub subject: String,
    pub recipients: usize,
}

/// Gives number and date, and writes them into the document.
pub async fn give_number(app: &App, by: &Principal, id: OutgoingId) -> Result<OutgoingView> {
    // 1. A signed document of the clerk's own agency.
    let mut road = Road::load(app, by, id).await?;
    clerk(by)?;
    road.stands(OutgoingState::Numbering)?;
    let details = Details::of(app, &road.row)?;
    // 2. The number, in the register.
    let number = reserve(app, by, &road).await?;
    fault::point("outgoing.number_reserved");
    // 3. Written into the fields that the signers left open; every signature must stay intact.
    let document = signing::of_road(app, road.row.document_id).await?;
    let values = vec![
        (NUMBER.to_owned(), details.number_text(&road.row, number.number)),
        (DATE.to_owned(), details.date_text(number.given_at)),
    ];
    let filled = signing::extended(app, by, &document, Task::FillFields(values)).await?;
    // 4. The row with the number.
    road.row.year = Some(number.year);
    road.row.number = Some(number.number);
    road.row.issued_at = Some(number.given_at);
    road.moves_to(OutgoingState::Sealing, &details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingNumbered, note: None };
    road.store_file(app, OutgoingState::Numbering, act, filled).await?;
    view::of_road(app, by, &road).await
}

/// The number that the document has, or the next one, in one transaction with its line in the register and its audit entry.
async fn reserve(app: &App, by: &Principal, road: &Road) -> Result<OutgoingNumber> {
    let row = &road.row;
    for _ in 0..TRIES {
        if let Some(number) = app.store.outgoing_number_of(row.id).await? {
            return Ok(number);
        }
        let now = app.clock.now();
        // Decree 30/2020/NĐ-CP, article 15: from 1 January to 31 December, by Vietnam's clock.
        let year = now.in_vietnam().map(|moment| i64::from(moment.year()));
        let year = year.ok_or_else(|| InternalError::other("a time without a year"))?;
        restored::floor(app, Register::Outgoing, &row.unit, year, &row.series).await?;
        let mut transaction = app.store.begin().await?;
        // Neither refused nor numbered meanwhile: whoever does so waits for this transaction.
        match transaction.hold_outgoing(row).await {
            Err(store::Error::Stale) => return Err(super::road::moved_on().into()),
            other => other?,
        }
        let number = OutgoingNumber {
            unit: row.unit.clone(),
            year,
            series: row.series.clone(),
            number: transaction.next_outgoing_number(&row.unit, year, &row.series).await?,
            outgoing_id: row.id,
            state: NumberState::Given,
            given_by: by.account,
            given_at: now,
            void_reason: None,
        };
        match transaction.insert_outgoing_number(&number).await {
            // Another clerk gave it one in this moment: what this transaction counted is undone.
            Err(store::Error::Conflict(_)) => {
                transaction.rollback().await?;
                continue;
            }
            other => other?,
        }
        let subject = format!("outgoing_document:{}", row.id);
        let entry = Entry::new(now, Kind::OutgoingNumberGiven, Actor::Account(by.account), subject);
        let content = serde_json::json!({
            "unit": row.unit, "year": year, "series": row.series, "number": number.number,
        });
        audit::record(&mut transaction, entry.with(content)).await?;
        transaction.commit().await?;
        return Ok(number);
    }
    Err(RequestError::try_again().into())
}

/// The register of the caller's agency.
pub async fn register(
    app: &App,
    by: &Principal,
    year: Option<i64>,
    series: &str,
    from: i64,
) -> Result<Vec<NumberLine>> {
    clerk(by)?;
    let this_year = app.clock.now().in_vietnam().map_or(0, |moment| i64::from(moment.year()));
    let year = year.unwrap_or(this_year);
    let numbers = app.store.outgoing_numbers(&by.unit, year, series, from.max(1), REGISTER).await?;
    let mut lines = Vec::new();
    for number in numbers {
        let row = Road::of(app, number.outgoing_id).await?.row;
        let details = Details::of(app, &row)?;
        lines.push(NumberLine {
            number: number.number,
            code: number_and_notation(number.number, &row.type_code, &row.notation),
            state: number.state.name().to_owned(),
            void_reason: number.void_reason,
            given_at: number.given_at.rfc3339(),
            given_by: accounts::name_of(app, number.given_by).await?,
            document: row.id.to_string(),
            type_name: details.type_name,
            subject: details.subject,
            recipients: app.store.outgoing_recipients(row.id).await?.len(),
        });
    }
    Ok(lines)
}

/// How often a number is asked for while another clerk gives one.
const TRIES: usize = 3;

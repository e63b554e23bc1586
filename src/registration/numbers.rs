//! Numbers at the booth: given at the entrance by unit and day, called at the desks in their order, and shown in the waiting room. Nothing is kept
//! of who has which number; whoever has none is served all the same.

use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    units,
};
use chuky_model::record::booth::BoothCall;

/// How a unit's queue stands today.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// The unit's code, and its name where it is known.
    pub unit: String,
    pub name: String,
    /// The last number that was given; 0 before the first.
    pub given: i64,
    pub called: i64,
    /// What was called last, newest first.
    pub calls: Vec<BoothCall>,
}

impl Numbers {
    /// How many wait.
    pub fn waiting(&self) -> i64 {
        self.given.saturating_sub(self.called)
    }
}

/// The queue of the caller's unit; of an account of the whole city the city's.
pub async fn own(app: &App, by: &Principal) -> Result<Numbers> {
    let code = own_code(app, by).await?;
    of_code(app, code).await
}

/// The queue of a unit by its code or agency code, for anybody; nothing where no unit has it today.
pub async fn of_unit(app: &App, code: &str) -> Result<Numbers> {
    let now = app.clock.now();
    let unit = units::unit_at(app, code, now).await?.ok_or_else(RequestError::not_found)?;
    of_code(app, unit.code).await
}

/// Gives the next number of the caller's unit.
pub async fn give(app: &App, by: &Principal) -> Result<i64> {
    let (code, day) = (own_code(app, by).await?, units::day_of(app.clock.now()));
    let mut transaction = app.store.begin().await?;
    let number = transaction.give_booth_number(&code, &day).await?;
    transaction.commit().await?;
    Ok(number)
}

/// Calls the next number of the caller's unit to a desk; `None` where nobody waits.
pub async fn call(app: &App, by: &Principal, desk: i64) -> Result<Option<i64>> {
    if !(1..=MOST_DESKS).contains(&desk) {
        let vi = format!("Số quầy là số từ 1 đến {MOST_DESKS}.");
        let en = format!("A desk is a number from 1 to {MOST_DESKS}.");
        return Err(RequestError::invalid("desk", "desk_form", vi, en).into());
    }
    let now = app.clock.now();
    let (code, day) = (own_code(app, by).await?, units::day_of(now));
    let mut transaction = app.store.begin().await?;
    let number = transaction.call_booth_number(&code, &day, desk, now).await?;
    transaction.commit().await?;
    Ok(number)
}

async fn of_code(app: &App, code: String) -> Result<Numbers> {
    let now = app.clock.now();
    let day = units::day_of(now);
    let queue = app.store.booth_queue(&code, &day).await?;
    let (given, called) = queue.map_or((0, 0), |queue| (queue.given, queue.called));
    let calls = app.store.booth_calls(&code, &day, SHOWN).await?;
    let name = units::unit_at(app, &code, now).await?.map_or_else(|| code.clone(), |unit| unit.name);
    Ok(Numbers { unit: code, name, given, called, calls })
}

/// The code under which the caller's unit has its queue.
async fn own_code(app: &App, by: &Principal) -> Result<String> {
    let code = units::own_code(app, by).await?;
    let known = units::unit_at(app, &code, app.clock.now()).await?;
    Ok(known.map_or_else(|| if code.is_empty() { CITY.to_owned() } else { code }, |unit| unit.code))
}

/// Of accounts that belong to no unit.
const CITY: &str = "H26";
const MOST_DESKS: i64 = 99;
/// Calls on the screen.
const SHOWN: i64 = 6;

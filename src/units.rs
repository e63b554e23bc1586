//! Administrative units as flows see them: what the product ships, and over it the lists that an administrator loaded. A request or an
//! account names its unit by a code; which unit that is depends on the day.

use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store::{self, Transaction},
};
use chuky_model::{
    id::UnitListId,
    instant::Instant,
    record::agency::UnitList,
    text::Bilingual,
    unit::{Area, Contradiction, Unit, Units},
};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The units as they were last read.
#[derive(Default)]
pub struct Kept(Mutex<Option<(i64, Arc<Units>)>>);

/// A unit with where its area went.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct UnitView {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub unit: Unit,
    /// Where its area went when it ended; empty while it lasts, and where it is not known.
    #[schema(value_type = Vec<Object>)]
    pub successors: Vec<Unit>,
}

/// What loading a list brought, or would bring.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Loaded {
    /// The list's first day.
    pub from: String,
    /// Whether it is stored: a dry run stores nothing.
    pub stored: bool,
    /// Units in force the day before, and on that day.
    pub before: usize,
    pub after: usize,
    /// Codes of units that begin, and of those that end.
    pub begin: Vec<String>,
    pub end: Vec<String>,
    /// Of those that end, the ones whose area goes to no unit of the list.
    pub without_successor: Vec<String>,
}

/// Every unit that is known. An error where a list was loaded that is not there any more: the units before it are not today's.
pub async fn known(app: &App) -> Result<Arc<Units>> {
    let count = app.store.count_unit_lists().await?;
    let loaded = app.audit.row_versions().newest(EVERY_LIST).await?;
    if let Some((kept, units)) = &*app.units.0.lock().unwrap_or_else(PoisonError::into_inner)
        && *kept == count
        && loaded <= count
    {
        return Ok(units.clone());
    }
    let mut units = Units::shipped();
    let lists = lists(app).await?;
    for list in &lists {
        units = units.with_list(&list.content, &list.valid_from).map_err(|said| {
            let said = said.first().map(ToString::to_string).unwrap_or_default();
            crate::error::InternalError::other(format!("the units from {}: {said}", list.valid_from))
        })?;
    }
    let units = Arc::new(units);
    let count = i64::try_from(lists.len()).unwrap_or(i64::MAX);
    *app.units.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((count, units.clone()));
    Ok(units)
}

/// The loaded lists, as many as the log says there are.
async fn lists(app: &App) -> Result<Vec<UnitList>> {
    let read = async || current::rows(app, || app.store.unit_lists()).await;
    let mut lists = read().await?;
    let loaded = app.audit.row_versions().newest_by_log(EVERY_LIST).await?;
    let lacks = |lists: &[UnitList]| i64::try_from(lists.len()).unwrap_or(i64::MAX) < loaded;
    if lacks(&lists) {
        // One may have been loaded between the two looks.
        lists = read().await?;
    }
    match lacks(&lists) {
        true => Err(current::missing::<UnitList>()),
        false => Ok(lists),
    }
}

/// Records how many lists there are where they were loaded before the log said so.
pub async fn record_earlier(app: &App) -> Result<()> {
    let is_recorded = app.audit.row_versions().newest_by_log(EVERY_LIST).await? > 0;
    if is_recorded || lists(app).await?.is_empty() {
        return Ok(());
    }
    let mut transaction = app.store.begin().await?;
    record_count(app, &mut transaction, Actor::Service).await?;
    Ok(transaction.commit().await?)
}

/// Records how many lists there are from now on.
async fn record_count(app: &App, transaction: &mut Transaction, by: Actor) -> Result<()> {
    let count = transaction.count_unit_lists().await?;
    let entry = Entry::new(app.clock.now(), Kind::UnitsCounted, by, EVERY_LIST);
    audit::record(transaction, Entry { row_version: Some(count), ..entry }).await?;
    Ok(())
}

/// The units that the caller acts for on a day.
pub fn area_of(units: &Units, by: &Principal, day: &str) -> Area {
    units.area(&by.unit, &day_of(by.unit_since), day)
}

/// The code of the caller's unit as it is today: where a reform put exactly one in its place, that one's.
pub async fn own_code(app: &App, by: &Principal) -> Result<String> {
    Ok(known(app).await?.code_today(&by.unit, &day_of(by.unit_since), &day_of(app.clock.now())))
}

/// The unit that a code named at a moment; `None` where it named none that is known, as in rows that hold a name.
pub async fn unit_at(app: &App, code: &str, at: Instant) -> Result<Option<Unit>> {
    Ok(known(app).await?.unit_at(code, &day_of(at)).cloned())
}

/// Whether the unit of the first code has ended by that moment, and its area went to the one of the second.
pub async fn has_become(app: &App, code: &str, other: &str, at: Instant) -> Result<bool> {
    let (units, day) = (known(app).await?, day_of(at));
    if units.unit_at(code, &day).is_some() {
        return Ok(false);
    }
    let (Some(ended), Some(next)) = (units.ended_before(code, &day), units.unit_at(other, &day)) else {
        return Ok(false);
    };
    Ok(units.successors(ended).iter().any(|unit| unit.code == next.code))
}

/// The unit of a code on a day, with its successors. `not_found` where there is none.
pub async fn view(app: &App, code: &str, day: Option<&str>) -> Result<UnitView> {
    let (units, day) = (known(app).await?, checked_day(app, day)?);
    let unit = units.unit_at(code, &day).ok_or_else(RequestError::not_found)?.clone();
    let successors = units.successors(&unit).into_iter().cloned().collect();
    Ok(UnitView { unit, successors })
}

/// Every unit of a day.
pub async fn all(app: &App, day: Option<&str>) -> Result<Vec<Unit>> {
    let (units, day) = (known(app).await?, checked_day(app, day)?);
    Ok(units.all_at(&day).cloned().collect())
}

/// Loads a list of every unit in force from a day on, or tells what it would bring. Refuses one that contradicts, naming the lines.
pub async fn load(app: &App, by: &Principal, csv: &str, from: &str, dry_run: bool) -> Result<Loaded> {
    // 1. The list by itself and against what is known.
    let before = known(app).await?;
    let after = before.with_list(csv.as_bytes(), from).map_err(|said| contradicts(&said))?;
    let loaded = loaded(&before, &after, from, !dry_run);
    if dry_run {
        return Ok(loaded);
    }
    // 2. The row with its MAC, and its audit entry.
    let now = app.clock.now();
    let mut list = UnitList {
        id: UnitListId(Uuid::now_v7()),
        valid_from: from.to_owned(),
        content: csv.as_bytes().to_vec(),
        loaded_by: by.account,
        loaded_at: now,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut list).await?;
    let mut transaction = app.store.begin().await?;
    transaction.hold_unit_lists().await?;
    match transaction.insert_unit_list(&list).await {
        Err(store::Error::Conflict(_)) => return Err(loaded_before().into()),
        other => other?,
    }
    let content = serde_json::json!({
        "from": from, "sha256": hex::encode(chuky_pki::crypto::sha256(csv.as_bytes())),
        "units": loaded.after, "begin": loaded.begin.len(), "end": loaded.end.len(),
    });
    let entry = Entry::of_row(now, Kind::UnitsLoaded, Actor::Account(by.account), &list);
    audit::record(&mut transaction, entry.with(content)).await?;
    record_count(app, &mut transaction, Actor::Account(by.account)).await?;
    transaction.commit().await?;
    Ok(loaded)
}

fn loaded(before: &Units, after: &Units, from: &str, stored: bool) -> Loaded {
    let codes = |units: &Units| -> Vec<(String, String)> {
        units.all_at(from).map(|unit| (unit.code.clone(), unit.name.clone())).collect()
    };
    let (old, new) = (codes(before), codes(after));
    let only = |these: &[(String, String)], those: &[(String, String)]| -> Vec<String> {
        these.iter().filter(|unit| !those.contains(unit)).map(|(code, _)| code.clone()).collect()
    };
    let end = only(&old, &new);
    let lost = |code: &&String| {
        let ended = after.ended_before(code, from);
        ended.is_none_or(|unit| after.successors(unit).is_empty())
    };
    Loaded {
        from: from.to_owned(),
        stored,
        before: old.len(),
        after: new.len(),
        begin: only(&new, &old),
        without_successor: end.iter().filter(lost).cloned().collect(),
        end,
    }
}

/// `YYYY-MM-DD` in Vietnam.
pub fn day_of(at: Instant) -> String {
    at.in_vietnam().map(|moment| moment.date().to_string()).unwrap_or_default()
}

fn checked_day(app: &App, day: Option<&str>) -> Result<String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let Some(day) = day else { return Ok(day_of(app.clock.now())) };
    let read = time::Date::parse(day, format).map_err(|_| {
        let (vi, en) = ("Ngày cần có dạng NĂM-THÁNG-NGÀY.", "The day is YYYY-MM-DD.");
        RequestError::invalid("at", "day_form", vi, en)
    });
    Ok(read.map(|_| day.to_owned())?)
}

fn contradicts(said: &[Contradiction]) -> RequestError {
    let told = |sentence: fn(&Contradiction) -> String| said.iter().map(sentence).collect::<Vec<_>>().join("\n");
    let said = Bilingual::new(
        told(|one| format!("Dòng {}: {}.", one.line, one.vi)),
        told(|one| format!("Line {}: {}.", one.line, one.en)),
    );
    RequestError::invalid("list", "units_contradict", said.vi, said.en)
}

fn loaded_before() -> RequestError {
    RequestError::conflict(
        "units_loaded",
        "Danh mục hiệu lực từ ngày này đã được nạp.",
        "The list in force from that day is loaded.",
    )
}

/// What the log calls all lists together: the version is their number, so that one taken away by SQL is missed.
const EVERY_LIST: &str = "unit_list:every";

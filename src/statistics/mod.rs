//! Figures for whoever leads: certificates by type, month and unit, outgoing documents, booths by the hour, units beside each other, and
//! open data. They are counted from rows and from the audit log when they are asked for, and kept nowhere; they name no person. They are
//! counts and no proofs: rows are not checked one by one, `chuky audit` does that.

mod attribution;
mod csv;
mod definitions;
mod gather;
mod kinds;
pub mod limits;
mod open_data;
mod period;
mod ranking;
mod tables;
mod tally;

pub use attribution::{Attributed, Place, Standing};
pub use csv::csv;
pub use definitions::{DEFINITIONS, Definition, definition};
pub use kinds::CertificateType;
pub use open_data::{OpenActive, OpenData, OpenIssued, open_data};
pub use period::Asked;
pub use ranking::{Measure, Ranked, Ranking};
pub use tables::{Table, Value, open_tables, tables, workbook};
pub use tally::{CertificateCounts, OutgoingCounts};

use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    units,
};
use attribution::Attribution;
use chuky_model::{instant::Instant, role::Role, unit::Area};
use kinds::Kinds;
use period::Period;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};
use tally::Tally;
use tokio::sync::Mutex;

/// What is kept in memory, and the lock that lets one report at a time be counted.
#[derive(Default)]
pub struct Kept {
    kinds: Mutex<Kinds>,
    open: Mutex<Option<(Instant, Arc<OpenData>)>>,
}

/// A report. Wherever nothing else is said, figures are of the period, and `all` is the sum of the types.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Report {
    /// The first month, `YYYY-MM`.
    pub from: String,
    /// The last day, `YYYY-MM-DD`, to whose end, or to now, things stand as told.
    pub until: String,
    /// RFC 3339.
    pub made_at: String,
    /// The unit that was asked for.
    pub unit: Option<String>,
    /// Whether every unit is in it.
    pub is_whole: bool,
    pub types: Vec<TypeRow>,
    pub months: Vec<MonthRow>,
    pub units: Vec<UnitRow>,
    pub merged: Vec<MergedRow>,
    /// The first row, without a unit, is the sum.
    pub outgoing: Vec<OutgoingRow>,
    /// The first row, without a unit, is the sum.
    pub booths: Vec<BoothRow>,
    pub rankings: Vec<Ranking>,
}

/// Certificates of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TypeRow {
    #[serde(rename = "type")]
    pub kind: CertificateType,
    #[serde(flatten)]
    pub counts: CertificateCounts,
}

/// Certificates of a type in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MonthRow {
    /// `YYYY-MM`.
    pub month: String,
    #[serde(rename = "type")]
    pub kind: CertificateType,
    pub issued: u64,
    pub revoked: u64,
}

/// Certificates of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UnitRow {
    pub unit: Place,
    pub types: Vec<TypeRow>,
}

/// How many of a unit's `total` come from a unit that has become it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MergedRow {
    pub unit: Place,
    pub former: Place,
    pub total: u64,
}

/// Outgoing documents of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OutgoingRow {
    pub unit: Option<Place>,
    #[serde(flatten)]
    pub counts: OutgoingCounts,
}

/// Requests entered at a unit's booths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BoothRow {
    pub unit: Option<Place>,
    /// From the hour after midnight in Vietnam to the one before it.
    #[schema(value_type = Vec<u64>)]
    pub hours: [u64; 24],
}

/// The report that somebody asks for. Administrators and auditors see every unit; everybody else what their own account acts for.
pub async fn report(app: &App, by: &Principal, asked: &Asked) -> Result<Report> {
    let period = Period::of(asked, app.clock.now())?;
    let everywhere = by.has(Role::Administrator) || by.has(Role::Auditor);
    counted(app, (!everywhere).then_some(by), &period, asked.unit.as_deref()).await
}

/// CertificateCounts a report, for somebody whose account narrows it or (`None`) for the whole city.
async fn counted(app: &App, by: Option<&Principal>, period: &Period, unit: Option<&str>) -> Result<Report> {
    let known = units::known(app).await?;
    let now = app.clock.now();
    let today = units::day_of(now);
    let area = by.map_or(Area::Everything, |by| units::area_of(&known, by, &today));
    let unit = unit.map(str::trim).filter(|code| !code.is_empty());
    let wanted = match unit {
        // The same answer whether it is there or not the caller's.
        Some(code) if code.len() > limits::LONGEST_CODE => return Err(no_such_unit().into()),
        Some(code) => Some(known.unit_at(code, &period.until).ok_or_else(no_such_unit)?.code.clone()),
        None => None,
    };
    let is_whole = area == Area::Everything && wanted.is_none();
    let mut attribution = Attribution::new(&known, (&today, &period.until), area, wanted.as_deref());
    if let Some(code) = &wanted
        && !known
            .all_at(&period.until)
            .any(|unit| known.is_within(&unit.code, code, &period.until) && attribution.shows(unit))
    {
        return Err(no_such_unit().into());
    }
    let tally = gather::tally(app, period, &mut attribution).await?;
    let rankings = ranking::Measure::ALL
        .into_iter()
        .map(|measure| ranking::ranking(measure, (&known, &period.until), &attribution, &tally.units))
        .collect();
    Ok(Report {
        from: period.months.first().cloned().unwrap_or_default(),
        until: period.until.clone(),
        made_at: now.rfc3339(),
        unit: wanted.clone(),
        is_whole,
        types: type_rows(&tally.types),
        months: month_rows(period, &tally),
        outgoing: outgoing_rows(&tally.outgoing),
        booths: booth_rows(&tally.booths),
        units: tally
            .units
            .iter()
            .map(|(unit, types)| UnitRow { unit: unit.clone(), types: type_rows(types) })
            .collect(),
        merged: tally.merged.into_iter().map(|((unit, former), total)| MergedRow { unit, former, total }).collect(),
        rankings,
    })
}

/// `all`, then every type that there is a certificate of.
fn type_rows(types: &BTreeMap<CertificateType, CertificateCounts>) -> Vec<TypeRow> {
    let all = types.get(&CertificateType::All).copied().unwrap_or_default();
    let each = CertificateType::EACH.into_iter().filter_map(|kind| Some((kind, *types.get(&kind)?)));
    std::iter::once((CertificateType::All, all)).chain(each).map(|(kind, counts)| TypeRow { kind, counts }).collect()
}

/// Every month, with `all` and the types that there is a certificate of.
fn month_rows(period: &Period, tally: &Tally<'_>) -> Vec<MonthRow> {
    let kinds: Vec<CertificateType> = type_rows(&tally.types).into_iter().map(|row| row.kind).collect();
    let months = period.months.iter().zip(&tally.months);
    let rows = months.flat_map(|(month, types)| {
        kinds.iter().map(move |kind| {
            let counts = types.get(kind).copied().unwrap_or_default();
            MonthRow { month: month.clone(), kind: *kind, issued: counts.issued, revoked: counts.revoked }
        })
    });
    rows.collect()
}

fn outgoing_rows(units: &BTreeMap<Place, OutgoingCounts>) -> Vec<OutgoingRow> {
    let sum = units.values().fold(OutgoingCounts::default(), OutgoingCounts::and);
    let each = units.iter().map(|(unit, counts)| OutgoingRow { unit: Some(unit.clone()), counts: counts.shared() });
    std::iter::once(OutgoingRow { unit: None, counts: sum.shared() }).chain(each).collect()
}

fn booth_rows(units: &BTreeMap<Place, [u64; 24]>) -> Vec<BoothRow> {
    let mut sum = [0; 24];
    for hours in units.values() {
        sum.iter_mut().zip(hours).for_each(|(sum, count)| *sum += count);
    }
    let each = units.iter().map(|(unit, hours)| BoothRow { unit: Some(unit.clone()), hours: *hours });
    std::iter::once(BoothRow { unit: None, hours: sum }).chain(each).collect()
}

fn no_such_unit() -> RequestError {
    RequestError::invalid(
        "unit",
        "report_unit",
        "Không có đơn vị nào mang mã này vào ngày cuối mà bạn được xem số liệu.",
        "No unit has this code on the last day whose figures you may see.",
    )
}

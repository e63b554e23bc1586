//! What everybody may have: counts in which no person can be singled out. Small ones are not told, others are rounded down, there are no
//! sums from which a withheld one could be had, and nobody chooses the period: it is always the newest whole month.

use super::{
    CertificateType, Place, Standing, counted,
    limits::{LEAST_TOLD, OPEN_DATA_KEPT, ROUNDED_TO},
    period::Period,
};
use crate::{app::App, error::Result, units};
use serde::Serialize;
use std::sync::Arc;

/// The open data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OpenData {
    /// The newest whole month, `YYYY-MM`.
    pub month: String,
    /// Counts below this are not told.
    pub least_told: u64,
    /// CertificateCounts that are told are rounded down to a multiple of this.
    pub rounded_to: u64,
    /// See `open_active` and `open_issued` in `/api/v1/reports/definitions`.
    pub active: Vec<OpenActive>,
    pub issued: Vec<OpenIssued>,
}

/// Active certificates of a type in a unit at the end of the month. Every unit in force and every type has its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OpenActive {
    pub unit: String,
    pub unit_name: String,
    #[serde(rename = "type")]
    pub kind: CertificateType,
    /// `null`: not told.
    pub active: Option<u64>,
}

/// Certificates of a type issued in a month in the whole city.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OpenIssued {
    /// `YYYY-MM`.
    pub month: String,
    #[serde(rename = "type")]
    pub kind: CertificateType,
    /// `null`: not told.
    pub issued: Option<u64>,
}

/// The open data of the newest whole month, counted at most once in an hour.
pub async fn open_data(app: &App) -> Result<Arc<OpenData>> {
    let now = app.clock.now();
    let period = Period::of_whole_months(now)?;
    let month = period.months.last().cloned().unwrap_or_default();
    let mut kept = app.statistics.open.lock().await;
    if let Some((at, data)) = &*kept
        && data.month == month
        && *at <= now
        && now < at.plus_seconds(OPEN_DATA_KEPT)
    {
        return Ok(data.clone());
    }
    let report = counted(app, None, &period, None).await?;
    let known = units::known(app).await?;
    let types = CertificateType::EACH.into_iter().filter(|kind| *kind != CertificateType::Unknown);
    let mut data = OpenData { month, least_told: LEAST_TOLD, rounded_to: ROUNDED_TO, active: vec![], issued: vec![] };
    for unit in known.all_at(&period.until) {
        let place = Place::of(unit, Standing::InForce);
        let row = report.units.iter().find(|row| row.unit == place);
        for kind in types.clone() {
            let count = row.and_then(|row| row.types.iter().find(|row| row.kind == kind));
            data.active.push(OpenActive {
                unit: place.code.clone(),
                unit_name: place.name.clone(),
                kind,
                active: told(count.map_or(0, |row| row.counts.active)),
            });
        }
    }
    for month in &period.months {
        for kind in types.clone() {
            let row = report.months.iter().find(|row| row.kind == kind && &row.month == month);
            let issued = told(row.map_or(0, |row| row.issued));
            data.issued.push(OpenIssued { month: month.clone(), kind, issued });
        }
    }
    let data = Arc::new(data);
    *kept = Some((now, data.clone()));
    Ok(data)
}

/// A count as everybody may know it.
fn told(count: u64) -> Option<u64> {
    (count >= LEAST_TOLD).then(|| count - count % ROUNDED_TO)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn small_counts_are_not_told_and_one_person_changes_nothing() {
        assert_eq!(
            [0, 1, 9, 10, 11, 19, 20, 1_234].map(told).map(Option::unwrap_or_default),
            [0, 0, 0, 10, 10, 10, 20, 1_230]
        );
        assert_eq!(told(9), None);
    }
}

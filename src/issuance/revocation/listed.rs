//! One change for many certificates: those of a unit's staff, or of a batch of devices. Each is changed by itself, so that one that
//! cannot be keeps no other from it; the list is published once at the end.

use super::{
    Change, Ground, Why, admit, answers_for, as_it_is, changed, find, is_staff_for, is_staff_of, register, request_of,
    revocation_list, shown,
};
use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, Result},
    registration, units,
};
use chuky_model::{
    record::{Cursor, certificate::Certificate as Row, request::RegistrationRequest, state::CertificateState},
    request::{Hierarchy, SubjectKind},
    text::Bilingual,
    unit::Units,
};
use serde::Serialize;
use std::sync::Arc;

/// Which certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// By serial number, hexadecimal.
    Serials(Vec<String>),
    /// Every one that is good or suspended of what belongs to a unit, with the units below it and those that were merged into them.
    Unit {
        hierarchy: Hierarchy,
        unit: String,
        /// Only of this kind, such as its devices.
        kind: Option<SubjectKind>,
    },
}

/// What became of one of them.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ListOutcome {
    /// Lower-case hex.
    pub serial: String,
    /// Whom it names; empty where it is not found.
    pub common_name: String,
    pub changed: bool,
    /// The state that it is in now, where it was changed.
    #[schema(value_type = Option<String>)]
    pub state: Option<CertificateState>,
    /// A problem's stable code and sentence, where it was not.
    pub problem: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub detail: Option<Bilingual>,
}

/// Changes every certificate of a list. Staff only. Returns when OCSP and the revocation lists tell it.
pub async fn change_listed(
    app: &App,
    by: &Principal,
    listed: Listed,
    change: Change,
    ground: Ground,
) -> Result<Vec<ListOutcome>> {
    // 1. Which they are.
    let rows = rows_of(app, by, listed).await?;
    // 2. One by one.
    let why = Why::from(ground);
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut recorded = Vec::new();
    for (serial, row) in rows {
        let outcome = match row {
            Ok(row) => changed(app, by, row, change, &why).await,
            Err(error) => Err(error),
        };
        let outcome = outcome.map(|(row, entry)| {
            recorded.push(entry);
            row
        });
        outcomes.push(outcome_of(app, by, serial, outcome));
    }
    // 3. Under a signed head, all together, and published once.
    for entry in recorded {
        app.audit.wait(entry).await?;
    }
    if outcomes.iter().any(|outcome| outcome.changed)
        && let Err(error) = revocation_list::publish_after_change(app).await
    {
        tracing::error!(event = "list_not_published", error = %error);
    }
    Ok(outcomes)
}

/// What [`change_listed`] would bring, without changing anything.
pub async fn would_change_listed(
    app: &App,
    by: &Principal,
    listed: Listed,
    change: Change,
) -> Result<Vec<ListOutcome>> {
    let now = app.clock.now();
    let mut outcomes = Vec::new();
    for (serial, row) in rows_of(app, by, listed).await? {
        let outcome = row.and_then(|mut row| admit(by, &mut row, change, now).map(|()| row));
        outcomes.push(outcome_of(app, by, serial, outcome));
    }
    Ok(outcomes)
}

/// The serial numbers of a file or a pasted text: a JSON array (of texts, or of objects with `serial`), or lines of CSV whose first field
/// or whose field under the heading `serial` is one. Empty lines and those that begin with `#` do not count.
pub fn serials_of(text: &str) -> Result<Vec<String>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('[') {
        let values: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| unreadable())?;
        let serial = |value: &serde_json::Value| value.as_str().or_else(|| value["serial"].as_str()).map(str::to_owned);
        return Ok(values.iter().map(serial).collect::<Option<_>>().ok_or_else(unreadable)?);
    }
    let fields = |line: &str| -> Vec<String> {
        line.split([',', ';', '\t']).map(|field| field.trim().trim_matches('"').trim().to_owned()).collect()
    };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    let heading = lines.peek().map(|line| fields(line)).unwrap_or_default();
    let column = heading.iter().position(|field| field.eq_ignore_ascii_case("serial"));
    if column.is_some() {
        lines.next();
    }
    let serial = |line: &str| fields(line).into_iter().nth(column.unwrap_or_default());
    Ok(lines.map(serial).collect::<Option<_>>().ok_or_else(unreadable)?)
}

fn unreadable() -> RequestError {
    RequestError::invalid(
        "serials",
        "list_unreadable",
        "Không đọc được danh sách. Hãy dùng CSV, mỗi dòng một số hiệu chứng thư, hoặc một mảng JSON.",
        "The list cannot be read. Use CSV with one serial number a line, or a JSON array.",
    )
}

pub(super) async fn rows_of(app: &App, by: &Principal, listed: Listed) -> Result<Named> {
    match listed {
        Listed::Serials(serials) => named(app, by, serials).await,
        Listed::Unit { hierarchy, unit, kind } => of_unit(app, by, hierarchy, (&unit, kind)).await,
    }
}

pub(super) type Named = Vec<(String, Result<Row>)>;

async fn named(app: &App, by: &Principal, serials: Vec<String>) -> Result<Named> {
    if serials.is_empty() || serials.len() > MOST {
        return Err(wrong_length().into());
    }
    let mut rows = Vec::with_capacity(serials.len());
    for serial in serials {
        let row = find_for_staff(app, by, &serial).await;
        rows.push((serial, row));
    }
    Ok(rows)
}

/// Whoever is only a subscriber changes their own certificates one by one.
async fn find_for_staff(app: &App, by: &Principal, serial: &str) -> Result<Row> {
    let row = find(app, by, serial).await?;
    if is_staff_for(app, by, &row).await? { Ok(row) } else { Err(RequestError::not_found().into()) }
}

async fn of_unit(
    app: &App,
    by: &Principal,
    hierarchy: Hierarchy,
    (unit, kind): (&str, Option<SubjectKind>),
) -> Result<Named> {
    if !is_staff_of(by, hierarchy) {
        return Err(RequestError::forbidden().into());
    }
    register::follow(app).await?;
    let of = OfUnit::named(app, unit).await?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for code in &of.codes {
        let mut after = Cursor::OLDEST;
        loop {
            let page = app.store.certificates_of_unit(hierarchy, code, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Cursor { at: last.created_at, id: last.id.0 };
            looked_at += page.len();
            for row in page {
                if of.is_wanted(app, by, (&row, kind)).await? {
                    found.push(row);
                }
                if found.len() > MOST {
                    return Err(wrong_length().into());
                }
            }
            if looked_at > MOST_LOOKED_AT {
                return Err(unit_too_large().into());
            }
        }
    }
    // In one order, whatever units they come from: an order to revoke them is approved over it.
    found.sort_by_key(|row| (row.created_at, row.id.0));
    let mut rows: Named = Vec::with_capacity(found.len());
    for row in found {
        rows.push((row.serial.to_string(), as_it_is(app, row.id).await));
    }
    Ok(rows)
}

/// What belongs to a unit: what was requested in it, in a unit below it, or in one that a reform put into either. Of a unit that has ended, as
/// it was on its last day. What never was the code of a unit is that text and nothing else.
struct OfUnit<'c> {
    units: Arc<Units>,
    today: String,
    code: &'c str,
    /// Under which it may be kept.
    codes: Vec<String>,
}

impl<'c> OfUnit<'c> {
    async fn named(app: &App, code: &'c str) -> Result<Self> {
        let (units, today) = (units::known(app).await?, units::day_of(app.clock.now()));
        let mut codes = match units.meant(code, &today) {
            Some((unit, day)) => units.codes_of(&[unit], day),
            None => Vec::new(),
        };
        if !codes.iter().any(|known| known == code) {
            codes.push(code.to_owned());
        }
        Ok(Self { units, today, code, codes })
    }

    /// Whether a certificate is of this unit, of that kind where one is named, and the caller answers for it. Its request is read once.
    async fn is_wanted(&self, app: &App, by: &Principal, (row, kind): (&Row, Option<SubjectKind>)) -> Result<bool> {
        let Some(request) = request_of(app, row).await?.filter(|request| self.has(request)) else { return Ok(false) };
        let of_kind = registration::open(app, &request)?.kind;
        Ok(kind.is_none_or(|kind| kind == of_kind) && answers_for(app, by, (&request, of_kind)).await?)
    }

    /// By the day of its request: codes are given anew.
    fn has(&self, request: &RegistrationRequest) -> bool {
        match self.units.meant(self.code, &self.today) {
            Some((unit, day)) => self.units.has_come_to((&request.unit, &units::day_of(request.created_at)), unit, day),
            None => request.unit == self.code,
        }
    }
}

/// From the row: what was changed is told whatever else may be wrong with it, without a name where the certificate cannot be shown.
pub(super) fn outcome_of(app: &App, by: &Principal, serial: String, outcome: Result<Row>) -> ListOutcome {
    let none =
        ListOutcome { serial, common_name: String::new(), changed: false, state: None, problem: None, detail: None };
    match outcome {
        Ok(row) => {
            let common_name = shown(app, by, &row).map(|view| view.common_name).unwrap_or_default();
            ListOutcome { serial: row.serial.to_string(), common_name, changed: true, state: Some(row.state), ..none }
        }
        Err(Error::Request(refused)) => {
            ListOutcome { problem: Some(refused.code.to_owned()), detail: Some(refused.detail), ..none }
        }
        Err(Error::Internal(error)) => {
            tracing::error!(event = "listed_change_failed", error = %error);
            let refused = RequestError::try_again();
            ListOutcome { problem: Some(refused.code.to_owned()), detail: Some(refused.detail), ..none }
        }
    }
}

fn wrong_length() -> RequestError {
    RequestError::invalid(
        "serials",
        "list_length",
        format!("Danh sách có từ 1 đến {MOST} chứng thư. Hãy chia nhỏ danh sách."),
        format!("A list has 1 to {MOST} certificates. Part it."),
    )
}

fn unit_too_large() -> RequestError {
    RequestError::invalid(
        "unit",
        "unit_too_large",
        "Đơn vị này có quá nhiều chứng thư. Hãy chọn từng đơn vị cấp dưới, hoặc nhập danh sách số hiệu.",
        "This unit has too many certificates. Name the units below it one by one, or give serial numbers.",
    )
}

/// Certificates in one call: each takes a few milliseconds, and a call must not outlast its time.
const MOST: usize = 2_000;
const PAGE: i64 = 200;
/// Certificates that are looked at for those of a unit, each by its request and its MAC.
const MOST_LOOKED_AT: usize = 20_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::serials_of;

    #[test]
    fn lists_are_read_as_csv_or_json() {
        let wanted = vec!["00ff".to_owned(), "4f1d".to_owned()];
        for text in [
            "# lô thiết bị\n00ff\n\n4f1d\n",
            "00ff,Máy chủ 1\n4f1d;Máy chủ 2",
            "\u{feff}name,serial\n\"Máy chủ 1\",\"00ff\"\nMáy chủ 2,4f1d\n",
            "[\"00ff\", {\"serial\": \"4f1d\"}]",
        ] {
            assert_eq!(serials_of(text).unwrap(), wanted, "{text}");
        }
        for text in ["[1]", "[", "name,serial\nonly", "[{\"number\": \"00ff\"}]"] {
            assert!(serials_of(text).is_err(), "{text}");
        }
        assert!(serials_of("").unwrap().is_empty());
    }
}

//! The time that figures are about: whole months in Vietnam from a first one on, the last of them up to a day asked for.

use super::limits::{MOST_MONTHS, USUAL_MONTHS};
use crate::error::{RequestError, Result};
use chuky_model::instant::Instant;
use time::{Date, Month, UtcOffset};

/// What somebody asks for, as it was typed. Whatever is absent or empty is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The first month, `YYYY-MM`; eleven months before the last one where absent.
    pub from: Option<String>,
    /// The last day, `YYYY-MM-DD`; today where absent. Where things stand is told as of its end.
    pub until: Option<String>,
    /// Code of the unit, as of the last day, with what lies below it; everything that the caller may see where absent.
    pub unit: Option<String>,
}

/// A period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// `YYYY-MM`, ascending; none is left out.
    pub months: Vec<String>,
    /// The last day, `YYYY-MM-DD`.
    pub until: String,
    /// The first moment.
    pub start: Instant,
    /// The first moment that is not in it.
    pub end: Instant,
}

impl Period {
    /// The period asked for. Refused where it is malformed, too long, or in the future.
    pub fn of(asked: &Asked, now: Instant) -> Result<Self> {
        let today = date(now);
        let until = match given(asked.until.as_deref()) {
            None => today,
            Some(text) => {
                let format = time::macros::format_description!("[year]-[month]-[day]");
                Date::parse(text, format).ok().filter(|_| text.len() == 10).ok_or_else(wrong_day)?
            }
        };
        if until > today || until.year() < FIRST_YEAR {
            return Err(wrong_day().into());
        }
        let last = number(until);
        let first = match given(asked.from.as_deref()) {
            None => last - USUAL_MONTHS + 1,
            Some(text) => month(text).ok_or_else(wrong_month)?,
        };
        let count = last.checked_sub(first).and_then(|months| usize::try_from(months + 1).ok());
        if !count.is_some_and(|count| (1..=MOST_MONTHS).contains(&count)) {
            return Err(wrong_month().into());
        }
        Ok(Self {
            months: (first..=last).map(label).collect(),
            until: until.to_string(),
            start: midnight(first_day(first).ok_or_else(wrong_month)?),
            // Of today, what has happened.
            end: until.next_day().map_or(now, midnight).min(Instant(now.0.saturating_add(1))),
        })
    }

    /// The month before the one of that moment, and the eleven before it.
    pub fn of_whole_months(now: Instant) -> Result<Self> {
        let today = date(now);
        let eve = today.replace_day(1).ok().and_then(Date::previous_day).unwrap_or(today);
        Self::of(&Asked { until: Some(eve.to_string()), ..Asked::default() }, now)
    }

    /// Which of the months a moment lies in.
    pub fn month(&self, at: Instant) -> Option<usize> {
        if !self.holds(at) {
            return None;
        }
        usize::try_from(number(date(at)) - number(date(self.start))).ok()
    }

    /// Whether a moment lies in it.
    pub fn holds(&self, at: Instant) -> bool {
        self.start <= at && at < self.end
    }
}

/// The day of a moment in Vietnam.
fn date(at: Instant) -> Date {
    at.in_vietnam().map_or(Date::MIN, |moment| moment.date())
}

/// Months since the year 0.
fn number(date: Date) -> i32 {
    date.year() * 12 + i32::from(u8::from(date.month())) - 1
}

fn label(number: i32) -> String {
    format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1)
}

/// Reads `YYYY-MM`.
fn month(text: &str) -> Option<i32> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let date = Date::parse(&format!("{text}-01"), format).ok()?;
    (date.year() >= FIRST_YEAR && text.len() == 7).then(|| number(date))
}

fn first_day(number: i32) -> Option<Date> {
    let month = u8::try_from(number.rem_euclid(12) + 1).ok()?;
    Date::from_calendar_date(number.div_euclid(12), Month::try_from(month).ok()?, 1).ok()
}

/// When a day begins in Vietnam: UTC+7, without daylight saving.
fn midnight(date: Date) -> Instant {
    let offset = UtcOffset::from_hms(7, 0, 0).unwrap_or(UtcOffset::UTC);
    Instant::from_unix_seconds(date.midnight().assume_offset(offset).unix_timestamp())
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn wrong_day() -> RequestError {
    RequestError::invalid(
        "until",
        "report_day",
        "Ngày cuối cần có dạng NĂM-THÁNG-NGÀY và không muộn hơn hôm nay.",
        "The last day is YYYY-MM-DD, and not later than today.",
    )
}

fn wrong_month() -> RequestError {
    RequestError::invalid(
        "from",
        "report_month",
        format!("Tháng đầu cần có dạng NĂM-THÁNG, không sau ngày cuối và không quá {MOST_MONTHS} tháng."),
        format!("The first month is YYYY-MM, not after the last day, and at most {MOST_MONTHS} months are told."),
    )
}

/// No year before this service could have issued anything.
const FIRST_YEAR: i32 = 2000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse_rfc3339(text).unwrap()
    }

    fn asked(from: &str, until: &str) -> Asked {
        Asked { from: Some(from.to_owned()), until: Some(until.to_owned()), unit: None }
    }

    #[test]
    fn months_begin_at_midnight_in_vietnam() {
        let now = at("2026-11-26T03:00:00Z");
        let period = Period::of(&asked("2025-12", "2026-02-10"), now).unwrap();
        assert_eq!(period.months, ["2025-12", "2026-01", "2026-02"]);
        assert_eq!((period.start, period.end), (at("2025-11-30T17:00:00Z"), at("2026-02-10T17:00:00Z")));
        assert_eq!(period.month(at("2025-12-31T16:59:59.999999Z")), Some(0));
        assert_eq!(period.month(at("2025-12-31T17:00:00Z")), Some(1));
        assert_eq!(period.month(at("2025-11-30T16:59:59Z")), None);
        assert_eq!(period.month(at("2026-02-10T17:00:00Z")), None);
        let usual = Period::of(&Asked::default(), now).unwrap();
        assert_eq!((usual.months.len(), usual.months[0].as_str(), usual.until.as_str()), (12, "2025-12", "2026-11-26"));
        assert!(usual.holds(now) && !usual.holds(Instant(now.0 + 1)));
        // In Vietnam the next month has begun.
        let whole = Period::of_whole_months(at("2026-10-31T17:00:00Z")).unwrap();
        assert_eq!((whole.months[11].as_str(), whole.until.as_str()), ("2026-10", "2026-10-31"));
        assert_eq!(whole.end, at("2026-10-31T17:00:00Z"));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        let now = at("2026-11-26T18:00:00Z");
        assert!(Period::of(&asked("2021-12", "2026-11-27"), now).is_ok());
        for (from, until) in [
            ("2026-01", "2026-11-28"),
            ("2026-01", "2026-02-30"),
            ("2026-03", "2026-02-28"),
            ("2021-11", "2026-11-01"),
            ("2026-13", "2026-11-01"),
            ("2026", "2026-11-01"),
            ("1999-01", "1999-01-31"),
            ("+2026-01", "2026-11-01"),
        ] {
            assert!(Period::of(&asked(from, until), now).is_err(), "{from} {until}");
        }
    }
}

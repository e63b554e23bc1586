//! Points in time as storage keeps them: microseconds since 1970-01-01T00:00:00Z. Screens show +07:00, storage never does.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// The instant of a number of whole seconds since the epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Later by so many seconds (earlier where negative), saturating.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// RFC 3339 in UTC, whole seconds, as reports carry it. An instant outside the years 0–9999 is shown as its number.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.unix_seconds())
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_else(|| self.0.to_string())
    }

    /// `Wed, 25 Nov 2026 20:09:17 GMT`, as HTTP headers carry it (RFC 9110 §5.6.7).
    pub fn http_date(self) -> String {
        let moment = OffsetDateTime::from_unix_timestamp(self.unix_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let day = DAYS.get(usize::from(moment.weekday().number_days_from_monday())).unwrap_or(&"");
        let month = MONTHS.get(usize::from(u8::from(moment.month())).wrapping_sub(1)).unwrap_or(&"");
        format!(
            "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
            moment.day(),
            moment.year(),
            moment.hour(),
            moment.minute(),
            moment.second()
        )
    }

    /// Reads RFC 3339 with any offset; `None` where it is not that.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000).ok().map(Self)
    }

    /// The moment in Vietnam's time zone, +07:00 all year.
    pub fn in_vietnam(self) -> Option<OffsetDateTime> {
        let offset = UtcOffset::from_hms(7, 0, 0).ok()?;
        Some(OffsetDateTime::from_unix_timestamp(self.unix_seconds()).ok()?.to_offset(offset))
    }

    /// `22/11/2026 10:05:09 +07:00`, as Decree 30/2020 wants the time beside a signature and screens show it.
    pub fn vietnamese(self) -> String {
        self.in_vietnam().map_or_else(
            || self.0.to_string(),
            |t| {
                format!(
                    "{:02}/{:02}/{:04} {:02}:{:02}:{:02} +07:00",
                    t.day(),
                    u8::from(t.month()),
                    t.year(),
                    t.hour(),
                    t.minute(),
                    t.second()
                )
            },
        )
    }
}

/// RFC 9110 §5.6.7, `day-name` and `month`.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_time_is_seven_hours_ahead() {
        let instant = Instant::parse_rfc3339("2026-11-22T03:05:09Z").expect("a valid time");
        assert_eq!(instant.vietnamese(), "22/11/2026 10:05:09 +07:00");
        assert_eq!(instant.rfc3339(), "2026-11-22T03:05:09Z");
        assert_eq!(Instant::parse_rfc3339("2026-11-22T10:05:09+07:00"), Some(instant));
    }

    #[test]
    fn http_dates_name_day_and_month() {
        let text = |time: &str| Instant::parse_rfc3339(time).expect("a valid time").http_date();
        assert_eq!(text("2026-11-25T20:09:17Z"), "Wed, 25 Nov 2026 20:09:17 GMT");
        assert_eq!(text("2024-01-01T00:00:00Z"), "Mon, 01 Jan 2024 00:00:00 GMT");
        assert_eq!(text("2028-02-29T23:59:59.9Z"), "Tue, 29 Feb 2028 23:59:59 GMT");
        assert_eq!(text("2028-12-31T01:02:03Z"), "Sun, 31 Dec 2028 01:02:03 GMT");
    }
}

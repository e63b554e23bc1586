//! What a mandate says, what is wrong with it, and what it leaves to be collected. Pure: the time and the count are given.

use crate::error::RequestError;
use chuky_model::{
    id::{AccountId, MandateId},
    instant::Instant,
    payment::PaymentOrder,
    record::{payment::Mandate, state::MandateState},
    report::Check,
    text::Bilingual,
};
use serde::{Deserialize, Serialize};
use time::{Date, Duration, Month};

/// For how long collections are counted together, by the calendar in Vietnam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    /// From Monday.
    Week,
    Month,
}

/// What a payer permits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// ISO 4217.
    pub currency: String,
    /// First day, `YYYY-MM-DD`, in Vietnam.
    pub from: String,
    /// The largest single collection, in minor units.
    pub largest: u64,
    /// Who is paid, as the collecting provider's orders name it.
    pub payee: String,
    /// The most that is collected in a period.
    pub per_period: u64,
    pub period: Period,
    /// Identifier of the provider that collects.
    #[schema(value_type = String)]
    pub provider: AccountId,
    /// What for, 1 to 200 characters.
    pub reference: String,
    /// Last day.
    pub until: String,
}

/// What is signed: the permission under its identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    pub id: MandateId,
    #[serde(rename = "mandate")]
    pub wish: Wish,
}

impl Wish {
    /// Refuses what means nothing, or what its certificate does not last for.
    pub fn check(&self, today: i64, last: i64) -> Result<(), RequestError> {
        let invalid = |field, vi: &str, en: &str| Err(RequestError::invalid(field, "mandate_invalid", vi, en));
        let is_text = |text: &str, most| {
            !text.is_empty()
                && text.trim() == text
                && text.chars().count() <= most
                && !text.chars().any(char::is_control)
        };
        if !is_text(&self.payee, 200) || !unicode_normalization::is_nfc(&self.payee) {
            return invalid(
                "payee",
                "Hãy ghi người nhận, tối đa 200 ký tự.",
                "Say the payee, in at most 200 characters.",
            );
        }
        if !is_text(&self.reference, 200) {
            return invalid(
                "reference",
                "Hãy ghi nội dung, tối đa 200 ký tự.",
                "Say what for, in at most 200 characters.",
            );
        }
        if !chuky_pki::payment::currency::is_currency(&self.currency) {
            return invalid("currency", "Loại tiền ghi theo mã ISO 4217.", "The currency is an ISO 4217 code.");
        }
        if self.largest == 0 || self.largest > self.per_period {
            return invalid(
                "largest",
                "Mức mỗi lần là số nguyên dương, không vượt mức mỗi kỳ.",
                "The largest collection is a positive whole number, not above the most of a period.",
            );
        }
        if self.per_period > LARGEST {
            return invalid(
                "per_period",
                "Mức mỗi kỳ tối đa 9007199254740991.",
                "The most of a period is at most 9007199254740991.",
            );
        }
        let (Some(from), Some(until)) = (day_of(&self.from), day_of(&self.until)) else {
            return invalid("from", "Ngày ghi theo dạng 2027-01-31.", "Days are written as 2027-01-31.");
        };
        if until < from || until < today {
            return invalid(
                "until",
                "Ngày cuối phải từ ngày đầu và hôm nay trở đi.",
                "The last day is not before the first, nor past.",
            );
        }
        if until > last {
            return invalid(
                "until",
                "Ngày cuối không được sau ngày hết hạn của chứng thư số dùng để ký.",
                "The last day is not after the end of the certificate that signs.",
            );
        }
        Ok(())
    }
}

/// Why a collection is refused under its mandate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    NotRegistered,
    Reference,
    Unknown,
    OtherTerms,
    Ended,
    BeforeRestoration,
    NotYet,
    Over,
    PayerCertificate,
    Largest,
    PerPeriod,
    Conflict,
}

/// The checks under a mandate, in the order in which they are made and listed behind those of the order.
pub const CHECKS: [&str; 5] = ["collector", "mandate", "mandate_state", "mandate_limits", "identity"];

impl Objection {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::NotRegistered,
        Self::Reference,
        Self::Unknown,
        Self::OtherTerms,
        Self::Ended,
        Self::BeforeRestoration,
        Self::NotYet,
        Self::Over,
        Self::PayerCertificate,
        Self::Largest,
        Self::PerPeriod,
        Self::Conflict,
    ];

    fn row(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::NotRegistered => (
                "collector_not_registered",
                "collector",
                "Chứng thư số ký khoản thu không được đăng ký cho đơn vị gửi, hoặc đơn vị không được thu.",
                "The certificate that signed the collection is not registered for the provider, or the provider may not collect.",
            ),
            Self::Reference => (
                "mandate_not_named",
                "mandate",
                "Khoản thu không nêu ủy quyền nào (reference: mandate:…).",
                "The collection names no mandate (reference: mandate:…).",
            ),
            Self::Unknown => (
                "mandate_unknown",
                "mandate",
                "Không có ủy quyền này cho đơn vị gửi.",
                "There is no such mandate for this provider.",
            ),
            Self::OtherTerms => (
                "mandate_mismatch",
                "mandate",
                "Người nhận hoặc loại tiền khác với ủy quyền.",
                "Payee or currency differ from the mandate.",
            ),
            Self::Ended => (
                "mandate_ended",
                "mandate_state",
                "Người trả đã chấm dứt ủy quyền.",
                "The payer has ended the mandate.",
            ),
            Self::BeforeRestoration => (
                "mandate_before_restoration",
                "mandate_state",
                "Ủy quyền được ký trước khi hệ thống được khôi phục từ bản sao lưu, nên không biết đã bị chấm dứt hay đã thu bao nhiêu; người trả cần ký ủy quyền mới.",
                "The mandate was signed before the service was restored from a backup, so whether it was ended and how much was collected is not known: the payer signs a new one.",
            ),
            Self::NotYet => {
                ("mandate_not_yet", "mandate_state", "Ủy quyền chưa có hiệu lực.", "The mandate has not begun.")
            }
            Self::Over => ("mandate_expired", "mandate_state", "Ủy quyền đã hết hiệu lực.", "The mandate is over."),
            Self::PayerCertificate => (
                "mandate_certificate",
                "mandate_state",
                "Chứng thư số của người trả đã bị thu hồi hoặc tạm dừng.",
                "The payer's certificate is revoked or suspended.",
            ),
            Self::Largest => (
                "mandate_largest",
                "mandate_limits",
                "Số tiền vượt mức mỗi lần của ủy quyền.",
                "The amount is above the mandate's largest collection.",
            ),
            Self::PerPeriod => (
                "mandate_period",
                "mandate_limits",
                "Số tiền vượt mức còn lại của kỳ này.",
                "The amount is above what is left of this period.",
            ),
            Self::Conflict => (
                "conflict",
                "identity",
                "Một khoản thu khác đã được chấp nhận dưới cùng mã này.",
                "Another collection was already accepted under this id.",
            ),
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The check that fails.
    pub fn check(self) -> &'static str {
        self.row().1
    }

    /// One sentence in both languages.
    pub fn sentence(self) -> Bilingual {
        Bilingual::new(self.row().2, self.row().3)
    }
}

/// The checks under a mandate: those before the objection passed, those behind it were not reached.
pub fn checks(objection: Option<Objection>) -> Vec<Check> {
    let failed = objection.map(|objection| (objection.check(), objection.code()));
    let at = failed.and_then(|(name, _)| CHECKS.iter().position(|check| *check == name)).unwrap_or(CHECKS.len());
    let check = |(place, name): (usize, &&str)| match (place.cmp(&at), failed) {
        (std::cmp::Ordering::Equal, Some((_, code))) => Check::failed(name, code),
        (std::cmp::Ordering::Less, _) => Check::passed(name),
        _ => Check::not_done(name, "not reached, because of an earlier check"),
    };
    CHECKS.iter().enumerate().map(check).collect()
}

/// What a collection makes of the mandate's count, or why it is refused. The payer's signature and certificate are the caller's to judge.
pub fn collect(row: &Mandate, wish: &Wish, order: &PaymentOrder, at: Instant) -> Result<(i64, i64), Objection> {
    if wish.payee != order.payee || wish.currency != order.currency {
        return Err(Objection::OtherTerms);
    }
    if row.state != MandateState::Active {
        return Err(Objection::Ended);
    }
    let today = day_in_vietnam(at);
    let (Some(from), Some(until)) = (day_of(&wish.from), day_of(&wish.until)) else { return Err(Objection::Over) };
    if today < from {
        return Err(Objection::NotYet);
    }
    if today > until {
        return Err(Objection::Over);
    }
    if order.amount > wish.largest {
        return Err(Objection::Largest);
    }
    let start = start_of(wish.period, today);
    // A clock that was set back counts in the later period.
    let (start, collected) = if row.period_start >= start { (row.period_start, row.collected) } else { (start, 0) };
    let collected = u64::try_from(collected).unwrap_or(u64::MAX).saturating_add(order.amount);
    if collected > wish.per_period {
        return Err(Objection::PerPeriod);
    }
    Ok((start, i64::try_from(collected).map_err(|_| Objection::PerPeriod)?))
}

/// What was collected in the period of that moment.
pub fn collected_now(row: &Mandate, wish: &Wish, at: Instant) -> u64 {
    let current = row.period_start >= start_of(wish.period, day_in_vietnam(at));
    if current { u64::try_from(row.collected).unwrap_or_default() } else { 0 }
}

/// Days since 1970-01-01, in Vietnam.
pub fn day_in_vietnam(at: Instant) -> i64 {
    at.0.saturating_add(VIETNAM_MICROSECONDS).div_euclid(86_400_000_000)
}

fn day_of(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let mut number = |digits: usize| {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        part.parse::<u16>().ok()
    };
    let (year, month, day) = (number(4)?, u8::try_from(number(2)?).ok()?, u8::try_from(number(2)?).ok()?);
    let date = Date::from_calendar_date(i32::from(year), Month::try_from(month).ok()?, day).ok()?;
    Some(i64::from(date.to_julian_day()).saturating_sub(EPOCH_JULIAN))
}

/// The first day of the period that a day lies in.
fn start_of(period: Period, day: i64) -> i64 {
    let date =
        Date::from_calendar_date(1970, Month::January, 1).ok().and_then(|first| first.checked_add(Duration::days(day)));
    let back = match (period, date) {
        (Period::Day, _) | (_, None) => 0,
        (Period::Week, Some(date)) => i64::from(date.weekday().number_days_from_monday()),
        (Period::Month, Some(date)) => i64::from(date.day()).saturating_sub(1),
    };
    day.saturating_sub(back)
}

/// Julian day of 1970-01-01.
const EPOCH_JULIAN: i64 = 2_440_588;
/// UTC+7.
const VIETNAM_MICROSECONDS: i64 = 7 * 3_600_000_000;
/// Minor units: exact in every JSON reader.
const LARGEST: u64 = 9_007_199_254_740_991;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::id::CertificateId;
    use uuid::Uuid;

    fn wish(period: Period) -> Wish {
        Wish {
            currency: "VND".into(),
            from: "2026-01-15".into(),
            largest: 60,
            payee: "MST:0100000001".into(),
            per_period: 100,
            period,
            provider: AccountId(Uuid::nil()),
            reference: "Tiền điện".into(),
            until: "2026-03-31".into(),
        }
    }

    fn row() -> Mandate {
        Mandate {
            id: MandateId(Uuid::nil()),
            account_id: AccountId(Uuid::nil()),
            certificate_id: CertificateId(Uuid::nil()),
            provider_id: AccountId(Uuid::nil()),
            jws: Vec::new(),
            state: MandateState::Active,
            created_at: Instant(0),
            ended_at: None,
            period_start: 0,
            collected: 0,
            version: 1,
            mac: Vec::new(),
        }
    }

    fn order(amount: u64) -> PaymentOrder {
        PaymentOrder {
            id: "A".into(),
            payer: "x".into(),
            payee: "MST:0100000001".into(),
            amount,
            currency: "VND".into(),
            created: String::new(),
            expires: String::new(),
            reference: None,
        }
    }

    fn at(text: &str) -> Instant {
        Instant::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn periods_begin_by_the_calendar_in_vietnam() {
        // 2026-02-28 is a Saturday; at 17:00 UTC the first of March has begun in Vietnam, a Sunday.
        let last = day_in_vietnam(at("2026-02-28T16:59:59Z"));
        assert_eq!(day_in_vietnam(at("2026-02-28T17:00:00Z")), last + 1);
        assert_eq!(Some(last), day_of("2026-02-28"));
        assert_eq!(start_of(Period::Month, last), day_of("2026-02-01").unwrap());
        assert_eq!(start_of(Period::Month, last + 1), last + 1);
        assert_eq!((start_of(Period::Week, last), start_of(Period::Week, last + 1)), (last - 5, last - 5));
        assert_eq!((start_of(Period::Week, last + 2), start_of(Period::Day, last)), (last + 2, last));
        for wrong in ["", "2026-2-28", "2026-02-30", "20260228", "2026-W09-6", "2026-02-28T00:00:00Z"] {
            assert_eq!(day_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_period_is_used_up_and_the_next_begins_anew() {
        let (wish, mut row) = (wish(Period::Month), row());
        let january = at("2026-01-20T00:00:00Z");
        assert_eq!(collect(&row, &wish, &order(61), january), Err(Objection::Largest));
        (row.period_start, row.collected) = collect(&row, &wish, &order(60), january).unwrap();
        assert_eq!(collect(&row, &wish, &order(41), january), Err(Objection::PerPeriod));
        (row.period_start, row.collected) = collect(&row, &wish, &order(40), january).unwrap();
        assert_eq!(collect(&row, &wish, &order(1), at("2026-01-31T16:59:59Z")), Err(Objection::PerPeriod));
        assert_eq!(collected_now(&row, &wish, january), 100);
        let february = at("2026-01-31T17:00:00Z");
        assert_eq!(
            (collected_now(&row, &wish, february), collect(&row, &wish, &order(60), february).unwrap().1),
            (0, 60)
        );
        // Back again, it counts where it was.
        (row.period_start, row.collected) = collect(&row, &wish, &order(60), february).unwrap();
        assert_eq!(collect(&row, &wish, &order(60), january), Err(Objection::PerPeriod));
    }

    #[test]
    fn days_state_and_terms_are_held_against_it() {
        let (wish, row) = (wish(Period::Day), row());
        let refused = |row: &Mandate, order: &PaymentOrder, when| collect(row, &wish, order, at(when)).unwrap_err();
        assert_eq!(refused(&row, &order(1), "2026-01-14T16:59:59Z"), Objection::NotYet);
        assert!(collect(&row, &wish, &order(1), at("2026-01-14T17:00:00Z")).is_ok());
        assert!(collect(&row, &wish, &order(1), at("2026-03-31T16:59:59Z")).is_ok());
        assert_eq!(refused(&row, &order(1), "2026-03-31T17:00:00Z"), Objection::Over);
        let ended = Mandate { state: MandateState::Ended, ..row.clone() };
        assert_eq!(refused(&ended, &order(1), "2026-02-01T00:00:00Z"), Objection::Ended);
        let other = PaymentOrder { payee: "MST:0100000002".into(), ..order(1) };
        assert_eq!(refused(&row, &other, "2026-02-01T00:00:00Z"), Objection::OtherTerms);
        let dollars = PaymentOrder { currency: "USD".into(), ..order(1) };
        assert_eq!(refused(&row, &dollars, "2026-02-01T00:00:00Z"), Objection::OtherTerms);
    }

    #[test]
    fn checks_are_listed_with_three_outcomes() {
        use chuky_model::report::Outcome;
        let outcomes = |objection| checks(objection).iter().map(|check| check.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(None), [Outcome::Passed; 5]);
        assert_eq!(outcomes(Some(Objection::Ended))[1..4], [Outcome::Passed, Outcome::Failed, Outcome::NotDone]);
        let codes: std::collections::BTreeSet<_> = Objection::ALL.iter().map(|one| one.code()).collect();
        assert_eq!(codes.len(), Objection::ALL.len());
        assert!(Objection::ALL.iter().all(|one| CHECKS.contains(&one.check())));
    }
}

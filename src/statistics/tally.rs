//! Counting: pure, from facts and a period to figures. Every certificate counts once, towards one type and one unit.

use super::{
    attribution::{Attributed, Place},
    kinds::CertificateType,
    period::Period,
};
use chuky_model::{
    instant::Instant,
    record::{
        figure::{CertificateFact, OutgoingFact, RegisterFact},
        state::{CertificateState, NumberState, OutgoingState},
    },
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures of certificates. `total` is the sum of `active`, `suspended`, `revoked_total` and `expired`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CertificateCounts {
    /// Issued in the period.
    pub issued: u64,
    /// Revoked in the period.
    pub revoked: u64,
    /// Issued up to the end of the period, whatever became of them.
    pub total: u64,
    pub active: u64,
    pub suspended: u64,
    pub revoked_total: u64,
    pub expired: u64,
}

/// Issued and revoked in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InMonth {
    pub issued: u64,
    pub revoked: u64,
}

/// Figures of outgoing documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OutgoingCounts {
    /// Drafted in the period.
    pub drafted: u64,
    /// Of those, taken back by who drafted them, by the end of the period.
    pub withdrawn: u64,
    /// Of those, refused by somebody on the road.
    pub refused: u64,
    /// Of those, signed by everybody who was to sign.
    pub signed: u64,
    /// Of those, numbered.
    pub numbered: u64,
    /// Of those, sent.
    pub sent: u64,
    /// Numbers of the register given in the period, whenever their documents were drafted.
    pub registered: u64,
    /// Of those, void by now.
    pub registered_void: u64,
    /// `signed` of `drafted` without `withdrawn`, in per cent; absent where there are none.
    pub signed_percent: Option<f64>,
    /// `sent` of `drafted` without `withdrawn`, in per cent.
    pub sent_percent: Option<f64>,
}

/// What has been counted.
pub struct Tally<'a> {
    period: &'a Period,
    pub types: BTreeMap<CertificateType, CertificateCounts>,
    pub months: Vec<BTreeMap<CertificateType, InMonth>>,
    pub units: BTreeMap<Place, BTreeMap<CertificateType, CertificateCounts>>,
    /// Of a unit, how many of its total named another unit that has become it.
    pub merged: BTreeMap<(Place, Place), u64>,
    pub outgoing: BTreeMap<Place, OutgoingCounts>,
    /// Requests by the hour of the day in Vietnam.
    pub booths: BTreeMap<Place, [u64; 24]>,
}

/// Where a certificate stands at the end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Active,
    Suspended,
    Revoked,
    Expired,
}

impl<'a> Tally<'a> {
    /// Nothing yet.
    pub fn new(period: &'a Period) -> Self {
        Self {
            period,
            types: BTreeMap::new(),
            months: vec![BTreeMap::new(); period.months.len()],
            units: BTreeMap::new(),
            merged: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            booths: BTreeMap::new(),
        }
    }

    /// CertificateCounts a certificate. `holds` are its suspensions (`true`) and resumptions before the end of the period, oldest first.
    pub fn certificate(
        &mut self,
        fact: &CertificateFact,
        kind: CertificateType,
        at: Attributed,
        holds: &[(Instant, bool)],
    ) {
        let revoked_at = revoked_at(fact, holds);
        let standing = standing(fact, holds, revoked_at, self.period.end);
        let issued_in = self.period.month(fact.not_before);
        let revoked_in = revoked_at.and_then(|at| self.period.month(at));
        for kind in [CertificateType::All, kind] {
            let unit = self.units.entry(at.place.clone()).or_default();
            for counts in [unit.entry(kind).or_default(), self.types.entry(kind).or_default()] {
                counts.total += 1;
                counts.issued += u64::from(issued_in.is_some());
                counts.revoked += u64::from(revoked_in.is_some());
                match standing {
                    Standing::Active => counts.active += 1,
                    Standing::Suspended => counts.suspended += 1,
                    Standing::Revoked => counts.revoked_total += 1,
                    Standing::Expired => counts.expired += 1,
                }
            }
            if let Some(month) = issued_in.and_then(|month| self.months.get_mut(month)) {
                month.entry(kind).or_default().issued += 1;
            }
            if let Some(month) = revoked_in.and_then(|month| self.months.get_mut(month)) {
                month.entry(kind).or_default().revoked += 1;
            }
        }
        if let Some(former) = at.former {
            *self.merged.entry((at.place, former)).or_default() += 1;
        }
    }

    /// CertificateCounts an outgoing document that was drafted in the period.
    pub fn outgoing(&mut self, fact: &OutgoingFact, at: Attributed) {
        let counts = self.outgoing.entry(at.place).or_default();
        counts.drafted += 1;
        counts.withdrawn += u64::from(fact.state == Some(OutgoingState::Withdrawn));
        counts.refused += u64::from(fact.state == Some(OutgoingState::Refused));
        counts.signed += u64::from(fact.signed_at.is_some());
        counts.numbered += u64::from(fact.numbered_at.is_some());
        counts.sent += u64::from(fact.sent_at.is_some());
    }

    /// CertificateCounts numbers of a register.
    pub fn registered(&mut self, fact: &RegisterFact, at: Attributed) {
        let counts = self.outgoing.entry(at.place).or_default();
        let count = u64::try_from(fact.count).unwrap_or_default();
        counts.registered += count;
        counts.registered_void += if fact.state == NumberState::Void { count } else { 0 };
    }

    /// CertificateCounts a request entered at a booth.
    pub fn booth(&mut self, entered: Instant, at: Attributed) {
        let hour = entered.in_vietnam().map_or(0, |moment| usize::from(moment.hour()));
        if let Some(count) = self.booths.entry(at.place).or_default().get_mut(hour) {
            *count += 1;
        }
    }
}

impl OutgoingCounts {
    /// With its shares.
    #[must_use]
    pub fn shared(self) -> Self {
        let whole = self.drafted.saturating_sub(self.withdrawn);
        let percent = |part: u64| (whole > 0).then(|| rounded(u128::from(part) * 100, u128::from(whole), 10));
        Self { signed_percent: percent(self.signed), sent_percent: percent(self.sent), ..self }
    }

    /// Both together, without shares.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            drafted: self.drafted + other.drafted,
            withdrawn: self.withdrawn + other.withdrawn,
            refused: self.refused + other.refused,
            signed: self.signed + other.signed,
            numbered: self.numbered + other.numbered,
            sent: self.sent + other.sent,
            registered: self.registered + other.registered,
            registered_void: self.registered_void + other.registered_void,
            signed_percent: None,
            sent_percent: None,
        }
    }
}

/// A quotient rounded half up to so many parts of one.
pub fn rounded(part: u128, whole: u128, parts: u32) -> f64 {
    let scaled = (part * u128::from(parts) * 2 + whole) / (whole * 2);
    u32::try_from(scaled).map_or(f64::MAX, f64::from) / f64::from(parts)
}

/// When a certificate was revoked for good. The row of one that was suspended when it was revoked keeps the time of the suspension,
/// which is what lists tell; it was changed last when it was revoked.
fn revoked_at(fact: &CertificateFact, holds: &[(Instant, bool)]) -> Option<Instant> {
    if fact.state != CertificateState::Revoked {
        return None;
    }
    let was_suspended = holds.last().is_some_and(|(_, suspended)| *suspended);
    Some(if was_suspended { fact.updated_at } else { fact.revoked_at.unwrap_or(fact.updated_at) })
}

fn standing(fact: &CertificateFact, holds: &[(Instant, bool)], revoked_at: Option<Instant>, end: Instant) -> Standing {
    if revoked_at.is_some_and(|at| at < end) {
        return Standing::Revoked;
    }
    // RFC 5280 §4.1.2.5: valid through notAfter.
    if fact.not_after < end {
        return Standing::Expired;
    }
    let suspended = match holds.last() {
        Some((_, suspended)) => *suspended,
        // Suspended without an entry that says so: by a reconciliation after a restore.
        None => fact.state == CertificateState::Suspended && fact.revoked_at.is_some_and(|at| at < end),
    };
    if suspended { Standing::Suspended } else { Standing::Active }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::{id::CertificateId, request::Hierarchy};

    fn at(text: &str) -> Instant {
        Instant::parse_rfc3339(text).unwrap()
    }

    fn fact(state: CertificateState, revoked: Option<&str>, updated: &str) -> CertificateFact {
        CertificateFact {
            id: CertificateId(uuid::Uuid::nil()),
            hierarchy: Hierarchy::Citizens,
            state,
            not_before: at("2026-01-10T00:00:00Z"),
            not_after: at("2026-09-10T00:00:00Z"),
            revoked_at: revoked.map(at),
            updated_at: at(updated),
            request_id: None,
            unit: None,
            requested_at: None,
        }
    }

    #[test]
    fn a_certificate_stands_as_it_did_on_the_day() {
        let on = |fact: &CertificateFact, holds: &[(&str, bool)], end: &str| {
            let end = at(end);
            let holds: Vec<(Instant, bool)> =
                holds.iter().map(|(text, held)| (at(text), *held)).filter(|(at, _)| *at < end).collect();
            standing(fact, &holds, revoked_at(fact, &holds), end)
        };
        let (good, revoked, held) = (CertificateState::Issued, CertificateState::Revoked, CertificateState::Suspended);
        let plain = fact(good, None, "2026-01-10T00:00:00Z");
        assert_eq!(on(&plain, &[], "2026-09-10T00:00:00Z"), Standing::Active);
        assert_eq!(on(&plain, &[], "2026-09-10T00:00:00.000001Z"), Standing::Expired);
        let once = fact(revoked, Some("2026-03-05T10:00:00Z"), "2026-03-05T10:00:00Z");
        assert_eq!(on(&once, &[], "2026-03-05T10:00:00Z"), Standing::Active);
        assert_eq!(on(&once, &[], "2026-03-05T10:00:00.000001Z"), Standing::Revoked);
        assert_eq!(on(&once, &[], "2027-01-01T00:00:00Z"), Standing::Revoked);
        // Suspended in March, revoked in May.
        let later = fact(revoked, Some("2026-03-05T10:00:00Z"), "2026-05-05T10:00:00Z");
        let holds = [("2026-03-05T10:00:00Z", true)];
        assert_eq!(on(&later, &holds, "2026-03-01T00:00:00Z"), Standing::Active);
        assert_eq!(on(&later, &holds, "2026-04-01T00:00:00Z"), Standing::Suspended);
        assert_eq!(on(&later, &holds, "2026-06-01T00:00:00Z"), Standing::Revoked);
        // Suspended, resumed, and revoked later.
        let again = fact(revoked, Some("2026-05-05T10:00:00Z"), "2026-05-05T10:00:00Z");
        let holds = [("2026-03-05T10:00:00Z", true), ("2026-03-20T10:00:00Z", false)];
        assert_eq!(on(&again, &holds, "2026-03-10T00:00:00Z"), Standing::Suspended);
        assert_eq!(on(&again, &holds, "2026-04-01T00:00:00Z"), Standing::Active);
        assert_eq!(on(&again, &holds, "2026-05-06T00:00:00Z"), Standing::Revoked);
        let without = fact(held, Some("2026-03-05T10:00:00Z"), "2026-03-05T10:00:00Z");
        assert_eq!(on(&without, &[], "2026-03-06T00:00:00Z"), Standing::Suspended);
        assert_eq!(on(&without, &[], "2026-03-05T10:00:00Z"), Standing::Active);
        assert_eq!(on(&without, &[], "2026-10-01T00:00:00Z"), Standing::Expired);
    }

    #[test]
    fn shares_are_of_what_was_not_taken_back() {
        let counts = OutgoingCounts { drafted: 9, withdrawn: 2, signed: 5, sent: 7, ..OutgoingCounts::default() };
        let shared = counts.shared();
        assert_eq!((shared.signed_percent, shared.sent_percent), (Some(71.4), Some(100.0)));
        let none = OutgoingCounts { drafted: 1, withdrawn: 1, ..OutgoingCounts::default() }.shared();
        assert_eq!(none.signed_percent, None);
        assert_eq!(rounded(2, 3, 100), 0.67);
    }
}

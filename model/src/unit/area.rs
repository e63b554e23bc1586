//! Which units a code stands for on another day than it was given: an account or a request names its unit once, and reforms go on.

use super::{AgencyCode, Unit, Units};

/// The units that somebody acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Area {
    /// No unit narrows them: they name none, a city, or what never was the code of a unit.
    Everything,
    /// These and the units below them; none where the unit that was named has ended and nothing is known to have followed it.
    Units(Vec<Unit>),
}

impl Area {
    /// Whether a unit in force on that day is one of them or lies below one.
    pub fn covers(&self, units: &Units, unit: &Unit, day: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Units(own) => own.iter().any(|own| units.is_within(&unit.code, &own.code, day)),
        }
    }
}

impl Units {
    /// What an account that was given a code on one day may act for on another.
    pub fn area(&self, code: &str, given: &str, day: &str) -> Area {
        if code.is_empty() {
            return Area::Everything;
        }
        match self.followed(code, given, day) {
            None => Area::Everything,
            Some(own) if own.iter().any(|unit| unit.parent.is_none()) => Area::Everything,
            Some(own) => Area::Units(own.into_iter().cloned().collect()),
        }
    }

    /// The units in force on a day that a code given on another day stands for: the unit itself while it lasts, else whatever followed it.
    /// `None` where the code never named a unit.
    pub fn followed(&self, code: &str, given: &str, day: &str) -> Option<Vec<&Unit>> {
        let mut at = vec![self.named(code, given)?];
        let mut reached: Vec<&Unit> = Vec::new();
        // Each step goes to units that began later, so that this comes to an end.
        while let Some(unit) = at.pop() {
            let is_known = |unit: &Unit| reached.contains(&unit);
            if unit.is_in_force(day) {
                if !is_known(unit) {
                    reached.push(unit);
                }
            } else if unit.valid_to.as_deref().is_some_and(|last| last < day) {
                at.extend(self.followers(unit));
            }
        }
        Some(reached)
    }

    /// Whether what a code named on one day has become a unit, or one below it, by another.
    pub fn has_come_to(&self, (code, given): (&str, &str), unit: &Unit, day: &str) -> bool {
        let reached = self.followed(code, given, day).unwrap_or_default();
        reached.into_iter().any(|one| self.is_within(&one.code, &unit.code, day))
    }

    /// The unit that somebody means who names a code on a day, and the day as of which it is looked at: its last where it has ended. `None`
    /// where the code never named a unit.
    pub fn meant<'a>(&'a self, code: &str, day: &'a str) -> Option<(&'a Unit, &'a str)> {
        let unit = self.named(code, day)?;
        let last = unit.valid_to.as_deref().filter(|last| *last < day);
        Some((unit, last.unwrap_or(day)))
    }

    /// Every code under which something may be kept that belongs to one of these units or lies below one on a day: of units that came to
    /// them too, on whichever day it was given. A code may have named others besides: each row is asked with its day ([`Self::has_come_to`]).
    pub fn codes_of(&self, units: &[&Unit], day: &str) -> Vec<String> {
        let mut codes = Vec::new();
        for unit in &self.units {
            if units.iter().any(|to| self.has_come_to((&unit.code, &unit.valid_from), to, day)) {
                let agency = unit.agency_code.as_deref();
                codes.extend(
                    [Some(unit.code.clone()), agency.map(str::to_owned), agency.and_then(AgencyCode::former)]
                        .into_iter()
                        .flatten(),
                );
            }
        }
        codes.sort();
        codes.dedup();
        codes
    }

    /// The code of today's unit where exactly one follows; the code itself otherwise.
    pub fn code_today(&self, code: &str, given: &str, day: &str) -> String {
        match self.followed(code, given, day).as_deref() {
            Some([unit]) if !self.is_code_of(code, unit) => unit.code.clone(),
            _ => code.to_owned(),
        }
    }

    /// The unit that a code named on a day, or the last one before it, or the first one after.
    pub fn named(&self, code: &str, day: &str) -> Option<&Unit> {
        if let Some(unit) = self.unit_at(code, day) {
            return Some(unit);
        }
        let of_code: Vec<&Unit> = self.units.iter().filter(|unit| self.is_code_of(code, unit)).collect();
        let ended = of_code.iter().filter(|unit| unit.valid_to.as_deref().is_some_and(|last| last < day));
        let ended = ended.max_by_key(|unit| unit.valid_from.as_str());
        ended.or_else(|| of_code.iter().min_by_key(|unit| unit.valid_from.as_str())).copied()
    }

    fn is_code_of(&self, code: &str, unit: &Unit) -> bool {
        unit.code == code
            || AgencyCode::parse(code).is_some_and(|wanted| unit.agency_code.as_deref() == Some(wanted.0.as_str()))
    }

    /// Where a unit's area went; a unit of the same code and name that begins when it ends is the same one in another tree.
    fn followers<'a>(&'a self, unit: &'a Unit) -> Vec<&'a Unit> {
        let after = self.successors(unit);
        if !after.is_empty() {
            return after;
        }
        let Some(last) = unit.valid_to.as_deref() else { return Vec::new() };
        let goes_on =
            |other: &&Unit| other.name == unit.name && super::day_before(&other.valid_from).as_deref() == Some(last);
        self.of_code(&unit.code).filter(goes_on).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(units: &Units, given: &str, day: &str, code: &str) -> Option<Vec<String>> {
        let found = units.followed(code, given, day)?;
        Some(found.into_iter().map(|unit| unit.code.clone()).collect())
    }

    #[test]
    fn a_code_follows_its_unit_through_reforms() {
        let units = Units::shipped();
        // 00008 was Phường Cống Vị, 00004 Phường Trúc Bạch before Phường Ba Đình.
        let before = codes(&units, "2024-05-01", "2024-06-01", "00008");
        assert_eq!(before.as_deref(), Some(&["00008".to_owned()][..]));
        let today = codes(&units, "2024-05-01", "2026-11-26", "00004").unwrap_or_default();
        assert_eq!(today, ["00004"]);
        assert_eq!(units.area("H26", "2024-05-01", "2026-11-26"), Area::Everything);
        assert_eq!(units.area("", "2024-05-01", "2026-11-26"), Area::Everything);
        assert_eq!(units.area("Chi nhánh cũ", "2024-05-01", "2026-11-26"), Area::Everything);
    }

    #[test]
    fn codes_of_a_unit_are_those_of_what_came_to_it() {
        let units = Units::shipped();
        let Some((unit, day)) = units.meant("00004", "2026-11-26") else { unreachable!() };
        let codes = units.codes_of(&[unit], day);
        assert!(codes.contains(&"00004".to_owned()) && codes.len() > 1, "{codes:?}");
        for code in &codes {
            let came = units.has_come_to((code, "2024-05-01"), unit, day) || units.has_come_to((code, day), unit, day);
            assert!(came, "{code}");
        }
        // What has ended is looked at on its last day: nothing of what came after it.
        let Some(before) = codes.iter().find(|code| units.unit_at(code, day).is_none()) else { unreachable!() };
        let Some((ended, last)) = units.meant(before, "2026-11-26") else { unreachable!() };
        assert_eq!(last, "2024-12-31");
        assert!(units.has_come_to((before, "2024-05-01"), ended, last));
        assert!(!units.has_come_to(("00004", "2026-01-01"), ended, last));
        // The city's are everybody's, under both forms of its code.
        let Some((city, day)) = units.meant("H26", "2026-11-26") else { unreachable!() };
        let codes = units.codes_of(&[city], day);
        assert!(["H26", "000.00.00.H26", "00004"].iter().all(|code| codes.contains(&(*code).to_owned())), "{codes:?}");
        assert!(units.meant("Chi nhánh cũ", "2026-11-26").is_none());
    }

    #[test]
    fn a_unit_that_ended_without_a_successor_is_no_city() {
        let list = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
            00005,Phường Mới,commune,H26,,00008\n00008,Phường Khác,commune,H26,,\n";
        let Ok(units) = Units::shipped().with_list(list.as_bytes(), "2030-01-01") else { unreachable!() };
        // The area of 00008 went to 00005, although another unit has its code now.
        assert_eq!(codes(&units, "2026-11-26", "2030-06-01", "00008"), Some(vec!["00005".to_owned()]));
        assert_eq!(codes(&units, "2030-02-01", "2030-06-01", "00008"), Some(vec!["00008".to_owned()]));
        assert_eq!(codes(&units, "2026-11-26", "2030-06-01", "00070"), Some(Vec::new()));
        let none = units.area("00070", "2026-11-26", "2030-06-01");
        assert_eq!(none, Area::Units(Vec::new()));
        let Some(other) = units.unit_at("00005", "2030-06-01") else { unreachable!() };
        assert!(!none.covers(&units, other, "2030-06-01"));
        assert!(units.area("00008", "2026-11-26", "2030-06-01").covers(&units, other, "2030-06-01"));
        assert_eq!(units.code_today("00008", "2026-11-26", "2030-06-01"), "00005");
        assert_eq!(units.code_today("00070", "2026-11-26", "2030-06-01"), "00070");
    }
}

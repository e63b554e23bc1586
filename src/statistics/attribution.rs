//! Which unit of the last day a row's figures count towards, and whether whoever asks may see them. A row names its unit as it was called
//! when the row was made; reforms since then are followed, and what cannot be divided stays where it was.

use chuky_model::{
    instant::Instant,
    unit::{Area, Unit, UnitKind, Units},
};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// A unit as figures name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct Place {
    pub code: String,
    pub name: String,
    /// `city`, `district`, `commune` or `agency`; absent where no such unit is known.
    #[schema(value_type = Option<String>)]
    pub kind: Option<UnitKind>,
    /// The first day of the unit of this code.
    pub since: Option<String>,
    /// `in_force` on the last day; `parted`: its area went to several units; `ended`: nothing is known to have followed; `unknown`: the
    /// code names no unit.
    pub standing: Standing,
    /// The last day, of a unit that has ended.
    pub last_day: Option<String>,
}

/// Whether a unit is there on the last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    InForce,
    Parted,
    Ended,
    Unknown,
}

impl Standing {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Parted => "parted",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

impl Place {
    /// The place of a unit.
    pub fn of(unit: &Unit, standing: Standing) -> Self {
        let ended = (standing != Standing::InForce).then(|| unit.valid_to.clone()).flatten();
        Self {
            code: unit.code.clone(),
            name: unit.name.clone(),
            kind: Some(unit.kind),
            since: Some(unit.valid_from.clone()),
            standing,
            last_day: ended,
        }
    }
}

/// Where a row's figures go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributed {
    pub place: Place,
    /// The unit that the row named, where another one has taken its place.
    pub former: Option<Place>,
}

/// Attributes rows, each pair of code and period between reforms once.
pub struct Attribution<'a> {
    units: &'a Units,
    today: &'a str,
    until: &'a str,
    area: Area,
    /// Only this unit, of the last day, and what lies below it.
    narrowed: Option<&'a str>,
    first_days: BTreeSet<&'a str>,
    last_days: BTreeSet<&'a str>,
    known: HashMap<(String, usize), Option<Attributed>>,
}

impl<'a> Attribution<'a> {
    /// Towards the units of the last day, for somebody who acts for an area today.
    pub fn new(units: &'a Units, (today, until): (&'a str, &'a str), area: Area, narrowed: Option<&'a str>) -> Self {
        let first_days = units.every().iter().map(|unit| unit.valid_from.as_str()).collect();
        let last_days = units.every().iter().filter_map(|unit| unit.valid_to.as_deref()).collect();
        Self { units, today, until, area, narrowed, first_days, last_days, known: HashMap::new() }
    }

    /// Where the figures of a row go that named a unit at a moment; `None` where the caller is not to see them.
    pub fn of(&mut self, code: &str, at: Instant) -> Option<Attributed> {
        let day = crate::units::day_of(at);
        // Between two reforms a code means one thing.
        let begun = self.first_days.iter().filter(|first| **first <= day.as_str()).count();
        let ended = self.last_days.iter().filter(|last| **last < day.as_str()).count();
        let key = (code.to_owned(), begun + ended);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let found = self.attributed(code, &day);
        self.known.insert(key, found.clone());
        found
    }

    fn attributed(&self, code: &str, day: &str) -> Option<Attributed> {
        if !self.may_see(code, day) {
            return None;
        }
        let place = match self.units.named(code, day) {
            None => Place {
                code: code.to_owned(),
                name: code.to_owned(),
                kind: None,
                since: None,
                standing: Standing::Unknown,
                last_day: None,
            },
            Some(named) => match self.units.followed(code, day, self.until).unwrap_or_default().as_slice() {
                [] => Place::of(named, Standing::Ended),
                [unit] => {
                    let place = Place::of(unit, Standing::InForce);
                    let former = (named != *unit).then(|| Place::of(named, Standing::Ended));
                    return self.is_wanted(&place).then_some(Attributed { place, former });
                }
                _ => Place::of(named, Standing::Parted),
            },
        };
        self.is_wanted(&place).then_some(Attributed { place, former: None })
    }

    /// Whether a unit of the last day is the caller's to see and was asked for.
    pub fn shows(&self, unit: &Unit) -> bool {
        self.may_see(&unit.code, self.until) && self.is_wanted(&Place::of(unit, Standing::InForce))
    }

    fn is_wanted(&self, place: &Place) -> bool {
        let Some(wanted) = self.narrowed else { return true };
        place.standing == Standing::InForce && self.units.is_within(&place.code, wanted, self.until)
    }

    fn may_see(&self, code: &str, day: &str) -> bool {
        if self.area == Area::Everything {
            return true;
        }
        let now = self.units.followed(code, day, self.today).unwrap_or_default();
        now.into_iter().any(|unit| self.area.covers(self.units, unit, self.today))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(day: &str) -> Instant {
        Instant::parse_rfc3339(&format!("{day}T12:00:00+07:00")).unwrap()
    }

    fn units() -> Units {
        let list = "code,name,kind,parent,predecessors\nH26,Thành phố Hà Nội,city,,\n00004,Phường Ba Đình,commune,H26,\n\
            00901,Phường Gộp,commune,H26,00008 00070\n00902,Phường Tách A,commune,H26,00082\n\
            00903,Phường Tách B,commune,H26,00082\n";
        Units::shipped().with_list(list.as_bytes(), "2026-06-16").unwrap()
    }

    #[test]
    fn figures_go_where_the_area_went() {
        let units = units();
        let mut all = Attribution::new(&units, ("2026-11-26", "2026-11-26"), Area::Everything, None);
        let told = |found: Option<Attributed>| {
            let found = found.unwrap();
            (found.place.code, found.place.standing, found.former.map(|former| former.code))
        };
        assert_eq!(told(all.of("00004", at("2026-01-05"))), ("00004".into(), Standing::InForce, None));
        assert_eq!(told(all.of("00008", at("2026-06-15"))), ("00901".into(), Standing::InForce, Some("00008".into())));
        assert_eq!(told(all.of("00901", at("2026-06-16"))), ("00901".into(), Standing::InForce, None));
        assert_eq!(told(all.of("00082", at("2026-03-01"))), ("00082".into(), Standing::Parted, None));
        assert_eq!(told(all.of("Chi nhánh cũ", at("2026-03-01"))), ("Chi nhánh cũ".into(), Standing::Unknown, None));
        // As of a day before the reform nothing has merged.
        let mut before = Attribution::new(&units, ("2026-11-26", "2026-06-15"), Area::Everything, None);
        assert_eq!(told(before.of("00008", at("2026-03-01"))), ("00008".into(), Standing::InForce, None));
    }

    #[test]
    fn whoever_acts_for_a_unit_sees_its_figures_only() {
        let units = units();
        let area = units.area("00008", "2026-01-01", "2026-11-26");
        let mut own = Attribution::new(&units, ("2026-11-26", "2026-11-26"), area, None);
        for (code, seen) in [("00008", true), ("00070", true), ("00004", false), ("00082", false), ("H26", false)] {
            assert_eq!(own.of(code, at("2026-03-01")).is_some(), seen, "{code}");
        }
        let mut narrowed = Attribution::new(&units, ("2026-11-26", "2026-11-26"), Area::Everything, Some("00901"));
        for (code, seen) in [("00008", true), ("00004", false), ("00082", false), ("Chi nhánh cũ", false)] {
            assert_eq!(narrowed.of(code, at("2026-03-01")).is_some(), seen, "{code}");
        }
    }
}

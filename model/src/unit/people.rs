//! How many people a unit has, as dated as the unit itself: what figures are divided by. A number is never carried into another unit.

use super::{Unit, Units};

/// What one list says of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    pub residents: Option<u64>,
    /// Officials and employees of the unit who are to have a certificate.
    pub officials: Option<u64>,
    /// The first day of the list that says so.
    pub since: String,
}

impl Units {
    /// The newest number of residents that a list said of this unit by a day, and that list's first day.
    pub fn residents(&self, unit: &Unit, day: &str) -> Option<(u64, &str)> {
        self.newest(unit, day, |people| people.residents)
    }

    /// The same of officials.
    pub fn officials(&self, unit: &Unit, day: &str) -> Option<(u64, &str)> {
        self.newest(unit, day, |people| people.officials)
    }

    fn newest(&self, unit: &Unit, day: &str, of: impl Fn(&People) -> Option<u64>) -> Option<(u64, &str)> {
        let said = self.people.get(&unit.code)?.iter().rev();
        // What was said of an earlier unit with this code is not of this one.
        let mut of_unit =
            said.filter(|people| people.since.as_str() <= day && people.since.as_str() >= unit.valid_from.as_str());
        of_unit.find_map(|people| Some((of(people)?, people.since.as_str())))
    }
}

/// More people than any country has.
pub(super) const MOST: u64 = 2_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_people_are_dated_with_their_lists() {
        let head = "code,name,kind,parent,residents,officials,predecessors\nH26,Thành phố Hà Nội,city,,8500000,,\n";
        let list = |rows: &str| format!("{head}{rows}");
        let load = |units: &Units, rows: &str, from: &str| units.with_list(list(rows).as_bytes(), from);
        let Ok(first) = load(&Units::shipped(), "00004,Phường Ba Đình,commune,H26,65023,120,\n", "2026-01-01")
        else {
            unreachable!()
        };
        // Counted again, with one number left out; then another unit gets the code.
        let Ok(second) = load(&first, "00004,Phường Ba Đình,commune,H26,66000,,\n", "2026-07-01") else {
            unreachable!()
        };
        let Ok(third) = load(&second, "00004,Phường Khác,commune,H26,,,00008\n", "2027-01-01") else {
            unreachable!()
        };
        let at = |day: &str| {
            let unit = third.unit_at("00004", day);
            unit.map(|unit| (third.residents(unit, day), third.officials(unit, day)))
        };
        assert_eq!(at("2025-12-31"), Some((None, None)));
        assert_eq!(at("2026-06-30"), Some((Some((65_023, "2026-01-01")), Some((120, "2026-01-01")))));
        assert_eq!(at("2026-07-01"), Some((Some((66_000, "2026-07-01")), Some((120, "2026-01-01")))));
        assert_eq!(at("2027-01-01"), Some((None, None)));
        for wrong in ["0", "-5", "12.5", "một", "99999999999"] {
            let said = load(&third, &format!("00004,Phường Khác,commune,H26,{wrong},,\n"), "2028-01-01");
            assert_eq!(said.err().map(|said| said.len()), Some(1), "{wrong}");
        }
    }
}

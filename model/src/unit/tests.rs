//! The shipped units by their counts, and lists that contradict.

#![allow(clippy::unwrap_used)]
use super::*;

fn count(units: &Units, kind: UnitKind, day: &str) -> usize {
    units.all_at(day).filter(|unit| unit.kind == kind).count()
}

#[test]
fn the_shipped_units_have_the_known_counts() {
    let units = Units::shipped();
    assert_eq!(units.lists(), ["2023-01-01", "2025-07-01"]);
    for (day, districts, communes) in [("2023-06-01", 30, 579), ("2025-07-01", 0, 126), ("2026-11-26", 0, 126)] {
        assert_eq!(count(&units, UnitKind::City, day), 1, "{day}");
        assert_eq!(
            (count(&units, UnitKind::District, day), count(&units, UnitKind::Commune, day)),
            (districts, communes)
        );
    }
    let wards = units.all_at("2025-07-01").filter(|unit| unit.name.starts_with("Phường ")).count();
    assert_eq!(wards, 51);
    // The 526 communes of the first half of 2025 are not among what is shipped.
    assert_eq!(count(&units, UnitKind::Commune, "2025-03-01"), 0);
}

#[test]
fn a_code_names_another_unit_at_another_time() {
    let units = Units::shipped();
    assert_eq!(units.unit_at("00004", "2024-01-01").unwrap().name, "Phường Trúc Bạch");
    assert_eq!(units.unit_at("00004", "2025-07-01").unwrap().name, "Phường Ba Đình");
    assert!(units.unit_at("99999", "2025-07-01").is_none());
    let old = units.unit_at("00004", "2024-01-01").unwrap();
    let names: Vec<&str> = units.successors(old).iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["Phường Ba Đình"]);
    // Parted between several.
    let parted = units.unit_at("00013", "2024-01-01").map(|unit| units.successors(unit).len());
    assert!(parted.unwrap() >= 1);
    assert_eq!(units.ended_before("00004", "2026-01-01").unwrap().name, "Phường Trúc Bạch");
    assert_eq!(units.ended_of_name("phường trúc bạch", "2026-01-01").len(), 1);
    assert!(units.ended_of_name("Phường Ba Đình", "2026-01-01").is_empty());
    assert_eq!(folded("Phường Trung Hoà"), folded("phường Trung Hòa"));
}

#[test]
fn the_city_is_found_by_both_forms_of_its_agency_code() {
    let units = Units::shipped();
    for code in ["H26", "h26", "000.00.00.H26"] {
        assert_eq!(units.unit_at(code, "2026-01-01").unwrap().name, "Thành phố Hà Nội", "{code}");
    }
    assert_eq!(AgencyCode::parse("000.02.01.H26"), Some(AgencyCode("H26.01.02".into())));
    assert_eq!(AgencyCode::parse("H49.64.33"), Some(AgencyCode("H49.64.33".into())));
    for wrong in ["", "000.00.H26", "26", "H26..1", "H26.á", "000.00.00.26"] {
        assert_eq!(AgencyCode::parse(wrong), None, "{wrong}");
    }
    assert!(units.is_within("00004", "H26", "2026-01-01") && !units.is_within("H26", "00004", "2026-01-01"));
    assert!(units.is_within("00004", "001", "2024-01-01") && !units.is_within("00004", "001", "2026-01-01"));
}

#[test]
fn a_later_list_ends_what_it_does_not_name() {
    let units = Units::shipped();
    let list = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
        00004,Phường Ba Đình,commune,H26,,\n00005,Phường Mới,commune,H26,H26.05,00008 00025\n";
    let later = units.with_list(list.as_bytes(), "2027-01-01").unwrap();
    assert_eq!(count(&later, UnitKind::Commune, "2027-01-01"), 2);
    assert_eq!(count(&later, UnitKind::Commune, "2026-12-31"), 126);
    assert_eq!(later.unit_at("00004", "2027-01-01").unwrap().valid_from, "2025-07-01");
    let ended = later.unit_at("00008", "2026-12-31").unwrap();
    assert_eq!(later.successors(ended)[0].name, "Phường Mới");
    assert_eq!(later.unit_at("000.00.05.H26", "2027-01-01").unwrap().code, "00005");
}

#[test]
fn a_contradiction_is_told_with_its_line() {
    let units = Units::shipped();
    let list =
        |rows: &str| format!("code,name,kind,parent,agency_code,valid_to,predecessors\nH26,Hà Nội,city,,,,\n{rows}\n");
    for (rows, line, word) in [
        ("1,Xã A,commune,H26,,,\n1,Xã B,commune,H26,,,", 4, "twice"),
        ("1,,commune,H26,,,", 3, "name"),
        ("1,Xã A,hamlet,H26,,,", 3, "kind"),
        ("1,Xã A,commune,H27,,,", 3, "no unit H27"),
        ("1,Xã A,commune,,,,", 3, "above is missing"),
        ("1,Xã A,commune,H26,,,\n2,Quận B,district,1,,,", 4, "higher level"),
        ("é,Xã A,commune,H26,,,", 3, "no code"),
        ("1,Xã A,commune,H26,26..1,,", 3, "agency code"),
        ("1,Xã A,commune,H26,H26.1,,\n2,Xã B,commune,H26,000.00.1.H26,,", 4, "stands twice"),
        ("1,Xã A,commune,H26,,2026-13-01,", 3, "last day"),
        ("1,Xã A,commune,H26,,2026-01-01,", 3, "last day"),
        ("1,Xã A,commune,H26,,,77777", 3, "no unit 77777"),
    ] {
        let said = units.with_list(list(rows).as_bytes(), "2027-01-01").unwrap_err();
        assert!(said.iter().any(|one| one.line == line && one.en.contains(word)), "{rows}: {said:?}");
    }
    for (list, from) in [
        ("code,name\n", "2027-01-01"),
        ("code,name,kind,parent,colour\n", "2027-01-01"),
        ("code,name,kind,parent\n", "2027-01-01"),
        ("code,name,kind,parent\nH26,Hà Nội,city,\n", "2025-07-01"),
        ("code,name,kind,parent\nH26,Hà Nội,city,\n", "2027-02-30"),
    ] {
        assert!(units.with_list(list.as_bytes(), from).is_err(), "{list} {from}");
    }
}

//! Rows one by one: what is right passes with its details, what is wrong is told in its cell.

#![allow(clippy::unwrap_used)]
use super::*;

const TODAY: Date = time::macros::date!(2026 - 11 - 26);

fn good() -> Cells {
    let texts = [
        "Nguyễn Thị Hồng Ưởng",
        "001190012345",
        "05/03/1990",
        "Nữ",
        "0912 345 678",
        "Ủy ban nhân dân phường Hoàn Kiếm",
        "Văn phòng",
        "Chuyên viên",
        "Hà Nội",
        "Phường Hoàn Kiếm",
        "000.00.00.H26",
    ];
    Cells(texts.iter().map(|text| Cell::Text((*text).to_owned())).collect())
}

fn told(cells: &Cells) -> Vec<(&'static str, &'static str)> {
    let units = Units::shipped();
    let against = Against { units: &units, day: "2026-11-26", area: &Area::Everything };
    let checked = check(cells, Some(against), TODAY);
    assert_eq!(checked.details.is_some(), checked.problems.is_empty());
    checked.problems.iter().map(|one| (one.column, one.code)).collect()
}

#[test]
fn a_good_row_gives_its_details() {
    let units = Units::shipped();
    let against = Against { units: &units, day: "2026-11-26", area: &Area::Everything };
    let details = check(&good(), Some(against), TODAY).details.unwrap();
    assert_eq!((details.birth_date.as_str(), details.phone.as_str()), ("1990-03-05", "0912345678"));
    let mut other = good();
    other.0[2] = Cell::Number("32937".into());
    assert_eq!(check(&other, Some(against), TODAY).details.unwrap().birth_date, "1990-03-05");
    other.set(Column::BirthDate, "1990-3-5");
    other.set(Column::Phone, "+84 912.345.678");
    other.set(Column::FullName, "Nguye\u{302}\u{303}n  Thị");
    other.set(Column::Unit, "");
    other.set(Column::OrganizationalUnit, "");
    assert_eq!(check(&other, Some(against), TODAY).details.unwrap().full_name, "Nguyễn Thị");
}

#[test]
fn what_is_wrong_is_told_in_its_cell() {
    use Column::*;
    for (column, text, code) in [
        (FullName, "", "required"),
        (FullName, "Nguyễn 2", "NameNotLetters"),
        (FullName, "=HYPERLINK(1)", "formula_like"),
        (PersonalNumber, "1190012345", "NumberLength"),
        (PersonalNumber, "012345678", "NumberOld"),
        (PersonalNumber, "001290012345", "CenturyDiffers"),
        (BirthDate, "29/02/1990", "BirthDateLeap"),
        (BirthDate, "05/03/1991", "YearDiffers"),
        (BirthDate, "5 tháng 3", "BirthDateForm"),
        (Sex, "Nam", "SexDiffers"),
        (Sex, "x", "SexWord"),
        (Phone, "0112345678", "phone_form"),
        (Phone, "+1 555", "formula_like"),
        (Organization, "@SUM(A1)", "formula_like"),
        (Organization, "", "required"),
        (Organization, "-", "formula_like"),
        (Title, "", "required"),
        (Province, "", "required"),
        (Locality, "Phường Trúc Bạch", "unit_merged"),
        (Unit, "00025x", "unit_unknown"),
        (Unit, "001", "unit_merged"),
    ] {
        let mut cells = good();
        cells.set(column, text);
        let told = told(&cells);
        assert!(told.contains(&(column.name(), code)), "{text}: {told:?}");
    }
    let mut cells = good();
    (cells.0[0], cells.0[1]) = (Cell::Formula, Cell::Number("1190012345".into()));
    assert_eq!(told(&cells), [("full_name", "formula"), ("personal_number", "number_cell")]);
    let mut long = good();
    long.set(Title, &"x".repeat(200));
    assert_eq!(told(&long), [("title", "too_long")]);
}

/// Each line of the table: one cell of a good row, where something is told, what, and in which words. `docs/registration.md` shows it, too.
#[test]
fn every_wrong_cell_is_told_in_words() {
    let units = Units::shipped();
    let against = Against { units: &units, day: "2026-11-26", area: &Area::Everything };
    let mut cases = 0;
    let table = include_str!("../../../../tests/data/registration/wrong_rows.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [column, text, told_in, code, sentence] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let column = Column::from_name(column).unwrap();
        let mut cells = good();
        cells.0[column.index()] = match (text.strip_prefix("{formula}"), text.strip_prefix("{number}")) {
            (Some(_), _) => Cell::Formula,
            (_, Some(digits)) => Cell::Number(digits.into()),
            _ => Cell::Text(unescaped(text)),
        };
        let checked = check(&cells, Some(against), TODAY);
        let told = checked.problems.iter().find(|one| one.column == told_in && one.code == code);
        assert_eq!(told.map(|one| one.said.vi.as_str()), Some(sentence), "{line}: {:?}", checked.problems);
        assert!(checked.details.is_none() && !told.unwrap().said.en.is_empty(), "{line}");
        cases += 1;
    }
    assert!(cases >= 40, "{cases}");
}

/// `\u{309}` and `×N` (the text before it N times) of the table's inputs.
fn unescaped(text: &str) -> String {
    match text.rsplit_once('×') {
        Some((text, count)) => text.repeat(count.parse().unwrap()),
        None => text.replace("\\u{309}", "\u{309}"),
    }
}

#[test]
fn a_merged_ward_names_what_it_is_now() {
    let units = Units::shipped();
    let area = units.area("00004", "2026-11-26", "2026-11-26");
    let against = Against { units: &units, day: "2026-11-26", area: &area };
    let mut cells = good();
    cells.set(Column::Locality, "phường trúc bạch");
    let told = check(&cells, Some(against), TODAY).problems;
    assert!(told.iter().any(|one| one.said.vi.contains("nay là Phường Ba Đình (00004)")), "{told:?}");
    // Whoever belongs to a ward names units of that ward only.
    assert!(told.iter().any(|one| one.code == "unit_of_others"), "{told:?}");
}

#[test]
fn columns_are_found_by_their_headings_in_any_order() {
    let csv = "STT;Số định danh cá nhân*;HỌ VÀ TÊN;Ngày sinh;Giới tính;Điện thoại;Cơ quan;Chức vụ;Tỉnh, thành phố;Phường, xã\n\
        1;001190012345;Nguyễn Thị A;05/03/1990;Nữ;0912345678;Sở A;Chuyên viên;Hà Nội;Phường Hoàn Kiếm\n2;;;;;;;;;\n";
    let rows = rows_of(&Table::of_csv(csv.as_bytes()).unwrap()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].0, rows[0].1.text(Column::FullName).as_str()), (2, "Nguyễn Thị A"));
    let WrongHeadings(missing) = rows_of(&Table::of_csv(b"name\nx\n").unwrap()).unwrap_err();
    assert!(missing.contains(&"Họ và tên") && !missing.contains(&"Mã đơn vị"), "{missing:?}");
    let WrongHeadings(twice) = rows_of(&Table::of_csv(csv.replace("STT", "Chức vụ").as_bytes()).unwrap()).unwrap_err();
    assert_eq!(twice, ["Chức vụ"]);
}

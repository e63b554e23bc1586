//! One row of an agency's list: its columns, and what is wrong with each cell, said in the words of whoever can put it right. Pure: what
//! other rows and the register say is found elsewhere.

use super::super::{Details, contact::MAIL_FORM};
use crate::outbox::mail_address;
use chuky_model::{
    card::{self, CardError},
    person::{Disagreement, PersonalNumber, Sex},
    request::{Hierarchy, SubjectKind},
    table::{Cell, Table, TableRow},
    text::Bilingual,
    unit::{Area, Unit, Units},
};
use serde::Serialize;
use time::{Date, Duration};
use unicode_normalization::UnicodeNormalization;

/// A column of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    FullName,
    PersonalNumber,
    BirthDate,
    Sex,
    Phone,
    Organization,
    OrganizationalUnit,
    Title,
    Province,
    Locality,
    Unit,
}

impl Column {
    /// Every column, in the order of the template.
    pub const ALL: [Column; 11] = [
        Self::FullName,
        Self::PersonalNumber,
        Self::BirthDate,
        Self::Sex,
        Self::Phone,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Title,
        Self::Province,
        Self::Locality,
        Self::Unit,
    ];

    /// The name in forms and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullName => "full_name",
            Self::PersonalNumber => "personal_number",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
            Self::Phone => "phone",
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizational_unit",
            Self::Title => "title",
            Self::Province => "province",
            Self::Locality => "locality",
            Self::Unit => "unit",
        }
    }

    /// The column of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The heading in the template.
    pub fn heading(self) -> &'static str {
        match self {
            Self::FullName => "Họ và tên",
            Self::PersonalNumber => "Số định danh cá nhân",
            Self::BirthDate => "Ngày sinh",
            Self::Sex => "Giới tính",
            Self::Phone => "Điện thoại",
            Self::Organization => "Cơ quan",
            Self::OrganizationalUnit => "Phòng, ban",
            Self::Title => "Chức vụ",
            Self::Province => "Tỉnh, thành phố",
            Self::Locality => "Phường, xã",
            Self::Unit => "Mã đơn vị",
        }
    }

    fn is_optional(self) -> bool {
        matches!(self, Self::OrganizationalUnit | Self::Unit)
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|column| *column == self).unwrap_or_default()
    }
}

/// What is wrong with a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RowProblem {
    /// The column's name.
    pub column: &'static str,
    /// Stable.
    pub code: &'static str,
    #[schema(value_type = Object)]
    pub said: Bilingual,
}

impl RowProblem {
    pub(super) fn new(column: Column, code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { column: column.name(), code, said: Bilingual::new(vi, en) }
    }

    fn of_card(column: Column, error: CardError) -> Self {
        Self { column: column.name(), code: error.name(), said: error.said() }
    }
}

/// The cells of a row in the order of [`Column::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells(pub Vec<Cell>);

impl Cells {
    /// The cell of a column.
    pub fn of(&self, column: Column) -> &Cell {
        const NOTHING: &Cell = &Cell::Text(String::new());
        self.0.get(column.index()).unwrap_or(NOTHING)
    }

    /// Puts another text into a column.
    pub fn set(&mut self, column: Column, text: &str) {
        self.0.resize(Column::ALL.len(), Cell::Text(String::new()));
        if let Some(cell) = self.0.get_mut(column.index()) {
            *cell = Cell::Text(text.trim().to_owned());
        }
    }

    /// The text of a column in NFC, without needless white space; empty where a formula stands.
    pub fn text(&self, column: Column) -> String {
        let text = self.of(column).text().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect()
    }

    /// The personal number, where the cell holds one.
    pub fn number(&self) -> Option<PersonalNumber> {
        match self.of(Column::PersonalNumber) {
            Cell::Text(_) => PersonalNumber::parse(&self.text(Column::PersonalNumber)).ok(),
            _ => None,
        }
    }
}

/// Why a file's headings cannot be used: the columns that are missing or stand twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongHeadings(pub Vec<&'static str>);

/// The rows below the headings. Columns are found by their heading, in any order; others are left out.
pub fn rows_of(table: &Table) -> Result<Vec<(u32, Cells)>, WrongHeadings> {
    let all: Vec<&'static str> = Column::ALL.iter().map(|column| column.heading()).collect();
    let Some((headings, rows)) = table.rows.split_first() else { return Err(WrongHeadings(all)) };
    let mut places = Vec::new();
    let mut wrong = Vec::new();
    for column in Column::ALL {
        let fits = |cell: &&Cell| cell.text().is_some_and(|text| is_heading(column, text));
        match headings.cells.iter().filter(fits).count() {
            1 => places.push(headings.cells.iter().position(|cell| fits(&cell))),
            0 if column.is_optional() => places.push(None),
            _ => wrong.push(column.heading()),
        }
    }
    if !wrong.is_empty() {
        return Err(WrongHeadings(wrong));
    }
    let nothing = || Cell::Text(String::new());
    let cells = |row: &TableRow| {
        let cell = |place: &Option<usize>| place.and_then(|at| row.cells.get(at)).cloned().unwrap_or_else(nothing);
        Cells(places.iter().map(cell).collect())
    };
    let is_filled = |cells: &Cells| cells.0.iter().any(|cell| *cell != nothing());
    Ok(rows.iter().map(|row| (row.number, cells(row))).filter(|(_, cells)| is_filled(cells)).collect())
}

fn is_heading(column: Column, text: &str) -> bool {
    let fold = |text: &str| text.trim_end_matches('*').nfc().collect::<String>().to_lowercase().replace([',', ' '], "");
    let text = fold(text);
    text == fold(column.heading()) || text == column.name()
}

/// What the places of rows are checked against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    pub units: &'a Units,
    /// `YYYY-MM-DD`.
    pub day: &'a str,
    /// Who uploads names units within these only.
    pub area: &'a Area,
}

/// A row after its check: the details where nothing is wrong.
pub struct Checked {
    pub details: Option<Details>,
    pub problems: Vec<RowProblem>,
}

/// Checks a row by itself. Its places are left out where they were checked when the list was handed in.
pub fn check(cells: &Cells, against: Option<Against<'_>>, today: Date) -> Checked {
    let mut problems: Vec<RowProblem> =
        Column::ALL.into_iter().filter_map(|column| cell_problem(cells, column)).collect();
    let broken: Vec<&str> = problems.iter().map(|problem| problem.column).collect();
    let whole = |column: Column| !broken.contains(&column.name());
    let mut found = Vec::new();
    let name = cells.text(Column::FullName);
    if whole(Column::FullName) {
        found.extend(card::name_problem(&name).map(|error| RowProblem::of_card(Column::FullName, error)));
    }
    let mut keep = |column: Column, error: CardError| found.push(RowProblem::of_card(column, error));
    let number = whole(Column::PersonalNumber)
        .then(|| card::number_of(&cells.text(Column::PersonalNumber)).map_err(|e| keep(Column::PersonalNumber, e)).ok())
        .flatten();
    let born = whole(Column::BirthDate)
        .then(|| birth_date(cells.of(Column::BirthDate), today).map_err(|e| keep(Column::BirthDate, e)).ok())
        .flatten();
    let sex = card::sex_of(&cells.text(Column::Sex));
    if whole(Column::Sex) && sex.is_none() {
        keep(Column::Sex, CardError::SexWord);
    }
    if let (Some(number), Some((_, _, year))) = (&number, born) {
        for one in number.disagreements(year, sex) {
            match one {
                Disagreement::Year => keep(Column::BirthDate, CardError::YearDiffers),
                Disagreement::Century => keep(Column::PersonalNumber, CardError::CenturyDiffers),
                Disagreement::Sex => keep(Column::Sex, CardError::SexDiffers),
            }
        }
    }
    found.extend(contact_problem(&cells.text(Column::Phone)).filter(|_| whole(Column::Phone)));
    if let Some(against) = against {
        found.extend(place_problems(cells, against));
    }
    problems.extend(found);
    let details = match (number, born, sex) {
        (Some(number), Some(born), Some(sex)) if problems.is_empty() => {
            checked(cells, (number, born, sex), today, &mut problems)
        }
        _ => None,
    };
    problems.sort_by_key(|problem| Column::from_name(problem.column).map(Column::index));
    Checked { details, problems }
}

/// The details by the rules of every registration.
fn checked(
    cells: &Cells,
    (personal_number, (day, month, year), sex): (PersonalNumber, (u8, u8, u16), Sex),
    today: Date,
    problems: &mut Vec<RowProblem>,
) -> Option<Details> {
    let text = |column| cells.text(column);
    let details = Details {
        full_name: text(Column::FullName),
        personal_number,
        birth_date: format!("{year:04}-{month:02}-{day:02}"),
        sex,
        province: text(Column::Province),
        locality: text(Column::Locality),
        organization: text(Column::Organization),
        organizational_unit: text(Column::OrganizationalUnit),
        title: text(Column::Title),
        phone: phone(&text(Column::Phone)).unwrap_or_default(),
        mail: mail_address(&text(Column::Phone)).unwrap_or_default(),
        by_sheet: is_sheet(&text(Column::Phone)),
        kind: SubjectKind::Person,
        subject_name: String::new(),
        tax_code: String::new(),
        device_serial: String::new(),
        replaces: None,
        identity: None,
    };
    match details.checked(Hierarchy::Officials, today) {
        Ok(details) => Some(details),
        Err(crate::error::Error::Request(refused)) => {
            let column = refused.field.and_then(Column::from_name).unwrap_or(Column::FullName);
            problems.push(RowProblem { column: column.name(), code: refused.code, said: refused.detail });
            None
        }
        Err(_) => None,
    }
}

/// What is wrong with the cell that says how messages reach somebody: by telephone, by mail, or on printed sheets.
fn contact_problem(text: &str) -> Option<RowProblem> {
    if phone(text).is_some() || is_sheet(text) || mail_address(text).is_some() {
        return None;
    }
    if text.contains('@') {
        return Some(RowProblem::new(Column::Phone, "mail_form", MAIL_FORM.0, MAIL_FORM.1));
    }
    let (vi, en) = (
        "Số di động có 10 chữ số, bắt đầu bằng 03, 05, 07, 08 hoặc 09.",
        "A mobile number has 10 digits and begins with 03, 05, 07, 08 or 09.",
    );
    Some(RowProblem::new(Column::Phone, "phone_form", vi, en))
}

/// What is wrong with a cell whatever it means: a formula, digits that a spreadsheet has cut, nothing at all.
fn cell_problem(cells: &Cells, column: Column) -> Option<RowProblem> {
    let text = cells.text(column);
    let dangerous = text.starts_with(['=', '@', '-', '+']) && !(column == Column::Phone && phone(&text).is_some());
    match cells.of(column) {
        Cell::Formula => {
            let (vi, en) = ("Ô này là công thức. Hãy nhập giá trị.", "This cell is a formula. Enter the value.");
            Some(RowProblem::new(column, "formula", vi, en))
        }
        Cell::Number(_) if matches!(column, Column::PersonalNumber | Column::Phone) => {
            let vi = "Bảng tính đã lưu ô này thành số và có thể đã mất số 0 ở đầu. Hãy đặt ô về dạng Văn bản (Text) và nhập lại.";
            let en = "The spreadsheet keeps this as a number and may have cut leading zeros. Format the cell as text and enter it again.";
            Some(RowProblem::new(column, "number_cell", vi, en))
        }
        _ if dangerous => {
            let vi = "Nội dung bắt đầu bằng dấu = + - @ có thể bị bảng tính hiểu là công thức. Hãy bỏ dấu này.";
            let en = "A text that begins with = + - @ may be taken for a formula. Remove the sign.";
            Some(RowProblem::new(column, "formula_like", vi, en))
        }
        _ if text.is_empty() && !column.is_optional() => {
            Some(RowProblem::new(column, "required", "Không được để trống.", "This must not be empty."))
        }
        _ => None,
    }
}

/// Units that are not there, or not any more.
fn place_problems(cells: &Cells, Against { units, day, area }: Against<'_>) -> Vec<RowProblem> {
    let mut problems = Vec::new();
    let (province, locality, code) =
        (cells.text(Column::Province), cells.text(Column::Locality), cells.text(Column::Unit));
    if province.to_lowercase().contains("hà nội") {
        let ended = units.ended_of_name(&locality, day);
        if let [unit, ..] = ended.as_slice() {
            let mut after: Vec<&Unit> = ended.iter().flat_map(|unit| units.successors(unit)).collect();
            after.dedup_by_key(|unit| unit.code.clone());
            problems.push(merged(Column::Locality, unit, &after));
        }
    }
    if code.is_empty() {
        return problems;
    }
    match (units.unit_at(&code, day), units.ended_before(&code, day)) {
        (Some(unit), _) if area.covers(units, unit, day) => {}
        (Some(_), _) => {
            let (vi, en) = ("Đơn vị này không thuộc đơn vị của bạn.", "This unit does not belong to yours.");
            problems.push(RowProblem::new(Column::Unit, "unit_of_others", vi, en));
        }
        (None, Some(unit)) => problems.push(merged(Column::Unit, unit, &units.successors(unit))),
        (None, None) => {
            let (vi, en) = ("Không có đơn vị nào mang mã này.", "There is no unit with this code.");
            problems.push(RowProblem::new(Column::Unit, "unit_unknown", vi, en));
        }
    }
    problems
}

fn merged(column: Column, unit: &Unit, after: &[&Unit]) -> RowProblem {
    let last = day_on_screen(unit.valid_to.as_deref().unwrap_or_default());
    let names: Vec<String> = after.iter().map(|unit| format!("{} ({})", unit.name, unit.code)).collect();
    let (vi, en) = match names.is_empty() {
        true => ("không rõ đơn vị kế tiếp".to_owned(), "what followed is not known".to_owned()),
        false => (format!("nay là {}", names.join(" hoặc ")), format!("now {}", names.join(" or "))),
    };
    let (vi, en) =
        (format!("{} chỉ có đến {last}; {vi}.", unit.name), format!("{} was there until {last}; {en}.", unit.name));
    RowProblem::new(column, "unit_merged", vi, en)
}

/// `31/12/2024` of `2024-12-31`.
fn day_on_screen(day: &str) -> String {
    day.split('-').rev().collect::<Vec<_>>().join("/")
}

/// Whether the cell says, in the place of a number, that code and second secret are handed over on printed sheets.
pub fn is_sheet(text: &str) -> bool {
    ["phiếu", "phieu", "sheet"].contains(&text.to_lowercase().as_str())
}

/// `0912345678` of whatever form a mobile number is written in; `None` of anything else.
pub fn phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '.' | '-' | '(' | ')')).collect();
    let local = digits.strip_prefix("+84").or_else(|| digits.strip_prefix("84").filter(|rest| rest.len() == 9));
    let number = local.map_or_else(|| digits.clone(), |rest| format!("0{rest}"));
    let fits = number.len() == 10
        && number.bytes().all(|digit| digit.is_ascii_digit())
        && number.starts_with('0')
        && number.get(1..2).is_some_and(|second| "35789".contains(second));
    fits.then_some(number)
}

/// `dd/mm/yyyy`, `yyyy-mm-dd`, or the days that a spreadsheet counts.
fn birth_date(cell: &Cell, today: Date) -> Result<(u8, u8, u16), CardError> {
    let text = cell.text().unwrap_or_default().trim();
    if let Cell::Number(days) = cell {
        // ISO/IEC 29500-1 §18.17.4.1: 1 is 1 January 1900; the 29 February that 1900 did not have is counted.
        let days =
            days.parse::<i64>().ok().filter(|days| (61..=99_999).contains(days)).ok_or(CardError::BirthDateForm)?;
        let date = EPOCH.checked_add(Duration::days(days)).ok_or(CardError::BirthDateForm)?;
        return card::date_of(&format!("{:02}{:02}{:04}", date.day(), u8::from(date.month()), date.year()), today);
    }
    let parts: Vec<&str> = text.split(['/', '-', '.']).map(str::trim).collect();
    let written = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => format!("{day:0>2}{month:0>2}{year}"),
        [day, month, year] => format!("{day:0>2}{month:0>2}{year}"),
        _ => text.to_owned(),
    };
    card::date_of(&written, today)
}

/// The day before which a spreadsheet's days are counted, as they are from 1 March 1900 on.
const EPOCH: Date = time::macros::date!(1899 - 12 - 30);

#[cfg(test)]
mod tests;

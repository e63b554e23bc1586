//! Administrative units as dated data: a unit is a code within a period, for codes are given anew when units merge. The city's trees
//! since 2023 stand in `data/units/`; each later reform is a list of the same form, laid over what was before.

mod area;
mod people;

pub use area::Area;
pub use people::People;

use crate::table::{Table, TableUnreadable};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;

/// The level of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// A city under the central government, or a province.
    City,
    /// Quận, huyện, thị xã; there are none since 1 July 2025.
    District,
    /// Phường, xã, thị trấn.
    Commune,
    /// An agency, such as a department of the city.
    Agency,
}

impl UnitKind {
    const ALL: [(UnitKind, &'static str); 4] =
        [(Self::City, "city"), (Self::District, "district"), (Self::Commune, "commune"), (Self::Agency, "agency")];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(kind, _)| kind)
    }
}

/// A unit in one period of its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    pub code: String,
    pub name: String,
    pub kind: UnitKind,
    /// The code of the unit above, in force at the same time.
    pub parent: Option<String>,
    /// The agency code in the form of Decision 20/2020/QĐ-TTg, where it is known.
    pub agency_code: Option<String>,
    /// `YYYY-MM-DD`, the first day.
    pub valid_from: String,
    /// The last day; `None` while it lasts.
    pub valid_to: Option<String>,
    /// Codes of the units before it that it was formed from, those that are known; a part of a unit counts.
    pub predecessors: Vec<String>,
    /// What it was formed from, in the words of the resolution.
    pub formed_from: String,
}

impl Unit {
    /// Whether it is there on that day (`YYYY-MM-DD`).
    pub fn is_in_force(&self, day: &str) -> bool {
        self.valid_from.as_str() <= day && self.valid_to.as_deref().is_none_or(|last| day <= last)
    }
}

/// A line of a list that contradicts itself, the list, or what is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("dòng {line}: {vi} / line {line}: {en}")]
pub struct Contradiction {
    /// From 1 on; 0 of the list as a whole.
    pub line: u32,
    pub vi: String,
    pub en: String,
}

/// Every unit that is known, of every period.
#[derive(Clone, Debug, Default)]
pub struct Units {
    units: Vec<Unit>,
    by_code: HashMap<String, Vec<usize>>,
    /// First days of the lists that were loaded, ascending.
    lists: Vec<String>,
    /// How many people the lists say that a unit has, by code, in the order of the lists.
    people: HashMap<String, Vec<People>>,
}

impl Units {
    /// What the product ships: Hanoi's units of 2023 and since 1 July 2025.
    pub fn shipped() -> Self {
        let mut units = Self::default();
        for (from, list) in SHIPPED {
            let loaded = units.with_list(list.as_bytes(), from);
            // The files are part of the product, and a unit test reads them.
            units = loaded.unwrap_or_else(|_| Self::default());
        }
        units
    }

    /// With a list of every unit in force from a day on: what is not in it ends the day before. Tells each line that contradicts.
    pub fn with_list(&self, csv: &[u8], from: &str) -> Result<Self, Vec<Contradiction>> {
        let whole = |vi: String, en: String| vec![Contradiction { line: 0, vi, en }];
        let eve = day_before(from).ok_or_else(|| {
            whole(format!("ngày {from:?} không đúng dạng NĂM-THÁNG-NGÀY"), format!("{from:?} is no date YYYY-MM-DD"))
        })?;
        if let Some(last) = self.lists.last().filter(|last| last.as_str() >= from) {
            return Err(whole(
                format!("danh mục hiệu lực từ {last} đã được nạp; chỉ nạp được danh mục muộn hơn"),
                format!("the list in force from {last} is loaded; only a later one can follow"),
            ));
        }
        let table = Table::of_csv(csv).map_err(|error| whole(error_vi(error).to_owned(), error.to_string()))?;
        let reader = ListReader { before: self, eve: &eve, from, said: Vec::new(), people: Vec::new() };
        let (read, people) = reader.read(&table)?;
        let mut units = self.clone();
        units.lists.push(from.to_owned());
        for (code, people) in people {
            units.people.entry(code).or_default().push(people);
        }
        let unchanged: HashSet<(&str, &str)> =
            read.iter().map(|unit| (unit.code.as_str(), unit.name.as_str())).collect();
        let mut goes_on = HashSet::new();
        for unit in units.units.iter_mut().filter(|unit| unit.is_in_force(from)) {
            // The same code and name under the same unit: it goes on.
            let same = unchanged.contains(&(unit.code.as_str(), unit.name.as_str()))
                && read.iter().any(|new| new.code == unit.code && new.parent == unit.parent && new.kind == unit.kind);
            if same {
                goes_on.insert(unit.code.clone());
            } else {
                unit.valid_to = Some(eve.clone());
            }
        }
        units.units.extend(read.into_iter().filter(|unit| !goes_on.contains(&unit.code)));
        units.by_code.clear();
        for (index, unit) in units.units.iter().enumerate() {
            units.by_code.entry(unit.code.clone()).or_default().push(index);
        }
        Ok(units)
    }

    /// First days of the lists that are loaded, ascending.
    pub fn lists(&self) -> &[String] {
        &self.lists
    }

    /// Every unit of every period, in the order of the lists.
    pub fn every(&self) -> &[Unit] {
        &self.units
    }

    /// The unit of that code, or of that agency code in either form, on a day.
    pub fn unit_at(&self, code: &str, day: &str) -> Option<&Unit> {
        let there = self.of_code(code).find(|unit| unit.is_in_force(day));
        there.or_else(|| {
            let wanted = AgencyCode::parse(code)?.0;
            let mut units = self.units.iter().filter(|unit| unit.is_in_force(day));
            units.find(|unit| unit.agency_code.as_deref() == Some(&wanted))
        })
    }

    /// Every unit of a day, in the order of the lists.
    pub fn all_at<'a>(&'a self, day: &'a str) -> impl Iterator<Item = &'a Unit> + 'a {
        self.units.iter().filter(move |unit| unit.is_in_force(day))
    }

    /// The last unit of that code that had ended by a day.
    pub fn ended_before(&self, code: &str, day: &str) -> Option<&Unit> {
        self.of_code(code).filter(|unit| unit.valid_to.as_deref().is_some_and(|last| last < day)).last()
    }

    /// Units of that name that had ended by a day, where none of that name is in force then.
    pub fn ended_of_name(&self, name: &str, day: &str) -> Vec<&Unit> {
        let wanted = folded(name);
        let of_name: Vec<&Unit> = self.units.iter().filter(|unit| folded(&unit.name) == wanted).collect();
        if of_name.iter().any(|unit| unit.is_in_force(day)) {
            return Vec::new();
        }
        of_name.into_iter().filter(|unit| unit.valid_to.as_deref().is_some_and(|last| last < day)).collect()
    }

    /// The units that a unit's area went to when it ended; several where it was parted, none where it is not known.
    pub fn successors(&self, unit: &Unit) -> Vec<&Unit> {
        let Some(last) = unit.valid_to.as_deref() else { return Vec::new() };
        let after: Vec<&Unit> = self
            .units
            .iter()
            .filter(|other| other.valid_from.as_str() > last && other.predecessors.contains(&unit.code))
            .collect();
        let first = after.iter().map(|other| other.valid_from.clone()).min();
        after.into_iter().filter(|other| Some(&other.valid_from) == first.as_ref()).collect()
    }

    /// Whether a unit is another or lies below it on a day.
    pub fn is_within(&self, code: &str, above: &str, day: &str) -> bool {
        let Some(above) = self.unit_at(above, day) else { return false };
        let mut at = self.unit_at(code, day);
        // A tree has four levels; the bound keeps a ring in a damaged list from turning for ever.
        for _ in 0..8 {
            match at {
                Some(unit) if unit.code == above.code => return true,
                Some(unit) => at = unit.parent.as_deref().and_then(|parent| self.unit_at(parent, day)),
                None => return false,
            }
        }
        false
    }

    fn of_code<'a>(&'a self, code: &str) -> impl Iterator<Item = &'a Unit> + use<'a> {
        self.by_code.get(code).into_iter().flatten().filter_map(|index| self.units.get(*index))
    }
}

/// An agency code (Decision 20/2020/QĐ-TTg, amended by 09/2025/QĐ-TTg): groups from the highest level down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyCode(pub String);

impl AgencyCode {
    /// The reversed form of QCVN 102:2016 of such a code, where it has no more levels than that knows.
    pub fn former(code: &str) -> Option<String> {
        let groups: Vec<&str> = code.split('.').collect();
        let (first, below) = groups.split_first()?;
        if below.len() > 3 {
            return None;
        }
        let zeros = ["000", "00", "00"];
        let part = |level: usize| below.get(level).copied();
        let [third, second, one] = [part(2), part(1), part(0)];
        let parts = [third.unwrap_or(zeros[0]), second.unwrap_or(zeros[1]), one.unwrap_or(zeros[2]), first];
        Some(parts.join("."))
    }

    /// Reads `H26.01.02`, or the reversed form of QCVN 102:2016 (`000.02.01.H26`), in which zeros stand for levels that there are not.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_uppercase();
        let known = |letter: u8| letter.is_ascii_digit() || letter.is_ascii_uppercase();
        let groups: Vec<&str> = text.split('.').collect();
        let well_formed = (1..=LONGEST_CODE).contains(&text.len())
            && groups.iter().all(|group| !group.is_empty() && group.bytes().all(known));
        if !well_formed {
            return None;
        }
        let begins = |group: &&str| group.starts_with(|letter: char| letter.is_ascii_uppercase());
        if groups.first().is_some_and(begins) {
            return Some(Self(text));
        }
        if groups.len() != 4 || !groups.last().is_some_and(begins) {
            return None;
        }
        let zeros = |group: &&&str| !group.bytes().all(|letter| letter == b'0');
        Some(Self(groups.iter().rev().filter(zeros).copied().collect::<Vec<_>>().join(".")))
    }
}

/// Units, and how many people those have of whom that is told, by code.
type Read = (Vec<Unit>, Vec<(String, People)>);

struct ListReader<'a> {
    before: &'a Units,
    /// The last day before the list.
    eve: &'a str,
    from: &'a str,
    said: Vec<Contradiction>,
    people: Vec<(String, People)>,
}

impl ListReader<'_> {
    fn read(mut self, table: &Table) -> Result<Read, Vec<Contradiction>> {
        let mut rows = table.rows.iter();
        let heading: Vec<&str> =
            rows.next().into_iter().flat_map(|row| &row.cells).filter_map(|cell| cell.text()).collect();
        for name in ["code", "name", "kind", "parent"] {
            if !heading.contains(&name) {
                self.say(1, format!("thiếu cột {name}"), format!("the column {name} is missing"));
            }
        }
        if let Some(unknown) = heading.iter().find(|name| !COLUMNS.contains(name)) {
            self.say(1, format!("không có cột {unknown:?}"), format!("there is no column {unknown:?}"));
        }
        if !self.said.is_empty() {
            return Err(self.said);
        }
        let mut units: Vec<(u32, Unit)> = Vec::new();
        let mut codes: HashMap<String, UnitKind> = HashMap::new();
        for row in rows {
            let field = |name: &str| {
                let at = heading.iter().position(|known| *known == name);
                let cell = at.and_then(|at| row.cells.get(at)).and_then(|cell| cell.text());
                cell.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>()
            };
            if let Some(unit) = self.unit(row.number, field) {
                if codes.insert(unit.code.clone(), unit.kind).is_some() {
                    let code = &unit.code;
                    self.say(row.number, format!("mã {code} có hai lần"), format!("the code {code} stands twice"));
                }
                units.push((row.number, unit));
            }
        }
        self.check_tree(&units, &codes);
        if units.is_empty() {
            self.say(0, "danh mục không có đơn vị nào".into(), "the list names no unit".into());
        }
        match self.said.is_empty() {
            true => Ok((units.into_iter().map(|(_, unit)| unit).collect(), self.people)),
            false => Err(self.said),
        }
    }

    fn unit(&mut self, line: u32, field: impl Fn(&str) -> String) -> Option<Unit> {
        let before = self.said.len();
        let (code, name) = (field("code"), field("name"));
        let fits = |text: &str| text.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'.');
        if code.is_empty() || code.len() > LONGEST_CODE || !fits(&code) {
            self.say(line, format!("mã {code:?} không đúng"), format!("{code:?} is no code"));
        }
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            self.say(
                line,
                "tên trống, quá dài hoặc có ký tự lạ".into(),
                "the name is empty, too long or strange".into(),
            );
        }
        let kind = UnitKind::from_name(&field("kind"));
        if kind.is_none() {
            let kind = field("kind");
            self.say(line, format!("không có loại {kind:?}"), format!("there is no kind {kind:?}"));
        }
        let agency_code = Some(field("agency_code")).filter(|code| !code.is_empty());
        let read = agency_code.as_deref().map(AgencyCode::parse);
        if read == Some(None) {
            self.say(line, "mã định danh cơ quan không đúng dạng".into(), "the agency code has no such form".into());
        }
        let valid_to = Some(field("valid_to")).filter(|day| !day.is_empty());
        if valid_to.as_deref().is_some_and(|day| day_before(day).is_none() || day < self.from) {
            self.say(
                line,
                "ngày cuối sai hoặc trước ngày đầu".into(),
                "the last day is wrong or before the first".into(),
            );
        }
        let (residents, officials) = (self.count(line, &field("residents")), self.count(line, &field("officials")));
        let predecessors: Vec<String> = field("predecessors").split_whitespace().map(str::to_owned).collect();
        for code in &predecessors {
            let known = self.before.of_code(code).any(|unit| unit.valid_from.as_str() <= self.eve);
            if !known {
                let (vi, en) = (format!("trước đó không có đơn vị {code}"), format!("there was no unit {code} before"));
                self.say(line, vi, en);
            }
        }
        let unit = Unit {
            code,
            name,
            kind: kind?,
            parent: Some(field("parent")).filter(|parent| !parent.is_empty()),
            agency_code: read.flatten().map(|code| code.0),
            valid_from: self.from.to_owned(),
            valid_to,
            predecessors,
            formed_from: field("formed_from"),
        };
        if residents.is_some() || officials.is_some() {
            self.people.push((unit.code.clone(), People { residents, officials, since: self.from.to_owned() }));
        }
        (self.said.len() == before).then_some(unit)
    }

    /// A number of people; `None` where nothing is said, a complaint where it is none that a unit can have.
    fn count(&mut self, line: u32, text: &str) -> Option<u64> {
        if text.is_empty() {
            return None;
        }
        let digits = text.bytes().all(|letter| letter.is_ascii_digit());
        let count = text.parse().ok().filter(|count| digits && (1..=people::MOST).contains(count));
        if count.is_none() {
            let (vi, en) = (format!("{text:?} không phải số người"), format!("{text:?} is no number of people"));
            self.say(line, vi, en);
        }
        count
    }

    fn check_tree(&mut self, units: &[(u32, Unit)], codes: &HashMap<String, UnitKind>) {
        let mut agencies: HashSet<&str> = HashSet::new();
        for (line, unit) in units {
            match unit.parent.as_ref().map(|parent| (parent, codes.get(parent))) {
                None if unit.kind == UnitKind::City => {}
                None => self.say(*line, "thiếu đơn vị cấp trên".into(), "the unit above is missing".into()),
                Some((parent, None)) => {
                    let (vi, en) = (format!("không có đơn vị cấp trên {parent}"), format!("there is no unit {parent}"));
                    self.say(*line, vi, en);
                }
                Some((parent, Some(kind))) if *kind >= unit.kind && *kind != UnitKind::Agency => {
                    let vi = format!("đơn vị {parent} không ở cấp trên");
                    self.say(*line, vi, format!("the unit {parent} is not of a higher level"));
                }
                Some(_) => {}
            }
            if let Some(code) = unit.agency_code.as_deref()
                && !agencies.insert(code)
            {
                let vi = format!("mã định danh {code} có hai lần");
                self.say(*line, vi, format!("the agency code {code} stands twice"));
            }
        }
    }

    fn say(&mut self, line: u32, vi: String, en: String) {
        if self.said.len() < MOST_SAID {
            self.said.push(Contradiction { line, vi, en });
        }
    }
}

/// Names compared without regard to case and to where the tone mark of a diphthong stands.
fn folded(name: &str) -> String {
    let name: String = name.nfd().collect::<String>().to_lowercase();
    // Hoà and Hòa: the mark is moved behind both vowels.
    let mut letters: Vec<char> = name.chars().filter(|letter| !letter.is_whitespace()).collect();
    let tone = |letter: char| matches!(letter, '\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}');
    for at in 1..letters.len().saturating_sub(1) {
        let pair = (letters.get(at - 1).copied(), letters.get(at + 1).copied());
        let open = matches!(pair, (Some('o'), Some('a' | 'e')) | (Some('u'), Some('y')));
        if open && letters.get(at).copied().is_some_and(tone) {
            letters.swap(at, at + 1);
        }
    }
    letters.into_iter().collect()
}

fn day_before(day: &str) -> Option<String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let date = time::Date::parse(day, format).ok()?;
    date.previous_day()?.format(format).ok()
}

fn error_vi(error: TableUnreadable) -> &'static str {
    match error {
        TableUnreadable::Encoding => "tệp không phải UTF-8",
        TableUnreadable::Quotes => "dấu ngoặc kép đặt sai chỗ",
        _ => "tệp quá lớn hoặc không phải CSV",
    }
}

const COLUMNS: [&str; 10] = [
    "code",
    "name",
    "kind",
    "parent",
    "agency_code",
    "valid_to",
    "predecessors",
    "formed_from",
    "residents",
    "officials",
];
/// Decision 20/2020/QĐ-TTg: at most 35 characters.
const LONGEST_CODE: usize = 35;
const LONGEST_NAME: usize = 200;
/// Lines that are told at once.
const MOST_SAID: usize = 100;
const SHIPPED: [(&str, &str); 2] = [
    ("2023-01-01", include_str!("../data/units/hanoi-2023.csv")),
    ("2025-07-01", include_str!("../data/units/hanoi-2025.csv")),
];

#[cfg(test)]
#[path = "unit/tests.rs"]
mod tests;

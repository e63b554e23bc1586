//! The text of the QR code on an identity card (CCCD): it pre-fills a form and proves nothing, for it is not signed. Whatever does not fit
//! is told at once, each with its field, so that the operator compares all of it in one look at the card.

use crate::{
    person::{Disagreement, PersonalNumber, Sex},
    text::Bilingual,
};
use time::Date;
use unicode_normalization::UnicodeNormalization;

/// Longest text accepted from a scanner, in bytes; a real one has fewer than 400.
pub const LONGEST_CARD_TEXT: usize = 2_000;
/// RFC 5280, appendix A.1: ub-common-name.
pub const LONGEST_NAME: usize = 64;

/// What the card's text says: `number|old number|name|ddmmyyyy|Nam/Nữ|address|ddmmyyyy issued`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub number: PersonalNumber,
    /// NFC.
    pub full_name: String,
    /// Day, month, year.
    pub birth_date: (u8, u8, u16),
    /// As written: `Nam` or `Nữ`.
    pub sex: String,
    /// NFC.
    pub address: String,
    /// The day of issue, where the text has one.
    pub issued: Option<Date>,
    /// What is worth a look and no fault.
    pub notices: Vec<CardNotice>,
}

/// What is unusual about a card's text, and no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardNotice {
    /// Fields behind the seventh, which are not read.
    FurtherFields,
    /// The number begins with no province's code: born abroad, or misread.
    UnknownProvince,
    /// The text has no day of issue.
    NoDayOfIssue,
    /// The name has one word.
    OneWord,
}

impl CardNotice {
    /// The sentence for the operator.
    pub fn said(self) -> Bilingual {
        let (vi, en) = match self {
            Self::FurtherFields => (
                "Mã QR có thêm trường ngoài bảy trường đã biết; hệ thống bỏ qua các trường này.",
                "The code has fields beyond the seven that are known; they were not read.",
            ),
            Self::UnknownProvince => (
                "Ba số đầu không phải mã tỉnh, thành phố của Việt Nam. Người sinh ở nước ngoài có thể như vậy; hãy đối chiếu với thẻ.",
                "The first three digits are no province's code. That may be so for somebody born abroad; compare with the card.",
            ),
            Self::NoDayOfIssue => (
                "Mã QR không có ngày cấp thẻ. Hãy xem thẻ còn hạn không.",
                "The code has no day of issue. Look whether the card is still valid.",
            ),
            Self::OneWord => (
                "Họ tên chỉ có một từ. Hãy đối chiếu với thẻ.",
                "The name has a single word. Compare it with the card.",
            ),
        };
        Bilingual::new(vi, en)
    }
}

/// A field of the card's text, by its name in forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardField {
    Whole,
    Number,
    Name,
    BirthDate,
    Sex,
    Address,
}

impl CardField {
    /// The form's name of the field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "card_text",
            Self::Number => "personal_number",
            Self::Name => "full_name",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
            Self::Address => "address",
        }
    }
}

macro_rules! problems {
    ($($variant:ident, $field:ident, $vi:literal, $en:literal;)*) => {
        /// What does not fit about a card's text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum CardError { $($variant),* }

        impl CardError {
            /// Every one.
            pub const ALL: &[CardError] = &[$(Self::$variant),*];

            /// The variant's name, as tables of cases write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),* }
            }

            /// The field that it is about.
            pub fn field(self) -> CardField {
                match self { $(Self::$variant => CardField::$field),* }
            }

            /// The sentence for whoever can put it right.
            pub fn said(self) -> Bilingual {
                match self { $(Self::$variant => Bilingual::new($vi, $en)),* }
            }
        }
    };
}

problems! {
    Empty, Whole, "Chưa có nội dung. Hãy quét mã QR trên thẻ căn cước.", "There is nothing yet. Scan the card's QR code.";
    TooLong, Whole, "Nội dung quá dài, không phải mã trên thẻ căn cước. Hãy quét lại.",
        "The text is too long to be an identity card's code. Scan again.";
    StrangeCharacters, Whole, "Nội dung có ký tự lạ, có thể máy quét đặt sai bảng mã. Hãy đặt máy quét về UTF-8 rồi quét lại.",
        "The text has strange characters; the scanner may use another encoding. Set it to UTF-8 and scan again.";
    NotACard, Whole, "Đây không phải mã QR trên thẻ căn cước. Hãy quét mã ở mặt trước của thẻ.",
        "This is not an identity card's QR code. Scan the code on the front of the card.";
    MissingFields, Whole, "Mã QR thiếu trường, cần ít nhất sáu. Hãy lau mặt thẻ và quét lại.",
        "Fields are missing, at least six are needed. Wipe the card and scan again.";
    NumberEmpty, Number, "Hãy nhập số định danh cá nhân.", "Enter the personal number.";
    NumberLength, Number, "Số định danh gồm đúng 12 chữ số. Hãy đếm lại.", "The personal number has exactly 12 digits. Count them again.";
    NumberOld, Number, "Đây là số chứng minh nhân dân cũ (9 số). Hãy nhập số định danh 12 số.",
        "This is the number of an old identity card (9 digits). Enter the personal number with 12 digits.";
    NumberNotDigits, Number, "Số định danh chỉ gồm chữ số 0–9. Hãy xem có lẫn chữ O, chữ l hoặc dấu không.",
        "The personal number has digits 0–9 only. Look for a letter O or l, or a mark.";
    NumberSequence, Number, "Sáu số cuối của số định danh không thể toàn số 0.", "The last six digits of a personal number are never all zeros.";
    NameEmpty, Name, "Hãy nhập họ và tên.", "Enter the full name.";
    NameTooLong, Name, "Họ tên quá dài, tối đa 64 ký tự.", "The name is too long, at most 64 characters.";
    NameNotLetters, Name, "Họ tên chỉ gồm chữ cái, dấu cách, dấu nháy và gạch nối. Hãy bỏ chữ số và ký hiệu.",
        "A name has letters, spaces, apostrophes and hyphens only. Remove digits and signs.";
    NameMarks, Name, "Họ tên có dấu đứng rời không ghép được vào chữ. Hãy gõ lại họ tên.",
        "The name has an accent that belongs to no letter. Type the name again.";
    BirthDateForm, BirthDate, "Ngày sinh không đúng. Hãy viết ngày/tháng/năm, ví dụ 05/03/1990.",
        "The date of birth is not right. Write day/month/year, for example 05/03/1990.";
    BirthDateNoSuchDay, BirthDate, "Không có ngày này trong lịch. Hãy đối chiếu ngày sinh với thẻ.",
        "There is no such day in the calendar. Compare the date of birth with the card.";
    BirthDateLeap, BirthDate, "Năm này không có ngày 29 tháng 2. Hãy đối chiếu năm sinh với thẻ.",
        "That year has no 29 February. Compare the year of birth with the card.";
    BirthDateFuture, BirthDate, "Ngày sinh ở tương lai. Hãy đối chiếu với thẻ.", "The date of birth is in the future. Compare it with the card.";
    BirthDateOld, BirthDate, "Ngày sinh cách đây hơn 130 năm. Hãy đối chiếu với thẻ.",
        "The date of birth is more than 130 years ago. Compare it with the card.";
    YearDiffers, BirthDate, "Số định danh không khớp năm sinh. Hãy đối chiếu lại cả hai với thẻ.",
        "The personal number does not fit the year of birth. Compare both with the card.";
    CenturyDiffers, Number, "Số thứ tư của số định danh không khớp thế kỷ sinh. Hãy đối chiếu số định danh và năm sinh với thẻ.",
        "The fourth digit of the personal number does not fit the century of birth. Compare number and year with the card.";
    SexWord, Sex, "Giới tính cần ghi Nam hoặc Nữ, như trên thẻ.", "The sex is Nam or Nữ, as on the card.";
    SexDiffers, Sex, "Số định danh không khớp giới tính. Hãy đối chiếu lại cả hai với thẻ.",
        "The personal number does not fit the sex. Compare both with the card.";
    AddressEmpty, Address, "Hãy nhập nơi thường trú như trên thẻ.", "Enter the address as on the card.";
    AddressTooLong, Address, "Nơi thường trú quá dài, tối đa 300 ký tự.", "The address is too long, at most 300 characters.";
    IssuedForm, Whole, "Ngày cấp thẻ trong mã QR không đọc được. Hãy quét lại, hoặc nhập tay theo thẻ.",
        "The day of issue in the code cannot be read. Scan again, or type what the card says.";
    IssuedFuture, Whole, "Ngày cấp thẻ trong mã QR ở tương lai. Hãy kiểm tra thẻ và đồng hồ của máy.",
        "The day of issue in the code is in the future. Look at the card and the clock.";
    IssuedBeforeBirth, Whole, "Ngày cấp thẻ trước ngày sinh. Thẻ hoặc mã QR này không dùng được.",
        "The card was issued before its holder was born. This card or code cannot be used.";
}

impl std::fmt::Display for CardError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = self.said();
        write!(f, "{} / {}", said.vi, said.en)
    }
}

impl Card {
    /// Reads the QR text as of a day; everything that does not fit is told, in the order of the fields.
    pub fn parse(text: &str, today: Date) -> Result<Self, Vec<CardError>> {
        let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
        if let Some(error) = unusable(text) {
            return Err(vec![error]);
        }
        let fields: Vec<String> = text.split('|').map(|field| field.trim().nfc().collect()).collect();
        let [number, _old_number, full_name, birth_date, sex, address, further @ ..] = fields.as_slice() else {
            return Err(vec![CardError::MissingFields]);
        };
        let full_name = full_name.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut wrong = Vec::new();
        let mut keep = |error: Option<CardError>| wrong.extend(error);
        let person = person(number, &full_name, birth_date, sex_of(sex), today);
        let (number, born) = person.map_err(|told| told.into_iter().for_each(|error| keep(Some(error)))).ok().unzip();
        keep(address_problem(address));
        let issued = further.first().map(String::as_str).filter(|day| !day.is_empty());
        let born = born.or_else(|| date_of(birth_date, today).ok());
        keep(issued.and_then(|day| issue_problem(day, born, today)));
        let (Some(number), Some(birth_date), true) = (number, born, wrong.is_empty()) else { return Err(wrong) };
        let notices = [
            (further.len() > 1, CardNotice::FurtherFields),
            (number.province().is_none(), CardNotice::UnknownProvince),
            (issued.is_none(), CardNotice::NoDayOfIssue),
            (!full_name.contains(' '), CardNotice::OneWord),
        ];
        let notices = notices.into_iter().filter(|(there, _)| *there).map(|(_, notice)| notice).collect();
        let issued = issued.and_then(|day| date_of(day, today).ok()).and_then(day_of);
        Ok(Self { number, full_name, birth_date, sex: sex.clone(), address: address.clone(), issued, notices })
    }
}

/// Day, month and year.
type Born = (u8, u8, u16);

/// A person as every road has them, scanned, typed, sent or in a row of a list: number and birth date, or all that does not fit, in the order
/// of the card's fields. The name is NFC, the birth date `ddmmyyyy`; no sex is one that could not be read.
pub fn person(
    number: &str,
    full_name: &str,
    birth_date: &str,
    sex: Option<Sex>,
    today: Date,
) -> Result<(PersonalNumber, Born), Vec<CardError>> {
    let mut wrong = Vec::new();
    let number = number_of(number).map_err(|error| wrong.push(error)).ok();
    wrong.extend(name_problem(full_name));
    let born = date_of(birth_date, today).map_err(|error| wrong.push(error)).ok();
    wrong.extend(sex.is_none().then_some(CardError::SexWord));
    if let (Some(number), Some((_, _, year))) = (&number, born) {
        wrong.extend(number.disagreements(year, sex).into_iter().map(|one| match one {
            Disagreement::Year => CardError::YearDiffers,
            Disagreement::Century => CardError::CenturyDiffers,
            Disagreement::Sex => CardError::SexDiffers,
        }));
    }
    match (number, born) {
        (Some(number), Some(born)) if wrong.is_empty() => Ok((number, born)),
        _ => Err(wrong),
    }
}

impl Card {
    /// The last day of the card, where it has a day of issue and does not last for life.
    pub fn valid_until(&self) -> Option<Date> {
        valid_until(day_of(self.birth_date)?, self.issued?)
    }
}

fn day_of((day, month, year): (u8, u8, u16)) -> Option<Date> {
    Date::from_calendar_date(i32::from(year), time::Month::try_from(month).ok()?, day).ok()
}

/// Whole years that somebody is old on a day.
pub fn age(born: Date, day: Date) -> i32 {
    let years = day.year() - born.year();
    years - i32::from((day.month() as u8, day.day()) < (born.month() as u8, born.day()))
}

/// The last day of an identity card: the birthday at which it is renewed. One that was issued within two years before such a birthday lasts
/// until the next of them (Law on Identity 26/2023, article 21). `None`: for life.
pub fn valid_until(born: Date, issued: Date) -> Option<Date> {
    let birthday = |age: i32| {
        let year = born.year() + age;
        // Who was born on 29 February is a year older on 1 March of other years.
        born.replace_year(year).or_else(|_| Date::from_calendar_date(year, time::Month::March, 1)).ok()
    };
    RENEWED_AT.into_iter().filter(|age| birthday(age - 2).is_some_and(|early| issued < early)).find_map(birthday)
}

/// The ages at which an identity card is renewed.
const RENEWED_AT: [i32; 4] = [14, 25, 40, 60];

/// Why nothing of the text is read.
fn unusable(text: &str) -> Option<CardError> {
    if text.is_empty() {
        return Some(CardError::Empty);
    }
    if text.len() > LONGEST_CARD_TEXT {
        return Some(CardError::TooLong);
    }
    // U+FFFD stands where octets were no UTF-8.
    if text.chars().any(|letter| letter.is_control() || letter == '\u{fffd}') {
        return Some(CardError::StrangeCharacters);
    }
    (!text.contains('|')).then_some(CardError::NotACard)
}

/// The personal number, or what is wrong with the text.
pub fn number_of(text: &str) -> Result<PersonalNumber, CardError> {
    match PersonalNumber::parse(text) {
        Ok(number) if number.reveal().ends_with("000000") => Err(CardError::NumberSequence),
        Ok(number) => Ok(number),
        Err(_) if text.is_empty() => Err(CardError::NumberEmpty),
        Err(_) if !text.bytes().all(|letter| letter.is_ascii_digit()) => Err(CardError::NumberNotDigits),
        Err(_) if text.len() == 9 => Err(CardError::NumberOld),
        Err(_) => Err(CardError::NumberLength),
    }
}

/// What is wrong with a name in NFC.
pub fn name_problem(name: &str) -> Option<CardError> {
    let mark = |letter: char| matches!(letter, '\u{300}'..='\u{36f}');
    if name.is_empty() {
        return Some(CardError::NameEmpty);
    }
    if name.chars().count() > LONGEST_NAME {
        return Some(CardError::NameTooLong);
    }
    if name.chars().any(mark) {
        return Some(CardError::NameMarks);
    }
    let fits = |letter: char| letter.is_alphabetic() || matches!(letter, ' ' | '\'' | '’' | '-');
    let fitting = name.chars().all(fits) && name.chars().any(char::is_alphabetic);
    (!fitting).then_some(CardError::NameNotLetters)
}

/// Day, month and year of `ddmmyyyy`, a day that was.
pub fn date_of(text: &str, today: Date) -> Result<(u8, u8, u16), CardError> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CardError::BirthDateForm);
    }
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u16>().ok());
    let (Some(day), Some(month), Some(year)) = (part(0..2), part(2..4), part(4..8)) else {
        return Err(CardError::BirthDateForm);
    };
    let (day, month) = (u8::try_from(day).unwrap_or_default(), u8::try_from(month).unwrap_or_default());
    let named = time::Month::try_from(month).map_err(|_| CardError::BirthDateNoSuchDay)?;
    let date = Date::from_calendar_date(i32::from(year), named, day).map_err(|_| match (day, month) {
        (29, 2) => CardError::BirthDateLeap,
        _ => CardError::BirthDateNoSuchDay,
    })?;
    if date > today {
        return Err(CardError::BirthDateFuture);
    }
    if today.year() - date.year() > OLDEST {
        return Err(CardError::BirthDateOld);
    }
    Ok((day, month, year))
}

/// The sex by its word on the card.
pub fn sex_of(word: &str) -> Option<Sex> {
    match word.to_lowercase().as_str() {
        "nam" => Some(Sex::Male),
        "nữ" => Some(Sex::Female),
        _ => None,
    }
}

fn address_problem(address: &str) -> Option<CardError> {
    match address.chars().count() {
        0 => Some(CardError::AddressEmpty),
        count if count > LONGEST_ADDRESS => Some(CardError::AddressTooLong),
        _ => None,
    }
}

fn issue_problem(text: &str, born: Option<(u8, u8, u16)>, today: Date) -> Option<CardError> {
    let (day, month, year) = match date_of(text, today) {
        Ok(issued) => issued,
        Err(CardError::BirthDateFuture) => return Some(CardError::IssuedFuture),
        Err(_) => return Some(CardError::IssuedForm),
    };
    let before = born.is_some_and(|(d, m, y)| (year, month, day) < (y, m, d));
    before.then_some(CardError::IssuedBeforeBirth)
}

/// Years since a birth that is believed.
const OLDEST: i32 = 130;
const LONGEST_ADDRESS: usize = 300;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const TEXT: &str = "001190012345||Nguyễn Thị Hồng Ưởng|05031990|Nữ|Số 1 Tràng Tiền, Hoàn Kiếm, Hà Nội|01012022";
    const TODAY: Date = time::macros::date!(2026 - 11 - 26);

    #[test]
    fn reads_a_card() {
        let card = Card::parse(TEXT, TODAY).unwrap();
        assert_eq!((card.full_name.as_str(), card.birth_date), ("Nguyễn Thị Hồng Ưởng", (5, 3, 1990)));
        assert!(card.notices.is_empty());
        // The old number may stand there, the day of issue be missing, and fields follow.
        let six = "003200012346|012345678|Nguye\u{302}\u{303}n|29022000|Nam|Hà Nội";
        let card = Card::parse(six, TODAY).unwrap();
        assert_eq!(card.full_name, "Nguyễn");
        assert_eq!(card.notices, [CardNotice::UnknownProvince, CardNotice::NoDayOfIssue, CardNotice::OneWord]);
        let further = format!("\u{feff}{TEXT}|Nguyễn Văn A|Trần Thị B\r\n");
        assert_eq!(Card::parse(&further, TODAY).unwrap().notices, [CardNotice::FurtherFields]);
    }

    #[test]
    fn a_card_ends_at_the_birthday_at_which_it_is_renewed() {
        use time::macros::date;
        let born = date!(1990 - 03 - 05);
        for (issued, last) in [
            (date!(2002 - 03 - 04), Some(date!(2004 - 03 - 05))),
            // Within two years before the birthday: until the next one.
            (date!(2002 - 03 - 05), Some(date!(2015 - 03 - 05))),
            (date!(2013 - 03 - 04), Some(date!(2015 - 03 - 05))),
            (date!(2013 - 03 - 05), Some(date!(2030 - 03 - 05))),
            (date!(2022 - 01 - 01), Some(date!(2030 - 03 - 05))),
            (date!(2028 - 03 - 05), Some(date!(2050 - 03 - 05))),
            (date!(2048 - 03 - 05), None),
        ] {
            assert_eq!(valid_until(born, issued), last, "{issued}");
        }
        assert_eq!(valid_until(date!(2000 - 02 - 29), date!(2016 - 01 - 01)), Some(date!(2025 - 03 - 01)));
        let card = Card::parse(TEXT, TODAY).unwrap();
        assert_eq!((card.issued, card.valid_until()), (Some(date!(2022 - 01 - 01)), Some(date!(2030 - 03 - 05))));
        assert_eq!([age(born, date!(2026 - 03 - 04)), age(born, date!(2026 - 03 - 05))], [35, 36]);
    }

    /// Each line: what is scanned or typed, what does not fit, and the sentences for it. `docs/registration.md` shows the same table.
    #[test]
    fn every_wrong_input_is_told_what_does_not_fit() {
        let (mut cases, mut seen) = (0, std::collections::HashSet::new());
        for line in include_str!("../../tests/data/registration/wrong_cards.tsv").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let [input, names, sentences] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let input = unescaped(input);
            let told = Card::parse(&input, TODAY).expect_err(line);
            seen.extend(told.iter().copied());
            let told_names: Vec<&str> = told.iter().map(|one| one.name()).collect();
            assert_eq!(told_names.join(" "), names, "{line}");
            let told: Vec<String> = told.iter().map(|one| one.said().vi).collect();
            assert_eq!(told.join(" "), sentences, "{line}");
            cases += 1;
        }
        assert!(cases >= 60, "{cases}");
        let unseen: Vec<_> = CardError::ALL.iter().filter(|one| !seen.contains(one)).collect();
        assert!(unseen.is_empty(), "{unseen:?} have no case");
    }

    /// `\u{…}` and `×N` (the text before it N times) of the table's inputs.
    fn unescaped(text: &str) -> String {
        if let Some((text, count)) = text.rsplit_once('×') {
            return text.repeat(count.parse().unwrap());
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\\u{") {
            let (code, after) = after.split_once('}').unwrap();
            out.push_str(before);
            out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
            rest = after;
        }
        out + rest
    }
}

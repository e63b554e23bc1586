//! The text of the QR code on an identity card (CCCD): it pre-fills a form and proves nothing, for it is not signed.

use crate::person::{PersonalNumber, PersonalNumberError};
use unicode_normalization::UnicodeNormalization;

/// Longest text accepted from a scanner, in bytes; a real one has fewer than 400.
pub const LONGEST_CARD_TEXT: usize = 2_000;

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
}

/// Why a card's text cannot be used; each says what does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    #[error("nội dung quá dài / the text is too long")]
    TooLong,
    #[error("thiếu trường, cần ít nhất 6 / fields are missing, at least 6 are needed")]
    MissingFields,
    #[error(transparent)]
    Number(#[from] PersonalNumberError),
    #[error("họ tên trống / the name is empty")]
    EmptyName,
    #[error("ngày sinh không đúng dạng ddmmyyyy / the birth date is not ddmmyyyy")]
    BirthDate,
    #[error("số định danh không khớp năm sinh / the number does not fit the year of birth")]
    BirthYearDiffers,
    #[error("số định danh không khớp giới tính / the number does not fit the sex")]
    SexDiffers,
}

impl Card {
    /// Reads the QR text; fields after the seventh are ignored, and the number is checked against birth year and sex.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        if text.len() > LONGEST_CARD_TEXT {
            return Err(CardError::TooLong);
        }
        let fields: Vec<String> = text.trim().split('|').map(|field| field.trim().nfc().collect()).collect();
        let [number, _old_number, full_name, birth_date, sex, address, ..] = fields.as_slice() else {
            return Err(CardError::MissingFields);
        };
        let card = Self {
            number: PersonalNumber::parse(number)?,
            full_name: full_name.clone(),
            birth_date: parse_date(birth_date).ok_or(CardError::BirthDate)?,
            sex: sex.clone(),
            address: address.clone(),
        };
        card.consistent()?;
        Ok(card)
    }

    fn consistent(&self) -> Result<(), CardError> {
        use crate::person::Sex;
        if self.full_name.is_empty() {
            return Err(CardError::EmptyName);
        }
        if self.birth_date.2 != self.number.birth_year() {
            return Err(CardError::BirthYearDiffers);
        }
        let stated = match self.sex.as_str() {
            "Nam" => Sex::Male,
            "Nữ" => Sex::Female,
            _ => return Err(CardError::SexDiffers),
        };
        if stated == self.number.sex() { Ok(()) } else { Err(CardError::SexDiffers) }
    }
}

fn parse_date(text: &str) -> Option<(u8, u8, u16)> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (day, month, year): (u8, u8, u16) =
        (text[..2].parse().ok()?, text[2..4].parse().ok()?, text[4..].parse().ok()?);
    let month_name = time::Month::try_from(month).ok()?;
    time::Date::from_calendar_date(i32::from(year), month_name, day).ok()?;
    Some((day, month, year))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "001190012345||Nguyễn Thị Hồng Ưởng|05031990|Nữ|Số 1 Tràng Tiền, Hoàn Kiếm, Hà Nội|01012022";

    #[test]
    fn reads_a_card() {
        let card = Card::parse(TEXT).expect("a good card");
        assert_eq!((card.full_name.as_str(), card.birth_date), ("Nguyễn Thị Hồng Ưởng", (5, 3, 1990)));
    }

    #[test]
    fn says_what_does_not_fit() {
        assert_eq!(Card::parse(&TEXT.replace("Nữ", "Nam")), Err(CardError::SexDiffers));
        assert_eq!(Card::parse(&TEXT.replace("05031990", "05031991")), Err(CardError::BirthYearDiffers));
        assert_eq!(Card::parse(&TEXT.replace("05031990", "31021990")), Err(CardError::BirthDate));
        assert_eq!(Card::parse("001190012345"), Err(CardError::MissingFields));
        assert_eq!(Card::parse(&"x".repeat(LONGEST_CARD_TEXT + 1)), Err(CardError::TooLong));
    }
}

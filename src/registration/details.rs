//! What a registration request says about its subscriber, as it was entered and checked. Stored encrypted, as a whole.

use crate::error::{RequestError, Result};
use chuky_model::{
    card::Card,
    person::{PersonalNumber, Sex},
    request::Hierarchy,
};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The subscriber of a request; exactly what an approver sees and what the certificate will say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Họ và tên, NFC.
    pub full_name: String,
    pub personal_number: PersonalNumber,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    pub sex: Sex,
    /// Province or city (ST), e.g. `Hà Nội`.
    pub province: String,
    /// Commune or ward (L).
    pub locality: String,
    /// An official's agency (O); empty for citizens.
    #[serde(default)]
    pub organization: String,
    /// The unit within the agency (OU); may be empty.
    #[serde(default)]
    pub organizational_unit: String,
    /// An official's title; empty for citizens.
    #[serde(default)]
    pub title: String,
    /// Where messages go; may be empty.
    #[serde(default)]
    pub phone: String,
}

impl Details {
    /// Normalises every field to NFC without outer white space, then checks each by its rule.
    pub fn checked(mut self, hierarchy: Hierarchy) -> Result<Self> {
        for field in [
            &mut self.full_name,
            &mut self.birth_date,
            &mut self.province,
            &mut self.locality,
            &mut self.organization,
            &mut self.organizational_unit,
            &mut self.title,
            &mut self.phone,
        ] {
            *field = field.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        }
        self.check_lengths()?;
        self.check_person()?;
        match hierarchy {
            Hierarchy::Citizens => {
                let empty = [&self.organization, &self.organizational_unit, &self.title].iter().all(|f| f.is_empty());
                if !empty {
                    let (vi, en) = (
                        "Hồ sơ công dân không có cơ quan và chức vụ.",
                        "A citizen's request names neither agency nor title.",
                    );
                    return Err(RequestError::invalid("organization", "citizen_with_agency", vi, en).into());
                }
            }
            Hierarchy::Officials => {
                required("organization", &self.organization)?;
                required("title", &self.title)?;
            }
        }
        Ok(self)
    }

    fn check_lengths(&self) -> Result<()> {
        required("full_name", &self.full_name)?;
        required("province", &self.province)?;
        // RFC 5280, appendix A.1: ub-common-name, ub-organization-name, ub-title 64; ub-locality-name, ub-state-name 128.
        let bounds = [
            ("full_name", &self.full_name, 64),
            ("province", &self.province, 128),
            ("locality", &self.locality, 128),
            ("organization", &self.organization, 64),
            ("organizational_unit", &self.organizational_unit, 64),
            ("title", &self.title, 64),
            ("phone", &self.phone, 15),
        ];
        for (field, value, longest) in bounds {
            if value.chars().count() > longest || value.chars().any(char::is_control) {
                let vi = format!("Nội dung quá dài (tối đa {longest} ký tự) hoặc có ký tự không hợp lệ.");
                let en = format!("Too long (at most {longest} characters) or with characters that are not allowed.");
                return Err(RequestError::invalid(field, "too_long", vi, en).into());
            }
        }
        Ok(())
    }

    fn check_person(&self) -> Result<()> {
        let year = parse_year(&self.birth_date).ok_or_else(|| {
            let (vi, en) = ("Ngày sinh cần có dạng NĂM-THÁNG-NGÀY.", "The birth date is YYYY-MM-DD.");
            RequestError::invalid("birth_date", "birth_date_form", vi, en)
        })?;
        if year != self.personal_number.birth_year() || self.sex != self.personal_number.sex() {
            let (vi, en) = (
                "Số định danh không khớp với ngày sinh hoặc giới tính. Hãy đối chiếu lại với thẻ.",
                "The personal number does not fit the birth date or sex. Compare it with the card again.",
            );
            return Err(RequestError::invalid("personal_number", "number_does_not_fit", vi, en).into());
        }
        Ok(())
    }

    /// What a card's text says of its holder; agency and title stay empty.
    pub fn from_card(card: &Card) -> Self {
        let (day, month, year) = card.birth_date;
        let mut parts = card.address.rsplit(',').map(|part| part.trim().to_owned());
        Self {
            full_name: card.full_name.clone(),
            personal_number: card.number.clone(),
            birth_date: format!("{year:04}-{month:02}-{day:02}"),
            sex: card.number.sex(),
            province: parts.next().unwrap_or_default(),
            locality: parts.next().unwrap_or_default(),
            organization: String::new(),
            organizational_unit: String::new(),
            title: String::new(),
            phone: String::new(),
        }
    }
}

fn required(field: &'static str, value: &str) -> Result<()> {
    if !value.is_empty() {
        return Ok(());
    }
    let (vi, en) = ("Không được để trống.", "This must not be empty.");
    Err(RequestError::invalid(field, "required", vi, en).into())
}

fn parse_year(date: &str) -> Option<u16> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    time::Date::parse(date, format).ok().and_then(|date| u16::try_from(date.year()).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn details() -> Details {
        let text = "001190012345||Nguyễn Thị Hồng Ưởng|05031990|Nữ|Số 1, Phường Hoàn Kiếm, Hà Nội|01012022";
        Details::from_card(&Card::parse(text).unwrap())
    }

    #[test]
    fn a_card_fills_in_a_citizen() {
        let checked = details().checked(Hierarchy::Citizens).unwrap();
        assert_eq!((checked.province.as_str(), checked.locality.as_str()), ("Hà Nội", "Phường Hoàn Kiếm"));
        assert!(details().checked(Hierarchy::Officials).is_err());
    }

    #[test]
    fn decomposed_letters_become_one() {
        let decomposed = Details { full_name: " Nguye\u{302}\u{303}n   Va\u{306}n A ".into(), ..details() };
        assert_eq!(decomposed.checked(Hierarchy::Citizens).unwrap().full_name, "Nguyễn Văn A");
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        assert!(Details { birth_date: "1991-03-05".into(), ..details() }.checked(Hierarchy::Citizens).is_err());
        assert!(Details { sex: Sex::Male, ..details() }.checked(Hierarchy::Citizens).is_err());
        assert!(Details { full_name: "x".repeat(65), ..details() }.checked(Hierarchy::Citizens).is_err());
    }
}

//! What a registration request says about its subscriber, as it was entered and checked. Stored encrypted, as a whole.

use crate::{
    error::{RequestError, Result},
    identity::IdentityCheck,
    subject::ERASED,
};
use chuky_model::{
    card::{self, Card, CardError},
    person::{PersonalNumber, Sex},
    request::{Hierarchy, SubjectKind},
    text::turns_direction,
};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The subscriber of a request; exactly what an approver sees and what the certificate will say. Of a seal, a device or a payment
/// provider the person is who answers for it: the clerk who seals, or whoever looks after the key.
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
    /// Where messages go, the second secret of a first activation among them; may be empty.
    #[serde(default)]
    pub phone: String,
    /// Where they go by mail, of somebody without a telephone; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mail: String,
    /// The code and its second secret are handed over on two printed sheets by two people, for the person has no telephone (decision 0067).
    #[serde(default, skip_serializing_if = "is_no")]
    pub by_sheet: bool,
    /// What the certificate is to name.
    #[serde(default, skip_serializing_if = "is_person")]
    pub kind: SubjectKind,
    /// The name of a device, service or program; of a seal or payment provider the name in use, where it is not the organization's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject_name: String,
    /// The organization's tax code (mã số thuế), ten digits or ten and three; of everything but persons.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tax_code: String,
    /// A device's serial number, as it stands on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device_serial: String,
    /// Set where the certificate replaces one whose information has changed (RFC 3647 §4.8): why the old one is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replacement>,
    /// What an identity provider said of the person when the request was entered. Nothing of lists of agencies, which name their own people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityCheck>,
}

/// Why a certificate is revoked when one with changed information takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// Agency, unit or title have changed.
    AffiliationChanged,
    /// Anything else.
    Superseded,
}

impl Replacement {
    /// The CRLReason (RFC 5280 §5.3.1).
    pub fn reason(self) -> Reason {
        match self {
            Self::AffiliationChanged => Reason::AffiliationChanged,
            Self::Superseded => Reason::Superseded,
        }
    }
}

fn is_no(value: &bool) -> bool {
    !*value
}

fn is_person(kind: &SubjectKind) -> bool {
    *kind == SubjectKind::Person
}

impl Details {
    /// Normalises every field to NFC without outer white space, then checks each by its rule, as of a day. Every road comes through here: the
    /// booth's, the pages', the API's, and each row of a list.
    pub fn checked(mut self, hierarchy: Hierarchy, today: time::Date) -> Result<Self> {
        for field in [
            &mut self.full_name,
            &mut self.birth_date,
            &mut self.province,
            &mut self.locality,
            &mut self.organization,
            &mut self.organizational_unit,
            &mut self.title,
            &mut self.phone,
            &mut self.mail,
            &mut self.subject_name,
            &mut self.tax_code,
            &mut self.device_serial,
        ] {
            *field = field.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        }
        self.phone.retain(|letter| !matches!(letter, ' ' | '.' | '-'));
        self.check_lengths()?;
        self.check_contact()?;
        self.check_person(today)?;
        self.check_kind(hierarchy)?;
        Ok(self)
    }

    /// What the kind of certificate asks for, and nothing that it does not name.
    fn check_kind(&self, hierarchy: Hierarchy) -> Result<()> {
        if self.kind.profile(hierarchy).is_none() {
            let (vi, en) = (
                "Hệ thống này không cấp loại chứng thư này. Con dấu và thiết bị thuộc hệ cán bộ; đơn vị thanh toán thuộc hệ công cộng.",
                "This hierarchy has no certificates of this kind. Seals and devices are of officials, payment providers of the public one.",
            );
            return Err(RequestError::invalid("kind", "kind_of_other_hierarchy", vi, en).into());
        }
        if self.kind == SubjectKind::Person {
            for (field, value) in [
                ("subject_name", &self.subject_name),
                ("tax_code", &self.tax_code),
                ("device_serial", &self.device_serial),
            ] {
                empty_of_person(field, value)?;
            }
            return self.check_person_of(hierarchy);
        }
        required("organization", &self.organization)?;
        if self.kind == SubjectKind::Device {
            required("subject_name", &self.subject_name)?;
        } else {
            required("tax_code", &self.tax_code)?;
            empty_of_person("device_serial", &self.device_serial)?;
        }
        if !self.tax_code.is_empty() && !is_tax_code(&self.tax_code) {
            let (vi, en) = (
                "Mã số thuế có 10 chữ số, hoặc 10 chữ số, gạch nối và 3 chữ số.",
                "A tax code has ten digits, or ten digits, a hyphen and three.",
            );
            return Err(RequestError::invalid("tax_code", "tax_code_form", vi, en).into());
        }
        Ok(())
    }

    fn check_person_of(&self, hierarchy: Hierarchy) -> Result<()> {
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
                Ok(())
            }
            Hierarchy::Officials => {
                required("organization", &self.organization)?;
                required("title", &self.title)
            }
        }
    }

    /// The same without its person: an organization, a device and their names are nobody's.
    pub(super) fn of_nobody(self) -> Result<Self> {
        let personal_number = PersonalNumber::parse("000000000000")
            .map_err(|error| crate::error::InternalError::other(error.to_string()))?;
        let person = self.kind == SubjectKind::Person;
        let kept = |text: String| if person { String::new() } else { text };
        Ok(Self {
            full_name: ERASED.to_owned(),
            sex: personal_number.sex(),
            personal_number,
            birth_date: "1900-01-01".to_owned(),
            province: kept(self.province),
            locality: kept(self.locality),
            organization: self.organization,
            organizational_unit: self.organizational_unit,
            title: String::new(),
            phone: String::new(),
            mail: String::new(),
            by_sheet: false,
            kind: self.kind,
            subject_name: self.subject_name,
            tax_code: self.tax_code,
            device_serial: self.device_serial,
            replaces: self.replaces,
            identity: None,
        })
    }

    /// The name that the certificate carries as its own (CN).
    pub fn common_name(&self) -> &str {
        match self.kind {
            SubjectKind::Person => &self.full_name,
            _ if self.subject_name.is_empty() => &self.organization,
            _ => &self.subject_name,
        }
    }

    /// What a certificate with these details in the place of `old` is revoked for: X.509 knows affiliationChanged for changed
    /// information about whom the subject belongs to, and superseded for a certificate that another has taken the place of.
    pub fn replacement_of(&self, old: &Self) -> Replacement {
        let belongs = |details: &Self| {
            [&details.organization, &details.organizational_unit, &details.title, &details.tax_code].map(String::clone)
        };
        if belongs(self) == belongs(old) { Replacement::Superseded } else { Replacement::AffiliationChanged }
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
            ("mail", &self.mail, 254),
            ("subject_name", &self.subject_name, 64),
            ("tax_code", &self.tax_code, 14),
            // RFC 5280, appendix A.1: ub-serial-number.
            ("device_serial", &self.device_serial, 64),
        ];
        for (field, value, longest) in bounds {
            if value.chars().count() > longest
                || value.chars().any(|letter| letter.is_control() || turns_direction(letter))
            {
                let vi = format!("Nội dung quá dài (tối đa {longest} ký tự) hoặc có ký tự không hợp lệ.");
                let en = format!("Too long (at most {longest} characters) or with characters that are not allowed.");
                return Err(RequestError::invalid(field, "too_long", vi, en).into());
            }
        }
        Ok(())
    }

    /// The person by the rules of the card, whichever road they came.
    fn check_person(&self, today: time::Date) -> Result<()> {
        let [day, month, year] = parts_of_date(&self.birth_date).ok_or_else(|| {
            let (vi, en) = ("Ngày sinh cần có dạng NĂM-THÁNG-NGÀY.", "The birth date is YYYY-MM-DD.");
            RequestError::invalid("birth_date", "birth_date_form", vi, en)
        })?;
        let (number, born) = (self.personal_number.reveal(), format!("{day}{month}{year}"));
        match card::person(number, &self.full_name, &born, Some(self.sex), today) {
            Ok(_) => Ok(()),
            Err(told) => Err(told.first().map_or_else(RequestError::try_again, |first| of_card(*first)).into()),
        }
    }

    /// The day of birth; none where the text is none.
    pub(super) fn born(&self) -> Option<time::Date> {
        time::Date::parse(&self.birth_date, time::macros::format_description!("[year]-[month]-[day]")).ok()
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
            mail: String::new(),
            by_sheet: false,
            kind: SubjectKind::Person,
            subject_name: String::new(),
            tax_code: String::new(),
            device_serial: String::new(),
            replaces: None,
            identity: None,
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

fn empty_of_person(field: &'static str, value: &str) -> Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    let (vi, en) = ("Loại chứng thư này không ghi mục này.", "Certificates of this kind do not name this.");
    Err(RequestError::invalid(field, "not_of_this_kind", vi, en).into())
}

/// `0100109106` or `0100109106-001`.
fn is_tax_code(text: &str) -> bool {
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|octet| octet.is_ascii_digit());
    match text.split_once('-') {
        None => digits(text, 10),
        Some((head, branch)) => digits(head, 10) && digits(branch, 3),
    }
}

/// Year, month and day of `YYYY-MM-DD`, the other way round, whatever day it is.
fn parts_of_date(date: &str) -> Option<[&str; 3]> {
    let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else { return None };
    let fits = [(year, 4), (month, 2), (day, 2)]
        .iter()
        .all(|(part, length)| part.len() == *length && part.bytes().all(|octet| octet.is_ascii_digit()));
    fits.then_some([day, month, year])
}

/// What does not fit, as a refusal.
fn of_card(error: CardError) -> RequestError {
    let code = match error {
        CardError::YearDiffers | CardError::CenturyDiffers | CardError::SexDiffers => "number_does_not_fit",
        CardError::NumberSequence => "number_sequence",
        CardError::NameNotLetters | CardError::NameMarks => "name_form",
        CardError::BirthDateFuture => "birth_date_future",
        CardError::BirthDateOld => "birth_date_old",
        CardError::BirthDateForm | CardError::BirthDateNoSuchDay | CardError::BirthDateLeap => "birth_date_form",
        _ => "person_form",
    };
    let said = error.said();
    RequestError::invalid(error.field().name(), code, said.vi, said.en)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TODAY: time::Date = time::macros::date!(2026 - 11 - 26);

    fn details() -> Details {
        let text = "001190012345||Nguyễn Thị Hồng Ưởng|05031990|Nữ|Số 1, Phường Hoàn Kiếm, Hà Nội|01012022";
        Details::from_card(&Card::parse(text, TODAY).unwrap())
    }

    #[test]
    fn a_card_fills_in_a_citizen() {
        let checked = details().checked(Hierarchy::Citizens, TODAY).unwrap();
        assert_eq!((checked.province.as_str(), checked.locality.as_str()), ("Hà Nội", "Phường Hoàn Kiếm"));
        assert!(details().checked(Hierarchy::Officials, TODAY).is_err());
    }

    #[test]
    fn a_telephone_number_is_one_that_a_message_reaches() {
        let phone = |phone: &str| Details { phone: phone.into(), ..details() }.checked(Hierarchy::Citizens, TODAY);
        let kept = phone(" 0912 345.678 ").unwrap();
        assert_eq!((kept.phone.as_str(), kept.masked_contact().as_str()), ("0912345678", "•••• 678"));
        assert!(phone("+84912345678").is_ok() && phone("").is_ok());
        for wrong in ["sai", "12345678", "0912345678a", "+"] {
            assert!(phone(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mail_address_takes_the_place_of_a_telephone() {
        let mail = |mail: &str| Details { mail: mail.into(), ..details() }.checked(Hierarchy::Citizens, TODAY);
        let kept = mail(" ntha@hanoi.gov.vn ").unwrap();
        assert_eq!((kept.mail.as_str(), kept.masked_contact().as_str()), ("ntha@hanoi.gov.vn", "n•••@hanoi.gov.vn"));
        for wrong in
            ["sai", "a@b", "a@hanoi.gov.vn\r\nBcc: b@evil.vn", "a b@hanoi.gov.vn", "ă@hanoi.gov.vn", "a@HANOI.gov.vn"]
        {
            assert!(mail(wrong).is_err(), "{wrong}");
        }
        let both = Details { phone: "0912345678".into(), ..kept };
        assert!(both.checked(Hierarchy::Citizens, TODAY).is_err());
        assert!(!serde_json::to_string(&details()).unwrap().contains("mail"));
    }

    #[test]
    fn decomposed_letters_become_one() {
        let decomposed = Details { full_name: " Nguye\u{302}\u{303}n   Va\u{306}n A ".into(), ..details() };
        assert_eq!(decomposed.checked(Hierarchy::Citizens, TODAY).unwrap().full_name, "Nguyễn Văn A");
    }

    #[test]
    fn a_seal_a_device_and_a_provider_name_an_organization() {
        let seal = Details {
            kind: SubjectKind::Seal,
            organization: "Ủy ban nhân dân thành phố Hà Nội".into(),
            tax_code: "0100109106-001".into(),
            ..details()
        };
        let checked = seal.clone().checked(Hierarchy::Officials, TODAY).unwrap();
        assert_eq!(checked.common_name(), "Ủy ban nhân dân thành phố Hà Nội");
        assert!(seal.clone().checked(Hierarchy::Citizens, TODAY).is_err());
        for wrong in ["", "123", "0100109106-1", "01001091060"] {
            assert!(
                Details { tax_code: wrong.into(), ..seal.clone() }.checked(Hierarchy::Officials, TODAY).is_err(),
                "{wrong}"
            );
        }
        let device = Details { kind: SubjectKind::Device, tax_code: String::new(), ..seal.clone() };
        assert!(device.clone().checked(Hierarchy::Officials, TODAY).is_err());
        let device = Details { subject_name: "Máy chủ liên thông 01".into(), ..device };
        assert_eq!(device.checked(Hierarchy::Officials, TODAY).unwrap().common_name(), "Máy chủ liên thông 01");
        let provider = Details { kind: SubjectKind::PaymentProvider, ..seal.clone() };
        assert!(provider.clone().checked(Hierarchy::Citizens, TODAY).is_ok());
        assert!(provider.checked(Hierarchy::Officials, TODAY).is_err());
        assert!(Details { tax_code: "0100109106".into(), ..details() }.checked(Hierarchy::Citizens, TODAY).is_err());
    }

    #[test]
    fn what_is_stored_of_a_person_says_nothing_of_kinds() {
        let text = serde_json::to_string(&details()).unwrap();
        assert!(!text.contains("kind") && !text.contains("replaces"), "{text}");
    }

    #[test]
    fn a_changed_unit_is_an_affiliation_and_a_changed_name_is_not() {
        let old = Details { organization: "Sở A".into(), title: "Chuyên viên".into(), ..details() };
        let moved = Details { organization: "Sở B".into(), ..old.clone() };
        assert_eq!(moved.replacement_of(&old), Replacement::AffiliationChanged);
        let renamed = Details { full_name: "Nguyễn Thị Hồng".into(), ..old.clone() };
        assert_eq!(renamed.replacement_of(&old), Replacement::Superseded);
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        assert!(Details { birth_date: "1991-03-05".into(), ..details() }.checked(Hierarchy::Citizens, TODAY).is_err());
        assert!(Details { sex: Sex::Male, ..details() }.checked(Hierarchy::Citizens, TODAY).is_err());
        assert!(Details { full_name: "x".repeat(65), ..details() }.checked(Hierarchy::Citizens, TODAY).is_err());
        let turned = "Nguyễn \u{202e}gnờưH".to_owned();
        assert!(Details { full_name: turned, ..details() }.checked(Hierarchy::Citizens, TODAY).is_err());
    }
}

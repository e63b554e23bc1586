//! What a certificate says or will say, in words a person checks: on the booth's screen, before an approval, and on the
//! subscriber's own device. Values come as they shall be shown; whoever fills them masks what is not to be seen.

use super::{Frame, rows::Row, texts};
use crate::registration::second::ON_SHEET;
use chuky_model::{
    card::Card,
    instant::Instant,
    request::{Hierarchy, SubjectKind},
};

/// The content of a certificate. Empty text is left out of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateContent {
    pub hierarchy: Hierarchy,
    /// CN, the holder's full name.
    pub common_name: String,
    /// The personal number as shown: [`grouped_number`] to staff who decide and to the subscriber who confirms, masked to everybody else.
    pub personal_number: String,
    /// `dd/mm/yyyy`; stands in no certificate, and is empty where it is not to be compared.
    pub birth_date: String,
    /// T, an official's title.
    pub title: String,
    /// O, the agency.
    pub organization: String,
    /// OU, the unit in it.
    pub organizational_unit: String,
    /// L.
    pub locality: String,
    /// ST.
    pub province: String,
    /// The key's algorithm, e.g. `ECDSA P-256`.
    pub algorithm: String,
    /// Days the certificate will be valid from its making.
    pub valid_days: u32,
    /// The issuing authority's name.
    pub issuer: String,
    pub further: Further,
}

/// What certificates of other than persons say besides, and what goes with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Further {
    pub kind: SubjectKind,
    /// Who answers for a seal, device or payment provider; not in the certificate.
    pub responsible: String,
    pub tax_code: String,
    pub device_serial: String,
    /// The certificate in force is revoked with the issue of this one.
    pub replaces: bool,
}

impl CertificateContent {
    /// The content as rows of label and value, in the order of the subject.
    pub fn rows(&self, frame: &Frame) -> Vec<Row> {
        let kind = match self.hierarchy {
            Hierarchy::Citizens => frame.say("hierarchy-citizens"),
            Hierarchy::Officials => frame.say("hierarchy-officials"),
        };
        let further = &self.further;
        let person = further.kind == SubjectKind::Person;
        let kind = if person { kind } else { frame.name_of("subject-kind", further.kind.name()) };
        let name = if person { "content-common-name" } else { "content-subject-name" };
        let replaces = if further.replaces { frame.say("content-replaces-text") } else { String::new() };
        let days = frame.fill("valid-days", &[("days", &texts::grouped(u64::from(self.valid_days)))]);
        let all = [
            (name, self.common_name.as_str()),
            ("content-personal-number", if person { &self.personal_number } else { "" }),
            ("content-birth-date-beside", if person { &self.birth_date } else { "" }),
            ("content-title", if person { &self.title } else { "" }),
            ("content-device-serial", &further.device_serial),
            ("content-organizational-unit", &self.organizational_unit),
            ("content-organization", &self.organization),
            ("content-tax-code", &further.tax_code),
            ("content-locality", &self.locality),
            ("content-province", &self.province),
            ("content-kind", &kind),
            ("content-algorithm", &self.algorithm),
            ("content-validity", if self.valid_days == 0 { "" } else { &days }),
            ("content-issuer", &self.issuer),
            ("content-replaces", &replaces),
            ("content-responsible", &further.responsible),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| Row::new(frame, label, value))
            .collect()
    }
}

/// A personal number in groups of three, as people read it from a card: `001 190 012 345`. Only for whoever holds the card.
pub fn grouped_number(number: &chuky_model::person::PersonalNumber) -> String {
    grouped_digits(number.reveal())
}

/// The same of its digits.
pub fn grouped_digits(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    digits.chunks(3).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// `05/03/1990` of `1990-03-05`.
pub fn day_on_screen(day: &str) -> String {
    day.split('-').rev().collect::<Vec<_>>().join("/")
}

/// A scanned card as rows that are compared with the card in the hand.
pub fn card_rows(card: &Card, frame: &Frame) -> Vec<Row> {
    let (day, month, year) = card.birth_date;
    vec![
        Row::new(frame, "content-common-name", &card.full_name),
        Row::new(frame, "content-personal-number", &grouped_number(&card.number)),
        Row::new(frame, "content-birth-date", &format!("{day:02}/{month:02}/{year:04}")),
        Row::new(frame, "content-sex", &card.sex),
        Row::new(frame, "content-address", &card.address),
    ]
}

/// A one-time code for the subscriber's own device, with its QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeCard {
    /// As shown and typed, e.g. `ABCD-EFGH-JKLM`.
    pub code: String,
    /// Where it is typed, as shown, e.g. `https://chuky.example/activate`.
    pub address: String,
    pub expires: Instant,
    /// The masked contact to which the second secret went, where one is asked for.
    pub sent_to: Option<String>,
    pub quick_response: Option<super::quick_response::QuickResponse>,
}

impl CodeCard {
    /// The code with its QR. The QR holds the code behind `#`, which browsers never send: it reaches no log.
    pub fn new(code: impl Into<String>, address: impl Into<String>, expires: Instant) -> Self {
        let (code, address) = (code.into(), address.into());
        let quick_response = super::quick_response::QuickResponse::of(&format!("{address}#{code}"));
        Self { code, address, expires, sent_to: None, quick_response }
    }

    fn expires_on_screen(&self) -> String {
        texts::screen_instant(self.expires)
    }

    /// Where the second secret went; empty where there is none.
    pub fn sent(&self, frame: &Frame) -> String {
        match self.sent_to.as_deref() {
            Some(ON_SHEET) => frame.say("code-second-sheet"),
            Some(contact) => frame.fill("code-second", &[("contact", contact)]),
            None => String::new(),
        }
    }

    /// The sentence that says until when the code can be used.
    pub fn until(&self, frame: &Frame) -> String {
        frame.fill("code-until", &[("time", &self.expires_on_screen())])
    }
}

//! `/booth`: one step at a time, from the card to the finished certificate, with the queue and today's count beside it.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`CardForm`] | `/booth/card` | the scanner's text, or the card's fields typed by hand |
//! | [`ConfirmForm`] | `/booth/requests` | the card's text, place of residence, what the operator has compared |
//! | withdraw | `/booth/requests/{id}/withdraw` | `csrf` |
//! | new code | `/booth/requests/{id}/code` | `csrf` |
//!
//! `GET /booth/requests/{id}` shows the step a request has reached; the page asks for it again by itself.

use super::{
    Frame, Problems,
    certificate::CodeCard,
    form::checked,
    problems::{Problem, Wording},
    rendered,
    rows::Row,
    texts,
};
use crate::{
    config::SecondCertificateRule,
    registration::admission::{EarlierCertificate, EarlierCertificates},
};
use askama::Template;
use chuky_model::{
    card::{CardError, CardField, CardNotice},
    id::RequestId,
    instant::Instant,
    record::state::CertificateState,
    request::RequestState,
};
use serde::Deserialize;

/// What the first step posts to `/booth/card`. The card's text wins over the typed fields.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct CardForm {
    pub csrf: String,
    pub card_text: String,
    pub full_name: String,
    pub personal_number: String,
    /// `dd/mm/yyyy`, as typed.
    pub birth_date: String,
    /// `Nam` or `Nữ`.
    pub sex: String,
    pub address: String,
}

impl CardForm {
    /// The card's text as a scanner would have read it, for [`chuky_model::card::Card::parse`].
    pub fn as_card_text(&self) -> String {
        if !self.card_text.trim().is_empty() {
            return self.card_text.trim().to_owned();
        }
        // A bar would shift the fields behind it.
        let clean = |text: &str| text.replace('|', " ").trim().to_owned();
        let parts: Vec<&str> = self.birth_date.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect();
        let birth_date = match parts.as_slice() {
            [day, month, year] => format!("{day:0>2}{month:0>2}{year}"),
            _ => clean(&self.birth_date),
        };
        let number: String = self.personal_number.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (name, address) = (clean(&self.full_name), clean(&self.address));
        format!("{}||{name}|{birth_date}|{}|{address}|", clean(&number), clean(&self.sex))
    }

    /// What does not fit, beside the field it is about: the scanned text as a whole, or the field that was typed.
    pub fn problems(&self, errors: &[CardError]) -> Problems {
        let scanned = !self.card_text.trim().is_empty();
        let place = |error: &CardError| match error.field() {
            _ if scanned => CardField::Whole.name(),
            // Who types by hand has no field for the text as a whole.
            CardField::Whole => CardField::Address.name(),
            field => field.name(),
        };
        let problem = |error: &CardError| Problem { field: place(error), wording: Wording::Said(error.said()) };
        Problems(errors.iter().map(problem).collect())
    }
}

/// What the second step posts to `/booth/requests`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    pub csrf: String,
    pub idempotency_key: String,
    pub card_text: String,
    pub province: String,
    pub locality: String,
    /// The citizen's own telephone, where the second secret goes; may be empty.
    pub phone: String,
    /// Why the request is entered although the population database says otherwise; asked for where it does.
    pub identity_ground: String,
    /// The operator has compared screen and card.
    #[serde(deserialize_with = "checked")]
    pub card_compared: bool,
    /// The operator has compared the card's picture and the person.
    #[serde(deserialize_with = "checked")]
    pub face_compared: bool,
}

/// One line of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    pub request: RequestId,
    pub name: String,
    pub state: RequestState,
    pub entered: Instant,
}

impl QueueRow {
    /// `10:05`, in Vietnam.
    fn clock(&self) -> String {
        self.entered.in_vietnam().map_or_else(String::new, |time| format!("{:02}:{:02}", time.hour(), time.minute()))
    }
}

/// Step 1: the card is read.
#[derive(Clone, Default)]
pub struct EnterStep {
    /// As typed before, when something did not fit.
    pub form: CardForm,
    /// Of the fields of [`CardForm`].
    pub problems: Problems,
}

/// Step 2: card, face and screen are compared.
#[derive(Clone)]
pub struct CompareStep {
    /// The card as read: [`super::certificate::card_rows`].
    pub rows: Vec<Row>,
    /// What is unusual about the card and no fault.
    pub notices: Vec<CardNotice>,
    /// What the register knows of the person's certificates.
    pub earlier: EarlierCertificates,
    pub form: ConfirmForm,
    /// Of the fields of [`ConfirmForm`].
    pub problems: Problems,
}

impl CompareStep {
    /// The earlier certificates of this unit, a sentence each.
    fn earlier_lines(&self, frame: &Frame) -> Vec<String> {
        let line = |one: &EarlierCertificate| {
            let day = one
                .not_after
                .in_vietnam()
                .map_or_else(String::new, |at| format!("{:02}/{:02}/{:04}", at.day(), u8::from(at.month()), at.year()));
            let key = match one.state {
                CertificateState::Revoked => "booth-earlier-revoked",
                _ if !one.is_in_force => "booth-earlier-over",
                CertificateState::Suspended => "booth-earlier-suspended",
                _ => "booth-earlier-in-force",
            };
            frame.fill(key, &[("serial", &one.serial), ("day", &day)])
        };
        let mut lines: Vec<String> = self.earlier.own.iter().map(line).collect();
        if self.earlier.elsewhere > 0 {
            lines.push(frame.fill("booth-earlier-elsewhere", &[("count", &self.earlier.elsewhere.to_string())]));
        }
        lines
    }

    /// What is done about one in force; empty where there is none or nothing is done.
    fn earlier_rule(&self, frame: &Frame) -> String {
        match self.earlier.rule {
            _ if !self.earlier.any_in_force() => String::new(),
            SecondCertificateRule::Refuse => frame.say("booth-earlier-refused"),
            SecondCertificateRule::Warn => frame.say("booth-earlier-warned"),
            SecondCertificateRule::Allow => String::new(),
        }
    }

    /// The request would not be taken.
    fn is_refused(&self) -> bool {
        self.earlier.rule == SecondCertificateRule::Refuse && self.earlier.any_in_force()
    }
}

/// Step 3: somebody else approves.
#[derive(Clone)]
pub struct ApprovalStep {
    pub request: RequestId,
    pub name: String,
}

/// Step 4: the citizen's own device redeems the code.
#[derive(Clone)]
pub struct CodeStep {
    pub request: RequestId,
    pub name: String,
    /// `None` where the code was shown before and is not kept: a new one can be asked for.
    pub code: Option<CodeCard>,
    /// The citizen has opened it and is choosing a PIN.
    pub opened: bool,
}

/// Step 5: the certificate is issued, or the request has ended otherwise.
#[derive(Clone)]
pub struct EndStep {
    pub name: String,
    pub state: RequestState,
    /// The certificate's serial, where one was issued.
    pub serial: Option<String>,
    /// Why it was rejected, where it was.
    pub reason: Option<String>,
}

/// Where the booth stands with the person in front of it.
#[derive(Clone)]
pub enum BoothStep {
    Enter(Box<EnterStep>),
    Compare(Box<CompareStep>),
    Approval(ApprovalStep),
    Code(Box<CodeStep>),
    End(EndStep),
}

impl BoothStep {
    /// 1 to 5.
    fn number(&self) -> usize {
        match self {
            Self::Enter(_) => 1,
            Self::Compare(_) => 2,
            Self::Approval(_) => 3,
            Self::Code(_) => 4,
            Self::End(_) => 5,
        }
    }
}

/// The booth's page.
#[derive(Clone, Template)]
#[template(path = "booth.html")]
pub struct BoothPage {
    pub frame: Frame,
    /// Certificates issued at this booth today.
    pub issued_today: u64,
    /// Requests entered at this booth today.
    pub entered_today: u64,
    /// Open requests of this booth, oldest first.
    pub queue: Vec<QueueRow>,
    pub step: BoothStep,
}

impl BoothPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut page = self.clone();
        match &mut page.step {
            BoothStep::Enter(step) => step.problems = step.problems.among(CARD_FIELDS),
            BoothStep::Compare(step) => step.problems = step.problems.among(CONFIRM_FIELDS),
            BoothStep::Approval(_) | BoothStep::Code(_) | BoothStep::End(_) => {}
        }
        rendered(&page)
    }

    fn counts(&self) -> String {
        let (issued, entered) = (texts::grouped(self.issued_today), texts::grouped(self.entered_today));
        self.frame.fill("booth-counts", &[("issued", &issued), ("entered", &entered)])
    }
}

/// The fields that have a place for their problems.
const CARD_FIELDS: &[&str] = &["card_text", "personal_number", "full_name", "birth_date", "sex", "address"];
const CONFIRM_FIELDS: &[&str] = &["card_compared", "face_compared", "identity_ground", "locality", "phone", "province"];

#[cfg(test)]
mod tests {
    use super::*;
    use chuky_model::card::Card;

    #[test]
    fn typed_fields_become_the_text_of_a_card() {
        let typed = CardForm {
            full_name: " Nguyễn Thị Hồng Ưởng ".into(),
            personal_number: "001 190 012 345".into(),
            birth_date: "5/3/1990".into(),
            sex: "Nữ".into(),
            address: "Số 1 Tràng Tiền | Hà Nội".into(),
            ..CardForm::default()
        };
        let today = time::macros::date!(2026 - 11 - 26);
        let card = Card::parse(&typed.as_card_text(), today).expect("the typed fields are those of a card");
        assert_eq!((card.full_name.as_str(), card.birth_date), ("Nguyễn Thị Hồng Ưởng", (5, 3, 1990)));
    }
}

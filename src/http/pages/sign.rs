//! `/sign`: a subscriber hands in a PDF, sees its pages and where the signature will stand, signs with a PIN, then downloads it with the
//! verdict of our own verifier beside it.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | the first | `/sign` (`multipart/form-data`) | `csrf`, `idempotency_key`, `secrecy` where it is asked for, `document` |
//! | [`ReviewForm`] | `/sign/{id}` | what was shown, what is chosen, the PIN |

use super::{
    Frame, Problems, VerdictCard,
    form::{Secret, percent_encoded},
    rendered,
    sheets::SheetsView,
    texts,
};
use crate::{custody::Demand, signing::sheets::Pages};
use askama::Template;
use chuky_model::{id::CredentialId, instant::Instant};
use serde::Deserialize;

/// How the signature shows on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// A plain box: signed by, when, which certificate.
    #[default]
    Citizen,
    /// A competent person's, as Decree 30/2020 has it.
    Official,
    /// An agency's seal, as Decree 30/2020 has it.
    Seal,
    /// Nothing on the page.
    Invisible,
    /// A copy's forms, and an appendix's.
    SaoY,
    SaoLuc,
    TrichSao,
    Appendix,
}

impl Look {
    const ALL: [Look; 8] = [
        Self::Citizen,
        Self::Official,
        Self::Seal,
        Self::SaoY,
        Self::SaoLuc,
        Self::TrichSao,
        Self::Appendix,
        Self::Invisible,
    ];

    /// The value in the form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Official => "official",
            Self::Seal => "seal",
            Self::Invisible => "invisible",
            Self::SaoY => "sao-y",
            Self::SaoLuc => "sao-luc",
            Self::TrichSao => "trich-sao",
            Self::Appendix => "appendix",
        }
    }

    /// The look of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|look| look.name() == name)
    }
}

/// Where on the page the signature stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
}

impl Place {
    /// Every place, in reading order.
    pub const ALL: [Place; 4] = [Self::TopLeft, Self::TopRight, Self::BottomLeft, Self::BottomRight];

    /// The value in the form.
    pub fn name(self) -> &'static str {
        match self {
            Self::TopLeft => "top-left",
            Self::TopRight => "top-right",
            Self::BottomLeft => "bottom-left",
            Self::BottomRight => "bottom-right",
        }
    }

    /// The place of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }
}

/// On which side of a text.
pub const SIDES: [&str; 4] = ["below", "above", "left", "right"];

/// A signature that the subscriber can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialChoice {
    pub credential: CredentialId,
    /// The certificate's holder, with title and agency where it has them.
    pub holder: String,
    /// Until when the certificate is valid.
    pub valid_until: Instant,
    /// Wrong tries that are left before the PIN is locked.
    pub tries_left: u32,
    /// Where the picture that is kept with it lies.
    pub picture: Option<String>,
    /// What signing with it takes beside the PIN.
    pub demand: Demand,
}

/// What the fields beside a PIN are for, of all credentials that a form offers.
pub trait TakesFactor {
    /// Whether a code of an authenticator app serves for one of them.
    fn take_code(&self) -> bool;
    /// Whether a passkey does.
    fn take_passkey(&self) -> bool;
    /// Whether one of them signs nothing before a factor is enrolled.
    fn lack_factor(&self) -> bool;
}

impl TakesFactor for [CredentialChoice] {
    fn take_code(&self) -> bool {
        self.iter().any(|choice| choice.demand.takes_code())
    }

    fn take_passkey(&self) -> bool {
        self.iter().any(|choice| choice.demand.takes_passkey())
    }

    fn lack_factor(&self) -> bool {
        self.iter().any(|choice| choice.demand.lacks())
    }
}

impl CredentialChoice {
    /// Whether a form chooses it: it was chosen before, or is the only one of so many.
    pub fn is_chosen(&self, chosen: &str, of: usize) -> bool {
        of == 1 || self.credential.to_string() == chosen
    }

    /// What the picture that is kept with it is.
    pub fn picture_words(&self, frame: &Frame) -> String {
        frame.fill("picture-of", &[("holder", &self.holder)])
    }

    /// Until when it is valid, and how many tries are left.
    pub fn note(&self, frame: &Frame) -> String {
        let until = texts::screen_day(&self.valid_until.rfc3339());
        frame.fill("sign-credential-note", &[("until", &until), ("left", &self.tries_left.to_string())])
    }
}

/// What was chosen before, when something did not fit. Never the PIN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignChoices {
    pub credential: Option<CredentialId>,
    pub look: Look,
    pub place: Place,
    /// `first`, `last` or a number; empty for `last`.
    pub page: String,
    /// A text beside which it stands instead, and on which side ([`SIDES`]).
    pub anchor: String,
    pub side: String,
    /// Of an appendix.
    pub document_number: String,
    pub reason: String,
    /// A code on the last page, and where.
    pub code: bool,
    pub code_place: CodePlace,
    /// What the document is called on the code's page.
    pub code_title: String,
    /// With the picture that is kept with the credential.
    pub kept_picture: bool,
}

/// Where the code stands: a corner, or the nearest place to it where nothing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePlace(pub Place);

impl Default for CodePlace {
    fn default() -> Self {
        Self(Place::BottomLeft)
    }
}

/// What the second form posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReviewForm {
    pub csrf: String,
    pub idempotency_key: String,
    /// Of the bytes that were shown, in hex.
    pub sha256: String,
    pub credential: String,
    /// [`Look`].
    pub look: String,
    /// `first`, `last`, or `number` with the number beside it.
    pub page: String,
    pub page_number: String,
    /// [`Place`].
    pub place: String,
    /// A text of the document beside which it stands instead, and on which side of it.
    pub anchor: String,
    pub side: String,
    /// Of an appendix: number and notation of the document that it belongs to.
    pub document_number: String,
    pub reason: String,
    /// `yes` for a code.
    pub code: String,
    pub code_place: String,
    pub code_title: String,
    /// `yes`: with the picture that is kept.
    pub kept_picture: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
}

impl ReviewForm {
    /// What is chosen.
    pub fn choices(&self) -> SignChoices {
        SignChoices {
            credential: self.credential.parse().ok(),
            look: Look::from_name(&self.look).unwrap_or_default(),
            place: Place::from_name(&self.place).unwrap_or_default(),
            page: if self.page == "number" { self.page_number.clone() } else { self.page.clone() },
            anchor: self.anchor.clone(),
            side: self.side.clone(),
            document_number: self.document_number.clone(),
            reason: self.reason.clone(),
            code: self.code == "yes",
            code_place: Place::from_name(&self.code_place).map(CodePlace).unwrap_or_default(),
            code_title: self.code_title.clone(),
            kept_picture: self.kept_picture == "yes",
        }
    }
}

/// What a picture of the page with the signature is asked with: of the form what shows on the page, and nothing that a log must not hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviewQuery {
    pub sha256: String,
    pub credential: String,
    pub look: String,
    pub page: String,
    pub page_number: String,
    pub place: String,
    pub anchor: String,
    pub side: String,
    pub document_number: String,
    pub code: String,
    pub code_place: String,
    pub kept_picture: String,
}

impl PreviewQuery {
    /// What is chosen.
    pub fn choices(&self) -> SignChoices {
        let form = ReviewForm {
            credential: self.credential.clone(),
            look: self.look.clone(),
            page: self.page.clone(),
            page_number: self.page_number.clone(),
            place: self.place.clone(),
            anchor: self.anchor.clone(),
            side: self.side.clone(),
            document_number: self.document_number.clone(),
            code: self.code.clone(),
            code_place: self.code_place.clone(),
            kept_picture: self.kept_picture.clone(),
            ..ReviewForm::default()
        };
        form.choices()
    }
}

/// Where a document is handed in.
#[derive(Clone, Template)]
#[template(path = "sign.html")]
pub struct SignPage {
    pub frame: Frame,
    /// Whether the subscriber has a signature; none leads to `/activate`.
    pub can_sign: bool,
    /// Whether the class is asked for.
    pub asks_class: bool,
    pub idempotency_key: String,
    /// Largest file taken, in bytes.
    pub largest_bytes: u64,
    /// Of the fields of the form.
    pub problems: Problems,
}

/// What will be signed, and the PIN.
#[derive(Clone, Template)]
#[template(path = "sign_review.html")]
pub struct ReviewPage {
    pub frame: Frame,
    pub sheets: SheetsView,
    /// Whether it can be taken away: it was never signed.
    pub removable: bool,
    /// What the subscriber can sign with; none leads to `/activate`.
    pub credentials: Vec<CredentialChoice>,
    /// Looks that are offered.
    pub looks: Vec<Look>,
    pub chosen: SignChoices,
    pub idempotency_key: String,
    /// Of the fields of the form.
    pub problems: Problems,
}

/// The signed document, ready to be downloaded.
#[derive(Clone, Template)]
#[template(path = "signed.html")]
pub struct SignedPage {
    pub frame: Frame,
    /// Name of the signed file.
    pub file: String,
    pub bytes: u64,
    /// Where it is downloaded.
    pub download: String,
    pub card: VerdictCard,
    /// The code on its page, and the path of the code's page.
    pub code: Option<(String, String)>,
}

impl SignPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["document", "secrecy"]), ..self.clone() })
    }

    fn hint(&self) -> String {
        self.frame.fill("sign-file-hint", &[("megabytes", &texts::grouped(self.largest_bytes / 1_000_000))])
    }
}

impl ReviewPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(REVIEW_FIELDS), ..self.clone() })
    }

    /// This page signs in a PDF only.
    fn is_pdf(&self) -> bool {
        self.sheets.shown.pages != Pages::OtherFormat
    }

    /// Whether a picture is kept with one of the signatures.
    fn has_picture(&self) -> bool {
        self.credentials.iter().any(|choice| choice.picture.is_some())
    }

    fn sides(&self) -> &'static [&'static str] {
        &SIDES
    }

    /// The side that is chosen, or the first.
    fn is_side(&self, side: &str) -> bool {
        if SIDES.contains(&self.chosen.side.as_str()) { self.chosen.side == side } else { side == SIDES[0] }
    }

    /// Whether an appendix can be signed: it needs the number of its document.
    fn has_appendix(&self) -> bool {
        self.looks.contains(&Look::Appendix)
    }

    fn uses_picture(&self) -> bool {
        self.chosen.kept_picture
    }

    fn draws(&self) -> bool {
        matches!(self.sheets.shown.pages, Pages::Drawn { .. })
    }

    /// Where the picture with the signature lies, for what is chosen now.
    fn preview(&self) -> String {
        let chosen = self.chosen.credential.or_else(|| self.credentials.first().map(|first| first.credential));
        let credential = chosen.map(|id| id.to_string()).unwrap_or_default();
        let page = if self.chosen.page.parse::<u32>().is_ok() { "number" } else { self.chosen.page.as_str() };
        format!(
            "{}/preview?sha256={}&credential={credential}&look={}&place={}&page={}&page_number={}&kept_picture={}&code={}&code_place={}&side={}&anchor={}&document_number={}",
            self.sheets.here,
            self.sheets.shown.sha256,
            self.chosen.look.name(),
            self.chosen.place.name(),
            if page == "first" || page == "number" { page } else { "last" },
            if page == "number" { self.chosen.page.as_str() } else { "" },
            if self.chosen.kept_picture { "yes" } else { "" },
            if self.chosen.code { "yes" } else { "" },
            self.chosen.code_place.0.name(),
            if SIDES.contains(&self.chosen.side.as_str()) { self.chosen.side.as_str() } else { SIDES[0] },
            percent_encoded(&self.chosen.anchor),
            percent_encoded(&self.chosen.document_number),
        )
    }

    /// The one chosen before, else the first.
    fn is_chosen(&self, choice: &CredentialChoice) -> bool {
        let chosen = self.chosen.credential.or_else(|| self.credentials.first().map(|first| first.credential));
        chosen == Some(choice.credential)
    }

    fn choice_note(&self, choice: &CredentialChoice) -> String {
        choice.note(&self.frame)
    }

    fn places(&self) -> &'static [Place] {
        &Place::ALL
    }

    /// The page's number, where a number was chosen.
    fn page_number(&self) -> &str {
        if matches!(self.chosen.page.as_str(), "first" | "last") { "" } else { &self.chosen.page }
    }
}

impl SignedPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn size(&self) -> String {
        self.frame.fill("file-size", &[("kilobytes", &texts::grouped(self.bytes.div_ceil(1_000)))])
    }
}

/// The fields that have a place for their problems.
const REVIEW_FIELDS: &[&str] =
    &["credential", "picture", "anchor", "document_number", "look", "page", "reason", "code", "pin", "totp"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::pages::gallery_sign;
    use axum::extract::Query;
    use chuky_model::text::Language;

    #[test]
    fn the_first_picture_is_of_everything_that_is_chosen() {
        let mut page = gallery_sign::review(Language::Vi, gallery_sign::drawn(), Problems::none());
        page.chosen = SignChoices {
            credential: Some(page.credentials[0].credential),
            look: Look::Appendix,
            place: Place::TopLeft,
            page: "3".into(),
            anchor: "CHỦ TỊCH & #1 ?x=y".into(),
            side: "left".into(),
            document_number: "12/QĐ-UBND+".into(),
            code: true,
            code_place: CodePlace(Place::TopRight),
            kept_picture: true,
            ..SignChoices::default()
        };
        let address = page.preview().parse().unwrap();
        let Query(asked) = Query::<PreviewQuery>::try_from_uri(&address).unwrap();
        assert_eq!(asked.sha256, page.sheets.shown.sha256);
        assert_eq!(asked.choices(), page.chosen);
    }
}

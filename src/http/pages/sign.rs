//! `/sign`: a subscriber signs a PDF with a PIN, then downloads it with the verdict of our own verifier beside it.
//! The form posts `multipart/form-data` to `/sign`: `csrf`, `idempotency_key`, `credential`, `document` (the file), `look`
//! ([`Look`]), `page` (`first`, `last`, or `number` with the number in `page_number`), `place` ([`Place`]), `reason`, `pin`, and `code` (`yes`)
//! with `code_place` and `code_title`.

use super::{Frame, Problems, VerdictCard, rendered, texts};
use askama::Template;
use chuky_model::{id::CredentialId, instant::Instant};

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
}

impl Look {
    /// The value in the form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Official => "official",
            Self::Seal => "seal",
            Self::Invisible => "invisible",
        }
    }

    /// The look of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Citizen, Self::Official, Self::Seal, Self::Invisible].into_iter().find(|look| look.name() == name)
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
}

impl CredentialChoice {
    /// Whether a form chooses it: it was chosen before, or is the only one of so many.
    pub fn is_chosen(&self, chosen: &str, of: usize) -> bool {
        of == 1 || self.credential.to_string() == chosen
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
    pub reason: String,
    /// A code on the last page, and where.
    pub code: bool,
    pub code_place: CodePlace,
    /// What the document is called on the code's page.
    pub code_title: String,
}

/// Where the code stands: a corner, or the nearest place to it where nothing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePlace(pub Place);

impl Default for CodePlace {
    fn default() -> Self {
        Self(Place::BottomLeft)
    }
}

/// The signing page.
#[derive(Clone, Template)]
#[template(path = "sign.html")]
pub struct SignPage {
    pub frame: Frame,
    /// What the subscriber can sign with; none leads to `/activate`.
    pub credentials: Vec<CredentialChoice>,
    /// Looks that are offered.
    pub looks: Vec<Look>,
    pub chosen: SignChoices,
    pub idempotency_key: String,
    /// Largest file taken, in bytes.
    pub largest_bytes: u64,
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
        rendered(&Self { problems: self.problems.among(SIGN_FIELDS), ..self.clone() })
    }

    fn hint(&self) -> String {
        self.frame.fill("sign-file-hint", &[("megabytes", &texts::grouped(self.largest_bytes / 1_000_000))])
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
const SIGN_FIELDS: &[&str] = &["document", "credential", "look", "page", "reason", "code", "pin"];

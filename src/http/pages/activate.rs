//! `/activate`, on the subscriber's own device: the code, then what the certificate will say with log-in and PIN to choose,
//! then the receipt. Three screens, no more.
//!
//! | form | posts to |
//! |---|---|
//! | [`CodeForm`] | `/activate` |
//! | [`ActivateForm`] | `/activate/confirm` |
//! | [`OwnKeyForm`] | `/activate/own-key` |
//! | [`RefuseForm`] | `/activate/refuse` |

use super::{
    Frame, Problems, certificate::CertificateContent, form::Secret, html, quick_response::QuickResponse, rendered,
    rows::Row, texts,
};
use crate::registration::{consent::Consent, second::ON_SHEET};
use askama::Template;
use axum::{http::StatusCode, response::Response};
use chuky_model::{instant::Instant, text::Bilingual};
use serde::Deserialize;

/// What the first screen posts to `/activate`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CodeForm {
    pub csrf: String,
    pub code: Secret,
}

/// What the second screen posts to `/activate/confirm`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ActivateForm {
    pub csrf: String,
    pub code: Secret,
    /// With which the receipt is shown again where the answer was lost on its way.
    pub receipt_key: Secret,
    pub login: String,
    pub password: Secret,
    /// What was sent to the subscriber's contact.
    pub second_secret: Secret,
    pub pin: Secret,
    pub pin_again: Secret,
    /// Digest of the content that was shown.
    pub confirmed: String,
    /// The subscriber has read the content and agrees: the version of the words beside the box; empty where it is not ticked.
    pub consent: String,
}

/// What the second screen posts to `/activate/own-key` where the key is the subscriber's own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnKeyForm {
    pub csrf: String,
    pub code: Secret,
    pub receipt_key: Secret,
    pub login: String,
    pub password: Secret,
    /// What was sent to the subscriber's contact.
    pub second_secret: Secret,
    /// PKCS #10, PEM.
    pub request: String,
    pub confirmed: String,
    pub consent: String,
}

/// What is posted to `/activate/refuse` where the content is wrong.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RefuseForm {
    pub csrf: String,
    pub code: Secret,
    pub refusal: String,
}

/// What shows, beside the code, that its subscriber redeems it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody yet: an account is made, and what was sent to this masked contact is asked for, where anything was.
    New(Option<String>),
    /// The subscriber, logged in: only the PIN is chosen.
    LoggedIn,
    /// Somebody who is not logged in to the subscriber's account.
    Stranger,
}

impl Holder {
    fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }

    fn is_stranger(&self) -> bool {
        *self == Self::Stranger
    }

    /// Says where the second secret was sent; empty where none is asked for.
    fn sent_text(&self, frame: &Frame) -> String {
        match self {
            Self::New(Some(place)) if place == ON_SHEET => frame.say("activate-second-sheet"),
            Self::New(Some(contact)) => frame.fill("activate-second-lead", &[("contact", contact)]),
            _ => String::new(),
        }
    }
}

/// First screen: the code. The script fills it in from the address's part behind `#`, which is never sent.
#[derive(Clone, Debug, Template)]
#[template(path = "activate_code.html")]
pub struct CodePage {
    pub frame: Frame,
    /// The certificate has just been refused.
    pub refused: bool,
    /// Of the field `code`.
    pub problems: Problems,
}

/// Second screen: what the certificate will say, and what only its holder chooses.
#[derive(Clone, Debug, Template)]
#[template(path = "activate_consent.html")]
pub struct ConsentPage {
    pub frame: Frame,
    /// The code, carried in a hidden field.
    pub code: Secret,
    /// Made for this redemption, carried in a hidden field.
    pub receipt_key: Secret,
    /// The personal number masked.
    pub content: CertificateContent,
    /// Of that content, carried in a hidden field.
    pub confirmed: String,
    /// The words that are agreed to.
    pub consent: Consent,
    /// The log-in name as typed before.
    pub login: String,
    pub holder: Holder,
    /// Fewest characters of a PIN and of a password.
    pub shortest_pin: u32,
    pub shortest_password: u32,
    /// Of the fields of [`ActivateForm`].
    pub problems: Problems,
}

/// Second screen for a device or payment provider: what the certificate will say, and the request of its key.
#[derive(Clone, Debug, Template)]
#[template(path = "activate_own_key.html")]
pub struct OwnKeyPage {
    pub frame: Frame,
    pub code: Secret,
    pub receipt_key: Secret,
    pub content: CertificateContent,
    pub confirmed: String,
    /// The words that are agreed to.
    pub consent: Consent,
    pub login: String,
    /// As pasted before.
    pub request: String,
    pub holder: Holder,
    pub shortest_password: u32,
    /// Of the fields of [`OwnKeyForm`].
    pub problems: Problems,
}

/// Third screen for a key of one's own: the certificate.
#[derive(Clone, Debug, Template)]
#[template(path = "activate_own_key_receipt.html")]
pub struct OwnKeyReceiptPage {
    pub frame: Frame,
    pub name: String,
    pub issuer: String,
    pub serial: String,
    /// RFC 3339.
    pub valid_from: String,
    pub valid_until: String,
    /// The certificate and those of its issuers, PEM.
    pub certificates: String,
    /// What of the request was not taken over.
    pub notices: Vec<Bilingual>,
    /// Address of the receipt as a file, for its holder, logged in.
    pub receipt: String,
    pub status: StatusLink,
}

/// Where anybody reads how a certificate stands, with its QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLink {
    /// The whole address.
    pub address: String,
    /// The same within this service.
    pub path: String,
    pub quick_response: Option<QuickResponse>,
}

impl StatusLink {
    /// Of the certificate with that serial number; `origin` is the service's public address.
    pub fn of(origin: &str, serial: &str) -> Self {
        let address = super::certificate_status::address(origin, serial);
        Self { quick_response: QuickResponse::of(&address), address, path: format!("/c/{serial}") }
    }
}

/// Third screen: the signature is ready.
#[derive(Clone, Debug, Template)]
#[template(path = "activate_receipt.html")]
pub struct ReceiptPage {
    pub frame: Frame,
    pub name: String,
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    pub valid_from: Instant,
    pub valid_until: Instant,
    pub issued: Instant,
    /// The log-in name that was chosen.
    pub login: String,
    /// Address of the receipt as a file, for its holder, logged in.
    pub receipt: String,
    pub status: StatusLink,
    /// How to suspend at once: a telephone number or address of the operator, empty where none is set.
    pub suspend_contact: String,
}

/// `GET /activate`.
pub async fn show(frame: Frame) -> Response {
    html(StatusCode::OK, CodePage { frame, refused: false, problems: Problems::none() }.html())
}

impl CodePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["code"]), ..self.clone() })
    }
}

impl ConsentPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(CONSENT_FIELDS), ..self.clone() })
    }

    fn pin_rule(&self) -> String {
        self.frame.fill("pin-rule", &[("shortest", &self.shortest_pin.to_string())])
    }

    fn password_rule(&self) -> String {
        self.frame.fill("password-rule", &[("shortest", &self.shortest_password.to_string())])
    }
}

impl OwnKeyPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self {
            problems: self.problems.among(&["consent", "login", "password", "request", "second_secret"]),
            ..self.clone()
        })
    }

    fn password_rule(&self) -> String {
        self.frame.fill("password-rule", &[("shortest", &self.shortest_password.to_string())])
    }
}

impl OwnKeyReceiptPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        let (from, until) = (texts::screen_day(&self.valid_from), texts::screen_day(&self.valid_until));
        let period = frame.fill("certificate-period", &[("from", &from), ("until", &until)]);
        vec![
            Row::new(frame, "content-subject-name", &self.name),
            Row::new(frame, "label-serial", &self.serial),
            Row::new(frame, "content-issuer", &self.issuer),
            Row::new(frame, "label-certificate-period", &period),
        ]
    }
}

impl ReceiptPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        let day = |instant: Instant| texts::screen_day(&instant.rfc3339());
        let period =
            frame.fill("certificate-period", &[("from", &day(self.valid_from)), ("until", &day(self.valid_until))]);
        vec![
            Row::new(frame, "content-common-name", &self.name),
            Row::new(frame, "label-serial", &self.serial),
            Row::new(frame, "content-issuer", &self.issuer),
            Row::new(frame, "label-certificate-period", &period),
            Row::new(frame, "receipt-issued", &texts::screen_instant(self.issued)),
            Row::new(frame, "field-login", &self.login),
        ]
    }

    fn suspend(&self) -> String {
        self.frame.fill("receipt-suspend-contact", &[("contact", &self.suspend_contact)])
    }
}

/// The fields that have a place for their problems.
const CONSENT_FIELDS: &[&str] = &["consent", "login", "password", "pin", "pin_again", "refusal", "second_secret"];

//! `/certificates`: a subscriber's certificates, with suspending at once behind a confirmation, and asking for the one that follows.
//! `/hotline`: staff find the certificates of somebody who calls, and suspend at once.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`SuspendForm`] | `/certificates/{serial}/suspend` | why |
//! | code of a request | `/certificates/requests/{id}/code` | `csrf` |
//! | renewal | `/certificates/{serial}/renew` | `csrf` |
//! | [`HotlineForm`] | `/hotline`, `/hotline/suspend` | who calls; which certificate, why, and what was asked |

use super::{Frame, Problems, certificate::CodeCard, rendered, rows::Row, texts};
use crate::foreign::ForeignView;
use askama::Template;
use chuky_model::{id::RequestId, record::state::CertificateState, request::RequestState};
use serde::Deserialize;

/// What the confirmation posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SuspendForm {
    pub csrf: String,
    pub ground: String,
}

/// What the hotline's forms post.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HotlineForm {
    pub csrf: String,
    /// Personal number of the caller, or serial number of the certificate.
    pub whom: String,
    pub serial: String,
    pub ground: String,
    pub asked_birth_date: Option<String>,
    pub asked_address: Option<String>,
    pub asked_agency: Option<String>,
    pub asked_last_signing: Option<String>,
    pub asked_called_back: Option<String>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub serial: String,
    pub holder: String,
    pub issuer: String,
    pub state: CertificateState,
    /// RFC 3339.
    pub not_before: String,
    pub not_after: String,
    pub revoked_at: Option<String>,
    pub expired: bool,
    /// The time has come to ask for the one that follows.
    pub renewable: bool,
    /// It ends soon, and no message could be sent about it.
    pub untold: bool,
    /// The certificate of the CA that issued it is revoked: nobody relies on it any more.
    pub issuer_revoked: bool,
}

impl Card {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let mut rows = vec![
            Row::new(frame, "label-serial", &self.serial),
            Row::new(frame, "content-issuer", &self.issuer),
            Row::new(frame, "certificate-valid-from", &texts::screen_day(&self.not_before)),
            Row::new(frame, "credential-valid-until", &texts::screen_day(&self.not_after)),
        ];
        if let Some(at) = &self.revoked_at {
            let label = if self.suspended() { "certificate-suspended-at" } else { "certificate-revoked-at" };
            rows.push(Row::new(frame, label, &texts::screen_time(at)));
        }
        rows
    }

    /// What the state is called on the page and in the styles.
    fn state_name(&self) -> &'static str {
        match self.state {
            CertificateState::Issued if self.issuer_revoked => "authority-revoked",
            CertificateState::Issued if self.expired => "expired",
            state => state.name(),
        }
    }

    fn suspended(&self) -> bool {
        self.state == CertificateState::Suspended
    }

    fn suspendable(&self) -> bool {
        self.state == CertificateState::Issued && !self.expired && !self.issuer_revoked
    }
}

/// A request of the reader's that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub request: RequestId,
    pub name: String,
    pub state: RequestState,
    /// The code, right after it was made.
    pub code: Option<CodeCard>,
}

impl Waiting {
    fn is_approved(&self) -> bool {
        self.state == RequestState::Approved
    }
}

/// The list.
#[derive(Clone, Template)]
#[template(path = "certificates.html")]
pub struct CertificatesPage {
    pub frame: Frame,
    pub cards: Vec<Card>,
    /// Those of other authorities.
    pub foreign: Vec<ForeignView>,
    pub waiting: Vec<Waiting>,
    /// What has just been done: `suspended`, `renewal`, `modification`, `foreign` or `foreign_waiting`; empty for nothing.
    pub done: String,
    pub problems: Problems,
}

impl CertificatesPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }

    fn done_text(&self) -> Option<String> {
        ["suspended", "renewal", "modification", "foreign", "foreign_waiting"]
            .contains(&self.done.as_str())
            .then(|| self.frame.name_of("certificate-done", &self.done))
    }
}

/// The confirmation before suspending one's own certificate.
#[derive(Clone, Template)]
#[template(path = "certificate_suspend.html")]
pub struct SuspendPage {
    pub frame: Frame,
    pub card: Card,
    pub problems: Problems,
}

impl SuspendPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }
}

/// The hotline.
#[derive(Clone, Template)]
#[template(path = "hotline.html")]
pub struct HotlinePage {
    pub frame: Frame,
    pub form: HotlineForm,
    /// Certificates of the caller, once they were looked up.
    pub cards: Vec<Card>,
    /// A certificate has just been suspended.
    pub done: bool,
    /// Of the fields `whom` and `asked`.
    pub problems: Problems,
}

impl HotlinePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["whom", "asked"]), ..self.clone() })
    }

    fn grounds(&self) -> [&'static str; 3] {
        GROUNDS
    }

    fn questions(&self) -> [&'static str; 5] {
        ["birth_date", "address", "agency", "last_signing", "called_back"]
    }
}

impl SuspendPage {
    fn grounds(&self) -> [&'static str; 3] {
        GROUNDS
    }
}

/// Why a holder suspends; the first is chosen where nothing is.
const GROUNDS: [&str; 3] = ["device_lost", "key_exposed", "subscriber_request"];

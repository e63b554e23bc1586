//! `/registration`: the registrar enters officials, seals, devices and payment providers, an approver sees exactly what would be certified and decides.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`OfficialForm`] | `/registration/new` | the official as the certificate shall name them |
//! | approve | `/registration/{id}/approve` | `csrf`, `content_digest` of what was shown |
//! | reject | `/registration/{id}/reject` | `csrf`, `content_digest`, `reason` |
//! | new code | `/registration/{id}/code` | `csrf` |

use super::{
    Frame, Problems,
    certificate::{CertificateContent, CodeCard},
    rendered,
    rows::Row,
    texts,
};
use crate::{
    identity::{Finding, Outcome},
    registration::IdentityView,
};
use askama::Template;
use chuky_model::{
    id::RequestId,
    instant::Instant,
    person::Sex,
    request::{RequestState, SubjectKind},
};
use serde::Deserialize;

/// What a registrar posts to `/registration/new`, and whoever asks for a change of information to `/certificates/{serial}/modify`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct OfficialForm {
    pub csrf: String,
    pub idempotency_key: String,
    /// What the certificate is to name, by [`SubjectKind::name`]; a person where nothing is said.
    pub kind: String,
    pub subject_name: String,
    pub tax_code: String,
    pub device_serial: String,
    pub full_name: String,
    pub personal_number: String,
    /// `dd/mm/yyyy`, as typed; see [`super::form::iso_date`].
    pub birth_date: String,
    pub title: String,
    pub organization: String,
    pub organizational_unit: String,
    pub locality: String,
    pub province: String,
    pub phone: String,
    /// Of somebody without a telephone.
    pub mail: String,
    /// Why it is entered although the population database says otherwise; asked for where it does.
    pub identity_ground: String,
}

/// What a decision posts to `/registration/{id}/approve` or `/reject`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DecisionForm {
    pub csrf: String,
    /// Hex of the digest of what the page showed: only that is approved.
    pub content_digest: String,
    /// The passkey's answer, where one was asked: JSON.
    pub assertion: String,
    /// Why, where rejected.
    pub reason: String,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    pub request: RequestId,
    pub name: String,
    /// The agency, or the locality for a citizen.
    pub place: String,
    pub state: RequestState,
    /// Display name of whoever entered it.
    pub entered_by: String,
    pub entered: Instant,
    /// The reader may decide it now.
    pub decidable: bool,
}

impl RequestRow {
    fn entered_on_screen(&self) -> String {
        texts::screen_instant(self.entered)
    }
}

/// The list of requests.
#[derive(Clone, Template)]
#[template(path = "registration.html")]
pub struct RegistrationPage {
    pub frame: Frame,
    /// The state the list is narrowed to (`?state=`), or all.
    pub filter: Option<RequestState>,
    pub rows: Vec<RequestRow>,
    /// Address of the next page of the list.
    pub next: Option<String>,
    /// The reader may enter requests.
    pub may_enter: bool,
}

impl RegistrationPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn states(&self) -> &'static [RequestState] {
        &RequestState::ALL
    }

    fn chosen(&self, state: &RequestState) -> bool {
        self.filter == Some(*state)
    }
}

impl OfficialForm {
    /// The kind that was chosen.
    pub fn subject_kind(&self) -> Option<SubjectKind> {
        if self.kind.is_empty() { Some(SubjectKind::Person) } else { SubjectKind::from_name(&self.kind) }
    }

    fn is_person(&self) -> bool {
        self.subject_kind() == Some(SubjectKind::Person)
    }

    fn is_device(&self) -> bool {
        self.subject_kind() == Some(SubjectKind::Device)
    }
}

/// The form for a new official, seal, device or payment provider.
#[derive(Clone, Template)]
#[template(path = "registration_new.html")]
pub struct OfficialPage {
    pub frame: Frame,
    pub form: OfficialForm,
    /// Of the fields of [`OfficialForm`].
    pub problems: Problems,
}

impl OfficialPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(OFFICIAL_FIELDS), ..self.clone() })
    }

    fn kinds(&self) -> [SubjectKind; 4] {
        SubjectKind::ALL
    }

    fn is_chosen(&self, kind: &SubjectKind) -> bool {
        self.form.subject_kind() == Some(*kind)
    }
}

/// The form that changes what a certificate says.
#[derive(Clone, Template)]
#[template(path = "certificate_modify.html")]
pub struct ModifyPage {
    pub frame: Frame,
    pub serial: String,
    /// Filled with what the certificate says now. Who the person is cannot be changed.
    pub form: OfficialForm,
    /// A citizen's, who has neither agency nor title.
    pub citizen: bool,
    /// Of the fields of [`OfficialForm`].
    pub problems: Problems,
}

impl ModifyPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(OFFICIAL_FIELDS), ..self.clone() })
    }
}

/// Who the subscriber is, to be compared with the papers by whoever decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Papers {
    pub full_name: String,
    /// All digits, in groups.
    pub personal_number: String,
    /// `dd/mm/yyyy`.
    pub birth_date: String,
    pub sex: Sex,
    /// The whole number or mail address; empty where the request names none.
    pub phone: String,
}

impl Papers {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let sex = frame.say(if self.sex == Sex::Male { "sex-male" } else { "sex-female" });
        let all = [
            ("content-common-name", self.full_name.as_str()),
            ("content-personal-number", &self.personal_number),
            ("content-birth-date", &self.birth_date),
            ("content-sex", &sex),
            ("papers-phone", &self.phone),
        ];
        let filled = all.into_iter().filter(|(_, value)| !value.is_empty());
        filled.map(|(label, value)| Row::new(frame, label, value)).collect()
    }
}

/// Whether the reader may decide, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The reader may approve or reject.
    Offered,
    /// The reader entered it: somebody else must decide.
    OwnEntry,
    /// The reader is no approver.
    NotApprover,
    /// It is decided.
    Made,
}

/// One request, with exactly what would be certified.
#[derive(Clone, Template)]
#[template(path = "registration_request.html")]
pub struct RequestPage {
    pub frame: Frame,
    pub request: RequestId,
    pub state: RequestState,
    pub content: CertificateContent,
    /// Hex of the digest of the content, which approval is bound to.
    pub content_digest: String,
    /// For whoever may decide now.
    pub papers: Option<Papers>,
    /// The masked telephone number to which the second secret goes.
    pub contact: String,
    /// What the identity check came to, where one is recorded.
    pub identity: Option<IdentityView>,
    pub entered_by: String,
    pub entered: Instant,
    /// Who decided and when, where somebody did.
    pub decided: Option<(String, Instant)>,
    /// Why it was rejected, where it was.
    pub rejection: Option<String>,
    pub decision: Decision,
    /// The one-time code, right after it was made.
    pub code: Option<CodeCard>,
    /// The issued certificate whose information the reader may ask to have changed.
    pub modifiable: Option<String>,
    /// A new code may be made: approved, not redeemed.
    pub may_make_code: bool,
    /// The reader may have its form of Decree 68/2024 filled.
    pub has_form: bool,
    /// Of the field `reason` and the form as a whole.
    pub problems: Problems,
}

impl RequestPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["reason"]), ..self.clone() })
    }

    /// The code is handed on by somebody else.
    fn code_is_elsewhere(&self) -> bool {
        self.state == RequestState::Approved && !self.may_make_code
    }

    fn identity_rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        let Some(check) = &self.identity else { return Vec::new() };
        let fields: Vec<_> = check.fields.iter().map(|field| frame.name_of("identity-field", field.name())).collect();
        let finding = frame.name_of("identity-finding", check.finding.name());
        let finding = if fields.is_empty() { finding } else { format!("{finding}: {}", fields.join(", ")) };
        let when = Instant::parse_rfc3339(&check.at).map(texts::screen_instant).unwrap_or_default();
        let all = [
            ("identity-outcome", frame.name_of("identity-outcome", check.outcome.name())),
            ("identity-finding", finding),
            ("identity-when", when),
            ("identity-ground", check.ground.clone()),
        ];
        let filled = all.iter().filter(|(_, value)| !value.is_empty());
        filled.map(|(label, value)| Row::new(frame, label, value)).collect()
    }

    /// The check failed, or was not done by the database that should have: whoever decides looks twice.
    fn identity_warns(&self) -> bool {
        self.identity
            .as_ref()
            .is_some_and(|check| check.outcome == Outcome::Failed || check.finding == Finding::Unavailable)
    }

    fn road(&self) -> Vec<Row> {
        let frame = &self.frame;
        let by = |who: &str, when: Instant| {
            frame.fill("by-and-when", &[("who", who), ("when", &texts::screen_instant(when))])
        };
        let mut rows = vec![Row::new(frame, "road-entered", &by(&self.entered_by, self.entered))];
        if !self.contact.is_empty() && self.papers.is_none() {
            rows.push(Row::new(frame, "road-contact", &self.contact));
        }
        if let Some((who, when)) = &self.decided {
            rows.push(Row::new(frame, "road-decided", &by(who, *when)));
        }
        if let Some(reason) = &self.rejection {
            rows.push(Row::new(frame, "road-rejection", reason));
        }
        rows
    }
}

/// The fields that have a place for their problems.
const OFFICIAL_FIELDS: &[&str] = &[
    "full_name",
    "personal_number",
    "birth_date",
    "title",
    "organization",
    "organizational_unit",
    "locality",
    "province",
    "phone",
    "mail",
    "identity_ground",
    "subject_name",
    "tax_code",
    "device_serial",
];

//! `/documents`: outgoing documents. Inboxes by role, one line a document with the next action; a document with its road as steps; the form
//! of a new one.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`NewDocumentForm`] with the file | `/documents` | class, what it is, who acts, whom it goes to |
//! | [`StepForm`] | `/documents/{id}/{step}` | a reason or remark, or a key with its PIN |
//! | [`BatchForm`] | `/documents/sign` | a key with its PIN, and the documents chosen |

use super::{
    Frame, Problems,
    form::Secret,
    rendered,
    rows::Row,
    sheets::SheetsView,
    sign::{CredentialChoice, TakesFactor},
    texts,
};
use askama::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the form of a new document holds beside the file.
#[derive(Clone, Debug, Default)]
pub struct NewDocumentForm {
    pub subject: String,
    pub type_code: String,
    pub type_name: String,
    pub notation: String,
    pub series: String,
    pub place: String,
    /// Log-in names with commas, one after the other.
    pub initials: String,
    pub signers: String,
    /// Whether those who sign do so in any order.
    pub parallel: bool,
    /// Whether the first signature puts a code on the last page.
    pub verification_code: bool,
    /// One a line: code, space, name.
    pub recipients: String,
}

/// What a step posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StepForm {
    pub csrf: String,
    /// Why, or a remark.
    pub reason: String,
    /// Further ones, one a line: code, space, name.
    pub recipients: String,
    pub credential: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
    /// `yes`: with the picture that is kept.
    pub kept_picture: String,
    /// Of what was shown.
    pub content_sha256: String,
}

/// What a batch posts: `document-ID` with the digest of what was shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BatchForm {
    pub csrf: String,
    pub credential: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
    /// `yes`: with the picture that is kept.
    pub kept_picture: String,
    #[serde(flatten)]
    pub chosen: BTreeMap<String, String>,
}

/// One document in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    pub document: String,
    pub subject: String,
    pub type_name: String,
    pub code: Option<String>,
    pub state: String,
    pub urgency: &'static str,
    pub drafted_by: String,
    /// RFC 3339.
    pub due_at: Option<String>,
    pub overdue: bool,
    /// What the reader may do now.
    pub action: Option<String>,
    pub content_sha256: String,
}

impl DocumentRow {
    /// Type and number in one line.
    fn what(&self) -> String {
        match &self.code {
            Some(code) => format!("{} {code}", self.type_name),
            None => self.type_name.clone(),
        }
    }

    fn due(&self, frame: &Frame) -> String {
        let Some(due) = &self.due_at else { return String::new() };
        let key = if self.overdue { "outgoing-overdue" } else { "outgoing-due" };
        frame.fill(key, &[("when", &texts::screen_time(due))])
    }
}

/// An inbox with its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// `to-sign` and so on.
    pub name: &'static str,
    pub rows: Vec<DocumentRow>,
}

/// What became of one document of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub document: String,
    pub subject: String,
    pub signed: bool,
    pub detail: String,
}

/// The inboxes.
#[derive(Clone, Template)]
#[template(path = "documents.html")]
pub struct DocumentsPage {
    pub frame: Frame,
    pub inboxes: Vec<Inbox>,
    /// With which the reader signs several at once.
    pub credentials: Vec<CredentialChoice>,
    /// What became of the batch that was just signed.
    pub outcomes: Vec<Outcome>,
    /// Whether the reader keeps the agency's registers.
    pub is_clerk: bool,
    /// Of the form as a whole, `credential` and `pin`.
    pub problems: Problems,
}

/// One step of the road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `initials`, `sign`, `number`, `seal`, `send` or `publish`.
    pub kind: String,
    /// Who; empty for the agency's clerk.
    pub name: String,
    /// `planned`, `waiting`, `done` or `refused`.
    pub state: &'static str,
    /// RFC 3339.
    pub at: Option<String>,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The event's name without its noun.
    pub kind: String,
    pub name: String,
    pub at: String,
    pub note: Option<String>,
}

/// A recipient with what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub organ_id: String,
    pub name: String,
    pub delivered_at: Option<String>,
    pub status: Option<String>,
    pub status_note: Option<String>,
    pub status_at: Option<String>,
}

impl Recipient {
    fn said(&self, frame: &Frame) -> String {
        let Some(status) = &self.status else {
            let delivered = self.delivered_at.as_ref();
            return delivered.map_or_else(
                || frame.say("outgoing-not-delivered"),
                |at| frame.fill("outgoing-delivered", &[("when", &texts::screen_time(at))]),
            );
        };
        let when = self.status_at.as_deref().map(texts::screen_time).unwrap_or_default();
        let word = frame.name_of("edoc-status", status);
        frame.fill("outgoing-status-at", &[("status", &word), ("when", &when)])
    }
}

/// What was posted and refused, to be shown again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// As in the address it was posted to.
    pub step: String,
    pub reason: String,
    pub recipients: String,
}

/// One document with its road.
#[derive(Clone, Template)]
#[template(path = "document.html")]
pub struct DocumentPage {
    pub frame: Frame,
    pub row: DocumentRow,
    /// What the next one acts on; `None` where it cannot be shown now.
    pub sheets: Option<SheetsView>,
    /// What was posted and refused.
    pub again: Again,
    pub place: String,
    /// What the clerk writes behind the number, and the register that gives it.
    pub designation: String,
    pub series: String,
    pub agency: Option<String>,
    pub issued_at: Option<String>,
    pub marks_searched: bool,
    pub steps: Vec<Step>,
    pub history: Vec<Happened>,
    pub recipients: Vec<Recipient>,
    pub credentials: Vec<CredentialChoice>,
    pub may_refuse: bool,
    pub may_withdraw: bool,
    pub may_recall: bool,
    pub may_publish: bool,
    pub may_add_recipients: bool,
    pub may_fetch_package: bool,
    /// Of `reason`, `recipients`, `credential`, `pin` and the form as a whole.
    pub problems: Problems,
}

/// The form of a new document.
#[derive(Clone, Template)]
#[template(path = "document_new.html")]
pub struct NewDocumentPage {
    pub frame: Frame,
    pub form: NewDocumentForm,
    /// Of the fields of [`NewDocumentForm`], `secrecy` and `document`.
    pub problems: Problems,
}

impl DocumentsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["credential", "picture", "pin", "totp"]), ..self.clone() })
    }

    fn is_empty(&self) -> bool {
        self.filled().is_empty()
    }

    /// Those with something in them.
    fn filled(&self) -> Vec<&Inbox> {
        self.inboxes.iter().filter(|inbox| !inbox.rows.is_empty()).collect()
    }

    fn has_picture(&self) -> bool {
        self.credentials.iter().any(|choice| choice.picture.is_some())
    }

    fn uses_picture(&self) -> bool {
        true
    }

    /// Whether this inbox is signed at once.
    fn is_batch(&self, inbox: &Inbox) -> bool {
        inbox.name == "to-sign" && !self.credentials.is_empty()
    }

    /// What the picture beside a document of the batch is.
    fn first_sheet(&self, row: &DocumentRow) -> String {
        self.frame.fill("sheets-first", &[("subject", &row.subject)])
    }

    fn action(&self, row: &DocumentRow) -> String {
        self.frame.name_of("outgoing-action", row.action.as_deref().unwrap_or("look"))
    }
}

impl DocumentPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let of_form: &[&str] = match self.again.step.as_str() {
            "refuse" | "withdraw" | "recall" => &["reason"],
            "recipients" => &["recipients"],
            _ => &["credential", "picture", "pin", "totp"],
        };
        rendered(&Self { problems: self.problems.among(of_form), ..self.clone() })
    }

    /// Whether that form was refused.
    fn is_again(&self, step: &str) -> bool {
        self.again.step == step
    }

    /// Whether there is something to do that can be done: nobody acts on content that cannot be shown.
    fn may_act(&self) -> bool {
        let on_content = matches!(self.row.action.as_deref(), Some("initial" | "sign" | "number" | "seal"));
        self.row.action.is_some() && (self.sheets.is_some() || !on_content)
    }

    fn rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        let mut rows = vec![Row::new(frame, "outgoing-what", &self.row.what())];
        if let Some(agency) = &self.agency {
            rows.push(Row::new(frame, "outgoing-agency", agency));
        }
        if let Some(issued) = &self.issued_at {
            let shown = format!("{}, {}", self.place, texts::screen_day(issued));
            rows.push(Row::new(frame, "outgoing-issued", &shown));
        } else {
            // What is written into the document after it was signed, for whoever signs it to see before.
            let number = frame.fill("outgoing-number-to-come", &[("designation", &self.designation)]);
            rows.push(Row::new(frame, "outgoing-number-field", &number));
            let date = frame.fill("outgoing-date-to-come", &[("place", &self.place)]);
            rows.push(Row::new(frame, "outgoing-date-field", &date));
            rows.push(Row::new(frame, "outgoing-series", &self.series));
        }
        if self.row.urgency != "normal" {
            rows.push(Row::new(frame, "outgoing-urgency", &frame.name_of("urgency", self.row.urgency)));
        }
        rows.push(Row::new(frame, "outgoing-drafter", &self.row.drafted_by));
        if let Some(due) = &self.row.due_at {
            let key = if self.row.overdue { "outgoing-was-due" } else { "outgoing-to-do-by" };
            rows.push(Row::new(frame, key, &texts::screen_time(due)));
        }
        rows
    }

    /// Who does a step, and when it was done.
    fn who(&self, step: &Step) -> String {
        let name = if step.name.is_empty() { self.frame.say("outgoing-clerk") } else { step.name.clone() };
        match &step.at {
            Some(at) => self.frame.fill("by-and-when", &[("who", &name), ("when", &texts::screen_time(at))]),
            None => name,
        }
    }

    fn when(&self, happened: &Happened) -> String {
        let when = texts::screen_time(&happened.at);
        self.frame.fill("by-and-when", &[("who", &happened.name), ("when", &when)])
    }

    fn has_picture(&self) -> bool {
        self.credentials.iter().any(|choice| choice.picture.is_some())
    }

    fn uses_picture(&self) -> bool {
        true
    }

    /// The step that the reader takes now, where it needs a key.
    fn signs(&self) -> bool {
        matches!(self.row.action.as_deref(), Some("sign" | "seal"))
    }

    /// Where the next action posts to.
    fn target(&self) -> &str {
        match self.row.action.as_deref() {
            Some("initial") => "initials",
            Some(action) => action,
            None => "",
        }
    }
}

impl NewDocumentPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(NEW_FIELDS), ..self.clone() })
    }
}

const NEW_FIELDS: &[&str] =
    &["document", "secrecy", "subject", "type_code", "type_name", "notation", "series", "place", "steps", "recipients"];

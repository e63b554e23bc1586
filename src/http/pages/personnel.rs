//! `/personnel`: what happened to an official, its effect before anything is done, and the decision of another person.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`PersonnelForm`] | `/personnel/preview`, `/personnel` | what happened, to whom, from when; the second with the digest of what was shown |
//! | decisions | `/personnel/{id}/approve`, `/refuse`, `/withdraw` | [`PersonnelForm`] |

use super::{Frame, Problems, rendered, rows::Row, texts};
use crate::personnel::{Action, Certificates, Effect, OrderView, Preview};
use askama::Template;
use chuky_model::{
    record::state::{PersonnelKind, PersonnelState},
    role::Role,
};
use chuky_pki::crl::Reason;
use serde::Deserialize;

/// What the forms post.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PersonnelForm {
    pub csrf: String,
    pub idempotency_key: String,
    pub kind: String,
    pub account: String,
    pub from_unit: String,
    pub unit: String,
    pub title: String,
    pub from: String,
    pub certificates: String,
    pub ground: String,
    pub content_digest: String,
    pub reason: String,
    /// Of whoever decides by passkey.
    pub assertion: String,
}

/// The orders.
#[derive(Clone, Template)]
#[template(path = "personnel.html")]
pub struct PersonnelPage {
    pub frame: Frame,
    pub orders: Vec<OrderView>,
    pub next: Option<String>,
    pub may_enter: bool,
}

/// The form of a new one.
#[derive(Clone, Template)]
#[template(path = "personnel_new.html")]
pub struct NewPersonnelPage {
    pub frame: Frame,
    pub form: PersonnelForm,
    /// Of the form's fields.
    pub problems: Problems,
}

/// What it would bring.
#[derive(Clone, Template)]
#[template(path = "personnel_preview.html")]
pub struct PreviewPage {
    pub frame: Frame,
    pub form: PersonnelForm,
    pub preview: Preview,
    pub problems: Problems,
}

/// One order.
#[derive(Clone, Template)]
#[template(path = "personnel_order.html")]
pub struct PersonnelOrderPage {
    pub frame: Frame,
    pub order: OrderView,
    /// Of the field `reason`.
    pub problems: Problems,
}

impl PersonnelPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

impl NewPersonnelPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields = ["account", "from_unit", "unit", "title", "from", "certificates", "ground"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }

    fn kinds(&self) -> &'static [PersonnelKind] {
        PersonnelKind::ALL
    }

    fn kind(&self) -> PersonnelKind {
        PersonnelKind::from_name(&self.form.kind).unwrap_or(PersonnelKind::Transfer)
    }

    fn is_merger(&self) -> bool {
        self.kind() == PersonnelKind::Merger
    }

    fn moves(&self) -> bool {
        matches!(self.kind(), PersonnelKind::Merger | PersonnelKind::Transfer)
    }

    fn changes_title(&self) -> bool {
        self.kind() == PersonnelKind::Title
    }

    /// What may become of the certificates; nothing to choose where there is one way.
    fn choices(&self) -> Vec<&'static str> {
        let fitting = Certificates::ALL.into_iter().filter(|one| one.fits(self.kind()));
        let names: Vec<_> = fitting.map(Certificates::name).collect();
        if names.len() > 1 { names } else { Vec::new() }
    }

    fn is_chosen(&self, name: &str) -> bool {
        match self.form.certificates.as_str() {
            "" => self.choices().first() == Some(&name),
            chosen => chosen == name,
        }
    }
}

impl PreviewPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }

    fn rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        vec![
            Row::new(frame, "personnel-kind-label", &frame.name_of("personnel-kind", &self.form.kind)),
            Row::new(frame, "personnel-from", &texts::screen_day(&self.preview.effective_at)),
            Row::new(frame, "personnel-ground", &self.form.ground),
        ]
    }
}

impl PersonnelOrderPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["reason"]), ..self.clone() })
    }

    fn rows(&self) -> Vec<Row> {
        let (frame, order) = (&self.frame, &self.order);
        let mut rows = vec![
            Row::new(frame, "personnel-from", &texts::screen_day(&order.effective_at)),
            Row::new(frame, "personnel-ground", &order.ground),
            Row::new(frame, "personnel-unit", &order.unit),
            Row::new(frame, "personnel-certificates", &frame.name_of("personnel-choice", order.certificates.name())),
        ];
        if !order.unit_after.is_empty() {
            rows.push(Row::new(frame, "personnel-unit-after", &order.unit_after));
        }
        if !order.title.is_empty() {
            rows.push(Row::new(frame, "personnel-title-new", &order.title));
        }
        rows
    }

    fn road(&self) -> Vec<Row> {
        let (frame, order) = (&self.frame, &self.order);
        let mut rows = vec![
            Row::new(frame, "personnel-entered-by", &order.entered_by),
            Row::new(frame, "personnel-entered-at", &texts::screen_time(&order.entered_at)),
        ];
        if let Some(by) = &order.decided_by {
            rows.push(Row::new(frame, "personnel-decided-by", by));
        }
        if let Some(at) = &order.decided_at {
            rows.push(Row::new(frame, "personnel-decided-at", &texts::screen_time(at)));
        }
        match &order.finished_at {
            Some(at) => rows.push(Row::new(frame, "personnel-finished-at", &texts::screen_time(at))),
            None => rows.push(Row::new(frame, "personnel-due-at", &texts::screen_time(&order.due_at))),
        }
        rows
    }

    fn is_open(&self) -> bool {
        self.order.state == PersonnelState::Open
    }

    fn waits_for_its_day(&self) -> bool {
        self.order.state == PersonnelState::Approved
    }
}

impl OrderView {
    /// The colour of its state.
    pub fn state_class(&self) -> &'static str {
        match self.state {
            PersonnelState::Open => "submitted",
            PersonnelState::Approved => "approved",
            PersonnelState::Done => "issued",
            PersonnelState::Refused | PersonnelState::Withdrawn => "rejected",
        }
    }
}

impl Effect {
    /// What the page says of it, one sentence each.
    pub fn sentences(&self, frame: &Frame) -> Vec<String> {
        let names = |roles: &[Role]| {
            let names: Vec<String> = roles.iter().map(|role| frame.name_of("role", role.name())).collect();
            names.join(", ")
        };
        let mut said = Vec::new();
        for one in &self.certificates {
            let serial = one.serial.as_str();
            let reason = match one.reason {
                Some(Reason::AffiliationChanged) => frame.say("reason-affiliation-changed"),
                Some(Reason::Superseded) => frame.say("reason-superseded"),
                Some(_) => frame.say("reason-cessation-of-operation"),
                None => String::new(),
            };
            let arguments = [("name", one.common_name.as_str()), ("serial", serial), ("reason", reason.as_str())];
            let without = &arguments[..2];
            said.push(match one.action {
                Action::Revoke => frame.fill("personnel-does-revoke", &arguments),
                Action::Suspend => frame.fill("personnel-does-suspend", without),
                Action::Reissue => frame.fill("personnel-does-reissue", without),
                Action::Keep => frame.fill("personnel-does-keep", without),
            });
        }
        if self.certificates.is_empty() {
            said.push(frame.say("personnel-no-certificates"));
        }
        if !self.foreign.is_empty() {
            said.push(frame.fill("personnel-does-foreign", &[("count", &self.foreign.len().to_string())]));
        }
        if self.disabled {
            said.push(frame.say("personnel-does-disable"));
        } else if !self.roles_end.is_empty() {
            said.push(frame.fill("personnel-does-roles", &[("roles", &names(&self.roles_end))]));
        }
        if !self.disabled && self.unit != self.unit_after {
            let after = match (self.unit_after.as_str(), self.unit_after_name.as_str()) {
                ("", _) => "—".to_owned(),
                (code, "") => code.to_owned(),
                (code, name) => format!("{name} ({code})"),
            };
            said.push(frame.fill("personnel-does-unit", &[("before", &self.unit), ("after", &after)]));
        }
        if self.delegations > 0 {
            said.push(frame.fill("personnel-does-delegations", &[("count", &self.delegations.to_string())]));
        }
        said
    }
}

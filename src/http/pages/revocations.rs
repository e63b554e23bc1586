//! `/revocations`: orders to revoke a list of certificates: entering one after it was shown what would be revoked, deciding it, and how
//! far it is carried out.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`OrderForm`] | `/revocations/preview`, then `/revocations` with the digest | which certificates, and why |
//! | [`OrderDecisionForm`] | `/revocations/{id}/approve`, `/revocations/{id}/reject` | the digest of what was shown; why not |

use super::{Frame, Problems, rendered, rows::Row, texts};
use askama::Template;
use chuky_model::{
    id::RevocationOrderId,
    request::{Hierarchy, SubjectKind},
};
use serde::Deserialize;

/// What is posted to look at a list, and to enter it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OrderForm {
    pub csrf: String,
    pub idempotency_key: String,
    /// CSV or JSON with serial numbers; empty for a unit.
    pub serials: String,
    pub unit: String,
    /// `citizens` or `officials`, with a unit.
    pub hierarchy: String,
    /// Only these of the unit; empty for all.
    pub kind: String,
    pub reason: String,
    pub ground: String,
    /// RFC 3339, or empty.
    pub invalid_since: String,
    /// Of what was shown; empty before.
    pub content_digest: String,
}

/// What a decision posts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OrderDecisionForm {
    pub csrf: String,
    pub content_digest: String,
    /// The passkey's answer, where one was asked: JSON.
    pub assertion: String,
    pub reason: String,
}

/// One certificate of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    pub serial: String,
    pub name: String,
    /// What becomes or became of it, in the reader's language.
    pub outcome: String,
    /// It is not revoked by this order.
    pub left_out: bool,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCard {
    pub order: RevocationOrderId,
    pub state: &'static str,
    pub reason: String,
    pub ground: String,
    pub invalid_since: Option<String>,
    pub content_digest: String,
    pub size: i64,
    pub done: i64,
    /// RFC 3339.
    pub entered_by: String,
    pub entered_at: String,
    pub due_at: String,
    pub decided: Option<(String, String)>,
    pub rejection: Option<String>,
    pub finished_at: Option<String>,
    pub decidable: bool,
}

impl OrderCard {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let by =
            |who: &str, when: &str| frame.fill("by-and-when", &[("who", who), ("when", &texts::screen_time(when))]);
        let progress = frame.fill("order-of", &[("done", &self.done.to_string()), ("size", &self.size.to_string())]);
        let mut rows = vec![
            Row::new(frame, "order-progress", &progress),
            Row::new(frame, "order-reason", &frame.name_of("reason", &self.reason)),
            Row::new(frame, "order-ground", &frame.name_of("ground", &self.ground)),
            Row::new(frame, "road-entered", &by(&self.entered_by, &self.entered_at)),
        ];
        if let Some(since) = &self.invalid_since {
            rows.push(Row::new(frame, "order-invalid-since", &texts::screen_time(since)));
        }
        if self.state == "entered" {
            rows.push(Row::new(frame, "order-due", &texts::screen_time(&self.due_at)));
        }
        if let Some((who, when)) = &self.decided {
            rows.push(Row::new(frame, "road-decided", &by(who, when)));
        }
        if let Some(reason) = &self.rejection {
            rows.push(Row::new(frame, "road-rejection", reason));
        }
        if let Some(at) = &self.finished_at {
            rows.push(Row::new(frame, "order-finished", &texts::screen_time(at)));
        }
        rows
    }
}

/// The list of orders.
#[derive(Clone, Template)]
#[template(path = "revocations.html")]
pub struct OrdersPage {
    pub frame: Frame,
    pub orders: Vec<OrderCard>,
    /// Address of the next page of the list.
    pub next: Option<String>,
    pub may_enter: bool,
}

/// The form of a new order, and what it would revoke once that was looked at.
#[derive(Clone, Template)]
#[template(path = "revocation_new.html")]
pub struct NewOrderPage {
    pub frame: Frame,
    pub form: OrderForm,
    /// What would be revoked, and how many of it; none before it was looked at.
    pub shown: Option<(Vec<OrderRow>, usize)>,
    /// Of the fields of [`OrderForm`].
    pub problems: Problems,
}

/// One order with its certificates.
#[derive(Clone, Template)]
#[template(path = "revocation.html")]
pub struct OrderPage {
    pub frame: Frame,
    pub card: OrderCard,
    pub rows: Vec<OrderRow>,
    /// There are officials' certificates among them, for form 05 of Decree 68/2024.
    pub has_form: bool,
    /// Address of the next certificates.
    pub next: Option<String>,
    /// Of the field `reason` and the form as a whole.
    pub problems: Problems,
}

impl OrdersPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

impl NewOrderPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields = ["serials", "unit", "reason", "invalid_since"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }

    fn hierarchies(&self) -> [Hierarchy; 2] {
        Hierarchy::ALL
    }

    fn kinds(&self) -> [SubjectKind; 4] {
        SubjectKind::ALL
    }

    fn reasons(&self) -> &'static [&'static str] {
        REASONS
    }

    fn grounds(&self) -> &'static [&'static str] {
        GROUNDS
    }
}

impl OrderPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["reason"]), ..self.clone() })
    }
}

/// RFC 5280 §5.3.1, those that revoke; the first is chosen where none is.
const REASONS: &[&str] = &[
    "key_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
    "ca_compromise",
    "aa_compromise",
    "unspecified",
];
const GROUNDS: &[&str] = &[
    "key_exposed",
    "device_lost",
    "agency_request",
    "authority_demand",
    "position_changed",
    "left_office",
    "organization_ended",
    "service_ended",
    "information_wrong",
    "authority_error",
];

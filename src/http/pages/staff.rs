//! `/staff`: accounts of staff and orders about them, decided with a second pair of eyes.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`NewOrderForm`] | `/staff/orders` | the kind of order, whose account, and what becomes of it |
//! | [`DecisionForm`] | `/staff/orders/{id}/approve`, `…/refuse`, `…/withdraw`, `…/invitation`, `/staff/accounts/{id}/disable` | `csrf`, the digest of what was shown, or a reason |

use super::{Frame, Problems, rendered, rows::Row, texts};
use crate::staff::{OrderView, StaffView};
use askama::Template;
use chuky_model::{
    record::state::{StaffOrderKind, StaffOrderState},
    role::Role,
};
use serde::Deserialize;
use std::collections::HashMap;

/// A new order as it was typed.
#[derive(Clone, Debug, Default)]
pub struct NewOrderForm {
    pub csrf: String,
    pub idempotency_key: String,
    /// [`StaffOrderKind`] by name.
    pub kind: String,
    pub account: String,
    pub login: String,
    pub full_name: String,
    pub personal_number: String,
    pub phone: String,
    pub unit: String,
    pub roles: Vec<Role>,
}

impl NewOrderForm {
    /// From the fields of a form; a role's box is named `role_` and its name.
    pub fn of(fields: &HashMap<String, String>) -> Self {
        let text = |name: &str| fields.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let chosen = |role: &Role| fields.contains_key(&format!("role_{}", role.name()));
        Self {
            csrf: text("csrf"),
            idempotency_key: text("idempotency_key"),
            kind: text("kind"),
            account: text("account"),
            login: text("login"),
            full_name: text("full_name"),
            personal_number: text("personal_number"),
            phone: text("phone"),
            unit: text("unit"),
            roles: Role::ALL.into_iter().filter(chosen).collect(),
        }
    }
}

/// What is posted to decide.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DecisionForm {
    pub csrf: String,
    pub content_digest: String,
    pub assertion: String,
    pub reason: String,
}

/// An invitation as it is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationCard {
    /// `ABCD-EFGH-JKLM`.
    pub code: String,
    pub login: String,
    /// Where it is redeemed.
    pub address: String,
    /// RFC 3339.
    pub expires_at: String,
    pub sent_to: Option<String>,
}

impl InvitationCard {
    fn rows(&self, frame: &Frame) -> Vec<Row> {
        let mut rows = vec![
            Row::new(frame, "field-login", &self.login),
            Row::new(frame, "invitation-address", &self.address),
            Row::new(frame, "invitation-until", &texts::screen_time(&self.expires_at)),
        ];
        if let Some(phone) = &self.sent_to {
            rows.push(Row::new(frame, "invitation-second", phone));
        }
        rows
    }
}

/// The accounts, and what waits.
#[derive(Clone, Template)]
#[template(path = "staff.html")]
pub struct StaffPage {
    pub frame: Frame,
    pub accounts: Vec<StaffView>,
    pub orders: Vec<OrderView>,
    /// Addresses of the next pages.
    pub next: Option<String>,
    pub next_orders: Option<String>,
    pub may_enter: bool,
    /// Log-in of the reader, who does not narrow their own account.
    pub reader: String,
    pub problems: Problems,
}

/// The form of a new order.
#[derive(Clone, Template)]
#[template(path = "staff_order_new.html")]
pub struct NewOrderPage {
    pub frame: Frame,
    pub form: NewOrderForm,
    /// Of the fields of [`NewOrderForm`].
    pub problems: Problems,
}

/// One order.
#[derive(Clone, Template)]
#[template(path = "staff_order.html")]
pub struct OrderPage {
    pub frame: Frame,
    pub order: OrderView,
    pub invitation: Option<InvitationCard>,
    /// Of the field `reason` and the order as a whole.
    pub problems: Problems,
}

impl StaffPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }

    fn account_rows(&self, account: &StaffView) -> Vec<Row> {
        let frame = &self.frame;
        let never = frame.say("staff-never");
        let last = account.last_log_in.as_deref().map_or(never, texts::screen_time);
        let factor = match account.second_factor {
            true => frame.say("staff-factor-yes"),
            false => frame.say("staff-factor-no"),
        };
        let mut rows = vec![
            Row::new(frame, "field-login", &account.login),
            Row::new(frame, "staff-roles", &roles_in_words(frame, &account.roles)),
            Row::new(frame, "staff-factor", &factor),
            Row::new(frame, "staff-last", &last),
        ];
        if !account.unit.is_empty() {
            rows.insert(2, Row::new(frame, "field-unit", &account.unit));
        }
        rows
    }

    fn may_disable(&self, account: &StaffView) -> bool {
        self.may_enter && account.state != "disabled" && account.login != self.reader
    }
}

impl NewOrderPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields = ["account", "login", "full_name", "personal_number", "phone", "unit", "roles"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }

    fn kinds(&self) -> &'static [StaffOrderKind] {
        StaffOrderKind::ALL
    }

    fn is(&self, kind: &str) -> bool {
        self.form.kind == kind
    }

    fn roles(&self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| role.is_ordered()).collect()
    }

    fn is_chosen(&self, role: &Role) -> bool {
        self.form.roles.contains(role)
    }
}

impl OrderPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["reason"]), ..self.clone() })
    }

    /// What the order changes, and only that: who approves reads every line.
    fn rows(&self) -> Vec<Row> {
        let (frame, order) = (&self.frame, &self.order);
        let opens = order.kind == StaffOrderKind::Open;
        let mut rows = vec![Row::new(frame, "staff-name", &order.name), Row::new(frame, "field-login", &order.login)];
        let identity = order.identity.as_ref();
        let whole_number = identity.and_then(|whole| whole.personal_number.as_ref());
        if let Some(number) = whole_number.or(order.personal_number.as_ref()) {
            rows.push(Row::new(frame, "content-personal-number", number));
        }
        let becomes = |before: &str, after: &str| match before == after || opens {
            true => after.to_owned(),
            false => frame.fill("staff-becomes", &[("before", before), ("after", after)]),
        };
        let (before, after) = (roles_in_words(frame, &order.roles_before), roles_in_words(frame, &order.roles));
        rows.push(Row::new(frame, "staff-roles", &becomes(&before, &after)));
        let named = match (&order.unit_name, order.unit.is_empty()) {
            (_, true) => frame.say("staff-no-unit"),
            (Some(name), _) => format!("{} · {name}", order.unit),
            (None, _) => frame.fill("staff-unit-unknown", &[("unit", &order.unit)]),
        };
        let before = if order.unit_before == order.unit { named.clone() } else { order.unit_before.clone() };
        rows.push(Row::new(frame, "staff-unit", &becomes(&before, &named)));
        if matches!(order.kind, StaffOrderKind::Open | StaffOrderKind::Recover) {
            rows.push(Row::new(frame, "staff-phone", &self.phone()));
        }
        for kept in &order.keeps {
            let until = texts::screen_time(&kept.until);
            let said = frame.fill("staff-keeps-until", &[("serial", &kept.serial), ("until", &until)]);
            rows.push(Row::new(frame, "staff-keeps", &said));
        }
        rows
    }

    /// Where the second secret goes; of a recovery also whether that is the number that is kept, and which one is. Masks alike may stand
    /// for different numbers, so that is said in words.
    fn phone(&self) -> String {
        let (frame, order) = (&self.frame, &self.order);
        let (phone, before) = match &order.identity {
            Some(whole) => (&whole.phone, &whole.phone_before),
            None => (&order.phone, &order.phone_before),
        };
        let named = |phone: &str| if phone.is_empty() { frame.say("staff-no-phone") } else { phone.to_owned() };
        match before {
            Some(before) if order.phone_changes && before.is_empty() => {
                frame.fill("staff-phone-new", &[("phone", named(phone).as_str())])
            }
            Some(before) if order.phone_changes => {
                frame.fill("staff-phone-changes", &[("before", before.as_str()), ("after", named(phone).as_str())])
            }
            Some(_) if !phone.is_empty() => frame.fill("staff-phone-kept", &[("phone", phone.as_str())]),
            _ => named(phone),
        }
    }

    /// Who did what when.
    fn road(&self) -> Vec<Row> {
        let (frame, order) = (&self.frame, &self.order);
        let by =
            |who: &str, when: &str| frame.fill("by-and-when", &[("who", who), ("when", &texts::screen_time(when))]);
        let mut rows = vec![Row::new(frame, "staff-entered", &by(&order.entered_by, &order.entered_at))];
        if order.state == StaffOrderState::Open {
            rows.push(Row::new(frame, "staff-until", &texts::screen_time(&order.expires_at)));
        }
        if let (Some(who), Some(when)) = (&order.decided_by, &order.decided_at) {
            rows.push(Row::new(frame, "road-decided", &by(who, when)));
        }
        if let Some(reason) = &order.refusal_reason {
            rows.push(Row::new(frame, "road-rejection", reason));
        }
        rows
    }

    fn is_open(&self) -> bool {
        self.order.state == StaffOrderState::Open
    }

    /// What the approval does besides.
    fn effect(&self) -> Option<String> {
        let kind = self.order.kind;
        let tells = matches!(
            kind,
            StaffOrderKind::Open | StaffOrderKind::Recover | StaffOrderKind::Enable | StaffOrderKind::Erase
        );
        tells.then(|| self.frame.name_of("staff-effect", kind.name()))
    }
}

fn roles_in_words(frame: &Frame, roles: &[Role]) -> String {
    roles.iter().map(|role| frame.name_of("role", role.name())).collect::<Vec<_>>().join(", ")
}

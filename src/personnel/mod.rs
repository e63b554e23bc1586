//! What happened to officials (a transfer, another title, resignation, retirement, death, the merger of an agency): its effect on certificates, roles
//! and delegations is shown before anything is done, entered by one person, approved by another over exactly that, and carried out on its day by
//! a job. Gives nobody anything: roles in a new place are ordered there.

mod carry_out;
mod content;
mod effect;
mod order;
mod view;

pub use carry_out::run_due;
pub use content::{Certificates, Wanted};
pub use effect::{Action, CertificateEffect, Effect};
pub use order::{approve, close_restored, enter, preview, refuse, withdraw};
pub use view::{OrderLine, OrderView, Preview, list, one};

use crate::{
    accounts::Principal,
    error::{RequestError, RequestErrorKind},
};
use chuky_model::role::Role;

/// Whether the caller enters orders: a registrar for the own unit, the others for all.
pub fn may_enter(by: &Principal) -> bool {
    by.has(Role::Registrar) || by.has(Role::Administrator) || by.has(Role::SecurityOfficer)
}

/// Whether the caller decides on orders of others.
pub fn may_decide(by: &Principal) -> bool {
    by.has(Role::SecurityOfficer)
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "order_moved_on",
        "Lệnh này đã được xử lý. Hãy tải lại trang.",
        "This order has been dealt with. Reload the page.",
    )
}

fn forbidden(code: &'static str, vi: &str, en: &str) -> RequestError {
    RequestError::new(RequestErrorKind::Forbidden, code, vi, en)
}

//! Certificates that other authorities issued (the Government's official CA, public CAs), registered by whoever holds their keys: judged up to an
//! anchor that the administrator recorded for this, proved by a signature that can be no document's, and compared with the account's person.
//! What a program cannot tell somebody else decides. Never issues or revokes anything: that is their own authority's.

pub mod challenge;
mod content;
mod decide;
mod judge;
mod name;
mod offer;
mod rows;
mod signing;
mod view;

pub use content::Fit;
pub use decide::{approve, check_again, refuse, remove};
pub use offer::{ChallengeView, Offer, Proof, ask, register};
pub use rows::{erase_of, exported, taken_from, waiting_or_registered};
pub use signing::may_sign;
pub use view::{ForeignView, one, own, waiting};

use crate::{
    accounts::Principal,
    error::{RequestError, RequestErrorKind},
};
use chuky_model::role::Role;

/// Whether the caller decides whose a certificate is.
pub fn may_decide(by: &Principal) -> bool {
    by.has(Role::Approver) || by.has(Role::SecurityOfficer)
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "foreign_moved_on",
        "Chứng thư này đã được xử lý. Hãy tải lại trang.",
        "This certificate has been dealt with. Reload the page.",
    )
}

fn own_certificate() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "own_request",
        "Đây là chứng thư của chính bạn nên bạn không thể tự duyệt. Hãy nhờ một người khác.",
        "This is your own certificate, so somebody else must decide on it.",
    )
}

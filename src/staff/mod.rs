//! Staff accounts: the founding of an installation, orders with four eyes for whatever widens an account, and the invitations by which
//! their holders come to a password. Nobody makes or widens an account alone: whoever enters an order, whoever approves it and whose account
//! it is are told apart by person. May use `accounts`, `registration`'s settings and `store`; what narrows an account lies in `accounts`.

mod apply;
mod content;
mod founding;
mod invitation;
mod order;
mod restored;
mod view;

pub use content::{Change, Opening, Person, Wanted};
pub use founding::{Founding, Sheet, found, planned, renew};
pub use invitation::{Invited, Redeemed, Redemption, WRONG_INVITATION, invite, redeem};
pub use order::{approve, enter, expire_due, refuse, withdraw};
pub use restored::{Closed, close_restored};
pub use view::{OrderIdentity, OrderView, StaffView, accounts, one, orders};

use crate::{
    accounts::{self, Principal},
    app::App,
    error::{RequestError, RequestErrorKind, Result},
};
use chuky_model::{id::AccountId, role::Role};

/// Whether the caller may enter orders.
pub fn may_enter(by: &Principal) -> bool {
    by.has(Role::Administrator) || by.has(Role::SecurityOfficer)
}

/// Whether the caller may decide on orders of others.
pub fn may_decide(by: &Principal) -> bool {
    by.has(Role::SecurityOfficer)
}

/// The person of a caller who acts here: logged in, and known. Of an account whose person nobody knows it cannot be told whether it is a
/// second pair of eyes.
async fn known_person(app: &App, by: &Principal) -> Result<Vec<u8>> {
    by.in_session()?;
    Ok(accounts::person_of(app, by.account).await?.ok_or_else(person_unknown)?)
}

/// Passes where three accounts are those of a second pair of eyes: who decides is known, and neither who entered nor whom it is about.
async fn check_second(app: &App, deciding: AccountId, entering: AccountId, subject: Option<&[u8]>) -> Result<()> {
    let person = accounts::person_of(app, deciding).await?.ok_or_else(person_unknown)?;
    let entered = accounts::person_of(app, entering).await?.ok_or_else(person_unknown)?;
    if deciding == entering || person == entered {
        return Err(own_order().into());
    }
    match subject {
        Some(subject) if subject == person => Err(own_account().into()),
        Some(_) => Ok(()),
        None => Err(person_unknown().into()),
    }
}

fn own_order() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "own_order",
        "Bạn đã lập lệnh này nên không thể tự duyệt. Hãy nhờ một cán bộ an ninh khác.",
        "You entered this order, so another security officer must decide on it.",
    )
}

fn own_account() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "own_account_order",
        "Lệnh này là về tài khoản của chính bạn nên bạn không thể duyệt. Hãy nhờ một cán bộ an ninh khác.",
        "This order is about your own account, so another security officer must decide on it.",
    )
}

fn person_unknown() -> RequestError {
    RequestError::conflict(
        "person_unknown",
        "Có tài khoản liên quan không ghi là của người nào, nên không biết có đủ hai người hay không. Chỉ tài khoản được lập có số định danh mới lập, duyệt hoặc nhận lệnh.",
        "One of the accounts does not say whose it is, so nobody knows whether these are two people. Only accounts made with a personal number enter, decide or get orders.",
    )
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "order_moved_on",
        "Lệnh này đã được xử lý. Hãy tải lại trang.",
        "This order has been dealt with. Reload the page.",
    )
}

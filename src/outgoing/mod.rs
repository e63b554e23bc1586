//! Outgoing documents (văn bản đi): drafted, agreed by initials, signed by competent persons, numbered and dated by the clerk, sealed by
//! the agency, sent, and called back. Each transition is one transaction: a compare-and-swap on the road's row, its step, an event of
//! its history and the audit entry. Incoming packages are judged and registered here, too. May use `signing`, `custody`, `reader`, `store` and `audit`; knows no HTTP and no SQL.

mod act;
mod archive;
mod delegation;
mod details;
mod draft;
mod earlier;
mod edxml;
mod incoming;
mod incoming_change;
mod incoming_refusal;
mod issue;
pub mod limits;
mod number;
mod on_paper;
mod reminders;
mod restored;
mod road;
mod seal;
mod send;
mod status;
mod verdict;
mod view;

pub use act::{BatchLine, initial, refuse, sign, submit, withdraw};
pub use archive::{archive_due, find_unarchived};
pub use delegation::{DelegationView, delegate, delegations, delegations_of, end_delegation, end_delegations_of};
pub use details::{Metadata, NumberShown, RecipientWanted, StepWanted, Urgency};
pub use draft::{Draft, draft};
pub use earlier::attest_earlier;
pub use incoming::{AttachmentView, IncomingPage, IncomingView, incoming, incoming_one, incoming_package, receive};
pub use incoming_change::IncomingChangeView;
pub use issue::{add_recipients, publish, recall};
pub use number::{NumberLine, give_number, register};
pub use on_paper::{OnPaper, Standing, on_paper};
pub use reminders::remind_due;
pub use restored::{Register, confirm};
pub use seal::seal;
pub use send::{deliver_due, package, send};
pub use status::status;
pub use view::{
    Inboxes, OutgoingDetail, OutgoingPage, OutgoingView, RecipientView, RoadEvent, RoadStep, content, inboxes, list,
    one, page, pages, waiting_for,
};

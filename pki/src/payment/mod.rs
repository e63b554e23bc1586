//! A signed payment order judged, in whichever form it came: signature, certificate, chain, order, freshness, payer. Pure: the time, the known certificates and the
//! revocation status are given, and what remains to be done (consuming the payment's identity) is left to the flow. The verdict
//! is derived from the checks; a check that was not made never counts as passed.

mod answer;
mod chain;
mod cms_message;
pub mod currency;
pub mod detached;
pub mod iso20022;
mod judge;
pub mod layout;
pub mod limits;
mod message;
pub mod order;
mod raw_message;
pub mod reason;
pub mod receipt;
mod signer;
mod value;
mod xml_message;

pub use answer::{Consumption, Judgement};
pub use detached::Fields;
pub use judge::{Examined, Status, VerifiedOrder, Verifier};
pub use layout::Layout;
pub use message::{Presented, Wanted};
pub use order::OrderPolicy;
pub use reason::{CHECKS, Reason};
pub use signer::{Signer, Trust, verified_payer};

//! A signed payment order judged: JWS, certificate, chain, order, freshness, payer. Pure: the time, the known certificates and the
//! revocation status are given, and what remains to be done (consuming the payment's identity) is left to the flow. The verdict
//! is derived from the checks; a check that was not made never counts as passed.

mod chain;
pub mod currency;
mod judge;
pub mod limits;
pub mod order;
pub mod reason;
pub mod receipt;
mod signer;

pub use judge::{Consumption, Examined, Judgement, Presented, Status, VerifiedOrder, Verifier, Wanted};
pub use order::OrderPolicy;
pub use reason::{CHECKS, Reason};
pub use signer::{Signer, Trust};

//! Somebody's own token, of whatever maker: looked at, logged in to and signed with through a process of its own, because the driver is a
//! stranger's library that may crash or hang. Nothing is made, changed or deleted on such a token, and no PIN is tried twice.

mod client;
mod message;
mod one_call;
mod token;
pub mod worker;

pub use client::OwnModule;
pub use message::{CertificateFound, KeyFound, Objects, PinState, Refusal, TokenFound};

//! Timestamps (RFC 3161, RFC 5816): reading requests, making tokens in two steps, refusing with failInfo, and reading and checking
//! tokens of any authority. The time and the serial number are the caller's.

mod issue;
mod token;

pub use issue::{ACCURACY_SECONDS, Failure, TimestampRequest, TokenToMake, granted};
pub use token::TimestampToken;

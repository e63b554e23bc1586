//! What is held about a subscriber, given out to them as one file, and erased where the law allows it. Erasing takes an order of two people (`staff`);
//! what it does runs as a job that may be killed anywhere. May use `registration`, `issuance`, `signing` and `accounts`; certificates and the audit log
//! are never touched.

mod erasure;
mod export;
mod opening;
mod retention;

pub use erasure::{Kept, check as check_erasable, job, kept, run_due};
pub use export::{of as export_of, own as export_own};
pub use opening::{commit, open as open_commitment};
pub use retention::clear_up;

/// Stands in the place of a name that was erased.
pub const ERASED: &str = "(đã xóa)";

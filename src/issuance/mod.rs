//! Issuance: the ceremony that makes the authority, certificates for subscribers, their status, and timestamps. May use `store`,
//! `hsm`, `pki` and `audit`; must never sign what was not stored as an intent first, and never see a subscriber's key.

pub mod authority;
pub mod ceremony;
mod certify;
pub mod ends;
mod issue;
pub mod limits;
pub mod ocsp;
mod own_key;
mod policy;
mod receipt;
pub mod reconciliation;
pub mod recovery;
pub mod register;
pub mod reminders;
pub mod revocation;
pub mod revocation_list;
pub mod status;
mod subscriber;
pub mod timestamp;

pub use authority::{Authority, CertifiedKey};
pub use issue::{Proof, Redemption, redeem};
pub use own_key::{OwnKeyReceipt, OwnKeyRedemption, redeem_with_own_key};
pub use policy::IssuingPolicy;
pub use receipt::{PaperReceipt, Receipt, on_paper, receipt_again};
pub use status::{PublicStatus, certificate_pem, public as public_status};
pub use subscriber::{Preview, preview, valid_days};

//! All SQL of Chuky, compiled for PostgreSQL. The query text lies in `../src`, one file a noun, and is the same for both databases; only
//! `dialect.rs` differs. Functions take a connection and return records of `chuky-model`; nothing here decides anything.

mod connection;
mod dialect;
mod presence;

pub use connection::{Reader, Transaction};
pub use dialect::{Connection, Dialect, Store};
pub use error::Error;
pub use presence::Held;

#[path = "../../src/account.rs"]
pub mod account;
#[path = "../../src/agency.rs"]
pub mod agency;
#[path = "../../src/alarm.rs"]
pub mod alarm;
#[path = "../../src/audit.rs"]
pub mod audit;
#[path = "../../src/booth.rs"]
pub mod booth;
#[path = "../../src/certificate.rs"]
pub mod certificate;
#[path = "../../src/credential.rs"]
pub mod credential;
#[path = "../../src/crl.rs"]
pub mod crl;
#[path = "../../src/delegation.rs"]
pub mod delegation;
#[path = "../../src/dialect.rs"]
pub mod dialects;
#[path = "../../src/document.rs"]
pub mod document;
#[path = "../../src/document_code.rs"]
pub mod document_code;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/figure.rs"]
pub mod figure;
#[path = "../../src/foreign.rs"]
pub mod foreign;
#[path = "../../src/idempotency.rs"]
pub mod idempotency;
#[path = "../../src/incoming.rs"]
pub mod incoming;
#[path = "../../src/incoming_change.rs"]
pub mod incoming_change;
#[path = "../../src/limits.rs"]
pub mod limits;
#[path = "../../src/mandate.rs"]
pub mod mandate;
#[path = "../../src/merchant.rs"]
pub mod merchant;
#[path = "../../src/oauth.rs"]
pub mod oauth;
#[path = "../../src/outgoing.rs"]
pub mod outgoing;
#[path = "../../src/outgoing_number.rs"]
pub mod outgoing_number;
#[path = "../../src/outgoing_status.rs"]
pub mod outgoing_status;
#[path = "../../src/passkey.rs"]
pub mod passkey;
#[path = "../../src/payment.rs"]
pub mod payment;
#[path = "../../src/personnel.rs"]
pub mod personnel;
#[path = "../../src/provider.rs"]
pub mod provider;
#[path = "../../src/recovery.rs"]
pub mod recovery;
#[path = "../../src/request.rs"]
pub mod request;
#[path = "../../src/revocation.rs"]
pub mod revocation;
#[path = "../../src/signature_picture.rs"]
pub mod signature_picture;
#[path = "../../src/signing_approval.rs"]
pub mod signing_approval;
#[path = "../../src/staff.rs"]
pub mod staff;
#[path = "../../src/stored.rs"]
mod stored;
#[path = "../../src/tables.rs"]
mod tables;
#[path = "../../src/taken.rs"]
pub mod taken;
#[path = "../../src/unlock.rs"]
pub mod unlock;
#[path = "../../src/verdict.rs"]
pub mod verdict;
#[path = "../../src/work.rs"]
pub mod work;

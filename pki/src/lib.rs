//! X.509, CMS, PDF, XML and JOSE: bytes and facts in, bytes and verdicts out. No I/O, no clock, no async, no HSM: what must be
//! signed is returned as a digest, and the signature is handed back to finish. OpenSSL's primitives are used in `crypto` only.

pub mod algorithm;
pub mod asic;
pub mod asn1;
pub mod cbor;
pub mod certificate;
pub mod cms;
pub mod creation;
pub mod crl;
pub mod crypto;
pub mod csr;
pub mod error;
pub mod evidence_record;
pub mod extension;
pub mod issue;
pub mod jose;
pub mod key;
pub mod limits;
pub mod lint;
pub mod merkle;
pub mod name;
pub mod ocsp;
pub mod office;
pub mod oid;
pub mod path;
pub mod payment;
pub mod pdf;
pub mod pem;
pub mod picture;
pub mod profile;
pub mod qualified;
pub mod revocation;
pub mod signed;
pub mod splice;
pub mod timestamp;
pub mod transparency;
pub mod trusted_list;
pub mod verify;
pub mod vietqr;
pub mod webauthn;
pub mod xml;

pub use error::Error;

//! Chuky: digital-signature issuance, signing and verification with keys in a PKCS#11 HSM.
//! Flows (`accounts`, `oauth`, `registration`, `issuance`, `signing`, `verification`, `trust`, `transactions`) hold what happens in which order;
//! `http` and `cli` bring requests to them; `fetching` is the only way out to other machines; `store` and the packages below do the work.

pub mod accounts;
pub mod app;
pub mod attestation;
pub mod audit;
pub mod backup;
pub mod bootstrap;
pub mod cli;
pub mod clock;
pub mod config;
pub mod current;
pub mod custodians;
pub mod custody;
pub mod demo;
pub mod error;
pub mod fault;
pub mod fetching;
pub mod http;
pub mod issuance;
pub mod oauth;
pub mod outbox;
pub mod rates;
pub mod reader;
pub mod registration;
pub mod reports;
pub mod restoration;
pub mod signing;
mod softhsm;
pub mod store;
pub mod tokens;
pub mod transactions;
pub mod trust;
pub mod vault;
pub mod verification;
pub mod witness;
pub mod worker;

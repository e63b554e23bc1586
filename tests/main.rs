//! The one integration binary: every test that needs more than one package, each module with its own database and token.
//! It may use the public interface of `chuky` and foreign tools; it must never depend on the order in which tests run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod agency;
mod audit;
mod browser;
mod csc;
mod faults;
mod harness;
mod issuance;
mod outgoing;
mod package;
mod payment_clock;
mod payment_forms;
mod payment_race;
mod payment_standing;
mod payments;
mod providers;
mod rates;
mod receipts;
mod recovery;
mod rewrite;
mod rollback;
mod rounds;
mod signing;
mod store;
mod tidy;
mod transparency;
mod verification;
mod vietqr;

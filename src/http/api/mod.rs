//! The JSON API under `/api/v1`, described by OpenAPI 3.1. Handlers read a body, call one flow and answer.

mod accounts;
pub(super) mod activation_sheets;
pub(super) mod activations;
pub(super) mod agency_lists;
pub(super) mod alarms;
mod audit;
pub(super) mod certificates;
pub mod credentials;
mod delegations;
pub mod description;
mod document_codes;
pub mod documents;
pub(super) mod foreign_certificates;
pub(super) mod forms;
mod grants;
pub(super) mod idempotency;
pub(super) mod incoming;
mod json;
mod mandates;
pub(super) mod merchants;
mod oauth_clients;
pub(super) mod outgoing;
pub(super) mod outgoing_draft;
pub(super) mod passkeys;
mod payment_orders;
pub(in crate::http) mod payrolls;
pub(super) mod personnel_orders;
pub(super) mod pictures;
pub(super) mod providers;
pub(super) mod receipts;
pub(super) mod reports;
pub(super) mod requests;
pub(super) mod revocation_orders;
mod second_factor;
pub(super) mod session;
pub(super) mod staff;
mod statuses;
mod subjects;
mod transactions;
mod two_step;
mod units;
pub mod unlocks;
pub(super) mod verification;
mod verification_batch;

use super::Route;

/// Every route of the API.
pub fn routes() -> Vec<Route> {
    [
        session::routes(),
        passkeys::routes(),
        accounts::routes(),
        second_factor::routes(),
        staff::routes(),
        subjects::routes(),
        audit::routes(),
        oauth_clients::routes(),
        grants::routes(),
        requests::routes(),
        activations::routes(),
        certificates::routes(),
        revocation_orders::routes(),
        foreign_certificates::routes(),
        personnel_orders::routes(),
        credentials::routes(),
        pictures::routes(),
        unlocks::routes(),
        documents::routes(),
        document_codes::routes(),
        two_step::routes(),
        outgoing::routes(),
        delegations::routes(),
        incoming::routes(),
        transactions::routes(),
        payment_orders::routes(),
        payrolls::routes(),
        receipts::routes(),
        providers::routes(),
        alarms::routes(),
        mandates::routes(),
        merchants::routes(),
        units::routes(),
        reports::routes(),
        agency_lists::routes(),
        forms::routes(),
        activation_sheets::routes(),
        verification::routes(),
        description::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

//! The JSON API under `/api/v1`, described by OpenAPI 3.1. Handlers read a body, call one flow and answer.

mod activations;
mod certificates;
pub mod description;
pub mod documents;
pub(super) mod idempotency;
mod json;
mod payment_orders;
mod requests;
mod session;
mod transactions;
mod verification;

use super::Route;

/// Every route of the API.
pub fn routes() -> Vec<Route> {
    [
        session::routes(),
        requests::routes(),
        activations::routes(),
        certificates::routes(),
        documents::routes(),
        transactions::routes(),
        payment_orders::routes(),
        verification::routes(),
        description::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

//! The handlers of the pages: extract, call one flow, fill a view model of `pages`, answer. What is wrong with a form is said on
//! the same page beside the field; everything else becomes a page of refusal. Must never decide what a flow decides.

mod account;
mod activate;
mod alarms;
mod approvals;
mod audit;
mod booth;
mod booth_drafts;
mod booth_queue;
mod certificate_status;
mod certificates;
mod consent;
mod credentials;
mod document_code;
pub(super) mod documents;
mod foreign;
pub(super) mod health;
mod incoming;
mod kept;
mod lists;
pub mod login;
mod mandates;
mod merchant;
mod messages;
mod own;
mod payments;
mod payroll;
mod personnel;
mod picture;
mod receipts;
pub mod refusals;
mod registration;
mod reports;
mod requests;
mod revocations;
mod sheets;
mod sign;
mod staff;
mod unlocks;
mod verify;
pub mod visit;
mod welcome;

pub use visit::{PageForm, TokenForm, Visit};

use super::{Access, Route, pages};
use axum::{http::Method, response::Response, routing::get};

/// Every page route of this module.
pub fn routes() -> Vec<Route> {
    let open = |path, handler| Route::new(Method::GET, path, Access::Public, handler);
    let shared = vec![
        open("/", get(home)),
        open("/agency", get(agency)),
        open("/assets/{hash}/{*path}", get(pages::assets::serve)),
        open("/favicon.ico", get(pages::assets::icon)),
    ];
    [
        shared,
        audit::routes(),
        reports::routes(),
        login::routes(),
        account::routes(),
        consent::routes(),
        approvals::routes(),
        activate::routes(),
        booth::routes(),
        booth_drafts::routes(),
        booth_queue::routes(),
        registration::routes(),
        lists::routes(),
        super::api::forms::page_routes(),
        super::api::activation_sheets::page_routes(),
        health::routes(),
        sign::routes(),
        own::routes(),
        documents::routes(),
        incoming::routes(),
        credentials::routes(),
        picture::routes(),
        certificates::routes(),
        certificate_status::routes(),
        foreign::routes(),
        revocations::routes(),
        unlocks::routes(),
        staff::routes(),
        personnel::routes(),
        welcome::routes(),
        verify::routes(),
        kept::routes(),
        document_code::routes(),
        receipts::routes(),
        payments::routes(),
        alarms::routes(),
        merchant::routes(),
        mandates::routes(),
        messages::routes(),
        payroll::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn home(visit: Visit) -> Response {
    pages::home::show(visit.frame).await
}

async fn agency(visit: Visit) -> Response {
    pages::home::show_agency(visit.frame).await
}

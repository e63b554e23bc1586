//! The Cloud Signature Consortium API, versions 1.0.4 and 2 beside each other: `/csc/v1/…` and `/csc/v2/…`. Handlers read the fields of
//! either spelling, call one flow and answer in the shape of their version; errors are those that the specification lists. A handler
//! never sees a key, and keeps no PIN and no activation data.

mod asynchronous;
mod credentials;
pub(super) mod description;
mod failure;
mod fields;
mod info;
mod oauth;
mod signatures;

pub(super) use failure::as_specified;

use super::{Access, Route};
use crate::{app::App, http::api::documents::SIGNERS};
use axum::{
    extract::FromRequestParts,
    http::{Method, request::Parts},
    routing::{MethodRouter, post},
};
use std::convert::Infallible;

/// Every route of the API; pages of consent are in `sites`.
pub fn routes() -> Vec<Route> {
    let mut routes = info::routes();
    routes.extend(oauth::routes());
    routes.extend(credentials::routes());
    routes.extend(asynchronous::routes());
    routes.extend(signatures::routes());
    routes
}

/// One method of both versions.
fn both(paths: [&'static str; 2], access: Access, handler: fn() -> MethodRouter<App>) -> [Route; 2] {
    paths.map(|path| Route::new(Method::POST, path, access, handler()))
}

/// A method that this service does not offer, and says so.
async fn not_offered() -> failure::Failure {
    failure::Failure::not_offered()
}

/// Methods of the specification that are not offered: a set of hashes is never widened without the signer.
fn not_offered_routes() -> Vec<Route> {
    let handler = || post(not_offered);
    both(["/csc/v1/credentials/extendTransaction", "/csc/v2/credentials/extendTransaction"], SIGNERS, handler).into()
}

/// Which version was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Version {
    /// Of a path of this API.
    pub fn of(path: &str) -> Self {
        if path.starts_with("/csc/v2/") { Self::V2 } else { Self::V1 }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Version {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.path()))
    }
}

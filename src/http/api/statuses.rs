//! What each operation of the description may answer besides its success: derived from its route and from what it reads, so that no operation
//! leaves a status out, and every refusal has the one shape of the API.

use crate::http::{Access, Route, problem::Problem};
use axum::http::Method;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder, header::HeaderBuilder,
        path::Operation, schema::Type,
    },
};

/// Adds to every operation under `/api/` the refusals that it may answer with.
pub(super) fn add(description: &mut OpenApi, routes: &[Route]) {
    let components = description.components.get_or_insert_with(Components::new);
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    for refusal in REFUSALS {
        components.responses.insert(refusal.name.to_owned(), refusal.response().into());
    }
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            let route = routes.iter().find(|route| route.path == path && route.method == method);
            let Some(route) = route.filter(|route| route.path.starts_with("/api/")) else { continue };
            let asked = Asked::of(route, operation);
            let may = |refusal: &&Refusal| asked.names(refusal.status) || (refusal.of)(&asked);
            for refusal in REFUSALS.iter().filter(may) {
                refuse(operation, refusal);
            }
        }
    }
}

/// The operations of a path with their methods.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// What an operation reads, and of whom.
struct Asked {
    of_somebody: bool,
    changes: bool,
    has_parameters: bool,
    has_body: bool,
    has_json: bool,
    /// Statuses that the operation itself names.
    named: Vec<String>,
}

impl Asked {
    fn of(route: &Route, operation: &Operation) -> Self {
        let body = operation.request_body.as_ref();
        let is_json = |body: &RefOr<_>| match body {
            RefOr::T(utoipa::openapi::request_body::RequestBody { content, .. }) => {
                content.keys().any(|kind| kind == "application/json")
            }
            RefOr::Ref(_) => true,
        };
        Self {
            of_somebody: route.access != Access::Public,
            changes: route.method != Method::GET,
            has_parameters: operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()),
            has_body: body.is_some(),
            has_json: body.is_some_and(is_json),
            named: operation.responses.responses.keys().cloned().collect(),
        }
    }

    /// Whether the operation itself says that it may answer so.
    fn names(&self, status: &str) -> bool {
        self.named.iter().any(|named| named == status)
    }
}

/// Puts the refusal where the operation says nothing of it; where it says only a sentence, that stays, with the shape.
fn refuse(operation: &mut Operation, refusal: &Refusal) {
    let responses = &mut operation.responses.responses;
    match responses.get_mut(refusal.status) {
        Some(RefOr::T(said)) if !said.description.is_empty() => {
            if said.content.is_empty() {
                said.content.insert(PROBLEM.to_owned(), content().into());
            }
        }
        _ => {
            let named = Ref::from_response_name(refusal.name);
            responses.insert(refusal.status.to_owned(), RefOr::Ref(named));
        }
    }
}

/// A status with what it means here and the operations that may answer it.
struct Refusal {
    status: &'static str,
    name: &'static str,
    meaning: &'static str,
    of: fn(&Asked) -> bool,
}

impl Refusal {
    fn response(&self) -> Response {
        let response = ResponseBuilder::new().description(self.meaning).content(PROBLEM, content());
        if !WITH_WAIT.contains(&self.status) {
            return response.build();
        }
        let seconds = utoipa::openapi::schema::Object::with_type(Type::Integer);
        let wait = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait before trying again."));
        response.header("Retry-After", wait.build()).build()
    }
}

fn content() -> Content {
    Content::new(Some(Ref::from_schema_name(Problem::name())))
}

const PROBLEM: &str = "application/problem+json";
const WITH_WAIT: [&str; 2] = ["429", "503"];

const REFUSALS: &[Refusal] = &[
    Refusal {
        status: "401",
        name: "Unauthenticated",
        meaning: "Nobody is logged in, or the credentials are not valid.",
        of: |asked| asked.of_somebody,
    },
    Refusal {
        status: "403",
        name: "Forbidden",
        meaning: "The caller may not do this, or another web site sent the request.",
        of: |asked| asked.of_somebody || asked.changes,
    },
    Refusal {
        status: "404",
        name: "NotFound",
        meaning: "What the request names is not there, or the caller may not know of it.",
        of: |asked| asked.has_parameters || asked.has_body,
    },
    Refusal {
        status: "409",
        name: "Conflict",
        meaning: "The thing is not in a state that allows this, or somebody else was faster.",
        of: |asked| asked.changes,
    },
    Refusal {
        status: "413",
        name: "TooLarge",
        meaning: "The body is larger than this route takes.",
        of: |asked| asked.has_body,
    },
    Refusal {
        status: "415",
        name: "ContentTypeUnsupported",
        meaning: "The body says that it is of a type that is not read here.",
        of: |asked| asked.has_json,
    },
    Refusal {
        status: "422",
        name: "Invalid",
        meaning: "The request is malformed or breaks a rule; `field` names the field where it belongs to one.",
        of: |asked| asked.has_parameters || asked.has_body,
    },
    Refusal {
        status: "429",
        name: "TooMany",
        meaning: "Too often, or a factor is locked. Wait as `Retry-After` says.",
        of: |asked| asked.changes,
    },
    Refusal {
        status: "500",
        name: "Failed",
        meaning: "The service failed; the log tells more under `request_id`.",
        of: |_| true,
    },
    Refusal {
        status: "503",
        name: "Unavailable",
        meaning: "A part of the service is away for the moment. Try again as `Retry-After` says.",
        of: |_| true,
    },
    Refusal { status: "504", name: "TookTooLong", meaning: "Not finished in the time allowed.", of: |_| true },
];

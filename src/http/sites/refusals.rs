//! Errors as pages: what a handler refused is said to a browser as a page, in the visitor's language, and to a program as it is.

use super::Visit;
use crate::{
    app::App,
    error::{Error, RequestError},
    http::{
        Caller,
        pages::{Frame, refusal::RefusalPage},
        problem::Refused,
    },
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The middleware around every route.
pub async fn as_page(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/") || !accepts_pages(request.headers()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(frame) = Frame::from_request_parts(&mut parts, &app).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    let failed = response.status().is_client_error() || response.status().is_server_error();
    match failed && !is_page(&response) {
        true => {
            let caller = response.extensions().get::<Caller>().cloned();
            page(Visit::of(&app, frame, caller.and_then(|caller| caller.0)), response)
        }
        false => response,
    }
}

/// What is answered where no route is.
pub async fn not_found() -> Response {
    Error::from(RequestError::not_found()).into_response()
}

fn page(visit: Visit, response: Response) -> Response {
    let status = response.status();
    let refused = response.extensions().get::<Refused>().cloned();
    // The words of a missing page and of a failure of ours are those of the page.
    let own_words = status.as_u16() == 404 || status.as_u16() == 500;
    let said = refused.as_ref().filter(|_| !own_words).map(|refused| refused.said.clone());
    let request_id = refused.filter(|_| status.is_server_error()).map(|refused| refused.request_id);
    let mut page = RefusalPage { frame: visit.frame, status, said, request_id }.answer();
    // The log's line of the request still says whose it was, and the code.
    page.extensions_mut().extend(response.extensions().clone());
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    page
}

fn accepts_pages(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

//! The one place where errors become HTTP: `application/problem+json` (RFC 9457) with both languages and the request's id.

use super::{Caller, request_id};
use crate::error::{Error, InternalError, RequestError, RequestErrorKind};
use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuky_model::text::Bilingual;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The body of every error answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Stable: `urn:chuky:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    pub status: u16,
    pub title: &'static str,
    #[schema(value_type = Object)]
    pub detail: Bilingual,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// The id under which the log tells more.
    pub request_id: String,
    /// Seconds, for the header `Retry-After`.
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after: Option<u32>,
}

/// Carried beside an error answer, for whoever shows it as a page instead.
#[derive(Clone)]
pub struct Refused {
    /// The stable code.
    pub code: &'static str,
    pub said: Bilingual,
    pub request_id: String,
}

/// The status of each class of request error; nowhere else is it decided.
pub fn status_of(kind: RequestErrorKind) -> StatusCode {
    match kind {
        RequestErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        RequestErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        RequestErrorKind::Forbidden => StatusCode::FORBIDDEN,
        RequestErrorKind::NotFound => StatusCode::NOT_FOUND,
        RequestErrorKind::Conflict => StatusCode::CONFLICT,
        RequestErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RequestErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        RequestErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        RequestErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Error {
    /// The body and the status of this error's answer; an internal error is logged under the id that the body carries.
    pub fn into_problem(self) -> (StatusCode, Problem) {
        let (status, problem, _) = self.into_coded_problem();
        (status, problem)
    }

    fn into_coded_problem(self) -> (StatusCode, Problem, &'static str) {
        let (request_id, is_named) = request_id();
        let error = self.for_caller(&request_id);
        if !is_named {
            // Where no line tells of the request by that id this one does.
            tracing::info!(event = "refused", request_id, code = error.code);
        }
        let status = status_of(error.kind);
        let status = if error.code == INTERNAL { StatusCode::INTERNAL_SERVER_ERROR } else { status };
        let code = error.code;
        (status, Problem::of(status, error, request_id), code)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, problem, code) = self.into_coded_problem();
        respond(status, problem, code)
    }
}

/// The middleware around every route: what the framework refuses of the API by itself (no such method, a body that is too large or not what a
/// header says of it, a call from another site) has the shape of every other error there.
pub async fn in_one_shape(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(API);
    let response = next.run(request).await;
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    if !is_api || !is_refusal || response.extensions().get::<Refused>().is_some() {
        return response;
    }
    let error = of_framework(status);
    let (code, (request_id, _)) = (error.code, request_id());
    let mut shaped = respond(status, Problem::of(status, error, request_id), code);
    // Which methods there are, and who asked.
    if let Some(allowed) = response.headers().get(header::ALLOW) {
        shaped.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    if let Some(caller) = response.extensions().get::<Caller>() {
        shaped.extensions_mut().insert(caller.clone());
    }
    shaped
}

impl Problem {
    fn of(status: StatusCode, error: RequestError, request_id: String) -> Self {
        Self {
            kind: format!("urn:chuky:problem:{}", error.code),
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            detail: error.detail,
            field: error.field,
            request_id,
            retry_after: error.retry_after,
        }
    }
}

/// The request's id, and whether the log has it already.
fn request_id() -> (String, bool) {
    let current = request_id::current();
    let is_named = current.is_some();
    (current.map_or_else(|| Uuid::now_v7().to_string(), |id| id.to_string()), is_named)
}

fn respond(status: StatusCode, problem: Problem, code: &'static str) -> Response {
    let refused = Refused { code, said: problem.detail.clone(), request_id: problem.request_id.clone() };
    let retry_after = problem.retry_after.unwrap_or(USUAL_WAIT_SECONDS);
    let mut response = (status, Json(problem)).into_response();
    response.extensions_mut().insert(refused);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    }
    response
}

/// What a status of the framework's means here; its kind is not asked for, since the status stays.
fn of_framework(status: StatusCode) -> RequestError {
    let kind = RequestErrorKind::Invalid;
    match status {
        StatusCode::FORBIDDEN => RequestError::new(
            kind,
            "other_site",
            "Yêu cầu này do một trang web khác gửi nên không được thực hiện.",
            "Another web site sent this request, so it was not carried out.",
        ),
        StatusCode::NOT_FOUND => RequestError::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => RequestError::new(
            kind,
            "method_not_allowed",
            "Đường dẫn này không nhận phương thức vừa gửi; tiêu đề Allow nêu các phương thức được nhận.",
            "This address does not take that method; the header Allow names those that it takes.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => body_too_large(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => content_type_unsupported(),
        StatusCode::GATEWAY_TIMEOUT => RequestError::new(
            kind,
            "took_too_long",
            "Yêu cầu chưa xong trong thời gian cho phép. Hãy xem kết quả trước khi gửi lại.",
            "The request was not finished in the time allowed. Look at what there is before sending it again.",
        ),
        status if status.is_server_error() => internal(),
        _ => RequestError::new(
            kind,
            "request_malformed",
            "Yêu cầu không đúng dạng. Xem /api/docs.",
            "The request does not have the expected form. See /api/docs.",
        ),
    }
}

/// A body that is larger than the route takes, or that ended before its end.
pub(super) fn body_too_large() -> RequestError {
    RequestError::new(
        RequestErrorKind::TooLarge,
        "body_too_large",
        "Nội dung gửi lên quá lớn hoặc bị ngắt giữa chừng.",
        "The body is too large or was cut short.",
    )
}

/// A body of another type than the route reads.
pub(super) fn content_type_unsupported() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unsupported,
        "content_type_unsupported",
        "Kiểu nội dung (Content-Type) này không được nhận ở đây. Xem /api/docs.",
        "This content type is not taken here. See /api/docs.",
    )
}

impl Error {
    /// What the caller may know of this error; an internal one is logged here, under the id, and told as a sentence.
    pub fn for_caller(self, request_id: &str) -> RequestError {
        match self {
            Self::Request(error) => error,
            Self::Internal(error) => {
                tracing::error!(event = "internal_error", request_id, error = %error);
                match error.is_passing() {
                    true => RequestError::try_again(),
                    false => internal(),
                }
            }
        }
    }
}

fn internal() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unavailable,
        INTERNAL,
        "Hệ thống gặp lỗi khi xử lý. Không có dữ liệu nào bị mất; hãy thử lại, và báo mã yêu cầu này nếu lỗi lặp lại.",
        "The service failed while working on this. Nothing is lost; try again, and report this request id if it repeats.",
    )
}

impl InternalError {
    /// Whether trying again later can help: the HSM or the database is away.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Hsm(error) => error.is_temporary(),
            Self::Store(error) => {
                matches!(error, crate::store::Error::Unavailable(_) | crate::store::Error::Unknown(_))
            }
            _ => false,
        }
    }
}

/// Where the API's addresses begin.
const API: &str = "/api/";
/// The code of errors that are nobody's business outside.
const INTERNAL: &str = "internal";
/// What `Retry-After` says where nothing better is known.
const USUAL_WAIT_SECONDS: u32 = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use axum::{Router, body::to_bytes, middleware, routing::get};
    use std::time::Duration;
    use tower::ServiceExt;
    use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

    async fn panics() -> StatusCode {
        panic!("of a handler")
    }

    #[tokio::test]
    async fn a_failure_around_a_handler_has_the_shape_of_the_api() {
        let slow = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::ZERO);
        let router = Router::new()
            .route("/api/panics", get(panics))
            .route("/panics", get(panics))
            .route("/api/waits", get(std::future::pending::<()>).layer(slow))
            .layer(CatchPanicLayer::new())
            .layer(middleware::from_fn(in_one_shape));
        for (path, status, code) in
            [("/api/panics", 500, Some("internal")), ("/api/waits", 504, Some("took_too_long")), ("/panics", 500, None)]
        {
            let request = Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            let body = to_bytes(response.into_body(), 10_000).await.unwrap();
            let told = serde_json::from_slice::<serde_json::Value>(&body).map(|body| body["type"].clone());
            let told = told.ok().and_then(|told| told.as_str().map(str::to_owned));
            assert_eq!(told, code.map(|code| format!("urn:chuky:problem:{code}")), "{path}");
        }
    }
}

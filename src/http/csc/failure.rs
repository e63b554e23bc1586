//! Errors as the specification lists them (CSC API §10, and the tables of each method): `error` and `error_description`. What a flow
//! refuses is told in these terms here and nowhere else.

use super::Version;
use crate::{error::Error, error::RequestError, http::problem::Refused};
use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// An error of the API.
#[derive(Debug)]
pub enum Failure {
    /// In the specification's terms already.
    Listed { status: StatusCode, error: &'static str, description: String },
    /// What a flow refused.
    Flow(Error),
}

impl Failure {
    /// `invalid_request` with its sentence.
    pub fn invalid(description: impl Into<String>) -> Self {
        Self::Listed { status: StatusCode::BAD_REQUEST, error: "invalid_request", description: description.into() }
    }

    /// An error of that name, in answer to a request that was in order.
    pub fn listed(error: &'static str, description: &str) -> Self {
        Self::Listed { status: StatusCode::BAD_REQUEST, error, description: description.to_owned() }
    }

    /// A field that is absent or of another type.
    pub fn missing(kind: &str, name: &str) -> Self {
        Self::invalid(format!("Missing (or invalid type) {kind} parameter {name}"))
    }

    /// A field whose value cannot be used.
    pub fn bad(name: &str) -> Self {
        Self::invalid(format!("Invalid parameter {name}"))
    }

    /// A method that `info` does not list.
    pub fn not_offered() -> Self {
        Self::Listed {
            status: StatusCode::NOT_IMPLEMENTED,
            error: "invalid_request",
            description: "This method is not offered; info lists the methods that are".to_owned(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Flow(error)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Flow(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Listed { status, error, description } => answer(status, error, &description),
            // Told by `as_specified`, which knows the version.
            Self::Flow(error) => error.into_response(),
        }
    }
}

/// The middleware around every route of the API: refusals of guard and flows in the specification's terms.
pub async fn as_specified(request: Request, next: Next) -> Response {
    let version = Version::of(request.uri().path());
    let with_header = request.headers().contains_key(header::AUTHORIZATION);
    let response = next.run(request).await;
    let Some(refused) = response.extensions().get::<Refused>().cloned() else { return response };
    let (status, error, description) = told(version, response.status(), &refused);
    let mut told = answer(status, error, &description);
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        told.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    if error == "invalid_token" {
        // RFC 6750 §3.
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        told.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if error == "invalid_client" && with_header {
        // RFC 6749 §5.2, RFC 7617 §2.
        let challenge = HeaderValue::from_static("Basic realm=\"oauth2\", charset=\"UTF-8\"");
        told.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    told
}

fn told(version: Version, status: StatusCode, refused: &Refused) -> (StatusCode, &'static str, String) {
    let bad = StatusCode::BAD_REQUEST;
    let invalid = |description: &str| (bad, "invalid_request", description.to_owned());
    let pin = |v1: &str, v2: (&'static str, &str)| match version {
        Version::V1 => (bad, "invalid_pin", v1.to_owned()),
        Version::V2 => (bad, v2.0, v2.1.to_owned()),
    };
    match refused.code {
        "unauthenticated" => (
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The access token is missing, unknown, expired or revoked".to_owned(),
        ),
        "forbidden" => (status, "access_denied", "The account may not use this method".to_owned()),
        "pin_wrong" => pin("The PIN is invalid", ("invalid_authentication_data", "The authentication data is invalid")),
        // Version 1 has an error of its own for each; both say that nothing was tried, so neither tells anything of the PIN.
        "factor_needed" | "factor_not_enrolled" => invalid("Missing (or invalid type) string parameter OTP"),
        "factor_used" => match version {
            Version::V1 => (bad, "invalid_otp", "The OTP was used already".to_owned()),
            Version::V2 => (bad, "invalid_authentication_data", "The OTP was used already".to_owned()),
        },
        "pin_locked" => pin("PIN locked", ("invalid_request", "Credential locked")),
        "pin_length" => {
            pin("The PIN is invalid", ("invalid_authentication_data", "The authentication data is invalid"))
        }
        "not_found" => invalid("Invalid parameter credentialID"),
        "credential_not_active" => invalid("The credential identified by credentialID is disabled"),
        "certificate_not_usable" => invalid("Signing certificate is expired, suspended or revoked"),
        "sad_invalid" | "activation_used" => invalid("Invalid parameter SAD"),
        "sad_expired" | "activation_expired" => invalid("SAD expired"),
        "approval_handle" => invalid("Invalid parameter handle"),
        "approval_words" => invalid("Invalid parameter description or documentDigests"),
        "hash_not_authorized" => invalid("Hash is not authorized by the SAD"),
        "digest_length" => invalid("Invalid digest value length"),
        "hashes_invalid" => invalid("Invalid parameter hash: each hash once"),
        "oauth_invalid_client" => (status, "invalid_client", refused.said.en.clone()),
        "oauth_invalid_grant" => (bad, "invalid_grant", refused.said.en.clone()),
        "oauth_unauthorized_client" => (bad, "unauthorized_client", refused.said.en.clone()),
        _ if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE => {
            (status, "temporarily_unavailable", refused.said.en.clone())
        }
        _ if status.is_server_error() => (status, "server_error", format!("Request id {}", refused.request_id)),
        // The specification knows no other status for what a request says.
        _ if status == StatusCode::UNPROCESSABLE_ENTITY => (bad, "invalid_request", refused.said.en.clone()),
        _ => (status, "invalid_request", refused.said.en.clone()),
    }
}

fn answer(status: StatusCode, error: &str, description: &str) -> Response {
    let body = serde_json::json!({ "error": error, "error_description": description });
    // RFC 6749 §5.1: nothing of this is kept.
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

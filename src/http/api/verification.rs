//! The verdict on a document: any file, any content type; every file that arrives whole gets a report.

use crate::{
    accounts::Principal,
    app::App,
    audit::Actor,
    error::{Error, RequestError},
    http::{Access, Caller, Remote, Route, upload},
    rates::Kind,
    verification::{self, Submission},
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Query, Request, State, rejection::QueryRejection},
    http::Method,
    routing::post,
};
use chuky_model::report::Report;
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    // The spool counts bytes itself and says in both languages what is too large.
    let handler = post(verify).layer(DefaultBodyLimit::disable());
    vec![Route::new(Method::POST, "/api/v1/documents/verify", Access::Public, handler)]
}

/// The form's parts, for the description.
#[derive(ToSchema)]
#[allow(dead_code)] // names the parts only
pub struct VerifyForm {
    /// The document.
    #[schema(value_type = String, format = Binary)]
    document: Vec<u8>,
    /// The content that a detached signature covers.
    #[schema(value_type = Option<String>, format = Binary)]
    content: Option<Vec<u8>>,
}

/// What the address may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyQuery {
    /// The validation policy: `default`, `vietnam`, `eu`, `integrity`, or one of the service's own.
    policy: Option<String>,
}

/// The text of the policy that was asked for.
fn policy(app: &App, query: Result<Query<PolicyQuery>, QueryRejection>) -> Result<String, RequestError> {
    let name = query.map_err(|_| unknown_policy(app))?.0.policy;
    let text = match &name {
        None => Some(app.policies.standard()),
        Some(name) => app.policies.text(name),
    };
    text.map(str::to_owned).ok_or_else(|| unknown_policy(app))
}

fn unknown_policy(app: &App) -> RequestError {
    let names = app.policies.names().join(", ");
    RequestError::invalid(
        "policy",
        "policy_unknown",
        format!("Tham số policy phải là một trong: {names}."),
        format!("The parameter policy must be one of: {names}."),
    )
}

#[utoipa::path(post, path = "/api/v1/documents/verify",
    request_body(content((Vec<u8> = "application/octet-stream"), (VerifyForm = "multipart/form-data"))),
    params(("policy" = Option<String>, Query, description = "The validation policy: default, vietnam, eu, integrity, or one of the service's own.")),
    responses((status = 200, description = "The report, whatever the file holds", body = Object), (status = 413), (status = 422), (status = 503)))]
/// Judges a document: the body itself, or the parts `document` and, where the signature is detached, `content` of a form.
/// The answer is the report that `chuky verify --json` prints; the file is not kept.
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    query: Result<Query<PolicyQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<Report>, Error> {
    allow(&app, caller.0.as_ref(), &remote)?;
    let policy = policy(&app, query)?;
    let _place = app.admission.enter()?;
    let submission = match upload::is_form(request.headers()) {
        true => from_form(&app, policy, request).await?,
        false => {
            let document = upload::spool_body(&app, request.into_body()).await?;
            Submission { name: UNNAMED.to_owned(), document, content: None, policy }
        }
    };
    let actor = caller.0.map_or(Actor::Anonymous, |principal| Actor::Account(principal.account));
    Ok(Json(verification::verify_document(&app, actor, submission).await?))
}

/// One more document of this caller: counted by account, or by address for whoever is not logged in.
pub(in crate::http) fn allow(app: &App, caller: Option<&Principal>, remote: &Remote) -> Result<(), RequestError> {
    let now = app.clock.now();
    match caller {
        Some(principal) => app.rates.take(Kind::Verify, &principal.account.to_string(), now),
        None => app.rates.take(Kind::VerifyAddress, remote.as_str(), now),
    }
}

async fn from_form(app: &App, policy: String, request: Request) -> Result<Submission, Error> {
    let mut form = upload::form(request).await?;
    let (mut document, mut content) = (None, None);
    while let Some(mut field) = upload::next_field(&mut form).await? {
        match field.name() {
            Some("document") if document.is_none() => {
                let name = field.file_name().filter(|name| !name.is_empty()).unwrap_or(UNNAMED).to_owned();
                document = Some((name, upload::spool_field(app, &mut field).await?));
            }
            Some("content") if content.is_none() => content = Some(upload::spool_field(app, &mut field).await?),
            _ => return Err(unexpected_part().into()),
        }
    }
    let (name, document) = document.ok_or_else(missing_document)?;
    Ok(Submission { name, document, content, policy })
}

fn missing_document() -> RequestError {
    RequestError::invalid(
        "document",
        "document_missing",
        "Thiếu phần document chứa tệp cần kiểm tra.",
        "The part document with the file to check is missing.",
    )
}

fn unexpected_part() -> RequestError {
    RequestError::invalid(
        "document",
        "form_part_unexpected",
        "Biểu mẫu chỉ có một phần document và nhiều nhất một phần content.",
        "The form has one part document and at most one part content.",
    )
}

/// What the report calls a file that came without a name.
const UNNAMED: &str = "document";

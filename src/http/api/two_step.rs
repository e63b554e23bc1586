//! Signing in two calls with a key that its holder keeps: prepare, sign elsewhere, finish. The document comes with either call, spooled as an
//! upload to be verified is, and is not kept.

use super::documents::{SIGNERS, file_answer};
use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::{Caller, Remote, Route, upload},
    rates::Kind,
    signing::{
        self,
        two_step::{self, FinishRequest, Given, PreparationRequest, PreparationView},
    },
    verification::Arriving,
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Request, State, multipart::Field},
    http::Method,
    response::Response,
    routing::post,
};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    // The spool counts bytes itself and says in both languages what is too large.
    let unbounded = DefaultBodyLimit::disable;
    vec![
        Route::new(Method::POST, "/api/v1/signatures/prepare", SIGNERS, post(prepare).layer(unbounded())),
        Route::new(Method::POST, "/api/v1/signatures/finish", SIGNERS, post(finish).layer(unbounded())),
    ]
}

/// The parts of the first call, for the description.
#[derive(ToSchema)]
#[allow(dead_code)] // names the parts only
pub struct PreparationForm {
    /// JSON; comes first.
    request: PreparationRequest,
    #[schema(value_type = String, format = Binary)]
    document: Vec<u8>,
}

/// The parts of the second call, for the description.
#[derive(ToSchema)]
#[allow(dead_code)] // names the parts only
pub struct FinishForm {
    /// JSON; comes first.
    request: FinishRequest,
    /// The same document once more.
    #[schema(value_type = String, format = Binary)]
    document: Vec<u8>,
}

#[utoipa::path(post, path = "/api/v1/signatures/prepare",
    request_body(content = PreparationForm, content_type = "multipart/form-data"),
    responses((status = 200, body = PreparationView), (status = 409), (status = 413), (status = 422), (status = 429), (status = 503)))]
/// Prepares a signature by a key that lies elsewhere: gives the digest to sign, and a continuation that this account takes to `finish`, on any
/// node, within an hour. Nothing is kept here.
pub async fn prepare(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    request: Request,
) -> Result<Json<PreparationView>> {
    let by = caller.required()?;
    let Call { value, given, arriving } = Call::<PreparationRequest>::read(&app, &by, &remote, request).await?;
    let _place = arriving.judge().await?;
    Ok(Json(two_step::prepare(&app, &by, given, value).await?))
}

#[utoipa::path(post, path = "/api/v1/signatures/finish",
    request_body(content = FinishForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The signed document, verified", content_type = "application/octet-stream"), (status = 403), (status = 409), (status = 413), (status = 422), (status = 429), (status = 503)))]
/// Takes the signature value and the same document, and answers with the signed file. Repeated, it makes the same of them again, with a new timestamp.
pub async fn finish(State(app): State<App>, caller: Caller, remote: Remote, request: Request) -> Result<Response> {
    let by = caller.required()?;
    let Call { value, given, arriving } = Call::<FinishRequest>::read(&app, &by, &remote, request).await?;
    let _place = arriving.judge().await?;
    file_answer(two_step::finish(&app, &by, given.file, &value).await?)
}

/// What is asked about a document, which may be refused before a byte of it is taken.
trait Asked: DeserializeOwned {
    fn secrecy(&self) -> Option<&str>;
}

impl Asked for PreparationRequest {
    fn secrecy(&self) -> Option<&str> {
        self.secrecy.as_deref()
    }
}

impl Asked for FinishRequest {
    fn secrecy(&self) -> Option<&str> {
        None
    }
}

/// A call as it came.
struct Call<T> {
    value: T,
    given: Given,
    arriving: Arriving,
}

impl<T: Asked> Call<T> {
    async fn read(app: &App, by: &Principal, remote: &Remote, request: Request) -> Result<Self> {
        app.rates.take(Kind::Verify, &by.account.to_string(), app.clock.steady())?;
        let arriving = app.admission.arrive(Some(by), remote.as_str())?;
        let mut form = upload::form(request).await?;
        let mut value: Option<T> = None;
        while let Some(mut field) = upload::next_field(&mut form).await? {
            match (field.name(), value.take()) {
                (Some("request"), None) => {
                    let asked: T = json(&mut field).await?;
                    signing::refuse_secret(asked.secrecy())?;
                    value = Some(asked);
                }
                (Some("document"), Some(value)) => {
                    let name = field.file_name().unwrap_or_default().to_owned();
                    let media_type = field.content_type().unwrap_or_default().to_owned();
                    let spool = upload::spool_field(app, &mut field).await?;
                    drop(field);
                    if upload::next_field(&mut form).await?.is_some() {
                        return Err(parts_expected().into());
                    }
                    let given = Given { file: spool.finish().await?, name, media_type };
                    return Ok(Self { value, given, arriving });
                }
                _ => return Err(parts_expected().into()),
            }
        }
        Err(parts_expected().into())
    }
}

/// The error's text could quote what somebody wrote, so only its place is told.
async fn json<T: DeserializeOwned>(field: &mut Field<'_>) -> Result<T, Error> {
    let mut text = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| upload::cut_short())? {
        if text.len().saturating_add(piece.len()) > LONGEST_REQUEST {
            return Err(request_malformed("").into());
        }
        text.extend_from_slice(&piece);
    }
    serde_json::from_slice(&text)
        .map_err(|error| request_malformed(&format!(" ({}:{})", error.line(), error.column())).into())
}

fn request_malformed(place: &str) -> RequestError {
    RequestError::invalid(
        "request",
        "json_invalid",
        format!("Phần request không đúng mẫu JSON{place} hoặc quá dài. Xem /api/docs."),
        format!("The part request does not have the expected JSON form{place}, or is too long. See /api/docs."),
    )
}

fn parts_expected() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "form_parts",
        "Biểu mẫu multipart/form-data có đúng hai phần theo thứ tự: request (JSON) rồi document (tệp).",
        "The multipart/form-data has exactly two parts in this order: request (JSON), then document (the file).",
    )
}

/// Bytes of the part `request`: a continuation that carries a picture of 4 MiB, twice in base64.
const LONGEST_REQUEST: usize = 12 << 20;

//! Documents to sign: upload, list, sign, fetch.

use super::{credentials::with_pin, idempotency::once, json::JsonBody};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    custody::Factors,
    error::{Error, InternalError, RequestError, RequestErrorKind, Result},
    http::{
        Access, Caller, Remote, Route,
        pages::form::Secret,
        parameters::{Path, Query},
    },
    rates::Kind,
    signing::{self, DocumentPage, DocumentView, ExtensionRequest, Place, SignRequest, Signed, Upload},
};
use axum::{
    Json,
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use chuky_model::{id::DocumentId, role::Role};
use serde::Deserialize;
use std::{
    future::poll_fn,
    io,
    pin::Pin as Pinned,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, ReadBuf};
use utoipa::ToSchema;

/// Who signs documents.
pub const SIGNERS: Access = Access::Roles(&[Role::Citizen, Role::Official, Role::Clerk]);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/documents", SIGNERS, post(upload).layer(DefaultBodyLimit::disable())),
        Route::new(Method::GET, "/api/v1/documents", SIGNERS, get(list)),
        Route::new(Method::GET, "/api/v1/documents/{id}", SIGNERS, get(show)),
        Route::new(Method::DELETE, "/api/v1/documents/{id}", SIGNERS, delete(remove)),
        Route::new(Method::GET, "/api/v1/documents/{id}/content", SIGNERS, get(content)),
        Route::new(
            Method::POST,
            "/api/v1/documents/{id}/sign",
            SIGNERS,
            post(sign).layer(DefaultBodyLimit::max(LARGEST_SIGN_BODY)),
        ),
        Route::new(Method::POST, "/api/v1/documents/{id}/extensions", SIGNERS, post(extend)),
    ]
}

/// A signature as it is asked for.
#[derive(Deserialize, ToSchema)]
pub struct SignBody {
    /// `credential`, `format` (pades, cades, xades, jades, asice, asics), `packaging` (attached, detached, enveloped), `level` (B, T, LT,
    /// LTA), `sha256` (hex of the bytes that the signer was shown: others are refused); for PDF `look` (invisible, citizen, official, seal; sao-y, sao-luc, trich-sao of a copy, appendix with `document_number`), `page`, `place`, `rectangle`,
    /// `anchor` (`text` and, by choice, `page`, `hit`, `side`: above, below, left, right), `field`,
    /// `reason`, `location`, `picture` (base64 PNG), `kept_picture` (true: the one that is kept with the credential), `code` (an object that may be empty: `title`, `page`, `place`, `rectangle`).
    #[serde(flatten)]
    #[schema(value_type = Object)]
    request: SignRequest,
    #[schema(value_type = String)]
    pin: Secret,
    /// The code of the authenticator app, where the signature takes a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Secret,
    /// Or a passkey's answer to `/api/v1/activation-challenge`.
    #[serde(default)]
    assertion: Option<Given>,
}

/// What is said of a raw upload beside its bytes.
#[derive(Deserialize)]
pub struct UploadQuery {
    name: Option<String>,
    secrecy: Option<String>,
}

/// Which documents to list.
#[derive(Deserialize)]
pub struct ListQuery {
    before: Option<String>,
}

/// Which bytes to fetch.
#[derive(Deserialize)]
pub struct ContentQuery {
    /// `original`; otherwise the signed ones where there are.
    version: Option<String>,
}

#[utoipa::path(post, path = "/api/v1/documents", request_body(content = Vec<u8>, content_type = "application/pdf"),
    params(("name" = Option<String>, Query), ("secrecy" = Option<String>, Query)),
    responses((status = 201, body = DocumentView), (status = 413), (status = 422)))]
/// Takes a document: the body itself (with `?name=` and `?secrecy=`), or multipart with `secrecy` and `name` before `document`. Its
/// Content-Type says what it is; without one it must be a PDF.
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<Response> {
    let by = caller.required()?;
    signing::refuse_secret(query.secrecy.as_deref())?;
    let headers = request.headers().clone();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (upload, name) = if kind.starts_with("multipart/form-data") {
        let multipart = Multipart::from_request(request, &app).await.map_err(|_| broken_off())?;
        from_form(&app, multipart).await?
    } else {
        (from_body(&app, kind, request.into_body()).await?, None)
    };
    let name = name.or(query.name).unwrap_or_default();
    let uploaded = upload.complete().await?;
    let identity = serde_json::json!({ "sha256": hex::encode(uploaded.sha256()), "name": name }).to_string();
    let flow = async move |app: App, by: Principal| uploaded.record(&app, &by, &name).await;
    once(&app, &by, "POST /api/v1/documents", (&headers, identity.as_bytes()), StatusCode::CREATED, flow).await
}

/// Lists the caller's documents, newest first.
#[utoipa::path(get, path = "/api/v1/documents", params(("before" = Option<String>, Query)),
    responses((status = 200, body = DocumentPage)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<DocumentPage>> {
    Ok(Json(signing::list(&app, &caller.required()?, query.before.as_deref()).await?))
}

/// One document of the caller's.
#[utoipa::path(get, path = "/api/v1/documents/{id}", params(("id" = String, Path)),
    responses((status = 200, body = DocumentView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<DocumentView>> {
    Ok(Json(signing::view(&app, &caller.required()?, parse(&id)?).await?))
}

/// Takes away a document that was never signed: its bytes are gone at once.
#[utoipa::path(delete, path = "/api/v1/documents/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 409, description = "It is signed.")))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    signing::remove_unsigned(&app, &caller.required()?, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A document's bytes: signed where it is signed, or `?version=original`.
#[utoipa::path(get, path = "/api/v1/documents/{id}/content",
    params(("id" = String, Path), ("version" = Option<String>, Query)), responses((status = 200), (status = 404)))]
pub async fn content(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<ContentQuery>,
) -> Result<Response> {
    let original = query.version.as_deref() == Some("original");
    file_answer(signing::content(&app, &caller.required()?, parse(&id)?, original).await?)
}

/// A document as an answer, streamed.
pub(in crate::http) fn file_answer(content: signing::Content) -> Result<Response> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| InternalError::other("a header of a document cannot be written"))
    };
    headers.insert(header::CONTENT_TYPE, value(&content.media_type)?);
    headers.insert(header::CONTENT_LENGTH, value(&content.size.to_string())?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, value(&disposition(&content.name))?);
    let (file, place) = content.file.into_parts();
    let file = InPlace { file: tokio::fs::File::from_std(file), _place: place };
    let stream = tokio_util::io::ReaderStream::with_capacity(file, signing::limits::PIECE);
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// A document that is handed out holds its place until it is read to its end or given up.
struct InPlace {
    file: tokio::fs::File,
    _place: Option<Place>,
}

impl AsyncRead for InPlace {
    fn poll_read(
        mut self: Pinned<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.file).poll_read(context, into)
    }
}

/// Signs a document with the caller's credential; the answer holds the verdict of our own verifier.
#[utoipa::path(post, path = "/api/v1/documents/{id}/sign", params(("id" = String, Path)), request_body = SignBody,
    responses((status = 200, body = Signed), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn sign(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: JsonBody<SignBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let SignBody { request, pin, totp, assertion } = body.value;
    let id = parse(&id)?;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    let route = format!("POST /api/v1/documents/{id}/sign");
    // Without the PIN: a MAC over it would be one to guess by that costs no Argon2id. Nor does it matter which factor came with it.
    let identity = format!("{request:?}");
    let flow = async move |app: App, by: Principal| {
        with_pin(&app, &by, &remote, signing::sign(&app, &by, id, &request, &factors)).await
    };
    once(&app, &by, &route, (&headers, identity.as_bytes()), StatusCode::OK, flow).await
}

/// Takes a signed document (PAdES, XAdES, CAdES, JAdES, ASiC) to level T, LT or LTA, whoever signed it: adds the data that checks its signatures later,
/// and timestamps. Refused (409) where its signatures do not count now, or where what is added would break another. The answer holds the verdict on the
/// result.
#[utoipa::path(post, path = "/api/v1/documents/{id}/extensions", params(("id" = String, Path)), request_body = ExtensionRequest,
    responses((status = 200, body = Signed), (status = 404), (status = 409), (status = 422), (status = 429), (status = 503)))]
pub async fn extend(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: JsonBody<ExtensionRequest>,
) -> Result<Response> {
    let (by, wanted) = (caller.required()?, body.value);
    let id = parse(&id)?;
    let route = format!("POST /api/v1/documents/{id}/extensions");
    let identity = format!("{wanted:?}");
    let flow = async move |app: App, by: Principal| {
        // An answer that is given again costs nothing.
        app.rates.take(Kind::Extend, &by.account.to_string(), app.clock.steady())?;
        signing::extend(&app, &by, id, &wanted).await
    };
    once(&app, &by, &route, (&headers, identity.as_bytes()), StatusCode::OK, flow).await
}

/// What a sender says of a document; nothing, and what clients say who know nothing of it, means PDF.
fn begin(app: &App, stated: &str) -> Result<Upload> {
    match stated.trim() {
        "" | "application/x-www-form-urlencoded" => Upload::begin(app),
        stated => Upload::begin_of(app, stated),
    }
}

async fn from_body(app: &App, stated: &str, mut body: Body) -> Result<Upload> {
    let mut upload = begin(app, stated)?;
    while let Some(frame) = poll_fn(|context| Pinned::new(&mut body).poll_frame(context)).await {
        if let Ok(piece) = frame.map_err(|_| broken_off())?.into_data() {
            upload.write(&piece).await?;
        }
    }
    Ok(upload)
}

/// Fields before the document are read first, so that a classified document is refused before a byte of it is taken.
async fn from_form(app: &App, mut form: Multipart) -> Result<(Upload, Option<String>)> {
    let mut name = None;
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        match field.name() {
            Some("secrecy") => signing::refuse_secret(Some(&short_text(&mut field).await?))?,
            Some("name") => name = Some(short_text(&mut field).await?),
            Some("document") => {
                let name = name.or_else(|| field.file_name().map(str::to_owned));
                let mut upload = begin(app, field.content_type().unwrap_or_default())?;
                while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
                    upload.write(&piece).await?;
                }
                drop(field);
                // Whatever follows could still say that the document is classified.
                while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
                    if field.name() == Some("secrecy") {
                        signing::refuse_secret(Some(&short_text(&mut field).await?))?;
                    }
                }
                return Ok((upload, name));
            }
            _ => {}
        }
    }
    Err(RequestError::invalid("document", "document_missing", "Chưa có tệp nào được gửi lên.", "No file was sent.")
        .into())
}

/// A text field of a form, bounded.
pub(in crate::http) async fn short_text(field: &mut axum::extract::multipart::Field<'_>) -> Result<String> {
    let mut text = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
        if text.len().saturating_add(piece.len()) > LONGEST_FIELD {
            return Err(broken_off().into());
        }
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn parse(id: &str) -> Result<DocumentId, Error> {
    id.parse().map_err(|_| RequestError::not_found().into())
}

/// RFC 6266: the name in ASCII for old readers, and whole in UTF-8.
fn disposition(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_ ".contains(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// The upload or its form cannot be read to its end.
pub(in crate::http) fn broken_off() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "upload_broken_off",
        "Tệp tải lên bị ngắt giữa chừng hoặc biểu mẫu không đúng. Hãy thử lại.",
        "The upload was cut short or the form is malformed. Try again.",
    )
}

/// Bytes: a picture of 4 MiB in base64, and the rest.
const LARGEST_SIGN_BODY: usize = 6 << 20;
/// Bytes of a text field of the form.
const LONGEST_FIELD: usize = 4_096;

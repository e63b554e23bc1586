//! Outgoing documents: drafting, initials, signing, number and date, the seal, sending, statuses and recall; inboxes, the register of
//! numbers, the document and its edXML package. Each handler calls one flow.

use super::{
    credentials::with_pin,
    documents::file_answer,
    idempotency::once,
    json::{JsonBody, OptionalBody},
    outgoing_draft::read_draft,
    requests::read_cursor,
};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    custody::Factors,
    error::{InternalError, RequestError, Result},
    http::{
        Access, Caller, Remote, Route,
        pages::form::Secret,
        parameters::{Path, Query},
        upload,
    },
    outgoing::{
        self, BatchLine, Inboxes, Metadata, NumberLine, OutgoingDetail, OutgoingPage, OutgoingView, RecipientWanted,
    },
    signing::picture::PictureWanted,
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::{
    id::{CredentialId, OutgoingId},
    record::Cursor,
    role::Role,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who has a part in outgoing documents.
pub(in crate::http) const PEOPLE: Access = Access::Roles(&[Role::Official, Role::Clerk]);
/// Who numbers, seals and sends.
pub(in crate::http) const CLERKS: Access = Access::Roles(&[Role::Clerk]);

pub(super) fn routes() -> Vec<Route> {
    let with_picture = || DefaultBodyLimit::max(LARGEST_SIGN_BODY);
    let at = |method, path, access, handler| Route::new(method, path, access, handler);
    vec![
        at(Method::POST, "/api/v1/documents/outgoing", PEOPLE, post(draft).layer(DefaultBodyLimit::disable())),
        at(Method::GET, "/api/v1/documents/outgoing", PEOPLE, get(list)),
        at(Method::GET, "/api/v1/documents/outgoing/inboxes", PEOPLE, get(inboxes)),
        at(Method::GET, "/api/v1/documents/outgoing/register", CLERKS, get(register)),
        at(Method::POST, "/api/v1/documents/outgoing/sign", PEOPLE, post(sign_many).layer(with_picture())),
        at(Method::GET, "/api/v1/documents/outgoing/{id}", PEOPLE, get(show)),
        at(Method::GET, "/api/v1/documents/outgoing/{id}/content", PEOPLE, get(content)),
        at(Method::GET, "/api/v1/documents/outgoing/{id}/package", CLERKS, get(package)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/submit", PEOPLE, post(submit)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/initials", PEOPLE, post(initials)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/sign", PEOPLE, post(sign).layer(with_picture())),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/number", CLERKS, post(number)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/seal", CLERKS, post(seal).layer(with_picture())),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/send", CLERKS, post(send)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/publish", CLERKS, post(publish)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/recipients", CLERKS, post(recipients)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/recall", CLERKS, post(recall)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/refuse", PEOPLE, post(refuse)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/withdraw", PEOPLE, post(withdraw)),
        at(Method::POST, "/api/v1/documents/outgoing/{id}/status", CLERKS, post(status)),
    ]
}

/// A key with its PIN.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    #[schema(value_type = String)]
    credential: CredentialId,
    #[schema(value_type = String)]
    pin: Secret,
    /// The code of the authenticator app, where the signature takes a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Secret,
    /// Or a passkey's answer to `/api/v1/activation-challenge`.
    #[serde(default)]
    assertion: Option<Given>,
    /// Base64 of a PNG: the handwriting or the seal.
    #[serde(default)]
    picture: Option<String>,
    /// Instead: the one that is kept with the credential.
    #[serde(default)]
    kept_picture: bool,
    /// What the caller was shown; nothing is signed where the document is another by now.
    #[serde(default)]
    content_sha256: Option<String>,
}

/// Whom it goes to as well.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientsBody {
    recipients: Vec<RecipientWanted>,
}

/// Several documents with one PIN and one activation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    #[schema(value_type = String)]
    credential: CredentialId,
    #[schema(value_type = String)]
    pin: Secret,
    /// The code of the authenticator app, where the signature takes a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Secret,
    /// Or a passkey's answer to `/api/v1/activation-challenge`.
    #[serde(default)]
    assertion: Option<Given>,
    #[serde(default)]
    picture: Option<String>,
    /// Instead: the one that is kept with the credential.
    #[serde(default)]
    kept_picture: bool,
    /// At most 50.
    documents: Vec<BatchDocument>,
}

/// One of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchDocument {
    #[schema(value_type = String)]
    id: OutgoingId,
    #[serde(default)]
    content_sha256: Option<String>,
}

/// What became of each, in order.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer {
    documents: Vec<BatchLine>,
}

/// A remark.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoteBody {
    note: Option<String>,
    /// What the caller was shown; nobody agrees where the document is another by now.
    content_sha256: Option<String>,
}

/// Of what a number is given; may be left out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NumberBody {
    /// What the caller was shown; no number is given where the document is another by now.
    content_sha256: Option<String>,
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    reason: String,
}

/// What a recipient says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusBody {
    organ_id: String,
    /// Two digits by QCVN 102:2016/BTTTT: 01 arrived, 02 refused, 03 received, 04 awaiting assignment, 05 processing, 06 done, 13, 15, 16.
    status: String,
    #[serde(default)]
    note: Option<String>,
}

/// Where a list begins.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    before: Option<String>,
}

/// Which part of the register.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RegisterQuery {
    year: Option<i64>,
    series: Option<String>,
    from: i64,
}

/// Part of the register, in order.
#[derive(Serialize, ToSchema)]
pub struct RegisterAnswer {
    numbers: Vec<NumberLine>,
}

/// Takes a draft: `multipart/form-data` with `secrecy` and `metadata` (JSON) before `document` (PDF). A classified document is refused
/// before a byte of it is taken.
#[utoipa::path(post, path = "/api/v1/documents/outgoing", request_body(content = Metadata, content_type = "multipart/form-data"),
    responses((status = 201, body = OutgoingView), (status = 413), (status = 422)))]
pub async fn draft(State(app): State<App>, caller: Caller, headers: HeaderMap, request: Request) -> Result<Response> {
    let by = caller.required()?;
    let (draft, identity) = read_draft(&app, upload::form(request).await?, |_| Ok(()), &mut BTreeMap::new()).await?;
    let flow = async move |app: App, by: Principal| outgoing::draft(&app, &by, draft).await;
    once(&app, &by, "POST /api/v1/documents/outgoing", (&headers, &identity), StatusCode::CREATED, flow).await
}

/// The agency's documents for its clerks, one's own drafts for others; newest first.
#[utoipa::path(get, path = "/api/v1/documents/outgoing", params(("before" = Option<String>, Query)),
    responses((status = 200, body = OutgoingPage)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<OutgoingPage>> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    Ok(Json(outgoing::list(&app, &caller.required()?, before).await?))
}

/// What waits for the caller.
#[utoipa::path(get, path = "/api/v1/documents/outgoing/inboxes", responses((status = 200, body = Inboxes)))]
pub async fn inboxes(State(app): State<App>, caller: Caller) -> Result<Json<Inboxes>> {
    Ok(Json(outgoing::inboxes(&app, &caller.required()?).await?))
}

#[utoipa::path(get, path = "/api/v1/documents/outgoing/register",
    params(("year" = Option<i64>, Query), ("series" = Option<String>, Query), ("from" = Option<i64>, Query)),
    responses((status = 200, body = RegisterAnswer)))]
/// The register of the agency's numbers: a year (this one by default) and a series, void numbers with their reason.
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<RegisterQuery>,
) -> Result<Json<RegisterAnswer>> {
    let series = query.series.unwrap_or_else(|| "CV".to_owned());
    let numbers = outgoing::register(&app, &caller.required()?, query.year, &series, query.from).await?;
    Ok(Json(RegisterAnswer { numbers }))
}

/// One document with its road, history and recipients.
#[utoipa::path(get, path = "/api/v1/documents/outgoing/{id}", params(("id" = String, Path)),
    responses((status = 200, body = OutgoingDetail), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OutgoingDetail>> {
    Ok(Json(outgoing::one(&app, &caller.required()?, read(&id)?).await?))
}

/// The PDF as it is now.
#[utoipa::path(get, path = "/api/v1/documents/outgoing/{id}/content", params(("id" = String, Path)),
    responses((status = 200), (status = 404)))]
pub async fn content(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    file_answer(outgoing::content(&app, &caller.required()?, read(&id)?).await?)
}

/// The edXML package (QCVN 102:2016/BTTTT) of a sent document, or of its recall.
#[utoipa::path(get, path = "/api/v1/documents/outgoing/{id}/package", params(("id" = String, Path)),
    responses((status = 200), (status = 404), (status = 409)))]
pub async fn package(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    file_answer(outgoing::package(&app, &caller.required()?, read(&id)?).await?)
}

/// Sends one's own draft on its road.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/submit", params(("id" = String, Path)),
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409)))]
pub async fn submit(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::submit(&app, &caller.required()?, read(&id)?).await?))
}

/// Ký nháy: agreed within the agency.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/initials", params(("id" = String, Path)), request_body = NoteBody,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409)))]
pub async fn initials(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<NoteBody>,
) -> Result<Json<OutgoingView>> {
    let NoteBody { note, content_sha256 } = body.value;
    let said = (content_sha256.as_deref(), note.as_deref());
    Ok(Json(outgoing::initial(&app, &caller.required()?, read(&id)?, said).await?))
}

/// A competent person signs one document.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/sign", params(("id" = String, Path)), request_body = KeyBody,
    responses((status = 200, body = BatchLine), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn sign(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Path(id): Path<String>,
    body: JsonBody<KeyBody>,
) -> Result<Json<BatchLine>> {
    let KeyBody { credential, pin, totp, assertion, picture, kept_picture, content_sha256 } = body.value;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    let wanted = [(read(&id)?, content_sha256)];
    let picture = PictureWanted::of(picture.as_deref(), kept_picture);
    let lines = signed(&app, caller, &remote, (credential, &factors), &wanted, picture).await?;
    let line = lines.into_iter().next().ok_or_else(|| InternalError::other("a batch without a line"))?;
    Ok(Json(line))
}

/// A competent person signs up to fifty documents with one activation; each line says what became of one.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/sign", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = 403), (status = 422)))]
pub async fn sign_many(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    body: JsonBody<BatchBody>,
) -> Result<Json<BatchAnswer>> {
    let BatchBody { credential, pin, totp, assertion, picture, kept_picture, documents } = body.value;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    let wanted: Vec<_> = documents.into_iter().map(|one| (one.id, one.content_sha256)).collect();
    let picture = PictureWanted::of(picture.as_deref(), kept_picture);
    let documents = signed(&app, caller, &remote, (credential, &factors), &wanted, picture).await?;
    Ok(Json(BatchAnswer { documents }))
}

async fn signed(
    app: &App,
    caller: Caller,
    remote: &Remote,
    (credential, factors): (CredentialId, &Factors),
    wanted: &[(OutgoingId, Option<String>)],
    picture: PictureWanted<'_>,
) -> Result<Vec<BatchLine>> {
    let by = caller.required()?;
    with_pin(app, &by, remote, outgoing::sign(app, &by, credential, factors, wanted, picture)).await
}

/// The clerk gives the next number of the agency's series and the date, and writes them into the document.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/number", params(("id" = String, Path)), request_body = Option<NumberBody>,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409), (status = 422)))]
pub async fn number(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<NumberBody>,
) -> Result<Json<OutgoingView>> {
    let seen = body.content_sha256.as_deref();
    Ok(Json(outgoing::give_number(&app, &caller.required()?, read(&id)?, seen).await?))
}

/// The clerk seals with the agency's certificate.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/seal", params(("id" = String, Path)), request_body = KeyBody,
    responses((status = 200, body = OutgoingView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn seal(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Path(id): Path<String>,
    body: JsonBody<KeyBody>,
) -> Result<Json<OutgoingView>> {
    let by = caller.required()?;
    let KeyBody { credential, pin, totp, assertion, picture, kept_picture, content_sha256 } = body.value;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    let said = (content_sha256.as_deref(), PictureWanted::of(picture.as_deref(), kept_picture));
    let flow = outgoing::seal(&app, &by, read(&id)?, credential, &factors, said);
    Ok(Json(with_pin(&app, &by, &remote, flow).await?))
}

/// Sends the sealed document to its recipients.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/send", params(("id" = String, Path)),
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409)))]
pub async fn send(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::send(&app, &caller.required()?, read(&id)?).await?))
}

/// Says that a sealed document is issued (phát hành) without a package: it has no recipient, or reaches them on paper.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/publish", params(("id" = String, Path)),
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409)))]
pub async fn publish(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::publish(&app, &caller.required()?, read(&id)?).await?))
}

/// Names further recipients of a sealed document that was not sent; those named before stay.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/recipients", params(("id" = String, Path)), request_body = RecipientsBody,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409), (status = 422)))]
pub async fn recipients(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<RecipientsBody>,
) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::add_recipients(&app, &caller.required()?, read(&id)?, body.value.recipients).await?))
}

/// Calls an issued document back, sent or not; it keeps its number.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/recall", params(("id" = String, Path)), request_body = ReasonBody,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409), (status = 422)))]
pub async fn recall(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ReasonBody>,
) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::recall(&app, &caller.required()?, read(&id)?, &body.value.reason).await?))
}

/// Whoever has it refuses it before it is sealed; a number that it has is void from then on.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/refuse", params(("id" = String, Path)), request_body = ReasonBody,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409), (status = 422)))]
pub async fn refuse(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ReasonBody>,
) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::refuse(&app, &caller.required()?, read(&id)?, &body.value.reason).await?))
}

/// The drafter takes it back, before everybody has signed.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/withdraw", params(("id" = String, Path)), request_body = ReasonBody,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409), (status = 422)))]
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<ReasonBody>,
) -> Result<Json<OutgoingView>> {
    Ok(Json(outgoing::withdraw(&app, &caller.required()?, read(&id)?, &body.value.reason).await?))
}

/// Records what a recipient says of the document.
#[utoipa::path(post, path = "/api/v1/documents/outgoing/{id}/status", params(("id" = String, Path)), request_body = StatusBody,
    responses((status = 200, body = OutgoingView), (status = 404), (status = 409), (status = 422)))]
pub async fn status(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBody<StatusBody>,
) -> Result<Json<OutgoingView>> {
    let StatusBody { organ_id, status, note } = body.value;
    let by = caller.required()?;
    Ok(Json(outgoing::status(&app, &by, read(&id)?, (&organ_id, &status), note.as_deref()).await?))
}

pub(in crate::http) fn read(id: &str) -> Result<OutgoingId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

/// Bytes: a picture of 4 MiB in base64, and the rest.
const LARGEST_SIGN_BODY: usize = 6 << 20;

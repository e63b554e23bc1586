//! The verdict on a document: any file, any content type; every file that arrives whole gets a report.

use crate::{
    accounts::Principal,
    app::App,
    audit::Actor,
    error::{Error, RequestError},
    http::{
        Access, Caller, Remote, Route,
        parameters::Query,
        report_file::{ReportForm, allow_link, report_file},
        upload,
    },
    rates::Kind,
    verification::{self, Link, Pictures, Submission},
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::report::Report;
use chuky_pki::picture::{Area, Mark, PagePictures, Picture};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Vec<Route> {
    // The spool counts bytes itself and says in both languages what is too large.
    let handler = post(verify).layer(DefaultBodyLimit::disable());
    let batch = post(super::verification_batch::verify_batch).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::POST, "/api/v1/documents/verify", Access::Public, handler),
        Route::new(Method::POST, "/api/v1/documents/verify-batch", Access::Public, batch),
    ]
}

/// What may stand behind the address.
#[derive(Debug, Deserialize, IntoParams)]
pub struct VerifyQuery {
    /// Whether the answer carries pictures of the pages that changed or that show a signature.
    #[serde(default)]
    pictures: bool,
    /// The validation policy: `default`, `vietnam`, `eu`, `integrity`, or one of the service's own.
    policy: Option<String>,
    /// The form of the answer: `json`, `pdf` (for people, with pictures of the pages, sealed by the service) or `xml` (ETSI TS 119 102-2). Without it the header
    /// `Accept` decides, and JSON where that names none of them.
    report: Option<String>,
    /// Whether the verdict is stored under a short link, without the document. The answer's header `Link` names it (`rel="alternate"`),
    /// and so does `link` in JSON.
    #[serde(default)]
    link: bool,
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

/// The text of the policy that was asked for.
pub(super) fn policy(app: &App, name: Option<&str>) -> Result<String, RequestError> {
    let text = match name {
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

#[utoipa::path(post, path = "/api/v1/documents/verify", params(VerifyQuery),
    request_body(content((Vec<u8> = "application/octet-stream"), (VerifyForm = "multipart/form-data"))),
    responses((status = 200, description = "The report, whatever the file holds", content(
        (Object = "application/json"), (Vec<u8> = "application/pdf"), (String = "application/xml"))), (status = 413), (status = 422), (status = 503)))]
/// Judges a document: the body itself, or the parts `document` and, where the signature is detached, `content` of a form.
/// The answer is the report that `chuky verify --json` prints; with `pictures=true` also `pictures`, or `pictures_missing` with the
/// reason. The file is not kept.
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Query(query): Query<VerifyQuery>,
    request: Request,
) -> Result<Response, Error> {
    let form = ReportForm::wanted(query.report.as_deref(), request.headers())?;
    allow(&app, caller.0.as_ref(), &remote)?;
    let policy = policy(&app, query.policy.as_deref())?;
    let arriving = app.admission.arrive(caller.0.as_ref(), remote.as_str())?;
    let submission = match upload::is_form(request.headers()) {
        true => from_form(&app, policy, request).await?,
        false => {
            let document = upload::spool_body(&app, request.into_body()).await?;
            Submission { name: UNNAMED.to_owned(), document, content: None, policy }
        }
    };
    let _place = arriving.judge().await?;
    let actor = caller.0.as_ref().map_or(Actor::Anonymous, |principal| Actor::Account(principal.account));
    // The report for people shows the pages; nobody else pays for them unasked.
    let (judged, pictures) = match query.pictures || form == ReportForm::Pdf {
        true => verification::verify_and_draw(&app, actor, submission).await?,
        false => (verification::verify_document(&app, actor, submission).await?, Pictures::Nothing),
    };
    let link = match query.link {
        true => {
            allow_link(&app, caller.0.as_ref(), &remote)?;
            let link = verification::keep(&app, actor, &judged).await?;
            Some(LinkAnswer::of(&app, &link))
        }
        false => None,
    };
    let named = link.as_ref().map(|link| format!("<{}>; rel=\"alternate\"", link.address));
    let mut answer = match form {
        ReportForm::Json => Json(Answer { link, ..Answer::of(judged.report, pictures) }).into_response(),
        other => report_file(&app, other, &judged, &pictures).await?,
    };
    if let Some(named) = named.and_then(|named| HeaderValue::from_str(&named).ok()) {
        answer.headers_mut().insert(header::LINK, named);
    }
    Ok(answer)
}

/// The report, and pictures where they were asked for.
#[derive(Debug, Serialize)]
pub struct Answer {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<Vec<PageAnswer>>,
    /// Why there are no pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures_missing: Option<String>,
    /// Where the verdict was stored, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkAnswer>,
}

/// A stored verdict's short link.
#[derive(Debug, Serialize)]
struct LinkAnswer {
    address: String,
    /// RFC 3339.
    expires: String,
}

impl LinkAnswer {
    fn of(app: &App, link: &Link) -> Self {
        let address = format!("{}{}", app.settings.public_url, link.path());
        Self { address, expires: link.expires_at.rfc3339() }
    }
}

/// One page.
#[derive(Debug, Serialize)]
struct PageAnswer {
    page: u32,
    now: Option<PictureAnswer>,
    signed: Option<PictureAnswer>,
    was_there: bool,
    differences: Vec<Area>,
    marks: Vec<Mark>,
}

/// One picture, its PNG in base64.
#[derive(Debug, Serialize)]
struct PictureAnswer {
    width: u16,
    height: u16,
    png: String,
}

impl PictureAnswer {
    fn of(picture: Picture) -> Self {
        Self { width: picture.width, height: picture.height, png: BASE64_STANDARD.encode(picture.png) }
    }
}

impl Answer {
    fn of(report: Report, pictures: Pictures) -> Self {
        let (pictures, pictures_missing) = match pictures {
            Pictures::Nothing => (None, None),
            Pictures::Missing(reason) => (None, Some(reason)),
            Pictures::Drawn(drawn) => (Some(drawn.into_iter().map(page_answer).collect()), None),
        };
        Self { report, pictures, pictures_missing, link: None }
    }
}

fn page_answer(page: PagePictures) -> PageAnswer {
    PageAnswer {
        page: page.page,
        now: page.now.map(PictureAnswer::of),
        signed: page.signed.map(PictureAnswer::of),
        was_there: page.was_there,
        differences: page.differences,
        marks: page.marks,
    }
}

/// One more document of this caller: counted by account, or by address for whoever is not logged in.
pub(in crate::http) fn allow(app: &App, caller: Option<&Principal>, remote: &Remote) -> Result<(), RequestError> {
    let now = app.clock.steady();
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
            Some("content") if content.is_none() => {
                content = Some(upload::spool_field(app, &mut field).await?.finish().await?);
            }
            _ => return Err(unexpected_part().into()),
        }
    }
    let (name, document) = document.ok_or_else(missing_document)?;
    Ok(Submission { name, document, content, policy })
}

pub(super) fn missing_document() -> RequestError {
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
pub(super) const UNNAMED: &str = "document";

//! Codes on the pages of signed documents: looked up by anybody who has one, compared with a file, closed and opened by the owner.

use super::{PageForm, Visit, kept};
use crate::{
    app::App,
    error::{Error, RequestErrorKind, Result},
    http::{
        Access, Remote, Route,
        api::verification::allow,
        pages::{
            Frame, Problems,
            document_code::{Compared, DocumentCodePage, FindCodePage},
        },
        problem::status_of,
    },
    outgoing,
    signing::code::{self, Told},
};
use axum::{
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/k", Access::Public, get(find)),
        Route::new(Method::GET, "/k/{code}", Access::Public, get(show)),
        Route::new(Method::POST, "/k/{code}", Access::Public, post(compare).layer(DefaultBodyLimit::disable())),
        Route::new(Method::POST, "/k/{code}/open", Access::Account, post(open)),
    ]
}

/// What the look-up form sends.
#[derive(Deserialize)]
struct FindQuery {
    #[serde(default)]
    code: String,
}

/// What the owner's form posts.
#[derive(Deserialize)]
struct OpenForm {
    /// `yes` or `no`.
    open: String,
    #[serde(default)]
    csrf: String,
}

async fn find(State(app): State<App>, visit: Visit, Query(query): Query<FindQuery>) -> Result<Response> {
    let typed: String = query.code.trim().chars().take(LONGEST_TYPED).collect();
    if typed.is_empty() {
        return Ok(FindCodePage { frame: visit.frame, code: typed, is_unknown: false }.answer());
    }
    match code::told(&app, visit.principal.as_ref(), &typed).await {
        Ok(told) => Ok(Redirect::to(&format!("{}/{}", code::PATH, told.code)).into_response()),
        Err(error) => unknown(visit.frame, typed, error),
    }
}

async fn show(State(app): State<App>, visit: Visit, Path(text): Path<String>) -> Result<Response> {
    let frame = visit.frame.clone();
    match code::told(&app, visit.principal.as_ref(), &text).await {
        Ok(told) => Ok(page(&app, visit.frame, &told).await?.answer(StatusCode::OK)),
        Err(error) => unknown(frame, text, error),
    }
}

/// Nothing is known of the code: the page that takes one says so.
fn unknown(frame: Frame, text: String, error: Error) -> Result<Response> {
    match error {
        Error::Request(refused) if refused.kind == RequestErrorKind::NotFound => {
            let frame = Frame { path: code::PATH.to_owned(), ..frame };
            let code = text.chars().take(LONGEST_TYPED).collect();
            Ok(FindCodePage { frame, code, is_unknown: true }.answer())
        }
        error => Err(error),
    }
}

async fn compare(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path(text): Path<String>,
    request: Request,
) -> Result<Response> {
    let told = code::told(&app, visit.principal.as_ref(), &text).await?;
    allow(&app, visit.principal.as_ref(), &remote)?;
    let arriving = app.admission.arrive(visit.principal.as_ref(), remote.as_str())?;
    let page = page(&app, visit.frame, &told).await?;
    let (file, name, sha256) = match kept::digested(&app, &arriving, request).await {
        Ok(digested) => digested,
        Err(Error::Request(refused)) => {
            let status = status_of(refused.kind);
            let problems = Problems::said(Some("document"), refused.detail);
            return Ok(DocumentCodePage { problems, ..page }.answer(status));
        }
        Err(error) => return Err(error),
    };
    let digest = sha256.clone();
    let same = tokio::task::spawn_blocking(move || told.compare(&file, &digest)).await;
    let same = same.map_err(|error| crate::error::InternalError::other(error.to_string()))?;
    Ok(DocumentCodePage { compared: Some(Compared { same, file: name, sha256 }), ..page }.answer(StatusCode::OK))
}

async fn open(
    State(app): State<App>,
    visit: Visit,
    Path(text): Path<String>,
    PageForm(form): PageForm<OpenForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let told = code::told(&app, Some(by), &text).await?;
    code::set_open(&app, by, told.id, form.open == "yes").await?;
    Ok(Redirect::to(&format!("{}/{}", code::PATH, told.code)).into_response())
}

async fn page(app: &App, frame: Frame, told: &Told) -> Result<DocumentCodePage> {
    let on_paper = outgoing::on_paper(app, told.document).await?;
    // The answer to a post leads back to the code, too.
    let frame = Frame { path: format!("{}/{}", code::PATH, told.code), ..frame };
    let largest_bytes = app.settings.largest_upload;
    Ok(DocumentCodePage { largest_bytes, ..DocumentCodePage::of(frame, told, on_paper.as_ref(), app.clock.now()) })
}

/// Characters of what is typed that are shown again.
const LONGEST_TYPED: usize = 64;

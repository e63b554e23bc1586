//! Reports of a verdict on the check page, and verdicts under their short links: shown, fetched as files, and compared with a file.

use super::{PageForm, Visit};
use crate::{
    app::App,
    audit::Actor,
    error::{Error, RequestError, Result},
    http::{
        Access, Remote, Route,
        api::verification::allow,
        pages::{
            Frame, Problems,
            kept::{Comparison, KeptPage},
        },
        problem::status_of,
        report_file::{ReportForm, allow_link, report_file},
        upload,
    },
    verification::{self, Arriving, Pictures, Spool, digest_of},
};
use axum::{
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use std::fs::File;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/verify/report", Access::Public, post(report)),
        Route::new(Method::GET, "/v/{code}", Access::Public, get(show)),
        Route::new(Method::POST, "/v/{code}", Access::Public, post(compare).layer(DefaultBodyLimit::disable())),
        Route::new(Method::GET, "/v/{code}/{form}", Access::Public, get(file)),
    ]
}

/// What the card of the check page posts.
#[derive(Deserialize)]
struct HandedForm {
    /// The verdict as the page carried it.
    handed: String,
    /// `pdf`, `xml`, `json` or `link`.
    form: String,
    /// The form's token, where somebody is logged in.
    #[serde(default)]
    csrf: String,
}

async fn report(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<HandedForm>,
) -> Result<Response> {
    if visit.principal.is_some() {
        visit.posting(&form.csrf)?;
    }
    let judged = verification::from_handed(&app, &form.handed)?;
    if form.form == "link" {
        allow_link(&app, visit.principal.as_ref(), &remote)?;
        let actor = visit.principal.as_ref().map_or(Actor::Anonymous, |principal| Actor::Account(principal.account));
        let link = verification::keep(&app, actor, &judged).await?;
        return Ok(Redirect::to(&link.path()).into_response());
    }
    allow(&app, visit.principal.as_ref(), &remote)?;
    let form = ReportForm::from_name(&form.form).ok_or_else(RequestError::not_found)?;
    report_file(&app, form, &judged, &Pictures::Nothing).await
}

async fn show(State(app): State<App>, visit: Visit, Path(code): Path<String>) -> Result<Response> {
    Ok(page(&app, visit, &code).await?.answer(StatusCode::OK))
}

async fn file(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path((code, form)): Path<(String, String)>,
) -> Result<Response> {
    let form = ReportForm::from_name(&form).ok_or_else(RequestError::not_found)?;
    let kept = verification::kept(&app, &code).await?;
    allow(&app, visit.principal.as_ref(), &remote)?;
    report_file(&app, form, &kept.judged, &Pictures::Nothing).await
}

async fn compare(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path(code): Path<String>,
    request: Request,
) -> Result<Response> {
    let kept = verification::kept(&app, &code).await?;
    allow(&app, visit.principal.as_ref(), &remote)?;
    let arriving = app.admission.arrive(visit.principal.as_ref(), remote.as_str())?;
    let page = page(&app, visit, &code).await?;
    let (_, name, sha256) = match digested(&app, &arriving, request).await {
        Ok(digested) => digested,
        Err(Error::Request(refused)) => {
            let status = status_of(refused.kind);
            return Ok(KeptPage { problems: Problems::said(Some("document"), refused.detail), ..page }.answer(status));
        }
        Err(error) => return Err(error),
    };
    let is_same = kept.judged.report.sha256.as_ref() == Some(&sha256);
    Ok(KeptPage { comparison: Some(Comparison { is_same, file: name, sha256 }), ..page }.answer(StatusCode::OK))
}

async fn page(app: &App, visit: Visit, code: &str) -> Result<KeptPage> {
    let kept = verification::kept(app, code).await?;
    // The answer to a post leads back to the verdict, too.
    let frame = Frame { path: format!("/v/{code}"), ..visit.frame };
    let largest_bytes = app.settings.largest_upload;
    Ok(KeptPage { largest_bytes, ..KeptPage::of(frame, &kept, &app.settings.public_url) })
}

/// The file in a form, its name and its digest.
pub(super) async fn digested(app: &App, arriving: &Arriving, request: Request) -> Result<(File, String, String)> {
    if !upload::is_form(request.headers()) {
        return Err(missing().into());
    }
    let mut form = upload::form(request).await?;
    while let Some(mut field) = upload::next_field(&mut form).await? {
        let name = field.file_name().unwrap_or_default().to_owned();
        if field.name() == Some("document") && !name.is_empty() {
            let document = upload::spool_field(app, &mut field).await?;
            let _place = arriving.judge().await?;
            let (file, sha256) = digest(document).await?;
            return Ok((file, name, sha256));
        }
    }
    Err(missing().into())
}

async fn digest(spool: Spool) -> Result<(File, String)> {
    let file = spool.finish().await?;
    let digest =
        tokio::task::spawn_blocking(move || digest_of(&file).map(|digest| (file, digest))).await.ok().flatten();
    Ok(digest.ok_or_else(RequestError::try_again)?)
}

fn missing() -> RequestError {
    RequestError::invalid("document", "document_missing", "Hãy chọn tệp cần so sánh.", "Choose the file to compare.")
}

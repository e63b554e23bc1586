//! `/verify`: files are posted as a form and answered with their verdict cards, with or without a script. Files are judged one by
//! one as they arrive and are not kept.

use super::Visit;
use crate::{
    app::App,
    audit::Actor,
    error::{Error, InternalError, RequestError, RequestErrorKind, Result},
    http::{
        Access, Remote, Route,
        api::verification::allow,
        pages::{
            Frame, Problems, VerdictCard, html, limits, verdict::ReportLinks, verdict_pages::PagesView,
            verify::VerifyPage,
        },
        problem::status_of,
        upload,
    },
    verification::{self, Arriving, Judged, Pictures, Spool, Submission, detached},
};
use axum::{
    extract::{DefaultBodyLimit, Multipart, Request, State},
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use std::fs::File;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/verify", Access::Public, get(show)),
        Route::new(Method::POST, "/verify", Access::Public, post(judge).layer(DefaultBodyLimit::disable())),
    ]
}

async fn show(State(app): State<App>, visit: Visit) -> Response {
    html(StatusCode::OK, page(&app, visit.frame, Vec::new(), Problems::none()).html())
}

async fn judge(State(app): State<App>, visit: Visit, remote: Remote, request: Request) -> Result<Response> {
    let arriving = app.admission.arrive(visit.principal.as_ref(), remote.as_str())?;
    let actor = visit.principal.as_ref().map_or(Actor::Anonymous, |principal| Actor::Account(principal.account));
    let mut reports = Vec::new();
    let outcome = match upload::is_form(request.headers()) {
        true => {
            // Each document counts.
            let allowed = || allow(&app, visit.principal.as_ref(), &remote);
            judge_each(&app, (actor, &arriving), (&mut upload::form(request).await?, allowed), &mut reports).await
        }
        false => Err(missing().into()),
    };
    let (status, problems) = match outcome {
        Ok(()) => (StatusCode::OK, Problems::none()),
        // What was judged before stays on the page, with what went wrong beside the field.
        Err(Error::Request(refused)) => (status_of(refused.kind), Problems::said(Some("document"), refused.detail)),
        Err(error) => return Err(error),
    };
    let cards = reports.into_iter().map(|judged| card(&app, &visit.frame, judged)).collect::<Result<_>>()?;
    Ok(html(status, page(&app, visit.frame, cards, problems).html()))
}

async fn judge_each(
    app: &App,
    (actor, arriving): (Actor, &Arriving),
    (form, allowed): (&mut Multipart, impl Fn() -> Result<(), RequestError>),
    reports: &mut Vec<(Judged, Pictures)>,
) -> Result<()> {
    let mut apart = Apart::default();
    while let Some(mut field) = upload::next_field(form).await? {
        let name = field.file_name().unwrap_or_default().to_owned();
        let part = field.name().unwrap_or_default().to_owned();
        // A browser sends a nameless part for a field without a choice.
        if name.is_empty() || !matches!(part.as_str(), "document" | "content") {
            continue;
        }
        if part == "content" {
            apart.signed = Some(upload::spool_field(app, &mut field).await?.finish().await?);
            continue;
        }
        if reports.len() + apart.waiting.len() >= usize::try_from(limits::MOST_DOCUMENTS).unwrap_or(usize::MAX) {
            return Err(too_many().into());
        }
        allowed()?;
        let mut document = upload::spool_field(app, &mut field).await?;
        if detached::may_be(&name) {
            // What it covers may come behind it.
            apart.waiting.push((name, document));
            continue;
        }
        apart.documents.push((name.clone(), document.again().await?));
        let _place = arriving.judge().await?;
        reports.push(judge_one(app, actor, (name, document, None)).await?);
    }
    let Apart { signed, documents, waiting } = apart;
    for (name, document) in waiting {
        let mate = documents.iter().find(|(other, _)| detached::covers(&name, other)).map(|(_, file)| file);
        let content = signed.as_ref().or(mate).map(File::try_clone).transpose();
        let content = content.map_err(InternalError::io("a spool file"))?;
        let _place = arriving.judge().await?;
        reports.push(judge_one(app, actor, (name, document, content)).await?);
    }
    if reports.is_empty() { Err(missing().into()) } else { Ok(()) }
}

/// What belongs together though it comes in parts: signatures in files of their own, and what they may cover.
#[derive(Default)]
struct Apart {
    /// The file that the visitor named as the signed one.
    signed: Option<File>,
    /// Those that were judged by themselves, by their names.
    documents: Vec<(String, File)>,
    waiting: Vec<(String, Spool)>,
}

async fn judge_one(
    app: &App,
    actor: Actor,
    (name, document, content): (String, Spool, Option<File>),
) -> Result<(Judged, Pictures)> {
    let submission = Submission { name, document, content, policy: app.policies.standard().to_owned() };
    verification::verify_and_draw(app, actor, submission).await
}

fn card(app: &App, frame: &Frame, (judged, pictures): (Judged, Pictures)) -> Result<VerdictCard> {
    let card = VerdictCard::of(&judged.report, frame, ReportLinks::default());
    let card = card.with_handed(verification::handed(app, &judged)?);
    Ok(match pictures {
        Pictures::Nothing => card,
        Pictures::Missing(_) => card.with_pages(PagesView::missing(frame)),
        Pictures::Drawn(drawn) => card.with_pages(PagesView::of(frame, &judged.report, drawn)),
    })
}

fn page(app: &App, frame: Frame, cards: Vec<VerdictCard>, problems: Problems) -> VerifyPage {
    let largest_bytes = app.settings.largest_upload;
    VerifyPage { largest_bytes, ..VerifyPage::of(frame, cards, problems) }
}

fn missing() -> RequestError {
    RequestError::invalid("document", "document_missing", "Hãy chọn tệp cần kiểm tra.", "Choose the file to check.")
}

fn too_many() -> RequestError {
    let most = limits::MOST_DOCUMENTS;
    RequestError::new(
        RequestErrorKind::TooLarge,
        "documents_too_many",
        format!("Mỗi lần chỉ nhận {most} tệp; các tệp sau chưa được kiểm tra."),
        format!("At most {most} files are taken at once; the files after these were not checked."),
    )
}

//! `/verify`: files are posted as a form and answered with their verdict cards, with or without a script. Files are judged one by
//! one as they arrive and are not kept.

use super::Visit;
use crate::{
    app::App,
    audit::Actor,
    error::{Error, RequestError, RequestErrorKind, Result},
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
    verification::{self, Arriving, Judged, Pictures, Submission},
};
use axum::{
    extract::{DefaultBodyLimit, Multipart, Request, State},
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};

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
    while let Some(mut field) = upload::next_field(form).await? {
        let name = field.file_name().unwrap_or_default().to_owned();
        // A browser sends a nameless part for a field without a choice.
        if field.name() != Some("document") || name.is_empty() {
            continue;
        }
        if reports.len() >= usize::try_from(limits::MOST_DOCUMENTS).unwrap_or(usize::MAX) {
            return Err(too_many().into());
        }
        allowed()?;
        let document = upload::spool_field(app, &mut field).await?;
        let _place = arriving.judge().await?;
        let policy = app.policies.standard().to_owned();
        let submission = Submission { name, document, content: None, policy };
        reports.push(verification::verify_and_draw(app, actor, submission).await?);
    }
    if reports.is_empty() { Err(missing().into()) } else { Ok(()) }
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
    let largest_bytes = limits::LARGEST_DOCUMENT.min(app.settings.largest_upload);
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

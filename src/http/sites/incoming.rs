//! `/documents/incoming`: the agency's register of incoming documents for its clerks, a package taken in there, and one document.

use super::{Visit, requests::shown_beside};
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{
            documents::{broken_off, short_text},
            incoming::read,
            outgoing::CLERKS,
            requests::read_cursor,
        },
        pages::{
            Frame, Problems, html,
            incoming::{IncomingChanged, IncomingDocumentPage, IncomingFile, IncomingListPage, IncomingRow},
        },
        upload,
    },
    outgoing::{self, AttachmentView, IncomingChangeView, IncomingView},
};
use axum::{
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::record::Cursor;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let take = post(take).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::GET, "/documents/incoming", CLERKS, get(list)),
        Route::new(Method::POST, "/documents/incoming", CLERKS, take),
        Route::new(Method::GET, "/documents/incoming/{id}", CLERKS, get(show)),
    ]
}

/// Where a page of the register begins.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PageQuery {
    before: Option<String>,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<PageQuery>) -> Result<Response> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let before = before.ok_or_else(RequestError::not_found)?;
    register(&app, visit, before, (String::new(), StatusCode::OK, Problems::none())).await
}

/// The register, with what was typed and refused.
async fn register(
    app: &App,
    visit: Visit,
    before: Cursor,
    (accept, status, problems): (String, StatusCode, Problems),
) -> Result<Response> {
    let found = outgoing::incoming(app, visit.required()?, before).await?;
    let page = IncomingListPage {
        rows: found.documents.iter().map(row).collect(),
        next: found.next.map(|next| format!("/documents/incoming?before={next}")),
        accept,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

/// Takes a package in. The form's token comes before it, so nothing of a stranger's upload is kept.
async fn take(State(app): State<App>, visit: Visit, request: Request) -> Result<Response> {
    let mut accept = String::new();
    match taken(&app, &visit, request, &mut accept).await {
        Ok(view) => Ok(Redirect::to(&format!("/documents/incoming/{}", view.id)).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            register(&app, visit, Cursor::NEWEST, (accept, status, problems)).await
        }
    }
}

async fn taken(app: &App, visit: &Visit, request: Request, accept: &mut String) -> Result<IncomingView> {
    if !upload::is_form(request.headers()) {
        return Err(missing().into());
    }
    let mut form = upload::form(request).await?;
    let (mut token, mut package) = (String::new(), None);
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        match field.name().unwrap_or_default() {
            "csrf" => token = short_text(&mut field).await?,
            "accept" => *accept = short_text(&mut field).await?,
            "document" if !field.file_name().unwrap_or_default().is_empty() => {
                visit.posting(&token)?;
                package = Some(upload::spool_field(app, &mut field).await?.finish().await?);
            }
            _ => {}
        }
    }
    let by = visit.posting(&token)?;
    let reason = Some(accept.trim()).filter(|reason| !reason.is_empty());
    outgoing::receive(app, by, package.ok_or_else(missing)?, reason).await
}

fn missing() -> RequestError {
    RequestError::invalid("document", "package_missing", "Hãy chọn tệp gói tin.", "Choose the package's file.")
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    let view = outgoing::incoming_one(&app, visit.required()?, read(&id)?).await?;
    let frame = visit.frame;
    let page = IncomingDocumentPage {
        row: row(&view),
        status: view.status,
        reason: view.reason.map(|reason| frame.of(&reason).to_owned()),
        accepted: view.accepted,
        open: view.open.iter().map(|open| frame.of(open).to_owned()).collect(),
        number_on_page: view.number_on_page,
        change: view.change.map(|change| changed(&frame, change)),
        files: view.attachments.into_iter().map(|file| attachment(&frame, file)).collect(),
        frame,
    };
    Ok(html(StatusCode::OK, page.html()))
}

fn row(view: &IncomingView) -> IncomingRow {
    IncomingRow {
        document: view.id.clone(),
        state: view.state.clone(),
        number: view.number.zip(view.year),
        sender_id: view.sender_id.clone(),
        sender_name: view.sender_name.clone(),
        code: view.code.clone(),
        issued_on: view.issued_on.clone(),
        subject: view.subject.clone(),
        received_by: view.received_by.clone(),
        received_at: view.received_at.clone(),
        is_accepted: view.accepted.is_some(),
    }
}

fn changed(frame: &Frame, change: IncomingChangeView) -> IncomingChanged {
    let place = change.replaced_by_number.zip(change.replaced_by_year);
    IncomingChanged {
        reason: change.reason,
        accepted: change.accepted,
        open: change.open.iter().map(|open| frame.of(open).to_owned()).collect(),
        replaced_by: change.replaced_by.zip(place).map(|(id, (number, year))| (id, number, year)),
        received_by: change.received_by,
        received_at: change.received_at,
    }
}

fn attachment(frame: &Frame, file: AttachmentView) -> IncomingFile {
    IncomingFile {
        name: file.name,
        indication: file.indication,
        message: frame.of(&file.message).to_owned(),
        signers: file.signers,
        by_sender: file.by_sender,
        marks_searched: file.marks_searched,
    }
}

//! `/documents/incoming`: the agency's register of incoming documents for its clerks, and one of them.

use super::Visit;
use crate::{
    app::App,
    error::{RequestError, Result},
    http::{
        Route,
        api::{incoming::read, outgoing::CLERKS, requests::read_cursor},
        pages::{
            Frame, html,
            incoming::{IncomingDocumentPage, IncomingFile, IncomingListPage, IncomingRow},
        },
    },
    outgoing::{self, AttachmentView, IncomingView},
};
use axum::{
    extract::{Path, Query, State},
    http::{Method, StatusCode},
    response::Response,
    routing::get,
};
use chuky_model::record::Cursor;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/documents/incoming", CLERKS, get(list)),
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
    let by = visit.required()?;
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    let found = outgoing::incoming(&app, by, before.ok_or_else(RequestError::not_found)?).await?;
    let page = IncomingListPage {
        rows: found.documents.iter().map(row).collect(),
        next: found.next.map(|next| format!("/documents/incoming?before={next}")),
        frame: visit.frame,
    };
    Ok(html(StatusCode::OK, page.html()))
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

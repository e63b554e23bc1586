//! `/registration/lists`: agencies' lists of officials.

use super::{PageForm, Visit, requests::shown_beside};
use crate::{
    accounts::passkey::Given,
    app::App,
    error::{Error, RequestError, Result},
    http::{
        Remote, Route,
        api::{
            agency_lists::{DECIDE, SEE, UPLOAD, place, read, shown},
            documents::{broken_off, short_text},
            requests::read_cursor,
        },
        pages::{
            Frame, Problems, html,
            lists::{ListCard, ListCell, ListDecisionForm, ListLine, ListPage, ListsPage},
        },
        problem::status_of,
        upload,
    },
    registration::lists::{self, Column, LineView, ListView, Shown},
};
use axum::{
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::record::{Cursor, state::AgencyLineOutcome};
use serde::Deserialize;
use std::collections::HashMap;

pub(super) fn routes() -> Vec<Route> {
    let take = post(take).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::GET, "/registration/lists", SEE, get(list)),
        Route::new(Method::POST, "/registration/lists", UPLOAD, take),
        Route::new(Method::GET, "/registration/lists/template.csv", SEE, get(template_csv)),
        Route::new(Method::GET, "/registration/lists/template.xlsx", SEE, get(template_workbook)),
        Route::new(Method::GET, "/registration/lists/{id}", SEE, get(show)),
        Route::new(Method::POST, "/registration/lists/{id}/enter", UPLOAD, post(enter)),
        Route::new(Method::POST, "/registration/lists/{id}/drop", UPLOAD, post(drop_list)),
        Route::new(Method::POST, "/registration/lists/{id}/approve", DECIDE, post(approve)),
        Route::new(Method::POST, "/registration/lists/{id}/reject", DECIDE, post(reject)),
        Route::new(Method::POST, "/registration/lists/{id}/lines/{position}", UPLOAD, post(correct)),
        Route::new(Method::POST, "/registration/lists/{id}/lines/{position}/remove", UPLOAD, post(remove)),
        Route::new(Method::POST, "/registration/lists/{id}/lines/{position}/approve", DECIDE, post(approve_line)),
        Route::new(Method::POST, "/registration/lists/{id}/lines/{position}/reject", DECIDE, post(reject_line)),
    ]
}

/// Where a page begins, and what it shows.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PageQuery {
    before: Option<String>,
    show: String,
    from: i64,
}

async fn list(State(app): State<App>, visit: Visit, Query(query): Query<PageQuery>) -> Result<Response> {
    let before = query.before.as_deref().map_or(Some(Cursor::NEWEST), read_cursor);
    lists_page(&app, visit, before.ok_or_else(RequestError::not_found)?, (StatusCode::OK, Problems::none())).await
}

/// Takes a file in. The form's token comes before it, so nothing of a stranger's upload is kept.
async fn take(State(app): State<App>, visit: Visit, remote: Remote, request: Request) -> Result<Response> {
    match taken(&app, &visit, &remote, request).await {
        Ok(id) => Ok(Redirect::to(&format!("/registration/lists/{id}?show=wrong")).into_response()),
        Err(Error::Request(refused)) if refused.field.is_some() => {
            let said = (status_of(refused.kind), Problems::said(refused.field, refused.detail));
            lists_page(&app, visit, Cursor::NEWEST, said).await
        }
        Err(error) => Err(error),
    }
}

async fn taken(app: &App, visit: &Visit, remote: &Remote, request: Request) -> Result<chuky_model::id::AgencyListId> {
    let arriving = app.admission.arrive(visit.principal.as_ref(), remote.as_str())?;
    if !upload::is_form(request.headers()) {
        return Err(missing().into());
    }
    let mut form = upload::form(request).await?;
    let mut token = String::new();
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        match field.name().unwrap_or_default() {
            "csrf" => token = short_text(&mut field).await?,
            "file" => {
                let by = visit.posting(&token)?;
                let name = field.file_name().unwrap_or_default().to_owned();
                if name.is_empty() {
                    break;
                }
                let file = upload::spool_field(app, &mut field).await?.finish().await?;
                let _place = arriving.judge().await?;
                return lists::upload(app, by, &name, file).await;
            }
            _ => {}
        }
    }
    Err(missing().into())
}

fn missing() -> RequestError {
    RequestError::invalid("file", "file_missing", "Hãy chọn tệp danh sách.", "Choose the list's file.")
}

async fn template_csv() -> Response {
    download("text/csv; charset=utf-8", "danh-sach-can-bo.csv", lists::template_csv().into_bytes())
}

async fn template_workbook() -> Result<Response> {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(download(kind, "danh-sach-can-bo.xlsx", lists::template_workbook()?))
}

fn download(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], bytes).into_response()
}

async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    page(&app, visit, &id, &query, (StatusCode::OK, Problems::none())).await
}

async fn enter(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let done = lists::enter(&app, visit.posting(&form.csrf)?, read(&id)?).await;
    after(&app, visit, &id, done).await
}

async fn drop_list(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let done = lists::drop_list(&app, visit.posting(&form.csrf)?, read(&id)?).await;
    after(&app, visit, &id, done).await
}

async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let (by, list) = (visit.posting(&form.csrf)?, read(&id)?);
    let done = async {
        let given = Given::of_form(&form.assertion)?;
        lists::decide(&app, by, list, Ok(&form.content_digest), given.as_ref()).await
    };
    let done = done.await;
    after(&app, visit, &id, done).await
}

async fn reject(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let done = lists::decide(&app, visit.posting(&form.csrf)?, read(&id)?, Err(&form.reason), None).await;
    after(&app, visit, &id, done).await
}

async fn correct(
    State(app): State<App>,
    visit: Visit,
    Path((id, position)): Path<(String, String)>,
    PageForm(form): PageForm<HashMap<String, String>>,
) -> Result<Response> {
    let by = visit.posting(form.get("csrf").map(String::as_str).unwrap_or_default())?;
    let (list, position) = place(&id, &position)?;
    let texts: Vec<(Column, String)> =
        form.iter().filter_map(|(name, text)| Some((Column::from_name(name)?, text.clone()))).collect();
    match lists::correct(&app, by, list, position, &texts).await {
        Ok(()) => {
            let show = form.get("show").filter(|show| *show == "wrong").map_or("all", String::as_str);
            Ok(Redirect::to(&format!("/registration/lists/{list}?show={show}&from={position}")).into_response())
        }
        Err(error) => after(&app, visit, &id, Err(error)).await,
    }
}

async fn remove(
    State(app): State<App>,
    visit: Visit,
    Path((id, position)): Path<(String, String)>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let (list, position) = place(&id, &position)?;
    let done = lists::remove(&app, visit.posting(&form.csrf)?, list, position).await;
    after(&app, visit, &id, done).await
}

async fn approve_line(
    State(app): State<App>,
    visit: Visit,
    Path((id, position)): Path<(String, String)>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let (list, position) = place(&id, &position)?;
    let by = visit.posting(&form.csrf)?;
    let done = async {
        let given = Given::of_form(&form.assertion)?;
        lists::decide_line(&app, by, list, position, Ok(&form.content_digest), given.as_ref()).await
    };
    let done = done.await;
    after(&app, visit, &id, done).await
}

async fn reject_line(
    State(app): State<App>,
    visit: Visit,
    Path((id, position)): Path<(String, String)>,
    PageForm(form): PageForm<ListDecisionForm>,
) -> Result<Response> {
    let (list, position) = place(&id, &position)?;
    let done = lists::decide_line(&app, visit.posting(&form.csrf)?, list, position, Err(&form.reason), None).await;
    after(&app, visit, &id, done).await
}

/// The list again after something was done, or with what was refused.
async fn after(app: &App, visit: Visit, id: &str, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/registration/lists/{}", read(id)?)).into_response()),
        Err(error) => {
            let said = shown_beside(error)?;
            page(app, visit, id, &PageQuery::default(), said).await
        }
    }
}

async fn lists_page(
    app: &App,
    visit: Visit,
    before: Cursor,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let (views, next) = lists::lists(app, by, before).await?;
    let page = ListsPage {
        lists: views.into_iter().map(card).collect(),
        next: next.map(|next| format!("/registration/lists?before={}_{}", next.at.0, next.id)),
        may_upload: UPLOAD.admits(Some(&by.roles)),
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

async fn page(
    app: &App,
    visit: Visit,
    id: &str,
    query: &PageQuery,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let shown = shown(&query.show);
    let detail = lists::list(app, visit.required()?, read(id)?, shown, query.from).await?;
    let name = match shown {
        Shown::All => "all",
        Shown::Wrong => "wrong",
        Shown::Open => "open",
    };
    let page = ListPage {
        next: detail.next.map(|next| format!("/registration/lists/{}?show={name}&from={next}", detail.list.id)),
        lines: detail.lines.into_iter().map(|one| line(&visit.frame, one)).collect(),
        card: card(detail.list),
        wrong: detail.wrong,
        shown: name,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

fn card(view: ListView) -> ListCard {
    let unit = if view.unit_name.is_empty() { view.unit } else { format!("{} ({})", view.unit_name, view.unit) };
    ListCard {
        list: view.id,
        state: view.state.name(),
        title: view.title,
        unit,
        size: view.size,
        open: view.open,
        content_digest: view.content_digest.unwrap_or_default(),
        entered_by: view.entered_by,
        uploaded_at: view.uploaded_at,
        decided: view.decided_by.zip(view.decided_at),
        rejection: view.rejection_reason,
        finished_at: view.finished_at,
        own: view.own,
        decidable: view.decidable,
    }
}

fn line(frame: &Frame, view: LineView) -> ListLine {
    let cell = |value: lists::Value| {
        let of_cell = view.problems.iter().filter(|problem| problem.column == value.column);
        let problems = of_cell.map(|problem| frame.of(&problem.said).to_owned()).collect();
        ListCell { column: value.column, text: value.text, problems }
    };
    ListLine {
        position: view.position,
        row: view.row,
        cells: view.values.into_iter().map(cell).collect(),
        outcome: view.outcome.map(AgencyLineOutcome::name),
        reason: view.reason,
        request: view.request,
        content_digest: view.content_digest,
    }
}

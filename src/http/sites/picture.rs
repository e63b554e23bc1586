//! `/credentials/{id}/picture`: the holder keeps, replaces, sees and removes the picture that signatures of a credential show.

use super::{PageForm, TokenForm, Visit};
use crate::{
    app::App,
    custody,
    error::{Error, RequestError, Result},
    http::{
        Route,
        api::documents::{SIGNERS, broken_off, short_text},
        pages::{Problems, html, picture::PicturePage},
        problem::status_of,
        upload,
    },
    signing::{limits::KEPT_PICTURE, picture},
    transactions::merchant::holder,
};
use axum::{
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::id::CredentialId;

pub(super) fn routes() -> Vec<Route> {
    let limit = || DefaultBodyLimit::max(LARGEST_FORM);
    vec![
        Route::new(Method::GET, "/credentials/{id}/picture", SIGNERS, get(show)),
        Route::new(Method::GET, "/credentials/{id}/picture.png", SIGNERS, get(file)),
        Route::new(Method::POST, "/credentials/{id}/picture", SIGNERS, post(keep).layer(limit())),
        Route::new(Method::POST, "/credentials/{id}/picture/remove", SIGNERS, post(remove)),
    ]
}

async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    page(&app, visit, parse(&id)?, (StatusCode::OK, Problems::none())).await
}

async fn file(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response> {
    let png = picture::kept(&app, visit.required()?, parse(&id)?).await?.ok_or_else(RequestError::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, png.to_vec()).into_response())
}

async fn keep(State(app): State<App>, visit: Visit, Path(id): Path<String>, request: Request) -> Result<Response> {
    let id = parse(&id)?;
    let kept = async {
        let (csrf, png) = read(request).await?;
        let by = visit.posting(&csrf)?;
        picture::keep(&app, by, id, &png).await
    };
    match kept.await {
        Ok(()) => Ok(Redirect::to(&format!("/credentials/{id}/picture")).into_response()),
        Err(Error::Request(refused)) if refused.field.is_some() => {
            let said = (status_of(refused.kind), Problems::said(refused.field, refused.detail));
            page(&app, visit, id, said).await
        }
        Err(error) => Err(error),
    }
}

async fn remove(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response> {
    let id = parse(&id)?;
    picture::remove(&app, visit.posting(&form.csrf)?, id).await?;
    Ok(Redirect::to(&format!("/credentials/{id}/picture")).into_response())
}

/// The form's token and its picture.
async fn read(request: Request) -> Result<(String, Vec<u8>)> {
    let (mut csrf, mut png) = (String::new(), Vec::new());
    let mut form = upload::form(request).await?;
    while let Some(mut field) = upload::next_field(&mut form).await? {
        match field.name() {
            Some("csrf") => csrf = short_text(&mut field).await?,
            Some("picture") => {
                while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
                    // One byte more tells that it is too large.
                    let room = (KEPT_PICTURE + 1).saturating_sub(png.len());
                    png.extend_from_slice(piece.get(..room).unwrap_or(&piece));
                }
            }
            _ => {}
        }
    }
    Ok((csrf, png))
}

async fn page(
    app: &App,
    visit: Visit,
    id: CredentialId,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let signers = custody::signers(app, visit.required()?).await?;
    let signer = signers.iter().find(|signer| signer.credential.id == id).ok_or_else(RequestError::not_found)?;
    let page = PicturePage {
        credential: id,
        holder: holder(&signer.certificate),
        is_kept: picture::is_kept(app, id).await?,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

fn parse(id: &str) -> Result<CredentialId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

/// Bytes: a picture that is too large to be kept is still read, so that it can be said.
const LARGEST_FORM: usize = 8 << 20;

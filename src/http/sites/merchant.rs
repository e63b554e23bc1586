//! `/merchant`: a merchant registers accounts, prints and withdraws their codes. `/qr`: anybody asks whose account a code names, by
//! picture or text.

use super::{PageForm, TokenForm, Visit, credentials::usable, documents::pin_beside};
use crate::{
    accounts::Principal,
    app::App,
    custody::Factors,
    error::{Error, RequestError, Result},
    http::{
        Access, Remote, Route,
        api::{
            credentials::with_pin,
            documents::SIGNERS,
            idempotency,
            merchants::{LARGEST_PICTURE, sheets_of},
            receipts::allow,
            requests::read_cursor,
        },
        pages::{
            Problems, html,
            merchant::{AccountCard, CodePage, MerchantPage, RegisterForm},
            with_camera,
        },
        problem::status_of,
        upload,
    },
    transactions::{
        merchant::{self, NewAccount},
        picture,
        vietqr::verify_code,
    },
    verification::Arriving,
};
use axum::{
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{algorithm::KeyAlgorithm, record::Cursor};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/merchant", SIGNERS, get(show)),
        Route::new(Method::POST, "/merchant", SIGNERS, post(register)),
        Route::new(Method::POST, "/merchant/{id}/withdraw", SIGNERS, post(withdraw)),
        Route::new(Method::POST, "/merchant/{id}/sheet", SIGNERS, post(sheet)),
        Route::new(Method::GET, "/qr", Access::Public, get(ask)),
        Route::new(Method::POST, "/qr", Access::Public, post(check).layer(DefaultBodyLimit::max(LARGEST_PICTURE))),
    ]
}

/// Where the list begins, and what has just been done.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: Option<String>,
    done: String,
}

async fn show(State(app): State<App>, visit: Visit, Query(query): Query<ListQuery>) -> Result<Response> {
    page(&app, visit, query, RegisterForm::default(), (StatusCode::OK, Problems::none())).await
}

async fn register(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<RegisterForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let RegisterForm { bank, number, shop, city, credential, .. } = form.clone();
    let identity = format!("{credential}\n{bank}\n{number}\n{shop}\n{city}");
    let typed = (form.pin.clone(), form.totp.clone(), form.assertion.clone());
    let flow = async move |app: App, by: Principal| {
        let credential = credential.parse().map_err(|_| RequestError::not_found())?;
        let factors = Factors::of_form(typed.0.reveal(), typed.1.reveal(), &typed.2)?;
        let new = NewAccount { bank, number, shop, city };
        let view = with_pin(&app, &by, &remote, merchant::register(&app, &by, credential, &factors, new)).await?;
        Ok(view.id)
    };
    let key = (form.idempotency_key.as_str(), identity.as_bytes());
    match idempotency::once_on_page(&app, by, "POST /merchant", key, flow).await {
        Ok(_) => Ok(Redirect::to("/merchant?done=registered").into_response()),
        Err(error) => {
            let said = pin_beside(error)?;
            page(&app, visit, ListQuery::default(), form, said).await
        }
    }
}

async fn withdraw(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    merchant::withdraw(&app, by, id.parse().map_err(|_| RequestError::not_found())?).await?;
    Ok(Redirect::to("/merchant?done=withdrawn").into_response())
}

async fn sheet(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    sheets_of(&app, by, vec![id.parse().map_err(|_| RequestError::not_found())?]).await
}

async fn page(
    app: &App,
    visit: Visit,
    query: ListQuery,
    form: RegisterForm,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (views, next) = merchant::own_accounts(app, by, after).await?;
    // What is printed is read by telephones: the short signature of this curve.
    let credentials = usable(app, by, |signer| signer.credential.algorithm == KeyAlgorithm::P256).await?;
    let page = MerchantPage {
        accounts: views.iter().map(|view| AccountCard::of(&visit.frame, view)).collect(),
        next: next.map(|next| format!("/merchant?after={}_{}", next.at.0, next.id)),
        credentials,
        form: RegisterForm {
            idempotency_key: idempotency::fresh_key(),
            pin: Default::default(),
            totp: Default::default(),
            ..form
        },
        done: query.done,
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

async fn ask(visit: Visit) -> Response {
    let page = CodePage { frame: visit.frame, code: String::new(), answer: None, problems: Problems::none() };
    with_camera(html(StatusCode::OK, page.html()))
}

async fn check(State(app): State<App>, visit: Visit, remote: Remote, request: Request) -> Result<Response> {
    allow(&app, &remote)?;
    let arriving = app.admission.arrive(visit.principal.as_ref(), remote.as_str())?;
    let mut page = CodePage { frame: visit.frame, code: String::new(), answer: None, problems: Problems::none() };
    match posted(&app, &arriving, request).await {
        Ok(code) => {
            page.answer = Some(verify_code(&app, &code).await?);
            page.code = code;
            Ok(with_camera(html(StatusCode::OK, page.html())))
        }
        Err(Error::Request(refused)) => {
            page.problems = Problems::said(refused.field, refused.detail);
            Ok(with_camera(html(status_of(refused.kind), page.html())))
        }
        Err(error) => Err(error),
    }
}

/// The code that was typed, or the one in the picture.
async fn posted(app: &App, arriving: &Arriving, request: Request) -> Result<String> {
    let mut form = upload::form(request).await?;
    let mut code = String::new();
    while let Some(mut field) = upload::next_field(&mut form).await? {
        let has_file = field.file_name().is_some_and(|name| !name.is_empty());
        match field.name() {
            Some("picture") if has_file => {
                let picture = upload::spool_field(app, &mut field).await?;
                let _place = arriving.judge().await?;
                return picture::code_in(app, picture).await;
            }
            Some("code") => code = field.text().await.unwrap_or_default(),
            _ => {}
        }
    }
    match code.trim() {
        "" => Err(RequestError::invalid(
            "picture",
            "code_missing",
            "Hãy chụp mã QR, chọn ảnh hoặc dán nội dung của mã.",
            "Photograph the QR code, choose a picture, or paste the code's text.",
        )
        .into()),
        code => Ok(code.to_owned()),
    }
}

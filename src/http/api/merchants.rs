//! Signed VietQR: merchants register accounts and sign their codes, print sheets, withdraw; anybody asks whose account a code names.

use super::{credentials::with_pin, documents::SIGNERS, idempotency::once, json::JsonBody, requests::read_cursor};
use crate::{
    accounts::{Principal, passkey::Given},
    app::App,
    custody::Factors,
    error::{RequestError, Result},
    http::{
        Access, Caller, Remote, Route,
        api::receipts::allow,
        pages::form::Secret,
        parameters::{Path, Query},
        upload,
    },
    transactions::{
        code_sheet::{MOST_SHEETS, sheets},
        merchant::{self, AccountView, NewAccount},
        picture,
        vietqr::{CodeAnswer, verify_code},
    },
};
use axum::{
    Json,
    body::to_bytes,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::{id::MerchantAccountId, record::Cursor, role::Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    let verify = post(verify).layer(DefaultBodyLimit::max(LARGEST_PICTURE));
    vec![
        Route::new(Method::POST, "/api/v1/merchant-accounts", SIGNERS, post(register)),
        Route::new(Method::GET, "/api/v1/merchant-accounts", SIGNERS, get(list)),
        Route::new(Method::POST, "/api/v1/merchant-accounts/{id}/withdraw", SIGNERS, post(withdraw)),
        Route::new(Method::POST, "/api/v1/merchant-accounts/sheets", PRINTERS, post(print)),
        Route::new(Method::POST, "/api/v1/vietqr/verify", Access::Public, verify),
    ]
}

/// Who prints sheets: merchants their own, staff those of a street.
pub const PRINTERS: Access = Access::Roles(&[Role::Citizen, Role::Official, Role::Operator, Role::Administrator]);

/// An account to register. The code is signed with the credential's key for exactly this content.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    credential: String,
    #[schema(value_type = String)]
    pin: Secret,
    /// The code of the authenticator app, where the signature takes a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Secret,
    /// Or a passkey's answer to `/api/v1/activation-challenge`.
    #[serde(default)]
    assertion: Option<Given>,
    /// BIN of the bank, six digits.
    bank: String,
    number: String,
    shop: String,
    #[serde(default)]
    city: String,
}

/// Registers an account and signs its VietQR code. An `Idempotency-Key` stands for one signature, whatever PIN comes with it.
#[utoipa::path(post, path = "/api/v1/merchant-accounts", request_body = RegisterBody,
    responses((status = 201, body = AccountView), (status = 403), (status = 404), (status = 409), (status = 422), (status = 429)))]
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    headers: HeaderMap,
    body: JsonBody<RegisterBody>,
) -> Result<Response> {
    let by = caller.required()?;
    let RegisterBody { credential, pin, totp, assertion, bank, number, shop, city } = body.value;
    let credential = credential.parse().map_err(|_| RequestError::not_found())?;
    let factors = Factors::enter(pin.reveal(), totp.reveal(), assertion)?;
    // Nothing of a PIN is kept, not even under a key.
    let identity = format!("{credential}\n{bank}\n{number}\n{shop}\n{city}");
    let new = NewAccount { bank, number, shop, city };
    let flow = async move |app: App, by: Principal| {
        with_pin(&app, &by, &remote, merchant::register(&app, &by, credential, &factors, new)).await
    };
    let route = "POST /api/v1/merchant-accounts";
    once(&app, &by, route, (&headers, identity.as_bytes()), StatusCode::CREATED, flow).await
}

/// A page of the caller's accounts.
#[derive(Serialize, ToSchema)]
pub struct AccountsAnswer {
    accounts: Vec<AccountView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Where a list begins.
#[derive(Deserialize)]
pub struct ListQuery {
    after: Option<String>,
}

/// The caller's accounts, oldest first.
#[utoipa::path(get, path = "/api/v1/merchant-accounts", params(("after" = Option<String>, Query)), responses((status = 200, body = AccountsAnswer)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<AccountsAnswer>> {
    let after = query.after.as_deref().map_or(Some(Cursor::OLDEST), read_cursor).ok_or_else(RequestError::not_found)?;
    let (accounts, next) = merchant::own_accounts(&app, &caller.required()?, after).await?;
    Ok(Json(AccountsAnswer { accounts, next: next.map(|next| format!("{}_{}", next.at.0, next.id)) }))
}

/// Withdraws an account: from now on its code is told to be withdrawn.
#[utoipa::path(post, path = "/api/v1/merchant-accounts/{id}/withdraw", params(("id" = String, Path)),
    responses((status = 200, body = AccountView), (status = 404)))]
pub async fn withdraw(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<AccountView>> {
    let id = id.parse().map_err(|_| RequestError::not_found())?;
    Ok(Json(merchant::withdraw(&app, &caller.required()?, id).await?))
}

/// Accounts whose sheets are printed, a page each, in this order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrintBody {
    accounts: Vec<String>,
}

/// Sheets to print, as a PDF: of the caller's accounts, and for operators and administrators of anybody's.
#[utoipa::path(post, path = "/api/v1/merchant-accounts/sheets", request_body = PrintBody,
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), (status = 404), (status = 409), (status = 422)))]
pub async fn print(State(app): State<App>, caller: Caller, body: JsonBody<PrintBody>) -> Result<Response> {
    let by = caller.required()?;
    let read = |id: &String| id.parse::<MerchantAccountId>().ok();
    let ids = body.value.accounts.iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(RequestError::not_found)?;
    sheets_of(&app, &by, ids).await
}

/// The sheets of these accounts as an answer.
pub async fn sheets_of(app: &App, by: &crate::accounts::Principal, ids: Vec<MerchantAccountId>) -> Result<Response> {
    if ids.is_empty() || ids.len() > MOST_SHEETS {
        return Err(RequestError::invalid(
            "accounts",
            "sheets_count",
            "Mỗi lần in từ 1 đến 100 mã.",
            "Between 1 and 100 sheets are printed at a time.",
        )
        .into());
    }
    let prints_for_all = by.has(Role::Operator) || by.has(Role::Administrator);
    let mut accounts = Vec::new();
    for id in ids {
        accounts.push(merchant::for_sheet(app, by, id, prints_for_all).await?);
    }
    let pdf = sheets(&app.settings, accounts, app.clock.now()).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"vietqr.pdf\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, pdf).into_response())
}

/// Says whose account a code names: the body is the code's text, or a picture of it (PNG or JPEG). A code that is not valid is an
/// answer, too.
#[utoipa::path(post, path = "/api/v1/vietqr/verify", request_body(content((String = "text/plain"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
    responses((status = 200, body = CodeAnswer), (status = 422), (status = 429)))]
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    request: Request,
) -> Result<Json<CodeAnswer>> {
    allow(&app, &remote)?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("image/") {
        let arriving = app.admission.arrive(caller.0.as_ref(), remote.as_str())?;
        let picture = upload::spool_body(&app, request.into_body()).await?;
        let _place = arriving.judge().await?;
        let text = picture::code_in(&app, picture).await?;
        return Ok(Json(verify_code(&app, &text).await?));
    }
    // A text that is too long is judged as far as shows that it is.
    let body = to_bytes(request.into_body(), LARGEST_TEXT).await.unwrap_or_default();
    Ok(Json(verify_code(&app, &String::from_utf8_lossy(&body)).await?))
}

/// Bytes of a picture: what a telephone's camera makes.
pub const LARGEST_PICTURE: usize = 24 << 20;
/// Bytes of a code's text.
const LARGEST_TEXT: usize = 16 << 10;

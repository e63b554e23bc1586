//! `/payroll`: a file of payments is read, corrected, shown with its total and digest, and signed with one PIN.

use super::{PageForm, Visit, credentials::usable};
use crate::{
    accounts::Principal,
    app::App,
    custody::Factors,
    error::{Error, InternalError, RequestError, RequestErrorKind, Result},
    http::{
        Remote, Route,
        api::{
            documents::{SIGNERS, broken_off, short_text},
            idempotency,
            payrolls::{LARGEST_PAYROLL, SIGNING, signed},
        },
        pages::{
            Problems, html,
            payroll::{PayrollCard, PayrollForm, PayrollPage},
        },
        problem::status_of,
        upload,
    },
    transactions::payroll::{self, COLUMNS, PayrollRow, SignedPayroll},
};
use axum::{
    extract::{DefaultBodyLimit, Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::payment::PaymentOrder;
use std::collections::HashMap;

pub(super) fn routes() -> Vec<Route> {
    let take = post(take).layer(DefaultBodyLimit::disable());
    let again = post(again).layer(DefaultBodyLimit::max(LARGEST_FORM));
    let sign = post(sign).layer(DefaultBodyLimit::max(LARGEST_FORM));
    vec![
        Route::new(Method::GET, "/payroll", SIGNERS, get(show)),
        Route::new(Method::GET, "/payroll/template.csv", SIGNERS, get(template_csv)),
        Route::new(Method::GET, "/payroll/template.xlsx", SIGNERS, get(template_workbook)),
        Route::new(Method::POST, "/payroll/check", SIGNERS, take),
        Route::new(Method::POST, "/payroll/check-again", SIGNERS, again),
        Route::new(Method::POST, "/payroll/sign", SIGNERS, sign),
        Route::new(Method::POST, "/payroll/result", SIGNERS, post(result)),
    ]
}

async fn show(State(app): State<App>, visit: Visit) -> Result<Response> {
    page(&app, visit, (String::new(), None), (StatusCode::OK, Problems::none())).await
}

/// Takes a file in. The form's token and who pays come before it.
async fn take(State(app): State<App>, visit: Visit, remote: Remote, request: Request) -> Result<Response> {
    let mut credential = String::new();
    let read = taken(&app, &visit, &remote, request, &mut credential).await;
    checked(&app, visit, credential, read).await
}

async fn taken(
    app: &App,
    visit: &Visit,
    remote: &Remote,
    request: Request,
    credential: &mut String,
) -> Result<Vec<PayrollRow>> {
    let arriving = app.admission.arrive(visit.principal.as_ref(), remote.as_str())?;
    if !upload::is_form(request.headers()) {
        return Err(missing().into());
    }
    let mut form = upload::form(request).await?;
    let mut token = String::new();
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        match field.name().unwrap_or_default() {
            "csrf" => token = short_text(&mut field).await?,
            "credential" => *credential = short_text(&mut field).await?,
            "file" => {
                visit.posting(&token)?;
                if field.file_name().unwrap_or_default().is_empty() {
                    break;
                }
                let file = upload::spool_field(app, &mut field).await?.finish().await?;
                let _place = arriving.judge().await?;
                return payroll::rows(app, file).await;
            }
            _ => {}
        }
    }
    Err(missing().into())
}

/// The same rows with what was corrected.
async fn again(
    State(app): State<App>,
    visit: Visit,
    PageForm(form): PageForm<HashMap<String, String>>,
) -> Result<Response> {
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    visit.posting(&text("csrf"))?;
    let mut rows: Vec<PayrollRow> = serde_json::from_str(&text("rows")).map_err(|_| RequestError::not_found())?;
    for row in &mut rows {
        let number = row.row;
        let fields = [&mut row.id, &mut row.payee, &mut row.amount, &mut row.reference];
        for ((name, _), field) in COLUMNS.into_iter().zip(fields) {
            if let Some(typed) = form.get(&format!("{name}-{number}")) {
                typed.trim().clone_into(field);
            }
        }
    }
    checked(&app, visit, text("credential"), Ok(rows)).await
}

/// Rows as what would be signed, or what kept them from being read.
async fn checked(app: &App, visit: Visit, credential: String, read: Result<Vec<PayrollRow>>) -> Result<Response> {
    let prepared = async {
        let rows = read?;
        let id = credential.parse().map_err(|_| RequestError::not_found())?;
        let view = payroll::prepare(app, visit.required()?, id, &rows, None).await?;
        Ok::<_, Error>(PayrollCard::of(&visit.frame, &rows, &view))
    };
    match prepared.await {
        Ok(card) => page(app, visit, (credential, Some(card)), (StatusCode::OK, Problems::none())).await,
        Err(Error::Request(refused)) if refused.field.is_some() => {
            let said = (status_of(refused.kind), Problems::said(refused.field, refused.detail));
            page(app, visit, (credential, None), said).await
        }
        Err(error) => Err(error),
    }
}

async fn sign(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<PayrollForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let PayrollForm { credential, sha256, orders, pin, totp, assertion, .. } = form;
    let orders: Vec<PaymentOrder> = serde_json::from_str(&orders).map_err(|_| RequestError::not_found())?;
    let done = match Factors::of_form(pin.reveal(), totp.reveal(), &assertion) {
        Ok(factors) => signed(&app, by, remote, (credential.clone(), sha256, orders.clone()), factors).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(signed) => {
            let signed = PayrollPage::signed_summary(&visit.frame, &signed);
            let page = PayrollPage {
                frame: visit.frame,
                credentials: Vec::new(),
                credential,
                card: None,
                signed: Some(signed),
                problems: Problems::none(),
            };
            Ok(html(StatusCode::OK, page.html()))
        }
        Err(Error::Request(refused))
            if refused.field.is_some() || matches!(refused.kind, RequestErrorKind::Conflict) =>
        {
            let (status, problems) = (status_of(refused.kind), Problems::said(refused.field, refused.detail));
            // The same orders again, so that another PIN can be tried without another file.
            let rows = orders.iter().zip(1..).map(|(order, row)| PayrollRow {
                row,
                id: order.id.clone(),
                payee: order.payee.clone(),
                amount: order.amount.to_string(),
                reference: order.reference.clone().unwrap_or_default(),
            });
            let rows: Vec<PayrollRow> = rows.collect();
            let id = credential.parse().map_err(|_| RequestError::not_found())?;
            let view = payroll::prepare(&app, visit.required()?, id, &rows, None).await?;
            let card = PayrollCard::of(&visit.frame, &rows, &view);
            page(&app, visit, (credential, Some(card)), (status, problems)).await
        }
        Err(error) => Err(error),
    }
}

/// What was signed, as a file: each line a message that `verify-batch` takes, or a table with one row an order.
async fn result(State(app): State<App>, visit: Visit, PageForm(form): PageForm<PayrollForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let key = format!("{}-{}", form.credential, form.sha256);
    // Only what was signed before is given: nothing is signed here.
    let flow = async |_: App, _: Principal| Err::<SignedPayroll, Error>(RequestError::not_found().into());
    let signed: SignedPayroll = idempotency::once_on_page(&app, by, SIGNING, (&key, key.as_bytes()), flow).await?;
    let (media, ending, bytes) = match form.kind.as_str() {
        "xlsx" => (XLSX, "xlsx", workbook(&signed)?),
        _ => ("application/x-ndjson", "ndjson", lines(&signed)),
    };
    Ok(download(media, &format!("bang-luong-da-ky.{ending}"), bytes))
}

fn lines(signed: &SignedPayroll) -> Vec<u8> {
    signed.signed.iter().flat_map(|line| [line.jws.as_bytes(), b"\n"].concat()).collect()
}

fn workbook(signed: &SignedPayroll) -> Result<Vec<u8>> {
    let headings = ["Mã lệnh", "Người nhận", "Số tiền", "Loại tiền", "Lệnh đã ký (JWS)"].map(str::to_owned).to_vec();
    let row = |line: &payroll::SignedLine| {
        let amount = line.amount.to_string();
        vec![line.id.clone(), line.payee.clone(), amount, line.currency.clone(), line.jws.clone()]
    };
    let rows: Vec<Vec<String>> = std::iter::once(headings).chain(signed.signed.iter().map(row)).collect();
    made(&rows)
}

fn made(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let made = chuky_pki::office::workbook_maker::make(rows);
    Ok(made.map_err(|error| InternalError::other(error.to_string()))?)
}

fn headings() -> Vec<String> {
    COLUMNS.iter().map(|(_, heading)| (*heading).to_owned()).collect()
}

async fn template_csv() -> Response {
    // With a byte order mark, by which spreadsheets know UTF-8.
    let text = format!("\u{feff}{}\r\n", headings().join(","));
    download("text/csv; charset=utf-8", "bang-luong.csv", text.into_bytes())
}

async fn template_workbook() -> Result<Response> {
    Ok(download(XLSX, "bang-luong.xlsx", made(&[headings()])?))
}

fn download(media: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], bytes).into_response()
}

fn missing() -> RequestError {
    RequestError::invalid("file", "file_missing", "Hãy chọn tệp bảng lương.", "Choose the payroll's file.")
}

async fn page(
    app: &App,
    visit: Visit,
    (credential, card): (String, Option<PayrollCard>),
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let credentials = usable(app, visit.required()?, |_| true).await?;
    let page = PayrollPage { frame: visit.frame, credentials, credential, card, signed: None, problems };
    Ok(html(status, page.html()))
}

/// Octets of a form that carries a payroll: JSON in the encoding of forms is up to three times as long.
const LARGEST_FORM: usize = 3 * LARGEST_PAYROLL;
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

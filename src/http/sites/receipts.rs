//! `/receipts`: checks a receipt that somebody pasted.

use super::{PageForm, Visit};
use crate::{
    app::App,
    error::Result,
    http::{
        Access, Remote, Route,
        api::receipts::allow,
        pages::{
            Problems, html,
            receipt::{ReceiptForm, ReceiptPage},
        },
    },
};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_pki::payment::receipt::check;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/receipts", Access::Public, get(show)),
        Route::new(Method::POST, "/receipts", Access::Public, post(verify)),
    ]
}

async fn show(visit: Visit) -> Response {
    let page =
        ReceiptPage { frame: visit.frame, form: ReceiptForm::default(), checked: None, problems: Problems::none() };
    html(StatusCode::OK, page.html())
}

async fn verify(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<ReceiptForm>,
) -> Result<Response> {
    allow(&app, &remote)?;
    let message = Some(form.message.trim()).filter(|message| !message.is_empty());
    // A JSON text that was copied with its quotation marks is the text inside.
    let text = serde_json::from_str::<String>(form.receipt.trim()).unwrap_or_else(|_| form.receipt.clone());
    let checked = check(text.as_bytes(), &app.receipts.keys()?, message.map(str::as_bytes));
    let page = ReceiptPage { frame: visit.frame, form, checked: Some(checked), problems: Problems::none() };
    Ok(html(StatusCode::OK, page.html()))
}

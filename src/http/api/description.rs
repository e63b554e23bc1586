//! The API's description (OpenAPI 3.1) and its offline browser.

use crate::{
    app::App,
    error::{InternalError, Result},
    http::{Access, Route, csc},
};
use axum::{
    body::Bytes,
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::OnceLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Chuky", description = "Chữ ký số: cấp, ký và kiểm tra. Digital signatures: issue, sign and verify."),
    paths(
        super::session::open,
        super::session::show,
        super::session::close,
        super::passkeys::ask_log_in,
        super::passkeys::log_in,
        super::passkeys::ask_activation,
        super::passkeys::ask_approval,
        super::passkeys::ask_change,
        super::passkeys::ask_creation,
        super::passkeys::add,
        super::passkeys::list,
        super::passkeys::remove,
        super::passkeys::to_confirm,
        super::passkeys::confirm,
        super::accounts::keys,
        super::accounts::make_key,
        super::accounts::revoke_key,
        super::accounts::disable,
        super::accounts::remove_role,
        super::second_factor::begin,
        super::second_factor::confirm,
        super::subjects::own,
        super::subjects::export,
        super::staff::list,
        super::staff::orders,
        super::staff::enter,
        super::staff::order,
        super::staff::approve,
        super::staff::refuse,
        super::staff::withdraw,
        super::staff::invite,
        super::staff::welcome,
        super::personnel_orders::list,
        super::personnel_orders::preview,
        super::personnel_orders::enter,
        super::personnel_orders::show,
        super::personnel_orders::approve,
        super::personnel_orders::refuse,
        super::personnel_orders::withdraw,
        super::oauth_clients::register,
        super::oauth_clients::list,
        super::oauth_clients::end,
        super::grants::list,
        super::grants::end,
        super::requests::submit,
        super::requests::list,
        super::requests::show,
        super::requests::approve,
        super::requests::reject,
        super::requests::make_code,
        super::activations::preview,
        super::activations::redeem,
        super::activations::refuse,
        super::activations::redeem_with_own_key,
        super::certificates::show,
        super::certificates::receipt,
        super::certificates::revoke,
        super::certificates::suspend,
        super::certificates::resume,
        super::certificates::renew,
        super::certificates::modify,
        super::certificates::change_list,
        super::foreign_certificates::own,
        super::foreign_certificates::ask,
        super::foreign_certificates::register,
        super::foreign_certificates::waiting,
        super::foreign_certificates::show,
        super::foreign_certificates::approve,
        super::foreign_certificates::refuse,
        super::foreign_certificates::remove,
        super::foreign_certificates::check,
        super::revocation_orders::preview,
        super::revocation_orders::enter,
        super::revocation_orders::list,
        super::revocation_orders::show,
        super::revocation_orders::approve,
        super::revocation_orders::reject,
        super::transactions::verify,
        super::transactions::verify_batch,
        super::two_step::prepare,
        super::two_step::finish,
        super::transactions::schema,
        super::payment_orders::sign,
        super::payrolls::check,
        super::payrolls::sign,
        super::audit::entries,
        super::audit::proof,
        super::audit::identity,
        super::audit::consistency,
        super::receipts::keys,
        super::receipts::verify,
        super::providers::list,
        super::providers::ask,
        super::providers::approve,
        super::providers::refuse,
        super::alarms::list,
        super::alarms::again,
        super::alarms::ask,
        super::mandates::sign,
        super::mandates::list,
        super::mandates::show,
        super::mandates::end,
        super::mandates::collect,
        super::merchants::register,
        super::merchants::list,
        super::merchants::withdraw,
        super::merchants::print,
        super::merchants::verify,
        super::agency_lists::take,
        super::agency_lists::list,
        super::agency_lists::show,
        super::agency_lists::correct,
        super::agency_lists::remove,
        super::agency_lists::approve_line,
        super::agency_lists::reject_line,
        super::agency_lists::enter,
        super::agency_lists::drop_list,
        super::agency_lists::approve,
        super::agency_lists::reject,
        super::activation_sheets::codes,
        super::activation_sheets::confirmations,
        super::forms::of_request,
        super::forms::of_list,
        super::forms::of_order,
        super::units::list,
        super::units::show,
        super::units::load,
        super::reports::report,
        super::reports::workbook,
        super::reports::table,
        super::reports::definitions,
        super::reports::open,
        super::reports::open_workbook,
        super::reports::open_table,
        super::credentials::credentials,
        super::credentials::change_pin,
        super::pictures::show,
        super::pictures::keep,
        super::pictures::remove,
        super::unlocks::ask,
        super::unlocks::list,
        super::unlocks::approve,
        super::unlocks::refuse,
        super::document_codes::list,
        super::document_codes::end,
        super::document_codes::reopen,
        super::documents::upload,
        super::documents::list,
        super::documents::show,
        super::documents::remove,
        super::documents::content,
        super::documents::sign,
        super::documents::extend,
        super::outgoing::draft,
        super::outgoing::list,
        super::outgoing::inboxes,
        super::outgoing::register,
        super::outgoing::publish,
        super::outgoing::recipients,
        super::outgoing::show,
        super::outgoing::content,
        super::outgoing::package,
        super::outgoing::submit,
        super::outgoing::initials,
        super::outgoing::sign,
        super::outgoing::sign_many,
        super::outgoing::number,
        super::outgoing::seal,
        super::outgoing::send,
        super::outgoing::recall,
        super::outgoing::refuse,
        super::outgoing::withdraw,
        super::outgoing::status,
        super::incoming::receive,
        super::incoming::list,
        super::incoming::show,
        super::incoming::content,
        super::delegations::delegate,
        super::delegations::delegations,
        super::delegations::end_delegation,
        super::verification::verify,
        super::verification_batch::verify_batch,
    )
)]
struct Description;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/api/v1/openapi.json", Access::Public, get(show))]
}

/// The description as JSON, made once: whoever asks shares it.
async fn show() -> Result<Response> {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = match TEXT.get() {
        Some(text) => text.clone(),
        None => {
            let text =
                described().to_json().map_err(|error| InternalError::other(format!("the description: {error}")))?;
            TEXT.get_or_init(|| text.into()).clone()
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The page that shows the description without the internet.
pub fn browser() -> axum::Router<App> {
    utoipa_swagger_ui::SwaggerUi::new("/api/docs").url("/api/docs/openapi.json", described()).into()
}

/// The description, each operation under the noun of its path or its version of the signing API.
fn described() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    description.paths.paths.extend(csc::description::paths());
    for (path, item) in &mut description.paths.paths {
        let noun = path.split('/').nth(3).unwrap_or_default().to_owned();
        let of_csc = csc::description::tag(path);
        for (_, operation) in super::statuses::operations(item) {
            // Each operation has a name of its own (OpenAPI 3.1 §4.8.10), which programs that write clients go by.
            if let Some(name) = operation.operation_id.as_mut().filter(|_| of_csc.is_none()) {
                *name = name_of(path, name);
            }
            operation.tags = Some(vec![of_csc.clone().unwrap_or_else(|| noun.clone())]);
        }
    }
    super::statuses::add(&mut description, &super::routes());
    description
}

/// What an operation is called: the words of its path, and what it does where they do not say so.
fn name_of(path: &str, does: &str) -> String {
    let words = path.split('/').skip(3).filter(|word| !word.starts_with('{')).map(|word| word.replace('-', "_"));
    let mut words: Vec<String> = words.collect();
    if words.last().is_none_or(|last| last != does) {
        words.push(does.to_owned());
    }
    words.join("_")
}

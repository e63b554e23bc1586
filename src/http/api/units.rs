//! Administrative units: which there are on a day, and loading the list of the next reform.

use super::json::JsonBody;
use crate::{
    app::App,
    error::Result,
    http::{
        Access, Caller, Route,
        parameters::{Path, Query},
    },
    units::{self, Loaded, UnitView},
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    http::Method,
    routing::{get, post},
};
use chuky_model::{role::Role, unit::Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who looks units up.
const SEE: Access = Access::Roles(&[
    Role::Operator,
    Role::Registrar,
    Role::Approver,
    Role::Clerk,
    Role::Auditor,
    Role::SecurityOfficer,
    Role::Administrator,
]);
/// Who loads them.
const LOAD: Access = Access::Roles(&[Role::Administrator]);

pub(super) fn routes() -> Vec<Route> {
    let load = post(load).layer(DefaultBodyLimit::max(LARGEST_LIST));
    vec![
        Route::new(Method::GET, "/api/v1/units", SEE, get(list)),
        Route::new(Method::GET, "/api/v1/units/{id}", SEE, get(show)),
        Route::new(Method::POST, "/api/v1/units", LOAD, load),
    ]
}

/// A day, `YYYY-MM-DD`; today where it is absent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct DayQuery {
    at: Option<String>,
}

/// Units of a day.
#[derive(Serialize, ToSchema)]
pub struct UnitsAnswer {
    #[schema(value_type = Vec<Object>)]
    units: Vec<Unit>,
}

/// A list to load.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitsBody {
    /// The first day on which exactly these units are in force, `YYYY-MM-DD`.
    from: String,
    /// CSV with the columns `code,name,kind,parent` and, where known, `agency_code,valid_to,predecessors,formed_from,residents,officials`.
    list: String,
    /// Only tells what loading would bring.
    #[serde(default)]
    dry_run: bool,
}

/// Every unit of a day.
#[utoipa::path(get, path = "/api/v1/units", params(("at" = Option<String>, Query)),
    responses((status = 200, body = UnitsAnswer), (status = 422)))]
pub async fn list(State(app): State<App>, Query(query): Query<DayQuery>) -> Result<Json<UnitsAnswer>> {
    Ok(Json(UnitsAnswer { units: units::all(&app, query.at.as_deref()).await? }))
}

/// The unit of a code, or of an agency code in either form, on a day.
#[utoipa::path(get, path = "/api/v1/units/{id}", params(("id" = String, Path), ("at" = Option<String>, Query)),
    responses((status = 200, body = UnitView), (status = 404), (status = 422)))]
pub async fn show(
    State(app): State<App>,
    Path(code): Path<String>,
    Query(query): Query<DayQuery>,
) -> Result<Json<UnitView>> {
    Ok(Json(units::view(&app, &code, query.at.as_deref()).await?))
}

/// Loads the list of units in force from a day on; a list that contradicts is refused with its lines named.
#[utoipa::path(post, path = "/api/v1/units", request_body = UnitsBody,
    responses((status = 200, body = Loaded), (status = 403), (status = 409), (status = 422)))]
pub async fn load(State(app): State<App>, caller: Caller, body: JsonBody<UnitsBody>) -> Result<Json<Loaded>> {
    let UnitsBody { from, list, dry_run } = body.value;
    Ok(Json(units::load(&app, &caller.required()?, &list, &from, dry_run).await?))
}

/// Bytes: a list of every commune of the country has half a megabyte.
const LARGEST_LIST: usize = 4 << 20;

//! Drafts of the booth that a lost network left on the operator's device: the keys under which they lie there, and what is sent once the
//! network is back. The service keeps no key: it derives them anew for whoever is logged in. Must never give one operator another's.

use super::{PageForm, Visit, booth};
use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, Result},
    http::{
        Access, Route,
        pages::booth::{CardForm, ConfirmForm},
        problem::status_of,
    },
    registration::{self, Details},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{card::Card, role::Role};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

pub(super) fn routes() -> Vec<Route> {
    const BOOTH: Access = Access::Roles(&[Role::Operator]);
    vec![
        Route::new(Method::POST, "/booth/draft-keys", BOOTH, post(keys)),
        Route::new(Method::POST, "/booth/drafts", BOOTH, post(send)),
    ]
}

/// A form without fields of its own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct KeysForm {
    csrf: String,
}

/// What the page's script needs to keep and open drafts of whoever is logged in.
#[derive(Serialize)]
struct Keys {
    /// Stands beside each draft on the device and says whose it is to nobody but the service.
    owner: String,
    /// Newest first.
    keys: Vec<DayKey>,
}

#[derive(Serialize)]
struct DayKey {
    /// Days since 1 January 1970, UTC.
    day: i64,
    /// AES-256, base64.
    key: Zeroizing<String>,
}

async fn keys(State(app): State<App>, visit: Visit, PageForm(form): PageForm<KeysForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let today = app.clock.now().0.div_euclid(MICROSECONDS_OF_A_DAY);
    let keys = (0..=DAYS_KEPT).map(|back| day_key(&app, by, today - back)).collect();
    let owner = hex::encode(app.vault.lookup("booth_draft_owner", &by.account.to_string()));
    Ok(unkept(StatusCode::OK, Json(Keys { owner, keys })))
}

/// The key of one account's drafts of one day.
fn day_key(app: &App, by: &Principal, day: i64) -> DayKey {
    let key = Zeroizing::new(app.vault.lookup("booth_draft_key", &format!("{}\n{day}", by.account)));
    DayKey { day, key: Zeroizing::new(STANDARD.encode(*key)) }
}

async fn send(State(app): State<App>, visit: Visit, PageForm(mut form): PageForm<ConfirmForm>) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    if form.idempotency_key.is_empty() {
        let (vi, en) =
            ("Nháp thiếu khóa chống gửi hai lần.", "The draft lacks the key that keeps it from being sent twice.");
        return Err(RequestError::invalid("idempotency_key", "draft_without_key", vi, en).into());
    }
    // 1. The card and what was compared, as on the page.
    let card = match Card::parse(&form.card_text, registration::today(&app)) {
        Ok(card) => card,
        Err(errors) => {
            let said = CardForm { card_text: form.card_text, ..CardForm::default() }.problems(&errors);
            let said = said.of(&visit.frame, "card_text").join(" ");
            return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, "card", &said));
        }
    };
    if !(form.card_compared && form.face_compared) {
        return Ok(refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "compare_first",
            &visit.frame.say("problem-compare-first"),
        ));
    }
    // 2. What the device could not read out of the card.
    let read = Details::from_card(&card);
    for (field, read) in [(&mut form.province, read.province), (&mut form.locality, read.locality)] {
        if field.is_empty() {
            *field = read;
        }
    }
    // 3. The request, once.
    match booth::entered(&app, by, &card, &form).await {
        Ok(id) => {
            let address = format!("/booth/requests/{id}");
            Ok(unkept(StatusCode::OK, Json(json!({ "request": id, "address": address }))))
        }
        Err(Error::Request(no)) => Ok(refused(status_of(no.kind), no.code, visit.frame.of(&no.detail))),
        Err(error) => Err(error),
    }
}

/// Why a draft was not taken, in the operator's language.
fn refused(status: StatusCode, code: &str, said: &str) -> Response {
    unkept(status, Json(json!({ "code": code, "said": said })))
}

fn unkept(status: StatusCode, body: impl IntoResponse) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], body).into_response()
}

/// A booth's weekend and the day after: a draft's key is derived for nobody later than this.
const DAYS_KEPT: i64 = 3;
const MICROSECONDS_OF_A_DAY: i64 = 86_400_000_000;

//! `Idempotency-Key`: the first call's answer is the answer to every repetition of the same request by the same account.
//! The request is remembered as a keyed MAC, for it may hold what no unkeyed digest may be stored of. Flow and recording run to their end
//! where the caller hangs up: whoever asks again with the same key gets the answer. Where the node that carried a request out has ended, a
//! repetition is told that nobody knows what came of it, and is never carried out by itself.

use crate::{
    accounts::Principal,
    app::App,
    error::{Error, InternalError, RequestError, Result},
    finishing::to_its_end,
    store,
};
use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chuky_model::record::payment::Idempotency;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// Runs a flow that creates something, once for each key. Without the header the flow simply runs.
pub async fn once<T: Serialize + Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
    app: &App,
    by: &Principal,
    route: &str,
    (headers, body): (&HeaderMap, &[u8]),
    created: StatusCode,
    flow: impl FnOnce(App, Principal) -> F,
) -> Result<Response> {
    let flow = flow(app.clone(), by.clone());
    let Some(key) = headers.get(HEADER) else {
        return Ok((created, Json(flow.await?)).into_response());
    };
    let key = key.to_str().map_err(|_| bad_key())?;
    let answer = first_or_again(app, by, route, (key, body), created, flow).await?;
    let kind = (axum::http::header::CONTENT_TYPE, "application/json");
    Ok(match answer.again {
        true => (answer.status, [kind, (REPLAYED, "true")], answer.body.to_vec()).into_response(),
        false => (answer.status, [kind], answer.body.to_vec()).into_response(),
    })
}

/// The same for a page's form, whose key is a hidden field: what the flow gave the first time. Without a key it simply runs.
pub async fn once_on_page<
    T: Serialize + DeserializeOwned + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
>(
    app: &App,
    by: &Principal,
    route: &str,
    (key, body): (&str, &[u8]),
    flow: impl FnOnce(App, Principal) -> F,
) -> Result<T> {
    let flow = flow(app.clone(), by.clone());
    if key.is_empty() {
        return flow.await;
    }
    let answer = first_or_again(app, by, route, (key, body), StatusCode::SEE_OTHER, flow).await?;
    Ok(serde_json::from_slice(&answer.body).map_err(|error| InternalError::other(error.to_string()))?)
}

/// A key for a form that is about to be shown.
pub fn fresh_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

struct Answer {
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
    /// It was given before.
    again: bool,
}

async fn first_or_again<T: Serialize + Send + 'static>(
    app: &App,
    by: &Principal,
    route: &str,
    (key, body): (&str, &[u8]),
    created: StatusCode,
    flow: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<Answer> {
    if !(8..=128).contains(&key.len()) {
        return Err(bad_key());
    }
    let key_hash = app.vault.lookup("idempotency_key", &format!("{}\n{route}\n{key}", by.account));
    let mac = app.tokens.subscribers.mac("chuky-idempotency-v1", body).await?;
    let request = Idempotency {
        key_hash: key_hash.to_vec(),
        account_id: by.account,
        route: route.to_owned(),
        request_mac: mac.to_vec(),
        response_status: None,
        response: None,
        created_at: app.clock.now(),
    };
    let app = app.clone();
    to_its_end(async move {
        // Whoever is at the request holds it, so one that was begun and is held by nobody was broken off.
        let at_work = app.under_way.take_up(&app.store, key_hash).await?;
        let mut transaction = app.store.begin().await?;
        match (transaction.begin_idempotent(&request).await?, at_work) {
            (Some(earlier), at_work) => {
                transaction.rollback().await?;
                repeat(&app, &earlier, &mac, at_work.is_some())
            }
            (None, Some(_at_work)) => {
                transaction.commit().await?;
                first(&app, &key_hash, created, flow).await
            }
            (None, None) => {
                transaction.rollback().await?;
                Err(under_way())
            }
        }
    })
    .await
}

/// Runs the flow and records its answer, or forgets the key where there is none.
async fn first<T: Serialize>(
    app: &App,
    key_hash: &[u8; 32],
    created: StatusCode,
    flow: impl Future<Output = Result<T>>,
) -> Result<Answer> {
    let answer = match flow.await {
        Ok(answer) => answer,
        // It may have taken hold, or may still: whoever asks again is told to look first.
        Err(error @ Error::Internal(InternalError::Store(store::Error::Unknown(_)))) => return Err(error),
        Err(error) => {
            let mut transaction = app.store.begin().await?;
            transaction.abandon_idempotent(key_hash).await?;
            transaction.commit().await?;
            return Err(error);
        }
    };
    let plain = serde_json::to_vec(&answer).map_err(|error| InternalError::other(error.to_string()))?;
    let plain = Zeroizing::new(plain);
    let sealed = app.vault.seal(PLACE, &hex::encode(key_hash), &plain)?;
    let mut transaction = app.store.begin().await?;
    transaction.answer_idempotent(key_hash, i64::from(created.as_u16()), &sealed).await?;
    transaction.commit().await?;
    Ok(Answer { status: created, body: plain, again: false })
}

/// What is told of a request that was begun before; `nobody_at_work` where no answer to it will come any more.
fn repeat(app: &App, earlier: &Idempotency, mac: &[u8; 32], nobody_at_work: bool) -> Result<Answer> {
    if earlier.request_mac != mac {
        return Err(RequestError::conflict(
            "idempotency_key_reused",
            "Khóa Idempotency-Key này đã dùng cho một yêu cầu có nội dung khác.",
            "This Idempotency-Key was used for a request with another content.",
        )
        .into());
    }
    let (Some(status), Some(sealed)) = (earlier.response_status, &earlier.response) else {
        return Err(if nobody_at_work { broken_off() } else { under_way() });
    };
    let body = app.vault.open(PLACE, &hex::encode(&earlier.key_hash), sealed)?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    Ok(Answer { status: status.unwrap_or(StatusCode::OK), body, again: true })
}

fn under_way() -> Error {
    RequestError::conflict(
        "request_under_way",
        "Yêu cầu này đang được xử lý. Hãy thử lại sau giây lát với cùng khóa.",
        "This request is under way. Try again in a moment with the same key.",
    )
    .into()
}

fn broken_off() -> Error {
    RequestError::conflict(
        "request_broken_off",
        "Yêu cầu này bị ngắt giữa chừng nên hệ thống không biết kết quả. Hãy xem kết quả trước, rồi mới gửi lại với khóa mới.",
        "This request was broken off, and what came of it is not known. Look at what there is before you send it again with a new key.",
    )
    .into()
}

fn bad_key() -> Error {
    RequestError::new(
        crate::error::RequestErrorKind::Invalid,
        "idempotency_key_form",
        "Idempotency-Key gồm 8 đến 128 ký tự ASCII.",
        "An Idempotency-Key has 8 to 128 ASCII characters.",
    )
    .into()
}

/// The header that carries the key.
pub(super) const HEADER: &str = "idempotency-key";
/// Says that an answer is the repetition of an earlier one.
pub(super) const REPLAYED: axum::http::HeaderName = axum::http::HeaderName::from_static("idempotency-replayed");
const PLACE: &str = "idempotency.response";

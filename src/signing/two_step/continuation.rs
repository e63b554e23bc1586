//! What goes from the first call to the second in the caller's hands: sealed under the data key that every node derives in the HSM, so that
//! nobody else can read, make or alter one; of one account, for a time. It holds facts, not the prepared octets: the second call makes those
//! again from the document and compares their digest.

use super::request::PreparationRequest;
use crate::{
    accounts::Principal,
    app::App,
    error::{InternalError, RequestError, RequestErrorKind, Result},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Continuation {
    pub(super) account: String,
    pub(super) expires_at: Instant,
    /// The signing time that the signature states.
    pub(super) at: Instant,
    pub(super) identifier: Uuid,
    /// Of the document, in hex.
    pub(super) sha256: String,
    pub(super) name: String,
    pub(super) media_type: String,
    /// What the key signs, in hex.
    pub(super) digest: String,
    /// With the certificates and the scheme that were found to fit.
    pub(super) wanted: PreparationRequest,
}

impl Continuation {
    /// As the caller carries it.
    pub(super) fn sealed(&self, app: &App) -> Result<String> {
        let plain = serde_json::to_vec(self).map_err(|error| InternalError::other(error.to_string()))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(app.vault.seal(PLACE, "", &plain)?))
    }

    /// As it was made, for whom it was made, while its time lasts.
    pub(super) fn opened(app: &App, by: &Principal, text: &str) -> Result<Self> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| not_ours())?;
        let plain = app.vault.open(PLACE, "", &sealed).map_err(|_| not_ours())?;
        let continuation: Self = serde_json::from_slice(&plain).map_err(|_| not_ours())?;
        if continuation.account != by.account.to_string() {
            return Err(of_another().into());
        }
        let now = app.clock.now();
        // One from a clock that was ahead is not younger than it says.
        if now >= continuation.expires_at || now < continuation.at {
            return Err(expired().into());
        }
        Ok(continuation)
    }
}

fn not_ours() -> RequestError {
    RequestError::invalid(
        "continuation",
        "continuation_invalid",
        "Phần tiếp nối không nguyên vẹn hoặc không do hệ thống này tạo ra. Hãy gửi đúng chuỗi đã nhận, hoặc chuẩn bị lại.",
        "The continuation is not as it was made, or not this service's. Send the text that you were given, or prepare again.",
    )
}

fn of_another() -> RequestError {
    let error = RequestError::new(
        RequestErrorKind::Forbidden,
        "continuation_of_another",
        "Phần tiếp nối này được chuẩn bị bởi tài khoản khác. Chỉ tài khoản đó ký tiếp được.",
        "Another account prepared this; only that account finishes it.",
    );
    RequestError { field: Some("continuation"), ..error }
}

fn expired() -> RequestError {
    let error = RequestError::conflict(
        "continuation_expired",
        "Đã quá thời hạn ký tiếp. Hãy chuẩn bị lại rồi ký.",
        "The time to finish is over. Prepare again, then sign.",
    );
    RequestError { field: Some("continuation"), ..error }
}

/// Where it is encrypted for.
const PLACE: &str = "signing.continuation";

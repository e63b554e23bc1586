//! Logging in with a passkey instead of a password. Nobody says who they are before: the browser offers the passkeys that it knows, and what
//! is asked is the same for everybody, so it tells nothing about accounts.

use super::{
    Asked, Given, RelyingParty,
    challenge::{Challenge, Purpose},
    proven,
};
use crate::{
    accounts::{
        LoggedIn, device, is_enabled,
        session::{add_session, prepare_session},
    },
    app::App,
    current,
    error::{Error, RequestError, RequestErrorKind, Result},
    rates::Kind,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// What a passkey is to sign that somebody logs in with.
pub fn ask_log_in(app: &App) -> Result<Asked> {
    let party = RelyingParty::of(app)?;
    let challenge = Challenge::new(app, Purpose::LogIn, None, "", "");
    Ok(Asked {
        token: challenge.token(app)?,
        challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge.digest()),
        rp_id: party.id,
        credentials: Vec::new(),
        statement: challenge.text(),
        needed: true,
    })
}

/// Opens a session for whoever's passkey answered. Why another answer opens none is told to the log only. Nothing can be guessed here, so an
/// answer is judged first: only wrong ones count, and only those are refused where there are too many, for behind one address are many people.
pub async fn log_in(app: &App, given: &Given, from: &str) -> Result<LoggedIn> {
    let refused = match opened(app, given).await {
        Err(Error::Request(refused)) => refused,
        other => return other,
    };
    app.rates.take(Kind::LogInAddress, from, app.clock.steady())?;
    Err(refused.into())
}

async fn opened(app: &App, given: &Given) -> Result<LoggedIn> {
    // 1. What was asked here, not long ago.
    let challenge = Challenge::of_token(app, &given.token, Purpose::LogIn)?;
    // 2. A genuine answer of a passkey whose account may still act.
    let proven = match proven(app, challenge, None, given).await {
        Ok(proven) => proven,
        Err(Error::Request(refused)) if refused.kind == RequestErrorKind::Conflict => return Err(wrong().into()),
        Err(error) => return Err(error),
    };
    let id = proven.passkey.account_id;
    let account = current::row_by_log(app, || app.store.account_by_id(id)).await?.filter(is_enabled);
    let account = account.ok_or_else(wrong)?;
    // 3. The passkey's counter, the used challenge and the session, all or none.
    let (session, token) = prepare_session(app, account.id, true).await?;
    let mut transaction = app.store.begin().await?;
    proven.store(app, &mut transaction, serde_json::json!({ "for": "log_in" })).await?;
    add_session(&mut transaction, &session).await?;
    transaction.commit().await?;
    Ok(LoggedIn { account: account.id, token, device: device::token(app, account.id, None) })
}

fn wrong() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unauthenticated,
        "passkey_login_wrong",
        "Không đăng nhập được bằng khóa truy cập này. Hãy thử khóa khác, hoặc dùng tên đăng nhập và mật khẩu.",
        "This passkey does not log in here. Try another, or use log-in name and password.",
    )
}

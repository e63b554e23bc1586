//! The signer's side: what waits, and the decision. The number is judged before the PIN is looked at; the activation is opened in the one
//! function that opens every activation, for the client that asked and exactly the hashes of the row.

use super::{AT_ONCE, SAID, Words, limits::MOST_WRONG_NUMBERS, sealed, store_changed};
use crate::{
    accounts::Principal,
    app::App,
    audit::{Actor, Kind},
    current,
    custody::{self, Demand, Factors, SAD_SECONDS, Signer},
    error::{InternalError, RequestError, Result},
    oauth,
    signing::remote::{self, Variants},
};
use chuky_model::{
    id::{CredentialId, OauthClientId, SigningApprovalId},
    instant::Instant,
    record::{
        signing_approval::SigningApproval,
        state::{SigningApprovalState, SigningRefusal},
    },
};
use std::collections::HashMap;

/// What waits, as its signer sees it. The number is no part of it.
#[derive(Clone, Debug)]
pub struct ApprovalView {
    pub id: SigningApprovalId,
    pub asker: Asker,
    /// Who will sign, as activations name it.
    pub client: String,
    pub credential: CredentialId,
    pub holder: String,
    /// Lower-case hex.
    pub serial: String,
    pub hashes: Vec<Vec<u8>>,
    pub said: Words,
    pub asked_at: Instant,
    pub expires_at: Instant,
    /// Seconds that are left to decide.
    pub left: i64,
    /// What signing takes beside the PIN.
    pub demand: Demand,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A registered application, by its name.
    Application(String),
    /// A session or an API key of the signer's own account.
    OwnAccount,
}

/// What waits for the caller, oldest first.
pub async fn waiting(app: &App, by: &Principal) -> Result<Vec<ApprovalView>> {
    let now = app.clock.now();
    let rows = current::rows(app, || app.store.waiting_signing_approvals(by.account, now, PAGE)).await?;
    let signers = by_credential(custody::signers(app, by).await?);
    let mut views = Vec::new();
    for row in rows {
        if let (Some(asker), Some(signer)) = (asker(app, &row.client).await?, signers.get(&row.credential_id)) {
            views.push(view(app, &row, signer, asker).await?);
        }
    }
    Ok(views)
}

/// One that waits for the caller.
pub async fn one(app: &App, by: &Principal, id: SigningApprovalId) -> Result<ApprovalView> {
    let row = open_row(app, by, id).await?;
    let asker = asker(app, &row.client).await?.ok_or_else(moved_on)?;
    let signers = by_credential(custody::signers(app, by).await?);
    let signer = signers.get(&row.credential_id).ok_or_else(RequestError::not_found)?;
    view(app, &row, signer, asker).await
}

/// Approves: the application's number, then PIN and second factor as everywhere. One counted try; the activation waits for the application.
pub async fn approve(
    app: &App,
    by: &Principal,
    id: SigningApprovalId,
    number: &str,
    factors: impl FnOnce() -> Result<Factors>,
) -> Result<()> {
    by.in_session()?;
    // 1. The question as it was put, by somebody who may still ask, and its number.
    let mut row = open_row(app, by, id).await?;
    asker(app, &row.client).await?.ok_or_else(moved_on)?;
    if typed(number)? != row.number {
        return Err(wrong_number(app, by, id).await?.into());
    }
    // 2. The activation, for the client that asked.
    let acting = Principal { client: row.client.clone(), ..by.clone() };
    let expires_at = app.clock.now().plus_seconds(SAD_SECONDS);
    let (hashes, factors) = (hashes(&row)?, factors()?);
    let opening = remote::authorize(app, &acting, row.credential_id, &hashes, Variants::All, &factors);
    let sad = Box::pin(opening).await?;
    // 3. Sealed to the application's handle, by compare-and-swap: of two who approve at once one is told so, and its activation closed.
    row.state = SigningApprovalState::Approved;
    row.sealed_activation = Some(sealed::seal(&row, &sad)?);
    row.activation_id = sad.activation();
    row.decided_at = Some(app.clock.now());
    row.expires_at = expires_at;
    let content = serde_json::json!({ "client": row.client, "activation": row.activation_id, "from": by.client });
    let stored = store_changed(app, &mut row, (Kind::SigningApprovalGiven, content)).await;
    if matches!(stored, Ok(true)) {
        return Ok(());
    }
    if let Some(activation) = row.activation_id {
        custody::close_activation(app, Actor::Account(by.account), activation, &row.client).await?;
    }
    stored?;
    Err(moved_on().into())
}

/// Refuses. It needs no PIN.
pub async fn refuse(app: &App, by: &Principal, id: SigningApprovalId, why: SigningRefusal) -> Result<()> {
    by.in_session()?;
    for _ in 0..AT_ONCE {
        if refused(app, by, open_row(app, by, id).await?, why).await? {
            return Ok(());
        }
    }
    Err(RequestError::try_again().into())
}

/// Ends all that an application may do for the caller, what it waits for among it.
pub async fn end_grant(app: &App, by: &Principal, client: OauthClientId) -> Result<()> {
    oauth::end_grant(app, by, client).await?;
    let (now, name) = (app.clock.now(), oauth::client_name(client));
    let rows = current::rows(app, || app.store.waiting_signing_approvals(by.account, now, PAGE)).await?;
    for row in rows.into_iter().filter(|row| row.client == name) {
        // One that changes in this moment was decided by the caller.
        refused(app, by, row, SigningRefusal::Ended).await?;
    }
    Ok(())
}

/// `false` where somebody else changed it in this moment.
async fn refused(app: &App, by: &Principal, mut row: SigningApproval, why: SigningRefusal) -> Result<bool> {
    row.state = SigningApprovalState::Refused;
    row.refusal = Some(why);
    row.decided_at = Some(app.clock.now());
    let content = serde_json::json!({ "client": row.client, "reason": why, "from": by.client });
    store_changed(app, &mut row, (Kind::SigningApprovalRefused, content)).await
}

/// Counts a wrong number, and refuses after too many: whoever approves does not see what the application shows.
async fn wrong_number(app: &App, by: &Principal, id: SigningApprovalId) -> Result<RequestError> {
    for _ in 0..AT_ONCE {
        let mut row = open_row(app, by, id).await?;
        row.wrong_numbers = row.wrong_numbers.saturating_add(1);
        let left = MOST_WRONG_NUMBERS.saturating_sub(row.wrong_numbers);
        if left <= 0 {
            if refused(app, by, row, SigningRefusal::Number).await? {
                return Ok(number_refused());
            }
            continue;
        }
        let content = serde_json::json!({ "client": row.client, "left": left, "from": by.client });
        if store_changed(app, &mut row, (Kind::SigningApprovalNumberWrong, content)).await? {
            return Ok(number_wrong(left));
        }
    }
    Ok(RequestError::try_again())
}

/// The caller's row, waiting and in time.
async fn open_row(app: &App, by: &Principal, id: SigningApprovalId) -> Result<SigningApproval> {
    let row = current::row_by_log(app, || app.store.signing_approval(id)).await?;
    let row = row.filter(|row| row.account_id == by.account).ok_or_else(RequestError::not_found)?;
    if row.state != SigningApprovalState::Waiting || row.expires_at <= app.clock.now() {
        return Err(moved_on().into());
    }
    Ok(row)
}

/// Who asks; `None` of an application that has ended.
async fn asker(app: &App, client: &str) -> Result<Option<Asker>> {
    match oauth::client_of(client) {
        None => Ok(Some(Asker::OwnAccount)),
        Some(id) => Ok(oauth::alive(app, id).await?.map(|client| Asker::Application(client.name))),
    }
}

async fn view(app: &App, row: &SigningApproval, signer: &Signer, asker: Asker) -> Result<ApprovalView> {
    let said = app.vault.open(SAID, &row.id.to_string(), &row.said)?;
    let said = serde_json::from_slice(&said).map_err(|_| InternalError::other("an approval's words are no JSON"))?;
    Ok(ApprovalView {
        id: row.id,
        asker,
        client: row.client.clone(),
        credential: row.credential_id,
        holder: signer.certificate.subject().common_name(),
        serial: hex::encode(signer.row.serial.as_octets()),
        hashes: hashes(row)?,
        said,
        asked_at: row.created_at,
        expires_at: row.expires_at,
        left: row.expires_at.unix_seconds().saturating_sub(app.clock.now().unix_seconds()).max(0),
        demand: custody::demand(app, signer).await?,
    })
}

fn by_credential(signers: Vec<Signer>) -> HashMap<CredentialId, Signer> {
    signers.into_iter().map(|signer| (signer.credential.id, signer)).collect()
}

fn hashes(row: &SigningApproval) -> Result<Vec<Vec<u8>>, InternalError> {
    let count = usize::try_from(row.hash_count).unwrap_or_default();
    let length = row.hashes.len().checked_div(count).filter(|length| *length > 0);
    let length = length.ok_or(InternalError::RowForged { table: "signing_approval" })?;
    Ok(row.hashes.chunks(length).map(<[u8]>::to_vec).collect())
}

/// The number as somebody typed it; what is no two digits is no try.
fn typed(text: &str) -> Result<i64, RequestError> {
    let text = text.trim();
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        RequestError::invalid(
            "number",
            "approval_number_form",
            "Hãy nhập hai chữ số đang hiện trong ứng dụng.",
            "Type the two digits that the application shows.",
        )
    })
}

fn number_wrong(left: i64) -> RequestError {
    RequestError::invalid(
        "number",
        "approval_number_wrong",
        format!("Số không đúng. Hãy xem lại số đang hiện trong ứng dụng; còn {left} lần nhập."),
        format!("This is not the number. Look again at what the application shows; tries left: {left}."),
    )
}

fn number_refused() -> RequestError {
    RequestError::conflict(
        "approval_number_refused",
        "Số đã sai ba lần nên yêu cầu này bị từ chối, không có gì được ký. Nếu chính bạn yêu cầu, hãy bắt đầu lại trong ứng dụng sau một giờ.",
        "The number was wrong three times, so this was refused and nothing is signed. If you started it yourself, begin again in the application in an hour.",
    )
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "approval_moved_on",
        "Yêu cầu này đã được quyết định, đã hết thời gian hoặc ứng dụng không còn được phép. Không có gì được ký thêm.",
        "This was decided already, its time is over, or the application may no longer ask. Nothing more is signed.",
    )
}

/// What is read at once; a credential has five that wait, and an account seldom more than two credentials.
const PAGE: i64 = 50;

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn a_number_has_two_digits() {
        assert_eq!(typed(" 47 ").ok(), Some(47));
        for bad in ["", "4", "047", "4a", "+7", "-7", "４７"] {
            assert!(typed(bad).is_err(), "{bad}");
        }
    }
}

//! The receipt of an issued certificate: given with the answer to its redemption, and again to a client that lost that answer and
//! sends code and key once more; on paper to whoever holds the certificate, at any time. Made of what is stored; no PIN and nothing made of
//! one is compared or kept.

use super::{register, status::certificate_of};
use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{InternalError, RequestError, Result},
    registration::{self, Earlier, ReceiptKey},
};
use chuky_model::{
    id::{AccountId, CredentialId},
    instant::Instant,
    record::{account::Account, certificate::Certificate as Row, request::RegistrationRequest},
    serial::Serial,
};
use chuky_pki::certificate::Certificate;
use serde::Serialize;

/// What a subscriber gets.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Receipt {
    #[schema(value_type = String)]
    pub credential: CredentialId,
    /// Lower-case hex.
    pub serial: String,
    pub common_name: String,
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    pub not_after: String,
    pub issued: String,
    /// The log-in name of the subscriber's account.
    pub login: String,
    /// PEM.
    pub certificate: String,
    /// The subscriber's account, and whether it was made with the certificate.
    #[schema(value_type = String)]
    pub account: AccountId,
    pub new_account: bool,
    /// Beginning, end and making as instants, for pages.
    #[serde(skip)]
    #[schema(ignore)]
    pub times: [Instant; 3],
}

impl Receipt {
    /// Of a certificate that was issued at that time.
    pub(super) fn new(
        certificate: &Certificate,
        credential: CredentialId,
        account: &Account,
        new_account: bool,
        issued: Instant,
    ) -> Self {
        let times = [certificate.not_before(), certificate.not_after(), issued];
        Self {
            credential,
            serial: hex::encode(certificate.serial_octets()),
            common_name: certificate.subject().common_name(),
            issuer: certificate.issuer().common_name(),
            not_before: times[0].rfc3339(),
            not_after: times[1].rfc3339(),
            issued: times[2].rfc3339(),
            login: account.login.clone(),
            account: account.id,
            new_account,
            certificate: certificate.to_pem(),
            times,
        }
    }
}

/// The receipt of the redemption that was made with this code and this key; `None` where there was none, which is what everybody else
/// learns, too. A redemption that is still under way is a conflict: ask again.
pub async fn receipt_again(app: &App, code: &str, key: &ReceiptKey) -> Result<Option<Receipt>> {
    match done(app, code, key).await? {
        None => Ok(None),
        Some((request, at)) => stored(app, &request, at).await.map(Some),
    }
}

/// The request that was redeemed with this code and this key, and when.
pub(super) async fn done(
    app: &App,
    code: &str,
    key: &ReceiptKey,
) -> Result<Option<(Box<RegistrationRequest>, Instant)>> {
    match registration::earlier(app, code, key).await? {
        None => Ok(None),
        Some(Earlier::Done(request, at)) => Ok(Some((request, at))),
        Some(Earlier::UnderWay) => Err(RequestError::conflict(
            "request_under_way",
            "Yêu cầu này đang được xử lý. Hãy thử lại sau giây lát với cùng khóa.",
            "This request is under way. Try again in a moment with the same key.",
        )
        .into()),
    }
}

/// Certificate and account of an issued request.
pub(super) async fn issued(app: &App, request: &RegistrationRequest) -> Result<(Row, Certificate, Account)> {
    let (certificate_id, account_id) = request.certificate_id.zip(request.account_id).ok_or_else(missing)?;
    let row = current::row(app, || app.store.certificate_by_id(certificate_id)).await?.ok_or_else(missing)?;
    let certificate = certificate_of(app, &row)?.ok_or_else(missing)?;
    let account = current::row(app, || app.store.account_by_id(account_id)).await?.ok_or_else(missing)?;
    Ok((row, certificate, account))
}

/// What the receipt on paper says. No personal number: paper is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperReceipt {
    pub common_name: String,
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    /// Beginning and end of the certificate, and when it was made.
    pub times: [Instant; 3],
    /// The log-in name of its holder's account.
    pub login: String,
}

/// The receipt of a certificate of the caller's own. Whose it is not is told that there is none.
pub async fn on_paper(app: &App, by: &Principal, serial: &str) -> Result<PaperReceipt> {
    let serial: Serial = serial.parse().map_err(|_| RequestError::not_found())?;
    register::follow(app).await?;
    let rows = app.store.certificates_by_serial(&serial).await?;
    let own = rows.into_iter().find(|row| row.account_id == Some(by.account)).ok_or_else(RequestError::not_found)?;
    let row = register::genuine(app, || app.store.certificate_by_id(own.id)).await?;
    let row = row.filter(|row| row.account_id == Some(by.account)).ok_or_else(RequestError::not_found)?;
    let certificate = certificate_of(app, &row)?.ok_or_else(RequestError::not_found)?;
    let account = current::row(app, || app.store.account_by_id(by.account)).await?.ok_or_else(missing)?;
    Ok(PaperReceipt {
        common_name: certificate.subject().common_name(),
        issuer: certificate.issuer().common_name(),
        serial: serial.to_string(),
        times: [certificate.not_before(), certificate.not_after(), row.created_at],
        login: account.login,
    })
}

fn missing() -> InternalError {
    InternalError::other("an issued request without its certificate, credential or account")
}

async fn stored(app: &App, request: &RegistrationRequest, at: Instant) -> Result<Receipt> {
    let (row, certificate, account) = issued(app, request).await?;
    let credentials = current::rows(app, || app.store.credentials_of_account(account.id)).await?;
    let own = credentials.iter().find(|credential| credential.certificate_id == Some(row.id));
    let own = own.ok_or_else(missing)?;
    // A subscriber's account is made with its first credential.
    let first = credentials.iter().map(|credential| credential.created_at).min();
    Ok(Receipt::new(&certificate, own.id, &account, first == Some(own.created_at), at))
}

//! The receipt of an issued certificate: given with the answer to its redemption, and again to a client that lost that answer and
//! sends code and key once more. Made of what is stored; no PIN and nothing made of one is compared or kept.

use super::status::certificate_of;
use crate::{
    app::App,
    current,
    error::{InternalError, RequestError, Result},
    registration::{self, Earlier, ReceiptKey},
};
use chuky_model::{
    id::{AccountId, CredentialId},
    instant::Instant,
    record::{account::Account, certificate::Certificate as Row, request::RegistrationRequest},
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

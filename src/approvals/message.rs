//! The message that something waits to be approved: to the contact that two people looked at, seldom enough that nobody is flooded, whatever
//! applications do. It names no application, person or document.

use super::limits::{KEPT_SECONDS, MESSAGE_SECONDS, MOST_MESSAGES};
use crate::{
    accounts::passkey,
    app::App,
    error::Result,
    outbox::{self, Said},
};
use chuky_model::{id::AccountId, record::work::Message};

/// The message, where one is due and the holder's contact is known. A question is put without one as well: what goes wrong here is logged.
pub(super) async fn due(app: &App, account: AccountId) -> Option<Message> {
    match message(app, account).await {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(event = "approval_not_told", %account, %error);
            None
        }
    }
}

async fn message(app: &App, account: AccountId) -> Result<Option<Message>> {
    let now = app.clock.now();
    let lately = app.store.signing_approvals_told(account, now.plus_seconds(-MESSAGE_SECONDS)).await?;
    let today = app.store.signing_approvals_told(account, now.plus_seconds(-KEPT_SECONDS)).await?;
    if lately > 0 || today >= MOST_MESSAGES {
        return Ok(None);
    }
    let Some(to) = passkey::contact(app, account).await? else { return Ok(None) };
    let url = app.settings.public_url.trim_end_matches('/');
    // Without diacritics: one SMS has 160 characters then.
    let short = format!("Co ung dung cho ban xac nhan ky so. Neu ban khong vua yeu cau, hay tu choi: {url}/approvals");
    let long = format!(
        "Có ứng dụng đang chờ bạn xác nhận ký số. Nếu chính bạn vừa bắt đầu việc này, hãy mở trang dưới đây; nếu không, hãy từ chối ở đó.\n{url}/approvals\n\nAn application waits for you to approve a signature. If you have not just started this, refuse it on that page."
    );
    let said = Said { short: &short, subject: "Ứng dụng chờ bạn xác nhận ký số", long: &long };
    Ok(Some(outbox::message(app, &to, &said)?))
}

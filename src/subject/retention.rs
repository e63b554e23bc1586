//! What is kept for a while and then goes by itself: messages that were handed over, and what was entered in requests that came to nothing.

use super::erasure::erase_request;
use crate::{app::App, error::Result, registration};
use chuky_model::request::RequestState;

/// Takes away what is past its time, a bounded number in one round; how many requests were emptied.
pub async fn clear_up(app: &App) -> Result<usize> {
    let settings = &app.settings.retention;
    // What a clock that jumped ahead took away would be missed when it is right again.
    let now = app.clock.certain();
    let before = |days: i64| now.plus_seconds(-days.saturating_mul(DAY));
    let mut transaction = app.store.begin().await?;
    transaction.remove_sent_messages(before(settings.message_days)).await?;
    transaction.remove_salts_of_nobody().await?;
    transaction.commit().await?;
    let due = app.store.requests_to_erase(before(settings.request_days), AT_A_TIME).await?;
    let count = due.len();
    for id in due {
        let request = registration::load(app, id).await?;
        // Redeemed, or decided on, in this moment.
        let ends = request.state == RequestState::Approved;
        if ends || matches!(request.state, RequestState::Rejected | RequestState::Expired) {
            erase_request(app, request, ends).await?;
        }
    }
    Ok(count)
}

/// Seconds.
const DAY: i64 = 86_400;
/// Requests in one round of the worker.
const AT_A_TIME: i64 = 100;

//! What runs beside the requests: finishing what a crash left, publishing, clearing up. Every step can be repeated safely, and
//! on several nodes each is claimed from rows.

use crate::{
    app::App,
    custody,
    error::Result,
    issuance::{Authority, ceremony, ocsp, recovery, register, reminders, revocation, revocation_list},
    outbox, signing, softhsm,
    transactions::retention,
};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What must be done before requests are served.
pub async fn prepare(app: &App) -> Result<()> {
    if ceremony::was_held(app).await? {
        register::follow(app).await?;
        recovery::at_start(app).await?;
        // A change that the last run did not publish any more is told now. What fails is logged there and tried again in the
        // background: status and verification are served meanwhile.
        let _ = revocation_list::publish_after_change(app).await;
        let _ = revocation_list::publish_due(app).await;
    }
    Ok(())
}

/// Starts the background loop; a step that fails is logged and tried again in the next round.
pub fn start(app: &App) -> JoinHandle<()> {
    let app = app.clone();
    tokio::spawn(async move {
        for beat in 1_u64.. {
            tokio::time::sleep(BEAT).await;
            if let Err(error) = softhsm::mend(&app.settings.data_dir).await {
                tracing::error!(event = "softhsm_not_mended", error = %error);
            }
            if let Err(error) = ocsp::renew(&app).await {
                tracing::error!(event = "ocsp_answers_not_renewed", error = %error);
            }
            if beat % BEATS_A_ROUND != 0 {
                continue;
            }
            if let Err(error) = round(&app).await {
                tracing::error!(event = "background_round_failed", error = %error);
            }
        }
    })
}

async fn round(app: &App) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    let now = app.clock.now();
    transaction.remove_expired_sessions(now).await?;
    transaction.remove_old_idempotent(now.plus_seconds(-KEYS_REMEMBERED_SECONDS)).await?;
    transaction.remove_ended_verdicts(now).await?;
    transaction.commit().await?;
    custody::close_expired(app).await?;
    signing::clear_up(app).await?;
    retention::forget_old(app).await?;
    if ceremony::was_held(app).await? {
        recovery::overdue(app).await?;
        if let Err(error) = Authority::refresh(app).await {
            tracing::error!(event = "authority_not_read", error = %error);
        }
        register::keep_up(app).await?;
        revocation::run_due(app).await?;
        revocation::end_suspensions(app).await?;
        reminders::send_due(app).await?;
        outbox::hand_over(app).await?;
        revocation_list::publish_due(app).await?;
    }
    Ok(())
}

/// How long an `Idempotency-Key` is remembered. A call that a crash cut short is free to be made again after it.
const KEYS_REMEMBERED_SECONDS: i64 = 86_400;
/// Between two renewals of OCSP answers.
const BEAT: Duration = Duration::from_secs(5);
/// A round every thirty seconds.
const BEATS_A_ROUND: u64 = 6;

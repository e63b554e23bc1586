//! What runs beside the requests: finishing what a crash left, publishing, clearing up. Every step can be repeated safely, and
//! on several nodes each is claimed from rows.

use crate::{
    accounts,
    app::App,
    approvals,
    audit::{recheck, verify},
    custody,
    error::Result,
    issuance::{Authority, ceremony, ocsp, recovery, register, reminders, revocation, revocation_list},
    lasting, oauth, outbox, outgoing, personnel,
    registration::lists,
    signing, softhsm, staff, subject,
    transactions::{limits::ALARMS_KEPT_DAYS, retention, webhooks},
    units,
};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What must be done before requests are served.
pub async fn prepare(app: &App) -> Result<()> {
    // What withholds is known before anybody asks.
    app.audit.row_versions().read().await?;
    accounts::record_earlier_persons(app).await?;
    told("units_not_counted", units::record_earlier(app).await);
    if ceremony::was_held(app).await? {
        register::follow(app).await?;
        recovery::at_start(app).await?;
        signing::attest_earlier(app).await?;
        outgoing::attest_earlier(app).await?;
        // A change that the last run did not publish any more is told now. What fails is logged there and tried again in the
        // background: status and verification are served meanwhile.
        let _ = revocation_list::publish_after_change(app).await;
        let _ = revocation_list::publish_due(app).await;
    }
    Ok(())
}

/// Starts the background loop; a step that fails is logged and tried again in the next round. It ends where the database may not be served
/// from any more: nothing is published out of it.
pub fn start(app: &App) -> JoinHandle<()> {
    let app = app.clone();
    lasting::spawn("rounds", async move {
        let audit = app.audit.clone();
        tokio::select! {
            () = audit.until_stopped() => {}
            () = async { tokio::join!(app.log.clone().run(), archives(app.clone()), webhooks::run(app.clone()), rounds(app.clone()), audit_log(app.clone()), outbox::run(app)).3 } => {}
        }
    })
}

async fn rounds(app: App) {
    for beat in 1_u64.. {
        tokio::time::sleep(BEAT).await;
        // A step that panics ends its round, and no other.
        if lasting::caught(each_beat(&app)).await.is_none()
            || (beat % BEATS_A_ROUND == 0 && lasting::caught(round(&app)).await.is_none())
        {
            tracing::error!(event = "round_panicked");
        }
    }
}

async fn each_beat(app: &App) {
    told("softhsm_not_mended", softhsm::mend(&app.settings.data_dir).await);
    told("ocsp_answers_not_renewed", ocsp::renew(app).await);
    told("issues_not_taken_back", taken_back(app).await);
}

/// What another node left, soon after its end: its subscribers wait for it.
async fn taken_back(app: &App) -> Result<()> {
    if ceremony::was_held(app).await? {
        recovery::abandoned(app).await?;
    }
    Ok(())
}

/// One round. Whatever fails in a step is logged, and keeps no other step back: what others rely on comes first, messages come last.
pub async fn round(app: &App) {
    let is_held = told("ceremony_not_read", ceremony::was_held(app).await).unwrap_or(false);
    if is_held {
        told("authority_not_read", Authority::refresh(app).await);
        told("register_not_kept_up", register::keep_up(app).await);
        told("orders_not_carried_out", revocation::run_due(app).await);
        told("agency_lists_not_carried_out", lists::run_due(app).await);
        told("personnel_orders_not_carried_out", personnel::run_due(app).await);
        told("suspensions_not_ended", revocation::end_suspensions(app).await);
        told("lists_not_published", revocation_list::publish_due(app).await);
    }
    told("staff_orders_not_ended", staff::expire_due(app).await);
    told("subjects_not_erased", subject::run_due(app).await);
    told("requests_not_cleared_up", subject::clear_up(app).await);
    told("audit_queue_not_watched", verify::watch_queue(&app.store, app.clock.now()).await);
    told("rows_not_cleared_up", clear_up(app).await);
    told("activations_not_closed", custody::close_expired(app).await);
    told("signing_not_cleared_up", signing::clear_up(app).await);
    told("packages_not_delivered", outgoing::deliver_due(app).await);
    told("payments_not_forgotten", retention::forget_old(app).await);
    if is_held {
        told("reminders_not_written", reminders::send_due(app).await);
        told("deadlines_not_reminded", outgoing::remind_due(app).await);
        if app.settings.gateway.is_none() {
            told("messages_not_handed_over", outbox::hand_over(app).await);
        }
    }
}

/// Archives have rounds of their own: each renewal reads a whole document several times, behind those of strangers, and nothing that others wait for
/// is to wait for it.
async fn archives(app: App) {
    let (mut after, mut after_road) = (None, None);
    for round in 0_u64.. {
        tokio::time::sleep(BETWEEN_ARCHIVES).await;
        if !told("ceremony_not_read", ceremony::was_held(&app).await).unwrap_or(false) {
            continue;
        }
        // A search that has begun goes on; the next begins an hour later at the latest.
        if after.is_some() || round % ROUNDS_A_SEARCH == 0 {
            after = told("archives_not_looked_through", signing::find_unrenewed_archives(&app, after).await).flatten();
        }
        if after_road.is_some() || round % ROUNDS_A_SEARCH == 0 {
            let found = outgoing::find_unarchived(&app, after_road).await;
            after_road = told("issued_documents_not_looked_through", found).flatten();
        }
        let renewed = async {
            told("issued_documents_not_archived", outgoing::archive_due(&app).await);
            told("archives_not_renewed", signing::renew_archives(&app).await)
        };
        if lasting::caught(renewed).await.is_none() {
            tracing::error!(event = "archives_panicked");
        }
    }
}

/// What a start did not read of the audit log is read now; and what the next one need not read is kept.
async fn audit_log(app: App) {
    recheck::run(&app.store, app.audit.row_versions(), recheck::PAUSE).await;
    loop {
        tokio::time::sleep(BETWEEN_SUMMARIES).await;
        told("audit_summary_not_made", app.summaries.renew_where_due().await);
    }
}

/// Logs a step that failed.
fn told<T>(event: &'static str, outcome: Result<T>) -> Option<T> {
    outcome.inspect_err(|error| tracing::error!(event, error = %error)).ok()
}

async fn clear_up(app: &App) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    // What a clock that jumped ahead took away would be missed when it is right again.
    let now = app.clock.certain();
    transaction.remove_expired_sessions(now).await?;
    transaction.remove_old_idempotent(now.plus_seconds(-KEYS_REMEMBERED_SECONDS)).await?;
    transaction.remove_ended_verdicts(now).await?;
    transaction.remove_old_activation_hashes(now.plus_seconds(-custody::HASHES_KEPT_SECONDS)).await?;
    transaction.remove_old_payment_alarms(now.plus_seconds(-ALARMS_KEPT_DAYS.saturating_mul(86_400))).await?;
    let last_day = units::day_of(now.plus_seconds(-QUEUES_KEPT_SECONDS));
    transaction.remove_old_booth_queues(&last_day).await?;
    transaction.remove_old_signing_approvals(now.plus_seconds(-approvals::limits::KEPT_SECONDS)).await?;
    transaction.remove_old_oauth_grants(now.plus_seconds(-oauth::limits::GRANTS_KEPT_SECONDS)).await?;
    Ok(transaction.commit().await?)
}

/// How long the numbers of a booth's day are kept.
const QUEUES_KEPT_SECONDS: i64 = 7 * 86_400;
/// How long an `Idempotency-Key` is remembered. A call that a crash cut short is free to be made again after it.
const KEYS_REMEMBERED_SECONDS: i64 = 86_400;
/// Between two renewals of OCSP answers, and two looks at what other nodes left.
const BEAT: Duration = Duration::from_secs(5);
/// Between two rounds of renewals.
const BETWEEN_ARCHIVES: Duration = Duration::from_secs(30);
/// Between two looks whether the audit log has grown enough for another summary.
const BETWEEN_SUMMARIES: Duration = Duration::from_secs(60);
/// Between two searches for archives that no row renews.
const ROUNDS_A_SEARCH: u64 = 120;
/// A round every thirty seconds.
const BEATS_A_ROUND: u64 = 6;

//! Telling providers of their alarms: a signed statement is posted to the address in their terms, again with growing pauses until it is taken
//! or the tries are used up. Rows that SQL wrote are not told. What was told before a crash could note it is told again under the same
//! identifier; the order is not promised.

use super::{
    limits::{ALARMS_A_ROUND, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, TRIES},
    providers,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, Result},
    fault, store,
};
use chuky_model::{
    id::{AccountId, PaymentAlarmId},
    instant::Instant,
    record::{
        Cursor,
        payment::PaymentAlarm,
        state::{AlarmKind, AlarmState},
    },
    role::Role,
};
use serde::Serialize;
use std::time::Duration;
use tokio::task::JoinSet;

/// The media type in `typ` of the statement that a provider is told, which is a compact JWS.
pub const KIND: &str = "chuky-payment-alarm+json";

/// What a provider is told. Members stand in the order of RFC 8785.
#[derive(Serialize)]
struct Statement<'s> {
    alarm: AlarmKind,
    details: serde_json::Value,
    id: PaymentAlarmId,
    issuer: &'s str,
    provider: AccountId,
    raised: String,
}

/// An alarm, for the provider that it concerns and for staff.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AlarmView {
    #[schema(value_type = String)]
    pub id: PaymentAlarmId,
    #[schema(value_type = String)]
    pub provider: AccountId,
    /// `conflict`, `acquired_by_another_provider`, `certificate_revoked` or `key_phased_out`.
    #[schema(value_type = String)]
    pub alarm: AlarmKind,
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// RFC 3339.
    pub raised: String,
    /// `waiting`, `told` or `given_up`.
    #[schema(value_type = String)]
    pub state: AlarmState,
    pub tries: i64,
    /// RFC 3339: when the provider is told next; absent where it is not, or has no address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_try: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Tells what is due, as soon as it is raised and then every few seconds, until the service ends.
pub async fn run(app: App) {
    loop {
        tokio::select! {
            () = app.payments.alarms.raised() => {}
            () = tokio::time::sleep(BEAT) => {}
        }
        if let Err(error) = tell_due(&app).await {
            tracing::error!(event = "payment_alarms_not_told", %error);
        }
    }
}

/// Tells every provider that has an address what is due for it; how many alarms were taken. A provider that does not answer keeps no other
/// waiting.
pub async fn tell_due(app: &App) -> Result<usize> {
    let mut under_way = JoinSet::new();
    for (provider, terms) in &providers::snapshot(app).await?.terms {
        if let Some(address) = terms.webhook.clone() {
            let (app, provider) = (app.clone(), *provider);
            under_way.spawn(async move { tell(&app, provider, &address).await });
        }
    }
    let mut taken: usize = 0;
    while let Some(told) = under_way.join_next().await {
        match told {
            Ok(Ok(count)) => taken = taken.saturating_add(count),
            Ok(Err(error)) => tracing::error!(event = "payment_alarms_not_told", %error),
            Err(error) => tracing::error!(event = "payment_alarms_not_told", %error),
        }
    }
    Ok(taken)
}

/// Tells one provider, until it does not take one.
async fn tell(app: &App, provider: AccountId, address: &str) -> Result<usize> {
    let mut taken = 0;
    for alarm in app.store.due_payment_alarms(provider, app.clock.now(), ALARMS_A_ROUND).await? {
        // What SQL wrote is not told, and keeps no other alarm back.
        let Ok(alarm) = attestation::check(&*app.tokens.subscribers, alarm).await else { continue };
        let Some(alarm) = claimed(app, alarm).await? else { continue };
        fault::point("alarm.claimed");
        let told = match statement(app, &alarm).await {
            Ok(jws) => app.hooks.tell(address, "application/jose", jws).await,
            Err(error) => Err(format!("it could not be signed: {error}")),
        };
        fault::point("alarm.told");
        let is_taken = told.is_ok();
        noted(app, alarm, told).await?;
        if !is_taken {
            break;
        }
        taken += 1;
    }
    Ok(taken)
}

/// Counts a try before it is made, so that one that a crash cuts short is made again later. `None` where another node makes it.
async fn claimed(app: &App, mut alarm: PaymentAlarm) -> Result<Option<PaymentAlarm>> {
    alarm.tries = alarm.tries.saturating_add(1);
    alarm.next_at = app.clock.now().plus_seconds(pause(alarm.tries));
    stored(app, alarm).await
}

async fn noted(app: &App, mut alarm: PaymentAlarm, told: std::result::Result<(), String>) -> Result<()> {
    match told {
        Ok(()) => (alarm.state, alarm.told_at, alarm.last_error) = (AlarmState::Told, Some(app.clock.now()), None),
        Err(why) => {
            tracing::warn!(event = "payment_alarm_not_taken", alarm = %alarm.id, tries = alarm.tries, %why);
            alarm.last_error = Some(why.chars().take(LONGEST_ERROR).collect());
            if alarm.tries >= TRIES {
                alarm.state = AlarmState::GivenUp;
            }
        }
    }
    // Where it was sent again on demand meanwhile, it is told once more.
    stored(app, alarm).await.map(drop)
}

/// Stores how telling it stands; `None` where somebody else was first.
async fn stored(app: &App, mut alarm: PaymentAlarm) -> Result<Option<PaymentAlarm>> {
    attestation::attest_change(&*app.tokens.subscribers, &mut alarm).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_payment_alarm(&alarm).await {
        Err(store::Error::Stale) => return Ok(None),
        other => other?,
    }
    transaction.commit().await?;
    Ok(Some(alarm))
}

/// Seconds until the next try.
fn pause(tries: i64) -> i64 {
    let factor = (1..tries.min(32)).fold(1_i64, |factor, _| factor.saturating_mul(2));
    FIRST_PAUSE_SECONDS.saturating_mul(factor).min(LONGEST_PAUSE_SECONDS)
}

/// The signed statement; its payload is the same at each try.
async fn statement(app: &App, alarm: &PaymentAlarm) -> Result<String> {
    let statement = Statement {
        alarm: alarm.kind,
        details: details(alarm)?,
        id: alarm.id,
        issuer: &app.settings.public_url,
        provider: alarm.provider_id,
        raised: alarm.raised_at.rfc3339(),
    };
    let payload = serde_json::to_vec(&statement).map_err(|error| InternalError::other(error.to_string()))?;
    app.receipts.statement(KIND, &payload).await
}

/// Alarms before a cursor, newest first: a provider's own, everybody's for staff. With the cursor of the next page.
pub async fn list(app: &App, by: &Principal, before: Cursor) -> Result<(Vec<AlarmView>, Option<Cursor>)> {
    let rows = match sees_all(by) {
        true => app.store.payment_alarms(before, PAGE).await?,
        false => app.store.payment_alarms_of(by.account, before, PAGE).await?,
    };
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.raised_at, id: last.id.0 });
    let mut views = Vec::new();
    for row in rows {
        let row = app.checked_rows.check(&*app.tokens.subscribers, row).await?;
        views.push(view(app, &row).await?);
    }
    Ok((views, next))
}

/// Has an alarm told once more, from the first try on: its provider's word that it missed it, or staff's.
pub async fn again(app: &App, by: &Principal, id: PaymentAlarmId) -> Result<AlarmView> {
    let row = app.store.payment_alarm(id).await?;
    let row = attestation::check_found(&*app.tokens.subscribers, row).await?;
    let row = row.filter(|row| row.provider_id == by.account || sees_all(by));
    let mut row = row.ok_or_else(RequestError::not_found)?;
    let now = app.clock.now();
    (row.state, row.tries, row.next_at) = (AlarmState::Waiting, 0, now);
    (row.told_at, row.last_error) = (None, None);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_payment_alarm(&row).await {
        Err(store::Error::Stale) => return Err(RequestError::overtaken().into()),
        other => other?,
    }
    let entry = Entry::new(now, Kind::PaymentAlarmAgain, Actor::Account(by.account), format!("payment_alarm:{id}"));
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    view(app, &row).await
}

async fn view(app: &App, row: &PaymentAlarm) -> Result<AlarmView> {
    let snapshot = providers::snapshot(app).await?;
    let has_address = snapshot.terms.get(&row.provider_id).is_some_and(|terms| terms.webhook.is_some());
    let is_due = row.state == AlarmState::Waiting && has_address;
    Ok(AlarmView {
        id: row.id,
        provider: row.provider_id,
        alarm: row.kind,
        details: details(row)?,
        raised: row.raised_at.rfc3339(),
        state: row.state,
        tries: row.tries,
        next_try: is_due.then(|| row.next_at.rfc3339()),
        told: row.told_at.map(Instant::rfc3339),
        last_error: row.last_error.clone(),
    })
}

fn details(row: &PaymentAlarm) -> Result<serde_json::Value> {
    Ok(serde_json::from_str(&row.details).map_err(|error| InternalError::other(format!("payment_alarm: {error}")))?)
}

fn sees_all(by: &Principal) -> bool {
    [Role::Administrator, Role::SecurityOfficer, Role::Auditor].iter().any(|role| by.has(*role))
}

/// Between two looks at what is due.
const BEAT: Duration = Duration::from_secs(5);
/// Letters of a reason that are kept.
const LONGEST_ERROR: usize = 200;
/// Alarms of one page of the list.
const PAGE: i64 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_about_three_days() {
        assert_eq!([1, 2, 3, 9].map(pause), [60, 120, 240, 15_360]);
        assert_eq!([10, 20, 1_000, i64::MAX].map(pause), [LONGEST_PAUSE_SECONDS; 4]);
        let all: i64 = (1..TRIES).map(pause).sum();
        assert!((2 * 86_400..4 * 86_400).contains(&all), "{all}");
    }
}

//! The registry of payment providers: what each may do, changed by two people, kept in memory for a moment, and held against every payment
//! that a provider brings. That a provider is registered is told by the audit log: a row taken away by SQL frees nobody of its limits.

use super::remembered::{MICROSECONDS_A_DAY, day};
use crate::{
    accounts::Principal,
    app::App,
    audit::Kind,
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    rates::Quota,
};
use chuky_model::{
    id::AccountId,
    instant::Instant,
    payment::PaymentOrder,
    record::{audit::AuditEntry, payment::PaymentProvider},
};
use chuky_pki::payment::Reason;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a provider may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// As pages and figures call it, 1 to 100 characters.
    pub name: String,
    /// Whether its calls consume payments.
    pub active: bool,
    /// Largest amount of one payment by currency, in minor units; a currency that is not listed has the service's own limit.
    #[serde(default)]
    pub largest_amounts: BTreeMap<String, u64>,
    /// Payments that it may bring: so many at once, regained evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub rate: Option<Quota>,
    /// Payments that are accepted for it in a day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u64>,
    /// Certificates that it signs orders with.
    #[serde(default)]
    pub certificates: Vec<ProviderCertificate>,
    /// HTTPS address that is told of alarms that concern it; of a host that the settings admit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
}

/// A certificate of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderCertificate {
    /// SHA-256 of its DER, lower-case hex.
    pub sha256: String,
    /// RFC 3339: from then on nothing is accepted that its key signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_out: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Terms {
    /// Refuses terms that say nothing or nonsense.
    pub fn check(&self) -> Result<(), RequestError> {
        let invalid = |field, vi: &str, en: &str| Err(RequestError::invalid(field, "terms_invalid", vi, en));
        let is_text = |text: &str, most| text.chars().count() <= most && !text.chars().any(char::is_control);
        if self.name.trim().is_empty() || !is_text(&self.name, 100) {
            return invalid("name", "Hãy ghi tên, tối đa 100 ký tự.", "Say the name, in at most 100 characters.");
        }
        if !self.largest_amounts.iter().all(|(code, most)| chuky_pki::payment::currency::is_currency(code) && *most > 0)
        {
            return invalid(
                "largest_amounts",
                "Hạn mức ghi theo mã tiền ISO 4217, là số nguyên dương.",
                "Limits are by ISO 4217 currency, each a positive whole number.",
            );
        }
        let usable = |quota: Quota| quota.count > 0 && (1..=86_400).contains(&quota.seconds);
        if self.rate.is_some_and(|quota| !usable(quota)) || self.per_day == Some(0) {
            return invalid(
                "rate",
                "Tần suất: ít nhất 1 trong 1 đến 86400 giây; hạn mức ngày ít nhất 1.",
                "A rate is at least 1 in 1 to 86400 seconds; a daily quota at least 1.",
            );
        }
        let good = |certificate: &ProviderCertificate| {
            let hex = certificate.sha256.len() == 64
                && certificate.sha256.bytes().all(|octet| octet.is_ascii_hexdigit() && !octet.is_ascii_uppercase());
            let time = certificate.phase_out.as_ref().is_none_or(|time| Instant::parse_rfc3339(time).is_some());
            hex && time && is_text(&certificate.note, 200)
        };
        if self.certificates.len() > MOST_CERTIFICATES || !self.certificates.iter().all(good) {
            return invalid(
                "certificates",
                "Chứng thư ghi bằng SHA-256 (64 chữ số hệ 16, chữ thường), thời điểm ngừng dùng theo RFC 3339; tối đa 50.",
                "Certificates are named by SHA-256 (64 lower-case hex digits), phase-out times by RFC 3339; at most 50.",
            );
        }
        Ok(())
    }
}

/// The registry as it was read a moment ago.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub terms: HashMap<AccountId, Terms>,
    /// When keys are out of use, by their certificate's SHA-256.
    phased_out: HashMap<[u8; 32], Instant>,
}

/// What one process keeps of the registry.
#[derive(Default)]
pub struct Registry {
    read: Mutex<Option<(Arc<Snapshot>, std::time::Instant)>>,
    /// Providers that the audit log says are registered.
    registered: Mutex<HashSet<String>>,
    rates: Mutex<HashMap<AccountId, i64>>,
    usage: Mutex<HashMap<AccountId, Usage>>,
}

/// Payments of a provider's day: what the database said, what was accepted here since, and what waits here for the disk.
struct Usage {
    day: i64,
    stored: u64,
    since: u64,
    under_way: u64,
    read: std::time::Instant,
}

impl Usage {
    const fn accepted(&self) -> u64 {
        self.stored.saturating_add(self.since)
    }
}

/// Whether a provider may consume a payment.
pub enum Admission {
    /// With the place in its daily quota, where it has one.
    Admitted(Option<Place>),
    Refused(Reason),
}

/// A place in a provider's daily quota, taken until it is known what becomes of the payment: calls at the same moment share what is left.
pub struct Place {
    app: App,
    provider: AccountId,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(usage) = locked(&self.app.payments.registry.usage).get_mut(&self.provider) {
            usage.under_way = usage.under_way.saturating_sub(1);
        }
    }
}

impl Registry {
    /// Learns from an entry of the audit log who is registered.
    pub fn read(&self, entry: &AuditEntry) {
        if entry.kind == Kind::ProviderChanged.name() {
            locked(&self.registered).insert(entry.subject.clone());
        }
    }

    /// To be called after a change here: it holds from the next payment on.
    pub fn forget(&self) {
        *locked(&self.read) = None;
    }

    /// One payment more was accepted here for a provider.
    pub(super) fn count(&self, provider: AccountId) {
        if let Some(usage) = locked(&self.usage).get_mut(&provider) {
            usage.since = usage.since.saturating_add(1);
        }
    }
}

/// The registry, read anew after [`current::KEPT_FOR`].
pub async fn snapshot(app: &App) -> Result<Arc<Snapshot>> {
    let registry = &app.payments.registry;
    if let Some((snapshot, since)) = &*locked(&registry.read)
        && since.elapsed() < current::KEPT_FOR
    {
        return Ok(snapshot.clone());
    }
    // The log first: whoever is registered between the two looks has a row.
    let registered = locked(&registry.registered).clone();
    let rows = current::rows(app, || app.store.payment_providers(MOST_PROVIDERS)).await?;
    let present: HashSet<String> = rows.iter().map(subject).collect();
    if !registered.is_subset(&present) {
        tracing::error!(event = "row_missing", table = "payment_provider");
        return Err(InternalError::RowForged { table: "payment_provider" }.into());
    }
    let mut snapshot = Snapshot::default();
    for row in rows {
        let terms = terms_of(&row)?;
        for certificate in &terms.certificates {
            let fingerprint = hex::decode(&certificate.sha256).ok().and_then(|octets| octets.try_into().ok());
            let end = certificate.phase_out.as_ref().and_then(|time| Instant::parse_rfc3339(time));
            if let (Some(fingerprint), Some(end)) = (fingerprint, end) {
                // Where two providers registered one key, the earlier end holds: no row can prolong another's.
                let earliest = snapshot.phased_out.entry(fingerprint).or_insert(end);
                *earliest = (*earliest).min(end);
            }
        }
        snapshot.terms.insert(row.account_id, terms);
    }
    let snapshot = Arc::new(snapshot);
    *locked(&registry.read) = Some((snapshot.clone(), std::time::Instant::now()));
    Ok(snapshot)
}

/// The terms in a row.
pub fn terms_of(row: &PaymentProvider) -> Result<Terms> {
    Ok(serde_json::from_str(&row.terms).map_err(|error| InternalError::other(format!("payment_provider: {error}")))?)
}

fn subject(row: &PaymentProvider) -> String {
    use chuky_model::record::Authenticated;
    row.subject()
}

/// Refuses a call beyond the provider's rate, before anything is verified for it.
pub async fn admit(app: &App, caller: &Principal) -> Result<()> {
    let snapshot = snapshot(app).await?;
    let Some(quota) = snapshot.terms.get(&caller.account).and_then(|terms| terms.rate) else { return Ok(()) };
    let now = app.clock.steady().0;
    let mut rates = locked(&app.payments.registry.rates);
    let full = rates.entry(caller.account).or_insert(now);
    let period = i64::from(quota.seconds).saturating_mul(1_000_000);
    let next = (*full).max(now).saturating_add(period / i64::from(quota.count.max(1)));
    match next.saturating_sub(now).saturating_sub(period) {
        ..=0 => {
            *full = next;
            Ok(())
        }
        wait => {
            app.payments.figures.throttled(caller.account);
            let seconds = u32::try_from(wait.saturating_add(999_999) / 1_000_000).unwrap_or(u32::MAX).max(1);
            Err(too_many("provider_rate", seconds).into())
        }
    }
}

/// Whether this provider may consume this order. A used up daily quota is an error of the request: come tomorrow.
pub async fn admission(
    app: &App,
    caller: &Principal,
    order: &PaymentOrder,
    signer: Option<[u8; 32]>,
    at: Instant,
) -> Result<Admission> {
    let refused = |reason| Ok(Admission::Refused(reason));
    let snapshot = snapshot(app).await?;
    if signer.and_then(|signer| snapshot.phased_out.get(&signer)).is_some_and(|end| *end <= at) {
        return refused(Reason::KeyPhasedOut);
    }
    let Some(terms) = snapshot.terms.get(&caller.account) else {
        return match app.settings.payments.registered_only {
            true => refused(Reason::ProviderNotRegistered),
            false => Ok(Admission::Admitted(None)),
        };
    };
    if !terms.active {
        return refused(Reason::ProviderSuspended);
    }
    if terms.largest_amounts.get(&order.currency).is_some_and(|most| order.amount > *most) {
        return refused(Reason::ProviderLimit);
    }
    let Some(most) = terms.per_day else { return Ok(Admission::Admitted(None)) };
    Ok(Admission::Admitted(Some(place(app, caller.account, at, most).await?)))
}

/// Payments that were accepted for a provider on this day: those of other nodes as of a moment ago, own ones at once.
pub async fn used(app: &App, provider: AccountId, at: Instant) -> Result<u64> {
    look_at_day(app, provider, day(at)).await?;
    let usages = locked(&app.payments.registry.usage);
    Ok(usages.get(&provider).filter(|usage| usage.day == day(at)).map_or(0, Usage::accepted))
}

/// Asks the database, after [`current::KEPT_FOR`], how many payments of that day there are.
async fn look_at_day(app: &App, provider: AccountId, today: i64) -> Result<()> {
    let usages = &app.payments.registry.usage;
    let known = locked(usages).get(&provider).filter(|usage| usage.day == today).map(|usage| (usage.read, usage.since));
    if known.is_some_and(|(read, _)| read.elapsed() < current::KEPT_FOR) {
        return Ok(());
    }
    let stored = u64::try_from(app.store.payments_of_day(provider, today).await?).unwrap_or_default();
    let read = std::time::Instant::now();
    let mut usages = locked(usages);
    let usage = usages.entry(provider).or_insert(Usage { day: today, stored, since: 0, under_way: 0, read });
    // What was accepted here while the database was asked may be in its answer or not: it counts.
    let before = known.map_or(0, |(_, since)| since);
    let since = if usage.day == today { usage.since.saturating_sub(before) } else { 0 };
    *usage = Usage { day: today, stored, since, under_way: usage.under_way, read };
    Ok(())
}

/// One of the payments that may still be accepted for a provider on this day.
async fn place(app: &App, provider: AccountId, at: Instant, most: u64) -> Result<Place> {
    let today = day(at);
    look_at_day(app, provider, today).await?;
    let left = MICROSECONDS_A_DAY.saturating_sub(at.0.rem_euclid(MICROSECONDS_A_DAY)) / 1_000_000;
    let tomorrow = u32::try_from(left).unwrap_or(u32::MAX).max(1);
    let mut usages = locked(&app.payments.registry.usage);
    let taken = usages.get_mut(&provider).filter(|usage| usage.day == today);
    let wait = match taken {
        Some(usage) if usage.accepted().saturating_add(usage.under_way) < most => {
            usage.under_way = usage.under_way.saturating_add(1);
            return Ok(Place { app: app.clone(), provider });
        }
        // Those under way may yet be refused.
        Some(usage) if usage.accepted() < most => 1,
        Some(_) => tomorrow,
        None => 1,
    };
    drop(usages);
    app.payments.figures.throttled(provider);
    Err(too_many("provider_quota", wait).into())
}

/// The providers that registered a certificate; the one that brought an order signed with it, where none did.
pub async fn registrants(app: &App, certificate: [u8; 32], otherwise: AccountId) -> Result<Vec<AccountId>> {
    let (snapshot, certificate) = (snapshot(app).await?, hex::encode(certificate));
    let registered = |terms: &Terms| terms.certificates.iter().any(|one| one.sha256 == certificate);
    let mut found: Vec<AccountId> =
        snapshot.terms.iter().filter(|(_, terms)| registered(terms)).map(|(id, _)| *id).collect();
    if found.is_empty() {
        found.push(otherwise);
    }
    Ok(found)
}

fn too_many(code: &'static str, seconds: u32) -> RequestError {
    let error = RequestError::new(
        RequestErrorKind::TooMany,
        code,
        format!("Đơn vị đã gửi quá hạn mức. Hãy thử lại sau {seconds} giây."),
        format!("The provider's quota is used up. Try again in {seconds} seconds."),
    );
    RequestError { retry_after: Some(seconds), ..error }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Providers that are read: a country has some dozens.
pub const MOST_PROVIDERS: i64 = 1_000;
/// Certificates of one provider.
const MOST_CERTIFICATES: usize = 50;

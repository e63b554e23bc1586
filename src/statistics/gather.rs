//! Reading what is counted, page by page; nothing is held longer than its page but the suspensions of certificates.

use super::{
    attribution::{Attributed, Attribution},
    kinds::{CertificateType, Kinds},
    limits::PAGE,
    period::Period,
    tally::Tally,
};
use crate::{app::App, audit::Kind, error::Result};
use chuky_model::{
    id::{CertificateId, OutgoingId, RequestId},
    instant::Instant,
    record::figure::CertificateFact,
    request::SubjectKind,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Suspensions (`true`) and resumptions of each certificate that was ever suspended, oldest first.
type Holds = HashMap<CertificateId, Vec<(Instant, bool)>>;

/// CertificateCounts everything in a period that the attribution shows. One at a time: whoever else asks waits.
pub async fn tally<'a>(app: &App, period: &'a Period, attribution: &mut Attribution<'_>) -> Result<Tally<'a>> {
    let mut kinds = app.statistics.kinds.lock().await;
    // 1. What each request asks for.
    kinds.learn(app).await?;
    let mut tally = Tally::new(period);
    // 2. Certificates, with what the audit log says of suspensions.
    let holds = holds(app, period.end).await?;
    let mut after = CertificateId(Uuid::nil());
    loop {
        let page = app.store.certificate_facts(period.end, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for fact in &page {
            if let Some(at) = place(fact, attribution) {
                let kind = kind(app, &mut kinds, fact).await?;
                let holds = holds.get(&fact.id).map_or(&[][..], Vec::as_slice);
                tally.certificate(fact, kind, at, holds);
            }
        }
    }
    // 3. Requests of citizens, which are entered at booths.
    booths(app, period, &mut kinds, attribution, &mut tally).await?;
    drop(kinds);
    // 4. Outgoing documents, and the register of their numbers.
    let mut after = OutgoingId(Uuid::nil());
    loop {
        let page = app.store.outgoing_facts(period.start, period.end, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for fact in &page {
            if let Some(at) = attribution.of(&fact.unit, fact.created_at) {
                tally.outgoing(fact, at);
            }
        }
    }
    for fact in app.store.register_facts(period.start, period.end).await? {
        if let Some(at) = attribution.of(&fact.unit, Instant::from_unix_seconds(fact.hour.saturating_mul(3_600))) {
            tally.registered(&fact, at);
        }
    }
    Ok(tally)
}

async fn booths(
    app: &App,
    period: &Period,
    kinds: &mut Kinds,
    attribution: &mut Attribution<'_>,
    tally: &mut Tally<'_>,
) -> Result<()> {
    let mut after = RequestId(Uuid::nil());
    loop {
        let page = app.store.first_request_facts(period.start, period.end, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for fact in &page {
            // Payment providers are of the same hierarchy, and never at a booth.
            let is_person = kinds.of(app, fact.id).await? == Some(SubjectKind::Person);
            if let Some(at) = attribution.of(&fact.unit, fact.created_at).filter(|_| is_person) {
                tally.booth(fact.created_at, at);
            }
        }
    }
}

async fn kind(app: &App, kinds: &mut Kinds, fact: &CertificateFact) -> Result<CertificateType> {
    let Some(request) = fact.request_id else { return Ok(CertificateType::Unknown) };
    let kind = kinds.of(app, request).await?;
    Ok(kind.map_or(CertificateType::Unknown, |kind| CertificateType::of(fact.hierarchy, kind)))
}

/// Where a certificate counts: by the unit that its request named on the day of the request.
fn place(fact: &CertificateFact, attribution: &mut Attribution<'_>) -> Option<Attributed> {
    match (&fact.unit, fact.requested_at) {
        (Some(unit), Some(at)) => attribution.of(unit, at),
        // Of no unit that is known: for whoever sees everything.
        _ => attribution.of("", fact.not_before),
    }
}

async fn holds(app: &App, before: Instant) -> Result<Holds> {
    let mut holds = Holds::new();
    for (kind, suspended) in [(Kind::CertificateSuspended, true), (Kind::CertificateResumed, false)] {
        let mut after = None;
        loop {
            let page = app.store.hold_facts(kind.name(), before, after.as_ref(), PAGE).await?;
            for fact in &page {
                let id = fact.subject.strip_prefix("certificate:").and_then(|id| id.parse().ok());
                if let Some(id) = id {
                    holds.entry(CertificateId(id)).or_default().push((fact.recorded_at, suspended));
                }
            }
            after = page.into_iter().next_back();
            if after.is_none() {
                break;
            }
        }
    }
    holds.values_mut().for_each(|changes| changes.sort_unstable());
    Ok(holds)
}

//! What the doctor says of the authority: its keys, when their certificates end, how fresh its lists are, and which step comes next.

use super::Finding;
use crate::{
    clock::Clock,
    error::Result,
    issuance::{
        Authority, CertifiedKey,
        ends::{self, ListEnd},
    },
    store::Store,
};
use chuky_model::{
    instant::Instant,
    record::state::{AuthorityState, KeyPurpose},
    request::Hierarchy,
};

/// The authority's keys, the ends of their certificates, and how fresh its lists are.
pub(super) async fn authority(store: &Store) -> Result<Vec<(String, Finding)>> {
    let rows = store.authority_keys().await?;
    if rows.is_empty() {
        let later = Finding::Later("no ceremony was held; the first `chuky serve` holds the TEST one".to_owned());
        return Ok(vec![("authority".to_owned(), later)]);
    }
    let mut findings = vec![("authority".to_owned(), Finding::Good(format!("{} keys", rows.len())))];
    let (authority, now) = (Authority::unchecked(rows)?, Clock::default().now());
    for key in ends::in_service(&authority) {
        findings.push((format!("certificate of {}", key.label), certificate(&authority, key, now)));
    }
    for absent in ends::absent(&authority) {
        let repair = "make the next one: chuky ceremony roll-over, activate (docs/recovery.md)".to_owned();
        let said = "none is in use: its certificate or its CA's was revoked, or no next one took its place";
        findings.push((absent, Finding::Bad(said.to_owned(), repair)));
    }
    for issuer in authority.issuers() {
        // A CA that has ended said its last word, and a partial list is made only where certificates name it.
        if !store.crl_names(&issuer.label).await?.contains(&issuer.label) {
            let name = format!("list of {}", issuer.label);
            findings.push((name, Finding::Bad("none was published".to_owned(), list_repair(issuer.token.is_some()))));
        }
    }
    for list in ends::lists(store, &authority).await? {
        let finding = fresh(&list, now);
        findings.push((format!("list of {}", list.name), finding));
    }
    Ok(findings)
}

/// Whether the certificate lasts long enough for the ceremony that makes the next one.
fn certificate(authority: &Authority, key: &CertifiedKey, now: Instant) -> Finding {
    let (end, hierarchy) = (key.certificate.not_after(), key.hierarchy.name());
    let needed = match (key.purpose, key.state) {
        (KeyPurpose::Issuing, AuthorityState::Active) => ISSUING_BEFORE_END + longest_life(key.hierarchy),
        (KeyPurpose::Root | KeyPurpose::Issuing, AuthorityState::Active | AuthorityState::Prepared) => {
            ISSUING_BEFORE_END
        }
        // What it issued ends before it does; then it is ended.
        (KeyPurpose::Root | KeyPurpose::Issuing, _) => 0,
        _ => RENEWED_BEFORE_END,
    };
    let said = end.rfc3339();
    if end > now.plus_seconds(needed) {
        return Finding::Good(match (key.is_issuer(), key.state) {
            (true, AuthorityState::Retiring) => format!("issues no more, until {said}"),
            (true, AuthorityState::Prepared) => format!("prepared, until {said}"),
            _ => format!("until {said}"),
        });
    }
    let in_use = |key: &CertifiedKey| key.state == AuthorityState::Active;
    let issuer = authority.issuer_of(key).ok().filter(|issuer| key.purpose == KeyPurpose::Ocsp && !in_use(issuer));
    let named = issuer.map(|issuer| format!(" and issuer = \"{}\"", issuer.label)).unwrap_or_default();
    let repair = match (key.purpose, key.state) {
        (KeyPurpose::Issuing, AuthorityState::Retiring) => format!("chuky ceremony end {}", key.label),
        (purpose, _) => format!(
            "chuky ceremony roll-over with [{hierarchy}.{}]{named} in its file (Roll-over in docs/ceremonies.md)",
            purpose.name()
        ),
    };
    match (end <= now, key.purpose) {
        (true, KeyPurpose::Ocsp) => Finding::Bad(format!("ended on {said}: no status is answered"), repair),
        (true, KeyPurpose::Timestamp) => Finding::Bad(format!("ended on {said}: nothing is stamped"), repair),
        (true, _) => Finding::Bad(format!("ended on {said}"), repair),
        (false, KeyPurpose::Issuing) if key.state == AuthorityState::Active => {
            Finding::Bad(format!("ends on {said}, sooner than the longest certificates that it issues"), repair)
        }
        (false, _) => Finding::Bad(format!("ends on {said}"), repair),
    }
}

fn fresh(list: &ListEnd, now: Instant) -> Finding {
    let (end, repair) = (list.next_update, list_repair(list.by_ceremony));
    match list.by_ceremony {
        _ if end <= now => Finding::Bad(format!("ended on {}", end.rfc3339()), repair),
        // Somebody must hold a ceremony before.
        true if end <= now.plus_seconds(ROOT_LIST_WARNED) => Finding::Bad(format!("ends on {}", end.rfc3339()), repair),
        _ => Finding::Good(format!("number {}, until {}", list.number, end.rfc3339())),
    }
}

fn list_repair(by_ceremony: bool) -> String {
    let repair = match by_ceremony {
        false => "start the service: it publishes lists by itself; where it runs, its log says crl_not_published",
        true => "connect the root's token and run `chuky ceremony root-lists`",
    };
    repair.to_owned()
}

/// Seconds: a certificate may not outlive its issuer's, and officials' first ones live five years (Decree 68/2024), others three.
fn longest_life(hierarchy: Hierarchy) -> i64 {
    let years = if hierarchy == Hierarchy::Officials { 5 } else { 3 };
    years * 366 * 86_400
}

/// Seconds in which to prepare a new CA, publish it and move issuing to it.
const ISSUING_BEFORE_END: i64 = 90 * 86_400;
/// Seconds in which to renew a responder or a timestamp authority.
const RENEWED_BEFORE_END: i64 = 30 * 86_400;
/// Seconds: a month in which to hold a ceremony.
const ROOT_LIST_WARNED: i64 = 30 * 86_400;

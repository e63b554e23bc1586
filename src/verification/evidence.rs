//! What this service knows itself: the roots of both hierarchies, their issuing certificates and the newest revocation lists.
//! No network: what others published must come with the document.

use crate::{
    app::App,
    attestation,
    error::{InternalError, Result},
    issuance::{Authority, revocation, status},
    reader::Evidence,
};
use chuky_model::{instant::Instant, report::Report, serial::Serial};
use std::collections::HashSet;

/// Evidence for the default policy, at the present moment.
pub async fn of_authority(app: &App) -> Result<Evidence> {
    let authority = Authority::of(app).await?;
    let mut evidence = Evidence::at(app.clock.now());
    evidence.anchors = authority.anchors().iter().map(|root| root.der().to_vec()).collect();
    evidence.intermediates = authority.intermediates().iter().map(|issuing| issuing.der().to_vec()).collect();
    for issuer in authority.issuers() {
        evidence.crls.extend(app.store.latest_crl(&issuer.label).await?.map(|crl| crl.list));
    }
    Ok(evidence)
}

/// OCSP answers, made now, about signers of this authority who were revoked or suspended after the newest list was published.
pub async fn newer_status(app: &App, report: &Report) -> Result<Vec<Vec<u8>>> {
    let mut answers = Vec::new();
    for signer in report.signatures.iter().take(MOST_SIGNERS).filter_map(|signature| signature.signer.as_ref()) {
        let serial = hex::decode(&signer.serial).ok().and_then(|octets| Serial::from_octets(&octets).ok());
        let Some(serial) = serial else { continue };
        for row in app.store.certificates_by_serial(&serial).await? {
            let row = attestation::check(&*app.tokens.subscribers, row).await?;
            let Some(revoked_at) = row.revoked_at else { continue };
            let list = app.store.latest_crl(&row.issuer_label).await?;
            if list.is_some_and(|list| list.this_update >= revoked_at) {
                continue;
            }
            if let Some(certificate) = status::certificate_of(app, &row)? {
                answers.push(status::ocsp_response(app, &certificate).await?);
            }
        }
    }
    Ok(answers)
}

/// Lists that were published while signers of this authority were suspended, and the first ones after they were resumed: by them a
/// verdict sees that what was signed meanwhile does not count.
pub async fn of_suspensions(app: &App, report: &Report) -> Result<Vec<Vec<u8>>> {
    let (mut lists, mut seen, mut total) = (Vec::new(), HashSet::new(), 0usize);
    for signer in report.signatures.iter().take(MOST_SIGNERS).filter_map(|signature| signature.signer.as_ref()) {
        let serial = hex::decode(&signer.serial).ok().and_then(|octets| Serial::from_octets(&octets).ok());
        let Some(serial) = serial else { continue };
        for row in app.store.certificates_by_serial(&serial).await? {
            for change in revocation::suspensions(app, row.id).await? {
                // The first list after a change tells it; two, for one of the same second may have been made before.
                let from = Instant::from_unix_seconds(change.unix_seconds());
                for list in app.store.crls_from(&row.issuer_label, from, 2).await? {
                    if seen.insert((list.issuer_label, list.number)) {
                        total = total.saturating_add(list.list.len());
                        lists.push(list.list);
                    }
                }
            }
            if total > MOST_LIST_BYTES {
                return Err(InternalError::other("lists of suspensions are larger than a reader takes").into());
            }
        }
    }
    Ok(lists)
}

/// Bytes of older lists that go to a reader beside the newest ones.
const MOST_LIST_BYTES: usize = 24 << 20;
/// Signatures of a document whose signers are looked up; beyond them the published list decides.
const MOST_SIGNERS: usize = 64;

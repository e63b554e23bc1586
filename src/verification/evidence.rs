//! What this service knows itself: the roots of both hierarchies, their issuing certificates and the newest revocation lists.
//! No network: what others published must come with the document.

use crate::{
    app::App,
    attestation,
    error::{InternalError, Result},
    issuance::{Authority, limits::LONGEST_LIST_IN_MEMORY, ocsp, register, revocation, revocation_list, status},
    reader::Evidence,
};
use chuky_model::{instant::Instant, report::Report, serial::Serial};
use chuky_pki::{ocsp::Status, verify::TrustSnapshot};
use std::{collections::HashSet, sync::Arc};

/// Evidence for the default policy, at the present moment.
pub async fn of_authority(app: &App) -> Result<Evidence> {
    let authority = Authority::of(app).await?;
    let mut evidence = Evidence::at(app.clock.now());
    evidence.anchors = authority.anchors().iter().map(|root| root.der().to_vec()).collect();
    evidence.intermediates = authority.intermediates().iter().map(|issuing| issuing.der().to_vec()).collect();
    evidence.trust = present(app).await?.map(|snapshot| TrustSnapshot::clone(&snapshot));
    for issuer in authority.issuers() {
        evidence.crls.extend(revocation_list::whole(app, issuer).await?);
    }
    Ok(evidence)
}

/// The trust data as it is now.
pub async fn present(app: &App) -> Result<Option<Arc<TrustSnapshot>>> {
    let folder = Arc::clone(&app.trust);
    let present = tokio::task::spawn_blocking(move || folder.present()).await;
    Ok(present.map_err(|error| InternalError::other(error.to_string()))?)
}

/// OCSP answers, made now, about signers of this authority who were revoked or suspended after the newest list was published.
pub async fn newer_status(app: &App, report: &Report) -> Result<Vec<Vec<u8>>> {
    let mut answers = Vec::new();
    register::follow(app).await?;
    for signer in report.signatures.iter().take(MOST_SIGNERS).filter_map(|signature| signature.signer.as_ref()) {
        let serial = hex::decode(&signer.serial).ok().and_then(|octets| Serial::from_octets(&octets).ok());
        let Some(serial) = serial else { continue };
        for row in app.store.certificates_by_serial(&serial).await? {
            let standing = status::standing(app, &row.issuer_label, &serial).await?;
            let Status::Revoked { at, .. } = standing else { continue };
            let list = app.store.latest_crl_head(&row.issuer_label).await?;
            if list.is_some_and(|list| list.this_update >= at && list.length <= LONGEST_LIST_IN_MEMORY) {
                continue;
            }
            // The certificate itself: no row can change what it says.
            let row = attestation::check(&*app.tokens.subscribers, row).await?;
            if let Some(certificate) = status::certificate_of(app, &row)? {
                answers.push(ocsp::response_about(app, &certificate).await?);
            }
        }
    }
    Ok(answers)
}

/// Lists that were published while signers of this authority were suspended, and the first ones after they were resumed: by them a
/// verdict sees that what was signed meanwhile does not count.
pub async fn of_suspensions(app: &App, report: &Report) -> Result<Vec<Vec<u8>>> {
    let (mut lists, mut seen, mut total) = (Vec::new(), HashSet::new(), 0usize);
    register::follow(app).await?;
    for signer in report.signatures.iter().take(MOST_SIGNERS).filter_map(|signature| signature.signer.as_ref()) {
        let serial = hex::decode(&signer.serial).ok().and_then(|octets| Serial::from_octets(&octets).ok());
        let Some(serial) = serial else { continue };
        for row in app.store.certificates_by_serial(&serial).await? {
            // Which certificate it is: no later version of its row says something else.
            let row = attestation::check(&*app.tokens.subscribers, row).await?;
            for change in revocation::suspensions(app, &row).await? {
                // The first list after a change tells it; two, for one of the same second may have been made before.
                let from = Instant::from_unix_seconds(change.unix_seconds());
                for list in app.store.crls_from(&row.issuer_label, from, 2).await? {
                    if !seen.insert((list.issuer_label.clone(), list.number)) {
                        continue;
                    }
                    // Without it nobody could tell what was signed meanwhile: no verdict rather than a wrong one.
                    let list = revocation_list::assembled(app, list).await?;
                    let list = list.ok_or_else(|| InternalError::other("a list of a suspension is not at hand"))?;
                    total = total.saturating_add(list.len());
                    lists.push(list);
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

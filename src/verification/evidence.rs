//! What this service knows itself: the roots of both hierarchies, their issuing certificates and the newest revocation lists.
//! No network: what others published must come with the document.

use crate::{
    app::App,
    attestation,
    error::{InternalError, Result},
    issuance::{Authority, limits::LONGEST_LIST_IN_MEMORY, ocsp, register, revocation_list, status},
    reader::Evidence,
};
use chuky_model::{record::certificate::Certificate as Row, report::Report, serial::Serial};
use chuky_pki::{ocsp::Status, revocation::Hold, verify::TrustSnapshot};
use std::sync::Arc;

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

/// OCSP answers, made now, about signers of this authority: of those who were revoked or suspended after the newest list was published,
/// and of all where that list is too long for a reader.
pub async fn newer_status(app: &App, report: &Report) -> Result<Vec<Vec<u8>>> {
    let mut answers = Vec::new();
    for row in signers(app, report).await? {
        let list = app.store.latest_crl_head(&row.issuer_label).await?;
        let list = list.filter(|list| list.length <= LONGEST_LIST_IN_MEMORY);
        let told = match status::standing(app, &row.issuer_label, &row.serial).await? {
            Status::Revoked { at, .. } => list.is_some_and(|list| list.this_update >= at),
            _ => list.is_some(),
        };
        if told {
            continue;
        }
        // The certificate itself: no row can change what it says.
        let row = attestation::check(&*app.tokens.subscribers, row).await?;
        if let Some(certificate) = status::certificate_of(app, &row)? {
            answers.push(ocsp::response_about(app, &certificate).await?);
        }
    }
    Ok(answers)
}

/// From when to when signers of this authority were suspended, by the register: what was signed meanwhile does not count, though the
/// certificates are good again and newer lists know nothing of it.
pub async fn lifted_holds(app: &App, report: &Report) -> Result<Vec<Hold>> {
    let mut holds = Vec::new();
    for row in signers(app, report).await? {
        let suspensions = app.register.suspensions(&row.issuer_label, &row.serial);
        if suspensions.is_empty() {
            continue;
        }
        // Which certificate it is: no later version of its row says something else.
        let row = attestation::check(&*app.tokens.subscribers, row).await?;
        let certificate = row.fingerprint.as_deref().and_then(|fingerprint| fingerprint.try_into().ok());
        let certificate = certificate.ok_or(InternalError::RowForged { table: "certificate" })?;
        holds.extend(suspensions.into_iter().map(|(from, until)| Hold { certificate, from, until }));
    }
    Ok(holds)
}

/// Rows of this authority's certificates whose serial number a signer's has.
async fn signers(app: &App, report: &Report) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    register::follow(app).await?;
    for signer in report.signatures.iter().take(MOST_SIGNERS).filter_map(|signature| signature.signer.as_ref()) {
        let serial = hex::decode(&signer.serial).ok().and_then(|octets| Serial::from_octets(&octets).ok());
        let Some(serial) = serial else { continue };
        for row in app.store.certificates_by_serial(&serial).await? {
            if rows.iter().all(|known| known.id != row.id) {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// Signatures of a document whose signers are looked up; beyond them the published list decides.
const MOST_SIGNERS: usize = 64;

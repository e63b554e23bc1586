//! What this service knows itself: the roots of both hierarchies, their issuing certificates and the newest revocation lists.
//! No network: what others published must come with the document.

use crate::{
    app::App,
    error::{InternalError, Result},
    issuance::{Authority, CertifiedKey, limits::LONGEST_LIST_IN_MEMORY, ocsp, register, revocation_list, status},
    reader::Evidence,
};
use chuky_model::{
    record::certificate::Certificate as Row,
    report::{Integrity, Report},
    serial::Serial,
};
use chuky_pki::{
    ocsp::Status,
    revocation::Hold,
    verify::{TrustSnapshot, leave_open},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
    for (issuer_label, serial) in signers(app, report).await? {
        let list = app.store.latest_crl_head(&issuer_label).await?;
        let list = list.filter(|list| list.length <= LONGEST_LIST_IN_MEMORY);
        let told = match status::standing(app, &issuer_label, &serial).await? {
            Status::Revoked { at, .. } => list.is_some_and(|list| list.this_update >= at),
            _ => list.is_some(),
        };
        if told {
            continue;
        }
        // The certificate itself: no row can change what it says.
        let row = genuine(app, &issuer_label, &serial).await?;
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
    for (issuer_label, serial) in signers(app, report).await? {
        let suspensions = app.register.suspensions(&issuer_label, &serial);
        if suspensions.is_empty() {
            continue;
        }
        // Which certificate it is: no later version of its row says something else.
        let row = genuine(app, &issuer_label, &serial).await?;
        let certificate = row.fingerprint.as_deref().and_then(|fingerprint| fingerprint.try_into().ok());
        let certificate = certificate.ok_or(InternalError::RowForged { table: "certificate" })?;
        holds.extend(suspensions.into_iter().map(|(from, until)| Hold { certificate, from, until }));
    }
    Ok(holds)
}

/// The row of a certificate that the audit log or a row tells of.
async fn genuine(app: &App, issuer_label: &str, serial: &Serial) -> Result<Row> {
    let row = register::genuine(app, || app.store.certificate_by_serial(issuer_label, serial)).await?;
    Ok(row.ok_or_else(|| {
        tracing::error!(event = "row_missing", table = "certificate");
        InternalError::RowForged { table: "certificate" }
    })?)
}

/// Certificates issued here whose serial number a signer's has: those that the audit log tells something of, whatever SQL made of
/// their rows, and those that rows know.
async fn signers(app: &App, report: &Report) -> Result<Vec<(String, Serial)>> {
    let mut found = BTreeMap::new();
    register::follow(app).await?;
    let authority = Authority::of(app).await?;
    for serial in serials(report).into_iter().take(MOST_SIGNERS) {
        let serial = hex::decode(serial).ok().and_then(|octets| Serial::from_octets(&octets).ok());
        let Some(serial) = serial else { continue };
        let rows = app.store.certificates_by_serial(&serial).await?;
        let labels = rows.into_iter().map(|row| row.issuer_label).chain(app.register.told_by(&serial));
        // The authority's own signs no document, and no row stands for it.
        let own = |label: &String| {
            let is_it = |key: &CertifiedKey| {
                key.issuer_label.as_ref() == Some(label) && key.certificate.serial_octets() == serial.as_octets()
            };
            authority.keys().iter().any(is_it)
        };
        let labels = labels.filter(|label| !own(label));
        found.extend(labels.map(|label| ((label, serial.as_octets().to_vec()), serial.clone())));
    }
    Ok(found.into_iter().map(|((label, _), serial)| (label, serial)).collect())
}

/// Whoever signed, each once, in the order of the report. What is broken or altered stays so whatever a signer's status is.
fn serials(report: &Report) -> Vec<&str> {
    let open =
        report.signatures.iter().filter(|line| !matches!(line.integrity, Integrity::Broken | Integrity::Altered));
    let mut known = BTreeSet::new();
    let serials = open.filter_map(|line| line.signer.as_ref()).map(|signer| signer.serial.as_str());
    serials.filter(|serial| known.insert(*serial)).collect()
}

/// Beyond the bound nobody asked whether a signer was revoked since the list was published, or suspended once: those signatures stay open.
pub fn leave_unasked_open(report: &mut Report) {
    let unasked: BTreeSet<String> = serials(report).into_iter().skip(MOST_SIGNERS).map(str::to_owned).collect();
    if !unasked.is_empty() {
        let reason =
            format!("the register is asked about {MOST_SIGNERS} signers of a document, and not about this one");
        leave_open(report, |signer| unasked.contains(&signer.serial), &reason);
    }
}

/// Different signers of a document who are looked up: more than a PDF file may have signatures.
const MOST_SIGNERS: usize = 512;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::report::{Indication, SignatureReport, Signer, SubIndication};
    use chuky_pki::verify::unreadable_report;

    fn line(serial: usize, integrity: Integrity) -> SignatureReport {
        let signer = Signer { serial: format!("{serial:08x}"), ..Signer::default() };
        SignatureReport {
            id: "s".to_owned(),
            format: "PAdES".to_owned(),
            integrity,
            indication: Indication::TotalPassed,
            sub_indication: None,
            signer: Some(signer),
            claimed_signing_time: None,
            best_signature_time: None,
            covers: "whole_file".to_owned(),
            changes_after: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn report(lines: impl Iterator<Item = SignatureReport>) -> Report {
        let mut report = unreadable_report("many", "");
        report.signatures = lines.collect();
        (report.integrity, report.indication) = (Integrity::Intact, Indication::TotalPassed);
        report
    }

    #[test]
    fn a_signer_counts_once_however_often_he_signed() {
        // 500 signatures of one signer before that of another.
        let lines = (0..500).map(|_| line(1, Integrity::Intact)).chain([line(2, Integrity::Intact)]);
        let mut report = report(lines);
        assert_eq!(serials(&report), ["00000001", "00000002"]);
        leave_unasked_open(&mut report);
        assert_eq!(report.indication, Indication::TotalPassed);
    }

    #[test]
    fn a_signer_beyond_the_bound_stays_open() {
        let mut report = report((0..=MOST_SIGNERS).map(|serial| line(serial, Integrity::Intact)));
        leave_unasked_open(&mut report);
        assert_eq!(
            (report.indication, report.sub_indication),
            (Indication::Indeterminate, Some(SubIndication::TryLater))
        );
        let open = report.signatures.iter().filter(|line| line.indication != Indication::TotalPassed).count();
        assert_eq!(open, 1);
        // Junk in front of him does not push a signer out.
        let junk = (1..=MOST_SIGNERS).map(|serial| line(serial, Integrity::Broken));
        let report = super::tests::report(junk.chain([line(0, Integrity::Intact)]));
        assert_eq!(serials(&report), ["00000000"]);
    }
}

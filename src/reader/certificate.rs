//! Judges one certificate: a path to an anchor, and revocation where lists were given. Pure; runs in a reader worker, because
//! certificates and lists may be anybody's.

use super::protocol::Evidence;
use chuky_model::{
    report::{CertificateReport, Check, Indication, Outcome, Signer, SubIndication},
    text::Bilingual,
};
use chuky_pki::{
    certificate::Certificate,
    crl::Crl,
    path::{self, PathError, Purpose, VerifiedPath},
    revocation::{self, Revocation},
};

/// Judges the certificate of this DER.
pub(super) fn judge(name: &str, der: &[u8], evidence: &Evidence) -> CertificateReport {
    let mut report = CertificateReport {
        file: name.to_owned(),
        sha256: Some(hex::encode(chuky_pki::crypto::sha256(der))),
        indication: Indication::Indeterminate,
        sub_indication: None,
        message: Bilingual::default(),
        subject: None,
        path: Vec::new(),
        checks: Vec::new(),
    };
    let certificate = match Certificate::from_der(der) {
        Ok(certificate) => certificate,
        Err(error) => {
            let check = Check::failed("reading", error.to_string());
            return end(report, (Indication::TotalFailed, Some(SubIndication::FormatFailure)), check);
        }
    };
    report.subject = Some(signer(&certificate));
    let (anchors, intermediates) = match (read(&evidence.anchors), read(&evidence.intermediates)) {
        (Ok(anchors), Ok(intermediates)) => (anchors, intermediates),
        (Err(error), _) | (_, Err(error)) => {
            let check = Check::not_done("certificate_path", format!("an anchor or intermediate: {error}"));
            return end(report, (Indication::Indeterminate, Some(SubIndication::NoCertificateChainFound)), check);
        }
    };
    match path::validate(&certificate, &intermediates, &anchors, evidence.at, Purpose::Any) {
        Ok(path) => {
            report.path = path.certificates().iter().map(|one| one.subject().common_name()).collect();
            report.checks.push(Check::passed("certificate_path"));
            judge_revocation(report, &path, evidence)
        }
        Err(error @ (PathError::NoPath | PathError::Budget)) => {
            let check = Check::not_done("certificate_path", error.to_string());
            end(report, (Indication::Indeterminate, Some(error.sub_indication())), check)
        }
        Err(error) => {
            let sub = match error {
                PathError::Expired(_) => SubIndication::Expired,
                _ => error.sub_indication(),
            };
            end(report, (Indication::TotalFailed, Some(sub)), Check::failed("certificate_path", error.to_string()))
        }
    }
}

fn judge_revocation(mut report: CertificateReport, path: &VerifiedPath, evidence: &Evidence) -> CertificateReport {
    if evidence.crls.is_empty() && evidence.ocsp_responses.is_empty() {
        // Whoever gives no list asks for the path only; the check stands there as not done, and the sentence says so.
        let check = Check::not_done("revocation", "no revocation list was given");
        return end(report, (Indication::TotalPassed, None), check);
    }
    for der in &evidence.crls {
        if let Err(error) = Crl::parse(der) {
            report.checks.push(Check::not_done("revocation_list", error.to_string()));
        }
    }
    let lists = revocation::Evidence::read(&evidence.crls, &evidence.ocsp_responses).with_holds(&evidence.holds);
    let mut open = None;
    for (certificate, answer) in revocation::judge_path(path, &lists, evidence.at) {
        let who = certificate.subject().common_name();
        match answer {
            Revocation::Good { evidence_time, .. } => {
                let reason = format!("{who}: not revoked, by evidence of {}", evidence_time.rfc3339());
                report.checks.push(Check { reason, ..Check::passed("revocation") });
            }
            Revocation::Revoked { at, reason } => {
                let check = Check::failed("revocation", format!("{who}: revoked on {} ({reason:?})", at.rfc3339()));
                return end(report, (Indication::TotalFailed, Some(SubIndication::Revoked)), check);
            }
            Revocation::Unknown(reason) => open = Some(Check::not_done("revocation", format!("{who}: {reason}"))),
        }
    }
    match open {
        Some(check) => end(report, (Indication::Indeterminate, Some(SubIndication::TryLater)), check),
        None => conclude(report, (Indication::TotalPassed, None)),
    }
}

fn read(list: &[Vec<u8>]) -> Result<Vec<Certificate>, chuky_pki::Error> {
    list.iter().map(|der| Certificate::from_der(der)).collect()
}

fn signer(certificate: &Certificate) -> Signer {
    Signer {
        common_name: certificate.subject().common_name(),
        organization: certificate.subject().organization(),
        issuer: certificate.issuer().common_name(),
        serial: hex::encode(certificate.serial_octets()),
        not_before: certificate.not_before().rfc3339(),
        not_after: certificate.not_after().rfc3339(),
    }
}

/// The report with its last check and its answer.
fn end(mut report: CertificateReport, answer: Answer, last: Check) -> CertificateReport {
    report.checks.push(last);
    conclude(report, answer)
}

/// The report with its answer and the sentence that says it.
fn conclude(mut report: CertificateReport, (indication, sub_indication): Answer) -> CertificateReport {
    (report.indication, report.sub_indication) = (indication, sub_indication);
    let revocation_asked =
        report.checks.iter().any(|check| check.name == "revocation" && check.outcome == Outcome::Passed);
    report.message = match indication {
        Indication::TotalPassed if revocation_asked => Bilingual::new(
            "Chứng thư hợp lệ và chưa bị thu hồi tại thời điểm kiểm tra.",
            "The certificate is valid and not revoked at the time asked for.",
        ),
        Indication::TotalPassed => Bilingual::new(
            "Đường dẫn chứng thực hợp lệ; tình trạng thu hồi chưa được kiểm tra vì không có danh sách thu hồi (--crl).",
            "The path is valid; revocation was not checked, because no list was given (--crl).",
        ),
        Indication::TotalFailed => Bilingual::new(
            "Chứng thư không hợp lệ tại thời điểm kiểm tra.",
            "The certificate is not valid at the time asked for.",
        ),
        Indication::Indeterminate | Indication::NoSignatureFound => Bilingual::new(
            "Chưa xác định được: thiếu chứng thư gốc, chứng thư trung gian hoặc danh sách thu hồi dùng được.",
            "Cannot be determined: an anchor, an intermediate or a usable revocation list is missing.",
        ),
    };
    report
}

/// An indication with its reason.
type Answer = (Indication, Option<SubIndication>);

//! A certificate's verdict for the command line: made in a reader, like every stranger's bytes.

use super::unread::unreadable;
use crate::reader::{Evidence, ReaderFailure, ReaderPool, Task, TaskOutput};
use chuky_model::report::{CertificateReport, Check, Indication, SubIndication};

/// Has a reader judge the certificate of this DER as of the evidence's time.
pub async fn judge_certificate(
    readers: &ReaderPool,
    name: &str,
    certificate: Vec<u8>,
    evidence: Evidence,
) -> Result<CertificateReport, ReaderFailure> {
    let task = Task::VerifyCertificate { name: name.to_owned(), certificate, evidence };
    match readers.run(task, None).await {
        Ok(TaskOutput::Certificate(report)) => Ok(*report),
        Ok(_) => Ok(unread_certificate(name, "the reader answered another question")),
        Err(failure @ (ReaderFailure::TimedOut(_) | ReaderFailure::Crashed(_))) => {
            Ok(unread_certificate(name, &failure.to_string()))
        }
        Err(failure) => Err(failure),
    }
}

/// The report on a certificate that could not be read at all.
pub fn unread_certificate(name: &str, reason: &str) -> CertificateReport {
    CertificateReport {
        file: name.to_owned(),
        sha256: None,
        indication: Indication::Indeterminate,
        sub_indication: Some(SubIndication::SignedDataNotFound),
        message: unreadable(name, reason).message,
        subject: None,
        path: Vec::new(),
        checks: vec![Check::not_done("reading", reason)],
    }
}

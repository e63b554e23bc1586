//! `chuky verify-certificate`: a certificate's path and revocation, without server, database or network.

use super::{
    Common, printing, runtime, unusable,
    verify::{Severity, anchors, moment, open, readers},
};
use crate::{reader::Evidence, verification};
use chuky_model::report::CertificateReport;
use chuky_pki::pem;
use clap::Args;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Kiểm tra một chứng thư / Validate a certificate's path and revocation
///
/// Exit codes: 0 valid, 1 not valid, 2 wrong usage or an unreadable file, 3 cannot be determined. Without --crl the path alone is
/// judged, and the answer says so.
#[derive(Debug, Args)]
pub struct VerifyCertificate {
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Trusted root certificates (PEM, several in a file allowed)
    #[arg(long, value_name = "PEM", required = true)]
    anchors: Vec<PathBuf>,
    /// Certificates that the path may use (PEM, several in a file allowed)
    #[arg(long, value_name = "PEM")]
    intermediates: Vec<PathBuf>,
    /// Certificate revocation lists (DER or PEM)
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// Judge as of this time (default: now)
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// The certificate (PEM or DER; of several in a file, the first)
    #[arg(value_name = "PEM")]
    certificate: PathBuf,
}

impl VerifyCertificate {
    /// Runs the command: 0 valid, 1 not valid, 2 unreadable, 3 cannot be determined.
    pub fn run(self, common: &Common) -> ExitCode {
        let report = match self.judge(common) {
            Ok(report) => report,
            Err(message) => return unusable(message),
        };
        let text = match self.json {
            true => serde_json::to_string(&report).map(|line| line + "\n"),
            false => Ok(printing::certificate(&report, common.language)),
        };
        match text.map_err(io::Error::from).and_then(|text| printing::print(&text)) {
            Ok(()) => Severity::of(report.sha256.is_some(), report.indication).exit_code(),
            Err(error) => unusable(error),
        }
    }

    fn judge(&self, common: &Common) -> Result<CertificateReport, String> {
        let evidence = self.evidence()?;
        let readers = readers(common)?;
        let name = self.certificate.to_string_lossy().into_owned();
        let certificate = match bytes(&self.certificate).and_then(|bytes| der(&bytes, "CERTIFICATE")) {
            Ok(certificate) => certificate,
            Err(reason) => return Ok(verification::unread_certificate(&name, &reason)),
        };
        let runtime = runtime().map_err(|error| error.to_string())?;
        let judged = runtime.block_on(verification::judge_certificate(&readers, &name, certificate, evidence));
        judged.map_err(|failure| failure.to_string())
    }

    fn evidence(&self) -> Result<Evidence, String> {
        let mut evidence = Evidence::at(moment(self.at.as_deref())?);
        evidence.anchors = anchors(&self.anchors)?;
        evidence.intermediates = anchors(&self.intermediates)?;
        for path in &self.crl {
            let read = bytes(path).and_then(|bytes| der(&bytes, "X509 CRL"));
            evidence.crls.push(read.map_err(|reason| format!("{}: {reason}", path.display()))?);
        }
        Ok(evidence)
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST_INPUT).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn der(bytes: &[u8], label: &str) -> Result<Vec<u8>, String> {
    pem::der_or_first_block(bytes, label).map_err(|error| error.to_string())
}

/// Bytes of a certificate's or a list's file; a list of a million entries in PEM has fewer.
const LARGEST_INPUT: u64 = 64 << 20;

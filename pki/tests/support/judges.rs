//! Signing in one step for tests, and the verdict of all judges together.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code)]

use super::signer::Signer;
use chuky_model::instant::Instant;
use chuky_model::report::Integrity;
use chuky_pki::pdf::typeface::Typefaces;
use chuky_pki::pdf::write::{Field, Look, PageChoice, Placement, SignatureOptions, prepare};
use chuky_pki::verify::{VerificationContext, verify_document};
use std::path::{Path, PathBuf};

pub fn now() -> Instant {
    Instant::parse_rfc3339("2026-11-22T03:05:09Z").unwrap()
}

/// Signs and appends.
pub fn sign(source: &[u8], signer: &Signer, options: &SignatureOptions<'_>) -> Vec<u8> {
    let prepared = prepare(source, options).unwrap();
    let covered = prepared.covered(source);
    assert_eq!(prepared.digest(source), openssl::sha::sha256(&covered.concat()).to_vec());
    let cms = signer.sign(&covered);
    let length = prepared.signed_length();
    let update = prepared.finish(&cms).unwrap();
    let signed = [source, &update].concat();
    assert_eq!(signed.len(), length);
    signed
}

pub fn options(look: Option<(Look, &Typefaces)>, field: Field) -> SignatureOptions<'_> {
    SignatureOptions {
        look,
        field,
        signer_name: Some("Trần Thị Hồng Ưởng".to_owned()),
        reason: Some("Ký ban hành".to_owned()),
        location: Some("Hà Nội".to_owned()),
        ..SignatureOptions::new(now(), 4_096)
    }
}

pub fn at(page: PageChoice, rectangle: [f32; 4]) -> Field {
    Field::New { name: None, placement: Placement { page, rectangle } }
}

pub fn store(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// All judges agree: `count` signatures, each valid, the last one over the entire file.
pub fn judged_valid(file: &Path, signer: &Signer, count: usize) {
    if let Some(said) = super::pdfsig(file) {
        assert_eq!(said.matches("Signature is Valid.").count(), count, "{said}");
        assert_eq!(said.matches("Total document signed").count(), 1, "{said}");
    }
    judged_valid_without_poppler(file, signer, count);
}

/// As [`judged_valid`], for files whose fields keep their widgets apart: poppler 22 calls such a field unsigned.
pub fn judged_valid_without_poppler(file: &Path, signer: &Signer, count: usize) {
    super::qpdf_accepts(file);
    judged_intact_by_ourselves(file, count);
    let Some(mut lines) = super::pyhanko(&signer.authority, file) else { return };
    // What the judge says about long-term data is the levels' matter.
    lines.retain(|line| !line.starts_with("long-term") && !line.starts_with('?'));
    assert_eq!(lines.len(), count, "{lines:?}");
    for (place, line) in lines.iter().enumerate() {
        assert!(line.contains("intact valid trusted") && line.ends_with(" ok"), "{line}");
        let coverage = if place + 1 == count { "ENTIRE_FILE" } else { "ENTIRE_REVISION" };
        assert!(line.contains(coverage), "{line}");
    }
}

/// This package's own verifier finds every signature's bytes matched and every later change permitted.
pub fn judged_intact_by_ourselves(file: &Path, count: usize) {
    let report = verify_document(&std::fs::read(file).unwrap(), "signed.pdf", &VerificationContext::at(now()));
    assert_eq!(report.integrity, Integrity::Intact, "{}: {report:#?}", file.display());
    assert_eq!(report.signatures.len(), count, "{}: {report:#?}", file.display());
    let last = report.signatures.iter().filter(|signature| signature.covers == "whole_file").count();
    assert_eq!(last, 1, "{}: {report:#?}", file.display());
}

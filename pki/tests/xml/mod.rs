//! Signed XML files that foreign tools made, once for each test binary.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code)]

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document, verify_with_content};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with the files; `None`, and a word about it, where the virtual environment is missing.
pub fn files() -> Option<&'static Path> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = package.join("../target/venv/bin/python");
        if !python.exists() {
            eprintln!("SKIPPED: no virtual environment; run scripts/venv");
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("xml").join(env!("CARGO_CRATE_NAME"));
        let script = package.join("tests/support/xml_maker.py");
        let output = Command::new(python).arg(script).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(folder)
    });
    made.as_deref()
}

/// One of them.
pub fn file(name: &str) -> Option<String> {
    Some(std::fs::read_to_string(files()?.join(format!("{name}.xml"))).unwrap())
}

pub fn context() -> VerificationContext {
    VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap())
}

pub fn verify(bytes: impl AsRef<[u8]>) -> Report {
    verify_document(bytes.as_ref(), "test.xml", &context())
}

pub fn verify_detached(bytes: &[u8], content: &[u8]) -> Report {
    verify_with_content(bytes, Some(content), "test.xml", &context())
}

/// What a failed assertion shows.
pub fn told(report: &Report) -> String {
    let mut lines = vec![format!("{:?} {:?} {}", report.integrity, report.sub_indication, report.message.en)];
    for line in &report.signatures {
        lines.push(format!("{} {:?} covers {}", line.id, line.integrity, line.covers));
        let telling = line.checks.iter().filter(|check| !check.reason.is_empty());
        lines.extend(telling.map(|check| format!("   {} {:?} {}", check.name, check.outcome, check.reason)));
    }
    lines.join("\n")
}

pub fn assert_intact(bytes: impl AsRef<[u8]>, what: &str) -> Report {
    let report = verify(bytes);
    assert_eq!(report.integrity, Integrity::Intact, "{what}: {}", told(&report));
    report
}

/// Altered, broken or unknown: never intact, never silent.
pub fn assert_not_intact(bytes: impl AsRef<[u8]>, what: &str) {
    let report = verify(bytes);
    let said = matches!(report.integrity, Integrity::Altered | Integrity::Broken | Integrity::Unknown);
    assert!(said, "{what}: {}", told(&report));
}

//! Signed office packages: those that are kept, those that independent makers write, and changed copies of both.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code)]

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Outcome, Report};
use chuky_pki::asic::Archive;
use chuky_pki::certificate::Certificate;
use chuky_pki::verify::{VerificationContext, verify_document};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use zip::write::SimpleFileOptions;

/// The folder with what `packages.py` makes; `None`, and a word about it, where the virtual environment is missing.
fn made() -> Option<&'static Path> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = package.join("../target/venv/bin/python");
        if !python.exists() {
            eprintln!("SKIPPED: no virtual environment; run scripts/venv");
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("office").join(env!("CARGO_CRATE_NAME"));
        std::fs::create_dir_all(&folder).unwrap();
        let output = Command::new(python).arg(package.join("tests/office/packages.py")).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(folder)
    });
    made.as_deref()
}

/// A package of an independent maker.
pub fn foreign(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(made()?.join(name)).unwrap())
}

/// A package that LibreOffice signed.
pub fn kept(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/office").join(name)).unwrap()
}

pub type Parts = Vec<(String, Vec<u8>)>;

/// The files of an archive.
pub fn parts(bytes: &[u8]) -> Parts {
    let archive = Archive::open(bytes).unwrap();
    let read = |(at, entry): (usize, &chuky_pki::asic::Entry)| (entry.label(), archive.content(at).unwrap().to_vec());
    archive.entries().iter().enumerate().map(read).collect()
}

/// An archive of these files.
pub fn archive(parts: &Parts) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in parts {
        if name.ends_with('/') {
            writer.add_directory(name.trim_end_matches('/'), options).unwrap();
        } else {
            writer.start_file(name, options).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// A copy with this change.
pub fn changed(bytes: &[u8], change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut files = parts(bytes);
    change(&mut files);
    archive(&files)
}

/// A copy of which one file has another text.
pub fn with_text(bytes: &[u8], name: &str, from: &str, to: &str) -> Vec<u8> {
    changed(bytes, |files| {
        let (_, content) = files.iter_mut().find(|(one, _)| one == name).unwrap_or_else(|| panic!("no {name}"));
        let text = String::from_utf8(std::mem::take(content)).unwrap();
        assert!(text.contains(from), "{name} has no {from}: {text}");
        *content = text.replacen(from, to, 1).into_bytes();
    })
}

/// A copy with one more file.
pub fn with_file(bytes: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    changed(bytes, |files| files.push((name.to_owned(), content.to_vec())))
}

pub fn verify(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-27T00:00:00Z").unwrap());
    verify_document(bytes, "test", &context)
}

/// The verdict with the root of the kept packages as anchor.
pub fn verify_trusted(bytes: &[u8]) -> Report {
    let root = String::from_utf8(kept("root.pem")).unwrap();
    let root = chuky_pki::pem::blocks(&root, "CERTIFICATE").unwrap();
    let mut context = VerificationContext::at(Instant::parse_rfc3339("2026-11-27T00:00:00Z").unwrap());
    context.anchors = root.iter().map(|der| Certificate::from_der(der).unwrap()).collect();
    verify_document(bytes, "test", &context)
}

/// What a failed assertion shows.
pub fn told(report: &Report) -> String {
    let mut lines = vec![format!("{:?} {:?} {}", report.integrity, report.sub_indication, report.message.en)];
    let checks = |list: &[chuky_model::report::Check]| {
        let telling = list.iter().filter(|check| check.outcome != Outcome::Passed || !check.reason.is_empty());
        telling.map(|check| format!("   {} {:?} {}", check.name, check.outcome, check.reason)).collect::<Vec<_>>()
    };
    lines.extend(checks(&report.checks));
    for line in &report.signatures {
        lines.push(format!("{} {:?} covers {}", line.id, line.integrity, line.covers));
        lines.extend(checks(&line.checks));
    }
    lines.join("\n")
}

pub fn assert_intact(bytes: &[u8], what: &str) -> Report {
    let report = verify(bytes);
    assert_eq!(report.integrity, Integrity::Intact, "{what}: {}", told(&report));
    assert!(report.signatures.iter().all(|line| line.integrity == Integrity::Intact), "{what}: {}", told(&report));
    report
}

/// Not intact, and the report says this.
pub fn assert_says(bytes: &[u8], integrity: Integrity, says: &str, what: &str) {
    let report = verify(bytes);
    assert_eq!(report.integrity, integrity, "{what}: {}", told(&report));
    assert!(told(&report).contains(says), "{what} does not say {says:?}: {}", told(&report));
    let changed = report.signatures.iter().flat_map(|line| &line.changes_after);
    assert!(changed.clone().all(|change| !change.permitted), "{what}");
}

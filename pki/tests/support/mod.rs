//! Typefaces, a scratch folder and the foreign tools that judge what this package writes. A tool that is not installed is named
//! and its judgement skipped.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code)]

pub mod files;
pub mod judges;
pub mod signer;

use chuky_pki::pdf::typeface::Typefaces;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Liberation Serif, from the folder named by `CHUKY_FONTS` or where Debian puts it.
pub fn serif() -> Option<Typefaces> {
    let folder = std::env::var("CHUKY_FONTS").unwrap_or_else(|_| "/usr/share/fonts/truetype/liberation2".to_owned());
    let read = |style: &str| std::fs::read(Path::new(&folder).join(format!("LiberationSerif-{style}.ttf"))).ok();
    let (Some(regular), Some(bold), Some(italic), Some(bold_italic)) =
        (read("Regular"), read("Bold"), read("Italic"), read("BoldItalic"))
    else {
        eprintln!("SKIPPED: no Liberation Serif in {folder} (Debian: fonts-liberation2)");
        return None;
    };
    Some(Typefaces::parse(regular, bold, italic, bold_italic).unwrap())
}

/// A folder of the test's own under `target/`, kept so that a person can look at the files.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pdf").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Whether a tool can be run; says so where it cannot.
pub fn present(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok() || Command::new(tool).arg("-v").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {tool} is not installed");
    }
    found
}

/// The structure has no error and no warning by `qpdf --check`.
pub fn qpdf_accepts(file: &Path) {
    if !present("qpdf") {
        return;
    }
    let output = Command::new("qpdf").arg("--check").arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", file.display());
}

/// The text that poppler reads.
pub fn text_of(file: &Path) -> Option<String> {
    if !present("pdftotext") {
        return None;
    }
    let output = Command::new("pdftotext").arg("-layout").arg(file).arg("-").output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What pdfsig says.
pub fn pdfsig(file: &Path) -> Option<String> {
    if !present("pdfsig") {
        return None;
    }
    let output = Command::new("pdfsig").arg("-nocert").arg(file).output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// pyHanko's verdict: one line a signature (see `judge.py`), from the virtual environment at `target/venv`.
pub fn pyhanko(authority: &openssl::x509::X509Ref, file: &Path) -> Option<Vec<String>> {
    let lines = pyhanko_of_all(authority, &[file.to_owned()])?.remove(0);
    assert!(!lines.iter().any(|line| line.starts_with('!')), "pyHanko cannot read {}: {lines:?}", file.display());
    Some(lines)
}

/// Lets pyHanko encrypt and sign a file; false where it is not there.
pub fn pyhanko_signs(signer: &signer::Signer, password: &str, source: &Path, out: &Path) -> bool {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no pyHanko in target/venv");
        return false;
    }
    let (key, certificate) = (out.with_extension("key"), out.with_extension("crt"));
    std::fs::write(&key, signer.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    std::fs::write(&certificate, signer.certificate.to_pem().unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/encrypt_and_sign.py");
    let mut command = Command::new(python);
    let output = command.arg(script).args([&key, &certificate]).arg(password).args([source, out]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// As [`pyhanko`] for many files by one process. A file that it cannot read has a line that starts with `!`.
pub fn pyhanko_of_all(authority: &openssl::x509::X509Ref, files: &[PathBuf]) -> Option<Vec<Vec<String>>> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no pyHanko in target/venv");
        return None;
    }
    let anchor = files.first()?.with_extension("pem");
    std::fs::write(&anchor, authority.to_pem().unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/judge.py");
    let output = Command::new(python).arg(script).arg(&anchor).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut verdicts: Vec<Vec<String>> = Vec::new();
    for line in said.lines() {
        match (line.strip_prefix("= "), verdicts.last_mut()) {
            (Some(_), _) => verdicts.push(Vec::new()),
            (None, Some(last)) => last.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert_eq!(verdicts.len(), files.len(), "{said}");
    Some(verdicts)
}

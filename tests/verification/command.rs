//! `chuky verify` as it is shipped: one answer a file, exit codes, and what cannot be read.

use crate::harness::app::EXECUTABLE;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

pub fn chuky(arguments: &[&str]) -> Output {
    Command::new(EXECUTABLE).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The reports and the exit code of `verify --json`.
fn reports(arguments: &[&str]) -> (Vec<Value>, i32) {
    let output = chuky(&[&["verify", "--json"], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let reports = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (reports, output.status.code().unwrap())
}

fn written(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn every_input_has_its_own_clear_answer() {
    let directory = tempfile::tempdir().unwrap();
    let there = |name, bytes: &[u8]| written(directory.path(), name, bytes);
    let pipe = directory.path().join("pipe").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let folder = directory.path().to_str().unwrap().to_owned();
    let cases = [
        (there("noise", &noise(10 << 20)), "INDETERMINATE", 3),
        (there("empty", b""), "NO_SIGNATURE_FOUND", 3),
        (there("cut.pdf", b"%PDF-1.7\n1 0 obj\n<</Type /Cat"), "INDETERMINATE", 3),
        (there("pháp lý.txt", "Văn bản".as_bytes()), "NO_SIGNATURE_FOUND", 3),
        (folder.clone(), "INDETERMINATE", 2),
        (format!("{folder}/absent"), "INDETERMINATE", 2),
        (pipe, "INDETERMINATE", 2),
        ("-".to_owned(), "INDETERMINATE", 2),
        ("/dev/null".to_owned(), "INDETERMINATE", 2),
    ];
    for (file, indication, code) in &cases {
        let (found, exit) = reports(&[file]);
        assert_eq!(found.len(), 1, "{file}");
        let report = &found[0];
        assert_eq!((report["file"].as_str().unwrap(), exit), (file.as_str(), *code), "{report}");
        assert_ne!(report["indication"], "TOTAL_PASSED");
        assert_eq!(report["sha256"].is_null(), *code == 2, "{report}");
        for language in ["vi", "en"] {
            assert!(report["message"][language].as_str().unwrap().len() > 10, "{report}");
            assert!(report["next_step"][language].as_str().unwrap().len() > 10, "{report}");
        }
        if !file.ends_with("cut.pdf") {
            assert_eq!(report["indication"], *indication, "{report}");
        }
    }
    // All at once: in order, and the unreadable decides.
    let all: Vec<&str> = cases.iter().map(|case| case.0.as_str()).collect();
    let (found, exit) = reports(&all);
    let names: Vec<&str> = found.iter().map(|report| report["file"].as_str().unwrap()).collect();
    assert_eq!((names, exit), (all, 2));
}

#[test]
fn wrong_usage_is_said_and_ends_with_2() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "letter.txt", b"x");
    let rule = written(directory.path(), "rule.toml", b"name = \"city\"\n");
    let cases: [(&[&str], &str); 8] = [
        (&["verify"], "FILE"),
        (&["verify", "--policy", "unknown", &file], "default, vietnam, eu, integrity"),
        (&["verify", "--policy", &rule, &file], "missing field"),
        (&["verify", "--at", "yesterday", &file], "--at"),
        (&["verify", "--anchors", &file, &file], "no certificate in PEM form"),
        (&["verify", "--anchors", "/absent.pem", &file], "/absent.pem"),
        (&["verify", "--content", "/absent", &file], "--content"),
        (&["verify", "--content", &file, &file, &file], "exactly one FILE"),
    ];
    for (arguments, said) in cases {
        let output = chuky(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
}

#[test]
fn a_terminal_is_answered_in_both_languages_and_never_moved() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "a\u{1b}[2Jb.txt", b"x");
    for (language, word) in [("vi", "chữ ký"), ("en", "signature")] {
        let output = chuky(&["verify", "--lang", language, &file]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(word) && !text.contains('\u{1b}'), "{text}");
        assert_eq!(output.status.code(), Some(3));
    }
}

/// The sets of files that lie outside the product.
fn corpora() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let found = std::env::var_os("CHUKY_CORPORA").map_or(beside, PathBuf::from);
    found.is_dir().then_some(found)
}

fn files_below(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files_below(&path, found),
            path if path.extension().is_some_and(|extension| extension == "pdf") => {
                found.push(path.to_str().unwrap().to_owned());
            }
            _ => {}
        }
    }
}

#[test]
fn every_pdf_at_hand_gets_an_answer_in_order() {
    let Some(corpora) = corpora() else {
        println!("SKIPPED: no corpora; set CHUKY_CORPORA");
        return;
    };
    let mut files = Vec::new();
    files_below(&corpora, &mut files);
    files.sort();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let (found, exit) = reports(&names);
    assert_eq!(found.len(), names.len());
    // Without anchors nobody is trusted; among the attacks some are broken.
    assert_eq!(exit, 1);
    for (report, name) in found.iter().zip(&names) {
        assert_eq!(report["file"], *name);
        assert_eq!(report["sha256"].as_str().unwrap().len(), 64);
        assert_ne!(report["indication"], "TOTAL_PASSED", "{report}");
        for member in ["format", "integrity", "sub_indication", "signatures", "timestamps"] {
            assert!(report.get(member).is_some(), "{name}: no {member}");
        }
        // A reader that died or ran out of time would say so here.
        let unread = |check: &Value| check["name"] == "reading" && check["outcome"] == "not_done";
        assert!(!report["checks"].as_array().unwrap().iter().any(unread), "{report}");
    }
}

#[test]
fn doctor_names_every_dependency_and_the_repair() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("var");
    let output = chuky(&["doctor", "--lang", "en", "--data-dir", data.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["data directory", "disk space", "typefaces", "PKCS#11 module", "tokens", "database", "reader workers"]
    {
        assert!(text.lines().any(|line| line.contains(&format!(" {name}: "))), "{name}: {text}");
    }
    assert!(text.contains("no files, no network, no programs"), "{text}");
    assert!(!data.exists(), "looking makes nothing");
    let bad = Command::new(EXECUTABLE)
        .args(["doctor", "--lang", "en", "--data-dir", data.to_str().unwrap()])
        .env("CHUKY__HSM__MODULE", "/absent.so")
        .output()
        .unwrap();
    let text = String::from_utf8(bad.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("✕ PKCS#11 module") && line.contains("repair:")), "{text}");
    assert_eq!(bad.status.code(), Some(1));
}

//! Foreign CMS objects with known outcomes: every genuine one must be read, and no tampered CAdES file may be found intact.
//! Skipped, with a line that says so, where the corpora are not at hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use chuky_pki::algorithm::DigestAlgorithm;
use chuky_pki::cms::SignedData;
use chuky_pki::{crypto, pem};
use std::path::PathBuf;

fn corpora() -> Option<PathBuf> {
    let path = std::env::var_os("CHUKY_CORPORA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora")), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    println!("SKIPPED: no corpora at {} (set CHUKY_CORPORA)", path.display());
    None
}

fn rows(root: &std::path::Path, set: &str) -> Vec<(PathBuf, String)> {
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("manifest.json")).unwrap()).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    manifest
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["set"] == set)
        .map(|row| (root.join(text(row, "file")), text(row, "expect")))
        .collect()
}

/// Every `/ByteRange [a b c d]` of a PDF with the hexadecimal string in its gap.
fn pdf_signatures(pdf: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(position) = pdf[at..].windows(10).position(|window| window == b"/ByteRange") {
        at += position + 10;
        let text = String::from_utf8_lossy(&pdf[at..pdf.len().min(at + 120)]).into_owned();
        let Some(inner) = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) else { continue };
        let numbers: Vec<usize> = inner.0.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [a, b, c, d] = numbers[..] else { continue };
        if a + b >= c || c + d > pdf.len() {
            continue;
        }
        let hex: String =
            pdf[a + b..c].iter().filter(|byte| byte.is_ascii_hexdigit()).map(|byte| char::from(*byte)).collect();
        let even = if hex.len() % 2 == 1 { hex + "0" } else { hex };
        found.push((hex::decode(even).unwrap(), [&pdf[a..a + b], &pdf[c..c + d]].concat()));
    }
    found
}

#[test]
fn genuine_pdf_signatures_are_read_and_match() {
    let Some(root) = corpora() else { return };
    let (mut total, mut failures) = (0, Vec::new());
    for (path, expect) in rows(&root, "dss-pades") {
        if expect != "intact" {
            continue;
        }
        for (contents, covered) in pdf_signatures(&std::fs::read(&path).unwrap()) {
            total += 1;
            match SignedData::parse_prefix(&contents) {
                Err(error) => failures.push(format!("{}: {error}", path.display())),
                Ok((data, _)) => {
                    let sha1 = crypto::digest(DigestAlgorithm::Sha1, &covered);
                    for findings in data.check(&[], &mut |algorithm| Some(crypto::digest(algorithm, &covered))) {
                        let content_fits = data.content.is_none()
                            || data.encapsulates_sha1(&sha1)
                            || data.content_type == chuky_pki::oid::TST_INFO;
                        if !findings.intact() || !content_fits {
                            let failed: Vec<_> = findings
                                .checks
                                .iter()
                                .filter(|check| check.outcome != chuky_model::report::Outcome::Passed)
                                .collect();
                            failures.push(format!("{}: {failed:?}", path.display()));
                        }
                    }
                }
            }
        }
    }
    println!("{total} signatures in genuine PDF files, {} not intact", failures.len());
    failures.iter().for_each(|failure| println!("  {failure}"));
    assert!(total > 50 && failures.len() * 50 <= total, "more than 2 % of genuine signatures do not match");
}

#[test]
fn cades_files_are_judged_as_known() {
    let Some(root) = corpora() else { return };
    let (mut read, mut unread, mut holes) = (0, Vec::new(), Vec::new());
    for (path, expect) in rows(&root, "dss-cades") {
        let bytes = std::fs::read(&path).unwrap();
        let der =
            ["PKCS7", "CMS"].iter().find_map(|label| pem::der_or_first_block(&bytes, label).ok()).unwrap_or(bytes);
        match SignedData::parse_prefix(&der) {
            Err(error) => unread.push(format!("{expect} {}: {error}", path.display())),
            Ok((data, _)) => {
                read += 1;
                let findings = data.check(&[], &mut |_| None);
                let intact = !findings.is_empty() && findings.iter().all(|found| found.intact());
                let failed = findings.iter().any(|found| found.outcome() == chuky_model::report::Outcome::Failed);
                if (intact && expect == "not_intact") || (failed && expect == "intact") {
                    holes.push(format!(
                        "{expect} {}: {:?}",
                        path.display(),
                        findings.iter().map(|found| &found.checks).collect::<Vec<_>>()
                    ));
                }
            }
        }
    }
    println!("{read} CAdES files read, {} not, {} judged otherwise", unread.len(), holes.len());
    unread.iter().chain(&holes).for_each(|line| println!("  {line}"));
}

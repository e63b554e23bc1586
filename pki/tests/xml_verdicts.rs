//! The verdict over foreign XML files with known outcomes. What we disagree with stands in `xml_verdicts_exceptions.txt`, each with
//! a reason; an exception that starts to pass fails the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

use chuky_model::instant::Instant;
use chuky_model::report::{Indication, Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[test]
fn foreign_xml_files_get_the_verdict_that_their_makers_expect() {
    let place = std::env::var_os("CHUKY_CORPORA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"), PathBuf::from);
    let Ok(manifest) = std::fs::read(place.join("manifest.json")) else {
        println!("SKIPPED: no corpora at {}; set CHUKY_CORPORA", place.display());
        return;
    };
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&manifest).unwrap();
    let exceptions: BTreeMap<&str, &str> = include_str!("xml_verdicts_exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("set/file: reason"))
        .collect();
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    let (mut wrong, mut judged) = (Vec::new(), [0, 0]);
    for row in rows.iter().filter(|row| matches!(row["set"].as_str(), Some("dss-xades" | "xml-wrapping"))) {
        let (name, expected) = (row["file"].as_str().unwrap(), row["expect"].as_str().unwrap());
        let report = verify_document(&std::fs::read(place.join(name)).unwrap(), name, &context);
        let agreed = match expected {
            "intact" => report.integrity == Integrity::Intact,
            _ => matches!(report.integrity, Integrity::Altered | Integrity::Broken | Integrity::Unknown),
        };
        judged[usize::from(agreed)] += 1;
        if std::env::var_os("SHOW_ALL").is_some() || !agreed {
            println!("expected {expected} ({}):", row["why"]);
            show(&report);
        }
        match (agreed, exceptions.get(name)) {
            (true, Some(_)) => wrong.push(format!("{name}: the exception passes now, remove it")),
            (false, None) => wrong.push(format!("{name}: expected {expected}, was {:?}", report.integrity)),
            _ => {}
        }
    }
    println!("{} agreed, {} not", judged[1], judged[0]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn show(report: &Report) {
    println!("{:?} {:?} {:?} {}", report.integrity, report.indication, report.sub_indication, report.file);
    println!("  {}", report.message.en);
    let lines = report
        .signatures
        .iter()
        .map(|line| (format!("{} {} covers {}", line.id, line.format, line.covers), &line.checks));
    let stamps =
        report.timestamps.iter().map(|line| (format!("timestamp {} {}", line.time, line.authority), &line.checks));
    for (head, checks) in lines.chain(stamps).chain([("file".to_owned(), &report.checks)]) {
        println!("   {head}");
        for check in checks.iter().filter(|check| !check.reason.is_empty() && check.name != "certificate_path") {
            println!("      {} {:?} {}", check.name, check.outcome, check.reason);
        }
    }
}

/// The certificates in a file that issued themselves stand in for the anchors that its maker trusted.
#[test]
fn long_term_data_and_timestamps_are_used_where_there_is_trust() {
    let place = std::env::var_os("CHUKY_CORPORA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"), PathBuf::from);
    if !place.join("dss-xades").is_dir() {
        println!("SKIPPED: no corpora at {}; set CHUKY_CORPORA", place.display());
        return;
    }
    let (mut proven, mut stamps) = (0, 0);
    for entry in std::fs::read_dir(place.join("dss-xades")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let mut context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
        let text = String::from_utf8_lossy(&bytes);
        let values = text.split(['<', '>']).filter(|piece| piece.len() > 600 && piece.trim_start().starts_with("MII"));
        let certificates = values.filter_map(|value| {
            let der = chuky_pki::xml::signature::decode_base64(value).ok()?;
            chuky_pki::certificate::Certificate::from_der(&der).ok()
        });
        context.anchors = certificates.filter(|certificate| certificate.is_self_issued()).collect();
        // An hour after the last timestamp, when the authorities' certificates were still valid.
        let stamped = verify_document(&bytes, "", &context).timestamps;
        let last = stamped.iter().filter_map(|line| Instant::parse_rfc3339(&line.time)).max();
        context.at = last.map_or(context.at, |last| last.plus_seconds(3_600));
        let report = verify_document(&bytes, &path.to_string_lossy(), &context);
        proven += report.signatures.iter().filter(|line| line.best_signature_time.is_some()).count();
        stamps += report.timestamps.iter().filter(|line| line.indication == Indication::TotalPassed).count();
        if std::env::var_os("SHOW_ALL").is_some() {
            println!("{} anchors", context.anchors.len());
            show(&report);
        }
    }
    println!("{stamps} timestamps passed, {proven} signatures have a proven time");
    assert!(stamps >= 5 && proven >= 5, "{stamps} {proven}");
}

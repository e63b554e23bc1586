//! The verdict over foreign files with known outcomes. What we disagree with stands in `pdf_verdicts_exceptions.txt`, each with a
//! reason; an exception that starts to pass fails the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Outcome, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn corpora() -> Option<PathBuf> {
    let place = std::env::var_os("CHUKY_CORPORA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"));
    let found = place.join("manifest.json").exists();
    if !found {
        println!("SKIPPED: no corpora at {}; set CHUKY_CORPORA", place.display());
    }
    found.then_some(place)
}

fn show(report: &Report) {
    println!("{:?} {:?} {:?} {}", report.integrity, report.indication, report.sub_indication, report.file);
    for line in &report.signatures {
        println!(
            "   {} {} {:?} {:?} {} {:?}",
            line.id, line.format, line.integrity, line.sub_indication, line.covers, line.claimed_signing_time
        );
        for check in line.checks.iter().filter(|check| !check.reason.is_empty() && check.name != "certificate_path") {
            println!("      {} {:?} {}", check.name, check.outcome, check.reason);
        }
        for change in line.changes_after.iter().take(12) {
            println!("      change {} {} {:?} {}", change.kind, change.permitted, change.page, change.detail);
        }
    }
    for line in &report.timestamps {
        println!("   TS {} {} {:?}", line.time, line.authority, line.indication);
        for check in line.checks.iter().filter(|check| !check.reason.is_empty() && check.name != "certificate_path") {
            println!("      {} {:?} {}", check.name, check.outcome, check.reason);
        }
    }
}

#[test]
fn foreign_files_get_the_verdict_that_their_makers_expect() {
    let Some(corpora) = corpora() else { return };
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(corpora.join("manifest.json")).unwrap()).unwrap();
    let exceptions: BTreeMap<&str, &str> = include_str!("pdf_verdicts_exceptions.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("file: reason"))
        .collect();
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    let mut wrong = Vec::new();
    let (mut intact, mut called_intact) = (0, 0);
    for row in manifest.as_array().unwrap() {
        if row["kind"] != "pdf" {
            continue;
        }
        let name = row["file"].as_str().unwrap();
        let report = verify_document(&std::fs::read(corpora.join(name)).unwrap(), name, &context);
        let expected = row["expect"].as_str().unwrap();
        let agreed = match expected {
            "intact" => report.integrity == Integrity::Intact,
            "not_intact" => {
                matches!(report.integrity, Integrity::Altered | Integrity::Broken | Integrity::Unknown)
            }
            _ => report.integrity == Integrity::None,
        };
        intact += usize::from(expected == "intact");
        called_intact += usize::from(expected == "intact" && agreed);
        if std::env::var_os("SHOW_ALL").is_some() || !agreed {
            println!("expected {expected}:");
            show(&report);
        }
        let file = name.rsplit('/').next().unwrap();
        let prepared = report.checks.iter().find(|check| check.name == "prepared_shadows");
        if let Some(alarm) = prepared.filter(|check| expected == "intact" && check.outcome == Outcome::Failed) {
            wrong.push(format!("{file}: {}", alarm.reason));
        }
        match (agreed, exceptions.get(file)) {
            (true, Some(_)) => wrong.push(format!("{file}: the exception passes now, remove it")),
            (false, None) => wrong.push(format!("{file}: expected {expected}, was {:?}", report.integrity)),
            _ => {}
        }
    }
    println!("{called_intact} of {intact} genuine files called intact");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! The verdict over foreign CMS, JWS and ASiC files with known outcomes. What we disagree with stands in
//! `exceptions.txt`, each with a reason; an exception that starts to pass fails the test.

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use std::collections::BTreeMap;
use std::path::PathBuf;

const SETS: [&str; 4] = ["dss-cades", "dss-jades", "dss-asic-cades", "dss-asic-xades"];

pub(super) fn corpora() -> Option<PathBuf> {
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
    println!(
        "{:?} {:?} {:?} {:?} {}",
        report.integrity, report.indication, report.sub_indication, report.format, report.file
    );
    let checks = |checks: &[chuky_model::report::Check]| {
        for check in checks.iter().filter(|check| !check.reason.is_empty() && check.name != "certificate_path") {
            println!("      {} {:?} {}", check.name, check.outcome, check.reason);
        }
    };
    checks(&report.checks);
    for line in &report.signatures {
        println!("   {} | {} {:?} {:?} {}", line.id, line.format, line.integrity, line.sub_indication, line.covers);
        checks(&line.checks);
    }
    for line in &report.timestamps {
        println!("   TS {} {} {:?}", line.time, line.authority, line.indication);
        checks(&line.checks);
    }
}

#[test]
fn foreign_files_get_the_verdict_that_their_makers_expect() {
    let Some(corpora) = corpora() else { return };
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(corpora.join("manifest.json")).unwrap()).unwrap();
    let exceptions: BTreeMap<&str, &str> = include_str!("exceptions.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("file: reason"))
        .collect();
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    let mut wrong = Vec::new();
    let (mut intact, mut called_intact) = (0, 0);
    for row in manifest.as_array().unwrap() {
        if !row["set"].as_str().is_some_and(|set| SETS.contains(&set)) {
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
        match (agreed, exceptions.get(file)) {
            (true, Some(_)) => wrong.push(format!("{file}: the exception passes now, remove it")),
            (false, None) => wrong.push(format!("{file}: expected {expected}, was {:?}", report.integrity)),
            _ => {}
        }
    }
    println!("{called_intact} of {intact} genuine files called intact");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

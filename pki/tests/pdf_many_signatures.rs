//! Many signatures in one file: all of them are judged, with work that grows like their number, and more than the limit end in a report that
//! says so.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_model::report::{Integrity, Outcome};
use chuky_pki::pdf::letter::sample;
use chuky_pki::pdf::limits;
use chuky_pki::pdf::work::steps;
use chuky_pki::pdf::write::Field;
use chuky_pki::verify::{VerificationContext, verify_document};
use std::time::{Duration, Instant};
use support::judges::{now, options, sign};
use support::signer::Signer;

/// Copies of a letter with so many signatures each, every one over all before it.
fn signed(counts: &[usize]) -> Option<Vec<Vec<u8>>> {
    let serif = support::serif()?;
    let signer = Signer::new("Trần Thị Hồng Ưởng (TEST)");
    let mut file = sample(Some(now())).compose(&serif, now()).unwrap().pdf;
    let mut kept = Vec::new();
    for count in 1..=*counts.last()? {
        file = sign(&file, &signer, &options(None, Field::NewInvisible));
        if counts.contains(&count) {
            kept.push(file.clone());
        }
    }
    Some(kept)
}

/// What costs is counted, not timed: objects and sections read, entries indexed, fields built, pairs compared.
#[test]
fn work_grows_with_the_number_of_signatures_and_not_with_its_square() {
    let counts = [60, 120, 240];
    let Some(files) = signed(&counts) else { return };
    let context = VerificationContext::at(now());
    let mut work = Vec::new();
    for (file, count) in files.iter().zip(counts) {
        let (begun, before) = (Instant::now(), steps());
        let report = verify_document(file, "many.pdf", &context);
        let steps = steps() - before;
        println!("{count} signatures in {} kB: {steps} steps, {:?}", file.len() / 1000, begun.elapsed());
        assert_eq!((report.integrity, report.signatures.len()), (Integrity::Intact, count));
        work.push(steps);
    }
    // A line has the same slope everywhere: twice as many signatures more are twice as many steps more.
    let (first, second) = (work[1] - work[0], work[2] - work[1]);
    assert!(first > 0 && second < first * 5 / 2, "{work:?}");
}

#[test]
fn more_signatures_than_the_limit_end_in_a_report() {
    // Ten thousand fields that all refer to signatures of their own, in one revision.
    let count = 10_000;
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R/AcroForm 4 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
    ];
    objects.push("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>".to_owned());
    let fields: Vec<String> = (0..count).map(|number| format!("{} 0 R", 5 + 2 * number)).collect();
    objects.push(format!("<</SigFlags 3/Fields[{}]>>", fields.join(" ")));
    for number in 0..count {
        objects.push(format!("<</FT/Sig/T(S{number})/V {} 0 R>>", 6 + 2 * number));
        objects.push(
            "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 100 200 300]/Contents<3000>>>"
                .to_owned(),
        );
    }
    let file = support::files::classic(&objects);
    let begun = Instant::now();
    let report = verify_document(&file, "many.pdf", &VerificationContext::at(now()));
    println!("{count} signature fields in {} kB: {:?}", file.len() / 1000, begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(report.integrity, Integrity::Broken);
    assert!(report.signatures.len() <= 2 * limits::SIGNATURES, "{}", report.signatures.len());
    let told = report.checks.iter().any(|check| check.name == "signatures" && check.outcome == Outcome::NotDone);
    assert!(told, "{:?}", report.checks);
}

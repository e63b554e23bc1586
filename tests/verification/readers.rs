//! Readers are driven into every bound, and files made to hurt are answered. Whatever happens, the next document is served.

use crate::harness::app::EXECUTABLE;
use chuky::{
    config::ReadersConfig,
    reader::{Evidence, Probe, ReaderFailure, ReaderPool, Task, TaskOutput},
    verification,
};
use chuky_model::{
    instant::Instant,
    report::{Indication, Integrity, Outcome, Report},
};
use std::io::{Seek, Write};

fn pool(seconds: u64) -> ReaderPool {
    let settings = ReadersConfig { count: 1, documents_per_reader: 3, seconds, memory_mib: 512 };
    ReaderPool::new(settings, EXECUTABLE.into())
}

async fn judged(readers: &ReaderPool, bytes: &[u8]) -> Report {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let evidence = Evidence::at(Instant::from_unix_seconds(1_795_000_000));
    verification::judge(readers, "made.pdf", file, None, evidence).await.unwrap()
}

#[tokio::test]
async fn a_reader_reaches_no_file_no_network_and_no_program() {
    let readers = pool(30);
    let TaskOutput::Hello(confinement) = readers.run(Task::Hello, None).await.unwrap() else { panic!() };
    assert!(confinement.seccomp);
    let TaskOutput::Possible(possible) = readers.run(Task::Probe(Probe::Escape), None).await.unwrap() else { panic!() };
    assert_eq!(possible, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_that_overruns_a_bound_dies_alone() {
    let readers = pool(15);
    for probe in [Probe::Memory, Probe::Stack, Probe::Panic] {
        let failure = readers.run(Task::Probe(probe), None).await.unwrap_err();
        assert!(matches!(failure, ReaderFailure::Crashed(_)), "{probe:?}: {failure}");
        assert_eq!(judged(&readers, b"not signed").await.indication, Indication::NoSignatureFound, "after {probe:?}");
    }
    let before = std::time::Instant::now();
    let failure = readers.run(Task::Probe(Probe::Time), None).await.unwrap_err();
    assert!(matches!(failure, ReaderFailure::TimedOut(15)), "{failure}");
    assert!(before.elapsed().as_secs() < 90);
    assert_eq!(judged(&readers, b"not signed").await.indication, Indication::NoSignatureFound);
}

#[tokio::test]
async fn a_document_that_no_memory_holds_is_a_report() {
    let readers = pool(30);
    let file = tempfile::tempfile().unwrap();
    // Larger than a reader's whole address space, so it cannot even be mapped.
    file.set_len(600 << 20).unwrap();
    let evidence = Evidence::at(Instant::from_unix_seconds(1_795_000_000));
    let report = verification::judge(&readers, "huge", file, None, evidence).await.unwrap();
    assert_eq!((report.indication, report.integrity), (Indication::Indeterminate, Integrity::Unknown));
    assert!(report.sha256.is_some());
    assert!(report.checks.iter().any(|check| check.name == "size_limit" && check.outcome == Outcome::NotDone));
    assert!(report.message.vi.contains("lớn hơn mức 536 MB"), "{:?}", report.message);
}

/// Each reason for an answer that is none has a sentence, a code and a next step of its own; none calls an honest file damaged because the
/// machine is busy or a limit is set.
#[test]
fn what_was_not_judged_says_why() {
    use chuky_model::report::SubIndication;
    use verification::{Unjudged, unread};
    let cases = [
        (Unjudged::TooLarge(600 << 20), "size_limit", SubIndication::PolicyProcessingError, "629 MB"),
        (Unjudged::OutOfTime("30 seconds".to_owned()), "time_limit", SubIndication::TryLater, "đang bận"),
        (Unjudged::Stopped("killed".to_owned()), "reader", SubIndication::PolicyProcessingError, "dừng giữa chừng"),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (why, code, sub, words) in cases {
        let report = unread("a.pdf", None, &why);
        assert_eq!((report.integrity, report.sub_indication), (Integrity::Unknown, Some(sub)), "{why:?}");
        assert_eq!((report.checks[0].name.as_str(), report.checks[0].outcome), (code, Outcome::NotDone));
        assert!(report.message.vi.contains(words), "{:?}", report.message);
        let blames = report.next_step.vi.contains("hỏng");
        assert_eq!(blames, code == "reader", "{:?}", report.next_step);
        sentences.extend([report.message.en, report.next_step.en]);
    }
    assert_eq!(sentences.len(), 6);
}

/// A PDF of one object with that text, and a cross-reference table that finds it.
fn pdf(object: &str) -> Vec<u8> {
    let head = "%PDF-1.7\n";
    let body = format!("{head}1 0 obj\n{object}\nendobj\n");
    let table = format!("xref\n0 2\n0000000000 65535 f \n{:010} 00000 n \n", head.len());
    format!("{body}{table}trailer\n<</Size 2 /Root 1 0 R>>\nstartxref\n{}\n%%EOF\n", body.len()).into_bytes()
}

#[tokio::test]
async fn files_made_to_hurt_are_answered() {
    let readers = pool(30);
    let deep = 2_000_000;
    let hurting = [
        ("nested arrays", pdf(&format!("{}{}", "[".repeat(deep), "]".repeat(deep)))),
        ("nested dictionaries", pdf(&"<</A".repeat(deep))),
        ("open strings", pdf(&"(".repeat(deep))),
        ("a page tree in a circle", pdf("<</Type /Catalog /Pages 1 0 R /Kids [1 0 R]>>")),
        ("a table that points to itself", b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Prev 9>>\nstartxref\n9\n%%EOF\n".to_vec()),
        ("nested ASN.1", [0x30, 0x80].repeat(deep)),
        ("nested XML", "<a>".repeat(deep).into_bytes()),
        ("nested JSON", "[".repeat(deep).into_bytes()),
    ];
    for (what, bytes) in hurting {
        let before = std::time::Instant::now();
        let report = judged(&readers, &bytes).await;
        assert_ne!(report.indication, Indication::TotalPassed, "{what}");
        assert_ne!(report.integrity, Integrity::Intact, "{what}");
        assert!(report.sha256.is_some(), "{what}");
        assert!(before.elapsed().as_secs() < 40, "{what}: {:?}", before.elapsed());
    }
    assert_eq!(judged(&readers, b"not signed").await.indication, Indication::NoSignatureFound);
}

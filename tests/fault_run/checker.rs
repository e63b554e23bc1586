//! What is true after a fault run, read from the database by its own command line, from files by `pdfsig`, and from the service's answers, and
//! held against the clients' notes. Certificates, lists, OCSP and the audit log are the kill loop's checker's.

use super::{
    clients::{Notes, PaymentNote, SignedNote},
    victim::Victim,
};
use crate::{
    harness::app::TestApp,
    issuance::{kill_loop::clients::Note, run},
    payments::{outcome, send},
};
use openssl::sha::sha256;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
};

/// What there was to check; printed.
#[derive(Debug)]
#[allow(dead_code)] // most are there to be printed
pub struct Counts {
    pub documents_signed: usize,
    /// Signed, and the answer that says so was lost.
    pub signed_unanswered: usize,
    pub verdicts: usize,
    pub payments: usize,
    /// Accepted, and the answer that said "first" was lost.
    pub first_answers_lost: usize,
    pub judged_by_pdfsig: usize,
}

/// Holds signatures, documents, payments and requests against what the clients know. `known` are requests from before the run.
pub async fn check(test: &TestApp, notes: &[Notes], known: &BTreeSet<String>, victim: &Victim) -> Counts {
    let certificates: Vec<&Note> = notes.iter().flat_map(|notes| &notes.certificates).collect();
    let signed: Vec<&SignedNote> = notes.iter().flat_map(|notes| &notes.signed).collect();
    let payments: Vec<&PaymentNote> = notes.iter().flat_map(|notes| &notes.payments).collect();
    issued_to_who_asked(test, &certificates, known);
    let signed_unanswered = signed_once(test, &signed, victim);
    let judged_by_pdfsig = documents_stand(test, &signed).await;
    let first_answers_lost = accepted_once(test, &payments).await;
    Counts {
        documents_signed: signed.iter().filter(|note| note.told.is_some()).count(),
        signed_unanswered,
        verdicts: signed.iter().filter(|note| note.verified).count(),
        payments: payments.iter().filter(|note| note.accepted > 0).count(),
        first_answers_lost,
        judged_by_pdfsig,
    }
}

/// The requests that have a certificate.
pub fn certified_requests(test: &TestApp) -> BTreeSet<String> {
    let question = "SELECT DISTINCT request_id FROM certificate WHERE request_id IS NOT NULL AND state <> 'void'";
    test.sql(question).lines().map(str::to_owned).collect()
}

/// No certificate without a request that somebody redeemed.
fn issued_to_who_asked(test: &TestApp, notes: &[&Note], known: &BTreeSet<String>) {
    let asked: BTreeSet<&str> = notes.iter().map(|note| note.request.as_str()).collect();
    for request in certified_requests(test) {
        assert!(asked.contains(request.as_str()) || known.contains(&request), "nobody asked: request {request}");
    }
}

/// Counts that a question gives by name.
fn counts(test: &TestApp, question: &str) -> BTreeMap<String, usize> {
    let lines = test.sql(question);
    let pair = |line: &str| {
        let (name, count) = line.split_once('|').unwrap_or_else(|| panic!("{line}"));
        (name.to_owned(), count.parse().unwrap())
    };
    lines.lines().map(pair).collect()
}

/// No signature that nobody asked for, none more than was asked, and a document is signed once. How many were signed unanswered.
fn signed_once(test: &TestApp, notes: &[&SignedNote], victim: &Victim) -> usize {
    let made = counts(test, "SELECT coalesce(CAST(document_id AS TEXT), 'none'), count(*) FROM signature GROUP BY 1");
    let stored = counts(
        test,
        "SELECT replace(subject, 'document:', ''), count(*) FROM audit_entry WHERE kind = 'document.signed' GROUP BY 1",
    );
    let asks: HashMap<&str, usize> = notes.iter().map(|note| (note.document.as_str(), note.asks)).collect();
    for (document, count) in made.iter().filter(|(document, _)| **document != victim.document) {
        let asked = asks.get(document.as_str()).unwrap_or_else(|| panic!("nobody asked to sign document {document}"));
        assert!(count <= asked, "document {document}: {count} signatures for {asked} asks");
    }
    let mut unanswered = 0;
    for note in notes {
        let count = stored.get(&note.document).copied().unwrap_or_default();
        match &note.told {
            Some(_) => assert_eq!(count, 1, "document {} is signed once", note.document),
            None => {
                assert!(count <= usize::from(note.unanswered > 0), "document {} was signed", note.document);
                unanswered += count;
            }
        }
        assert!(made.get(&note.document).copied().unwrap_or_default() >= count, "document {}", note.document);
    }
    // Asked for again and again by its subscriber, and by nobody else; never while its key was changed.
    let of_victim = stored.get(&victim.document).copied().unwrap_or_default();
    assert!((victim.signed..=victim.signed + victim.unanswered).contains(&of_victim), "{of_victim} of the victim");
    // Each use of a key stands in the log.
    let count = |question: &str| test.sql(question).trim().parse::<usize>().unwrap();
    assert_eq!(
        count("SELECT count(DISTINCT activation_id) FROM signature"),
        count("SELECT count(*) FROM audit_entry WHERE kind = 'signatures.made'"),
    );
    assert_eq!(count("SELECT count(*) FROM credential WHERE state = 'locked'"), 0, "nobody is locked out");
    unanswered
}

/// Each document that was told to be signed is there, the same octets, and some are looked at by `pdfsig`; how many.
async fn documents_stand(test: &TestApp, notes: &[&SignedNote]) -> usize {
    let told: Vec<_> = notes.iter().filter_map(|note| Some((note, note.told.as_deref()?))).collect();
    let every = told.len().div_ceil(MOST_JUDGED).max(1);
    let directory = tempfile::tempdir().unwrap();
    let mut judged = 0;
    for (number, (note, told)) in told.into_iter().enumerate() {
        let path = format!("/api/v1/documents/{}/content", note.document);
        let (status, bytes) = test.raw("GET", &path, &note.session, "", Vec::new()).await;
        assert_eq!((status, hex::encode(sha256(&bytes)).as_str()), (200, told), "document {}", note.document);
        if number.is_multiple_of(every) {
            fs::write(directory.path().join("signed.pdf"), bytes).unwrap();
            let said = run(directory.path(), "pdfsig -nocert signed.pdf");
            assert_eq!(said.matches("Signature is Valid.").count(), 1, "{said}");
            judged += 1;
        }
    }
    judged
}

/// Each payment that was told to be accepted was accepted once. How often nobody got the answer that it was the first time.
async fn accepted_once(test: &TestApp, notes: &[&PaymentNote]) -> usize {
    for note in notes {
        assert!(note.firsts <= 1, "accepted twice: {}", note.message);
        let explained = note.firsts == 1 || note.accepted == 0 || note.unanswered > 0;
        assert!(explained, "repeated, though nobody was told of the first time: {}", note.message);
    }
    let accepted = notes.iter().filter(|note| note.accepted > 0).count();
    let unknown = notes.iter().filter(|note| note.accepted == 0 && note.unanswered > 0).count();
    let count = |question: &str| test.sql(question).trim().parse::<usize>().unwrap_or_default();
    let stored = count("SELECT count(*) FROM payment_identity");
    assert!((accepted..=accepted + unknown).contains(&stored), "{stored} stored, {accepted} told, {unknown} unknown");
    assert_eq!(count("SELECT sum(count) FROM payment_batch"), stored);
    let every = notes.len().div_ceil(MOST_JUDGED).max(1);
    let (_, key) = test.account("vi.thu.hai", &[chuky_model::role::Role::RelyingParty], None).await;
    for note in notes.iter().filter(|note| note.accepted > 0).step_by(every) {
        // Whoever does not acquire it is told that somebody did.
        let answer = send(test, &key, &note.message).await;
        assert_eq!(
            (outcome(&answer), &answer["seen_before"]),
            (("accepted", "not_consumed"), &true.into()),
            "{answer}"
        );
    }
    notes.iter().filter(|note| note.accepted > 0 && note.firsts == 0).count()
}

/// Of documents and payments, spread over the run.
const MOST_JUDGED: usize = 100;

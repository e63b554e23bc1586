//! Signed PDFs taken to a higher level, by their owner and by the service before an archive timestamp ends, through a simulated decade.

use super::{
    service::chuky,
    subscriber::{PASSWORD, Subscriber, citizen, folder, plain_pdf, present},
};
use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{attestation, bootstrap, clock::Clock, issuance::ceremony, signing, worker};
use chuky_model::record::state::DocumentState;
use serde_json::{Value, json};
use std::path::Path;

const DAY: i64 = 86_400;

async fn extend(test: &TestApp, who: &Subscriber, id: &str, level: &str) -> (u16, Value) {
    test.post(&format!("/api/v1/documents/{id}/extensions"), &who.token, &json!({ "level": level })).await
}

pub(super) fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:")
}

/// Documents that wait for their next timestamp.
pub(super) fn waiting(test: &TestApp) -> usize {
    test.sql("SELECT count(*) FROM job WHERE kind = 'archive_renewal' AND state = 'queued'").trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_of_every_level_are_extended() {
    let test = TestApp::start(Backend::Sqlite).await;
    let folder = folder("extension");
    let citizen = citizen(&test).await;
    for from in ["B", "T", "LT"] {
        let signed = citizen.sign(&test, &plain_pdf(), json!({ "level": from })).await;
        for to in ["T", "LT", "LTA"] {
            // As somebody who was handed the file: another document of the service's.
            let id = citizen.upload(&test, &signed).await;
            let (status, answer) = extend(&test, &citizen, &id, to).await;
            assert_eq!(status, 200, "{from} to {to}: {answer}");
            assert_eq!(answer["report"]["indication"], "TOTAL_PASSED", "{answer}");
            let extended = citizen.content(&test, &id).await;
            assert!(extended.starts_with(&signed), "only appended to");
            // pdfsig counts document timestamps as signatures, pyHanko does not.
            let name = format!("{from}-{to}.pdf");
            std::fs::write(folder.join(&name), &extended).unwrap();
            judged_by_pyhanko(&test, &folder, &name, &extended).await;
            assert!(
                to == "T" || find(&extended, b"/DSS") && find(&extended, b"/OCSPs"),
                "the list may be older than the certificate"
            );
            assert!(to != "LTA" || find(&extended, b"ETSI.RFC3161"));
            assert!((to, from) != ("T", "B") || find(&extended, b"ETSI.RFC3161"), "a proven time");
        }
    }
    assert_eq!(waiting(&test), 3, "each archive waits for its next timestamp");
    // What is signed already by the service itself; again, and again.
    let id = citizen.upload(&test, &plain_pdf()).await;
    assert_eq!(citizen.ask(&test, &id, super::subscriber::PIN, json!({})).await.0, 200);
    for _ in 0..2 {
        let (status, answer) = extend(&test, &citizen, &id, "LTA").await;
        assert_eq!((status, answer["report"]["integrity"].as_str().unwrap()), (200, "intact"), "{answer}");
    }
    let entries = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'document.extended'");
    assert_eq!(entries.trim(), "11");
}

fn find(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

async fn judged_by_pyhanko(test: &TestApp, folder: &std::path::Path, name: &str, pdf: &[u8]) {
    let signatures = 1 + pdf.windows(12).filter(|window| window == b"ETSI.RFC3161").count();
    if present("pdfsig") {
        let output = std::process::Command::new("pdfsig").arg("-nocert").arg(folder.join(name)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.matches("Signature is Valid.").count() >= 1 && !said.contains("invalid"), "{signatures}: {said}");
    }
    super::subscriber::pyhanko_accepts(test, &folder.join(name), 1).await;
    super::subscriber::exported(test, &format!("extension-{name}"), pdf).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_count_is_not_extended() {
    let test = TestApp::start(Backend::Postgres).await;
    let citizen = citizen(&test).await;
    let refused = async |bytes: &[u8], level: &str| {
        let id = citizen.upload(&test, bytes).await;
        let (status, answer) = extend(&test, &citizen, &id, level).await;
        (status, problem(&answer).to_owned())
    };
    assert_eq!(refused(&plain_pdf(), "LTA").await, (409, "document_not_signed".to_owned()));
    let signed = citizen.sign(&test, &plain_pdf(), json!({ "level": "T" })).await;
    // Altered, and covered by an update that nobody signed.
    let mut altered = signed.clone();
    let at = signed.windows(3).position(|window| window == b"200").unwrap();
    altered[at] = b'3';
    assert_eq!(refused(&altered, "LTA").await, (409, "signature_does_not_count".to_owned()));
    // A level that needs the signer; another's document; other bytes than those that are meant.
    assert_eq!(refused(&signed, "B").await.0, 422);
    let id = citizen.upload(&test, &signed).await;
    let path = format!("/api/v1/documents/{id}/extensions");
    let other = super::subscriber::official(&test, "p256").await;
    assert_eq!(test.post(&path, &other.token, &json!({})).await.0, 404);
    let (status, answer) = test.post(&path, &citizen.token, &json!({ "sha256": "00".repeat(32) })).await;
    assert_eq!((status, problem(&answer)), (409, "document_another"), "{answer}");
    // What nobody signed.
    let id = {
        let (status, document) =
            test.request("POST", "/api/v1/documents?name=a.txt", &citizen.token, "text/plain", b"a".to_vec()).await;
        assert_eq!(status, 201, "{document}");
        document["id"].as_str().unwrap().to_owned()
    };
    let (status, answer) = extend(&test, &citizen, &id, "LTA").await;
    assert_eq!((status, problem(&answer)), (409, "document_not_signed"), "{answer}");
    assert_eq!(waiting(&test), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_are_renewed_twice_in_a_decade_on_sqlite() {
    archives_are_renewed_twice_in_a_decade(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_are_renewed_twice_in_a_decade_on_postgres() {
    archives_are_renewed_twice_in_a_decade(Backend::Postgres).await;
}

/// An archive of each format that a verifier takes without more: its identifier, its media type and its bytes.
async fn archives(test: &TestApp, who: &Subscriber) -> Vec<(String, &'static str, Vec<u8>)> {
    let letter = "<thu xmlns=\"urn:thu\">Ủy ban nhân dân</thu>".as_bytes();
    let mut archives = Vec::new();
    for (format, media_type) in [
        ("pades", "application/pdf"),
        ("xades", "application/xml"),
        ("cades", "application/pkcs7-mime"),
        ("jades", "application/jose"),
        ("asice", "application/vnd.etsi.asic-e+zip"),
        ("asics", "application/vnd.etsi.asic-s+zip"),
    ] {
        let (source, what) = match format {
            "pades" => (plain_pdf(), "application/pdf"),
            _ => (letter.to_vec(), "application/xml"),
        };
        let (status, document) = test.request("POST", "/api/v1/documents?name=a", &who.token, what, source).await;
        assert_eq!(status, 201, "{document}");
        let id = document["id"].as_str().unwrap().to_owned();
        let order = json!({ "level": "LTA", "format": format });
        let (status, answer) = who.ask(test, &id, super::subscriber::PIN, order).await;
        assert_eq!(status, 200, "{format}: {answer}");
        let before = bytes(test, &id).await;
        archives.push((id, media_type, before));
    }
    archives
}

async fn archives_are_renewed_twice_in_a_decade(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let mut archives = archives(&test, &citizen).await;
    assert_eq!(signing::renew_archives(&test.app).await.unwrap(), 0, "nothing is due today");
    for generation in [2, 3] {
        // 80 days before the timestamp's certificate ends, and no other is there yet.
        test.app.clock.shift_seconds((1_825 - 80) * DAY);
        worker::round(&test.app).await;
        let why = "SELECT last_error FROM job WHERE kind = 'archive_renewal' AND state = 'queued'";
        let told = || test.sql(why).matches("no certificate that lasts longer").count();
        renewing(&test, async || told() == archives.len()).await;
        for (id, _, before) in &archives {
            assert!(bytes(&test, id).await == *before, "a timestamp that ends no later is of no use");
        }
        // The authority rolls over, and the document waits until tomorrow.
        roll_over(&test, generation).await;
        test.app.clock.shift_seconds(DAY + 1);
        worker::round(&test.app).await;
        for (id, media_type, before) in &mut archives {
            renewing(&test, async || bytes(&test, id).await != *before).await;
            let after = bytes(&test, id).await;
            assert!(after.len() > before.len(), "{media_type}, generation {generation}");
            assert!(after.starts_with(before) || *media_type != "application/pdf", "a PDF is appended to");
            let (status, verdict) =
                test.request("POST", "/api/v1/documents/verify", "", media_type, after.clone()).await;
            assert_eq!(
                (status, verdict["indication"].as_str().unwrap_or_default()),
                (200, "TOTAL_PASSED"),
                "{verdict}"
            );
            *before = after;
        }
        assert_eq!(waiting(&test), archives.len(), "the next is waited for");
    }
    let renewed = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'document.extended'");
    assert_eq!(renewed.trim(), (2 * archives.len()).to_string());
    // Once more on the same day is nothing.
    assert_eq!(signing::renew_archives(&test.app).await.unwrap(), 0);
    for (id, _, before) in &archives {
        assert!(bytes(&test, id).await == *before);
    }
}

/// Renews until that is so; the service's own rounds renew beside it.
pub(super) async fn renewing(test: &TestApp, is_so: impl AsyncFn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        signing::renew_archives(&test.app).await.unwrap();
        if is_so().await {
            return;
        }
        assert!(std::time::Instant::now() < end, "nothing was renewed");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The document after its renewal, which is due.
async fn renewed(test: &TestApp, who: &Subscriber, id: &str) -> Vec<u8> {
    let before = who.content(test, id).await;
    assert_eq!(waiting(test), 1, "it waits in one row");
    test.sql("UPDATE job SET run_at = 0 WHERE kind = 'archive_renewal' AND state = 'queued'");
    renewing(test, async || who.content(test, id).await != before).await;
    let after = who.content(test, id).await;
    assert!(after.starts_with(&before) && timestamps(&after) > timestamps(&before), "with a further timestamp");
    let (status, verdict) =
        test.request("POST", "/api/v1/documents/verify", "", "application/pdf", after.clone()).await;
    assert_eq!((status, verdict["indication"].as_str().unwrap_or_default()), (200, "TOTAL_PASSED"), "{verdict}");
    assert_eq!(waiting(test), 1, "and waits for the next");
    after
}

fn timestamps(pdf: &[u8]) -> usize {
    pdf.windows(12).filter(|window| window == b"ETSI.RFC3161").count()
}

/// Looks through all documents for archives without a row.
async fn looked_through(test: &TestApp) {
    let mut after = None;
    loop {
        after = signing::find_unrenewed_archives(&test.app, after).await.unwrap();
        if after.is_none() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_stays_one_on_sqlite() {
    an_archive_stays_one(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_stays_one_on_postgres() {
    an_archive_stays_one(Backend::Postgres).await;
}

async fn an_archive_stays_one(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let sign = async |level: &str| {
        let (status, answer) = citizen.ask(&test, &id, super::subscriber::PIN, json!({ "level": level })).await;
        assert_eq!(status, 200, "{answer}");
    };
    sign("LTA").await;
    // Whatever is added that no archive timestamp covers gets one within a day.
    let soon = "SELECT count(*) FROM job WHERE kind = 'archive_renewal' AND state = 'queued' AND run_at <";
    let is_soon = || test.sql(&format!("{soon} {}", test.app.clock.now().plus_seconds(DAY).0)).trim() == "1";
    assert!(!is_soon(), "the newest timestamp counts for years");
    assert_eq!(extend(&test, &citizen, &id, "LT").await.0, 200);
    assert!(is_soon());
    renewed(&test, &citizen, &id).await;
    assert!(!is_soon());
    for level in ["B", "T"] {
        sign(level).await;
        assert!(is_soon());
        renewed(&test, &citizen, &id).await;
    }
    // Another archive timestamp takes the row over.
    sign("LTA").await;
    assert_eq!(waiting(&test), 1);
    assert_eq!(extend(&test, &citizen, &id, "LTA").await.0, 200);
    assert_eq!((waiting(&test), is_soon()), (1, false));
    // What was never an archive becomes none.
    let other = citizen.upload(&test, &plain_pdf()).await;
    let (status, _) = citizen.ask(&test, &other, super::subscriber::PIN, json!({ "level": "LT" })).await;
    assert_eq!(status, 200);
    // A row that was taken away, or called done, is missed.
    for taken in ["DELETE FROM job", "UPDATE job SET state = 'done'"] {
        test.sql(&format!("{taken} WHERE kind = 'archive_renewal'"));
        looked_through(&test).await;
        renewed(&test, &citizen, &id).await;
    }
    removed(&test, &id).await;
    test.sql("UPDATE job SET run_at = 0 WHERE kind = 'archive_renewal' AND state = 'queued'");
    renewing(&test, async || waiting(&test) == 0).await;
    looked_through(&test).await;
    assert_eq!(waiting(&test), 0, "what was removed is kept no longer");
}

/// Takes a document away as its row tells.
async fn removed(test: &TestApp, id: &str) {
    let mut document = test.app.store.document_by_id(id.parse().unwrap()).await.unwrap().unwrap();
    document.state = DocumentState::Removed;
    attestation::attest_change(&*test.app.tokens.subscribers, &mut document).await.unwrap();
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_document(&document).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_ahead_renews_nothing_and_puts_nothing_off() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let (status, answer) = citizen.ask(&test, &id, super::subscriber::PIN, json!({ "level": "LTA" })).await;
    assert_eq!(status, 200, "{answer}");
    let row = || test.sql("SELECT run_at, tries, last_error FROM job WHERE kind = 'archive_renewal'");
    let before = row();
    test.app.clock.jump_seconds((1_825 - 80) * DAY);
    assert_eq!(signing::renew_archives(&test.app).await.unwrap(), 0);
    assert_eq!(row(), before, "neither tried nor put off");
    test.app.clock.jump_seconds(-(1_825 - 80) * DAY);
    // Years that went by are another thing.
    test.app.clock.shift_seconds((1_825 - 80) * DAY);
    renewing(&test, async || row() != before).await;
}

/// Reading whole documents several times is nothing that a revocation list waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_wait_apart_from_what_the_round_publishes() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let (status, answer) = citizen.ask(&test, &id, super::subscriber::PIN, json!({ "level": "LTA" })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(extend(&test, &citizen, &id, "LT").await.0, 200);
    // Without what runs in the background of a service.
    let (_directory, settings) = test.rest().await;
    let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    worker::prepare(&app).await.unwrap();
    app.clock.shift_seconds(2 * DAY);
    worker::round(&app).await;
    let signed = || async { app.store.document_by_id(id.parse().unwrap()).await.unwrap().unwrap().signed_sha256 };
    let before = signed().await;
    assert_eq!(signing::renew_archives(&app).await.unwrap(), 1, "the round left it");
    assert_ne!(signed().await, before);
    assert_eq!(signing::renew_archives(&app).await.unwrap(), 0);
}

/// The bytes as they lie there: the owner's session is long over.
async fn bytes(test: &TestApp, id: &str) -> Vec<u8> {
    let (status, session) =
        test.post("/api/v1/session", "", &json!({ "login": "cong.dan", "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    let token = session["token"].as_str().unwrap();
    let (status, bytes) = test.raw("GET", &format!("/api/v1/documents/{id}/content"), token, "", Vec::new()).await;
    assert_eq!(status, 200);
    bytes
}

async fn roll_over(test: &TestApp, generation: u32) {
    let keys: String = [("issuing", "CA", "p384", 3_652), ("ocsp", "OCSP", "p256", 397), ("timestamp", "Timestamp", "p256", 1_825)]
        .map(|(part, what, key, days)| {
            format!(
                "[citizens.{part}]\nsubject = [[\"country\", \"VN\"], [\"organization\", \"Chuky TEST\"], [\"common_name\", \"Chuky TEST {what} - Citizens G{generation}\"]]\nkey = \"{key}\"\ndays = {days}\n"
            )
        })
        .concat();
    ceremony::roll_over(&test.app, &format!("test = true\n{keys}")).await.unwrap();
    ceremony::activate(&test.app, &format!("citizens-issuing-{generation}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_extends() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let signed = citizen.sign(&test, &plain_pdf(), json!({})).await;
    let state = tempfile::tempdir().unwrap();
    let at = |name: &str| state.path().join(name).display().to_string();
    std::fs::write(at("signed.pdf"), &signed).unwrap();
    std::fs::write(at("plain.pdf"), plain_pdf()).unwrap();
    std::fs::write(at("password"), format!("{PASSWORD}\n")).unwrap();
    let run = async |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let path = state.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = chuky(&path, &words);
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        })
        .await
        .unwrap()
    };
    let login = ["login", "--server", &test.url, "--password-file", &at("password"), "cong.dan"];
    assert_eq!(run(&login).await.0, Some(0));
    let (code, said) = run(&["extend", "-o", &at("out.pdf"), &at("signed.pdf")]).await;
    assert_eq!(code, Some(0), "{said}");
    let extended = std::fs::read(at("out.pdf")).unwrap();
    assert!(extended.starts_with(&signed) && find(&extended, b"ETSI.RFC3161"));
    let (code, said) = run(&["extend", "-o", &at("none.pdf"), &at("plain.pdf")]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no signature yet") && !state.path().join("none.pdf").exists(), "{said}");
    judged_valid_once(&test, &extended).await;
    // A detached signature, with what it covers and without; one that is not there.
    let letter = b"<thu/>".to_vec();
    let path = "/api/v1/documents?name=thu.xml";
    let (_, document) = test.request("POST", path, &citizen.token, "application/xml", letter.clone()).await;
    let id = document["id"].as_str().unwrap();
    let order = json!({ "format": "cades", "packaging": "detached" });
    assert_eq!(citizen.ask(&test, id, super::subscriber::PIN, order).await.0, 200);
    std::fs::write(at("thu.xml.p7s"), citizen.content(&test, id).await).unwrap();
    std::fs::write(at("thu.xml"), &letter).unwrap();
    let (code, said) = run(&["extend", "-o", &at("none.p7s"), &at("thu.xml.p7s")]).await;
    assert!(code == Some(1) && said.contains("detached"), "{said}");
    let common = ["extend", "--level", "LT", "--content", &at("thu.xml")].map(str::to_owned);
    for (signature, expected) in [("signer 2", Some(1)), ("signer 1", Some(0))] {
        let mut words: Vec<&str> = common.iter().map(String::as_str).collect();
        let (out, source) = (at("out.p7s"), at("thu.xml.p7s"));
        words.extend(["--signature", signature, "-o", &out, &source]);
        let (code, said) = run(&words).await;
        assert_eq!(code, expected, "{said}");
        assert_eq!(std::fs::metadata(at("out.p7s")).is_ok(), expected == Some(0));
    }
}

async fn judged_valid_once(test: &TestApp, pdf: &[u8]) {
    let folder = folder("extension");
    // The signature and the two timestamps around its data are all sound to pdfsig.
    std::fs::write(folder.join("command-line.pdf"), pdf).unwrap();
    super::subscriber::pyhanko_accepts(test, &folder.join("command-line.pdf"), 1).await;
}

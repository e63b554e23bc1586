//! The audit log as others see it: an auditor rebuilds it with tools of her own, proofs stand alone, witnesses sign what continues and
//! nothing else, and whoever changes rows by SQL gets no checkpoint.

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    audit::{self, Actor, Entry, Kind},
    config::Witness,
};
use chuky_model::role::Role;
use chuky_pki::transparency::{Checkpoint, Note, VerifierKey};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// More entries than a tile holds.
async fn busy(test: &TestApp, count: usize) {
    let mut transaction = test.app.store.begin().await.unwrap();
    let mut last = None;
    for number in 0..count {
        let entry =
            Entry::new(test.app.clock.now(), Kind::DocumentVerified, Actor::Service, format!("document:{number}"));
        last = Some(audit::record(&mut transaction, entry).await.unwrap());
    }
    transaction.commit().await.unwrap();
    test.app.audit.wait(last.unwrap()).await.unwrap();
}

/// What is served at an address.
async fn fetch(test: &TestApp, path: &str, key: &str) -> Vec<u8> {
    let (status, octets) = test.raw("GET", path, key, "", Vec::new()).await;
    assert_eq!(status, 200, "{path}");
    octets
}

/// Key, checkpoint, and all that it covers, in files as `transparency.py` reads them.
async fn copied(test: &TestApp, auditor: &str, at: &Path) -> Checkpoint {
    fs::write(at.join("key"), fetch(test, "/audit/log/key", "").await).unwrap();
    let note = fetch(test, "/audit/log/checkpoint", "").await;
    fs::write(at.join("checkpoint"), &note).unwrap();
    let checkpoint = Checkpoint::of(&Note::parse(&note).unwrap()).unwrap();
    for (level, count) in [("entries", checkpoint.size), ("0", checkpoint.size), ("1", checkpoint.size / 256)] {
        fs::create_dir_all(at.join("tile").join(level)).unwrap();
        for tile in 0..count.div_ceil(256) {
            let width = (count - tile * 256).min(256);
            let part = if width == 256 { String::new() } else { format!(".p/{width}") };
            let octets = fetch(test, &format!("/audit/log/tile/{level}/{tile:03}{part}"), auditor).await;
            fs::write(at.join("tile").join(level).join(format!("{tile:03}")), octets).unwrap();
        }
    }
    checkpoint
}

fn python(at: &Path, witnesses: &[String]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join("target/venv/bin/python"))
        .arg(root.join("tests/transparency.py"))
        .arg(at)
        .args(witnesses)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn chuky(arguments: &[&str]) -> Output {
    Command::new(EXECUTABLE).args(["--lang", "en", "audit", "check"]).args(arguments).output().unwrap()
}

async fn rebuilt(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    busy(&test, 600).await;
    test.app.log.publish().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let checkpoint = copied(&test, &auditor, at).await;
    assert!(checkpoint.size > 600);
    let proof = |index: u64| format!("/api/v1/audit/entries/{index}/proof");
    for index in [0, 255, 256, 511, checkpoint.size - 1] {
        fs::write(at.join("proof"), fetch(&test, &proof(index), &auditor).await).unwrap();
        assert_eq!(python(at, &[]), format!("whole {}\n", checkpoint.size), "{index}");
    }
    // What is not there is not found: beyond the checkpoint, other widths than there are, odd spellings.
    let last = checkpoint.size / 256;
    for path in [
        proof(checkpoint.size),
        format!("/audit/log/tile/0/{last:03}"),
        "/audit/log/tile/1/001".to_owned(),
        "/audit/log/tile/2/000.p/1".to_owned(),
        "/audit/log/tile/0/0".to_owned(),
        "/audit/log/tile/entries/999".to_owned(),
        format!("/api/v1/audit/consistency?old=1&size={}", checkpoint.size + 1),
    ] {
        assert_eq!(test.raw("GET", &path, &auditor, "", Vec::new()).await.0, 404, "{path}");
    }
    // The log of 300 entries is the beginning of this one.
    let path = format!("/api/v1/audit/consistency?old=256&size={}", checkpoint.size);
    let (_, answer) = test.get(&path, &auditor).await;
    assert!(!answer["proof"].as_array().unwrap().is_empty(), "{answer}");
    // Everybody sees hashes, those who audit the entries.
    assert_eq!(test.raw("GET", "/audit/log/tile/0/000", "", "", Vec::new()).await.0, 200);
    assert_eq!(test.raw("GET", "/audit/log/tile/entries/000", "", "", Vec::new()).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_rebuilds_the_log_with_her_own_tools_on_sqlite() {
    rebuilt(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_rebuilds_the_log_with_her_own_tools_on_postgres() {
    rebuilt(Backend::Postgres).await;
}

/// A witness in a process of its own.
pub struct Outside {
    process: Child,
    pub url: String,
    pub key: String,
}

impl Outside {
    pub fn start(at: &Path, log: &str, listen: &str, more: &[&str]) -> Self {
        let mut process = Command::new(EXECUTABLE)
            .args(["--lang", "en", "audit", "witness", "--name", "nhan-chung.example"])
            .args(["--log", log, "--listen", listen])
            .args(more)
            .current_dir(at)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().unwrap();
        let url = first.trim_start_matches("Witness at ").trim_end_matches(". Its key, for others to verify with:");
        Self { process, url: url.to_owned(), key: lines.next().unwrap() }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_signs_what_continues_across_its_own_death() {
    // The log's key is known once the service was prepared, so the witness is told to it when it starts anew.
    let first = TestApp::sqlite().await;
    let log = first.app.log.key().to_string();
    let (directory, mut settings) = first.rest().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let witness = Outside::start(elsewhere.path(), &log, "127.0.0.1:0", &[]);
    let listen = witness.url.trim_start_matches("http://").to_owned();
    let key = VerifierKey::parse(&witness.key).unwrap();
    settings.audit.witnesses = vec![Witness::plain(&witness.url, key.clone())];
    let test = TestApp::wake(directory, settings).await;
    let published = test.app.log.publish().await.unwrap().unwrap();
    assert!(published.note.verified_by(&key).unwrap().is_some(), "{}", published.note);
    // It dies and comes back on its own directory, while the log has grown: the next checkpoint continues the last one.
    drop(witness);
    busy(&test, 20).await;
    let alone = test.app.log.publish().await.unwrap().unwrap();
    assert!(alone.checkpoint.size > published.checkpoint.size && alone.note.verified_by(&key).unwrap().is_none());
    let witness = Outside::start(elsewhere.path(), &log, &listen, &[]);
    assert_eq!(witness.key, key.to_string());
    let signed = test.app.log.publish().await.unwrap().unwrap();
    assert!(signed.note.verified_by(&key).unwrap().is_some(), "the same checkpoint, signed once it is back");
    assert_eq!(test.app.log.witnesses().await[0].last.as_ref().unwrap().size, signed.checkpoint.size);
    // A proof with both signatures, judged by the command and by foreign code.
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let at = elsewhere.path();
    copied(&test, &auditor, at).await;
    let proof = fetch(&test, "/api/v1/audit/entries/3/proof", &auditor).await;
    fs::write(at.join("proof"), &proof).unwrap();
    assert!(python(at, std::slice::from_ref(&witness.key)).starts_with("witness "));
    let file = at.join("proof").display().to_string();
    let output = chuky(&["--log", &log, "--witness", &witness.key, &file]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Entry 3 is in the log") && said.contains("  kind: "), "{said}");
    // Another entry, another log, a witness that has not signed, no proof.
    fs::write(at.join("entry"), b"something else").unwrap();
    let other = log.replacen("127", "128", 1);
    let stranger = VerifierKey::cosigner("la.example", &[9; 32]).unwrap().to_string();
    let entry = at.join("entry").display().to_string();
    for (arguments, code) in [
        (vec!["--log", &log, "--entry", &entry, &file], 1),
        (vec!["--log", &other, &file], 1),
        (vec!["--log", &log, "--witness", &stranger, &file], 1),
        // The log's own key signed the checkpoint, and is nobody's witness.
        (vec!["--log", &log, "--witness", &log, &file], 1),
        (vec!["--log", &log, &entry], 1),
        (vec!["--log", "khong+co", &file], 2),
        (vec!["--log", &log, "/khong/co"], 2),
    ] {
        assert_eq!(chuky(&arguments).status.code(), Some(code), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_the_log_by_sql_gets_no_checkpoint() {
    let test = TestApp::sqlite().await;
    busy(&test, 5).await;
    let before = test.app.log.publish().await.unwrap().unwrap();
    test.sql("DROP TRIGGER audit_leaf_no_update");
    test.sql("UPDATE audit_leaf SET hash = zeroblob(32) WHERE sequence = 3");
    busy(&test, 5).await;
    let error = test.app.log.publish().await.unwrap_err();
    assert!(format!("{error:?}").contains("root"), "{error:?}");
    let newest = test.app.log.newest().await.unwrap();
    assert_eq!(newest.checkpoint, before.checkpoint, "the last one that was right stays");
}

/// A genuine older head, with nothing remembered outside: the log itself does not go back behind what it published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_checkpoint_goes_back_behind_the_last_one() {
    let test = TestApp::sqlite().await;
    busy(&test, 5).await;
    let older = test.app.store.latest_audit_head().await.unwrap().unwrap().size;
    busy(&test, 5).await;
    let before = test.app.log.publish().await.unwrap().unwrap();
    test.sql(&format!("DROP TRIGGER audit_head_no_delete; DELETE FROM audit_head WHERE size > {older}"));
    let error = test.app.log.publish().await.unwrap_err();
    assert!(error.to_string().contains("does not continue"), "{error}");
    assert_eq!(test.app.log.newest().await.unwrap().checkpoint, before.checkpoint);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_follows_one_certificate() {
    let test = TestApp::sqlite().await;
    let (_, code) = crate::issuance::approved(&test, "gianhang", &crate::issuance::citizen()).await;
    let (status, receipt) = test.redeem("", &crate::issuance::redemption(&code, "theo-doi")).await;
    assert_eq!(status, 201, "{receipt}");
    let serial = receipt["serial"].as_str().unwrap();
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let answer = loop {
        let (status, answer) = test.get(&format!("/api/v1/audit/entries?serial={serial}"), &auditor).await;
        assert_eq!(status, 200, "{answer}");
        // An entry has its place in the log soon after it was recorded.
        if answer["entries"].as_array().unwrap().iter().all(|entry| entry["index"].is_u64()) {
            break answer;
        }
        test.app.audit.hurry();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let entries = answer["entries"].as_array().unwrap();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    for kind in ["request.submitted", "request.approved", "certificate.issued", "credential.created"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert!(!answer.to_string().contains("001190012345"), "no personal number in the log");
    let issued = entries.iter().find(|entry| entry["kind"] == "certificate.issued").unwrap();
    let index = issued["index"].as_u64().unwrap();
    let proof = fetch(&test, &format!("/api/v1/audit/entries/{index}/proof"), &auditor).await;
    let file = test.directory.path().join("proof");
    fs::write(&file, proof).unwrap();
    let output = chuky(&["--log", &test.app.log.key().to_string(), &file.display().to_string()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("certificate.issued"), "{output:?}");
    // The page tells the same, and nothing of anybody is found under a wrong number.
    let page = String::from_utf8(fetch(&test, &format!("/audit?about={serial}"), &auditor).await).unwrap();
    assert!(page.contains("Cấp chứng thư") && page.contains(&format!("/api/v1/audit/entries/{index}/proof")));
    let page = String::from_utf8(fetch(&test, "/audit?about=khong:co", &auditor).await).unwrap();
    assert!(page.contains("Nhật ký không có mục nào"));
}

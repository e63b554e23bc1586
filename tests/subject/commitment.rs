//! The commitment to a subscriber's identity in the entry of an issuance: a security officer opens it, anybody checks that offline, and once the person is
//! erased nobody opens it any more. Whoever has the whole log and every number that there may be finds nothing in it, before and after.

use super::{Backend, Holder, NAME, NUMBER, PHONE, TestApp, erased, holder, ordered, problem};
use crate::{audit::settle, harness::app::EXECUTABLE};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky::audit::commitment::{Fields, SALT_OCTETS, commitment};
use chuky_model::{record::audit::AuditEntry, role::Role};
use openssl::hash::{MessageDigest, hash};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::Path,
    process::Command,
};

/// The log's entries with their places.
async fn entries(test: &TestApp) -> Vec<(i64, AuditEntry)> {
    settle(test).await;
    let leaves = test.app.store.list_audit_leaves(0, 10_000).await.unwrap();
    leaves.into_iter().map(|(leaf, entry)| (leaf.sequence, entry)).collect()
}

async fn issued(test: &TestApp) -> (i64, AuditEntry) {
    let found = entries(test).await.into_iter().find(|(_, entry)| entry.kind == "certificate.issued");
    found.expect("a certificate was issued")
}

/// `chuky audit check` of the entry's proof with that opening: exit status and what it says.
async fn checked(test: &TestApp, place: i64, opening: &Path) -> (Option<i32>, String) {
    test.app.log.publish().await.unwrap();
    let (_, proof) = test.app.log.proof(u64::try_from(place).unwrap()).await.unwrap().unwrap();
    let file = opening.with_extension("tlog-proof");
    fs::write(&file, proof.to_string()).unwrap();
    let log = test.app.log.key().to_string();
    let output = Command::new(EXECUTABLE)
        .args(["--lang", "en", "audit", "check", "--log", &log, "--opening"])
        .args([opening, file.as_path()])
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

async fn opened_and_erased(backend: Backend) {
    let test = TestApp::start(backend).await;
    let holder: Holder = holder(&test).await;
    let (place, entry) = issued(&test).await;
    let path = format!("/api/v1/audit/entries/{place}/identity");
    // 1. Who may, and what of.
    let (_, officer) = test.account("mo.cam.ket", &[Role::SecurityOfficer], None).await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    for other in [&auditor, &holder.token] {
        assert_eq!(test.get(&path, other).await.0, 403);
    }
    assert_eq!(test.get(&path, "").await.0, 401);
    assert_eq!(test.get("/api/v1/audit/entries/0/identity", &officer).await.0, 404, "an entry without one");
    assert_eq!(test.get("/api/v1/audit/entries/9999999/identity", &officer).await.0, 404);
    let (status, opening) = test.get(&path, &officer).await;
    assert_eq!((status, opening["fields"]["personal_number"].as_str()), (200, Some(NUMBER)), "{opening}");
    assert_eq!((opening["fields"]["full_name"].as_str(), opening["fields"]["phone"].as_str()), (Some(NAME), None));
    let opens = entries(&test).await;
    let told: Vec<_> = opens.iter().filter(|(_, entry)| entry.kind == "identity.opened").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.subject, entry.subject);
    // The page offers it to whom it may be given, and to nobody else.
    let serial = &holder.serial;
    for (reader, offered) in [(&officer, true), (&auditor, false)] {
        let (status, page) = test.raw("GET", &format!("/audit?about={serial}"), reader, "", Vec::new()).await;
        let page = String::from_utf8(page).unwrap();
        assert_eq!((status, page.contains(&path)), (200, offered));
    }
    // 2. Checked away from the service, and not with anything else.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("opening.json");
    fs::write(&file, opening.to_string()).unwrap();
    let (status, said) = checked(&test, place, &file).await;
    assert!(status == Some(0) && said.contains(NAME) && said.contains(NUMBER), "{said}");
    let mut wrong = opening.clone();
    wrong["fields"]["personal_number"] = "001190012346".into();
    fs::write(&file, wrong.to_string()).unwrap();
    let (status, said) = checked(&test, place, &file).await;
    assert!(status == Some(1) && said.contains("does NOT open") && !said.contains(NAME), "{said}");
    fs::write(&file, "{}").unwrap();
    assert_eq!(checked(&test, place, &file).await.0, Some(2));
    fs::write(&file, opening.to_string()).unwrap();
    let (status, said) = checked(&test, place - 1, &file).await;
    assert_eq!(status, Some(1), "another entry: {said}");
    // 3. The person goes, and the salt; the proof stays.
    assert_eq!(test.sql("SELECT count(*) FROM identity_salt").trim(), "1");
    ordered(&test, &holder).await;
    erased(&test).await;
    assert_eq!(test.sql("SELECT count(*) FROM identity_salt").trim(), "0");
    let (status, answer) = test.get(&path, &officer).await;
    assert_eq!((status, problem(&answer)), (409, "identity_erased"), "{answer}");
    let (status, said) = checked(&test, place, &file).await;
    assert_eq!(status, Some(0), "what an officer kept is still checked: {said}");
    nothing_is_guessed(&entries(&test).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commitment_is_opened_until_its_person_is_erased_on_sqlite() {
    opened_and_erased(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commitment_is_opened_until_its_person_is_erased_on_postgres() {
    opened_and_erased(Backend::Postgres).await;
}

/// Every text of an entry: subject, actor, and each text of its content, with those that are octets in hex or base64.
fn texts(entries: &[(i64, AuditEntry)]) -> (HashSet<String>, HashSet<Vec<u8>>) {
    fn walk(value: &Value, into: &mut HashSet<String>) {
        match value {
            Value::String(text) => drop(into.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| walk(item, into)),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                into.insert(name.clone());
                walk(member, into);
            }),
            Value::Number(number) => drop(into.insert(number.to_string())),
            _ => {}
        }
    }
    let mut texts = HashSet::new();
    for (_, entry) in entries {
        texts.extend([entry.subject.clone(), entry.actor.clone()]);
        texts.extend(entry.subject.split(':').map(str::to_owned));
        walk(&serde_json::from_slice(&entry.content).unwrap(), &mut texts);
    }
    let octets = texts.iter().flat_map(|text| [hex::decode(text).ok(), STANDARD.decode(text).ok()]).flatten();
    let octets = octets.filter(|octets| octets.len() >= 8).collect();
    (texts, octets)
}

/// Nothing of the person stands in the log, and nothing that follows from what everybody can count through: numbers with names, in the digests that there are.
fn nothing_is_guessed(entries: &[(i64, AuditEntry)]) {
    let kinds: BTreeSet<&str> = entries.iter().map(|(_, entry)| entry.kind.as_str()).collect();
    assert!(kinds.len() >= 20, "{kinds:?}");
    let (texts, octets) = texts(entries);
    for entry in entries {
        let content = String::from_utf8_lossy(&entry.1.content).into_owned();
        for wanted in [NUMBER, NAME, PHONE, "Ưởng", "1990-03-05"] {
            let escaped = serde_json::to_string(wanted).unwrap();
            assert!(!content.contains(wanted) && !content.contains(escaped.trim_matches('"')), "{wanted}: {content}");
            assert!(!entry.1.subject.contains(wanted) && !entry.1.actor.contains(wanted));
        }
    }
    // The person's own number and those about it: whoever counts through all of them comes by here.
    let own: u64 = NUMBER.parse().unwrap();
    for number in own - 500..own + 500 {
        let number = format!("{number:012}");
        let fields =
            |of: &[(&str, &str)]| of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Fields>();
        let mut guesses: Vec<Vec<u8>> = vec![
            commitment(&[0; SALT_OCTETS], &fields(&[("personal_number", &number), ("full_name", NAME)])).to_vec(),
            commitment(&[0; SALT_OCTETS], &fields(&[("personal_number", &number)])).to_vec(),
        ];
        for guess in [
            number.clone(),
            PHONE.to_owned(),
            NAME.to_owned(),
            format!("person{number}"),
            format!("person:{number}"),
            format!("{number}{NAME}"),
            format!("{NAME}{number}"),
            format!("{number}|{NAME}"),
            format!("CCCD:{number}"),
            format!("VNM-{number}"),
        ] {
            assert!(!texts.contains(&guess), "{guess}");
            for digest in
                [MessageDigest::sha256(), MessageDigest::sha1(), MessageDigest::md5(), MessageDigest::sha512()]
            {
                guesses.push(hash(digest, guess.as_bytes()).unwrap().to_vec());
            }
        }
        for guess in guesses {
            // A digest is recognised by its beginning, too.
            assert!(!octets.contains(&guess) && !octets.contains(&guess[..8]), "{number} is found in the log");
            assert!(!texts.contains(&hex::encode(&guess[..8])));
        }
    }
}

/// A node of an earlier version erases the person and knows nothing of salts: the next round takes what it left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_salt_that_an_earlier_node_left_goes() {
    let test = TestApp::sqlite().await;
    let _holder = holder(&test).await;
    chuky::subject::clear_up(&test.app).await.unwrap();
    assert_eq!(test.sql("SELECT count(*) FROM identity_salt").trim(), "1", "whoever is there keeps theirs");
    test.sql("UPDATE registration_request SET erased_at = 1");
    chuky::subject::clear_up(&test.app).await.unwrap();
    assert_eq!(test.sql("SELECT count(*) FROM identity_salt").trim(), "0");
}

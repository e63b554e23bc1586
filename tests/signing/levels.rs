//! Signed documents of every format but PDF taken to a higher level, by their owner and by the service, ours and uploaded ones; and what is refused before
//! a timestamp is spent.

use super::{
    extension::{problem, renewing, waiting},
    service::spawn,
    subscriber::{PIN, Subscriber, citizen, export_as_told, folder, official, plain_pdf},
};
use crate::harness::{
    app::{Backend, TestApp},
    database,
};
use chuky::{issuance::timestamp, signing};
use chuky_model::request::Hierarchy;
use chuky_pki::{
    algorithm::DigestAlgorithm,
    asic::Archive,
    creation::{Measure, container},
    crypto::sha256,
};
use serde_json::{Value, json};
use std::process::Command;

const LETTER: &str = "<?xml version=\"1.0\"?>\n<thu xmlns=\"urn:thu\"><gui>Ủy ban nhân dân</gui></thu>\n";
/// Format, packaging, and what its file is called and is.
const FORMS: [(&str, Option<&str>, &str); 9] = [
    ("cades", None, "application/pkcs7-mime"),
    ("cades", Some("detached"), "application/pkcs7-signature"),
    ("xades", None, "application/xml"),
    ("xades", Some("attached"), "application/xml"),
    ("xades", Some("detached"), "application/xml"),
    ("jades", None, "application/jose"),
    ("jades", Some("detached"), "application/jose"),
    ("asice", None, "application/vnd.etsi.asic-e+zip"),
    ("asics", None, "application/vnd.etsi.asic-s+zip"),
];

async fn uploaded(test: &TestApp, who: &Subscriber, name: &str, media_type: &str, bytes: &[u8]) -> String {
    let path = format!("/api/v1/documents?name={name}");
    let (status, document) = test.request("POST", &path, &who.token, media_type, bytes.to_vec()).await;
    assert_eq!(status, 201, "{document}");
    document["id"].as_str().unwrap().to_owned()
}

fn order(format: &str, packaging: Option<&str>, level: &str) -> Value {
    let mut order = json!({ "format": format, "level": level });
    if let Some(packaging) = packaging {
        order["packaging"] = packaging.into();
    }
    order
}

/// A letter that is signed so; its identifier.
async fn signed(test: &TestApp, who: &Subscriber, order: Value) -> String {
    let id = uploaded(test, who, "letter.xml", "application/xml", LETTER.as_bytes()).await;
    let (status, answer) = who.ask(test, &id, PIN, order.clone()).await;
    assert_eq!(status, 200, "{order}: {answer}");
    id
}

async fn extend(test: &TestApp, who: &Subscriber, id: &str, wanted: Value) -> (u16, Value) {
    test.post(&format!("/api/v1/documents/{id}/extensions"), &who.token, &wanted).await
}

async fn refused(test: &TestApp, who: &Subscriber, id: &str, wanted: Value) -> (u16, String) {
    let bytes = who.content(test, id).await;
    let (status, answer) = extend(test, who, id, wanted).await;
    assert_eq!(who.content(test, id).await, bytes, "nothing has changed");
    (status, problem(&answer).to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_format_is_extended_where_it_lies() {
    let test = TestApp::start(Backend::Sqlite).await;
    let official = official(&test, "p256").await;
    let folder = folder("levels");
    std::fs::write(folder.join("letter.xml"), LETTER).unwrap();
    for (at, (format, packaging, _)) in FORMS.into_iter().enumerate() {
        let id = signed(&test, &official, order(format, packaging, "B")).await;
        let (_, before) = test.get(&format!("/api/v1/documents/{id}"), &official.token).await;
        // Every level of the first; the others at once to the highest, and once more.
        let levels: &[&str] = if at == 0 { &["T", "LT", "LTA", "LTA"] } else { &["LTA", "LTA"] };
        for level in levels {
            let (status, answer) = extend(&test, &official, &id, json!({ "level": level })).await;
            assert_eq!(status, 200, "{format} {packaging:?} {level}: {answer}");
            let report = &answer["report"];
            assert_eq!((&report["integrity"], &report["indication"]), (&json!("intact"), &json!("TOTAL_PASSED")));
            let line = report["signatures"][0]["format"].as_str().unwrap();
            assert!(line.ends_with(&format!("-{level}")), "{format} {packaging:?} {level}: {line}");
            assert_eq!(answer["document"]["signed_name"], before["signed_name"]);
            let file = official.content(&test, &id).await;
            let kept = format!("{format}-{}-{level}", packaging.unwrap_or("default"));
            let content = (packaging == Some("detached")).then_some(("letter.xml", LETTER.as_bytes()));
            export_as_told(&test, &format!("levels-{kept}"), &file, content, report).await;
            std::fs::write(folder.join(kept), file).unwrap();
        }
    }
    assert_eq!(waiting(&test), FORMS.len(), "each archive waits for its next timestamp");
    let ran = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).current_dir(&folder).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    let cms = ["cms", "-verify", "-binary", "-inform", "DER", "-noverify", "-out", "content", "-in"];
    ran("openssl", &[&cms[..], &["cades-default-LTA"]].concat());
    assert_eq!(std::fs::read_to_string(folder.join("content")).unwrap(), LETTER);
    ran("openssl", &[&cms[..], &["cades-detached-LTA", "-content", "letter.xml"]].concat());
    let properties = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties";
    ran("xmlsec1", &["--verify", "--insecure", "--id-attr:Id", properties, "xades-default-LTA"]);
    ran("python3", &["-m", "zipfile", "-t", "asice-default-LTA"]);
    ran("python3", &["-m", "zipfile", "-t", "asics-default-LTA"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_were_signed_elsewhere_are_extended_and_keep_their_name() {
    let test = TestApp::start(Backend::Postgres).await;
    let citizen = citizen(&test).await;
    for (format, packaging, media_type) in FORMS {
        let id = signed(&test, &citizen, order(format, packaging, "B")).await;
        let file = citizen.content(&test, &id).await;
        let other = uploaded(&test, &citizen, "handed-over", media_type, &file).await;
        let mut wanted = json!({});
        if packaging == Some("detached") {
            let said = refused(&test, &citizen, &other, json!({})).await;
            assert_eq!(said, (422, "content_needed".to_owned()), "{format}");
            wanted["content"] = uploaded(&test, &citizen, "content", "text/xml", LETTER.as_bytes()).await.into();
        }
        let (status, answer) = extend(&test, &citizen, &other, wanted.clone()).await;
        assert_eq!(status, 200, "{format} {packaging:?}: {answer}");
        assert!(answer["report"]["signatures"][0]["format"].as_str().unwrap().ends_with("-LTA"), "{answer}");
        assert_eq!(answer["document"]["signed_name"], "handed-over");
        // What was taken over is renewed like any other, with the content that was named.
        let before = citizen.content(&test, &other).await;
        assert_eq!(extend(&test, &citizen, &other, lower(&wanted)).await.0, 200, "{format}");
        let long = citizen.content(&test, &other).await;
        assert_ne!(long, before);
        test.sql("UPDATE job SET run_at = 0 WHERE kind = 'archive_renewal' AND state = 'queued'");
        renewing(&test, async || citizen.content(&test, &other).await != long).await;
    }
}

/// The same below LTA: what it adds is covered by an archive timestamp within a day.
fn lower(wanted: &Value) -> Value {
    let mut wanted = wanted.clone();
    wanted["level"] = "LT".into();
    wanted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_extended_is_refused_before_a_timestamp_is_spent() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    for (format, packaging, media_type) in FORMS {
        let id = signed(&test, &citizen, order(format, packaging, "T")).await;
        let missing = json!({ "signatures": ["nobody's"] });
        let (status, problem) = refused(&test, &citizen, &id, missing).await;
        assert!(
            [(422, "signature_not_found"), (409, "signature_does_not_count")].contains(&(status, problem.as_str())),
            "{problem}"
        );
        // Altered: in clear, or the text of the payload, or the detached content.
        let mut file = citizen.content(&test, &id).await;
        let needle = ["Ủy ban".as_bytes(), b"<xades:SigningTime", b"payload\":\"", b"base64\">", b"\"signature\":\""];
        let at = needle
            .iter()
            .find_map(|one| file.windows(one.len()).position(|window| window == *one).map(|at| at + one.len()));
        let Some(at) = at else { continue };
        file[at + 6] ^= 1;
        let altered = uploaded(&test, &citizen, "altered", media_type, &file).await;
        let content = uploaded(&test, &citizen, "content", "text/xml", LETTER.as_bytes()).await;
        let wanted = if packaging == Some("detached") { json!({ "content": content }) } else { json!({}) };
        let (status, said) = refused(&test, &citizen, &altered, wanted).await;
        assert_eq!((status, said.as_str()), (409, "signature_does_not_count"), "{format} {packaging:?}");
    }
    // Another content than the one that was signed; another's; one that is not there.
    let id = signed(&test, &citizen, order("cades", Some("detached"), "B")).await;
    let detached = citizen.content(&test, &id).await;
    let other = uploaded(&test, &citizen, "a.p7s", "application/pkcs7-signature", &detached).await;
    let content = uploaded(&test, &citizen, "content", "text/plain", b"something else").await;
    let said = refused(&test, &citizen, &other, json!({ "content": content })).await;
    assert_eq!(said, (409, "signature_does_not_count".to_owned()));
    let stranger = official(&test, "p256").await;
    let theirs = uploaded(&test, &stranger, "content", "text/xml", LETTER.as_bytes()).await;
    assert_eq!(refused(&test, &citizen, &other, json!({ "content": theirs })).await.0, 404);
    assert_eq!(refused(&test, &citizen, &other, json!({ "content": "none" })).await.0, 404);
    // A PDF is extended as a whole.
    let pdf = citizen.sign(&test, &plain_pdf(), json!({})).await;
    let pdf = citizen.upload(&test, &pdf).await;
    let said = refused(&test, &citizen, &pdf, json!({ "signatures": ["Signature1"] })).await;
    assert_eq!(said, (422, "pdf_as_a_whole".to_owned()));
}

/// A container whose signature file a timestamp of the container covers (EN 319 162-1 §4.4.3.3).
async fn covered(test: &TestApp, who: &Subscriber) -> Vec<u8> {
    let id = signed(test, who, order("asice", None, "T")).await;
    let file = who.content(test, &id).await;
    let archive = Archive::open(&file).unwrap();
    let content = |name: &str| archive.content(archive.find(name).unwrap()).unwrap().to_vec();
    let signature = content("META-INF/signatures0.xml");
    let (hash, of) = (DigestAlgorithm::Sha256, "META-INF/signatures0.xml");
    let manifest = container::manifest("timestamp001.tst", of, "text/xml", hash, &sha256(&signature));
    let token = timestamp::token(&test.app, Hierarchy::Citizens, &sha256(&manifest)).await.unwrap();
    let mut measure = Measure::new(hash);
    measure.update(LETTER.as_bytes());
    let measured = measure.finish();
    let meta = vec![
        ("manifest.xml", content("META-INF/manifest.xml")),
        ("signatures0.xml", signature),
        ("ASiCArchiveManifest.xml", manifest),
        ("timestamp001.tst", token),
    ];
    let of = container::File { name: "letter.xml", size: measured.size, crc: measured.crc };
    let frame = container::frame(container::Kind::Extended, of, &meta).unwrap();
    [&frame.before[..], LETTER.as_bytes(), &frame.after].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_break_something_else_is_refused() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    let file = covered(&test, &citizen).await;
    let media_type = "application/vnd.etsi.asic-e+zip";
    let (status, verdict) = test.request("POST", "/api/v1/documents/verify", "", media_type, file.clone()).await;
    assert_eq!((status, verdict["indication"].as_str().unwrap_or_default()), (200, "TOTAL_PASSED"), "{verdict}");
    assert_eq!(verdict["timestamps"].as_array().unwrap().len(), 2, "{verdict}");
    let id = uploaded(&test, &citizen, "covered.asice", media_type, &file).await;
    for level in ["LT", "LTA"] {
        let said = refused(&test, &citizen, &id, json!({ "level": level })).await;
        assert_eq!(said, (409, "extension_would_break".to_owned()));
    }
}

/// Two signatures of the service over one payload, as RFC 7515 §7.2.1 puts them together.
async fn with_two(test: &TestApp, who: &Subscriber) -> Vec<u8> {
    let mut signatures = Vec::new();
    let mut payload = Value::Null;
    for _ in 0..2 {
        let id = signed(test, who, order("jades", None, "T")).await;
        let mut one: Value = serde_json::from_slice(&who.content(test, &id).await).unwrap();
        payload = one.as_object_mut().unwrap().remove("payload").unwrap();
        signatures.push(one);
    }
    json!({ "payload": payload, "signatures": signatures }).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_signatures_one_is_extended_or_all() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    let file = with_two(&test, &citizen).await;
    let levels = |answer: &Value| -> Vec<String> {
        let lines = answer["report"]["signatures"].as_array().unwrap_or_else(|| panic!("{answer}"));
        lines.iter().map(|line| line["format"].as_str().unwrap().rsplit('-').next().unwrap().to_owned()).collect()
    };
    let id = uploaded(&test, &citizen, "two.json", "application/jose", &file).await;
    let (status, answer) = extend(&test, &citizen, &id, json!({ "signatures": ["signature 2"] })).await;
    assert_eq!((status, levels(&answer)), (200, vec!["T".to_owned(), "LTA".to_owned()]), "{answer}");
    // The first is, octet for octet, what it was.
    let (before, after): (Value, Value) =
        (serde_json::from_slice(&file).unwrap(), serde_json::from_slice(&citizen.content(&test, &id).await).unwrap());
    assert_eq!(before["signatures"][0], after["signatures"][0]);
    assert_eq!(before["signatures"][1]["protected"], after["signatures"][1]["protected"]);
    let (status, answer) = extend(&test, &citizen, &id, json!({})).await;
    assert_eq!((status, levels(&answer)), (200, vec!["LTA".to_owned(); 2]), "{answer}");
    // One after the other: both are renewed.
    let id = uploaded(&test, &citizen, "two.json", "application/jose", &file).await;
    for signature in ["signature 2", "signature 1"] {
        assert_eq!(extend(&test, &citizen, &id, json!({ "signatures": [signature] })).await.0, 200);
    }
    let renewed = test.sql(&format!(
        "SELECT CAST(payload AS TEXT) FROM job WHERE kind = 'archive_renewal' AND lower(hex(id)) = '{}'",
        id.replace('-', "")
    ));
    assert!(renewed.contains("signature 1") && renewed.contains("signature 2"), "{renewed}");
    // One that is broken beside it: the other alone may be extended no longer, for the file is not intact.
    let mut broken = before.clone();
    let value = broken["signatures"][0]["signature"].as_str().unwrap().to_owned();
    let swapped = if value.starts_with('A') { "B" } else { "A" };
    broken["signatures"][0]["signature"] = format!("{swapped}{}", &value[1..]).into();
    let id = uploaded(&test, &citizen, "two.json", "application/jose", broken.to_string().as_bytes()).await;
    let said = refused(&test, &citizen, &id, json!({ "signatures": ["signature 2"] })).await;
    assert_eq!(said, (409, "signature_does_not_count".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_an_archive_is_renewed_loses_nothing() {
    let mut test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = signed(&test, &citizen, order("xades", None, "LTA")).await;
    for (point, is_stored) in [("document.signed_stored", false), ("document.signed_recorded", true)] {
        // What is added below LTA is due within a day.
        assert_eq!(extend(&test, &citizen, &id, json!({ "level": "LT" })).await.0, 200);
        let before = citizen.content(&test, &id).await;
        let (directory, settings) = test.rest().await;
        let due = "UPDATE job SET run_at = 0 WHERE kind = 'archive_renewal' AND state = 'queued'";
        database::run(&settings.database_url, due).unwrap();
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut crashing = spawn((&directory.path().join("var"), &settings.database_url), listen, point);
        assert_eq!(crashing.wait().unwrap().code(), None, "{point}: ended by a signal");
        test = TestApp::wake(directory, settings).await;
        let after = citizen.content(&test, &id).await;
        assert_eq!(after != before, is_stored, "{point}");
        // Somebody claims it again when the claim of whoever is gone has ended.
        if !is_stored {
            test.sql("UPDATE job SET run_at = 0 WHERE kind = 'archive_renewal'");
            renewing(&test, async || citizen.content(&test, &id).await != before).await;
        }
        assert_eq!(waiting(&test), 1, "{point}: it waits for the next timestamp after that");
        let file = citizen.content(&test, &id).await;
        let (status, verdict) = test.request("POST", "/api/v1/documents/verify", "", "application/xml", file).await;
        assert_eq!((status, verdict["indication"].as_str().unwrap_or_default()), (200, "TOTAL_PASSED"), "{verdict}");
    }
    // Of an archive that no row renews any more, the audit log tells.
    let before = citizen.content(&test, &id).await;
    test.sql("DELETE FROM job WHERE kind = 'archive_renewal'");
    assert_eq!(signing::find_unrenewed_archives(&test.app, None).await.unwrap(), None);
    renewing(&test, async || citizen.content(&test, &id).await != before).await;
    assert_eq!(waiting(&test), 1);
}

//! `signatures/signDoc` in XAdES and JAdES: every envelope and level of documents, objects over hashes alone, one consent for one object;
//! judged by xmlsec1, signxml, joserfc and our own verifier.

use super::{
    client::{ECDSA_SHA256, error},
    objects::{anchors, authorize, sign_doc, verified},
};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{citizen, folder, official},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A document, and its exclusive canonical form.
const LETTER: &str = "<?xml version=\"1.0\"?>\n<thu xmlns=\"urn:thu\"><gui>Ủy ban nhân dân</gui></thu>\n";
const CANONICAL: &str = "<thu xmlns=\"urn:thu\"><gui>Ủy ban nhân dân</gui></thu>";
const FORMS: [(&str, &str, &str); 4] = [
    ("X", "Enveloped", "DocumentWithSignature"),
    ("X", "Enveloping", "DocumentWithSignature"),
    ("X", "Detached", "SignatureObject"),
    ("J", "Detached", "SignatureObject"),
];

/// What a consent names: for a signature inside the document its canonical form.
fn covered(envelope: &str) -> &'static [u8] {
    if envelope == "Enveloped" { CANONICAL.as_bytes() } else { LETTER.as_bytes() }
}

fn by_content((format, envelope): (&str, &str), level: &str) -> Value {
    json!([{
        "document": STANDARD.encode(LETTER), "signature_format": format, "signAlgo": ECDSA_SHA256,
        "conformance_level": level, "signed_envelope_property": envelope,
    }])
}

fn by_digest((format, envelope): (&str, &str), level: &str) -> Value {
    json!([{
        "hashes": [STANDARD.encode(Sha256::digest(covered(envelope)))], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        "signature_format": format, "signAlgo": ECDSA_SHA256, "conformance_level": level,
        "signed_envelope_property": envelope,
    }])
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn ran(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
}

fn xmlsec(file: &Path) {
    let properties = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties";
    ran(Path::new("xmlsec1"), &["--verify", "--insecure", "--id-attr:Id", properties, &name(file)]);
}

async fn passed(test: &TestApp, file: &Path, content: Option<&Path>, what: &str) -> Value {
    let content = content.map(name);
    let report = verified(test, &name(file), content.as_deref()).await;
    assert_eq!(report["indication"], "TOTAL_PASSED", "{what}: {report}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_signed_in_every_envelope_at_every_level() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let folder = folder("csc-forms");
    let anchors = anchors(&test, &folder).await;
    let letter = folder.join("letter.xml");
    std::fs::write(&letter, LETTER).unwrap();
    for level in ["B", "T", "LT", "LTA"] {
        for (format, envelope, field) in FORMS {
            let sad = authorize(&test, &citizen, &[covered(envelope)]).await;
            let entry = by_content((format, envelope), &format!("Ades-B-{level}"));
            let (status, answer) = sign_doc(&test, &citizen, &sad, "documents", entry).await;
            let what = format!("{format} {envelope} {level}");
            assert_eq!(status, 200, "{what}: {answer}");
            let object = STANDARD.decode(answer[field][0].as_str().unwrap()).unwrap();
            let file = folder.join(format!("{format}-{envelope}-{level}"));
            std::fs::write(&file, &object).unwrap();
            let report = passed(&test, &file, (envelope == "Detached").then_some(letter.as_path()), &what).await;
            let family = if format == "X" { "XAdES" } else { "JAdES" };
            assert_eq!(report["signatures"][0]["format"], format!("{family}-BASELINE-{level}").as_str(), "{report}");
            if matches!(envelope, "Enveloped" | "Enveloping") {
                xmlsec(&file);
            }
        }
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for level in ["B", "LTA"] {
        let [enveloped, jades] =
            ["X-Enveloped", "J-Detached"].map(|form| name(&folder.join(format!("{form}-{level}"))));
        let script = name(&root.join("tests/csc/judge.py"));
        ran(&root.join("target/venv/bin/python"), &[&script, &name(&anchors), &enveloped, &jades]);
    }
}

/// The hash alone is enough: the element is put into the document, and the object beside it, by whoever has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_over_hashes_fit_the_document() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let folder = folder("csc-forms-by-hash");
    let letter = folder.join("letter.xml");
    std::fs::write(&letter, LETTER).unwrap();
    for (format, envelope) in [("X", "Detached"), ("J", "Detached"), ("X", "Enveloped")] {
        for level in ["B", "T", "LT"] {
            let sad = authorize(&test, &citizen, &[covered(envelope)]).await;
            let entry = by_digest((format, envelope), &format!("Ades-B-{level}"));
            let (status, answer) = sign_doc(&test, &citizen, &sad, "documentDigests", entry).await;
            assert_eq!(status, 200, "{format} {envelope} {level}: {answer}");
            let object = STANDARD.decode(answer["SignatureObject"][0].as_str().unwrap()).unwrap();
            let file = folder.join(format!("{format}-{envelope}-{level}"));
            if envelope == "Enveloped" {
                let element = String::from_utf8(object).unwrap();
                std::fs::write(&file, LETTER.replace("</thu>", &format!("{element}</thu>"))).unwrap();
                xmlsec(&file);
                passed(&test, &file, None, level).await;
            } else {
                std::fs::write(&file, object).unwrap();
                passed(&test, &file, Some(&letter), &format!("{format} {level}")).await;
                // Another document beside it is not what was signed.
                let other = folder.join("other.xml");
                std::fs::write(&other, LETTER.replace("nhân", "người")).unwrap();
                let report = verified(&test, &name(&file), Some(&name(&other))).await;
                assert_eq!(report["indication"], "TOTAL_FAILED", "{report}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_consent_gives_one_object_in_one_form() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let sad = authorize(&test, &citizen, &[LETTER.as_bytes()]).await;
    let documents = async |entries: Value| sign_doc(&test, &citizen, &sad, "documents", entries).await;
    let digests = async |entries: Value| sign_doc(&test, &citizen, &sad, "documentDigests", entries).await;
    let refused = |(status, answer): (u16, Value), said: &str| {
        assert_eq!((status, error(&answer)), (400, ("invalid_request", said)));
    };
    // The hash of the file is not that of what an enveloped signature covers; envelopes and levels that a format does not have.
    refused(documents(by_content(("X", "Enveloped"), "Ades-B-B")).await, "Hash is not authorized by the SAD");
    refused(documents(by_content(("X", "Parallel"), "Ades-B-B")).await, "Invalid parameter signed_envelope_property");
    refused(documents(by_content(("J", "Attached"), "Ades-B-B")).await, "Invalid parameter signed_envelope_property");
    refused(digests(by_digest(("X", "Enveloping"), "Ades-B-B")).await, "Invalid parameter signed_envelope_property");
    let needs = "Invalid parameter conformance_level: it needs the document itself";
    refused(digests(by_digest(("X", "Detached"), "Ades-B-LTA")).await, needs);
    refused(digests(by_digest(("J", "Detached"), "Ades-B-LTA")).await, needs);
    let mut short = by_digest(("J", "Detached"), "Ades-B-B");
    short[0]["hashes"] = json!([STANDARD.encode([7; 20])]);
    refused(digests(short).await, "Invalid digest value length");
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
    // Whichever form is asked for first uses the hash up.
    let (status, answer) = documents(by_content(("X", "Enveloping"), "Ades-B-B")).await;
    assert_eq!(status, 200, "{answer}");
    for form in [("X", "Enveloping"), ("X", "Detached"), ("J", "Detached")] {
        refused(documents(by_content(form, "Ades-B-B")).await, "Invalid parameter SAD");
    }
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
    // What is no XML document takes no signature inside it, and uses nothing up.
    let plain = b"no XML".as_slice();
    let sad = authorize(&test, &citizen, &[plain]).await;
    let mut entry = by_content(("X", "Enveloped"), "Ades-B-B");
    entry[0]["document"] = json!(STANDARD.encode(plain));
    let (status, answer) = sign_doc(&test, &citizen, &sad, "documents", entry).await;
    assert_eq!((status, error(&answer).0), (400, "invalid_request"), "{answer}");
    let mut entry = by_content(("X", "Detached"), "Ades-B-B");
    entry[0]["document"] = json!(STANDARD.encode(plain));
    assert_eq!(sign_doc(&test, &citizen, &sad, "documents", entry).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_keys_sign_xml_and_json_too() {
    let test = TestApp::start(crate::harness::app::Backend::Postgres).await;
    let official = official(&test, "rsa3072").await;
    let folder = folder("csc-forms-rsa");
    let letter = folder.join("letter.xml");
    std::fs::write(&letter, LETTER).unwrap();
    let (_, info) =
        test.post("/csc/v2/credentials/info", &official.token, &json!({ "credentialID": official.credential })).await;
    for (format, envelope, field) in FORMS {
        let sad = authorize(&test, &official, &[covered(envelope)]).await;
        let mut entry = by_content((format, envelope), "Ades-B-LT");
        entry[0]["signAlgo"] = info["key"]["algo"][0].clone();
        entry[0]["signAlgoParams"] = info["key"]["algoParams"][0].clone();
        let (status, answer) = sign_doc(&test, &official, &sad, "documents", entry).await;
        assert_eq!(status, 200, "{format} {envelope}: {answer}");
        let file = folder.join(format!("{format}-{envelope}"));
        std::fs::write(&file, STANDARD.decode(answer[field][0].as_str().unwrap()).unwrap()).unwrap();
        passed(&test, &file, (envelope == "Detached").then_some(letter.as_path()), format).await;
    }
    let (_, info) = test.post("/csc/v2/info", "", &json!({})).await;
    assert_eq!(info["signature_formats"]["formats"], json!(["C", "P", "X", "J"]));
}

//! Signature objects over documents and their hashes, judged by openssl and by our own verifier; timestamps judged by openssl.

use super::client::{ECDSA_SHA256, error};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, Subscriber, citizen, folder},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{path::Path, process::Command};

pub async fn authorize(test: &TestApp, who: &Subscriber, documents: &[&[u8]]) -> String {
    let hashes: Vec<String> = documents.iter().map(|document| STANDARD.encode(Sha256::digest(document))).collect();
    let body = json!({
        "credentialID": who.credential, "numSignatures": hashes.len(), "hashes": hashes,
        "authData": [{ "id": "PIN", "value": PIN }],
    });
    let (status, answer) = test.post("/csc/v2/credentials/authorize", &who.token, &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["SAD"].as_str().unwrap().to_owned()
}

pub async fn sign_doc(test: &TestApp, who: &Subscriber, sad: &str, field: &str, entries: Value) -> (u16, Value) {
    let body = json!({ "credentialID": who.credential, "SAD": sad, field: entries });
    test.post("/csc/v2/signatures/signDoc", &who.token, &body).await
}

pub async fn anchors(test: &TestApp, folder: &Path) -> std::path::PathBuf {
    let authority = chuky::issuance::Authority::of(&test.app).await.unwrap();
    let pem: String = authority.anchors().iter().map(chuky_pki::certificate::Certificate::to_pem).collect();
    let file = folder.join("anchors.pem");
    std::fs::write(&file, pem).unwrap();
    file
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_accepted_by_openssl_and_our_verifier() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let folder = folder("csc-objects");
    let anchors = anchors(&test, &folder).await;
    let document = "Nội dung cần ký".as_bytes();
    let content = folder.join("content.txt");
    std::fs::write(&content, document).unwrap();
    for level in ["B-B", "B-T", "B-LT", "B-LTA"] {
        for (envelope, field) in [("Detached", "SignatureObject"), ("Attached", "DocumentWithSignature")] {
            let sad = authorize(&test, &citizen, &[document]).await;
            let entry = json!([{
                "document": STANDARD.encode(document), "signature_format": "C", "signAlgo": ECDSA_SHA256,
                "conformance_level": format!("Ades-{level}"), "signed_envelope_property": envelope,
            }]);
            let (status, answer) = sign_doc(&test, &citizen, &sad, "documents", entry).await;
            assert_eq!(status, 200, "{level} {envelope}: {answer}");
            let object = STANDARD.decode(answer[field][0].as_str().unwrap()).unwrap();
            let file = folder.join(format!("{level}-{envelope}.p7s"));
            std::fs::write(&file, &object).unwrap();
            let name = |path: &Path| path.to_string_lossy().into_owned();
            let (file, anchors, content) = (name(&file), name(&anchors), name(&content));
            let mut arguments = vec!["cms", "-verify", "-binary", "-inform", "DER", "-in", &file];
            arguments.extend(["-CAfile", &anchors, "-purpose", "any", "-out", "/dev/null"]);
            let detached = ["-content", &content];
            if envelope == "Detached" {
                arguments.extend(detached);
            }
            openssl(&arguments);
            let report = verified(&test, &file, (envelope == "Detached").then_some(content.as_str())).await;
            assert_eq!(report["indication"], "TOTAL_PASSED", "{level} {envelope}: {report}");
            let format = format!("CAdES-BASELINE-{}", level.trim_start_matches("B-"));
            assert_eq!(report["signatures"][0]["format"], format.as_str(), "{report}");
        }
    }
}

pub async fn verified(test: &TestApp, file: &str, content: Option<&str>) -> Value {
    let boundary = "chuky-test-boundary";
    let mut body = Vec::new();
    for (name, path) in [("document", Some(file)), ("content", content)] {
        let Some(path) = path else { continue };
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&std::fs::read(path).unwrap());
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    let (status, report) = test.request("POST", "/api/v1/documents/verify", "", &kind, body).await;
    assert_eq!(status, 200, "{report}");
    report
}

/// One consent covers one of its forms: hash, CAdES object or PAdES object, whichever is asked for first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_consent_gives_one_object() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (first, second) = (b"first".as_slice(), b"second".as_slice());
    let sad = authorize(&test, &citizen, &[first, second]).await;
    let digest = |document: &[u8], format: &str, level: &str| {
        json!([{
            "hashes": [STANDARD.encode(Sha256::digest(document))], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            "signature_format": format, "signAlgo": ECDSA_SHA256, "conformance_level": level,
        }])
    };
    let ask = async |entries: Value| sign_doc(&test, &citizen, &sad, "documentDigests", entries).await;
    // Another document; levels that need the document; formats that are not offered.
    for (entries, said) in [
        (digest(b"other", "C", "Ades-B-B"), "Hash is not authorized by the SAD"),
        (digest(first, "A", "Ades-B-B"), "Invalid parameter signature_format"),
        (digest(first, "P", "Ades-B-LTA"), "Invalid parameter conformance_level: it needs the document itself"),
        (digest(first, "C", "best"), "Invalid parameter conformance_level"),
    ] {
        let (status, answer) = ask(entries).await;
        assert_eq!((status, error(&answer)), (400, ("invalid_request", said)));
    }
    let (status, answer) = ask(digest(first, "P", "Ades-B-T")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["SignatureObject"].as_array().unwrap().len(), 1);
    // The same document in another form, and its bare hash.
    let (_, answer) = ask(digest(first, "C", "Ades-B-B")).await;
    assert_eq!(error(&answer).1, "Invalid parameter SAD");
    let body = json!({
        "credentialID": citizen.credential, "SAD": sad, "hashes": [STANDARD.encode(Sha256::digest(first))],
        "signAlgo": ECDSA_SHA256,
    });
    let (status, _) = test.post("/csc/v2/signatures/signHash", &citizen.token, &body).await;
    assert_eq!(status, 400);
    let (status, answer) = ask(digest(second, "C", "Ades-B-LT")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "2");
    // Activation data of version 1 is for hashes alone.
    let hashes = [STANDARD.encode(Sha256::digest(first))];
    let sad = super::client::sad(&test, &citizen, &citizen.token, &hashes).await;
    let (_, answer) = sign_doc(&test, &citizen, &sad, "documentDigests", digest(first, "C", "")).await;
    assert_eq!(error(&answer).1, "Hash is not authorized by the SAD");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamps_are_accepted_by_openssl() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let folder = folder("csc-timestamp");
    let anchors = anchors(&test, &folder).await;
    let digest = Sha256::digest(b"content");
    let body = json!({
        "hash": STANDARD.encode(digest), "hashAlgo": "2.16.840.1.101.3.4.2.1", "nonce": "0123456789abcdef",
    });
    let (status, answer) = test.post("/csc/v1/signatures/timestamp", &citizen.token, &body).await;
    assert_eq!(status, 200, "{answer}");
    let file = folder.join("token.der");
    std::fs::write(&file, STANDARD.decode(answer["timestamp"].as_str().unwrap()).unwrap()).unwrap();
    let name = |path: &Path| path.to_string_lossy().into_owned();
    let (file, anchors, hex) = (name(&file), name(&anchors), hex::encode(digest));
    openssl(&["ts", "-verify", "-digest", &hex, "-token_in", "-in", &file, "-CAfile", &anchors]);
    for wrong in [
        json!({ "hash": "AAAA", "hashAlgo": "2.16.840.1.101.3.4.2.1" }),
        json!({ "hash": body["hash"], "hashAlgo": "1.3.14.3.2.26" }),
        json!({ "hash": body["hash"] }),
        json!({ "hash": body["hash"], "hashAlgo": "2.16.840.1.101.3.4.2.1", "nonce": "not hex" }),
    ] {
        let (status, answer) = test.post("/csc/v2/signatures/timestamp", &citizen.token, &wrong).await;
        assert_eq!((status, error(&answer).0), (400, "invalid_request"), "{wrong}");
    }
}

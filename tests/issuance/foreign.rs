//! What the running service makes, judged by OpenSSL's command line and by pkilint.

use super::{PASSWORD, fetch, issued, lists, ocsp, run};
use crate::harness::app::TestApp;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use std::{fs, path::Path};

const VERIFY: &str =
    "openssl verify -x509_strict -crl_check_all -CRLfile both.crl -CAfile root.pem -untrusted issuing.pem";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_accepts_certificates_lists_and_answers() {
    let test = TestApp::sqlite().await;
    for (kind, hierarchy) in [("citizen", "citizens"), ("official", "officials")] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let receipt = issued(&test, kind).await;
        fetch(&test, at, hierarchy, &receipt).await;
        let text = run(at, &format!("{VERIFY} subscriber.pem timestamp.pem ocsp.pem"));
        assert_eq!(text, "subscriber.pem: OK\ntimestamp.pem: OK\nocsp.pem: OK\n");
        let text = ocsp(&test, at);
        assert!(text.contains("Response verify OK") && text.contains("subscriber.pem: good"), "{text}");
        assert!(!text.contains("WARNING"), "{text}");
        // The same by GET, and about a certificate that was never issued.
        run(
            at,
            "openssl ocsp -issuer issuing.pem -cert subscriber.pem -serial 0x4142434445464748 -no_nonce -reqout ask",
        );
        let asked = STANDARD.encode(fs::read(at.join("ask")).unwrap()).replace('+', "%2B").replace('/', "%2F");
        let (status, answer) = test.raw("GET", &format!("/ocsp/{asked}"), "", "", vec![]).await;
        assert_eq!(status, 200);
        fs::write(at.join("answer"), answer).unwrap();
        let line = "openssl ocsp -issuer issuing.pem -cert subscriber.pem -serial 0x4142434445464748 -CAfile root.pem";
        let text = run(at, &format!("{line} -verify_other issuing.pem -respin answer"));
        assert!(text.contains("subscriber.pem: good") && text.contains("0x4142434445464748: unknown"), "{text}");
        // Timestamps by the hierarchy's own authority.
        fs::write(at.join("data"), "Nội dung").unwrap();
        run(at, "openssl ts -query -data data -sha256 -cert -out ask");
        let ask = fs::read(at.join("ask")).unwrap();
        let path = format!("/tsa/{hierarchy}");
        let (status, answer) = test.raw("POST", &path, "", "application/timestamp-query", ask).await;
        assert_eq!(status, 200);
        fs::write(at.join("answer"), answer).unwrap();
        let text = run(at, "openssl ts -verify -queryfile ask -in answer -CAfile root.pem -untrusted issuing.pem");
        assert!(text.contains("Verification: OK"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_shows_at_once_and_cannot_be_taken_back() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued(&test, "citizen").await;
    fetch(&test, at, "citizens", &receipt).await;
    let (_, session) = test.post("/api/v1/session", "", &json!({ "login": "citizen", "password": PASSWORD })).await;
    let subscriber = session["token"].as_str().unwrap().to_owned();
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
    let number = list_number(at);
    // Suspended by its subscriber: a hold in OCSP and in the list.
    let (status, view) = test.post(&format!("{path}/suspend"), &subscriber, &json!({})).await;
    assert_eq!((status, view["state"].as_str()), (200, Some("suspended")), "{view}");
    assert!(ocsp(&test, at).contains("Reason: certificateHold"));
    lists(&test, at, "citizens").await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("Certificate Hold"));
    assert!(list_number(at) > number);
    // Resumed, but never by its subscriber.
    assert_eq!(test.post(&format!("{path}/resume"), &subscriber, &json!({})).await.0, 403);
    assert_eq!(test.post(&format!("{path}/resume"), &officer, &json!({})).await.0, 200);
    assert!(ocsp(&test, at).contains("subscriber.pem: good"));
    lists(&test, at, "citizens").await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("No Revoked Certificates"));
    // Revoked for good.
    let reason = json!({ "reason": "certificate_hold" });
    assert_eq!(test.post(&format!("{path}/revoke"), &subscriber, &reason).await.0, 422);
    let reason = json!({ "reason": "key_compromise" });
    let (status, view) = test.post(&format!("{path}/revoke"), &subscriber, &reason).await;
    assert_eq!((status, view["reason"].as_str()), (200, Some("key_compromise")), "{view}");
    assert!(ocsp(&test, at).contains("Reason: keyCompromise"));
    lists(&test, at, "citizens").await;
    assert!(run(at, &format!("{VERIFY} subscriber.pem")).contains("certificate revoked"));
    assert_eq!(test.post(&format!("{path}/resume"), &officer, &json!({})).await.0, 409);
    assert_eq!(test.post(&format!("{path}/revoke"), &officer, &reason).await.0, 409);
    assert_eq!(test.sql("SELECT state FROM credential").trim().lines().last(), Some("closed"));
    // SQL takes it back: no answer says good.
    test.sql("UPDATE certificate SET state = 'issued', revoked_at = NULL, revocation_reason = NULL");
    let text = ocsp(&test, at);
    assert!(text.contains("Reason: keyCompromise") && !text.contains("good"), "{text}");
}

/// The number of the issuing CA's list on disk.
fn list_number(at: &Path) -> u64 {
    let text = run(at, "openssl crl -in issuing.crl -noout -crlnumber");
    let digits = text.trim().trim_start_matches("crlNumber=").trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pkilint_finds_no_error() {
    let linters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin"));
    if !linters.join("lint_pkix_cert").exists() {
        println!("SKIPPED: no pkilint in target/venv (scripts/venv makes it)");
        return;
    }
    let test = TestApp::sqlite().await;
    for (kind, hierarchy) in [("citizen", "citizens"), ("official", "officials")] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let receipt = issued(&test, kind).await;
        fetch(&test, at, hierarchy, &receipt).await;
        let officer = test.log_in("quantri").await;
        let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
        assert_eq!(test.post(&path, &officer, &json!({ "reason": "superseded" })).await.0, 200);
        lists(&test, at, hierarchy).await;
        run(at, "openssl ocsp -issuer issuing.pem -cert subscriber.pem -reqout ask");
        let ask = fs::read(at.join("ask")).unwrap();
        let (_, answer) = test.raw("POST", "/ocsp", "", "application/ocsp-request", ask).await;
        fs::write(at.join("answer"), answer).unwrap();
        let certificates = ["root", "issuing", "ocsp", "timestamp", "subscriber"];
        let mut commands: Vec<String> =
            certificates.iter().map(|name| format!("lint_pkix_cert lint -s NOTICE -f CSV {name}.pem")).collect();
        commands.push("lint_crl lint -t CRL -p PKIX -s NOTICE -f CSV issuing.crl".to_owned());
        commands.push("lint_crl lint -t CRL -p PKIX -s NOTICE -f CSV root.crl".to_owned());
        commands.push("lint_ocsp_response lint -s ERROR -f CSV answer".to_owned());
        for command in commands {
            let text = run(at, &format!("{}/{command}", linters.display()));
            let clean = ["ERROR", "FATAL", "Traceback"].iter().all(|word| !text.contains(word));
            assert!(clean && text.starts_with("node_path,"), "{hierarchy}: {command}: {text}");
        }
    }
}

//! What becomes of a certificate after its issue: revoked with every reason, suspended, resumed, by one or by a list, followed by another,
//! and its end announced.

use super::{PASSWORD, PIN, approved, citizen, fetch, issued, lists, official, own_key::issued_for_own_key, run};
use crate::{harness::app::TestApp, signing::service::chuky};
use chuky::{
    issuance::{reminders, timestamp},
    outbox,
};
use chuky_model::{algorithm::SignatureScheme, request::Hierarchy};
use chuky_pki::{
    certificate::Certificate,
    cms::{SignedData, build},
    crypto::sha256,
};
use openssl::{ecdsa::EcdsaSig, pkey::PKey};
use serde_json::{Value, json};
use std::{fs, path::Path};

async fn log_in(test: &TestApp, login: &str) -> String {
    let (status, session) = test.post("/api/v1/session", "", &json!({ "login": login, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reasons_and_the_date_of_doubt_are_published() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued(&test, "citizen").await;
    let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
    test.app.clock.shift_seconds(7_200);
    let (holder, officer) = (log_in(&test, "citizen").await, test.log_in("quantri").await);
    let since = test.app.clock.now().plus_seconds(-3_600).rfc3339();
    let later = test.app.clock.now().plus_seconds(3_600).rfc3339();
    for (token, reason, since, problem) in [
        (&officer, "certificate_hold", None, "reason_not_admitted"),
        (&officer, "remove_from_crl", None, "reason_not_admitted"),
        (&holder, "ca_compromise", None, "reason_not_admitted"),
        (&holder, "aa_compromise", None, "reason_not_admitted"),
        (&holder, "key_compromise", Some(later.as_str()), "invalid_since_outside"),
        (&holder, "key_compromise", Some("1999-01-01T00:00:00Z"), "invalid_since_outside"),
        (&holder, "key_compromise", Some("yesterday"), "time_invalid"),
    ] {
        let (status, answer) = test.post(&path, token, &json!({ "reason": reason, "invalid_since": since })).await;
        assert_eq!((status, &answer["type"]), (422, &json!(format!("urn:chuky:problem:{problem}"))), "{answer}");
    }
    let body = json!({ "reason": "ca_compromise", "invalid_since": since, "ground": "authority_demand" });
    let (status, view) = test.post(&path, &officer, &body).await;
    assert_eq!((status, &view["invalid_since"]), (200, &json!(since)), "{view}");
    fetch(&test, at, "citizens", &receipt).await;
    let text = run(at, "openssl crl -in issuing.crl -noout -text");
    assert!(text.contains("CA Compromise") && text.contains("Invalidity Date"), "{text}");
    // Who, when and why stand in the audit log.
    let entries =
        test.sql("SELECT kind, actor, CAST(content AS TEXT) FROM audit_entry WHERE kind = 'certificate.revoked'");
    assert!(entries.contains("authority_demand") && entries.contains("ca_compromise"), "{entries}");
}

/// A CAdES signature with a timestamp of this moment, by the key of one's own.
async fn signed_now(test: &TestApp, at: &Path, data: &[u8]) -> Vec<u8> {
    let key = PKey::private_key_from_pem(&fs::read(at.join("key.pem")).unwrap()).unwrap();
    let read = |name: &str| Certificate::all_from_pem(&fs::read_to_string(at.join(name)).unwrap()).unwrap().remove(0);
    let signer = read("subscriber.pem");
    let signature = build::SignatureToMake::detached(SignatureScheme::EcdsaSha256, &sha256(data), &signer).unwrap();
    let value = EcdsaSig::sign(signature.digest_to_sign(), &key.ec_key().unwrap()).unwrap().to_der().unwrap();
    let der = signature.assemble(&value, &[read("issuing.pem")]).unwrap();
    let stamped = SignedData::parse(&der).unwrap().signers[0].signature.clone();
    let token = timestamp::token(&test.app, Hierarchy::Citizens, &sha256(&stamped)).await.unwrap();
    build::with_signature_timestamp(&der, &token).unwrap()
}

async fn verdict(test: &TestApp, signature: &[u8], data: &[u8]) -> Value {
    let (status, report) = asked(test, signature, data).await;
    assert_eq!(status, 200, "{report}");
    report
}

async fn asked(test: &TestApp, signature: &[u8], data: &[u8]) -> (u16, Value) {
    let mut body = Vec::new();
    for (field, bytes) in [("document", signature), ("content", data)] {
        let head = format!(
            "--x\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{field}.p7s\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    let path = "/api/v1/documents/verify";
    test.request("POST", path, "", "multipart/form-data; boundary=x", body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_while_suspended_stays_not_valid_after_resuming() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued_for_own_key(&test, at).await;
    fetch(&test, at, "citizens", &receipt).await;
    let (holder, officer) = (log_in(&test, "own.key").await, test.log_in("quantri").await);
    let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
    let data = "Nội dung".as_bytes();
    let before = signed_now(&test, at, data).await;
    test.app.clock.shift_seconds(60);
    // The holder suspends at once; the token in somebody else's hands goes on signing.
    let lost = json!({ "ground": "device_lost" });
    assert_eq!(test.post(&format!("{path}/suspend"), &holder, &lost).await.0, 200);
    test.app.clock.shift_seconds(60);
    let during = signed_now(&test, at, data).await;
    assert_eq!(verdict(&test, &during, data).await["indication"], "INDETERMINATE");
    test.app.clock.shift_seconds(60);
    assert_eq!(test.post(&format!("{path}/resume"), &officer, &json!({ "ground": "settled" })).await.0, 200);
    test.app.clock.shift_seconds(60);
    let after = signed_now(&test, at, data).await;
    // Two days later, when newer lists know nothing of it any more.
    test.app.clock.shift_seconds(2 * 86_400);
    chuky::issuance::revocation_list::publish_due(&test.app).await.unwrap();
    // And though the lists of that time are gone: the register tells it.
    let newest = "SELECT max(number) FROM crl AS newest WHERE newest.issuer_label = crl.issuer_label";
    test.sql(&format!("DELETE FROM crl WHERE number < ({newest})"));
    for (signature, indication) in [(&before, "TOTAL_PASSED"), (&during, "INDETERMINATE"), (&after, "TOTAL_PASSED")] {
        let report = verdict(&test, signature, data).await;
        assert_eq!(report["indication"], indication, "{report:#}");
    }
    let report = verdict(&test, &during, data).await.to_string();
    assert!(report.contains("resumed only later"), "{report}");
    // Whatever SQL makes of the row: without it there is no verdict, and never a better one.
    test.sql("UPDATE certificate SET serial = fingerprint");
    let (status, report) = asked(&test, &during, data).await;
    assert_eq!(status, 500, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_changed_one_by_one_and_published_once() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (citizen, official) = (issued(&test, "citizen").await, issued(&test, "official").await);
    let (operator, officer) = (test.log_in("gianhang").await, test.log_in("quantri").await);
    let path = "/api/v1/certificate-lists";
    let serials = [&citizen["serial"], &official["serial"], &json!("00ff")];
    // What would become of each, before anything is done.
    let dry = json!({ "action": "suspend", "serials": serials, "dry_run": true });
    let (status, answer) = test.post(path, &officer, &dry).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(2)), "{answer}");
    assert_eq!(answer["certificates"][0]["state"], "suspended");
    assert_eq!(answer["certificates"][2]["problem"], "not_found");
    let path_of_one = format!("/api/v1/certificates/{}", citizen["serial"].as_str().unwrap());
    assert_eq!(test.get(&path_of_one, &officer).await.1["state"], "issued");
    // An operator may change citizens' certificates only; of others they learn nothing.
    let (status, answer) = test.post(path, &operator, &json!({ "action": "suspend", "serials": serials })).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(1)), "{answer}");
    assert_eq!(answer["certificates"][1]["problem"], "not_found");
    assert_eq!(answer["certificates"][2]["problem"], "not_found");
    // A unit's staff leaves: everybody's certificates of that unit.
    let unit = json!({ "action": "revoke", "reason": "cessation_of_operation", "ground": "organization_ended", "unit": "H26", "hierarchy": "officials" });
    assert_eq!(
        test.post(
            path,
            &operator,
            &json!({ "dry_run": true, "action": "suspend", "unit": "H26", "hierarchy": "officials" })
        )
        .await
        .0,
        403
    );
    // Revoking a list takes two people.
    let (status, answer) = test.post(path, &officer, &unit).await;
    assert_eq!((status, &answer["type"]), (422, &json!("urn:chuky:problem:revocation_needs_order")), "{answer}");
    fetch(&test, at, "officials", &official).await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("No Revoked Certificates"));
    lists(&test, at, "citizens").await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").contains("Certificate Hold"));
    for body in [
        json!({ "action": "revoke", "serials": serials }),
        json!({ "action": "burn", "serials": serials }),
        json!({ "action": "suspend" }),
        json!({ "action": "suspend", "unit": "H26" }),
        json!({ "action": "suspend", "unit": "H26", "hierarchy": "officials", "serials": serials }),
    ] {
        assert_eq!(test.post(path, &officer, &body).await.0, 422, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_followed_by_another_and_its_end_announced() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::with(|settings| settings.spool_dir = Some(spool.path().to_owned())).await;
    let mut request = official();
    request["subscriber"]["phone"] = json!("0912345678");
    let (_, code) = approved(&test, "dangky", &request).await;
    let mut body = json!({ "code": code, "login": "official", "password": PASSWORD, "pin": PIN });
    body["second_secret"] = json!(super::proof::second_secret(spool.path(), "0912345678").await);
    // What the background does is done by hand from here on, and counted.
    let test = test.without_background();
    let (status, receipt) = test.redeem("", &body).await;
    assert_eq!(status, 201, "{receipt}");
    let path = format!("/api/v1/certificates/{}/renew", receipt["serial"].as_str().unwrap());
    let holder = log_in(&test, "official").await;
    let (status, answer) = test.post(&path, &holder, &json!({})).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:chuky:problem:renewal_too_early")), "{answer}");
    // Fifty days before the end: reminded once, in a message that nobody reads in the database.
    test.app.clock.shift_seconds((5 * 365 - 50) * 86_400);
    for _ in 0..3 {
        reminders::send_due(&test.app).await.unwrap();
    }
    assert_eq!(
        test.sql("SELECT count(*) FROM message").trim().lines().last(),
        Some("2"),
        "the second secret and this one"
    );
    assert!(!test.sql("SELECT * FROM message").contains("0912345678"));
    assert!(test.sql("SELECT kind FROM audit_entry").contains("certificate.reminded"));
    // It is taken to the spool once, and nobody claims that it was sent before.
    let metrics = async || String::from_utf8(test.raw("GET", "/metrics", "", "", vec![]).await.1).unwrap();
    assert!(metrics().await.contains("chuky_messages_waiting 1"));
    for handed in [1, 0] {
        assert_eq!(outbox::hand_over(&test.app).await.unwrap(), outbox::Round::Mine(handed));
    }
    assert!(metrics().await.contains("chuky_messages_waiting 0"));
    let spooled: Vec<_> = fs::read_dir(spool.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let message: Value = serde_json::from_slice(&fs::read(&spooled[0]).unwrap()).unwrap();
    assert_eq!((spooled.len(), message["to"].as_str()), (2, Some("0912345678")), "{message}");
    // The holder asks for the next one; somebody approves it.
    let holder = log_in(&test, "official").await;
    let (status, request) = test.post(&path, &holder, &json!({})).await;
    assert_eq!(status, 201, "{request}");
    assert!(request["follows"].is_string(), "{request}");
    assert_eq!(test.post(&path, &holder, &json!({})).await.0, 409);
    test.approve(&request).await;
    let body = json!({ "code": test.code(&request, &holder).await, "pin": "cá-vàng-bơi-ngược" });
    let (status, next) = test.redeem(&holder, &body).await;
    assert_eq!(status, 201, "{next}");
    // A new key, and a shorter life than a first certificate (Decree 68/2024, article 9).
    assert_ne!(next["serial"], receipt["serial"]);
    let year = |receipt: &Value, field: &str| receipt[field].as_str().unwrap()[..4].parse::<i32>().unwrap();
    assert_eq!(year(&receipt, "not_after") - year(&receipt, "not_before"), 5);
    assert_eq!(year(&next, "not_after") - year(&next, "not_before"), 3);
    // Followed by a later one, it is announced no more.
    test.app.clock.shift_seconds(30 * 86_400);
    reminders::send_due(&test.app).await.unwrap();
    assert_eq!(test.sql("SELECT count(*) FROM message").trim().lines().last(), Some("2"));
    assert_eq!(test.post(&path, "", &json!({})).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_subscribers_certificate_is_not_found() {
    let test = TestApp::sqlite().await;
    let receipt = issued(&test, "official").await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let body = json!({ "code": code, "login": "stranger", "password": PASSWORD, "pin": PIN });
    assert_eq!(test.redeem("", &body).await.0, 201);
    let stranger = log_in(&test, "stranger").await;
    for action in ["renew", "suspend"] {
        let path = format!("/api/v1/certificates/{}/{action}", receipt["serial"].as_str().unwrap());
        assert_eq!(test.post(&path, &stranger, &json!({})).await.0, 404, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_changes_a_list_after_saying_what_it_would_do() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let official = issued(&test, "official").await;
    let serial = official["serial"].as_str().unwrap().to_owned();
    fs::write(at.join("password"), &test.passwords["quantri"]).unwrap();
    fs::write(at.join("serials"), format!("# lô thiết bị\n{serial}\n\n00ff\n")).unwrap();
    let file = |name: &str| at.join(name).display().to_string();
    let run = async |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let state = at.to_owned();
        let run = move || chuky(&state, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let login = ["login", "--server", &test.url, "--password-file", &file("password"), "quantri"];
    assert_eq!(run(&login).await.0, Some(0));
    let unit = ["certificates", "revoke", "--unit", "H26", "--hierarchy", "officials", "--reason"];
    let unit = [&unit[..], &["cessation_of_operation"]].concat();
    let (status, said) = run(&unit).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&format!("✓ {serial} revoked")) && said.contains("Nothing was changed"), "{said}");
    let (status, said) = run(&["certificates", "suspend", "--serials", &file("serials"), "--yes"]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("✓ {serial} suspended")) && said.contains("✕ 00ff"), "{said}");
    // Revoking is ordered, and somebody else approves it.
    let (status, said) = run(&[&unit[..], &["--yes"]].concat()).await;
    assert_eq!(status, Some(0), "{said}");
    let order = said.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(test.sql("SELECT state FROM certificate").trim().lines().last(), Some("suspended"));
    assert_eq!(run(&["revocations", "approve", "--yes", &order]).await.0, Some(1));
    fs::write(at.join("password"), &test.passwords["duyet"]).unwrap();
    let login = ["login", "--server", &test.url, "--password-file", &file("password"), "duyet"];
    assert_eq!(run(&login).await.0, Some(0));
    let (status, said) = run(&["revocations", "approve", &order]).await;
    assert!(status == Some(0) && said.contains(&serial) && said.contains("entered 0/1"), "{said}");
    assert_eq!(run(&["revocations", "approve", "--yes", &order]).await.0, Some(0));
    super::revocation_orders::finished(&test, &order).await;
    assert_eq!(test.sql("SELECT state FROM certificate").trim().lines().last(), Some("revoked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_that_reaches_nobody_is_told_as_such_and_stands_on_the_page() {
    let test = TestApp::sqlite().await;
    issued(&test, "citizen").await;
    let holder = log_in(&test, "citizen").await;
    let page = async |holder: &str| {
        let (status, page) = test.raw("GET", "/certificates", holder, "", vec![]).await;
        assert_eq!(status, 200);
        String::from_utf8(page).unwrap()
    };
    let told = "Không có tin nhắn nhắc nào được gửi";
    assert!(!page(&holder).await.contains(told), "three years before");
    test.app.clock.shift_seconds((3 * 365 - 20) * 86_400);
    assert_eq!(reminders::send_due(&test.app).await.unwrap(), 0);
    let kinds = test.sql("SELECT kind FROM audit_entry");
    assert!(kinds.contains("certificate.not_reminded") && !kinds.contains("certificate.reminded"), "{kinds}");
    let holder = log_in(&test, "citizen").await;
    assert!(page(&holder).await.contains(told));
}

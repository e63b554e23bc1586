//! The authority revokes its own certificates: of a timestamp authority, a responder, an issuing CA and a root by another root. OCSP, lists,
//! verdicts and payments say so; nothing that SQL can do takes it back; the next key takes over. OpenSSL judges.

use super::{
    PASSWORD, approved, attacks::payment, citizen, ends::doctor, fetch, issued, lists, official, redemption, run,
};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    signing::subscriber::{Subscriber, plain_pdf},
};
use chuky::{
    bootstrap,
    clock::Clock,
    error::{Error, InternalError},
    issuance::{Authority, ceremony, ocsp::renew, register, revocation_list},
    worker,
};
use chuky_model::{instant::Instant, record::state::KeyPurpose};
use chuky_pki::{certificate::Certificate, crl::Reason, ocsp};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    match outcome.unwrap_err() {
        Error::Request(error) => error.code,
        Error::Internal(error) => panic!("{error}"),
    }
}

/// A key of the citizens' hierarchy, as a file for a roll-over says it.
fn key(part: &str, name: &str, days: u32) -> String {
    format!(
        "[citizens.{part}]\nsubject = [[\"country\", \"VN\"], [\"organization\", \"Chuky TEST\"], [\"common_name\", \"Chuky TEST {name} - \
         Citizens G2\"]]\nkey = \"p256\"\ndays = {days}\n"
    )
}

fn file(keys: &[(&str, &str, u32)]) -> String {
    let keys: String = keys.iter().map(|(part, name, days)| key(part, name, *days)).collect();
    format!("test = true\n{keys}")
}

/// What OCSP says of a certificate in a file of that name, by its issuer's responder.
fn asked(test: &TestApp, at: &Path, name: &str) -> String {
    let line = format!("openssl ocsp -issuer issuing.pem -cert {name}.pem -CAfile root.pem -verify_other issuing.pem");
    run(at, &format!("{line} -url {}/ocsp", test.url))
}

async fn stamped(test: &TestApp, at: &Path) -> String {
    run(at, "echo text > data; openssl ts -query -data data -sha256 -cert -out ask");
    let ask = fs::read(at.join("ask")).unwrap();
    let (status, answer) = test.raw("POST", "/tsa", "", "application/timestamp-query", ask).await;
    assert_eq!(status, 200);
    fs::write(at.join("answer"), answer).unwrap();
    run(at, "openssl ts -reply -in answer -text")
}

async fn impaired(test: &TestApp) -> (u16, serde_json::Value) {
    let (status, ready) = test.get("/readyz", "").await;
    (status, ready["impaired"].clone())
}

async fn services_are_revoked_and_replaced(backend: Backend) {
    let test = TestApp::start(backend).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued(&test, "citizen").await;
    fetch(&test, at, "citizens", &receipt).await;
    assert!(asked(&test, at, "timestamp").contains("timestamp.pem: good"));
    assert!(stamped(&test, at).await.contains("Status: Granted."));
    worker::round(&test.app).await;

    // What cannot be: other reasons, times, roots, nobody's.
    let now = test.app.clock.now();
    let revoke = async |label: &str, reason: Reason, since: Option<Instant>| {
        ceremony::revoke(&test.app, label, reason, since).await
    };
    for (label, reason, since, said) in [
        ("citizens-timestamp", Reason::CaCompromise, None, "reason_not_admitted"),
        ("citizens-issuing", Reason::KeyCompromise, None, "reason_not_admitted"),
        ("citizens-timestamp", Reason::CertificateHold, None, "reason_not_admitted"),
        ("citizens-timestamp", Reason::KeyCompromise, Some(now.plus_seconds(60)), "invalid_since_outside"),
        ("citizens-timestamp", Reason::KeyCompromise, Some(now.plus_seconds(-86_400)), "invalid_since_outside"),
        ("citizens-root", Reason::CaCompromise, None, "root_not_revoked"),
        ("citizens-timestamp-9", Reason::KeyCompromise, None, "not_found"),
    ] {
        assert_eq!(code(revoke(label, reason, since).await), said, "{label} {reason:?}");
    }

    // The timestamp authority: nothing is stamped until the next one is there, which needs no root.
    let since = Instant::from_unix_seconds(now.unix_seconds());
    let revoked = revoke("citizens-timestamp", Reason::KeyCompromise, Some(since)).await.unwrap();
    assert_eq!(revoked.list.0, "citizens-issuing");
    assert_eq!(code(revoke("citizens-timestamp", Reason::Superseded, None).await), "already_revoked");
    let said = asked(&test, at, "timestamp");
    assert!(said.contains("timestamp.pem: revoked") && said.contains("keyCompromise"), "{said}");
    lists(&test, at, "citizens").await;
    let text = run(at, "openssl crl -in issuing.crl -noout -text");
    let serial = revoked.serial.to_string().to_uppercase();
    for part in [format!("Serial Number: {serial}").as_str(), "Key Compromise", "Invalidity Date"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!stamped(&test, at).await.contains("Status: Granted."));
    assert_eq!(impaired(&test).await, (200, json!(["timestamp:citizens"])));
    ceremony::roll_over(&test.app, &file(&[("timestamp", "Timestamp", 1_825)])).await.unwrap();
    assert!(stamped(&test, at).await.contains("Status: Granted."));
    assert_eq!(impaired(&test).await, (200, json!([])));

    // The responder: nothing that it signed before is given out any more, and the next one says that the one before is revoked.
    let ask = kept_answer(&test, at).await;
    revoke("citizens-ocsp", Reason::KeyCompromise, None).await.unwrap();
    assert!(asked(&test, at, "subscriber").contains("internalerror"));
    assert_eq!(posted(&test, &ask).await, [0x30, 3, 0x0a, 1, 2], "internalError");
    // That it cannot be made anew keeps no other from it.
    test.app.clock.shift_seconds(31);
    renew(&test.app).await.unwrap();
    assert_eq!(impaired(&test).await, (200, json!(["responder:citizens-issuing"])));
    ceremony::roll_over(&test.app, &file(&[("ocsp", "OCSP", 397)])).await.unwrap();
    assert!(asked(&test, at, "subscriber").contains("subscriber.pem: good"));
    assert!(asked(&test, at, "ocsp").contains("ocsp.pem: revoked"));
    assert_eq!(impaired(&test).await, (200, json!([])));

    nothing_takes_it_back(&test, at).await;
}

async fn posted(test: &TestApp, ask: &[u8]) -> Vec<u8> {
    let (status, answer) = test.raw("POST", "/ocsp", "", "application/ocsp-request", ask.to_vec()).await;
    assert_eq!(status, 200);
    answer
}

/// A question without nonce, whose answer is kept and was given out again.
async fn kept_answer(test: &TestApp, at: &Path) -> Vec<u8> {
    run(at, "openssl ocsp -issuer issuing.pem -cert subscriber.pem -no_nonce -reqout kept");
    let ask = fs::read(at.join("kept")).unwrap();
    assert_eq!(posted(test, &ask).await, posted(test, &ask).await);
    ask
}

/// Rows as they were, lists taken out, a new start: the log says that they are revoked, and is asked first.
async fn nothing_takes_it_back(test: &TestApp, at: &Path) {
    test.sql("DELETE FROM crl WHERE number > 1");
    test.app.clock.shift_seconds(13 * 3_600);
    revocation_list::publish_due(&test.app).await.unwrap();
    lists(test, at, "citizens").await;
    assert_eq!(run(at, "openssl crl -in issuing.crl -noout -text").matches("Serial Number:").count(), 2);
    test.sql("UPDATE authority_key SET state = 'active' WHERE label = 'citizens-timestamp'");
    let error = Authority::refresh(&test.app).await.unwrap_err();
    assert!(matches!(error, Error::Internal(InternalError::RowForged { table: "authority_key" })), "{error}");
    test.sql("UPDATE authority_key SET state = 'retiring' WHERE label = 'citizens-timestamp'");
    let another = bootstrap::open(test.app.settings.clone(), Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    another.clock.shift_seconds(13 * 3_600 + 31);
    worker::prepare(&another).await.unwrap();
    run(at, "openssl ocsp -issuer issuing.pem -cert timestamp.pem -no_nonce -reqout ask");
    let answer = chuky::issuance::ocsp::answer(&another, &fs::read(at.join("ask")).unwrap()).await;
    let answer = ocsp::OcspResponse::parse(&answer.response).unwrap();
    assert!(matches!(answer.singles[0].status, ocsp::Status::Revoked { reason: Reason::KeyCompromise, .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_revoked_and_replaced_on_sqlite() {
    services_are_revoked_and_replaced(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_revoked_and_replaced_on_postgres() {
    services_are_revoked_and_replaced(Backend::Postgres).await;
}

async fn verdict(test: &TestApp, pdf: Vec<u8>) -> String {
    let (status, verdict) = test.request("POST", "/api/v1/documents/verify", "", "application/pdf", pdf).await;
    assert_eq!(status, 200, "{verdict}");
    verdict["indication"].as_str().unwrap().to_owned()
}

/// The heading of `/c/{serial}`.
async fn standing(test: &TestApp, receipt: &Value) -> String {
    let path = format!("/c/{}?lang=en", receipt["serial"].as_str().unwrap());
    let (status, page) = test.raw("GET", &path, "", "", vec![]).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, 200, "{page}");
    let heading = page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    heading.unwrap_or(&page).to_owned()
}

/// A node over the same data, with nothing in the background.
async fn beside(test: &TestApp) -> TestApp {
    let settings = test.app.settings.clone();
    let another = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let beside = TestApp::around(another).await.without_background();
    Authority::of(&beside.app).await.unwrap();
    beside
}

/// A node that chose its issuer before another one revoked it asks the log once more, before the CA signs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_ca_signs_nothing_for_a_node_that_has_not_heard_of_it() {
    let test = TestApp::start(Backend::Postgres).await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let body = test.agreed("", &redemption(&code, "nguoi.cham")).await;
    let beside = beside(&test).await;
    ceremony::revoke(&test.app, "citizens-issuing", Reason::CaCompromise, None).await.unwrap();
    let (status, answer) = beside.post("/api/v1/activations", "", &body).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:chuky:problem:authority_revoked")), "{answer}");
    let (_, answer) = beside.post("/api/v1/activations", "", &body).await;
    assert_eq!(answer["type"], "urn:chuky:problem:no_issuing_ca", "{answer}");
    let signed = test.sql("SELECT count(*) FROM certificate WHERE state <> 'void'");
    assert_eq!(signed.trim(), "0");
    assert_eq!(
        test.sql("SELECT count(*) FROM certificate WHERE spki_hash IS NOT NULL").trim(),
        "0",
        "nothing was signed"
    );
}

/// What cannot be read is not what was never there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_cannot_be_read_is_told_of() {
    let test = TestApp::sqlite().await;
    let beside = beside(&test).await;
    assert_eq!(impaired(&beside).await, (200, json!([])));
    ceremony::revoke(&test.app, "citizens-timestamp", Reason::KeyCompromise, None).await.unwrap();
    test.sql("UPDATE authority_key SET state = 'active' WHERE label = 'citizens-timestamp'");
    register::keep_up(&beside.app).await.unwrap();
    let (status, ready) = beside.get("/readyz", "").await;
    assert_eq!((status, &ready["impaired"]), (200, &json!(["authority"])), "{ready}");
    assert_eq!(ready["authority"], json!({ "ended": null }));
    test.sql("UPDATE authority_key SET state = 'retiring' WHERE label = 'citizens-timestamp'");
    assert_eq!(impaired(&beside).await, (200, json!(["timestamp:citizens"])));
    // Before a ceremony there is none.
    let bare = TestApp::bare(Backend::Sqlite, |_| ()).await;
    let (_, ready) = bare.get("/readyz", "").await;
    assert_eq!(ready["authority"], Value::Null, "{ready}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compromised_ca_is_revoked_and_nothing_rests_on_it_any_more() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued(&test, "citizen").await;
    fetch(&test, at, "citizens", &receipt).await;
    let (_, session) = test.post("/api/v1/session", "", &json!({ "login": "citizen", "password": PASSWORD })).await;
    let (token, credential) = (session["token"].as_str().unwrap(), receipt["credential"].as_str().unwrap());
    let signer = Subscriber { token: token.to_owned(), credential: credential.to_owned() };
    let pdf = signer.sign(&test, &plain_pdf(), json!({})).await;
    assert_eq!(standing(&test, &receipt).await, "The certificate is in force");
    assert_eq!(verdict(&test, pdf.clone()).await, "TOTAL_PASSED");
    let provider = test.log_in("thanhtoan").await;
    let order = payment(&test, &receipt).await;

    let revoked = ceremony::revoke(&test.app, "citizens-issuing", Reason::CaCompromise, None).await.unwrap();
    assert!(revoked.list.0 == "citizens-root" && revoked.list.1 > Some(1), "{revoked:?}");
    lists(&test, at, "citizens").await;
    let text = run(at, "openssl crl -in root.crl -noout -text");
    assert!(text.contains("CA Compromise") && text.matches("Serial Number:").count() == 1, "{text}");
    let checked =
        "openssl verify -crl_check_all -CRLfile both.crl -CAfile root.pem -untrusted issuing.pem subscriber.pem";
    assert!(run(at, checked).contains("certificate revoked"));
    assert_ne!(verdict(&test, pdf).await, "TOTAL_PASSED");
    let path = "/api/v1/transactions/verify";
    let (status, answer) = test.request("POST", path, &provider, "application/jose", order.into_bytes()).await;
    // A first order, which was signed before: with its CA in order it would be accepted.
    let verdict = answer["verdict"].as_str().unwrap_or_default();
    assert!(status == 200 && ["rejected", "indeterminate"].contains(&verdict), "{answer}");
    // Nobody stamps under it, and whoever looks is told: people with the certificate's number, the operator, the balancer.
    assert_eq!(revoked.leaves, [KeyPurpose::Issuing, KeyPurpose::Timestamp]);
    assert!(!stamped(&test, at).await.contains("Status: Granted."));
    assert_eq!(impaired(&test).await, (200, json!(["issuing:citizens", "timestamp:citizens"])));
    let (_, figures) = test.raw("GET", "/metrics", "", "", vec![]).await;
    let figures = String::from_utf8(figures).unwrap();
    for what in ["issuing:citizens", "timestamp:citizens"] {
        assert!(figures.contains(&format!("chuky_authority_absent{{what=\"{what}\"}} 1\n")), "{figures}");
    }
    let said = doctor(&test, 0);
    assert!(said.contains("✕ issuing:citizens: none is in use"), "{said}");
    assert!(said.contains("✓ certificate of citizens-issuing: issues no more, until 20"), "{said}");
    assert_eq!(standing(&test, &receipt).await, "The CA that issued it is revoked");
    let session = vec![("cookie", format!("chuky_session={}", signer.token))];
    let (_, _, page) = test.exchange("GET", "/certificates?lang=en", session, vec![]).await;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("the certificate of its issuer was revoked") && !page.contains("/suspend"), "{page}");
    assert!(asked(&test, at, "subscriber").contains("subscriber.pem: good"), "its responder goes on");
    // Nobody issues until the next CA is there; what it issues is good.
    let person = official();
    let (_, code_of_official) = approved(&test, "dangky", &person).await;
    let redeemed = test.redeem("", &redemption(&code_of_official, "chinh")).await;
    assert_eq!(redeemed.0, 201, "the other hierarchy is as it was: {}", redeemed.1);
    let mut person = citizen();
    person["subscriber"]["personal_number"] = json!("001190012361");
    let (_, next) = approved(&test, "gianhang", &person).await;
    let (status, answer) = test.post("/api/v1/activations/preview", "", &json!({ "code": next })).await;
    assert_eq!((status, answer["type"].as_str().unwrap()), (409, "urn:chuky:problem:no_issuing_ca"), "{answer}");
    let g2 = file(&[("issuing", "CA", 3_652), ("ocsp", "OCSP", 397), ("timestamp", "Timestamp", 1_825)]);
    ceremony::roll_over(&test.app, &g2).await.unwrap();
    ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    let (status, receipt) = test.redeem("", &redemption(&next, "nguoi.moi")).await;
    assert_eq!((status, receipt["issuer"].as_str()), (201, Some("Chuky TEST CA - Citizens G2")), "{receipt}");
    assert!(stamped(&test, at).await.contains("Status: Granted."));
    assert_eq!(impaired(&test).await, (200, json!([])));
    assert_eq!(standing(&test, &receipt).await, "The certificate is in force");
    // Its name is taken, and so is that of a CA that was revoked.
    let again = g2.replace("Citizens G2", "Citizens");
    assert_eq!(code(ceremony::roll_over(&test.app, &again).await), "ceremony_file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_by_another_root_is_revoked() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued(&test, "citizen").await;
    fetch(&test, at, "citizens", &receipt).await;
    let root = key("root", "Root CA", 7_305).replace("p256", "p384");
    ceremony::roll_over(&test.app, &format!("test = true\n{root}")).await.unwrap();
    let label = "citizens-root-by-citizens-root-2";
    for (label, name) in [(label, "cross"), ("citizens-root-2", "root2")] {
        let (status, der) = test.raw("GET", &format!("/ca/{label}.cer"), "", "", vec![]).await;
        assert_eq!(status, 200);
        fs::write(at.join("der"), &der).unwrap();
        run(at, &format!("openssl x509 -inform DER -in der -out {name}.pem"));
        assert!(Certificate::from_der(&der).is_ok());
    }
    let verified = async || {
        let (_, der) = test.raw("GET", "/crl/citizens-root-2.crl", "", "", vec![]).await;
        fs::write(at.join("root2.der"), der).unwrap();
        lists(&test, at, "citizens").await;
        run(
            at,
            "openssl crl -inform DER -in root2.der -out root2.crl; cat root2.crl both.crl > all.crl; cat cross.pem issuing.pem > over.pem",
        );
        run(at, "openssl verify -crl_check_all -CRLfile all.crl -CAfile root2.pem -untrusted over.pem subscriber.pem")
    };
    assert_eq!(verified().await, "subscriber.pem: OK\n");
    let revoked = ceremony::revoke(&test.app, label, Reason::CaCompromise, None).await.unwrap();
    assert_eq!((revoked.list.0.as_str(), revoked.leaves), ("citizens-root-2", vec![]));
    let said = verified().await;
    assert!(said.contains("certificate revoked"), "{said}");
}

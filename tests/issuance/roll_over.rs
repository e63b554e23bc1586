//! Roll-over beside a running service: a new issuing CA, a new root with certificates both ways, and the end of a CA; judged by OpenSSL.

use super::{approved, citizen, fetch, ocsp, official, redemption, run};
use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    bootstrap,
    clock::Clock,
    error::Error,
    issuance::{Authority, ceremony, revocation_list},
};
use chuky_pki::{certificate::Certificate, path};
use serde_json::{Value, json};
use std::{fs, path::Path};

pub const ISSUING: &str = r#"
test = true

[citizens.issuing]
subject = [["country", "VN"], ["organization", "Chuky TEST"], ["common_name", "Chuky TEST CA - Citizens G2"]]
key = "p384"
days = 3652

[citizens.ocsp]
subject = [["country", "VN"], ["organization", "Chuky TEST"], ["common_name", "Chuky TEST OCSP - Citizens G2"]]
key = "p256"
days = 397

[citizens.timestamp]
subject = [["country", "VN"], ["organization", "Chuky TEST"], ["common_name", "Chuky TEST Timestamp - Citizens G2"]]
key = "p256"
days = 1825
"#;

const ROOT: &str = r#"
[citizens.root]
subject = [["country", "VN"], ["organization", "Chuky TEST"], ["common_name", "Chuky TEST Root CA - Citizens G2"]]
key = "p384"
days = 7305
"#;

/// The code of the refusal.
fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    match outcome.unwrap_err() {
        Error::Request(error) => error.code,
        Error::Internal(error) => panic!("{error}"),
    }
}

async fn redeemed(test: &TestApp, person: &Value, login: &str) -> Value {
    let enters = if person["hierarchy"] == "officials" { "dangky" } else { "gianhang" };
    let (_, code) = approved(test, enters, person).await;
    let (status, receipt) = test.redeem("", &redemption(&code, login)).await;
    assert_eq!(status, 201, "{receipt}");
    receipt
}

fn another_citizen(number: &str) -> Value {
    let mut person = citizen();
    person["subscriber"]["personal_number"] = json!(number);
    person
}

/// A certificate of the authority as PEM.
async fn ca(test: &TestApp, at: &Path, label: &str) {
    let (status, der) = test.raw("GET", &format!("/ca/{label}.cer"), "", "", vec![]).await;
    assert_eq!(status, 200, "{label}");
    fs::write(at.join("der"), der).unwrap();
    run(at, &format!("openssl x509 -inform DER -in der -out {label}.pem"));
}

async fn list(test: &TestApp, at: &Path, label: &str) -> String {
    let (status, der) = test.raw("GET", &format!("/crl/{label}.crl"), "", "", vec![]).await;
    assert_eq!(status, 200, "{label}");
    fs::write(at.join(format!("{label}.crl")), der).unwrap();
    run(at, &format!("openssl crl -inform DER -in {label}.crl -noout -text"))
}

fn of(receipt: &Value) -> Certificate {
    Certificate::all_from_pem(receipt["certificate"].as_str().unwrap()).unwrap().remove(0)
}

fn ask(test: &TestApp, at: &Path, issuer: &str, subject: &str, more: &str) -> String {
    let line = format!("openssl ocsp -issuer {issuer}.pem {more} -cert {subject}.pem -CAfile citizens-root.pem");
    run(at, &format!("{line} -verify_other {issuer}.pem -url {}/ocsp", test.url))
}

async fn issuing_moves_and_the_old_ca_ends(backend: Backend) {
    let test = TestApp::start(backend).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let old = redeemed(&test, &citizen(), "nguoi.cu").await;
    fetch(&test, at, "citizens", &old).await;
    fs::rename(at.join("subscriber.pem"), at.join("old.pem")).unwrap();

    // Prepared: published, answering, not issuing.
    assert_eq!(code(ceremony::activate(&test.app, "citizens-issuing-2").await), "not_found");
    let without = ISSUING.split("[citizens.ocsp]").next().unwrap();
    assert_eq!(code(ceremony::roll_over(&test.app, without).await), "ceremony_file");
    let held = ceremony::roll_over(&test.app, ISSUING).await.unwrap();
    let verified = ceremony::verify(&held.path).unwrap();
    assert_eq!(verified.signers.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["citizens-issuing-2"]);
    assert!(held.path.ends_with("record-2.json"));
    for label in ["citizens-root", "citizens-issuing", "citizens-issuing-2"] {
        ca(&test, at, label).await;
    }
    assert!(list(&test, at, "citizens-issuing-2").await.contains("No Revoked Certificates"));
    let between = redeemed(&test, &another_citizen("001190012353"), "nguoi.giua").await;
    assert_eq!(between["issuer"], "Chuky TEST CA - Citizens");
    assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "authority_in_use");

    // The explicit step.
    let moved = ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    assert_eq!(moved.len(), 3, "{moved:?}");
    assert_eq!(code(ceremony::activate(&test.app, "citizens-issuing-2").await), "not_prepared");
    let new = redeemed(&test, &another_citizen("001190012361"), "nguoi.moi").await;
    assert_eq!(new["issuer"], "Chuky TEST CA - Citizens G2");
    fs::write(at.join("new.pem"), new["certificate"].as_str().unwrap()).unwrap();
    let chain = "openssl verify -CAfile citizens-root.pem -untrusted";
    assert_eq!(run(at, &format!("{chain} citizens-issuing-2.pem new.pem")), "new.pem: OK\n");
    // Each by its own responder; a timestamp by the new authority.
    for (issuer, subject) in [("citizens-issuing", "old"), ("citizens-issuing-2", "new")] {
        let said = ask(&test, at, issuer, subject, "");
        assert!(said.contains("Response verify OK") && said.contains(&format!("{subject}.pem: good")), "{said}");
    }
    fs::write(at.join("data"), "data").unwrap();
    run(at, "openssl ts -query -data data -sha256 -cert -out query");
    let query = fs::read(at.join("query")).unwrap();
    let (_, reply) = test.raw("POST", "/tsa", "", "application/timestamp-query", query).await;
    fs::write(at.join("reply"), reply).unwrap();
    let said = run(
        at,
        "openssl ts -verify -in reply -queryfile query -CAfile citizens-root.pem -untrusted citizens-issuing-2.pem",
    );
    assert!(said.contains("Verification: OK"), "{said}");

    the_old_ca_ends(&test, at, [&old, &between]).await;
}

/// The end: not while something can be used, then for ever.
async fn the_old_ca_ends(test: &TestApp, at: &Path, issued: [&Value; 2]) {
    assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "certificates_in_use");
    let officer = test.log_in("quantri").await;
    for receipt in issued {
        let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
        assert_eq!(test.post(&path, &officer, &json!({ "reason": "cessation_of_operation" })).await.0, 200);
    }
    // One that is being signed just now counts as well.
    test.sql("UPDATE certificate SET state = 'signing' WHERE state = 'revoked'");
    assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "certificates_in_use");
    test.sql("UPDATE certificate SET state = 'revoked' WHERE state = 'signing'");
    let ended = ceremony::end(&test.app, "citizens-issuing").await.unwrap();
    assert_eq!(ended.answers, 4, "two subscribers, responder and timestamp authority");
    assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "authority_ended");
    assert_eq!(code(ceremony::activate(&test.app, "citizens-issuing").await), "not_prepared");
    let text = list(test, at, "citizens-issuing").await;
    assert!(text.contains("Dec 31 23:59:59 9999") && text.matches("Serial Number:").count() == 2, "{text}");
    for more in ["", "-sha256", "-no_nonce"] {
        let said = ask(test, at, "citizens-issuing", "old", more);
        assert!(said.contains("Response verify OK") && said.contains("old.pem: revoked"), "{more}: {said}");
    }
    let never = ask(test, at, "citizens-issuing", "new", "");
    assert!(never.contains("unauthorized"), "{never}");
    assert!(ask(test, at, "citizens-issuing-2", "new", "").contains("new.pem: good"));
    // A year later its responder has ended, and the archive still speaks; the new CA goes on.
    test.app.clock.shift_seconds(370 * 86_400);
    chuky::issuance::revocation_list::publish_due(&test.app).await.unwrap();
    let row = test.app.store.latest_crl_head("citizens-issuing").await.unwrap().unwrap();
    assert_eq!(row.number, ended.list, "the last list is the last");
    let (status, _) = test.raw("GET", "/crl/citizens-issuing.crl", "", "", vec![]).await;
    assert_eq!(status, 200);
}

/// A CA that issues no more, and whose only certificate is revoked.
async fn ready_to_end() -> TestApp {
    let test = TestApp::sqlite().await;
    let old = redeemed(&test, &citizen(), "nguoi.cu").await;
    ceremony::roll_over(&test.app, ISSUING).await.unwrap();
    ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/revoke", old["serial"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &json!({ "reason": "superseded" })).await.0, 200);
    test
}

async fn newest(test: &TestApp, name: &str) -> (i64, bool) {
    let row = test.app.store.latest_crl_head(name).await.unwrap().unwrap();
    let good_for_ever = row.next_update.rfc3339().starts_with("9999");
    (row.number, good_for_ever)
}

/// An end that something comes between leaves no list that is good for ever, nor does one that breaks off; and each can be repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_fails_leaves_ordinary_lists() {
    let test = ready_to_end().await.without_background();
    // 1. Somebody begins to sign after the last list is out.
    test.sql(
        "CREATE TRIGGER late AFTER INSERT ON archived_answer BEGIN \
         UPDATE certificate SET state = 'signing' WHERE issuer_label = 'citizens-issuing'; END",
    );
    let (before, _) = newest(&test, "citizens-issuing").await;
    assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "certificates_in_use");
    assert_eq!(newest(&test, "citizens-issuing").await, (before + 2, false));
    test.sql("DROP TRIGGER late; DELETE FROM archived_answer; UPDATE certificate SET state = 'revoked' WHERE state = 'signing'");
    // 2. Another list comes out meanwhile, in parts as whole.
    for name in ["citizens-issuing", "citizens-issuing.4.2"] {
        test.sql(&format!(
            "CREATE TRIGGER late AFTER INSERT ON archived_answer WHEN NOT EXISTS (SELECT 1 FROM crl WHERE number = 900 AND issuer_label = '{name}') BEGIN \
             INSERT INTO crl (issuer_label, number, previous_number, this_update, next_update, list) SELECT '{name}', 900, \
             coalesce(max(number), 0), coalesce(max(this_update), 0) + 1000000, 253402300799000000, x'00' FROM crl WHERE issuer_label = '{name}'; END"
        ));
        assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "list_followed", "{name}");
        test.sql("DROP TRIGGER late; DELETE FROM archived_answer");
        assert_eq!(newest(&test, name).await, (901, false));
        assert!(!newest(&test, "citizens-issuing").await.1, "{name}");
    }
    // 3. One that was killed: a few hours later the service has it followed.
    test.sql(
        "INSERT INTO crl (issuer_label, number, previous_number, this_update, next_update, list) SELECT issuer_label, number + 1, \
         number, this_update + 1000000, 253402300799000000, x'00' FROM crl WHERE issuer_label = 'citizens-issuing' \
         ORDER BY number DESC LIMIT 1",
    );
    let (left, _) = newest(&test, "citizens-issuing").await;
    revocation_list::publish_due(&test.app).await.unwrap();
    assert_eq!(newest(&test, "citizens-issuing").await, (left, true), "somebody may be at work on it");
    test.app.clock.shift_seconds(6 * 3_600 + 1);
    revocation_list::publish_due(&test.app).await.unwrap();
    assert_eq!(newest(&test, "citizens-issuing").await, (left + 1, false));
    // The archive is of this end, and not of one that came to nothing.
    test.sql("INSERT INTO archived_answer SELECT issuer_label, serial, x'00' FROM certificate");
    let ended = ceremony::end(&test.app, "citizens-issuing").await.unwrap();
    assert_eq!(newest(&test, "citizens-issuing").await, (ended.list, true));
    assert_eq!(test.sql("SELECT count(*) FROM archived_answer WHERE response = x'00'"), "0");
}

/// A node that has not heard of the end publishes no list after the last one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_follows_the_last_one() {
    let test = ready_to_end().await;
    let settings = test.app.settings.clone();
    let another = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    Authority::of(&another).await.unwrap();
    let ended = ceremony::end(&test.app, "citizens-issuing").await.unwrap();
    another.clock.shift_seconds(13 * 3_600);
    assert_eq!(code(revocation_list::publish_due(&another).await), "authority_ended");
    assert_eq!(newest(&test, "citizens-issuing").await, (ended.list, true));
    // Those of the others came out.
    Authority::refresh(&another).await.unwrap();
    revocation_list::publish_due(&another).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuing_moves_and_the_old_ca_ends_on_sqlite() {
    issuing_moves_and_the_old_ca_ends(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuing_moves_and_the_old_ca_ends_on_postgres() {
    issuing_moves_and_the_old_ca_ends(Backend::Postgres).await;
}

/// A node that has not heard of a CA's end yet looks at the database in the transaction that lets it sign.
async fn nothing_is_signed_for_a_ca_that_has_just_ended(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let body = test.agreed("", &redemption(&code, "nguoi.cham")).await;
    Authority::of(&test.app).await.unwrap();
    test.sql("UPDATE authority_key SET state = 'ended' WHERE label = 'citizens-issuing'");
    let (status, answer) = test.post("/api/v1/activations", "", &body).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:chuky:problem:authority_ended")), "{answer}");
    let signed = test.sql("SELECT count(*) FROM certificate WHERE state IN ('signing', 'issued')");
    assert!(signed.lines().any(|line| line.trim() == "0"), "{signed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_signed_for_a_ca_that_has_just_ended_on_sqlite() {
    nothing_is_signed_for_a_ca_that_has_just_ended(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_signed_for_a_ca_that_has_just_ended_on_postgres() {
    nothing_is_signed_for_a_ca_that_has_just_ended(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_ca_takes_no_name_that_is_or_was_here() {
    let test = TestApp::sqlite().await;
    let keys = test.sql("SELECT count(*) FROM authority_key");
    // Of the issuing CA in use, of a root, and another spelling of the first (RFC 5280 §7.1).
    for name in ["CA - Citizens", "Root CA - Citizens", "ca - CITIZENS"] {
        let text = ISSUING.replacen("CA - Citizens G2", name, 1);
        assert_eq!(code(ceremony::roll_over(&test.app, &text).await), "ceremony_file", "{name}");
    }
    let twice = ISSUING.replacen("test = true\n", &format!("test = true\n{}", ROOT.replace("Root CA - ", "CA - ")), 1);
    assert_eq!(code(ceremony::roll_over(&test.app, &twice).await), "ceremony_file");
    assert_eq!(test.sql("SELECT count(*) FROM authority_key"), keys);
    // A CA is found by name and key: a certificate of somebody else who calls himself like it is not one of ours.
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    run(
        at,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out forged.pem -days 9 \
         -subj '/C=VN/O=Chuky TEST/CN=Chuky TEST CA - Citizens'",
    );
    let forged = Certificate::all_from_pem(&fs::read_to_string(at.join("forged.pem")).unwrap()).unwrap().remove(0);
    let authority = Authority::of(&test.app).await.unwrap();
    let own = authority.by_label("citizens-issuing").unwrap();
    assert!(own.certificate.subject().matches(forged.issuer()) && authority.signer_of(&forged).is_none());
    assert!(chuky::issuance::ocsp::response_about(&test.app, &forged).await.is_err());
    let responder = authority.by_label("citizens-ocsp").unwrap();
    assert_eq!(authority.signer_of(&responder.certificate).unwrap().label, "citizens-issuing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roots_certify_each_other_and_paths_lead_over_both() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let old = redeemed(&test, &citizen(), "nguoi.cu").await;
    let both = ISSUING.replacen("test = true\n", &format!("test = true\n{ROOT}"), 1);
    let held = ceremony::roll_over(&test.app, &both).await.unwrap();
    assert_eq!(ceremony::verify(&held.path).unwrap().signers.len(), 2);
    ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    let new = redeemed(&test, &another_citizen("001190012361"), "nguoi.moi").await;
    fs::write(at.join("old.pem"), old["certificate"].as_str().unwrap()).unwrap();
    fs::write(at.join("new.pem"), new["certificate"].as_str().unwrap()).unwrap();
    let labels = [
        "citizens-root",
        "citizens-root-2",
        "citizens-issuing",
        "citizens-issuing-2",
        "citizens-root-2-by-citizens-root",
        "citizens-root-by-citizens-root-2",
    ];
    for label in labels {
        ca(&test, at, label).await;
    }
    for label in ["citizens-root", "citizens-root-2", "citizens-issuing", "citizens-issuing-2"] {
        list(&test, at, label).await;
        run(at, &format!("openssl crl -inform DER -in {label}.crl >> lists.pem"));
    }
    // Who trusts one root alone finds a way to what the other's CA issued, with every list checked.
    for (trusts, over, subject) in [
        ("citizens-root", "citizens-root-2-by-citizens-root.pem citizens-issuing-2.pem", "new"),
        ("citizens-root-2", "citizens-root-by-citizens-root-2.pem citizens-issuing.pem", "old"),
        ("citizens-root", "citizens-issuing.pem", "old"),
        ("citizens-root-2", "citizens-issuing-2.pem", "new"),
    ] {
        run(at, &format!("cat {over} > over.pem"));
        let line = format!(
            "openssl verify -x509_strict -crl_check_all -CRLfile lists.pem -CAfile {trusts}.pem -untrusted over.pem {subject}.pem"
        );
        assert_eq!(run(at, &line), format!("{subject}.pem: OK\n"), "{trusts}");
        let line = format!("openssl verify -CAfile {trusts}.pem {subject}.pem");
        assert!(run(at, &line).contains("unable to get"), "the way is over the certificates between");
    }
    let authority = Authority::of(&test.app).await.unwrap();
    let intermediates = authority.intermediates();
    for root in ["citizens-root", "citizens-root-2"] {
        let anchors = [authority.by_label(root).unwrap().certificate.clone()];
        for (receipt, length) in [(&old, 3), (&new, 3)] {
            let (now, purpose) = (test.app.clock.now(), path::Purpose::DocumentSigning);
            let found = path::validate(&of(receipt), &intermediates, &anchors, now, purpose).unwrap();
            let own = found.certificates().len() == length;
            assert!(own || found.certificates().len() == length + 1, "{root}");
        }
    }
    // The other hierarchy is as it was.
    let receipt = redeemed(&test, &official(), "chinh").await;
    fetch(&test, at, "officials", &receipt).await;
    assert!(ocsp(&test, at).contains("subscriber.pem: good"));
    // The old root ends after its CA.
    assert_eq!(code(ceremony::end(&test.app, "citizens-root").await), "authority_in_use");
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/revoke", old["serial"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &json!({ "reason": "superseded" })).await.0, 200);
    ceremony::end(&test.app, "citizens-issuing").await.unwrap();
    ceremony::end(&test.app, "citizens-root").await.unwrap();
    assert!(list(&test, at, "citizens-root").await.contains("9999"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_is_renewed_and_a_state_put_back_by_sql_is_refused() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = redeemed(&test, &citizen(), "nguoi.cu").await;
    // Only a responder: of the CA in use, from now on.
    let only = format!("test = true\n\n[citizens.ocsp]{}", ISSUING.split("[citizens.ocsp]").nth(1).unwrap());
    let only = only.split("[citizens.timestamp]").next().unwrap();
    let held = ceremony::roll_over(&test.app, only).await.unwrap();
    assert_eq!(ceremony::verify(&held.path).unwrap().signers[0].0, "citizens-issuing");
    fetch(&test, at, "citizens", &receipt).await;
    let said = run(
        at,
        &format!(
            "openssl ocsp -issuer issuing.pem -cert subscriber.pem -CAfile root.pem -url {}/ocsp -resp_text",
            test.url
        ),
    );
    assert!(said.contains("OCSP - Citizens G2") && said.contains("subscriber.pem: good"), "{said}");

    // The row of a CA that issues no more, as it was before.
    ceremony::roll_over(&test.app, ISSUING).await.unwrap();
    test.sql("CREATE TABLE kept AS SELECT * FROM authority_key");
    ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    test.sql("UPDATE authority_key SET state = k.state, version = k.version, mac = k.mac FROM kept k WHERE k.label = authority_key.label");
    let error = Authority::refresh(&test.app).await.unwrap_err();
    assert!(
        matches!(error, Error::Internal(chuky::error::InternalError::RowForged { table: "authority_key" })),
        "{error}"
    );
}

/// A responder of a CA that issues no more, from a file that names it.
fn responder_of(label: &str) -> String {
    let ocsp = ISSUING.split("[citizens.ocsp]").nth(1).unwrap().split("[citizens.timestamp]").next().unwrap();
    format!("test = true\n\n[citizens.ocsp]\nissuer = \"{label}\"{ocsp}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_responder_of_a_retiring_ca_is_renewed_until_its_end() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let old = redeemed(&test, &citizen(), "nguoi.cu").await;
    fetch(&test, at, "citizens", &old).await;
    fs::rename(at.join("subscriber.pem"), at.join("old.pem")).unwrap();
    ceremony::roll_over(&test.app, ISSUING).await.unwrap();
    ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    for label in ["citizens-root", "citizens-issuing"] {
        ca(&test, at, label).await;
    }
    // Only a responder made alone names a CA, and only one that is there; nothing is made of the other files.
    let keys = test.sql("SELECT count(*) FROM authority_key");
    for wrong in [
        responder_of("citizens-issuing-9"),
        responder_of("officials-issuing"),
        responder_of("citizens-root"),
        responder_of("citizens-issuing").replace("[citizens.ocsp]", "[citizens.timestamp]"),
    ] {
        assert_eq!(code(ceremony::roll_over(&test.app, &wrong).await), "ceremony_file", "{wrong}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM authority_key"), keys);

    // A year later: the certificate is in force, and its CA's responder has ended.
    test.app.clock.shift_seconds(400 * 86_400);
    assert!(ask(&test, at, "citizens-issuing", "old", "").contains("internalerror"));
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/revoke", old["serial"].as_str().unwrap());
    let held = ceremony::roll_over(&test.app, &responder_of("citizens-issuing")).await.unwrap();
    assert_eq!(ceremony::verify(&held.path).unwrap().signers[0].0, "citizens-issuing");
    let answer = chuky::issuance::ocsp::response_about(&test.app, &of(&old)).await.unwrap();
    let answer = chuky_pki::ocsp::OcspResponse::parse(&answer).unwrap();
    answer
        .verify(&Certificate::all_from_pem(&fs::read_to_string(at.join("citizens-issuing.pem")).unwrap()).unwrap()[0])
        .unwrap();
    assert_eq!(answer.singles[0].status, chuky_pki::ocsp::Status::Good);
    assert_eq!(test.post(&path, &officer, &json!({ "reason": "cessation_of_operation" })).await.0, 200);

    // Another year: it has ended again, and so nothing is said for ever before the next one is there.
    test.app.clock.shift_seconds(400 * 86_400);
    let number = || async { test.app.store.latest_crl_head("citizens-issuing").await.unwrap().unwrap() };
    let before = number().await;
    assert_eq!(code(ceremony::end(&test.app, "citizens-issuing").await), "responder_ended");
    assert_eq!(number().await, before);
    ceremony::roll_over(&test.app, &responder_of("citizens-issuing")).await.unwrap();
    let ended = ceremony::end(&test.app, "citizens-issuing").await.unwrap();
    assert!(ended.answers >= 3);
    assert_eq!(code(ceremony::roll_over(&test.app, &responder_of("citizens-issuing")).await), "ceremony_file");
}

//! The road of a certificate against a running service, judged by OpenSSL and pkilint: issue, status, lists, timestamps, revocation,
//! and what a crash leaves.

mod again;
mod attacks;
mod ceremony;
mod confirmation;
pub mod crash;
mod ends;
mod foreign;
pub mod kill_loop;
pub mod kinds;
mod lifecycle;
mod listed;
mod modification;
pub mod own_key;
mod own_revocation;
mod pages;
mod paper_receipt;
pub mod proof;
mod responder;
mod revocation_lists;
pub mod revocation_orders;
mod roll_over;
mod timestamps;

use crate::harness::app::{Backend, TestApp};
use chuky_model::{record::state::CertificateState, request::RequestState};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

pub const PIN: &str = "mèo-xanh-ăn-phở";
pub const PASSWORD: &str = "một mật khẩu dài";

/// Runs a shell line in a directory; what it printed on both outputs.
pub fn run(at: &Path, line: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(format!("{line} 2>&1")).current_dir(at).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn citizen() -> Value {
    json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } })
}

pub fn official() -> Value {
    json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
        "full_name": "Trần Văn Đức", "personal_number": "001085012346", "birth_date": "1985-07-19",
        "sex": "male", "province": "Hà Nội", "locality": "", "organization": "Ủy ban nhân dân thành phố Hà Nội",
        "organizational_unit": "Văn phòng", "title": "Chuyên viên" } })
}

/// Enters and approves a request; its activation code.
pub async fn approved(test: &TestApp, enters: &str, request: &Value) -> (String, String) {
    let entering = test.log_in(enters).await;
    let (status, request) = test.post("/api/v1/requests", &entering, request).await;
    assert_eq!(status, 201, "{request}");
    let id = request["id"].as_str().unwrap().to_owned();
    test.approve(&request).await;
    (id, test.code(&request, &entering).await)
}

pub fn redemption(code: &str, login: &str) -> Value {
    json!({ "code": code, "login": login, "password": PASSWORD, "pin": PIN })
}

/// A citizen's and an official's certificates, as their receipts tell.
pub async fn issued(test: &TestApp, kind: &str) -> Value {
    let (enters, request) = if kind == "citizen" { ("gianhang", citizen()) } else { ("dangky", official()) };
    let (_, code) = approved(test, enters, &request).await;
    let (status, receipt) = test.redeem("", &redemption(&code, kind)).await;
    assert_eq!(status, 201, "{receipt}");
    receipt
}

/// Certificates of the authority and of one subscriber as PEM files, and the newest lists.
pub async fn fetch(test: &TestApp, at: &Path, hierarchy: &str, receipt: &Value) {
    fs::write(at.join("subscriber.pem"), receipt["certificate"].as_str().unwrap()).unwrap();
    for purpose in ["root", "issuing", "ocsp", "timestamp"] {
        let (status, der) = test.raw("GET", &format!("/ca/{hierarchy}-{purpose}.cer"), "", "", vec![]).await;
        assert_eq!(status, 200);
        fs::write(at.join("der"), der).unwrap();
        run(at, &format!("openssl x509 -inform DER -in der -out {purpose}.pem"));
    }
    lists(test, at, hierarchy).await;
}

pub async fn lists(test: &TestApp, at: &Path, hierarchy: &str) {
    for purpose in ["root", "issuing"] {
        let (status, der) = test.raw("GET", &format!("/crl/{hierarchy}-{purpose}.crl"), "", "", vec![]).await;
        assert_eq!(status, 200);
        fs::write(at.join("der"), der).unwrap();
        run(at, &format!("openssl crl -inform DER -in der -out {purpose}.crl"));
    }
    run(at, "cat root.crl issuing.crl > both.crl");
}

/// What `openssl ocsp` says of the subscriber's certificate.
pub fn ocsp(test: &TestApp, at: &Path) -> String {
    let line = "openssl ocsp -issuer issuing.pem -cert subscriber.pem -CAfile root.pem -verify_other issuing.pem";
    run(at, &format!("{line} -url {}/ocsp", test.url))
}

async fn road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    // What it will say, before anything is made.
    let (status, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!((status, preview["personal_number"].as_str()), (200, Some("001190012345")), "{preview}");
    assert_eq!(preview["birth_date"], "1990-03-05", "{preview}");
    assert_eq!(preview["has_account"], false);
    // A PIN that everybody tries, or that holds the personal number, makes nothing; neither does a taken log-in name.
    for (field, value, problem) in [
        ("pin", "12345678", "pin_guessable"),
        ("pin", "x001190012345", "pin_personal"),
        ("login", "duyet", "login_taken"),
        ("password", "ngắn", "password_length"),
        ("code", "AAAA-AAAA-AAAA", "code_invalid"),
    ] {
        let mut body = redemption(&code, "hong.uong");
        body[field] = json!(value);
        let (status, answer) = test.redeem("", &body).await;
        assert_eq!(status, 422, "{field}: {answer}");
        assert_eq!(answer["type"], format!("urn:chuky:problem:{problem}"));
    }
    assert!(test.app.store.certificates_of_request(id.parse().unwrap()).await.unwrap().is_empty());
    // Two at once: one certificate.
    let body = redemption(&code, "hong.uong");
    let body = test.agreed("", &body).await;
    let (one, two) =
        tokio::join!(test.post("/api/v1/activations", "", &body), test.post("/api/v1/activations", "", &body));
    let mut answers = [one, two];
    answers.sort_by_key(|(status, _)| *status);
    assert_eq!(answers[0].0, 201, "{answers:?}");
    assert!([409, 422].contains(&answers[1].0), "{answers:?}");
    assert_eq!(test.redeem("", &body).await.0, 422);
    let request = test.app.store.request_by_id(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::Issued);
    let rows = test.app.store.certificates_of_request(request.id).await.unwrap();
    let issued: Vec<_> = rows.iter().filter(|row| row.state == CertificateState::Issued).collect();
    assert_eq!((issued.len(), Some(issued[0].id)), (1, request.certificate_id));
    assert_eq!(issued[0].serial.to_string(), answers[0].1["serial"].as_str().unwrap());
    // The subscriber logs in with what they chose, and sees the certificate; another subscriber does not.
    let (status, session) =
        test.post("/api/v1/session", "", &json!({ "login": "hong.uong", "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    let path = format!("/api/v1/certificates/{}", issued[0].serial);
    let (status, view) = test.get(&path, session["token"].as_str().unwrap()).await;
    assert_eq!((status, &view["certificate"]), (200, &answers[0].1["certificate"]));
    let registrar = test.log_in("dangky").await;
    assert_eq!(test.get(&path, &registrar).await.0, 404);
    // Nothing personal lies readable in the database.
    for table in ["certificate", "credential", "audit_entry"] {
        let dump = test.sql(&format!("SELECT * FROM {table}"));
        assert!(!dump.contains("001190012345") && !dump.contains("Hồng") && !dump.contains(PIN), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_brings_one_certificate_on_sqlite() {
    road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_brings_one_certificate_on_postgres() {
    road(Backend::Postgres).await;
}

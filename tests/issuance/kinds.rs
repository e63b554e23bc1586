//! Certificates of an agency's seal, a device and a payment provider: who enters and who approves, where the key lies, what the
//! certificate says, and what foreign tools say of it.

use super::{PASSWORD, PIN, fetch, lists, own_key, run};
use crate::{harness::app::TestApp, signing::subscriber::plain_pdf};
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Who answers for every kind of these tests.
const RESPONSIBLE: &str = "001085012346";

/// A request of that kind; the person is who answers for it.
pub fn request(kind: &str) -> Value {
    let mut request = json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
        "kind": kind, "full_name": "Trần Văn Đức", "personal_number": "001085012346", "birth_date": "1985-07-19",
        "sex": "male", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm",
        "organization": "Ủy ban nhân dân phường Hoàn Kiếm", "tax_code": "0101234567" } });
    match kind {
        "device" => {
            request["subscriber"]["subject_name"] = json!("Máy chủ liên thông văn bản 01");
            request["subscriber"]["device_serial"] = json!("SN-2026-0001");
        }
        "payment_provider" => {
            request["hierarchy"] = json!("citizens");
            request["subscriber"]["organization"] = json!("Công ty Thanh toán Thử Nghiệm");
        }
        _ => {}
    }
    request
}

/// Enters a request as the registrar and approves it as that account; its activation code.
pub async fn approved_by(test: &TestApp, approver: &str, request: &Value) -> String {
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in(approver).await);
    let (status, request) = test.post("/api/v1/requests", &registrar, request).await;
    assert_eq!(status, 201, "{request}");
    let path = format!("/api/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let digest = json!({ "content_digest": request["content_digest"] });
    let (status, answer) = test.post(&path, &approver, &digest).await;
    assert_eq!(status, 200, "{answer}");
    test.code(&request, &registrar).await
}

/// A certificate of that kind, as its receipt tells; a key of one's own lies in `key.pem`.
pub async fn issued_of(test: &TestApp, kind: &str, at: &Path) -> Value {
    let approver = if kind == "seal" { "duyet" } else { "quantri" };
    let code = approved_by(test, approver, &request(kind)).await;
    let mut body = json!({ "code": code, "login": format!("of.{}", kind.replace('_', ".")), "password": PASSWORD });
    match kind {
        "seal" => body["pin"] = json!(PIN),
        _ => body["request"] = json!(own_key::request(at, own_key::P256, "")),
    }
    let (status, receipt) = test.redeem(&test.session_of(RESPONSIBLE).await, &body).await;
    assert_eq!(status, 201, "{receipt}");
    receipt
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_is_entered_approved_and_issued_by_its_road() {
    let test = TestApp::sqlite().await;
    let (registrar, approver, officer) =
        (test.log_in("dangky").await, test.log_in("duyet").await, test.log_in("quantri").await);
    let operator = test.log_in("gianhang").await;
    let subjects = [
        ("seal", "CN=Ủy ban nhân dân phường Hoàn Kiếm", "MST:0101234567"),
        ("device", "CN=Máy chủ liên thông văn bản 01", "SN-2026-0001"),
        ("payment_provider", "CN=Công ty Thanh toán Thử Nghiệm", "MST:0101234567"),
    ];
    for (kind, name, identifier) in subjects {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        // Booths enter persons only.
        assert_eq!(test.post("/api/v1/requests", &operator, &request(kind)).await.0, 403, "{kind}");
        let (status, entered) = test.post("/api/v1/requests", &registrar, &request(kind)).await;
        assert_eq!((status, &entered["kind"]), (201, &json!(kind)), "{entered}");
        assert_eq!(test.post("/api/v1/requests", &registrar, &request(kind)).await.0, 409, "{kind}: a second one");
        let path = format!("/api/v1/requests/{}", entered["id"].as_str().unwrap());
        // Seals are the approvers' to decide, keys of devices and providers the security officer's.
        let digest = json!({ "content_digest": entered["content_digest"] });
        let (wrong, right) = if kind == "seal" { (&officer, &approver) } else { (&approver, &officer) };
        assert_eq!(test.post(&format!("{path}/approve"), &registrar, &digest).await.0, 403, "{kind}");
        assert_eq!(test.post(&format!("{path}/approve"), wrong, &digest).await.0, 403, "{kind}");
        let (status, answer) = test.post(&format!("{path}/approve"), right, &digest).await;
        assert_eq!(status, 200, "{answer}");
        let code = test.code(&entered, &registrar).await;
        let token = test.session_of(RESPONSIBLE).await;
        // What it will say, and who answers for it.
        let (_, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
        assert_eq!(preview["responsible"], "Trần Văn Đức", "{preview}");
        assert_eq!(preview["own_key_only"], json!(kind != "seal"), "{preview}");
        let login = format!("of.{kind}");
        let mut body = json!({ "code": code, "login": login, "password": PASSWORD, "pin": PIN });
        body["confirmed"] = preview["content_digest"].clone();
        let (status, receipt) = test.redeem(&token, &body).await;
        let receipt = match kind {
            "seal" => {
                assert_eq!(status, 201, "{receipt}");
                receipt
            }
            // A key of a device or provider is never made here.
            _ => {
                assert_eq!((status, &receipt["type"]), (409, &json!("urn:chuky:problem:own_key_needed")), "{receipt}");
                body.as_object_mut().unwrap().remove("pin");
                body["request"] = json!(own_key::request(at, own_key::P256, ""));
                let (status, receipt) = test.redeem(&token, &body).await;
                assert_eq!(status, 201, "{receipt}");
                receipt
            }
        };
        let hierarchy = request(kind)["hierarchy"].as_str().unwrap().to_owned();
        fetch(&test, at, &hierarchy, &receipt).await;
        let subject = run(at, "openssl x509 -in subscriber.pem -noout -subject -nameopt utf8,sep_comma_plus");
        assert!(subject.contains(name) && subject.contains(identifier), "{subject}");
        assert!(!subject.contains("Trần Văn Đức") && !subject.contains("001085012346"), "{subject}");
    }
    // One person, three roads, one account, which has a role for each; the seal's key alone lies here.
    let account = test.app.store.account_by_login("of.seal").await.unwrap().unwrap();
    for role in [Role::Clerk, Role::Official, Role::PaymentProvider] {
        assert!(account.roles.contains(&role), "{role:?}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM credential").trim().lines().last(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_seals_with_the_key_in_the_module() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let receipt = issued_of(&test, "seal", directory.path()).await;
    let (status, session) =
        test.post("/api/v1/session", "", &json!({ "login": "of.seal", "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    let clerk = session["token"].as_str().unwrap();
    let (status, answer) = test.get("/api/v1/credentials", clerk).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_string().contains(receipt["serial"].as_str().unwrap()), "{answer}");
    // The seal's look is its own; its clerk is nobody's official.
    let (status, document) = test.request("POST", "/api/v1/documents", clerk, "application/pdf", plain_pdf()).await;
    assert_eq!(status, 201, "{document}");
    let path = format!("/api/v1/documents/{}/sign", document["id"].as_str().unwrap());
    let order = |look: &str| json!({ "credential": receipt["credential"], "pin": PIN, "look": look });
    let (status, answer) = test.post(&path, clerk, &order("official")).await;
    assert_eq!((status, &answer["type"]), (422, &json!("urn:chuky:problem:look_of_another")), "{answer}");
    let (status, answer) = test.post(&path, clerk, &order("seal")).await;
    assert_eq!(status, 200, "{answer}");
    // A key type that the profile does not certify is refused before anything is reserved.
    let mut other = request("seal");
    other["subscriber"]["subject_name"] = json!("Văn phòng phường");
    let code = approved_by(&test, "duyet", &other).await;
    let body = json!({ "code": code, "pin": PIN, "algorithm": "rsa2048" });
    let (status, answer) = test.redeem(clerk, &body).await;
    assert_eq!((status, &answer["type"]), (422, &json!("urn:chuky:problem:algorithm_not_admitted")), "{answer}");
}

/// What made a clerk or a provider of an account goes with the certificate; another one of the kind keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_goes_with_the_last_certificate_that_brought_it() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let officer = test.log_in("quantri").await;
    let seal = issued_of(&test, "seal", directory.path()).await;
    let provider = issued_of(&test, "payment_provider", directory.path()).await;
    let mut other = request("seal");
    other["subscriber"]["subject_name"] = json!("Văn phòng phường");
    let code = approved_by(&test, "duyet", &other).await;
    let body = json!({ "code": code, "pin": PIN });
    let (status, second) = test.redeem(&test.session_of(RESPONSIBLE).await, &body).await;
    assert_eq!(status, 201, "{second}");
    let roles = async || test.app.store.account_by_login("of.seal").await.unwrap().unwrap().roles;
    assert_eq!(roles().await, [Role::Clerk, Role::PaymentProvider]);
    for (receipt, left) in
        [(&seal, vec![Role::Clerk, Role::PaymentProvider]), (&provider, vec![Role::Clerk]), (&second, vec![])]
    {
        let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
        let (status, answer) = test.post(&path, &officer, &json!({ "reason": "privilege_withdrawn" })).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(roles().await, left);
    }
    let clerk = test.session_of(RESPONSIBLE).await;
    assert_eq!(test.get("/api/v1/documents", &clerk).await.0, 403);
}

/// A payment provider's certificate stands beside those of citizens; who serves citizens at a booth cannot stop its payments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_changed_by_those_who_enter_its_kind() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let receipt = issued_of(&test, "payment_provider", directory.path()).await;
    let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
    let (operator, registrar) = (test.log_in("gianhang").await, test.log_in("dangky").await);
    assert_eq!(test.get(&path, &operator).await.0, 404);
    for (change, body) in [("suspend", json!({})), ("revoke", json!({ "reason": "unspecified" }))] {
        let (status, answer) = test.post(&format!("{path}/{change}"), &operator, &body).await;
        assert_eq!(status, 404, "{change}: {answer}");
    }
    let (status, answer) = test.get(&path, &registrar).await;
    assert_eq!((status, &answer["state"]), (200, &json!("issued")), "{answer}");
    let (status, answer) = test.post(&format!("{path}/suspend"), &registrar, &json!({})).await;
    assert_eq!((status, &answer["state"]), (200, &json!("suspended")), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_tools_accept_every_kind() {
    let test = TestApp::sqlite().await;
    let linters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin"));
    for kind in ["seal", "device", "payment_provider"] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let receipt = issued_of(&test, kind, at).await;
        let hierarchy = request(kind)["hierarchy"].as_str().unwrap().to_owned();
        fetch(&test, at, &hierarchy, &receipt).await;
        let verify =
            "openssl verify -x509_strict -crl_check_all -CRLfile both.crl -CAfile root.pem -untrusted issuing.pem";
        assert_eq!(run(at, &format!("{verify} subscriber.pem")), "subscriber.pem: OK\n", "{kind}");
        run(at, "cat subscriber.pem issuing.pem > chain.pem");
        let text = run(at, "certtool --verify --load-ca-certificate root.pem --infile chain.pem");
        assert!(text.contains("Verified. The certificate is trusted."), "{kind}: {text}");
        if linters.join("lint_pkix_cert").exists() {
            let text = run(at, &format!("{}/lint_pkix_cert lint -s NOTICE -f CSV subscriber.pem", linters.display()));
            let clean = ["ERROR", "FATAL", "Traceback"].iter().all(|word| !text.contains(word));
            assert!(clean && text.starts_with("node_path,"), "{kind}: {text}");
        } else {
            println!("SKIPPED: no pkilint in target/venv (scripts/venv makes it)");
        }
        // Revoked, it is on the list.
        let officer = test.log_in("quantri").await;
        let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
        assert_eq!(test.post(&path, &officer, &json!({ "reason": "privilege_withdrawn" })).await.0, 200);
        lists(&test, at, &hierarchy).await;
        fs::write(at.join("both.crl"), run(at, "cat root.crl issuing.crl")).unwrap();
        assert!(run(at, &format!("{verify} subscriber.pem")).contains("certificate revoked"), "{kind}");
    }
}

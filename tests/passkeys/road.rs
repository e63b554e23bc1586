//! From a passkey's registration to a certificate that rests on its assertion, on both databases, with OpenSSL as the judge of what the audit
//! log tells; and the rule that demands passkeys of everybody.

use super::{added, approved, approver, asked, authenticator::octets, confirmed, entered, path_of, problem, redeemed};
use crate::harness::app::{Backend, TestApp};
use chuky::config::ApprovalRule;
use chuky_model::role::Role;
use openssl::sha::sha256;
use serde_json::{Value, json};
use std::{fs, process::Command};

async fn road(backend: Backend) {
    let test = TestApp::start_with(backend, |settings| {
        settings.public_url = settings.public_url.replace("127.0.0.1", "localhost");
    })
    .await;
    let (officer, token) = (test.log_in("quantri").await, test.log_in("duyet").await);
    // A password adds a passkey, which then waits for another person; the holder reads the code out.
    let wrong = json!({ "password": "không phải mật khẩu này" });
    assert_eq!(problem(&test.post("/api/v1/passkeys/options", &token, &wrong).await.1), "password_wrong");
    assert_eq!(problem(&test.post("/api/v1/passkeys/options", &token, &json!({})).await.1), "password_missing");
    let (mut passkey, view) = added(&test, "duyet", &token).await;
    assert_eq!(view["comparison_code"].as_str().unwrap().len(), "481 516 234 215".len());
    let first = entered(&test, 1).await;
    let subject = format!("request:{}", first["id"].as_str().unwrap());
    let ask = asked(&test, &token, &subject, &first["content_digest"]).await;
    assert_eq!(ask["needed"], json!(false), "nobody has confirmed it, so it is not demanded");
    let body = json!({ "content_digest": first["content_digest"], "assertion": passkey.answer(&ask) });
    let (status, answer) = test.post(&path_of(&first, "approve"), &token, &body).await;
    assert_eq!((status, problem(&answer)), (409, "passkey_not_confirmed"), "{answer}");
    let (_, waiting) = test.get("/api/v1/passkeys/waiting", &officer).await;
    assert_eq!(waiting["passkeys"][0]["comparison_code"], view["comparison_code"], "{waiting}");
    let path = format!("/api/v1/passkeys/{}/confirm", view["id"].as_str().unwrap());
    let other = json!({ "content_digest": "00" });
    assert_eq!(problem(&test.post(&path, &officer, &other).await.1), "passkey_moved_on");
    // Never by its own holder, with whichever of their accounts.
    let person = test.app.store.account_by_login("duyet").await.unwrap().unwrap().person_lookup.unwrap();
    let twin = test.account_of("duyet.an.ninh", &[Role::SecurityOfficer], Some(person.try_into().unwrap())).await.1;
    let digest = json!({ "content_digest": view["content_digest"] });
    assert_eq!(problem(&test.post(&path, &twin, &digest).await.1), "own_passkey");
    confirmed(&test, &view).await;
    assert_eq!(test.post(&path, &officer, &digest).await.0, 409, "once");
    // From then on the account approves with it only.
    let without = json!({ "content_digest": first["content_digest"] });
    let (status, answer) = test.post(&path_of(&first, "approve"), &token, &without).await;
    assert_eq!((status, problem(&answer)), (409, "passkey_needed"), "{answer}");
    approved(&test, &token, &mut passkey, &first).await;
    let (status, receipt) = redeemed(&test, &first, "hong.uong").await;
    assert_eq!(status, 201, "{receipt}");
    let (_, list) = test.get("/api/v1/passkeys", &token).await;
    assert!(list["passkeys"][0]["last_used_at"].is_string(), "{list}");
    judged_by_openssl(&test, &first).await;
}

/// The entry of the approval has everything that another tool needs.
async fn judged_by_openssl(test: &TestApp, request: &Value) {
    let subject = format!("request:{}", request["id"].as_str().unwrap());
    let auditor = test.log_in("kiemtoan").await;
    let (status, found) = test.get(&format!("/api/v1/audit/entries?subject={subject}"), &auditor).await;
    assert_eq!(status, 200, "{found}");
    let entries = found["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["kind"] == "request.approved").unwrap();
    let kept = &entry["content"]["assertion"];
    // 1. The statement is of this request with this content.
    let statement = kept["statement"].as_str().unwrap();
    let digest = request["content_digest"].as_str().unwrap();
    assert!(statement.starts_with("chuky-passkey-v1\npurpose: approve\n"), "{statement}");
    assert!(statement.contains(&format!("\nsubject: {subject}\ncontent: {digest}\naccount: ")), "{statement}");
    // 2. Its SHA-256 is the challenge.
    let client: Value = serde_json::from_slice(&octets(&kept["client_data"])).unwrap();
    assert_eq!(octets(&client["challenge"]), sha256(statement.as_bytes()));
    assert_eq!(client["origin"].as_str(), Some(test.app.settings.public_url.as_str()));
    // 3. Signed by the key that the log names.
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let signed = [octets(&kept["authenticator_data"]), sha256(&octets(&kept["client_data"])).to_vec()].concat();
    fs::write(at("signed"), &signed).unwrap();
    fs::write(at("signature"), octets(&kept["signature"])).unwrap();
    fs::write(at("key.der"), octets(&kept["public_key"])).unwrap();
    let judge = |name: &str| {
        Command::new("openssl")
            .args(["dgst", "-sha256", "-keyform", "DER", "-verify"])
            .arg(at("key.der"))
            .arg("-signature")
            .arg(at("signature"))
            .arg(at(name))
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(judge("signed"));
    fs::write(at("other"), [&signed[..], b"x"].concat()).unwrap();
    assert!(!judge("other"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_rests_on_an_assertion_on_sqlite() {
    road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_rests_on_an_assertion_on_postgres() {
    road(Backend::Postgres).await;
}

/// A second passkey is as good as what it was added with, and a removed one leaves no way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passkeys_are_added_and_removed_and_never_make_approving_easier() {
    let test = super::service(|_| ()).await;
    let (token, mut first, view) = approver(&test).await;
    // With the password alone another one waits; with the confirmed one it approves at once.
    let (_, waiting) = added(&test, "duyet", &token).await;
    let (_, ask) = test.post("/api/v1/passkeys/challenge", &token, &json!({})).await;
    let proof = json!({ "assertion": first.answer(&ask) });
    let (status, options) = test.post("/api/v1/passkeys/options", &token, &proof).await;
    assert_eq!(status, 200, "{options}");
    let origin = test.app.settings.public_url.clone();
    let (mut second, answer) = super::authenticator::Authenticator::register(&origin, &options, "Khóa USB");
    let (status, added) = test.post("/api/v1/passkeys", &token, &answer).await;
    assert_eq!((status, &added["confirmed"]), (201, &json!(true)), "{added}");
    assert_eq!(problem(&test.post("/api/v1/passkeys", &token, &answer).await.1), "passkey_challenge_over", "once");
    assert_eq!(
        problem(&test.post("/api/v1/passkeys/options", &token, &proof).await.1),
        "passkey_refused",
        "an old count"
    );
    let request = entered(&test, 1).await;
    approved(&test, &token, &mut second, &request).await;
    // No API key changes passkeys, and nobody those of others.
    let (_, key) = test.account("nguoi.khac", &[Role::Approver], None).await;
    let remove = |view: &Value| format!("/api/v1/passkeys/{}/remove", view["id"].as_str().unwrap());
    let password = json!({ "password": test.passwords["duyet"] });
    assert_eq!(test.post(&remove(&view), &key, &password).await.0, 404);
    assert_eq!(test.post(&remove(&view), &token, &json!({})).await.0, 403);
    for one in [&view, &waiting, &added] {
        assert_eq!(test.post(&remove(one), &token, &password).await.0, 204);
    }
    // What was approved before stands; nothing is approved any more, although no passkey is left.
    assert_eq!(redeemed(&test, &request, "hong.uong").await.0, 201);
    let request = entered(&test, 2).await;
    let without = json!({ "content_digest": request["content_digest"] });
    assert_eq!(problem(&test.post(&path_of(&request, "approve"), &token, &without).await.1), "passkey_needed");
    let kinds = test.sql("SELECT kind FROM audit_entry");
    for kind in ["passkey.added", "passkey.confirmed", "passkey.used", "passkey.removed", "passkey_enrolment.made"] {
        assert!(kinds.contains(kind), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rule_demands_passkeys_of_everybody_and_lets_the_first_be_confirmed() {
    let test = super::service(|settings| settings.registration.approval = ApprovalRule::PasskeyRequired).await;
    let request = entered(&test, 1).await;
    let token = test.log_in("duyet").await;
    let without = json!({ "content_digest": request["content_digest"] });
    assert_eq!(problem(&test.post(&path_of(&request, "approve"), &token, &without).await.1), "passkey_needed");
    let (token, mut passkey, _) = approver(&test).await;
    approved(&test, &token, &mut passkey, &request).await;
    assert_eq!(redeemed(&test, &request, "hong.uong").await.0, 201);
    // An officer with a confirmed passkey confirms with it only.
    let officer = test.log_in("quantri").await;
    let (mut own, view) = added(&test, "quantri", &officer).await;
    let second = test.account("an.ninh.hai", &[Role::SecurityOfficer], Some("079080990009")).await.1;
    let path = |view: &Value| format!("/api/v1/passkeys/{}/confirm", view["id"].as_str().unwrap());
    let digest = json!({ "content_digest": view["content_digest"] });
    assert_eq!(test.post(&path(&view), &second, &digest).await.0, 204);
    let (_, waits) = added(&test, "duyet", &token).await;
    let digest = json!({ "content_digest": waits["content_digest"] });
    assert_eq!(problem(&test.post(&path(&waits), &officer, &digest).await.1), "passkey_needed");
    let subject = format!("passkey:{}", waits["id"].as_str().unwrap());
    let ask = asked(&test, &officer, &subject, &waits["content_digest"]).await;
    let body = json!({ "content_digest": waits["content_digest"], "assertion": own.answer(&ask) });
    assert_eq!(test.post(&path(&waits), &officer, &body).await.0, 204);
}

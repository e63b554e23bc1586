//! Every assertion that proves something else, and what whoever has SQL, or a passkey that was lost, can make of an approval: nothing.

use super::{
    added, approved, approver, asked,
    authenticator::{Saying, text},
    entered, path_of, problem, redeemed, service,
};
use chuky::attestation;
use chuky_model::{
    id::{AccountId, RequestId},
    record::{request::Approval, state::Decision},
    role::Role,
};
use serde_json::{Value, json};

/// One way in which an answer can be wrong, and what is said of it.
type Wrong = (&'static str, fn(&mut Saying), &'static str);

const WRONG: [Wrong; 9] = [
    ("another origin", |saying| saying.origin = "http://localhost.evil:80".to_owned(), "passkey_refused"),
    ("another port", |saying| saying.origin = "http://localhost:1".to_owned(), "passkey_refused"),
    ("another relying party", |saying| saying.rp = "evil".to_owned(), "passkey_refused"),
    ("another ceremony", |saying| saying.kind = "webauthn.create".to_owned(), "passkey_refused"),
    ("another challenge", |saying| saying.challenge = text(&[7; 32]), "passkey_refused"),
    ("no user verification", |saying| saying.flags = 0x01, "passkey_refused"),
    ("nobody present", |saying| saying.flags = 0x04, "passkey_refused"),
    ("a backup of what has none", |saying| saying.flags = 0x1d, "passkey_refused"),
    ("a counter that does not grow", |saying| saying.counter = 1, "passkey_refused"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_assertion_approves() {
    let test = service(|_| ()).await;
    let (token, mut passkey, _) = approver(&test).await;
    let (first, second) = (entered(&test, 1).await, entered(&test, 2).await);
    approved(&test, &token, &mut passkey, &first).await;
    let (subject, digest) = (format!("request:{}", second["id"].as_str().unwrap()), second["content_digest"].clone());
    let approve = async |assertion: Value| {
        let body = json!({ "content_digest": digest, "assertion": assertion });
        let (status, answer) = test.post(&path_of(&second, "approve"), &token, &body).await;
        (status, problem(&answer).to_owned())
    };
    let refused = |code: &str| (409, code.to_owned());
    for (what, alter, code) in WRONG {
        let ask = asked(&test, &token, &subject, &digest).await;
        assert_eq!(approve(passkey.answer_wrongly(&ask, alter)).await, refused(code), "{what}");
    }
    // A genuine answer to something else: another request, another digest, another purpose, another account's question.
    let other = format!("request:{}", first["id"].as_str().unwrap());
    for (subject, content) in [(&other, &digest), (&subject, &json!("00"))] {
        let ask = asked(&test, &token, subject, content).await;
        assert_eq!(approve(passkey.answer(&ask)).await, refused("passkey_other_content"));
    }
    for path in ["/api/v1/passkeys/challenge", "/api/v1/session/passkey/options"] {
        let ask = test.post(path, &token, &json!({})).await.1;
        assert_eq!(approve(passkey.answer(&ask)).await, refused("passkey_challenge_over"), "{path}");
    }
    let officer = test.log_in("quantri").await;
    let ask = asked(&test, &officer, &subject, &digest).await;
    assert_eq!(approve(passkey.answer(&ask)).await, refused("passkey_other_content"));
    // Another account's passkey, one that nobody knows, and a token that is made up.
    let (mut others, _) = added(&test, "quantri", &officer).await;
    let ask = asked(&test, &token, &subject, &digest).await;
    assert_eq!(approve(others.answer(&ask)).await, refused("passkey_unknown"));
    assert_eq!(
        approve(passkey.answer_wrongly(&ask, |one| one.credential_id = vec![1; 16])).await,
        refused("passkey_unknown")
    );
    let mut made_up = passkey.answer(&ask);
    made_up["token"] = json!(text(&[1; 200]));
    assert_eq!(approve(made_up).await, refused("passkey_challenge_over"));
    // Too late, and then in time; once.
    let late = passkey.answer(&ask);
    test.app.clock.shift_seconds(301);
    assert_eq!(approve(late).await, refused("passkey_challenge_over"));
    let ask = asked(&test, &token, &subject, &digest).await;
    let answer = passkey.answer(&ask);
    assert_eq!(approve(answer.clone()).await.0, 200);
    let third = entered(&test, 3).await;
    let body = json!({ "content_digest": third["content_digest"], "assertion": answer });
    let (status, told) = test.post(&path_of(&third, "approve"), &token, &body).await;
    assert_eq!((status, problem(&told)), (409, "passkey_other_content"), "{told}");
    assert_eq!(redeemed(&test, &second, "hong.uong").await.0, 201);
}

/// Two answers to one question in the same moment: one of them counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_is_used_once_whoever_is_faster() {
    let test = service(|_| ()).await;
    let (token, mut passkey, _) = approver(&test).await;
    let request = entered(&test, 1).await;
    let subject = format!("request:{}", request["id"].as_str().unwrap());
    let ask = asked(&test, &token, &subject, &request["content_digest"]).await;
    let (one, other) = (passkey.answer(&ask), passkey.answer(&ask));
    let path = path_of(&request, "approve");
    let body = |assertion: Value| json!({ "content_digest": request["content_digest"], "assertion": assertion });
    let (one, other) = (body(one), body(other));
    let (one, other) = tokio::join!(test.post(&path, &token, &one), test.post(&path, &token, &other));
    let statuses = [one.0, other.0];
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{one:?} {other:?}");
    let kept = test.sql("SELECT count(*) FROM approval_assertion");
    assert_eq!(kept.trim(), "1");
}

/// Somebody with SQL, or with a key of the HSM for MACs, but without the approver's passkey.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuing_asks_for_the_assertion_again() {
    let test = service(|_| ()).await;
    let (token, mut passkey, _) = approver(&test).await;
    let requests = [entered(&test, 1).await, entered(&test, 2).await, entered(&test, 3).await];
    for request in &requests {
        approved(&test, &token, &mut passkey, request).await;
    }
    let operator = test.log_in("gianhang").await;
    let mut codes = Vec::new();
    for request in &requests {
        codes.push(test.code(request, &operator).await);
    }
    let preview = async |code: &str| {
        let (status, answer) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
        (status, problem(&answer).to_owned())
    };
    assert_eq!(preview(&codes[0]).await.0, 200);
    for trigger in ["update", "delete"] {
        test.sql(&format!("DROP TRIGGER approval_assertion_no_{trigger}"));
    }
    let subject = |request: &Value| format!("request:{}", request["id"].as_str().unwrap());
    // Swapped: the second's assertion stands with the first.
    let (first, second) = (subject(&requests[0]), subject(&requests[1]));
    test.sql(&format!("UPDATE approval_assertion SET subject = 'x' WHERE subject = '{first}'"));
    test.sql(&format!("UPDATE approval_assertion SET subject = '{first}' WHERE subject = '{second}'"));
    assert_eq!(preview(&codes[0]).await.0, 500, "the row's MAC no longer fits");
    test.sql(&format!("UPDATE approval_assertion SET subject = '{second}' WHERE subject = '{first}'"));
    test.sql(&format!("UPDATE approval_assertion SET subject = '{first}' WHERE subject = 'x'"));
    assert_eq!(preview(&codes[0]).await.0, 200);
    // Taken away.
    test.sql(&format!("DELETE FROM approval_assertion WHERE subject = '{second}'"));
    assert_eq!(preview(&codes[1]).await, (409, "approval_void".to_owned()));
    // The account is made one that never had a passkey.
    test.sql("DELETE FROM passkey_enrolment");
    assert_eq!(preview(&codes[1]).await.0, 500, "the log knows that it had");
}

/// An approval whose MAC is genuine, made by whoever has taken over the service: the approver's passkey has not signed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_even_a_genuine_row_stands_in_for_the_approvers_passkey() {
    let test = service(|_| ()).await;
    approver(&test).await;
    let request = entered(&test, 4).await;
    let approver: AccountId = test.app.store.account_by_login("duyet").await.unwrap().unwrap().id;
    let (other, key) = test.account("duyet.hai", &[Role::Approver], None).await;
    let body = json!({ "content_digest": request["content_digest"] });
    assert_eq!(test.post(&path_of(&request, "approve"), &key, &body).await.0, 200);
    let id: RequestId = request["id"].as_str().unwrap().parse().unwrap();
    let kept = test.app.store.approvals_of_request(id).await.unwrap().remove(0);
    assert_eq!((kept.approver_id, kept.decision), (other, Decision::Approved));
    let mut forged = Approval { approver_id: approver, ..kept };
    attestation::attest(&*test.app.tokens.subscribers, &mut forged).await.unwrap();
    test.sql("DROP TRIGGER approval_no_delete");
    test.sql("DELETE FROM approval");
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.insert_approval(&forged).await.unwrap();
    transaction.commit().await.unwrap();
    let operator = test.log_in("gianhang").await;
    let (status, answer) = test.post(&path_of(&request, "code"), &operator, &json!({})).await;
    assert_eq!((status, problem(&answer)), (409, "approval_void"), "{answer}");
}

/// A database administrator writes a passkey of their own into the approver's account, or another key into the approver's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_sql_made_approves_and_opens_nothing() {
    let test = service(|_| ()).await;
    let (token, _, _) = approver(&test).await;
    let officer = test.log_in("quantri").await;
    let (mut own, _) = added(&test, "quantri", &officer).await;
    let request = entered(&test, 1).await;
    let subject = format!("request:{}", request["id"].as_str().unwrap());
    let duyet = hex::encode(test.app.store.account_by_login("duyet").await.unwrap().unwrap().id.as_bytes());
    let quantri = hex::encode(test.app.store.account_by_login("quantri").await.unwrap().unwrap().id.as_bytes());
    let ask = asked(&test, &token, &subject, &request["content_digest"]).await;
    // Theirs is made the approver's, confirmed.
    test.sql(&format!(
        "UPDATE passkey SET account_id = x'{duyet}', confirmed_by = x'{quantri}', confirmed_at = created_at \
         WHERE account_id = x'{quantri}'"
    ));
    let mut answer = own.answer(&ask);
    answer.as_object_mut().unwrap().remove("user_handle");
    let body = json!({ "content_digest": request["content_digest"], "assertion": answer });
    assert_eq!(test.post(&path_of(&request, "approve"), &token, &body).await.0, 500);
    let (_, ask) = test.post("/api/v1/session/passkey/options", "", &json!({})).await;
    let mut answer = own.answer(&ask);
    answer.as_object_mut().unwrap().remove("user_handle");
    assert_eq!(test.post("/api/v1/session/passkey", "", &answer).await.0, 500);
}

/// A lost passkey takes with it what it approved and nobody has redeemed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_passkey_approved_is_void() {
    let test = service(|_| ()).await;
    let (token, mut passkey, view) = approver(&test).await;
    let (first, second) = (entered(&test, 1).await, entered(&test, 2).await);
    approved(&test, &token, &mut passkey, &first).await;
    approved(&test, &token, &mut passkey, &second).await;
    assert_eq!(redeemed(&test, &first, "hong.uong").await.0, 201);
    let operator = test.log_in("gianhang").await;
    let code = test.code(&second, &operator).await;
    // A security officer removes it: nobody needs the holder for that.
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/passkeys/{}/remove", view["id"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &json!({ "lost": true })).await.0, 204);
    let (status, answer) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!((status, problem(&answer)), (409, "approval_void"), "{answer}");
    let third = entered(&test, 3).await;
    let body = json!({ "content_digest": third["content_digest"] });
    assert_eq!(problem(&test.post(&path_of(&third, "approve"), &token, &body).await.1), "passkey_needed");
}

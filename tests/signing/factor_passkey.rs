//! The second factor at the activation, by passkey: bound to the credential, the client and each thing that was shown; once, on all nodes.

use super::{
    factor::{another_node, entries, problem, tries_left},
    subscriber::{PASSWORD, PIN, Subscriber, official, plain_pdf},
};
use crate::{
    harness::app::{Backend, TestApp},
    passkeys::{added_by, authenticator::Authenticator, confirmed},
};
use serde_json::{Value, json};

/// An official whose passkey a security officer has confirmed.
async fn with_passkey(test: &TestApp, official: &Subscriber) -> Authenticator {
    let (made, view) = added_by(test, &official.token, PASSWORD).await;
    confirmed(test, &view).await;
    made
}

async fn service(backend: Backend) -> TestApp {
    let at_a_name = |url: &str| url.replace("127.0.0.1", "localhost");
    TestApp::start_with(backend, |settings| settings.public_url = at_a_name(&settings.public_url)).await
}

/// What the page shows of a document.
async fn sha256(test: &TestApp, who: &Subscriber, id: &str) -> String {
    hex::encode(openssl::sha::sha256(&who.content(test, id).await))
}

async fn asked(test: &TestApp, token: &str, body: &Value) -> Value {
    let (status, asked) = test.post("/api/v1/activation-challenge", token, body).await;
    assert_eq!(status, 200, "{asked}");
    asked
}

async fn a_passkey_signs_exactly_what_it_confirmed(backend: Backend) {
    let test = service(backend).await;
    let official = official(&test, "p256").await;
    let (one, other) = (official.upload(&test, &plain_pdf()).await, {
        let mut pdf = plain_pdf();
        pdf.extend(b"\n");
        official.upload(&test, &pdf).await
    });
    let (mut unconfirmed, view) = added_by(&test, &official.token, PASSWORD).await;
    let shown = sha256(&test, &official, &one).await;
    let order = json!({ "credential": official.credential, "shown": [shown] });
    // One that nobody has confirmed is worth the password: it is no factor, and the PIN alone still signs.
    let (status, answer) = test.post("/api/v1/activation-challenge", &official.token, &order).await;
    assert_eq!((status, problem(&answer)), (409, "passkey_not_confirmed"), "{answer}");
    confirmed(&test, &view).await;
    let (status, answer) = official.ask(&test, &one, PIN, json!({})).await;
    assert_eq!((status, problem(&answer)), (403, "factor_needed"), "{answer}");
    // The statement says all of it.
    let statement = asked(&test, &official.token, &order).await;
    let text = statement["statement"].as_str().unwrap();
    for part in ["purpose: activate", &official.credential, "client:session:", &format!("content: 1 {shown}\n")] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // For another document, another credential, another client, another purpose: refused, and nothing is tried.
    let given = unconfirmed.answer(&statement);
    let (status, answer) = official.ask(&test, &other, PIN, json!({ "assertion": given })).await;
    assert_eq!((status, problem(&answer)), (409, "passkey_other_content"), "{answer}");
    let foreign = [
        json!({ "credential": "00000000-0000-7000-8000-000000000000", "shown": [shown] }),
        json!({ "credential": official.credential, "shown": [shown], "client": "oauth_client:1" }),
        json!({ "credential": official.credential, "shown": ["00".repeat(32)] }),
    ];
    for order in foreign {
        let given = unconfirmed.answer(&asked(&test, &official.token, &order).await);
        let (status, answer) = official.ask(&test, &one, PIN, json!({ "assertion": given })).await;
        assert_eq!((status, problem(&answer)), (409, "passkey_other_content"), "{order}: {answer}");
    }
    let (_, change) = test.post("/api/v1/passkeys/challenge", &official.token, &json!({})).await;
    let given = unconfirmed.answer(&change);
    assert_eq!(official.ask(&test, &one, PIN, json!({ "assertion": given })).await.0, 409);
    let forged = unconfirmed.answer_wrongly(&statement, |saying| saying.challenge = "AAAA".to_owned());
    let (_, answer) = official.ask(&test, &one, PIN, json!({ "assertion": forged })).await;
    assert_eq!(problem(&answer), "passkey_refused", "{answer}");
    assert_eq!(tries_left(&test, &official).await, 5);
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'second_factor.declined'").trim(), "6");
    // Right, with the wrong PIN: used up with the try.
    let given = unconfirmed.answer(&statement);
    let both = json!({ "assertion": given, "totp": "123456" });
    assert_eq!(problem(&official.ask(&test, &one, PIN, both).await.1), "factors_both");
    let (_, answer) = official.ask(&test, &one, "khong phai", json!({ "assertion": given })).await;
    assert_eq!((problem(&answer), tries_left(&test, &official).await), ("pin_wrong", 4), "{answer}");
    let (_, answer) = official.ask(&test, &one, PIN, json!({ "assertion": given })).await;
    assert_eq!(problem(&answer), "passkey_refused", "the counter did not grow: {answer}");
    let again = unconfirmed.answer(&statement);
    let (_, answer) = official.ask(&test, &one, PIN, json!({ "assertion": again })).await;
    assert_eq!(problem(&answer), "passkey_challenge_over", "{answer}");
    // Right with the right PIN, and once on all nodes.
    let statement = asked(&test, &official.token, &order).await;
    let given = unconfirmed.answer(&statement);
    let second = another_node(&test).await;
    let more = json!({ "assertion": given, "sha256": shown });
    let (here, there) =
        tokio::join!(official.ask(&test, &one, PIN, more.clone()), official.ask(&second, &one, PIN, more.clone()));
    let signed = [here.0, there.0].iter().filter(|status| **status == 200).count();
    assert_eq!(signed, 1, "{here:?} {there:?}");
    let told = entries(&test, "activation.opened").join("\n");
    assert!(told.contains("purpose: activate") && told.contains("authenticator_data"), "{told}");
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_signs_exactly_what_it_confirmed_on_sqlite() {
    a_passkey_signs_exactly_what_it_confirmed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_signs_exactly_what_it_confirmed_on_postgres() {
    a_passkey_signs_exactly_what_it_confirmed(Backend::Postgres).await;
}

/// Neither the passkey's rows nor its removal lead back to the PIN alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_is_gone_leaves_its_demand() {
    let test = service(Backend::Sqlite).await;
    let official = official(&test, "p256").await;
    let id = official.upload(&test, &plain_pdf()).await;
    let mut passkey = with_passkey(&test, &official).await;
    let shown = sha256(&test, &official, &id).await;
    let order = json!({ "credential": official.credential, "shown": [shown] });
    let given = passkey.answer(&asked(&test, &official.token, &order).await);
    assert_eq!(official.ask(&test, &id, PIN, json!({ "assertion": given })).await.0, 200);
    test.sql("CREATE TABLE kept AS SELECT * FROM passkey");
    test.sql("DELETE FROM passkey");
    let (status, answer) = official.ask(&test, &id, PIN, json!({})).await;
    assert_eq!((status, problem(&answer)), (403, "factor_not_enrolled"), "{answer}");
    test.sql("CREATE TABLE since AS SELECT * FROM passkey_enrolment");
    test.sql("DELETE FROM passkey_enrolment");
    assert_eq!(official.ask(&test, &id, PIN, json!({})).await.0, 500);
    test.sql("INSERT INTO passkey SELECT * FROM kept");
    test.sql("INSERT INTO passkey_enrolment SELECT * FROM since");
    assert_eq!(problem(&official.ask(&test, &id, PIN, json!({})).await.1), "factor_needed");
    let passkey = test.sql("SELECT lower(hex(id)) FROM passkey");
    let passkey = uuid::Uuid::parse_str(passkey.trim()).unwrap();
    let body = json!({ "password": PASSWORD });
    let (status, answer) = test.post(&format!("/api/v1/passkeys/{passkey}/remove"), &official.token, &body).await;
    assert_eq!(status, 204, "{answer}");
    assert_eq!(problem(&official.ask(&test, &id, PIN, json!({})).await.1), "factor_not_enrolled");
}

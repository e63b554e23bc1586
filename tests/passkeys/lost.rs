//! A passkey that is lost takes with it what was added with it; and whoever confirms passkeys sees all that wait for them.

use super::{authenticator::Authenticator, *};
use chuky::attestation;
use chuky::audit::{self, Actor, Entry, Kind};
use chuky_model::{id::PasskeyId, record::passkey::Passkey};

/// Another passkey of the account, added with one that is confirmed.
async fn vouched(test: &TestApp, token: &str, with: &mut Authenticator, name: &str) -> (Authenticator, Value) {
    let (_, ask) = test.post("/api/v1/passkeys/challenge", token, &json!({})).await;
    let (status, options) =
        test.post("/api/v1/passkeys/options", token, &json!({ "assertion": with.answer(&ask) })).await;
    assert_eq!(status, 200, "{options}");
    let (made, answer) = Authenticator::register(&test.app.settings.public_url, &options, name);
    let (status, view) = test.post("/api/v1/passkeys", token, &answer).await;
    assert_eq!((status, &view["confirmed"]), (201, &json!(true)), "{view}");
    (made, view)
}

async fn listed(test: &TestApp, token: &str) -> Vec<Value> {
    test.get("/api/v1/passkeys", token).await.1["passkeys"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_passkey_confirmed_opens_nothing() {
    let test = service(|_| ()).await;
    let (token, mut lost, view) = approver(&test).await;
    // Whoever had it for a minute adds their own, and with that a third.
    let (mut second, _) = vouched(&test, &token, &mut lost, "Khóa lạ").await;
    let (mut third, _) = vouched(&test, &token, &mut second, "Khóa lạ nữa").await;
    let request = entered(&test, 1).await;
    approved(&test, &token, &mut third, &request).await;
    let remove = format!("/api/v1/passkeys/{}/remove", view["id"].as_str().unwrap());
    let body = json!({ "password": test.passwords["duyet"], "lost": true });
    assert_eq!(test.post(&remove, &token, &body).await.0, 204);
    let left = listed(&test, &token).await;
    assert_eq!(left.len(), 2);
    for one in &left {
        assert_eq!((&one["confirmed"], &one["distrusted"]), (&json!(false), &json!(true)), "{one}");
    }
    // They neither approve nor log in, and what one of them approved is void.
    let next = entered(&test, 2).await;
    let subject = format!("request:{}", next["id"].as_str().unwrap());
    for passkey in [&mut second, &mut third] {
        let body = json!({ "subject": subject, "content_digest": next["content_digest"] });
        let (status, answer) = test.post("/api/v1/approval-challenge", &token, &body).await;
        assert_eq!((status, problem(&answer)), (409, "passkey_needed"), "{answer}");
        let (_, ask) = test.post("/api/v1/session/passkey/options", "", &json!({})).await;
        assert_eq!(test.post("/api/v1/session/passkey", "", &passkey.answer(&ask)).await.0, 401);
    }
    let operator = test.log_in("gianhang").await;
    let (status, answer) = test.post(&path_of(&request, "code"), &operator, &json!({})).await;
    assert_eq!((status, problem(&answer)), (409, "approval_void"), "{answer}");
    // A second person confirms one again: it approves from then on, and what was void stays so.
    confirmed(&test, &left[0]).await;
    approved(&test, &token, &mut second, &next).await;
    assert_eq!(redeemed(&test, &next, "hong.uong").await.0, 201);
    assert_eq!(problem(&test.post(&path_of(&request, "code"), &operator, &json!({})).await.1), "approval_void");
    assert!(test.sql("SELECT kind FROM audit_entry").contains("passkey.distrusted"));
}

/// A passkey that another person confirmed stands, whenever it was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_confirmed_stands() {
    let test = service(|_| ()).await;
    let (token, _, view) = approver(&test).await;
    let (mut own, other) = added(&test, "duyet", &token).await;
    confirmed(&test, &other).await;
    let remove = format!("/api/v1/passkeys/{}/remove", view["id"].as_str().unwrap());
    let body = json!({ "password": test.passwords["duyet"], "lost": true });
    assert_eq!(test.post(&remove, &token, &body).await.0, 204);
    let request = entered(&test, 1).await;
    approved(&test, &token, &mut own, &request).await;
}

/// The oldest passkeys that nobody confirms are of people who never approve.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_peoples_passkeys_hide_none_that_wait() {
    let test = service(|_| ()).await;
    let operator = test.app.store.account_by_login("gianhang").await.unwrap().unwrap().id;
    let now = test.app.clock.now();
    let mut transaction = test.app.store.begin().await.unwrap();
    for number in 0..201_u8 {
        let id = PasskeyId(uuid::Uuid::now_v7());
        let mut passkey = Passkey {
            id,
            account_id: operator,
            credential_id: vec![number; 16],
            public_key: vec![number; 16],
            counter: 0,
            backup: 0,
            name: test.app.vault.seal("passkey.name", &id.to_string(), b"x").unwrap(),
            created_at: now.plus_seconds(-1_000),
            confirmed_by: None,
            confirmed_at: None,
            last_used_at: None,
            revoked_at: None,
            distrusted_from: None,
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*test.app.tokens.subscribers, &mut passkey).await.unwrap();
        transaction.insert_passkey(&passkey).await.unwrap();
        let entry = Entry::of_row(now, Kind::PasskeyAdded, Actor::Service, &passkey);
        audit::record(&mut transaction, entry).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let token = test.log_in("duyet").await;
    let (_, view) = added(&test, "duyet", &token).await;
    let officer = test.log_in("quantri").await;
    let (_, waiting) = test.get("/api/v1/passkeys/waiting", &officer).await;
    let waiting = waiting["passkeys"].as_array().unwrap();
    assert_eq!((waiting.len(), &waiting[0]["id"]), (1, &view["id"]));
}

/// Where alarms about somebody's passkeys go is not chosen by whoever enters a request alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alarms_go_to_numbers_that_two_people_have_looked_at() {
    let test = service(|_| ()).await;
    let told = async || -> Vec<String> {
        test.sql("SELECT hex(id) || ' ' || hex(recipient) FROM message ORDER BY created_at")
            .lines()
            .map(|line| {
                let (id, sealed) = line.split_once(' ').unwrap();
                let id = uuid::Uuid::from_slice(&hex::decode(id).unwrap()).unwrap();
                let phone = test.app.vault.open("message.recipient", &id.to_string(), &hex::decode(sealed).unwrap());
                String::from_utf8(phone.unwrap().to_vec()).unwrap()
            })
            .collect()
    };
    let (administrator, officer) = crate::staff::pair(&test).await;
    let token = crate::staff::newcomer(&test, (&administrator, &officer), "bich.le", &["auditor"]).await;
    let before = told().await.len();
    let add = async |token: &str, password: &str| {
        let proof = json!({ "password": password });
        let (status, asked) = test.post("/api/v1/passkeys/options", token, &proof).await;
        assert_eq!(status, 200, "{asked}");
        let (_, answer) = Authenticator::register(&test.app.settings.public_url, &asked, "Điện thoại");
        assert_eq!(test.post("/api/v1/passkeys", token, &answer).await.0, 201);
    };
    add(&token, crate::staff::PASSWORD).await;
    assert_eq!(told().await[before..], ["0912345678"], "the number of the invitation");
    // An operator enters a request about the same person, with a number of the operator's.
    let mut request = citizen(1);
    request["subscriber"]["personal_number"] = json!(crate::staff::NEWCOMER);
    request["subscriber"]["phone"] = json!("0988111678");
    let operator = test.log_in("gianhang").await;
    let (status, answer) = test.post("/api/v1/requests", &operator, &request).await;
    assert_eq!(status, 201, "{answer}");
    add(&token, crate::staff::PASSWORD).await;
    assert_eq!(told().await[before..], ["0912345678", "0912345678"]);
    // Nor does it where no invitation names a number.
    let (_, token) =
        crate::staff::member(&test, "khong.so", &[chuky_model::role::Role::Auditor], Some("001190010002")).await;
    let mut request = citizen(2);
    request["subscriber"]["phone"] = json!("0988111678");
    let (status, answer) = test.post("/api/v1/requests", &operator, &request).await;
    assert_eq!(status, 201, "{answer}");
    add(&token, crate::harness::app::ACCOUNT_PASSWORD).await;
    assert_eq!(told().await.len(), before + 2);
}

/// Rubbish from an address that many share refuses nobody's passkey.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_refuses_nobodys_passkey() {
    let test = service(|_| ()).await;
    let token = test.log_in("gianhang").await;
    let (mut passkey, _) = added(&test, "gianhang", &token).await;
    let rubbish = json!({
        "token": "x", "credential_id": "eA", "authenticator_data": "eA", "client_data": "eA", "signature": "eA",
    });
    let enter = async |answer: &Value| test.post("/api/v1/session/passkey", "", answer).await.0;
    while enter(&rubbish).await != 429 {}
    let (_, ask) = test.post("/api/v1/session/passkey/options", "", &json!({})).await;
    assert_eq!(enter(&passkey.answer(&ask)).await, 200);
}

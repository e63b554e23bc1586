//! The registry of payment providers: changed by two people, held against every payment, and no row that SQL takes away frees anybody.

use crate::harness::{
    app::TestApp,
    payer::{Authority, Payer, p256},
};
use chuky_model::{id::AccountId, role::Role};
use serde_json::{Value, json};
use std::sync::Arc;

const VERIFY: &str = "/api/v1/transactions/verify";
const CHANGES: &str = "/api/v1/payment-providers/changes";

struct Scene {
    test: TestApp,
    provider: (AccountId, String),
    payer: Payer,
    administrator: String,
    officer: String,
}

async fn scene() -> Scene {
    scene_with(|_| ()).await
}

async fn scene_with(alter: impl FnOnce(&mut chuky::config::Settings)) -> Scene {
    let test = TestApp::with(alter).await;
    let provider = test.lasting_account("vi.dien.tu", Role::PaymentProvider).await;
    let payer = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    let (_, administrator) = test.lasting_account("quan.tri", Role::Administrator).await;
    let (_, officer) = test.lasting_account("an.ninh", Role::SecurityOfficer).await;
    Scene { test, provider, payer, administrator, officer }
}

impl Scene {
    async fn send(&self, id: &str) -> (u16, Value) {
        self.bring(self.payer.sign(&self.payer.order(&self.test.app, id))).await
    }

    async fn bring(&self, message: String) -> (u16, Value) {
        self.test.request("POST", VERIFY, &self.provider.1, "application/jose", message.into()).await
    }

    async fn reason(&self, id: &str) -> String {
        let (status, answer) = self.send(id).await;
        assert_eq!(status, 200, "{answer}");
        answer["reasons"][0].as_str().unwrap_or(answer["seen"].as_str().unwrap()).to_owned()
    }

    /// The terms in force, by the way of two people.
    async fn agree(&self, terms: Value) {
        self.agree_of("vi.dien.tu", terms).await;
    }

    async fn agree_of(&self, provider: &str, terms: Value) {
        let body = json!({ "provider": provider, "terms": terms, "reason": "Hợp đồng số 7" });
        let (status, change) = self.test.post(CHANGES, &self.administrator, &body).await;
        assert_eq!(status, 201, "{change}");
        let path = format!("{CHANGES}/{}/approve", change["id"].as_str().unwrap());
        let (status, answer) = self.test.post(&path, &self.officer, &json!({})).await;
        assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_change_terms_and_every_change_is_recorded() {
    let scene = scene().await;
    let body = json!({ "provider": "vi.dien.tu", "terms": { "name": "Ví điện tử", "active": true }, "reason": "Hợp đồng số 7" });
    let (status, change) = scene.test.post(CHANGES, &scene.administrator, &body).await;
    assert_eq!((status, &change["decidable"]), (201, &json!(false)), "{change}");
    // One change at a time; nobody decides on their own; a stranger's account, and terms without sense, are refused.
    assert_eq!(scene.test.post(CHANGES, &scene.administrator, &body).await.0, 409);
    let path = |what: &str| format!("{CHANGES}/{}/{what}", change["id"].as_str().unwrap());
    assert_eq!(scene.test.post(&path("approve"), &scene.administrator, &json!({})).await.0, 403);
    let mut unknown = body.clone();
    unknown["provider"] = "quan.tri".into();
    assert_eq!(scene.test.post(CHANGES, &scene.administrator, &unknown).await.0, 422);
    for (member, value) in [
        ("name", json!("")),
        ("largest_amounts", json!({ "XYZ1": 5 })),
        ("rate", json!({ "count": 0, "seconds": 1 })),
        ("per_day", json!(0)),
        ("certificates", json!([{ "sha256": "00" }])),
    ] {
        let mut wrong = body.clone();
        wrong["terms"][member] = value;
        assert_eq!(scene.test.post(CHANGES, &scene.officer, &wrong).await.0, 422, "{member}");
    }
    assert_eq!(scene.test.sql("SELECT COUNT(*) FROM payment_provider"), "0");
    assert_eq!(scene.test.post(&path("refuse"), &scene.officer, &json!({})).await.0, 200);
    assert_eq!(scene.test.post(&path("approve"), &scene.officer, &json!({})).await.0, 409);
    scene.agree(json!({ "name": "Ví điện tử", "active": true })).await;
    let (_, list) = scene.test.get("/api/v1/payment-providers", &scene.officer).await;
    assert_eq!(
        (&list["providers"][0]["login"], &list["providers"][0]["terms"]["active"]),
        (&json!("vi.dien.tu"), &json!(true))
    );
    let kinds = "SELECT kind FROM audit_entry WHERE kind LIKE '%provider%' ORDER BY recorded_at, id";
    let told: Vec<String> = scene.test.sql(kinds).lines().map(str::to_owned).collect();
    assert_eq!(
        told,
        [
            "provider_change.asked",
            "provider_change.refused",
            "provider_change.asked",
            "provider_change.approved",
            "payment_provider.changed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_are_held_against_every_payment() {
    let scene = scene().await;
    let acquired = scene.payer.sign(&scene.payer.order(&scene.test.app, "A-1"));
    assert_eq!(scene.bring(acquired.clone()).await.1["seen"], "first");
    // An amount above the limit, and a currency that has none.
    scene.agree(json!({ "name": "Ví", "active": true, "largest_amounts": { "VND": 149_999 } })).await;
    assert_eq!(scene.reason("A-2").await, "provider_limit");
    assert_eq!(scene.bring(acquired.clone()).await.1["seen"], "repeated");
    scene.agree(json!({ "name": "Ví", "active": true, "largest_amounts": { "VND": 150_000 } })).await;
    assert_eq!(scene.reason("A-2").await, "first");
    // A key that is phased out: until the date it signs, from then on it does not.
    let end = scene.test.app.clock.now().plus_seconds(600).rfc3339();
    let sha256 = hex::encode(scene.payer.holder.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap());
    scene
        .agree(json!({ "name": "Ví", "active": true, "certificates": [{ "sha256": sha256, "phase_out": end }] }))
        .await;
    assert_eq!(scene.reason("A-3").await, "first");
    scene.test.app.clock.shift_seconds(601);
    assert_eq!(scene.reason("A-4").await, "key_phased_out");
    // A quota for the day, and a rate.
    let used = || chuky::transactions::providers::used(&scene.test.app, scene.provider.0, scene.test.app.clock.now());
    let before = used().await.unwrap();
    scene.agree(json!({ "name": "Ví", "active": true, "per_day": before + 3 })).await;
    let mut refused = 0;
    for number in 0..4 {
        let (status, answer) = scene.send(&format!("B-{number}")).await;
        match status {
            200 => assert_eq!(answer["seen"], "first"),
            other => {
                assert_eq!((other, &answer["type"]), (429, &json!("urn:chuky:problem:provider_quota")));
                refused += 1;
            }
        }
    }
    assert_eq!((refused, used().await.unwrap()), (1, before + 3));
    assert_eq!(scene.test.sql("SELECT SUM(accepted) FROM payment_usage"), (before + 3).to_string());
    scene.test.app.clock.shift_seconds(86_400);
    scene.agree(json!({ "name": "Ví", "active": true, "rate": { "count": 2, "seconds": 60 } })).await;
    let mut throttled = 0;
    for number in 0..4 {
        throttled += u32::from(scene.send(&format!("C-{number}")).await.0 == 429);
    }
    assert_eq!(throttled, 2);
    // Suspended, it acquires nothing; what was acquired stays.
    scene.test.app.clock.shift_seconds(120);
    scene.agree(json!({ "name": "Ví", "active": false })).await;
    assert_eq!(scene.reason("D-1").await, "provider_suspended");
    assert_eq!(scene.send("A-3").await.1["verdict"], "rejected");
    // Figures tell of all of it, to monitors and on the page.
    let (_, metrics) = scene.test.raw("GET", "/metrics", "", "", Vec::new()).await;
    let metrics = String::from_utf8(metrics).unwrap();
    for line in
        ["chuky_payment_reasons{reason=\"provider_limit\"} 1", "outcome=\"throttled\"} 3", "chuky_payments_remembered"]
    {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let (status, page) = scene.test.raw("GET", "/payments", &scene.officer, "", Vec::new()).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && page.contains("Số tiền vượt hạn mức"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_at_the_same_moment_share_what_is_left_of_a_day() {
    let scene = scene().await;
    scene.agree(json!({ "name": "Ví", "active": true, "per_day": 3 })).await;
    let scene = Arc::new(scene);
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..24 {
        let scene = scene.clone();
        sending.spawn(async move { scene.send(&format!("A-{number}")).await });
    }
    let answers = sending.join_all().await;
    let accepted = answers.iter().filter(|(_, answer)| answer["seen"] == "first").count();
    let refused = answers.iter().filter(|(status, _)| *status == 429).count();
    // Places of those that wait are free again once it is known what became of them.
    let mut later = 0;
    for number in 24..30 {
        later += usize::from(scene.send(&format!("A-{number}")).await.1["seen"] == "first");
    }
    assert_eq!((accepted + refused, accepted + later), (24, 3), "{answers:?}");
    assert_eq!(scene.test.sql("SELECT COUNT(*) FROM payment_identity"), "3");
}

/// Two providers with one key: the earlier end holds, whichever row is read last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_provider_prolongs_the_key_of_another() {
    let scene = scene().await;
    let sha256 = hex::encode(scene.payer.holder.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap());
    let terms = |seconds| {
        let end = scene.test.app.clock.now().plus_seconds(seconds).rfc3339();
        json!({ "name": "Ví", "active": true, "certificates": [{ "sha256": sha256, "phase_out": end }] })
    };
    for name in ["cong.mot", "cong.hai"] {
        scene.test.lasting_account(name, Role::PaymentProvider).await;
    }
    scene.agree_of("cong.mot", terms(86_400)).await;
    scene.agree(terms(600)).await;
    scene.agree_of("cong.hai", terms(86_400)).await;
    assert_eq!(scene.reason("A-1").await, "first");
    scene.test.app.clock.shift_seconds(601);
    assert_eq!(scene.reason("A-2").await, "key_phased_out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_sql_takes_away_or_puts_back_frees_nobody() {
    let scene = scene().await;
    scene.agree(json!({ "name": "Ví", "active": true })).await;
    let old = scene.test.sql("SELECT terms || '|' || hex(mac) FROM payment_provider");
    scene.agree(json!({ "name": "Ví", "active": false })).await;
    assert_eq!(scene.reason("A-1").await, "provider_suspended");
    let (terms, mac) = old.split_once('|').unwrap();
    tokio::time::sleep(chuky::current::KEPT_FOR).await;
    scene.test.sql(&format!("UPDATE payment_provider SET terms = '{terms}', mac = X'{mac}', version = 1"));
    assert_eq!(scene.send("A-1").await.0, 500);
    scene.test.sql("DELETE FROM payment_provider");
    assert_eq!(scene.send("A-1").await.0, 500);
    assert_eq!(scene.test.sql("SELECT COUNT(*) FROM payment_identity"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_settings_say_so_only_registered_providers_acquire() {
    let scene = scene_with(|settings| settings.payments.registered_only = true).await;
    assert_eq!(scene.reason("A-1").await, "provider_not_registered");
    scene.agree(json!({ "name": "Ví", "active": true })).await;
    assert_eq!(scene.reason("A-1").await, "first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_makes_its_own_api_keys() {
    let test = TestApp::sqlite().await;
    let make = async |token: &str, label: &str, days: i64| {
        test.post("/api/v1/api-keys", token, &json!({ "label": label, "days": days })).await
    };
    let provider = test.log_in("thanhtoan").await;
    let (status, made) = make(&provider, "cổng thanh toán", 30).await;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().unwrap();
    let logged = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'api_key.created'");
    assert!(logged.trim() != "0" && !test.sql("SELECT content FROM audit_entry").contains(key));
    // It opens what its account may, until it ends, and makes no other.
    let (status, answer) = test.request("POST", VERIFY, key, "application/jose", b"x".to_vec()).await;
    assert!(status != 401 && status != 403, "{answer}");
    assert_eq!(make(key, "another", 30).await.0, 409);
    test.app.clock.shift_seconds(31 * 86_400);
    assert_eq!(test.request("POST", VERIFY, key, "application/jose", b"x".to_vec()).await.0, 401);
    // Wrong wishes, and accounts that decide for others.
    let provider = test.log_in("thanhtoan").await;
    for (label, days) in [("", 30), ("a", 0), ("a", 367), ("a\u{7}b", 1)] {
        assert_eq!(make(&provider, label, days).await.0, 422, "{label:?} {days}");
    }
    for decider in ["quantri", "duyet"] {
        let (status, answer) = make(&test.log_in(decider).await, "a", 1).await;
        assert_eq!((status, answer["type"].as_str().unwrap()), (409, "urn:chuky:problem:api_key_of_decider"));
    }
}

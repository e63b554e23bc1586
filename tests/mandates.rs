//! Recurring mandates: signed by the payer, collected by the provider that they name, each collection once and none above the limits, under
//! concurrency on two nodes, kills and SQL; ended at once.

use crate::{
    harness::{
        app::{Backend, TestApp},
        payer::{Authority, Payer, p256},
    },
    payments::{Served, key_of},
    signing::subscriber::{PIN, Subscriber, citizen},
};
use chuky_model::{id::AccountId, instant::Instant, role::Role};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MANDATES: &str = "/api/v1/mandates";
const COLLECT: &str = "/api/v1/mandates/collections";

struct Scene {
    test: TestApp,
    payer: Subscriber,
    provider: String,
    account: AccountId,
    /// With a certificate of the provider's.
    collector: Payer,
}

/// The day of a moment in Vietnam, so many days later.
fn day(at: Instant, later: i64) -> String {
    at.plus_seconds(7 * 3_600 + later * 86_400).rfc3339()[..10].to_owned()
}

async fn scene(backend: Backend) -> Scene {
    let test = TestApp::start(backend).await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let account = test.app.store.account_by_login("vi.dien.tu").await.unwrap().unwrap().id;
    let collector = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    let scene = Scene { payer: citizen(&test).await, test, provider, account, collector };
    scene.agree(true).await;
    scene
}

impl Scene {
    fn sha256(&self) -> String {
        hex::encode(self.collector.holder.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap())
    }

    /// The provider's terms, by the way of two people.
    async fn agree(&self, active: bool) {
        let (_, administrator) = self.test.account(&format!("quan.tri.{active}"), &[Role::Administrator], None).await;
        let (_, officer) = self.test.account(&format!("an.ninh.{active}"), &[Role::SecurityOfficer], None).await;
        let terms = json!({ "name": "Ví điện tử", "active": active, "certificates": [{ "sha256": self.sha256() }] });
        let body = json!({ "provider": "vi.dien.tu", "terms": terms, "reason": "Hợp đồng số 7" });
        let (status, change) = self.test.post("/api/v1/payment-providers/changes", &administrator, &body).await;
        assert_eq!(status, 201, "{change}");
        let path = format!("/api/v1/payment-providers/changes/{}/approve", change["id"].as_str().unwrap());
        assert_eq!(self.test.post(&path, &officer, &json!({})).await.0, 200);
    }

    fn wish(&self) -> Value {
        let now = self.test.app.clock.now();
        json!({
            "provider": self.account, "payee": "MST:0100000001", "currency": "VND", "largest": 400_000,
            "per_period": 1_000_000, "period": "month", "from": day(now, 0), "until": day(now, 200),
            "reference": "Tiền điện căn hộ 1205"
        })
    }

    async fn sign(&self, wish: &Value) -> (u16, Value) {
        let body = json!({ "credential": self.payer.credential, "pin": PIN, "mandate": wish });
        self.test.post(MANDATES, &self.payer.token, &body).await
    }

    async fn signed(&self) -> String {
        let (status, mandate) = self.sign(&self.wish()).await;
        assert_eq!(status, 201, "{mandate}");
        mandate["id"].as_str().unwrap().to_owned()
    }

    fn order(&self, mandate: &str, id: &str, amount: u64) -> Value {
        let mut order = self.collector.order(&self.test.app, id);
        order["amount"] = json!(amount);
        order["reference"] = json!(format!("mandate:{mandate}"));
        order
    }

    fn collection(&self, mandate: &str, id: &str, amount: u64) -> String {
        self.collector.sign(&self.order(mandate, id, amount))
    }

    async fn collect(&self, message: &str) -> Value {
        let (status, answer) =
            self.test.request("POST", COLLECT, &self.provider, "application/jose", message.into()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The reason, or what was seen of an accepted one.
    async fn outcome(&self, message: &str) -> String {
        outcome(&self.collect(message).await)
    }

    async fn mandate(&self, id: &str) -> Value {
        let (status, mandate) = self.test.get(&format!("{MANDATES}/{id}"), &self.payer.token).await;
        assert_eq!(status, 200, "{mandate}");
        mandate
    }
}

fn outcome(answer: &Value) -> String {
    answer["reasons"][0].as_str().unwrap_or(answer["seen"].as_str().unwrap()).to_owned()
}

fn check<'a>(answer: &'a Value, name: &str) -> &'a str {
    let checks = answer["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()["outcome"].as_str().unwrap()
}

async fn road(backend: Backend) {
    let scene = scene(backend).await;
    let mandate = scene.signed().await;
    let order = scene.order(&mandate, "EVN-1", 400_000);
    let first = scene.collector.sign(&order);
    let answer = scene.collect(&first).await;
    assert_eq!((&answer["verdict"], outcome(&answer)), (&json!("accepted"), "first".to_owned()), "{answer}");
    for name in ["signature_value", "revocation", "collector", "mandate", "mandate_state", "mandate_limits", "identity"]
    {
        assert_eq!(check(&answer, name), "passed", "{name}");
    }
    // The same collection again, by another signature, gives the same answer; another one under its id is none.
    assert_eq!(scene.outcome(&first).await, "repeated");
    assert_eq!(scene.outcome(&scene.collector.sign(&order)).await, "repeated");
    assert_eq!(scene.outcome(&scene.collection(&mandate, "EVN-1", 1)).await, "conflict");
    // Limits, of one and of the period.
    let answer = scene.collect(&scene.collection(&mandate, "EVN-2", 400_001)).await;
    assert_eq!((outcome(&answer), check(&answer, "mandate_limits")), ("mandate_largest".to_owned(), "failed"));
    assert_eq!(check(&answer, "identity"), "not_done");
    assert_eq!(scene.outcome(&scene.collection(&mandate, "EVN-3", 400_000)).await, "first");
    assert_eq!(scene.outcome(&scene.collection(&mandate, "EVN-4", 200_001)).await, "mandate_period");
    assert_eq!(scene.outcome(&scene.collection(&mandate, "EVN-4", 200_000)).await, "first");
    assert_eq!(scene.outcome(&scene.collection(&mandate, "EVN-5", 1)).await, "mandate_period");
    let shown = scene.mandate(&mandate).await;
    assert_eq!((&shown["collected"], shown["collections"].as_array().unwrap().len()), (&json!(1_000_000), 3));
    assert_eq!(shown["collections"][0]["id"], "EVN-4");
    // Another payee or currency; a mandate that nobody signed; none.
    let mut other = scene.order(&mandate, "EVN-6", 1);
    other["payee"] = json!("MST:0100000002");
    assert_eq!(scene.outcome(&scene.collector.sign(&other)).await, "mandate_mismatch");
    let unknown = "0199a7c2-2222-7000-8000-00000000abcd";
    assert_eq!(scene.outcome(&scene.collection(unknown, "EVN-6", 1)).await, "mandate_unknown");
    let payment = scene.collector.sign(&scene.collector.order(&scene.test.app, "EVN-7"));
    assert_eq!(scene.outcome(&payment).await, "mandate_not_named");
    // A collection is no payment of its own, and another provider collects nothing with it.
    let path = "/api/v1/transactions/verify";
    let (_, answer) = scene.test.request("POST", path, &scene.provider, "application/jose", first.clone().into()).await;
    assert_eq!(outcome(&answer), "collection", "{answer}");
    let stranger = key_of(&scene.test, "cong.khac", Role::PaymentProvider).await;
    let (_, answer) = scene.test.request("POST", COLLECT, &stranger, "application/jose", first.clone().into()).await;
    assert_eq!((outcome(&answer), check(&answer, "collector")), ("collector_not_registered".to_owned(), "failed"));
    // Altered, it is what any altered payment is.
    let answer = scene.collect(&first.replacen('.', ".A", 1)).await;
    assert_eq!((&answer["verdict"], check(&answer, "mandate")), (&json!("rejected"), "not_done"), "{answer}");
    // Ended: nothing more, while what was collected stays collected, also when the order has expired.
    let (status, ended) = scene.test.post(&format!("{MANDATES}/{mandate}/end"), &scene.payer.token, &json!({})).await;
    assert_eq!((status, &ended["state"]), (200, &json!("ended")), "{ended}");
    let answer = scene.collect(&scene.collection(&mandate, "EVN-8", 1)).await;
    assert_eq!((outcome(&answer), check(&answer, "mandate_state")), ("mandate_ended".to_owned(), "failed"));
    assert_eq!(scene.outcome(&first).await, "repeated");
    scene.test.app.clock.shift_seconds(3_601);
    assert_eq!(scene.outcome(&first).await, "repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mandate_is_collected_within_its_limits_until_it_is_ended_on_sqlite() {
    road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mandate_is_collected_within_its_limits_until_it_is_ended_on_postgres() {
    road(Backend::Postgres).await;
}

/// Presented at a node of its own, where one is named.
fn present(url: &str, key: &str, message: &str) -> Option<Value> {
    let request = ureq::post(format!("{url}{COLLECT}")).header("authorization", format!("Bearer {key}"));
    request.content_type("application/jose").send(message).ok()?.body_mut().read_json().ok()
}

async fn many_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let mandate = scene.signed().await;
    // Thirty collections of a tenth of the limit, each twice, at two nodes.
    let second = Served::start(&scene.test, "");
    let messages: Vec<String> =
        (0..30).map(|number| scene.collection(&mandate, &format!("C-{number}"), 100_000)).collect();
    let clients: Vec<_> = messages
        .iter()
        .flat_map(|message| [(scene.test.url.clone(), message.clone()), (second.url.clone(), message.clone())])
        .map(|(url, message)| {
            let key = scene.provider.clone();
            tokio::task::spawn_blocking(move || {
                // A node that was overtaken all the time says to try again.
                (0..50).find_map(|_| present(&url, &key, &message)).map(|answer| (message, outcome(&answer)))
            })
        })
        .collect();
    let mut outcomes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for client in clients {
        let (message, outcome) = client.await.unwrap().unwrap();
        outcomes.entry(message).or_default().push(outcome);
    }
    let firsts = outcomes.values().flatten().filter(|outcome| *outcome == "first").count();
    assert_eq!(firsts, 10, "{:?}", outcomes.values());
    for outcomes in outcomes.values_mut() {
        outcomes.sort();
        let pair: Vec<&str> = outcomes.iter().map(String::as_str).collect();
        assert!(matches!(pair[..], ["first", "repeated"] | ["mandate_period", "mandate_period"]), "{pair:?}");
    }
    let shown = scene.mandate(&mandate).await;
    assert_eq!((&shown["collected"], shown["collections"].as_array().unwrap().len()), (&json!(1_000_000), 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_two_nodes_never_collect_above_the_limit_on_sqlite() {
    many_at_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_two_nodes_never_collect_above_the_limit_on_postgres() {
    many_at_once(Backend::Postgres).await;
}

async fn killed(backend: Backend) {
    let scene = scene(backend).await;
    let mandate = scene.signed().await;
    for (point, then) in [("mandate.before_collect", "first"), ("mandate.collected", "repeated")] {
        let message = scene.collection(&mandate, point, 100_000);
        let crashing = Served::start(&scene.test, point);
        assert_eq!(present(&crashing.url, &scene.provider, &message), None, "{point}");
        drop(crashing);
        assert_eq!(scene.outcome(&message).await, then, "{point}");
        assert_eq!(scene.outcome(&message).await, "repeated", "{point}");
    }
    assert_eq!(scene.mandate(&mandate).await["collected"], 200_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_neither_loses_nor_doubles_a_collection_on_sqlite() {
    killed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_neither_loses_nor_doubles_a_collection_on_postgres() {
    killed(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sql_writes_or_takes_away_collects_nothing() {
    let scene = scene(Backend::Sqlite).await;
    let mandate = scene.signed().await;
    let first = scene.collection(&mandate, "A-1", 400_000);
    scene.test.sql("CREATE TABLE before AS SELECT * FROM mandate");
    assert_eq!(scene.outcome(&first).await, "first");
    let refused = async |message: &str| {
        let (status, answer) =
            scene.test.request("POST", COLLECT, &scene.provider, "application/jose", message.into()).await;
        assert_eq!(status, 500, "{answer}");
    };
    // The collection's row taken away; it is not collected a second time.
    scene.test.sql("CREATE TABLE kept AS SELECT * FROM mandate_collection; DELETE FROM mandate_collection");
    refused(&first).await;
    scene.test.sql("INSERT INTO mandate_collection SELECT * FROM kept");
    assert_eq!(scene.outcome(&first).await, "repeated");
    // A count that was lowered, or put back with its own old MAC.
    let second = scene.collection(&mandate, "A-2", 400_000);
    scene.test.sql("UPDATE mandate SET collected = 0");
    refused(&second).await;
    scene.test.sql("UPDATE mandate SET (collected, period_start, version, mac) = (SELECT collected, period_start, version, mac FROM before)");
    refused(&second).await;
    scene.test.sql("DELETE FROM mandate_collection; DELETE FROM mandate");
    refused(&second).await;
    assert!(!scene.test.sql("SELECT * FROM before").contains("1205"), "what is signed is encrypted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_means_something_is_signed_and_whoever_revokes_ends_it() {
    let scene = scene(Backend::Sqlite).await;
    let now = scene.test.app.clock.now();
    for (member, value) in [
        ("payee", json!("")),
        ("payee", json!(" x")),
        ("reference", json!("a\u{7}b")),
        ("currency", json!("XYZ1")),
        ("largest", json!(0)),
        ("largest", json!(1_000_001)),
        ("per_period", json!(9_007_199_254_740_992_u64)),
        ("from", json!("hôm nay")),
        ("until", json!(day(now, -1))),
        ("until", json!("2126-01-01")),
        ("provider", json!("0199a7c2-2222-7000-8000-00000000abcd")),
    ] {
        let mut wish = scene.wish();
        wish[member] = value.clone();
        let (status, answer) = scene.sign(&wish).await;
        assert_eq!((status, &answer["field"]), (422, &json!(member)), "{member} {value}: {answer}");
    }
    let body = json!({ "credential": scene.payer.credential, "pin": "sai-sai-sai", "mandate": scene.wish() });
    assert_ne!(scene.test.post(MANDATES, &scene.payer.token, &body).await.0, 201);
    assert_eq!(scene.test.sql("SELECT COUNT(*) FROM mandate"), "0");
    let mandate = scene.signed().await;
    // On the page, to its payer; nobody else ends it.
    let cookie = || ("cookie", format!("chuky_session={}", scene.payer.token));
    let headers = vec![cookie(), ("accept", "text/html".to_owned())];
    let (status, _, page) = scene.test.exchange("GET", "/mandates", headers, Vec::new()).await;
    let page = String::from_utf8(page).unwrap();
    assert!(
        status == 200 && page.contains("Tiền điện căn hộ 1205") && page.contains(&format!("/mandates/{mandate}/end"))
    );
    let (_, other) = scene.test.account("nguoi.khac", &[Role::Citizen], None).await;
    assert_eq!(scene.test.post(&format!("{MANDATES}/{mandate}/end"), &other, &json!({})).await.0, 404);
    assert_eq!(scene.test.get(&format!("{MANDATES}/{mandate}"), &other).await.0, 404);
    // On the page: the token of the form, then nothing is collected any more.
    let first = scene.collection(&mandate, "A-1", 1);
    assert_eq!(scene.outcome(&first).await, "first");
    let csrf = page.split("name=\"csrf\" value=\"").last().unwrap().split('"').next().unwrap().to_owned();
    let end = async |csrf: &str| {
        let headers = vec![cookie(), ("content-type", "application/x-www-form-urlencoded".to_owned())];
        let path = format!("/mandates/{mandate}/end");
        scene.test.exchange("POST", &path, headers, format!("csrf={csrf}").into_bytes()).await.0
    };
    assert_eq!((end("").await, scene.mandate(&mandate).await["state"].clone()), (409, json!("active")));
    assert_eq!((end(&csrf).await, scene.mandate(&mandate).await["state"].clone()), (303, json!("ended")));
    assert_eq!(scene.outcome(&scene.collection(&mandate, "A-2", 1)).await, "mandate_ended");
    // Nobody collects once the payer's certificate is revoked, nor a provider that is suspended.
    let mandate = scene.signed().await;
    let third = scene.collection(&mandate, "B-1", 1);
    assert_eq!(scene.outcome(&third).await, "first");
    let (status, listed) = scene.test.get("/api/v1/credentials", &scene.payer.token).await;
    assert_eq!(status, 200, "{listed}");
    let path = format!("/api/v1/certificates/{}/revoke", listed["credentials"][0]["serial"].as_str().unwrap());
    let operator = scene.test.log_in("gianhang").await;
    let ground = json!({ "reason": "key_compromise", "ground": "key_exposed" });
    let (status, answer) = scene.test.post(&path, &operator, &ground).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(scene.outcome(&scene.collection(&mandate, "B-2", 1)).await, "mandate_certificate");
    assert_eq!(scene.outcome(&third).await, "repeated");
    scene.agree(false).await;
    assert_eq!(scene.outcome(&scene.collection(&mandate, "B-3", 1)).await, "collector_not_registered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_no_mandate_from_before_is_collected() {
    let scene = scene(Backend::Sqlite).await;
    let before = scene.signed().await;
    let first = scene.collection(&before, "A-1", 1);
    assert_eq!(scene.outcome(&first).await, "first");
    let now = scene.test.app.clock.now().0;
    scene.test.sql(&format!(
        "INSERT INTO restoration (id, backup_at, restored_at, reconciled_at) VALUES (randomblob(16), 1, 2, {now})"
    ));
    let answer = scene.collect(&scene.collection(&before, "A-2", 1)).await;
    assert_eq!(
        (outcome(&answer), check(&answer, "mandate_state")),
        ("mandate_before_restoration".to_owned(), "failed")
    );
    assert_eq!(scene.outcome(&first).await, "repeated");
    let after = scene.signed().await;
    assert_eq!(scene.outcome(&scene.collection(&after, "A-2", 1)).await, "first");
}

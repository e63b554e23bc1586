//! Alarms about payments reach the provider that they concern: signed, at least once, under one identifier, over failures, kills and false
//! rows, at addresses that the settings admit and two people agreed to.

mod kills;

use crate::{
    harness::{
        app::{Backend, TestApp},
        payer::{Authority, Payer, p256},
    },
    payments::{outcome, send},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky::{
    fetching::{Addresses, WebhookConfig},
    transactions::webhooks::tell_due,
};
use chuky_model::{id::AccountId, record::state::CertificateState, role::Role};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

const ALARMS: &str = "/api/v1/payment-alarms";
const CHANGES: &str = "/api/v1/payment-providers/changes";

/// Whoever is told: keeps each message, and answers as the test says.
struct Receiver {
    port: u16,
    answer: Arc<Mutex<&'static str>>,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            answer: Arc::new(Mutex::new(answer)),
            messages: Arc::default(),
        };
        let (answer, messages) = (receiver.answer.clone(), receiver.messages.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut length, mut line) = (0, String::new());
                while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                    let lower = line.to_lowercase();
                    length = lower.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
                    line.clear();
                }
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_ok() {
                    messages.lock().unwrap().push(String::from_utf8(body).unwrap());
                    let answer = *answer.lock().unwrap();
                    let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes());
                }
            }
        });
        receiver
    }

    fn answers(&self, answer: &'static str) {
        *self.answer.lock().unwrap() = answer;
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/chuky", self.port)
    }

    fn count(&self) -> usize {
        self.messages.lock().unwrap().len()
    }

    /// What the messages say; who signed them is the business of the Python receiver.
    fn told(&self) -> Vec<Value> {
        let payload = |jws: &String| URL_SAFE_NO_PAD.decode(jws.split('.').nth(1).unwrap()).unwrap();
        self.messages.lock().unwrap().iter().map(|jws| serde_json::from_slice(&payload(jws)).unwrap()).collect()
    }
}

struct Scene {
    test: TestApp,
    acquirer: (AccountId, String),
    other: (AccountId, String),
    payer: Payer,
    administrator: String,
    officer: String,
}

async fn scene(backend: Backend, hosts: &[String]) -> Scene {
    scene_with(backend, WebhookConfig { hosts: hosts.to_vec(), addresses: Addresses::Loopback, roots: None }).await
}

async fn scene_with(backend: Backend, webhooks: WebhookConfig) -> Scene {
    let test = TestApp::start_with(backend, |settings| settings.payments.webhooks = webhooks).await;
    Scene {
        acquirer: test.lasting_account("vi.dien.tu", Role::PaymentProvider).await,
        other: test.lasting_account("cong.khac", Role::PaymentProvider).await,
        payer: Authority::enter(&test.app).await.payer(&test.app, p256()).await,
        administrator: test.lasting_account("quan.tri", Role::Administrator).await.1,
        officer: test.lasting_account("an.ninh", Role::SecurityOfficer).await.1,
        test,
    }
}

impl Scene {
    /// The terms in force, by the way of two people.
    async fn agree(&self, terms: Value) {
        let body = json!({ "provider": "vi.dien.tu", "terms": terms, "reason": "Hợp đồng số 7" });
        let (status, change) = self.test.post(CHANGES, &self.administrator, &body).await;
        assert_eq!(status, 201, "{change}");
        let path = format!("{CHANGES}/{}/approve", change["id"].as_str().unwrap());
        let (status, answer) = self.test.post(&path, &self.officer, &json!({})).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// An order that the first provider acquired, and another one of that identity.
    async fn acquired(&self, id: &str) -> (Value, String) {
        let order = self.payer.order(&self.test.app, id);
        let answer = send(&self.test, &self.acquirer.1, &self.payer.sign(&order)).await;
        assert_eq!(outcome(&answer), ("accepted", "first"), "{answer}");
        let mut other = order.clone();
        other["amount"] = json!(150_001);
        (order, self.payer.sign(&other))
    }

    async fn alarms(&self, key: &str) -> Vec<Value> {
        let (status, answer) = self.test.get(ALARMS, key).await;
        assert_eq!(status, 200, "{answer}");
        answer["alarms"].as_array().unwrap().clone()
    }

    /// The one alarm of the first provider, once it stands so.
    async fn becomes(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let alarms = self.alarms(&self.acquirer.1).await;
            if let Some(alarm) = alarms.first().filter(|alarm| wanted(alarm)) {
                return alarm.clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{:?}", self.alarms(&self.acquirer.1).await);
    }
}

async fn concerned(backend: Backend) {
    let receiver = Receiver::start("204 No Content");
    let scene = scene(backend, &[format!("127.0.0.1:{}", receiver.port)]).await;
    scene.agree(json!({ "name": "Ví", "active": true, "webhook": receiver.address() })).await;
    let (order, conflicting) = scene.acquired("A-1").await;
    for _ in 0..3 {
        let answer = send(&scene.test, &scene.other.1, &conflicting).await;
        assert_eq!((outcome(&answer), &answer["reasons"][0]), (("rejected", "conflict"), &json!("conflict")));
    }
    let alarm = scene.becomes(|alarm| alarm["state"] == "told").await;
    assert_eq!((&alarm["alarm"], &alarm["tries"]), (&json!("conflict"), &json!(1)), "{alarm}");
    // Three times the same is one alarm, and three entries of the log.
    assert_eq!((scene.alarms(&scene.acquirer.1).await.len(), receiver.count()), (1, 1));
    assert_eq!(scene.test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'payment.conflict'"), "3");
    let told = &receiver.told()[0];
    assert_eq!((&told["id"], &told["provider"]), (&alarm["id"], &json!(scene.acquirer.0)));
    assert_eq!((&told["details"]["presented_by_you"], &told["alarm"]), (&json!(false), &json!("conflict")));
    assert!(!told.to_string().contains(&scene.other.0.to_string()), "who else brought it is not told");
    // Whoever brought it learns nothing more; staff sees all.
    assert!(scene.alarms(&scene.other.1).await.is_empty());
    assert_eq!(scene.alarms(&scene.administrator).await.len(), 1);
    // The very same order from somebody else is another alarm.
    let answer = send(&scene.test, &scene.other.1, &scene.payer.sign(&order)).await;
    assert_eq!(answer["reasons"][0], "acquired_by_another_provider");
    let told = |alarm: &Value| alarm["alarm"] == "acquired_by_another_provider" && alarm["state"] == "told";
    scene.becomes(told).await;
    assert_eq!(receiver.count(), 2);
    // Told once more on demand, under the same identifier; nobody else has it told.
    let again = format!("{ALARMS}/{}/again", alarm["id"].as_str().unwrap());
    assert_eq!(scene.test.post(&again, &scene.other.1, &json!({})).await.0, 404);
    assert_eq!(scene.test.post(&again, &scene.acquirer.1, &json!({})).await.0, 200);
    for _ in 0..600 {
        tell_due(&scene.test.app).await.unwrap();
        if receiver.count() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(receiver.told()[2]["id"], alarm["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_that_acquired_is_told_on_sqlite() {
    concerned(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_that_acquired_is_told_on_postgres() {
    concerned(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_certificates_and_keys_that_are_phased_out_are_alarms_once_a_day() {
    let scene = scene(Backend::Sqlite, &[]).await;
    let sign = |id: &str| scene.payer.sign(&scene.payer.order(&scene.test.app, id));
    let sha256 = hex::encode(scene.payer.holder.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap());
    let certificates = json!([{ "sha256": sha256, "phase_out": scene.test.app.clock.now().rfc3339() }]);
    scene.agree(json!({ "name": "Ví", "active": true, "certificates": certificates })).await;
    // Whoever brings it, its registrant is told.
    for id in ["A-1", "A-2"] {
        let answer = send(&scene.test, &scene.other.1, &sign(id)).await;
        assert_eq!(answer["reasons"][0], "key_phased_out", "{answer}");
    }
    let alarms = scene.alarms(&scene.acquirer.1).await;
    let details = &alarms[0]["details"];
    assert_eq!((alarms.len(), &alarms[0]["alarm"]), (1, &json!("key_phased_out")));
    assert_eq!((&details["certificate_sha256"], &details["presented_by_you"]), (&json!(sha256), &json!(false)));
    // Without an address it waits, and nobody says when.
    assert_eq!((&alarms[0]["state"], &alarms[0]["next_try"]), (&json!("waiting"), &Value::Null));
    scene.payer.becomes(&scene.test.app, CertificateState::Revoked, Some(scene.test.app.clock.now())).await;
    for id in ["B-1", "B-2"] {
        assert_eq!(send(&scene.test, &scene.other.1, &sign(id)).await["reasons"][0], "certificate_revoked");
    }
    let alarms = scene.alarms(&scene.other.1).await;
    assert_eq!((alarms.len(), &alarms[0]["alarm"]), (1, &json!("certificate_revoked")), "{alarms:?}");
    assert_eq!(alarms[0]["details"]["presented_by_you"], true);
    scene.test.app.clock.shift_seconds(86_400);
    send(&scene.test, &scene.other.1, &sign("B-3")).await;
    assert_eq!(scene.alarms(&scene.other.1).await.len(), 2);
    assert_eq!(scene.test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'payment.alarmed'"), "3");
    // Somebody who only asks raises nothing.
    send(&scene.test, &scene.officer, &sign("B-4")).await;
    assert_eq!(scene.alarms(&scene.officer).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_is_told_again_with_growing_pauses_and_an_end() {
    let receiver = Receiver::start("500 Internal Server Error");
    let scene = scene(Backend::Sqlite, &[format!("127.0.0.1:{}", receiver.port)]).await;
    scene.agree(json!({ "name": "Ví", "active": true, "webhook": receiver.address() })).await;
    let (_, conflicting) = scene.acquired("A-1").await;
    send(&scene.test, &scene.other.1, &conflicting).await;
    let failed = |tries: i64, why: &'static str| {
        move |alarm: &Value| {
            alarm["tries"] == tries && alarm["last_error"].as_str().is_some_and(|text| text.contains(why))
        }
    };
    let alarm = scene.becomes(failed(1, "it answers 500")).await;
    assert_eq!(alarm["state"], "waiting", "{alarm}");
    // Not before its time, and redirects are not followed.
    assert_eq!(tell_due(&scene.test.app).await.unwrap(), 0);
    assert_eq!(receiver.count(), 1);
    receiver.answers("307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/");
    scene.test.app.clock.shift_seconds(61);
    tell_due(&scene.test.app).await.unwrap();
    scene.becomes(failed(2, "redirects are not followed")).await;
    // The pause has doubled.
    scene.test.app.clock.shift_seconds(100);
    assert_eq!(tell_due(&scene.test.app).await.unwrap(), 0);
    assert_eq!(receiver.count(), 2);
    for tries in 3..=20 {
        scene.test.app.clock.shift_seconds(6 * 3_600 + 1);
        tell_due(&scene.test.app).await.unwrap();
        scene.becomes(failed(tries, "it answers 307")).await;
    }
    let alarm = scene.becomes(|alarm| alarm["state"] == "given_up").await;
    scene.test.app.clock.shift_seconds(86_400);
    assert_eq!((tell_due(&scene.test.app).await.unwrap(), receiver.count()), (0, 20));
    let (_, metrics) = scene.test.raw("GET", "/metrics", "", "", Vec::new()).await;
    assert!(String::from_utf8(metrics).unwrap().contains("chuky_payment_alarms{state=\"given_up\"} 1"));
    // Nothing is lost: told on demand, with the payload of the first try.
    receiver.answers("200 OK");
    let again = format!("{ALARMS}/{}/again", alarm["id"].as_str().unwrap());
    assert_eq!(scene.test.post(&again, &scene.administrator, &json!({})).await.0, 200);
    tell_due(&scene.test.app).await.unwrap();
    scene.becomes(|alarm| alarm["state"] == "told").await;
    let told = receiver.told();
    assert_eq!((told.len(), &told[20]), (21, &told[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sql_wrote_is_not_told() {
    let receiver = Receiver::start("204 No Content");
    let scene = scene(Backend::Sqlite, &[format!("127.0.0.1:{}", receiver.port)]).await;
    scene.agree(json!({ "name": "Ví", "active": true })).await;
    let (_, conflicting) = scene.acquired("A-1").await;
    send(&scene.test, &scene.other.1, &conflicting).await;
    let (_, second) = scene.acquired("A-2").await;
    send(&scene.test, &scene.other.1, &second).await;
    scene.test.sql("UPDATE payment_alarm SET details = '{\"order_sha256\":\"made up\"}' WHERE rowid = 1");
    scene.agree(json!({ "name": "Ví", "active": true, "webhook": receiver.address() })).await;
    for _ in 0..600 {
        tell_due(&scene.test.app).await.unwrap();
        if receiver.count() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tell_due(&scene.test.app).await.unwrap();
    assert_eq!(receiver.count(), 1, "{:?}", receiver.told());
    assert!(!receiver.told()[0].to_string().contains("made up"));
    assert_eq!(scene.test.get(ALARMS, &scene.acquirer.1).await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_agreed_by_two_people_and_admitted_by_the_settings() {
    let hosts = vec!["canh-bao.example.vn".to_owned(), "ben-trong.example.vn:8443".to_owned()];
    let scene = scene_with(Backend::Sqlite, WebhookConfig { hosts, addresses: Addresses::Public, roots: None }).await;
    let path = format!("{ALARMS}/webhook");
    let ask = async |address: Value| {
        let body = json!({ "address": address, "reason": "Máy chủ mới" });
        scene.test.post(&path, &scene.acquirer.1, &body).await
    };
    let (status, answer) = ask(json!("https://canh-bao.example.vn/chuky")).await;
    assert_eq!((status, &answer["type"]), (409, &json!("urn:chuky:problem:provider_not_registered")));
    scene.agree(json!({ "name": "Ví", "active": true, "per_day": 7 })).await;
    for wrong in [
        "http://canh-bao.example.vn/",
        "https://khac.example.vn/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://ben-trong.example.vn/",
        "https://canh-bao.example.vn@evil.vn/",
        "không phải địa chỉ",
    ] {
        let (status, answer) = ask(json!(wrong)).await;
        assert_eq!((status, &answer["type"]), (422, &json!("urn:chuky:problem:webhook_not_admitted")), "{wrong}");
    }
    let (status, change) = ask(json!("https://canh-bao.example.vn/chuky")).await;
    assert_eq!((status, &change["terms"]["per_day"]), (201, &json!(7)), "its other terms stay: {change}");
    // The provider does not decide on it; staff does, and sees it on the page.
    let approve = format!("{CHANGES}/{}/approve", change["id"].as_str().unwrap());
    assert_eq!(scene.test.post(&approve, &scene.acquirer.1, &json!({})).await.0, 403);
    assert_eq!(scene.test.post(&approve, &scene.officer, &json!({})).await.0, 200);
    let (status, page) = scene.test.raw("GET", "/payments", &scene.officer, "", Vec::new()).await;
    assert!(status == 200 && String::from_utf8(page).unwrap().contains("https://canh-bao.example.vn/chuky"));
    // The name leads nowhere, or to an address that is not public: the alarm waits, and says why.
    let (_, conflicting) = scene.acquired("A-1").await;
    send(&scene.test, &scene.other.1, &conflicting).await;
    let alarm = scene.becomes(|alarm| !alarm["last_error"].is_null()).await;
    assert_eq!(alarm["state"], "waiting", "{alarm}");
    // Staff sees it on a page with whose it is; another provider does not.
    let page = async |token: &str| {
        let (status, page) = scene.test.raw("GET", "/payments/alarms", token, "", Vec::new()).await;
        assert_eq!(status, 200);
        String::from_utf8(page).unwrap()
    };
    let (id, why) = (alarm["id"].as_str().unwrap(), alarm["last_error"].as_str().unwrap());
    let seen = page(&scene.officer).await;
    assert!(seen.contains(id) && seen.contains("vi.dien.tu") && seen.contains(why), "{seen}");
    assert!(page(&scene.acquirer.1).await.contains(id) && !page(&scene.other.1).await.contains(id));
}

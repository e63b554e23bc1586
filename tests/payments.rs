//! Payments over HTTP: who consumes, once; what a repetition, a conflict, a change, a revocation and a kill lead to; streams.

use crate::harness::{
    app::{Backend, EXECUTABLE, TestApp},
    payer::{Authority, Payer, p256, rsa},
};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::Actor,
};
use chuky_model::{instant::Instant, record::state::CertificateState, role::Role};
use serde_json::{Value, json};
use std::{
    io::{BufRead, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

const VERIFY: &str = "/api/v1/transactions/verify";

/// An account of that role, and an API key of it.
pub async fn key_of(test: &TestApp, login: &str, role: Role) -> String {
    let new = NewAccount {
        login: login.to_owned(),
        password: Password::choose("một mật khẩu dài").unwrap(),
        roles: vec![role],
        display_name: login.to_owned(),
        unit: String::new(),
        person_lookup: None,
    };
    let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
    let end = Instant(test.app.clock.now().0 + 86_400_000_000);
    accounts::create_api_key(&test.app, Actor::Service, account, "test", end).await.unwrap().to_string()
}

pub async fn send(test: &TestApp, key: &str, message: &str) -> Value {
    let (status, answer) = test.request("POST", VERIFY, key, "application/jose", message.as_bytes().to_vec()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

pub fn outcome(answer: &Value) -> (&str, &str) {
    (answer["verdict"].as_str().unwrap(), answer["seen"].as_str().unwrap())
}

pub struct Scene {
    pub test: TestApp,
    pub provider: String,
    pub payer: Payer,
}

pub async fn scene(backend: Backend) -> Scene {
    let test = TestApp::start(backend).await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let payer = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    Scene { test, provider, payer }
}

async fn consumed_once(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    let (rival, shop) =
        (key_of(&test, "vi.khac", Role::PaymentProvider).await, key_of(&test, "cua.hang", Role::RelyingParty).await);
    let mut order = payer.order(&test.app, "INV-1");
    let message = payer.sign(&order);

    // Whoever does not acquire the payment learns about it and changes nothing.
    let looked = send(&test, &shop, &message).await;
    assert_eq!((outcome(&looked), &looked["seen_before"]), (("accepted", "not_consumed"), &json!(false)));
    let first = send(&test, &provider, &message).await;
    assert_eq!(outcome(&first), ("accepted", "first"), "{first}");
    assert!(first["checks"].as_array().unwrap().iter().all(|check| check["outcome"] == "passed"), "{first}");
    assert_eq!(send(&test, &shop, &message).await["seen_before"], true);

    // Again: the same order signed anew, and named by serial number, is the same payment.
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "repeated"));
    assert_eq!(outcome(&send(&test, &provider, &payer.sign_naming_serial(&order)).await), ("accepted", "repeated"));
    // Another provider's repetition is no leave to pay.
    let other = send(&test, &rival, &message).await;
    assert_eq!(
        (outcome(&other), &other["reasons"][0]),
        (("rejected", "conflict"), &"acquired_by_another_provider".into())
    );
    // Another amount under the same identity is a conflict, for the provider and for the shop.
    order["amount"] = 1_500_000.into();
    let conflict = send(&test, &provider, &payer.sign(&order)).await;
    assert_eq!((outcome(&conflict), &conflict["reasons"][0]), (("rejected", "conflict"), &"conflict".into()));
    assert_eq!(outcome(&send(&test, &shop, &payer.sign(&order)).await), ("rejected", "not_consumed"));
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "1");
    assert_eq!(test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'payment.conflict'"), "1");

    // Nothing of who paid whom lies readable in the database.
    let dump = test.sql("SELECT * FROM payment_identity") + &test.sql("SELECT * FROM audit_entry");
    assert!(!dump.contains("001190012345") && !dump.contains("0100000001"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_consumed_once_on_sqlite() {
    consumed_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_consumed_once_on_postgres() {
    consumed_once(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_a_check_is_not_consumed() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let order = payer.order(&test.app, "INV-1");
    let message = payer.sign(&order);

    // One character of the signed amount.
    let changed = {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL};
        let parts: Vec<&str> = message.split('.').collect();
        let text = String::from_utf8(URL.decode(parts[1]).unwrap()).unwrap().replace("150000", "950000");
        format!("{}.{}.{}", parts[0], URL.encode(text), parts[2])
    };
    let answer = send(&test, &provider, &changed).await;
    assert_eq!((outcome(&answer), &answer["reasons"][0]), (("rejected", "not_consumed"), &"signature_invalid".into()));

    // Somebody else's certificate says nothing about this payer; an authority that nobody knows says nothing at all.
    let mut foreign = order.clone();
    foreign["payer"] = "CCCD:001190099999".into();
    assert_eq!(send(&test, &provider, &payer.sign(&foreign)).await["reasons"][0], "payer_mismatch");
    assert_eq!(outcome(&send(&test, &provider, "not a payment").await), ("rejected", "not_consumed"));
    assert_eq!(outcome(&send(&test, &provider, &"a".repeat(70_000)).await), ("rejected", "not_consumed"));
    assert_eq!(test.request("POST", VERIFY, &provider, "application/jose", vec![b'a'; 1 << 18]).await.0, 413);
    assert_eq!(test.request("POST", VERIFY, "", "application/jose", message.clone().into()).await.0, 401);

    // Suspended is refused; resumed is not; revoked is refused for good.
    let now = test.app.clock.now();
    payer.becomes(&test.app, CertificateState::Suspended, Some(now)).await;
    assert_eq!(send(&test, &provider, &message).await["reasons"][0], "certificate_suspended");
    payer.becomes(&test.app, CertificateState::Issued, None).await;
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "first"));
    test.app.clock.shift_seconds(60);
    payer.becomes(&test.app, CertificateState::Revoked, Some(test.app.clock.now())).await;
    let second = payer.sign(&payer.order(&test.app, "INV-2"));
    assert_eq!(send(&test, &provider, &second).await["reasons"][0], "certificate_revoked");
    // What was accepted before the revocation, and before it expired, stays accepted.
    test.app.clock.shift_seconds(7_200);
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "repeated"));
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_changed_by_sql_are_not_relied_on() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let now = test.app.clock.now();
    payer.becomes(&test.app, CertificateState::Revoked, Some(now)).await;
    let message = payer.sign(&payer.order(&test.app, "INV-1"));
    assert_eq!(send(&test, &provider, &message).await["reasons"][0], "certificate_revoked");
    // An administrator's SQL takes the revocation back: the service fails rather than to believe it.
    test.sql("UPDATE certificate SET state = 'issued', revoked_at = NULL");
    let (status, answer) = test.request("POST", VERIFY, &provider, "", message.into()).await;
    assert_eq!((status, &answer["type"]), (500, &"urn:chuky:problem:internal".into()));
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_answers_each_line_in_its_order() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let message = |number: u32| payer.sign(&payer.order(&test.app, &format!("INV-{number}")));
    let mut lines: Vec<String> = (0..300).map(message).collect();
    lines[7] = "{ this is no payment".to_owned();
    lines[11] = "a".repeat(100_000);
    lines[13] = serde_json::to_string(&lines[13]).unwrap();
    let again = lines[3].clone();
    lines[200] = again;
    let body = lines.join("\n") + "\n\n";
    let (status, bytes) =
        test.raw("POST", "/api/v1/transactions/verify-batch", &provider, "application/x-ndjson", body.into()).await;
    assert_eq!(status, 200);
    let answers: Vec<Value> =
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 300);
    for (number, answer) in answers.iter().enumerate() {
        let wanted = match number {
            7 => ("rejected", "not_consumed"),
            11 => {
                assert_eq!(answer["reasons"][0], "too_large");
                ("rejected", "not_consumed")
            }
            200 => ("accepted", "repeated"),
            _ => ("accepted", "first"),
        };
        assert_eq!(outcome(answer), wanted, "line {number}: {answer}");
    }
    // Fewer transactions than payments: the group commit is at work.
    let groups: u32 = test.sql("SELECT COUNT(*) FROM payment_batch").parse().unwrap();
    assert!(groups < 297, "{groups} groups for 297 payments");
}

/// A stream under way: lines in, an answer to each out.
struct Stream(std::io::BufReader<std::net::TcpStream>);

impl Stream {
    fn open(test: &TestApp, key: &str) -> Self {
        let address = test.url.trim_start_matches("http://").to_owned();
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "POST /api/v1/transactions/verify-batch HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n"
        );
        stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).unwrap();
        Self(std::io::BufReader::new(stream))
    }

    /// The answer to one more line.
    fn ask(&mut self, line: &str) -> Value {
        write!(self.0.get_mut(), "{:x}\r\n{line}\n\r\n", line.len() + 1).unwrap();
        loop {
            let mut said = String::new();
            assert_ne!(self.0.read_line(&mut said).unwrap(), 0, "the stream ended");
            if said.starts_with('{') {
                return serde_json::from_str(&said).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_the_rights_of_who_asks() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let officer = test.log_in("quantri").await;
    let message = |number: u32| payer.sign(&payer.order(&test.app, &format!("INV-{number}")));
    let id = provider.split('_').nth(1).unwrap().to_owned();
    let mut stream = Stream::open(&test, &provider);
    let (first, second, third) = (message(1), message(2), message(3));
    let (mut stream, answers) = tokio::task::spawn_blocking(move || {
        let first = stream.ask(&first);
        // Later than who asks was looked at.
        std::thread::sleep(Duration::from_millis(1_200));
        let second = stream.ask(&second);
        (stream, [first, second])
    })
    .await
    .unwrap();
    assert!(answers.iter().all(|answer| outcome(answer) == ("accepted", "first")), "{answers:?}");
    assert_eq!(test.post(&format!("/api/v1/api-keys/{id}/revoke"), &officer, &json!({})).await.0, 204);
    let refused = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(1_200));
        stream.ask(&third)
    });
    let refused = refused.await.unwrap();
    assert_eq!((&refused["type"], &refused["verdict"]), (&"urn:chuky:problem:unauthenticated".into(), &Value::Null));
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsa_and_the_published_schema() {
    let Scene { test, provider, .. } = scene(Backend::Sqlite).await;
    let (status, schema) = test.get("/api/v1/schemas/payment-order.json", "").await;
    assert_eq!((status, &schema["$id"]), (200, &"/api/v1/schemas/payment-order.json".into()));
    // A second authority under the same labels is refused by the store, so this payer comes from an unknown one.
    let stranger = TestApp::sqlite().await;
    let unknown = Authority::enter(&stranger.app).await.payer(&stranger.app, rsa()).await;
    let answer = send(&test, &provider, &unknown.sign(&unknown.order(&test.app, "INV-1"))).await;
    assert_ne!(answer["verdict"], "accepted", "{answer}");
    let known = key_of(&stranger, "vi.la", Role::PaymentProvider).await;
    let message = unknown.sign(&unknown.order(&stranger.app, "INV-1"));
    assert_eq!(outcome(&send(&stranger, &known, &message).await), ("accepted", "first"));
}

/// The shipped binary, serving the test's data on a port of its own.
pub struct Served {
    child: Child,
    pub url: String,
}

impl Served {
    pub fn start(test: &TestApp, crash_at: &str) -> Self {
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(EXECUTABLE)
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(test.data_dir())
            .env("CHUKY__SERVER__LISTEN", listen.to_string())
            .env("CHUKY__DATABASE__URL", &test.app.settings.database_url)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .env("CHUKY_CRASH_AT", crash_at)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let served = Self { child, url: format!("http://{listen}") };
        for _ in 0..1_800 {
            if std::net::TcpStream::connect(listen).is_ok() {
                return served;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the service does not listen");
    }

    /// `None` where the service went away before it answered.
    fn verify(&self, key: &str, message: &str) -> Option<Value> {
        let request = ureq::post(format!("{}{VERIFY}", self.url)).header("authorization", format!("Bearer {key}"));
        request.send(message).ok()?.body_mut().read_json().ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn killed(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    // Killed before the commit nothing has happened; killed after it, everything has, and the provider's retry learns so.
    for (point, then) in [("payment.before_consume", "first"), ("payment.consumed", "repeated")] {
        let message = payer.sign(&payer.order(&test.app, point));
        let mut crashing = Served::start(&test, point);
        assert_eq!(crashing.verify(&provider, &message), None, "{point}");
        assert_eq!(crashing.child.wait().unwrap().code(), None, "ended by a signal");
        assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", then), "{point}");
        let restarted = Served::start(&test, "");
        assert_eq!(outcome(&restarted.verify(&provider, &message).unwrap()), ("accepted", "repeated"), "{point}");
    }
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_neither_loses_nor_doubles_a_payment_on_sqlite() {
    killed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_neither_loses_nor_doubles_a_payment_on_postgres() {
    killed(Backend::Postgres).await;
}

/// What makes a payment that was accepted stay accepted is the audit log: rows that SQL takes away, changes or moves accept nothing again, on
/// this node, on another and after a restart.
async fn what_was_accepted_stays_accepted(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    let shop = key_of(&test, "cua.hang", Role::RelyingParty).await;
    let messages: Vec<String> =
        (0..4).map(|number| payer.sign(&payer.order(&test.app, &format!("INV-{number}")))).collect();
    for message in &messages {
        assert_eq!(outcome(&send(&test, &provider, message).await), ("accepted", "first"));
    }
    let refused = async |test: &TestApp, key: &str, message: &str| {
        let (status, answer) = test.request("POST", VERIFY, key, "application/jose", message.into()).await;
        assert_eq!((status, &answer["type"]), (500, &"urn:chuky:problem:internal".into()), "{answer}");
    };
    // A row is gone, with its group or without; another has a new name, so that its own is free.
    test.sql("DELETE FROM payment_identity WHERE batch_id IN (SELECT batch_id FROM payment_identity ORDER BY identity LIMIT 1)");
    let gone =
        async |message: &String| test.request("POST", VERIFY, &provider, "", message.clone().into()).await.0 == 500;
    let mut left = 0;
    for message in &messages {
        left += u32::from(!gone(message).await);
    }
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), left.to_string());
    test.sql("DELETE FROM payment_identity");
    test.sql("DELETE FROM payment_batch");
    for message in &messages {
        refused(&test, &provider, message).await;
        refused(&test, &shop, message).await;
    }
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "0");
    // The log tells of each try, and a payment that was never accepted still is.
    let alarms: u32 = test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'row.forged'").parse().unwrap();
    assert!(alarms >= 4, "{alarms}");
    let fresh = payer.sign(&payer.order(&test.app, "INV-9"));
    assert_eq!(outcome(&send(&test, &provider, &fresh).await), ("accepted", "first"));
    // A stream answers each line for itself.
    let body = [messages[0].as_str(), &fresh, &messages[1]].join("\n");
    let (_, bytes) = test.raw("POST", "/api/v1/transactions/verify-batch", &provider, "", body.into()).await;
    let kinds: Vec<bool> =
        String::from_utf8(bytes).unwrap().lines().map(|line| line.contains("\"repeated\"")).collect();
    assert_eq!(kinds, [false, true, false]);

    // Another node, and the same one after a restart, know it from the log.
    let other =
        chuky::app::App::open(test.app.settings.clone(), test.app.clock.clone(), EXECUTABLE.into()).await.unwrap();
    let other = TestApp::around(other).await;
    refused(&other, &provider, &messages[2]).await;
    // What one node accepts, the other knows as soon as the log has it.
    let here = payer.sign(&payer.order(&test.app, "INV-10"));
    assert_eq!(outcome(&send(&other, &provider, &here).await), ("accepted", "first"));
    for _ in 0..600 {
        if test.app.payments.remembered().count() == messages.len() + 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    test.sql("DELETE FROM payment_identity");
    refused(&test, &provider, &here).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_stays_accepted_on_sqlite() {
    what_was_accepted_stays_accepted(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_stays_accepted_on_postgres() {
    what_was_accepted_stays_accepted(Backend::Postgres).await;
}

async fn forgotten_in_time(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    let test = test.without_background();
    let message = payer.sign(&payer.order(&test.app, "INV-1"));
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "first"));
    let forget = || chuky::transactions::retention::forget_old(&test.app);
    let days = test.app.settings.payments.retention_days;
    // Kept while an order could be fresh anywhere, and for whole days beyond.
    test.app.clock.shift_seconds((days - 1) * 86_400);
    forget().await.unwrap();
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "1");
    assert_eq!(test.app.payments.remembered().count(), 1);
    test.app.clock.shift_seconds(2 * 86_400);
    let forgotten = forget().await.unwrap();
    assert_eq!((forgotten.groups, forgotten.payments), (1, 1));
    assert_eq!(
        test.sql("SELECT COUNT(*) FROM payment_identity") + &test.sql("SELECT COUNT(*) FROM payment_batch"),
        "00"
    );
    assert_eq!(test.app.payments.remembered().count(), 0);
    assert_eq!(test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'payments.forgotten'"), "1");
    // Long expired by then, so that forgetting accepts nothing.
    let later = key_of(&test, "vi.moi", Role::PaymentProvider).await;
    let late = send(&test, &later, &message).await;
    assert_eq!((outcome(&late), &late["reasons"][0]), (("rejected", "not_consumed"), &"expired".into()));
    assert_eq!(forget().await.unwrap().groups, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_forgotten_by_the_day_on_sqlite() {
    forgotten_in_time(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_forgotten_by_the_day_on_postgres() {
    forgotten_in_time(Backend::Postgres).await;
}

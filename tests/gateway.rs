//! Messages to an SMS gateway: a simulator that honours keys and may be slow, down, ill or out of temper, and a node that is killed before and after
//! the post. Each message is sent once, whatever happens; what is wrong with the gateway is never held against a message.

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    app::App,
    config::{GatewaySettings, Settings},
    fetching::{Addresses, WebhookConfig},
    issuance::ceremony,
    outbox::{self, Round},
};
use chuky_model::{
    id::MessageId,
    record::{state::MessageChannel, work::Message},
    role::Role,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use uuid::Uuid;

const SECRET: &str = "bi-mat-cua-cong-tin-nhan";
const NUMBER: &str = "0912345678";

/// A gateway: what it was posted by key, and what it sent on.
#[derive(Default)]
struct Seen {
    /// Posts by key, whatever they were answered.
    posts: BTreeMap<String, usize>,
    /// What was taken, once a key.
    sent: BTreeMap<String, Value>,
    wrong: Vec<String>,
}

/// Answers of one post; the last one stays.
type Answers = Arc<Mutex<Vec<&'static str>>>;

struct Gateway {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    answers: Answers,
    patience: Arc<Mutex<Duration>>,
}

impl Gateway {
    fn start(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
            answers: Arc::new(Mutex::new(answers.to_vec())),
            patience: Arc::default(),
        };
        let (seen, answers, patience) = (gateway.seen.clone(), gateway.answers.clone(), gateway.patience.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answers, patience) = (seen.clone(), answers.clone(), patience.clone());
                std::thread::spawn(move || drop(take(stream.unwrap(), &seen, &answers, &patience)));
            }
        });
        gateway
    }

    fn answers(&self, answers: &[&'static str]) {
        *self.answers.lock().unwrap() = answers.to_vec();
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/send", self.port)
    }

    fn posts(&self) -> usize {
        self.seen.lock().unwrap().posts.values().sum()
    }

    fn sent(&self) -> BTreeMap<String, Value> {
        let seen = self.seen.lock().unwrap();
        assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        seen.sent.clone()
    }
}

fn take(
    mut stream: std::net::TcpStream,
    seen: &Mutex<Seen>,
    answers: &Mutex<Vec<&'static str>>,
    patience: &Mutex<Duration>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = BTreeMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':') {
            head.insert(name.to_lowercase(), value.trim().to_owned());
        }
        line.clear();
    }
    let mut body = vec![0; head["content-length"].parse().unwrap()];
    reader.read_exact(&mut body)?;
    let message: Value = serde_json::from_slice(&body).unwrap();
    let key = head.get("idempotency-key").cloned().unwrap_or_default();
    let pause = *patience.lock().unwrap();
    std::thread::sleep(pause);
    let answer = {
        let mut answers = answers.lock().unwrap();
        if answers.len() > 1 { answers.remove(0) } else { answers[0] }
    };
    {
        let mut seen = seen.lock().unwrap();
        *seen.posts.entry(key.clone()).or_default() += 1;
        if head.get("authorization") != Some(&format!("Bearer {SECRET}")) || message["id"] != key.as_str() {
            seen.wrong.push(format!("{head:?} {message}"));
        }
        if answer.starts_with('2') {
            let known = seen.sent.insert(key, message.clone());
            if known.is_some_and(|known| known != message) {
                seen.wrong.push("another message under one key".to_owned());
            }
        }
    }
    stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes())
}

fn called(settings: &mut Settings, url: &str, folder: &Path) {
    let secret = folder.join("gateway-secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let host = url.split('/').nth(2).unwrap().to_owned();
    settings.gateway = Some(GatewaySettings {
        url: url.to_owned(),
        secret_file: Some(secret),
        reach: WebhookConfig { hosts: vec![host], addresses: Addresses::Loopback, roots: None },
    });
}

/// A service that calls the gateway, with nothing running in the background that would be faster than the test.
async fn service(backend: Backend, gateway: &Gateway, folder: &Path) -> TestApp {
    let url = gateway.url();
    TestApp::start_with(backend, |settings| called(settings, &url, folder)).await.without_background()
}

async fn waiting(app: &App, count: usize) -> Vec<MessageId> {
    let mut ids = Vec::new();
    let mut transaction = app.store.begin().await.unwrap();
    for _ in 0..count {
        let id = MessageId(Uuid::now_v7());
        let seal = |name: &str, text: &str| app.vault.seal(name, &id.to_string(), text.as_bytes()).unwrap();
        let message = Message {
            id,
            channel: MessageChannel::Sms,
            recipient: seal("message.recipient", NUMBER),
            body: seal("message.body", &format!("Ma xac nhan {id}")),
            created_at: app.clock.now(),
            sent_at: None,
            tries: 0,
            next_at: None,
            failed_at: None,
        };
        transaction.insert_message(&message).await.unwrap();
        ids.push(id);
    }
    transaction.commit().await.unwrap();
    ids
}

/// Rounds, with the clock moved over every pause, until nothing waits.
async fn handed_over(app: &App) {
    for _ in 0..40 {
        if outbox::waiting(app).await.unwrap() == 0 {
            return;
        }
        let _ = outbox::hand_over(app).await;
        app.clock.shift_seconds(901);
    }
    panic!("messages still wait");
}

async fn ill_and_well_again(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&["500 Internal Server Error", "429 Too Many Requests", "401 Unauthorized", "200 OK"]);
    let test = service(backend, &gateway, folder.path()).await;
    let ids = waiting(&test.app, 20).await;
    // The first round meets an ill gateway, and takes the rest.
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(17));
    assert_eq!(outbox::waiting(&test.app).await.unwrap(), 3);
    // Nothing is tried again before its pause is over.
    let before = gateway.posts();
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(0));
    assert_eq!(gateway.posts(), before);
    test.app.clock.shift_seconds(11);
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(3));
    let sent = gateway.sent();
    assert_eq!(sent.keys().cloned().collect::<Vec<_>>(), ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    for (id, message) in &sent {
        assert_eq!(message["to"], NUMBER);
        assert_eq!(message["channel"], "sms");
        assert_eq!(message["text"], format!("Ma xac nhan {id}"));
    }
    // Each was acknowledged once: only those that were refused were posted twice.
    assert_eq!(gateway.posts(), 23);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_ill_loses_nothing_and_gets_nothing_twice() {
    ill_and_well_again(Backend::Sqlite).await;
    ill_and_well_again(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_is_given_up_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&["422 Unprocessable Content", "200 OK"]);
    let test = service(Backend::Sqlite, &gateway, folder.path()).await;
    waiting(&test.app, 3).await;
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(2));
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 0, "nobody knows yet whose fault it was");
    // The gateway takes another meanwhile, and refuses that one again: it is the message's.
    let put_off = |minutes: i64| {
        let by = minutes * 60_000_000;
        test.sql(&format!("UPDATE message SET next_at = next_at + {by} WHERE sent_at IS NULL AND tries > 0"));
    };
    put_off(10);
    waiting(&test.app, 1).await;
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(1));
    put_off(-10);
    gateway.answers(&["422 Unprocessable Content"]);
    test.app.clock.shift_seconds(11);
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(0));
    assert_eq!((gateway.sent().len(), gateway.posts()), (3, 5));
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 1);
    gateway.answers(&["200 OK"]);
    let (_, metrics) = test.raw("GET", "/metrics", "", "", Vec::new()).await;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(
        metrics.contains("chuky_messages_failed 1\n") && metrics.contains("chuky_messages_waiting 0\n"),
        "{metrics}"
    );
    // One that nothing takes for three days is given up, too.
    waiting(&test.app, 1).await;
    gateway.answers(&["503 Service Unavailable"]);
    assert!(outbox::hand_over(&test.app).await.is_err(), "the gateway takes nothing");
    assert!(!test.app.spooling.is_well());
    test.app.clock.shift_seconds(3 * 86_400);
    outbox::hand_over(&test.app).await.unwrap();
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 2);
}

/// A gateway that refuses everything, for its path or body is another than was set, is wrong itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_refuses_everything_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&["400 Bad Request"]);
    let test = service(Backend::Sqlite, &gateway, folder.path()).await;
    waiting(&test.app, 20).await;
    for round in 1..=12 {
        assert!(outbox::hand_over(&test.app).await.is_err(), "it is told");
        assert!(!test.app.spooling.is_well());
        assert!(gateway.posts() <= round * 8, "it is left alone after the first ones");
        test.app.clock.shift_seconds(900);
    }
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 0);
    assert_eq!(outbox::waiting(&test.app).await.unwrap(), 20);
    // Set right, it gets all of them.
    gateway.answers(&["200 OK"]);
    test.app.clock.shift_seconds(900);
    handed_over(&test.app).await;
    assert_eq!((gateway.sent().len(), test.app.spooling.is_well()), (20, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_down_or_slow_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&["200 OK"]);
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/send");
    let test = TestApp::with(|settings| called(settings, &url, folder.path())).await.without_background();
    waiting(&test.app, 30).await;
    let began = Instant::now();
    assert!(outbox::hand_over(&test.app).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(60), "it ends after the first ones: {:?}", began.elapsed());
    assert_eq!(outbox::waiting(&test.app).await.unwrap(), 30);
    drop(test);
    // Slow ones are waited for side by side.
    *gateway.patience.lock().unwrap() = Duration::from_secs(2);
    let test = service(Backend::Sqlite, &gateway, folder.path()).await;
    waiting(&test.app, 16).await;
    let began = Instant::now();
    assert_eq!(outbox::hand_over(&test.app).await.unwrap(), Round::Mine(16));
    assert!(began.elapsed() < Duration::from_secs(24), "{:?}", began.elapsed());
    // One that does not answer in time may have sent: it is asked again with the same key.
    *gateway.patience.lock().unwrap() = Duration::from_secs(12);
    let ids = waiting(&test.app, 1).await;
    assert!(outbox::hand_over(&test.app).await.is_err());
    for _ in 0..600 {
        if gateway.posts() == 17 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    *gateway.patience.lock().unwrap() = Duration::ZERO;
    handed_over(&test.app).await;
    let sent = gateway.sent();
    assert_eq!((sent.len(), gateway.seen.lock().unwrap().posts[&ids[0].to_string()]), (17, 2));
}

/// The binary over what rests, killed at that point while it hands the message over.
fn killed_at(point: &str, data: &Path, settings: &Settings) {
    let gateway = settings.gateway.as_ref().unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = data.join("killed.toml");
    let text = format!(
        "[messages]\nsms = \"http\"\n[messages.gateway]\nurl = \"{}\"\nsecret_file = \"{}\"\naddresses = \"loopback\"\n",
        gateway.url,
        gateway.secret_file.as_ref().unwrap().display()
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(EXECUTABLE);
    command.arg("--config").arg(&file).args(["serve", "--no-demo", "--data-dir"]).arg(data);
    command.env("CHUKY__SERVER__LISTEN", listen.to_string()).env("CHUKY__DATABASE__URL", &settings.database_url);
    command.env("CHUKY__HSM__RSA_STOCK", "0").env("CHUKY_CRASH_AT", point).stdout(Stdio::null());
    let mut served = command.spawn().unwrap();
    for _ in 0..1_200 {
        if served.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = served.kill();
    assert_eq!(served.wait().unwrap().code(), None, "ended by a signal at {point}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_around_the_post_sends_once() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&["200 OK"]);
    let mut test = service(Backend::Sqlite, &gateway, folder.path()).await;
    let mut ids = Vec::new();
    for (point, posts) in [("message.claimed", 0), ("message.told", 1)] {
        let id = waiting(&test.app, 1).await[0].to_string();
        let (directory, settings) = test.rest().await;
        killed_at(point, &directory.path().join("var"), &settings);
        let count = gateway.seen.lock().unwrap().posts.get(&id).copied().unwrap_or_default();
        assert_eq!(count, posts, "{point}");
        let url = gateway.url();
        test = TestApp::wake_with(directory, settings, |settings| called(settings, &url, folder.path())).await;
        test = test.without_background();
        assert_eq!(outbox::waiting(&test.app).await.unwrap(), 1, "{point}: it still waits");
        handed_over(&test.app).await;
        // Posted again with its key where the node died after the post: the gateway sent it once.
        assert_eq!(gateway.seen.lock().unwrap().posts[&id], posts + 1, "{point}");
        ids.push(id);
    }
    assert_eq!(gateway.sent().into_keys().collect::<Vec<_>>(), ids);
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demonstration_shows_messages_and_nothing_else_does() {
    let quiet = TestApp::sqlite().await;
    assert_eq!(quiet.raw("GET", "/messages", "", "", Vec::new()).await.0, 404);
    drop(quiet);
    let test = TestApp::with(|settings| settings.shows_messages = true).await;
    let ids = waiting(&test.app, 2).await;
    let (status, page) = test.raw("GET", "/messages", "", "", Vec::new()).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && page.contains(NUMBER), "{page}");
    let place = |id: &MessageId| page.find(&format!("Ma xac nhan {id}")).unwrap();
    assert!(place(&ids[1]) < place(&ids[0]), "newest first: {page}");
    // Where the service is known to others, everybody behind its proxy seems to be on this machine: staff alone see it.
    let public = TestApp::with(|settings| {
        settings.shows_messages = true;
        settings.public_url = "https://demo.example.vn".to_owned();
    })
    .await;
    assert_eq!(public.raw("GET", "/messages", "", "", Vec::new()).await.0, 401);
    let (_, bank) = public.account("ngan.hang", &[Role::RelyingParty], None).await;
    assert_eq!(public.raw("GET", "/messages", &bank, "", Vec::new()).await.0, 403);
    let staff = public.log_in("duyet").await;
    assert_eq!(public.raw("GET", "/messages", &staff, "", Vec::new()).await.0, 200);
}

/// A service that is meant to be relied on does not start with the page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_real_authority_shows_messages() {
    let test = TestApp::bare(Backend::Sqlite, |_| ()).await;
    let real = ceremony::TEST.replace("test = true", "test = false").replace("TEST ", "").replace(" TEST", "");
    ceremony::hold(&test.app, &real).await.unwrap();
    let (directory, settings) = test.rest().await;
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("timeout");
    command.args(["180", EXECUTABLE, "serve", "--no-demo", "--data-dir"]).arg(directory.path().join("var"));
    command.env("CHUKY__SERVER__LISTEN", listen.to_string()).env("CHUKY__DATABASE__URL", &settings.database_url);
    command.env("CHUKY__HSM__RSA_STOCK", "0").env("CHUKY__MESSAGES__SHOWN", "true");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("messages.shown"), "{output:?}");
}

//! Honest people and programs that do something about the same thing in the same moment, at two nodes on PostgreSQL: none is answered with
//! an error of the service, what comes of it is what some order of them explains, whoever reads meanwhile gets an answer, and nothing is
//! taken for forged. `CHUKY_SOAK_SECONDS` makes the run long.

mod subscribers;

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{bootstrap, clock::Clock, rates::Quota};
use chuky_model::{id::AccountId, role::Role};
use serde_json::Value;
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Barrier;
use tracing::{Event, Level, Subscriber, field};
use tracing_subscriber::{Layer, filter::LevelFilter, layer::Context, prelude::*};

/// A service with people who are at work at all its nodes.
pub struct Scene {
    nodes: Vec<Arc<TestApp>>,
    staff: Vec<(&'static str, AccountId)>,
}

/// Something that one of those who meet asks for.
pub struct Call {
    method: &'static str,
    path: String,
    token: String,
    kind: &'static str,
    body: Vec<u8>,
    key: Option<String>,
}

/// A `POST` of JSON.
pub fn post(path: impl Into<String>, token: &str, body: &Value) -> Call {
    let (path, token) = (path.into(), token.to_owned());
    Call { method: "POST", path, token, kind: "application/json", body: body.to_string().into_bytes(), key: None }
}

impl Call {
    fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    async fn at(self, node: &TestApp) -> (u16, Value) {
        let mut headers = vec![("content-type", self.kind.to_owned())];
        if !self.token.is_empty() {
            headers.push(("authorization", format!("Bearer {}", self.token)));
        }
        headers.extend(self.key.map(|key| ("idempotency-key", key)));
        let (status, _, bytes) = node.exchange(self.method, &self.path, headers, self.body).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

impl Scene {
    async fn start(backend: Backend) -> Self {
        let test = TestApp::start_with(backend, |settings| {
            let many = Quota { count: 1_000_000, seconds: 60 };
            let rates = &mut settings.rates;
            (rates.login, rates.login_day, rates.login_address, rates.pin) = (many, many, many, many);
            (rates.pin_address, rates.activation_address) = (many, many);
        })
        .await;
        let mut staff = Vec::new();
        for (login, role) in [
            ("mot.gian.hang", Role::Operator),
            ("mot.duyet", Role::Approver),
            ("hai.duyet", Role::Approver),
            ("mot.an.ninh", Role::SecurityOfficer),
        ] {
            let number = format!("0010800{:05}", 70_000 + staff.len());
            staff.push((login, test.account(login, &[role], Some(&number)).await.0));
        }
        let mut nodes = vec![Arc::new(test)];
        if backend == Backend::Postgres {
            let settings = nodes[0].app.settings.clone();
            let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
            nodes.push(Arc::new(TestApp::around(app).await));
        }
        Self { nodes, staff }
    }

    /// The node at which everything is prepared.
    fn test(&self) -> &TestApp {
        &self.nodes[0]
    }

    /// A fresh session of a member of the staff.
    async fn token(&self, login: &str) -> String {
        let (_, account) = self.staff.iter().find(|(name, _)| *name == login).unwrap();
        chuky::accounts::open_session(&self.test().app, *account).await.unwrap().reveal().to_owned()
    }

    /// An API key of a member of the staff.
    async fn key(&self, login: &str) -> String {
        let (_, account) = self.staff.iter().find(|(name, _)| *name == login).unwrap();
        self.test().key(*account).await
    }

    /// All calls in the same moment, by turns at each node, while somebody reads. Nobody is told that the service failed.
    async fn meet(&self, what: &str, calls: Vec<Call>, watched: &[(String, &str)]) -> Vec<(u16, Value)> {
        let over = Arc::new(AtomicBool::new(false));
        let watched = watched.iter().map(|(path, token)| (path.clone(), (*token).to_owned())).collect();
        let reader = tokio::spawn(watch(self.nodes.clone(), watched, (what.to_owned(), Arc::clone(&over))));
        let barrier = Arc::new(Barrier::new(calls.len()));
        let at_work: Vec<_> = calls
            .into_iter()
            .enumerate()
            .map(|(place, call)| {
                let (node, barrier) = (Arc::clone(&self.nodes[place % self.nodes.len()]), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    call.at(&node).await
                })
            })
            .collect();
        let mut answers = Vec::new();
        for one in at_work {
            answers.push(one.await.unwrap());
        }
        over.store(true, Ordering::SeqCst);
        reader.await.unwrap();
        assert!(answers.iter().all(|(status, _)| *status < 500), "{what}: {answers:?}");
        answers
    }

    /// As [`Scene::meet`]; exactly one comes through, and the others are told why not. Which one.
    async fn one_of(&self, what: &str, calls: Vec<Call>, watched: &[(String, &str)]) -> usize {
        let answers = self.meet(what, calls, watched).await;
        let through: Vec<usize> =
            answers.iter().enumerate().filter(|(_, (status, _))| *status < 400).map(|(place, _)| place).collect();
        assert_eq!(through.len(), 1, "{what}: {answers:?}");
        through[0]
    }

    /// As [`Scene::meet`]; one or more come through.
    async fn some_of(&self, what: &str, calls: Vec<Call>, watched: &[(String, &str)]) -> Vec<(u16, Value)> {
        let answers = self.meet(what, calls, watched).await;
        assert!(answers.iter().any(|(status, _)| *status < 400), "{what}: {answers:?}");
        answers
    }

    /// As [`Scene::meet`]; all come through.
    async fn all_of(&self, what: &str, calls: Vec<Call>, watched: &[(String, &str)]) -> Vec<(u16, Value)> {
        let answers = self.meet(what, calls, watched).await;
        assert!(answers.iter().all(|(status, _)| *status < 400), "{what}: {answers:?}");
        answers
    }

    /// One call that nothing meets, and that must come through.
    async fn done(&self, call: Call) -> Value {
        let path = call.path.clone();
        let (status, answer) = call.at(self.test()).await;
        assert!(status < 400, "{path}: {status} {answer}");
        answer
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let (status, answer) = self.test().get(path, token).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }
}

/// Reads everything once more at least when all is over.
async fn watch(nodes: Vec<Arc<TestApp>>, paths: Vec<(String, String)>, (what, over): (String, Arc<AtomicBool>)) {
    loop {
        let is_last = over.load(Ordering::SeqCst) || paths.is_empty();
        for (place, (path, token)) in paths.iter().enumerate() {
            let (status, body) = nodes[place % nodes.len()].raw("GET", path, token, "", Vec::new()).await;
            assert!(status < 500, "GET {path} while {what}: {status} {}", String::from_utf8_lossy(&body));
        }
        if is_last {
            return;
        }
    }
}

/// What threads of a run log as a disagreement, by their name.
static ERRORS: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);

struct Errors;

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        if *event.metadata().level() != Level::ERROR || !thread.starts_with(THREADS) {
            return;
        }
        struct Text(String);
        impl field::Visit for Text {
            fn record_debug(&mut self, field: &field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        if !DISAGREE.iter().any(|word| text.0.contains(word)) {
            return;
        }
        let mut errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
        errors.get_or_insert_default().entry(thread).or_default().push(text.0);
    }
}

/// Events that say that rows, files or the log disagree.
const DISAGREE: [&str; 6] = ["row_forged", "row_missing", "row_reset", "row_put_back", "differs", "not_whole"];
/// Threads of these runs are called so.
const THREADS: &str = "meeting";

/// Runs on threads of its own name, so that what is logged here is told apart from what the tests of attacks bring about.
fn run(backend: Backend) {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| tracing_subscriber::registry().with(Errors.with_filter(LevelFilter::ERROR)).init());
    let name = format!("{THREADS}-{backend:?}");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name(&name).enable_all().build().unwrap();
    runtime.block_on(async move { tokio::spawn(rounds(backend)).await.unwrap() });
    runtime.shutdown_background();
    let errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|all| all.remove(&name));
    assert_eq!(errors.unwrap_or_default(), Vec::<String>::new());
}

async fn rounds(backend: Backend) {
    let seconds = std::env::var("CHUKY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let until = Instant::now() + Duration::from_secs(seconds);
    let scene = Scene::start(backend).await;
    let people = subscribers::People::new(&scene).await;
    let mut round = 0;
    loop {
        subscribers::round(&scene, &people, round).await;
        round += 1;
        if Instant::now() >= until {
            break;
        }
    }
    println!("soak: meetings on {backend:?}: {round} rounds, none failed");
}

#[test]
fn soak_of_calls_that_meet_none_fails_on_sqlite() {
    run(Backend::Sqlite);
}

#[test]
fn soak_of_calls_that_meet_none_fails_on_postgres() {
    run(Backend::Postgres);
}

//! A whole service for one test: its own data directory, tokens, database and port, with supervised HSM workers and readers of
//! the very binary that is shipped. The first one of a run is prepared; the others start from a copy of it.

use super::database;
use chuky::{
    accounts::{self, NewAccount, Password},
    app::App,
    audit::Actor,
    bootstrap,
    clock::Clock,
    config::{SecondCertificateRule, Settings},
    error::Error,
    http, worker,
};
use chuky_model::{id::AccountId, instant::Instant, role::Role};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};
use tokio::{net::TcpListener, sync::oneshot};

/// The binary whose workers the service runs.
pub const EXECUTABLE: &str = env!("CARGO_BIN_EXE_chuky");

/// The password of accounts made by [`TestApp::account`].
#[allow(dead_code)] // each test uses what it needs
pub const ACCOUNT_PASSWORD: &str = "một mật khẩu dài";

/// Which database the service uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A running service.
#[allow(dead_code)] // each test uses what it needs
pub struct TestApp {
    pub app: App,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    pub directory: tempfile::TempDir,
    /// Login → password of the demonstration accounts.
    pub passwords: BTreeMap<String, String>,
    /// Sessions of accounts that decide, by the token under which tests know them: whose, since when, and the token of now.
    sessions: Mutex<HashMap<String, (AccountId, Instant, String)>>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
    background: tokio::task::JoinHandle<()>,
}

#[allow(dead_code)] // each test uses what it needs
impl TestApp {
    /// A service on SQLite.
    pub async fn sqlite() -> Self {
        Self::start(Backend::Sqlite).await
    }

    /// A service on SQLite with other settings than usual.
    pub async fn with(alter: impl FnOnce(&mut Settings)) -> Self {
        Self::start_with(Backend::Sqlite, alter).await
    }

    /// A service on that database, with hierarchies and demonstration accounts.
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| ()).await
    }

    /// The same with other settings.
    pub async fn start_with(backend: Backend, alter: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        match backend {
            Backend::Sqlite => {
                copy(template(), directory.path());
                relocate(directory.path());
                Self::over(directory, None, alter).await
            }
            Backend::Postgres => Self::over(directory, Some(database::fresh_postgres()), alter).await,
        }
    }

    async fn over(
        directory: tempfile::TempDir,
        database_url: Option<String>,
        alter: impl FnOnce(&mut Settings),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::load(None, &directory.path().join("var")).unwrap();
        settings.public_url = url.clone();
        settings.hsm.rsa_stock = 0;
        bootstrap::relax_second_factor(&mut settings);
        // One person stands for many here.
        settings.registration.second_certificate = SecondCertificateRule::Allow;
        if let Some(database_url) = database_url {
            settings.database_url = database_url;
        }
        alter(&mut settings);
        let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
        bootstrap::demo_authority(&app).await.unwrap();
        Self::serve(app, listener, url, directory).await
    }

    /// A service as it is before its founding: without hierarchies and without accounts.
    pub async fn bare(backend: Backend, alter: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::load(None, &directory.path().join("var")).unwrap();
        settings.public_url = url.clone();
        settings.hsm.rsa_stock = 0;
        if backend == Backend::Postgres {
            settings.database_url = database::fresh_postgres();
        }
        alter(&mut settings);
        let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
        Self::serve_with(app, listener, url, directory, BTreeMap::new()).await
    }

    /// A service around an opened one, at a port that its certificates do not name; the caller keeps its directory.
    pub async fn around(app: App) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(app, listener, url, tempfile::tempdir().unwrap()).await
    }

    async fn serve(app: App, listener: TcpListener, url: String, directory: tempfile::TempDir) -> Self {
        // A restored service has other people's accounts, and no file with their passwords.
        let accounts = match bootstrap::demo_accounts(&app).await {
            Err(Error::Request(refused)) if refused.code == "no_demonstration" => Vec::new(),
            made => made.unwrap(),
        };
        let passwords = accounts.iter().map(|a| (a.login.clone(), a.password.to_string())).collect();
        Self::serve_with(app, listener, url, directory, passwords).await
    }

    async fn serve_with(
        app: App,
        listener: TcpListener,
        url: String,
        directory: tempfile::TempDir,
        passwords: BTreeMap<String, String>,
    ) -> Self {
        worker::prepare(&app).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = app.clone();
        let served = tokio::spawn(async move {
            http::serve(serving, listener, async { drop(stopped.await) }).await.unwrap();
        });
        let background = worker::start(&app);
        let sessions = Mutex::default();
        Self { app, url, directory, passwords, sessions, stop: Some(stop), served: Some(served), background }
    }

    /// An account of those roles, perhaps of the person with that number, with an API key for an hour; where a role decides, with a session that
    /// is opened anew when its time is over, for no key decides.
    pub async fn account(&self, login: &str, roles: &[Role], person: Option<&str>) -> (AccountId, String) {
        self.account_of(login, roles, person.map(|number| self.app.vault.lookup("person", number))).await
    }

    /// The same with the keyed hash of the number.
    pub async fn account_of(
        &self,
        login: &str,
        roles: &[Role],
        person_lookup: Option<[u8; 32]>,
    ) -> (AccountId, String) {
        let new = NewAccount {
            login: login.to_owned(),
            password: Password::choose(ACCOUNT_PASSWORD).unwrap(),
            roles: roles.to_vec(),
            display_name: login.to_owned(),
            unit: String::new(),
            person_lookup,
        };
        let account = accounts::create_account(&self.app, Actor::Service, new).await.unwrap();
        let decides = |role: &Role| matches!(role, Role::Approver | Role::SecurityOfficer | Role::Administrator);
        if roles.iter().any(decides) {
            let token = self.open_session(account).await;
            let now = self.app.clock.now();
            self.sessions.lock().unwrap().insert(token.clone(), (account, now, token.clone()));
            return (account, token);
        }
        (account, self.key(account).await)
    }

    /// An account of that role, with what outlives every shift of the clock within a month.
    pub async fn lasting_account(&self, login: &str, role: Role) -> (AccountId, String) {
        let (account, token) = self.account(login, &[role], None).await;
        if self.sessions.lock().unwrap().contains_key(&token) {
            return (account, token);
        }
        let end = self.app.clock.now().plus_seconds(30 * 86_400);
        let key = accounts::create_api_key(&self.app, Actor::Service, account, "long", end).await.unwrap();
        (account, key.to_string())
    }

    /// An API key of that account for an hour.
    pub async fn key(&self, account: AccountId) -> String {
        let end = self.app.clock.now().plus_seconds(3_600);
        accounts::create_api_key(&self.app, Actor::Service, account, "test", end).await.unwrap().to_string()
    }

    async fn open_session(&self, account: AccountId) -> String {
        accounts::open_session(&self.app, account).await.unwrap().reveal().to_owned()
    }

    /// The token to send for one that a test knows.
    async fn token_of_now(&self, known: &str) -> String {
        let found = self.sessions.lock().unwrap().get(known).cloned();
        let Some((account, since, token)) = found else { return known.to_owned() };
        let now = self.app.clock.now();
        if now < since.plus_seconds(600) && since < now.plus_seconds(600) {
            return token;
        }
        let token = self.open_session(account).await;
        self.sessions.lock().unwrap().insert(known.to_owned(), (account, now, token.clone()));
        token
    }

    /// Logs a demonstration account in and returns its bearer token.
    pub async fn log_in(&self, login: &str) -> String {
        let body = serde_json::json!({ "login": login, "password": self.passwords[login] });
        let (status, answer) = self.post("/api/v1/session", "", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Approves a request as the demonstration's approver.
    pub async fn approve(&self, request: &Value) {
        let approver = self.log_in("duyet").await;
        let path = format!("/api/v1/requests/{}/approve", request["id"].as_str().unwrap());
        let digest = serde_json::json!({ "content_digest": request["content_digest"] });
        let (status, answer) = self.post(&path, &approver, &digest).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The activation code of an approved request, for whoever entered it or is its subscriber.
    pub async fn code(&self, request: &Value, token: &str) -> String {
        let path = format!("/api/v1/requests/{}/code", request["id"].as_str().unwrap());
        let (status, made) = self.post(&path, token, &serde_json::json!({})).await;
        assert_eq!(status, 200, "{made}");
        made["activation_code"].as_str().unwrap().to_owned()
    }

    /// A session of the person with that number, as after logging in; empty where they have no account.
    pub async fn session_of(&self, number: &str) -> String {
        let person = self.app.vault.lookup("person", number);
        match accounts::of_person(&self.app, &person).await.unwrap().first() {
            Some(account) => accounts::open_session(&self.app, account.id).await.unwrap().reveal().to_owned(),
            None => String::new(),
        }
    }

    /// `POST` of JSON as the holder of a token (empty: nobody); status and JSON answer.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.request("POST", path, token, "application/json", body.to_string().into_bytes()).await
    }

    /// Redeems a code as a client does: what the preview shows is confirmed and agreed to. By the road of a key of one's own where the body has
    /// a `request`.
    pub async fn redeem(&self, token: &str, body: &Value) -> (u16, Value) {
        let own_key = body.get("request").is_some();
        let path = if own_key { "/api/v1/activations/own-key" } else { "/api/v1/activations" };
        let body = self.agreed(token, body).await;
        self.post(path, token, &body).await
    }

    /// That redemption with what the preview of its code shows, where the body does not say otherwise.
    pub async fn agreed(&self, token: &str, body: &Value) -> Value {
        let (_, preview) = self.post("/api/v1/activations/preview", token, &json!({ "code": body["code"] })).await;
        let consent = if body.get("request").is_some() { "consent_own_key" } else { "consent" };
        let mut body = body.clone();
        for (field, value) in [("confirmed", &preview["content_digest"]), ("consent", &preview[consent]["version"])] {
            if body.get(field).is_none() && value.is_string() {
                body[field] = value.clone();
            }
        }
        body
    }

    /// `GET`; status and JSON answer (null where it is none).
    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.request("GET", path, token, "", Vec::new()).await
    }

    /// Any request; status and JSON answer (null where it is none).
    pub async fn request(&self, method: &str, path: &str, token: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
        let (status, bytes) = self.raw(method, path, token, kind, body).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Any request; status and bytes.
    pub async fn raw(&self, method: &str, path: &str, token: &str, kind: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let mut headers = Vec::new();
        if !token.is_empty() {
            let token = self.token_of_now(token).await;
            headers.push(("authorization", format!("Bearer {token}")));
        }
        if !kind.is_empty() {
            headers.push(("content-type", kind.to_owned()));
        }
        let (status, _, bytes) = self.exchange(method, path, headers, body).await;
        (status, bytes)
    }

    /// Any request; status, headers and bytes.
    pub async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> (u16, ureq::http::HeaderMap, Vec<u8>) {
        let (method, address) = (method.to_owned(), format!("{}{path}", self.url));
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(std::time::Duration::from_secs(120)))
                .build()
                .into();
            let mut request = ureq::http::Request::builder().method(method.as_str()).uri(&address);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let mut response = agent.run(request.body(body).unwrap()).unwrap();
            let bytes = response.body_mut().with_config().limit(512 << 20).read_to_vec().unwrap();
            (response.status().as_u16(), response.headers().clone(), bytes)
        })
        .await
        .unwrap()
    }

    /// Stops the service and gives its directory back, for a second start over the same data.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            served.await.unwrap();
        }
    }

    /// The same with nothing running in the background: the test does what is due.
    pub fn without_background(self) -> Self {
        self.background.abort();
        self
    }

    /// Serves what [`TestApp::rest`] gave, with other settings than usual.
    pub async fn wake_with(
        directory: tempfile::TempDir,
        settings: Settings,
        alter: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::over(directory, Some(settings.database_url), alter).await
    }

    /// Ends everything that runs here and gives the data with its settings, for a service in a process of its own; [`TestApp::wake`]
    /// serves them here again.
    pub async fn rest(mut self) -> (tempfile::TempDir, Settings) {
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        let settings = self.app.settings.clone();
        let store = self.app.store.clone();
        self.background.abort();
        self.stop().await;
        store.close().await;
        (directory, settings)
    }

    /// Serves what [`TestApp::rest`] gave.
    pub async fn wake(directory: tempfile::TempDir, settings: Settings) -> Self {
        let database_url = settings.database_url.clone();
        Self::over(directory, Some(database_url), |now| (now.audit, now.payments) = (settings.audit, settings.payments))
            .await
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("var")
    }

    /// Runs SQL as another connection would: an administrator's, or an attacker's.
    pub fn sql(&self, statement: &str) -> String {
        database::run(&self.app.settings.database_url, statement).unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.background.abort();
        drop(self.stop.take());
    }
}

/// A prepared directory that is copied for each test: tokens, PINs, hierarchies and accounts in SQLite.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = TEMPLATE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("var");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let mut settings = Settings::load(None, &data).unwrap();
                settings.hsm.rsa_stock = 0;
                let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
                bootstrap::demo_authority(&app).await.unwrap();
                worker::prepare(&app).await.unwrap();
                bootstrap::demo_accounts(&app).await.unwrap();
                app.store.close().await;
            });
        })
        .join()
        .unwrap();
        directory
    });
    made.path()
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
}

/// The copied SoftHSM configuration names the copied token directory.
fn relocate(directory: &Path) {
    let configuration = directory.join("var/softhsm2.conf");
    let text = fs::read_to_string(&configuration).unwrap();
    let tokens = directory.join("var/tokens");
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.starts_with("directories.tokendir") {
            true => format!("directories.tokendir = {}", tokens.display()),
            false => line.to_owned(),
        })
        .collect();
    fs::write(&configuration, lines.join("\n") + "\n").unwrap();
}

//! The service is killed (-9) before and after each effect of an issue; after the next start nothing half done is left, the serial
//! that may have been signed is revoked, and the same code brings a certificate under a new serial. Of several nodes a living one is
//! left alone, a dead one's work is taken back by the others, and one that comes back too late finishes nothing.

use super::{approved, citizen, fetch, ocsp, redemption};
use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::issuance::recovery;
use chuky_model::{
    record::{certificate::Certificate, state::CertificateState},
    request::RequestState,
};
use serde_json::Value;
use std::{
    collections::HashSet,
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A service process of its own over the data of a [`TestApp`].
pub struct Service {
    pub process: Child,
    pub url: String,
}

impl Service {
    /// It ends by itself at that point, or stands still there with `stop:` before the name.
    pub async fn start(test: &TestApp, point: &str) -> Self {
        Self::delivering(test, point, test.app.settings.documents.delivery_dir.as_deref()).await
    }

    /// The same with a folder of its own for the packages of outgoing documents.
    pub async fn delivering(test: &TestApp, point: &str, folder: Option<&Path>) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(EXECUTABLE);
        if let Some(folder) = folder {
            command.env("CHUKY__DOCUMENTS__DELIVERY_DIR", folder);
        }
        let process = command
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .env("CHUKY__REGISTRATION__SECOND_CERTIFICATE", "allow")
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(test.data_dir())
            .env("CHUKY__SERVER__LISTEN", address.to_string())
            .env("CHUKY__SERVER__PUBLIC_URL", &test.url)
            .env("CHUKY__DATABASE__URL", &test.app.settings.database_url)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .env("CHUKY_CRASH_AT", point)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self { process, url: format!("http://{address}") };
        let since = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(since.elapsed() < Duration::from_secs(180), "the service did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        service
    }

    /// Posts a redemption; `None` where the service died over it.
    pub async fn redeem(&self, body: &Value) -> Option<(u16, Value)> {
        self.redeem_in("", body).await
    }

    /// The same in a session.
    pub async fn redeem_in(&self, token: &str, body: &Value) -> Option<(u16, Value)> {
        let authorization = format!("Bearer {token}");
        let signed_in = !token.is_empty();
        let (address, body) = (format!("{}/api/v1/activations", self.url), body.to_string());
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut request = agent.post(&address).content_type("application/json");
            if signed_in {
                request = request.header("authorization", authorization);
            }
            let mut answer = request.send(body).ok()?;
            let status = answer.status().as_u16();
            Some((status, answer.body_mut().read_json().ok()?))
        });
        sent.await.unwrap()
    }

    /// Asks for a redemption and hangs up when it has begun; the service stops itself there.
    async fn hang_up_when_stopped(&self, body: &Value) {
        let text = body.to_string();
        let host = self.url.trim_start_matches("http://").to_owned();
        let head = format!(
            "POST /api/v1/activations HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        let mut caller = std::net::TcpStream::connect(host).unwrap();
        caller.write_all(format!("{head}{text}").as_bytes()).unwrap();
        self.until_stopped().await;
    }

    /// Waits until the service stands still.
    pub async fn until_stopped(&self) {
        let status = || fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        until("the service stops", async || status().contains("State:\tT")).await;
    }

    /// Lets it go on.
    pub fn goes_on(&self) {
        assert!(Command::new("kill").args(["-CONT", &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Posts as the holder of a token; the service may die over it.
    pub async fn post(&self, path: &str, token: &str, body: &Value) {
        let (address, token, body) = (format!("{}{path}", self.url), format!("Bearer {token}"), body.to_string());
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = agent.post(&address).header("authorization", token).content_type("application/json");
            drop(request.send(body));
        });
        sent.await.unwrap();
    }

    /// Waits until the service has died by itself.
    pub async fn died(&mut self) {
        let since = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            assert!(since.elapsed() < Duration::from_secs(180), "the service lives");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn end(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !condition().await {
        assert!(since.elapsed() < Duration::from_secs(180), "{what}: not within three minutes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_leaves_nothing_half_done_on_sqlite() {
    killed_at_each_effect(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_leaves_nothing_half_done_on_postgres() {
    killed_at_each_effect(Backend::Postgres).await;
}

async fn killed_at_each_effect(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let body = test.agreed("", &redemption(&code, "citizen")).await;
    let mut expected_void = 0;
    let mut expected_revoked = 0;
    for (point, reserved, signing) in [
        ("issue.before_intent", 0, 0),
        ("issue.after_intent", 1, 0),
        ("issue.after_key", 1, 0),
        ("issue.after_signing", 1, 1),
        ("issue.after_signature", 1, 1),
    ] {
        let mut service = Service::start(&test, point).await;
        assert_eq!(service.redeem(&body).await, None, "{point}: the service lives");
        service.end();
        // The next start takes it back.
        let mut service = Service::start(&test, "").await;
        if backend == Backend::Postgres {
            // Where the server had not noticed the end yet, soon after it.
            until(point, async || state(&test, &id).await == RequestState::Approved).await;
        }
        service.end();
        expected_void += reserved;
        expected_revoked += signing;
        assert_eq!(state(&test, &id).await, RequestState::Approved, "{point}");
        let rows = rows(&test, &id).await;
        assert!(rows.iter().all(|row| row.state == CertificateState::Void), "{point}");
        let revoked = rows.iter().filter(|row| row.revoked_at.is_some()).count();
        assert_eq!((rows.len(), revoked), (expected_void, expected_revoked), "{point}");
        assert_eq!(rows.iter().map(|row| row.serial.to_string()).collect::<HashSet<_>>().len(), rows.len());
        assert!(test.app.store.account_by_login("citizen").await.unwrap().is_none(), "{point}");
        assert!(test.sql("SELECT count(*) FROM credential").trim().ends_with('0'), "{point}");
    }
    // Killed after the last effect: it took hold, and only the answer is lost.
    let mut service = Service::start(&test, "issue.after_store").await;
    assert_eq!(service.redeem(&body).await, None);
    service.end();
    let mut service = Service::start(&test, "").await;
    assert_eq!(service.redeem(&body).await.unwrap().0, 422);
    service.end();
    let rows = rows(&test, &id).await;
    let issued: Vec<_> = rows.iter().filter(|row| row.state == CertificateState::Issued).collect();
    assert_eq!((rows.len(), issued.len()), (expected_void + 1, 1));
    judged(&test, &rows, issued[0]).await;
}

/// Several nodes on one database: what a living one is at work on is left alone, however slow it is; when it is killed another node
/// takes it back by itself, in seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_nodes_work_is_taken_back_by_another_and_a_living_ones_is_not() {
    let test = TestApp::start(Backend::Postgres).await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let mut node = Service::start(&test, "stop:issue.after_signing").await;
    node.hang_up_when_stopped(&test.agreed("", &redemption(&code, "citizen")).await).await;
    for _ in 0..3 {
        assert_eq!(recovery::abandoned(&test.app).await.unwrap(), 0);
        assert_eq!(rows(&test, &id).await[0].state, CertificateState::Signing);
    }
    let killed = Instant::now();
    node.end();
    until("taken back", async || state(&test, &id).await == RequestState::Approved).await;
    assert!(killed.elapsed() < Duration::from_secs(90), "{:?}", killed.elapsed());
    let rows = rows(&test, &id).await;
    assert_eq!((rows.len(), rows[0].state), (1, CertificateState::Void));
    assert!(rows[0].revoked_at.is_some());
}

/// A node that was out of reach for longer than any issue takes finds that its work was taken back: it finishes nothing, whatever it had
/// the token sign meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_too_late_issues_nothing() {
    let test = TestApp::start(Backend::Postgres).await;
    let points = ["stop:issue.after_key", "stop:issue.after_signing", "stop:issue.after_signature"];
    for (number, point) in (0..).zip(points) {
        let mut person = citizen();
        person["subscriber"]["personal_number"] = format!("001190{:06}", 600_000 + number).into();
        let (id, code) = approved(&test, "gianhang", &person).await;
        let login = point.trim_start_matches("stop:").replace('_', "-");
        let body = test.agreed("", &redemption(&code, &login)).await;
        let node = Service::start(&test, point).await;
        node.hang_up_when_stopped(&body).await;
        test.app.clock.shift_seconds(700);
        // By this or by the round of the background.
        recovery::abandoned(&test.app).await.unwrap();
        until(point, async || state(&test, &id).await == RequestState::Approved).await;
        let (status, receipt) = test.redeem("", &body).await;
        assert_eq!(status, 201, "{point}: {receipt}");
        node.goes_on();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let rows = rows(&test, &id).await;
        let states: Vec<_> = rows.iter().map(|row| (row.state, row.revoked_at.is_some())).collect();
        let signed = point != "stop:issue.after_key";
        assert_eq!(states, [(CertificateState::Void, signed), (CertificateState::Issued, false)], "{point}");
        assert_eq!(rows[1].serial.to_string(), receipt["serial"], "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_is_finished_for_a_caller_who_hung_up() {
    let test = TestApp::sqlite().await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let node = Service::start(&test, "stop:issue.after_intent").await;
    node.hang_up_when_stopped(&test.agreed("", &redemption(&code, "citizen")).await).await;
    node.goes_on();
    until("issued", async || state(&test, &id).await == RequestState::Issued).await;
}

async fn state(test: &TestApp, request: &str) -> RequestState {
    test.app.store.request_by_id(request.parse().unwrap()).await.unwrap().unwrap().state
}

async fn rows(test: &TestApp, request: &str) -> Vec<Certificate> {
    test.app.store.certificates_of_request(request.parse().unwrap()).await.unwrap()
}

/// The one that was issued is good, and the list names every serial that may have been signed.
async fn judged(test: &TestApp, rows: &[Certificate], issued: &Certificate) {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let certificate = chuky::issuance::status::certificate_of(&test.app, issued).unwrap().unwrap();
    fetch(test, at, "citizens", &serde_json::json!({ "certificate": certificate.to_pem() })).await;
    assert!(ocsp(test, at).contains("subscriber.pem: good"));
    let list = super::run(at, "openssl crl -in issuing.crl -noout -text").to_lowercase();
    for row in rows {
        let named = list.contains(&format!("serial number: {}", row.serial));
        assert_eq!(named, row.revoked_at.is_some(), "{list}");
    }
}

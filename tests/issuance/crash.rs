//! The service is killed (-9) before and after each effect of an issue; after the next start nothing half done is left, the serial
//! that may have been signed is revoked, and the same code brings a certificate under a new serial.

use super::{approved, citizen, fetch, ocsp, redemption};
use crate::harness::app::{EXECUTABLE, TestApp};
use chuky_model::{
    record::{certificate::Certificate, state::CertificateState},
    request::RequestState,
};
use serde_json::Value;
use std::{
    collections::HashSet,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A service process of its own over the data of a [`TestApp`].
pub struct Service {
    pub process: Child,
    pub url: String,
}

impl Service {
    pub async fn start(test: &TestApp, crash_at: &str) -> Self {
        Self::start_with(test, "CHUKY_CRASH_AT", crash_at).await
    }

    /// `variable` is what tells the process where it ends or stands still.
    pub async fn start_with(test: &TestApp, variable: &str, point: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(EXECUTABLE);
        if let Some(folder) = &test.app.settings.documents.delivery_dir {
            command.env("CHUKY__DOCUMENTS__DELIVERY_DIR", folder);
        }
        let process = command
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(test.data_dir())
            .env("CHUKY__SERVER__LISTEN", address.to_string())
            .env("CHUKY__SERVER__PUBLIC_URL", &test.url)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .env("CHUKY__DATABASE__URL", &test.app.settings.database_url)
            .env(variable, point)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self { process, url: format!("http://{address}") };
        let since = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(since.elapsed() < Duration::from_secs(60), "the service did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        service
    }

    /// Posts a redemption; `None` where the service died over it.
    pub async fn redeem(&self, body: &Value) -> Option<(u16, Value)> {
        let (address, body) = (format!("{}/api/v1/activations", self.url), body.to_string());
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = agent.post(&address).content_type("application/json").send(body).ok()?;
            let status = answer.status().as_u16();
            Some((status, answer.body_mut().read_json().ok()?))
        });
        sent.await.unwrap()
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
            assert!(since.elapsed() < Duration::from_secs(60), "the service lives");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_leaves_nothing_half_done() {
    let test = TestApp::sqlite().await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let body = redemption(&code, "citizen");
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
        service.end();
        expected_void += reserved;
        expected_revoked += signing;
        let request = test.app.store.request_by_id(id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(request.state, RequestState::Approved, "{point}");
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

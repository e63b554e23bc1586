//! A revocation against somebody with SQL beside the service: certificate rows put back with their genuine MACs or taken out, lists
//! and audit entries taken out. No answer says good, no list leaves it out, no payment is accepted; nor after a new start, nor on
//! another node.

use super::{PASSWORD, PIN, fetch, issued, lists, ocsp, run};
use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{app::App, bootstrap, clock::Clock, issuance, worker};
use chuky_pki::ocsp::{OcspResponse, Status};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A citizen's certificate and what OCSP is asked about it.
struct Scene {
    test: TestApp,
    directory: tempfile::TempDir,
    receipt: Value,
    request: Vec<u8>,
    payment: String,
    provider: String,
}

impl Scene {
    async fn set(backend: Backend) -> Self {
        let test = TestApp::start(backend).await;
        let directory = tempfile::tempdir().unwrap();
        let receipt = issued(&test, "citizen").await;
        fetch(&test, directory.path(), "citizens", &receipt).await;
        run(directory.path(), "openssl ocsp -issuer issuing.pem -cert subscriber.pem -no_nonce -reqout ask");
        let request = fs::read(directory.path().join("ask")).unwrap();
        let payment = payment(&test, &receipt).await;
        let provider = test.log_in("thanhtoan").await;
        test.sql("CREATE TABLE kept AS SELECT * FROM certificate");
        Self { test, directory, receipt, request, payment, provider }
    }

    async fn change(&self, what: &str, body: &Value) {
        let officer = self.test.log_in("quantri").await;
        let path = format!("/api/v1/certificates/{}/{what}", self.receipt["serial"].as_str().unwrap());
        let (status, answer) = self.test.post(&path, &officer, body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The rows as they were before the change, each with its genuine MAC.
    fn put_rows_back(&self) {
        self.test.sql(
            "UPDATE certificate SET state = k.state, revoked_at = k.revoked_at, revocation_reason = k.revocation_reason, \
             updated_at = k.updated_at, version = k.version, mac = k.mac FROM kept k WHERE k.id = certificate.id",
        );
    }

    /// A service that starts now over the same data: another node, or the same after a new start.
    async fn another(&self) -> App {
        let settings = self.test.app.settings.clone();
        let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
        worker::prepare(&app).await.unwrap();
        app
    }

    async fn judged_by(&self, app: &App) -> Option<Status> {
        let answer = issuance::ocsp::answer(app, &self.request).await;
        OcspResponse::parse(&answer.response).ok().map(|response| response.singles[0].status)
    }

    async fn is_on_the_next_list(&self) -> bool {
        self.test.app.clock.shift_seconds(13 * 3_600);
        issuance::revocation_list::publish_due(&self.test.app).await.unwrap();
        lists(&self.test, self.directory.path(), "citizens").await;
        let text = run(self.directory.path(), "openssl crl -in issuing.crl -noout -text").to_lowercase();
        text.contains(&format!("serial number: {}", self.receipt["serial"].as_str().unwrap()))
    }

    /// Verdict of the payment and its first reason; `refused` where the service fails rather than to believe the database.
    async fn pays(&self) -> (String, String) {
        let body = self.payment.clone().into_bytes();
        let path = "/api/v1/transactions/verify";
        let (status, answer) = self.test.request("POST", path, &self.provider, "application/jose", body).await;
        match status {
            200 => (answer["verdict"].as_str().unwrap().to_owned(), answer["reasons"][0].to_string()),
            _ => ("refused".to_owned(), status.to_string()),
        }
    }
}

/// A payment order signed by the subscriber.
pub(super) async fn payment(test: &TestApp, receipt: &Value) -> String {
    let (_, session) = test.post("/api/v1/session", "", &json!({ "login": "citizen", "password": PASSWORD })).await;
    let now = test.app.clock.now();
    let order = json!({
        "id": "INV-1", "payer": "", "payee": "MST:0100000001", "amount": 150_000, "currency": "VND",
        "created": now.rfc3339(), "expires": now.plus_seconds(3_600).rfc3339(), "reference": "Lệ phí hộ tịch"
    });
    let body = json!({ "credential": receipt["credential"], "pin": PIN, "order": order });
    let token = session["token"].as_str().unwrap();
    let (status, answer) = test.post("/api/v1/transactions/sign", token, &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["jws"].as_str().unwrap().to_owned()
}

async fn a_revocation_outlives_rows_put_back(backend: Backend) {
    let scene = Scene::set(backend).await;
    assert!(ocsp(&scene.test, scene.directory.path()).contains("subscriber.pem: good"));
    scene.change("revoke", &json!({ "reason": "key_compromise" })).await;
    scene.put_rows_back();
    let text = ocsp(&scene.test, scene.directory.path());
    assert!(text.contains("subscriber.pem: revoked") && text.contains("keyCompromise"), "{text}");
    let (verdict, reason) = scene.pays().await;
    assert_eq!((verdict.as_str(), reason.as_str()), ("rejected", "\"certificate_revoked\""));
    // With the published lists gone, too, the next one names it and goes on counting.
    let before = scene.test.app.store.latest_crl_head("citizens-issuing").await.unwrap().unwrap().number;
    scene.test.sql("DELETE FROM crl WHERE number > 1");
    assert!(scene.is_on_the_next_list().await);
    let after = scene.test.app.store.latest_crl_head("citizens-issuing").await.unwrap().unwrap().number;
    assert!(after > before, "{after} after {before}");
    // Nobody can suspend and resume it from the row that was put back.
    let officer = scene.test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/suspend", scene.receipt["serial"].as_str().unwrap());
    assert_eq!(scene.test.post(&path, &officer, &json!({})).await.0, 500);
    // Nor does a service that starts now believe it.
    let another = scene.another().await;
    assert!(matches!(scene.judged_by(&another).await, Some(Status::Revoked { .. })));
}

async fn a_revocation_outlives_rows_taken_out(backend: Backend) {
    let scene = Scene::set(backend).await;
    scene.change("revoke", &json!({ "reason": "superseded" })).await;
    scene.test.sql(match backend {
        Backend::Sqlite => "DROP TRIGGER certificate_no_delete; PRAGMA foreign_keys = OFF; DELETE FROM certificate",
        Backend::Postgres => "SET session_replication_role = replica; DELETE FROM certificate",
    });
    assert!(ocsp(&scene.test, scene.directory.path()).contains("subscriber.pem: revoked"));
    assert_ne!(scene.pays().await.0, "accepted");
    assert!(scene.is_on_the_next_list().await);
    let another = scene.another().await;
    assert!(matches!(scene.judged_by(&another).await, Some(Status::Revoked { .. })));
}

async fn a_suspension_outlives_rows_put_back(backend: Backend) {
    let scene = Scene::set(backend).await;
    scene.change("suspend", &json!({})).await;
    scene.put_rows_back();
    let status = scene.judged_by(&scene.test.app).await;
    assert!(!matches!(status, Some(Status::Good | Status::Unknown)), "{status:?}");
    assert_ne!(scene.pays().await.0, "accepted");
    assert!(scene.is_on_the_next_list().await);
}

/// What was taken out of the log is missed, and then nothing is told rather than something wrong.
async fn a_log_that_was_cut_is_not_believed(backend: Backend) {
    let scene = Scene::set(backend).await;
    scene.change("revoke", &json!({ "reason": "key_compromise" })).await;
    scene.put_rows_back();
    scene.test.sql(match backend {
        Backend::Sqlite => {
            "DROP TRIGGER audit_entry_no_delete; DROP TRIGGER audit_leaf_no_delete; PRAGMA foreign_keys = OFF; \
             DELETE FROM audit_leaf WHERE entry_id IN (SELECT id FROM audit_entry WHERE kind = 'certificate.revoked'); \
             DELETE FROM audit_entry WHERE kind = 'certificate.revoked'"
        }
        Backend::Postgres => {
            "SET session_replication_role = replica; \
             DELETE FROM audit_leaf WHERE entry_id IN (SELECT id FROM audit_entry WHERE kind = 'certificate.revoked'); \
             DELETE FROM audit_entry WHERE kind = 'certificate.revoked'"
        }
    });
    // The running service remembers; one that starts now refuses to answer.
    assert!(matches!(scene.judged_by(&scene.test.app).await, Some(Status::Revoked { .. })));
    let settings = scene.test.app.settings.clone();
    let another = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(scene.judged_by(&another).await, None);
    }
    assert!(worker::prepare(&another).await.is_err());
}

macro_rules! on_both {
    ($($name:ident: $sqlite:ident, $postgres:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $sqlite() {
            $name(Backend::Sqlite).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $postgres() {
            $name(Backend::Postgres).await;
        }
    )*};
}

on_both! {
    a_revocation_outlives_rows_put_back: rows_put_back_on_sqlite, rows_put_back_on_postgres;
    a_revocation_outlives_rows_taken_out: rows_taken_out_on_sqlite, rows_taken_out_on_postgres;
    a_suspension_outlives_rows_put_back: suspended_rows_put_back_on_sqlite, suspended_rows_put_back_on_postgres;
    a_log_that_was_cut_is_not_believed: cut_log_on_sqlite, cut_log_on_postgres;
}

/// Two services over one database: what one revokes the other tells at the very next question, also where it has an answer ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_tells_a_revocation_at_the_next_question() {
    let scene = Scene::set(Backend::Postgres).await;
    let another = scene.another().await;
    assert_eq!(scene.judged_by(&another).await, Some(Status::Good));
    assert_eq!(scene.judged_by(&another).await, Some(Status::Good));
    scene.change("suspend", &json!({})).await;
    assert!(matches!(scene.judged_by(&another).await, Some(Status::Revoked { .. })));
    scene.change("resume", &json!({})).await;
    assert_eq!(scene.judged_by(&another).await, Some(Status::Good));
    scene.change("revoke", &json!({ "reason": "superseded" })).await;
    assert!(matches!(scene.judged_by(&another).await, Some(Status::Revoked { .. })));
    // Both publish at once, again and again: every list has a number and a time of its own.
    let publications = (0..6).map(|turn| {
        let app = if turn % 2 == 0 { another.clone() } else { scene.test.app.clone() };
        tokio::spawn(async move {
            app.clock.shift_seconds(13 * 3_600);
            issuance::revocation_list::publish_due(&app).await
        })
    });
    for publication in publications.collect::<Vec<_>>() {
        publication.await.unwrap().unwrap();
    }
    let odd = "SELECT COUNT(*) FROM crl a JOIN crl b ON a.issuer_label = b.issuer_label AND a.number < b.number \
               WHERE a.this_update >= b.this_update OR b.previous_number < a.number";
    assert_eq!(scene.test.sql(odd).trim(), "0");
}

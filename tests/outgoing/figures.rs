//! What reports tell of roads that people walked: signed, numbered, sent, refused and taken back.

use super::{Agency, act, sent, short_road};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::plain_pdf,
};
use chuky_model::role::Role;
use serde_json::{Value, json};

async fn outgoing_documents_are_counted(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    // One all the way, one signed, one that waits for its signature, one refused, one taken back.
    sent(&test, &agency, &short_road()).await;
    agency.signed(&test, &plain_pdf()).await;
    agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let refused = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let reason = json!({ "reason": "Thiếu căn cứ pháp lý" });
    let (status, answer) = act(&test, &refused, "refuse", &agency.leader.token, &reason).await;
    assert_eq!(status, 200, "{answer}");
    let withdrawn = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let (status, answer) = act(&test, &withdrawn, "withdraw", &agency.drafter, &reason).await;
    assert_eq!(status, 200, "{answer}");
    let (status, report) = test.get("/api/v1/reports", &auditor).await;
    assert_eq!(status, 200, "{report}");
    let rows = report["outgoing"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["unit"], &rows[1]["unit"]["code"]), (2, &Value::Null, &json!("H26")));
    for row in rows {
        let names = ["drafted", "withdrawn", "refused", "signed", "numbered", "sent", "registered", "registered_void"];
        assert_eq!(names.map(|name| row[name].as_u64().unwrap()), [5, 1, 1, 2, 1, 1, 1, 0], "{row}");
        // Two and one of the four that nobody took back.
        assert_eq!((&row["signed_percent"], &row["sent_percent"]), (&json!(50.0), &json!(25.0)));
    }
    // The same people's certificates, issued by the service itself: two officials and a seal.
    let total = |report: &Value, kind: &str, name: &str| {
        let row = report["types"].as_array().unwrap().iter().find(|row| row["type"] == kind).cloned();
        row.map_or(0, |row| row[name].as_u64().unwrap())
    };
    assert_eq!((total(&report, "official", "active"), total(&report, "seal", "active")), (2, 1));
    // What the service itself suspends, resumes and revokes shows at once.
    let (_, officer) = test.account("an.ninh", &[Role::SecurityOfficer], None).await;
    let serial = serial_of(&test, &agency).await;
    let mut told = Vec::new();
    for what in ["suspend", "resume", "revoke"] {
        let path = format!("/api/v1/certificates/{serial}/{what}");
        let body = if what == "revoke" { json!({ "reason": "superseded" }) } else { json!({}) };
        let (status, answer) = test.post(&path, &officer, &body).await;
        assert_eq!(status, 200, "{what}: {answer}");
        let (_, report) = test.get("/api/v1/reports", &auditor).await;
        told.push(["active", "suspended", "revoked_total", "revoked"].map(|name| total(&report, "official", name)));
    }
    assert_eq!(told, [[1, 1, 0, 0], [2, 0, 0, 0], [1, 0, 1, 1]]);
}

/// The serial number of the leader's certificate.
async fn serial_of(test: &TestApp, agency: &Agency) -> String {
    let (status, credentials) = test.get("/api/v1/credentials", &agency.leader.token).await;
    assert_eq!(status, 200, "{credentials}");
    credentials["credentials"][0]["serial"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outgoing_documents_are_counted_on_sqlite() {
    outgoing_documents_are_counted(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outgoing_documents_are_counted_on_postgres() {
    outgoing_documents_are_counted(Backend::Postgres).await;
}

//! After the seal a document is issued: with or without recipients it has a way on, it keeps its number whatever becomes of it, it gets its
//! archive timestamp by itself, and what its recipients say of it is theirs.

use super::{Agency, ROAD, act, content, draft, key, problem, register, sent, short_road, shown};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{folder, plain_pdf, pyhanko_accepts},
};
use chuky::{
    audit::{self, Actor, Entry, Kind},
    worker,
};
use serde_json::{Value, json};
use std::path::Path;

/// Signed, numbered and sealed; its identifier.
async fn sealed(test: &TestApp, agency: &Agency, metadata: &Value) -> String {
    let id = agency.submitted(test, &plain_pdf(), metadata).await;
    for (what, token, body) in [
        ("sign", &agency.leader.token, key(&agency.leader)),
        ("number", &agency.clerk.token, json!({})),
        ("seal", &agency.clerk.token, key(&agency.clerk)),
    ] {
        let (status, answer) = act(test, &id, what, token, &body).await;
        assert!(status == 200 && answer["signed"] != json!(false), "{what}: {answer}");
    }
    id
}

fn without_recipients() -> Value {
    let mut metadata = short_road();
    metadata["recipients"] = json!([]);
    metadata
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn issued(backend: Backend) {
    let delivery = tempfile::tempdir().unwrap();
    let into = delivery.path().to_owned();
    let test = TestApp::start_with(backend, |settings| settings.documents.delivery_dir = Some(into)).await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let id = sealed(&test, &agency, &without_recipients()).await;
    assert_eq!(shown(&test, &id, clerk).await["action"], "publish");
    // What is sealed is issued: it is not sent to nobody, and nobody voids its number.
    let (status, answer) = act(&test, &id, "send", clerk, &json!({})).await;
    assert_eq!((status, problem(&answer)), (409, "no_recipient"), "{answer}");
    let (status, answer) = act(&test, &id, "refuse", clerk, &json!({ "reason": "Sai thể thức" })).await;
    assert_eq!((status, problem(&answer)), (409, "document_moved_on"), "{answer}");
    assert_eq!(shown(&test, &id, clerk).await["may_refuse"], false);
    let (status, view) = act(&test, &id, "publish", clerk, &json!({})).await;
    assert_eq!((status, &view["state"], &view["due_at"]), (200, &json!("published"), &Value::Null), "{view}");
    assert_eq!(act(&test, &id, "publish", clerk, &json!({})).await.0, 409);
    let (_, inboxes) = test.get(&format!("{ROAD}/inboxes"), clerk).await;
    assert_eq!(inboxes["published"][0]["id"], *id);
    // Recalled it keeps its number, and nobody is told of what nobody was sent.
    let (status, view) = act(&test, &id, "recall", clerk, &json!({ "reason": "Sai thẩm quyền" })).await;
    assert_eq!((status, &view["state"]), (200, &json!("recalled")), "{view}");
    let (_, answer) = test.get(&format!("{ROAD}/register?series=Q%C4%90"), clerk).await;
    let line = &answer["numbers"][0];
    assert_eq!(
        (&line["number"], &line["state"], &line["document_state"]),
        (&json!(1), &json!("given"), &json!("recalled"))
    );
    let (status, answer) = test.get(&format!("{ROAD}/{id}/package"), clerk).await;
    assert_eq!((status, problem(&answer)), (409, "document_moved_on"));
    // The same of one with recipients that is called back before it was sent.
    let second = sealed(&test, &agency, &short_road()).await;
    let (status, view) = act(&test, &second, "recall", clerk, &json!({ "reason": "Sai số liệu" })).await;
    assert_eq!((status, &view["state"]), (200, &json!("recalled")), "{view}");
    assert!(test.app.store.outgoing_undelivered(test.app.clock.now(), 50).await.unwrap().is_empty());
    chuky::outgoing::deliver_due(&test.app).await.unwrap();
    assert_eq!(names(&delivery.path().join("H26.18")), [""; 0]);
    // Recipients come in time where there were none.
    let third = sealed(&test, &agency, &without_recipients()).await;
    recipients_come_later(&test, &agency, &third).await;
    assert_eq!(names(&delivery.path().join("H26.18")), [format!("{third}.edxml")]);
    let all = [1, 2, 3].map(|number| (number, "given".to_owned()));
    assert_eq!(register(&test, clerk, "Q%C4%90").await, all);
}

async fn recipients_come_later(test: &TestApp, agency: &Agency, id: &str) {
    let clerk = &agency.clerk.token;
    let one = json!({ "recipients": [{ "organ_id": "H26.18", "name": "Sở Tư pháp" }] });
    assert_eq!(act(test, id, "recipients", &agency.drafter, &one).await.0, 403);
    for (body, code) in [
        (json!({ "recipients": [] }), "recipients_invalid"),
        (json!({ "recipients": [{ "organ_id": "../x", "name": "x" }] }), "field_invalid"),
    ] {
        let (status, answer) = act(test, id, "recipients", clerk, &body).await;
        assert_eq!((status, problem(&answer)), (422, code), "{answer}");
    }
    assert_eq!(act(test, id, "publish", clerk, &json!({})).await.0, 200);
    let (status, view) = act(test, id, "recipients", clerk, &one).await;
    assert_eq!((status, &view["state"], &view["action"]), (200, &json!("published"), &json!("send")), "{view}");
    assert_eq!(act(test, id, "recipients", clerk, &one).await.0, 422, "twice");
    let (status, view) = act(test, id, "send", clerk, &json!({})).await;
    assert_eq!((status, &view["state"]), (200, &json!("sent")), "{view}");
    let other = json!({ "recipients": [{ "organ_id": "H49", "name": "Tỉnh" }] });
    assert_eq!(act(test, id, "recipients", clerk, &other).await.0, 409, "too late");
    let detail = shown(test, id, clerk).await;
    let kinds: Vec<&str> = detail["events"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds[5..], ["outgoing.published", "outgoing.recipients_added", "outgoing.sent"]);
    assert!(detail["recipients"][0]["delivered_at"].is_string(), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_is_issued_and_keeps_its_number_on_sqlite() {
    issued(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_is_issued_and_keeps_its_number_on_postgres() {
    issued(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_no_package_carries_is_told_so_at_once() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let mut large = plain_pdf();
    large.resize((32 << 20) + 1, b' ');
    let (status, answer) = draft(&test, &agency.drafter, Some(""), &short_road(), &large).await;
    assert_eq!((status, problem(&answer)), (409, "package_too_large"), "{answer}");
    assert_eq!(test.sql("SELECT count(*) FROM document").trim(), "0");
}

/// Whether it has an archive timestamp, and counts.
async fn is_archive(test: &TestApp, name: &str, pdf: &[u8]) -> bool {
    let (status, report) = test.request("POST", "/api/v1/documents/verify", "", "application/pdf", pdf.to_vec()).await;
    assert_eq!((status, &report["integrity"], &report["indication"]), (200, &json!("intact"), &json!("TOTAL_PASSED")));
    let file = folder("outgoing").join(name);
    std::fs::write(&file, pdf).unwrap();
    pyhanko_accepts(test, &file, 2).await;
    is_long(pdf)
}

fn is_long(pdf: &[u8]) -> bool {
    pdf.windows(12).any(|window| window == b"ETSI.RFC3161")
}

/// Archives until that is so; the service's own rounds do beside it.
async fn archiving(test: &TestApp, is_so: impl AsyncFn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        chuky::outgoing::archive_due(&test.app).await.unwrap();
        if is_so().await {
            return;
        }
        assert!(std::time::Instant::now() < end, "nothing was archived");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn archived(backend: Backend) {
    let delivery = tempfile::tempdir().unwrap();
    let into = delivery.path().to_owned();
    let test = TestApp::start_with(backend, |settings| settings.documents.delivery_dir = Some(into)).await;
    let agency = Agency::new(&test).await;
    let id = sealed(&test, &agency, &without_recipients()).await;
    let rows = |more: &str| {
        let rows = "SELECT count(*) FROM job WHERE kind = 'road_archive' AND state = 'queued'";
        test.sql(&format!("{rows}{more}")).trim().to_owned()
    };
    assert_eq!(rows(""), "1", "sealing waits for nothing");
    archiving(&test, async || is_long(&content(&test, &id, &agency.drafter).await)).await;
    let lta = content(&test, &id, &agency.drafter).await;
    assert!(is_archive(&test, &format!("{backend:?}-lta.pdf"), &lta).await);
    let detail = shown(&test, &id, &agency.drafter).await;
    assert_eq!(detail["state"], "sealed");
    assert_eq!(detail["content_sha256"], hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&lta)));
    // It waits for its next one; the same certificate gives none that lasts longer, and the file does not grow.
    assert_eq!(rows(&format!(" AND run_at > {}", test.app.clock.now().plus_seconds(86_400).0)), "1");
    test.sql("UPDATE job SET run_at = 0 WHERE kind = 'road_archive'");
    archiving(&test, async || rows(" AND last_error IS NOT NULL") == "1").await;
    assert!(content(&test, &id, &agency.drafter).await == lta);
    // Nothing renews it past the road, and a row that SQL took away, or that was never there, is missed.
    assert_eq!(test.sql("SELECT count(*) FROM job WHERE kind = 'archive_renewal'").trim(), "0");
    test.sql("DELETE FROM job WHERE kind = 'road_archive'");
    assert_eq!(chuky::outgoing::find_unarchived(&test.app, None).await.unwrap(), None);
    archiving(&test, async || content(&test, &id, &agency.drafter).await != lta).await;
    let renewed = content(&test, &id, &agency.drafter).await;
    assert!(renewed.starts_with(&lta) && renewed.len() > lta.len());
    assert!(is_archive(&test, &format!("{backend:?}-renewed.pdf"), &renewed).await);
    assert_eq!(act(&test, &id, "publish", &agency.clerk.token, &json!({})).await.0, 200, "the road goes on");
    // What is sent carries its archive timestamp, without waiting for a round.
    let id = sent(&test, &agency, &short_road()).await;
    let package = std::fs::read_to_string(delivery.path().join("H26.18").join(format!("{id}.edxml"))).unwrap();
    let own = content(&test, &id, &agency.drafter).await;
    assert!(is_archive(&test, &format!("{backend:?}-sent.pdf"), &own).await);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &own);
    assert!(package.contains(&encoded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issued_documents_are_archives_on_sqlite() {
    archived(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issued_documents_are_archives_on_postgres() {
    archived(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_writes_sql_says_what_a_recipient_said() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let id = sent(&test, &agency, &short_road()).await;
    let path = format!("{ROAD}/{id}");
    // Where statuses stood before: nothing that is written there counts.
    test.sql("UPDATE outgoing_recipient SET status = '03', status_at = 1 WHERE position = 1");
    worker::prepare(&test.app).await.unwrap();
    assert_eq!(shown(&test, &id, clerk).await["recipients"][0]["status"], Value::Null);
    for (status, note) in [("01", "Đã đến"), ("02", "Sai thẩm quyền")] {
        let body = json!({ "organ_id": "H26.18", "status": status, "note": note });
        assert_eq!(act(&test, &id, "status", clerk, &body).await.0, 200);
    }
    let said = shown(&test, &id, clerk).await;
    let first = &said["recipients"][0];
    assert_eq!((&first["status"], &first["status_note"]), (&json!("02"), &json!("Sai thẩm quyền")));
    // Another word, an old row put back, one of another recipient, none at all.
    test.sql("CREATE TABLE kept AS SELECT * FROM outgoing_status");
    for change in [
        "UPDATE outgoing_status SET status = '03'",
        "UPDATE outgoing_status SET note = NULL",
        "UPDATE outgoing_status SET version = 1",
        "UPDATE outgoing_status SET position = 2",
        "DELETE FROM outgoing_status",
    ] {
        test.sql(change);
        assert_eq!(test.get(&path, clerk).await.0, 500, "{change}");
        test.sql("DELETE FROM outgoing_status");
        test.sql("INSERT INTO outgoing_status SELECT * FROM kept");
        assert_eq!(test.get(&path, clerk).await.0, 200, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_from_before_are_taken_as_the_log_tells_them() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let id = sent(&test, &agency, &short_road()).await;
    let clerk = test.app.store.account_by_login("van.thu").await.unwrap().unwrap();
    let at = test.app.clock.now();
    // As an earlier version stored them: the first as it told the log, the second as somebody wrote it over.
    let mut transaction = test.app.store.begin().await.unwrap();
    // Behind more of others than are read together.
    for recipient in std::iter::repeat_n("H27", 1_001).chain(["H26.18", "000.00.00.H49"]) {
        let entry = Entry::new(at, Kind::OutgoingStatus, Actor::Account(clerk.id), format!("outgoing_document:{id}"));
        let content = json!({ "recipient": recipient, "status": "02" });
        audit::record(&mut transaction, entry.with(content)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    test.sql(&format!("UPDATE outgoing_recipient SET status = '02', status_at = {} WHERE position = 1", at.0));
    test.sql(&format!("UPDATE outgoing_recipient SET status = '03', status_at = {} WHERE position = 2", at.0));
    for _ in 0..2 {
        worker::prepare(&test.app).await.unwrap();
    }
    let said = shown(&test, &id, &agency.clerk.token).await;
    assert_eq!((&said["recipients"][0]["status"], &said["recipients"][1]["status"]), (&json!("02"), &Value::Null));
    // The road goes on from there.
    let body = json!({ "organ_id": "H26.18", "status": "03" });
    assert_eq!(act(&test, &id, "status", &agency.clerk.token, &body).await.0, 200);
    assert_eq!(shown(&test, &id, &agency.clerk.token).await["recipients"][0]["status"], "03");
}

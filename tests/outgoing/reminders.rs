//! Deadlines: whoever has a document is told before and after, once each, and nobody else.

use super::{Agency, act, key, short_road};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::plain_pdf,
};
use chuky::outgoing::remind_due;
use serde_json::json;

async fn reminded(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let messages = || test.sql("SELECT count(*) FROM message").trim().parse::<i64>().unwrap();
    // Whatever waits for its time is due now.
    let due = || test.sql("UPDATE job SET run_at = 1 WHERE kind = 'road_reminder' AND state = 'queued'");
    let mut metadata = short_road();
    metadata["due"] = json!(test.app.clock.now().plus_seconds(4 * 3_600 + 600).rfc3339());
    let id = agency.submitted(&test, &plain_pdf(), &metadata).await;
    let before = messages();
    remind_due(&test.app).await.unwrap();
    assert_eq!(messages(), before, "more than four hours are left");
    // Before the deadline and after it, once each, however often the round comes; the draft's deadline reminds nobody any more.
    test.app.clock.shift_seconds(601);
    for _ in 0..2 {
        told(&test, || messages() > before).await;
        assert_eq!(messages(), before + 1);
    }
    for _ in 0..2 {
        due();
        told(&test, || messages() >= before + 2).await;
        assert_eq!(messages(), before + 2);
    }
    // It moves on: the clerk is told, the leader no more.
    let (status, line) = act(&test, &id, "sign", &agency.leader.token, &key(&agency.leader)).await;
    assert_eq!((status, &line["signed"]), (200, &json!(true)), "{line}");
    let before = messages();
    due();
    told(&test, || messages() >= before + 2).await;
    assert_eq!(messages(), before + 2);
    // What is refused reminds nobody.
    assert_eq!(act(&test, &id, "number", &agency.clerk.token, &json!({})).await.0, 200);
    let (status, view) = act(&test, &id, "refuse", &agency.clerk.token, &json!({ "reason": "Sai thể thức" })).await;
    assert_eq!(status, 200, "{view}");
    let before = messages();
    due();
    told(&test, || {
        test.sql("SELECT count(*) FROM job WHERE kind = 'road_reminder' AND state = 'queued'").trim() == "0"
    })
    .await;
    assert_eq!(messages(), before);
    let entries = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'outgoing.reminded'");
    assert_eq!(entries.trim(), "4");
}

/// Reminds until that is so; the service's own rounds do beside it.
async fn told(test: &TestApp, is_so: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        remind_due(&test.app).await.unwrap();
        if is_so() {
            return;
        }
        assert!(std::time::Instant::now() < end, "nobody was told");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_document_is_told_of_its_deadline_on_sqlite() {
    reminded(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_document_is_told_of_its_deadline_on_postgres() {
    reminded(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_cannot_be_told_keeps_nobody_else_back_and_is_given_up() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let messages = || test.sql("SELECT count(*) FROM message").trim().parse::<i64>().unwrap();
    let jobs = |state: &str| {
        let count = format!("SELECT count(*) FROM job WHERE kind = 'road_reminder' AND state = '{state}'");
        test.sql(&count).trim().parse::<i64>().unwrap()
    };
    let mut both = short_road();
    both["steps"] = json!([{ "kind": "sign", "account": "pho.chu.tich", "stage": 1 }, { "kind": "sign", "account": "chu.tich", "stage": 1 }]);
    agency.submitted(&test, &plain_pdf(), &both).await;
    // The request of one of the two was written into; the draft's own reminders are no matter here.
    test.sql(
        "UPDATE registration_request SET details = x'00' WHERE id = (SELECT c.request_id FROM certificate c JOIN account a \
         ON a.id = c.account_id WHERE a.login = 'pho.chu.tich' AND c.request_id IS NOT NULL)",
    );
    let before = messages();
    test.sql("UPDATE job SET run_at = 1 WHERE kind = 'road_reminder' AND state = 'queued'");
    told(&test, || jobs("queued") == 0).await;
    assert_eq!((messages(), jobs("failed")), (before + 2, 0), "the other is told before and after");
    // Where nobody can be told it is tried for an hour, and then no more.
    let alone = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    test.sql(&format!("UPDATE outgoing_document SET mac = x'00' WHERE id = {}", super::blob(&alone)));
    let due = |tries: i64| {
        test.sql(&format!(
            "UPDATE job SET run_at = 1, tries = {tries} WHERE kind = 'road_reminder' AND state = 'queued'"
        ));
    };
    due(0);
    told(&test, || {
        test.sql("SELECT count(*) FROM job WHERE kind = 'road_reminder' AND tries = 1 AND state = 'queued'").trim()
            != "0"
    })
    .await;
    assert_eq!(jobs("failed"), 0);
    let waiting = jobs("queued");
    due(11);
    told(&test, || jobs("failed") == waiting).await;
    assert_eq!(jobs("queued"), 0);
    // What ended is forgotten after a month.
    test.sql("UPDATE job SET run_at = 1 WHERE kind = 'road_reminder'");
    told(&test, || jobs("failed") + jobs("done") == 0).await;
}

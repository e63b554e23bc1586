//! Lists whose lines were changed behind the service, and lists that are decided by several at once: what was rejected or carried out stays
//! so, and nobody gets two certificates.

use super::{PATH, csv, entered, finished, uploaded};
use crate::{
    harness::app::{Backend, TestApp},
    issuance::{crash::Service, redemption},
};
use chuky::{
    error::{Error, InternalError},
    registration::lists,
};
use serde_json::{Value, json};

fn requests(test: &TestApp) -> String {
    test.sql("SELECT COUNT(*) FROM registration_request").trim().to_owned()
}

async fn rejected(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (id, digest) = entered(&test, csv(3).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    let path = format!("{PATH}/{id}");
    let (_, shown) = test.get(&path, &approver).await;
    let line = json!({ "content_digest": shown["lines"][1]["content_digest"] });
    let reason = json!({ "reason": "Đã chuyển công tác." });
    assert_eq!(test.post(&format!("{path}/lines/1/reject"), &approver, &reason).await.0, 204);
    // Whoever has SQL takes the rejection away: neither the line nor the list is approved.
    let reset =
        "UPDATE agency_line SET outcome = NULL, reason = NULL, request_id = NULL, done_at = NULL WHERE position = 1";
    test.sql(reset);
    let whole = json!({ "content_digest": digest });
    assert_eq!(test.post(&format!("{path}/lines/1/approve"), &approver, &line).await.0, 500);
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &whole).await.0, 500);
    assert_eq!(requests(&test), "0");
    // The same after the approval, while the job waits for its lease.
    test.sql("UPDATE agency_line SET outcome = 'rejected', reason = 'x', done_at = 1 WHERE position = 1");
    test.sql(&format!(
        "INSERT INTO lease (name, holder, held_until, fence) VALUES ('agency-lists', 'x', {}, 1)",
        i64::MAX
    ));
    let (status, answer) = test.post(&format!("{path}/approve"), &approver, &whole).await;
    assert_eq!(status, 204, "{answer}");
    test.sql(reset);
    test.sql("DELETE FROM lease WHERE name = 'agency-lists'");
    let refused = lists::run_due(&test.app).await;
    assert!(matches!(refused, Err(Error::Internal(InternalError::RowForged { table: "agency_line" }))), "{refused:?}");
    assert_eq!((requests(&test).as_str(), test.sql("SELECT COUNT(*) FROM approval").trim()), ("0", "0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_line_that_lost_its_outcome_is_not_certified_on_sqlite() {
    rejected(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_line_that_lost_its_outcome_is_not_certified_on_postgres() {
    rejected(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_carried_out_is_not_carried_out_again() {
    let test = TestApp::sqlite().await;
    let (id, digest) = entered(&test, csv(2).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    let path = format!("{PATH}/{id}");
    let (_, shown) = test.get(&path, &approver).await;
    let line = json!({ "content_digest": shown["lines"][0]["content_digest"] });
    let (status, answer) = test.post(&format!("{path}/lines/0/approve"), &approver, &line).await;
    assert_eq!(status, 204, "{answer}");
    // Its person refuses the certificate, so that no request is open; the line's outcome goes by SQL.
    let (_, code) = super::codes(&test).await.pop().unwrap();
    let refuse = json!({ "code": code, "reason": "Sai chức vụ." });
    let (status, answer) = test.post("/api/v1/activations/refuse", "", &refuse).await;
    assert!(status == 200 || status == 204, "{status} {answer}");
    test.sql("UPDATE agency_line SET outcome = NULL, request_id = NULL, done_at = NULL");
    assert_eq!(test.post(&format!("{path}/lines/0/approve"), &approver, &line).await.0, 500);
    let whole = json!({ "content_digest": digest });
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &whole).await.0, 500);
    assert_eq!(requests(&test), "1");
}

/// The list is given up between the look at a line and its approval.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_was_dropped_bears_no_request() {
    let test = TestApp::start(Backend::Postgres).await;
    let (id, _) = entered(&test, csv(2).into_bytes()).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let path = format!("{PATH}/{id}");
    let (_, shown) = test.get(&path, &approver).await;
    let line = json!({ "content_digest": shown["lines"][0]["content_digest"] });
    let approve = format!("{path}/lines/0/approve");
    let mut service = Service::start(&test, "stop:list.before_line").await;
    let dropped = async {
        service.until_stopped().await;
        assert_eq!(test.post(&format!("{path}/drop"), &registrar, &json!({})).await.0, 204);
        service.goes_on();
    };
    tokio::join!(service.post(&approve, &approver, &line), dropped);
    service.end();
    assert_eq!(requests(&test), "0");
    assert_eq!(test.sql("SELECT state FROM agency_list").trim(), "dropped");
    assert_eq!(test.sql("SELECT COUNT(*) FROM agency_line WHERE outcome IS NOT NULL").trim(), "0");
}

/// Two lists name one person; the first one's code is redeemed before the second is approved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_list_makes_no_second_certificate() {
    let test = TestApp::sqlite().await;
    let (first, digest) = entered(&test, csv(1).into_bytes()).await;
    let (second, again) = entered(&test, csv(1).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    let approve = async |id: &str, digest: &Value| {
        let body = json!({ "content_digest": digest });
        let (status, answer) = test.post(&format!("{PATH}/{id}/approve"), &approver, &body).await;
        assert_eq!(status, 204, "{answer}");
        finished(&test, id, 180).await
    };
    assert_eq!(approve(&first, &digest).await["lines"][0]["outcome"], "approved");
    let (_, code) = super::codes(&test).await.pop().unwrap();
    let (status, receipt) = test.redeem("", &redemption(&code, "can.bo")).await;
    assert_eq!(status, 201, "{receipt}");
    let done = approve(&second, &again).await;
    assert_eq!(done["lines"][0]["outcome"], "has_certificate", "{done}");
    assert_eq!(requests(&test), "1");
}

/// Whoever decides sees the whole number, nobody else, and not after the decision.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_decides_compares_whole_numbers() {
    let test = TestApp::sqlite().await;
    let (id, digest) = entered(&test, csv(1).into_bytes()).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let number = async |token: &str| {
        let (status, list) = test.get(&format!("{PATH}/{id}"), token).await;
        assert_eq!(status, 200, "{list}");
        list["lines"][0]["values"][1]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(number(&approver).await, "001060000001");
    assert_eq!(number(&registrar).await, "001•••••0001");
    let body = json!({ "content_digest": digest });
    assert_eq!(test.post(&format!("{PATH}/{id}/approve"), &approver, &body).await.0, 204);
    finished(&test, &id, 180).await;
    assert_eq!(number(&approver).await, "001•••••0001");
}

/// A page of a list is shown without a look at every other line, and what was changed in it is still found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_a_page() {
    let test = TestApp::sqlite().await;
    let registrar = test.log_in("dangky").await;
    let mut file = csv(250);
    file.push_str("Nguyễn Thị B,001160000001,05/03/1960,Nam,0912345678,Sở A,,Chuyên viên,Hà Nội,Phường Ba Đình,\r\n");
    let (status, list) = uploaded(&test, &registrar, file.into_bytes()).await;
    assert_eq!((status, &list["wrong"]), (201, &json!(1)), "{list}");
    let path = format!("{PATH}/{}", list["id"].as_str().unwrap());
    // Every place for looks at whole lists is taken: a page of what was looked at needs none.
    let mut places = Vec::new();
    for _ in 0..chuky::verification::limits::UNDER_WAY {
        places.push(test.app.admission.judge().await.unwrap());
    }
    let (status, page) = test.get(&format!("{path}?from=100"), &registrar).await;
    let lines = page["lines"].as_array().unwrap();
    assert_eq!((status, lines.len(), &page["next"]), (200, 100, &json!(200)), "{}", page["next"]);
    assert_eq!((&page["wrong"], &lines[0]["position"]), (&json!(1), &json!(100)));
    let (_, wrong) = test.get(&format!("{path}?show=wrong"), &registrar).await;
    assert_eq!((&wrong["lines"][0]["position"], &wrong["next"]), (&json!(250), &Value::Null));
    // A corrected list is another one, and is looked at anew: not before there is a place.
    let texts = json!({ "texts": { "sex": "Nữ" } });
    assert_eq!(test.post(&format!("{path}/lines/250"), &registrar, &texts).await.0, 204);
    let looking = tokio::time::timeout(std::time::Duration::from_secs(1), test.get(&path, &registrar));
    assert!(looking.await.is_err(), "it waits");
    drop(places);
    let (_, clean) = test.get(&path, &registrar).await;
    assert_eq!((&clean["wrong"], &clean["next"]), (&json!(0), &json!(100)), "{}", clean["next"]);
    assert_eq!(test.post(&format!("{path}/enter"), &registrar, &json!({})).await.0, 204);
    let approver = test.log_in("duyet").await;
    assert_eq!(
        test.get(&format!("{path}?show=open&from=200"), &approver).await.1["lines"].as_array().unwrap().len(),
        51
    );
    // A line from another place is no line of this list.
    test.sql("UPDATE agency_line SET fields = (SELECT fields FROM agency_line WHERE position = 3) WHERE position = 2");
    assert_eq!(test.get(&path, &approver).await.0, 500);
    assert_eq!(test.get(&format!("{path}?from=100"), &approver).await.0, 200, "what is shown is what was entered");
}

//! Agencies: units as dated data, and lists of officials from the file to the redeemed certificate, on both databases, with hostile files,
//! killed jobs and changes behind the service.

mod admission;
mod forms;
mod hostile;
mod many;
mod pages;
mod sheets;
mod tampered;
pub mod units;

use crate::{
    harness::app::{Backend, TestApp},
    issuance::{crash::Service, redemption},
};
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/v1/agency-lists";
const CSV: &str = "text/csv";

/// A list of so many officials; whole and right.
pub fn csv(count: usize) -> String {
    let mut text = chuky::registration::lists::template_csv();
    for at in 0..count {
        text.push_str(&row(at));
    }
    text
}

fn row(at: usize) -> String {
    // Digit 4 says man or woman of the twentieth century; digits 5 and 6 the year.
    let (sex, digit) = if at.is_multiple_of(2) { ("Nam", 0) } else { ("Nữ", 1) };
    let year = 60 + at % 40;
    format!(
        "Nguyễn Văn {},001{digit}{year:02}{:06},05/03/19{year:02},{sex},09{:08},Ủy ban nhân dân phường Hoàn Kiếm,Văn phòng,\
         Chuyên viên,Hà Nội,Phường Hoàn Kiếm,\r\n",
        letters(at),
        at + 1,
        at + 1
    )
}

/// A number in letters, for names have no digits.
fn letters(mut at: usize) -> String {
    let mut text = String::from("A");
    while at > 0 {
        text.push(char::from(b'a' + u8::try_from(at % 26).unwrap()));
        at /= 26;
    }
    text
}

pub async fn uploaded(test: &TestApp, token: &str, file: Vec<u8>) -> (u16, Value) {
    test.request("POST", &format!("{PATH}?name=danh-sach.csv"), token, CSV, file).await
}

/// Uploads a list, hands it in, and gives its identifier and digest.
pub async fn entered(test: &TestApp, file: Vec<u8>) -> (String, Value) {
    let registrar = test.log_in("dangky").await;
    let (status, list) = uploaded(test, &registrar, file).await;
    assert_eq!(status, 201, "{list}");
    assert_eq!(list["wrong"], 0, "{list}");
    let id = list["id"].as_str().unwrap().to_owned();
    let (status, answer) = test.post(&format!("{PATH}/{id}/enter"), &registrar, &json!({})).await;
    assert_eq!(status, 204, "{answer}");
    let (_, list) = test.get(&format!("{PATH}/{id}"), &registrar).await;
    (id, list["content_digest"].clone())
}

/// Waits until a list is carried out.
pub async fn finished(test: &TestApp, id: &str, seconds: u64) -> Value {
    let approver = test.log_in("duyet").await;
    for _ in 0..seconds * 5 {
        let (status, list) = test.get(&format!("{PATH}/{id}"), &approver).await;
        assert_eq!(status, 200, "{list}");
        if list["state"] == "done" {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("list {id} is not carried out");
}

/// The texts of the messages that wait, opened as the outbox would.
pub async fn codes(test: &TestApp) -> Vec<(String, String)> {
    let mut codes = Vec::new();
    for message in test.app.store.unsent_messages(20_000).await.unwrap() {
        let id = message.id.to_string();
        let open = |name: &str, sealed: &[u8]| {
            String::from_utf8(test.app.vault.open(name, &id, sealed).unwrap().to_vec()).unwrap()
        };
        let body = open("message.body", &message.body);
        assert!(body.is_ascii() && body.len() <= 160, "{body}");
        let code = body.split(": ").nth(1).unwrap().split('.').next().unwrap().to_owned();
        codes.push((open("message.recipient", &message.recipient), code));
    }
    codes
}

/// Uploads a list with a wrong line, corrects it and hands it in; its identifier.
async fn corrected(test: &TestApp) -> String {
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    // What is wrong is told row by row: a formula, a number that is there twice, a ward that has merged.
    let mut file = csv(2);
    file.push_str("=1+1,001060000001,05/03/1960,Nam,0912345678,Sở A,,Chuyên viên,Hà Nội,Phường Trúc Bạch,\r\n");
    let (status, list) = uploaded(test, &registrar, file.into_bytes()).await;
    assert_eq!((status, &list["wrong"], &list["size"]), (201, &json!(1), &json!(3)), "{list}");
    let line = &list["lines"][0];
    let told: Vec<&str> =
        line["problems"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!((line["row"].as_i64(), told.len()), (Some(4), 3), "{line}");
    for code in ["formula_like", "unit_merged", "listed_twice"] {
        assert!(told.contains(&code), "{told:?}");
    }
    assert!(line["problems"].to_string().contains("nay là Phường Ba Đình"), "{line}");
    let path = format!("{PATH}/{}", list["id"].as_str().unwrap());
    // It cannot be handed in, approvers do not see it, and nobody else corrects it.
    let (status, answer) = test.post(&format!("{path}/enter"), &registrar, &json!({})).await;
    assert_eq!((status, &answer["type"]), (422, &json!("urn:chuky:problem:list_has_problems")), "{answer}");
    assert_eq!(test.get(&path, &approver).await.0, 404);
    let texts = json!({ "texts": { "full_name": "Trần Văn Đức", "locality": "Phường Ba Đình", "personal_number": "001060000003" } });
    assert_eq!(test.post(&format!("{path}/lines/2"), &approver, &texts).await.0, 403);
    assert_eq!(test.post(&format!("{path}/lines/2"), &registrar, &json!({ "texts": { "colour": "" } })).await.0, 422);
    assert_eq!(test.post(&format!("{path}/lines/2"), &registrar, &texts).await.0, 204);
    let (_, list) = test.get(&format!("{path}?show=wrong"), &registrar).await;
    assert_eq!((&list["wrong"], list["lines"].as_array().unwrap().len()), (&json!(0), 0), "{list}");
    assert_eq!(test.post(&format!("{path}/enter"), &registrar, &json!({})).await.0, 204);
    // Handed in, it stands still.
    assert_eq!(test.post(&format!("{path}/lines/2"), &registrar, &texts).await.0, 409);
    list["id"].as_str().unwrap().to_owned()
}

async fn road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let id = corrected(&test).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let path = format!("{PATH}/{id}");
    // Never by who uploaded it, never something else.
    let (_, shown) = test.get(&path, &approver).await;
    let digest = json!({ "content_digest": shown["content_digest"] });
    assert_eq!(test.post(&format!("{path}/approve"), &registrar, &digest).await.0, 403);
    let other = json!({ "content_digest": "00" });
    assert_eq!(test.post(&format!("{path}/approve"), &approver, &other).await.0, 409);
    assert_eq!(shown["lines"][0]["values"][1]["text"], "001060000001");
    // One line is rejected, one approved by itself, the rest as a whole.
    let lines = format!("{path}/lines");
    let reason = json!({ "reason": "Đã chuyển công tác." });
    assert_eq!(test.post(&format!("{lines}/0/reject"), &approver, &reason).await.0, 204);
    assert_eq!(test.post(&format!("{lines}/1/approve"), &approver, &other).await.0, 409);
    let one = json!({ "content_digest": shown["lines"][1]["content_digest"] });
    let (status, answer) = test.post(&format!("{lines}/1/approve"), &approver, &one).await;
    assert_eq!(status, 204, "{answer}");
    assert_eq!(test.post(&format!("{lines}/1/approve"), &approver, &one).await.0, 409);
    let (status, answer) = test.post(&format!("{path}/approve"), &approver, &digest).await;
    assert_eq!(status, 204, "{answer}");
    let done = finished(&test, &id, 180).await;
    let outcomes: Vec<&str> = (0..3).map(|at| done["lines"][at]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["rejected", "approved", "approved"], "{done}");
    // Each official has a code of their own by message, and only redeeming it makes key and certificate.
    let mut codes = codes(&test).await;
    codes.sort();
    assert_eq!(codes.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["0900000002", "0912345678"]);
    assert_eq!(
        test.sql("SELECT COUNT(*) FROM certificate WHERE state = 'issued' AND account_id IS NOT NULL").trim(),
        "0"
    );
    for (at, (_, code)) in codes.iter().enumerate() {
        let (status, receipt) = test.redeem("", &redemption(code, &format!("can.bo.{at}"))).await;
        assert_eq!(status, 201, "{receipt}");
    }
    assert_eq!(
        test.sql("SELECT COUNT(*) FROM certificate WHERE state = 'issued' AND account_id IS NOT NULL").trim(),
        "2"
    );
    // The same people are known from now on.
    let (_, again) = uploaded(&test, &registrar, csv(2).into_bytes()).await;
    assert_eq!(again["lines"][0]["problems"][0]["code"], "has_certificate", "{again}");
    assert_eq!((&again["wrong"], again["lines"].as_array().unwrap().len()), (&json!(1), 1), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_becomes_certificates_on_sqlite() {
    road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_becomes_certificates_on_postgres() {
    road(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_on_where_a_killed_service_stopped() {
    let test = TestApp::sqlite().await;
    let (id, digest) = entered(&test, csv(7).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    // A service of its own approves it, and dies after the first line.
    let mut service = Service::start(&test, "list.after_line").await;
    let path = format!("{PATH}/{id}/approve");
    service.post(&path, &approver, &json!({ "content_digest": digest })).await;
    service.died().await;
    let done = || test.sql("SELECT outcome FROM agency_line").matches("approved").count();
    assert_eq!(done(), 1);
    // Its lease ends, and whoever is there goes on: nothing is lost, nothing made twice.
    test.app.clock.shift_seconds(200);
    chuky::registration::lists::run_due(&test.app).await.unwrap();
    finished(&test, &id, 180).await;
    assert_eq!(done(), 7);
    assert_eq!(test.sql("SELECT state FROM registration_request").matches("approved").count(), 7);
    assert_eq!(test.sql("SELECT channel FROM message").matches("sms").count(), 7);
    assert_eq!(test.sql("SELECT COUNT(DISTINCT person_lookup) FROM registration_request").trim(), "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_was_changed_behind_the_service_makes_nothing() {
    let test = TestApp::sqlite().await;
    let (id, digest) = entered(&test, csv(3).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    // An administrator's SQL takes a line away: what is shown and what is approved is not what was handed in.
    test.sql("DELETE FROM agency_line WHERE position = 1");
    assert_eq!(test.get(&format!("{PATH}/{id}"), &approver).await.0, 500);
    let path = format!("{PATH}/{id}/approve");
    assert_eq!(test.post(&path, &approver, &json!({ "content_digest": digest })).await.0, 500);
    chuky::registration::lists::run_due(&test.app).await.unwrap();
    assert_eq!(test.sql("SELECT COUNT(*) FROM registration_request").trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_rejected_or_given_up_whole() {
    let test = TestApp::sqlite().await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let (id, _) = entered(&test, csv(2).into_bytes()).await;
    let path = format!("{PATH}/{id}");
    assert_eq!(test.post(&format!("{path}/reject"), &approver, &json!({ "reason": " " })).await.0, 422);
    let reason = json!({ "reason": "Thiếu quyết định." });
    assert_eq!(test.post(&format!("{path}/reject"), &approver, &reason).await.0, 204);
    let (_, list) = test.get(&path, &registrar).await;
    assert_eq!((&list["state"], &list["rejection_reason"]), (&json!("rejected"), &reason["reason"]), "{list}");
    let (id, _) = entered(&test, csv(2).into_bytes()).await;
    let path = format!("{PATH}/{id}");
    assert_eq!(test.post(&format!("{path}/drop"), &registrar, &json!({})).await.0, 204);
    assert_eq!(test.post(&format!("{path}/reject"), &approver, &reason).await.0, 409);
    let (status, list) = uploaded(&test, &registrar, csv(2).into_bytes()).await;
    assert_eq!(status, 201, "{list}");
    let path = format!("{PATH}/{}", list["id"].as_str().unwrap());
    assert_eq!(test.post(&format!("{path}/lines/0/remove"), &registrar, &json!({})).await.0, 204);
    assert_eq!(test.post(&format!("{path}/lines/0/remove"), &registrar, &json!({})).await.0, 409);
    let (_, lists) = test.get(PATH, &registrar).await;
    assert_eq!(lists["lists"].as_array().unwrap().len(), 3, "{lists}");
}

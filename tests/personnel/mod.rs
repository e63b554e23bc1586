//! What happened to officials: shown, entered by one, approved by another over exactly that, and carried out at once or on its day, with its effect
//! on certificates, roles, units and delegations; what is wrong is said in Vietnamese, and SQL gains nothing.

mod pages;

use crate::{
    foreign::authority::{Authority, named},
    harness::app::{Backend, TestApp},
    issuance::{PASSWORD, citizen, crash::Service, issued, redemption},
    outgoing::{Agency, short_road},
    signing::{foreign::p256, subscriber::plain_pdf},
    staff::{SECOND, THIRD, member, problem},
};
use chuky::{personnel, worker};
use chuky_model::role::Role;
use serde_json::{Value, json};

const ALL: &str = "/api/v1/personnel-orders";
const OFFICIAL: &str = "001085012346";

/// A registrar of H26, and a security officer who is another person.
async fn two(test: &TestApp) -> (String, String) {
    let (_, registrar) = member(test, "dang.ky", &[Role::Registrar], Some(THIRD)).await;
    let (_, officer) = member(test, "an.ninh", &[Role::SecurityOfficer], Some(SECOND)).await;
    (registrar, officer)
}

async fn preview(test: &TestApp, token: &str, order: &Value) -> Value {
    let (status, shown) = test.post(&format!("{ALL}/preview"), token, order).await;
    assert_eq!(status, 200, "{shown}");
    shown
}

async fn entered(test: &TestApp, token: &str, order: &Value) -> Value {
    let shown = preview(test, token, order).await;
    let body = json!({ "order": order, "content_digest": shown["content_digest"] });
    let (status, entered) = test.post(ALL, token, &body).await;
    assert_eq!(status, 201, "{entered}");
    entered
}

async fn act(test: &TestApp, token: &str, order: &Value, what: &str, body: Value) -> (u16, Value) {
    test.post(&format!("{ALL}/{}/{what}", order["id"].as_str().unwrap()), token, &body).await
}

async fn approved(test: &TestApp, token: &str, order: &Value) -> Value {
    let (status, done) = act(test, token, order, "approve", json!({ "content_digest": order["content_digest"] })).await;
    assert_eq!(status, 200, "{done}");
    done
}

async fn certificate(test: &TestApp, token: &str, receipt: &Value) -> (Value, Value) {
    let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
    let (status, view) = test.get(&path, token).await;
    assert_eq!(status, 200, "{view}");
    (view["state"].clone(), view["reason"].clone())
}

async fn logs_in(test: &TestApp, login: &str) -> u16 {
    test.post("/api/v1/session", "", &json!({ "login": login, "password": PASSWORD })).await.0
}

async fn somebody_resigns(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (registrar, officer) = two(&test).await;
    let receipt = issued(&test, "official").await;
    let session = test.session_of(OFFICIAL).await;
    let order = json!({ "kind": "resignation", "account": "official", "ground": "QĐ 12/QĐ-UBND ngày 20/11/2026" });
    // 1. Shown before anything is done.
    let shown = preview(&test, &registrar, &order).await;
    let effect = &shown["effects"][0];
    assert_eq!(
        (&effect["disabled"], &effect["certificates"][0]["action"], &effect["certificates"][0]["reason"]),
        (&json!(true), &json!("revoke"), &json!("cessation_of_operation")),
        "{shown}"
    );
    assert_eq!(certificate(&test, &officer, &receipt).await.0, "issued");
    // 2. Entered for exactly that, once.
    let other = json!({ "order": order, "content_digest": "00".repeat(32) });
    assert_eq!(problem(&test.post(ALL, &registrar, &other).await.1), "content_differs");
    let waits = entered(&test, &registrar, &order).await;
    assert_eq!((&waits["state"], &waits["decidable"]), (&json!("open"), &json!(false)));
    let again = test.post(&format!("{ALL}/preview"), &registrar, &order).await;
    assert_eq!(problem(&again.1), "order_open");
    // 3. Approved by another person, over exactly that.
    let digest = json!({ "content_digest": waits["content_digest"] });
    assert_eq!(act(&test, &registrar, &waits, "approve", digest.clone()).await.0, 403);
    let (_, same) = member(&test, "cung.nguoi", &[Role::SecurityOfficer], Some(THIRD)).await;
    assert_eq!(problem(&act(&test, &same, &waits, "approve", digest.clone()).await.1), "own_order");
    let wrong = json!({ "content_digest": "00".repeat(32) });
    assert_eq!(problem(&act(&test, &officer, &waits, "approve", wrong).await.1), "content_differs");
    assert_eq!(certificate(&test, &officer, &receipt).await.0, "issued", "nothing before");
    let done = approved(&test, &officer, &waits).await;
    assert_eq!((&done["state"], &done["lines"][0]["outcome"]), (&json!("done"), &json!("done")), "{done}");
    // 4. Its effect.
    assert_eq!(certificate(&test, &officer, &receipt).await, (json!("revoked"), json!("cessation_of_operation")));
    assert_eq!(test.get("/api/v1/session", &session).await.0, 401);
    assert_eq!(logs_in(&test, "official").await, 401);
    assert_eq!(problem(&act(&test, &officer, &waits, "approve", digest).await.1), "order_moved_on");
    for kind in ["entered", "approved", "carried_out", "finished"] {
        let count = test.sql(&format!("SELECT count(*) FROM audit_entry WHERE kind = 'personnel_order.{kind}'"));
        assert_eq!(count.trim(), "1", "{kind}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_resigns_on_sqlite() {
    somebody_resigns(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_resigns_on_postgres() {
    somebody_resigns(Backend::Postgres).await;
}

/// A leader goes to another unit on a day to come: nothing before, everything then; delegations, roles by order and registered certificates end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_waits_for_its_day() {
    let test = TestApp::sqlite().await.without_background();
    let agency = Agency::new(&test).await;
    let (registrar, officer) = two(&test).await;
    agency.submitted(&test, &plain_pdf(), &short_road()).await;
    let until = test.app.clock.now().plus_seconds(10 * 86_400).rfc3339();
    let delegation = json!({ "to": "pho.chu.tich", "ends": until });
    let (status, made) = test.post("/api/v1/documents/delegations", &agency.leader.token, &delegation).await;
    assert_eq!(status, 201, "{made}");
    let authority = Authority::new();
    authority.recorded(&test, &[chuky_pki::verify::AnchorPurpose::Registration]);
    let token = authority.issue(&named("Trần Văn Khương"), p256());
    let session = test.session_of("001080054321").await;
    let offer = crate::foreign::offer(&authority, &token, &[]);
    let (status, registered) = crate::foreign::register(&test, &session, &offer, &token).await;
    assert_eq!(status, 201, "{registered}");
    let later = chuky::units::day_of(test.app.clock.now().plus_seconds(2 * 86_400));
    let order = json!({
        "kind": "transfer", "account": "chu.tich", "unit": "00004", "from": later, "certificates": "revoke",
        "ground": "QĐ 15/QĐ-UBND",
    });
    let waits = entered(&test, &registrar, &order).await;
    let effect = &waits["effects"][0];
    assert_eq!(
        (&effect["unit_after"], &effect["delegations"], effect["documents"].as_array().map(Vec::len)),
        (&json!("00004"), &json!(1), Some(1)),
        "{waits}"
    );
    assert_eq!(effect["foreign"].as_array().map(Vec::len), Some(1), "{waits}");
    let approved = approved(&test, &officer, &waits).await;
    assert_eq!(approved["state"], "approved", "{approved}");
    worker::round(&test.app).await;
    let unit = || test.sql("SELECT unit FROM account WHERE login = 'chu.tich'");
    assert!(unit().contains("H26"), "not before its day");
    test.app.clock.shift_seconds(3 * 86_400);
    let officer = test.session_of(SECOND).await;
    worker::round(&test.app).await;
    let (_, done) = test.get(&format!("{ALL}/{}", waits["id"].as_str().unwrap()), &officer).await;
    assert_eq!((&done["state"], &done["lines"][0]["outcome"]), (&json!("done"), &json!("done")), "{done}");
    assert!(unit().contains("00004"));
    let states = test.sql("SELECT state FROM foreign_certificate");
    assert!(states.contains("removed"), "{states}");
    let ended = test.sql("SELECT count(*) FROM delegation WHERE ended_at IS NOT NULL");
    assert_eq!(ended.trim(), "1");
    let revoked = test.sql("SELECT revocation_reason FROM certificate WHERE state = 'revoked'");
    assert_eq!(revoked.trim(), "3", "affiliationChanged");
    // Done is done: another round changes nothing.
    let before = test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'certificate.revoked'");
    worker::round(&test.app).await;
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'certificate.revoked'"), before);
    test.stop().await;
}

/// Another title asks for the certificate that follows; death ends everything of a person; a merger takes everybody along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_has_its_effect() {
    let test = TestApp::sqlite().await;
    let (registrar, officer) = two(&test).await;
    let receipt = issued(&test, "official").await;
    // The same person is a citizen, too.
    let mut same = citizen();
    same["subscriber"]["personal_number"] = json!(OFFICIAL);
    same["subscriber"]["full_name"] = json!("Trần Văn Đức");
    same["subscriber"]["sex"] = json!("male");
    same["subscriber"]["birth_date"] = json!("1985-07-19");
    let (_, code) = crate::issuance::approved(&test, "gianhang", &same).await;
    let session = test.session_of(OFFICIAL).await;
    let (status, own) = test.redeem(&session, &redemption(&code, "citizen.too")).await;
    assert_eq!(status, 201, "{own}");
    // 1. A title: the old certificate stays until the new one is there.
    let order = json!({
        "kind": "title", "account": "official", "title": "Trưởng phòng", "certificates": "reissue", "ground": "QĐ 16",
    });
    let waits = entered(&test, &registrar, &order).await;
    let done = approved(&test, &officer, &waits).await;
    assert_eq!(done["lines"][0]["outcome"], "done", "{done}");
    assert_eq!(certificate(&test, &officer, &receipt).await.0, "issued");
    let (_, requests) = test.get("/api/v1/requests?state=submitted", &registrar).await;
    let follows = requests["requests"].as_array().unwrap().iter().find(|one| one["title"] == "Trưởng phòng");
    assert_eq!(follows.map(|one| &one["replaces"]), Some(&json!("affiliation_changed")), "{requests}");
    // 2. The agency goes into another: units change, roles and certificates stay.
    let merger = json!({
        "kind": "merger", "from_unit": "H26", "unit": "00004", "certificates": "keep", "ground": "NQ 1656",
    });
    let (_, outside) = member(&test, "an.ninh.hai", &[Role::SecurityOfficer], Some("001080000107")).await;
    let waits = entered(&test, &outside, &merger).await;
    assert!(waits["effects"].as_array().unwrap().len() >= 3, "{waits}");
    let done = approved(&test, &officer, &waits).await;
    assert_eq!(done["state"], "done", "{done}");
    assert!(test.sql("SELECT count(*) FROM account WHERE unit = 'H26' AND disabled_at IS NULL").trim() == "0");
    assert_eq!(certificate(&test, &officer, &receipt).await.0, "issued");
    // 3. Death: also what the person has as a citizen, since that day.
    let day = chuky::units::day_of(test.app.clock.now().plus_seconds(-3 * 86_400));
    let order = json!({ "kind": "death", "account": OFFICIAL, "from": day, "ground": "Giấy chứng tử số 3" });
    let waits = entered(&test, &outside, &order).await;
    approved(&test, &officer, &waits).await;
    for receipt in [&receipt, &own] {
        assert_eq!(certificate(&test, &officer, receipt).await, (json!("revoked"), json!("cessation_of_operation")));
    }
    assert_eq!(logs_in(&test, "official").await, 401);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_in_vietnamese() {
    let test = TestApp::sqlite().await;
    let (registrar, officer) = two(&test).await;
    issued(&test, "official").await;
    issued(&test, "citizen").await;
    let cases = [
        (json!({ "kind": "transfer", "account": "khong.co", "unit": "00004", "ground": "x" }), "Không có tài khoản"),
        (json!({ "kind": "transfer", "account": "official", "ground": "x" }), "mã đơn vị mới"),
        (
            json!({ "kind": "transfer", "account": "official", "unit": "không phải mã", "ground": "x" }),
            "Không có đơn vị",
        ),
        (json!({ "kind": "transfer", "account": "official", "unit": "00004" }), "căn cứ"),
        (
            json!({ "kind": "transfer", "account": "official", "unit": "00004", "ground": "x", "certificates": "keep" }),
            "không hợp",
        ),
        (json!({ "kind": "title", "account": "official", "ground": "x" }), "chức vụ mới"),
        (
            json!({ "kind": "title", "account": "official", "title": "a".repeat(201), "ground": "x", "certificates": "keep" }),
            "tối đa 200",
        ),
        (
            json!({ "kind": "title", "account": "official", "title": "Phó phòng", "ground": "x", "certificates": "keep" }),
            "không thay đổi gì",
        ),
        (
            json!({ "kind": "resignation", "account": "official", "ground": "x", "from": "31/12/2026" }),
            "NĂM-THÁNG-NGÀY",
        ),
        (
            json!({ "kind": "resignation", "account": "official", "ground": "x", "from": "2026-02-30" }),
            "NĂM-THÁNG-NGÀY",
        ),
        (
            json!({ "kind": "resignation", "account": "official", "ground": "x", "from": "2036-01-01" }),
            "NĂM-THÁNG-NGÀY",
        ),
        (json!({ "kind": "resignation", "account": "citizen", "ground": "x" }), "không phải của cán bộ"),
        (json!({ "kind": "resignation", "account": "dang.ky", "ground": "x" }), "về chính bạn"),
        (json!({ "kind": "transfer", "account": "001099999999", "unit": "00004", "ground": "x" }), "số định danh"),
        (json!({ "kind": "merger", "from_unit": "H26", "unit": "H26", "ground": "x" }), "khác với mã"),
        (
            json!({ "kind": "merger", "from_unit": "H99", "unit": "00004", "ground": "x" }),
            "Không có tài khoản nào của cơ quan",
        ),
    ];
    for (order, words) in cases {
        let (status, answer) = test.post(&format!("{ALL}/preview"), &registrar, &order).await;
        let said = answer["detail"]["vi"].as_str().unwrap_or_default();
        assert!((400..500).contains(&status) && said.contains(words), "{words:?}: {order} {status} {answer}");
    }
    // A registrar of another unit, and nobody's account.
    let order = json!({ "kind": "resignation", "account": "official", "ground": "x" });
    let elsewhere = test.account("dang.ky.noi.khac", &[Role::Registrar], Some("001080000108")).await.0;
    let elsewhere = crate::staff::session(&test, elsewhere).await;
    let answer = test.post(&format!("{ALL}/preview"), &elsewhere, &order).await;
    assert_eq!(problem(&answer.1), "unit_of_another");
    // A reason for a refusal, and none twice.
    let waits = entered(&test, &registrar, &order).await;
    assert_eq!(problem(&act(&test, &officer, &waits, "refuse", json!({ "reason": " " })).await.1), "reason_missing");
    let (_, refused) = act(&test, &officer, &waits, "refuse", json!({ "reason": "Giấy tờ chưa đủ." })).await;
    assert_eq!((&refused["state"], &refused["refusal_reason"]), (&json!("refused"), &json!("Giấy tờ chưa đủ.")));
    assert_eq!(problem(&act(&test, &registrar, &waits, "withdraw", json!({})).await.1), "order_moved_on");
    let waits = entered(&test, &registrar, &order).await;
    assert_eq!(act(&test, &elsewhere, &waits, "withdraw", json!({})).await.0, 404);
    assert_eq!(act(&test, &registrar, &waits, "withdraw", json!({})).await.1["state"], "withdrawn");
    test.stop().await;
}

/// Killed after the first of several, before and after the approval took effect: the job goes on, and nothing is done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_killed_goes_on_where_it_stopped() {
    let test = TestApp::sqlite().await.without_background();
    let (registrar, officer) = two(&test).await;
    issued(&test, "official").await;
    let order = json!({ "kind": "merger", "from_unit": "H26", "unit": "00004", "ground": "NQ 1656" });
    let waits = entered(&test, &registrar, &order).await;
    let moved = || test.sql("SELECT count(*) FROM account WHERE unit = '00004'").trim().to_owned();
    let path = format!("{ALL}/{}/approve", waits["id"].as_str().unwrap());
    let mut service = Service::start(&test, "personnel.after_line").await;
    service.post(&path, &officer, &json!({ "content_digest": waits["content_digest"] })).await;
    service.died().await;
    assert_eq!(moved(), "1");
    // Its lease ends, and whoever is there goes on.
    test.app.clock.shift_seconds(200);
    assert_eq!(personnel::run_due(&test.app).await.unwrap(), 1);
    assert_eq!(moved(), waits["effects"].as_array().unwrap().len().to_string());
    let count =
        |kind: &str| test.sql(&format!("SELECT count(*) FROM audit_entry WHERE kind = '{kind}'")).trim().to_owned();
    assert_eq!((count("certificate.revoked"), count("personnel_order.finished")), ("1".to_owned(), "1".to_owned()));
    assert_eq!(count("personnel_order.carried_out"), waits["effects"].as_array().unwrap().len().to_string());
    test.stop().await;
}

/// An order that nobody approved is not carried out, whatever its row says; a line that says it is done hides nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_gains_nothing() {
    let test = TestApp::sqlite().await.without_background();
    let (registrar, officer) = two(&test).await;
    let receipt = issued(&test, "official").await;
    let later = chuky::units::day_of(test.app.clock.now().plus_seconds(2 * 86_400));
    let order = json!({ "kind": "retirement", "account": "official", "from": later, "ground": "QĐ 17" });
    let waits = entered(&test, &registrar, &order).await;
    test.sql(
        "UPDATE personnel_order SET state = 'approved', decided_by = (SELECT id FROM account WHERE login = 'an.ninh'), \
         decided_at = entered_at, effective_at = entered_at",
    );
    let one = format!("{ALL}/{}", waits["id"].as_str().unwrap());
    assert_eq!(test.get(&one, &officer).await.0, 500);
    worker::round(&test.app).await;
    assert_eq!(certificate(&test, &officer, &receipt).await.0, "issued");
    test.stop().await;
}

/// What waits in a database that came out of a backup may have been taken back since: nothing of it is carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_order_is_not_carried_out() {
    let test = TestApp::sqlite().await.without_background();
    let (registrar, officer) = two(&test).await;
    issued(&test, "official").await;
    let later = chuky::units::day_of(test.app.clock.now().plus_seconds(2 * 86_400));
    let order = json!({ "kind": "retirement", "account": "official", "from": later, "ground": "QĐ 17" });
    let waits = entered(&test, &registrar, &order).await;
    approved(&test, &officer, &waits).await;
    assert_eq!(personnel::close_restored(&test.app).await.unwrap(), 1);
    test.app.clock.shift_seconds(3 * 86_400);
    assert_eq!(personnel::run_due(&test.app).await.unwrap(), 0);
    let state = test.sql("SELECT state FROM personnel_order");
    assert!(state.contains("withdrawn"), "{state}");
    test.stop().await;
}

/// What it brings may change between entering and approving: whoever approves sees it as it is, and an order whose row SQL broke, or which cannot be
/// carried out, keeps no other back and may be taken back by somebody whom it is not about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_changed_or_is_stuck_keeps_nobody() {
    let test = TestApp::sqlite().await.without_background();
    let (registrar, officer) = two(&test).await;
    let receipt = issued(&test, "official").await;
    let later = chuky::units::day_of(test.app.clock.now().plus_seconds(2 * 86_400));
    let order = json!({ "kind": "resignation", "account": "official", "from": later, "ground": "QĐ 18" });
    let waits = entered(&test, &registrar, &order).await;
    let one = format!("{ALL}/{}", waits["id"].as_str().unwrap());
    // 1. The certificate is revoked meanwhile: another content, which is approved as it is and stays whole.
    let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
    let (status, revoked) = test.post(&path, &officer, &json!({ "reason": "superseded" })).await;
    assert_eq!(status, 200, "{revoked}");
    let digest = json!({ "content_digest": waits["content_digest"] });
    assert_eq!(problem(&act(&test, &officer, &waits, "approve", digest).await.1), "content_differs");
    let (_, fresh) = test.get(&one, &officer).await;
    assert_eq!(approved(&test, &officer, &fresh).await["state"], "approved");
    for path in [ALL, &one] {
        assert_eq!(test.get(path, &officer).await.0, 200, "{path}");
    }
    // 2. Another one, whose row is broken, comes first on its day.
    member(&test, "bi.hong", &[Role::SecurityOfficer], Some("001080000108")).await;
    let other = json!({ "kind": "resignation", "account": "bi.hong", "from": later, "ground": "QĐ 19" });
    let stuck = entered(&test, &registrar, &other).await;
    approved(&test, &officer, &stuck).await;
    test.sql("UPDATE account SET unit = '00004' WHERE login = 'bi.hong'");
    test.app.clock.shift_seconds(3 * 86_400);
    assert!(personnel::run_due(&test.app).await.is_err(), "it is told");
    let officer = test.session_of(SECOND).await;
    assert_eq!(test.get(&one, &officer).await.1["state"], "done");
    // 3. Whom it is about does not take it back; put right, it is carried out.
    test.sql("UPDATE account SET unit = 'H26' WHERE login = 'bi.hong'");
    let about = test.session_of("001080000108").await;
    assert_eq!(problem(&act(&test, &about, &stuck, "withdraw", json!({})).await.1), "own_account_order");
    assert_eq!(personnel::run_due(&test.app).await.unwrap(), 1);
    test.stop().await;
}

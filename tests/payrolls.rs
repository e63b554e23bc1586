//! Payrolls: a file becomes orders that are shown, signed with one PIN, and accepted one by one, each once; what is wrong is told row by row,
//! and nothing but what was shown is signed.

use crate::{
    harness::app::{Backend, TestApp},
    payments::{key_of, outcome, send},
    signing::subscriber::{PIN, Subscriber, citizen},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SIGN: &str = "/api/v1/payrolls/sign";
const FILE: &str = "Mã lệnh,Người nhận,Số tiền,Nội dung\n\
    L-2026-11-1,account:970436:0011001234567,12.500.000,Lương tháng 11\n\
    L-2026-11-2,account:970415:1020304050,8000000,\"Lương tháng 11, phụ cấp\"\n\
    L-2026-11-3,MST:0100109106,\"9,250,000\",\n";

async fn check(test: &TestApp, payer: &Subscriber, file: &[u8]) -> (u16, Value) {
    let path = format!("/api/v1/payrolls/check?credential={}", payer.credential);
    test.request("POST", &path, &payer.token, "text/csv", file.to_vec()).await
}

async fn sign(test: &TestApp, payer: &Subscriber, view: &Value, pin: &str) -> (u16, Value) {
    let body =
        json!({ "credential": payer.credential, "pin": pin, "sha256": view["sha256"], "orders": view["orders"] });
    test.post(SIGN, &payer.token, &body).await
}

fn signatures(test: &TestApp) -> String {
    test.sql("SELECT COUNT(*) FROM signature").trim().to_owned()
}

async fn a_payroll_is_signed_once_and_each_order_accepted_once(backend: Backend) {
    let test = TestApp::start(backend).await;
    let payer = citizen(&test).await;
    let provider = key_of(&test, "ngan.hang", Role::PaymentProvider).await;
    let (status, view) = check(&test, &payer, FILE.as_bytes()).await;
    assert_eq!((status, &view["count"], &view["totals"]), (200, &json!(3), &json!({ "VND": 29_750_000 })), "{view}");
    assert_eq!(view["problems"], json!([]));
    // The digest is of what anybody can write down from the orders (RFC 8785: members in order, no white space).
    let lines: String = view["orders"].as_array().unwrap().iter().map(|order| format!("{order}\n")).collect();
    assert_eq!(view["sha256"].as_str().unwrap(), hex::encode(chuky_pki::crypto::sha256(lines.as_bytes())));
    assert_eq!(signatures(&test), "0");

    // A wrong PIN signs nothing, and the right one signs all.
    let (status, answer) = sign(&test, &payer, &view, "sai-sai-sai-sai").await;
    assert_eq!((status, answer["type"].as_str().unwrap().ends_with("pin_wrong")), (403, true), "{answer}");
    let (status, signed) = sign(&test, &payer, &view, PIN).await;
    assert_eq!((status, &signed["count"], &signed["sha256"]), (200, &json!(3), &view["sha256"]), "{signed}");
    assert_eq!(signatures(&test), "3");
    // Again it gives what was signed: nothing is signed twice.
    assert_eq!(sign(&test, &payer, &view, PIN).await, (200, signed.clone()));
    assert_eq!(signatures(&test), "3");

    // Each order is a payment of its own.
    let messages: Vec<&str> =
        signed["signed"].as_array().unwrap().iter().map(|line| line["jws"].as_str().unwrap()).collect();
    for message in &messages {
        assert_eq!(outcome(&send(&test, &provider, message).await), ("accepted", "first"));
    }
    for message in &messages {
        assert_eq!(outcome(&send(&test, &provider, message).await), ("accepted", "repeated"));
    }
    // A payroll of the same ids that is made anew pays nobody a second time.
    let more = FILE.replace("8000000", "9000000");
    let (_, other) = check(&test, &payer, more.as_bytes()).await;
    let (status, other) = sign(&test, &payer, &other, PIN).await;
    assert_eq!(status, 200, "{other}");
    let again = other["signed"][1]["jws"].as_str().unwrap();
    assert_eq!(outcome(&send(&test, &provider, again).await), ("rejected", "conflict"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payroll_is_signed_once_on_sqlite() {
    a_payroll_is_signed_once_and_each_order_accepted_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payroll_is_signed_once_on_postgres() {
    a_payroll_is_signed_once_and_each_order_accepted_once(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_row_by_row_and_nothing_else_than_what_was_shown_is_signed() {
    let test = TestApp::sqlite().await;
    let payer = citizen(&test).await;
    let file = "id,payee,amount\nA-1,account:970436:1,100\n,account:970436:2,100\nA-3,,100\nA 4,account:970436:4,100\n\
                A-5,account:970436:5,1.5\nA-1,account:970436:6,100\nA-7,account:970436:7,0\n";
    let (status, view) = check(&test, &payer, file.as_bytes()).await;
    let told: Vec<(u64, &str, &str)> = view["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["row"].as_u64().unwrap(), one["field"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let wanted = [
        (3, "id", "missing"),
        (4, "payee", "missing"),
        (5, "id", "id_invalid"),
        (6, "amount", "amount_invalid"),
        (7, "id", "id_twice"),
        (8, "amount", "amount_invalid"),
    ];
    assert_eq!((status, told.as_slice()), (200, &wanted[..]), "{view}");
    assert!(view.get("sha256").is_none(), "what is wrong has nothing to sign");
    let sentences: BTreeSet<&str> =
        view["problems"].as_array().unwrap().iter().map(|one| one["message"]["vi"].as_str().unwrap()).collect();
    assert!(sentences.contains("Ô này còn trống.") && sentences.contains("Mã lệnh này đã có ở một dòng trên."));

    for (file, code) in [
        (&b"a,b\n1,2\n"[..], "payroll_headings"),
        (b"id,payee,amount\n", "payroll_empty"),
        (b"id,payee,amount\n\"1", "list_quotes"),
        (b"PK\x03\x04 no workbook", "list_malformed"),
    ] {
        let (status, answer) = check(&test, &payer, file).await;
        assert_eq!((status, answer["type"].as_str().unwrap().rsplit(':').next()), (422, Some(code)), "{answer}");
    }

    // An order that was changed after it was shown, one more, one less, another payer.
    let (_, good) = check(&test, &payer, FILE.as_bytes()).await;
    let altered = |alter: &dyn Fn(&mut Value)| {
        let mut view = good.clone();
        alter(&mut view);
        view
    };
    for view in [
        altered(&|view| view["orders"][0]["amount"] = json!(12_500_001)),
        altered(&|view| view["orders"].as_array_mut().unwrap().truncate(2)),
        altered(&|view| view["orders"][1]["payee"] = json!("account:970436:666")),
    ] {
        let (status, answer) = sign(&test, &payer, &view, PIN).await;
        assert_eq!((status, answer["type"].as_str().unwrap().ends_with("payroll_changed")), (409, true), "{answer}");
    }
    let other = altered(&|view| {
        view["orders"][0]["payer"] = json!("CCCD:001190012345");
        let lines: String = view["orders"].as_array().unwrap().iter().map(|order| format!("{order}\n")).collect();
        view["sha256"] = json!(hex::encode(chuky_pki::crypto::sha256(lines.as_bytes())));
    });
    assert_eq!(sign(&test, &payer, &other, PIN).await.0, 422);
    assert_eq!(signatures(&test), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_have_expired_and_credentials_of_others_are_refused() {
    let test = TestApp::sqlite().await;
    let payer = citizen(&test).await;
    // Orders that have expired since.
    let path = format!(
        "/api/v1/payrolls/check?credential={}&expires={}",
        payer.credential,
        test.app.clock.now().plus_seconds(600).rfc3339()
    );
    let (_, short) = test.request("POST", &path, &payer.token, "text/csv", FILE.as_bytes().to_vec()).await;
    assert!(short["sha256"].is_string(), "{short}");
    test.app.clock.shift_seconds(900);
    let (status, answer) = sign(&test, &payer, &short, PIN).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(signatures(&test), "0");
    // Nobody else's credential.
    let (_, stranger) = test.account("nguoi.khac", &[Role::Citizen], None).await;
    let other = Subscriber { token: stranger, credential: payer.credential.clone() };
    assert_eq!(check(&test, &other, FILE.as_bytes()).await.0, 404);
}

/// One order by itself is judged as each of a payroll is, before the PIN is used, and what is signed is its canonical form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_order_that_nobody_would_accept_is_not_signed() {
    let test = TestApp::sqlite().await;
    let payer = citizen(&test).await;
    let now = test.app.clock.now();
    let order = json!({
        "id": "HD-1", "payer": "", "payee": "MST:0100109106", "amount": 150_000, "currency": "VND",
        "created": now.rfc3339(), "expires": now.plus_seconds(3_600).rfc3339(), "reference": "Lệ phí"
    });
    let sign = async |member: &str, value: Value| {
        let mut order = order.clone();
        order[member] = value;
        let body = json!({ "credential": payer.credential, "pin": PIN, "order": order });
        let (status, answer) = test.post("/api/v1/transactions/sign", &payer.token, &body).await;
        let code = answer["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or_default().to_owned();
        (status, code, answer)
    };
    for (member, value, expected) in [
        ("amount", json!(0), "amount_invalid"),
        ("amount", json!(9_007_199_254_740_991_u64), "amount_too_large"),
        ("currency", json!("VNX"), "currency_invalid"),
        ("expires", json!(now.plus_seconds(-1).rfc3339()), "time_invalid"),
        ("expires", json!(now.plus_seconds(400 * 86_400).rfc3339()), "window_too_long"),
        ("payer", json!("CCCD:001190099999"), "payer_mismatch"),
        ("payee", json!(" "), "party_invalid"),
        ("id", json!("có dấu"), "id_invalid"),
        ("reference", json!("mandate:0199"), "collection"),
    ] {
        let (status, code, answer) = sign(member, value.clone()).await;
        assert_eq!((status, code.as_str()), (422, expected), "{member} {value}: {answer}");
    }
    assert_eq!(signatures(&test), "0");
    let (status, _, answer) = sign("amount", json!(150_000)).await;
    assert_eq!(status, 200, "{answer}");
    let payload = answer["jws"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert!(payload.starts_with(r#"{"amount":150000,"created":""#), "RFC 8785: members in order: {payload}");
    let provider = key_of(&test, "ngan.hang", Role::PaymentProvider).await;
    assert_eq!(outcome(&send(&test, &provider, answer["jws"].as_str().unwrap()).await), ("accepted", "first"));
}

//! Thousands of officials from one workbook, approved and redeemed: a slice in `make test`, all 12,188 in `make soak`.

use super::{PATH, codes, csv, finished};
use crate::{
    harness::app::{Backend, TestApp},
    issuance::redemption,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};
use tokio::task::JoinSet;

/// Officials of one year.
const ALL: usize = 12_188;
const SLICE: usize = 300;
/// Of a slice, how many redeem their codes: each makes a key and seals it under a PIN.
const REDEEMED: usize = 8;
/// Officials who redeem at once.
const AT_ONCE: usize = 4;
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The list as a workbook.
fn workbook(count: usize) -> Vec<u8> {
    let text = csv(count);
    // Headings are quoted, for one of them has a comma; the rest is not.
    let cells = |line: &str| -> Vec<String> {
        let (line, between) = if line.starts_with('"') { (line.trim_matches('"'), "\",\"") } else { (line, ",") };
        line.split(between).map(str::to_owned).collect()
    };
    let rows: Vec<Vec<String>> = text.trim_start_matches('\u{feff}').lines().map(cells).collect();
    chuky_pki::office::workbook_maker::make(&rows).unwrap()
}

async fn uploaded(test: &TestApp, token: &str, count: usize) -> (u16, Value) {
    test.request("POST", &format!("{PATH}?name=can-bo.xlsx"), token, XLSX, workbook(count)).await
}

/// Every one of these codes is redeemed by its official; how many there are.
async fn redeemed(test: &Arc<TestApp>, codes: Vec<(String, String)>) -> usize {
    let count = codes.len();
    let codes = Arc::new(std::sync::Mutex::new(codes.into_iter().enumerate().collect::<Vec<_>>()));
    let mut officials = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (test, codes) = (test.clone(), codes.clone());
        officials.spawn(async move {
            let next = || codes.lock().unwrap().pop();
            while let Some((at, (_, code))) = next() {
                let body = redemption(&code, &format!("can.bo.{at}"));
                let (status, receipt) = test.redeem("", &body).await;
                assert_eq!(status, 201, "{receipt}");
            }
        });
    }
    officials.join_all().await;
    count
}

async fn many(backend: Backend) {
    let long = std::env::var("CHUKY_SOAK_SECONDS").is_ok();
    let count = if long { ALL } else { SLICE };
    let test = Arc::new(TestApp::start(backend).await);
    let registrar = test.log_in("dangky").await;
    let begun = Instant::now();
    let (status, list) = uploaded(&test, &registrar, count).await;
    let upload = begun.elapsed();
    assert_eq!((status, &list["wrong"], &list["size"]), (201, &json!(0), &json!(count)), "{list}");
    let id = list["id"].as_str().unwrap().to_owned();
    assert_eq!(test.post(&format!("{PATH}/{id}/enter"), &registrar, &json!({})).await.0, 204);
    let digest = test.get(&format!("{PATH}/{id}"), &registrar).await.1["content_digest"].clone();
    let approver = test.log_in("duyet").await;
    let begun = Instant::now();
    let body = json!({ "content_digest": digest });
    assert_eq!(test.post(&format!("{PATH}/{id}/approve"), &approver, &body).await.0, 204);
    let done = finished(&test, &id, 1_800).await;
    let carried = begun.elapsed();
    assert_eq!(done["open"], 0, "{done}");
    // Nothing lost, none twice.
    for counted in [
        "COUNT(*) FROM registration_request WHERE state = 'approved'",
        "COUNT(DISTINCT person_lookup) FROM registration_request",
        "COUNT(DISTINCT code_hash) FROM activation_code",
        "COUNT(*) FROM message",
    ] {
        assert_eq!(test.sql(&format!("SELECT {counted}")).trim(), count.to_string(), "{counted}");
    }
    // The same list once more: every person is known.
    let (_, again) = uploaded(&test, &registrar, count).await;
    assert_eq!(again["wrong"], count, "{}", again["wrong"]);
    // Each official has a code of their own; only redeeming it makes key and certificate.
    let mut codes = codes(&test).await;
    assert_eq!(codes.len(), count);
    if !long {
        codes.truncate(REDEEMED);
    }
    let begun = Instant::now();
    let certificates = redeemed(&test, codes).await;
    let redemption = begun.elapsed();
    for counted in [
        "COUNT(*) FROM certificate WHERE state = 'issued' AND account_id IS NOT NULL",
        "COUNT(DISTINCT account_id) FROM certificate WHERE state = 'issued' AND account_id IS NOT NULL",
        "COUNT(*) FROM registration_request WHERE state = 'issued'",
    ] {
        assert_eq!(test.sql(&format!("SELECT {counted}")).trim(), certificates.to_string(), "{counted}");
    }
    println!(
        "soak: {count} officials on {backend:?}: read and checked in {upload:?}, approved in {carried:?}, {certificates} redeemed in {redemption:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_thousands_are_approved_on_sqlite() {
    many(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_thousands_are_approved_on_postgres() {
    many(Backend::Postgres).await;
}

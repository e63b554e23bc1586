//! Thousands of officials from one list: a slice in `make test`, all 12,188 in `make soak`.

use super::{PATH, csv, entered, finished, uploaded};
use crate::harness::app::{Backend, TestApp};
use serde_json::json;
use std::time::Instant;

/// Officials of one year.
const ALL: usize = 12_188;
const SLICE: usize = 300;

async fn many(backend: Backend) {
    let long = std::env::var("CHUKY_SOAK_SECONDS").is_ok();
    let count = if long { ALL } else { SLICE };
    let test = TestApp::start(backend).await;
    let registrar = test.log_in("dangky").await;
    let begun = Instant::now();
    let (status, list) = uploaded(&test, &registrar, csv(count).into_bytes()).await;
    let upload = begun.elapsed();
    assert_eq!((status, &list["wrong"], &list["size"]), (201, &json!(0), &json!(count)), "{list}");
    let begun = Instant::now();
    let (id, digest) = entered(&test, csv(count).into_bytes()).await;
    let both = begun.elapsed();
    let approver = test.log_in("duyet").await;
    let begun = Instant::now();
    let body = json!({ "content_digest": digest });
    assert_eq!(test.post(&format!("{PATH}/{id}/approve"), &approver, &body).await.0, 204);
    let done = finished(&test, &id, 1_800).await;
    let carried = begun.elapsed();
    println!(
        "soak: {count} officials: read and checked in {upload:?}, read and handed in in {both:?}, approved in {carried:?}"
    );
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
    let (_, again) = uploaded(&test, &registrar, csv(count).into_bytes()).await;
    assert_eq!(again["wrong"], count, "{}", again["wrong"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_thousands_are_approved_on_sqlite() {
    many(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_thousands_are_approved_on_postgres() {
    many(Backend::Postgres).await;
}

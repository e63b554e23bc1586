//! Clocks that are wrong: set ahead, set back, or wrong from the start. No payment is accepted twice for it.

use crate::{
    harness::app::{Backend, EXECUTABLE},
    payments::{Scene, outcome, scene, send},
};
use chuky::{app::App, clock::Clock, transactions::retention::forget_old};
use std::{path::Path, time::Duration};

const DAY: i64 = 86_400;
const AHEAD: i64 = 9 * DAY;

async fn a_clock_set_ahead_forgets_nothing(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    let message = payer.sign(&payer.order(&test.app, "INV-1"));
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "first"));
    test.app.clock.jump_seconds(AHEAD);
    assert_eq!(forget_old(&test.app).await.unwrap().groups, 0);
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "1");
    assert_eq!(test.app.payments.remembered().count(), 1);
    let figures = String::from_utf8(test.raw("GET", "/metrics", "", "", Vec::new()).await.1).unwrap();
    let ahead = figures.lines().find_map(|line| line.strip_prefix("chuky_clock_ahead_seconds ")).unwrap();
    assert!((AHEAD - 2..=AHEAD).contains(&ahead.parse().unwrap()), "{ahead}");
    test.app.clock.jump_seconds(-AHEAD);
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "repeated"));
    // What is accepted from now on is remembered, as the log tells it, also when its row is taken away.
    let later = payer.sign(&payer.order(&test.app, "INV-2"));
    assert_eq!(outcome(&send(&test, &provider, &later).await), ("accepted", "first"));
    test.sql("DELETE FROM payment_identity");
    let (status, _) =
        test.raw("POST", "/api/v1/transactions/verify", &provider, "application/jose", later.into()).await;
    assert_eq!(status, 500);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_ahead_forgets_nothing_on_sqlite() {
    a_clock_set_ahead_forgets_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_ahead_forgets_nothing_on_postgres() {
    a_clock_set_ahead_forgets_nothing(Backend::Postgres).await;
}

async fn a_node_that_starts_ahead_forgets_nothing(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    let message = payer.sign(&payer.order(&test.app, "INV-1"));
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "first"));
    for _ in 0..1_200 {
        if test.app.store.pending_audit_entries(1).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let clock = Clock::default();
    clock.shift_seconds(AHEAD);
    let other = App::open(test.app.settings.clone(), clock, Path::new(EXECUTABLE).to_owned()).await.unwrap();
    chuky::issuance::register::follow(&other).await.unwrap();
    assert_eq!(forget_old(&other).await.unwrap().groups, 0);
    assert_eq!(other.payments.remembered().count(), 1, "it reads the log of these days");
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "repeated"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_ahead_forgets_nothing_on_sqlite() {
    a_node_that_starts_ahead_forgets_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_ahead_forgets_nothing_on_postgres() {
    a_node_that_starts_ahead_forgets_nothing(Backend::Postgres).await;
}

async fn a_clock_set_back_accepts_nothing_that_was_forgotten(backend: Backend) {
    let Scene { test, provider, payer } = scene(backend).await;
    let test = test.without_background();
    let message = payer.sign(&payer.order(&test.app, "INV-1"));
    assert_eq!(outcome(&send(&test, &provider, &message).await), ("accepted", "first"));
    test.app.clock.shift_seconds(AHEAD);
    assert_eq!(forget_old(&test.app).await.unwrap().payments, 1);
    test.app.clock.jump_seconds(-AHEAD);
    let again = send(&test, &provider, &message).await;
    assert_eq!((outcome(&again), &again["reasons"][0]), (("indeterminate", "not_consumed"), &"not_remembered".into()));
    // The log tells a node that starts now.
    let (directory, settings) = test.rest().await;
    let test = crate::harness::app::TestApp::wake(directory, settings).await;
    let again = send(&test, &provider, &message).await;
    assert_eq!(again["reasons"][0], "not_remembered", "{again}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_back_accepts_nothing_that_was_forgotten_on_sqlite() {
    a_clock_set_back_accepts_nothing_that_was_forgotten(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_back_accepts_nothing_that_was_forgotten_on_postgres() {
    a_clock_set_back_accepts_nothing_that_was_forgotten(Backend::Postgres).await;
}

//! A token from before a pepper was made: keys under the newer pepper do not open on it, and their holders are not locked out by that.

use super::subscriber::{PIN, citizen, plain_pdf};
use crate::harness::app::TestApp;
use chuky::custody::pepper;
use chuky_hsm::Secret32;
use serde_json::json;
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_without_the_pepper_locks_nobody_out() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let places = ["tokens", "old", "new"].map(|name| test.data_dir().join(name));
    let [tokens, old, new] = places.each_ref();
    assert!(Command::new("cp").arg("-a").args([tokens, old]).status().unwrap().success());
    assert_eq!(pepper::add_pepper(&test.app, &Secret32::random()).await.unwrap(), 2);
    let (directory, settings) = test.rest().await;
    let test = TestApp::wake(directory, settings).await;
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
    assert_eq!(test.sql("SELECT pepper_version FROM credential").trim(), "2", "it followed the pepper");
    // The token is put back as it was, and nobody notices before the start.
    let (directory, settings) = test.rest().await;
    fs::rename(tokens, new).unwrap();
    fs::rename(old, tokens).unwrap();
    let test = TestApp::wake(directory, settings).await;
    let limit = test.app.settings.seal.tries;
    for _ in 0..=limit {
        let (status, answer) = citizen.ask(&test, &id, PIN, json!({})).await;
        assert!(status >= 500, "{status} {answer}");
        let began = Instant::now();
        while test.sql("SELECT tries FROM credential").trim() != "0" {
            assert!(began.elapsed() < Duration::from_secs(120), "the try is not given back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(test.sql("SELECT state FROM credential").trim(), "active");
    // With the right token the same PIN signs.
    let (directory, settings) = test.rest().await;
    fs::rename(tokens, old).unwrap();
    fs::rename(new, tokens).unwrap();
    let test = TestApp::wake(directory, settings).await;
    let (status, answer) = citizen.ask(&test, &id, PIN, json!({})).await;
    assert_eq!(status, 200, "{answer}");
}

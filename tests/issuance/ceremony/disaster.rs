//! The disaster that the guide to recovery speaks of, with custodians: data directory, secrets and the subscribers token are lost. What comes
//! back comes from the backup and from shares alone, in the order of the guide, and a PIN from before opens its key.

use super::{SETS, chuky, place, shares, token_folder};
use crate::{
    harness::app::{EXECUTABLE, TestApp},
    issuance::{PASSWORD, PIN, approved, citizen, redemption, run},
};
use chuky::{
    bootstrap, clock::Clock, config::Settings, custodians::Opened, issuance::ceremony::rebuild_subscribers_token,
};
use chuky_hsm::{Secret32, share::Purpose};
use serde_json::json;
use std::{fs, path::Path, process::Command};

/// `chuky COMMAND …` over the data of that place.
fn over(at: &Path, command: &str, arguments: &[&str]) -> (bool, String) {
    let mut line = Command::new(EXECUTABLE);
    line.args(["--lang", "en", "--config"])
        .arg(at.join("settings.toml"))
        .args([command, "--data-dir"])
        .arg(at.join("var"));
    let output = line.args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn settings(at: &Path) -> Settings {
    let mut settings = Settings::load(Some(&at.join("settings.toml")), &at.join("var")).unwrap();
    bootstrap::relax_second_factor(&mut settings);
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_subscribers_token_comes_back_from_shares() {
    let (directory, toml) = place();
    let at = directory.path();
    let all = shares(at, "sheets", &SETS);
    let (done, text) = chuky(at, &all.iter().map(String::as_str).chain([toml.as_str()]).collect::<Vec<_>>());
    assert!(done, "{text}");
    // Somebody has a certificate, and its key under a PIN; then a backup.
    let app = bootstrap::open(settings(at), Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let (status, receipt) = test.redeem("", &redemption(&code, "hong.uong")).await;
    assert_eq!(status, 201, "{receipt}");
    let (done, text) = over(at, "backup", &[&at.join("out").to_string_lossy()]);
    assert!(done, "{text}");
    test.app.store.close().await;
    test.stop().await;

    // The disaster. Before anything is restored nobody knows the custodians, and no token is made that nothing could be proved by.
    for lost in ["var", "var.secrets", "pins"] {
        fs::remove_dir_all(at.join(lost)).unwrap();
    }
    let of = |sets: &[&str]| shares(at, "sheets", sets);
    let said = |arguments: Vec<String>| chuky(at, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let lost_token = |sets: &[&str]| said([vec!["lost-token".to_owned()], of(sets)].concat());
    let needed = ["officer-pin", "user-pin", "keys", "pepper-1"];
    let (done, text) = lost_token(&needed);
    assert!(!done && text.contains("No custodians"), "{text}");
    // The backup, with its custodians' key; the token that was on another device is not in it.
    let restore: Vec<String> =
        of(&["backup"]).into_iter().chain([at.join("out").to_string_lossy().into_owned()]).collect();
    let (done, text) = over(at, "restore", &restore.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(done, "{text}");
    let tokens = at.join("var/tokens");
    fs::remove_dir_all(token_folder(&tokens, "chuky-subscribers")).unwrap();

    other_keys_are_found_out(at).await;
    fs::remove_dir_all(token_folder(&tokens, "chuky-subscribers")).unwrap();
    fs::remove_dir_all(at.join("pins")).unwrap();
    let (done, text) = lost_token(&["officer-pin", "user-pin", "keys"]);
    assert!(!done && text.contains("No shares were entered for the pepper"), "{text}");
    let (done, text) = lost_token(&needed);
    for expected in
        ["chuky-wrapping-1", "rows of the authority", "✓ 1 encrypted columns", "✓ 1 subscribers' keys", "– Not tried"]
    {
        assert!(done && text.contains(expected), "{expected}: {text}");
    }
    let (done, text) = over(at, "reconcile", &[]);
    assert!(done, "{text}");

    // The PIN from before opens the key that the old token had sealed.
    let app = bootstrap::open(settings(at), Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    let (status, session) =
        test.post("/api/v1/session", "", &json!({ "login": "hong.uong", "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    let path = format!("/api/v1/credentials/{}/pin", receipt["credential"].as_str().unwrap());
    let body = json!({ "old_pin": PIN, "new_pin": "cá vàng thích đọc báo" });
    let (status, answer) = test.post(&path, session["token"].as_str().unwrap(), &body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(run(at, "ls var/tokens | wc -l"), "3\n");
}

/// A token with keys of other shares is made, and named as one that must not be used.
async fn other_keys_are_found_out(at: &Path) {
    let mut opened = Opened::default();
    for purpose in [Purpose::OfficerPin, Purpose::UserPin, Purpose::Keys, Purpose::Pepper(1)] {
        opened.insert(purpose, Secret32::random());
    }
    let now = Clock::default().now();
    let refused = rebuild_subscribers_token(&settings(at), Path::new(EXECUTABLE), &opened, now).await.unwrap_err();
    assert!(refused.to_string().contains("tokens_differ"), "{refused}");
}

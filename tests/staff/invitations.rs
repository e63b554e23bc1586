//! Invitations: guessed, late, sent past both sides, and what a recovery ends.

use super::*;
use crate::{harness::app::Backend, issuance::proof::second_secret};
use chuky::config::SecondSecretRule;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_not_guessed_and_end() {
    let test = TestApp::sqlite().await;
    let (administrator, officer) = pair(&test).await;
    let order = entered(&test, &administrator, &opening("bich.le", &["operator"])).await;
    approved(&test, &officer, &order).await;
    let first = invited(&test, &administrator, &order).await;
    let code = invited(&test, &administrator, &order).await;
    assert_eq!(
        problem(&welcome(&test, "bich.le", &first, "").await.1),
        "invitation_invalid",
        "a newer one took its place"
    );
    // One answer for a wrong name, a wrong code and what is no code.
    let (_, wrong_name) = welcome(&test, "an.ninh", &code, "").await;
    let (_, wrong_code) = welcome(&test, "bich.le", "AAAA-BBBB-CCCC", "").await;
    let (_, no_code) = welcome(&test, "bich.le", "", "").await;
    for answer in [&wrong_code, &no_code] {
        assert_eq!((&answer["type"], &answer["detail"]), (&wrong_name["type"], &wrong_name["detail"]));
    }
    // A password that is no password costs nothing.
    let short = json!({ "login": "bich.le", "code": code, "password": "ngắn" });
    assert_eq!(problem(&test.post("/api/v1/staff/welcome", "", &short).await.1), "password_length");
    // Neither the database nor the log holds it.
    let plain = code.replace('-', "");
    let all = test.sql("SELECT * FROM staff_invitation") + &test.sql("SELECT content FROM audit_entry");
    assert!(!all.contains(&plain) && !all.contains(&code));
    // So many wrong ones from an address, and it waits.
    let mut last = 0;
    for _ in 0..40 {
        last = welcome(&test, "bich.le", "AAAA-BBBB-CCCC", "").await.0;
    }
    assert_eq!(last, 429);
    assert_eq!(welcome(&test, "bich.le", &code, "").await.0, 429);
    // And an end.
    test.app.clock.shift_seconds(72 * 3_600);
    assert_eq!(problem(&welcome(&test, "bich.le", &code, "").await.1), "invitation_invalid");
    let administrator = session(&test, orders::account(&test, "quan.tri").await).await;
    let code = invited(&test, &administrator, &order).await;
    assert_eq!(welcome(&test, "bich.le", &code, "").await.0, 200);
}

/// Where a telephone is reached, neither who has the code nor who approved can take the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_secret_goes_past_both_sides() {
    let spool = tempfile::tempdir().unwrap();
    let test = TestApp::with(|settings| {
        settings.spool_dir = Some(spool.path().to_owned());
        settings.registration.second_secret = SecondSecretRule::Required;
    })
    .await;
    let (administrator, officer) = pair(&test).await;
    let mut without = opening("bich.le", &["operator"]);
    without["phone"] = json!("");
    assert_eq!(problem(&enter(&test, &administrator, &without).await.1), "contact_missing");
    let order = entered(&test, &administrator, &opening("bich.le", &["operator"])).await;
    approved(&test, &officer, &order).await;
    let (_, made) = act(&test, &administrator, &order, "invitation", json!({})).await;
    assert_eq!(made["second_secret_sent_to"], json!("•••• 678"));
    let code = made["invitation_code"].as_str().unwrap().to_owned();
    let digits = second_secret(spool.path(), "0912345678").await;
    assert_eq!(problem(&welcome(&test, "bich.le", &code, "").await.1), "second_secret_missing");
    let wrong = if digits == "00000000" { "11111111" } else { "00000000" };
    for _ in 0..4 {
        assert_eq!(problem(&welcome(&test, "bich.le", &code, wrong).await.1), "second_secret_wrong");
    }
    for tried in [wrong, wrong, &digits] {
        assert_eq!(problem(&welcome(&test, "bich.le", &code, tried).await.1), "second_secret_used_up");
    }
    // A new code brings a new one, and the old one goes with the old code.
    std::fs::remove_dir_all(spool.path()).unwrap();
    std::fs::create_dir(spool.path()).unwrap();
    let code = invited(&test, &administrator, &order).await;
    let fresh = second_secret(spool.path(), "0912345678").await;
    assert_eq!(problem(&welcome(&test, "bich.le", &code, &digits).await.1), "second_secret_wrong");
    assert_eq!(welcome(&test, "bich.le", &code, &fresh).await.0, 200);
}

/// Password, second factor, sessions and API keys of before open nothing after a recovery by two people.
async fn a_recovery_ends_what_was(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (administrator, officer) = pair(&test).await;
    let old = newcomer(&test, (&administrator, &officer), "bich.le", &["operator"]).await;
    let id = orders::account(&test, "bich.le").await;
    let until = test.app.clock.now().plus_seconds(3_600);
    let key = accounts::create_api_key(&test.app, Actor::Service, id, "test", until).await.unwrap();
    let (_, secret) = test.post("/api/v1/second-factor", &old, &json!({})).await;
    let secret = super::second_factor::secret(&secret);
    let step = super::second_factor::step(&test);
    let body = json!({ "totp": secret.code(step).as_str() });
    assert_eq!(test.post("/api/v1/second-factor/confirm", &old, &body).await.0, 204);
    for token in [old.as_str(), key.as_str()] {
        assert_eq!(test.get("/api/v1/session", token).await.0, 200);
    }
    // Nobody alone.
    let order = entered(&test, &administrator, &json!({ "kind": "recover", "account": "bich.le" })).await;
    assert_eq!(order["phone"], json!("•••• 678"), "the number that is kept");
    assert_eq!(test.get("/api/v1/session", &old).await.0, 200, "nothing ends before the approval");
    approved(&test, &officer, &order).await;
    for token in [old.as_str(), key.as_str()] {
        assert_eq!(test.get("/api/v1/session", token).await.0, 401);
    }
    assert_eq!(log_in(&test, "bich.le", PASSWORD, secret.code(step + 1).as_str()).await.0, 401);
    let code = invited(&test, &administrator, &order).await;
    let (status, answer) = welcome(&test, "bich.le", &code, "").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(log_in(&test, "bich.le", PASSWORD, "").await.0, 200, "without a second factor again");
    // A citizen's account is none of staff.
    member(&test, "cong.dan", &[Role::Citizen], Some(THIRD)).await;
    let order = json!({ "kind": "recover", "account": "cong.dan" });
    assert_eq!(problem(&enter(&test, &administrator, &order).await.1), "changes_nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_ends_what_was_on_sqlite() {
    a_recovery_ends_what_was(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_ends_what_was_on_postgres() {
    a_recovery_ends_what_was(Backend::Postgres).await;
}

/// Whoever has just redeemed an invitation is known at that device: strangers' wrong tries do not keep them out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_redeems_an_invitation_has_a_known_device() {
    let test = TestApp::sqlite().await;
    let (administrator, officer) = pair(&test).await;
    let order = entered(&test, &administrator, &opening("bich.le", &["auditor"])).await;
    approved(&test, &officer, &order).await;
    let code = invited(&test, &administrator, &order).await;
    let (status, answer) = welcome(&test, "bich.le", &code, "").await;
    assert_eq!(status, 200, "{answer}");
    while log_in(&test, "bich.le", "sai-sai-sai-sai", "").await.0 != 429 {}
    assert_eq!(log_in(&test, "bich.le", PASSWORD, "").await.0, 429, "a stranger's device waits");
    let body = json!({ "login": "bich.le", "password": PASSWORD, "totp": "", "device": answer["device"] });
    let (status, answer) = test.post("/api/v1/session", "", &body).await;
    assert_eq!(status, 200, "{answer}");
}

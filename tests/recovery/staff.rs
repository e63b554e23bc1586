//! Staff after a restore: a password, a passkey that was lost since and an invitation that was used since open nothing, until people stand at the
//! machine again.

use super::{chuky, destroyed, settings_file};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    passkeys::authenticator::Authenticator,
    staff::{PASSWORD, act, approved, entered, founding, invited, log_in, opening, problem, welcome},
};
use chuky::{backup, bootstrap, clock::Clock};
use chuky_model::{id::AuditEntryId, role::Role};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};
use uuid::Uuid;

/// A service with hierarchies before its founding, at a host name that browsers give passkeys to.
async fn unfounded() -> TestApp {
    let test = TestApp::bare(Backend::Sqlite, |settings| {
        settings.public_url = settings.public_url.replace("127.0.0.1", "localhost");
        bootstrap::relax_second_factor(settings);
    })
    .await;
    bootstrap::demo_authority(&test.app).await.unwrap();
    test
}

/// A session of each founder.
async fn welcomed(test: &TestApp, codes: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut tokens = BTreeMap::new();
    for (login, code) in codes {
        let (status, answer) = welcome(test, login, code, "").await;
        assert_eq!(status, 200, "{login}: {answer}");
        tokens.insert(login.clone(), answer["token"].as_str().unwrap().to_owned());
    }
    tokens
}

async fn passkey_added(test: &TestApp, token: &str) -> (Authenticator, Value) {
    let (status, asked) = test.post("/api/v1/passkeys/options", token, &json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{asked}");
    let (made, answer) = Authenticator::register(&test.app.settings.public_url, &asked, "Điện thoại");
    let (status, view) = test.post("/api/v1/passkeys", token, &answer).await;
    assert_eq!(status, 201, "{view}");
    (made, view)
}

async fn passkey_log_in(test: &TestApp, passkey: &mut Authenticator) -> u16 {
    let (_, ask) = test.post("/api/v1/session/passkey/options", "", &json!({})).await;
    test.post("/api/v1/session/passkey", "", &passkey.answer(&ask)).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_since_the_backup_opens_nothing() {
    let test = unfounded().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let tokens = welcomed(&test, &founding::found(&test.app, founding::FILE).await.unwrap()).await;
    let (mut passkey, view) = passkey_added(&test, &tokens["an.ninh.1"]).await;
    let order = entered(&test, &tokens["quan.tri"], &opening("bich.le", &["operator"])).await;
    approved(&test, &tokens["an.ninh.2"], &order).await;
    let slip = invited(&test, &tokens["quan.tri"], &order).await;
    test.account("doi.tac", &[Role::PaymentProvider], None).await;
    let (_, key) = backup::key(&test.app.settings).unwrap();
    backup::make(&test.app.settings, None, &at.join("backup"), &key, test.app.clock.now()).await.unwrap();
    // Since: the invitation is used, the passkey is lost.
    assert_eq!(passkey_log_in(&test, &mut passkey).await, 200);
    assert_eq!(welcome(&test, "bich.le", &slip, "").await.0, 200);
    let remove = format!("/api/v1/passkeys/{}/remove", view["id"].as_str().unwrap());
    let lost = json!({ "password": PASSWORD, "lost": true });
    assert_eq!(test.post(&remove, &tokens["an.ninh.1"], &lost).await.0, 204);
    // Under a signed head that is remembered outside what is destroyed.
    let last = test.sql("SELECT lower(hex(id)) FROM audit_entry ORDER BY id DESC LIMIT 1");
    test.app.audit.wait(AuditEntryId(Uuid::parse_str(last.trim()).unwrap())).await.unwrap();

    let (mut settings, _kept) = destroyed(test, Backend::Sqlite).await;
    settings.public_url = settings.public_url.replace("127.0.0.1", "localhost");
    backup::restore(&settings, &at.join("backup"), &key, Clock::default().now()).await.unwrap();
    let (config, data) = (settings_file(&settings, at, 1), settings.data_dir.to_string_lossy().into_owned());
    let (done, text) = chuky(&config, &["reconcile", "--data-dir", &data, "--nothing-lost"]);
    assert!(!done && text.contains("--nothing-lost does not hold"), "{text}");
    let (done, text) = chuky(&config, &["reconcile", "--data-dir", &data]);
    assert!(done, "{text}");
    for expected in ["1  open invitations, now void", "1  API keys in force", "doi.tac  test", "staff found --renew"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }

    settings.hsm.rsa_stock = 0;
    let test = TestApp::around(bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()).await;
    assert_eq!(passkey_log_in(&test, &mut passkey).await, 401);
    for login in ["an.ninh.1", "an.ninh.2", "quan.tri"] {
        assert_eq!(log_in(&test, login, PASSWORD, "").await.0, 401, "{login}");
    }
    assert_eq!(problem(&welcome(&test, "bich.le", &slip, "").await.1), "invitation_invalid");
    // The founders come to new passwords at the machine, and make the invitation anew.
    let tokens = welcomed(&test, &founding::renewed(&test.app, &[]).await.unwrap()).await;
    assert_eq!(tokens.len(), 3);
    assert_eq!(passkey_log_in(&test, &mut passkey).await, 401, "what was there before stays closed");
    assert_eq!(act(&test, &tokens["an.ninh.2"], &order, "invitation", json!({})).await.0, 403);
    let slip = invited(&test, &tokens["quan.tri"], &order).await;
    assert_eq!(welcome(&test, "bich.le", &slip, "").await.0, 200);
}

/// A house that moves keeps its staff: the service was stopped before the backup.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_was_lost_staff_keep_their_passwords() {
    let test = unfounded().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    welcomed(&test, &founding::found(&test.app, founding::FILE).await.unwrap()).await;
    let (stopped, mut settings) = test.rest().await;
    let (_, key) = backup::key(&settings).unwrap();
    backup::make(&settings, None, &at.join("backup"), &key, Clock::default().now()).await.unwrap();
    // Elsewhere, with the secrets of before.
    settings.data_dir = stopped.path().join("moved");
    settings.database_url = format!("sqlite://{}", settings.data_dir.join("chuky.db").display());
    settings.secrets_dir = stopped.path().join("moved.secrets");
    settings.pins_dir = settings.secrets_dir.clone();
    std::fs::rename(stopped.path().join("var.secrets"), &settings.secrets_dir).unwrap();
    backup::restore(&settings, &at.join("backup"), &key, Clock::default().now()).await.unwrap();
    let (config, data) = (settings_file(&settings, at, 1), settings.data_dir.to_string_lossy().into_owned());
    let (done, text) = chuky(&config, &["reconcile", "--data-dir", &data, "--nothing-lost"]);
    assert!(done && !text.contains("staff found --renew"), "{text}");
    settings.hsm.rsa_stock = 0;
    let test = TestApp::around(bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()).await;
    assert_eq!(log_in(&test, "quan.tri", PASSWORD, "").await.0, 200);
}

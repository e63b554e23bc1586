//! The demonstration's accounts are made where the demonstration is, and nowhere else: their passwords lie in a file.

use crate::harness::{app::EXECUTABLE, database};
use chuky::{
    accounts::{self, NewAccount, Password},
    app::App,
    audit::Actor,
    bootstrap,
    clock::Clock,
    config::Settings,
    error::{Error, Result},
    issuance::ceremony,
};
use chuky_model::role::Role;
use std::{net::TcpListener, path::Path, process::Command};

async fn opened(data: &Path) -> App {
    let mut settings = Settings::load(None, data).unwrap();
    settings.hsm.rsa_stock = 0;
    bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()
}

async fn account(app: &App, login: &str) {
    let new = NewAccount {
        login: login.to_owned(),
        password: Password::choose("một mật khẩu dài và riêng").unwrap(),
        roles: vec![Role::Administrator],
        display_name: login.to_owned(),
        unit: String::new(),
        person_lookup: None,
    };
    accounts::create_account(app, Actor::Service, new).await.unwrap();
}

fn is_refused<T>(outcome: Result<T>) -> bool {
    matches!(outcome, Err(Error::Request(refused)) if refused.code == "no_demonstration")
}

/// `chuky serve` without `--no-demo`, as somebody forgets it; what it said.
fn served(app: &App, data: &Path) -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("timeout");
    command.args(["180", EXECUTABLE, "serve", "--data-dir"]).arg(data);
    command.env("CHUKY__SERVER__LISTEN", address.to_string()).env("CHUKY__HSM__RSA_STOCK", "0");
    let output = command.env("CHUKY__DATABASE__URL", &app.settings.database_url).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn count(app: &App, table: &str) -> String {
    database::run(&app.settings.database_url, &format!("SELECT COUNT(*) FROM {table}")).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_is_no_test_gets_no_demonstration_accounts() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("var");
    let app = opened(&data).await;
    let real = ceremony::TEST.replace("test = true", "test = false").replace("TEST ", "").replace(" TEST", "");
    ceremony::hold(&app, &real).await.unwrap();
    assert!(!ceremony::is_test(&app).await.unwrap());
    assert!(is_refused(bootstrap::demo_authority(&app).await));
    assert!(is_refused(bootstrap::demo_accounts(&app).await));
    assert_eq!(count(&app, "account"), "0");
    let said = served(&app, &data);
    assert!(said.contains("--no-demo"), "{said}");
    assert_eq!(count(&app, "account"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_accounts_of_others_gets_no_demonstration() {
    let directory = tempfile::tempdir().unwrap();
    let app = opened(&directory.path().join("var")).await;
    // The first administrator, before any ceremony: neither accounts nor a TEST ceremony come to it.
    account(&app, "nguyen.van.a").await;
    assert!(is_refused(bootstrap::demo_authority(&app).await));
    assert!(is_refused(bootstrap::demo_accounts(&app).await));
    assert_eq!((count(&app, "account").as_str(), count(&app, "authority_key").as_str()), ("1", "0"));
    // Nor to accounts that only have the demonstration's names.
    database::run(&app.settings.database_url, "DELETE FROM account").unwrap();
    account(&app, "quantri").await;
    assert!(is_refused(bootstrap::demo_accounts(&app).await));
    assert_eq!(count(&app, "account"), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demonstration_that_was_cut_short_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let app = opened(&directory.path().join("var")).await;
    bootstrap::demo_authority(&app).await.unwrap();
    let made = bootstrap::demo_accounts(&app).await.unwrap();
    let all = count(&app, "account");
    // Killed before the last account was made.
    database::run(&app.settings.database_url, "DELETE FROM account WHERE login = 'thanhtoan'").unwrap();
    let again = bootstrap::demo_accounts(&app).await.unwrap();
    assert_eq!((again.len(), count(&app, "account")), (made.len(), all.clone()));
    // Other accounts in a whole demonstration are in nobody's way; in one where an account is missing they are.
    account(&app, "nguyen.van.a").await;
    bootstrap::demo_accounts(&app).await.unwrap();
    database::run(&app.settings.database_url, "DELETE FROM account WHERE login = 'duyet'").unwrap();
    assert!(is_refused(bootstrap::demo_accounts(&app).await));
    assert_eq!(count(&app, "account"), all);
}

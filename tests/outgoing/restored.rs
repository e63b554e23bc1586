//! Registers after a restore: closed until their last number was entered, and then they go on above it.

use super::{Agency, act, incoming, problem, register, short_road};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    signing::subscriber::plain_pdf,
};
use serde_json::json;
use std::process::Command;

fn numbers(test: &TestApp, arguments: &[&str]) -> (bool, String) {
    let config = test.directory.path().join("numbers.toml");
    std::fs::write(&config, format!("[database]\nurl = '{}'\n", test.app.settings.database_url)).unwrap();
    let output = Command::new(EXECUTABLE)
        .args(["--lang", "en", "--config"])
        .arg(&config)
        .arg("numbers")
        .args(arguments)
        .arg("--data-dir")
        .arg(test.data_dir())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

async fn closed_until_confirmed(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let clerk = agency.clerk.token.clone();
    let package = incoming::sent(&test, &agency).await;
    let next = agency.signed(&test, &plain_pdf()).await;
    let letter = {
        let mut metadata = short_road();
        metadata["type_code"] = json!("");
        metadata["series"] = json!("CV");
        let id = agency.submitted(&test, &plain_pdf(), &metadata).await;
        let (status, line) = act(&test, &id, "sign", &agency.leader.token, &super::key(&agency.leader)).await;
        assert_eq!(status, 200, "{line}");
        id
    };
    let (done, text) = numbers(&test, &["outgoing", "--unit", "H26", "--series", "QĐ", "--last", "7"]);
    assert!(!done && text.contains("was not restored"), "{text}");
    // As a reconciliation leaves it: numbers given since the backup are not known here.
    let id = if backend == Backend::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let now = test.app.clock.now().0;
    test.sql(&format!(
        "INSERT INTO restoration (id, backup_at, restored_at, reconciled_at) VALUES ({id}, {now}, {now}, {now})"
    ));
    for document in [&next, &letter] {
        let (status, answer) = act(&test, document, "number", &clerk, &json!({})).await;
        assert_eq!((status, problem(&answer)), (409, "register_closed"), "{answer}");
    }
    let (status, answer) = incoming::receive(&test, &clerk, &package, "").await;
    assert_eq!((status, problem(&answer)), (409, "register_closed"), "{answer}");
    assert_eq!(register(&test, &clerk, "Q%C4%90").await.len(), 1, "nothing was given");
    // What the clerks know opens the one register, and no other.
    let (done, text) = numbers(&test, &["outgoing", "--unit", "H26", "--series", "QĐ", "--last", "7"]);
    assert!(done && text.contains("8 or above"), "{text}");
    let (status, numbered) = act(&test, &next, "number", &clerk, &json!({})).await;
    assert_eq!((status, &numbered["code"]), (200, &json!("08/QĐ-UBND")), "{numbered}");
    assert_eq!(act(&test, &letter, "number", &clerk, &json!({})).await.0, 409);
    assert_eq!(incoming::receive(&test, &clerk, &package, "").await.0, 409);
    let (done, text) = numbers(&test, &["incoming", "--unit", "H26", "--last", "4"]);
    assert!(done, "{text}");
    let (status, received) = incoming::receive(&test, &clerk, &package, "").await;
    assert_eq!((status, &received["number"]), (201, &json!(5)), "{received}");
    assert_eq!(test.sql("SELECT COUNT(*) FROM audit_entry WHERE kind = 'register.confirmed'"), "2");
    // Entered a second time and lower, it never goes back.
    let (done, text) = numbers(&test, &["outgoing", "--unit", "H26", "--series", "QĐ", "--last", "2"]);
    assert!(done, "{text}");
    assert_eq!(test.sql("SELECT last_number FROM outgoing_series WHERE series = 'QĐ'"), "8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registers_are_closed_after_a_restore_until_confirmed_on_sqlite() {
    closed_until_confirmed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registers_are_closed_after_a_restore_until_confirmed_on_postgres() {
    closed_until_confirmed(Backend::Postgres).await;
}

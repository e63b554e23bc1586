//! Upgrades: questions asked with another version's program leave the tables as they are; a node goes on, and starts anew, beside a newer
//! one that has added to them; and one that may not says so. On SQLite and PostgreSQL.

use crate::{
    harness::{
        app::{ACCOUNT_PASSWORD, Backend, EXECUTABLE, TestApp},
        database,
    },
    issuance::issued,
};
use chuky::{
    app::App,
    clock::Clock,
    config::Settings,
    issuance::ceremony,
    store::{Error, Store},
};
use chuky_model::{
    record::{Authenticated, account::Account},
    role::Role,
    tables::Tables,
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// `chuky …` with that database; whether it said yes, and what it printed.
fn chuky(config: &Path, arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new(EXECUTABLE).args(["--lang", "en", "--config"]).arg(config).args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn config(test: &TestApp, url: &str) -> PathBuf {
    let config = test.directory.path().join("chuky.toml");
    fs::write(&config, format!("[database]\nurl = '{url}'\n[hsm]\nrsa_stock = 0\n")).unwrap();
    config
}

/// The line of `chuky doctor` about the database.
fn database_line(config: &Path, data: &str) -> String {
    let (_, said) = chuky(config, &["doctor", "--data-dir", data]);
    said.lines().find(|line| line.contains(" database: ")).unwrap_or(&said).to_owned()
}

const MIGRATIONS: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";
/// As the tables were before the last migration that concerns this test.
const BEFORE: &str = "DROP TABLE required_migration; DELETE FROM _sqlx_migrations WHERE version = 48";

/// What a roll-over makes.
const RESPONDER: &str = r#"
test = true
[citizens.ocsp]
subject = [["country", "VN"], ["organization", "Chuky TEST"], ["common_name", "Chuky TEST OCSP - Citizens G2"]]
key = "p256"
days = 397
"#;

async fn questions_leave_older_tables_as_they_are(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (url, data) = (test.app.settings.database_url.clone(), test.data_dir().to_str().unwrap().to_owned());
    let config = config(&test, &url);
    let now = test.sql(MIGRATIONS);
    test.sql(BEFORE);
    let before = test.sql(MIGRATIONS);
    assert_ne!(before, now);
    let line = database_line(&config, &data);
    assert!(line.starts_with("– database: answers; the tables are older than this version: migrations 48 "), "{line}");
    let (whole, said) = chuky(&config, &["audit", "verify", "--data-dir", &data]);
    assert!(whole && said.contains("! the tables are older"), "{said}");
    let out = test.directory.path().join("backup");
    let (done, said) = chuky(&config, &["backup", "--data-dir", &data, out.to_str().unwrap()]);
    assert!(done && out.exists(), "{said}");
    let numbers = ["numbers", "incoming", "--unit", "H26", "--last", "1", "--data-dir", &data];
    let (done, said) = chuky(&config, &numbers);
    assert!(!done && said.contains("the tables are older"), "{said}");
    assert_eq!(test.sql(MIGRATIONS), before, "no question migrates");
    // A ceremony over a founded service does.
    let plan = ceremony::Plan::from_toml(RESPONDER).unwrap();
    ceremony::may_roll_over(&test.app.settings, &plan, Clock::default().now()).await.unwrap();
    assert_eq!(test.sql(MIGRATIONS), now);
    test.sql(BEFORE);
    // What serves does, and nothing else is to be done.
    let store = Store::open(&url).await.unwrap();
    assert_eq!(store.tables().await.unwrap(), Tables::Same);
    assert_eq!(test.sql(MIGRATIONS), now);
    let line = database_line(&config, &data);
    assert!(line.contains("✓ database: answers; the tables are those of this version"), "{line}");
    // The backup of before is restored, and brought up to date where it is opened.
    let key = chuky::backup::key(&test.app.settings).unwrap().1;
    let place = tempfile::tempdir().unwrap();
    let mut settings = test.app.settings.clone();
    settings.data_dir = place.path().join("var");
    settings.database_url = match backend {
        Backend::Sqlite => format!("sqlite://{}", settings.data_dir.join("chuky.db").display()),
        Backend::Postgres => database::fresh_postgres(),
    };
    chuky::backup::restore(&settings, &out, &key, Clock::default().now()).await.unwrap();
    let restored = Store::open(&settings.database_url).await.unwrap();
    assert_eq!(restored.tables().await.unwrap(), Tables::Same);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_leave_older_tables_as_they_are_on_sqlite() {
    questions_leave_older_tables_as_they_are(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_leave_older_tables_as_they_are_on_postgres() {
    questions_leave_older_tables_as_they_are(Backend::Postgres).await;
}

/// What a newer node does to the tables: a migration of a number that this program does not know.
fn newer(backend: Backend) -> String {
    let (yes, checksum) = match backend {
        Backend::Sqlite => ("1", "x'00'"),
        Backend::Postgres => ("TRUE", "'\\x00'"),
    };
    format!(
        "ALTER TABLE account ADD COLUMN newer TEXT; ALTER TABLE certificate ADD COLUMN newer TEXT; \
         ALTER TABLE registration_request ADD COLUMN newer TEXT; CREATE TABLE newer_thing (id BIGINT NOT NULL PRIMARY KEY); \
         CREATE INDEX newer_index ON certificate (newer); \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9001, 'newer', {yes}, {checksum}, 0)"
    )
}

async fn goes_on_beside_a_newer_node(backend: Backend) {
    let test = TestApp::start(backend).await;
    let config = config(&test, &test.app.settings.database_url);
    let data = test.data_dir().to_str().unwrap().to_owned();
    // 1. It serves while the newer node migrates.
    let (app, ended) = (test.app.clone(), Arc::new(AtomicBool::new(false)));
    let asking = tokio::spawn({
        let ended = ended.clone();
        async move {
            let mut asked = 0;
            while !ended.load(Ordering::Relaxed) || asked < 20 {
                let account = app.store.account_by_login("gianhang").await.unwrap().unwrap();
                let mut transaction = app.store.begin().await.unwrap();
                transaction.update_account(&next(&app, account).await).await.unwrap();
                transaction.rollback().await.unwrap();
                asked += 1;
            }
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    test.sql(&newer(backend));
    ended.store(true, Ordering::Relaxed);
    asking.await.unwrap();
    issued(&test, "citizen").await;
    let (status, ready) = test.get("/readyz", "").await;
    assert_eq!((status, &ready["tables"]), (200, &json!("newer")), "{ready}");
    let line = database_line(&config, &data);
    assert!(line.starts_with("✓ database: answers; the tables are of a newer version (migrations 9001)"), "{line}");
    // 2. A row in which the newer node keeps what this one does not know is not taken for less than it is: it is refused, and it alone.
    let (account, _) = test.account("nguoi.la", &[Role::Citizen], None).await;
    let stranger = test.app.store.account_by_id(account).await.unwrap().unwrap();
    let mut content = stranger.content();
    for part in ["newer", "something"] {
        content.extend_from_slice(&(part.len() as u64).to_be_bytes());
        content.extend_from_slice(part.as_bytes());
    }
    let mac = test.app.tokens.subscribers.mac("chuky-row-v1", &content).await.unwrap();
    let mac = if backend == Backend::Sqlite {
        format!("x'{}'", hex::encode(mac))
    } else {
        format!("'\\x{}'", hex::encode(mac))
    };
    test.sql(&format!("UPDATE account SET newer = 'something', mac = {mac} WHERE login = 'nguoi.la'"));
    let body = json!({ "login": "nguoi.la", "password": ACCOUNT_PASSWORD });
    assert_eq!(test.post("/api/v1/session", "", &body).await.0, 500);
    test.log_in("gianhang").await;
    // 3. It starts anew.
    let (directory, settings) = test.rest().await;
    let test = TestApp::wake(directory, settings.clone()).await;
    issued(&test, "official").await;
    // 4. A migration that has to be known ends that: for who runs, for who starts, and with a plain word.
    test.sql("INSERT INTO required_migration (version) VALUES (9001)");
    refused(&test, &settings, &config, &data).await;
}

/// An account as it would be stored next.
async fn next(app: &App, mut account: Account) -> Account {
    chuky::attestation::attest_change(&*app.tokens.subscribers, &mut account).await.unwrap();
    account
}

async fn refused(test: &TestApp, settings: &Settings, config: &Path, data: &str) {
    let (status, ready) = test.get("/readyz", "").await;
    assert_eq!((status, &ready["missing"], &ready["tables"]), (503, &json!(["tables"]), &json!("too_new")), "{ready}");
    let error = Store::open(&settings.database_url).await.unwrap_err();
    assert!(matches!(&error, Error::Tables(Tables::TooNew(versions)) if versions == &[9001]), "{error}");
    assert!(error.to_string().contains("migrations 9001 this one would have to know (docs/upgrade.md)"), "{error}");
    let opened = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.err().unwrap();
    assert!(opened.to_string().contains("9001"), "{opened}");
    let line = database_line(config, data);
    assert!(line.starts_with("✕ database: ") && line.contains("use the version that made them"), "{line}");
    // A backup is made of whatever is there.
    let out = test.directory.path().join("of newer tables");
    let (done, said) = chuky(config, &["backup", "--data-dir", data, out.to_str().unwrap()]);
    assert!(done, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_beside_a_newer_one_on_sqlite() {
    goes_on_beside_a_newer_node(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_beside_a_newer_one_on_postgres() {
    goes_on_beside_a_newer_node(Backend::Postgres).await;
}

/// "Start the database" is said only of one that does not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_repair_is_for_what_is_wrong() {
    let test = TestApp::sqlite().await;
    let data = test.data_dir().to_str().unwrap().to_owned();
    let away = database_line(&config(&test, "postgres://chuky@127.0.0.1:1/chuky"), &data);
    assert!(away.starts_with("✕ database: ") && away.contains("start the database"), "{away}");
    let empty = database_line(&config(&test, &database::fresh_postgres()), &data);
    assert!(empty.starts_with("– database: ") && empty.contains("makes them"), "{empty}");
    let file = test.directory.path().join("no.db");
    fs::write(&file, "this is no database, and long enough not to be taken for an empty one".repeat(20)).unwrap();
    let line = database_line(&config(&test, &format!("sqlite://{}", file.display())), &data);
    assert!(line.starts_with("✕ database: ") && !line.contains("start the database"), "{line}");
    // Another program's tables.
    test.sql("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2");
    let line = database_line(&config(&test, &test.app.settings.database_url), &data);
    assert!(line.contains("migration 2 is not in the database as this version knows it"), "{line}");
    assert!(Store::open(&test.app.settings.database_url).await.is_err());
}

/// What later migrations may do is what nodes of the version before do not look at; whatever else one does, it names itself as required.
#[test]
fn migrations_only_add() {
    let folder = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name);
    let read = |name: &str| -> Vec<(String, String)> {
        let files = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> = files
            .map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let (sqlite, postgres) = (read("sqlite"), read("postgres"));
    assert!(sqlite.iter().map(|(name, _)| name).eq(postgres.iter().map(|(name, _)| name)), "in pairs");
    let with_mac: Vec<String> = postgres.iter().flat_map(|(_, text)| tables_with_mac(text)).collect();
    assert!(with_mac.iter().any(|table| table == "account") && with_mac.len() > 15, "{with_mac:?}");
    for (name, text) in sqlite.iter().chain(&postgres).filter(|(name, _)| name.as_str() >= "0048") {
        let number = name.split('_').next().unwrap().parse::<u32>().unwrap();
        let named = format!("INSERT INTO required_migration (version) VALUES ({number})");
        for statement in statements(text) {
            let of_new_table = |name: &str| text.contains(&format!("CREATE TABLE {name} "));
            let index = statement.split(" ON ").nth(1).and_then(|rest| rest.split(' ').next());
            let adds = only_adds(&statement, &with_mac) || index.is_some_and(of_new_table);
            assert!(adds || text.contains(&named), "{name}: {statement}");
        }
    }
    assert!(!only_adds("ALTER TABLE account ADD COLUMN x BIGINT NOT NULL DEFAULT 0", &with_mac));
    assert!(!only_adds("ALTER TABLE job ADD COLUMN x BIGINT NOT NULL", &with_mac));
    assert!(!only_adds("CREATE UNIQUE INDEX x ON account (login)", &with_mac));
    assert!(!only_adds("ALTER TABLE job DROP COLUMN kind", &with_mac));
    assert!(only_adds("ALTER TABLE job ADD COLUMN x BIGINT NOT NULL DEFAULT 0", &with_mac));
}

fn statements(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("--").next().unwrap_or_default().trim()).collect();
    code.join(" ").split(';').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

fn tables_with_mac(text: &str) -> Vec<String> {
    let made = statements(text).into_iter().filter(|statement| statement.contains(" mac "));
    made.filter_map(|statement| {
        let rest = statement.strip_prefix("CREATE TABLE ").or(statement.strip_prefix("ALTER TABLE "))?.to_owned();
        rest.split([' ', '(']).next().map(str::to_owned)
    })
    .collect()
}

/// A new table or index, a column that may be null or, where no MAC covers the row, has a default.
fn only_adds(statement: &str, with_mac: &[String]) -> bool {
    let words: Vec<&str> = statement.split_whitespace().collect();
    match words.as_slice() {
        ["CREATE", "TABLE" | "INDEX" | "TRIGGER" | "FUNCTION", ..] => true,
        ["DROP", "INDEX", ..] => true,
        // What triggers and functions consist of.
        ["END" | "RETURN" | "RAISE" | "IF" | "$$", ..] => true,
        ["ALTER", "TABLE", table, "ADD", "COLUMN", ..] => {
            let fills = statement.contains("NOT NULL") || statement.contains("DEFAULT");
            let has_mac = with_mac.iter().any(|name| name == table);
            !fills || (!has_mac && statement.contains("NOT NULL") && statement.contains("DEFAULT"))
        }
        _ => false,
    }
}

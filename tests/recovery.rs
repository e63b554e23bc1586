//! Disaster and recovery, practised: backup beside the running service, life goes on, everything is destroyed, restored; nothing is issued or
//! answered; reconciled with what the world has; and numbers go on growing, no serial number comes twice, no revocation is lost.

mod clock;
mod half_done;
mod own_certificates;
mod places;
mod staff;

use crate::{
    harness::{
        app::{Backend, EXECUTABLE, TestApp},
        database,
    },
    issuance::{approved, fetch, ocsp, redemption, run},
};
use chuky::{
    accounts::Password,
    app::App,
    audit::{self, Actor, Entry, Kind},
    backup, bootstrap,
    clock::Clock,
    config::Settings,
    error::Error,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const LIST: &str = "citizens-issuing";

fn person(number: &str) -> Value {
    json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": number, "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } })
}

async fn issued(test: &TestApp, number: &str, login: &str) -> Value {
    let (_, code) = approved(test, "gianhang", &person(number)).await;
    let (status, receipt) = test.redeem("", &redemption(&code, login)).await;
    assert_eq!(status, 201, "{receipt}");
    receipt
}

async fn revoke(test: &TestApp, receipt: &Value) {
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &json!({ "reason": "key_compromise" })).await.0, 200);
}

async fn list(test: &TestApp) -> Vec<u8> {
    test.raw("GET", &format!("/crl/{LIST}.crl"), "", "", vec![]).await.1
}

fn number(list: &[u8]) -> u64 {
    chuky_pki::crl::Crl::parse(list).unwrap().number().unwrap()
}

/// What OCSP says of a receipt's certificate.
async fn said(test: &TestApp, at: &Path, receipt: &Value) -> String {
    fetch(test, at, "citizens", receipt).await;
    ocsp(test, at)
}

/// `chuky …` over the data; whether it succeeded, and what it printed.
fn chuky(config: &Path, arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new(EXECUTABLE).args(["--lang", "en", "--config"]).arg(config).args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// A service of the shipped binary, ended with the value.
struct Served(Child, String);

impl Served {
    fn start(config: &Path, data: &Path, port: u16) -> Self {
        let mut command = Command::new(EXECUTABLE);
        command
            .arg("--config")
            .arg(config)
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(data);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self(child, format!("http://127.0.0.1:{port}"))
    }

    fn ask(&self, method: &str, path: &str) -> Option<u16> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.1));
        agent.run(request.body(Vec::<u8>::new()).unwrap()).ok().map(|answer| answer.status().as_u16())
    }

    fn wait(&self, path: &str, status: u16) {
        let until = Instant::now() + Duration::from_secs(180);
        while self.ask("GET", path) != Some(status) {
            assert!(Instant::now() < until, "{path} never answered {status}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn practised(backend: Backend) {
    let test = TestApp::start(backend).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (before, between) = (issued(&test, "001190012345", "truoc").await, issued(&test, "001190012353", "giua").await);
    // Somebody whose certificate stands throughout.
    issued(&test, "001190012387", "dung.vung").await;
    revoke(&test, &before).await;
    // 1. A backup beside the running service, of which nothing can be read without its key.
    let (_, key) = backup::key(&test.app.settings).unwrap();
    let out = at.join("backup");
    filled(&test, backend);
    let began = Instant::now();
    let done = backup::make(&test.app.settings, None, &out, &key, test.app.clock.now()).await.unwrap();
    told("backup", began, &out);
    assert!(done.files > 10, "{done:?}");
    assert_eq!(run(at, "grep -caE 'SQLite format|CREATE TABLE|quantri' backup"), "0\n");
    assert_eq!(run(at, "stat -c %a backup"), "600\n");
    // 2. Life goes on: issued, revoked, published.
    let after = issued(&test, "001190012361", "sau").await;
    revoke(&test, &between).await;
    let last = list(&test).await;
    assert!(number(&last) > 1);
    fs::write(at.join("last.crl"), &last).unwrap();
    fs::write(at.join("after.pem"), after["certificate"].as_str().unwrap()).unwrap();
    let serials: BTreeSet<String> =
        [&before, &between, &after].iter().map(|r| r["serial"].as_str().unwrap().to_owned()).collect();
    // 3. Everything but the secrets is destroyed, and restored.
    let (mut settings, _kept) = destroyed(test, backend).await;
    let data = settings.data_dir.clone();
    refused_restores(&settings, &out, at).await;
    let began = Instant::now();
    backup::restore(&settings, &out, &key, Clock::default().now()).await.unwrap();
    told("restore", began, &out);
    let again = backup::restore(&settings, &out, &key, Clock::default().now()).await;
    assert!(again.unwrap_err().to_string().contains("is_there"));
    // 4. Nothing is issued, nothing answered.
    let opened = App::open(settings.clone(), Clock::default(), EXECUTABLE.into()).await.err().unwrap();
    assert!(matches!(&opened, Error::Request(error) if error.code == "not_reconciled"), "{opened}");
    let (service, config) = silent(&settings, at);
    // 5. Reconciled with what the world has; the service goes on by itself.
    let began = Instant::now();
    reconciled(&config, &data, at);
    service.wait("/readyz", 200);
    told("reconciled, with four calls that are refused, and serving", began, &out);
    drop(service);
    // 6. Numbers only grow, no serial number comes twice, and every revocation stands.
    settings.hsm.rsa_stock = 0;
    let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    goes_on(&test, at, (&before, &between, &after), (number(&last), serials)).await;
}

/// Something to carry, `CHUKY_DRILL` times (1 where it is not set): 3,000 rows of a kilobyte and documents of 4 MiB.
fn filled(test: &TestApp, backend: Backend) {
    let times = std::env::var("CHUKY_DRILL").ok().and_then(|text| text.parse::<usize>().ok()).unwrap_or(1);
    let columns = "(key_hash, account_id, route, request_mac, response_status, response, created_at)";
    let (now, rows) = (test.app.clock.now().0, 3_000 * times);
    test.sql(&match backend {
        Backend::Sqlite => format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO idempotency {columns} \
             SELECT randomblob(32), randomblob(16), 'drill', randomblob(32), 200, randomblob(1000), {now} FROM n"
        ),
        Backend::Postgres => format!(
            "INSERT INTO idempotency {columns} SELECT sha256(i::text::bytea), gen_random_uuid(), 'drill', sha256(i::text::bytea), 200, \
             (SELECT string_agg(sha256((i * 40 + j)::text::bytea), ''::bytea) FROM generate_series(1, 32) j), {now} \
             FROM generate_series(1, {rows}) i"
        ),
    });
    let folder = test.data_dir().join("documents/drill");
    fs::create_dir_all(&folder).unwrap();
    let octets: Vec<u8> = (0..1_u32 << 20).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for number in 0..4 * times {
        fs::write(folder.join(number.to_string()), &octets).unwrap();
    }
}

/// Prints what it took, for docs/recovery.md.
fn told(what: &str, began: Instant, backup: &Path) {
    let size = fs::metadata(backup).unwrap().len() >> 20;
    println!("recovery: {what}: {:.1} s, backup of {size} MiB", began.elapsed().as_secs_f64());
}

/// Ends the service; of all that it had the secrets are left. Settings for a place where it can be restored, and what holds that place.
async fn destroyed(test: TestApp, backend: Backend) -> (Settings, tempfile::TempDir) {
    let (mut settings, url) = (test.app.settings.clone(), test.url.clone());
    let kept = tempfile::tempdir().unwrap();
    fs::rename(test.directory.path().join("var.secrets"), kept.path().join("var.secrets")).unwrap();
    test.app.store.close().await;
    test.stop().await;
    let data = kept.path().join("var");
    settings.secrets_dir = kept.path().join("var.secrets");
    settings.pins_dir = settings.secrets_dir.clone();
    settings.database_url = match backend {
        Backend::Sqlite => format!("sqlite://{}", data.join("chuky.db").display()),
        Backend::Postgres => database::fresh_postgres(),
    };
    settings.data_dir = data;
    settings.public_url = url;
    (settings, kept)
}

/// The settings file of a service over restored data.
fn settings_file(settings: &Settings, at: &Path, port: u16) -> PathBuf {
    let config = at.join("settings.toml");
    let text = format!(
        "[server]\nlisten = '127.0.0.1:{port}'\npublic_url = '{}'\n[database]\nurl = '{}'\n[hsm]\nrsa_stock = 0\n",
        settings.public_url, settings.database_url
    );
    fs::write(&config, text).unwrap();
    config
}

/// The shipped binary over restored data: it lives, and answers nothing. With the settings file that it was started with.
fn silent(settings: &Settings, at: &Path) -> (Served, PathBuf) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = settings_file(settings, at, port);
    let service = Served::start(&config, &settings.data_dir, port);
    service.wait("/healthz", 200);
    for (method, path) in [
        ("POST", "/ocsp"),
        ("GET", "/ocsp/MEMwQTA"),
        ("GET", "/crl/citizens-issuing.crl"),
        ("POST", "/tsa"),
        ("GET", "/ca/citizens-root.cer"),
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/activations"),
        ("GET", "/"),
        ("GET", "/readyz"),
    ] {
        assert_eq!(service.ask(method, path), Some(503), "{path}");
    }
    (service, config)
}

async fn refused_restores(settings: &Settings, out: &Path, at: &Path) {
    let now = Clock::default().now();
    let other = chuky_hsm::Secret32::random();
    let refused = backup::restore(settings, out, &other, now).await.unwrap_err().to_string();
    assert!(refused.contains("backup_unreadable"), "{refused}");
    run(at, "head -c 100000 backup > cut");
    let key = backup::read_key(&settings.secrets_dir.join("backup.key")).unwrap();
    let refused = backup::restore(settings, &at.join("cut"), &key, now).await.unwrap_err().to_string();
    assert!(refused.contains("backup_unreadable"), "{refused}");
    assert!(!settings.data_dir.exists(), "nothing is left of a refused restore");
}

fn reconciled(config: &Path, data: &Path, at: &Path) {
    let data = data.to_string_lossy().into_owned();
    let (list, certificate) =
        (at.join("last.crl").to_string_lossy().into_owned(), at.join("after.pem").to_string_lossy().into_owned());
    // A list that somebody else made is no evidence.
    run(
        at,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout foreign.key -subj /CN=Foreign -out foreign.pem",
    );
    let foreign = at.join("foreign.pem").to_string_lossy().into_owned();
    let (done, text) = chuky(config, &["reconcile", "--data-dir", &data, "--certificate", &foreign]);
    assert!(!done && text.contains("no CA of this authority issued"), "{text}");
    let (done, text) =
        chuky(config, &["reconcile", "--data-dir", &data, "--crl", &list, "--certificate", &certificate]);
    assert!(done, "{text}");
    for expected in
        ["1  certificates revoked or suspended", "1  serial numbers used since", "1  PINs have one try left"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("       0  remembered log entries"), "{text}");
    let (done, text) = chuky(config, &["reconcile", "--data-dir", &data]);
    assert!(!done && text.contains("has been reconciled"), "{text}");
    let (done, text) = chuky(config, &["audit", "verify", "--data-dir", &data]);
    assert!(done && text.contains("The log is whole"), "{text}");
    let (done, text) = chuky(config, &["audit", "key", "--data-dir", &data]);
    assert!(done && text.contains("/restored-"), "{text}");
}

/// Accounts that decide have the passwords of before again, as after a redeemed invitation.
async fn readmitted(test: &TestApp, logins: &[&str]) {
    for login in logins {
        let mut account = test.app.store.account_by_login(login).await.unwrap().unwrap();
        assert_eq!(account.password_hash, None, "{login} decides");
        let password = Password::choose(&test.passwords[*login]).unwrap();
        account.password_hash = Some(password.hash().await.unwrap());
        chuky::attestation::attest_change(&*test.app.tokens.subscribers, &mut account).await.unwrap();
        let mut transaction = test.app.store.begin().await.unwrap();
        transaction.update_account(&account).await.unwrap();
        let entry = Entry::of_row(test.app.clock.now(), Kind::AccountChanged, Actor::Service, &account);
        audit::record(&mut transaction, entry).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

async fn goes_on(
    test: &TestApp,
    at: &Path,
    (before, between, after): (&Value, &Value, &Value),
    (last, mut serials): (u64, BTreeSet<String>),
) {
    readmitted(test, &["duyet", "quantri"]).await;
    let now = list(test).await;
    assert!(number(&now) > last, "{} follows {last}", number(&now));
    fs::write(at.join("now.crl"), &now).unwrap();
    let text = run(at, "openssl crl -inform DER -in now.crl -noout -text").to_lowercase();
    for receipt in [before, between, after] {
        let serial = receipt["serial"].as_str().unwrap();
        assert!(text.contains(&format!("serial number: {}", serial.trim_start_matches('0'))), "{serial}: {text}");
        let answer = said(test, at, receipt).await;
        assert!(answer.contains("subscriber.pem: revoked"), "{answer}");
    }
    // It is another log, under another name, for those who had seen the one before.
    let newest = test.app.log.newest().await.unwrap();
    let (name, plain) = (&test.app.log.key().name, &test.app.settings.audit.origin);
    assert!(name.starts_with(&format!("{plain}/restored-")), "{name}");
    assert_eq!(newest.checkpoint.origin, *name);
    assert!(newest.note.verified_by(test.app.log.key()).unwrap().is_some());
    let new = issued(test, "001190012379", "moi.nhat").await;
    assert!(serials.insert(new["serial"].as_str().unwrap().to_owned()));
    assert!(said(test, at, &new).await.contains("subscriber.pem: good"));
    revoke(test, &new).await;
    assert!(number(&list(test).await) > number(&now));
    let count = test.sql("SELECT COUNT(*) - COUNT(DISTINCT serial) FROM certificate");
    assert_eq!(count, "0");
    assert!(test.sql("SELECT COUNT(*) FROM restoration WHERE reconciled_at IS NOT NULL") == "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_service_is_silent_until_reconciled_on_sqlite() {
    practised(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_service_is_silent_until_reconciled_on_postgres() {
    practised(Backend::Postgres).await;
}

/// Without the command: yesterday's database put back by hand is known by the head that is remembered outside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_put_back_by_hand_is_silent_too() {
    let test = TestApp::sqlite().await;
    let (settings, file) = (test.app.settings.clone(), test.data_dir().join("old.db"));
    test.app.store.snapshot(&file.to_string_lossy()).await.unwrap();
    let receipt = issued(&test, "001190012345", "sau").await;
    // Returns when its entry is under a signed head, which is remembered.
    revoke(&test, &receipt).await;
    let last = number(&list(&test).await);
    let kept = tempfile::tempdir().unwrap();
    let (from, to) = (test.directory.path().to_owned(), kept.path().join("all"));
    test.app.store.close().await;
    assert!(Command::new("cp").arg("-a").arg(&from).arg(&to).status().unwrap().success());
    test.stop().await;
    let data = to.join("var");
    for name in ["chuky.db", "chuky.db-wal", "chuky.db-shm"] {
        let _ = fs::remove_file(data.join(name));
    }
    fs::rename(data.join("old.db"), data.join("chuky.db")).unwrap();
    let mut moved = Settings::load(None, &data).unwrap();
    moved.hsm.rsa_stock = 0;
    bootstrap::relax_second_factor(&mut moved);
    moved.public_url = settings.public_url;
    chuky::tokens::softhsm_configuration(&data.join("softhsm2.conf"), &data.join("tokens")).unwrap();
    let opened = App::open(moved.clone(), Clock::default(), EXECUTABLE.into()).await.err().unwrap();
    assert!(opened.to_string().contains("fewer than"), "{opened}");
    let data_dir = data.to_string_lossy().into_owned();
    let config = kept.path().join("settings.toml");
    fs::write(&config, format!("[server]\npublic_url = '{}'\n[hsm]\nrsa_stock = 0\n", moved.public_url)).unwrap();
    // Without any evidence numbers still go on above all that can have been used.
    let (done, text) = chuky(&config, &["reconcile", "--data-dir", &data_dir]);
    assert!(done, "{text}");
    let app = bootstrap::open(moved, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    assert!(number(&list(&test).await) > last);
    let answer = said(&test, kept.path(), &receipt).await;
    assert!(answer.contains("subscriber.pem: unknown"), "what nobody told of is unknown, never good: {answer}");
}

//! Identity numbers are found nowhere in what the service leaves behind: database files with their logs, what a real `chuky backup` made, the
//! outbox, documents, and the service's own log with everything that it can tell. Looked for by `leaks.py`, in every form and inside every member
//! that something may have packed them into; the search first finds one of each that was planted.
//!
//! There is no exception. A certificate names its person by the number (docs/profiles.md), and so does every signature; the database keeps both
//! sealed, and gives them to whom they concern.

use crate::{
    agency,
    harness::{
        app::{Backend, EXECUTABLE, TestApp},
        database::{OwnCluster, free_directory},
    },
    signing::subscriber::{enrol, plain_pdf},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Of a citizen with a certificate, of one who was only entered, of one whom the card's rules refuse, and of two in an agency's list.
const NUMBERS: [&str; 5] = ["001190731946", "001190825183", "001191640278", "001060000001", "001161000002"];

struct Finding {
    path: String,
    form: String,
    told: String,
}

fn leaks(arguments: &[&str], paths: &[&Path]) -> Vec<Finding> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("target/venv/bin/python"));
    let output = command.arg(root.join("tests/leaks.py")).args(arguments).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let finding = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        Finding { path: text("path"), form: text("form"), told: line.to_owned() }
    };
    text.lines().map(finding).collect()
}

/// One file for each form, and what the search finds of it.
#[test]
fn the_search_finds_one_of_each_form_that_is_planted() {
    let folder = tempfile::tempdir().unwrap();
    leaks(&["plant", NUMBERS[0]], &[folder.path()]);
    let name = |path: &str| {
        let path = path.split('!').next().unwrap();
        Path::new(path).file_name().unwrap().to_string_lossy().into_owned()
    };
    let planted: BTreeSet<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into()).collect();
    let found = leaks(&["search", &NUMBERS.join(",")], &[folder.path()]);
    assert!(planted.len() >= 30, "{planted:?}");
    assert_eq!(found.iter().map(|finding| name(&finding.path)).collect::<BTreeSet<_>>(), planted);
    // Of another number nothing is found.
    assert!(leaks(&["search", "001190012345"], &[folder.path()]).is_empty());
}

/// The shipped program over the data of a test, with everything that it logs in a file.
struct Served(Child);

impl Served {
    fn start(test: &mut TestApp, log: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = told(test, &["serve", "--no-demo"]);
        command
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .env("CHUKY__SERVER__LISTEN", address.to_string())
            .env("CHUKY__SERVER__PUBLIC_URL", &test.url)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .env("CHUKY__MESSAGES__SPOOL_DIR", test.directory.path().join("spool"))
            .env("RUST_LOG", "debug,hyper=info");
        let child = command.stdout(Stdio::null()).stderr(fs::File::create(log).unwrap()).spawn().unwrap();
        let since = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(since.elapsed() < Duration::from_secs(90), "{}", fs::read_to_string(log).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
        test.url = format!("http://{address}");
        Self(child)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `chuky …` over the data of a test.
fn told(test: &TestApp, arguments: &[&str]) -> Command {
    let mut command = Command::new(EXECUTABLE);
    command.args(arguments).arg("--data-dir").arg(test.data_dir());
    command.env("CHUKY__DATABASE__URL", &test.app.settings.database_url);
    command
}

fn person(number: &str) -> Value {
    json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": number, "birth_date": "1990-03-05", "phone": "",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } })
}

/// What a day brings: wrong entries, a certificate and a signature with it, a request that waits, and a list that is carried out.
async fn a_day(test: &TestApp) {
    let operator = test.log_in("gianhang").await;
    let (status, answer) = test.post("/api/v1/requests", &operator, &person(NUMBERS[2])).await;
    assert_eq!(status, 422, "{answer}");
    let broken = format!("{{\"subscriber\": {{\"personal_number\": {}, ", NUMBERS[2]);
    let (status, _) =
        test.request("POST", "/api/v1/requests", &operator, "application/json", broken.into_bytes()).await;
    assert!((400..500).contains(&status), "{status}");
    let (status, answer) = test.post("/api/v1/requests", &operator, &person(NUMBERS[1])).await;
    assert_eq!(status, 201, "{answer}");
    let citizen = enrol(test, "gianhang", person(NUMBERS[0]), "cong.dan", "p256").await;
    let signed = citizen.sign(test, &plain_pdf(), json!({})).await;
    assert!(signed.starts_with(b"%PDF"));
    let wrong = agency::csv(2).replace(NUMBERS[3], "001061000001");
    let registrar = test.log_in("dangky").await;
    assert_eq!(agency::uploaded(test, &registrar, wrong.into_bytes()).await.1["wrong"], 1);
    let (list, digest) = agency::entered(test, agency::csv(2).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    let path = format!("/api/v1/agency-lists/{list}/approve");
    let (status, answer) = test.post(&path, &approver, &json!({ "content_digest": digest })).await;
    assert!(status < 300, "{status} {answer}");
    agency::finished(test, &list, 120).await;
    let spool = test.directory.path().join("spool");
    let since = Instant::now();
    while fs::read_dir(&spool).unwrap().count() < 2 {
        assert!(since.elapsed() < Duration::from_secs(90), "no message left");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The day, a backup, and the search through everything that lies there.
async fn leaves_nothing(mut test: TestApp, cluster: Option<(OwnCluster, PathBuf)>) {
    fs::create_dir(test.directory.path().join("spool")).unwrap();
    let log = test.directory.path().join("service.log");
    let service = Served::start(&mut test, &log);
    a_day(&test).await;
    let out = test.directory.path().join("backup");
    let made = told(&test, &["backup"]).arg(&out).output().unwrap();
    assert!(made.status.success() && out.exists(), "{made:?}");
    let mut places = vec![test.directory.path().to_owned()];
    if let Some((_, place)) = &cluster {
        let dump = test.directory.path().join("dump.sql");
        let dumped = Command::new("pg_dump").arg("--file").arg(&dump).arg(&test.app.settings.database_url).output();
        let dumped = dumped.unwrap();
        assert!(dumped.status.success(), "{dumped:?}");
        places.push(place.clone());
    }
    // The file of SQLite still has its log beside it.
    let database = test.data_dir().join("chuky.db");
    assert!(cluster.is_some() || database.with_extension("db-wal").metadata().unwrap().len() > 0);
    drop(service);
    let places: Vec<&Path> = places.iter().map(PathBuf::as_path).collect();
    let found = leaks(&["search", &NUMBERS.join(",")], &places);
    let leaked: Vec<_> = found.iter().map(|finding| &finding.told).collect();
    assert!(leaked.is_empty(), "{leaked:#?}");
    // One that is put into the database lies in its files, and is found there.
    let octets = hex::encode(NUMBERS[0]);
    let literal = if cluster.is_some() { format!("'\\x{octets}'") } else { format!("x'{octets}'") };
    test.sql(&format!("INSERT INTO taken (key, at) VALUES ({literal}, 1)"));
    let found = leaks(&["search", NUMBERS[0]], &places[places.len() - 1..]);
    assert!(found.iter().any(|finding| finding.form == "text"), "what lies in the database is not found");
    let told = fs::read_to_string(&log).unwrap();
    let tells = told.contains("\"level\":\"DEBUG\"") && told.contains("\"event\":\"request\"");
    assert!(tells, "the log tells little: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_identity_number_lies_in_files_logs_or_backups() {
    leaves_nothing(TestApp::sqlite().await, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_identity_number_lies_in_the_directory_of_postgres() {
    let (place, port) = free_directory();
    let cluster = OwnCluster::start_in(place.clone(), port).unwrap();
    let url = cluster.url();
    let test = TestApp::start_with(Backend::Postgres, |settings| settings.database_url = url).await;
    leaves_nothing(test, Some((cluster, place))).await;
}

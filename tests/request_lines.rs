//! One id for each request, in the answer, in the error and in every line of the log about it; and one line for each request, which holds nothing
//! that the caller wrote.

use crate::harness::{
    app::{ACCOUNT_PASSWORD, EXECUTABLE, TestApp},
    database,
};
use chuky_model::role::Role;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The shipped binary with a log that can be read; it ends with this value.
struct Service {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Service {
    fn start(at: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (url, log, config) = (format!("http://127.0.0.1:{port}"), at.join("log"), at.join("chuky.toml"));
        let server = format!("[server]\nlisten = '127.0.0.1:{port}'\npublic_url = '{url}'\n");
        let proxy = "trusted_proxies = ['127.0.0.2']\nrequest_id_header = 'X-Request-Id'\n[hsm]\nrsa_stock = 0\n";
        fs::write(&config, format!("{server}{proxy}")).unwrap();
        let mut command = Command::new(EXECUTABLE);
        command.env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled").arg("--config").arg(config);
        command.args(["serve", "--no-demo", "--data-dir"]).arg(at.join("var"));
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(180), "it does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, url, log }
    }

    /// Status, the id in the answer's header, and the body.
    fn ask(&self, path: &str, arguments: &[&str]) -> (u16, String, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-i", "--max-time", "60"]).args(arguments).arg(format!("{}{path}", self.url));
        let said = String::from_utf8(curl.output().unwrap().stdout).unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_default();
        (status, id.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Lines of that request by their event, once the one that ends it is there.
    fn about(&self, id: &str) -> BTreeMap<String, Value> {
        let since = Instant::now();
        loop {
            let lines = self.lines().into_iter().filter(|line| line["span"]["request_id"] == id);
            let found: BTreeMap<_, _> = lines
                .map(|line| (line["fields"]["event"].as_str().unwrap_or_default().to_owned(), line["fields"].clone()))
                .collect();
            if found.contains_key("request") {
                return found;
            }
            assert!(since.elapsed() < Duration::from_secs(90), "{id}: {found:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_has_one_id_and_one_line_of_nothing_that_was_written() {
    let test = TestApp::sqlite().await;
    let (account, key) = test.account("van.thu", &[Role::Clerk], None).await;
    let (broken, _) = test.account("hong", &[Role::Clerk], None).await;
    let (directory, settings) = test.rest().await;
    let service = Service::start(directory.path());
    let json = ["-H", "content-type: application/json", "-d"];
    // 1. An error of the caller's: the id that they are told is the log's.
    let wrong = r#"{"login":"van.thu","password":"SECRET-PASSWORD"}"#;
    let (status, id, problem) = service.ask("/api/v1/session", &[&json[..], &[wrong]].concat());
    assert_eq!((status, problem["request_id"].as_str()), (401, Some(id.as_str())), "{problem}");
    let line = &service.about(&id)["request"];
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&"POST".into(), &"/api/v1/session".into(), &401.into())
    );
    assert!(line["code"].is_string() && line["account"].is_null() && line["microseconds"].as_u64() > Some(0), "{line}");
    // 2. Who is known is named by the account.
    let bearer = format!("authorization: Bearer {key}");
    let (status, id, _) = service.ask("/api/v1/session?q=SECRET-QUERY", &["-H", &bearer]);
    assert_eq!(status, 200);
    assert_eq!(service.about(&id)["request"]["account"], account.to_string());
    // On a page of refusal as well.
    let (status, id, _) = service.ask("/audit", &["-H", &bearer, "-H", "accept: text/html"]);
    let line = service.about(&id)["request"].clone();
    assert_eq!((status, &line["code"], &line["account"]), (403, &"forbidden".into(), &account.to_string().into()));
    // 3. Codes in paths, and paths that no route takes.
    let (_, id, _) = service.ask("/k/SECRET-PATH", &[]);
    assert_eq!(service.about(&id)["request"]["route"], "/k/{code}");
    let (status, id, _) = service.ask("/SECRET-PATH/x", &["-X", "SECRET"]);
    let line = service.about(&id)["request"].clone();
    assert_eq!((status, &line["route"], &line["method"]), (404, &"none".into(), &"other".into()));
    // 4. Nobody but the named proxy gives an id, and none that is not plain.
    let named = |from: &str, value: &str| {
        service.ask("/healthz", &["--interface", from, "-H", &format!("x-request-id: {value}")]).1
    };
    assert_eq!(named("127.0.0.2", "of-the-proxy-1"), "of-the-proxy-1");
    for (from, value) in [("127.0.0.1", "of-a-stranger"), ("127.0.0.2", "of the proxy"), ("127.0.0.2", "\"}{\"")] {
        let id = named(from, value);
        assert!(id != value && id.len() == 36, "{from} {value}: {id}");
    }
    // 5. An error of the service's: every line of it has the id.
    let sql = format!("UPDATE account SET mac = x'00' WHERE id = x'{}'", account_octets(&broken.to_string()));
    database::run(&settings.database_url, &sql).unwrap();
    let login = format!(r#"{{"login":"hong","password":"{ACCOUNT_PASSWORD}"}}"#);
    let (status, id, problem) = service.ask("/api/v1/session", &[&json[..], &[&login]].concat());
    assert_eq!((status, problem["request_id"].as_str()), (500, Some(id.as_str())));
    let events: Vec<String> = service.about(&id).into_keys().collect();
    assert_eq!(events, ["internal_error", "request", "row_forged"]);
    // 6. One line each, none for what supervisors ask, and nothing of what was written.
    let lines = service.lines();
    let ended: Vec<&Value> = lines.iter().filter(|line| line["fields"]["event"] == "request").collect();
    assert_eq!(ended.len(), 6, "{ended:?}");
    let text = fs::read_to_string(&service.log).unwrap();
    for secret in ["SECRET", "healthz", &key, ACCOUNT_PASSWORD, "of-a-stranger"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// An identifier as SQLite holds it.
fn account_octets(id: &str) -> String {
    id.replace('-', "")
}

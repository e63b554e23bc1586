//! The receiver of the documents takes each alarm once, by HTTPS, over kills before and after the post.

use super::{ALARMS, Scene, scene_with};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    payments::send,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky::{
    config::Settings,
    fetching::{Addresses, WebhookConfig},
    transactions::webhooks::{KIND, tell_due},
};
use chuky_model::id::AccountId;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The receiver of the documents, as it stands.
struct Python {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Python {
    fn start(python: &Path, folder: &Path, provider: AccountId, port: u16, tls: &[PathBuf]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients/alarms.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(folder.join("keys.json"))
            .args([provider.to_string(), port.to_string()])
            .arg(folder.join("seen"))
            .args(tls)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut receiver = Self { process, lines };
        assert_eq!(receiver.line()["port"], port);
        receiver
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A CA, and a certificate of it for this machine: PEM files.
fn certificates(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let write = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    };
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "TEST receivers");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = write("root.pem", authority.self_signed(&authority_key).unwrap().pem());
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap();
    (root, vec![write("own.pem", own.pem()), write("own.key", key.serialize_pem())])
}

/// The binary over what rests, killed at that point by an order that it is brought there.
fn killed_at(point: &str, data: &Path, settings: &Settings, (key, message): (&str, &str)) {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhooks = &settings.payments.webhooks;
    let file = data.join("killed.toml");
    let text = format!(
        "[payments.webhooks]\nhosts = [\"{}\"]\naddresses = \"loopback\"\nroots = \"{}\"\n",
        webhooks.hosts[0],
        webhooks.roots.as_ref().unwrap().display()
    );
    std::fs::write(&file, text).unwrap();
    let mut served = Command::new(EXECUTABLE)
        .arg("--config")
        .arg(&file)
        .args(["serve", "--no-demo", "--data-dir"])
        .arg(data)
        .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
        .env("CHUKY__SERVER__LISTEN", listen.to_string())
        .env("CHUKY__DATABASE__URL", &settings.database_url)
        .env("CHUKY__HSM__RSA_STOCK", "0")
        .env("CHUKY_CRASH_AT", point)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if std::net::TcpStream::connect(listen).is_ok() || served.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // Killed before or after it answers.
    let url = format!("http://{listen}/api/v1/transactions/verify");
    let request = ureq::post(url).header("authorization", format!("Bearer {key}"));
    drop(request.content_type("application/jose").send(message));
    assert_eq!(served.wait().unwrap().code(), None, "ended by a signal at {point}");
}

/// By HTTPS, to the receiver of the documents, over kills before and after the post.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_receiver_takes_each_alarm_once_over_kills() {
    let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    if !python.exists() {
        println!("SKIPPED: no joserfc in target/venv (scripts/venv makes it)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (root, tls) = certificates(folder.path());
    // It is held until the receiver, which must know its provider first, takes it.
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let hosts = vec![format!("localhost:{port}")];
    let webhooks = WebhookConfig { hosts, addresses: Addresses::Loopback, roots: Some(root) };
    let scene = scene_with(Backend::Sqlite, webhooks).await;
    let (_, keys) = scene.test.raw("GET", "/api/v1/receipts/keys", "", "", Vec::new()).await;
    std::fs::write(folder.path().join("keys.json"), keys).unwrap();
    scene.agree(json!({ "name": "Ví", "active": true, "webhook": format!("https://localhost:{port}/chuky") })).await;
    let (_, first) = scene.acquired("A-1").await;
    let (_, second) = scene.acquired("A-2").await;
    drop(held);
    let mut receiver = Python::start(&python, folder.path(), scene.acquirer.0, port, &tls);
    // 1. Killed after the try was counted and before the post, and after the post before it was noted.
    let Scene { test, acquirer, other, .. } = scene;
    let (directory, settings) = test.rest().await;
    let data = directory.path().join("var");
    for (point, message) in [("alarm.claimed", &first), ("alarm.told", &second)] {
        killed_at(point, &data, &settings, (&other.1, message));
    }
    // 2. Both are told after the pause; what was told before is known by its identifier.
    let test = TestApp::wake(directory, settings).await;
    for message in [&first, &second] {
        assert_eq!(send(&test, &other.1, message).await["reasons"][0], "conflict");
    }
    test.app.clock.shift_seconds(61);
    let mut alarms = Vec::new();
    for _ in 0..600 {
        tell_due(&test.app).await.unwrap();
        alarms = test.get(ALARMS, &acquirer.1).await.1["alarms"].as_array().unwrap().clone();
        if alarms.iter().all(|alarm| alarm["state"] == "told") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let known: BTreeSet<String> = alarms.iter().map(|alarm| alarm["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((alarms.len(), known.len()), (2, 2), "{alarms:?}");
    assert!(alarms.iter().all(|alarm| alarm["state"] == "told" && alarm["tries"].as_i64() > Some(1)), "{alarms:?}");
    let told: Vec<Value> = vec![receiver.line(), receiver.line()];
    assert_eq!(told.iter().map(|alarm| alarm["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), known);
    assert!(told.iter().all(|alarm| alarm["issuer"].is_string() && alarm["provider"] == json!(acquirer.0)));
    assert_eq!(std::fs::read_to_string(folder.path().join("seen")).unwrap().lines().count(), 2);
    takes_nothing_else(&test, &mut receiver, folder.path(), port, (acquirer.0, other.0)).await;
}

/// It takes nothing that somebody else signed, altered, or meant for another.
async fn takes_nothing_else(
    test: &TestApp,
    receiver: &mut Python,
    folder: &Path,
    port: u16,
    (own, other): (AccountId, AccountId),
) {
    let post = |body: String| {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--noproxy",
                "*",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
                "--data-binary",
                "@-",
            ])
            .arg("--cacert")
            .arg(folder.join("root.pem"))
            .arg(format!("https://localhost:{port}/chuky"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .and_then(|mut curl| {
                curl.stdin.take().unwrap().write_all(body.as_bytes())?;
                curl.wait_with_output()
            })
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let row = r#"{"alarm":"conflict","details":{},"id":"x","issuer":"x","provider":"PROVIDER","raised":"x"}"#;
    let statement = async |provider: AccountId, kind: &str| {
        let payload = row.replace("PROVIDER", &provider.to_string());
        test.app.receipts.statement(kind, payload.as_bytes()).await.unwrap()
    };
    let good = statement(own, KIND).await;
    assert_eq!(post(statement(other, KIND).await), "400");
    assert_eq!(post(statement(own, "chuky-payment-receipt+json").await), "400");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let altered = URL_SAFE_NO_PAD.encode(row.replace("PROVIDER", &own.to_string()).replace('x', "y"));
    assert_eq!(post(format!("{header}.{altered}.{signature}")), "400");
    assert_eq!(post(good), "204");
    assert_eq!(receiver.line()["id"], "x");
}

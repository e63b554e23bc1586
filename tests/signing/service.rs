//! The shipped binary over a test's data: a service process that can be killed and measured, and the command line as its user.

use super::subscriber::{PIN, Subscriber};
use crate::harness::app::{EXECUTABLE, TestApp};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// A service of its own process on a port of its own.
pub struct Served {
    pub child: Child,
    pub url: String,
}

impl Served {
    /// Starts it; it kills itself at that point, or never where it is empty.
    pub fn start(test: &TestApp, crash_at: &str) -> Self {
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = spawn((&test.data_dir(), &test.app.settings.database_url), listen, crash_at);
        let served = Self { child, url: format!("http://{listen}") };
        for _ in 0..1_800 {
            if std::net::TcpStream::connect(listen).is_ok() {
                return served;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the service does not listen");
    }

    /// Uploads; `None` where the service went away before it answered.
    pub fn upload(&self, subscriber: &Subscriber, pdf: &[u8]) -> Option<Value> {
        let request = ureq::post(format!("{}/api/v1/documents", self.url))
            .header("authorization", format!("Bearer {}", subscriber.token))
            .content_type("application/pdf");
        request.send(pdf).ok()?.body_mut().read_json().ok()
    }

    /// Signs; `None` where the service went away before it answered.
    pub fn sign(&self, subscriber: &Subscriber, id: &str) -> Option<Value> {
        let request = ureq::post(format!("{}/api/v1/documents/{id}/sign", self.url))
            .header("authorization", format!("Bearer {}", subscriber.token));
        let order = json!({ "credential": subscriber.credential, "pin": PIN, "level": "LT" });
        request.send_json(order).ok()?.body_mut().read_json().ok()
    }
}

/// A service in a process of its own, which may not live until it listens.
pub fn spawn((data_dir, database_url): (&Path, &str), listen: SocketAddr, crash_at: &str) -> Child {
    Command::new(EXECUTABLE)
        .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
        .args(["serve", "--no-demo", "--data-dir"])
        .arg(data_dir)
        .env("CHUKY__SERVER__LISTEN", listen.to_string())
        .env("CHUKY__DATABASE__URL", database_url)
        .env("CHUKY__HSM__RSA_STOCK", "0")
        .env("CHUKY_CRASH_AT", crash_at)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `chuky` as a user whose state lies in that directory.
pub fn chuky(state: &Path, arguments: &[&str]) -> Output {
    Command::new(EXECUTABLE)
        .args(["--lang", "en"])
        .args(arguments)
        .env("XDG_STATE_HOME", state)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

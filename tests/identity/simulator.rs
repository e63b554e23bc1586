//! The simulator as a process of its own, ended with its test.

use crate::harness::app::EXECUTABLE;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A population database of made-up people.
pub struct Database {
    pub url: String,
    directory: tempfile::TempDir,
    process: Child,
}

impl Database {
    /// Starts it, and waits until it says where it listens.
    pub fn start(people: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("people.json"), people.to_string()).unwrap();
        fs::write(at("bearer"), "khoa-thu-nghiem\n").unwrap();
        fs::set_permissions(at("bearer"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut process = Command::new(EXECUTABLE)
            .args(["identity", "simulate", "--listen", "127.0.0.1:0", "--people"])
            .arg(at("people.json"))
            .arg("--control")
            .arg(at("control.json"))
            .arg("--bearer-file")
            .arg(at("bearer"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { url: url.trim().to_owned(), directory, process }
    }

    /// What ails it from the next question on.
    pub fn control(&self, control: &Value) {
        let half = self.directory.path().join("control.half");
        fs::write(&half, control.to_string()).unwrap();
        fs::rename(half, self.directory.path().join("control.json")).unwrap();
    }

    pub fn bearer_file(&self) -> PathBuf {
        self.directory.path().join("bearer")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

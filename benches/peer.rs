//! The peer process: pyHanko and other Python tools, spoken to one line a batch, reporting the CPU time it used.

use crate::fixtures::{Fixtures, python};
use crate::harness::{Cost, Side};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

/// A running peer; it ends when this is dropped.
pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts pyHanko on the measured files. `environment` names a token, for the task `sign-hsm`.
    pub fn start(fixtures: &Fixtures, environment: &[(&str, String)]) -> Result<Rc<RefCell<Self>>, String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg(&fixtures.folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("peer: {error}; run scripts/venv"))?;
        let input = child.stdin.take().ok_or("peer: no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("peer: no output")?);
        let mut peer = Self { child, input, output };
        match peer.line()?.as_str() {
            "ready" => Ok(Rc::new(RefCell::new(peer))),
            other => Err(format!("peer said {other:?}")),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| format!("peer: {error}"))?;
        if line.is_empty() { Err("the peer ended".to_owned()) } else { Ok(line.trim().to_owned()) }
    }

    fn batch(&mut self, task: &str, file: &str, count: u32) -> Result<Cost, String> {
        writeln!(self.input, "{task} {file} {count}").map_err(|error| format!("peer: {error}"))?;
        let answer = self.line()?;
        let mut numbers = answer.split(' ').map(str::parse::<f64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(cpu)), Some(Ok(wall))) => Ok(Cost { cpu, wall }),
            _ => Err(format!("peer at {task} {file}: {answer}")),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One task of the peer on one file.
pub struct PeerTask {
    peer: Rc<RefCell<Peer>>,
    task: &'static str,
    file: String,
}

impl PeerTask {
    pub fn new(peer: &Rc<RefCell<Peer>>, task: &'static str, file: &str) -> Box<Self> {
        Box::new(Self { peer: Rc::clone(peer), task, file: file.to_owned() })
    }
}

impl Side for PeerTask {
    fn name(&self) -> String {
        let tool = match self.task {
            "issue" => "pyca",
            "verify-asice" => "libdigidocpp",
            "verify-xmlsec" => "python-xmlsec",
            "verify-signxml" => "signxml",
            _ => "pyHanko",
        };
        format!("{tool} {}", self.task)
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        self.peer.borrow_mut().batch(self.task, &self.file, count)
    }
}

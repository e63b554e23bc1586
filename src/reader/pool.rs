//! The service's side: a bounded number of reader workers, each used for a bounded number of documents and replaced at once
//! after a limit, a panic or a missed deadline.

use super::protocol::{self, Task, TaskOutput};
use crate::config::ReadersConfig;
use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Why a document got no answer. Each is a report to the person who asked, never an outage.
#[derive(Debug, thiserror::Error)]
pub enum ReaderFailure {
    #[error("the document could not be read within {0} seconds")]
    TimedOut(u64),
    #[error("reading the document ended abnormally: {0}")]
    Crashed(String),
    #[error("a reader worker could not be started: {0}")]
    NotStarted(io::Error),
}

/// Reader workers, started when first needed.
#[derive(Clone)]
pub struct ReaderPool {
    shared: Arc<Shared>,
}

struct Shared {
    settings: ReadersConfig,
    executable: PathBuf,
    typefaces: Option<PathBuf>,
    idle: Mutex<Vec<Reader>>,
    places: Arc<Semaphore>,
}

impl ReaderPool {
    /// A pool whose workers run `executable worker read`.
    pub fn new(settings: ReadersConfig, executable: PathBuf) -> Self {
        let places = Arc::new(Semaphore::new(settings.count));
        let shared = Shared { settings, executable, typefaces: None, idle: Mutex::default(), places };
        Self { shared: Arc::new(shared) }
    }

    /// The same, its workers able to draw visible signatures with the typefaces of a directory.
    pub fn with_typefaces(settings: ReadersConfig, executable: PathBuf, directory: PathBuf) -> Self {
        let places = Arc::new(Semaphore::new(settings.count));
        let shared = Shared { settings, executable, typefaces: Some(directory), idle: Mutex::default(), places };
        Self { shared: Arc::new(shared) }
    }

    /// Hands a task and its document to a worker and waits for the answer, at most for the pool's time limit.
    pub async fn run(&self, task: Task, document: Option<File>) -> Result<TaskOutput, ReaderFailure> {
        let crashed = |error: &dyn std::fmt::Display| ReaderFailure::Crashed(error.to_string());
        let place = self.shared.places.clone().acquire_owned().await.map_err(|error| crashed(&error))?;
        let shared = self.shared.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let answer = shared.run(&task, document.as_ref());
            drop(place);
            answer
        });
        answer.await.map_err(|error| crashed(&error))?
    }
}

impl Shared {
    fn run(&self, task: &Task, document: Option<&File>) -> Result<TaskOutput, ReaderFailure> {
        let waiting = self.idle.lock().map_or(None, |mut idle| idle.pop());
        let mut reader = match waiting {
            Some(reader) => reader,
            None => Reader::start(self).map_err(ReaderFailure::NotStarted)?,
        };
        match reader.ask(task, document) {
            Ok(output) => {
                reader.documents_left -= 1;
                if reader.documents_left > 0
                    && let Ok(mut idle) = self.idle.lock()
                {
                    idle.push(reader);
                }
                Ok(output)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(ReaderFailure::TimedOut(self.settings.seconds))
            }
            Err(error) => Err(ReaderFailure::Crashed(reader.last_words(&error))),
        }
    }
}

/// One worker process and the service's end of its socket. Dropping it kills and reaps the process.
struct Reader {
    child: Child,
    socket: UnixStream,
    documents_left: u32,
}

impl Reader {
    fn start(Shared { executable, settings, typefaces, .. }: &Shared) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let limit = Some(Duration::from_secs(settings.seconds));
        ours.set_read_timeout(limit)?;
        ours.set_write_timeout(limit)?;
        let child = Command::new(executable)
            .args(["worker", "read", "--memory-mib", &settings.memory_mib.to_string()])
            .args([
                "--cpu-seconds",
                &(settings.seconds.saturating_mul(u64::from(settings.documents_per_reader))).to_string(),
            ])
            .args(typefaces.iter().flat_map(|directory| ["--typefaces".as_ref(), directory.as_os_str()]))
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket: ours, documents_left: settings.documents_per_reader })
    }

    fn ask(&mut self, task: &Task, document: Option<&File>) -> io::Result<TaskOutput> {
        protocol::send(&mut self.socket, task, document)?;
        let answer = protocol::receive(&mut self.socket)?;
        answer.map(|(output, _)| output).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// How the process ended, for the report's reason.
    fn last_words(&mut self, error: &io::Error) -> String {
        let _ = self.child.kill();
        self.child.wait().map_or_else(|_| error.to_string(), |status| format!("{status}"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

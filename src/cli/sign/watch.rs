//! Signs whatever comes into a folder, with one log-in, until it is told to end: for programs that know files and nothing else. Each document's
//! result is one line of JSON. What concerns more than one document (a PIN, a token, a service) ends it, and leaves the documents that wait.

use super::{
    Failure, Road, Sign, placed,
    spool::{Folders, Left, Spool, Taken},
};
use crate::{cli::printing, clock::Clock, fault};
use chuky_model::text::Language;
use clap::Args;
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

/// Folders instead of files.
#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    /// Sign whatever comes into this folder and put it into --out, until told to end (SIGTERM, Ctrl-C)
    #[arg(long, value_name = "IN", conflicts_with = "output")]
    watch: Option<PathBuf>,
    /// Folder of the originals whose signed form went out; by default the hidden IN/.signed
    #[arg(long, value_name = "DIR", requires = "watch")]
    done: Option<PathBuf>,
    /// Folder of the documents that cannot be signed; by default the hidden IN/.failed
    #[arg(long, value_name = "DIR", requires = "watch")]
    failed: Option<PathBuf>,
    /// Milliseconds for which a file must not change before it counts as complete
    #[arg(long, value_name = "MS", default_value_t = 2_000, requires = "watch", value_parser = clap::value_parser!(u64).range(0..=3_600_000))]
    settle: u64,
}

/// A folder that is watched.
pub(super) struct Watching {
    spool: Spool,
    ending: Ending,
}

impl WatchArguments {
    pub(super) fn folder(&self) -> Option<&Path> {
        self.watch.as_deref()
    }

    /// Takes hold of the folders, before any PIN is asked for.
    pub(super) fn open(&self, incoming: &Path, outgoing: &Path, language: Language) -> Result<Watching, Failure> {
        let folders = Folders {
            incoming,
            outgoing,
            done: self.done.clone().unwrap_or_else(|| incoming.join(".signed")),
            failed: self.failed.clone().unwrap_or_else(|| incoming.join(".failed")),
        };
        let spool = Spool::open(folders, Duration::from_millis(self.settle)).map_err(disk)?;
        let ending = Ending::listen().map_err(disk)?;
        match language {
            Language::Vi => eprintln!("Đang chờ văn bản trong {} (Ctrl-C để dừng).", incoming.display()),
            Language::En => eprintln!("Waiting for documents in {} (Ctrl-C ends it).", incoming.display()),
        }
        Ok(Watching { spool, ending })
    }
}

impl Watching {
    /// Watches until a signal, which is exit code 0, or until something ends it.
    pub(super) fn run(mut self, sign: &Sign, road: &mut dyn Road, language: Language) -> Result<u8, Failure> {
        self.recover(sign, road, language)?;
        while !self.ending.is_asked() {
            for name in self.spool.settled().map_err(disk)? {
                if self.ending.is_asked() {
                    break;
                }
                let Some(taken) = self.spool.take(&name).map_err(disk)? else { continue };
                fault::point("watch.taken");
                self.one(sign, road, &taken, language)?;
            }
            self.ending.wait(BETWEEN_ROUNDS);
        }
        Ok(0)
    }

    /// What the last run left is brought to its end first.
    fn recover(&self, sign: &Sign, road: &mut dyn Road, language: Language) -> Result<(), Failure> {
        match self.spool.recover().map_err(disk)? {
            Left::Nothing => Ok(()),
            Left::Unsigned => match self.spool.left().map_err(disk)? {
                Some(taken) => self.one(sign, road, &taken, language),
                None => Ok(()),
            },
            Left::Delivered { line, under } => self.tell(&line, under.as_deref()),
            Left::Told(line) => self.tell(&line, None),
        }
    }

    fn one(&self, sign: &Sign, road: &mut dyn Road, taken: &Taken, language: Language) -> Result<(), Failure> {
        let signed = self.signed(sign, road, taken, language);
        // Written to while it was signed: it was not complete, and comes again.
        if !self.spool.is_unchanged(taken).map_err(disk)? {
            return self.spool.give_back(taken).map_err(disk);
        }
        match signed {
            Ok((file, under, no_timestamp)) => {
                let line = match no_timestamp {
                    Some(why) => line(taken, json!({ "state": "signed", "level": "B", "no_timestamp": why })),
                    None => line(taken, json!({ "state": "signed" })),
                };
                self.spool.keep(file, OsStr::new(&under), &line).map_err(disk)?;
                fault::point("watch.signed");
                self.spool.put_away(&taken.name).map_err(disk)?;
                fault::point("watch.put_away");
                let under = self.spool.deliver().map_err(disk)?;
                fault::point("watch.delivered");
                self.tell(&line, Some(&under))
            }
            // A signal reaches the processes that read documents, too: what they say then is not about the document.
            Err(failure) if failure.stops || self.ending.is_asked() => {
                self.spool.give_back(taken).map_err(disk)?;
                if failure.stops { Err(failure) } else { Ok(()) }
            }
            Err(failure) => {
                let line = line(taken, json!({ "state": "failed", "reason": failure.said }));
                let under = self.spool.set_aside(taken, &line).map_err(disk)?;
                fault::point("watch.set_aside");
                self.tell(&line, Some(&under))
            }
        }
    }

    fn signed(
        &self,
        sign: &Sign,
        road: &mut dyn Road,
        taken: &Taken,
        language: Language,
    ) -> Result<(tempfile::NamedTempFile, String, Option<String>), Failure> {
        let name = taken.name.to_string_lossy();
        let media_type = sign.media_type(Path::new(&taken.name));
        let under = sign.signed_name(&name, media_type, language)?;
        let (file, signed) = placed::signed(road, (&taken.path, &name, media_type), &self.spool.parts())?;
        Ok((file, under, signed.no_timestamp))
    }

    /// Prints a document's line with the name that its file has now, and forgets it.
    fn tell(&self, line: &str, under: Option<&OsStr>) -> Result<(), Failure> {
        let mut told: Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(under) = under {
            told["output"] = under.to_string_lossy().into();
        }
        told["at"] = Clock::default().now().rfc3339().into();
        printing::print(&format!("{told}\n")).map_err(disk)?;
        self.spool.told().map_err(disk)
    }
}

fn line(taken: &Taken, mut what: Value) -> String {
    what["file"] = taken.name.to_string_lossy().into();
    what.to_string()
}

fn disk(error: std::io::Error) -> Failure {
    Failure::stop(error, 2)
}

/// The signals that end a run: noted at once, obeyed between two documents.
struct Ending {
    asked: Arc<AtomicBool>,
    told: Arc<Notify>,
    runtime: Runtime,
}

impl Ending {
    fn listen() -> std::io::Result<Self> {
        let runtime = crate::cli::runtime()?;
        let (asked, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
            let _entered = runtime.enter();
            let (mut signals, asked, told) = (signal(kind)?, Arc::clone(&asked), Arc::clone(&told));
            runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    asked.store(true, Ordering::Release);
                    told.notify_one();
                }
            });
        }
        Ok(Self { asked, told, runtime })
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits, or less where a signal comes.
    fn wait(&self, time: Duration) {
        let told = Arc::clone(&self.told);
        let _ = self.runtime.block_on(async { tokio::time::timeout(time, told.notified()).await });
    }
}

/// Between two looks at the folder.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(250);

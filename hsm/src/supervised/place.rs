//! One worker's place: starts the process, serves its socket, watches it, kills it where it hangs, and begins again.

use super::{Shared, State, link::Link};
use crate::{
    error::Error,
    frame::{self, FromWorker, Prepare, Start, Task, ToWorker},
    limits,
    message::unexpected,
    provision::{Prepared, Secrets},
    secret::{Pin, Secret32},
    settings::Settings,
};
use std::{
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::mpsc,
    time::{interval, sleep, timeout},
};
use zeroize::Zeroizing;

/// Keeps a worker in the place for as long as the task lives.
pub(super) async fn keep(shared: Arc<Shared>, index: usize) {
    let mut pause = limits::RESTART_FIRST;
    let mut failures = 0_u32;
    loop {
        let started = {
            let _turn = shared.starting.lock().await;
            start(&shared.settings).await
        };
        match started {
            Ok(worker) => {
                failures = 0;
                let began = Instant::now();
                let why = serve(&shared, index, worker).await;
                tracing::warn!(event = "hsm.worker.ended", token = shared.settings.token_label, place = index, why);
                // A worker that dies as soon as it lives must not make a busy loop.
                if began.elapsed() > limits::PROBE_EVERY {
                    pause = limits::RESTART_FIRST;
                }
            }
            Err(error) => {
                tracing::warn!(event = "hsm.worker.failed", token = shared.settings.token_label, place = index, %error);
                failures = failures.saturating_add(1);
                // Once may be chance, such as another process that wrote the token's file.
                if failures > 1 {
                    shared.set(index, State::Failed(error));
                }
            }
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(limits::RESTART_LONGEST);
    }
}

struct Worker {
    child: Child,
    process: u32,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
}

/// Prepares a token as [`crate::provision::prepare`] does, in a worker process: for a service that loads no PKCS#11 library. The user PIN
/// is the settings' own.
pub async fn prepare_token(settings: &Settings, so_pin: &Pin, secrets: &Secrets) -> Result<Prepared, Error> {
    change_token(settings, so_pin, Task::Prepare(secrets.clone())).await
}

/// Adds the next pepper in a worker process, see [`crate::provision::add_pepper`], and gives its version.
pub async fn add_pepper(settings: &Settings, value: &Secret32) -> Result<u32, Error> {
    // The user makes it; the security officer's PIN is not needed.
    let added = change_token(settings, &settings.pin.read()?, Task::AddPepper(value.clone())).await?;
    added.made.first().and_then(|version| version.parse().ok()).ok_or_else(unexpected)
}

/// Destroys a pepper that is not the newest in a worker process, see [`crate::provision::destroy_pepper`].
pub async fn destroy_pepper(settings: &Settings, version: u32) -> Result<(), Error> {
    change_token(settings, &settings.pin.read()?, Task::DestroyPepper(version)).await.map(drop)
}

async fn change_token(settings: &Settings, so_pin: &Pin, task: Task) -> Result<Prepared, Error> {
    let mut worker = spawn(settings)?;
    let order = ToWorker::Prepare(Prepare {
        module: settings.module.clone(),
        token_label: settings.token_label.clone(),
        kind: settings.kind,
        so_pin: so_pin.clone(),
        user_pin: settings.pin.read()?,
        task,
    });
    match first_answer(&mut worker, &order).await? {
        FromWorker::Prepared(result) => result,
        FromWorker::Started(_) | FromWorker::Answer { .. } => Err(unexpected()),
    }
}

/// Starts a process and waits until its token is open and tested.
async fn start(settings: &Settings) -> Result<Worker, Error> {
    let mut worker = spawn(settings)?;
    let order = ToWorker::Start(Start {
        module: settings.module.clone(),
        token_label: settings.token_label.clone(),
        kind: settings.kind,
        pin: settings.pin.read()?,
        threads: settings.threads,
        stock: settings.stock.clone(),
    });
    match first_answer(&mut worker, &order).await? {
        FromWorker::Started(Ok(())) => Ok(worker),
        FromWorker::Started(Err(error)) => {
            end(&mut worker.child).await;
            Err(error)
        }
        FromWorker::Prepared(_) | FromWorker::Answer { .. } => Err(unexpected()),
    }
}

fn spawn(settings: &Settings) -> Result<Worker, Error> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|error| failed("socket pair", &error))?;
    ours.set_nonblocking(true).map_err(|error| failed("socket", &error))?;
    let executable = match &settings.executable {
        Some(path) => path.clone(),
        None => std::env::current_exe().map_err(|error| failed("own executable", &error))?,
    };
    let mut command = std::process::Command::new(&executable);
    command
        .args(&settings.worker_arguments)
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // A terminal's Ctrl-C is for the service, which still needs its workers to finish what it has begun.
        .process_group(0);
    let child = Command::from(command).kill_on_drop(true).spawn().map_err(|error| failed("HSM worker", &error))?;
    let process = child.id().ok_or_else(|| Error::unavailable("the HSM worker ended at once"))?;
    let (reader, writer) = UnixStream::from_std(ours).map_err(|error| failed("socket", &error))?.into_split();
    Ok(Worker { child, process, reader, writer })
}

/// Sends the first frame and reads the answer to it. A worker that gives none in time is killed with the value that owns it.
async fn first_answer(worker: &mut Worker, order: &ToWorker) -> Result<FromWorker, Error> {
    let frame = frame::encode(order)?;
    let answered = timeout(limits::START, async {
        worker.writer.write_all(&frame).await.map_err(|error| failed("HSM worker", &error))?;
        frame::receive::<FromWorker>(&mut worker.reader).await.map_err(|error| Error::unavailable(error.to_string()))
    });
    answered.await.unwrap_or_else(|_| Err(Error::unavailable("the token did not open in time")))
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::unavailable(format!("{what}: {error}"))
}

/// Serves a live worker until it ends, hangs or is retired; says why.
async fn serve(shared: &Shared, index: usize, worker: Worker) -> &'static str {
    let Worker { mut child, process, mut reader, writer } = worker;
    let (frames, queued) = mpsc::unbounded_channel();
    let link = Arc::new(Link::new(process, shared.settings.threads, frames));
    shared.set(index, State::Live(Arc::clone(&link)));
    let writing = tokio::spawn(write_frames(writer, queued));
    let reading = async {
        while let Ok(message) = frame::receive::<FromWorker>(&mut reader).await {
            if link.answered(message).is_err() {
                break;
            }
        }
    };
    let why = tokio::select! {
        () = reading => "it closed its socket",
        why = watch(&link, shared.settings.memory_bytes) => why,
    };
    // No call may choose it from here on; those that wait for it learn that no answer comes.
    shared.set(index, State::Starting);
    link.close();
    writing.abort();
    end(&mut child).await;
    why
}

/// Frames leave through one task: a caller that stops waiting never leaves half a frame behind.
async fn write_frames(mut writer: OwnedWriteHalf, mut queued: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>) {
    while let Some(frame) = queued.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// Returns once the worker must go.
async fn watch(link: &Link, memory_bytes: u64) -> &'static str {
    tokio::select! {
        () = until_hung(link) => "it missed a deadline",
        why = until_unfit(link, memory_bytes) => why,
    }
}

async fn until_hung(link: &Link) {
    let mut ticks = interval(TICK);
    while !link.is_hung(Instant::now()) {
        ticks.tick().await;
    }
}

/// In idle moments the worker is weighed and probed, so that a token that went away shows before somebody needs it. The worker ends
/// itself where the probe fails; a probe that is never answered ends here.
async fn until_unfit(link: &Link, memory_bytes: u64) -> &'static str {
    loop {
        sleep(limits::PROBE_EVERY).await;
        if !link.is_idle() {
            continue;
        }
        if resident_bytes(link.process).is_some_and(|bytes| bytes > memory_bytes) {
            return "it grew past its memory bound";
        }
        if link.probe(limits::PROBE_DEADLINE).await.is_err() {
            return "it did not answer a probe";
        }
    }
}

/// Resident memory as `/proc` tells it, `None` where it does not.
fn resident_bytes(process: u32) -> Option<u64> {
    let pages: u64 =
        std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(PAGE_BYTES))
}

async fn end(child: &mut Child) {
    // SIGKILL reaches a stopped process too. An error means that it has ended already.
    drop(child.kill().await);
}

/// How often a worker is looked at.
const TICK: Duration = Duration::from_millis(25);
/// The page size of the platforms served; a wrong one shifts a bound that is a rule of thumb.
const PAGE_BYTES: u64 = 4_096;

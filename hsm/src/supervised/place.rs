//! One worker's place: starts the process, serves its socket, watches it, kills it where it hangs, and begins again.

use super::{
    Shared, State,
    link::{Failure, Link},
};
use crate::{
    error::Error,
    frame::{self, FromWorker, Prepare, Start, Task, ToWorker},
    limits,
    message::{Fingerprint, Request, unexpected},
    provision::{Prepared, Secrets},
    secret::{Pin, Secret32},
    settings::{Settings, TokenAddress},
    stock,
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
    time::{MissedTickBehavior, interval, sleep},
};
use zeroize::Zeroizing;

/// Keeps a worker in the place for as long as the task lives.
pub(super) async fn keep(shared: Arc<Shared>, token: usize, index: usize) {
    let (Some(address), Some(starting)) = (shared.addresses.get(token), shared.starting.get(token)) else { return };
    let label = address.token_label.as_str();
    let mut pause = limits::RESTART_FIRST;
    let mut failures = 0_u32;
    loop {
        let started = {
            let mut patience = starting.lock().await;
            let mut slept = Duration::ZERO;
            let started = start(&shared.settings, address, patience.limit(), &mut slept).await;
            match &started {
                Ok(_) => patience.learn(slept),
                Err(_) if slept >= patience.limit() => patience.missed(),
                Err(_) => {}
            }
            started
        };
        match started {
            Ok((worker, fingerprint)) => {
                failures = 0;
                let began = Instant::now();
                let why = serve(&shared, (token, index), worker, &fingerprint).await;
                tracing::warn!(
                    event = "hsm.worker.ended",
                    token = label,
                    number = token,
                    place = index,
                    why = why.text()
                );
                // A worker that dies as soon as it lives must not make a busy loop.
                if began.elapsed() > limits::PROBE_EVERY {
                    pause = limits::RESTART_FIRST;
                }
            }
            Err(error) => {
                tracing::warn!(event = "hsm.worker.failed", token = label, number = token, place = index, %error);
                shared.failed(token, 1, &error);
                failures = failures.saturating_add(1);
                // Once may be chance, such as another process that wrote the token's file.
                if failures > 1 {
                    shared.set(token, index, State::Failed(error));
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
/// is the settings' own. A token that is not there is made only where `initialise` says so.
pub async fn prepare_token(
    settings: &Settings,
    so_pin: &Pin,
    secrets: &Secrets,
    initialise: bool,
) -> Result<Prepared, Error> {
    change_token(settings, (so_pin, initialise), Task::Prepare(secrets.clone())).await
}

/// Adds the next pepper in a worker process, see [`crate::provision::add_pepper`], and gives its version.
pub async fn add_pepper(settings: &Settings, value: &Secret32) -> Result<u32, Error> {
    // The user makes it; the security officer's PIN is not needed.
    let added = change_token(settings, (&settings.pin.read()?, false), Task::AddPepper(value.clone())).await?;
    added.made.first().and_then(|version| version.parse().ok()).ok_or_else(unexpected)
}

/// Destroys a pepper that is not the newest in a worker process, see [`crate::provision::destroy_pepper`].
pub async fn destroy_pepper(settings: &Settings, version: u32) -> Result<(), Error> {
    change_token(settings, (&settings.pin.read()?, false), Task::DestroyPepper(version)).await.map(drop)
}

async fn change_token(settings: &Settings, (so_pin, initialise): (&Pin, bool), task: Task) -> Result<Prepared, Error> {
    let mut worker = spawn(settings, &settings.environment)?;
    let order = ToWorker::Prepare(Prepare {
        module: settings.module.clone(),
        token_label: settings.token_label.clone(),
        serial: settings.serial.clone(),
        kind: settings.kind,
        so_pin: so_pin.clone(),
        user_pin: settings.pin.read()?,
        initialise,
        task,
    });
    let mut slept = Duration::ZERO;
    match first_answer(&mut worker, &order, limits::START, &mut slept).await? {
        FromWorker::Prepared(result) => result,
        FromWorker::Started(_) | FromWorker::Answer { .. } => Err(unexpected()),
    }
}

/// Starts a process and waits until its token is open and tested.
async fn start(
    settings: &Settings,
    address: &TokenAddress,
    patience: Duration,
    slept: &mut Duration,
) -> Result<(Worker, Fingerprint), Error> {
    let mut worker = spawn(settings, &address.environment)?;
    let order = ToWorker::Start(Start::of(settings, address)?);
    match first_answer(&mut worker, &order, patience, slept).await? {
        FromWorker::Started(Ok(fingerprint)) => Ok((worker, fingerprint)),
        FromWorker::Started(Err(error)) => {
            end(&mut worker.child).await;
            Err(error)
        }
        FromWorker::Prepared(_) | FromWorker::Answer { .. } => Err(unexpected()),
    }
}

fn spawn(settings: &Settings, environment: &[(String, String)]) -> Result<Worker, Error> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|error| failed("socket pair", &error))?;
    ours.set_nonblocking(true).map_err(|error| failed("socket", &error))?;
    let executable = match &settings.executable {
        Some(path) => path.clone(),
        None => std::env::current_exe().map_err(|error| failed("own executable", &error))?,
    };
    let mut command = std::process::Command::new(&executable);
    command
        .args(&settings.worker_arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // A terminal's Ctrl-C is for the service, which still needs its workers to finish what it has begun.
        .process_group(0);
    let child = Command::from(command).kill_on_drop(true).spawn().map_err(|error| failed("HSM worker", &error))?;
    let process = child.id().ok_or_else(|| Error::unavailable("the HSM worker ended at once"))?;
    let (reader, writer) = UnixStream::from_std(ours).map_err(|error| failed("socket", &error))?.into_split();
    Ok(Worker { child, process, reader, writer })
}

/// Sends the first frame and reads the answer to it. A worker that has slept for that long, or gives none until `limits::START`, is killed
/// with the value that owns it. `slept` is how long it was neither ready to run nor at a disk: what is owed to the machine is not the token's.
async fn first_answer(
    worker: &mut Worker,
    order: &ToWorker,
    patience: Duration,
    slept: &mut Duration,
) -> Result<FromWorker, Error> {
    let frame = frame::encode(order)?;
    let process = worker.process;
    let answered = async {
        worker.writer.write_all(&frame).await.map_err(|error| failed("HSM worker", &error))?;
        frame::receive::<FromWorker>(&mut worker.reader).await.map_err(|error| Error::unavailable(error.to_string()))
    };
    let given_up = async {
        let began = Instant::now();
        let mut looked = began;
        while *slept < patience && began.elapsed() < limits::START {
            sleep(TICK).await;
            let now = Instant::now();
            if !waits_for_machine(process) {
                *slept = slept.saturating_add(now.saturating_duration_since(looked));
            }
            looked = now;
        }
    };
    tokio::select! {
        answer = answered => answer,
        () = given_up => Err(Error::unavailable("the token did not open in time")),
    }
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::unavailable(format!("{what}: {error}"))
}

/// Why a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Hung,
    Grown,
    Strange,
}

impl End {
    fn text(self) -> &'static str {
        match self {
            Self::Closed => "the HSM worker ended",
            Self::Hung => "the HSM worker did not answer in time",
            Self::Grown => "the HSM worker grew past its memory bound",
            Self::Strange => "the HSM worker met other keys than are known of its token",
        }
    }

    /// How much it tells against the token.
    fn weight(self) -> Option<u32> {
        match self {
            Self::Closed => Some(1),
            Self::Hung => Some(limits::HUNG_WEIGHT),
            Self::Grown | Self::Strange => None,
        }
    }
}

/// Serves a live worker until it ends, hangs or is retired; says why.
async fn serve(shared: &Shared, (token, index): (usize, usize), worker: Worker, found: &Fingerprint) -> End {
    let Worker { mut child, process, mut reader, writer } = worker;
    let (frames, queued) = mpsc::unbounded_channel();
    let link = Arc::new(Link::new(process, shared.settings.threads, frames));
    shared.enter(token, index, &link, found);
    let writing = tokio::spawn(write_frames(writer, queued));
    let reading = async {
        while let Ok(message) = frame::receive::<FromWorker>(&mut reader).await {
            if link.answered(message).is_err() {
                break;
            }
        }
    };
    let why = tokio::select! {
        () = reading => End::Closed,
        why = watch(&link, &shared.settings) => why,
    };
    // Counted before anybody is served elsewhere, so that a success that comes after it counts as such.
    if let Some(weight) = why.weight() {
        shared.failed(token, weight, &Error::unavailable(why.text()));
    }
    // No call may choose it from here on; those that wait for it learn that no answer comes.
    if why != End::Strange {
        shared.set(token, index, State::Starting);
    }
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
async fn watch(link: &Link, settings: &Settings) -> End {
    tokio::select! {
        () = until_hung(link) => End::Hung,
        () = link.dismissed() => End::Strange,
        why = until_unfit(link, settings) => why,
    }
}

/// A call is late and the worker sleeps, looked at several times: an answer that was only just given may still be on its way here.
async fn until_hung(link: &Link) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asleep = 0_u32;
    loop {
        asleep = match link.hung_for(Instant::now()) {
            Some(hung) if hung >= limits::STARVED => return,
            Some(_) if !waits_for_machine(link.process) => asleep.saturating_add(1),
            _ => 0,
        };
        if asleep >= ASLEEP {
            return;
        }
        ticks.tick().await;
    }
}

/// In idle moments the worker is weighed and probed, so that a token that went away shows before somebody needs it. The worker ends
/// itself where the probe fails; a probe that is never answered ends here.
async fn until_unfit(link: &Link, settings: &Settings) -> End {
    loop {
        sleep(limits::PROBE_EVERY).await;
        if !link.is_idle() {
            continue;
        }
        if resident_bytes(link.process).is_some_and(|bytes| bytes > settings.memory_bytes) {
            return End::Grown;
        }
        match link.ask(&Request::Probe, Request::Probe.patience(settings.stall)).await {
            // Its answer says nothing here: a worker that lost its token ends itself.
            Ok(_) | Err(Failure::Busy) => {}
            Err(_) => return End::Hung,
        }
    }
}

/// Resident memory as `/proc` tells it, `None` where it does not.
fn resident_bytes(process: u32) -> Option<u64> {
    let pages: u64 =
        std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(PAGE_BYTES))
}

/// Whether a thread of the process is ready to run or waits for a disk (proc(5), `/proc/PID/task/TID/stat`): on a busy machine it is late
/// through no fault of its token's, for which it would sleep. The thread that makes keys in advance does not count.
fn waits_for_machine(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().any(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // "TID (name) STATE …"
        stat.split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(") "))
            .is_some_and(|(name, rest)| name != stock::THREAD && (rest.starts_with('R') || rest.starts_with('D')))
    })
}

async fn end(child: &mut Child) {
    // SIGKILL reaches a stopped process too. An error means that it has ended already.
    drop(child.kill().await);
}

/// How often a worker is looked at.
const TICK: Duration = Duration::from_millis(25);
/// So many looks in a row that find it asleep show it hung: a tenth of a second.
const ASLEEP: u32 = 4;
/// The page size of the platforms served; a wrong one shifts a bound that is a rule of thumb.
const PAGE_BYTES: u64 = 4_096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_that_sleeps_does_not_wait_for_the_machine_and_one_that_runs_does() {
        let mut sleeping = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut running = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let found = [sleeping.id(), running.id()].map(waits_for_machine);
        for process in [&mut sleeping, &mut running] {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        assert_eq!(found, [false, true]);
    }
}

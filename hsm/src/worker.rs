//! The HSM worker process: the only one that loads a vendor's library and holds a PIN. Its socket is its standard input; it ends
//! when that closes, or when a probe found the token gone, so that a fresh process meets the token that comes back.

use crate::{
    engine::{Core, Job, Pool},
    error::Error,
    frame::{self, FromWorker, Prepare, Start, Task, ToWorker},
    judge::KeyReader,
    limits,
    provision::{self, Plan, Prepared},
};
use std::{
    io::{BufReader, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// Runs the worker to its end; signatures are judged by what the reader gives. To be called before any async runtime is started and before
/// any other thread exists.
pub fn run(reader: KeyReader) -> ExitCode {
    forbid_core_dumps();
    let Ok(descriptor) = std::io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::FAILURE;
    };
    let stream = UnixStream::from(descriptor);
    let Ok(writer) = stream.try_clone() else {
        return ExitCode::FAILURE;
    };
    let worker = Arc::new(Worker { writer: Mutex::new(writer), pool: OnceLock::new(), reader });
    let mut frames = BufReader::new(stream);
    loop {
        match frame::read::<ToWorker>(&mut frames) {
            Ok(Some(ToWorker::Start(start))) => {
                let worker = Arc::clone(&worker);
                // The token may hang while it is opened; this thread goes on listening for the service's end.
                std::thread::spawn(move || worker.start(start));
            }
            Ok(Some(ToWorker::Prepare(order))) => {
                let worker = Arc::clone(&worker);
                std::thread::spawn(move || worker.prepare(&order));
            }
            Ok(Some(ToWorker::Call { id, milliseconds, request })) => {
                let until =
                    Instant::now().checked_add(Duration::from_millis(milliseconds)).unwrap_or_else(Instant::now);
                let answering = Arc::clone(&worker);
                let answer = Box::new(move |result| answering.answer(id, result));
                if let Err(error) = worker.submit(Job { request, until, answer }) {
                    worker.answer(id, Err(error));
                }
            }
            Ok(None) => end(0),
            Err(_) => end(1),
        }
    }
}

struct Worker {
    writer: Mutex<UnixStream>,
    pool: OnceLock<Pool>,
    reader: KeyReader,
}

impl Worker {
    fn start(&self, start: Start) {
        let threads = start.threads;
        let opened = Core::open(start, self.reader).and_then(|core| {
            let fingerprint = core.known().clone();
            Ok((Pool::start(core, threads, threads.saturating_mul(2))?, fingerprint))
        });
        let result = opened.and_then(|(pool, fingerprint)| match self.pool.set(pool) {
            Ok(()) => Ok(fingerprint),
            Err(_) => Err(Error::Protocol { reason: "started twice".to_owned() }),
        });
        let failed = result.is_err();
        self.write(&FromWorker::Started(result));
        if failed {
            end(2);
        }
    }

    fn prepare(&self, order: &Prepare) {
        let plan = Plan {
            module: &order.module,
            token_label: &order.token_label,
            serial: order.serial.as_deref(),
            kind: order.kind,
            so_pin: &order.so_pin,
            user_pin: &order.user_pin,
            initialise: order.initialise,
        };
        let made = |label| Prepared { initialised: false, made: vec![label] };
        let prepared = match &order.task {
            Task::Prepare(secrets) => provision::prepare(&plan, secrets),
            Task::AddPepper(value) => provision::add_pepper(&plan, value).map(|version| made(version.to_string())),
            Task::DestroyPepper(version) => provision::destroy_pepper(&plan, *version).map(|()| Prepared::default()),
        };
        let code = if prepared.is_ok() { 0 } else { 2 };
        self.write(&FromWorker::Prepared(prepared));
        end(code);
    }

    fn submit(&self, job: Job) -> Result<(), Error> {
        self.pool.get().ok_or_else(|| Error::Protocol { reason: "a call before the start".to_owned() })?.submit(job)
    }

    fn answer(&self, id: u64, result: Result<crate::Response, Error>) {
        self.write(&FromWorker::Answer { id, result });
        if self.pool.get().is_some_and(|pool| pool.core().is_lost()) {
            end(3);
        }
    }

    fn write(&self, message: &FromWorker) {
        let frame = frame::encode(message).or_else(|_| frame::encode(&oversized_answer(message)));
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if frame.map_or(true, |frame| writer.write_all(&frame).is_err()) {
            end(1);
        }
    }
}

fn oversized_answer(message: &FromWorker) -> FromWorker {
    let error = Error::invalid(format!("the answer is longer than {} bytes", limits::FRAME_LENGTH));
    match message {
        FromWorker::Answer { id, .. } => FromWorker::Answer { id: *id, result: Err(error) },
        FromWorker::Started(_) => FromWorker::Started(Err(error)),
        FromWorker::Prepared(_) => FromWorker::Prepared(Err(error)),
    }
}

/// A core dump would hold the PIN, and another process of the same user could read the memory.
fn forbid_core_dumps() {
    #[allow(unsafe_code)]
    // SAFETY: prctl(PR_SET_DUMPABLE, 0) takes integers only and touches no memory of this process.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
}

/// Ends at once: destructors of a vendor's library may hang, and other threads may be inside it.
pub(crate) fn end(code: i32) -> ! {
    #[allow(unsafe_code)]
    // SAFETY: _exit takes an integer, does not return, and runs no code of this process.
    unsafe {
        libc::_exit(code)
    }
}

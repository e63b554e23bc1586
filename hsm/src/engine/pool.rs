//! Threads that each own a session, behind one bounded queue. Used by the worker process and in process alike.

use super::{Core, Engine};
use crate::{
    error::Error,
    limits,
    message::{Request, Response},
    stock,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

/// A request with where its answer goes.
pub(crate) struct Job {
    pub(crate) request: Request,
    /// After this nobody waits for the answer, so it is not begun.
    pub(crate) until: Instant,
    pub(crate) answer: Box<dyn FnOnce(Result<Response, Error>) + Send>,
}

/// The threads of one process for one token.
#[derive(Debug)]
pub(crate) struct Pool {
    queue: Option<SyncSender<Job>>,
    core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
    stock: Option<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn start(core: Arc<Core>, threads: usize, queue: usize) -> Result<Self, Error> {
        let (sender, receiver) = sync_channel(queue.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let engines = (0..threads.max(1)).map(|_| Engine::new(Arc::clone(&core))).collect::<Result<Vec<_>, _>>()?;
        let threads = engines
            .into_iter()
            .map(|engine| {
                let receiver = Arc::clone(&receiver);
                std::thread::spawn(move || work(engine, &receiver))
            })
            .collect();
        let stock = stock::start(&core);
        Ok(Self { queue: Some(sender), core, threads, stock })
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn thread_count(&self) -> usize {
        self.threads.len()
    }

    /// Queues a job, or refuses at once.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Error> {
        let queue = self.queue.as_ref().ok_or_else(|| Error::unavailable("the pool has ended"))?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Disconnected(_) => Error::unavailable("the signing threads have ended"),
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.core.stock.stop();
        self.queue = None;
        // Modules crash where a process ends with a thread inside them, so every thread is waited for. The worker process, whose
        // token may hang, never comes here: it ends with _exit.
        for thread in self.threads.drain(..).chain(self.stock.take()) {
            drop(thread.join());
        }
    }
}

fn work(mut engine: Engine, receiver: &Mutex<Receiver<Job>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(limits::SWEEP);
        match next {
            Ok(job) if Instant::now() >= job.until => (job.answer)(Err(Error::DeadlineExceeded)),
            Ok(job) => {
                let result = engine.execute(&job.request);
                (job.answer)(result);
            }
            Err(RecvTimeoutError::Timeout) => engine.rest(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

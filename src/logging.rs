//! The service's log: one JSON object a line on standard error. A line that cannot be written, because the disk is full or whoever collects
//! the log has gone, is lost and counted; it never ends what was telling it. Lines about requests, one each, are written by a thread of their own,
//! so that no request waits for whoever collects them.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that could not be written since the start.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// Starts the log; `RUST_LOG` chooses what is told.
pub fn start() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,chuky=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).json().with_span_list(false);
    // The library would tell of a failure on standard error itself, and panic where that fails too.
    let _ = log.with_writer(Writers).log_internal_errors(false).try_init();
}

/// The target of lines about requests.
pub const REQUESTS: &str = "chuky::request";

/// Lines that could not be written since the start.
pub fn lost() -> usize {
    LOST.load(Ordering::Relaxed)
}

/// Who writes a line, by what it is about.
struct Writers;

impl<'a> MakeWriter<'a> for Writers {
    type Writer = Box<dyn Write>;

    fn make_writer(&'a self) -> Self::Writer {
        Box::new(Lines(io::stderr()))
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Self::Writer {
        match queue() {
            Some(queue) if about.target() == REQUESTS => Box::new(Queued(queue)),
            _ => self.make_writer(),
        }
    }
}

/// Lines that wait to be written; `None` where no thread can be had for it.
fn queue() -> Option<&'static SyncSender<Vec<u8>>> {
    static QUEUE: OnceLock<Option<SyncSender<Vec<u8>>>> = OnceLock::new();
    let start = || {
        let (sender, waiting) = sync_channel(MOST_WAITING);
        let thread = thread::Builder::new().name("request-lines".to_owned());
        thread.spawn(move || write_out(&waiting, io::stderr())).ok().map(|_| sender)
    };
    QUEUE.get_or_init(start).as_ref()
}

/// Writes what waits, many lines at a time where many do.
fn write_out(waiting: &Receiver<Vec<u8>>, to: impl Write) {
    let mut to = to;
    while let Ok(mut lines) = waiting.recv() {
        let mut count = 1;
        while lines.len() < AT_A_TIME {
            let Ok(line) = waiting.try_recv() else { break };
            lines.extend_from_slice(&line);
            count += 1;
        }
        if to.write_all(&lines).is_err() {
            LOST.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// Hands each line over, or loses it where too many wait.
struct Queued<'a>(&'a SyncSender<Vec<u8>>);

impl Write for Queued<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(line.to_owned()).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes each line whole, or loses it.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.write_all(line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines about requests that wait: of about 400 octets each.
const MOST_WAITING: usize = 8_192;
/// Octets that are written at a time, and a line more.
const AT_A_TIME: usize = 16_384;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_counted() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let before = lost();
        Lines(full).write_all(b"{}\n").unwrap();
        assert_eq!(lost(), before + 1);
        let mut kept = Vec::new();
        Lines(&mut kept).write_all(b"{}\n").unwrap();
        assert_eq!((kept, lost()), (b"{}\n".to_vec(), before + 1));
        // One that nobody takes from the queue waits for nobody either.
        let (sender, waiting) = sync_channel(2);
        for _ in 0..5 {
            Queued(&sender).write_all(b"{}\n").unwrap();
        }
        assert_eq!(lost(), before + 4);
        drop(sender);
        let mut written = Vec::new();
        write_out(&waiting, &mut written);
        assert_eq!(written, b"{}\n{}\n");
    }
}

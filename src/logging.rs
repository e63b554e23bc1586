//! The service's log: one JSON object a line on standard error. A line that cannot be written, because the disk is full or whoever collects
//! the log has gone, is lost and counted; it never ends what was telling it.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Lines that could not be written since the start.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// Starts the log; `RUST_LOG` chooses what is told.
pub fn start() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,chuky=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).json();
    // The library would tell of a failure on standard error itself, and panic where that fails too.
    let _ = log.with_writer(|| Lines(io::stderr())).log_internal_errors(false).try_init();
}

/// Lines that could not be written since the start.
pub fn lost() -> usize {
    LOST.load(Ordering::Relaxed)
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
    }
}

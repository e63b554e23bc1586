//! A stream that does not wait for ever: for a peer that reads nothing of its answer, and where the protocol has signs of life for one that sends
//! nothing.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The stream, and how long its peer may keep it waiting.
pub(super) struct Slow<S> {
    stream: S,
    write: Patience,
    /// Where the peer is heard of now and then whatever it does.
    read: Option<Patience>,
}

struct Patience {
    longest: Duration,
    /// Made at the first wait, and kept for the next.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<S> Slow<S> {
    /// `answers_pings`: HTTP/2, whose peer answers within `longest` to what it is asked each `longest`.
    pub(super) fn new(stream: S, longest: Duration, answers_pings: bool) -> Self {
        let patience = |longest| Patience { longest, timer: None, is_waiting: false };
        let read = answers_pings.then(|| patience(longest.saturating_mul(3)));
        Self { stream, write: patience(longest), read }
    }
}

impl Patience {
    fn check<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.is_waiting = false;
            return polled;
        }
        let longest = self.longest;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(longest)));
        if !self.is_waiting {
            self.is_waiting = true;
            if let Some(end) = Instant::now().checked_add(longest) {
                timer.as_mut().reset(end);
            }
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let slow = self.get_mut();
        let polled = Pin::new(&mut slow.stream).poll_read(context, buffer);
        match &mut slow.read {
            Some(patience) => patience.check(context, polled),
            None => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let slow = self.get_mut();
        let polled = Pin::new(&mut slow.stream).poll_write(context, octets);
        slow.write.check(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let slow = self.get_mut();
        let polled = Pin::new(&mut slow.stream).poll_write_vectored(context, octets);
        slow.write.check(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let slow = self.get_mut();
        let polled = Pin::new(&mut slow.stream).poll_flush(context);
        slow.write.check(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let slow = self.get_mut();
        let polled = Pin::new(&mut slow.stream).poll_shutdown(context);
        slow.write.check(context, polled)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const LONGEST: Duration = Duration::from_secs(2);

    #[tokio::test]
    async fn a_peer_that_reads_nothing_is_not_waited_for() {
        let (near, mut far) = duplex(64);
        let mut near = Slow::new(near, LONGEST, false);
        // One that reads slowly is.
        let began = Instant::now();
        let reading = tokio::spawn(async move {
            let mut piece = [0; 64];
            for _ in 0..10 {
                tokio::time::sleep(LONGEST / 4).await;
                far.read_exact(&mut piece).await.unwrap();
            }
            far
        });
        near.write_all(&[7; 640]).await.unwrap();
        assert!(began.elapsed() >= LONGEST * 2);
        let _far = reading.await.unwrap();
        let began = Instant::now();
        let failed = near.write_all(&[7; 256]).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
        assert!(began.elapsed() >= LONGEST);
    }

    #[tokio::test]
    async fn only_who_is_asked_for_signs_of_life_must_give_them() {
        let (near, _far) = duplex(64);
        let mut near = Slow::new(near, LONGEST / 8, true);
        assert_eq!(near.read_u8().await.unwrap_err().kind(), ErrorKind::TimedOut);
        let (near, mut far) = duplex(64);
        let mut near = Slow::new(near, LONGEST / 8, false);
        tokio::spawn(async move {
            tokio::time::sleep(LONGEST * 2).await;
            far.write_all(&[1]).await.unwrap();
        });
        assert_eq!(near.read_u8().await.unwrap(), 1);
    }
}

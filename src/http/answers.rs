//! The answers of one HTTP/2 connection: whether somebody takes them. A client there gives signs of life and opens no window all the same, so that no
//! write ever waits ([`super::slow`] sees nothing); each answer is watched by itself.

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// What is under way on a connection.
#[derive(Clone)]
pub(super) struct Answers(Arc<Mutex<Watched>>);

struct Watched {
    next: u64,
    /// Since when the client has been waited for, of each request that is not fully answered; `None` where it waits for the service.
    since: HashMap<u64, Option<Instant>>,
    /// When the last one was finished.
    idle: Instant,
}

/// What is to become of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standstill {
    /// Somebody is at work.
    No,
    /// Nothing has been asked or is being answered for so long.
    Idle,
    /// An answer lies there and is not taken, or nothing went on for twice as long and the client stays.
    Over,
}

impl Answers {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Watched { next: 0, since: HashMap::new(), idle: Instant::now() })))
    }

    /// A request begins.
    pub(super) fn begin(&self) -> Answer {
        let mut watched = self.watched();
        watched.next = watched.next.wrapping_add(1);
        let number = watched.next;
        watched.since.insert(number, None);
        Answer { answers: self.clone(), number }
    }

    /// What has stood still for `slow` at that time.
    pub(super) fn standstill(&self, slow: Duration, now: Instant) -> Standstill {
        let watched = self.watched();
        let idle = now.saturating_duration_since(watched.idle);
        let mut waiting = watched.since.values().flatten();
        match watched.since.is_empty() {
            true if idle >= slow * 2 => Standstill::Over,
            true if idle >= slow => Standstill::Idle,
            false if waiting.any(|since| now.saturating_duration_since(*since) >= slow) => Standstill::Over,
            _ => Standstill::No,
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request until its answer is taken or given up.
pub(super) struct Answer {
    answers: Answers,
    number: u64,
}

impl Answer {
    /// The body of the answer, whose client is waited for from now on.
    pub(super) fn over(self, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        self.waits(true);
        Body::new(Watching { body, left: Bytes::new(), answer: self })
    }

    /// Whether the client is waited for.
    fn waits(&self, for_client: bool) {
        if let Some(since) = self.answers.watched().since.get_mut(&self.number) {
            *since = for_client.then(Instant::now);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut watched = self.answers.watched();
        watched.since.remove(&self.number);
        watched.idle = Instant::now();
    }
}

/// A body that is asked for a piece where the client takes one. In small pieces, so that little is held for a client that takes no more.
struct Watching {
    body: Body,
    left: Bytes,
    answer: Answer,
}

impl HttpBody for Watching {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => {
                    self.answer.waits(false);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.left = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                ended => return ended,
            }
        }
        self.answer.waits(true);
        let piece = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let of_body = self.body.size_hint();
        let left = u64::try_from(self.left.len()).unwrap_or(u64::MAX);
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(left));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(left));
        }
        hint
    }
}

/// Octets: one DATA frame as clients take them unless they say otherwise (RFC 9113 §6.5.2).
const PIECE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::to_bytes;
    use std::{future::poll_fn, task::Waker};

    const SLOW: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn an_answer_that_is_not_taken_stands_still() {
        let answers = Answers::new();
        let after = |times: u32| answers.standstill(SLOW, Instant::now() + SLOW * times);
        let answer = answers.begin();
        assert_eq!(after(9), Standstill::No, "the service is at work");
        let mut body = answer.over(Body::from(vec![7; PIECE * 2]));
        assert_eq!((after(0), after(1)), (Standstill::No, Standstill::Over));
        let piece = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
        assert_eq!(piece.into_data().unwrap().len(), PIECE);
        // Another that goes on makes it no better.
        let other = answers.begin();
        assert_eq!((after(0), after(1)), (Standstill::No, Standstill::Over));
        drop((body, other));
        assert_eq!((after(0), after(1), after(2)), (Standstill::No, Standstill::Idle, Standstill::Over));
    }

    #[tokio::test]
    async fn who_waits_for_the_service_does_not() {
        let answers = Answers::new();
        let (client, ours) = tokio::io::duplex(8);
        let mut body = answers.begin().over(Body::from_stream(tokio_util::io::ReaderStream::new(client)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut context).is_pending());
        assert_eq!(answers.standstill(SLOW, Instant::now() + SLOW * 9), Standstill::No);
        drop(ours);
        assert_eq!(to_bytes(body, 1).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn nothing_is_lost_on_the_way() {
        let answers = Answers::new();
        let whole: Vec<u8> = (0..PIECE * 5 + 3).map(|octet| u8::try_from(octet % 251).unwrap()).collect();
        let body = answers.begin().over(Body::from(whole.clone()));
        assert_eq!(body.size_hint().exact(), Some(u64::try_from(whole.len()).unwrap()));
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), whole);
    }
}

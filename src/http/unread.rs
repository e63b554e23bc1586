//! What nobody read of a request. A request is often refused before its body has arrived; were the connection closed over unread octets, TCP would
//! reset it (RFC 9293 §3.6.1) and a client that writes first and reads then would never learn why. So the rest is taken and forgotten, for a while
//! (RFC 9112 §9.6).

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};

/// A body of HTTP/1 whose rest is taken when it is dropped before its end.
pub(super) struct Unread<B: Octets>(Option<Rest<B>>);

/// Bodies that can be taken by a task of their own.
pub(super) trait Octets: HttpBody<Data = Bytes> + Unpin + Send + 'static {}
impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> Octets for B {}

struct Rest<B> {
    body: B,
    /// Between two pieces of it.
    slow: Duration,
    /// Whether the client sends it unless told to stop: one that waits for `100 Continue` (RFC 9110 §10.1.1) is told by the answer.
    is_sent: bool,
}

impl<B: Octets> Unread<B> {
    /// `slow`: how long nothing may come of it. `waits`: the request expects `100 Continue`, which is sent when its body is first asked for.
    pub(super) fn new(body: B, slow: Duration, waits: bool) -> Self {
        Self(Some(Rest { body, slow, is_sent: !waits }))
    }
}

impl<B: Octets> HttpBody for Unread<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(rest) = &mut self.0 else { return Poll::Ready(None) };
        rest.is_sent = true;
        let polled = ready!(Pin::new(&mut rest.body).poll_frame(context));
        if !matches!(polled, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |rest| rest.body.size_hint())
    }
}

impl<B: Octets> Drop for Unread<B> {
    fn drop(&mut self) {
        let Some(rest) = self.0.take().filter(|rest| rest.is_sent && !rest.body.is_end_stream()) else { return };
        // Where no runtime is left the connection is gone, too.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(LONGEST, forget(rest)));
        }
    }
}

async fn forget<B: Octets>(mut rest: Rest<B>) {
    let mut left = MOST;
    while let Ok(Some(Ok(frame))) =
        timeout(rest.slow, poll_fn(|context| Pin::new(&mut rest.body).poll_frame(context))).await
    {
        let Some(fewer) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = fewer;
    }
}

/// For a refused client to finish.
const LONGEST: Duration = Duration::from_secs(30);
/// Octets: more than the largest upload that the settings allow unless they say otherwise.
const MOST: usize = 256 << 20;

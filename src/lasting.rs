//! Tasks beside the requests that the service cannot do without. A task that panics would otherwise end alone, and whoever relies on it
//! would wait for ever in a service that looks alive.

use std::{future::poll_fn, panic::AssertUnwindSafe, pin::pin, process, task::Poll};
use tokio::task::JoinHandle;

/// Starts a task that lasts as long as the service. Where it panics the process ends: what it was at is taken up by the next start, as
/// after any crash.
pub fn spawn(name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if caught(task).await.is_none() {
            tracing::error!(event = "task_panicked", task = name);
            process::abort();
        }
    })
}

/// What the future gives; `None` where it panicked, and what it held is dropped.
pub async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_wherever_it_happens() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        let later = async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        };
        assert_eq!(caught::<()>(later).await, None);
    }
}

//! Callers that go to the database together.

use tokio::{sync::mpsc, task};

/// Fills `group`, which is empty, with those who wait, up to `most`; false once nobody will come any more. Whoever is ready to
/// run now comes along: tokio polls a task that yields when no other is ready on its thread, so an idle service waits for nobody.
pub async fn gather<T>(receiver: &mut mpsc::Receiver<T>, group: &mut Vec<T>, most: usize) -> bool {
    let Some(first) = receiver.recv().await else { return false };
    group.push(first);
    task::yield_now().await;
    while group.len() < most {
        let Ok(next) = receiver.try_recv() else { break };
        group.push(next);
    }
    true
}

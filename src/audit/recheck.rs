//! Reads the entries that a start did not read, because a summary stood for them: slowly, beside the work. An entry that was changed or taken out is
//! found as the start would have found it, and nothing is said about versions of rows any more. Reads only.

use super::{
    entry::leaf,
    evidence::{contradiction, not_whole},
    merkle::{Frontier, leaf_hash},
    versions::RowVersions,
};
use crate::{error::Result, store::Store};
use std::time::Duration;

/// Reads them all, a page at a time with that pause between. What fails for another reason than the log's is tried again.
pub async fn run(store: &Store, rows: &RowVersions, pause: Duration) {
    let Some(wanted) = rows.unread() else { return };
    let mut frontier = Frontier::default();
    while frontier.size() < wanted.size() {
        match page(store, &mut frontier, wanted.size()).await {
            Ok(()) => {
                rows.read_again(frontier.size());
                tokio::time::sleep(pause).await;
            }
            Err(error) => match contradiction(&error) {
                Some(what) => return rows.refuse(what.to_owned()),
                None => {
                    tracing::warn!(event = "audit_log_not_read_again", error = %error);
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
        }
    }
    if frontier != wanted {
        let error = not_whole("the audit log's beginning is not what it was");
        return rows.refuse(error.to_string());
    }
    rows.all_read();
    tracing::info!(event = "audit_log_read_again", entries = frontier.size());
}

async fn page(store: &Store, frontier: &mut Frontier, until: u64) -> Result<()> {
    let from = i64::try_from(frontier.size()).unwrap_or(i64::MAX);
    let page = store.list_audit_leaves(from, PAGE).await?;
    if page.is_empty() {
        return Err(not_whole("the audit log is shorter than it was"));
    }
    for (stored, entry) in page {
        if frontier.size() == until {
            return Ok(());
        }
        let hash = leaf_hash(&leaf(&entry));
        if u64::try_from(stored.sequence) != Ok(frontier.size()) || stored.hash != hash {
            return Err(not_whole("an entry of the audit log was changed or is missing"));
        }
        frontier.append(hash);
    }
    Ok(())
}

/// Entries read at a time.
const PAGE: i64 = 500;
/// Between two pages: about 5,000 entries a second, a tenth of a core.
pub const PAUSE: Duration = Duration::from_millis(100);
const AFTER_FAILURE: Duration = Duration::from_secs(10);

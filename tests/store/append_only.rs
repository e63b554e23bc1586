//! History is appended, never rewritten, and the audit log has no gaps and no two places for one entry.

use super::{on_both, sample};
use crate::harness::database::Database;
use chuky::store::Error;
use chuky_model::record::{Cursor, audit::*};

on_both!(entries_wait_until_they_are_appended, heads_only_grow, history_is_not_rewritten);

fn leaf(sequence: i64, entry: &AuditEntry) -> AuditLeaf {
    AuditLeaf { sequence, entry_id: entry.id, hash: sample::digest(entry.subject.as_bytes()) }
}

async fn entries_wait_until_they_are_appended(database: Database) {
    let store = &database.store;
    let (late, early) = (sample::entry("late", 2), sample::entry("early", 1));
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_audit_entry(&late).await.unwrap();
    transaction.insert_audit_entry(&early).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.pending_audit_entries(10).await.unwrap(), vec![early.clone(), late.clone()]);
    assert_eq!(store.audit_size().await.unwrap(), 0);

    let mut transaction = store.begin().await.unwrap();
    transaction.append_audit_leaves(&[leaf(0, &early)]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.pending_audit_entries(10).await.unwrap(), vec![late.clone()]);
    assert_eq!(store.audit_size().await.unwrap(), 1);
    for taken in [leaf(0, &late), leaf(1, &early)] {
        let mut transaction = store.begin().await.unwrap();
        assert!(matches!(transaction.append_audit_leaves(&[taken]).await, Err(Error::Conflict(_))));
    }
    // All or none.
    let mut transaction = store.begin().await.unwrap();
    let both = [leaf(1, &late), leaf(0, &late)];
    assert!(matches!(transaction.append_audit_leaves(&both).await, Err(Error::Conflict(_))));
    drop(transaction);
    assert_eq!(store.audit_size().await.unwrap(), 1);
    let mut transaction = store.begin().await.unwrap();
    transaction.append_audit_leaves(&[leaf(1, &late)]).await.unwrap();
    transaction.commit().await.unwrap();
    let log = store.list_audit_leaves(0, 10).await.unwrap();
    assert_eq!(log, vec![(leaf(0, &early), early.clone()), (leaf(1, &late), late.clone())]);
    assert_eq!(store.audit_leaf_of_entry(late.id).await.unwrap(), Some(leaf(1, &late)));
    assert_eq!(store.count_audit_entries("account.created", "late").await.unwrap(), 1);
    assert_eq!(store.audit_entries_about("early", Cursor::OLDEST, 10).await.unwrap(), vec![early.clone()]);
    assert_eq!(store.list_audit_entries(Cursor::NEWEST, 10).await.unwrap(), vec![late, early]);
}

fn head(size: i64, previous_size: i64) -> AuditHead {
    AuditHead {
        size,
        previous_size,
        root_hash: sample::digest("root"),
        signed_at: sample::at(size),
        key_label: "chuky-audit".to_owned(),
        signature: sample::digest("signature"),
    }
}

async fn heads_only_grow(database: Database) {
    let store = &database.store;
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_audit_head(&head(5, 0)).await.unwrap();
    transaction.insert_audit_head(&head(8, 5)).await.unwrap();
    assert!(matches!(transaction.insert_audit_head(&head(9, 5)).await, Err(Error::Stale)));
    transaction.commit().await.unwrap();
    assert_eq!(store.latest_audit_head().await.unwrap(), Some(head(8, 5)));
    assert_eq!(store.list_audit_heads(5, 10).await.unwrap(), vec![head(8, 5)]);
}

async fn history_is_not_rewritten(database: Database) {
    let entry = sample::entry("subject", 0);
    let mut transaction = database.store.begin().await.unwrap();
    transaction.insert_audit_entry(&entry).await.unwrap();
    transaction.append_audit_leaves(&[leaf(0, &entry)]).await.unwrap();
    transaction.insert_audit_head(&head(1, 0)).await.unwrap();
    transaction.insert_certificate(&sample::certificate(sample::serial(1))).await.unwrap();
    transaction.commit().await.unwrap();
    for statement in [
        "UPDATE audit_entry SET actor = 'nobody'",
        "DELETE FROM audit_entry",
        "UPDATE audit_leaf SET sequence = 5",
        "DELETE FROM audit_head",
        "DELETE FROM certificate",
    ] {
        let refused = database.refuses(statement);
        assert!(refused.contains("never changed or deleted"), "{statement}: {refused}");
    }
}

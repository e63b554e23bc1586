//! Leases, jobs and messages: claimed by one, and by another when that one is gone.

use super::{on_both, sample};
use crate::harness::database::Database;
use chuky::store::Error;
use chuky_model::{
    id::{JobId, MessageId},
    record::{state::*, work::*},
};
use std::collections::HashSet;
use uuid::Uuid;

on_both!(
    a_lease_has_one_holder,
    jobs_are_claimed_once,
    a_job_takes_anothers_place,
    messages_leave_once,
    data_keys_have_versions
);

async fn a_lease_has_one_holder(database: Database) {
    let take = |holder: &'static str, now: i64| {
        let store = database.store.clone();
        async move {
            let mut transaction = store.begin().await.unwrap();
            let lease =
                transaction.take_lease("sequencer", holder, sample::at(now), sample::at(now + 10)).await.unwrap();
            transaction.commit().await.unwrap();
            lease.map(|lease| lease.fence)
        }
    };
    assert_eq!(take("one", 0).await, Some(1));
    assert_eq!(take("two", 5).await, None);
    assert_eq!(take("one", 8).await, Some(1), "renewed");
    assert_eq!(take("two", 17).await, None);
    assert_eq!(take("two", 18).await, Some(2), "it had run out");
    assert_eq!(take("one", 19).await, None);
    let mut transaction = database.store.begin().await.unwrap();
    transaction.release_lease("sequencer", "one").await.unwrap();
    transaction.release_lease("sequencer", "two").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(take("one", 19).await, Some(3));
}

fn job(number: i64) -> Job {
    Job {
        id: JobId(Uuid::now_v7()),
        kind: "publish".to_owned(),
        payload: vec![0, 255],
        state: JobState::Queued,
        run_at: sample::at(number),
        tries: 0,
        last_error: None,
        created_at: sample::at(0),
    }
}

async fn jobs_are_claimed_once(database: Database) {
    let mut transaction = database.store.begin().await.unwrap();
    for number in 0..40 {
        transaction.insert_job(&job(number % 2 * 1_000)).await.unwrap();
    }
    // Another kind's work is somebody else's.
    transaction.insert_job(&Job { kind: "remind".to_owned(), ..job(0) }).await.unwrap();
    transaction.commit().await.unwrap();

    let mut claimants = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = database.store.clone();
        claimants.spawn(async move {
            let mut transaction = store.begin().await.unwrap();
            let jobs = transaction.claim_jobs("publish", sample::at(1), sample::at(60), 5).await.unwrap();
            transaction.commit().await.unwrap();
            jobs
        });
    }
    let claimed: Vec<Job> = claimants.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<_> = claimed.iter().map(|job| job.id).collect();
    assert_eq!((claimed.len(), distinct.len()), (20, 20), "each of the 20 that were due, once");
    assert!(claimed.iter().all(|job| job.tries == 1 && job.run_at == sample::at(60)));

    let (done, dead) = (claimed.first().unwrap(), claimed.get(1).unwrap());
    let mut transaction = database.store.begin().await.unwrap();
    transaction.finish_job(done, JobState::Done, sample::at(2), None).await.unwrap();
    assert!(matches!(transaction.finish_job(done, JobState::Done, sample::at(2), None).await, Err(Error::Stale)));
    let again = transaction.claim_jobs("publish", sample::at(60), sample::at(120), 100).await.unwrap();
    assert_eq!(again.len(), 19, "what its claimant left undone");
    assert!(matches!(transaction.finish_job(dead, JobState::Done, sample::at(61), None).await, Err(Error::Stale)));
}

async fn a_job_takes_anothers_place(database: Database) {
    let before = job(0);
    let after = Job { payload: vec![1], run_at: sample::at(50), last_error: None, ..before.clone() };
    let mut transaction = database.store.begin().await.unwrap();
    assert_eq!(transaction.job_by_id(before.id).await.unwrap(), None);
    transaction.put_job(&before).await.unwrap();
    assert_eq!(transaction.job_by_id(before.id).await.unwrap(), Some(before.clone()));
    let claimed = transaction.claim_jobs("publish", sample::at(1), sample::at(60), 5).await.unwrap();
    transaction.put_job(&after).await.unwrap();
    assert_eq!(transaction.job_by_id(before.id).await.unwrap(), Some(after));
    let late = transaction.finish_job(claimed.first().unwrap(), JobState::Done, sample::at(2), None).await;
    assert!(matches!(late, Err(Error::Stale)), "its claimant comes too late");
}

async fn messages_leave_once(database: Database) {
    let message = Message {
        id: MessageId(Uuid::now_v7()),
        channel: MessageChannel::Sms,
        recipient: vec![1],
        body: vec![2],
        created_at: sample::at(0),
        sent_at: None,
        tries: 0,
        next_at: None,
        failed_at: None,
    };
    let mut transaction = database.store.begin().await.unwrap();
    transaction.insert_message(&message).await.unwrap();
    assert_eq!(transaction.unsent_messages(10).await.unwrap(), vec![message.clone()]);
    transaction.mark_message_sent(message.id, sample::at(1)).await.unwrap();
    assert!(matches!(transaction.mark_message_sent(message.id, sample::at(2)).await, Err(Error::Stale)));
    assert!(transaction.unsent_messages(10).await.unwrap().is_empty());
}

async fn data_keys_have_versions(database: Database) {
    let key = DataKey { version: 1, created_at: sample::at(0), retired_at: None };
    let mut transaction = database.store.begin().await.unwrap();
    transaction.insert_data_key(&key).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(database.store.data_keys().await.unwrap(), vec![key.clone()]);
    let mut transaction = database.store.begin().await.unwrap();
    assert!(matches!(transaction.insert_data_key(&key).await, Err(Error::Conflict(_))));
}

//! Many callers at once: one of them wins, the others are told so.

use super::{on_both, sample};
use crate::harness::database::Database;
use chuky::store::{Error, Store};
use chuky_model::{
    id::*,
    record::{Authenticated, certificate::Crl, payment::*},
};
use std::future::Future;
use tokio::task::JoinSet;
use uuid::Uuid;

on_both!(
    one_of_many_changes_a_row,
    one_of_many_gets_a_serial,
    crl_numbers_and_times_only_grow,
    a_payment_is_first_once,
    groups_of_payments_do_not_block_each_other,
    a_group_tells_its_own_repetitions,
    several_processes_share_a_database,
    idempotent_requests_begin_once
);

const CALLERS: usize = 32;

/// Runs so many callers at once and returns what each said.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(caller: impl Fn(usize) -> F) -> Vec<T> {
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(caller(number));
    }
    callers.join_all().await
}

async fn one_of_many_changes_a_row(database: Database) {
    let mut account = sample::stored_account(&database.store, "thu.ha").await;
    account.advance();
    let outcomes = at_once(|number| {
        let (store, mut account) = (database.store.clone(), account.clone());
        async move {
            account.failed_logins = i64::try_from(number).unwrap();
            let mut transaction = store.begin().await.unwrap();
            let outcome = transaction.update_account(&account).await;
            transaction.commit().await.unwrap();
            (outcome, account)
        }
    })
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(outcome, _)| outcome.is_ok());
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|(outcome, _)| matches!(outcome, Err(Error::Stale))));
    assert_eq!(database.store.account_by_id(account.id).await.unwrap().unwrap(), won.first().unwrap().1);
}

async fn one_of_many_gets_a_serial(database: Database) {
    let outcomes = at_once(|_| {
        let store = database.store.clone();
        async move {
            let mut transaction = store.begin().await.unwrap();
            transaction.insert_certificate(&sample::certificate(sample::serial(1))).await?;
            transaction.commit().await
        }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(Error::Conflict(_)))));
    assert_eq!(database.sql("SELECT COUNT(*) FROM certificate"), "1");
}

async fn publish(store: &Store, list: &Crl) -> Result<(), Error> {
    let mut transaction = store.begin().await.unwrap();
    transaction.publish_crl(list).await?;
    transaction.commit().await
}

async fn crl_numbers_and_times_only_grow(database: Database) {
    let store = &database.store;
    publish(store, &sample::crl(1, 0, 10)).await.unwrap();
    assert!(matches!(publish(store, &sample::crl(1, 0, 20)).await, Err(Error::Stale)), "the same number");
    assert!(matches!(publish(store, &sample::crl(2, 1, 10)).await, Err(Error::Stale)), "the same time");
    assert!(matches!(publish(store, &sample::crl(2, 1, 9)).await, Err(Error::Stale)), "an earlier time");
    assert!(matches!(publish(store, &sample::crl(0, 1, 30)).await, Err(Error::Refused(_))), "a smaller number");
    assert!(matches!(publish(store, &sample::crl(9, 8, 30)).await, Err(Error::Stale)), "one it does not follow");
    publish(store, &sample::crl(7, 1, 30)).await.unwrap();
    assert_eq!(store.latest_crl("citizens-issuing").await.unwrap().unwrap().number, 7);
    assert_eq!(store.latest_crl("officials-issuing").await.unwrap(), None);

    let outcomes = at_once(|number| {
        let (store, number) = (database.store.clone(), i64::try_from(number).unwrap());
        async move { publish(&store, &sample::crl(8 + number, 7, 40 - number % 5)).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(Error::Conflict(_) | Error::Stale))));
}

fn payment(identity: &str, order: &str) -> PaymentIdentity {
    PaymentIdentity {
        identity: sample::digest(identity),
        order_digest: sample::digest(order),
        provider_id: AccountId(Uuid::now_v7()),
        accepted_at: sample::at(0),
        batch_id: BatchId(Uuid::now_v7()),
    }
}

async fn consume(store: &Store, payments: &[PaymentIdentity]) -> Vec<Consumed> {
    let mut transaction = store.begin().await.unwrap();
    let outcomes = transaction.consume_payments(payments).await.unwrap();
    transaction.commit().await.unwrap();
    outcomes
}

async fn a_payment_is_first_once(database: Database) {
    let outcomes = at_once(|number| {
        let store = database.store.clone();
        async move { consume(&store, &[payment("one", if number % 2 == 0 { "this" } else { "that" })]).await }
    })
    .await;
    let count = |wanted| outcomes.iter().flatten().filter(|outcome| **outcome == wanted).count();
    assert_eq!(count(Consumed::First), 1);
    assert_eq!(count(Consumed::Repeated), CALLERS / 2 - 1);
    assert_eq!(count(Consumed::Conflict), CALLERS / 2);
    let stored = database.store.payment_by_identity(&sample::digest("one")).await.unwrap().unwrap();
    assert_eq!(stored.accepted_at, sample::at(0));
    assert_eq!(database.sql("SELECT COUNT(*) FROM payment_identity"), "1");
}

async fn groups_of_payments_do_not_block_each_other(database: Database) {
    // Every caller consumes the same hundred, each in another order.
    let outcomes = at_once(|number| {
        let store = database.store.clone();
        async move {
            let mut group: Vec<_> = (0..100).map(|order| payment(&order.to_string(), "order")).collect();
            group.rotate_left(number * 3);
            consume(&store, &group).await
        }
    })
    .await;
    let firsts = outcomes.iter().flatten().filter(|outcome| **outcome == Consumed::First).count();
    let repetitions = outcomes.iter().flatten().filter(|outcome| **outcome == Consumed::Repeated).count();
    assert_eq!((firsts, repetitions), (100, 100 * (CALLERS - 1)));
}

async fn a_group_tells_its_own_repetitions(database: Database) {
    let group = [payment("a", "x"), payment("b", "x"), payment("a", "x"), payment("a", "y")];
    let outcomes = consume(&database.store, &group).await;
    assert_eq!(outcomes, [Consumed::First, Consumed::First, Consumed::Repeated, Consumed::Conflict]);
    assert!(consume(&database.store, &[]).await.is_empty());

    let batch_id = group.first().unwrap().batch_id;
    let batch = PaymentBatch {
        id: batch_id,
        accepted_at: sample::at(0),
        count: 1,
        digest: sample::digest("batch"),
        version: 1,
        mac: sample::digest("mac"),
    };
    let mut transaction = database.store.begin().await.unwrap();
    transaction.insert_payment_batch(&batch).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(database.store.payment_batch_by_id(batch_id).await.unwrap(), Some(batch));
    assert_eq!(database.store.payments_of_batch(batch_id).await.unwrap(), vec![group.first().unwrap().clone()]);
}

async fn several_processes_share_a_database(database: Database) {
    // Each caller opens it anew, as another process would, and writes several times.
    at_once(|number| {
        let url = database.url.clone();
        async move {
            if number >= 8 {
                return;
            }
            let store = Store::open(&url).await.unwrap();
            for round in 0..10 {
                sample::stored_account(&store, &format!("{number}-{round}")).await;
            }
            store.close().await;
        }
    })
    .await;
    assert_eq!(database.sql("SELECT COUNT(*) FROM account"), "80");
}

async fn idempotent_requests_begin_once(database: Database) {
    let outcomes = at_once(|number| {
        let store = database.store.clone();
        async move {
            let request = Idempotency {
                key_hash: sample::digest("key"),
                account_id: AccountId(Uuid::now_v7()),
                route: "/api/v1/requests".to_owned(),
                request_mac: sample::digest(number.to_string()),
                response_status: None,
                response: None,
                created_at: sample::at(0),
            };
            let mut transaction = store.begin().await.unwrap();
            let stored = transaction.begin_idempotent(&request).await.unwrap();
            if stored.is_none() {
                transaction.answer_idempotent(&request.key_hash, 201, &request.request_mac).await.unwrap();
            }
            transaction.commit().await.unwrap();
            stored
        }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|stored| stored.is_none()).count(), 1);
    // Whoever came later waited for the first one's answer.
    assert!(outcomes.iter().flatten().all(|stored| stored.response.as_ref() == Some(&stored.request_mac)));
}

/// Eight processes open a database that does not exist yet: it is made and migrated once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_file_is_migrated_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ký số ?&#%.db");
    let outcomes = at_once(|_| {
        let file = file.clone();
        async move { Store::open_file(&file).await.map(drop) }
    })
    .await;
    for outcome in outcomes {
        outcome.unwrap();
    }
    assert!(file.exists());
}

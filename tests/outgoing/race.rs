//! Numbers under a race: never the same twice, none left out, whatever rolls back.

use super::{Agency, act, register};
use crate::{
    harness::{
        app::{Backend, TestApp},
        database::Database,
    },
    signing::subscriber::plain_pdf,
    store::on_both,
};
use serde_json::json;
use tokio::task::JoinSet;

on_both!(a_series_has_no_gap_and_no_double);

async fn a_series_has_no_gap_and_no_double(database: Database) {
    let mut callers = JoinSet::new();
    for number in 0..64_u32 {
        let store = database.store.clone();
        callers.spawn(async move {
            let series = if number % 4 == 0 { "CV" } else { "QĐ" };
            let mut transaction = store.begin().await.unwrap();
            let given = transaction.next_outgoing_number("H26", 2026, series).await.unwrap();
            // One in four gives up after it counted.
            if number % 4 == 1 {
                transaction.rollback().await.unwrap();
                return None;
            }
            transaction.commit().await.unwrap();
            Some((series, given))
        });
    }
    let mut given: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    given.sort_unstable();
    let of = |wanted: &str| -> Vec<i64> {
        given.iter().filter(|(series, _)| *series == wanted).map(|(_, number)| *number).collect()
    };
    assert_eq!((of("CV"), of("QĐ")), ((1..=16).collect(), (1..=32).collect()));
    // Another year and another agency begin at one.
    let mut transaction = database.store.begin().await.unwrap();
    assert_eq!(transaction.next_outgoing_number("H26", 2027, "QĐ").await.unwrap(), 1);
    assert_eq!(transaction.next_outgoing_number("H27", 2026, "QĐ").await.unwrap(), 1);
    transaction.commit().await.unwrap();
    database.refuses("UPDATE outgoing_series SET last_number = 3");
}

async fn clerks_at_once(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let mut documents = Vec::new();
    for _ in 0..5 {
        documents.push(agency.signed(&test, &plain_pdf()).await);
    }
    // Each document twice at once, all at the same time.
    let (test, clerk) = (std::sync::Arc::new(test), agency.clerk.token.clone());
    let mut asked = JoinSet::new();
    for id in documents.iter().chain(&documents) {
        let (test, clerk, id) = (test.clone(), clerk.clone(), id.clone());
        asked.spawn(async move { act(&test, &id, "number", &clerk, &json!({})).await });
    }
    let answers = asked.join_all().await;
    let mut codes: Vec<String> = Vec::new();
    for (status, answer) in answers {
        match status {
            200 => codes.push(answer["code"].as_str().unwrap().to_owned()),
            status => assert_eq!(status, 409, "{answer}"),
        }
    }
    codes.sort();
    assert_eq!(codes, (1..=5).map(|number| format!("{number:02}/QĐ-UBND")).collect::<Vec<_>>());
    let lines = register(&test, &clerk, "Q%C4%90").await;
    assert_eq!(lines, (1..=5).map(|number| (number, "given".to_owned())).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clerks_who_number_at_once_get_each_number_once_on_sqlite() {
    clerks_at_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clerks_who_number_at_once_get_each_number_once_on_postgres() {
    clerks_at_once(Backend::Postgres).await;
}

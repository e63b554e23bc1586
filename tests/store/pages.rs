//! Lists page by cursor: every row once, in order, also where many have the same time.

use super::{on_both, sample};
use crate::harness::database::Database;
use chuky_model::{
    record::{Cursor, state::CertificateState},
    request::RequestState,
};

on_both!(requests_page_both_ways, certificates_page_by_state);

async fn requests_page_both_ways(database: Database) {
    let store = &database.store;
    let operator = sample::stored_account(store, "operator").await;
    let mut requests: Vec<_> = (0..25).map(|number| sample::request(operator.id, number / 10)).collect();
    let mut transaction = store.begin().await.unwrap();
    for request in requests.iter().rev() {
        transaction.insert_request(request, request.id.0.as_bytes()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    requests.sort_by_key(|request| (request.created_at, request.id));

    let (mut seen, mut cursor) = (Vec::new(), Cursor::OLDEST);
    loop {
        let page = store.list_requests(RequestState::Submitted, cursor, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Cursor { at: last.created_at, id: last.id.0 };
        seen.extend(page);
    }
    assert_eq!(seen, requests);

    let (mut seen, mut cursor) = (Vec::new(), Cursor::NEWEST);
    loop {
        let page = store.list_requests_of_unit("HN-HK", cursor, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Cursor { at: last.created_at, id: last.id.0 };
        seen.extend(page);
    }
    requests.reverse();
    assert_eq!(seen, requests);
    assert_eq!(store.list_all_requests(Cursor::NEWEST, 100).await.unwrap(), requests);
    assert!(store.list_requests_of_unit("HN-BD", Cursor::NEWEST, 7).await.unwrap().is_empty());
}

async fn certificates_page_by_state(database: Database) {
    let store = &database.store;
    let mut transaction = store.begin().await.unwrap();
    for number in 0..10 {
        transaction.insert_certificate(&sample::certificate(sample::serial(number))).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let first = store.list_certificates(CertificateState::Intended, Cursor::OLDEST, 6).await.unwrap();
    let last = first.last().unwrap();
    let cursor = Cursor { at: last.updated_at, id: last.id.0 };
    let second = store.list_certificates(CertificateState::Intended, cursor, 6).await.unwrap();
    assert_eq!((first.len(), second.len()), (6, 4));
    assert!(second.iter().all(|certificate| !first.contains(certificate)));
    assert!(store.list_certificates(CertificateState::Issued, Cursor::OLDEST, 6).await.unwrap().is_empty());
}

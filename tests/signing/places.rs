//! Documents that are worked on at once: so many of one account, held until the last byte is read or nobody waits any more.

use super::subscriber::{PIN, citizen, official, plain_pdf};
use crate::harness::app::{Backend, TestApp};
use chuky::{rates::Quota, signing::limits::PLACES_OF_AN_ACCOUNT};
use chuky_model::id::AccountId;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

async fn owner(test: &TestApp, document: &str) -> AccountId {
    test.app.store.document_by_id(document.parse().unwrap()).await.unwrap().unwrap().owner_id
}

/// The places that are left to an account.
fn left(test: &TestApp, account: AccountId) -> usize {
    let mut held = Vec::new();
    while let Ok(place) = test.app.places.enter(account) {
        held.push(place);
    }
    held.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_works_on_so_many_documents_at_once() {
    let test = TestApp::start(Backend::Sqlite).await;
    let (busy, other) = (citizen(&test).await, official(&test, "p256").await);
    let id = busy.upload(&test, &plain_pdf()).await;
    let others = other.upload(&test, &plain_pdf()).await;
    let account = owner(&test, &id).await;
    let held: Vec<_> = (0..PLACES_OF_AN_ACCOUNT).map(|_| test.app.places.enter(account).unwrap()).collect();
    let content = format!("/api/v1/documents/{id}/content");
    let extensions = format!("/api/v1/documents/{id}/extensions");
    let (status, answer) = test.get(&content, &busy.token).await;
    assert_eq!((status, answer["type"].as_str()), (503, Some("urn:chuky:problem:try_again")), "{answer}");
    assert_eq!(test.post(&extensions, &busy.token, &json!({})).await.0, 503);
    assert_eq!(busy.ask(&test, &id, PIN, json!({})).await.0, 503);
    // Nobody else is held up.
    assert_eq!(
        test.raw("GET", &format!("/api/v1/documents/{others}/content"), &other.token, "", Vec::new()).await.0,
        200
    );
    assert_eq!(other.ask(&test, &others, PIN, json!({})).await.0, 200);
    drop(held);
    assert_eq!(busy.ask(&test, &id, PIN, json!({})).await.0, 200);
    assert_eq!(test.raw("GET", &content, &busy.token, "", Vec::new()).await.0, 200);
    assert_eq!(test.post(&extensions, &busy.token, &json!({})).await.0, 200);
    assert_eq!(left(&test, account), PLACES_OF_AN_ACCOUNT, "every place came back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_holds_its_place_until_it_is_read_or_given_up() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    // More than the sockets between take.
    let large = vec![b'x'; 24 << 20];
    let (status, document) =
        test.request("POST", "/api/v1/documents?name=a.txt", &citizen.token, "text/plain", large).await;
    assert_eq!(status, 201, "{document}");
    let id = document["id"].as_str().unwrap();
    let account = owner(&test, id).await;
    let address = test.url.trim_start_matches("http://");
    let request = format!(
        "GET /api/v1/documents/{id}/content HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        citizen.token
    );
    let mut unread: Vec<TcpStream> = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        tokio::task::block_in_place(|| stream.read_exact(&mut status)).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
        unread.push(stream);
    }
    assert_eq!(left(&test, account), PLACES_OF_AN_ACCOUNT - 2);
    drop(unread);
    let end = Instant::now() + Duration::from_secs(60);
    while left(&test, account) < PLACES_OF_AN_ACCOUNT {
        assert!(Instant::now() < end, "a place is held for nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extensions_have_a_quota() {
    let test = TestApp::with(|settings| settings.rates.extend = Quota { count: 2, seconds: 3_600 }).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let ask = async || test.post(&format!("/api/v1/documents/{id}/extensions"), &citizen.token, &json!({})).await;
    assert_eq!((ask().await.0, ask().await.0), (409, 409), "it is not signed");
    let (status, answer) = ask().await;
    assert_eq!((status, answer["type"].as_str()), (429, Some("urn:chuky:problem:too_many_tries")), "{answer}");
}

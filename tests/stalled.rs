//! A network to PostgreSQL that takes everything and hands nothing on: nobody waits longer than is set, nothing is done twice, and what became of
//! a commit is not pretended to be known.

use crate::{
    fault_run::network::{Network, Way},
    harness::{
        app::{Backend, TestApp},
        database::{OwnCluster, run},
    },
    staff::problem,
};
use chuky::store::{Error, Store};
use chuky_model::role::Role;
use serde_json::json;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(5);
/// What a call may take at most: a connection is waited for, then a statement, some of them one after the other; far less than for ever.
const LONGEST: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_network_holds_no_caller_and_doubles_nothing() {
    let cluster = OwnCluster::start();
    let network = Network::to(cluster.port(), None);
    let url = network.url(&cluster.url(), cluster.port());
    let test = TestApp::start_with(Backend::Postgres, |settings| {
        (settings.database_url, settings.database_wait) = (url, WAIT);
    })
    .await;
    let (_, operator) = test.account("mot.quay", &[Role::Operator], None).await;
    assert_eq!(test.get("/api/v1/session", &operator).await.0, 200);
    let request = json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } });
    let enter = async || {
        let headers = vec![
            ("authorization", format!("Bearer {operator}")),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", "one-request-on-a-bad-line".to_owned()),
        ];
        let body = request.to_string().into_bytes();
        let (status, _, bytes) = test.exchange("POST", "/api/v1/requests", headers, body).await;
        (status, serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default())
    };
    // Everybody who calls meanwhile is told to try again.
    network.set(Way::Stalled);
    let since = Instant::now();
    let (entered, read) = tokio::join!(enter(), test.get("/api/v1/requests?state=submitted", &operator));
    for (status, answer) in [&entered, &read] {
        assert_eq!((*status, problem(answer)), (503, "try_again"), "{answer}");
    }
    assert!(since.elapsed() < LONGEST, "{:?}", since.elapsed());
    // Once it hands on again all is well, and whoever repeats the call has it done once, or is told to look first.
    network.set(Way::Open);
    let mut last = (0, json!(null));
    while since.elapsed() < 2 * LONGEST {
        last = enter().await;
        if last.0 == 201 || problem(&last.1) == "request_broken_off" {
            break;
        }
        assert!(last.0 == 503 || last.0 == 409, "{last:?}");
    }
    assert!(last.0 == 201 || problem(&last.1) == "request_broken_off", "{last:?}");
    let stored = run(&cluster.url(), "SELECT count(*) FROM registration_request").unwrap();
    assert!(stored == "1" || (stored == "0" && last.0 != 201), "{stored} {last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_not_answered_is_not_known() {
    let cluster = OwnCluster::start();
    let network = Network::to(cluster.port(), None);
    let store = Store::open_within(&network.url(&cluster.url(), cluster.port()), WAIT).await.unwrap();
    let begun = async || {
        let mut transaction = store.begin().await?;
        transaction.raise_status_generation(6).await?;
        Ok::<_, Error>(transaction)
    };
    let transaction = begun().await.unwrap();
    network.set(Way::Stalled);
    assert!(matches!(transaction.commit().await, Err(Error::Unknown(_))));
    // Nor does a question wait, whichever connection it gets.
    assert!(matches!(store.audit_size().await, Err(Error::Unavailable(_))));
    assert!(matches!(begun().await.map(drop), Err(Error::Unavailable(_))));
    network.set(Way::Open);
    // Connections that were given up make place for others.
    let since = Instant::now();
    while store.audit_size().await.is_err() {
        assert!(since.elapsed() < LONGEST);
    }
    let transaction = begun().await.unwrap();
    transaction.commit().await.unwrap();
    // The first one may have taken hold when the network handed it on.
    assert!([7, 8].contains(&store.status_generation().await.unwrap()));
    store.close().await;
}

//! What somebody with SQL write access beside the running service cannot do: every attack goes through a second real connection.

use super::subscriber::{PIN, citizen, official, plain_pdf};
use crate::harness::app::TestApp;
use chuky::{
    accounts::{self, Principal},
    custody::{self, Activated, Factors, Wanted},
    error::{Error, InternalError},
};
use chuky_model::algorithm::SignatureScheme;
use serde_json::json;

fn forged<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Internal(InternalError::RowForged { .. })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_counter_reset_by_sql_opens_nothing() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    test.sql("CREATE TABLE stolen AS SELECT * FROM credential");
    for _ in 0..2 {
        assert_eq!(citizen.ask(&test, &id, "khong dung dau", json!({})).await.0, 403);
    }
    // The counter alone: the row's MAC does not fit.
    test.sql("CREATE TABLE counted AS SELECT * FROM credential");
    test.sql("UPDATE credential SET tries = 0");
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 500);
    // The whole row as it was before, with its own MAC: the audit log knows better.
    let put_back = |table: &str| {
        test.sql(&format!(
            "UPDATE credential SET tries = o.tries, version = o.version, mac = o.mac, updated_at = o.updated_at, state = o.state \
             FROM {table} o WHERE o.id = credential.id"
        ))
    };
    put_back("stolen");
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 500);
    // As it really is, it serves again.
    put_back("counted");
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swapped_or_altered_key_signs_nothing() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let id = citizen.upload(&test, &plain_pdf()).await;
    test.sql("CREATE TABLE kept AS SELECT * FROM credential");
    let other = official.credential.replace('-', "");
    let own = citizen.credential.replace('-', "");
    // The official's key, which has the same PIN, under the citizen's credential.
    for column in ["sealed_key", "pin_salt", "account_id"] {
        test.sql(&format!(
            "UPDATE credential SET {column} = (SELECT {column} FROM kept WHERE hex(id) = upper('{other}')) \
             WHERE hex(id) = upper('{own}')"
        ));
        let (status, answer) = citizen.ask(&test, &id, PIN, json!({})).await;
        assert_eq!(status, 500, "{column}: {answer}");
        test.sql(&format!("UPDATE credential SET {column} = k.{column} FROM kept k WHERE k.id = credential.id"));
    }
    let made = test.sql("SELECT count(*) FROM signature");
    assert_eq!(made.trim(), "0");
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activation_is_used_once_for_its_hashes_in_their_order() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let by = accounts::principal_of_bearer(&test.app, &citizen.token).await.unwrap();
    let hashes = vec![vec![1; 32], vec![2; 32]];
    // Used once, it is used.
    let activated = open(&test, &by, &citizen.credential, &hashes).await;
    test.sql("CREATE TABLE opened AS SELECT * FROM activation");
    let used = async |activated: &Activated| custody::use_activation(&test.app, &by, activated).await;
    assert_eq!(used(&activated).await.unwrap().len(), 2);
    assert!(matches!(used(&activated).await, Err(Error::Request(refused)) if refused.code == "activation_used"));
    // Opened again by SQL, with and without the MAC it had.
    test.sql("UPDATE activation SET state = 'open', used_count = 0");
    assert!(forged(used(&activated).await));
    test.sql(
        "UPDATE activation SET state = o.state, used_count = o.used_count, sealed_key = o.sealed_key, version = o.version, \
         mac = o.mac FROM opened o WHERE o.id = activation.id",
    );
    assert!(forged(used(&activated).await));
    // Widened, reordered, exchanged: by the caller, and in the row.
    for other in [
        vec![vec![1; 32], vec![2; 32], vec![3; 32]],
        vec![vec![2; 32], vec![1; 32]],
        vec![vec![1; 32], vec![3; 32]],
        vec![vec![1; 32]],
    ] {
        let mut activated = open(&test, &by, &citizen.credential, &hashes).await;
        activated.context.hashes = other;
        assert!(used(&activated).await.is_err());
    }
    let mut activated = open(&test, &by, &citizen.credential, &hashes).await;
    test.sql("UPDATE activation SET hash_count = 3 WHERE state = 'open' AND used_count = 0 AND version = 1");
    assert!(forged(used(&activated).await));
    // A longer life.
    activated = open(&test, &by, &citizen.credential, &hashes).await;
    activated.context.expires = activated.context.expires.plus_seconds(3_000);
    assert!(used(&activated).await.is_err());
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "2", "only the first two were ever made");
}

async fn open(test: &TestApp, by: &Principal, credential: &str, hashes: &[Vec<u8>]) -> Activated {
    let signer = custody::signer(&test.app, by, credential.parse().unwrap()).await.unwrap();
    let (scheme, hashes) = (SignatureScheme::EcdsaSha256, hashes.to_vec());
    let wanted = Wanted { scheme, hashes, document: None, shown: Vec::new() };
    custody::open_activation(&test.app, by, &signer, &Factors::enter(PIN, "", None).unwrap(), wanted).await.unwrap()
}

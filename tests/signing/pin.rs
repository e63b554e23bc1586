//! Change of PIN: the old one counted and checked, the new one by rule, nothing of either anywhere, and a kill that loses nothing.

use super::{
    service::Served,
    subscriber::{PIN, Subscriber, citizen, plain_pdf},
};
use crate::harness::app::{Backend, TestApp};
use serde_json::{Value, json};

const NEW: &str = "cá vàng thích đọc báo";

async fn change(test: &TestApp, who: &Subscriber, old: &str, new: &str) -> (u16, Value) {
    let body = json!({ "old_pin": old, "new_pin": new });
    test.post(&format!("/api/v1/credentials/{}/pin", who.credential), &who.token, &body).await
}

fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

async fn changed_and_nothing_left(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    // What is no PIN costs no try.
    for (new, code) in
        [("12345678", "pin_guessable"), ("ngắn", "pin_length"), ("x001190012345", "pin_personal"), (PIN, "pin_same")]
    {
        let (status, answer) = change(&test, &citizen, PIN, new).await;
        assert_eq!((status, problem(&answer)), (422, code), "{answer}");
    }
    assert_eq!(test.sql("SELECT tries FROM credential").trim(), "0");
    let (status, answer) = change(&test, &citizen, "không phải mã này", NEW).await;
    assert_eq!((status, problem(&answer)), (403, "pin_wrong"), "{answer}");
    let salt = || test.sql("SELECT pin_salt FROM credential");
    let before = salt();
    assert_eq!(change(&test, &citizen, PIN, NEW).await.0, 200);
    assert_ne!(salt(), before);
    // The new one signs, the old one is wrong; the tries are forgiven.
    assert_eq!(test.sql("SELECT tries FROM credential").trim(), "0");
    let (status, answer) = citizen.ask(&test, &id, PIN, json!({})).await;
    assert_eq!((status, problem(&answer)), (403, "pin_wrong"));
    assert_eq!(citizen.ask(&test, &id, NEW, json!({})).await.0, 200);
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'credential.resealed'").trim(), "1");
    // Neither PIN stands anywhere, as text or as an unkeyed digest of text or body.
    let dump = everything(&test).to_lowercase();
    for pin in [PIN, NEW] {
        let body = json!({ "old_pin": PIN, "new_pin": NEW }).to_string();
        for text in [pin, &body] {
            use sha2::Digest;
            assert!(!dump.contains(&text.to_lowercase()), "a PIN in clear");
            assert!(!dump.contains(&hex::encode(text)), "a PIN in hexadecimal");
            assert!(!dump.contains(&hex::encode(sha2::Sha256::digest(text))), "a digest of a PIN");
        }
    }
    // Wrong ones lock.
    for left in (0..5).rev() {
        let (_, answer) = change(&test, &citizen, "không phải mã này", PIN).await;
        assert_eq!(problem(&answer), if left == 0 { "pin_locked" } else { "pin_wrong" });
    }
    assert_eq!(problem(&change(&test, &citizen, NEW, PIN).await.1), "pin_locked");
}

/// Every table's rows, octets in hexadecimal.
fn everything(test: &TestApp) -> String {
    let sqlite = test.app.settings.database_url.starts_with("sqlite");
    let tables = match sqlite {
        true => test.sql("SELECT name FROM sqlite_master WHERE type = 'table'"),
        false => test.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"),
    };
    let mut dump = String::new();
    for table in tables.lines().filter(|table| !table.starts_with("sqlite_")) {
        let columns = match sqlite {
            true => test.sql(&format!("SELECT name FROM pragma_table_info('{table}')")),
            false => {
                test.sql(&format!("SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"))
            }
        };
        let columns: Vec<String> = columns
            .lines()
            .map(|column| match sqlite {
                true => format!("hex({column}) || ' ' || quote({column})"),
                false => format!("\"{column}\"::text"),
            })
            .collect();
        dump.push_str(&test.sql(&format!("SELECT {} FROM {table}", columns.join(", "))));
    }
    assert!(dump.len() > 1_000);
    dump
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_is_changed_and_nothing_of_it_is_left_on_sqlite() {
    changed_and_nothing_left(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_is_changed_and_nothing_of_it_is_left_on_postgres() {
    changed_and_nothing_left(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_the_old_pin_or_the_new_one() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    let mut now = PIN;
    for (point, stored) in [("pin.after_count", false), ("pin.resealed", false), ("pin.stored", true)] {
        let mut crashing = Served::start(&test, point);
        let path = format!("{}/api/v1/credentials/{}/pin", crashing.url, citizen.credential);
        let request = ureq::post(path).header("authorization", format!("Bearer {}", citizen.token));
        let body = json!({ "old_pin": now, "new_pin": NEW });
        assert!(request.send_json(body).is_err(), "{point}: killed before it answered");
        assert_eq!(crashing.child.wait().unwrap().code(), None, "{point}: ended by a signal");
        now = if stored { NEW } else { now };
        let (status, answer) = citizen.ask(&test, &id, now, json!({})).await;
        assert_eq!(status, 200, "{point}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_given_again_and_an_old_seal_put_back_is_found() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let id = citizen.upload(&test, &plain_pdf()).await;
    test.sql("CREATE TABLE kept AS SELECT * FROM credential");
    let path = format!("{}/api/v1/credentials/{}/pin", test.url, citizen.credential);
    let token = citizen.token.clone();
    let twice = tokio::task::spawn_blocking(move || {
        let send = || {
            let request = ureq::post(&path).header("authorization", format!("Bearer {token}"));
            let request = request.header("idempotency-key", "one-change-of-pin");
            request.send_json(json!({ "old_pin": PIN, "new_pin": NEW })).map(|answer| answer.status().as_u16())
        };
        (send(), send())
    });
    let (first, again) = twice.await.unwrap();
    assert_eq!((first.unwrap(), again.unwrap()), (200, 200));
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'credential.resealed'").trim(), "1");
    // Whoever knows the old PIN and has SQL brings back the seal under it: the log knows of the change.
    test.sql(
        "UPDATE credential SET sealed_key = k.sealed_key, pin_salt = k.pin_salt, tries = k.tries, version = k.version, \
         mac = k.mac, updated_at = k.updated_at FROM kept k WHERE k.id = credential.id",
    );
    assert_eq!(citizen.ask(&test, &id, PIN, json!({})).await.0, 500);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "0");
}

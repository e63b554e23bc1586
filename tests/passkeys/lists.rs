//! Agencies' lists, as a whole and line by line, bound to an assertion that a redeemed code is checked against.

use super::{approver, asked, problem, service};
use crate::{
    agency::{codes, csv, entered, finished},
    harness::app::TestApp,
};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/agency-lists";

async fn preview(test: &TestApp, code: &str) -> (u16, String) {
    let (status, answer) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    (status, problem(&answer).to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_approved_as_a_whole() {
    let test = service(|_| ()).await;
    let (token, mut passkey, _) = approver(&test).await;
    let (id, digest) = entered(&test, csv(3).into_bytes()).await;
    let path = format!("{PATH}/{id}/approve");
    let (status, answer) = test.post(&path, &token, &json!({ "content_digest": digest })).await;
    assert_eq!((status, problem(&answer)), (409, "passkey_needed"), "{answer}");
    // An assertion over one line is none over the list.
    let ask = asked(&test, &token, &format!("agency_line:{id}/0"), &digest).await;
    let body = json!({ "content_digest": digest, "assertion": passkey.answer(&ask) });
    assert_eq!(problem(&test.post(&path, &token, &body).await.1), "passkey_other_content");
    let ask = asked(&test, &token, &format!("agency_list:{id}"), &digest).await;
    let body = json!({ "content_digest": digest, "assertion": passkey.answer(&ask) });
    assert_eq!(test.post(&path, &token, &body).await.0, 204);
    finished(&test, &id, 180).await;
    let codes = codes(&test).await;
    assert_eq!(codes.len(), 3);
    for (_, code) in &codes {
        assert_eq!(preview(&test, code).await.0, 200);
    }
    // Without the assertion none of them opens anything any more.
    test.sql("DROP TRIGGER approval_assertion_no_delete");
    test.sql("DELETE FROM approval_assertion");
    assert_eq!(preview(&test, &codes[0].1).await, (409, "approval_void".to_owned()));
}

/// A row of the list is another than was approved: for the job, and for a code once it is redeemed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_changed_behind_the_list_opens_nothing() {
    let test = service(|_| ()).await;
    let (token, mut passkey, _) = approver(&test).await;
    let (id, digest) = entered(&test, csv(2).into_bytes()).await;
    let ask = asked(&test, &token, &format!("agency_list:{id}"), &digest).await;
    let body = json!({ "content_digest": digest, "assertion": passkey.answer(&ask) });
    assert_eq!(test.post(&format!("{PATH}/{id}/approve"), &token, &body).await.0, 204);
    finished(&test, &id, 180).await;
    let codes = codes(&test).await;
    // The two requests change their lines: each of them claims what the other's line says.
    test.sql("UPDATE agency_line SET request_id = NULL WHERE position = 1");
    test.sql(
        "UPDATE agency_line SET request_id = (SELECT id FROM registration_request WHERE id <> \
              (SELECT request_id FROM agency_line WHERE position = 0)) WHERE position = 0",
    );
    let mut statuses = Vec::new();
    for (_, code) in &codes {
        statuses.push(preview(&test, code).await);
    }
    statuses.sort();
    // One comes from no list and was approved by nobody's passkey; the other's line is not what it says.
    assert_eq!(statuses, [(409, "approval_void".to_owned()), (500, "internal".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_is_approved_alone() {
    let test = service(|_| ()).await;
    let (token, mut passkey, _) = approver(&test).await;
    let (id, list_digest) = entered(&test, csv(2).into_bytes()).await;
    let (_, shown) = test.get(&format!("{PATH}/{id}"), &token).await;
    let digest = shown["lines"][1]["content_digest"].clone();
    let path = format!("{PATH}/{id}/lines/1/approve");
    let assertion = async |passkey: &mut super::authenticator::Authenticator, subject: &str, content: &Value| {
        let ask = asked(&test, &token, subject, content).await;
        json!({ "content_digest": digest, "assertion": passkey.answer(&ask) })
    };
    let body = assertion(&mut passkey, &format!("agency_line:{id}/0"), &digest).await;
    assert_eq!(problem(&test.post(&path, &token, &body).await.1), "passkey_other_content");
    let body = assertion(&mut passkey, &format!("agency_list:{id}"), &list_digest).await;
    assert_eq!(problem(&test.post(&path, &token, &body).await.1), "passkey_other_content");
    let body = assertion(&mut passkey, &format!("agency_line:{id}/1"), &digest).await;
    assert_eq!(test.post(&path, &token, &body).await.0, 204);
    let codes = codes(&test).await;
    assert_eq!(codes.len(), 1);
    assert_eq!(preview(&test, &codes[0].1).await.0, 200);
}

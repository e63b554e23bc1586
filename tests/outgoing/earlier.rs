//! Rows from before roads covered recipients and history and before numbers and packages had MACs: attested at the start as the audit log
//! tells them, and only then.

use super::{Agency, ROAD, act, blob, key, package, problem, sent, short_road, shown};
use crate::{harness::app::TestApp, signing::subscriber::plain_pdf};
use chuky::{
    attestation,
    audit::{self, Actor, Entry, Kind},
    worker,
};
use chuky_model::{
    id::{AccountId, OutgoingId},
    instant::Instant,
    record::outgoing::OutgoingNumber,
};
use serde_json::{Value, json};

/// The road as a service stored it whose rows covered less.
async fn road(test: &TestApp, id: &str) {
    let id: OutgoingId = id.parse().unwrap();
    let mut row = test.app.store.outgoing_by_id(id).await.unwrap().unwrap();
    (row.recipients_digest, row.history_digest) = (None, None);
    attestation::attest(&*test.app.tokens.subscribers, &mut row).await.unwrap();
    let (mac, blob) = (hex::encode(&row.mac), blob(&id.to_string()));
    test.sql(&format!(
        "UPDATE outgoing_document SET recipients_digest = NULL, history_digest = NULL, mac = x'{mac}' WHERE id = {blob}"
    ));
}

async fn told(test: &TestApp, (at, kind, account): (Instant, Kind, AccountId), subject: String, content: Value) {
    let mut transaction = test.app.store.begin().await.unwrap();
    let entry = Entry::new(at, kind, Actor::Account(account), subject).with(content);
    audit::record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A number in the register without a MAC, with its entry in the log where it is told.
async fn number(test: &TestApp, id: &str, is_told: bool) -> OutgoingNumber {
    let clerk = test.app.store.account_by_login("van.thu").await.unwrap().unwrap();
    let at = test.app.clock.now();
    test.sql(&format!(
        "INSERT INTO outgoing_number (unit, year, series, number, outgoing_id, designation, state, given_by, given_at) \
         SELECT 'H26', 2026, 'QĐ', 1 + (SELECT count(*) FROM outgoing_number), {}, 'QĐ-UBND', 'given', id, {} FROM account WHERE login = 'van.thu'",
        blob(id),
        at.0
    ));
    test.sql("INSERT INTO outgoing_series VALUES ('H26', 2026, 'QĐ', 1) ON CONFLICT DO UPDATE SET last_number = last_number + 1");
    let row = test.app.store.outgoing_number_of(id.parse().unwrap()).await.unwrap().unwrap();
    if is_told {
        let content = json!({ "unit": "H26", "year": row.year, "series": row.series, "number": row.number });
        told(test, (at, Kind::OutgoingNumberGiven, clerk.id), format!("outgoing_document:{id}"), content).await;
    }
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roads_and_numbers_from_before_are_attested_as_the_log_tells_them() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let mut documents = Vec::new();
    for _ in 0..3 {
        documents.push(agency.signed(&test, &plain_pdf()).await);
    }
    let [good, altered, untold] = documents.as_slice() else { unreachable!() };
    number(&test, good, true).await;
    number(&test, untold, false).await;
    for id in &documents {
        road(&test, id).await;
        let (status, answer) = test.get(&format!("{ROAD}/{id}"), clerk).await;
        assert_eq!((status, problem(&answer)), (409, "document_not_attested"), "{answer}");
    }
    test.sql(&format!(
        "INSERT INTO outgoing_event (outgoing_id, position, kind, state, account_id, happened_at) \
         SELECT outgoing_id, 99, 'outgoing.sent', 'sent', account_id, happened_at FROM outgoing_event WHERE position = 1 AND outgoing_id = {}",
        blob(altered)
    ));
    for _ in 0..2 {
        worker::prepare(&test.app).await.unwrap();
    }
    assert_eq!(shown(&test, good, clerk).await["recipients"].as_array().unwrap().len(), 2);
    for id in [altered, untold] {
        let (status, answer) = test.get(&format!("{ROAD}/{id}"), clerk).await;
        assert_eq!((status, problem(&answer)), (409, "document_not_attested"), "{answer}");
        assert_eq!(act(&test, id, "number", clerk, &json!({})).await.0, 409);
    }
    // Goes on with the number that the log tells of.
    for (what, body) in [("number", json!({})), ("seal", key(&agency.clerk)), ("send", json!({}))] {
        let (status, answer) = act(&test, good, what, clerk, &body).await;
        assert_eq!((status, &answer["code"]), (200, &json!("01/QĐ-UBND")), "{what}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_from_before_are_attested_as_the_log_tells_them() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let id = sent(&test, &agency, &short_road()).await;
    let package = package(&test, &agency, &id).await;
    let incoming = "/api/v1/documents/incoming";
    let (status, taken) = test.request("POST", incoming, clerk, "application/xml", package.clone().into_bytes()).await;
    assert_eq!((status, &taken["number"]), (201, &json!(1)), "{taken}");
    let row = test.app.store.incoming_by_id(taken["id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    // Rows of that package without a MAC: one that the log tells of, and one of which it tells another number.
    test.sql("DROP TRIGGER incoming_attachment_no_delete");
    test.sql("DROP TRIGGER incoming_document_no_delete");
    test.sql("DELETE FROM incoming_attachment");
    let details = test.app.vault.open("incoming_document.details", &row.id.to_string(), &row.details).unwrap();
    for (number, is_good) in [(1, true), (2, false)] {
        test.sql("DELETE FROM incoming_document");
        let other = uuid::Uuid::now_v7().to_string();
        let sealed = test.app.vault.seal("incoming_document.details", &other, &details).unwrap();
        test.sql(&format!(
            "INSERT INTO incoming_document (id, document_id, unit, sender_id, message_id, details, state, year, number, received_by, \
             received_at, package_sha256) VALUES ({}, {}, 'H26', 'H26', '{}', x'{}', 'registered', {}, {number}, {}, {}, x'{}')",
            blob(&other),
            blob(&row.document_id.to_string()),
            row.message_id,
            hex::encode(sealed),
            row.year.unwrap(),
            blob(&row.received_by.to_string()),
            row.received_at.0,
            hex::encode(&row.package_sha256)
        ));
        let content = json!({
            "unit": "H26", "sender": "H26", "sha256": hex::encode(&row.package_sha256), "year": row.year, "number": 1,
            "accepted_undetermined": false,
        });
        let at = (row.received_at, Kind::IncomingRegistered, row.received_by);
        told(&test, at, format!("incoming_document:{other}"), content).await;
        assert_eq!(test.get(&format!("{incoming}/{other}"), clerk).await.0, 500);
        worker::prepare(&test.app).await.unwrap();
        let (status, bytes) = test.raw("GET", &format!("{incoming}/{other}/content"), clerk, "", Vec::new()).await;
        assert_eq!((status, bytes == package.as_bytes()), (if is_good { 200 } else { 500 }, is_good));
        let (_, list) = test.get(incoming, clerk).await;
        assert_eq!(list["documents"].as_array().unwrap().len(), usize::from(is_good), "{list}");
    }
}

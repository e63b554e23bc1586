//! A list of certificates of which one cannot be shown: each is changed all the same, and told.

use super::issued;
use crate::harness::app::TestApp;
use chuky::{
    attestation,
    audit::{self, Actor, Entry, Kind},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_shown_does_not_end_the_list() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (issued(&test, "citizen").await, issued(&test, "official").await);
    let serial = citizen["serial"].as_str().unwrap();
    // A genuine row, of a certificate that does not open.
    let row = test.app.store.list_certificates(
        chuky_model::record::state::CertificateState::Issued,
        chuky_model::record::Cursor::OLDEST,
        10,
    );
    let mut row = row.await.unwrap().into_iter().find(|row| row.serial.to_string() == serial).unwrap();
    row.certificate = Some(vec![0; 40]);
    attestation::attest_change(&*test.app.tokens.subscribers, &mut row).await.unwrap();
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_certificate(&row).await.unwrap();
    let entry = Entry::of_row(test.app.clock.now(), Kind::CertificateReminded, Actor::Service, &row);
    let entry = audit::record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    test.app.audit.wait(entry).await.unwrap();
    let officer = test.log_in("quantri").await;
    let list = json!({ "action": "suspend", "serials": [citizen["serial"], official["serial"]] });
    let (status, answer) = test.post("/api/v1/certificate-lists", &officer, &list).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(2)), "{answer}");
    for (told, receipt) in answer["certificates"].as_array().unwrap().iter().zip([&citizen, &official]) {
        assert_eq!((&told["serial"], &told["state"]), (&receipt["serial"], &json!("suspended")), "{answer}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM certificate WHERE state = 'suspended'").trim(), "2");
}

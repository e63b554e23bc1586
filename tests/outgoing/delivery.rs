//! Packages are laid for each recipient by itself, in the order of what happened, readable for the adapter's own user.

use super::{Agency, ROAD, act, key, sent, short_road, shown};
use crate::{
    harness::app::{Backend, TestApp},
    issuance::crash::Service,
    signing::subscriber::plain_pdf,
};
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_whose_folder_fails_keeps_nobody_back() {
    let delivery = tempfile::tempdir().unwrap();
    let into = delivery.path().to_owned();
    let test = TestApp::with(|settings| settings.documents.delivery_dir = Some(into)).await;
    let agency = Agency::new(&test).await;
    // A file stands where the first recipient's folder should be.
    let (first, second) = (delivery.path().join("H26.18"), delivery.path().join("000.00.00.H49"));
    fs::write(&first, b"").unwrap();
    let id = sent(&test, &agency, &short_road()).await;
    let name = format!("{id}.edxml");
    let delivered = async || {
        let seen = shown(&test, &id, &agency.drafter).await;
        seen["recipients"].as_array().unwrap().iter().map(|one| one["delivered_at"].is_string()).collect::<Vec<_>>()
    };
    assert_eq!(delivered().await, [false, true]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&second.join(&name)), mode(&second)), (0o644, 0o750));
    // It is not tried in every round: what waits for its time fills no round.
    let due = async || test.app.store.outgoing_undelivered(test.app.clock.now(), 50).await.unwrap().len();
    assert_eq!(due().await, 0);
    fs::remove_file(&first).unwrap();
    chuky::outgoing::deliver_due(&test.app).await.unwrap();
    assert_eq!(delivered().await, [false, true]);
    test.app.clock.shift_seconds(61);
    assert_eq!(due().await, 1);
    chuky::outgoing::deliver_due(&test.app).await.unwrap();
    assert_eq!(delivered().await, [true, true]);
    assert!(first.join(&name).is_file());
    let entries = fs::read_dir(&first).unwrap().count();
    assert_eq!(entries, 1, "nothing half written stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_late_lays_no_document_after_its_recall() {
    let delivery = tempfile::tempdir().unwrap();
    let test = TestApp::start(Backend::Postgres).await;
    let agency = Agency::new(&test).await;
    let id = agency.signed(&test, &plain_pdf()).await;
    for (what, body) in [("number", json!({})), ("seal", key(&agency.clerk))] {
        let (status, answer) = act(&test, &id, what, &agency.clerk.token, &body).await;
        assert_eq!(status, 200, "{what}: {answer}");
    }
    let names = || {
        let entries = fs::read_dir(delivery.path().join("H26.18")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with('.')).collect::<Vec<String>>()
    };
    // Only this node lays packages. It has written the first one and not named it when another calls the document back.
    let mut node = Service::delivering(&test, "stop:outgoing.package_written", Some(delivery.path())).await;
    let (path, token, body) = (format!("{ROAD}/{id}/send"), agency.clerk.token.clone(), json!({}));
    let send = async {
        node.post(&path, &token, &body).await;
    };
    let recall = async {
        node.until_stopped().await;
        let (status, view) = act(&test, &id, "recall", &token, &json!({ "reason": "Sai thẩm quyền" })).await;
        assert_eq!((status, &view["state"]), (200, &json!("recalled")), "{view}");
        assert_eq!(names(), [""; 0]);
        node.goes_on();
    };
    tokio::join!(send, recall);
    assert_eq!(names(), [""; 0], "the document is not laid after it was called back");
    assert_eq!(shown(&test, &id, &agency.drafter).await["recipients"][0]["delivered_at"], json!(null));
    node.end();
}

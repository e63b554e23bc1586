//! Incoming packages: what is signed well is registered once, what was altered goes back with the reason.

use super::{Agency, ROAD, act, key, problem, short_road};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::plain_pdf,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

const INCOMING: &str = "/api/v1/documents/incoming";

pub(super) async fn sent(test: &TestApp, agency: &Agency) -> String {
    let id = agency.submitted(test, &plain_pdf(), &short_road()).await;
    for (what, token, body) in [
        ("sign", &agency.leader.token, key(&agency.leader)),
        ("number", &agency.clerk.token, json!({})),
        ("seal", &agency.clerk.token, key(&agency.clerk)),
        ("send", &agency.clerk.token, json!({})),
    ] {
        let (status, answer) = act(test, &id, what, token, &body).await;
        assert_eq!(status, 200, "{what}: {answer}");
    }
    let path = format!("{ROAD}/{id}/package");
    let (status, package) = test.raw("GET", &path, &agency.clerk.token, "", Vec::new()).await;
    assert_eq!(status, 200);
    String::from_utf8(package).unwrap()
}

pub(super) async fn receive(test: &TestApp, token: &str, package: &str, query: &str) -> (u16, Value) {
    test.request("POST", &format!("{INCOMING}{query}"), token, "application/xml", package.as_bytes().to_vec()).await
}

/// The package with its PDF changed.
fn with_pdf(package: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
    let start = package.find("<edXML:ContentTransferEncoded>").unwrap() + "<edXML:ContentTransferEncoded>".len();
    let end = package.find("</edXML:ContentTransferEncoded>").unwrap();
    let pdf = change(STANDARD.decode(&package[start..end]).unwrap());
    format!("{}{}{}", &package[..start], STANDARD.encode(pdf), &package[end..])
}

async fn registered_or_sent_back(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let package = sent(&test, &agency).await;
    let (status, first) = receive(&test, clerk, &package, "").await;
    assert_eq!((status, &first["state"], &first["status"]), (201, &json!("registered"), &json!("03")), "{first}");
    assert_eq!(
        (&first["number"], &first["code"], &first["sender_id"]),
        (&json!(1), &json!("01/QĐ-UBND"), &json!("H26"))
    );
    assert_eq!(first["attachments"][0]["indication"], "TOTAL_PASSED");
    // The same package again is the same document.
    let (_, again) = receive(&test, clerk, &package, "").await;
    assert_eq!((&again["id"], &again["number"]), (&first["id"], &json!(1)));
    let path = format!("{INCOMING}/{}/content", first["id"].as_str().unwrap());
    let (status, kept) = test.raw("GET", &path, clerk, "", Vec::new()).await;
    assert!(status == 200 && kept == package.as_bytes());
    // Altered, or without a signature: sent back, with the reason, and without a number.
    let flipped = |mut pdf: Vec<u8>| {
        let at = pdf.windows(4).position(|window| window == b"200 ").unwrap();
        pdf[at] = b'3';
        pdf
    };
    let other = package.replace(">01<", ">09<");
    for (package, word) in
        [(with_pdf(&other, flipped), "quyet-dinh.pdf"), (with_pdf(&other, |_| plain_pdf()), "no document")]
    {
        let (status, refused) = receive(&test, clerk, &package, "").await;
        assert_eq!(
            (status, &refused["state"], &refused["status"]),
            (201, &json!("refused"), &json!("02")),
            "{refused}"
        );
        assert!(refused["reason"]["en"].as_str().unwrap().contains(word) && refused["number"].is_null(), "{refused}");
    }
    // Sent again as it should be: registered next.
    let (_, second) = receive(&test, clerk, &other, "").await;
    assert_eq!((&second["state"], &second["number"]), (&json!("registered"), &json!(2)), "{second}");
    let (_, list) = test.get(INCOMING, clerk).await;
    assert_eq!(list["documents"].as_array().unwrap().len(), 4, "{list}");
    assert_eq!(list["documents"][3]["subject"], "Về việc ban hành quy chế làm việc");
    for (package, code) in [
        ("no xml".to_owned(), "package_unusable"),
        (package.replace("<edXML:BussinessDocType>0", "<edXML:BussinessDocType>1"), "package_not_new"),
        (package.replace("<edXML:Subject>", "<edXML:Subject>\u{7f}"), "package_unusable"),
    ] {
        let (status, answer) = receive(&test, clerk, &package, "").await;
        assert_eq!((status, problem(&answer)), (422, code), "{answer}");
    }
    assert_eq!(receive(&test, &agency.leader.token, &package, "").await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_are_registered_or_sent_back_on_sqlite() {
    registered_or_sent_back(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_are_registered_or_sent_back_on_postgres() {
    registered_or_sent_back(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_determined_is_the_clerks_to_accept() {
    // Another authority, which nobody here recorded as trusted: services on SQLite begin from one copy, the other has its own.
    let (there, here) = (TestApp::start(Backend::Postgres).await, TestApp::sqlite().await);
    let package = sent(&there, &Agency::new(&there).await).await;
    let agency = Agency::new(&here).await;
    let (status, answer) = receive(&here, &agency.clerk.token, &package, "").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_undetermined"), "{answer}");
    let accept = "?accept=%C4%90%C3%A3%20x%C3%A1c%20minh%20qua%20%C4%91i%E1%BB%87n%20tho%E1%BA%A1i";
    let (status, taken) = receive(&here, &agency.clerk.token, &package, accept).await;
    assert_eq!((status, &taken["accepted"]), (201, &json!("Đã xác minh qua điện thoại")), "{taken}");
}

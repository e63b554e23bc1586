//! What senders do to documents that were registered here: called back, or replaced, each matched to its own.

use super::{
    Agency, act,
    incoming::{receive, sent},
    problem,
};
use crate::harness::app::{Backend, TestApp};
use serde_json::{Value, json};

const INCOMING: &str = "/api/v1/documents/incoming";

/// The package with that business, about the document with that number of the same day.
fn about(package: &str, business: u8, number: &str) -> String {
    let start = package.find("<edXML:DocumentId>").unwrap() + "<edXML:DocumentId>".len();
    let end = package[start..].find('<').unwrap() + start;
    let own = &package[start..end];
    let (rest, code) = own.rsplit_once(',').unwrap();
    let (_, notation) = code.split_once('/').unwrap();
    let named = format!(
        "<edXML:ResponseFor><edXML:DocumentId>{rest},{number}/{notation}</edXML:DocumentId></edXML:ResponseFor></edXML:MessageHeader>"
    );
    let package = package.replace("</edXML:MessageHeader>", &named);
    package.replace("<edXML:BussinessDocType>0", &format!("<edXML:BussinessDocType>{business}"))
}

async fn seen(test: &TestApp, clerk: &str, id: &Value) -> (u16, Value) {
    test.get(&format!("{INCOMING}/{}", id.as_str().unwrap()), clerk).await
}

async fn taken_back(backend: Backend) {
    let test = TestApp::start(backend).await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let id = super::sent(&test, &agency, &super::short_road()).await;
    let (_, first) = receive(&test, clerk, &super::package(&test, &agency, &id).await, "").await;
    assert_eq!((&first["state"], &first["change"]), (&json!("registered"), &Value::Null), "{first}");
    // Its recall, as our own service makes it: nobody signed the header, so the clerk is asked.
    let (status, _) = act(&test, &id, "recall", clerk, &json!({ "reason": "Sai thẩm quyền" })).await;
    assert_eq!(status, 200);
    let recall = super::package(&test, &agency, &id).await;
    for (package, code) in [
        (recall.clone(), "incoming_undetermined"),
        (recall.replace(">01<", ">07<"), "incoming_unknown"),
        (recall.replace("<edXML:OrganId>H26<", "<edXML:OrganId>H27<"), "incoming_unknown"),
    ] {
        let (status, answer) = receive(&test, clerk, &package, "").await;
        assert_eq!((status, problem(&answer)), (409, code), "{answer}");
    }
    assert_eq!(seen(&test, clerk, &first["id"]).await.1["state"], "registered", "nothing of it counts yet");
    for _ in 0..2 {
        let (status, answer) = receive(&test, clerk, &recall, "?accept=%C4%90%C3%A3%20h%E1%BB%8Fi").await;
        assert_eq!((status, &answer["id"], &answer["state"]), (201, &first["id"], &json!("recalled")), "{answer}");
        assert_eq!((&answer["status"], &answer["number"]), (&json!("15"), &json!(1)));
        let change = &answer["change"];
        assert_eq!((&change["reason"], &change["accepted"]), (&json!("Sai thẩm quyền"), &json!("Đã hỏi")), "{change}");
    }
    let (status, answer) = receive(&test, clerk, &format!("{recall}\n"), "?accept=x").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_changed_before"), "{answer}");
    let (_, list) = test.get(INCOMING, clerk).await;
    assert_eq!((&list["documents"][0]["state"], list["documents"].as_array().unwrap().len()), (&json!("recalled"), 1));
    let path = format!("/documents/incoming/{}", first["id"].as_str().unwrap());
    let (status, page) = test.raw("GET", &path, clerk, "", Vec::new()).await;
    assert!(status == 200 && String::from_utf8(page).unwrap().contains("Nơi gửi đã thu hồi văn bản này"));
    replaced(&test, &agency).await;
}

/// What the sender signed needs nobody's word: it replaces, or calls back, what it names.
async fn replaced(test: &TestApp, agency: &Agency) {
    let clerk = &agency.clerk.token;
    let (_, second) = receive(test, clerk, &sent(test, agency).await, "").await;
    assert_eq!(second["number"], 2, "{second}");
    let package = about(&sent(test, agency).await, 3, "02");
    let (status, third) = receive(test, clerk, &package, "").await;
    assert_eq!((status, &third["state"], &third["number"]), (201, &json!("registered"), &json!(3)), "{third}");
    let (_, again) = receive(test, clerk, &package, "").await;
    assert_eq!(again["id"], third["id"], "the same package is the same document");
    let (_, old) = seen(test, clerk, &second["id"]).await;
    assert_eq!((&old["state"], &old["status"], &old["number"]), (&json!("replaced"), &json!("15"), &json!(2)), "{old}");
    let change = &old["change"];
    assert_eq!((&change["replaced_by"], &change["replaced_by_number"]), (&third["id"], &json!(3)), "{change}");
    let (status, answer) = receive(test, clerk, &about(&sent(test, agency).await, 3, "02"), "").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_changed_before"), "{answer}");
    // A letter of the sender's that calls the third back.
    let (status, answer) = receive(test, clerk, &about(&sent(test, agency).await, 1, "03"), "").await;
    assert_eq!((status, &answer["id"], &answer["state"]), (201, &third["id"], &json!("recalled")), "{answer}");
    assert_eq!(answer["change"]["accepted"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recalls_and_replacements_are_taken_on_sqlite() {
    taken_back(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recalls_and_replacements_are_taken_on_postgres() {
    taken_back(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_writes_sql_calls_a_document_back_or_hides_that_it_was() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let (_, first) = receive(&test, clerk, &sent(&test, &agency).await, "").await;
    let (_, second) = receive(&test, clerk, &about(&sent(&test, &agency).await, 3, "01"), "").await;
    assert_eq!(seen(&test, clerk, &first["id"]).await.1["state"], "replaced");
    test.sql("DROP TRIGGER incoming_change_no_update");
    test.sql("DROP TRIGGER incoming_change_no_delete");
    test.sql("CREATE TABLE kept AS SELECT * FROM incoming_change");
    let second = super::blob(second["id"].as_str().unwrap());
    for change in [
        "UPDATE incoming_change SET kind = 'recalled', replaced_by = NULL".to_owned(),
        format!("UPDATE incoming_change SET id = {second}"),
        "DELETE FROM incoming_change".to_owned(),
    ] {
        test.sql(&change);
        assert_eq!(test.get(INCOMING, clerk).await.0, 500, "{change}");
        test.sql("DELETE FROM incoming_change");
        test.sql("INSERT INTO incoming_change SELECT * FROM kept");
        assert_eq!(test.get(INCOMING, clerk).await.0, 200, "{change}");
    }
}

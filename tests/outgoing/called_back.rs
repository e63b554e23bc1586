//! What senders do to documents that were registered here: called back, or replaced, each matched to its own.

use super::{
    Agency, act,
    incoming::{receive, sent},
    problem,
};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::letter_pdf,
};
use chuky_pki::pdf::{
    letter::{self, Paragraph},
    typeface::Typefaces,
};
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

/// The package of a letter of the agency whose text is that one; its number and notation.
async fn letter(test: &TestApp, agency: &Agency, text: &str) -> (String, String) {
    let read =
        |style: &str| std::fs::read(test.app.settings.fonts_dir.join(format!("LiberationSerif-{style}.ttf"))).unwrap();
    let faces = Typefaces::parse(read("Regular"), read("Bold"), read("Italic"), read("BoldItalic")).unwrap();
    let mut letter = letter::sample(None);
    letter.body = vec![Paragraph::Text(text.to_owned())];
    let pdf = letter.compose(&faces, test.app.clock.now()).unwrap().pdf;
    let mut metadata = super::short_road();
    // Where nothing else stands.
    metadata["number_rectangle"] = json!([40, 800, 200, 820]);
    let id = super::sent_pdf(test, agency, &metadata, &pdf).await;
    let code = super::shown(test, &id, &agency.clerk.token).await["code"].as_str().unwrap().to_owned();
    (super::package(test, agency, &id).await, code)
}

fn number(code: &str) -> &str {
    code.split('/').next().unwrap()
}

/// What the sender signed needs nobody's word where it says itself what it does: it replaces, or calls back, what it names, once.
async fn replaced(test: &TestApp, agency: &Agency) {
    let clerk = &agency.clerk.token;
    let (_, second) = receive(test, clerk, &sent(test, agency).await, "").await;
    assert_eq!((&second["number"], &second["code"]), (&json!(2), &json!("02/QĐ-UBND")), "{second}");
    if letter_pdf(test).is_none() {
        return;
    }
    // A document without text, one that only cites it, one that calls another back: nothing that the header says of it is signed.
    let cites = letter(test, agency, "Căn cứ Quyết định số 02/QĐ-UBND ngày 05 tháng 3 của Ủy ban nhân dân.").await.0;
    let other = letter(test, agency, "Thu hồi và thay thế Quyết định số 12/QĐ-UBND.").await.0;
    for package in [sent(test, agency).await, cites, other] {
        for business in [1, 3] {
            let (status, answer) = receive(test, clerk, &about(&package, business, "02"), "").await;
            assert_eq!((status, problem(&answer)), (409, "incoming_undetermined"), "{business} {answer}");
        }
    }
    assert_eq!(seen(test, clerk, &second["id"]).await.1["state"], "registered", "nothing of it counts");
    let (letter_3, code_3) =
        letter(test, agency, "Quyết định này thay thế Quyết định số 02/QĐ-UBND ngày 05 tháng 3.").await;
    let package = about(&letter_3, 3, "02");
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
    // A letter calls the third back, and the fourth only where the clerk says so: it was here before.
    let fourth_package = sent(test, agency).await;
    let (_, fourth) = receive(test, clerk, &fourth_package, "").await;
    let code_4 = fourth["code"].as_str().unwrap();
    // Another package under the name of the third is told although it replaces the fourth.
    let disguised = about(&letter_3.replace("<edXML:Subject>", "<edXML:Subject>Khẩn: "), 3, number(code_4));
    let (status, answer) = receive(test, clerk, &disguised, "").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_differs"), "{answer}");
    let recalls = format!("Thu hồi Quyết định số {code_3} và Quyết định số {code_4}.");
    let recall = letter(test, agency, &recalls).await.0;
    let (status, answer) = receive(test, clerk, &about(&recall, 1, number(&code_3)), "").await;
    assert_eq!((status, &answer["id"], &answer["state"]), (201, &third["id"], &json!("recalled")), "{answer}");
    assert_eq!(answer["change"]["accepted"], Value::Null);
    let again = about(&recall, 1, number(code_4));
    let (status, answer) = receive(test, clerk, &again, "").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_undetermined"), "{answer}");
    assert!(answer.to_string().contains("was taken with the incoming number 3"), "{answer}");
    let (status, answer) = receive(test, clerk, &again, "?accept=x").await;
    assert_eq!((status, &answer["id"], &answer["change"]["accepted"]), (201, &fourth["id"], &json!("x")), "{answer}");
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
    let (_, second) = receive(&test, clerk, &about(&sent(&test, &agency).await, 3, "01"), "?accept=x").await;
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

//! Incoming packages: what the sender signed is registered once, what was altered goes back with the reason, and what is open is the
//! clerk's to accept.

use super::{Agency, package, problem, short_road};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{citizen, letter_pdf, plain_pdf},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_pki::pdf::{letter, typeface::Typefaces};
use serde_json::{Value, json};

const INCOMING: &str = "/api/v1/documents/incoming";

/// The package of a decision that the agency sent.
pub(super) async fn sent(test: &TestApp, agency: &Agency) -> String {
    let id = super::sent(test, agency, &short_road()).await;
    package(test, agency, &id).await
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

fn flipped(mut pdf: Vec<u8>) -> Vec<u8> {
    let at = pdf.windows(4).position(|window| window == b"200 ").unwrap();
    pdf[at] = b'3';
    pdf
}

/// Another package under the name of one that is registered is judged, and never answered as that one.
async fn anything_else_under_that_name(test: &TestApp, clerk: &str, package: &str) {
    let subject = package.replace("<edXML:Subject>", "<edXML:Subject>Hỏa tốc: ");
    for other in [with_pdf(package, flipped), with_pdf(package, |_| plain_pdf()), subject] {
        let (status, answer) = receive(test, clerk, &other, "").await;
        assert_eq!((status, problem(&answer)), (409, "incoming_differs"), "{answer}");
        assert!(answer["detail"].to_string().contains('1'), "{answer}");
    }
    for other in [with_pdf(package, flipped), with_pdf(package, |_| plain_pdf())] {
        let (status, answer) = receive(test, clerk, &other, "?accept=x").await;
        assert_eq!((status, problem(&answer)), (409, "incoming_differs"), "nobody accepts what was altered: {answer}");
    }
    // What the sender signed, registered already, is no second document under another number.
    let (status, answer) = receive(test, clerk, &package.replace(">01<", ">08<"), "").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_undetermined"), "{answer}");
}

/// The clerk reads the register and each document on pages, and nobody else does.
async fn pages_show_the_register(test: &TestApp, agency: &Agency, first: &Value, package: &str) {
    let page = async |path: &str, token: &str| {
        let (status, body) = test.raw("GET", path, token, "", Vec::new()).await;
        (status, String::from_utf8(body).unwrap())
    };
    let one = format!("/documents/incoming/{}", first["id"].as_str().unwrap());
    let (status, list) = page("/documents/incoming", &agency.clerk.token).await;
    assert!(status == 200 && list.contains(&one) && list.contains("1/20") && list.contains("Đã trả lại"), "{list}");
    let (status, shown) = page(&one, &agency.clerk.token).await;
    let there = ["01/QĐ-UBND", "03: ", "quyet-dinh.pdf", "Chữ ký hợp lệ", "Nơi gửi đã ký: ", "Có trên văn bản đã ký"];
    assert!(status == 200 && there.iter().all(|text| shown.contains(text)), "{shown}");
    for path in ["/documents/incoming", &one] {
        assert_eq!(page(path, &agency.leader.token).await.0, 403, "{path}");
    }
    let token = list.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    // What is handed in there is judged as through the API: the same package again leads to the same document.
    for (package, reason, status, says) in [
        (package.to_owned(), "", 303, ""),
        ("no xml".to_owned(), "", 422, "edXML"),
        (package.replace(">01<", ">08<"), "", 409, "<h1>"),
        (with_pdf(package, flipped), "đã hỏi & xác minh", 409, "đã hỏi &#38; xác minh"),
        (String::new(), "", 422, "Hãy chọn tệp gói tin."),
    ] {
        let name = if package.is_empty() { "" } else { "goi-tin.edxml" };
        let part =
            |head: &str, body: &str| format!("--grenze\r\ncontent-disposition: form-data; {head}\r\n\r\n{body}\r\n");
        let file = part(&format!("name=\"document\"; filename=\"{name}\""), &package);
        let (token, reason_part) = (part("name=\"csrf\"", token), part("name=\"accept\"", reason));
        let form = format!("{token}{file}{reason_part}--grenze--\r\n");
        let kind = "multipart/form-data; boundary=grenze";
        let (answered, body) =
            test.raw("POST", "/documents/incoming", &agency.clerk.token, kind, form.into_bytes()).await;
        let body = String::from_utf8(body).unwrap();
        assert!(answered == status && body.contains(says), "{reason} {answered}: {body}");
    }
    for path in ["/documents/incoming?before=x", "/documents/incoming/x"] {
        assert_eq!(page(path, &agency.clerk.token).await.0, 404, "{path}");
    }
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
    anything_else_under_that_name(&test, clerk, &package).await;
    // Altered, or without a signature: sent back, with the reason, and without a number.
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
    // The agency's next document: registered next.
    let (_, second) = receive(&test, clerk, &sent(&test, &agency).await, "").await;
    assert_eq!((&second["state"], &second["number"]), (&json!("registered"), &json!(2)), "{second}");
    let (_, list) = test.get(INCOMING, clerk).await;
    assert_eq!(list["documents"].as_array().unwrap().len(), 4, "{list}");
    assert_eq!(list["documents"][3]["subject"], "Về việc ban hành quy chế làm việc");
    pages_show_the_register(&test, &agency, &first, &package).await;
    for (package, code) in [
        ("no xml".to_owned(), "package_unusable"),
        (package.replace("<edXML:BussinessDocType>0", "<edXML:BussinessDocType>2"), "package_not_taken"),
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

/// With another file beside those of the package.
fn with_attachment(package: &str, content: &[u8]) -> String {
    let end = "</edXML:Attachment>";
    let start = package.find("<edXML:Attachment>").unwrap();
    let at = package.find(end).unwrap() + end.len();
    let copy = with_pdf(package, |_| content.to_vec());
    let copy_end = copy.find(end).unwrap() + end.len();
    format!("{}{}{}", &package[..at], &copy[start..copy_end], &package[at..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_sender_signed_is_registered_unasked() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let package = sent(&test, &agency).await;
    // Somebody else's signature, valid as it is; no seal of the sender's; another number; a file that nobody signed beside it.
    let signed = citizen(&test).await.sign(&test, &plain_pdf(), json!({})).await;
    let name = "<edXML:OrganName>Ủy ban nhân dân phường Hoa Sữa</edXML:OrganName>";
    assert!(package.contains(name));
    for (other, word) in [
        (with_pdf(&package, |_| signed.clone()), "No valid signature is of"),
        (package.replacen(name, "<edXML:OrganName>Bộ Nội vụ</edXML:OrganName>", 1), "No valid signature is of"),
        (package.replace(">01<", ">07<"), "does not stand on the first page"),
        (with_attachment(&package, &plain_pdf()), "quyet-dinh.pdf"),
    ] {
        let (status, answer) = receive(&test, clerk, &other, "").await;
        assert_eq!((status, problem(&answer)), (409, "incoming_undetermined"), "{word}: {answer}");
        let said = answer["detail_en"].as_str().map_or_else(|| answer.to_string(), str::to_owned);
        assert!(said.contains(word), "{word}: {answer}");
    }
    let (_, list) = test.get(INCOMING, clerk).await;
    assert_eq!(list["documents"], json!([]), "nothing was registered: {list}");
    // The clerk may find out otherwise; what was open stays on record, and the sender's own package is not swallowed.
    let forged = with_pdf(&package, |_| signed.clone());
    let (status, taken) = receive(&test, clerk, &forged, "?accept=x").await;
    assert_eq!((status, &taken["accepted"], &taken["number"]), (201, &json!("x"), &json!(1)), "{taken}");
    assert!(taken["open"][0]["en"].as_str().unwrap().contains("No valid signature"), "{taken}");
    assert_eq!(taken["attachments"][0]["by_sender"], false);
    assert!(taken["attachments"][0]["signers"][0].as_str().unwrap().contains("Ưởng"), "{taken}");
    let (status, answer) = receive(&test, clerk, &package, "").await;
    assert_eq!((status, problem(&answer)), (409, "incoming_differs"), "{answer}");
    let (status, own) = receive(&test, clerk, &package, "?accept=y").await;
    assert_eq!((status, &own["number"], &own["number_on_page"]), (201, &json!(2), &json!("passed")), "{own}");
    assert_eq!((&own["attachments"][0]["by_sender"], &own["open"]), (&json!(true), &json!([])), "{own}");
    // The code of an agency that was called otherwise.
    let next = sent(&test, &agency).await;
    assert_eq!(receive(&test, clerk, &next, "").await.1["number"], 3);
    let other_name = "<edXML:OrganName>Ủy ban nhân dân phường Hoa Mai</edXML:OrganName>";
    let (_, answer) = receive(&test, clerk, &next.replacen(name, other_name, 1).replace(">02<", ">03<"), "").await;
    assert!(answer.to_string().contains("was called"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_with_a_secret_leaves_no_byte_behind() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    if letter_pdf(&test).is_none() {
        return;
    }
    let package = sent(&test, &agency).await;
    let read =
        |style: &str| std::fs::read(test.app.settings.fonts_dir.join(format!("LiberationSerif-{style}.ttf"))).unwrap();
    let faces = Typefaces::parse(read("Regular"), read("Bold"), read("Italic"), read("BoldItalic")).unwrap();
    let mut marked = letter::sample(None);
    marked.parent_agency = Some("TUYỆT MẬT".to_owned());
    let marked = marked.compose(&faces, test.app.clock.now()).unwrap().pdf;
    let files = || std::fs::read_dir(test.data_dir().join("documents")).unwrap().count();
    let rows = || test.sql("SELECT count(*) FROM document");
    let (files_before, rows_before) = (files(), rows());
    for query in ["", "?accept=x"] {
        for other in [with_pdf(&package, |_| marked.clone()), with_attachment(&package, &marked)] {
            let (status, answer) = receive(&test, &agency.clerk.token, &other, query).await;
            assert_eq!((status, problem(&answer)), (422, "document_secret"), "{answer}");
        }
    }
    assert_eq!((files(), rows()), (files_before, rows_before));
    let (_, taken) = receive(&test, &agency.clerk.token, &package, "").await;
    assert_eq!(taken["attachments"][0]["marks_searched"], true, "{taken}");
}

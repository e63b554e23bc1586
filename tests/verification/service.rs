//! `POST /api/v1/documents/verify` and `/verify`: any file gets a report; the own authority's signatures are known, and so is that
//! they were revoked.

use crate::harness::app::TestApp;
use crate::harness::forge::altered;
use chuky_model::record::Cursor;
use serde_json::{Value, json};

const VERIFY: &str = "/api/v1/documents/verify";
const BOUNDARY: &str = "chuky-test-boundary";
const PIN: &str = "mèo-xanh-ăn-phở";
const PASSWORD: &str = "một mật khẩu dài và riêng";

/// A form of files: field, file name, bytes.
pub fn form(parts: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (field, name, bytes) in parts {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

async fn judged(test: &TestApp, bytes: &[u8]) -> Value {
    let (status, report) = test.request("POST", VERIFY, "", "application/pdf", bytes.to_vec()).await;
    assert_eq!(status, 200, "{report}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_gets_a_report_and_leaves_no_content() {
    let test = TestApp::sqlite().await;
    let inputs: [(&str, &[u8], &str); 4] = [
        ("", b"", "NO_SIGNATURE_FOUND"),
        ("application/json", b"{}", "NO_SIGNATURE_FOUND"),
        ("text/plain", "Bí mật".as_bytes(), "NO_SIGNATURE_FOUND"),
        // Bytes of no known kind may hold a signature that nobody here can see.
        ("image/png", &[0; 70_000], "INDETERMINATE"),
    ];
    for (kind, bytes, indication) in inputs {
        let (status, report) = test.request("POST", VERIFY, "", kind, bytes.to_vec()).await;
        assert_eq!((status, report["indication"].as_str()), (200, Some(indication)), "{kind}: {report}");
    }
    let (kind, body) = form(&[("document", "thư mời.pdf", b"%PDF-1.7 cut"), ("content", "x", b"content")]);
    let (status, report) = test.request("POST", VERIFY, "", &kind, body).await;
    assert_eq!((status, report["file"].as_str()), (200, Some("thư mời.pdf")), "{report}");
    // What is no form, or a form without the document, is the caller's error, in both languages.
    for (kind, body) in [
        ("multipart/form-data; boundary=x".to_owned(), b"not a form".to_vec()),
        ("multipart/form-data".to_owned(), Vec::new()),
        form(&[("other", "a", b"b")]),
        form(&[("content", "a", b"b")]),
    ] {
        let (status, problem) = test.request("POST", VERIFY, "", &kind, body).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"]["vi"].is_string() && problem["detail"]["en"].is_string(), "{problem}");
    }
    // The log names bytes and answer, not the file.
    let entries = test.app.store.list_audit_entries(Cursor::NEWEST, 20).await.unwrap();
    let verified: Vec<_> = entries.iter().filter(|entry| entry.kind == "document.verified").collect();
    assert_eq!(verified.len(), 5);
    for entry in verified {
        let content = String::from_utf8(entry.content.clone()).unwrap();
        assert!(entry.subject.starts_with("document:") && !content.contains("thư mời"), "{content}");
    }
    // Nothing of an upload stays in the data directory.
    let left: Vec<_> = std::fs::read_dir(test.data_dir()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_judges_several_files_without_a_script() {
    let test = TestApp::sqlite().await;
    let (status, page) = test.raw("GET", "/verify", "", "", Vec::new()).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && page.contains("multipart/form-data"), "{page}");
    let (kind, body) = form(&[("document", "một.txt", b"one"), ("document", "<b>hai.pdf", b"%PDF-1.7 cut")]);
    let (status, page) = test.raw("POST", "/verify?lang=en", "", &kind, body).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!((status, page.matches("<article").count()), (200, 2), "{page}");
    assert!(page.contains("một.txt") && !page.contains("<b>hai"), "{page}");
    // A form sent without a choice says so beside the field.
    let (kind, body) = form(&[("document", "", b"")]);
    let (status, page) = test.raw("POST", "/verify", "", &kind, body).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 422 && page.contains("Hãy chọn tệp cần kiểm tra"), "{page}");
}

/// A document and a signature over it in a file of its own, DER.
pub fn signed_apart(content: &[u8]) -> Vec<u8> {
    use openssl::{cms, x509::X509};
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut name = openssl::x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "TEST Detached").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    let serial = openssl::bn::BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&openssl::asn1::Asn1Time::days_from_now(365).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let options = cms::CMSOptions::DETACHED | cms::CMSOptions::BINARY;
    let signed = cms::CmsContentInfo::sign(Some(&builder.build()), Some(&key), None, Some(content), options);
    signed.unwrap().to_der().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_pairs_a_signature_with_what_it_covers() {
    let test = TestApp::sqlite().await;
    let (document, other) = (b"Quyet dinh so 1".as_slice(), b"Quyet dinh so 2".as_slice());
    let signature = signed_apart(document);
    let post = async |parts: &[(&str, &str, &[u8])]| {
        let (kind, body) = form(parts);
        let (status, page) = test.raw("POST", "/verify?lang=en", "", &kind, body).await;
        assert_eq!(status, 200);
        String::from_utf8(page).unwrap()
    };
    // By itself nobody can tell, and the page says what is missing.
    let alone = post(&[("document", "a.pdf.p7s", &signature)]).await;
    assert!(alone.contains("Choose this file and the document that was signed together"), "{alone}");
    let intact = |page: &str| page.contains("The document is intact since TEST Detached signed");
    // By their names, in whichever order they come; by the field for it, whatever the names.
    assert!(intact(&post(&[("document", "a.txt.p7s", &signature), ("document", "a.txt", document)]).await));
    assert!(intact(&post(&[("document", "A.TXT", document), ("document", "a.p7s", &signature)]).await));
    assert!(intact(&post(&[("document", "x.sig", &signature), ("content", "b.bin", document)]).await));
    assert!(intact(&post(&[("content", "b.bin", document), ("document", "x.sig", &signature)]).await));
    // What does not fit is said as clearly.
    let wrong = post(&[("document", "a.txt.p7s", &signature), ("document", "a.txt", other)]).await;
    assert!(!intact(&wrong) && wrong.contains("does not match the signature"), "{wrong}");
    // A file of another name is none that the signature covers.
    let apart = post(&[("document", "a.txt.p7s", &signature), ("document", "b.txt", document)]).await;
    assert!(!intact(&apart) && apart.contains("together"), "{apart}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_of_this_authority_is_valid_until_it_is_revoked() {
    let test = TestApp::sqlite().await;
    let (serial, signed) = signed_document(&test).await;
    let report = judged(&test, &signed).await;
    assert_eq!(
        (report["indication"].as_str(), report["integrity"].as_str()),
        (Some("TOTAL_PASSED"), Some("intact")),
        "{report}"
    );
    // One byte of what is shown, changed.
    let mut changed = signed.clone();
    let at = changed.windows(3).position(|window| window == b"595").unwrap();
    changed[at] = b'6';
    assert_eq!(judged(&test, &changed).await["integrity"], "broken");
    // Revoked: said at once, and without a timestamp nothing shows that the signature is older.
    let staff = test.log_in("dangky").await;
    let path = format!("/api/v1/certificates/{serial}/revoke");
    let (status, answer) = test.post(&path, &staff, &json!({ "reason": "key_compromise" })).await;
    assert_eq!(status, 200, "{answer}");
    let report = judged(&test, &signed).await;
    assert_eq!(report["sub_indication"], "REVOKED_NO_POE", "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_drawn_as_signed_and_as_they_are_now() {
    let test = TestApp::sqlite().await;
    let (_, signed) = document_signed_as(&test, "citizen").await;
    let drawn =
        |bytes: Vec<u8>| test.request("POST", "/api/v1/documents/verify?pictures=true", "", "application/pdf", bytes);
    // Nothing changed: the page with the visible signature, and where it stands.
    let (status, answer) = drawn(signed.clone()).await;
    assert_eq!((status, answer["integrity"].as_str()), (200, Some("intact")), "{answer}");
    let page = &answer["pictures"][0];
    assert!(page["signed"].is_null() && page["differences"] == json!([]), "{page}");
    assert_eq!((page["page"].as_u64(), page["marks"][0]["signature"].as_u64()), (Some(1), Some(1)), "{page}");
    let (width, height) = size_of_png(&page["now"]);
    assert!(
        (width, height) == (900, 1273) && page["marks"][0]["area"]["left"].as_u64().unwrap() < 900,
        "{width}x{height}"
    );
    // A line of text written over the page: both pictures, the line framed.
    let (status, answer) = drawn(altered(&signed, "Tra 9.000.000 dong")).await;
    assert_eq!((status, answer["integrity"].as_str()), (200, Some("altered")), "{answer}");
    let page = &answer["pictures"][0];
    assert_eq!(size_of_png(&page["signed"]), size_of_png(&page["now"]));
    assert_ne!(page["signed"]["png"], page["now"]["png"]);
    let area = &page["differences"][0];
    let number = |name: &str| area[name].as_f64().unwrap();
    // 72 and 600 points from the lower left corner of 595 by 842.
    let (left, line) = (72.0 * 900.0 / 595.0, (842.0 - 600.0) * 900.0 / 595.0);
    assert!((number("left") - left).abs() < 12.0, "{area}");
    assert!(number("top") < line && line <= number("top") + number("height") + 6.0, "{area}");
    assert!(page["was_there"].as_bool().unwrap() && page["differences"].as_array().unwrap().len() <= 3, "{page}");
    // Without being asked nothing is drawn, and a file without a signature has nothing to draw.
    assert!(judged(&test, &signed).await.get("pictures").is_none());
    let (_, answer) = drawn(small_pdf()).await;
    assert!(answer.get("pictures").is_none() && answer.get("pictures_missing").is_none(), "{answer}");
    assert!(answer["next_step"]["en"].as_str().unwrap().contains("A picture of a signature"), "{answer}");
}

/// A PNG of the answer: that it is one, and its size.
fn size_of_png(picture: &Value) -> (u64, u64) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let png = BASE64_STANDARD.decode(picture["png"].as_str().unwrap()).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let at = |place: usize| u64::from(u32::from_be_bytes(png[place..place + 4].try_into().unwrap()));
    assert_eq!((picture["width"].as_u64(), picture["height"].as_u64()), (Some(at(16)), Some(at(20))));
    (at(16), at(20))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_names_the_policy_and_the_report_repeats_it() {
    let test = TestApp::sqlite().await;
    let (_, bytes) = signed_document(&test).await;
    let digest = |name: &str| {
        let text = chuky_pki::verify::policy::ValidationPolicy::built_in_text(name).unwrap();
        hex::encode(chuky_pki::crypto::sha256(text.as_bytes()))
    };
    for (query, name, passes) in [
        ("", "default", true),
        ("?policy=vietnam", "vietnam", true),
        ("?policy=eu", "eu", true),
        ("?policy=integrity", "integrity", false),
    ] {
        let address = format!("{VERIFY}{query}");
        let (status, report) = test.request("POST", &address, "", "application/pdf", bytes.clone()).await;
        assert_eq!((status, report["integrity"].as_str()), (200, Some("intact")), "{report}");
        assert_eq!(
            (report["policy"]["name"].as_str(), &report["policy"]["sha256"]),
            (Some(name), &json!(digest(name)))
        );
        assert_eq!(report["indication"] == "TOTAL_PASSED", passes, "{name}: {report:#}");
    }
    for path in [VERIFY, "/api/v1/documents/verify-batch"] {
        let (kind, body) = form(&[("document", "a.pdf", &bytes)]);
        let (status, problem) = test.request("POST", &format!("{path}?policy=none"), "", &kind, body).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"]["en"].as_str().unwrap_or_default().contains("vietnam"), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_documents_in_one_call_are_answered_line_by_line() {
    let test = TestApp::with(|settings| settings.largest_upload = 100_000).await;
    let office =
        |name: &str| std::fs::read(format!("{}/pki/tests/data/office/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (word, sheet) = (office("letter.docx"), office("sheet.ods"));
    let large = vec![b'x'; 200_000];
    let mut parts: Vec<(&str, &str, &[u8])> = vec![
        ("document", "thư.docx", &word),
        ("other", "bỏ qua", b"x"),
        ("document", "lớn.bin", &large),
        ("document", "sổ.ods", &sheet),
    ];
    parts.extend((0..20).map(|_| ("document", "một.txt", &b"text"[..])));
    let (kind, body) = form(&parts);
    let (status, answer) = test.raw("POST", "/api/v1/documents/verify-batch", "", &kind, body).await;
    let answer = String::from_utf8(answer).unwrap();
    let lines: Vec<Value> = answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, lines.len()), (200, 23), "{answer}");
    assert_eq!(
        (lines[0]["file"].as_str(), lines[0]["integrity"].as_str()),
        (Some("thư.docx"), Some("intact")),
        "{}",
        lines[0]
    );
    assert_eq!(
        (lines[1]["file"].as_str(), lines[1]["problem"]["status"].as_u64()),
        (Some("lớn.bin"), Some(413)),
        "{}",
        lines[1]
    );
    assert_eq!(
        (lines[2]["format"].as_str(), lines[2]["integrity"].as_str()),
        (Some("ODF"), Some("intact")),
        "{}",
        lines[2]
    );
    assert!(lines[3..].iter().all(|line| line["indication"] == "NO_SIGNATURE_FOUND"), "{answer}");
    // What is no form is refused; a form without documents, or one that is cut short, says so in its last line.
    let (status, _) =
        test.request("POST", "/api/v1/documents/verify-batch", "", "application/pdf", b"%PDF".to_vec()).await;
    assert_eq!(status, 422);
    let (kind, body) = form(&[("other", "a", b"b")]);
    let (_, answer) = test.raw("POST", "/api/v1/documents/verify-batch", "", &kind, body).await;
    assert!(String::from_utf8(answer).unwrap().contains("document_missing"));
    let (kind, body) = form(&[("document", "a", b"text"), ("document", "b", b"text")]);
    let (_, answer) =
        test.raw("POST", "/api/v1/documents/verify-batch", "", &kind, body[..body.len() - 60].to_vec()).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.lines().last().unwrap().contains("\"problem\""), "{answer}");
}

/// An official's signature (B-B) in a small document: the certificate's serial and the bytes.
pub async fn signed_document(test: &TestApp) -> (String, Vec<u8>) {
    document_signed_as(test, "invisible").await
}

/// The same, with this look.
async fn document_signed_as(test: &TestApp, look: &str) -> (String, Vec<u8>) {
    let entering = test.log_in("dangky").await;
    let request = json!({
        "hierarchy": "officials", "unit": "H26",
        "subscriber": {
            "full_name": "Trần Văn Khương", "personal_number": "001080054321", "birth_date": "1980-11-20",
            "sex": "male", "province": "Hà Nội", "locality": "Phường Ba Đình",
            "organization": "Sở Tư pháp thành phố Hà Nội", "title": "Giám đốc"
        }
    });
    let (status, entered) = test.post("/api/v1/requests", &entering, &request).await;
    assert_eq!(status, 201, "{entered}");
    test.approve(&entered).await;
    let redeem =
        json!({ "code": test.code(&entered, &entering).await, "login": "can.bo", "password": PASSWORD, "pin": PIN });
    let (status, issued) = test.redeem("", &redeem).await;
    assert_eq!(status, 201, "{issued}");
    let (_, session) = test.post("/api/v1/session", "", &json!({ "login": "can.bo", "password": PASSWORD })).await;
    let token = session["token"].as_str().unwrap();
    let (status, document) = test.request("POST", "/api/v1/documents", token, "application/pdf", small_pdf()).await;
    assert_eq!(status, 201, "{document}");
    let path = format!("/api/v1/documents/{}", document["id"].as_str().unwrap());
    let order = json!({ "credential": issued["credential"], "pin": PIN, "level": "B", "look": look });
    let (status, answer) = test.post(&format!("{path}/sign"), token, &order).await;
    assert_eq!(status, 200, "{answer}");
    let (status, signed) = test.raw("GET", &format!("{path}/content"), token, "", Vec::new()).await;
    assert_eq!(status, 200);
    (issued["serial"].as_str().unwrap().to_owned(), signed)
}

fn small_pdf() -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
    ];
    let (mut pdf, mut table) = ("%PDF-1.7\n".to_owned(), "xref\n0 4\n0000000000 65535 f \n".to_owned());
    for (index, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", pdf.len());
        pdf += &format!("{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let start = pdf.len();
    (pdf + &table + &format!("trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n")).into_bytes()
}

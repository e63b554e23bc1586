//! Signatures beside a text of the document, and the lines of copies and appendices: looked at as pictures, too.

use super::subscriber::{PIN, Subscriber, enrol, folder, judged_valid, letter_pdf, official, plain_pdf, present};
use crate::harness::app::TestApp;
use serde_json::{Value, json};
use std::process::Command;

/// A letter of three lines on two pages, with a standard typeface: `(page, x, y, text)`.
fn lines(texts: &[(usize, u32, u32, &str)]) -> Vec<u8> {
    let mut pages = [String::new(), String::new()];
    for (page, x, y, text) in texts {
        pages[*page] += &format!("BT /F1 14 Tf {x} {y} Td ({text}) Tj ET\n");
    }
    let stream = |content: &str| format!("<</Length {}>>stream\n{content}\nendstream", content.len());
    let page = |content: usize| {
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>>>/Contents {content} 0 R>>"
        )
    };
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>".to_owned(),
        page(5),
        page(6),
        stream(&pages[0]),
        stream(&pages[1]),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
    ];
    let mut pdf = String::from("%PDF-1.7\n");
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf += &format!("{} 0 obj\n{object}\nendobj\n", at + 1);
    }
    let start = pdf.len();
    pdf += &format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for place in places {
        pdf += &format!("{place:010} 00000 n \n");
    }
    pdf += &format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    pdf.into_bytes()
}

/// Page (from 0) and rectangle of the newest signature.
fn widget(pdf: &[u8]) -> (usize, [f32; 4]) {
    let document = lopdf::Document::load_mem(pdf).unwrap();
    let number = |object: &lopdf::Object| object.as_float().unwrap();
    let mut found = None;
    for (index, page) in document.page_iter().enumerate() {
        let page = document.get_dictionary(page).unwrap();
        let Ok(annotations) = page.get_deref(b"Annots", &document) else { continue };
        for one in annotations.as_array().unwrap() {
            let widget = document.get_dictionary(one.as_reference().unwrap()).unwrap();
            let rectangle: Vec<f32> = widget.get(b"Rect").unwrap().as_array().unwrap().iter().map(number).collect();
            found = Some((index, rectangle.try_into().unwrap()));
        }
    }
    found.unwrap()
}

/// Pictures of a page, for a person to look at.
fn drawn(name: &str, pdf: &[u8]) {
    let folder = folder("placed");
    let file = folder.join(format!("{name}.pdf"));
    std::fs::write(&file, pdf).unwrap();
    if present("pdftoppm") {
        let to = folder.join(name);
        let done = Command::new("pdftoppm").args(["-r", "70", "-png"]).arg(&file).arg(&to).status().unwrap();
        assert!(done.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_stands_beside_the_text_that_was_named() {
    let test = TestApp::sqlite().await;
    let who = official(&test, "p256").await;
    let pdf = lines(&[
        (0, 72, 700, "KT. CHU TICH"),
        (0, 300, 300, "KT. CHU  TICH"),
        (1, 350, 500, "KT.CHU TICH"),
        (1, 350, 380, "Tran Van Khuong"),
    ]);
    let placed = async |anchor: Value| {
        let signed = who.sign(&test, &pdf, json!({ "look": "official", "anchor": anchor })).await;
        widget(&signed)
    };
    // The last one by default; a page; which of several; each side.
    let (page, [left, bottom, right, top]) = placed(json!({ "text": "KT. CHU TICH" })).await;
    assert!(
        page == 1 && top < 500.0 && top > 480.0 && bottom > 400.0 && left < 400.0 && right > 400.0,
        "{left} {bottom}"
    );
    let (page, [left, _, _, top]) = placed(json!({ "text": "KT. CHU TICH", "page": "first" })).await;
    assert!(page == 0 && top < 300.0 && left > 200.0, "{left} {top}");
    let (page, [.., top]) = placed(json!({ "text": "KT. CHU TICH", "hit": 1 })).await;
    assert!(page == 0 && top < 700.0 && top > 680.0, "{top}");
    let (page, [_, bottom, ..]) = placed(json!({ "text": "Tran Van Khuong", "side": "above" })).await;
    assert!(page == 1 && bottom > 380.0 && bottom < 400.0, "{bottom}");
    let (_, [left, ..]) = placed(json!({ "text": "KT. CHU TICH", "hit": 1, "side": "right" })).await;
    assert!(left > 150.0, "{left}");
    // What does not stand there is said, and nothing is signed.
    let id = who.upload(&test, &pdf).await;
    for anchor in [
        json!({ "text": "GIAM DOC" }),
        json!({ "text": "Tran Van Khuong", "page": 1 }),
        json!({ "text": "KT. CHU TICH", "hit": 4 }),
        json!({ "text": "KT. CHU TICH", "page": 9 }),
        json!({ "text": "  " }),
        json!({ "text": "x".repeat(201) }),
        json!({ "text": "KT. CHU TICH", "hit": 0 }),
    ] {
        let (status, answer) = who.ask(&test, &id, PIN, json!({ "look": "official", "anchor": anchor })).await;
        assert_eq!(status, 422, "{anchor} {answer}");
    }
    let scanned = who.upload(&test, &plain_pdf()).await;
    let (status, answer) =
        who.ask(&test, &scanned, PIN, json!({ "look": "official", "anchor": { "text": "A" } })).await;
    assert!(status == 422 && answer["detail"].to_string().contains("“A”"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vietnamese_texts_are_found_composed_and_decomposed() {
    let test = TestApp::sqlite().await;
    let who = official(&test, "p256").await;
    let Some(pdf) = letter_pdf(&test) else { return };
    use unicode_normalization::UnicodeNormalization;
    let text = letter_signer();
    let (composed, decomposed) = (text.nfc().collect::<String>(), text.nfd().collect::<String>());
    assert_ne!(composed, decomposed);
    let mut places = Vec::new();
    for text in [&composed, &decomposed] {
        let order = json!({ "look": "official", "anchor": { "text": text, "side": "above" } });
        let signed = who.sign(&test, &pdf, order).await;
        drawn("vietnamese", &signed);
        places.push(widget(&signed));
    }
    assert_eq!(places[0], places[1]);
    // A letter without its marks is another letter.
    let id = who.upload(&test, &pdf).await;
    let bare: String = text.nfd().filter(|one| one.is_ascii()).collect();
    let (status, _) = who.ask(&test, &id, PIN, json!({ "look": "official", "anchor": { "text": bare } })).await;
    assert_eq!(status, 422);
}

/// The name below the sample letter's signature.
fn letter_signer() -> String {
    chuky_pki::pdf::letter::sample(None).full_name.clone()
}

async fn seal(test: &TestApp) -> Subscriber {
    let request = json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
        "kind": "seal", "full_name": "Phạm Thị Văn Thư", "personal_number": "001185012346", "birth_date": "1985-07-19",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Ba Đình",
        "organization": "Ủy ban nhân dân phường Văn Miếu - Quốc Tử Giám, thành phố Hà Nội", "tax_code": "0101234567" } });
    enrol(test, "dangky", request, "van.thu", "p256").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_and_appendices_bear_their_lines_in_the_upper_right_corner() {
    let test = TestApp::sqlite().await;
    let (clerk, person) = (seal(&test).await, official(&test, "p256").await);
    let Some(pdf) = letter_pdf(&test) else { return };
    let texts = |pdf: &[u8]| {
        let file = folder("placed").join("read.pdf");
        std::fs::write(&file, pdf).unwrap();
        if !present("pdftotext") {
            return None;
        }
        let output = Command::new("pdftotext").args(["-l", "1", "-layout"]).arg(&file).arg("-").output().unwrap();
        Some(String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" "))
    };
    for (look, first) in
        [("sao-y", "SAO Y"), ("sao-luc", "SAO LỤC"), ("trich-sao", "TRÍCH SAO"), ("appendix", "15/QĐ-UBND")]
    {
        let order = json!({ "look": look, "document_number": "15/QĐ-UBND", "level": "LT" });
        let signed = clerk.sign(&test, &pdf, order).await;
        drawn(look, &signed);
        let (page, [left, bottom, right, top]) = widget(&signed);
        assert!(page == 0 && left > 297.0 && right > 560.0 && bottom > 770.0 && top > 825.0, "{look} {left} {bottom}");
        judged_valid(&test, &folder("placed"), &format!("{look}-judged.pdf"), &signed, 1).await;
        if let Some(text) = texts(&signed) {
            assert!(text.contains(first) && text.contains("+07:00"), "{look}: {text}");
            assert_eq!(text.contains("Quốc Tử Giám"), look != "appendix", "{look}: {text}");
        }
    }
    // Not of a person, and no appendix without its document's number.
    let (one, other) = (person.upload(&test, &pdf).await, clerk.upload(&test, &pdf).await);
    assert_eq!(person.ask(&test, &one, PIN, json!({ "look": "sao-y" })).await.0, 422);
    assert_eq!(clerk.ask(&test, &other, PIN, json!({ "look": "appendix" })).await.0, 422);
}

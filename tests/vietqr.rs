//! Signed VietQR from end to end: a merchant registers and signs, the code is read by two independent libraries as any other, photographed and
//! judged, printed and read back from the print, altered field by field, revoked and withdrawn.

use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, Subscriber, citizen, official},
};
use chuky_model::role::Role;
use chuky_pki::vietqr::{VietQr, checksum};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

const ACCOUNTS: &str = "/api/v1/merchant-accounts";
/// NAPAS's sample of a dynamic code.
const DYNAMIC: &str = "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN62340107NPS68690819thanh toan don hang63042E2E";

async fn register(test: &TestApp, merchant: &Subscriber, number: &str, shop: &str) -> (u16, Value) {
    let body = json!({
        "credential": merchant.credential, "pin": PIN, "bank": "970436", "number": number, "shop": shop, "city": "Hà Nội"
    });
    test.post(ACCOUNTS, &merchant.token, &body).await
}

async fn judge(test: &TestApp, code: &str) -> Value {
    let (status, answer) = test.request("POST", "/api/v1/vietqr/verify", "", "text/plain", code.into()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn verdict(answer: &Value) -> (&str, &str) {
    (answer["verdict"].as_str().unwrap(), answer["reason"].as_str().unwrap())
}

/// What two independent libraries read.
fn libraries(codes: &[&str]) -> Vec<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(root.join("target/venv/bin/python"))
        .arg(root.join("tests/vietqr.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all((codes.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_code_says_whose_account_it_is_until_it_is_withdrawn() {
    let test = TestApp::sqlite().await;
    let merchant = citizen(&test).await;
    let (status, account) = register(&test, &merchant, "1234567890", "Phở Thìn Lò Đúc").await;
    assert_eq!(status, 201, "{account}");
    let code = account["payload"].as_str().unwrap();
    // Twice is once too many; a malformed number, another's credential and a wrong PIN are refused.
    assert_eq!(register(&test, &merchant, "1234567890", "Phở Thìn").await.0, 409);
    assert_eq!(register(&test, &merchant, "12 34", "Phở Thìn").await.0, 422);
    assert_eq!(register(&test, &merchant, "77", "").await.0, 422);

    let answer = judge(&test, code).await;
    assert_eq!(verdict(&answer), ("signed", "signed"), "{answer}");
    assert!(answer["holder"]["name"].as_str().unwrap().contains("Nguyễn Thị Hồng Ưởng"), "{answer}");
    assert_eq!(
        (&answer["account"]["number"], &answer["account"]["bank_name"]),
        (&json!("1234567890"), &json!("Vietcombank"))
    );
    assert!(answer["checks"].as_array().unwrap().iter().all(|check| check["outcome"] == "passed"), "{answer}");
    let sentence = answer["message"]["vi"].as_str().unwrap();
    assert!(sentence.contains("1234567890") && sentence.contains("Nguyễn Thị Hồng Ưởng"), "{sentence}");
    // Nothing of it lies readable in the database.
    assert!(!test.sql("SELECT * FROM merchant_account").contains("1234567890"));

    // Today's apps read it as any code, and pass the signature over.
    let read = &libraries(&[code])[0];
    for library in ["first", "second"] {
        let account = read[library].get("account").or(read[library].get("account_number"));
        let bank = read[library].get("bank").or(read[library].get("bank_bin"));
        assert_eq!((account, bank), (Some(&json!("1234567890")), Some(&json!("970436"))), "{read}");
    }

    // The public page says the same in one sentence.
    let (status, page) = photographed(&test, code).await;
    assert!(status == 200 && page.contains("verdict-valid") && page.contains("1234567890"), "{page}");

    // Withdrawn, it is refused; a row put back by SQL does not bring it back.
    test.sql("CREATE TABLE kept AS SELECT * FROM merchant_account");
    let path = format!("{ACCOUNTS}/{}/withdraw", account["id"].as_str().unwrap());
    assert_eq!(test.post(&path, "", &json!({})).await.0, 401);
    assert_eq!(test.post(&path, &merchant.token, &json!({})).await.1["state"], "withdrawn");
    assert_eq!(verdict(&judge(&test, code).await), ("not_valid", "withdrawn"));
    test.sql("UPDATE merchant_account SET state = k.state, ended_at = k.ended_at, version = k.version, mac = k.mac FROM kept k");
    assert_eq!(test.request("POST", "/api/v1/vietqr/verify", "", "", code.into()).await.0, 500);
    test.sql("DELETE FROM merchant_account");
    assert_eq!(verdict(&judge(&test, code).await), ("undetermined", "registration_unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_altered_field_by_field_are_never_taken_for_signed() {
    let test = TestApp::sqlite().await;
    let merchant = citizen(&test).await;
    let (_, account) = register(&test, &merchant, "1234567890", "Quán Cà Phê").await;
    let (_, other) = register(&test, &merchant, "555", "Quán khác").await;
    let code = account["payload"].as_str().unwrap();
    let body = &code[..code.len() - 4];
    let close = |body: &str| format!("{body}{}", checksum(body));
    let changed = |from: &str, to: &str| close(&body.replacen(from, to, 1));
    let other = other["payload"].as_str().unwrap();
    let templates = body.find("0008vn.chuky").unwrap() - 4;
    let second = |code: &str| code[code.find("8159").unwrap()..][..63].to_owned();
    for (name, code) in [
        ("account", changed("1234567890", "1234567891")),
        ("bank", changed("970436", "970403")),
        ("service", changed("QRIBFTTA", "QRIBFTTC")),
        ("static or dynamic", changed("010211", "010212")),
        ("amount added", changed("5802VN", "540410005802VN")),
        ("name", changed("QUAN CA PHE", "QUAN CA PHO")),
        ("city", changed("HA NOI", "HA NAM")),
        ("category", changed("52040000", "52045812")),
        ("purpose added", close(&format!("{}62080804mien{}", &body[..templates], &body[templates..]))),
        ("another code's signature", close(&body.replace(&second(code), &second(other)))),
    ] {
        let answer = judge(&test, &code).await;
        assert_ne!(answer["verdict"], "signed", "{name}: {answer}");
        assert_eq!(verdict(&answer), ("not_valid", "signature_invalid"), "{name}: {answer}");
        assert_eq!(answer["holder"], Value::Null, "{name}");
    }
    // Damaged, cut short, without signature, of another scheme, with a wrong inner length: each says so.
    let wrong_length = "00020101021138570010A00000072701270006970403011200110123456780208QRIBFTTA53037045802VN6304F4E5";
    for (code, reason) in [
        (code.replacen("1234567890", "1234567891", 1), "wrong_checksum"),
        (code[..code.len() - 8].to_owned(), "no_checksum"),
        (wrong_length.to_owned(), "wrong_length"),
        ("https://example.com".to_owned(), "not_a_code"),
        ("x".repeat(5_000), "too_long"),
        (String::new(), "not_a_code"),
    ] {
        assert_eq!(verdict(&judge(&test, &code).await), ("not_valid", reason), "{code}");
    }
    // The libraries show why a wrong length is refused: they read an account that the code does not hold.
    assert_eq!(libraries(&[wrong_length])[0]["first"]["account"], "001101234567");
    let unsigned = judge(&test, DYNAMIC).await;
    assert_eq!(verdict(&unsigned), ("not_signed", "not_signed"));
    assert_eq!(
        (&unsigned["account"]["amount"], &unsigned["account"]["number"]),
        (&json!(180_000), &json!("0011012345678"))
    );

    // A signature is no better than its certificate.
    let (_, officer) = test.account("an.ninh", &[Role::SecurityOfficer], None).await;
    let serial = judge(&test, code).await["holder"]["serial"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/certificates/{serial}/revoke");
    let body = json!({ "reason": "key_compromise" });
    let (status, answer) = test.post(&path, &officer, &body).await;
    assert!(status < 300, "{answer}");
    assert_eq!(verdict(&judge(&test, code).await), ("not_valid", "certificate_revoked"));
}

/// The code drawn as a picture, sent through the page's form.
async fn photographed(test: &TestApp, code: &str) -> (u16, String) {
    let picture = picture(code);
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n\r\n--b\r\nContent-Disposition: form-data; \
        name=\"picture\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
            .to_vec();
    body.extend(picture);
    body.extend(b"\r\n--b--\r\n");
    let (status, page) = test.raw("POST", "/qr", "", "multipart/form-data; boundary=b", body).await;
    (status, String::from_utf8(page).unwrap())
}

/// The code on grey paper, as a telephone that is held a little askew sees it.
fn picture(code: &str) -> Vec<u8> {
    let drawn = qrcode::QrCode::with_error_correction_level(code, qrcode::EcLevel::M).unwrap();
    let (side, colors) = (drawn.width(), drawn.to_colors());
    let (size, module, (sin, cos)) = (640_i32, 6.0, 0.12_f64.sin_cos());
    let shade = |at: i32| {
        let (x, y) = (f64::from(at % size - size / 2), f64::from(at / size - size / 2));
        let middle = side as f64 / 2.0;
        let (column, row) = ((x * cos + y * sin) / module + middle, (y * cos - x * sin) / module + middle);
        let inside = |place: f64| place >= 0.0 && place < side as f64;
        match inside(column) && inside(row) && colors[row as usize * side + column as usize] == qrcode::Color::Dark {
            true => 30,
            false => 225,
        }
    };
    grey(size as u32, (0..size * size).map(shade).collect())
}

fn grey(size: u32, pixels: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size, size);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    drop(writer);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sheets_of_a_street_are_printed_and_read_back_from_the_print() {
    let test = TestApp::sqlite().await;
    let (merchant, agency) = (citizen(&test).await, official(&test, "p256").await);
    let (_, first) = register(&test, &merchant, "1234567890", "Phở Thìn Lò Đúc").await;
    let (status, second) = register(&test, &agency, "0000123", "Thu lệ phí hộ tịch").await;
    assert_eq!(status, 201, "{second}");
    let body = json!({ "accounts": [first["id"], second["id"]] });
    // One's own, or everybody's for who prints them for a street.
    let sheets = format!("{ACCOUNTS}/sheets");
    assert_eq!(test.post(&sheets, &merchant.token, &body).await.0, 404);
    assert_eq!(test.post(&sheets, &merchant.token, &json!({ "accounts": [] })).await.0, 422);
    let operator = test.log_in("gianhang").await;
    let kind = "application/json";
    let (status, pdf) = test.raw("POST", &sheets, &operator, kind, body.to_string().into_bytes()).await;
    assert_eq!(status, 200);
    let file = test.directory.path().join("sheets.pdf");
    fs::write(&file, pdf).unwrap();
    let text = Command::new("pdftotext").args(["-layout"]).arg(&file).arg("-").output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    for words in ["Phở Thìn Lò Đúc", "1234567890", "Vietcombank", "Sở Tư pháp thành phố Hà Nội", "/qr"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    // Each page, photographed as it is printed, leads to its own account.
    let pages = test.directory.path().join("page");
    let status = Command::new("pdftoppm").args(["-r", "150", "-png"]).args([&file, &pages]).status().unwrap();
    assert!(status.success());
    for (page, number) in [(1, "1234567890"), (2, "0000123")] {
        let picture = fs::read(test.directory.path().join(format!("page-{page}.png"))).unwrap();
        let (status, answer) = test.request("POST", "/api/v1/vietqr/verify", "", "image/png", picture).await;
        assert_eq!((status, verdict(&answer)), (200, ("signed", "signed")), "{answer}");
        assert_eq!(answer["account"]["number"], number);
    }
    // What is no picture, or shows no code, is told so.
    for (bytes, code) in
        [(b"GIF89a".to_vec(), "picture_unreadable"), (grey(200, vec![255; 40_000]), "picture_without_code")]
    {
        let (status, answer) = test.request("POST", "/api/v1/vietqr/verify", "", "image/png", bytes).await;
        assert_eq!((status, answer["type"].as_str().unwrap()), (422, format!("urn:chuky:problem:{code}").as_str()));
    }
}

#[test]
fn samples_are_read_as_independent_libraries_read_them() {
    let made = VietQr {
        amount: Some(75_000),
        is_dynamic: true,
        ..VietQr::for_counter("970422", "0987654321", "Chợ Bến Thành", "TP HCM").unwrap()
    };
    let codes = [DYNAMIC.to_owned(), made.payload()];
    let read = libraries(&[&codes[0], &codes[1]]);
    for (code, read) in codes.iter().zip(&read) {
        let ours = VietQr::parse(code).unwrap();
        assert_eq!(read["first"]["bank"], ours.bank);
        assert_eq!(read["first"]["account"], ours.account);
        assert_eq!(read["second"]["account_number"], ours.account);
        assert_eq!(read["first"]["amount"].as_str().map(|amount| amount.parse().unwrap()), ours.amount);
    }
}

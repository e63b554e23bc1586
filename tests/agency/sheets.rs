//! Officials without a telephone: two sheets by two people, of which neither opens anything alone, and neither gives tries back to the other.

use super::{PATH, codes, csv, entered, finished, row};
use crate::{
    harness::app::{Backend, TestApp},
    issuance::redemption,
};
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::{path::Path, process::Command};

/// The text of the sheets, and what a library of others reads from the code of the first one.
fn read(test: &TestApp, name: &str, pdf: &[u8]) -> (String, Option<String>) {
    // Each test its own: they run side by side.
    let port = test.url.rsplit(':').next().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screens/paper").join(port);
    std::fs::create_dir_all(&folder).unwrap();
    let (file, picture) = (folder.join(format!("{name}.pdf")), folder.join(name));
    std::fs::write(&file, pdf).unwrap();
    for form in [&["-png"][..], &[]] {
        let mut drawing = Command::new("pdftoppm");
        drawing.args(["-r", "150", "-singlefile"]).args(form).arg(&file).arg(&picture);
        assert!(drawing.status().unwrap().success());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signing/qr.mjs");
    let code = Command::new("node").arg(script).arg(picture.with_extension("ppm")).output().unwrap();
    let text = Command::new("pdftotext").arg("-layout").arg(&file).arg("-").output().unwrap();
    let string = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    (string(text.stdout), code.status.success().then(|| string(code.stdout)))
}

/// Prints the sheets of a list.
async fn printed(test: &TestApp, list: &str, what: &str, by: &str) -> (u16, Vec<u8>) {
    test.raw("POST", &format!("{PATH}/{list}/{what}"), by, "", Vec::new()).await
}

async fn code_of(test: &TestApp, list: &str, registrar: &str) -> String {
    let (status, pdf) = printed(test, list, "code-sheets", registrar).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&pdf));
    let (text, code) = read(test, "activation-sheet", &pdf);
    let address = format!("{}/activate#", test.url);
    let code = code.unwrap().strip_prefix(&address).unwrap().to_owned();
    assert!(text.contains(&code) && text.contains("PHIẾU KÍCH HOẠT") && text.contains("Nguyễn Văn Ab"), "{text}");
    code
}

async fn digits_of(test: &TestApp, list: &str, approver: &str) -> String {
    let (status, pdf) = printed(test, list, "confirmation-sheets", approver).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&pdf));
    let (text, _) = read(test, "confirmation-sheet", &pdf);
    assert!(text.contains("PHIẾU XÁC NHẬN") && text.contains("Nguyễn Văn Ab"), "{text}");
    let is_group = |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let line = text.lines().find(|line| line.split_whitespace().filter(is_group).count() == 2).unwrap();
    line.split_whitespace().collect()
}

/// A list of one with a telephone and one without, carried out.
async fn carried_out(test: &TestApp) -> String {
    carried_out_with(test, 1).await
}

/// The same with so many without.
async fn carried_out_with(test: &TestApp, count: usize) -> String {
    let without = |index: usize| {
        let line = row(index);
        let number = line.split(',').nth(4).unwrap().to_owned();
        line.replace(&number, "Phiếu")
    };
    let file = csv(1) + &(1..=count).map(without).collect::<String>();
    let (id, digest) = entered(test, file.into_bytes()).await;
    let approver = test.log_in("duyet").await;
    let approve = json!({ "content_digest": digest });
    let (status, answer) = test.post(&format!("{PATH}/{id}/approve"), &approver, &approve).await;
    assert!(status < 300, "{answer}");
    let list = finished(test, &id, 60).await;
    assert!(list["lines"].as_array().unwrap().iter().all(|line| line["outcome"] == "approved"), "{list}");
    id
}

async fn redeem(test: &TestApp, code: &str, digits: &str) -> (u16, Value) {
    let mut body = redemption(code, "can.bo.khong.may");
    body["second_secret"] = json!(digits);
    test.redeem("", &body).await
}

fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap().trim_start_matches("urn:chuky:problem:")
}

async fn road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let list = carried_out(&test).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    assert_eq!(codes(&test).await.len(), 1, "nothing is sent to who has no telephone");
    // Each side prints its own, and nobody the other's.
    assert_eq!(printed(&test, &list, "code-sheets", &approver).await.0, 403);
    assert_eq!(printed(&test, &list, "confirmation-sheets", &registrar).await.0, 403);
    let (_, other) = test.account("duyet.khac", &[Role::Approver], None).await;
    assert_eq!(printed(&test, &list, "confirmation-sheets", &other).await.0, 409, "another approver has no part in it");
    let (_, elsewhere) = test.account("dangky.khac", &[Role::Registrar], None).await;
    assert!([403, 404].contains(&printed(&test, &list, "code-sheets", &elsewhere).await.0));
    // The code alone opens nothing: before the other sheet is printed, and after.
    let code = code_of(&test, &list, &registrar).await;
    let (status, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!((status, &preview["second_secret_sent_to"]), (200, &json!("sheet")), "{preview}");
    let (status, answer) = redeem(&test, &code, "12345678").await;
    assert_eq!((status, problem(&answer)), (422, "confirmation_not_printed"), "{answer}");
    let digits = digits_of(&test, &list, &approver).await;
    let (status, answer) = redeem(&test, &code, "").await;
    assert_eq!((status, problem(&answer)), (422, "second_secret_missing"), "{answer}");
    assert!(answer["detail"].to_string().contains("phiếu xác nhận"), "{answer}");
    // Whoever prints codes guesses five times, however many codes they print.
    let wrong = if digits == "00000000" { "11111111" } else { "00000000" };
    for _ in 0..3 {
        assert_eq!(problem(&redeem(&test, &code, wrong).await.1), "second_secret_wrong");
    }
    let again = code_of(&test, &list, &registrar).await;
    assert_eq!(problem(&redeem(&test, &code, &digits).await.1), "code_invalid", "printed again, the first one ends");
    assert_eq!(problem(&redeem(&test, &again, wrong).await.1), "second_secret_wrong");
    assert_eq!(problem(&redeem(&test, &again, wrong).await.1), "second_secret_used_up");
    let last = code_of(&test, &list, &registrar).await;
    assert_eq!(problem(&redeem(&test, &last, &digits).await.1), "second_secret_used_up");
    // A fresh confirmation by who approved; then both together make one certificate.
    let fresh = digits_of(&test, &list, &approver).await;
    assert_eq!(problem(&redeem(&test, &last, &digits).await.1), "second_secret_wrong", "the first sheet has ended");
    let (status, receipt) = redeem(&test, &last, &fresh).await;
    assert_eq!(status, 201, "{receipt}");
    assert_eq!(printed(&test, &list, "code-sheets", &registrar).await.0, 409, "nobody is left to print for");
    assert_eq!(printed(&test, &list, "confirmation-sheets", &approver).await.0, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sheets_by_two_people_take_the_place_of_a_message() {
    road(Backend::Sqlite).await;
    road(Backend::Postgres).await;
}

/// Where second secrets are always asked for, sheets meet that; and the page shows each side its own button.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sheets_do_where_a_second_secret_is_required() {
    let test = TestApp::with(|settings| {
        settings.spool_dir = Some(std::env::temp_dir());
        settings.registration.second_secret = chuky::config::SecondSecretRule::Required;
    })
    .await
    .without_background();
    let list = carried_out(&test).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let page = async |by: &str| {
        let (status, page) = test.raw("GET", &format!("/registration/lists/{list}"), by, "", Vec::new()).await;
        assert_eq!(status, 200);
        String::from_utf8(page).unwrap()
    };
    let (of_registrar, of_approver) = (page(&registrar).await, page(&approver).await);
    assert!(of_registrar.contains("/code-sheets\"") && !of_registrar.contains("/confirmation-sheets\""));
    assert!(of_approver.contains("/confirmation-sheets\"") && !of_approver.contains("/code-sheets\""));
    let code = code_of(&test, &list, &registrar).await;
    let digits = digits_of(&test, &list, &approver).await;
    assert_eq!(redeem(&test, &code, &digits).await.0, 201);
}

/// A part of a list is printed alone, and one person for whom there is no sheet any more keeps nobody else's back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_without_a_sheet_keeps_nobody_elses_back() {
    let test = TestApp::sqlite().await;
    let list = carried_out_with(&test, 3).await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let part = async |what: &str, by: &str, lines: &str| {
        let (status, pdf) = printed(&test, &list, &format!("{what}{lines}"), by).await;
        (status, if status == 200 { read(&test, "part", &pdf).0 } else { String::from_utf8(pdf).unwrap() })
    };
    let (_, listed) = test.get(&format!("{PATH}/{list}"), &registrar).await;
    let positions: Vec<i64> =
        listed["lines"].as_array().unwrap()[1..].iter().map(|line| line["position"].as_i64().unwrap()).collect();
    let (first_line, middle) = (positions[0], positions[1]);
    let alone = format!("?from={middle}&to={middle}");
    let (status, first) = part("code-sheets", &registrar, &alone).await;
    assert_eq!((status, first.matches("PHIẾU KÍCH HOẠT").count()), (200, 1), "{first}");
    // The sheets of the person in the middle are used up; the others get theirs, and the file says who has none.
    for _ in 0..5 {
        assert_eq!(part("confirmation-sheets", &approver, &alone).await.0, 200);
    }
    let (status, answer) = part("confirmation-sheets", &approver, &alone).await;
    assert!(status == 409 && answer.contains("messages_used_up"), "{answer}");
    let (status, all) = part("confirmation-sheets", &approver, "").await;
    assert_eq!((status, all.matches("PHIẾU XÁC NHẬN").count()), (200, 2), "{all}");
    assert!(all.contains("KHÔNG CÓ PHIẾU"), "{all}");
    // What is beyond the part is not touched: the code of the first sheet still opens.
    let (_, codes) = part("code-sheets", &registrar, &format!("?from={first_line}&to={first_line}")).await;
    assert_eq!(codes.matches("PHIẾU KÍCH HOẠT").count(), 1);
    let is_code = |word: &&str| word.split('-').count() > 2 && word.len() > 10;
    let code = first.split_whitespace().find(is_code).unwrap_or_else(|| panic!("{first}"));
    let (status, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!(status, 200, "{preview}");
}

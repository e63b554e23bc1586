//! The forms of Decree 68/2024 as files: which form for what, whole content in embedded fonts as poppler reads it, and for whom.

use super::{PATH, csv, entered, finished};
use crate::{harness::app::TestApp, issuance::kinds};
use serde_json::{Value, json};
use std::process::Command;

struct Form {
    text: String,
    pages: usize,
}

/// A form as poppler reads it: every font embedded, with a way back to the letters.
fn read(pdf: &[u8], name: &str) -> Form {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/forms");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}.pdf"));
    std::fs::write(&file, pdf).unwrap();
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .arg(&file)
            .args(["-"].iter().filter(|_| program == "pdftotext"))
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let fonts = said("pdffonts", &[]);
    for font in fonts.lines().skip(2) {
        let columns: Vec<&str> = font.split_whitespace().rev().collect();
        // …, emb, sub, uni, object, generation.
        assert_eq!(columns[2..5], ["yes", "yes", "yes"], "{fonts}");
    }
    let pages = said("pdfinfo", &[]).lines().find_map(|line| line.strip_prefix("Pages:")?.trim().parse().ok());
    Form { text: said("pdftotext", &["-layout"]), pages: pages.unwrap() }
}

async fn fetched(test: &TestApp, path: &str, token: &str) -> (u16, Vec<u8>) {
    test.raw("GET", path, token, "", Vec::new()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_becomes_form_01_of_each_official() {
    let test = TestApp::sqlite().await;
    let (registrar, approver) = (test.log_in("dangky").await, test.log_in("duyet").await);
    let (status, draft) = super::uploaded(&test, &registrar, csv(2).into_bytes()).await;
    assert_eq!(status, 201, "{draft}");
    let path = format!("{PATH}/{}/forms", draft["id"].as_str().unwrap());
    let (status, answer) = fetched(&test, &path, &registrar).await;
    assert_eq!(status, 409, "{}", String::from_utf8_lossy(&answer));
    let (id, digest) = entered(&test, csv(102).into_bytes()).await;
    let path = format!("{PATH}/{id}/forms");
    for token in [&registrar, &approver] {
        let (status, pdf) = fetched(&test, &path, token).await;
        assert_eq!(status, 200);
        let form = read(&pdf, "list");
        assert_eq!(form.pages, 100);
        for text in [
            "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
            "01 (Nghị định 68/2024/NĐ-CP)",
            "Ban Cơ yếu Chính phủ",
            "Nguyễn Văn A",
            "001 060 000 001",
            "05/03/1960",
            "Ủy ban nhân dân phường Hoàn Kiếm",
            "Chuyên viên",
            "0900000001",
            "Xác nhận của cơ quan, tổ chức quản lý",
        ] {
            assert!(form.text.contains(text), "{text}: {}", &form.text[..2_000.min(form.text.len())]);
        }
    }
    let headers = vec![("authorization", format!("Bearer {registrar}"))];
    let (_, headers, _) = test.exchange("GET", &path, headers, Vec::new()).await;
    assert_eq!(headers["x-next-position"], "100");
    let (status, pdf) = fetched(&test, &format!("{path}?from=100"), &registrar).await;
    assert_eq!((status, read(&pdf, "list-rest").pages), (200, 2));
    assert_eq!(fetched(&test, &format!("{path}?from=102"), &registrar).await.0, 404);
    // After the decision whole numbers are for who uploaded them; operators have no lists at all.
    let body = json!({ "content_digest": digest });
    assert_eq!(test.post(&format!("{PATH}/{id}/approve"), &approver, &body).await.0, 204);
    finished(&test, &id, 120).await;
    assert_eq!(fetched(&test, &path, &approver).await.0, 403);
    assert_eq!(fetched(&test, &path, &registrar).await.0, 200);
    assert_eq!(fetched(&test, &path, &test.log_in("gianhang").await).await.0, 403);
    assert_eq!(fetched(&test, &format!("/registration/lists/{id}/forms"), &registrar).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_request_has_its_form() {
    let test = TestApp::sqlite().await;
    let (registrar, officer) = (test.log_in("dangky").await, test.log_in("quantri").await);
    let official = json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
        "full_name": "Trần Văn Đức", "personal_number": "001085012346", "birth_date": "1985-07-19", "sex": "male",
        "province": "Hà Nội", "locality": "", "organization": "Ủy ban nhân dân thành phố Hà Nội",
        "organizational_unit": "Văn phòng", "title": "Chuyên viên" } });
    let forms: [(Value, &str, &[&str]); 3] = [
        (official, "01", &["cho cá nhân", "Trần Văn Đức", "001 085 012 346", "Chuyên viên", "Văn phòng"]),
        (kinds::request("seal"), "02", &["cho cơ quan, tổ chức", "0101234567", "Người quản lý thuê bao"]),
        (
            kinds::request("device"),
            "03",
            &["cho thiết bị, dịch vụ, phần mềm", "Máy chủ liên thông văn bản 01", "SN-2026-0001"],
        ),
    ];
    for (request, number, texts) in forms {
        let (status, entered) = test.post("/api/v1/requests", &registrar, &request).await;
        assert_eq!(status, 201, "{entered}");
        let path = format!("/api/v1/requests/{}/form", entered["id"].as_str().unwrap());
        let (status, pdf) = fetched(&test, &path, &registrar).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&pdf));
        let form = read(&pdf, number);
        assert_eq!(form.pages, 1);
        assert!(form.text.contains(&format!("{number} (Nghị định 68/2024/NĐ-CP)")), "{}", form.text);
        for text in texts {
            assert!(form.text.contains(text), "{text}: {}", form.text);
        }
        // Whoever decides has it while the request waits, and a person's or a seal's is not the security officer's.
        let decides = if number == "03" { 200 } else { 404 };
        assert_eq!(fetched(&test, &path, &officer).await.0, decides, "{number}");
        let page = format!("/registration/{}", entered["id"].as_str().unwrap());
        let (_, html) = fetched(&test, &page, &registrar).await;
        assert!(String::from_utf8(html).unwrap().contains(&format!("{page}/form")));
    }
    // Citizens' requests are no matter of the decree.
    let (operator, approver) = (test.log_in("gianhang").await, test.log_in("duyet").await);
    let (_, citizen) = test.post("/api/v1/requests", &operator, &crate::issuance::citizen()).await;
    let path = format!("/api/v1/requests/{}/form", citizen["id"].as_str().unwrap());
    assert_eq!(fetched(&test, &path, &approver).await.0, 409);
    assert_eq!(fetched(&test, &path, &operator).await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_information_becomes_form_04() {
    let test = TestApp::sqlite().await;
    let old = crate::issuance::issued(&test, "official").await;
    let serial = old["serial"].as_str().unwrap();
    let registrar = test.log_in("dangky").await;
    let changes = json!({ "organizational_unit": "Phòng Nội vụ" });
    let path = format!("/api/v1/certificates/{serial}/modify");
    let (status, entered) = test.post(&path, &registrar, &changes).await;
    assert_eq!(status, 201, "{entered}");
    let path = format!("/api/v1/requests/{}/form", entered["id"].as_str().unwrap());
    let (status, pdf) = fetched(&test, &path, &registrar).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&pdf));
    let form = read(&pdf, "04");
    for text in ["04 (Nghị định 68/2024/NĐ-CP)", "gia hạn, thay đổi nội dung thông tin", "Phòng Nội vụ", serial]
    {
        assert!(form.text.contains(text), "{text}: {}", form.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_revocation_becomes_form_05() {
    let test = TestApp::sqlite().await;
    let (official, citizen) =
        (crate::issuance::issued(&test, "official").await, crate::issuance::issued(&test, "citizen").await);
    let officer = test.log_in("quantri").await;
    let order = async |serial: &Value| {
        let mut body = json!({ "serials": [serial], "reason": "cessation_of_operation", "ground": "left_office" });
        let (status, proposed) = test.post("/api/v1/revocation-orders/preview", &officer, &body).await;
        assert_eq!(status, 200, "{proposed}");
        body["content_digest"] = proposed["content_digest"].clone();
        let (status, order) = test.post("/api/v1/revocation-orders", &officer, &body).await;
        assert_eq!(status, 201, "{order}");
        format!("/api/v1/revocation-orders/{}/form", order["id"].as_str().unwrap())
    };
    let (status, pdf) = fetched(&test, &order(&official["serial"]).await, &officer).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&pdf));
    let form = read(&pdf, "05");
    for text in [
        "05 (Nghị định 68/2024/NĐ-CP)",
        "ĐỀ NGHỊ THU HỒI",
        "Nghỉ hưu, thôi việc",
        "Trần Văn Đức",
        official["serial"].as_str().unwrap(),
    ] {
        assert!(form.text.contains(text), "{text}: {}", form.text);
    }
    assert_eq!(fetched(&test, &order(&citizen["serial"]).await, &officer).await.0, 409);
}

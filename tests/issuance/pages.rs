//! `/activate` as a browser posts it: code, content with PIN and log-in to choose, receipt.

use super::{PASSWORD, PIN, approved, citizen};
use crate::harness::app::TestApp;

async fn post(test: &TestApp, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let kind = "application/x-www-form-urlencoded";
    let (status, page) = test.raw("POST", path, "", kind, body.join("&").into_bytes()).await;
    (status, String::from_utf8(page).unwrap())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_activates_in_three_screens() {
    let test = TestApp::sqlite().await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    assert_eq!(test.raw("GET", "/activate", "", "", vec![]).await.0, 200);
    let (status, page) = post(&test, "/activate", &[("code", "AAAA-AAAA-AAAA")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("Mã kích hoạt không đúng"), "{page}");
    let (status, page) = post(&test, "/activate", &[("code", &code)]).await;
    assert_eq!(status, 200);
    assert!(page.contains("Nguyễn Thị Hồng Ưởng") && page.contains("Chuky TEST CA - Citizens"), "{page}");
    assert!(!page.contains("001190012345"));
    // The browser sends the key of the form with it.
    let hidden = |name: &str| {
        let begin = format!("name=\"{name}\" value=\"");
        page.split(begin.as_str()).nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let (key, confirmed) = (hidden("receipt_key"), hidden("confirmed"));
    let fields = |again, consent| {
        [
            ("receipt_key", key.as_str()),
            ("code", code.as_str()),
            ("confirmed", confirmed.as_str()),
            ("login", "Hong.Uong"),
            ("password", PASSWORD),
            ("pin", PIN),
            ("pin_again", again),
            ("consent", consent),
        ]
    };
    let (status, page) = post(&test, "/activate/confirm", &fields("khác hẳn", "kept-here-1")).await;
    assert_eq!(status, 422);
    assert!(page.contains("Hai lần nhập mã PIN không giống nhau"), "{page}");
    // What was typed in secret does not come back.
    assert!(!page.contains(PIN) && !page.contains(PASSWORD));
    let (status, page) = post(&test, "/activate/confirm", &fields(PIN, "")).await;
    assert_eq!(status, 422);
    assert!(page.contains("đánh dấu đồng ý"), "{page}");
    // A page that was open when the words changed shows the new ones.
    let (status, page) = post(&test, "/activate/confirm", &fields(PIN, "kept-here-0")).await;
    assert_eq!(status, 409);
    assert!(page.contains("Lời đồng ý đã thay đổi") && page.contains("value=\"kept-here-1\""), "{page}");
    let birthday = fields(PIN, "kept-here-1")
        .map(|(name, value)| (name, if name.starts_with("pin") { "05031990" } else { value }));
    let (status, page) = post(&test, "/activate/confirm", &birthday).await;
    assert!(status == 422 && page.contains("không được là ngày tháng"), "{page}");
    // Whoever makes an account here is known by this browser from then on, whatever strangers do at the log-in.
    let form = fields(PIN, "kept-here-1").map(|(name, value)| format!("{name}={}", encoded(value))).join("&");
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    let (status, headers, page) = test.exchange("POST", "/activate/confirm", headers, form.into_bytes()).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, 201, "{page}");
    let cookies: Vec<&str> = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let device = cookies.iter().find_map(|cookie| cookie.strip_prefix("chuky_device=")).unwrap();
    let log_in = async |password: &str, device: Option<&str>| {
        let body = serde_json::json!({ "login": "hong.uong", "password": password, "device": device });
        test.post("/api/v1/session", "", &body).await.0
    };
    for _ in 0..5 {
        assert_eq!(log_in("sai-sai-sai-sai", None).await, 401);
    }
    assert_eq!([log_in(PASSWORD, None).await, log_in(PASSWORD, device.split(';').next()).await], [429, 200]);
    assert!(page.contains("hong.uong") && page.contains("Chữ ký của bạn đã sẵn sàng"), "{page}");
    // Sent once more, for the answer was lost: the same receipt, and nothing new. Without the form's key the code is used.
    let (status, again) = post(&test, "/activate/confirm", &fields(PIN, "kept-here-1")).await;
    assert_eq!(status, 201, "{again}");
    let serial = test.sql("SELECT lower(hex(serial)) FROM certificate WHERE state = 'issued'");
    assert!(page.contains(serial.trim()) && again.contains(serial.trim()), "{serial}: {again}");
    let (status, _) = post(&test, "/activate/confirm", &fields(PIN, "kept-here-1")[1..]).await;
    assert_eq!(status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_refuses_what_is_wrong() {
    let test = TestApp::sqlite().await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let (status, page) = post(&test, "/activate/refuse", &[("code", &code), ("refusal", "")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("Hãy ghi chỗ sai") && page.contains("Nguyễn Thị Hồng Ưởng"), "{page}");
    let (status, page) = post(&test, "/activate/refuse", &[("code", &code), ("refusal", "Sai tên đệm")]).await;
    assert_eq!(status, 200);
    assert!(page.contains("Bạn đã từ chối"), "{page}");
    assert_eq!(post(&test, "/activate", &[("code", &code)]).await.0, 422);
}

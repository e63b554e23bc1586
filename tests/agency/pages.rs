//! The road of a list in a browser, at a desk and on a phone, with pictures of each step: uploaded, corrected in place, handed in, approved.

use super::csv;
use crate::harness::{
    app::TestApp,
    browser::{Browser, Screen},
};

async fn road(test: &TestApp, screen: Screen, prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("Danh sách cán bộ phường Hoàn Kiếm.csv");
    // Each screen's list names other people.
    let mut text = csv(3).replace(",0010", &format!(",{prefix}0")).replace(",0011", &format!(",{prefix}1"));
    text.push_str(&format!(
        "Trần Văn Đức,{prefix}060000009,29/02/1961,Nam,12,Sở Nội vụ,,Chuyên viên,Hà Nội,Phường Trúc Bạch,001\r\n"
    ));
    std::fs::write(&file, text).unwrap();
    let browser = Browser::open(&test.url, screen).await;
    browser.go("/registration/lists").await;
    browser.log_in("dangky", &test.passwords["dangky"]).await;
    assert_eq!(browser.see("h1").await, "Danh sách cán bộ của cơ quan");
    browser.picture("lists").await;
    browser.choose_file("#file", &file).await;
    browser.press("main form button.main").await;
    browser.see("nav.filters").await;
    assert!(browser.see(".lead").await.contains("Còn 1 dòng cần sửa"));
    assert_eq!(browser.count(".line").await, 1);
    browser.whole_picture("list-wrong").await;
    for (name, text) in
        [("birth_date", "05/03/1960"), ("phone", "0912345670"), ("locality", "Phường Ba Đình"), ("unit", "")]
    {
        browser.fill(name, text).await;
    }
    browser.press(".line .actions button").await;
    browser.see("form[action$='/enter']").await;
    assert!(browser.see(".lead").await.contains("Không còn chỗ sai nào"));
    let address = browser.path().await;
    browser.press("form[action$='/enter'] button").await;
    browser.see("a[href$='show=open']").await;
    assert_eq!(browser.see(".state").await, "Chờ duyệt");
    browser.picture("list-entered").await;
    browser.close().await;
    let browser = Browser::open(&test.url, screen).await;
    let address = address.split('?').next().unwrap();
    browser.go(address).await;
    browser.log_in("duyet", &test.passwords["duyet"]).await;
    assert_eq!(browser.count(".line").await, 4);
    browser.whole_picture("list-decide").await;
    browser.press(".decision button.main").await;
    browser.see("section.card").await;
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        browser.go(address).await;
        if browser.see(".state").await == "Đã hoàn tất" {
            break;
        }
    }
    assert_eq!(browser.see(".state").await, "Đã hoàn tất");
    assert!(browser.see(".line .state").await.contains("Đã duyệt"));
    browser.whole_picture("list-done").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_corrected_in_place_and_approved_by_another() {
    let test = TestApp::sqlite().await;
    road(&test, Screen::Desk, "001").await;
    road(&test, Screen::Phone, "002").await;
}

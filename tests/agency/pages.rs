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
    // The page follows the job by itself.
    browser.see(".state-done").await;
    browser.go(address).await;
    assert_eq!(browser.see(".state-done").await, "Đã hoàn tất");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_types_anywhere_on_the_booths_page() {
    let test = TestApp::sqlite().await;
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(&test.url, screen).await;
        browser.go("/booth").await;
        browser.log_in("gianhang", &test.passwords["gianhang"]).await;
        // Everything that does not fit is told at once, the text kept.
        browser.scan("003190012345||Tran Van Duc|29021990|Nam|Ha Noi|01012022\n").await;
        browser.see("#card_text-problem").await;
        assert_eq!(browser.count(".problem").await, 1);
        browser.go("/booth").await;
        browser.scan("003190012345||Tran Van Duc|05031991|Nam|Ha Noi|01012022\n").await;
        browser.see("#card_text-problem").await;
        assert_eq!(browser.count(".problem").await, 2);
        browser.picture("booth-two-problems").await;
        // A good card is shown for comparison, with what is unusual about it.
        browser.go("/booth").await;
        browser.scan("003090012345||Tran Van Duc|05031990|Nam|Phuong Ba Dinh, Ha Noi|01012022|Tran Van A\n").await;
        assert_eq!(browser.see("main .card dd").await, "Tran Van Duc");
        assert_eq!(browser.count(".notice").await, 2);
        browser.whole_picture("booth-notices").await;
        browser.close().await;
    }
}

//! A card's code by the camera, in a browser whose camera shows a film: read, not read, another code, no camera, a camera that is denied.
//! Pages other than these may open no camera at all.

use super::CARD;
use crate::harness::{
    app::TestApp,
    browser::{Browser, Camera, Screen},
};
use qrcode::{Color, EcLevel, QrCode};
use std::path::{Path, PathBuf};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
/// Squares around a code that stay light (ISO/IEC 18004 §9.1).
const QUIET: usize = 4;

/// A film of a code that is held still, or of an empty table: Y4M, 4:2:0.
fn film(directory: &Path, code: Option<&str>) -> PathBuf {
    let mut luma = vec![200_u8; WIDTH * HEIGHT];
    if let Some(text) = code {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let (squares, colors) = (code.width() + 2 * QUIET, code.to_colors());
        let size = HEIGHT / squares;
        let (left, top) = ((WIDTH - squares * size) / 2, (HEIGHT - squares * size) / 2);
        for y in 0..squares * size {
            for x in 0..squares * size {
                let (column, line) = ((x / size).wrapping_sub(QUIET), (y / size).wrapping_sub(QUIET));
                let inside = column < code.width() && line < code.width();
                let dark = inside && colors[line * code.width() + column] == Color::Dark;
                luma[(top + y) * WIDTH + left + x] = if dark { 16 } else { 235 };
            }
        }
    }
    let mut bytes = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n").into_bytes();
    for _ in 0..4 {
        bytes.extend_from_slice(b"FRAME\n");
        bytes.extend_from_slice(&luma);
        bytes.resize(bytes.len() + WIDTH * HEIGHT / 2, 128);
    }
    let path = directory.join("film.y4m");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// An operator at the booth whose browser has that camera.
async fn operator(test: &TestApp, screen: Screen, camera: &Camera) -> Browser {
    let browser = Browser::open_with(&test.url, screen, camera).await;
    browser.go("/booth").await;
    browser.log_in("gianhang", &test.passwords["gianhang"]).await;
    browser.see("[data-camera-open]").await;
    browser
}

/// Sets how long a code is looked for before the camera is closed.
async fn patience(browser: &Browser, seconds: &str) {
    let script = format!("document.querySelector('[data-camera]').dataset.cameraPatience = '{seconds}'");
    browser.client.execute(&script, vec![]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_read_by_the_camera() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let camera = Camera::Film(film(directory.path(), Some(CARD)));
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = operator(&test, screen, &camera).await;
        browser.picture("booth-camera-closed").await;
        let loaded =
            "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/vendor/')).length";
        assert_eq!(browser.value(loaded).await, 0, "the library is loaded when the camera is opened");
        let octets =
            "const all = [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')];
            return all.reduce((sum, one) => sum + one.decodedBodySize, 0)";
        let octets = browser.value(octets).await.as_u64().unwrap();
        assert!((10_000..200_000).contains(&octets), "a page of {octets} octets");
        browser.press("[data-camera-open]").await;
        assert!(browser.see(".card-large").await.contains("001 190 012 345"));
        assert!(browser.see(".card-large").await.contains("Nguyễn Thị Hồng Ưởng"));
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_shows_no_card_says_so() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    // Another code: said while the camera stays open, and it can be closed.
    let camera = Camera::Film(film(directory.path(), Some("https://example.vn/menu")));
    let browser = operator(&test, Screen::Phone, &camera).await;
    browser.press("[data-camera-open]").await;
    let other = "let said; do { await new Promise(requestAnimationFrame); said = document.querySelector('[data-camera-said]').textContent } while (!said.includes('không phải')); return said";
    assert!(browser.value(other).await.as_str().unwrap().starts_with("Đã đọc được một mã"));
    browser.whole_picture("booth-camera-other").await;
    browser.press("[data-camera-close]").await;
    assert!(!browser.see("[data-camera-open]").await.is_empty());
    let on = "return document.querySelector('[data-camera] video').srcObject === null";
    assert_eq!(browser.value(on).await, true, "the camera is let go");
    browser.close().await;
    // An empty table: after a while it is closed, with what to do.
    let camera = Camera::Film(film(directory.path(), None));
    let browser = operator(&test, Screen::Desk, &camera).await;
    patience(&browser, "1").await;
    browser.press("[data-camera-open]").await;
    assert!(browser.see("[data-camera-problem]:not([hidden])").await.starts_with("Chưa đọc được mã nào"));
    browser.whole_picture("booth-camera-nothing").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_camera_or_leave_to_use_it_the_operator_is_told() {
    let test = TestApp::sqlite().await;
    for (camera, told) in [(Camera::None, "Máy này không có máy ảnh"), (Camera::Denied, "Trình duyệt không cho")]
    {
        let browser = operator(&test, Screen::Desk, &camera).await;
        browser.press("[data-camera-open]").await;
        let said = browser.see("[data-camera-problem]:not([hidden])").await;
        assert!(said.starts_with(told), "{camera:?}: {said}");
        browser.picture(if camera == Camera::None { "booth-camera-none" } else { "booth-camera-denied" }).await;
        // The other ways are still there.
        browser.fill("card_text", CARD).await;
        browser.press("form[data-scan] button.main").await;
        browser.see(".card-large").await;
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_code_is_read_by_the_camera() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let code = "00020101021138570010A00000072701270006970403011300110123456780208QRIBFTTA53037045802VN63049E6F";
    let browser = Browser::open_with(&test.url, Screen::Phone, &Camera::Film(film(directory.path(), Some(code)))).await;
    browser.go("/qr").await;
    browser.press("[data-camera-open]").await;
    browser.see(".code-answer").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_page_may_open_the_camera() {
    let test = TestApp::sqlite().await;
    let operator = test.log_in("gianhang").await;
    let policy = async |path: &str| {
        let headers = vec![("authorization", format!("Bearer {operator}"))];
        let (status, headers, _) = test.exchange("GET", path, headers, Vec::new()).await;
        assert_eq!(status, 200, "{path}");
        headers["permissions-policy"].to_str().unwrap().to_owned()
    };
    for path in ["/booth", "/qr"] {
        assert!(policy(path).await.starts_with("camera=(self), "), "{path}");
    }
    for path in ["/", "/verify", "/login", "/account"] {
        assert!(policy(path).await.starts_with("camera=(), "), "{path}");
    }
}

//! Queue numbers in a browser: given, printed, called to a desk, and shown in the waiting room, where nobody is logged in. And by two nodes at once:
//! each number once, in its order.

use crate::harness::{
    app::{Backend, EXECUTABLE, TestApp},
    browser::{Browser, Screen},
};
use chuky::{app::App, clock::Clock, registration::numbers};
use serde_json::json;
use std::path::Path;

const UNIT: &str = "00070";
const DAY: &str = "2026-11-28";

async fn meeting(backend: Backend) {
    const EACH: usize = 40;
    let test = TestApp::start(backend).await.without_background();
    let other = App::open(test.app.settings.clone(), Clock::default(), Path::new(EXECUTABLE).to_owned()).await.unwrap();
    let given = async |app: App| {
        let mut numbers = Vec::new();
        for _ in 0..EACH {
            let mut transaction = app.store.begin().await.unwrap();
            numbers.push(transaction.give_booth_number(UNIT, DAY).await.unwrap());
            transaction.commit().await.unwrap();
        }
        numbers
    };
    let (one, two, three) = tokio::join!(given(test.app.clone()), given(other.clone()), given(test.app.clone()));
    assert!([&one, &two, &three].iter().all(|of_one| of_one.is_sorted()));
    let mut all = [one, two, three].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=3 * EACH as i64).collect::<Vec<_>>());
    // One that was given and not stored is given to the next.
    let mut transaction = other.store.begin().await.unwrap();
    assert_eq!(transaction.give_booth_number(UNIT, DAY).await.unwrap(), 121);
    drop(transaction);
    let called = async |app: App, desk: i64| {
        let mut numbers = Vec::new();
        loop {
            let mut transaction = app.store.begin().await.unwrap();
            let called = transaction.call_booth_number(UNIT, DAY, desk, app.clock.now()).await.unwrap();
            transaction.commit().await.unwrap();
            let Some(number) = called else { return numbers };
            numbers.push(number);
        }
    };
    let (one, two) = tokio::join!(called(test.app.clone(), 1), called(other.clone(), 2));
    let mut all = [one, two].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=3 * EACH as i64).collect::<Vec<_>>(), "each called once, and none that was not given");
    // Another unit and another day begin at 1.
    let mut transaction = test.app.store.begin().await.unwrap();
    assert_eq!(transaction.give_booth_number("00004", DAY).await.unwrap(), 1);
    assert_eq!(transaction.give_booth_number(UNIT, "2026-11-29").await.unwrap(), 1);
    transaction.remove_old_booth_queues("2026-11-29").await.unwrap();
    transaction.commit().await.unwrap();
    assert!(test.app.store.booth_queue(UNIT, DAY).await.unwrap().is_none());
    assert!(test.app.store.booth_calls(UNIT, DAY, 10).await.unwrap().is_empty());
    assert_eq!(test.app.store.booth_queue(UNIT, "2026-11-29").await.unwrap().unwrap().given, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_give_and_call_each_number_once() {
    meeting(Backend::Sqlite).await;
    meeting(Backend::Postgres).await;
}

/// The screen at the width of a wall.
async fn wide(browser: &Browser) {
    let size = json!({ "width": 1920, "height": 1080, "deviceScaleFactor": 1, "mobile": false });
    browser.protocol("Emulation.setDeviceMetricsOverride", size).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_given_called_and_shown_in_the_waiting_room() {
    let test = TestApp::sqlite().await;
    // 1. At the entrance numbers are given.
    let desk = Browser::open(&test.url, Screen::Desk).await;
    desk.go("/booth/queue/desk").await;
    desk.log_in("gianhang", &test.passwords["gianhang"]).await;
    desk.see("form[action='/booth/queue/numbers']").await;
    for number in ["1", "2", "3"] {
        desk.press("form[action='/booth/queue/numbers'] button").await;
        desk.see("a[href^='/booth/queue?unit=']").await;
        assert_eq!(desk.see(".ticket-number").await, number);
    }
    desk.picture("booth-desk-given").await;
    // 2. The screen of the waiting room, of nobody.
    let unit =
        desk.value("return document.querySelector(\"a[href^='/booth/queue?unit=']\").getAttribute('href')").await;
    let screen = Browser::open(&test.url, Screen::Desk).await;
    wide(&screen).await;
    screen.go(unit.as_str().unwrap()).await;
    screen.see(".waiting-none").await;
    // 3. A desk that is none is told so; the next is called, and shown without anybody touching the screen.
    desk.fill("desk", "100").await;
    desk.press("form[action='/booth/queue/calls'] button").await;
    assert!(desk.see("#desk-problem, .problem").await.contains("1"), "the bounds are named");
    for (number, at) in [("1", "4"), ("2", "12"), ("3", "4")] {
        desk.fill("desk", at).await;
        desk.press("form[action='/booth/queue/calls'] button").await;
        assert!(desk.see(".called strong").await == number);
        screen.see(&format!(".waiting-calls li:nth-child({number})")).await;
    }
    let now = screen.see(".waiting-now").await;
    assert!(now.contains('3') && now.contains('4'), "{now}");
    desk.picture("booth-desk-called").await;
    desk.press("form[action='/booth/queue/calls'] button").await;
    desk.see("[role=status]").await;
    assert!(!desk.has(".called").await);
    screen.picture("waiting-room-1920").await;
    screen.close().await;
    let screen = Browser::open(&test.url, Screen::Phone).await;
    screen.go(unit.as_str().unwrap()).await;
    screen.see(".waiting-now").await;
    screen.picture("waiting-room").await;
    let screen = Browser::open(&test.url, Screen::Desk).await;
    screen.go(unit.as_str().unwrap()).await;
    screen.see(".waiting-now").await;
    screen.picture("waiting-room").await;
    // 4. Nothing of persons or accounts is told there, and nothing of units that are none.
    let (status, page) = test.raw("GET", unit.as_str().unwrap(), "", "", Vec::new()).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && !page.contains("gianhang") && !page.contains("visitor"), "{page}");
    for nowhere in ["/booth/queue", "/booth/queue?unit=", "/booth/queue?unit=99999", "/booth/queue?unit=%27"] {
        assert_eq!(test.raw("GET", nowhere, "", "", Vec::new()).await.0, 404, "{nowhere}");
    }
    // 5. Tomorrow begins anew.
    test.app.clock.shift_seconds(86_400);
    let code = unit.as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    let tomorrow = numbers::of_unit(&test.app, &code).await.unwrap();
    assert_eq!((tomorrow.given, tomorrow.called, tomorrow.calls.len()), (0, 0, 0));
}

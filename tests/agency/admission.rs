//! Who is given a certificate and who sees what of it: the same rules of the card on every road, one certificate a person, ages and cards, pages
//! that are filled after what narrows them, and units in suspension and revocation.

use super::units::{key, member, operator};
use crate::{
    harness::{
        app::{Backend, TestApp},
        browser::{Browser, Screen},
    },
    issuance::{approved, citizen, issued, official, redemption},
};
use chuky::config::{ExpiredCardRule, SecondCertificateRule};
use chuky_model::role::Role;
use serde_json::{Value, json};

const REQUESTS: &str = "/api/v1/requests";
/// As on the card of [`citizen`].
const CARD: &str = "001190012345||Nguyễn Thị Hồng Ưởng|05031990|Nữ|Số 1 Tràng Tiền, Phường Hoàn Kiếm, Hà Nội|01012022";

fn year(test: &TestApp) -> i32 {
    test.app.clock.now().rfc3339()[..4].parse().unwrap()
}

fn problem(code: &str) -> Value {
    json!(format!("urn:chuky:problem:{code}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cards_rules_are_those_of_every_road() {
    let test = TestApp::sqlite().await;
    let (booth, desk) = (test.log_in("gianhang").await, test.log_in("dangky").await);
    let mut cases = 0;
    for line in include_str!("../data/registration/wrong_requests.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [field, value, told, code, said] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        for (right, token) in [(citizen(), &booth), (official(), &desk)] {
            let mut wrong = right;
            // The official is another person, with a card of their own.
            for (name, own) in [("personal_number", "001190012345"), ("birth_date", "1990-03-05"), ("sex", "female")] {
                wrong["subscriber"][name] = json!(own);
            }
            wrong["subscriber"][field] = json!(value);
            if field == "personal_number" {
                let woman = value.as_bytes()[3] % 2 == 1;
                wrong["subscriber"]["sex"] = json!(if woman { "female" } else { "male" });
            }
            let (status, answer) = test.post(REQUESTS, token, &wrong).await;
            assert_eq!((status, &answer["type"]), (422, &problem(code)), "{line}: {answer}");
            assert_eq!((&answer["field"], &answer["detail"]["vi"]), (&json!(told), &json!(said)), "{line}");
        }
        cases += 1;
    }
    assert!(cases >= 14, "{cases}");
    // A day that is still to come, and fits the number.
    let mut coming = citizen();
    let year = year(&test) + 1;
    coming["subscriber"]["birth_date"] = json!(format!("{year}-01-02"));
    coming["subscriber"]["personal_number"] = json!(format!("0013{:02}012345", year % 100));
    let (status, answer) = test.post(REQUESTS, &booth, &coming).await;
    assert_eq!((status, &answer["type"]), (422, &problem("birth_date_future")), "{answer}");
    assert_eq!(test.sql("SELECT count(*) FROM registration_request").trim().lines().last(), Some("0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_officials_has_the_cards_rules() {
    let test = TestApp::sqlite().await;
    let browser = Browser::open(&test.url, Screen::Desk).await;
    browser.go("/registration/new").await;
    browser.log_in("dangky", &test.passwords["dangky"]).await;
    for (name, value) in [
        ("full_name", "<b>Hồng</b>"),
        ("personal_number", "001190012345"),
        ("birth_date", "05/03/1990"),
        ("organization", "Sở Nội vụ"),
        ("title", "Chuyên viên"),
        ("province", "Hà Nội"),
        ("locality", "Phường Ba Đình"),
    ] {
        browser.fill(name, value).await;
    }
    browser.press("main form button.main").await;
    assert!(browser.see(".problem").await.contains("Họ tên chỉ gồm chữ cái"));
    browser.close().await;
    assert_eq!(test.sql("SELECT count(*) FROM registration_request").trim().lines().last(), Some("0"));
}

async fn one_a_person(backend: Backend) {
    let refuse = |settings: &mut chuky::config::Settings| {
        settings.registration.second_certificate = SecondCertificateRule::Refuse;
    };
    let test = TestApp::start_with(backend, refuse).await;
    let receipt = issued(&test, "citizen").await;
    let booth = test.log_in("gianhang").await;
    let (status, answer) = test.post(REQUESTS, &booth, &citizen()).await;
    assert_eq!((status, &answer["type"]), (409, &problem("certificate_in_force")), "{answer}");
    assert!(answer["detail"]["vi"].as_str().unwrap().contains("gia hạn"), "{answer}");
    // One that is suspended is in force all the same; one that is revoked is not. The other hierarchy has its own.
    let path = |what: &str| format!("/api/v1/certificates/{}/{what}", receipt["serial"].as_str().unwrap());
    assert_eq!(test.post(&path("suspend"), &booth, &json!({ "ground": "device_lost" })).await.0, 200);
    assert_eq!(test.post(REQUESTS, &booth, &citizen()).await.0, 409);
    let mut other = official();
    for (name, own) in [("personal_number", "001190012345"), ("birth_date", "1990-03-05"), ("sex", "female")] {
        other["subscriber"][name] = json!(own);
    }
    assert_eq!(test.post(REQUESTS, &test.log_in("dangky").await, &other).await.0, 201);
    assert_eq!(test.post(&path("revoke"), &booth, &json!({ "reason": "superseded" })).await.0, 200);
    let (status, answer) = test.post(REQUESTS, &booth, &citizen()).await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_certificate_a_person_on_sqlite() {
    one_a_person(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_certificate_a_person_on_postgres() {
    one_a_person(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_booth_shows_what_a_person_has_and_takes_a_second_by_rule() {
    for rule in [SecondCertificateRule::Refuse, SecondCertificateRule::Warn] {
        let test = TestApp::with(|settings| settings.registration.second_certificate = rule).await;
        let receipt = issued(&test, "citizen").await;
        let tail =
            format!("…{}", &receipt["serial"].as_str().unwrap()[receipt["serial"].as_str().unwrap().len() - 4..]);
        for screen in [Screen::Desk, Screen::Phone] {
            let browser = Browser::open(&test.url, screen).await;
            browser.go("/booth").await;
            browser.log_in("gianhang", &test.passwords["gianhang"]).await;
            browser.fill("card_text", CARD).await;
            browser.press("[data-scan] button.main").await;
            browser.see("main section li").await;
            let told = browser.see("main").await;
            assert!(told.contains(&tail) && told.contains("còn hiệu lực đến"), "{told}");
            assert!(!told.contains(receipt["serial"].as_str().unwrap()), "{told}");
            let offered = browser.count("form[action='/booth/requests']").await;
            assert_eq!(offered, usize::from(rule == SecondCertificateRule::Warn), "{told}");
            browser.whole_picture(if offered == 0 { "booth-second-refused" } else { "booth-second-warned" }).await;
            browser.close().await;
        }
        let booth = test.log_in("gianhang").await;
        let expected = if rule == SecondCertificateRule::Refuse { 409 } else { 201 };
        assert_eq!(test.post(REQUESTS, &booth, &citizen()).await.0, expected);
        let told = test.sql("SELECT CAST(content AS TEXT) FROM audit_entry WHERE kind = 'request.submitted'");
        assert_eq!(told.contains("\"second\":true"), rule == SecondCertificateRule::Warn, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minors_and_ended_cards_are_refused_by_rule() {
    let test = TestApp::sqlite().await;
    let booth = test.log_in("gianhang").await;
    let mut child = citizen();
    let born = year(&test) - 10;
    child["subscriber"]["birth_date"] = json!(format!("{born}-03-05"));
    child["subscriber"]["personal_number"] = json!(format!("0013{:02}012345", born % 100));
    let (status, answer) = test.post(REQUESTS, &booth, &child).await;
    assert_eq!((status, &answer["type"]), (422, &problem("under_age")), "{answer}");
    assert!(answer["detail"]["vi"].as_str().unwrap().contains("15 tuổi"), "{answer}");
    let mut holder = citizen();
    for (issued, code) in
        [("2012-01-01", "card_expired"), ("2099-01-01", "card_issued_form"), ("hôm qua", "card_issued_form")]
    {
        holder["card_issued"] = json!(issued);
        let (status, answer) = test.post(REQUESTS, &booth, &holder).await;
        assert_eq!((status, &answer["type"]), (422, &problem(code)), "{answer}");
    }
    // At the booth before anything is compared.
    let browser = Browser::open(&test.url, Screen::Phone).await;
    browser.go("/booth").await;
    browser.log_in("gianhang", &test.passwords["gianhang"]).await;
    browser.fill("card_text", &CARD.replace("01012022", "01012012")).await;
    browser.press("[data-scan] button.main").await;
    let told = browser.see(".problem").await;
    assert!(told.contains("hết hạn ngày 05/03/2015"), "{told}");
    browser.whole_picture("booth-card-ended").await;
    browser.close().await;
    holder["card_issued"] = json!("2022-01-01");
    let (status, answer) = test.post(REQUESTS, &booth, &holder).await;
    assert_eq!(status, 201, "{answer}");
    // By other settings they are taken.
    let test = TestApp::with(|settings| {
        settings.registration.lowest_age = 0;
        settings.registration.expired_cards = ExpiredCardRule::Allow;
    })
    .await;
    let booth = test.log_in("gianhang").await;
    child["card_issued"] = json!(format!("{born}-06-01"));
    assert_eq!(test.post(REQUESTS, &booth, &child).await.0, 201);
    holder["card_issued"] = json!("2012-01-01");
    assert_eq!(test.post(REQUESTS, &booth, &holder).await.0, 201);
}

/// More officials of a unit than anybody looks at hide neither its queue nor another unit's requests, and count as nobody's citizens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_narrows_comes_before_what_limits() {
    let test = TestApp::sqlite().await;
    let (booth, desk) = (test.log_in("gianhang").await, test.log_in("dangky").await);
    let ward = key(&test, member(&test, "00004", Role::Registrar).await).await;
    let mut of_ward = official();
    of_ward["unit"] = json!("00004");
    of_ward["subscriber"]["full_name"] = json!("Lê Của Phường");
    let (status, entered) = test.post(REQUESTS, &ward, &of_ward).await;
    assert_eq!(status, 201, "{entered}");
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    for at in 0..205 {
        let mut other = official();
        other["subscriber"]["personal_number"] = json!(format!("001085{:06}", 100_000 + at));
        let (status, answer) = test.post(REQUESTS, &desk, &other).await;
        assert_eq!(status, 201, "{answer}");
    }
    let page = async |path: &str, token: &str| {
        let (status, page) = test.raw("GET", path, token, "", vec![]).await;
        assert_eq!(status, 200, "{path}");
        // Counts keep to their words by spaces that do not break.
        String::from_utf8(page).unwrap().replace('\u{a0}', " ")
    };
    let shown = page("/booth", &booth).await;
    assert!(shown.contains("Nguyễn Thị Hồng Ưởng") && shown.contains("đã cấp 0, đã nhập 1"), "{shown}");
    for path in ["/registration", "/registration?state=submitted"] {
        assert!(page(path, &ward).await.contains("Lê Của Phường"), "{path}");
    }
    let (_, listed) = test.get("/api/v1/requests?state=submitted", &ward).await;
    assert_eq!((listed["requests"].as_array().unwrap().len(), &listed["next"]), (1, &Value::Null), "{listed}");
    // Pages of the city's registrar go on to the end, each request once.
    let (mut seen, mut after) = (std::collections::HashSet::new(), String::new());
    loop {
        let (_, listed) = test.get(&format!("/api/v1/requests?state=submitted{after}"), &desk).await;
        let page = listed["requests"].as_array().unwrap();
        assert!(page.iter().all(|one| seen.insert(one["id"].to_string())), "twice");
        let Some(next) = listed["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 206);
    // Issued on another day than it was entered.
    test.app.clock.shift_seconds(86_400);
    assert_eq!(test.redeem("", &redemption(&code, "hong.uong")).await.0, 201);
    let booth = test.log_in("gianhang").await;
    assert!(page("/booth", &booth).await.contains("đã cấp 1, đã nhập 0"));
}

/// A certificate of a citizen of that unit, entered by its operator.
async fn issued_in(test: &TestApp, unit: &str, operator: &str, number: &str) -> Value {
    let mut request = citizen();
    request["unit"] = json!(unit);
    request["subscriber"]["personal_number"] = json!(number);
    let (status, entered) = test.post(REQUESTS, operator, &request).await;
    assert_eq!(status, 201, "{entered}");
    test.approve(&entered).await;
    let code = test.code(&entered, operator).await;
    let (status, receipt) = test.redeem("", &redemption(&code, &format!("cong.dan.{unit}"))).await;
    assert_eq!(status, 201, "{receipt}");
    receipt["serial"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_are_followed_where_certificates_are_suspended() {
    let test = TestApp::sqlite().await;
    let (one, two) = (operator(&test, "00004").await, operator(&test, "00008").await);
    let (first, second) =
        (issued_in(&test, "00004", &one, "001190012345").await, issued_in(&test, "00008", &two, "001190012346").await);
    let path = |serial: &Value, what: &str| format!("/api/v1/certificates/{}/{what}", serial.as_str().unwrap());
    // A ward's operator suspends in the ward; of others they learn nothing. The city's suspend everybody's.
    let lost = json!({ "ground": "device_lost" });
    assert_eq!(test.post(&path(&second, "suspend"), &one, &lost).await.0, 404);
    assert_eq!(test.get(&format!("/api/v1/certificates/{}", second.as_str().unwrap()), &one).await.0, 404);
    let list = json!({ "action": "suspend", "serials": [first, second], "dry_run": true });
    let (_, answer) = test.post("/api/v1/certificate-lists", &one, &list).await;
    assert_eq!(
        (&answer["changed"], &answer["certificates"][1]["problem"]),
        (&json!(1), &json!("not_found")),
        "{answer}"
    );
    assert_eq!(test.post(&path(&second, "suspend"), &two, &lost).await.0, 200);
    let hotline = test.log_in("gianhang").await;
    assert_eq!(test.post(&path(&second, "resume"), &hotline, &json!({ "ground": "settled" })).await.0, 200);
    let of_unit = async |unit: &str, token: &str| {
        let body = json!({ "action": "suspend", "unit": unit, "hierarchy": "citizens", "dry_run": true });
        let (status, answer) = test.post("/api/v1/certificate-lists", token, &body).await;
        assert_eq!(status, 200, "{answer}");
        let told = answer["certificates"].as_array().unwrap().iter();
        told.map(|one| one["serial"].clone()).collect::<Vec<_>>()
    };
    // With the units below it, under whichever form of its code; never beyond the caller's own.
    for city in ["H26", "000.00.00.H26"] {
        assert_eq!(of_unit(city, &hotline).await, [first.clone(), second.clone()], "{city}");
        assert_eq!(of_unit(city, &one).await, std::slice::from_ref(&first), "{city}");
    }
    assert_eq!(of_unit("00008", &hotline).await, std::slice::from_ref(&second));
    assert!(of_unit("Chi nhánh cũ", &hotline).await.is_empty());
    // A reform: what has come to a unit is its own from then on; the unit that ended is still named by its code.
    let (_, administrator) = test.account("only.administrator", &[Role::Administrator], None).await;
    let units = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
        00004,Phường Ba Đình,commune,H26,,\n00005,Phường Mới,commune,H26,H26.05,00008\n";
    let from = test.app.clock.now().plus_seconds(60 * 86_400).rfc3339();
    let body = json!({ "from": &from[..10], "list": units, "dry_run": false });
    let (status, answer) = test.post("/api/v1/units", &administrator, &body).await;
    assert_eq!(status, 200, "{answer}");
    test.app.clock.shift_seconds(100 * 86_400);
    let hotline = test.log_in("gianhang").await;
    for code in ["00005", "H26.05", "00008"] {
        assert_eq!(of_unit(code, &hotline).await, std::slice::from_ref(&second), "{code}");
    }
    assert_eq!(of_unit("00004", &hotline).await, [first]);
}

//! Figures of a population whose every number is known, on both databases; who sees which; files, open data, and the time it takes.

mod files;
mod open_data;
mod population;

use crate::harness::app::{ACCOUNT_PASSWORD, Backend, TestApp};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::Actor,
};
use chuky_model::{
    id::CertificateId,
    request::{Hierarchy, SubjectKind},
    role::Role,
};
use population::{Fate, One, at};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/reports";
/// Begins as a formula would.
const HOSTILE: &str = "=cmd|'/c calc'!A1";

/// The units from 16 July 2026: two wards merged, one parted, with the numbers of people that are known.
const REFORM: &str = "code,name,kind,parent,predecessors,residents,officials\nH26,Thành phố Hà Nội,city,,,8500000,\n\
    00004,Phường Ba Đình,commune,H26,,2000,\n00901,Phường Gộp,commune,H26,00008 00070,1000,40\n\
    00902,Phường Tách A,commune,H26,00082,500,\n00903,Phường Tách B,commune,H26,00082,,\n";

async fn load_reform(test: &TestApp) {
    let (_, administrator) = test.account("nap.don.vi", &[Role::Administrator], None).await;
    let body = json!({ "from": "2026-07-16", "list": REFORM });
    let (status, loaded) = test.post("/api/v1/units", &administrator, &body).await;
    assert_eq!(status, 200, "{loaded}");
}

/// Twenty-one certificates that count by the end of October 2026, and what must not count.
async fn populated(backend: Backend) -> TestApp {
    let test = TestApp::start(backend).await;
    load_reform(&test).await;
    let june = "2026-06-10T10:15:00";
    let ended = |fate| One { until: at("2026-10-15T12:00:00"), ..One::citizen("00004", "2025-10-01T10:15:00", fate) };
    let kind = |unit, hierarchy, kind| One::citizen(unit, "2026-06-02T10:15:00", Fate::Good).of(hierarchy, kind);
    let all = [
        // Ba Đình, with every fate, and months that begin at midnight in Vietnam.
        One::citizen("00004", "2026-04-30T23:59:59", Fate::Good),
        One::citizen("00004", "2026-05-01T00:00:00", Fate::Good),
        One::citizen("00004", "2026-05-31T23:59:59", Fate::Revoked("2026-06-01T00:00:00")),
        One::citizen("00004", "2026-10-31T23:59:59", Fate::Good),
        One::citizen("00004", "2026-11-01T00:00:00", Fate::Good),
        One::citizen("00004", june, Fate::Revoked("2026-11-05T08:00:00")),
        One::citizen("00004", june, Fate::Suspended("2026-10-01T08:00:00")),
        One::citizen("00004", june, Fate::SuspendedRevoked("2026-10-10T08:00:00", "2026-11-03T08:00:00")),
        One::citizen("00004", june, Fate::SuspendedRevoked("2026-08-10T08:00:00", "2026-09-03T08:00:00")),
        One::citizen("00004", june, Fate::Resumed("2026-08-10T08:00:00", "2026-11-02T08:00:00")),
        ended(Fate::Good),
        ended(Fate::Revoked("2026-09-30T23:59:59")),
        // Two wards that became one in the middle of the period, and that one.
        One::citizen("00008", "2026-06-15T08:59:59", Fate::Good),
        One { requested: at("2026-07-10T09:00:00"), ..One::citizen("00008", "2026-07-20T09:00:00", Fate::Good) },
        kind("00070", Hierarchy::Officials, SubjectKind::Person),
        kind("00070", Hierarchy::Officials, SubjectKind::Seal),
        One::citizen("00901", "2026-08-02T10:15:00", Fate::Good),
        // One that was parted, what is no unit, and other types.
        kind("00082", Hierarchy::Citizens, SubjectKind::Person),
        kind(HOSTILE, Hierarchy::Citizens, SubjectKind::Person),
        kind("H26", Hierarchy::Officials, SubjectKind::Device),
        kind("H26", Hierarchy::Citizens, SubjectKind::PaymentProvider),
        // Never handed out; entered at a booth and not issued.
        One::citizen("00004", "2025-06-10T10:15:00", Fate::Void),
        One { issued: None, ..One::citizen("00008", "2026-06-15T08:00:00", Fate::Good) },
    ];
    let made: Vec<CertificateId> = population::store(&test, &all).await;
    // A renewal is nobody's at a booth, and a certificate may have lost its request.
    let renewal = One::citizen("00004", "2026-06-15T07:00:00", Fate::Good);
    population::store(&test, &[One { issued: None, follows: made.first().copied(), ..renewal }]).await;
    population::store_without_request(&test, &kind("", Hierarchy::Citizens, SubjectKind::Person)).await;
    test
}

async fn report(test: &TestApp, token: &str, query: &str) -> Value {
    let (status, report) = test.get(&format!("{PATH}?{query}"), token).await;
    assert_eq!(status, 200, "{report}");
    report
}

/// issued, revoked, total, active, suspended, revoked_total, expired of a type; zeros where it is not told.
fn counts(types: &Value, kind: &str) -> [u64; 7] {
    let row = types.as_array().unwrap().iter().find(|row| row["type"] == kind).cloned().unwrap_or_default();
    ["issued", "revoked", "total", "active", "suspended", "revoked_total", "expired"]
        .map(|name| row[name].as_u64().unwrap_or_default())
}

fn unit<'a>(report: &'a Value, code: &str) -> &'a Value {
    let found = report["units"].as_array().unwrap().iter().find(|row| row["unit"]["code"] == code);
    found.unwrap_or(&Value::Null)
}

async fn every_figure(backend: Backend) {
    let test = populated(backend).await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let all = report(&test, &auditor, "from=2026-05&until=2026-10-31").await;
    assert_eq!(
        (&all["is_whole"], &all["from"], &all["until"]),
        (&json!(true), &json!("2026-05"), &json!("2026-10-31"))
    );
    // By type, and the sum of where they stand is what was issued.
    for (kind, expected) in [
        ("all", [18, 3, 21, 14, 3, 3, 1]),
        ("citizen", [13, 3, 16, 9, 3, 3, 1]),
        ("official", [1, 0, 1, 1, 0, 0, 0]),
        ("seal", [1, 0, 1, 1, 0, 0, 0]),
        ("device", [1, 0, 1, 1, 0, 0, 0]),
        ("payment_provider", [1, 0, 1, 1, 0, 0, 0]),
        ("unknown", [1, 0, 1, 1, 0, 0, 0]),
    ] {
        assert_eq!(counts(&all["types"], kind), expected, "{kind}");
    }
    // By month.
    let month = |name: &str, kind: &str| {
        let rows = all["months"].as_array().unwrap();
        let row = rows.iter().find(|row| row["month"] == name && row["type"] == kind).unwrap();
        (row["issued"].as_u64().unwrap(), row["revoked"].as_u64().unwrap())
    };
    let months = ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"];
    assert_eq!(months.map(|name| month(name, "all")), [(2, 0), (13, 1), (1, 0), (1, 0), (0, 2), (1, 0)]);
    assert_eq!(month("2026-06", "citizen"), (8, 1));
    assert_eq!(all["months"].as_array().unwrap().len(), 6 * 7);
    // By unit: each certificate in one of them.
    for (code, standing, total) in [
        ("00004", "in_force", 11),
        ("00901", "in_force", 5),
        ("00082", "parted", 1),
        (HOSTILE, "unknown", 1),
        ("H26", "in_force", 2),
        ("", "unknown", 1),
    ] {
        let row = unit(&all, code);
        assert_eq!(
            (row["unit"]["standing"].as_str(), counts(&row["types"], "all")[2]),
            (Some(standing), total),
            "{code}"
        );
    }
    assert_eq!(all["units"].as_array().unwrap().len(), 6);
    assert_eq!(counts(&unit(&all, "00004")["types"], "citizen"), [8, 3, 11, 4, 3, 3, 1]);
    assert_eq!(unit(&all, "00082")["unit"]["last_day"], "2026-07-15");
    let merged: Vec<(&str, &str, u64)> = all["merged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let code = |of: &str| row[of]["code"].as_str().unwrap();
            (code("unit"), code("former"), row["total"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(merged, [("00901", "00008", 2), ("00901", "00070", 2)]);
    booths_and_ranking(&all);
    on_other_days(&test, &auditor).await;
}

fn booths_and_ranking(all: &Value) {
    let hours = |row: &Value| -> Vec<(usize, u64)> {
        let hours = row["hours"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap());
        hours.enumerate().filter(|(_, count)| *count > 0).collect()
    };
    let booths = all["booths"].as_array().unwrap();
    assert_eq!(booths[0]["unit"], Value::Null);
    assert_eq!(hours(&booths[0]), [(0, 1), (8, 2), (9, 1), (10, 8), (23, 2)]);
    let merged = booths.iter().find(|row| row["unit"]["code"] == "00901").unwrap();
    assert_eq!(hours(merged), [(8, 2), (9, 1), (10, 1)]);
    let ranked = |at: usize| -> Vec<(u64, &str, u64, u64, f64)> {
        let rows = all["rankings"][at]["ranked"].as_array().unwrap().iter();
        let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
        rows.map(|row| {
            let code = row["unit"]["code"].as_str().unwrap();
            (number(row, "rank"), code, number(row, "active"), number(row, "people"), row["rate"].as_f64().unwrap())
        })
        .collect()
    };
    assert_eq!(all["rankings"][0]["measure"], "citizens_per_thousand");
    assert_eq!(ranked(0), [(1, "00901", 3, 1_000, 3.0), (2, "00004", 4, 2_000, 2.0), (3, "00902", 0, 500, 0.0)]);
    assert_eq!(ranked(1), [(1, "00901", 1, 40, 2.5)]);
    assert_eq!(all["rankings"][0]["ranked"][0]["people_since"], "2026-07-16");
}

/// The same certificates as they stood on other days.
async fn on_other_days(test: &TestApp, auditor: &str) {
    // Three weeks earlier: one not suspended yet, one not expired yet, one not issued yet.
    let october = report(test, auditor, "from=2026-10&until=2026-10-05").await;
    assert_eq!(counts(&october["types"], "citizen"), [0, 0, 15, 10, 2, 3, 0]);
    // The eve of the reform: nothing has merged or been parted, and nobody has said how many people there are.
    let eve = report(test, auditor, "from=2026-05&until=2026-07-15").await;
    for (code, total) in [("00004", 10), ("00008", 1), ("00070", 2), ("00082", 1), ("00901", 0)] {
        let row = unit(&eve, code);
        let told = if row.is_null() { 0 } else { counts(&row["types"], "all")[2] };
        assert_eq!((told, row["unit"]["standing"] == "in_force"), (total, total > 0), "{code}");
    }
    assert_eq!((&eve["merged"], &eve["rankings"][0]["ranked"]), (&json!([]), &json!([])));
    assert_eq!(eve["rankings"][0]["unranked"].as_array().unwrap().len(), 3);
    // A day later everything is where it went.
    let reform = report(test, auditor, "from=2026-07&until=2026-07-16").await;
    assert_eq!((unit(&reform, "00008"), counts(&unit(&reform, "00901")["types"], "all")[2]), (&Value::Null, 3));
    // A unit alone, and what is no question.
    let one = report(test, auditor, "from=2026-05&until=2026-10-31&unit=00901").await;
    assert_eq!((&one["is_whole"], counts(&one["types"], "all")[2]), (&json!(false), 5));
    for query in ["from=2026-13", "until=2026-02-30", "from=2020-01", "until=2099-01-01", "unit=00008", "unit=77777"] {
        let (status, refused) = test.get(&format!("{PATH}?{query}"), auditor).await;
        assert_eq!(status, 422, "{query}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_is_right_on_sqlite() {
    every_figure(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_is_right_on_postgres() {
    every_figure(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_sees_its_own_figures_and_the_city_all() {
    let test = populated(Backend::Sqlite).await;
    let query = "from=2026-05&until=2026-10-31";
    for (role, code, total) in [
        (Role::Registrar, "00004", 11),
        (Role::Approver, "00004", 11),
        // The account names a ward that has merged: it sees what the ward became.
        (Role::Registrar, "00008", 5),
        // A ward that was parted is seen by each of those that it went to.
        (Role::Approver, "00902", 1),
        // Of the city, and whoever watches over it, whatever unit they are of.
        (Role::Registrar, "H26", 21),
        (Role::Auditor, "00902", 21),
        (Role::Administrator, "00902", 21),
    ] {
        let token = token(&test, code, role).await;
        let seen = report(&test, &token, query).await;
        assert_eq!(counts(&seen["types"], "all")[2], total, "{} {code}", role.name());
        let whole = code == "H26" || matches!(role, Role::Auditor | Role::Administrator);
        assert_eq!(seen["is_whole"], json!(whole));
        // What another unit has is not even told to be there.
        let (status, _) = test.get(&format!("{PATH}?{query}&unit=00903"), &token).await;
        assert_eq!(status, if whole { 200 } else { 422 }, "{} {code}", role.name());
        if code == "00004" {
            let units = seen["units"].as_array().unwrap();
            assert!(units.iter().all(|row| row["unit"]["code"] == "00004"), "{units:?}");
            assert_eq!(seen["rankings"][0]["ranked"].as_array().unwrap().len(), 1);
            assert_eq!(seen["booths"].as_array().unwrap().len(), 2);
        }
    }
    let operator = token(&test, "00004", Role::Operator).await;
    for path in [PATH, "/api/v1/reports/workbook", "/api/v1/reports/tables/units", "/reports"] {
        assert_eq!(test.get(path, &operator).await.0, 403, "{path}");
    }
}

/// A session of an account of that role and unit.
async fn token(test: &TestApp, unit: &str, role: Role) -> String {
    let new = NewAccount {
        login: format!("{}.{}", role.name(), unit.to_lowercase()),
        password: Password::choose(ACCOUNT_PASSWORD).unwrap(),
        roles: vec![role],
        display_name: unit.to_owned(),
        unit: unit.to_owned(),
        person_lookup: None,
    };
    let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
    accounts::open_session(&test.app, account).await.unwrap().reveal().to_owned()
}

/// As many certificates as a city has, counted within a request's time. `CHUKY_REPORT_POPULATION` sets how many, to measure.
async fn many(backend: Backend) {
    let test = TestApp::start(backend).await;
    let count: u64 = std::env::var("CHUKY_REPORT_POPULATION").map_or(2_500, |text| text.parse().unwrap());
    let units = ["00004", "00008", "00070", "00082", "00013"];
    let start = at("2025-12-01T08:00:00");
    let one = |at: u64| {
        let moment = start.plus_seconds(i64::try_from(at % 9_000_000).unwrap() * 3);
        let issued = if at.is_multiple_of(10) { Hierarchy::Officials } else { Hierarchy::Citizens };
        let unit = units[usize::try_from(at).unwrap() % units.len()];
        let citizen = One::citizen(unit, "2026-01-01T00:00:00", Fate::Good);
        One { requested: moment, issued: Some(moment), ..citizen }.of(issued, SubjectKind::Person)
    };
    population::store_many(&test, (0..count).map(one)).await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    for look in ["first", "second"] {
        let began = std::time::Instant::now();
        let all = report(&test, &auditor, "from=2025-12&until=2026-11-25").await;
        println!("{backend:?}: {count} certificates, {look} report: {:?}", began.elapsed());
        assert_eq!(counts(&all["types"], "all")[2], count);
        let sum = |name: usize| -> u64 {
            all["units"].as_array().unwrap().iter().map(|row| counts(&row["types"], "all")[name]).sum()
        };
        assert_eq!((sum(0), sum(2), sum(3)), (count, count, count));
        assert_eq!(counts(&all["types"], "official")[2], count.div_ceil(10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_page_is_counted_once_on_sqlite() {
    many(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_page_is_counted_once_on_postgres() {
    many(Backend::Postgres).await;
}

//! Open data: nobody need log in, nobody is in them, and small counts are not told.

use super::population::{self, Fate, One};
use crate::harness::app::{Backend, TestApp};
use chuky_model::request::{Hierarchy, SubjectKind};
use serde_json::{Value, json};

async fn nobody_is_singled_out(backend: Backend) {
    let test = TestApp::start(backend).await;
    // In the middle of the last or the last but one month, wherever the clock stands.
    let issued = test.app.clock.now().plus_seconds(-45 * 86_400);
    let of = |unit: &'static str, hierarchy| {
        let citizen = One::citizen(unit, "2026-01-01T00:00:00", Fate::Good);
        One { requested: issued, issued: Some(issued), ..citizen }.of(hierarchy, SubjectKind::Person)
    };
    let mut all: Vec<One> = (0..19).map(|_| of("00004", Hierarchy::Citizens)).collect();
    all.extend((0..9).map(|_| of("00004", Hierarchy::Officials)));
    all.push(of("00070", Hierarchy::Citizens));
    population::store(&test, &all).await;
    let (status, data) = test.get("/api/v1/reports/open-data", "").await;
    assert_eq!(status, 200, "{data}");
    let active = |unit: &str, kind: &str| {
        let rows = data["active"].as_array().unwrap();
        rows.iter().find(|row| row["unit"] == unit && row["type"] == kind).unwrap()["active"].clone()
    };
    assert_eq!(active("00004", "citizen"), json!(10));
    // Nine, one, and none look alike.
    for (unit, kind) in [("00004", "official"), ("00070", "citizen"), ("00070", "official"), ("00004", "seal")] {
        assert_eq!(active(unit, kind), Value::Null, "{unit} {kind}");
    }
    // Every unit and type has its line, whether anybody has a certificate there or not.
    assert_eq!(data["active"].as_array().unwrap().len(), 127 * 5);
    let told = |rows: &Value, name: &str| -> Vec<u64> {
        rows.as_array().unwrap().iter().filter_map(|row| row[name].as_u64()).collect()
    };
    assert_eq!((told(&data["active"], "active"), told(&data["issued"], "issued")), (vec![10], vec![20]));
    assert_eq!(data["issued"].as_array().unwrap().len(), 12 * 5);
    let (_, csv) = test.raw("GET", "/api/v1/reports/open-data/tables/active", "", "", Vec::new()).await;
    let csv = String::from_utf8(csv).unwrap();
    let month = data["month"].as_str().unwrap();
    assert!(csv.contains(&format!("{month},00004,Phường Ba Đình,citizen,10\r\n")), "{csv}");
    assert!(csv.contains(&format!("{month},00004,Phường Ba Đình,official,\r\n")), "{csv}");
    let (status, workbook) = test.raw("GET", "/api/v1/reports/open-data/workbook", "", "", Vec::new()).await;
    assert!(status == 200 && chuky_pki::office::workbook::read(&workbook).is_ok());
    // The same for an hour; then what has happened shows, and one more person does not.
    population::store(&test, &[of("00004", Hierarchy::Citizens)]).await;
    assert_eq!(test.get("/api/v1/reports/open-data", "").await.1, data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_data_single_nobody_out_on_sqlite() {
    nobody_is_singled_out(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_data_single_nobody_out_on_postgres() {
    nobody_is_singled_out(Backend::Postgres).await;
}

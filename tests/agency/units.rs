//! Administrative units through the service: looked up by day, and the next reform loaded without a release.

use crate::harness::app::{Backend, TestApp};
use chuky_model::role::Role;
use serde_json::json;

const PATH: &str = "/api/v1/units";

async fn reform(backend: Backend) {
    let test = TestApp::start(backend).await;
    let registrar = test.log_in("dangky").await;
    let (_, administrator) = test.account("only.administrator", &[Role::Administrator], None).await;
    for (day, count) in [("2023-06-01", 610), ("2025-07-01", 127)] {
        let (status, answer) = test.get(&format!("{PATH}?at={day}"), &registrar).await;
        assert_eq!((status, answer["units"].as_array().unwrap().len()), (200, count), "{day}");
    }
    let (_, old) = test.get(&format!("{PATH}/00004?at=2024-01-01"), &registrar).await;
    assert_eq!((&old["name"], &old["successors"][0]["name"]), (&json!("Phường Trúc Bạch"), &json!("Phường Ba Đình")));
    for code in ["H26", "000.00.00.H26"] {
        assert_eq!(test.get(&format!("{PATH}/{code}"), &registrar).await.1["name"], "Thành phố Hà Nội");
    }
    assert_eq!(test.get(&format!("{PATH}/77777"), &registrar).await.0, 404);
    assert_eq!(test.get(&format!("{PATH}?at=2025-02-30"), &registrar).await.0, 422);
    // The next reform: tried first, refused where it contradicts, loaded once.
    let list = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
        00004,Phường Ba Đình,commune,H26,,\n00005,Phường Mới,commune,H26,H26.05,00008\n";
    let body = |dry_run: bool, list: &str| json!({ "from": "2030-01-01", "list": list, "dry_run": dry_run });
    let (status, wrong) = test.post(PATH, &administrator, &body(false, &list.replace("00008", "88888"))).await;
    assert_eq!((status, &wrong["type"]), (422, &json!("urn:chuky:problem:units_contradict")), "{wrong}");
    assert!(wrong["detail"]["vi"].as_str().unwrap().contains("Dòng 4"), "{wrong}");
    let (status, tried) = test.post(PATH, &administrator, &body(true, list)).await;
    assert_eq!((status, &tried["stored"], &tried["after"]), (200, &json!(false), &json!(3)), "{tried}");
    assert_eq!(tried["without_successor"].as_array().unwrap().len(), 124, "{tried}");
    assert_eq!(test.get(&format!("{PATH}/00005?at=2030-01-01"), &registrar).await.0, 404);
    assert_eq!(test.post(PATH, &registrar, &body(false, list)).await.0, 403);
    assert_eq!(test.post(PATH, &administrator, &body(false, list)).await.1["stored"], true);
    assert_eq!(test.get(&format!("{PATH}/000.00.05.H26?at=2030-01-01"), &registrar).await.1["name"], "Phường Mới");
    let (_, gone) = test.get(&format!("{PATH}/00008?at=2029-12-31"), &registrar).await;
    assert_eq!(gone["successors"][0]["code"], "00005", "{gone}");
    assert_eq!(test.post(PATH, &administrator, &body(false, list)).await.0, 422);
    assert!(test.sql("SELECT kind FROM audit_entry").contains("units.loaded"));
    // A list that SQL puts in place of the loaded one is not believed.
    test.sql("UPDATE unit_list SET valid_from = '2031-01-01'");
    assert!(chuky::units::known(&test.app).await.is_ok(), "what was read and checked before stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_reform_is_loaded_on_sqlite() {
    reform(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_reform_is_loaded_on_postgres() {
    reform(Backend::Postgres).await;
}

//! Administrative units through the service: looked up by day, and the next reform loaded without a release.

use crate::harness::app::{Backend, TestApp};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::Actor,
};
use chuky_model::{id::AccountId, role::Role};
use serde_json::{Value, json};

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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_reform_is_loaded_on_sqlite() {
    reform(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_reform_is_loaded_on_postgres() {
    reform(Backend::Postgres).await;
}

/// An operator of a unit, by an API key.
pub async fn operator(test: &TestApp, unit: &str) -> String {
    key(test, member(test, unit, Role::Operator).await).await
}

/// An account of that unit and role.
pub async fn member(test: &TestApp, unit: &str, role: Role) -> AccountId {
    let new = NewAccount {
        login: format!("{}.{unit}", role.name().replace('_', ".")),
        password: Password::choose("một mật khẩu dài và riêng").unwrap(),
        roles: vec![role],
        display_name: format!("Gian hàng {unit}"),
        unit: unit.to_owned(),
        person_lookup: None,
    };
    accounts::create_account(&test.app, Actor::Service, new).await.unwrap()
}

/// An API key of an account, for an hour.
pub async fn key(test: &TestApp, account: AccountId) -> String {
    let end = test.app.clock.now().plus_seconds(3_600);
    accounts::create_api_key(&test.app, Actor::Service, account, "test", end).await.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_of_a_ward_sees_that_ward_only() {
    let test = TestApp::sqlite().await;
    let (ward, other, city) =
        (operator(&test, "00004").await, operator(&test, "00070").await, test.log_in("gianhang").await);
    let citizen = |unit: &str, number: &str| {
        json!({ "hierarchy": "citizens", "unit": unit, "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": number, "birth_date": "1990-03-05",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Ba Đình" } })
    };
    // Nobody enters for a ward that is not theirs.
    let (status, refused) = test.post("/api/v1/requests", &ward, &citizen("00070", "001190012345")).await;
    assert_eq!((status, &refused["type"]), (422, &json!("urn:chuky:problem:unit_of_others")), "{refused}");
    let mut paths = Vec::new();
    for (token, unit, number) in [(&ward, "00004", "001190012345"), (&other, "00070", "001190012346")] {
        let (status, request) = test.post("/api/v1/requests", token, &citizen(unit, number)).await;
        assert_eq!(status, 201, "{request}");
        paths.push(format!("/api/v1/requests/{}", request["id"].as_str().unwrap()));
    }
    for (token, seen) in [(&ward, [200, 404]), (&other, [404, 200]), (&city, [200, 200])] {
        let mut statuses = Vec::new();
        for path in &paths {
            statuses.push(test.get(path, token).await.0);
        }
        assert_eq!(statuses, seen);
        let (_, list) = test.get("/api/v1/requests?state=submitted", token).await;
        let count = list["requests"].as_array().map_or(0, Vec::len);
        assert_eq!(count, seen.iter().filter(|status| **status == 200).count(), "{list}");
        assert_eq!(list["error"], Value::Null);
    }
    // Whoever decides sees every one.
    let approver = test.log_in("duyet").await;
    assert_eq!(test.get(&paths[0], &approver).await.0, 200);
    // A withdrawn or renewed code is somebody else's matter, too.
    assert_eq!(test.post(&format!("{}/code", paths[1]), &ward, &json!({})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_has_ended_enters_nothing_and_its_successor_does() {
    let test = TestApp::sqlite().await;
    let operator = test.log_in("gianhang").await;
    let registrar = test.log_in("dangky").await;
    let codes = async |day: &str| {
        let (_, answer) = test.get(&format!("{PATH}?at={day}"), &registrar).await;
        let units = answer["units"].as_array().unwrap().clone();
        units.iter().map(|unit| unit["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (before, after) = (codes("2024-01-01").await, codes("2026-01-01").await);
    let mut tried = 0;
    for code in before.iter().filter(|code| !after.contains(code)) {
        let (_, old) = test.get(&format!("{PATH}/{code}?at=2024-01-01"), &registrar).await;
        let [successor] = old["successors"].as_array().unwrap().as_slice() else { continue };
        // The page takes the operator's own unit as it is today; the API, which names one, is answered with the same.
        let request = json!({ "hierarchy": "citizens", "unit": code, "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } });
        let (status, entered) = test.post("/api/v1/requests", &operator, &request).await;
        assert_eq!((status, &entered["unit"]), (201, &successor["code"]), "{code}: {entered}");
        tried += 1;
        break;
    }
    assert_eq!(tried, 1, "the reform of 2025 ended wards with one successor");
}

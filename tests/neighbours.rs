//! One unit beside another: a role says what somebody does, and their unit for whom. Tried with what belongs to a neighbour, and again after
//! a reform; and by two at the same moment.

use crate::{
    agency::units::{key, member, operator},
    harness::app::{Backend, TestApp},
    issuance::redemption,
};
use chuky_model::role::Role;
use serde_json::{Value, json};

fn citizen(unit: &str, number: &str) -> Value {
    json!({ "hierarchy": "citizens", "unit": unit, "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": number, "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Ba Đình", "phone": "0912345678" } })
}

async fn entered(test: &TestApp, token: &str, request: &Value) -> Value {
    let (status, request) = test.post("/api/v1/requests", token, request).await;
    assert_eq!(status, 201, "{request}");
    request
}

/// A citizen's certificate, entered by that operator; its serial number.
async fn issued(test: &TestApp, token: &str, request: &Value, login: &str) -> String {
    let request = entered(test, token, request).await;
    test.approve(&request).await;
    let code = test.code(&request, token).await;
    let (status, receipt) = test.redeem("", &redemption(&code, login)).await;
    assert_eq!(status, 201, "{receipt}");
    receipt["serial"].as_str().unwrap().to_owned()
}

/// Every route by which an operator reaches one request or the change of one certificate, with one of the next ward.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_reaches_into_the_next_ward() {
    let test = TestApp::sqlite().await;
    let (own, other) = (operator(&test, "00004").await, operator(&test, "00070").await);
    let request = entered(&test, &other, &citizen("00070", "001190012345")).await;
    let approved = entered(&test, &other, &citizen("00070", "001190012346")).await;
    test.approve(&approved).await;
    let serial = issued(&test, &other, &citizen("00070", "001190012347"), "hong.uong").await;
    let (submitted, approved) = (request["id"].as_str().unwrap(), approved["id"].as_str().unwrap());
    let change = json!({ "full_name": "Phạm Khác Hẳn" });
    for (method, path, body) in [
        ("GET", format!("/api/v1/requests/{submitted}"), Value::Null),
        ("GET", format!("/registration/{submitted}"), Value::Null),
        ("GET", format!("/booth/requests/{submitted}"), Value::Null),
        ("POST", format!("/api/v1/requests/{approved}/code"), json!({})),
        ("GET", format!("/certificates/{serial}/modify"), Value::Null),
        ("POST", format!("/api/v1/certificates/{serial}/modify"), change.clone()),
    ] {
        let (status, answer) = test.raw(method, &path, &own, "application/json", body.to_string().into_bytes()).await;
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(status, 404, "{method} {path}: {text}");
        assert!(!text.contains("0912345678") && !text.contains("Hồng"), "{method} {path}: {text}");
    }
    // Their own operator and the holder reach it.
    let holder = test.session_of("001190012347").await;
    for token in [&other, &holder] {
        let (status, _) = test.raw("GET", &format!("/certificates/{serial}/modify"), token, "", vec![]).await;
        assert!(status == 200 || status == 303, "{status}");
    }
    let (status, request) = test.post(&format!("/api/v1/certificates/{serial}/modify"), &other, &change).await;
    assert_eq!(status, 201, "{request}");
}

/// The areas of two wards go to one new ward and to nothing that is known; their operators see what followed, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reform_makes_nobody_city_wide() {
    let test = TestApp::sqlite().await;
    let (merged, ended) = (member(&test, "00008", Role::Operator).await, member(&test, "00070", Role::Operator).await);
    let registrar = member(&test, "00008", Role::Registrar).await;
    let (merged_key, ended_key) = (key(&test, merged).await, key(&test, ended).await);
    let city = test.log_in("gianhang").await;
    let own = entered(&test, &merged_key, &citizen("00008", "001190012341")).await;
    let others = [
        entered(&test, &ended_key, &citizen("00070", "001190012342")).await,
        entered(&test, &city, &citizen("00004", "001190012343")).await,
        entered(&test, &city, &citizen("H26", "001190012344")).await,
    ];
    let (_, administrator) = test.account("only.administrator", &[Role::Administrator], None).await;
    let list = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
        00004,Phường Ba Đình,commune,H26,,\n00005,Phường Mới,commune,H26,H26.05,00008\n00008,Phường Khác,commune,H26,,\n";
    let body = json!({ "from": "2030-01-01", "list": list, "dry_run": false });
    let (status, loaded) = test.post("/api/v1/units", &administrator, &body).await;
    assert_eq!((status, &loaded["stored"]), (200, &json!(true)), "{loaded}");
    test.app.clock.shift_seconds(4 * 366 * 86_400);
    let (merged, ended) = (key(&test, merged).await, key(&test, ended).await);
    let seen = async |request: &Value, token: &str| {
        test.get(&format!("/api/v1/requests/{}", request["id"].as_str().unwrap()), token).await.0
    };
    assert_eq!(seen(&own, &merged).await, 200);
    assert_eq!(seen(&own, &ended).await, 404);
    for other in &others {
        assert_eq!(seen(other, &merged).await, 404, "{other}");
        assert_eq!(seen(other, &ended).await, 404, "{other}");
    }
    let (_, listed) = test.get("/api/v1/requests?state=submitted", &ended).await;
    assert_eq!(listed["requests"], json!([]), "{listed}");
    // They enter for what followed; the code that another ward has now is that ward's.
    let enter = async |token: &str, unit: &str, number: &str| {
        test.post("/api/v1/requests", token, &citizen(unit, number)).await.0
    };
    assert_eq!(enter(&merged, "00005", "001190012351").await, 201);
    for unit in ["00008", "00004", "H26"] {
        assert_eq!(enter(&merged, unit, "001190012352").await, 422, "{unit}");
    }
    assert_eq!(enter(&ended, "00070", "001190012353").await, 422);
    // So do their lists.
    let file = |unit: &str| {
        let head = chuky::registration::lists::template_csv();
        format!(
            "{head}Nguyễn Thị B,001160000001,05/03/1960,Nữ,0912345678,Sở A,,Chuyên viên,Hà Nội,Phường Mới,{unit}\r\n"
        )
    };
    let registrar = key(&test, registrar).await;
    for (unit, wrong) in [("00005", 0), ("00004", 1), ("00008", 1)] {
        let (status, list) = crate::agency::uploaded(&test, &registrar, file(unit).into_bytes()).await;
        assert_eq!((status, &list["wrong"]), (201, &json!(wrong)), "{unit}: {list}");
    }
}

/// Two operators enter the same citizen at the same moment: one is told that the other did.
async fn two_at_once(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (one, other) = (test.log_in("gianhang").await, test.account("gian.hai", &[Role::Operator], None).await.1);
    for at in 0..6 {
        let request = citizen("H26", &format!("00119001234{at}"));
        let ((first, _), (second, _)) = tokio::join!(
            test.post("/api/v1/requests", &one, &request),
            test.post("/api/v1/requests", &other, &request)
        );
        let mut both = [first, second];
        both.sort_unstable();
        assert_eq!(both, [201, 409]);
    }
    assert_eq!(test.sql("SELECT COUNT(*) FROM registration_request").trim(), "6");
    // What the look before the insert does not find, the database refuses.
    let doubled = "UPDATE registration_request SET open_key = (SELECT MIN(open_key) FROM registration_request)";
    let refused = crate::harness::database::run(&test.app.settings.database_url, doubled);
    assert!(refused.is_err(), "two open requests have one key");
    // One that is rejected makes room.
    let (_, list) = test.get("/api/v1/requests?state=submitted", &one).await;
    let path = format!("/api/v1/requests/{}/reject", list["requests"][0]["id"].as_str().unwrap());
    let approver = test.log_in("duyet").await;
    assert_eq!(test.post(&path, &approver, &json!({ "reason": "Thiếu giấy tờ." })).await.0, 200);
    assert_eq!(test.sql("SELECT COUNT(*) FROM registration_request WHERE open_key IS NULL").trim(), "1");
    assert_eq!(test.post("/api/v1/requests", &one, &citizen("H26", "001190012340")).await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_has_one_open_request_on_sqlite() {
    two_at_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_has_one_open_request_on_postgres() {
    two_at_once(Backend::Postgres).await;
}

/// Two requests that a mask would show alike are different to whoever decides, and to nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_decides_sees_every_digit() {
    let test = TestApp::sqlite().await;
    let (operator, approver) = (test.log_in("gianhang").await, test.log_in("duyet").await);
    let mut pages = Vec::new();
    for (number, born, phone) in
        [("001190012345", "1990-03-05", "0912345678"), ("001191992345", "1991-03-05", "0987654678")]
    {
        let mut request = citizen("H26", number);
        request["subscriber"]["birth_date"] = json!(born);
        request["subscriber"]["phone"] = json!(phone);
        let request = entered(&test, &operator, &request).await;
        assert_eq!(request["personal_number"], "001•••••2345", "{request}");
        assert_eq!(request["identity"], Value::Null, "{request}");
        let id = request["id"].as_str().unwrap();
        let (_, seen) = test.get(&format!("/api/v1/requests/{id}"), &approver).await;
        let identity = &seen["identity"];
        assert_eq!(identity["personal_number"], number, "{seen}");
        assert_eq!(
            (&identity["birth_date"], &identity["sex"], &identity["phone"]),
            (&json!(born), &json!("female"), &json!(phone))
        );
        let page = |token: String| {
            let (test, path) = (&test, format!("/registration/{id}"));
            async move {
                let (status, _, page) =
                    test.exchange("GET", &path, vec![("authorization", format!("Bearer {token}"))], vec![]).await;
                assert_eq!(status, 200);
                String::from_utf8(page).unwrap()
            }
        };
        let to_approver = page(approver.clone()).await;
        let grouped: Vec<&str> = (0..4).map(|at| &number[3 * at..3 * at + 3]).collect();
        for shown in [grouped.join(" ").as_str(), phone, &born.split('-').rev().collect::<Vec<_>>().join("/"), "Nữ"] {
            assert!(to_approver.contains(shown), "{shown}: {to_approver}");
        }
        let to_operator = page(operator.clone()).await;
        assert!(!to_operator.contains(&grouped.join(" ")) && !to_operator.contains(phone), "{to_operator}");
        pages.push(to_approver);
        // In a list, and after the decision, it is masked to everybody.
        let (_, list) = test.get("/api/v1/requests?state=submitted", &approver).await;
        assert!(!list.to_string().contains(number) && !list.to_string().contains(phone), "{list}");
        test.approve(&request).await;
        let (_, seen) = test.get(&format!("/api/v1/requests/{id}"), &approver).await;
        assert!(!seen.to_string().contains(number) && seen["identity"].is_null(), "{seen}");
    }
    assert_ne!(pages[0], pages[1]);
}

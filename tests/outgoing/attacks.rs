//! What SQL cannot make of roads, of the register and of incoming documents: another recipient, another history, a number of its own, a
//! look at another agency's draft. And what a drafter cannot: one number twice.

use super::{
    Agency, ROAD, act, blob, content, draft, key, official, package, problem, register, sent, short_road, shown,
};
use crate::{harness::app::TestApp, signing::subscriber::plain_pdf};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::{self, Actor, Entry, Kind},
    worker,
};
use chuky_model::role::Role;
use serde_json::json;

const ROW: &str = "0199a7c2-1111-7000-8000-00000000abcd";

/// A clerk of that agency without a seal; the API key.
async fn clerk(test: &TestApp, login: &str, unit: &str) -> String {
    let new = NewAccount {
        login: login.to_owned(),
        password: Password::choose(crate::harness::app::ACCOUNT_PASSWORD).unwrap(),
        roles: vec![Role::Official, Role::Clerk],
        display_name: login.to_owned(),
        unit: unit.to_owned(),
        person_lookup: None,
    };
    let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
    let end = test.app.clock.now().plus_seconds(3_600);
    accounts::create_api_key(&test.app, Actor::Service, account, "test", end).await.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_incoming_documents_that_sql_made_opens_no_draft_of_another_agency() {
    let test = TestApp::sqlite().await;
    let drafter = official(&test, "chuyen.vien", "H26").await;
    official(&test, "chu.tich", "H26").await;
    let spy = clerk(&test, "van.thu.27", "H27").await;
    let (status, drafted) = draft(&test, &drafter, Some(""), &short_road(), &plain_pdf()).await;
    assert_eq!(status, 201, "{drafted}");
    let paths = [
        "/api/v1/documents/incoming".to_owned(),
        format!("/api/v1/documents/incoming/{ROW}"),
        format!("/api/v1/documents/incoming/{ROW}/content"),
    ];
    let insert = |version: i64, mac: &str| {
        format!(
            "INSERT INTO incoming_document (id, document_id, unit, sender_id, message_id, details, state, year, number, received_by, \
             received_at, package_sha256, version, mac) SELECT {}, id, 'H27', 'H26', 'x', x'00', 'registered', 2026, 1, \
             (SELECT id FROM account WHERE login = 'van.thu.27'), created_at, sha256, {version}, {mac} FROM document",
            blob(ROW)
        )
    };
    // As a row from before, with an entry that somebody invented for it.
    test.sql(&insert(0, "x''"));
    let told = test.sql("SELECT lower(hex(id)) || ' ' || lower(hex(package_sha256)) || ' ' || received_at || ' ' || (SELECT lower(hex(id)) FROM account WHERE login = 'van.thu.27') FROM incoming_document");
    let told: Vec<&str> = told.trim().lines().last().unwrap().split(' ').collect();
    let account = uuid::Uuid::parse_str(told[3]).unwrap();
    let at = chuky_model::instant::Instant(told[2].parse().unwrap());
    let entry = Entry::new(
        at,
        Kind::IncomingRegistered,
        Actor::Account(chuky_model::id::AccountId(account)),
        format!("incoming_document:{ROW}"),
    );
    let content = json!({ "unit": "H27", "sender": "H26", "sha256": told[1], "year": 2026, "number": 1, "accepted_undetermined": false });
    let mut transaction = test.app.store.begin().await.unwrap();
    audit::record(&mut transaction, entry.with(content)).await.unwrap();
    transaction.commit().await.unwrap();
    worker::prepare(&test.app).await.unwrap();
    assert_eq!(test.sql("SELECT length(mac) FROM incoming_document").trim().lines().last(), Some("0"));
    for path in &paths[1..] {
        let (status, answer) = test.raw("GET", path, &spy, "", Vec::new()).await;
        assert!(status == 500 && !answer.windows(5).any(|part| part == b"%PDF-"), "{path} {status}");
    }
    let (_, list) = test.get(&paths[0], &spy).await;
    assert_eq!(list["documents"], json!([]), "{list}");
    // With a MAC that the HSM never made.
    test.sql("UPDATE incoming_document SET version = 1, mac = zeroblob(32)");
    for path in &paths {
        let (status, answer) = test.raw("GET", path, &spy, "", Vec::new()).await;
        assert!(status == 500 && !answer.windows(5).any(|part| part == b"%PDF-"), "{path} {status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_sql_made_is_written_into_nothing() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let first = agency.signed(&test, &plain_pdf()).await;
    let before = content(&test, &first, clerk).await;
    let insert = |version: i64, mac: &str| {
        format!(
            "INSERT INTO outgoing_number (unit, year, series, number, outgoing_id, designation, state, given_by, given_at, version, mac) \
             SELECT 'H26', 2025, 'QĐ', 7, {}, 'QĐ-UBND', 'given', id, 1766016000000000, {version}, {mac} FROM account WHERE login = 'van.thu'",
            blob(&first)
        )
    };
    for (version, mac) in [(0, "x''"), (1, "zeroblob(32)")] {
        test.sql(&insert(version, mac));
        worker::prepare(&test.app).await.unwrap();
        let (status, answer) = act(&test, &first, "number", clerk, &json!({})).await;
        assert_eq!(status, 500, "{answer}");
        assert_eq!(shown(&test, &first, clerk).await["state"], "numbering");
        assert!(content(&test, &first, clerk).await == before);
        test.sql("DROP TRIGGER IF EXISTS outgoing_number_no_delete");
        test.sql("DELETE FROM outgoing_number");
    }
    let (status, view) = act(&test, &first, "number", clerk, &json!({})).await;
    assert_eq!((status, &view["code"]), (200, &json!("01/QĐ-UBND")), "{view}");
    // A counter that SQL raised leaves no gap, and a line of the register that it changed is not shown.
    let second = agency.signed(&test, &plain_pdf()).await;
    test.sql("UPDATE outgoing_series SET last_number = 6");
    let (status, answer) = act(&test, &second, "number", clerk, &json!({})).await;
    assert_eq!(status, 500, "{answer}");
    assert_eq!(register(&test, clerk, "Q%C4%90").await, [(1, "given".to_owned())]);
    test.sql("UPDATE outgoing_number SET state = 'void', void_reason = 'x'");
    assert_eq!(test.get(&format!("{ROAD}/register?series=Q%C4%90"), clerk).await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipients_and_history_that_sql_made_steer_nothing() {
    let delivery = tempfile::tempdir().unwrap();
    let into = delivery.path().join("axis");
    let test = TestApp::with(|settings| settings.documents.delivery_dir = Some(into)).await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let id = sent(&test, &agency, &short_road()).await;
    let laid = |name: &str| std::fs::read_to_string(delivery.path().join("axis/H26.18").join(name)).ok();
    let own = laid(&format!("{id}.edxml")).unwrap();
    // An event of a recall makes no recall: neither of the package nor in what people see.
    let event = |position: i64| {
        format!(
            "INSERT INTO outgoing_event (outgoing_id, position, kind, state, account_id, happened_at) \
             SELECT {}, {position}, 'outgoing.recalled', 'recalled', account_id, happened_at FROM outgoing_event WHERE position = 1",
            blob(&id)
        )
    };
    test.sql(&event(99));
    test.sql("UPDATE outgoing_recipient SET delivered_at = NULL");
    chuky::outgoing::deliver_due(&test.app).await.unwrap();
    assert_eq!(laid(&format!("{id}.edxml")).as_ref(), Some(&own));
    assert!(own.contains("<edXML:BussinessDocType>0<") && laid(&format!("{id}.recall.edxml")).is_none());
    assert!(!shown(&test, &id, clerk).await["events"].to_string().contains("recalled"));
    assert!(package(&test, &agency, &id).await.contains("<edXML:BussinessDocType>0<"));
    test.sql(&event(0));
    assert_eq!(test.get(&format!("{ROAD}/{id}"), clerk).await.0, 500);
    assert_eq!(test.get(&format!("{ROAD}/{id}/package"), clerk).await.0, 500);
    test.sql("DROP TRIGGER outgoing_event_no_delete");
    test.sql("DELETE FROM outgoing_event WHERE position = 0");
    assert_eq!(test.get(&format!("{ROAD}/{id}"), clerk).await.0, 200);
    // A recipient of somebody's own, or another folder than a recipient's.
    let elsewhere = delivery.path().join("elsewhere");
    test.sql("UPDATE outgoing_recipient SET delivered_at = NULL");
    test.sql("CREATE TABLE kept AS SELECT * FROM outgoing_recipient");
    for change in [
        format!("UPDATE outgoing_recipient SET organ_id = '{}' WHERE position = 1", elsewhere.display()),
        "UPDATE outgoing_recipient SET organ_id = '../elsewhere' WHERE position = 1".to_owned(),
        "UPDATE outgoing_recipient SET organ_id = 'H99' WHERE position = 1".to_owned(),
        "UPDATE outgoing_recipient SET name = 'Sở khác' WHERE position = 1".to_owned(),
        "DELETE FROM outgoing_recipient WHERE position = 2".to_owned(),
    ] {
        test.sql(&change);
        chuky::outgoing::deliver_due(&test.app).await.unwrap();
        assert!(!elsewhere.exists() && !delivery.path().join("axis/H99").exists(), "{change}");
        assert_eq!(test.get(&format!("{ROAD}/{id}"), clerk).await.0, 500, "{change}");
        test.sql("DELETE FROM outgoing_recipient");
        test.sql("INSERT INTO outgoing_recipient SELECT * FROM kept");
    }
    assert_eq!(test.get(&format!("{ROAD}/{id}"), clerk).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_documents_of_a_year_look_alike() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let clerk = &agency.clerk.token;
    let (mut other, mut joined) = (short_road(), short_road());
    other["series"] = json!("QD");
    joined["type_code"] = json!("");
    joined["notation"] = json!("QĐ-UBND");
    // Drafted before anything is numbered: the clerk's first number settles the register.
    let mut documents = Vec::new();
    for metadata in [&short_road(), &other, &joined] {
        let id = agency.submitted(&test, &plain_pdf(), metadata).await;
        let (status, line) = act(&test, &id, "sign", &agency.leader.token, &key(&agency.leader)).await;
        assert_eq!((status, &line["signed"]), (200, &json!(true)), "{line}");
        documents.push(id);
    }
    for (id, code) in documents.iter().zip(["01/QĐ-UBND", "02/QĐ-UBND", "03/QĐ-UBND"]) {
        let (status, view) = act(&test, id, "number", clerk, &json!({})).await;
        assert_eq!((status, view["code"].as_str()), (200, Some(code)), "{view}");
    }
    assert_eq!(register(&test, clerk, "Q%C4%90").await.len(), 3);
    // From then on a drafter is told, and whoever names none gets it.
    let (status, answer) = draft(&test, &agency.drafter, Some(""), &other, &plain_pdf()).await;
    assert_eq!((status, problem(&answer)), (422, "series_of_designation"), "{answer}");
    let (status, drafted) = draft(&test, &agency.drafter, Some(""), &joined, &plain_pdf()).await;
    assert_eq!((status, &drafted["series"]), (201, &json!("QĐ")), "{drafted}");
}

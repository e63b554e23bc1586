//! An account is of one agency: a certificate for another brings nobody the other's documents, and seals nothing of one's own.

use super::{Agency, act, draft, key, official, problem};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PASSWORD, PIN, Subscriber, plain_pdf},
};
use chuky::{
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
};
use chuky_model::role::Role;
use serde_json::{Value, json};

fn seal(unit: &str, name: &str, number: &str) -> Value {
    json!({ "hierarchy": "officials", "unit": unit, "subscriber": {
        "kind": "seal", "full_name": name, "personal_number": number, "birth_date": "1980-11-20",
        "sex": "male", "province": "Hà Nội", "locality": "Phường Ba Đình",
        "organization": "Ủy ban nhân dân phường Hoa Mai", "tax_code": "0107654321" } })
}

/// Entered and approved, as far as its code.
async fn code(test: &TestApp, registrar: &str, request: &Value) -> String {
    let (status, entered) = test.post("/api/v1/requests", registrar, request).await;
    assert_eq!(status, 201, "{entered}");
    test.approve(&entered).await;
    test.code(&entered, registrar).await
}

async fn redeemed(test: &TestApp, code: &str, session: &str, login: &str) -> (u16, Value) {
    let body = json!({ "code": code, "login": login, "password": PASSWORD, "pin": PIN, "algorithm": "p256" });
    test.redeem(session, &body).await
}

/// A registrar of every unit.
async fn registrar(test: &TestApp) -> String {
    test.account("dangky.chung", &[Role::Registrar], None).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seal_of_another_agency_makes_nobody_a_clerk_of_the_own() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let registrar = registrar(&test).await;
    let leader = test.session_of("001080054321").await;
    let there = code(&test, &registrar, &seal("H27", "Trần Văn Khương", "001080054321")).await;
    let (status, answer) = redeemed(&test, &there, &leader, "").await;
    assert_eq!((status, problem(&answer)), (409, "account_of_another_agency"), "{answer}");
    let account = test.app.store.account_by_login("chu.tich").await.unwrap().unwrap();
    assert_eq!((account.unit.as_str(), account.roles.as_slice()), ("H26", &[Role::Official][..]));
    assert_eq!(test.get("/api/v1/documents/incoming", &agency.leader.token).await.0, 403);
    // The seal of the own agency is another matter.
    let here = code(&test, &registrar, &seal("H26", "Lê Minh Đức", "001080054322")).await;
    let (status, answer) = redeemed(&test, &here, &test.session_of("001080054322").await, "").await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(test.get("/api/v1/documents/incoming", &agency.deputy.token).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_who_becomes_an_official_is_of_that_agency() {
    let test = TestApp::sqlite().await;
    crate::signing::subscriber::citizen(&test).await;
    let registrar = registrar(&test).await;
    let request = json!({ "hierarchy": "officials", "unit": "H27", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05", "sex": "female",
        "province": "Hà Nội", "locality": "Phường Hoàn Kiếm", "organization": "Ủy ban nhân dân phường Hoa Mai", "title": "Chuyên viên" } });
    let code = code(&test, &registrar, &request).await;
    let session = test.session_of("001190012345").await;
    let (status, answer) = redeemed(&test, &code, &session, "").await;
    assert_eq!(status, 201, "{answer}");
    let account = test.app.store.account_by_login("cong.dan").await.unwrap().unwrap();
    assert_eq!((account.unit.as_str(), account.roles.contains(&Role::Official)), ("H27", true));
}

/// An account moved to another agency, as an agency that another took over.
async fn moved(test: &TestApp, login: &str, unit: &str) {
    let mut account = test.app.store.account_by_login(login).await.unwrap().unwrap();
    account.unit = unit.to_owned();
    attestation::attest_change(&*test.app.tokens.subscribers, &mut account).await.unwrap();
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_account(&account).await.unwrap();
    let entry = Entry::of_row(test.app.clock.now(), Kind::AccountChanged, Actor::Service, &account);
    audit::record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    current::changed(&test.app, &account);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_another_agency_neither_sign_nor_seal() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let registrar = registrar(&test).await;
    // Everybody is of H27 now, and only one person has a certificate for it.
    let drafter = official(&test, "chuyen.vien.27", "H27").await;
    for login in ["chu.tich", "van.thu"] {
        moved(&test, login, "H27").await;
    }
    let request = json!({ "hierarchy": "officials", "unit": "H27", "subscriber": {
        "full_name": "Lý Thị Mai", "personal_number": "001180099999", "birth_date": "1980-11-20", "sex": "female",
        "province": "Hà Nội", "locality": "Phường Ba Đình", "organization": "Ủy ban nhân dân phường Hoa Mai", "title": "Chủ tịch" } });
    let code = code(&test, &registrar, &request).await;
    let (status, issued) = redeemed(&test, &code, "", "chu.tich.27").await;
    assert_eq!(status, 201, "{issued}");
    let (_, session) = test.post("/api/v1/session", "", &json!({ "login": "chu.tich.27", "password": PASSWORD })).await;
    let own = Subscriber {
        token: session["token"].as_str().unwrap().to_owned(),
        credential: issued["credential"].as_str().unwrap().to_owned(),
    };
    for (signer, login, code) in [(&agency.leader, "chu.tich", "of_another_agency"), (&own, "chu.tich.27", "")] {
        let mut metadata = super::short_road();
        metadata["steps"] = json!([{ "kind": "sign", "account": login }]);
        let (status, drafted) = draft(&test, &drafter, Some(""), &metadata, &plain_pdf()).await;
        assert_eq!(status, 201, "{drafted}");
        let id = drafted["id"].as_str().unwrap();
        assert_eq!(act(&test, id, "submit", &drafter, &json!({})).await.0, 200);
        let (status, answer) = act(&test, id, "sign", &signer.token, &key(signer)).await;
        if !code.is_empty() {
            assert_eq!((status, problem(&answer)), (422, code), "{answer}");
            continue;
        }
        assert_eq!((status, &answer["signed"]), (200, &json!(true)), "{answer}");
        assert_eq!(act(&test, id, "number", &agency.clerk.token, &json!({})).await.0, 200);
        let (status, answer) = act(&test, id, "seal", &agency.clerk.token, &key(&agency.clerk)).await;
        assert_eq!((status, problem(&answer)), (422, "of_another_agency"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_ended_takes_its_people_to_its_successor_and_nowhere_else() {
    let test = TestApp::sqlite().await;
    Agency::new(&test).await;
    let registrar = registrar(&test).await;
    // Phường Vĩnh Phúc went to phường Ngọc Hà on 1 July 2025, not to phường Ba Đình.
    for login in ["pho.chu.tich", "chu.tich"] {
        moved(&test, login, "00006").await;
    }
    for (name, number, unit, login, status) in [
        ("Lê Minh Đức", "001080054322", "00008", "pho.chu.tich", 201),
        ("Trần Văn Khương", "001080054321", "00004", "chu.tich", 409),
    ] {
        let code = code(&test, &registrar, &seal(unit, name, number)).await;
        let (redeemed, answer) = redeemed(&test, &code, &test.session_of(number).await, "").await;
        assert_eq!(redeemed, status, "{answer}");
        let account = test.app.store.account_by_login(login).await.unwrap().unwrap();
        assert_eq!(account.unit, if status == 201 { unit } else { "00006" });
    }
}

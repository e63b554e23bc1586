//! Outgoing documents against a running service: the whole road judged by foreign tools, what is refused, numbers under a race, batches,
//! and kills at every effect.

mod agencies;
mod attacks;
mod batch;
mod called_back;
mod codes;
mod crashes;
mod delegation;
mod delivery;
mod earlier;
mod figures;
mod incoming;
mod issued;
mod pages;
mod race;
mod refusals;
mod reminders;
mod restored;
mod road;
mod seen;

use crate::{
    harness::app::{ACCOUNT_PASSWORD, TestApp},
    signing::subscriber::{PIN, Subscriber, enrol, plain_pdf},
};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::Actor,
};
use chuky_model::role::Role;
use serde_json::{Value, json};

const ROAD: &str = "/api/v1/documents/outgoing";

/// The people of one agency: somebody who drafts, somebody who agrees, two who sign, and the clerk with the seal.
pub struct Agency {
    pub drafter: String,
    colleague: String,
    pub leader: Subscriber,
    deputy: Subscriber,
    clerk: Subscriber,
}

impl Agency {
    pub async fn new(test: &TestApp) -> Self {
        let person = |name: &str, number: &str, title: &str| {
            json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
                "full_name": name, "personal_number": number, "phone": "0912345678", "birth_date": "1980-11-20", "sex": "male",
                "province": "Hà Nội", "locality": "Phường Ba Đình",
                "organization": "Ủy ban nhân dân phường Hoa Sữa", "title": title } })
        };
        let leader = person("Trần Văn Khương", "001080054321", "Chủ tịch");
        let deputy = person("Lê Minh Đức", "001080054322", "Phó Chủ tịch");
        let seal = json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
            "kind": "seal", "full_name": "Phạm Thị Văn Thư", "personal_number": "001185012346", "phone": "0912345679", "birth_date": "1985-07-19",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Ba Đình",
            "organization": "Ủy ban nhân dân phường Hoa Sữa", "tax_code": "0101234567" } });
        Self {
            drafter: official(test, "chuyen.vien", "H26").await,
            colleague: official(test, "truong.phong", "H26").await,
            leader: enrol(test, "dangky", leader, "chu.tich", "p256").await,
            deputy: enrol(test, "dangky", deputy, "pho.chu.tich", "p256").await,
            clerk: enrol(test, "dangky", seal, "van.thu", "p256").await,
        }
    }

    /// Drafts and submits; its identifier.
    pub async fn submitted(&self, test: &TestApp, pdf: &[u8], metadata: &Value) -> String {
        let (status, drafted) = draft(test, &self.drafter, Some("Thường"), metadata, pdf).await;
        assert_eq!(status, 201, "{drafted}");
        let id = drafted["id"].as_str().unwrap().to_owned();
        let (status, submitted) = act(test, &id, "submit", &self.drafter, &json!({})).await;
        assert_eq!(status, 200, "{submitted}");
        id
    }

    /// Drafted, submitted and signed by the leader alone.
    async fn signed(&self, test: &TestApp, pdf: &[u8]) -> String {
        let id = self.submitted(test, pdf, &short_road()).await;
        let (status, line) = act(test, &id, "sign", &self.leader.token, &key(&self.leader)).await;
        assert_eq!((status, &line["signed"]), (200, &json!(true)), "{line}");
        id
    }
}

/// Signed by the leader, numbered, sealed and sent; its identifier.
async fn sent(test: &TestApp, agency: &Agency, metadata: &Value) -> String {
    sent_pdf(test, agency, metadata, &plain_pdf()).await
}

/// The same of that PDF.
async fn sent_pdf(test: &TestApp, agency: &Agency, metadata: &Value, pdf: &[u8]) -> String {
    let id = agency.submitted(test, pdf, metadata).await;
    for (what, token, body) in [
        ("sign", &agency.leader.token, key(&agency.leader)),
        ("number", &agency.clerk.token, json!({})),
        ("seal", &agency.clerk.token, key(&agency.clerk)),
        ("send", &agency.clerk.token, json!({})),
    ] {
        let (status, answer) = act(test, &id, what, token, &body).await;
        assert!(status == 200 && answer["signed"] != json!(false), "{what}: {answer}");
    }
    id
}

/// The package of a document that was sent.
async fn package(test: &TestApp, agency: &Agency, id: &str) -> String {
    let path = format!("{ROAD}/{id}/package");
    let (status, package) = test.raw("GET", &path, &agency.clerk.token, "", Vec::new()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&package));
    String::from_utf8(package).unwrap()
}

/// A UUID as SQLite stores it.
fn blob(id: &str) -> String {
    format!("x'{}'", id.replace('-', ""))
}

/// An account of that agency without a credential; its API key.
async fn official(test: &TestApp, login: &str, unit: &str) -> String {
    let new = NewAccount {
        login: login.to_owned(),
        password: Password::choose(ACCOUNT_PASSWORD).unwrap(),
        roles: vec![Role::Official],
        display_name: login.to_owned(),
        unit: unit.to_owned(),
        person_lookup: None,
    };
    let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
    let end = test.app.clock.now().plus_seconds(3_600);
    accounts::create_api_key(&test.app, Actor::Service, account, "test", end).await.unwrap().to_string()
}

/// A decision that one person signs.
pub fn short_road() -> Value {
    json!({
        "subject": "Về việc ban hành quy chế làm việc", "type_code": "QĐ", "type_name": "Quyết định", "notation": "UBND",
        "place": "Hà Nội", "steps": [{ "kind": "sign", "account": "chu.tich" }],
        "recipients": [{ "organ_id": "H26.18", "name": "Sở Tư pháp" }, { "organ_id": "000.00.00.H49", "name": "UBND tỉnh Quảng Ninh" }],
    })
}

/// Uploads a draft; status and answer.
async fn draft(test: &TestApp, token: &str, class: Option<&str>, metadata: &Value, pdf: &[u8]) -> (u16, Value) {
    let mut body = Vec::new();
    let mut part = |name: &str, more: &str, content: &[u8]| {
        body.extend_from_slice(
            format!("--grenze\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    if let Some(class) = class {
        part("secrecy", "", class.as_bytes());
    }
    part("metadata", "", metadata.to_string().as_bytes());
    part("document", "; filename=\"quyet-dinh.pdf\"", pdf);
    body.extend_from_slice(b"--grenze--\r\n");
    test.request("POST", ROAD, token, "multipart/form-data; boundary=grenze", body).await
}

/// One step of the road; status and answer.
async fn act(test: &TestApp, id: &str, what: &str, token: &str, body: &Value) -> (u16, Value) {
    test.post(&format!("{ROAD}/{id}/{what}"), token, body).await
}

fn key(subscriber: &Subscriber) -> Value {
    json!({ "credential": subscriber.credential, "pin": PIN })
}

async fn shown(test: &TestApp, id: &str, token: &str) -> Value {
    let (status, shown) = test.get(&format!("{ROAD}/{id}"), token).await;
    assert_eq!(status, 200, "{shown}");
    shown
}

async fn content(test: &TestApp, id: &str, token: &str) -> Vec<u8> {
    let (status, bytes) = test.raw("GET", &format!("{ROAD}/{id}/content"), token, "", Vec::new()).await;
    assert_eq!(status, 200);
    bytes
}

fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:")
}

/// Codes and states of the register, in order.
async fn register(test: &TestApp, clerk: &str, series: &str) -> Vec<(i64, String)> {
    let path = format!("{ROAD}/register?series={series}");
    let (status, answer) = test.get(&path, clerk).await;
    assert_eq!(status, 200, "{answer}");
    let lines = answer["numbers"].as_array().unwrap().iter();
    lines.map(|line| (line["number"].as_i64().unwrap(), line["state"].as_str().unwrap().to_owned())).collect()
}

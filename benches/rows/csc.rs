//! `signatures/signHash` of the signing API through the whole service, over HTTP on loopback: activations of 100 hashes each, opened
//! with their PIN before the measurement, for a PIN costs what it is meant to cost; beside raw PKCS#11 with a verification each.

use super::{
    Context,
    payment_service::{Supply, over_http},
};
use crate::{
    harness::{Cost, Goal, Row, Side, Unit},
    service::{Client, Kind, Service, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky::{
    accounts, bootstrap,
    custody::{Factors, Pin},
    signing::remote::{self, Variants},
};
use chuky_model::{algorithm::KeyAlgorithm, id::CredentialId};
use serde_json::{Value, json};

/// Hashes of one call.
const HASHES: u32 = 100;
/// Opened before the measurement; each is used up by one call. They live for five minutes.
const ACTIVATIONS: u32 = 300;
const CALLERS: usize = 8;
const PIN: &str = "mèo-xanh-ăn-phở";
const PASSWORD: &str = "một mật khẩu dài và riêng";

/// A piece is one call of 100 hashes.
pub fn sign_hash_p256(context: &mut Context) -> Result<Row, String> {
    let token = context.token()?;
    let workers = token.settings()?.workers;
    let limit = Box::new(Hundredfold(token.raw_verified(KeyAlgorithm::P256, workers)?));
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let accounts = runtime.block_on(bootstrap::demo_accounts(&service.app)).map_err(text)?;
    let password = |login: &str| {
        let found = accounts.iter().find(|account| account.login == login);
        found.map(|account| account.password.to_string()).ok_or_else(|| format!("no account {login}"))
    };
    let subscriber = Subscriber::enrol(&Caller::new(service.address), &password("gianhang")?, &password("duyet")?)?;
    let factors = Factors::pin(Pin::enter(PIN).map_err(text)?);
    let requests = runtime.block_on(async {
        let by = accounts::principal_of_bearer(&service.app, &subscriber.token).await.map_err(text)?;
        let mut requests = Vec::new();
        for number in 0..ACTIVATIONS {
            let hashes: Vec<Vec<u8>> = (0..HASHES).map(|place| hash(number, place)).collect();
            let authorized =
                remote::authorize(&service.app, &by, subscriber.credential, &hashes, Variants::HashOnly, &factors);
            let sad = authorized.await.map_err(text)?;
            let body = json!({
                "credentialID": subscriber.credential, "SAD": sad.reveal(), "signAlgo": "1.2.840.10045.4.3.2",
                "hash": hashes.iter().map(|hash| STANDARD.encode(hash)).collect::<Vec<_>>(),
            });
            requests.push(post("/csc/v1/signatures/signHash", &subscriber.token, body.to_string().as_bytes()));
        }
        Ok::<_, String>(requests)
    })?;
    let client = Client::new(&runtime, service.address, CALLERS)?.accepting(signed);
    let ours = over_http("calls of 100", &runtime, client, Supply::once(requests));
    // The service lives as long as the process: the row's side speaks to it.
    std::mem::forget(service);
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(0.5)] })
}

/// A hundred pieces for one.
struct Hundredfold(Box<dyn Side>);

impl Side for Hundredfold {
    fn name(&self) -> String {
        format!("100 × {}", self.0.name())
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        self.0.run(count.saturating_mul(HASHES))
    }
}

fn signed(answer: &[u8]) -> Result<(), String> {
    let found = answer.starts_with(b"{\"signatures\":[");
    if found { Ok(()) } else { Err(String::from_utf8_lossy(answer).into_owned()) }
}

fn hash(activation: u32, place: u32) -> Vec<u8> {
    let mut hash = vec![0x5a; 32];
    hash[..4].copy_from_slice(&activation.to_be_bytes());
    hash[4..8].copy_from_slice(&place.to_be_bytes());
    hash
}

/// Calls of the enrolment.
struct Caller {
    agent: ureq::Agent,
    address: std::net::SocketAddr,
}

impl Caller {
    fn new(address: std::net::SocketAddr) -> Self {
        Self { agent: ureq::Agent::config_builder().http_status_as_error(false).build().into(), address }
    }

    fn post(&self, path: &str, token: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        let request = request.header("authorization", format!("Bearer {token}"));
        let mut response = request.send_json(body).map_err(text)?;
        let answer: Value = response.body_mut().read_json().map_err(text)?;
        if response.status().is_success() { Ok(answer) } else { Err(format!("{path}: {answer}")) }
    }

    fn log_in(&self, login: &str, password: &str) -> Result<String, String> {
        let request = self.agent.post(format!("http://{}/api/v1/session", self.address));
        let mut response = request.send_json(json!({ "login": login, "password": password })).map_err(text)?;
        let answer: Value = response.body_mut().read_json().map_err(text)?;
        answer["token"].as_str().map(str::to_owned).ok_or_else(|| format!("{login}: {answer}"))
    }
}

struct Subscriber {
    token: String,
    credential: CredentialId,
}

impl Subscriber {
    /// As anybody is enrolled at a booth.
    fn enrol(caller: &Caller, operator: &str, approver: &str) -> Result<Self, String> {
        let (operator, approver) = (caller.log_in("gianhang", operator)?, caller.log_in("duyet", approver)?);
        let request = json!({
            "hierarchy": "citizens", "unit": "H26",
            "subscriber": {
                "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
                "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm",
            },
        });
        let entered = caller.post("/api/v1/requests", &operator, &request)?;
        let path = |what: &str| format!("/api/v1/requests/{}/{what}", entered["id"].as_str().unwrap_or_default());
        let seen = json!({ "content_digest": entered["content_digest"] });
        caller.post(&path("approve"), &approver, &seen)?;
        let made = caller.post(&path("code"), &operator, &json!({}))?;
        let preview = caller.agent.post(format!("http://{}/api/v1/activations/preview", caller.address));
        let mut preview = preview.send_json(json!({ "code": made["activation_code"] })).map_err(text)?;
        let preview: Value = preview.body_mut().read_json().map_err(text)?;
        let redeem = json!({
            "code": made["activation_code"], "login": "bench.subscriber", "password": PASSWORD, "pin": PIN,
            "algorithm": "p256", "confirmed": preview["content_digest"], "consent": preview["consent"]["version"],
        });
        let request = caller.agent.post(format!("http://{}/api/v1/activations", caller.address));
        let mut response = request.send_json(&redeem).map_err(text)?;
        let issued: Value = response.body_mut().read_json().map_err(text)?;
        let credential = issued["credential"].as_str().and_then(|id| id.parse().ok());
        let credential = credential.ok_or_else(|| format!("no credential: {issued}"))?;
        Ok(Self { token: caller.log_in("bench.subscriber", PASSWORD)?, credential })
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

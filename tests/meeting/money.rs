//! Payments: providers' terms, the same payment brought twice, mandates collected and ended, merchants' accounts and alarms.

use super::{Call, Scene, post, subscribers::People};
use crate::{
    harness::payer::{Authority, Payer, p256},
    signing::subscriber::PIN,
};
use chuky_model::id::AccountId;
use serde_json::{Value, json};

const CHANGES: &str = "/api/v1/payment-providers/changes";
const MANDATES: &str = "/api/v1/mandates";
const MERCHANTS: &str = "/api/v1/merchant-accounts";

/// A provider and somebody who pays.
pub struct Money {
    payer: Payer,
    provider: AccountId,
}

impl Money {
    pub async fn new(scene: &Scene) -> Self {
        let payer = Authority::enter(&scene.test().app).await.payer(&scene.test().app, p256()).await;
        let (_, provider) = *scene.staff.iter().find(|(login, _)| *login == "mot.vi").unwrap();
        Self { payer, provider }
    }

    fn sha256(&self) -> String {
        hex::encode(self.payer.holder.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap())
    }
}

fn jose(path: &str, token: &str, message: String) -> Call {
    Call { kind: "application/jose", body: message.into_bytes(), ..post(path, token, &json!({})) }
}

pub async fn round(scene: &Scene, (people, money): (&People, &Money), round: usize) {
    let key = scene.key("mot.vi").await;
    let payments = [
        ("/api/v1/payment-providers".to_owned(), key.as_str()),
        ("/api/v1/payment-alarms".to_owned(), key.as_str()),
        ("/payments".to_owned(), key.as_str()),
    ];
    terms(scene, money, &key, round).await;
    // The same payment twice is one; another of its name is none, and an alarm, told again from two places.
    let mut order = money.payer.order(&scene.test().app, &format!("GẶP-{round}"));
    let bring = |order: &Value| jose("/api/v1/transactions/verify", &key, money.payer.sign(order));
    let answers = scene.all_of("a payment is brought", vec![bring(&order), bring(&order)], &payments).await;
    let mut seen: Vec<&str> = answers.iter().map(|(_, answer)| answer["seen"].as_str().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["first", "repeated"], "{answers:?}");
    order["amount"] = json!(150_001);
    scene.all_of("a payment conflicts", vec![bring(&order), bring(&order)], &payments).await;
    let alarms = scene.get("/api/v1/payment-alarms", &key).await;
    if let Some(alarm) = alarms["alarms"].as_array().unwrap().first() {
        let path = format!("/api/v1/payment-alarms/{}/again", alarm["id"].as_str().unwrap());
        let again = || post(path.clone(), &key, &json!({}));
        scene.some_of("an alarm is told again", vec![again(), again()], &payments).await;
    }
    let session = people.session(scene.test()).await;
    mandates(scene, (money, &key), (&session, &people.citizen.credential), round).await;
    merchants(scene, (&session, &people.citizen.credential), round).await;
}

/// Asked for by two, decided by two, while payments are judged by them.
async fn terms(scene: &Scene, money: &Money, key: &str, round: usize) {
    let (administrator, other) = (scene.token("mot.quan.tri").await, scene.token("hai.quan.tri").await);
    let (officer, second) = (scene.token("mot.an.ninh").await, scene.token("hai.an.ninh").await);
    let terms = json!({ "name": "Ví điện tử", "active": true, "certificates": [{ "sha256": money.sha256() }] });
    let body = json!({ "provider": "mot.vi", "terms": terms, "reason": format!("Hợp đồng số {round}") });
    let watched = [("/api/v1/payment-providers".to_owned(), officer.as_str()), (CHANGES.to_owned(), second.as_str())];
    let ask = |token: &str| post(CHANGES, token, &body);
    let asked = scene.meet("terms are asked for", vec![ask(&administrator), ask(&other)], &watched).await;
    let change = asked.iter().find(|(status, _)| *status == 201).map(|(_, change)| change.clone()).unwrap();
    let path = format!("{CHANGES}/{}/approve", change["id"].as_str().unwrap());
    let approve = |token: &str| post(path.clone(), token, &json!({}));
    let pay = |number: usize| {
        let order = money.payer.order(&scene.test().app, &format!("ĐIỀU-KHOẢN-{round}-{number}"));
        jose("/api/v1/transactions/verify", key, money.payer.sign(&order))
    };
    let calls = vec![approve(&officer), pay(0), approve(&second), pay(1)];
    let answers = scene.meet("terms are decided", calls, &watched).await;
    assert_eq!(answers.iter().step_by(2).filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().skip(1).step_by(2).all(|(status, _)| *status == 200), "{answers:?}");
}

async fn mandates(scene: &Scene, (money, key): (&Money, &str), (session, credential): (&str, &str), round: usize) {
    let day =
        |later: i64| scene.test().app.clock.now().plus_seconds(7 * 3_600 + later * 86_400).rfc3339()[..10].to_owned();
    let wish = json!({
        "provider": money.provider, "payee": "MST:0100000001", "currency": "VND", "largest": 400_000, "per_period": 1_000_000,
        "period": "month", "from": day(0), "until": day(200), "reference": "Tiền điện căn hộ 1205"
    });
    let sign = || post(MANDATES, session, &json!({ "credential": credential, "pin": PIN, "mandate": wish }));
    let watched = [(MANDATES.to_owned(), session), ("/mandates".to_owned(), session)];
    let signed = scene.all_of("mandates are signed", vec![sign(), sign()], &watched).await;
    let id = signed[0].1["id"].as_str().unwrap();
    let collection = |name: &str| {
        let mut order = money.payer.order(&scene.test().app, &format!("THU-{round}-{name}"));
        order["amount"] = json!(300_000);
        order["reference"] = json!(format!("mandate:{id}"));
        order
    };
    let collect = |order: &Value| jose("/api/v1/mandates/collections", key, money.payer.sign(order));
    let watched = [(format!("{MANDATES}/{id}"), session), (MANDATES.to_owned(), session)];
    let (one, two) = (collection("một"), collection("hai"));
    scene.all_of("a mandate is collected", vec![collect(&one), collect(&one), collect(&two)], &watched).await;
    let end = || post(format!("{MANDATES}/{id}/end"), session, &json!({}));
    let calls = vec![end(), collect(&collection("ba")), end()];
    scene.all_of("a mandate is collected and ended", calls, &watched).await;
    assert_eq!(scene.get(&format!("{MANDATES}/{id}"), session).await["state"], "ended");
}

async fn merchants(scene: &Scene, (session, credential): (&str, &str), round: usize) {
    let body = json!({
        "credential": credential, "pin": PIN, "bank": "970436", "number": format!("12345{round:05}"), "shop": "Phở Thìn", "city": "Hà Nội"
    });
    let watched = [(MERCHANTS.to_owned(), session), ("/merchant".to_owned(), session)];
    let register = || post(MERCHANTS, session, &body);
    let both = scene.meet("an account is registered", vec![register(), register()], &watched).await;
    let registered: Vec<&Value> =
        both.iter().filter(|(status, _)| *status == 201).map(|(_, account)| account).collect();
    assert!(!registered.is_empty(), "{both:?}");
    for account in registered {
        let path = format!("{MERCHANTS}/{}/withdraw", account["id"].as_str().unwrap());
        let withdraw = || post(path.clone(), session, &json!({}));
        scene.all_of("an account is withdrawn", vec![withdraw(), withdraw()], &watched).await;
    }
}

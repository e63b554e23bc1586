//! Subscribers and those who serve them: requests, approvals, codes, redemptions, signatures, PINs, revocations, unlocking, sessions.

use super::{Call, Scene, post};
use crate::{
    csc::client::{ECDSA_SHA256, hash},
    harness::app::TestApp,
    signing::subscriber::{PASSWORD, PIN, Subscriber, citizen, plain_pdf},
};
use serde_json::{Value, json};

const NEW_PIN: &str = "chim-vàng-uống-trà";
const REASON: &str = "Đối chiếu thẻ căn cước và khuôn mặt tại quầy.";

/// Who is there in every round.
pub struct People {
    pub citizen: Subscriber,
}

/// The staff's tokens of a round.
struct Staff {
    operator: String,
    approver: String,
    other: String,
    officer: String,
}

impl People {
    pub async fn new(scene: &Scene) -> Self {
        Self { citizen: citizen(scene.test()).await }
    }

    /// The citizen with a session of now.
    pub async fn session(&self, test: &TestApp) -> String {
        let body = json!({ "login": "cong.dan", "password": PASSWORD });
        let (status, session) = test.post("/api/v1/session", "", &body).await;
        assert_eq!(status, 200, "{session}");
        session["token"].as_str().unwrap().to_owned()
    }
}

pub async fn round(scene: &Scene, people: &People, round: usize) {
    let staff = Staff {
        operator: scene.key("mot.gian.hang").await,
        approver: scene.token("mot.duyet").await,
        other: scene.token("hai.duyet").await,
        officer: scene.token("mot.an.ninh").await,
    };
    let redeemed = requests(scene, &staff, round).await;
    decisions(scene, &staff, round).await;
    two_codes(scene, &staff, round).await;
    let citizen =
        Subscriber { token: people.session(scene.test()).await, credential: people.citizen.credential.clone() };
    signatures(scene, &citizen).await;
    merchant(scene, &citizen, round).await;
    remote(scene, &citizen, round).await;
    sessions(scene, round).await;
    certificates(scene, &staff, &redeemed).await;
}

fn person(number: usize) -> Value {
    json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": format!("0011900{number:05}"), "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } })
}

fn path(request: &Value, what: &str) -> String {
    format!("/api/v1/requests/{}{what}", request["id"].as_str().unwrap())
}

/// Two enter the same, two approve it, two have its code made, two redeem it; the redeemer's session with the credential and the serial.
async fn requests(scene: &Scene, staff: &Staff, round: usize) -> (Subscriber, String) {
    let (operator, approver, other) = (staff.operator.as_str(), staff.approver.as_str(), staff.other.as_str());
    let body = person(20_000 + round * 10);
    let lists = [("/api/v1/requests?state=submitted".to_owned(), approver), ("/registration".to_owned(), approver)];
    let enter = || post("/api/v1/requests", operator, &body);
    let entered = scene.meet("a request is entered", vec![enter(), enter()], &lists).await;
    let request = entered.iter().find(|(status, _)| *status == 201).map(|(_, request)| request.clone()).unwrap();
    assert_eq!(entered.iter().filter(|(status, _)| *status == 409).count(), 1, "{entered:?}");
    let digest = json!({ "content_digest": request["content_digest"] });
    let watched = [(path(&request, ""), operator), (path(&request, ""), approver), lists[1].clone()];
    let approve = |token| post(path(&request, "/approve"), token, &digest);
    scene.one_of("a request is approved", vec![approve(approver), approve(other)], &watched).await;
    let make = || post(path(&request, "/code"), operator, &json!({}));
    scene.some_of("a code is made", vec![make(), make()], &watched).await;
    let code = scene.done(make()).await["activation_code"].as_str().unwrap().to_owned();
    let login = format!("nguoi.dan.{round}");
    let redemption = json!({ "code": code, "login": login, "password": PASSWORD, "pin": PIN });
    let redemption = scene.test().agreed("", &redemption).await;
    let redeem = || post("/api/v1/activations", "", &redemption);
    let answers = scene.meet("a code is redeemed", vec![redeem(), redeem()], &watched).await;
    let issued = answers.iter().find(|(status, _)| *status == 201).map(|(_, issued)| issued).unwrap();
    assert_eq!(answers.iter().filter(|(status, _)| [409, 422].contains(status)).count(), 1, "{answers:?}");
    let body = json!({ "login": login, "password": PASSWORD });
    let session = scene.done(post("/api/v1/session", "", &body)).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (Subscriber { token: text(&session["token"]), credential: text(&issued["credential"]) }, text(&issued["serial"]))
}

/// What excludes one another: approval and rejection, a new code and the redemption of the old one, a refusal and a redemption; and the same
/// call sent twice under one key.
async fn decisions(scene: &Scene, staff: &Staff, round: usize) {
    let (operator, approver, other) = (staff.operator.as_str(), staff.approver.as_str(), staff.other.as_str());
    let body = person(20_001 + round * 10);
    let key = format!("one-request-{round}-of-two-calls");
    let enter = || post("/api/v1/requests", operator, &body).with_key(&key);
    scene.some_of("a call is repeated", vec![enter(), enter()], &[]).await;
    let request = scene.done(enter()).await;
    let digest = json!({ "content_digest": request["content_digest"] });
    let reject = post(path(&request, "/reject"), other, &json!({ "reason": "Ảnh thẻ mờ" }));
    let approve = post(path(&request, "/approve"), approver, &digest);
    scene.one_of("a request is decided", vec![approve, reject], &[(path(&request, ""), operator)]).await;
    for (number, refuses) in [(20_002, false), (20_003, true)] {
        let request = scene.done(post("/api/v1/requests", operator, &person(number + round * 10))).await;
        let digest = json!({ "content_digest": request["content_digest"] });
        scene.done(post(path(&request, "/approve"), approver, &digest)).await;
        let made = scene.done(post(path(&request, "/code"), operator, &json!({}))).await;
        let code = made["activation_code"].as_str().unwrap();
        let login = format!("nguoi.khac.{number}.{round}");
        let body = json!({ "code": code, "login": login, "password": PASSWORD, "pin": PIN });
        let body = scene.test().agreed("", &body).await;
        let redeem = post("/api/v1/activations", "", &body);
        let against = match refuses {
            true => post("/api/v1/activations/refuse", "", &json!({ "code": code, "reason": "Sai tên" })),
            false => post(path(&request, "/code"), operator, &json!({})),
        };
        let preview = (path(&request, ""), operator);
        scene.one_of("a code is redeemed and is not", vec![redeem, against], &[preview]).await;
    }
}

/// Two codes of one person, for a citizen's certificate and for an official's, redeemed by two who both say that they have no account yet: there
/// is one account, and whoever came second is told to log in to it.
async fn two_codes(scene: &Scene, staff: &Staff, round: usize) {
    let registrar = scene.test().log_in("dangky").await;
    let mut official = person(20_004 + round * 10);
    official["hierarchy"] = json!("officials");
    official["subscriber"]["organization"] = json!("Sở Tư pháp thành phố Hà Nội");
    official["subscriber"]["title"] = json!("Chuyên viên");
    let mut redemptions = Vec::new();
    for (place, (by, body)) in
        [(staff.operator.as_str(), person(20_004 + round * 10)), (registrar.as_str(), official)].into_iter().enumerate()
    {
        let request = scene.done(post("/api/v1/requests", by, &body)).await;
        let digest = json!({ "content_digest": request["content_digest"] });
        scene.done(post(path(&request, "/approve"), &staff.approver, &digest)).await;
        let made = scene.done(post(path(&request, "/code"), by, &json!({}))).await;
        let login = format!("mot.nguoi.{place}.{round}");
        let body = json!({ "code": made["activation_code"], "login": login, "password": PASSWORD, "pin": PIN });
        redemptions.push(scene.test().agreed("", &body).await);
    }
    let calls = redemptions.iter().map(|body| post("/api/v1/activations", "", body)).collect();
    let first = scene.one_of("two codes of one person are redeemed", calls, &[]).await;
    let (status, answer) = post("/api/v1/activations", "", &redemptions[1 - first]).at(scene.test()).await;
    assert_eq!((status, answer["type"].as_str()), (401, Some("urn:chuky:problem:log_in_first")), "{answer}");
}

/// An account that a merchant registers twice has one code.
async fn merchant(scene: &Scene, citizen: &Subscriber, round: usize) {
    let body = json!({
        "credential": citizen.credential, "pin": PIN, "bank": "970436", "number": format!("001100{round:06}"),
        "shop": "Phở Thìn", "city": "Ha Noi",
    });
    let register = || post("/api/v1/merchant-accounts", &citizen.token, &body);
    let watched = [("/api/v1/merchant-accounts".to_owned(), citizen.token.as_str())];
    let calls = vec![register(), register(), register()];
    scene.one_of("a merchant registers an account", calls, &watched).await;
}

async fn signatures(scene: &Scene, citizen: &Subscriber) {
    let token = citizen.token.as_str();
    let id = citizen.upload(scene.test(), &plain_pdf()).await;
    let document = format!("/api/v1/documents/{id}");
    let watched = [
        (format!("{document}/content"), token),
        (document.clone(), token),
        ("/api/v1/documents".to_owned(), token),
        ("/api/v1/credentials".to_owned(), token),
        (format!("{document}/content?version=original"), token),
    ];
    let sign =
        |pin: &str| post(format!("{document}/sign"), token, &json!({ "credential": citizen.credential, "pin": pin }));
    scene.some_of("a document is signed", vec![sign(PIN), sign(PIN), sign(PIN)], &watched).await;
    scene.some_of("a PIN is wrong", vec![sign(PIN), sign("không phải mã này")], &watched).await;
    // Whoever is first changes the PIN.
    let pin = format!("/api/v1/credentials/{}/pin", citizen.credential);
    let change = |old: &str, new: &str| post(pin.clone(), token, &json!({ "old_pin": old, "new_pin": new }));
    let first =
        scene.one_of("a PIN is changed", vec![change(PIN, NEW_PIN), change(PIN, "cua-đỏ-leo-núi")], &watched).await;
    let now = if first == 0 { NEW_PIN } else { "cua-đỏ-leo-núi" };
    scene.done(change(now, PIN)).await;
    let answers = scene.some_of("a PIN is changed and used", vec![change(PIN, NEW_PIN), sign(PIN)], &watched).await;
    if answers[0].0 < 400 {
        scene.done(change(NEW_PIN, PIN)).await;
    }
}

/// The Cloud Signature Consortium API: authorizations and what is signed with them.
async fn remote(scene: &Scene, citizen: &Subscriber, round: usize) {
    let token = citizen.token.as_str();
    let hashes: Vec<String> = (0..8).map(|number| hash(&format!("văn bản {round} {number}"))).collect();
    let authorize = |hashes: &[String]| {
        let body =
            json!({ "credentialID": citizen.credential, "numSignatures": hashes.len(), "hash": hashes, "PIN": PIN });
        post("/csc/v1/credentials/authorize", token, &body)
    };
    let watched = [("/api/v1/credentials".to_owned(), token), ("/api/v1/grants".to_owned(), token)];
    let both = vec![authorize(&hashes), authorize(&hashes)];
    let answers = scene.all_of("signatures are authorized", both, &watched).await;
    let data: Vec<&str> = answers.iter().map(|(_, answer)| answer["SAD"].as_str().unwrap()).collect();
    let sign = |data: &str, hashes: &[String]| {
        let body = json!({
            "credentialID": citizen.credential, "SAD": data, "hash": hashes, "hashAlgo": "2.16.840.1.101.3.4.2.1",
            "signAlgo": ECDSA_SHA256,
        });
        post("/csc/v1/signatures/signHash", token, &body)
    };
    for pair in hashes[..6].chunks(2) {
        let calls = vec![sign(data[0], &pair[..1]), sign(data[0], &pair[1..]), sign(data[1], &pair[..1])];
        scene.all_of("hashes are signed", calls, &watched).await;
    }
    let last = &hashes[7..];
    scene.one_of("a hash is signed twice", vec![sign(data[0], last), sign(data[0], last)], &watched).await;
}

async fn sessions(scene: &Scene, round: usize) {
    let log_in = |password: &str| {
        post("/api/v1/session", "", &json!({ "login": format!("nguoi.dan.{round}"), "password": password }))
    };
    let answers =
        scene.meet("people log in", vec![log_in(PASSWORD), log_in("sai-sai-sai-sai"), log_in(PASSWORD)], &[]).await;
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 401, 200], "{answers:?}");
    let token = answers[0].1["token"].as_str().unwrap();
    let log_out = || Call { method: "DELETE", ..post("/api/v1/session", token, &json!({})) };
    scene.some_of("a session ends", vec![log_out(), log_out()], &[("/api/v1/session".to_owned(), token)]).await;
}

/// Suspended, resumed, revoked while its holder signs and its PIN is tried; and unlocked before that.
async fn certificates(scene: &Scene, staff: &Staff, (holder, serial): &(Subscriber, String)) {
    let (operator, officer) = (staff.operator.as_str(), staff.officer.as_str());
    let (certificate, token) = (format!("/api/v1/certificates/{serial}"), holder.token.as_str());
    let id = holder.upload(scene.test(), &plain_pdf()).await;
    let order = |pin: &str| json!({ "credential": holder.credential, "pin": pin });
    let sign = |pin: &str| post(format!("/api/v1/documents/{id}/sign"), token, &order(pin));
    let watched =
        [(certificate.clone(), operator), (certificate.clone(), token), (format!("/certificates/{serial}"), token)];
    let change = |what: &str, token: &str| post(format!("{certificate}/{what}"), token, &json!({}));
    scene
        .one_of("a certificate is suspended", vec![change("suspend", token), change("suspend", officer)], &watched)
        .await;
    scene
        .one_of("a certificate is resumed", vec![change("resume", operator), change("resume", officer)], &watched)
        .await;
    // Wrong PINs, all at once; then it is unlocked by two of three.
    let wrong = scene.meet("wrong PINs meet", (0..6).map(|_| sign("không phải mã này")).collect(), &watched).await;
    assert!(wrong.iter().all(|(status, _)| *status == 403), "{wrong:?}");
    let ask = |token: &str| post("/api/v1/unlocks", token, &json!({ "whom": serial, "reason": REASON }));
    let unlocks = [("/api/v1/unlocks".to_owned(), staff.approver.as_str()), ("/unlocks".to_owned(), officer)];
    let asked = scene.meet("an unlock is asked for", vec![ask(operator), ask(officer)], &unlocks).await;
    let asked = asked.iter().find(|(status, _)| *status == 201).map(|(_, asked)| asked.clone()).unwrap();
    let decide = |what: &str, token: &str| {
        post(format!("/api/v1/unlocks/{}/{what}", asked["id"].as_str().unwrap()), token, &json!({}))
    };
    let both = vec![decide("approve", &staff.approver), decide("refuse", &staff.other)];
    scene.one_of("an unlock is decided", both, &unlocks).await;
    // A signature is made or not; the revocation comes through.
    let reason = json!({ "reason": "key_compromise" });
    let revoke = |token: &str| post(format!("{certificate}/revoke"), token, &reason);
    let answers =
        scene.meet("a certificate is revoked", vec![revoke(officer), sign(PIN), revoke(operator)], &watched).await;
    assert_eq!(answers.iter().step_by(2).filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert_eq!(scene.get(&certificate, operator).await["state"], "revoked");
}

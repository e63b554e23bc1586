//! Certificates of other authorities: registered by whoever proves to have the key, for one person, up to an anchor that was recorded for it; what
//! does not fit is decided by somebody else; every way in which it is refused, in Vietnamese; and what an administrator's SQL gains.

pub mod authority;
mod pages;

use crate::{
    harness::app::{ACCOUNT_PASSWORD, Backend, TestApp},
    signing::{
        foreign::{p256, rsa},
        subscriber::plain_pdf,
        two_step::{FINISH, PREPARE, form},
    },
};
use authority::{Authority, Holder, NAME, Says, named};
use chuky::{
    accounts::{self, NewAccount, Password},
    audit::Actor,
    config::ForeignRule,
};
use chuky_model::{id::AccountId, role::Role};
use chuky_pki::verify::AnchorPurpose;
use openssl::base64::{decode_block, encode_block};
use serde_json::{Value, json};

const NUMBER: &str = "001190012345";
const OTHER: &str = "079190012345";
const ALL: &str = "/api/v1/foreign-certificates";

/// An account of that person, with a session.
async fn person(test: &TestApp, login: &str, name: &str, roles: &[Role], number: &str) -> (AccountId, String) {
    let new = NewAccount {
        login: login.to_owned(),
        password: Password::choose(ACCOUNT_PASSWORD).unwrap(),
        roles: roles.to_vec(),
        display_name: name.to_owned(),
        unit: "H26".to_owned(),
        person_lookup: Some(test.app.vault.lookup("person", number)),
    };
    let account = accounts::create_account(&test.app, Actor::Service, new).await.unwrap();
    let token = accounts::open_session(&test.app, account).await.unwrap().reveal().to_owned();
    (account, token)
}

pub fn offer(authority: &Authority, holder: &Holder, lists: &[Vec<u8>]) -> Value {
    let lists: Vec<String> = lists.iter().map(|list| encode_block(list)).collect();
    json!({ "certificate": holder.pem(), "chain": [authority.issuing.pem()], "lists": lists })
}

async fn challenge(test: &TestApp, token: &str, offer: &Value) -> (u16, Value) {
    test.post(&format!("{ALL}/challenges"), token, offer).await
}

/// Registers it, both steps.
pub async fn register(test: &TestApp, token: &str, offer: &Value, holder: &Holder) -> (u16, Value) {
    let (status, given) = challenge(test, token, offer).await;
    assert_eq!(status, 200, "{given}");
    let proof = json!({ "challenge": given["challenge"], "value": holder.sign(given["text"].as_str().unwrap()) });
    test.post(ALL, token, &proof).await
}

fn code(answer: &(u16, Value)) -> &str {
    answer.1["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:")
}

async fn the_whole_road(backend: Backend) {
    let test = TestApp::start(backend).await;
    let at = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.recorded(&test, &[AnchorPurpose::Registration, AnchorPurpose::Signatures]);
    let (_, token) = person(&test, "an.tran", NAME, &[Role::Official], NUMBER).await;
    let holder = authority.issue(&Says { user_id: Some("CCCD:001190012345"), ..named("TRẦN VĂN KHƯƠNG") }, p256());
    let lists = authority.lists(at.path(), None);
    // 1. What is signed says what it is, and serves once.
    let (status, given) = challenge(&test, &token, &offer(&authority, &holder, &lists)).await;
    assert_eq!((status, &given["status"], &given["fit"]), (200, &json!("good"), &json!("number")), "{given}");
    let text = given["text"].as_str().unwrap();
    assert!(text.starts_with("CHUKY-PROOF-OF-POSSESSION-V1\nĐây không phải là văn bản."), "{text}");
    assert!(
        text.contains("account: an.tran\n") && text.contains(&format!("service: {}\n", test.app.settings.public_url))
    );
    let digest = decode_block(given["digest"].as_str().unwrap()).unwrap();
    assert_eq!(digest, openssl::sha::sha256(text.as_bytes()));
    let proof = json!({ "challenge": given["challenge"], "value": holder.sign(text) });
    let (status, made) = test.post(ALL, &token, &proof).await;
    assert_eq!((status, &made["state"], &made["fit"]), (201, &json!("registered"), &json!("number")), "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let again = test.post(ALL, &token, &proof).await;
    assert_eq!((again.0, code(&again)), (409, "certificate_known"));
    // 2. It stands among the holder's own, without the number, and signs for them alone.
    let (_, list) = test.get(ALL, &token).await;
    assert_eq!(list["certificates"][0]["issuer"], "TEST CA cơ quan nhà nước", "{list}");
    assert!(!list.to_string().contains(NUMBER), "{list}");
    let (_, other) = person(&test, "binh.le", "Lê Bình", &[Role::Official], OTHER).await;
    let order = json!({ "certificate": holder.pem(), "chain": [authority.issuing.pem()], "look": "official" });
    let (kind, body) = form(&order, "thu.pdf", "application/pdf", &plain_pdf());
    let prepared = test.request("POST", PREPARE, &other, &kind, body.clone()).await;
    assert_eq!((prepared.0, code(&prepared)), (403, "certificate_of_another"), "{prepared:?}");
    let prepared = test.request("POST", PREPARE, &token, &kind, body).await;
    if code(&prepared) != "typefaces_missing" {
        assert_eq!(prepared.0, 200, "{prepared:?}");
    }
    // 3. Taken away it stands with nobody, and the other one still cannot have it unseen.
    assert_eq!(test.get(&format!("{ALL}/{id}"), &other).await.0, 404);
    assert_eq!(test.post(&format!("{ALL}/{id}/remove"), &other, &json!({})).await.0, 404);
    let (status, gone) = test.post(&format!("{ALL}/{id}/remove"), &token, &json!({})).await;
    assert_eq!((status, &gone["state"]), (200, &json!("removed")), "{gone}");
    let taken = challenge(&test, &other, &offer(&authority, &holder, &lists)).await;
    assert_eq!((taken.0, code(&taken)), (403, "certificate_of_another_person"), "{taken:?}");
    // Its holder has it back, as nobody took it from them; the used text does not serve again.
    assert_eq!(code(&test.post(ALL, &token, &proof).await), "challenge_used");
    let (status, back) = register(&test, &token, &offer(&authority, &holder, &lists), &holder).await;
    assert_eq!((status, &back["state"]), (201, &json!("registered")), "{back}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_registered_for_one_person_on_sqlite() {
    the_whole_road(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_registered_for_one_person_on_postgres() {
    the_whole_road(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_name_waits_for_another_persons_eyes() {
    let test = TestApp::sqlite().await;
    let authority = Authority::new();
    authority.recorded(&test, &[AnchorPurpose::Registration]);
    let (_, token) = person(&test, "an.tran", "Trần Văn Khương Anh", &[Role::Official], NUMBER).await;
    let holder = authority.issue(&named(NAME), rsa(2048));
    // Without any list its status is not known, and that is said.
    let (_, given) = challenge(&test, &token, &offer(&authority, &holder, &[])).await;
    assert_eq!((&given["fit"], &given["status"]), (&json!("name_differs"), &json!("unknown")), "{given}");
    assert!(!given["status_reason"].as_str().unwrap().is_empty());
    let value = holder.sign(given["text"].as_str().unwrap());
    let proof = |scheme: &str| json!({ "challenge": given["challenge"], "value": value, "scheme": scheme });
    // The token made PKCS #1, and the usual scheme is PSS.
    assert_eq!(code(&test.post(ALL, &token, &proof("rsa_pss_sha256")).await), "possession_not_proved");
    assert_eq!(code(&test.post(ALL, &token, &proof("ecdsa_sha256")).await), "scheme_not_of_key");
    let (status, made) = test.post(ALL, &token, &proof("rsa_pkcs1_sha256")).await;
    assert_eq!((status, &made["state"]), (201, &json!("waiting")), "{made}");
    let one = format!("{ALL}/{}", made["id"].as_str().unwrap());
    // Until then it signs nothing.
    let order = json!({ "certificate": holder.pem() });
    let (kind, body) = form(&order, "thu.pdf", "application/pdf", &plain_pdf());
    assert_eq!(code(&test.request("POST", PREPARE, &token, &kind, body).await), "certificate_waits");
    // Neither its holder nor the same person with another account decides.
    let (_, own) = person(&test, "an.duyet", "Trần Văn Khương Anh", &[Role::Approver], NUMBER).await;
    let approver = test.log_in("duyet").await;
    let digest = json!({ "content_digest": made["content_digest"] });
    assert_eq!(test.post(&format!("{one}/approve"), &token, &digest).await.0, 403);
    assert_eq!(code(&test.post(&format!("{one}/approve"), &own, &digest).await), "own_request");
    let (_, list) = test.get(&format!("{ALL}/waiting"), &approver).await;
    assert_eq!(
        (&list["certificates"][0]["decidable"], &list["certificates"][0]["holder"]),
        (&json!(true), &json!("Trần Văn Khương Anh"))
    );
    // Exactly what was seen, and a reason for a refusal.
    let other = json!({ "content_digest": "00".repeat(32) });
    assert_eq!(code(&test.post(&format!("{one}/approve"), &approver, &other).await), "content_differs");
    assert_eq!(
        code(&test.post(&format!("{one}/refuse"), &approver, &json!({ "reason": " " })).await),
        "reason_missing"
    );
    let (status, approved) = test.post(&format!("{one}/approve"), &approver, &digest).await;
    assert_eq!((status, &approved["state"]), (200, &json!("registered")), "{approved}");
    assert_eq!(code(&test.post(&format!("{one}/approve"), &approver, &digest).await), "foreign_moved_on");
    // What staff took away comes back with a decision alone, and signs nothing before.
    let (_, gone) = test.post(&format!("{one}/remove"), &approver, &json!({})).await;
    assert_eq!(gone["state"], "removed", "{gone}");
    let (kind, body) = form(&order, "thu.pdf", "application/pdf", &plain_pdf());
    assert_eq!(code(&test.request("POST", PREPARE, &token, &kind, body).await), "certificate_taken_away");
    let (_, again) = challenge(&test, &token, &offer(&authority, &holder, &[])).await;
    assert_eq!(again["fit"], "stood_before", "{again}");
    test.stop().await;
}

/// Each wrong certificate or proof is refused with its own sentence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_in_vietnamese() {
    let test = TestApp::sqlite().await;
    let at = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (_, token) = person(&test, "an.tran", NAME, &[Role::Official], NUMBER).await;
    let holder = authority.issue(&named(NAME), p256());
    let usual = offer(&authority, &holder, &[]);
    let refused = async |offer: &Value, words: &str| {
        let answer = challenge(&test, &token, offer).await;
        assert!(answer.0 >= 400 && answer.0 < 500, "{answer:?}");
        let said = answer.1["detail"]["vi"].as_str().unwrap_or_default();
        assert!(said.contains(words), "{words:?}: {answer:?}");
    };
    refused(&usual, "chưa ghi nhận nơi cấp nào").await;
    // Recorded for documents, and not for this.
    authority.recorded(&test, &[AnchorPurpose::Signatures]);
    refused(&usual, "chưa ghi nhận nơi cấp nào").await;
    authority.recorded(&test, &[AnchorPurpose::Registration]);
    let strangers = Authority::called("TEST Root lạ", "TEST CA lạ");
    let stranger = strangers.issue(&named(NAME), p256());
    refused(&offer(&strangers, &stranger, &[]), "Không tìm được đường dẫn").await;
    refused(&json!({ "certificate": holder.pem() }), "nơi cấp trung gian").await;
    refused(&json!({ "certificate": "không phải chứng thư" }), "Không đọc được chứng thư").await;
    refused(&json!({ "certificate": "" }), "Không đọc được chứng thư").await;
    let late = authority.issue(&Says { days: (-30, -1), ..named(NAME) }, p256());
    refused(&offer(&authority, &late, &[]), "hết hạn").await;
    let number = authority.issue(&Says { user_id: Some("CCCD:079190012345"), ..named(NAME) }, p256());
    refused(&offer(&authority, &number, &[]), "của người khác").await;
    let small = authority.issue(&named(NAME), rsa(1024));
    refused(&offer(&authority, &small, &[]), "2048").await;
    for (reason, words) in [("keyCompromise", "đã bị thu hồi"), ("certificateHold", "đang bị tạm dừng")] {
        let revoked = authority.issue(&named(NAME), p256());
        let lists = authority.lists(at.path(), Some((&revoked, reason)));
        refused(&offer(&authority, &revoked, &lists), words).await;
    }
    let mut many = usual.clone();
    many["chain"] = json!(vec![authority.issuing.pem(); 9]);
    refused(&many, "tối đa 8 chứng thư").await;
    proofs(&test, &token, (&authority, &holder, &usual)).await;
    test.stop().await;
}

/// Values that prove nothing.
async fn proofs(test: &TestApp, token: &str, (authority, holder, usual): (&Authority, &Holder, &Value)) {
    let (_, given) = challenge(test, token, usual).await;
    let text = given["text"].as_str().unwrap();
    let thief = authority.issue(&named(NAME), p256());
    let sent = async |token: &str, challenge: &Value, value: &str, words: &str| {
        let answer = test.post(ALL, token, &json!({ "challenge": challenge, "value": value })).await;
        assert!((400..500).contains(&answer.0), "{answer:?}");
        let said = answer.1["detail"]["vi"].as_str().unwrap_or_default();
        assert!(said.contains(words), "{words:?}: {answer:?}");
    };
    let right = holder.sign(text);
    let shown = &given["challenge"];
    sent(token, shown, "không phải base64", "dạng base64").await;
    sent(token, shown, &thief.sign(text), "chưa chứng minh được bạn giữ khóa").await;
    sent(token, shown, &holder.sign(&text.replace("an.tran", "binh.le")), "chưa chứng minh được").await;
    sent(token, &json!("AAAA"), &right, "không nguyên vẹn").await;
    let (_, other) = person(test, "binh.le", NAME, &[Role::Official], OTHER).await;
    sent(&other, shown, &right, "không nguyên vẹn").await;
    // Too late.
    test.app.clock.shift_seconds(601);
    let token = test.session_of(NUMBER).await;
    sent(&token, shown, &right, "Đã quá thời hạn").await;
    // An API key is nobody at a device.
    let account = test.app.store.account_by_login("an.tran").await.unwrap().unwrap();
    let key = test.key(account.id).await;
    assert_eq!(code(&challenge(test, &key, usual).await), "session_needed");
}

/// What an administrator changes by SQL opens nothing: not another's row, not one that was taken away, and hiding one is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_gains_nothing() {
    let test = TestApp::with(|settings| settings.documents.foreign_certificates = ForeignRule::Registered).await;
    let authority = Authority::new();
    authority.recorded(&test, &[AnchorPurpose::Registration, AnchorPurpose::Signatures]);
    let (_, token) = person(&test, "an.tran", NAME, &[Role::Official], NUMBER).await;
    let (thief, other) = person(&test, "binh.le", NAME, &[Role::Official], OTHER).await;
    let holder = authority.issue(&named(NAME), p256());
    let usual = offer(&authority, &holder, &[]);
    let order = json!({ "certificate": holder.pem(), "chain": [authority.issuing.pem()] });
    let prepare = async |token: &str| {
        let (kind, body) = form(&order, "thu.pdf", "application/pdf", &plain_pdf());
        test.request("POST", PREPARE, token, &kind, body).await
    };
    // Where it is asked for, nobody signs with what is not registered.
    assert_eq!(code(&prepare(&token).await), "certificate_not_registered");
    let (_, made) = register(&test, &token, &usual, &holder).await;
    let prepared = prepare(&token).await;
    assert_eq!(prepared.0, 200, "{prepared:?}");
    assert_eq!(code(&challenge(&test, &other, &usual).await), "key_taken");
    // Another's by SQL.
    let account = hex::encode(thief.as_bytes());
    let of = |name: &str| format!("(SELECT id FROM account WHERE login = '{name}')");
    test.sql(&format!("UPDATE foreign_certificate SET account_id = x'{account}'"));
    assert_eq!(prepare(&other).await.0, 500);
    test.sql(&format!("UPDATE foreign_certificate SET account_id = {}", of("an.tran")));
    assert_eq!(prepare(&token).await.0, 200);
    // Taken away, and put back as it was.
    test.sql("CREATE TABLE kept AS SELECT * FROM foreign_certificate");
    let one = format!("{ALL}/{}", made["id"].as_str().unwrap());
    assert_eq!(test.post(&format!("{one}/remove"), &token, &json!({})).await.0, 200);
    let finish = async |token: &str| {
        let value = encode_block(b"x");
        let request = json!({ "continuation": prepared.1["continuation"], "value": value });
        let (kind, body) = form(&request, "thu.pdf", "application/pdf", &plain_pdf());
        test.request("POST", FINISH, token, &kind, body).await
    };
    assert_eq!(code(&finish(&token).await), "certificate_not_registered", "in between, too");
    test.sql("DELETE FROM foreign_certificate; INSERT INTO foreign_certificate SELECT * FROM kept");
    assert_eq!(prepare(&token).await.0, 500);
    // Out of sight the key is free for nobody.
    test.sql("DELETE FROM foreign_certificate");
    assert_eq!(challenge(&test, &other, &usual).await.0, 500);
    test.stop().await;
}

//! Clients of the fault run. Each leads one life after another: enrolled, certified, signs a document, has it verified, pays, is revoked. It
//! keeps notes of what was acknowledged, and of what it does not know because the answer never came.

use crate::{
    harness::payer::Payer,
    issuance::{
        PIN,
        kill_loop::clients::{Answer, Client, Note, TRIES},
    },
    signing::subscriber::plain_pdf,
};
use chuky_model::instant::Instant;
use openssl::sha::sha256;
use rand::RngExt;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A document that a client asked to be signed.
pub struct SignedNote {
    pub document: String,
    /// To fetch it by.
    pub session: String,
    /// How often a signature was asked for, of these octets only.
    pub asks: usize,
    /// SHA-256 of the signed document, where it was acknowledged.
    pub told: Option<String>,
    /// How many asks had no answer, or one that says to try again.
    pub unanswered: usize,
    /// Whether the service's verdict on it was asked and given.
    pub verified: bool,
}

/// A payment that a client brought.
pub struct PaymentNote {
    pub message: String,
    /// How often it was told to be accepted for the first time, and how often at all.
    pub firsts: usize,
    pub accepted: usize,
    /// How many calls had no answer, or one that says to try again.
    pub unanswered: usize,
}

/// All that one client knows.
#[derive(Default)]
pub struct Notes {
    pub certificates: Vec<Note>,
    pub signed: Vec<SignedNote>,
    pub payments: Vec<PaymentNote>,
}

/// What all clients share.
pub struct Load {
    pub payer: Payer,
    /// The API key of the payment provider.
    pub provider: String,
    pub stop: AtomicBool,
    /// Acknowledged acts.
    pub done: AtomicU64,
}

/// Lives one life after another until told to stop.
pub fn live(mut client: Client, load: &Arc<Load>) -> Notes {
    let mut notes = Notes::default();
    client.sealed_every = 2;
    while !load.stop.load(Ordering::Relaxed) {
        client.next_person();
        let payment = pay(&mut client, load, notes.payments.len());
        notes.payments.push(payment);
        // The answer with the code may be lost, and with it the request: somebody else comes.
        let Some((request, code)) = client.approved() else { continue };
        load.done.fetch_add(2, Ordering::Relaxed);
        let mut note = client.redeemed(request, &code);
        if note.receipt.is_some() {
            load.done.fetch_add(1, Ordering::Relaxed);
            if let Some(credential) = note.credential.clone() {
                notes.signed.extend(sign(&mut client, load, &credential));
            }
            client.change(&mut note, &load.done);
        }
        notes.certificates.push(note);
    }
    notes
}

/// Signs a document of the person, and has it verified.
fn sign(client: &mut Client, load: &Load, credential: &str) -> Option<SignedNote> {
    // 1. A session and a document of one's own: what is not acknowledged is asked for again.
    let mut pdf = plain_pdf();
    pdf.extend_from_slice(format!("%{:032x}\n", client.random.random::<u128>()).as_bytes());
    let mut key = fresh_key(client);
    let mut uploaded = None;
    for _ in 0..TRIES {
        if client.session.is_empty() {
            client.log_in(&client.login());
        } else {
            match send(client, "/api/v1/documents?name=th%C6%B0.pdf", Some(&key), ("application/pdf", &pdf)) {
                Some((201, document)) => {
                    uploaded = document["id"].as_str().map(str::to_owned);
                    break;
                }
                Some((401, _)) => client.session = String::new(),
                Some((409, answer)) if answer["type"] == BROKEN_OFF => key = fresh_key(client),
                Some((status, answer)) => drop(client.unavailable::<()>(status, &answer)),
                None => {}
            }
        }
        client.pause();
    }
    let document = uploaded?;
    load.done.fetch_add(1, Ordering::Relaxed);
    let session = client.session.clone();
    let mut note = SignedNote { document, session, asks: 0, told: None, unanswered: 0, verified: false };
    // 2. Its signature, bound to these bytes: whatever was signed meanwhile is not signed once more.
    let mut key = fresh_key(client);
    let order = json!({ "credential": credential, "pin": PIN, "level": "B", "sha256": hex::encode(sha256(&pdf)) });
    let path = format!("/api/v1/documents/{}", note.document);
    for _ in 0..TRIES {
        note.asks += 1;
        let session = client.session.clone();
        match client.post(&format!("{path}/sign"), &session, Some(&key), &order) {
            Some((200, signed)) => {
                assert_eq!(signed["report"]["indication"], "TOTAL_PASSED", "{signed}");
                note.told = signed["document"]["signed_sha256"].as_str().map(str::to_owned);
                break;
            }
            Some((409, answer)) if answer["type"] == "urn:chuky:problem:document_another" => {
                // An ask whose answer is lost was done: the document says so.
                assert!(note.unanswered > 0, "{answer}");
                let seen = client.get(&path, &session).filter(|(status, _)| *status == 200);
                if let Some((_, seen)) = seen {
                    note.told = seen["signed_sha256"].as_str().map(str::to_owned);
                    assert!(note.told.is_some(), "{seen}");
                    break;
                }
            }
            Some((401, _)) => client.log_in(&client.login()),
            Some((409, answer)) if answer["type"] == BROKEN_OFF => key = fresh_key(client),
            other => lost(client, &mut note.unanswered, other),
        }
        client.pause();
    }
    if note.told.is_some() {
        load.done.fetch_add(1, Ordering::Relaxed);
        note.session = client.session.clone();
        note.verified = verify(client, &path, note.told.as_deref());
        load.done.fetch_add(u64::from(note.verified), Ordering::Relaxed);
    }
    Some(note)
}

/// Fetches the signed document and asks for the verdict on it.
fn verify(client: &mut Client, path: &str, told: Option<&str>) -> bool {
    for _ in 0..VERDICT_TRIES {
        let token = client.session.clone();
        let agent = agent();
        let fetched = agent
            .get(client.url(&format!("{path}/content")))
            .header("authorization", format!("Bearer {token}"))
            .call()
            .ok()
            .filter(|answer| answer.status() == 200)
            .and_then(|mut answer| answer.body_mut().read_to_vec().ok());
        if let Some(content) = fetched {
            assert_eq!(Some(hex::encode(sha256(&content)).as_str()), told, "other bytes than those that were told");
            match send(client, "/api/v1/documents/verify", None, ("application/pdf", &content)) {
                Some((200, report)) => {
                    assert_eq!(report["integrity"], "intact", "{report}");
                    // A node whose clock is wrong cannot say more; another can.
                    if report["indication"] == "TOTAL_PASSED" {
                        return true;
                    }
                    assert_eq!(report["indication"], "INDETERMINATE", "{report}");
                }
                Some((401, _)) => client.log_in(&client.login()),
                Some((status, answer)) => drop(client.unavailable::<()>(status, &answer)),
                None => {}
            }
        }
        client.pause();
    }
    false
}

/// Brings a payment, to two nodes at the same moment now and then, until it is accepted.
fn pay(client: &mut Client, load: &Arc<Load>, number: usize) -> PaymentNote {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Instant(i64::try_from(now.as_micros()).unwrap());
    let order = json!({
        "id": format!("FAULTS-{}-{number}", client.number), "payer": crate::harness::payer::UID, "payee": "MST:0100000001",
        "amount": 150_000, "currency": "VND", "created": now.rfc3339(), "expires": now.plus_seconds(3600).rfc3339(),
        "reference": "Lệ phí hộ tịch"
    });
    let mut note = PaymentNote { message: load.payer.sign(&order), firsts: 0, accepted: 0, unanswered: 0 };
    for _ in 0..TRIES {
        let urls: Vec<String> =
            (0..client.random.random_range(1..=2)).map(|_| client.url("/api/v1/transactions/verify")).collect();
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let asked: Vec<_> =
                urls.iter().map(|url| scope.spawn(|| bring(url, &load.provider, &note.message))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        for answer in answers {
            match answer {
                Some((200, answer)) => match (answer["verdict"].as_str(), answer["seen"].as_str()) {
                    (Some("accepted"), seen) => {
                        note.accepted += 1;
                        note.firsts += usize::from(seen == Some("first"));
                        assert!(matches!(seen, Some("first" | "repeated")), "{answer}");
                    }
                    // It says that it cannot know, or could not record: what came of it is not told.
                    (Some("indeterminate"), _) => note.unanswered += 1,
                    // By a node whose clock is wrong.
                    _ => assert!(WRONG_CLOCK.iter().any(|reason| answer["reasons"][0] == *reason), "{answer}"),
                },
                other => lost(client, &mut note.unanswered, other),
            }
        }
        if note.accepted > 0 {
            load.done.fetch_add(1, Ordering::Relaxed);
            break;
        }
        client.pause();
    }
    note
}

fn bring(url: &str, provider: &str, message: &str) -> Answer {
    let request = agent().post(url).header("authorization", format!("Bearer {provider}"));
    let mut response = request.content_type("application/jose").send(message).ok()?;
    Some((response.status().as_u16(), response.body_mut().read_json().ok()?))
}

/// Counts an answer that did not come, or one of a service to which something has happened; any other is wrong.
fn lost(client: &mut Client, count: &mut usize, answer: Answer) {
    *count += 1;
    if let Some((status, answer)) = answer {
        let _ = client.unavailable::<()>(status, &answer);
    }
}

/// `POST` of bytes as the person.
fn send(client: &Client, path: &str, key: Option<&str>, (kind, body): (&str, &[u8])) -> Option<(u16, Value)> {
    let mut request =
        agent().post(client.url(path)).header("authorization", format!("Bearer {}", client.session)).content_type(kind);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let mut response = request.send(body).ok()?;
    Some((response.status().as_u16(), response.body_mut().read_json().ok()?))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LONGEST_CALL)).build().into()
}

fn fresh_key(client: &mut Client) -> String {
    format!("{:032x}", client.random.random::<u128>())
}

/// Nobody will answer under that key any more.
const BROKEN_OFF: &str = "urn:chuky:problem:request_broken_off";
/// After which an answer is given up.
const LONGEST_CALL: Duration = Duration::from_secs(30);
/// Of a verdict, before the next life begins.
const VERDICT_TRIES: u32 = 20;
/// Why a node whose clock is wrong rejects a payment that is in order.
const WRONG_CLOCK: [&str; 3] = ["certificate_not_yet_valid", "created_in_future", "expired"];

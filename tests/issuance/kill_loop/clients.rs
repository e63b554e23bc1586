//! Clients of a service that is killed under them. Each keeps notes of what it was told, and of what it does not know because the
//! answer never came.

use crate::issuance::{PASSWORD, PIN};
use openssl::{
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::PKey,
    sha::sha256,
    x509::X509Req,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    cell::Cell,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Bearer tokens of those who enter, approve and revoke.
pub struct Staff {
    pub operator: String,
    pub approver: String,
    pub officer: String,
}

/// What a client knows of one certificate that it asked for.
#[derive(Clone, Debug)]
pub struct Note {
    pub request: String,
    /// SHA-256 of the public key, where it is the subscriber's own.
    pub spki: Option<[u8; 32]>,
    /// PEM and serial, where the receipt came.
    pub receipt: Option<(String, String)>,
    /// Of a key in the HSM.
    pub credential: Option<String>,
    /// The standing that was acknowledged: `issued`, `suspended` or `revoked`, with CRLReason.
    pub told: Option<(&'static str, Option<i64>)>,
    /// A change whose answer never came: either this or what was told before.
    pub perhaps: Option<(&'static str, Option<i64>)>,
}

/// One client.
pub struct Client {
    /// Of every node; asked in turn.
    addresses: Vec<SocketAddr>,
    turn: Cell<usize>,
    agent: ureq::Agent,
    staff: Arc<Staff>,
    pub random: StdRng,
    pub number: u64,
    persons: u64,
    certificates_of_person: u32,
    /// One certificate in so many is for a key of the HSM, sealed under a PIN, which costs an Argon2id.
    pub sealed_every: u32,
    /// Of the person's account, once there is one.
    pub session: String,
    notes: Vec<Note>,
}

/// An answer, or none.
pub type Answer = Option<(u16, Value)>;

impl Client {
    /// Of that number, whose choices the seed tells.
    pub fn new(addresses: Vec<SocketAddr>, staff: Arc<Staff>, (seed, number): (u64, u64)) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let random = StdRng::seed_from_u64(seed ^ (number + 1) << 32);
        let session = String::new();
        Self {
            addresses,
            turn: Cell::new(usize::try_from(number).unwrap()),
            agent,
            staff,
            random,
            number,
            persons: 0,
            certificates_of_person: 0,
            sealed_every: SEALED_EVERY,
            session,
            notes: Vec::new(),
        }
    }

    /// Works until told to stop; its notes.
    pub fn work(mut self, stop: &AtomicBool, done: &AtomicU64) -> Vec<Note> {
        while !stop.load(Ordering::Relaxed) {
            if self.certificates_of_person == 0 || self.certificates_of_person > CERTIFICATES_A_PERSON {
                self.next_person();
            }
            let Some((request, code)) = self.approved() else {
                // The answer with the code is lost, and with it the request: somebody else comes.
                self.next_person();
                continue;
            };
            let mut note = self.redeemed(request, &code);
            match &note.receipt {
                Some(_) => {
                    done.fetch_add(1, Ordering::Relaxed);
                    self.certificates_of_person += 1;
                    self.change(&mut note, done);
                }
                None => self.next_person(),
            }
            self.notes.push(note);
        }
        self.notes
    }

    /// The next subscriber, who has no account yet.
    pub fn next_person(&mut self) {
        self.persons += 1;
        self.session = String::new();
        self.certificates_of_person = 1;
    }

    /// The log-in name of the person's account.
    pub fn login(&self) -> String {
        format!("{}x{}", self.number, self.persons)
    }

    fn personal_number(&self) -> String {
        format!("0011{:02}{:06}", self.number + 10, self.persons)
    }

    /// A request that was entered and approved, with its code.
    pub fn approved(&mut self) -> Option<(String, String)> {
        let number = self.personal_number();
        let body = json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": number, "birth_date": format!("19{}-03-05", self.number + 10),
            "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } });
        let staff = Arc::clone(&self.staff);
        let (status, request) = self.post("/api/v1/requests", &staff.operator, None, &body)?;
        if status != 201 {
            return self.unavailable(status, &request);
        }
        let id = request["id"].as_str().unwrap().to_owned();
        let digest = json!({ "content_digest": request["content_digest"] });
        let path = format!("/api/v1/requests/{id}/approve");
        let (status, answer) = self.post(&path, &staff.approver, None, &digest)?;
        if status != 200 {
            return self.unavailable(status, &answer);
        }
        let (status, made) = self.post(&format!("/api/v1/requests/{id}/code"), &staff.operator, None, &json!({}))?;
        if status != 200 {
            return self.unavailable(status, &made);
        }
        Some((id, made["activation_code"].as_str().unwrap().to_owned()))
    }

    /// Whoever has an account redeems further codes in a session of it.
    pub fn log_in(&mut self, login: &str) {
        let body = json!({ "login": login, "password": PASSWORD });
        match self.post("/api/v1/session", "", None, &body) {
            Some((200, answer)) => self.session = answer["token"].as_str().unwrap().to_owned(),
            Some((status, answer)) => drop(self.unavailable::<()>(status, &answer)),
            None => {}
        }
    }

    /// Redeems a code with a key of the HSM or of one's own, asking again with the same key where the answer is lost.
    pub fn redeemed(&mut self, request: String, code: &str) -> Note {
        let login = self.login();
        let mut body = json!({ "code": code, "login": login, "password": PASSWORD });
        let (path, spki) = if self.random.random_range(0..self.sealed_every) == 0 {
            body["pin"] = json!(PIN);
            ("/api/v1/activations", None)
        } else {
            let (pem, spki) = own_key();
            body["request"] = json!(pem);
            ("/api/v1/activations/own-key", Some(spki))
        };
        let key = format!("{:032x}", self.random.random::<u128>());
        let mut note = Note { request, spki, receipt: None, credential: None, told: None, perhaps: None };
        let consent = if note.spki.is_some() { "consent_own_key" } else { "consent" };
        for _ in 0..TRIES {
            if body.get("confirmed").is_none() {
                match self.post("/api/v1/activations/preview", &self.session, None, &json!({ "code": code })) {
                    Some((200, preview)) => {
                        body["confirmed"] = preview["content_digest"].clone();
                        body["consent"] = preview[consent]["version"].clone();
                    }
                    Some((422, _)) => break,
                    Some((status, answer)) => drop(self.unavailable::<()>(status, &answer)),
                    None => {}
                }
                if body.get("confirmed").is_none() {
                    self.pause();
                    continue;
                }
            }
            match self.post(path, &self.session, Some(&key), &body) {
                Some((201, receipt)) => {
                    let text = |field: &str| receipt[field].as_str().unwrap().to_owned();
                    note.receipt = Some((text("certificate"), text("serial")));
                    note.credential = receipt["credential"].as_str().map(str::to_owned);
                    note.told = Some(("issued", None));
                    break;
                }
                Some((401, answer)) if answer["type"] == "urn:chuky:problem:log_in_first" => self.log_in(&login),
                Some((422, answer)) if answer["type"] == "urn:chuky:problem:code_invalid" => break,
                Some((status, answer)) => drop(self.unavailable::<()>(status, &answer)),
                None => {}
            }
            self.pause();
        }
        note
    }

    /// Revokes, suspends, resumes, or leaves it.
    pub fn change(&mut self, note: &mut Note, done: &AtomicU64) {
        const REASONS: &[(&str, i64)] = &[
            ("unspecified", 0),
            ("key_compromise", 1),
            ("affiliation_changed", 3),
            ("superseded", 4),
            ("cessation_of_operation", 5),
            ("privilege_withdrawn", 9),
        ];
        let (reason, code) = REASONS[self.random.random_range(0..REASONS.len())];
        let revoke = ("revoke", json!({ "reason": reason }), ("revoked", Some(code)));
        let suspend = ("suspend", json!({ "ground": "device_lost" }), ("suspended", Some(6)));
        let resume = ("resume", json!({ "ground": "settled" }), ("issued", None));
        let steps = match self.random.random_range(0..20) {
            0..13 => vec![revoke],
            13..15 => vec![suspend],
            15..17 => vec![suspend, resume],
            17..18 => vec![suspend, revoke],
            _ => Vec::new(),
        };
        let Some((_, serial)) = note.receipt.clone() else { return };
        let staff = Arc::clone(&self.staff);
        for (action, body, standing) in steps {
            note.perhaps = Some(standing);
            let mut tries = 0..TRIES;
            while tries.next().is_some() {
                match self.post(&format!("/api/v1/certificates/{serial}/{action}"), &staff.officer, None, &body) {
                    Some((200, _)) => {
                        (note.told, note.perhaps) = (Some(standing), None);
                        done.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    // Done by the call before, whose answer is lost: the certificate is looked at.
                    Some((409, _)) => {
                        let looked = self.get(&format!("/api/v1/certificates/{serial}"), &staff.officer);
                        if looked.is_some_and(|(status, view)| status == 200 && view["state"] == standing.0) {
                            (note.told, note.perhaps) = (Some(standing), None);
                            done.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                    }
                    Some((status, answer)) => drop(self.unavailable::<()>(status, &answer)),
                    None => {}
                }
                self.pause();
            }
            if note.perhaps.is_some() {
                break;
            }
        }
    }

    /// What a service says whose worker was killed; anything else is wrong.
    pub fn unavailable<T>(&mut self, status: u16, answer: &Value) -> Option<T> {
        assert!([409, 500, 503].contains(&status), "client {}: {status} {answer}", self.number);
        self.pause();
        None
    }

    /// Waits for a moment before it asks again.
    pub fn pause(&mut self) {
        thread::sleep(Duration::from_millis(self.random.random_range(50..400)));
    }

    /// An address of the node whose turn it is.
    pub fn url(&self, path: &str) -> String {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        format!("http://{}{path}", self.addresses[turn % self.addresses.len()])
    }

    /// `POST` of JSON to one of the nodes, perhaps under an idempotency key.
    pub fn post(&self, path: &str, token: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut request = self.agent.post(self.url(path)).content_type("application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let mut response = request.send(body.to_string()).ok()?;
        Some((response.status().as_u16(), response.body_mut().read_json().ok()?))
    }

    /// `GET` from one of the nodes.
    pub fn get(&self, path: &str, token: &str) -> Answer {
        let request = self.agent.get(self.url(path));
        let mut response = request.header("authorization", format!("Bearer {token}")).call().ok()?;
        Some((response.status().as_u16(), response.body_mut().read_json().ok()?))
    }
}

/// A fresh P-256 key: its PKCS #10 request, and SHA-256 of the public key.
fn own_key() -> (String, [u8; 32]) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut request = X509Req::builder().unwrap();
    request.set_pubkey(&key).unwrap();
    request.sign(&key, MessageDigest::sha256()).unwrap();
    let pem = String::from_utf8(request.build().to_pem().unwrap()).unwrap();
    (pem, sha256(&key.public_key_to_der().unwrap()))
}

/// After so many somebody else comes.
const CERTIFICATES_A_PERSON: u32 = 15;
/// Of a client of the kill loop.
const SEALED_EVERY: u32 = 6;
/// Of a call whose answer did not come.
pub const TRIES: u32 = 40;

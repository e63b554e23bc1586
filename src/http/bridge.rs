//! The door of `chuky bridge`: a small server on 127.0.0.1 through which the pages of exactly one site have digests signed by the token of
//! whoever sits before this machine. It holds no key and no PIN: each order waits until that person has agreed on the terminal. Every request
//! must come from that site (Origin), to this address (Host, against DNS rebinding), and but for the pairing with the token that it gave.

use crate::{foreign::challenge::ProofText, signing::own::Chosen};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::{algorithm::SignatureScheme, text::Bilingual};
use rand::Rng;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use subtle::ConstantTimeEq;
use tokio::{
    net::TcpListener,
    sync::{self, mpsc, oneshot},
};

/// One digest to be signed, for whoever sits there to agree to.
#[derive(Debug)]
pub struct Ask {
    pub what: Asked,
    pub digest: Vec<u8>,
    /// Closed where the page no longer waits.
    pub answer: oneshot::Sender<Result<Vec<u8>, Declined>>,
}

/// What a digest is of.
#[derive(Debug)]
pub enum Asked {
    Document {
        /// The document's name, as the site says.
        name: String,
        /// The document's SHA-256 in hex, as the site says.
        sha256: String,
    },
    /// A proof that the key is here: its text was read, is for this site and this certificate, and was hashed here.
    Proof(ProofText),
}

/// Why nothing was signed.
#[derive(Clone, Debug)]
pub enum Declined {
    /// The person did not agree.
    ByHolder,
    /// The token or its driver said so.
    ByToken(String),
}

/// What happened at the door, for the terminal.
#[derive(Debug)]
pub enum Event {
    Ask(Ask),
    /// A page of the site is paired now; the next one needs this code.
    Paired {
        next_code: String,
    },
    /// Too many wrong codes: nothing is answered any more.
    Closed,
}

/// What signs, as the page is told.
#[derive(Clone, Debug, Serialize)]
struct Certificate {
    /// Base64 of DER.
    certificate: String,
    chain: Vec<String>,
    scheme: SignatureScheme,
    common_name: String,
    issuer: String,
    /// RFC 3339.
    not_after: String,
}

struct Door {
    site: HeaderValue,
    host: String,
    /// The same site as a proof's text names it.
    origin: String,
    /// SHA-256 of the certificate in hex.
    fingerprint: String,
    certificate: Certificate,
    pairing: Mutex<Pairing>,
    /// Held while the person is asked: one thing is read after another.
    asking: sync::Mutex<()>,
    events: mpsc::Sender<Event>,
}

struct Pairing {
    code: String,
    wrong: u32,
    /// SHA-256 of the token that the last pairing gave.
    token: Option<[u8; 32]>,
}

/// Serves the pages of `site` until the other side of `ended` is dropped and the last answer has gone out; gives the first pairing code.
pub fn open(
    site: &str,
    chosen: &Chosen,
    listener: TcpListener,
    events: mpsc::Sender<Event>,
    ended: oneshot::Receiver<()>,
) -> io::Result<(String, impl Future<Output = io::Result<()>> + Send + use<>)> {
    let code = fresh_code();
    let door = Door {
        site: HeaderValue::from_str(site).map_err(io::Error::other)?,
        host: listener.local_addr()?.to_string(),
        origin: site.to_owned(),
        fingerprint: hex::encode(chosen.certificate.fingerprint()),
        certificate: Certificate::of(chosen),
        pairing: Mutex::new(Pairing { code: code.clone(), wrong: 0, token: None }),
        asking: sync::Mutex::new(()),
        events,
    };
    let door = Arc::new(door);
    let router = Router::new()
        .route("/pair", post(pair))
        .route("/certificate", get(certificate))
        .route("/sign", post(sign))
        .route("/prove", post(prove))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(door.clone(), only_this_site))
        .with_state(door);
    let ended = async move {
        // Nothing is ever sent through it.
        let _ = ended.await;
    };
    Ok((code, async move { axum::serve(listener, router).with_graceful_shutdown(ended).await }))
}

impl Certificate {
    fn of(chosen: &Chosen) -> Self {
        let text = |one: &chuky_pki::certificate::Certificate| BASE64_STANDARD.encode(one.der());
        Self {
            certificate: text(&chosen.certificate),
            chain: chosen.further.iter().map(text).collect(),
            scheme: chosen.scheme,
            common_name: chosen.certificate.subject().common_name(),
            issuer: chosen.certificate.issuer().common_name(),
            not_after: chosen.certificate.not_after().rfc3339(),
        }
    }
}

/// Nothing is told to anybody but the site's pages. Fetch standard §4.8 (CORS preflight), and Private Network Access §3.2 for the header with
/// which a page of a public address may ask a private one.
async fn only_this_site(State(door): State<Arc<Door>>, request: Request<axum::body::Body>, next: Next) -> Response {
    let headers = request.headers();
    let is_here = headers.get(header::HOST).and_then(|host| host.to_str().ok()) == Some(&door.host);
    if !is_here || headers.get(header::ORIGIN) != Some(&door.site) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut answer = match request.method() == Method::OPTIONS {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let given = answer.headers_mut();
    given.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, door.site.clone());
    let fixed = [
        (header::VARY, "origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (header::HeaderName::from_static("access-control-allow-private-network"), "true"),
    ];
    for (name, value) in fixed {
        given.insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairRequest {
    code: String,
}

async fn pair(State(door): State<Arc<Door>>, body: Bytes) -> Result<Response, Refusal> {
    let asked: PairRequest = read(&body)?;
    let written: String = asked.code.chars().filter(char::is_ascii_alphanumeric).collect();
    // Whatever comes of it can be told to the terminal, or it is not tried.
    let place = door.events.try_reserve().map_err(|error| Refusal::of(&error))?;
    let (paired, event) = {
        let mut pairing = door.pairing();
        if pairing.wrong >= MOST_WRONG_CODES {
            return Err(Refusal::Closed);
        }
        match is_same(&written.to_ascii_uppercase(), digest(pairing.code.replace('-', "").as_bytes())) {
            true => {
                let token = fresh_token();
                pairing.token = Some(digest(token.as_bytes()));
                pairing.code = fresh_code();
                pairing.wrong = 0;
                (Ok(token), Some(Event::Paired { next_code: pairing.code.clone() }))
            }
            false => {
                pairing.wrong = pairing.wrong.saturating_add(1);
                let is_last = pairing.wrong >= MOST_WRONG_CODES;
                (Err(if is_last { Refusal::Closed } else { Refusal::Code }), is_last.then_some(Event::Closed))
            }
        }
    };
    if let Some(event) = event {
        place.send(event);
    }
    let token = paired?;
    Ok(Json(serde_json::json!({ "token": token })).into_response())
}

async fn certificate(State(door): State<Arc<Door>>, headers: HeaderMap) -> Result<Json<Certificate>, Refusal> {
    door.admit(&headers)?;
    Ok(Json(door.certificate.clone()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOrder {
    name: String,
    sha256: String,
    /// Base64.
    digest: String,
}

async fn sign(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    door.admit(&headers)?;
    let order: SignOrder = read(&body)?;
    let digest = BASE64_STANDARD.decode(&order.digest).map_err(|_| Refusal::Malformed)?;
    let is_hex = order.sha256.len() == 64 && order.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || digest.len() != door.certificate.scheme.hash().length() || order.name.len() > LONGEST_NAME {
        return Err(Refusal::Malformed);
    }
    asked(&door, Asked::Document { name: order.name, sha256: order.sha256 }, digest).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofOrder {
    text: String,
}

/// A proof of possession: nothing but such a text is signed here, and only one for this site and this certificate. What it says is hashed here.
async fn prove(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    door.admit(&headers)?;
    let order: ProofOrder = read(&body)?;
    let proof = ProofText::parse(&order.text).ok_or(Refusal::Malformed)?;
    if proof.service != door.origin || proof.certificate != door.fingerprint {
        return Err(Refusal::AnotherProof);
    }
    let digest = proof.digest(door.certificate.scheme);
    asked(&door, Asked::Proof(proof), digest).await
}

/// Asks whoever sits there, and gives the value.
async fn asked(door: &Door, what: Asked, digest: Vec<u8>) -> Result<Response, Refusal> {
    let (answer, answered) = oneshot::channel();
    let ask = Ask { what, digest, answer };
    let _asking = door.asking.try_lock().map_err(|_| Refusal::Busy)?;
    door.events.try_send(Event::Ask(ask)).map_err(|error| Refusal::of(&error))?;
    match answered.await {
        Ok(Ok(value)) => {
            let scheme = door.certificate.scheme;
            Ok(Json(serde_json::json!({ "value": BASE64_STANDARD.encode(value), "scheme": scheme })).into_response())
        }
        Ok(Err(Declined::ByHolder)) => Err(Refusal::ByHolder),
        Ok(Err(Declined::ByToken(said))) => Err(Refusal::ByToken(said)),
        Err(_) => Err(Refusal::Closed),
    }
}

impl Door {
    fn pairing(&self) -> MutexGuard<'_, Pairing> {
        self.pairing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes with the token of the last pairing.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::NotPaired)?;
        let is_paired = self.pairing().token.is_some_and(|token| is_same(shown, token));
        is_paired.then_some(()).ok_or(Refusal::NotPaired)
    }
}

/// Why the door says no.
#[derive(Clone, Debug)]
enum Refusal {
    Malformed,
    AnotherProof,
    Code,
    NotPaired,
    Busy,
    Closed,
    ByHolder,
    ByToken(String),
}

impl Refusal {
    /// Why the terminal is told nothing.
    fn of<T>(error: &mpsc::error::TrySendError<T>) -> Self {
        match error {
            mpsc::error::TrySendError::Full(_) => Self::Busy,
            mpsc::error::TrySendError::Closed(_) => Self::Closed,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, vi, en) = match self {
            Self::Malformed => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "malformed",
                "Yêu cầu gửi cầu nối không đúng mẫu.".to_owned(),
                "The request to the bridge is malformed.".to_owned(),
            ),
            Self::AnotherProof => (
                StatusCode::CONFLICT,
                "another_proof",
                "Thử thách này là cho chứng thư khác trên token, hoặc cho một trang khác. Hãy chọn đúng chứng thư khi chạy cầu nối (--key, --certificate).".to_owned(),
                "This challenge is for another certificate than the token's, or for another site. Name the certificate when you run the bridge (--key, --certificate).".to_owned(),
            ),
            Self::Code => (
                StatusCode::FORBIDDEN,
                "code_wrong",
                "Mã ghép nối không đúng. Hãy nhập mã đang hiện trên cửa sổ cầu nối.".to_owned(),
                "The pairing code is wrong. Type the one that the bridge's terminal shows.".to_owned(),
            ),
            Self::NotPaired => (
                StatusCode::UNAUTHORIZED,
                "not_paired",
                "Trang này chưa ghép nối, hoặc trang khác đã ghép nối sau. Hãy nhập mã ghép nối.".to_owned(),
                "This page is not paired, or another was paired since. Enter the pairing code.".to_owned(),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Cầu nối đang chờ trả lời cho một văn bản khác.".to_owned(),
                "The bridge waits for an answer about another document.".to_owned(),
            ),
            Self::Closed => (
                StatusCode::GONE,
                "closed",
                "Cầu nối đã đóng. Hãy khởi động lại.".to_owned(),
                "The bridge is closed. Start it again.".to_owned(),
            ),
            Self::ByHolder => (
                StatusCode::FORBIDDEN,
                "declined",
                "Bạn đã không đồng ý ký trên cửa sổ cầu nối.".to_owned(),
                "You did not agree on the bridge's terminal.".to_owned(),
            ),
            Self::ByToken(said) => (StatusCode::CONFLICT, "token", said.clone(), said),
        };
        let body = serde_json::json!({ "code": code, "detail": Bilingual::new(vi, en) });
        (status, Json(body)).into_response()
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::Malformed)
}

/// Whether it is what that digest is of. No time tells how much of it was right.
fn is_same(shown: &str, wanted: [u8; 32]) -> bool {
    digest(shown.as_bytes()).ct_eq(&wanted).into()
}

fn digest(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}

/// Eight letters of 5 bits, as they are read out and typed.
fn fresh_code() -> String {
    let mut octets = [0_u8; 8];
    rand::rng().fill_bytes(&mut octets);
    let letter = |octet: &u8| ALPHABET.get(usize::from(octet & 31)).map(|letter| char::from(*letter));
    let letters: String = octets.iter().filter_map(letter).collect();
    let (first, second) = letters.split_at(4);
    format!("{first}-{second}")
}

fn fresh_token() -> String {
    let mut octets = [0_u8; 32];
    rand::rng().fill_bytes(&mut octets);
    hex::encode(octets)
}

/// The port on 127.0.0.1 that pages ask where they are told no other.
pub const PORT: u16 = 17_345;
/// What waits for the terminal at most: a question, what its page no longer waits for, a pairing.
pub const MOST_EVENTS: usize = 8;
/// Wrong codes until nothing is answered any more: 40 bits are not guessed in five.
const MOST_WRONG_CODES: u32 = 5;
/// Bytes of a request: a name, a digest.
const LARGEST_BODY: usize = 16 << 10;
/// Bytes of a document's name.
const LONGEST_NAME: usize = 1_024;
/// Without the letters that are taken for one another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

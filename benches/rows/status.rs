//! Status and time: a list of a million entries, OCSP answers that are ready and such that are signed for a nonce, and timestamps,
//! beside a bare HTTP answer, raw signing and OpenSSL's command line.

use super::{
    Context,
    payment_service::{Supply, over_http},
    raw,
    status_peers::{Files, Responder, Stamping},
};
use crate::harness::{Batch, Cost, Goal, Local, Row, Side, Unit};
use crate::service::{Client, Kind, Service, children};
use axum::body::Bytes;
use chuky::issuance::{Authority, ocsp, register, revocation_list};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use chuky_model::record::state::KeyPurpose;
use chuky_model::request::Hierarchy;
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, OcspRequest, Status};
use chuky_pki::timestamp::{TimestampRequest, TokenToMake};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use tokio::{net::TcpListener, runtime::Runtime};

const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;
/// Connections, or callers at a time.
const CALLERS: usize = 16;
const ISSUER: &str = "citizens-issuing";

/// An answer that is ready, over HTTP, beside an axum service that answers as many bytes.
pub fn ocsp_cached(context: &mut Context) -> Result<Row, String> {
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let question = runtime.block_on(question(&service))?;
    let request = OcspRequest::to_der(&[question], None);
    let answer = runtime.block_on(ocsp::answer(&service.app, &request)).response;
    let bare = runtime.block_on(bare(Bytes::from_owner(Arc::clone(&answer))))?;
    let asked = vec![post("/ocsp", &request)];
    let client = |address| Client::new(&runtime, address, CALLERS).map(|client| client.accepting(successful));
    let ours = over_http("service", &runtime, client(service.address)?, Supply::again(asked));
    let limit = over_http("axum", &runtime, client(bare)?, Supply::again(vec![post("/", &request)]));
    std::mem::forget(service);
    let goals = vec![Goal::RatioAtMost(1.5)];
    Ok(Row { unit: Unit::CpuMicroseconds, ours, limit: Some(limit), peer: None, goals })
}

/// Answers signed for their nonces through the service's workers, beside raw signing in one process.
pub fn ocsp_nonce(context: &mut Context) -> Result<Row, String> {
    let (ours, limit) = nonces(context)?;
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(0.7)] })
}

/// The same by what it costs, which a busy machine changes less than the rate. On two cores the rate's goal is 2 ÷ 0.7 times the limit.
pub fn ocsp_nonce_cpu(context: &mut Context) -> Result<Row, String> {
    let (ours, limit) = nonces(context)?;
    Ok(Row { unit: Unit::CpuMicroseconds, ours, limit: Some(limit), peer: None, goals: Vec::new() })
}

type Sides = (Box<dyn Side>, Box<dyn Side>);

fn nonces(context: &mut Context) -> Result<Sides, String> {
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let question = runtime.block_on(question(&service))?;
    let limit = context.token()?.raw(KeyAlgorithm::P256)?;
    let app = service.app.clone();
    std::mem::forget(service);
    let ours: Box<dyn Side> = Batch::new("through the workers", children(), move |count| {
        let share = count.div_ceil(u32::try_from(CALLERS).unwrap_or(1));
        runtime.block_on(async {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    let (app, question) = (app.clone(), question.clone());
                    tokio::spawn(async move {
                        for _ in 0..share {
                            let nonce: [u8; 32] = rand::random();
                            let request = OcspRequest::to_der(std::slice::from_ref(&question), Some(&nonce));
                            successful(&ocsp::answer(&app, &request).await.response)?;
                        }
                        Ok::<(), String>(())
                    })
                })
                .collect();
            for caller in callers {
                caller.await.map_err(text)??;
            }
            Ok(())
        })
    });
    Ok((ours, limit))
}

/// Request read, answer built and signed with a key in memory, as the peer does.
pub fn ocsp_in_memory(_: &mut Context) -> Result<Row, String> {
    let files = Files::fresh()?;
    let question = CertificateIdentifier::new(&files.certificate, b"ABCDEFGH");
    let request = OcspRequest::to_der(&[question], Some(&[0x5a; 32]));
    let peer = Responder::start(&files, &request)?;
    let limit = raw::sign("OpenSSL sign", &files.key)?;
    let (certificate, key) = (files.certificate, files.key);
    let ours = Local::new("pki::ocsp", move || {
        let Ok(request) = OcspRequest::parse(black_box(&request)) else { return };
        let now = crate::signing::now();
        let line = |one: &CertificateIdentifier| AnswerLine {
            identifier_der: one.der.clone(),
            status: if one.names_issuer(&certificate) { Status::Good } else { Status::Unknown },
            this_update: now,
            next_update: Some(now.plus_seconds(300)),
        };
        let lines: Vec<AnswerLine> = request.certificates.iter().map(line).collect();
        let answer = AnswerToMake::new(&certificate, SCHEME, now, &lines, request.nonce.as_deref());
        let signature = raw::sign_digest(&key, &answer.to_be_signed().digest());
        assert!(signature.is_ok_and(|signature| successful(&black_box(answer.assemble(&signature))).is_ok()));
    });
    let goals = vec![Goal::PeerRatioAtLeast(1.0 / 0.45)];
    Ok(Row { unit: Unit::CpuMicroseconds, ours, limit: Some(limit), peer: Some(peer), goals })
}

/// A token from a request, signed with a key in memory, as the peer does.
pub fn tsa(_: &mut Context) -> Result<Row, String> {
    let files = Files::fresh()?;
    let request = std::fs::read(files.folder.join("ask.tsq")).map_err(text)?;
    let der = std::fs::read(files.folder.join("tsa.der")).map_err(text)?;
    let authority = Certificate::from_der(&der).map_err(text)?;
    let policy = der::asn1::ObjectIdentifier::new("1.3.6.1.4.1.32473.1.3").map_err(text)?;
    let limit = raw::sign("OpenSSL sign", &files.key)?;
    let key = files.key;
    let ours = Local::new("pki::timestamp", move || {
        let Ok(request) = TimestampRequest::parse(black_box(&request)) else { return };
        let serial = Serial::from_random(rand::random());
        let token = TokenToMake::new(&request, &authority, SCHEME, policy, &serial, crate::signing::now());
        let response = token.ok().and_then(|token| {
            let signature = raw::sign_digest(&key, token.digest_to_sign()).ok()?;
            Some(token.assemble(&signature, &[]))
        });
        assert!(black_box(response).is_some_and(|response| response.len() > 500), "a token is made");
    });
    let peer = Box::new(Stamping(files.folder));
    let goals = vec![Goal::PeerRatioAtLeast(80.0)];
    Ok(Row { unit: Unit::CpuMicroseconds, ours, limit: Some(limit), peer: Some(peer), goals })
}

/// A list of a million entries made, signed and stored, beside SHA-256 of as many bytes.
pub fn crl_million(context: &mut Context) -> Result<Row, String> {
    let million = Million::of(context)?;
    let length = million.publish()?;
    let limit = raw::sha256(vec![0x42; usize::try_from(length).unwrap_or_default()]);
    let ours = Batch::new("service", children(), move |count| (0..count).try_for_each(|_| million.publish().map(drop)));
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: None, goals: Vec::new() })
}

/// What the process takes beyond what it had, while it makes such a list.
pub fn crl_million_memory(context: &mut Context) -> Result<Row, String> {
    let million = Million::of(context)?;
    // The last row that needs it: the next ones pay for nothing of it.
    context.million = None;
    million.publish()?;
    let goals = vec![Goal::ValueAtMost(48.0)];
    Ok(Row { unit: Unit::Mebibytes, ours: Box::new(Growth(million)), limit: None, peer: None, goals })
}

/// A service that knows of a million revocations.
pub struct Million {
    runtime: Rc<Runtime>,
    service: Service,
}

impl Million {
    /// The run's own: its preparation takes longer than the rows that use it.
    fn of(context: &mut Context) -> Result<Rc<Self>, String> {
        if let Some(million) = &context.million {
            return Ok(Rc::clone(million));
        }
        let prepared = Rc::new(Self::prepare(context)?);
        context.million = Some(Rc::clone(&prepared));
        Ok(prepared)
    }

    /// The audit log of another node is put into the database, with identifiers that grow as the service's own do, and the service reads it as
    /// it reads any.
    fn prepare(context: &mut Context) -> Result<Self, String> {
        let runtime = context.runtime()?;
        let service = Service::start(&runtime, Kind::Sqlite)?;
        let at = service.app.clock.now().0;
        let insert = format!(
            "PRAGMA cache_size = -200000; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) \
             INSERT INTO audit_entry (id, recorded_at, kind, actor, subject, content) SELECT CAST(printf('%016d', i) AS BLOB), {at} + i, 'certificate.revoked', 'service', 'certificate:' || printf('%07d', i), \
             CAST('{{\"issuer\":\"{ISSUER}\",\"serial\":\"40' || lower(hex(randomblob(15))) || '\",\"version\":4,\"revoked_at\":{at},' \
             || '\"code\":' || (i % 6) || ',\"generation\":1}}' AS BLOB) FROM n; \
             INSERT INTO audit_pending SELECT id, recorded_at FROM audit_entry WHERE kind = 'certificate.revoked'; \
             UPDATE status_counter SET generation = generation + 1; COMMIT"
        );
        crate::service::sql(&service.app.settings.database_url, &insert)?;
        runtime.block_on(async {
            loop {
                let waiting = service.app.store.pending_audit_entries(1).await.map_err(text)?;
                if waiting.is_empty() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
            register::keep_up(&service.app).await.map_err(text)
        })?;
        Ok(Self { runtime, service })
    }

    /// Octets of the next list.
    fn publish(&self) -> Result<i64, String> {
        let app = &self.service.app;
        self.runtime.block_on(async {
            app.clock.shift_seconds(13 * 3_600);
            revocation_list::publish_due(app).await.map_err(text)?;
            let row = app.store.latest_crl_head(ISSUER).await.map_err(text)?.ok_or("no list")?;
            if row.length > 30_000_000 { Ok(row.length) } else { Err(format!("{} octets", row.length)) }
        })
    }
}

struct Growth(Rc<Million>);

impl Side for Growth {
    fn name(&self) -> String {
        "growth while it is made".to_owned()
    }

    fn run(&mut self, _count: u32) -> Result<Cost, String> {
        // proc(5): 5 sets the peak back to what is resident now.
        std::fs::write("/proc/self/clear_refs", "5").map_err(text)?;
        let before = resident("VmRSS:")?;
        self.0.publish()?;
        // A batch's length does not matter here: one second stands for it.
        Ok(Cost { cpu: (resident("VmHWM:")? - before).max(0.0) / 1024.0, wall: 1.0 })
    }
}

/// KiB.
fn resident(which: &str) -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(text)?;
    let value = status.lines().find_map(|line| line.strip_prefix(which)?.split_whitespace().next()?.parse().ok());
    value.ok_or_else(|| format!("no {which} in /proc/self/status"))
}

/// About the timestamp authority's certificate, which the issuing CA made.
async fn question(service: &Service) -> Result<CertificateIdentifier, String> {
    let authority = Authority::of(&service.app).await.map_err(text)?;
    let issuer = authority.issuing(Hierarchy::Citizens).map_err(text)?;
    let stamping = authority.key(Hierarchy::Citizens, KeyPurpose::Timestamp).map_err(text)?;
    Ok(CertificateIdentifier::new(&issuer.certificate, stamping.certificate.serial_octets()))
}

/// An axum service that answers these bytes.
async fn bare(answer: Bytes) -> Result<std::net::SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
    let address = listener.local_addr().map_err(text)?;
    let handler = move |_body: Bytes| std::future::ready(answer.clone());
    let router = axum::Router::new().route("/", axum::routing::post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/ocsp-request\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// `OCSPResponse` with status successful and more than 255 octets.
fn successful(answer: &[u8]) -> Result<(), String> {
    match answer {
        [0x30, 0x82, _, _, 0x0a, 1, 0, ..] => Ok(()),
        other => Err(format!("not an answer: {}", hex::encode(other))),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

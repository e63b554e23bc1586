//! Payments through the whole service, over HTTP on loopback, with the client on the same cores: judged only, beside a bare axum
//! answer with one verification; consumed, beside the same store's transactions of as many payments without anything around them.

use super::Context;
use crate::{
    harness::{Batch, Goal, Row, Unit},
    service::{Client, Kind, Service, children, post},
};
use chuky::store::Store;
use chuky_model::{
    id::{AccountId, BatchId},
    instant::Instant,
    record::payment::{PaymentBatch, PaymentIdentity},
    role::Role,
};
use chuky_pki::{
    algorithm::SignatureAlgorithm,
    crypto::{PublicKey, sha256},
};
use std::{rc::Rc, sync::Arc};
use tokio::{net::TcpListener, runtime::Runtime};
use uuid::Uuid;

/// Callers at a time, and payments in one transaction of the limit.
const CALLERS: usize = 32;
/// Signed before the measurement; each is consumed once.
const PAYMENTS: usize = 60_000;
const VERIFY: &str = "/api/v1/transactions/verify";

/// A relying party's question: nothing is consumed.
pub fn http(context: &mut Context) -> Result<Row, String> {
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let key = service.key(&runtime, Role::RelyingParty)?;
    let requests: Vec<Vec<u8>> =
        service.messages(256, "HTTP").iter().map(|message| post(VERIFY, &key, message.as_bytes())).collect();
    let ours =
        over_http("service", &runtime, Client::new(&runtime, service.address, CALLERS)?, Supply::again(requests));
    let bare = runtime.block_on(bare_verification())?;
    let limit_requests = vec![post("/", "", &[b'x'; 1_500])];
    let client = Client::new(&runtime, bare, CALLERS)?;
    let limit = over_http("axum + one verification", &runtime, client, Supply::again(limit_requests));
    // The service lives as long as the process: the row's sides speak to it.
    std::mem::forget(service);
    let goals = vec![Goal::RatioAtMost(1.2)];
    Ok(Row { unit: Unit::CpuMicroseconds, ours, limit: Some(limit), peer: None, goals })
}

pub fn durable_sqlite(context: &mut Context) -> Result<Row, String> {
    durable(context, Kind::Sqlite)
}

pub fn durable_postgres(context: &mut Context) -> Result<Row, String> {
    durable(context, Kind::Postgres)
}

fn durable(context: &mut Context, kind: Kind) -> Result<Row, String> {
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, kind)?;
    let key = service.key(&runtime, Role::PaymentProvider)?;
    let requests: Vec<Vec<u8>> =
        service.messages(PAYMENTS, "ONE").iter().map(|message| post(VERIFY, &key, message.as_bytes())).collect();
    let ours =
        over_http("32 callers", &runtime, Client::new(&runtime, service.address, CALLERS)?, Supply::once(requests));
    let limit = group_commit(&runtime, kind)?;
    std::mem::forget(service);
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(0.4)] })
}

/// One stream of lines, each consumed.
pub fn batch(context: &mut Context) -> Result<Row, String> {
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let key = service.key(&runtime, Role::PaymentProvider)?;
    let mut supply = Supply::once(service.messages(PAYMENTS, "BATCH").into_iter().map(String::into_bytes).collect());
    let mut client = Client::new(&runtime, service.address, 1)?;
    let inside = Rc::clone(&runtime);
    let ours = Batch::new("one stream", Vec::new(), move |count| {
        let lines = supply.take(count)?.concat_lines();
        inside.block_on(client.stream("/api/v1/transactions/verify-batch", &key, lines, count))
    });
    let limit = group_commit(&runtime, Kind::Sqlite)?;
    std::mem::forget(service);
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(0.4)] })
}

/// One stream of lines of a relying party, nothing consumed, beside the verification of as many signatures and nothing else: the goal of
/// 60 % of its rate, in CPU time of the service and its client.
pub fn batch_judged(context: &mut Context) -> Result<Row, String> {
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let key = service.key(&runtime, Role::RelyingParty)?;
    let mut supply = Supply::again(service.messages(4_096, "LINE").into_iter().map(String::into_bytes).collect());
    let mut client = Client::new(&runtime, service.address, 1)?;
    let inside = Rc::clone(&runtime);
    let ours = Batch::new("one stream, judged", children(), move |count| {
        let lines = supply.take(count)?.concat_lines();
        inside.block_on(client.stream("/api/v1/transactions/verify-batch", &key, lines, count))
    });
    std::mem::forget(service);
    let goals = vec![Goal::RatioAtMost(1.0 / 0.6)];
    Ok(Row {
        unit: Unit::CpuMicroseconds,
        ours,
        limit: Some(super::raw::verify("OpenSSL verify", &crate::service::payer::p256(), &[0x42; 32])?),
        peer: None,
        goals,
    })
}

/// Requests that are sent round and round, or each once.
pub(super) struct Supply {
    all: Arc<Vec<Vec<u8>>>,
    next: usize,
    once: bool,
}

/// The part of a supply that one batch sends.
struct Part {
    all: Arc<Vec<Vec<u8>>>,
    from: usize,
    count: usize,
}

impl Supply {
    pub(super) fn again(all: Vec<Vec<u8>>) -> Self {
        Self { all: Arc::new(all), next: 0, once: false }
    }

    pub(super) fn once(all: Vec<Vec<u8>>) -> Self {
        Self { once: true, ..Self::again(all) }
    }

    fn take(&mut self, count: u32) -> Result<Part, String> {
        let count = usize::try_from(count).map_err(|error| error.to_string())?;
        let from = self.next;
        self.next += count;
        if self.once && self.next > self.all.len() {
            return Err(format!("more than {} requests are needed", self.all.len()));
        }
        Ok(Part { all: Arc::clone(&self.all), from, count })
    }
}

impl Part {
    fn concat_lines(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for message in self.all.iter().cycle().skip(self.from % self.all.len().max(1)).take(self.count) {
            body.extend_from_slice(message);
            body.push(b'\n');
        }
        body
    }
}

pub(super) fn over_http(
    name: &str,
    runtime: &Rc<Runtime>,
    mut client: Client,
    mut supply: Supply,
) -> Box<Batch<impl FnMut(u32) -> Result<(), String> + use<>>> {
    let runtime = Rc::clone(runtime);
    Batch::new(name, children(), move |count| {
        let part = supply.take(count)?;
        runtime.block_on(client.send(part.all, part.from, part.count))
    })
}

/// What the database alone takes: transactions of 32 payments, one after the other, flushed.
fn group_commit(runtime: &Rc<Runtime>, kind: Kind) -> Result<Box<dyn crate::harness::Side>, String> {
    let store =
        runtime.block_on(async { Store::open(&kind.fresh_database("limit")?).await.map_err(|e| e.to_string()) })?;
    let mut number = 0_u64;
    let runtime = Rc::clone(runtime);
    Ok(Batch::new("group commit", Vec::new(), move |count| {
        runtime.block_on(async {
            let mut left = count;
            while left > 0 {
                let part = left.min(u32::try_from(CALLERS).unwrap_or(u32::MAX));
                let batch = batch_of(i64::from(part));
                let rows: Vec<PaymentIdentity> = (0..part).map(|_| row(&mut number, batch.id)).collect();
                let mut transaction = store.begin().await.map_err(|error| error.to_string())?;
                transaction.insert_payment_batch(&batch).await.map_err(|error| error.to_string())?;
                transaction.consume_payments(&rows).await.map_err(|error| error.to_string())?;
                transaction.commit().await.map_err(|error| error.to_string())?;
                left -= part;
            }
            Ok(())
        })
    }))
}

fn batch_of(count: i64) -> PaymentBatch {
    let id = BatchId(Uuid::now_v7());
    PaymentBatch { id, accepted_at: Instant(0), count, digest: vec![0; 32], version: 1, mac: vec![0; 32] }
}

fn row(number: &mut u64, batch_id: BatchId) -> PaymentIdentity {
    *number += 1;
    PaymentIdentity {
        identity: sha256(&number.to_be_bytes()).to_vec(),
        order_digest: vec![0x42; 32],
        provider_id: AccountId(Uuid::nil()),
        accepted_at: Instant(0),
        batch_id,
    }
}

/// An axum service that verifies one ES256 signature and answers.
async fn bare_verification() -> Result<std::net::SocketAddr, String> {
    let key = crate::service::payer::p256();
    let digest = [0x42; 32];
    let signature = super::raw::sign_digest(&key, &digest)?;
    let spki = key.public_key_to_der().map_err(|error| error.to_string())?;
    let public = PublicKey::from_spki_der(&spki).map_err(|error| error.to_string())?;
    let algorithm: SignatureAlgorithm = chuky_model::algorithm::SignatureScheme::EcdsaSha256.into();
    let answer = move |_body: axum::body::Bytes| {
        let outcome = public.verify_digest(algorithm, &digest, &signature);
        async move { if outcome.is_ok() { "accepted" } else { "rejected" } }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tokio::spawn(
        async move { axum::serve(listener, axum::Router::new().route("/", axum::routing::post(answer))).await },
    );
    Ok(address)
}

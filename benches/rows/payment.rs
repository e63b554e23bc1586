//! Payments judged in process, beside raw verification of as many signatures by the same library. The messages differ, the
//! signer is one that has paid before, as at a provider's door.

use super::{Context, raw};
use crate::harness::{Goal, Local, Row, Unit};
use crate::signing::now;
use chuky_model::instant::Instant;
use chuky_model::payment::PaymentVerdict;
use chuky_pki::certificate::Certificate;
use chuky_pki::crypto::sha256;
use chuky_pki::jose::{Form, JwsAlgorithm, SignerReference, Unsigned};
use chuky_pki::payment::{Consumption, OrderPolicy, Status, Trust, Verifier};
use openssl::pkey::{PKey, Private};
use std::hint::black_box;

const MESSAGES: usize = 256;

pub fn es256(context: &mut Context) -> Result<Row, String> {
    row(context, "signer", JwsAlgorithm::Es256, 0.8)
}

pub fn rs256(context: &mut Context) -> Result<Row, String> {
    row(context, "signer-rsa", JwsAlgorithm::Rs256, 0.6)
}

fn row(context: &mut Context, holder: &str, algorithm: JwsAlgorithm, goal: f64) -> Result<Row, String> {
    let key = context.fixtures.key(holder)?;
    let certificate = certificate(context, holder)?;
    let issuing = self::certificate(context, "issuing")?;
    let at = now();
    let messages: Vec<String> = (0..MESSAGES)
        .map(|number| message(&key, &certificate, &issuing, algorithm, number, at))
        .collect::<Result<_, _>>()?;
    let trust = Trust { anchors: vec![self::certificate(context, "root")?], intermediates: vec![issuing] };
    let verifier = Verifier::new(trust, OrderPolicy::default());
    let judge = move |body: &str| {
        let presented = verifier.read(body.as_bytes(), at);
        let judgement = verifier.examine(&presented, None, at).conclude(Status::Good);
        let consumed = judgement.consumable().is_some();
        judgement.answer(if consumed { Consumption::First } else { Consumption::NotReached })
    };
    let first = judge(&messages[0]);
    if first.verdict != PaymentVerdict::Accepted {
        return Err(format!("a genuine payment is {:?}: {:?}", first.verdict, first.reasons));
    }
    let mut next = 0;
    let ours = Local::new("pki::payment", move || {
        next = (next + 1) % MESSAGES;
        let answer = judge(black_box(&messages[next]));
        assert!(black_box(answer).verdict == PaymentVerdict::Accepted, "a genuine payment is accepted");
    });
    let limit = raw::verify("OpenSSL verify", &key, &[0x42; 32])?;
    Ok(Row { unit: Unit::PerCpuSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(goal)] })
}

fn certificate(context: &Context, name: &str) -> Result<Certificate, String> {
    Certificate::from_der(&context.fixtures.certificate(name)?).map_err(|error| error.to_string())
}

fn message(
    key: &PKey<Private>,
    certificate: &Certificate,
    issuing: &Certificate,
    algorithm: JwsAlgorithm,
    number: usize,
    at: Instant,
) -> Result<String, String> {
    let order = serde_json::json!({
        "id": format!("INV-2026-{number:06}"),
        "payer": format!("sha256:{}", hex::encode(certificate.fingerprint())),
        "payee": "Sở Tài chính Hà Nội",
        "amount": 150_000 + number,
        "currency": "VND",
        "created": at.rfc3339(),
        "expires": Instant(at.0 + 600_000_000).rfc3339(),
        "reference": "Lệ phí hộ tịch",
    });
    let chain = SignerReference::Chain(vec![certificate.der().to_vec(), issuing.der().to_vec()]);
    let unsigned =
        Unsigned::prepare(algorithm, None, &chain, order.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let digest = sha256(&unsigned.signing_input().concat());
    let signature = raw::sign_digest(key, &digest)?;
    unsigned.assemble(&signature, Form::Compact).map_err(|error| error.to_string())
}

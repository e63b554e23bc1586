//! The payer's side: a subscriber approves one payment order with a PIN, and gets it back as a JWS that anybody can check. What is
//! signed is the canonical form of exactly the order that was shown.

use super::payroll::judge;
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Factors, Signer, Wanted},
    error::{InternalError, RequestError, Result},
};
use chuky_model::{algorithm::KeyAlgorithm, id::CredentialId, payment::PaymentOrder, text::Bilingual};
use chuky_pki::{
    crypto,
    jose::{Form, JwsAlgorithm, SignerReference, Unsigned},
    payment::{Reason, order, verified_payer},
};

/// The order as a compact JWS, signed under one activation for exactly its hash.
pub async fn sign_order(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    mut payment: PaymentOrder,
) -> Result<String> {
    // 1. The signer, and a payer that tells nothing personal where none is named.
    let signer = custody::signer(app, by, credential).await?;
    if payment.payer.is_empty() {
        payment.payer = format!("sha256:{}", hex::encode(signer.certificate.fingerprint()));
    }
    // 2. The order by the rules that it will be verified by: a PIN is not asked for what nobody would accept.
    if verified_payer(&signer.certificate, &payment.payer).is_none() {
        return Err(refused(("payer", Reason::PayerMismatch.code()), &Reason::PayerMismatch.sentence()).into());
    }
    let orders = [payment];
    if let Some((_, problem)) = judge(app, &signer, &orders)?.into_iter().next() {
        return Err(refused((problem.field, problem.code), &problem.message).into());
    }
    // 3. Its canonical form, and nothing else, is signed.
    let [payment] = orders;
    let payload = order::canonical(&payment).ok_or_else(|| InternalError::other("an order has no canonical form"))?;
    sign_payload(app, by, &signer, factors, (None, &payload)).await
}

/// A payload as a compact JWS of that media type, with the signer's certificate in its header.
pub(super) async fn sign_payload(
    app: &App,
    by: &Principal,
    signer: &Signer,
    factors: &Factors,
    (kind, payload): (Option<&str>, &[u8]),
) -> Result<String> {
    let shown = crypto::sha256(payload).to_vec();
    let mut signed = sign_payloads(app, by, signer, factors, (kind, &[payload.to_vec()], vec![shown])).await?;
    Ok(signed.pop().ok_or_else(|| InternalError::other("no signature came back"))?)
}

/// Several payloads, no two the same, under one activation: a JWS for each, in order. `shown` is what a passkey states of them.
pub(super) async fn sign_payloads(
    app: &App,
    by: &Principal,
    signer: &Signer,
    factors: &Factors,
    (kind, payloads, shown): (Option<&str>, &[Vec<u8>], Vec<Vec<u8>>),
) -> Result<Vec<String>> {
    // Header and payload become the one hash that the activation is for.
    let algorithm = match signer.credential.algorithm {
        KeyAlgorithm::P256 => JwsAlgorithm::Es256,
        KeyAlgorithm::P384 => JwsAlgorithm::Es384,
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => JwsAlgorithm::Ps256,
    };
    let reference = SignerReference::Chain(vec![signer.certificate.der().to_vec()]);
    let failed = |error: chuky_pki::jose::JoseError| InternalError::Pki(error.to_string());
    let scheme = algorithm.scheme();
    let mut prepared = Vec::with_capacity(payloads.len());
    let mut hashes = Vec::with_capacity(payloads.len());
    for payload in payloads {
        let unsigned = Unsigned::prepare(algorithm, kind, &reference, payload).map_err(failed)?;
        hashes.push(crypto::digest(scheme.hash().into(), &unsigned.signing_input().concat()));
        prepared.push(unsigned);
    }
    let wanted = Wanted { scheme, hashes, document: None, shown };
    // One activation, one signature for each.
    let signatures = custody::sign_hashes(app, by, signer.credential.id, factors, wanted).await?;
    if signatures.len() != prepared.len() {
        return Err(InternalError::other("not as many signatures came back as were asked for").into());
    }
    let assembled = prepared.into_iter().zip(signatures);
    let assembled = assembled.map(|(unsigned, signature)| unsigned.assemble(&signature, Form::Compact));
    Ok(assembled.collect::<std::result::Result<_, _>>().map_err(failed)?)
}

fn refused((field, code): (&'static str, &'static str), why: &Bilingual) -> RequestError {
    RequestError::invalid(field, code, why.vi.clone(), why.en.clone())
}

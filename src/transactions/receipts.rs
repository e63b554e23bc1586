//! Receipts under the service's own key: one signature each, or one for all that wait at the same time. States what a flow judged and
//! judges nothing; the key stays in the HSM, its public half is published as a JWK set.

pub use super::limits::RECEIPTS_IN_A_TREE;

use super::{group::gather, limits::WAITING};
use crate::{
    accounts::Principal,
    app::App,
    clock::Clock,
    error::{InternalError, RequestError, Result},
    lasting,
};
use chuky_hsm::Hsm;
use chuky_model::{
    algorithm::SignatureScheme,
    payment::{PaymentAnswer, SignedReceipt},
};
use chuky_pki::{
    crypto::sha256,
    jose::{Form, JoseError, JwsAlgorithm, SignerReference, Unsigned},
    payment::{
        VerifiedOrder,
        receipt::{Batch, Beside, Receipt, ReceiptKeys, identifier, jwk_set},
    },
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How a caller wants its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptForm {
    /// A JWS of its own.
    Jws,
    /// A leaf of a tree whose root is signed for many.
    Merkle,
}

/// Signs receipts; clones share the queue.
#[derive(Clone)]
pub struct Receipts {
    signer: Arc<Signer>,
    waiting: mpsc::Sender<Waiting>,
}

struct Signer {
    hsm: Arc<dyn Hsm>,
    clock: Clock,
    issuer: String,
    /// `SubjectPublicKeyInfo`, DER.
    spki: Vec<u8>,
    reference: SignerReference,
}

struct Waiting {
    receipt: Receipt,
    answer: oneshot::Sender<Result<SignedReceipt>>,
}

impl Receipts {
    /// Signs with the key of that label on the token of status and time. `issuer` is the service's public address.
    pub fn start(hsm: Arc<dyn Hsm>, clock: Clock, issuer: String, spki: Vec<u8>) -> Result<Self> {
        let kid = identifier(&spki).ok_or_else(|| InternalError::other("the receipt key is no P-256 key"))?;
        let reference = SignerReference::KeyIdentifier(kid);
        let signer = Arc::new(Signer { hsm, clock, issuer, spki, reference });
        let (waiting, receiver) = mpsc::channel(WAITING);
        lasting::spawn("receipts", run(receiver, signer.clone()));
        Ok(Self { signer, waiting })
    }

    /// The public key as a JWK set (RFC 7517).
    pub fn key_set(&self) -> serde_json::Value {
        jwk_set(std::slice::from_ref(&self.signer.spki))
    }

    /// The public key, for checks.
    pub fn keys(&self) -> Result<ReceiptKeys> {
        Ok(ReceiptKeys::from_spki(&self.signer.spki).map_err(InternalError::other)?)
    }

    /// What an answer's receipt states.
    pub fn receipt(
        &self,
        caller: &Principal,
        (message, beside): (&[u8], Beside),
        answer: &PaymentAnswer,
        order: Option<&VerifiedOrder>,
    ) -> Receipt {
        Receipt {
            issuer: self.signer.issuer.clone(),
            verdict: answer.verdict,
            seen: answer.seen,
            reasons: answer.reasons.clone(),
            message_sha256: hex::encode(sha256(message.trim_ascii())),
            beside,
            id: order.map(|order| order.order.id.clone()),
            order_sha256: order.map(|order| hex::encode(order.digest)),
            asked_by: caller.account.to_string(),
            judged: self.signer.clock.now().rfc3339(),
        }
    }

    /// The receipt, signed in that form; in a tree together with whoever waits at the same time.
    pub async fn signed(&self, receipt: Receipt, form: ReceiptForm) -> Result<SignedReceipt> {
        if form == ReceiptForm::Jws {
            let unsigned = receipt.prepare(JwsAlgorithm::Es256, &self.signer.reference).map_err(internal)?;
            return Ok(SignedReceipt::Jws(self.signer.sign(&unsigned).await?));
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { receipt, answer }).map_err(|_| RequestError::try_again())?;
        // The task drops an answer only when it ends, that is with the service.
        answered.await.map_err(|_| RequestError::try_again())?
    }

    /// Another statement of the service's under the same key: a compact JWS of that media type over a payload.
    pub async fn statement(&self, kind: &str, payload: &[u8]) -> Result<String> {
        let unsigned = Unsigned::prepare(JwsAlgorithm::Es256, Some(kind), &self.signer.reference, payload);
        self.signer.sign(&unsigned.map_err(internal)?).await
    }

    /// Receipts under one signature, in their order.
    pub async fn signed_together(&self, receipts: &[Receipt]) -> Result<Vec<SignedReceipt>> {
        self.signer.sign_tree(receipts).await
    }
}

impl Signer {
    async fn sign(&self, unsigned: &Unsigned) -> Result<String> {
        let digest = sha256(&unsigned.signing_input().concat());
        // Of the key that the published key set names, whatever the token has under the label.
        let key = (RECEIPT_KEY, self.spki.as_slice());
        let signature = self.hsm.sign_as(key, SignatureScheme::EcdsaSha256, &digest).await?;
        Ok(unsigned.assemble(&signature, Form::Compact).map_err(internal)?)
    }

    async fn sign_tree(&self, receipts: &[Receipt]) -> Result<Vec<SignedReceipt>> {
        let Some(batch) = Batch::of(receipts).map_err(internal)? else { return Ok(Vec::new()) };
        let now = self.clock.now();
        let unsigned = batch.prepare(&self.issuer, now, JwsAlgorithm::Es256, &self.reference).map_err(internal)?;
        let root = self.sign(&unsigned).await?;
        let signed = |receipt| SignedReceipt::Included(Box::new(receipt));
        Ok(batch.receipts(&root).into_iter().map(signed).collect())
    }
}

async fn run(mut receiver: mpsc::Receiver<Waiting>, signer: Arc<Signer>) {
    let mut group = Vec::new();
    while gather(&mut receiver, &mut group, RECEIPTS_IN_A_TREE).await {
        let receipts: Vec<Receipt> = group.iter().map(|waiting| waiting.receipt.clone()).collect();
        match signer.sign_tree(&receipts).await {
            Ok(signed) => {
                for (waiting, receipt) in group.drain(..).zip(signed) {
                    // Its caller may have gone.
                    drop(waiting.answer.send(Ok(receipt)));
                }
            }
            Err(error) => {
                tracing::error!(event = "receipts_not_signed", count = receipts.len(), %error);
                for waiting in group.drain(..) {
                    drop(waiting.answer.send(Err(RequestError::try_again().into())));
                }
            }
        }
    }
}

/// The receipt of one judged payment, in the form that the caller asked for.
pub async fn with_receipt(
    app: &App,
    caller: &Principal,
    message: (&[u8], Beside),
    judged: super::Judged,
    form: Option<ReceiptForm>,
) -> Result<PaymentAnswer> {
    let Some(form) = form else { return Ok(judged.answer) };
    let receipt = app.receipts.receipt(caller, message, &judged.answer, judged.order.as_ref());
    // The payment is consumed by now: without a receipt the answer would be lost, and it can be had by asking again.
    let signed = app.receipts.signed(receipt, form).await?;
    Ok(PaymentAnswer { receipt: Some(signed), ..judged.answer })
}

fn internal(error: JoseError) -> InternalError {
    InternalError::Pki(error.to_string())
}

/// The label of the key on the token of status and time.
pub const RECEIPT_KEY: &str = "chuky-receipt";

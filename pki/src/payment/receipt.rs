//! Receipts of judged payments: what the service states, signed by its own key, so that anybody can check it later without asking. A
//! receipt is a JWS of its own, or a leaf of a Merkle tree whose root one JWS signs for thousands. It holds digests of message and order,
//! not the order, so that it can be shown without showing who paid what.

mod check;
mod keys;

pub use check::{CheckedReceipt, Standing, check};
pub use keys::{ReceiptKeys, identifier, jwk_set};

use super::detached::{Fields, certificate_der};
use crate::{
    crypto::sha256,
    jose::{JoseError, JwsAlgorithm, SignerReference, Unsigned, json},
    merkle::{Hash, Tree, leaf_hash},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_model::{
    instant::Instant,
    payment::{IncludedReceipt, PaymentVerdict, Seen},
};
use serde::{Deserialize, Serialize};

/// The media type in `typ` of a receipt that is a JWS of its own.
pub const KIND: &str = "chuky-payment-receipt+json";
/// Octets of a name that stands in a receipt as it was sent; of a longer one its digest does.
const LONGEST_NAME: usize = 128;
/// The media type in `typ` of a signed root.
pub const ROOT_KIND: &str = "chuky-payment-receipt-root+json";

/// What a receipt states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Address of the service that judged.
    pub issuer: String,
    pub verdict: PaymentVerdict,
    pub seen: Seen,
    /// Stable codes of the reasons.
    pub reasons: Vec<String>,
    /// SHA-256 of the message as it was sent, without white space around it; lower-case hex.
    pub message_sha256: String,
    /// What stood beside the signature; absent where the message is one piece.
    #[serde(flatten)]
    pub beside: Beside,
    /// The order's own id; absent where no order could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// SHA-256 of the order's canonical form (RFC 8785), lower-case hex; absent as `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_sha256: Option<String>,
    /// Identifier of the account that asked.
    pub asked_by: String,
    /// RFC 3339: when it was judged.
    pub judged: String,
}

/// What is said beside a signature that came as a part of a form: with `message_sha256`, which is the signature's, all that was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// SHA-256 of the content, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// The layout that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The algorithm that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// SHA-256 of the certificate that was sent (of its DER, where it can be read) or named by it, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
    /// The certificate's serial number, where it was named by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_serial: Option<String>,
}

impl Beside {
    /// Of the fields of a form.
    pub fn of(fields: &Fields) -> Self {
        let digest = |bytes: &[u8]| hex::encode(sha256(bytes));
        let short = |text: Option<&str>| {
            text.map(|text| {
                if text.len() > LONGEST_NAME { format!("sha256:{}", digest(text.as_bytes())) } else { text.to_owned() }
            })
        };
        let sent =
            fields.certificate.as_ref().map(|sent| digest(&certificate_der(sent).unwrap_or_else(|_| sent.clone())));
        Self {
            content_sha256: fields.content.as_deref().map(digest),
            layout: short(fields.layout.as_deref()),
            algorithm: short(fields.algorithm.as_deref()),
            certificate_sha256: sent.or_else(|| short(fields.sha256.as_deref()).map(|text| text.to_lowercase())),
            certificate_serial: short(fields.serial.as_deref()),
        }
    }
}

/// What is signed for a tree of receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootStatement {
    /// Address of the service.
    pub issuer: String,
    /// Receipts in the tree.
    pub tree_size: u64,
    /// Root of the tree (RFC 9162 §2.1.1), lower-case hex.
    pub root_sha256: String,
    /// RFC 3339: when it was signed.
    pub signed: String,
}

impl Receipt {
    /// The canonical bytes (RFC 8785): payload of a JWS, or leaf of a tree.
    pub fn payload(&self) -> Result<Vec<u8>, JoseError> {
        json::canonical(self).ok_or(JoseError::Member("receipt"))
    }

    /// Prepares a JWS of this receipt alone; the digest is signed with the service's key and the JWS assembled.
    pub fn prepare(&self, algorithm: JwsAlgorithm, signer: &SignerReference) -> Result<Unsigned, JoseError> {
        Unsigned::prepare(algorithm, Some(KIND), signer, &self.payload()?)
    }
}

/// Receipts on their way under one signature.
#[derive(Clone, Debug)]
pub struct Batch {
    payloads: Vec<Vec<u8>>,
    tree: Tree,
}

impl Batch {
    /// The tree over the receipts, in this order; `None` where there are none.
    pub fn of(receipts: &[Receipt]) -> Result<Option<Self>, JoseError> {
        let payloads = receipts.iter().map(Receipt::payload).collect::<Result<Vec<_>, _>>()?;
        let tree = Tree::over(payloads.iter().map(|payload| leaf_hash(payload)).collect());
        Ok(tree.map(|tree| Self { payloads, tree }))
    }

    /// Prepares the JWS over the root.
    pub fn prepare(
        &self,
        issuer: &str,
        at: Instant,
        algorithm: JwsAlgorithm,
        signer: &SignerReference,
    ) -> Result<Unsigned, JoseError> {
        let statement = RootStatement {
            issuer: issuer.to_owned(),
            tree_size: u64::try_from(self.payloads.len()).unwrap_or(u64::MAX),
            root_sha256: hex::encode(self.tree.root()),
            signed: at.rfc3339(),
        };
        let payload = json::canonical(&statement).ok_or(JoseError::Member("receipt root"))?;
        Unsigned::prepare(algorithm, Some(ROOT_KIND), signer, &payload)
    }

    /// Each receipt with its path, in the order in which they were given; `root` is the signed root.
    pub fn receipts(&self, root: &str) -> Vec<IncludedReceipt> {
        let path = |index: usize| self.tree.path(index).iter().map(hex::encode::<&Hash>).collect();
        let receipt = |(index, payload): (usize, &Vec<u8>)| IncludedReceipt {
            payload: URL_SAFE_NO_PAD.encode(payload),
            index: u64::try_from(index).unwrap_or(u64::MAX),
            path: path(index),
            root: root.to_owned(),
        };
        self.payloads.iter().enumerate().map(receipt).collect()
    }
}

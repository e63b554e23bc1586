//! Checks a receipt offline: who signed, whether the receipt is under that signature, and whether it is about a message at hand. Every
//! check is passed, failed or not done; the standing is derived from them.

use super::{KIND, ROOT_KIND, Receipt, ReceiptKeys, RootStatement};
use crate::{
    algorithm::DigestAlgorithm,
    crypto::{self, sha256},
    jose::{Jws, JwsAlgorithm, ProtectedHeader, SignerReference, json},
    merkle::{Hash, leaf_hash, root_of_path},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_model::{
    payment::IncludedReceipt,
    report::{Check, Outcome},
    text::Bilingual,
};
use serde::{Deserialize, Serialize};

/// What a receipt is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The service of that key stated this.
    Valid,
    /// It did not.
    NotValid,
    /// No key at hand says so or otherwise.
    Undetermined,
}

/// A receipt with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedReceipt {
    pub standing: Standing,
    pub message: Bilingual,
    /// What it states, as far as it could be read; to be believed only where it is valid.
    pub receipt: Option<Receipt>,
    /// Receipts under the same signature; 1 for a receipt with a signature of its own.
    pub tree_size: Option<u64>,
    pub checks: Vec<Check>,
}

/// Checks a receipt: a JWS in compact form, or the JSON object of one under a signed root. `message` is the payment that it should be
/// about, where that is at hand.
pub fn check(text: &[u8], keys: &ReceiptKeys, message: Option<&[u8]>) -> CheckedReceipt {
    let mut checked = CheckedReceipt {
        standing: Standing::NotValid,
        message: Bilingual::default(),
        receipt: None,
        tree_size: None,
        checks: Vec::new(),
    };
    if let Err(check) = examine(&mut checked, text.trim_ascii(), keys) {
        checked.checks.push(check);
    } else {
        about(&mut checked, message);
    }
    for name in
        CHECKS.iter().filter(|name| !checked.checks.iter().any(|check| check.name == **name)).collect::<Vec<_>>()
    {
        checked.checks.push(Check::not_done(name, "not reached, because of an earlier check"));
    }
    conclude(checked)
}

fn examine(checked: &mut CheckedReceipt, text: &[u8], keys: &ReceiptKeys) -> Result<(), Check> {
    let malformed = |what: String| Check::failed("format", what);
    if text.len() > LONGEST_RECEIPT {
        return Err(malformed(format!("longer than {LONGEST_RECEIPT} bytes")));
    }
    if text.first() != Some(&b'{') {
        let (jws, header) = signed(text, KIND).map_err(malformed)?;
        let payload = jws.payload(true).map_err(|error| malformed(error.to_string()))?;
        checked.receipt = Some(receipt(&payload).map_err(malformed)?);
        checked.tree_size = Some(1);
        checked.checks.push(Check::passed("format"));
        verify(checked, &jws, &header, keys)?;
        checked.checks.push(Check { reason: "a signature of its own".to_owned(), ..Check::passed("inclusion") });
        return Ok(());
    }
    // RFC 8259 leaves duplicates open; here no two readers may see different receipts.
    json::parse_object(text).map_err(|error| malformed(error.to_string()))?;
    let included: IncludedReceipt = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    let payload = URL_SAFE_NO_PAD.decode(&included.payload).map_err(|_| malformed("payload".to_owned()))?;
    let path = included.path.iter().map(|hash| hash_of(hash)).collect::<Option<Vec<Hash>>>();
    let path = path.filter(|path| path.len() <= LONGEST_PATH).ok_or_else(|| malformed("path".to_owned()))?;
    let (jws, header) = signed(included.root.as_bytes(), ROOT_KIND).map_err(malformed)?;
    let root = jws.payload(true).map_err(|error| malformed(error.to_string()))?;
    json::parse_object(&root).map_err(|error| malformed(error.to_string()))?;
    let root: RootStatement = serde_json::from_slice(&root).map_err(|error| malformed(error.to_string()))?;
    checked.receipt = Some(receipt(&payload).map_err(malformed)?);
    checked.tree_size = Some(root.tree_size);
    checked.checks.push(Check::passed("format"));
    verify(checked, &jws, &header, keys)?;
    let found = root_of_path(leaf_hash(&payload), included.index, root.tree_size, &path);
    if found.is_none() || found != hash_of(&root.root_sha256) {
        return Err(Check::failed("inclusion", "the path does not lead to the signed root"));
    }
    if checked.receipt.as_ref().is_some_and(|receipt| receipt.issuer != root.issuer) {
        return Err(Check::failed("inclusion", "receipt and root name different services"));
    }
    checked.checks.push(Check::passed("inclusion"));
    Ok(())
}

/// The JWS of that type, taken apart.
fn signed<'t>(text: &'t [u8], kind: &str) -> Result<(Jws<'t>, ProtectedHeader), String> {
    let jws = Jws::parse(text).map_err(|error| error.to_string())?;
    let header = jws.header().map_err(|error| error.to_string())?;
    match header.kind.as_deref() == Some(kind) && header.payload_encoded {
        true => Ok((jws, header)),
        false => Err(format!("the JWS is not of the type {kind}")),
    }
}

fn receipt(payload: &[u8]) -> Result<Receipt, String> {
    json::parse_object(payload).map_err(|error| error.to_string())?;
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}

fn verify(
    checked: &mut CheckedReceipt,
    jws: &Jws<'_>,
    header: &ProtectedHeader,
    keys: &ReceiptKeys,
) -> Result<(), Check> {
    let SignerReference::KeyIdentifier(identifier) = &header.signer else {
        return Err(Check::failed("key", "the header names no key"));
    };
    let key = keys.of(identifier).ok_or_else(|| Check::not_done("key", "no key of that identifier is at hand"))?;
    checked.checks.push(Check::passed("key"));
    if header.algorithm != JwsAlgorithm::Es256 {
        return Err(Check::failed("signature_value", "another algorithm than ES256"));
    }
    let digest = crypto::digest(DigestAlgorithm::Sha256, &jws.signing_input().concat());
    key.verify_ecdsa_raw(&digest, &jws.signature)
        .map_err(|error| Check::failed("signature_value", error.to_string()))?;
    checked.checks.push(Check::passed("signature_value"));
    Ok(())
}

/// Whether the receipt is about that message.
fn about(checked: &mut CheckedReceipt, message: Option<&[u8]>) {
    let check = match (message, &checked.receipt) {
        (Some(message), Some(receipt)) if hex::encode(sha256(message.trim_ascii())) == receipt.message_sha256 => {
            Check::passed("about_message")
        }
        (Some(_), _) => Check::failed("about_message", "the receipt is about another message"),
        (None, _) => Check::not_done("about_message", "no message was given"),
    };
    checked.checks.push(check);
    // Of a form the message is the signature alone: whoever has that does not know yet what it stood beside.
    if checked.receipt.as_ref().is_some_and(|receipt| receipt.beside.content_sha256.is_some()) {
        checked.checks.push(Check::not_done("about_content", "compare the content's SHA-256 with content_sha256"));
    }
}

fn conclude(checked: CheckedReceipt) -> CheckedReceipt {
    let outcome = |name: &str| checked.checks.iter().find(|check| check.name == name).map(|check| check.outcome);
    let failed = checked.checks.iter().any(|check| check.outcome == Outcome::Failed);
    let standing = match (failed, outcome("inclusion"), outcome("key")) {
        (true, ..) => Standing::NotValid,
        (false, Some(Outcome::Passed), _) => Standing::Valid,
        (false, _, Some(Outcome::NotDone)) => Standing::Undetermined,
        (false, ..) => Standing::NotValid,
    };
    let message = match standing {
        Standing::Valid => Bilingual::new(
            "Biên nhận hợp lệ: dịch vụ đã đưa ra đúng kết luận này.",
            "The receipt is valid: the service stated exactly this.",
        ),
        Standing::NotValid if outcome("about_message") == Some(Outcome::Failed) => Bilingual::new(
            "Biên nhận là thật nhưng nói về một lệnh thanh toán khác.",
            "The receipt is genuine but about another payment.",
        ),
        Standing::NotValid => Bilingual::new(
            "Biên nhận không hợp lệ: nội dung hoặc chữ ký không khớp. Đừng tin biên nhận này.",
            "The receipt is not valid: content or signature do not match. Do not rely on it.",
        ),
        Standing::Undetermined => Bilingual::new(
            "Chưa xác định được: không có khóa mà biên nhận nêu. Hãy tải bộ khóa mới nhất của dịch vụ.",
            "Cannot be determined: the key that the receipt names is not at hand. Fetch the service's current keys.",
        ),
    };
    CheckedReceipt { standing, message, ..checked }
}

fn hash_of(text: &str) -> Option<Hash> {
    // Lower case only: one writing of a hash.
    let is_lower = text.bytes().all(|octet| !octet.is_ascii_uppercase());
    hex::decode(text).ok().filter(|_| is_lower)?.try_into().ok()
}

/// The checks of a receipt, in their order.
const CHECKS: [&str; 5] = ["format", "key", "signature_value", "inclusion", "about_message"];
/// Bytes of a receipt: content, path and signed root fit several times.
pub const LONGEST_RECEIPT: usize = 16 * 1024;
/// Hashes in a path: a tree of four thousand million receipts.
const LONGEST_PATH: usize = 32;

//! The merchant's signature inside a code: ECDSA on P-256 with SHA-256, spread over two unreserved templates (80 to 99), for one value
//! holds 99 characters. It covers every other object in the order in which they stand, and names the signer's certificate.
//!
//! | object | holds |
//! |---|---|
//! | 80.00, 81.00 | `vn.chuky`, which tells these templates from others' |
//! | 80.01 | `1`, the version |
//! | 80.02 | the certificate's serial number, base64url |
//! | 80.03, 81.03 | the first and second 43 characters of r ‖ s, base64url |

use super::{
    VietQr, VietQrError, close, inside,
    limits::{LONGEST_PAYLOAD, LONGEST_SERIAL},
    tlv::{self, Object},
    whole,
};
use crate::{
    crypto::{PublicKey, ecdsa_der_to_raw, sha256},
    error::Error,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A code that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    covered: String,
    serial: Vec<u8>,
}

impl Unsigned {
    /// The code, to be signed with the key of the certificate of that serial number.
    pub fn prepare(code: &VietQr, serial: &[u8]) -> Result<Self, VietQrError> {
        if serial.is_empty() || serial.len() > LONGEST_SERIAL {
            return Err(VietQrError::Signature);
        }
        Ok(Self { covered: code.before_checksum(), serial: serial.to_vec() })
    }

    /// The digest to sign.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.covered, &self.serial)
    }

    /// The signed code, from a signature in X.509 form.
    pub fn assemble(&self, signature: &[u8]) -> Result<String, VietQrError> {
        let raw = ecdsa_der_to_raw(signature, HALF).ok_or(VietQrError::Signature)?;
        let text = URL_SAFE_NO_PAD.encode(raw);
        let (first, second) = text.split_at_checked(text.len() / 2).ok_or(VietQrError::Signature)?;
        let serial = URL_SAFE_NO_PAD.encode(&self.serial);
        let first = tlv::encode(&[("00", OURS), ("01", VERSION), ("02", &serial), ("03", first)]);
        let second = tlv::encode(&[("00", OURS), ("03", second)]);
        let mut signed = self.covered.clone() + &tlv::encode(&[(FIRST, &first), (SECOND, &second)]);
        close(&mut signed);
        match signed.len() <= LONGEST_PAYLOAD {
            true => VietQr::parse(&signed).map(|_| signed),
            false => Err(VietQrError::TooLong),
        }
    }
}

/// A signature as it stands in a code; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Serial number of the signer's certificate, as octets.
    pub serial: Vec<u8>,
    digest: [u8; 32],
    signature: Vec<u8>,
}

impl Attached {
    /// Whether the key made this signature over the rest of the code.
    pub fn verify(&self, key: &PublicKey) -> Result<(), Error> {
        key.verify_ecdsa_raw(&self.digest, &self.signature)
    }
}

/// The signature in a code, `None` where there is none.
pub fn attached(text: &str) -> Result<Option<Attached>, VietQrError> {
    let objects = whole(text)?;
    let Some(Parts { serial, signature, covered }) = parts(&objects)? else { return Ok(None) };
    let digest = digest(&covered, &serial);
    Ok(Some(Attached { serial, digest, signature }))
}

pub(super) struct Parts {
    serial: Vec<u8>,
    signature: Vec<u8>,
    covered: String,
}

/// Our templates, put together.
pub(super) fn parts(objects: &[Object<'_>]) -> Result<Option<Parts>, VietQrError> {
    let (mut first, mut second) = (None, None);
    let mut covered = String::new();
    for object in objects.iter().filter(|object| object.id != "63") {
        let is_ours = ("80"..="99").contains(&object.id) && object.value.starts_with(MARK);
        match (is_ours, object.id) {
            (false, _) => covered.push_str(object.text),
            (true, FIRST) => first = Some(inside(FIRST, object.value)?),
            (true, SECOND) => second = Some(inside(SECOND, object.value)?),
            (true, _) => return Err(VietQrError::Signature),
        }
    }
    let (first, second) = match (first, second) {
        (None, None) => return Ok(None),
        (Some(first), Some(second)) => (first, second),
        _ => return Err(VietQrError::Signature),
    };
    // Exactly these objects: anything beside them nobody signed.
    let ids = |objects: &[Object<'_>]| objects.iter().map(|object| object.id.to_owned()).collect::<Vec<_>>();
    if ids(&first) != ["00", "01", "02", "03"] || ids(&second) != ["00", "03"] {
        return Err(VietQrError::Signature);
    }
    let value = |objects: &[Object<'_>], at: usize| objects.get(at).map(|object| object.value.to_owned());
    let text = |objects: &[Object<'_>], at| value(objects, at).unwrap_or_default();
    if text(&first, 1) != VERSION {
        return Err(VietQrError::Signature);
    }
    let decode = |text: String| URL_SAFE_NO_PAD.decode(text).map_err(|_| VietQrError::Signature);
    let serial = decode(text(&first, 2))?;
    let signature = decode(text(&first, 3) + &text(&second, 1))?;
    match signature.len() == 2 * HALF && (1..=LONGEST_SERIAL).contains(&serial.len()) {
        true => Ok(Some(Parts { serial, signature, covered })),
        false => Err(VietQrError::Signature),
    }
}

fn digest(covered: &str, serial: &[u8]) -> [u8; 32] {
    // The prefix keeps these signatures apart from all others; the serial number is bound, so that a signature names one certificate.
    sha256(&[b"chuky-vietqr-v1\0", covered.as_bytes(), b"\0", serial].concat())
}

const OURS: &str = "vn.chuky";
/// How a template of ours begins.
const MARK: &str = "0008vn.chuky";
const VERSION: &str = "1";
const FIRST: &str = "80";
const SECOND: &str = "81";
/// Octets of each half of a signature on P-256.
const HALF: usize = 32;

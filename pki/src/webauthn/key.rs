//! Credential public keys: COSE_Key (RFC 9052 §7, RFC 9053) of the three algorithms that are asked for, as a key that verifies. A
//! parameter that does not belong, another curve or a short modulus is refused.

use super::Refusal;
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::write;
use crate::cbor::Item;
use crate::crypto::{KeyType, PublicKey};
use crate::oid;

/// A credential's public key.
#[derive(Clone, Debug)]
pub struct CredentialKey {
    key: PublicKey,
    algorithm: SignatureAlgorithm,
    spki: Vec<u8>,
}

impl CredentialKey {
    /// The COSE identifiers of what is asked for, preferred first: ES256, EdDSA, RS256.
    pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

    /// Reads a COSE_Key.
    pub fn from_cose(cose: &[u8]) -> Result<Self, Refusal> {
        let map = Item::only(cose).map_err(|_| Refusal::Malformed("COSE key"))?;
        let number = |label| match map.get(&Item::Integer(label)) {
            Some(Item::Integer(value)) => Some(*value),
            _ => None,
        };
        let octets = |label| map.get(&Item::Integer(label)).and_then(Item::bytes);
        let (algorithm, spki) = match (number(KTY), number(ALG), number(CRV)) {
            // WebAuthn Level 3 §5.8.5: ES256 goes with P-256 and uncompressed points, EdDSA with Ed25519.
            (Some(EC2), Some(ES256), Some(P_256)) => {
                let (x, y) = octets(X).zip(octets(Y)).ok_or(Refusal::Key)?;
                (SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256), ec_spki(x, y).ok_or(Refusal::Key)?)
            }
            (Some(OKP), Some(EDDSA), Some(ED25519)) => {
                let x = octets(X).filter(|x| x.len() == 32).ok_or(Refusal::Key)?;
                let identifier = write::sequence(&[write::oid(&oid::ED25519)]);
                (SignatureAlgorithm::Ed25519, write::sequence(&[identifier, write::bit_string(x)]))
            }
            (Some(RSA), Some(RS256), _) => {
                // RFC 8230 §4: n is -1, where the others have their curve.
                let (n, e) = octets(CRV).zip(octets(X)).ok_or(Refusal::Key)?;
                let numbers = write::sequence(&[write::integer(n), write::integer(e)]);
                let identifier = write::sequence(&[write::oid(&oid::RSA_ENCRYPTION), write::null()]);
                let spki = write::sequence(&[identifier, write::bit_string(&numbers)]);
                (SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256), spki)
            }
            _ => return Err(Refusal::Key),
        };
        let key = PublicKey::from_spki_der(&spki).map_err(|_| Refusal::Key)?;
        match key.key_type() {
            KeyType::Rsa { modulus_bits } if !(2_048..=4_096).contains(&modulus_bits) => Err(Refusal::Key),
            _ => Ok(Self { key, algorithm, spki }),
        }
    }

    /// The same key as a DER SubjectPublicKeyInfo, for tools that read no COSE.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Verifies a signature (§6.5.5: ECDSA in its DER form).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        self.key.verify_message(self.algorithm, message, signature).map_err(|_| Refusal::Signature)
    }
}

fn ec_spki(x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    let identifier = write::sequence(&[write::oid(&oid::EC_PUBLIC_KEY), write::oid(&oid::P256)]);
    let point = [&[0x04], x, y].concat();
    Some(write::sequence(&[identifier, write::bit_string(&point)]))
}

// RFC 9052 §7.1, RFC 9053 §7.1 and §7.2: labels and values.
const KTY: i64 = 1;
const ALG: i64 = 3;
const CRV: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P_256: i64 = 1;
const ED25519: i64 = 6;
const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

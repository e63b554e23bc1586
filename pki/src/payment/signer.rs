//! What is known of a signer once its certificate was read and its path verified, and the bounded memory of signers that makes the next
//! payment of the same signer cost little more than its signature. Only signers whose signature and path were good are remembered.

use super::{
    chain::{self, Chain},
    limits::{LONGEST_REMEMBERED_HEADER, PATH_REUSED_SECONDS, SIGNERS_REMEMBERED},
    order::{OrderPolicy, Refusal},
    reason::Reason,
    value::is_long_enough,
};
use crate::{
    algorithm::{DigestAlgorithm, SignatureAlgorithm},
    certificate::Certificate,
    crypto::{Curve, KeyType, PublicKey},
    extension::KeyUsage,
    oid,
    qualified::{self, MonetaryValue},
};
use chuky_model::{instant::Instant, payment::Payer};
use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

/// Whom payments may come from: roots, and issuing certificates that senders need not send.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub anchors: Vec<Certificate>,
    pub intermediates: Vec<Certificate>,
}

/// A signer's certificate with everything a payment asks of it.
#[derive(Debug)]
pub struct Signer {
    pub certificate: Certificate,
    pub(super) key: PublicKey,
    pub(super) usage: Result<(), Refusal>,
    pub(super) path: Result<Chain, Refusal>,
    /// The largest transaction that the certificate is for (EN 319 412-5 §4.3.2).
    pub(super) limit: Option<MonetaryValue>,
    verified_at: Instant,
}

impl Signer {
    /// Reads a certificate and verifies its path at that time.
    pub(super) fn establish(
        certificate: &Certificate,
        sent: &[Certificate],
        (trust, policy): (&Trust, &OrderPolicy),
        at: Instant,
    ) -> Result<Self, Refusal> {
        let malformed = |error: crate::Error| (Reason::CertificateMalformed, error.to_string());
        let key = certificate.public_key().map_err(malformed)?;
        if !is_long_enough(key.key_type()) {
            return Err((Reason::KeyTooWeak, "RSA from 2048 bits, curves from 256".to_owned()));
        }
        Ok(Self {
            key,
            limit: qualified::limit(certificate).map_err(malformed)?,
            usage: usage(certificate).and_then(|()| policies(certificate, policy)),
            path: chain::build(certificate, sent, trust, at),
            certificate: certificate.clone(),
            verified_at: at,
        })
    }

    /// The signer as an answer shows it.
    pub fn payer(&self) -> Payer {
        let signer = self.certificate.to_signer();
        Payer {
            common_name: signer.common_name,
            organization: signer.organization,
            serial: signer.serial,
            issuer: signer.issuer,
        }
    }

    /// The payer that this certificate proves, in the one form under which identities are kept; `None` where the order names somebody
    /// else. An order names its payer as one of
    /// - a UID of the certificate's subject, as it stands there: `CCCD:…`, `MST:…`;
    /// - `serial:` and the certificate's serial number in lower-case hexadecimal;
    /// - `sha256:` and the certificate's SHA-256 in lower-case hexadecimal.
    ///
    /// The last two keep a personal number out of the order. A hash of the number would not: twelve digits can be tried out.
    pub fn verified_payer(&self, named: &str) -> Option<String> {
        verified_payer(&self.certificate, named)
    }

    /// Whether the key lies on the curve that JWS pairs with that hash (RFC 7518 §3.4).
    pub(super) fn is_on_curve_of(&self, digest: DigestAlgorithm) -> bool {
        let curve = if digest == DigestAlgorithm::Sha256 { Curve::P256 } else { Curve::P384 };
        self.key.key_type() == KeyType::Ec(curve)
    }

    /// Whether the path verified earlier still holds at that time, without building it anew.
    fn reusable_at(&self, at: Instant) -> bool {
        let recent = self.verified_at <= at && at <= self.verified_at.plus_seconds(PATH_REUSED_SECONDS);
        recent && self.path.as_ref().is_ok_and(|window| window.from <= at && at <= window.until)
    }
}

/// As [`Signer::verified_payer`], of a certificate.
pub fn verified_payer(certificate: &Certificate, named: &str) -> Option<String> {
    if certificate.subject().values(&oid::USER_ID).any(|uid| uid == named) {
        return Some(format!("uid:{named}"));
    }
    // A serial number is unique for its issuer only, so both forms are kept as the certificate's fingerprint.
    let fingerprint = hex::encode(certificate.fingerprint());
    let by_serial = named
        .strip_prefix("serial:")
        .is_some_and(|hex| !hex.is_empty() && certificate.serial().is_some_and(|serial| serial.to_string() == hex));
    let by_fingerprint = named.strip_prefix("sha256:").is_some_and(|hex| hex == fingerprint);
    (by_serial || by_fingerprint).then(|| format!("sha256:{fingerprint}"))
}

/// RFC 5280 §4.2.1.3 and §4.2.1.12: what the certificate says its key is for; a CA's key signs certificates, not payments.
fn usage(certificate: &Certificate) -> Result<(), Refusal> {
    let refuse = |what: &str| Err((Reason::KeyUsage, what.to_owned()));
    if !matches!(certificate.basic_constraints(), Ok(found) if found.is_none_or(|constraints| !constraints.ca)) {
        return refuse("the certificate is a CA's");
    }
    match certificate.key_usage() {
        Ok(None) => {}
        Ok(Some(bits)) if bits.has(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CONTENT_COMMITMENT) => {}
        _ => return refuse("key usage has neither digitalSignature nor contentCommitment"),
    }
    let signing =
        [oid::ANY_EXTENDED_KEY_USAGE, oid::KP_CLIENT_AUTH, oid::KP_EMAIL_PROTECTION, oid::KP_DOCUMENT_SIGNING];
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(purposes)) if purposes.iter().any(|purpose| signing.contains(purpose)) => Ok(()),
        _ => refuse("the extended key usage names no purpose of a signer"),
    }
}

/// RFC 5280 §4.2.1.4: whether the certificate was issued under a policy that the operator demands for payments.
fn policies(certificate: &Certificate, policy: &OrderPolicy) -> Result<(), Refusal> {
    if policy.certificate_policies.is_empty() {
        return Ok(());
    }
    let named = certificate.policies().map_err(|error| (Reason::CertificateMalformed, error.to_string()))?;
    match named.iter().any(|named| policy.certificate_policies.contains(named)) {
        true => Ok(()),
        false => Err((Reason::CertificatePolicy, "none of the certificate's policies is one for payments".to_owned())),
    }
}

/// A signer that was verified before, with what its message's header said; a message whose form says so each time overrides that.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub algorithm: SignatureAlgorithm,
    pub payload_encoded: bool,
    pub signer: Arc<Signer>,
}

/// Signers by their protected header's text, or by a digest of all that another form says of them. Two generations: when the younger is full it becomes the older, and the older is forgotten.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Box<str>, Known>,
    old: HashMap<Box<str>, Known>,
}

impl Memory {
    /// The signer of that header, where the path still holds at that time.
    pub(super) fn recall(&self, header: &str, at: Instant) -> Option<Known> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = generations.young.get(header) {
            return Some(known.clone()).filter(|known| known.signer.reusable_at(at));
        }
        let (header, known) = generations.old.remove_entry(header)?;
        let usable = known.signer.reusable_at(at);
        usable.then(|| {
            generations.remember(header, known.clone());
            known
        })
    }

    pub(super) fn remember(&self, header: &str, known: Known) {
        if header.len() <= LONGEST_REMEMBERED_HEADER {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(header.into(), known);
        }
    }
}

impl Generations {
    fn remember(&mut self, header: Box<str>, known: Known) {
        if self.young.len() >= SIGNERS_REMEMBERED {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(header, known);
    }
}

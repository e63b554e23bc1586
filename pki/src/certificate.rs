//! Any X.509 certificate, read: its DER kept byte for byte, its fields typed. Odd but real certificates are read; whether one is
//! acceptable is decided by `path`, never here.

use crate::algorithm::SignatureAlgorithm;
use crate::asn1::{Element, tag, write};
use crate::crypto::{self, PublicKey};
use crate::error::{Error, Result};
use crate::extension::{self, AuthorityKeyIdentifier, BasicConstraints, Extension, GeneralName, KeyUsage};
use crate::name::Name;
use crate::{limits, oid};
use chuky_model::instant::Instant;
use chuky_model::report::Signer;
use chuky_model::serial::Serial;
use der::asn1::ObjectIdentifier;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A certificate. Cloning is cheap; two are equal when their bytes are.
#[derive(Clone)]
pub struct Certificate(Arc<Fields>);

struct Fields {
    der: Vec<u8>,
    tbs: Range<usize>,
    version: u8,
    serial: Vec<u8>,
    inner_algorithm: Range<usize>,
    outer_algorithm: Range<usize>,
    signature: Range<usize>,
    issuer: Name,
    subject: Name,
    not_before: Instant,
    not_after: Instant,
    spki: Range<usize>,
    extensions: Vec<Extension>,
    key: OnceLock<Result<PublicKey>>,
    fingerprint: OnceLock<[u8; 32]>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl std::fmt::Debug for Certificate {
    // A subject may hold a personal number, so only the serial is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate(serial {})", hex::encode(&self.0.serial))
    }
}

impl Certificate {
    /// Reads one certificate, DER, nothing behind it.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "Certificate";
        if der.len() > limits::LONGEST_CERTIFICATE {
            return Err(Error::Limit("certificate length"));
        }
        let range = |part: &[u8]| {
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        let mut outer = Element::sequence(der, WHAT)?;
        let tbs = outer.expect(tag::SEQUENCE, WHAT)?;
        let outer_algorithm = outer.expect(tag::SEQUENCE, WHAT)?;
        let signature = outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
        outer.finish(WHAT)?;
        let mut fields = tbs.reader();
        let version = match fields.optional(tag::constructed(0))? {
            Some(element) => element.reader().expect(tag::INTEGER, WHAT)?.unsigned()?.min(254) as u8 + 1,
            None => 1,
        };
        let serial = fields.expect(tag::INTEGER, WHAT)?.content.to_vec();
        let inner_algorithm = fields.expect(tag::SEQUENCE, WHAT)?;
        let issuer = Name::from_der(fields.expect(tag::SEQUENCE, WHAT)?.raw)?;
        let mut validity = fields.sequence(WHAT)?;
        let (not_before, not_after) = (validity.any()?.time()?, validity.any()?.time()?);
        validity.finish(WHAT)?;
        let subject = Name::from_der(fields.expect(tag::SEQUENCE, WHAT)?.raw)?;
        let spki = fields.expect(tag::SEQUENCE, WHAT)?;
        // RFC 5280 §4.1.2.8: unique identifiers are read over.
        fields.optional(tag::primitive(1))?;
        fields.optional(tag::primitive(2))?;
        let extensions = match fields.optional(tag::constructed(3))? {
            Some(element) => extension::read_extensions(&element.reader().expect(tag::SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        fields.finish(WHAT)?;
        Ok(Self(Arc::new(Fields {
            tbs: range(tbs.raw),
            version,
            serial,
            inner_algorithm: range(inner_algorithm.raw),
            outer_algorithm: range(outer_algorithm.raw),
            signature: range(signature),
            issuer,
            subject,
            not_before,
            not_after,
            spki: range(spki.raw),
            extensions,
            key: OnceLock::new(),
            fingerprint: OnceLock::new(),
            der: der.to_vec(),
        })))
    }

    /// Reads every certificate in PEM text, in order; text between the blocks is skipped.
    pub fn all_from_pem(pem: &str) -> Result<Vec<Self>> {
        crate::pem::blocks(pem, "CERTIFICATE")?.iter().map(|der| Self::from_der(der)).collect()
    }

    /// The PEM block.
    pub fn to_pem(&self) -> String {
        crate::pem::encode("CERTIFICATE", self.der())
    }

    /// The bytes as they were read.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.0.der.get(range.clone()).unwrap_or_default()
    }

    /// The signed part.
    pub fn tbs(&self) -> &[u8] {
        self.part(&self.0.tbs)
    }

    /// The signature's octets.
    pub fn signature(&self) -> &[u8] {
        self.part(&self.0.signature)
    }

    /// 1, 2 or 3.
    pub fn version(&self) -> u8 {
        self.0.version
    }

    /// Content octets of the serial number's INTEGER.
    pub fn serial_octets(&self) -> &[u8] {
        &self.0.serial
    }

    /// The serial number; `None` where it is zero, negative or too long.
    pub fn serial(&self) -> Option<Serial> {
        if self.0.serial.first().is_some_and(|octet| octet & 0x80 != 0) {
            return None;
        }
        Serial::from_octets(&self.0.serial).ok()
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Whose it is.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// First moment of validity.
    pub fn not_before(&self) -> Instant {
        self.0.not_before
    }

    /// Last second of validity.
    pub fn not_after(&self) -> Instant {
        self.0.not_after
    }

    /// Whether `at` lies within the validity, both ends included (RFC 5280 §4.1.2.5).
    pub fn is_valid_at(&self, at: Instant) -> bool {
        self.0.not_before <= at && at < self.0.not_after.plus_seconds(1)
    }

    /// `SubjectPublicKeyInfo` DER.
    pub fn spki_der(&self) -> &[u8] {
        self.part(&self.0.spki)
    }

    /// The octets inside the key's BIT STRING, of which key identifiers are digests.
    pub fn key_octets(&self) -> &[u8] {
        key_octets(self.spki_der()).unwrap_or_default()
    }

    /// The public key, parsed once.
    pub fn public_key(&self) -> Result<PublicKey> {
        self.0.key.get_or_init(|| PublicKey::from_spki_der(self.spki_der())).clone()
    }

    /// SHA-256 over the whole certificate.
    pub fn fingerprint(&self) -> &[u8; 32] {
        self.0.fingerprint.get_or_init(|| crypto::sha256(self.der()))
    }

    /// Every extension.
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// The extension of that kind.
    pub fn extension(&self, kind: &ObjectIdentifier) -> Option<&Extension> {
        extension::find(&self.0.extensions, kind)
    }

    fn read<T>(&self, kind: &ObjectIdentifier, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        self.extension(kind).map(|extension| read(&extension.value)).transpose()
    }

    /// Basic constraints, where present.
    pub fn basic_constraints(&self) -> Result<Option<BasicConstraints>> {
        self.read(&oid::BASIC_CONSTRAINTS, BasicConstraints::read)
    }

    /// Key usage, where present.
    pub fn key_usage(&self) -> Result<Option<KeyUsage>> {
        self.read(&oid::KEY_USAGE, KeyUsage::read)
    }

    /// Extended key usages, where present.
    pub fn extended_key_usage(&self) -> Result<Option<Vec<ObjectIdentifier>>> {
        self.read(&oid::EXTENDED_KEY_USAGE, extension::oid_list)
    }

    /// Certificate policies; empty where absent.
    pub fn policies(&self) -> Result<Vec<ObjectIdentifier>> {
        Ok(self.read(&oid::CERTIFICATE_POLICIES, extension::policies)?.unwrap_or_default())
    }

    /// The subject key identifier, where present and readable.
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        let value = &self.extension(&oid::SUBJECT_KEY_IDENTIFIER)?.value;
        let element = Element::only(value, "SubjectKeyIdentifier").ok()?;
        (element.tag == tag::OCTET_STRING).then_some(element.content)
    }

    /// The authority key identifier, where present.
    pub fn authority_key_identifier(&self) -> Result<Option<AuthorityKeyIdentifier>> {
        self.read(&oid::AUTHORITY_KEY_IDENTIFIER, AuthorityKeyIdentifier::read)
    }

    /// Subject alternative names; empty where absent.
    pub fn alternative_names(&self) -> Result<Vec<GeneralName>> {
        let read = |value: &[u8]| GeneralName::read_all(Element::sequence(value, "SubjectAltName")?);
        Ok(self.read(&oid::SUBJECT_ALTERNATIVE_NAME, read)?.unwrap_or_default())
    }

    /// Where OCSP answers may be asked for. A stranger's word: fetch only what policy allows.
    pub fn ocsp_uris(&self) -> Vec<String> {
        self.access(&oid::AD_OCSP)
    }

    /// Where the issuer's certificate may lie.
    pub fn issuer_uris(&self) -> Vec<String> {
        self.access(&oid::AD_CA_ISSUERS)
    }

    fn access(&self, method: &ObjectIdentifier) -> Vec<String> {
        let found = self.read(&oid::AUTHORITY_INFORMATION_ACCESS, |value| extension::access_uris(value, method));
        found.ok().flatten().unwrap_or_default()
    }

    /// Where CRLs may lie.
    pub fn crl_uris(&self) -> Vec<String> {
        self.read(&oid::CRL_DISTRIBUTION_POINTS, extension::distribution_uris).ok().flatten().unwrap_or_default()
    }

    /// The names of the points that a list for it may name, each as DER. RFC 5280 §6.3.3: without the extension the issuer's name.
    pub(crate) fn distribution_names(&self) -> Vec<Vec<u8>> {
        let names = self.read(&oid::CRL_DISTRIBUTION_POINTS, extension::distribution_names);
        let assumed = || vec![write::element(tag::constructed(4), self.issuer().as_der())];
        names.ok().map_or_else(Vec::new, |names| names.unwrap_or_else(assumed))
    }

    /// Subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.0.subject.matches(&self.0.issuer)
    }

    /// The algorithm that it is signed with. The two places that name it must agree (RFC 5280 §4.1.1.2).
    pub fn signature_algorithm(&self) -> Result<SignatureAlgorithm> {
        let inner = self.part(&self.0.inner_algorithm);
        if inner != self.part(&self.0.outer_algorithm) {
            return Err(Error::Malformed("Certificate: signature algorithms differ"));
        }
        SignatureAlgorithm::from_identifier(&Element::only(inner, "AlgorithmIdentifier")?)
    }

    /// Checks the signature with the issuer's key; names and rights are not looked at.
    pub fn verify_signature(&self, issuer_key: &PublicKey) -> Result<()> {
        issuer_key.verify_lasting(self.signature_algorithm()?, self.tbs(), self.signature())
    }

    /// The signer as reports show it.
    pub fn to_signer(&self) -> Signer {
        Signer {
            common_name: self.subject().common_name(),
            organization: self.subject().organization(),
            issuer: self.issuer().common_name(),
            serial: self.serial().map_or_else(|| hex::encode(&self.0.serial), |serial| serial.to_string()),
            not_before: self.not_before().rfc3339(),
            not_after: self.not_after().rfc3339(),
        }
    }
}

/// The octets inside the BIT STRING of a `SubjectPublicKeyInfo`.
pub fn key_octets(spki: &[u8]) -> Result<&[u8]> {
    const WHAT: &str = "SubjectPublicKeyInfo";
    let mut fields = Element::sequence(spki, WHAT)?;
    fields.expect(tag::SEQUENCE, WHAT)?;
    fields.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()
}

//! A certificate's fields as they are encoded, and questions about encodings that typed reading has already smoothed over.

use crate::asn1::{Element, Reader, tag};
use crate::error::{Error, Result};
use crate::limits;
use der::asn1::ObjectIdentifier;

/// The raw fields of a `TBSCertificate`.
pub(super) struct Parts<'a> {
    pub serial: Element<'a>,
    pub algorithm: Element<'a>,
    pub times: [Element<'a>; 2],
    pub subject: Element<'a>,
    pub spki: Element<'a>,
    pub has_unique_identifiers: bool,
    pub extensions: Vec<RawExtension<'a>>,
}

/// An extension as it is encoded.
pub(super) struct RawExtension<'a> {
    pub oid: ObjectIdentifier,
    /// The BOOLEAN, where it is written.
    pub critical: Option<bool>,
    pub value: &'a [u8],
}

impl RawExtension<'_> {
    pub(super) fn is_critical(&self) -> bool {
        self.critical == Some(true)
    }
}

impl<'a> Parts<'a> {
    pub(super) fn read(tbs: &'a [u8]) -> Result<Self> {
        const WHAT: &str = "TBSCertificate";
        let mut fields = Element::sequence(tbs, WHAT)?;
        fields.optional(tag::constructed(0))?;
        let serial = fields.expect(tag::INTEGER, WHAT)?;
        let algorithm = fields.expect(tag::SEQUENCE, WHAT)?;
        fields.expect(tag::SEQUENCE, WHAT)?;
        let mut validity = fields.sequence(WHAT)?;
        let times = [validity.any()?, validity.any()?];
        let subject = fields.expect(tag::SEQUENCE, WHAT)?;
        let spki = fields.expect(tag::SEQUENCE, WHAT)?;
        let unique = [fields.optional(tag::primitive(1))?, fields.optional(tag::primitive(2))?];
        let extensions = match fields.optional(tag::constructed(3))? {
            Some(wrapped) => extensions(wrapped.reader().sequence(WHAT)?)?,
            None => Vec::new(),
        };
        let has_unique_identifiers = unique.iter().any(Option::is_some);
        Ok(Self { serial, algorithm, times, subject, spki, has_unique_identifiers, extensions })
    }

    pub(super) fn extension(&self, oid: &ObjectIdentifier) -> Option<&RawExtension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == *oid)
    }
}

/// `Extensions`, entered.
pub(super) fn extensions(mut list: Reader<'_>) -> Result<Vec<RawExtension<'_>>> {
    const WHAT: &str = "Extensions";
    let mut found = Vec::new();
    while !list.is_empty() {
        if found.len() >= limits::MOST_EXTENSIONS {
            return Err(Error::Limit("extensions"));
        }
        let mut fields = list.sequence(WHAT)?;
        let oid = fields.oid(WHAT)?;
        let critical = fields.optional(tag::BOOLEAN)?.map(|element| element.boolean()).transpose()?;
        let value = fields.expect(tag::OCTET_STRING, WHAT)?.content;
        fields.finish(WHAT)?;
        found.push(RawExtension { oid, critical, value });
    }
    Ok(found)
}

/// UTCTime through 2049 and GeneralizedTime from 2050 on, in whole seconds of UTC (RFC 5280 §4.1.2.5).
pub(super) fn is_certificate_time(element: &Element<'_>) -> bool {
    match element.tag {
        tag::UTC_TIME => element.content.len() == 13 && element.time().is_ok(),
        _ => is_generalized_time(element) && element.content.first_chunk::<4>().is_some_and(|year| year >= b"2050"),
    }
}

/// GeneralizedTime in whole seconds of UTC (RFC 5280 §4.1.2.5.2).
pub(super) fn is_generalized_time(element: &Element<'_>) -> bool {
    element.tag == tag::GENERALIZED_TIME && element.content.len() == 15 && element.time().is_ok()
}

/// A positive INTEGER of at most 20 octets, shortest form (RFC 5280 §4.1.2.2, X.690 §8.3.2).
pub(super) fn is_serial(element: &Element<'_>) -> bool {
    match element.content {
        [] | [0] => false,
        [0, second, ..] if second & 0x80 == 0 => false,
        [first, ..] => first & 0x80 == 0 && element.content.len() <= 20,
    }
}

/// Whether an `AlgorithmIdentifier` names a signature whose hash Circular 15/2025, Appendix I, admits.
pub(super) fn is_admitted_signature(algorithm: &Element<'_>) -> bool {
    use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
    let digest = SignatureAlgorithm::from_identifier(algorithm).ok().and_then(SignatureAlgorithm::digest);
    !matches!(
        digest,
        None | Some(
            DigestAlgorithm::Md5 | DigestAlgorithm::Ripemd160 | DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224
        )
    )
}

/// An HTTP URI in ASCII.
pub(super) fn is_address(uri: &str) -> bool {
    crate::issue::check_address(uri).is_ok()
}

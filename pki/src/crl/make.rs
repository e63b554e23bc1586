//! A list being made: entries and what stands around them. The caller keeps the entries, in memory or in a file, so that a million
//! of them are signed and written without holding them; the bytes are the same either way.

use super::{Reason, Revoked};
use crate::algorithm::scheme_identifier_der;
use crate::asn1::{tag, write};
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::oid;
use crate::signed::ToBeSigned;
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;

/// A list to be made.
#[derive(Clone, Debug)]
pub struct CrlToMake<'a> {
    /// The CA's certificate.
    pub issuer: &'a Certificate,
    /// Grows with every list of this CA (RFC 5280 §5.2.3).
    pub number: u64,
    pub this_update: Instant,
    pub next_update: Instant,
}

/// What a list says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promises<'a> {
    /// The address that a part of the list is for (RFC 5280 §5.2.5); `None` for the whole list.
    pub distribution_point: Option<&'a str>,
    /// No certificate ever leaves the list for having expired (ITU-T X.509 §9.5.2.8, expiredCertsOnCRL).
    pub keeps_expired: bool,
}

/// What stands before and after the entries.
#[derive(Clone, Debug)]
pub struct CrlFrame {
    scheme: SignatureScheme,
    head: Vec<u8>,
    tail: Vec<u8>,
    entries_length: usize,
}

/// One entry of `revokedCertificates`, DER.
pub fn entry(revoked: &Revoked) -> Vec<u8> {
    let serial = write::integer(revoked.serial.as_octets());
    let at = write::time(revoked.at);
    let mut extensions = Vec::new();
    let mut extension = |kind, value: &[u8]| {
        extensions.push(write::sequence(&[write::oid(kind), write::octet_string(value)]));
    };
    // RFC 5280 §5.3.1: the reason is left out where it is unspecified.
    if revoked.reason != Reason::Unspecified {
        extension(&oid::REASON_CODE, &write::element(tag::ENUMERATED, &[revoked.reason.code()]));
    }
    if let Some(since) = revoked.invalid_since {
        extension(&oid::INVALIDITY_DATE, &write::generalized_time(since));
    }
    let extensions = if extensions.is_empty() { Vec::new() } else { write::sequence(&extensions) };
    write::sequence(&[serial, at, extensions])
}

impl CrlToMake<'_> {
    /// The bytes to sign, with entries in memory. They should come sorted by serial; each serial once.
    pub fn to_be_signed(&self, scheme: SignatureScheme, entries: impl Iterator<Item = Revoked>) -> Result<ToBeSigned> {
        let entries: Vec<u8> = entries.flat_map(|revoked| entry(&revoked)).collect();
        let frame = self.frame(scheme, entries.len(), Promises::default())?;
        Ok(ToBeSigned { der: [frame.head.as_slice(), &entries, &frame.tail].concat(), scheme })
    }

    /// What stands around entries of so many octets. The bytes to sign are head, entries, tail.
    pub fn frame(&self, scheme: SignatureScheme, entries_length: usize, promises: Promises<'_>) -> Result<CrlFrame> {
        if self.next_update <= self.this_update {
            return Err(Error::Refused("RFC 5280 §5.1.2.5: nextUpdate is not after thisUpdate".into()));
        }
        let mut before = [
            write::unsigned(1),
            scheme_identifier_der(scheme),
            self.issuer.subject().as_der().to_vec(),
            write::time(self.this_update),
            write::time(self.next_update),
        ]
        .concat();
        // RFC 5280 §5.1.2.6: revokedCertificates is absent where nothing is revoked.
        if entries_length > 0 {
            write::header(&mut before, tag::SEQUENCE, entries_length);
        }
        let tail = write::element(tag::constructed(0), &self.extensions(promises)?);
        let mut head = Vec::with_capacity(before.len() + 6);
        write::header(&mut head, tag::SEQUENCE, before.len() + entries_length + tail.len());
        head.extend_from_slice(&before);
        Ok(CrlFrame { scheme, head, tail, entries_length })
    }

    fn extensions(&self, promises: Promises<'_>) -> Result<Vec<u8>> {
        let key = self.issuer.subject_key_identifier().ok_or_else(|| {
            Error::Refused("RFC 5280 §5.2.1: the CA's certificate has no subject key identifier".into())
        })?;
        let extension = |kind, value: &[u8]| write::sequence(&[write::oid(kind), write::octet_string(value)]);
        let authority = write::sequence(&[write::element(tag::primitive(0), key)]);
        let mut extensions = vec![
            extension(&oid::AUTHORITY_KEY_IDENTIFIER, &authority),
            extension(&oid::CRL_NUMBER, &write::unsigned(self.number)),
        ];
        if let Some(address) = promises.distribution_point {
            // RFC 5280 §5.2.5: critical; distributionPoint [0] { fullName [0] { uniformResourceIdentifier [6] } }.
            let name = write::element(tag::constructed(0), &write::element(tag::primitive(6), address.as_bytes()));
            let point = write::sequence(&[write::element(tag::constructed(0), &name)]);
            let kind = write::oid(&oid::ISSUING_DISTRIBUTION_POINT);
            extensions.push(write::sequence(&[kind, write::boolean(true), write::octet_string(&point)]));
        }
        if promises.keeps_expired {
            // Every certificate of this CA: from its own beginning on.
            let since = write::generalized_time(self.issuer.not_before());
            extensions.push(extension(&oid::EXPIRED_CERTS_ON_CRL, &since));
        }
        Ok(write::sequence(&extensions))
    }
}

impl CrlFrame {
    /// The bytes to sign before the entries.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The bytes to sign after the entries.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The whole list around the entries: what stands before them, and what stands after them. The signature is taken as it is.
    pub fn around(&self, signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let after = [self.tail.as_slice(), &scheme_identifier_der(self.scheme), &write::bit_string(signature)].concat();
        let mut before = Vec::with_capacity(self.head.len() + 6);
        write::header(&mut before, tag::SEQUENCE, self.head.len() + self.entries_length + after.len());
        before.extend_from_slice(&self.head);
        (before, after)
    }
}

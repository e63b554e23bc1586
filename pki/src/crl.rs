//! Certificate revocation lists (RFC 5280 §5): building Chuky's own, reading any. A list's entries are not unpacked: a look-up walks
//! the bytes, so that a million entries cost no memory.

mod make;

pub use make::{CrlFrame, CrlToMake, Promises, entry};

use crate::algorithm::SignatureAlgorithm;
use crate::asn1::{Element, Reader, tag};
use crate::crypto::PublicKey;
use crate::error::{Error, Result};
use crate::extension::{self, Extension};
use crate::name::Name;
use crate::revocation::Refused;
use crate::{limits, oid, pem};
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use serde::{Deserialize, Serialize};

/// Why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Unspecified,
    KeyCompromise,
    CaCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
    CertificateHold,
    RemoveFromCrl,
    PrivilegeWithdrawn,
    AaCompromise,
}

const REASONS: [(Reason, u8); 10] = [
    (Reason::Unspecified, 0),
    (Reason::KeyCompromise, 1),
    (Reason::CaCompromise, 2),
    (Reason::AffiliationChanged, 3),
    (Reason::Superseded, 4),
    (Reason::CessationOfOperation, 5),
    (Reason::CertificateHold, 6),
    (Reason::RemoveFromCrl, 8),
    (Reason::PrivilegeWithdrawn, 9),
    (Reason::AaCompromise, 10),
];

impl Reason {
    /// The number in CRLs and OCSP.
    pub fn code(self) -> u8 {
        REASONS.iter().find(|row| row.0 == self).map_or(0, |row| row.1)
    }

    /// The reason of that number; unknown numbers are unspecified.
    pub fn from_code(code: u64) -> Self {
        REASONS.iter().find(|row| u64::from(row.1) == code).map_or(Self::Unspecified, |row| row.0)
    }
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    pub serial: Serial,
    pub at: Instant,
    pub reason: Reason,
    /// Since when signatures are in doubt (§5.3.2).
    pub invalid_since: Option<Instant>,
}

/// An entry of a list, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// Content octets of the serial number's INTEGER.
    pub serial: Vec<u8>,
    pub at: Instant,
    pub reason: Reason,
    /// Since when signatures are in doubt (§5.3.2).
    pub invalid_since: Option<Instant>,
}

/// A list, read.
#[derive(Clone, Debug)]
pub struct Crl {
    der: Vec<u8>,
    tbs: Vec<u8>,
    revoked: Vec<u8>,
    algorithm: Result<SignatureAlgorithm>,
    signature: Vec<u8>,
    /// Who issued it.
    pub issuer: Name,
    /// Its time of issue.
    pub this_update: Instant,
    /// When the next one comes at the latest; RFC 5280 demands it, old lists lack it.
    pub next_update: Option<Instant>,
    /// The list's extensions.
    pub extensions: Vec<Extension>,
    pub(crate) refused: Refused,
}

/// Which certificates a list speaks for (RFC 5280 §5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names of the distribution point that the list is for, each as DER; `None` where it names none and is the whole list.
    pub distribution_point: Option<Vec<Vec<u8>>>,
    pub only_users: bool,
    pub only_authorities: bool,
    pub only_attributes: bool,
    pub only_some_reasons: bool,
    pub indirect: bool,
}

impl Crl {
    /// Reads DER, or PEM as some authorities publish it.
    pub fn parse(input: &[u8]) -> Result<Self> {
        const WHAT: &str = "CertificateList";
        if input.len() > limits::LONGEST_CRL {
            return Err(Error::Limit("CRL length"));
        }
        let der = pem::der_or_first_block(input, "X509 CRL")?;
        let mut outer = Element::sequence(&der, WHAT)?;
        let tbs = outer.expect(tag::SEQUENCE, WHAT)?;
        let algorithm = outer.expect(tag::SEQUENCE, WHAT)?;
        let signature = outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
        outer.finish(WHAT)?;
        let mut fields = tbs.reader();
        fields.optional(tag::INTEGER)?;
        let inner = fields.expect(tag::SEQUENCE, WHAT)?;
        let issuer = Name::from_der(fields.expect(tag::SEQUENCE, WHAT)?.raw)?;
        let this_update = fields.any()?.time()?;
        let next_update = match fields.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(fields.any()?.time()?),
            _ => None,
        };
        let revoked = fields.optional(tag::SEQUENCE)?.map(|list| list.content.to_vec()).unwrap_or_default();
        let extensions = match fields.optional(tag::constructed(0))? {
            Some(wrapped) => extension::read_extensions(&wrapped.reader().expect(tag::SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        fields.finish(WHAT)?;
        Ok(Self {
            // RFC 5280 §5.1.1.2: both places name the same algorithm.
            algorithm: match inner.raw == algorithm.raw {
                true => SignatureAlgorithm::from_identifier(&algorithm),
                false => Err(Error::Malformed("CertificateList: signature algorithms differ")),
            },
            tbs: tbs.raw.to_vec(),
            signature: signature.to_vec(),
            revoked,
            issuer,
            this_update,
            next_update,
            extensions,
            der,
            refused: Refused::default(),
        })
    }

    /// The list as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What it is signed with.
    pub fn algorithm(&self) -> Result<SignatureAlgorithm> {
        self.algorithm.clone()
    }

    /// Checks the signature.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<()> {
        key.verify_lasting(self.algorithm.clone()?, &self.tbs, &self.signature)
    }

    /// The CRL number, where present and below 2⁶⁴.
    pub fn number(&self) -> Option<u64> {
        let value = &extension::find(&self.extensions, &oid::CRL_NUMBER)?.value;
        Element::only(value, "CRLNumber").ok()?.unsigned().ok()
    }

    /// What it speaks for. A delta list and unknown critical extensions are refused: they need what this package does not do.
    pub fn scope(&self) -> Result<Scope> {
        // RFC 5280 §5.2: of those known here only this one may be critical.
        let known = [oid::ISSUING_DISTRIBUTION_POINT];
        if let Some(unknown) = self.extensions.iter().find(|one| one.critical && !known.contains(&one.oid)) {
            return Err(Error::Unsupported(format!("critical CRL extension {}", unknown.oid)));
        }
        let Some(extension) = extension::find(&self.extensions, &oid::ISSUING_DISTRIBUTION_POINT) else {
            return Ok(Scope::default());
        };
        let mut fields = Element::sequence(&extension.value, "IssuingDistributionPoint")?;
        let mut scope = Scope::default();
        while !fields.is_empty() {
            let field = fields.any()?;
            match field.tag {
                0xa0 => scope.distribution_point = Some(extension::point_names(&field)?),
                0x81 => scope.only_users = field.boolean()?,
                0x82 => scope.only_authorities = field.boolean()?,
                0x83 => scope.only_some_reasons = true,
                0x84 => scope.indirect = field.boolean()?,
                0x85 => scope.only_attributes = field.boolean()?,
                _ => {}
            }
        }
        Ok(scope)
    }

    /// Every entry.
    pub fn entries(&self) -> impl Iterator<Item = Result<ListEntry>> {
        let mut entries = Reader::new(&self.revoked);
        std::iter::from_fn(move || (!entries.is_empty()).then(|| read_entry(&mut entries)))
    }

    /// The entry of a serial number (content octets of its INTEGER): when and why.
    pub fn look_up(&self, serial: &[u8]) -> Result<Option<(Instant, Reason)>> {
        let mut entries = Reader::new(&self.revoked);
        let mut found = None;
        while !entries.is_empty() {
            let entry = entries.expect(tag::SEQUENCE, ENTRIES)?;
            let mut fields = entry.reader();
            if fields.expect(tag::INTEGER, ENTRIES)?.content != serial {
                continue;
            }
            let (at, reason, _) = when_and_why(&mut fields)?;
            // The same serial twice is odd: the earlier revocation counts.
            if found.is_none_or(|(earlier, _)| at < earlier) {
                found = Some((at, reason));
            }
        }
        Ok(found)
    }
}

fn read_entry(entries: &mut Reader<'_>) -> Result<ListEntry> {
    let entry = entries.expect(tag::SEQUENCE, ENTRIES);
    let Ok(entry) = entry else {
        // What cannot be read ends the list.
        *entries = Reader::new(&[]);
        return Err(Error::Malformed(ENTRIES));
    };
    let mut fields = entry.reader();
    let serial = fields.expect(tag::INTEGER, ENTRIES)?.content.to_vec();
    let (at, reason, invalid_since) = when_and_why(&mut fields)?;
    Ok(ListEntry { serial, at, reason, invalid_since })
}

fn when_and_why(fields: &mut Reader<'_>) -> Result<(Instant, Reason, Option<Instant>)> {
    let at = fields.any()?.time()?;
    let (mut reason, mut invalid_since) = (Reason::Unspecified, None);
    if let Some(list) = fields.optional(tag::SEQUENCE)? {
        for extension in extension::read_extensions(&list)? {
            if extension.oid == oid::REASON_CODE {
                reason = Reason::from_code(Element::only(&extension.value, ENTRIES)?.unsigned()?);
            } else if extension.oid == oid::INVALIDITY_DATE {
                invalid_since = Some(Element::only(&extension.value, ENTRIES)?.time()?);
            }
        }
    }
    Ok((at, reason, invalid_since))
}

const ENTRIES: &str = "revokedCertificates";

//! Certificate revocation lists (RFC 5280 §5): read without copying their entries, and built in two steps so that the HSM signs.
//! Reading is strict about shape and judges nothing; `revocation` decides what a list is worth.

use crate::algorithm::{SignatureAlgorithm, scheme_identifier_der};
use crate::asn1::{Element, Reader, tag, write};
use crate::crypto::{self, PublicKey};
use crate::error::{Error, Result};
use crate::extension::{self, AuthorityKeyIdentifier, Extension};
use crate::name::Name;
use crate::{limits, oid};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use std::ops::Range;

/// Why a certificate was revoked (RFC 5280 §5.3.1, CRLReason).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    Unspecified = 0,
    KeyCompromise = 1,
    CaCompromise = 2,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    CertificateHold = 6,
    RemoveFromCrl = 8,
    PrivilegeWithdrawn = 9,
    AaCompromise = 10,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::RemoveFromCrl,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// The value in CRLs, OCSP answers and the database.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason of that value; 7 is unused.
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| u64::from(reason.code()) == code)
    }
}

/// A list as it was read. Entries are walked in place each time one is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    tbs: Range<usize>,
    entries: Option<Range<usize>>,
    signature: Vec<u8>,
    algorithm: SignatureAlgorithm,
    issuer: Name,
    this_update: Instant,
    next_update: Option<Instant>,
    extensions: Vec<Extension>,
}

/// One revoked certificate of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedEntry {
    /// Content octets of the INTEGER without leading zeros.
    pub serial: Vec<u8>,
    pub revoked_at: Instant,
    pub reason: Option<RevocationReason>,
    /// The entry names another issuer than the list's (indirect CRL, RFC 5280 §5.3.3).
    pub other_issuer: bool,
}

impl Crl {
    /// Reads a list, DER or (as some authorities serve it) PEM.
    pub fn parse(input: &[u8]) -> Result<Self> {
        const WHAT: &str = "CertificateList";
        if input.len() > limits::LONGEST_CRL {
            return Err(Error::Limit("CRL length"));
        }
        let der = crate::pem::der_or_first_block(input, "X509 CRL")?;
        let range = |part: &[u8]| {
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        let mut outer = Element::only(&der, WHAT)?.reader();
        let tbs = outer.expect(tag::SEQUENCE, WHAT)?;
        let outer_algorithm = outer.expect(tag::SEQUENCE, WHAT)?;
        let signature = outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?.to_vec();
        outer.finish(WHAT)?;
        let mut fields = tbs.reader();
        fields.optional(tag::INTEGER)?;
        let algorithm = fields.expect(tag::SEQUENCE, WHAT)?;
        // RFC 5280 §5.1.1.2: both algorithm fields are the same.
        if algorithm.raw != outer_algorithm.raw {
            return Err(Error::Malformed("CertificateList: signature algorithms differ"));
        }
        let algorithm = SignatureAlgorithm::from_identifier(&algorithm)?;
        let issuer = Name::from_der(fields.expect(tag::SEQUENCE, WHAT)?.raw)?;
        let this_update = fields.any()?.time()?;
        let next_update = match fields.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(fields.any()?.time()?),
            _ => None,
        };
        let entries = fields.optional(tag::SEQUENCE)?.map(|element| range(element.content));
        let extensions = match fields.optional(tag::constructed(0))? {
            Some(element) => extension::read_extensions(&element.reader().expect(tag::SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        fields.finish(WHAT)?;
        let tbs = range(tbs.raw);
        Ok(Self { tbs, entries, signature, algorithm, issuer, this_update, next_update, extensions, der })
    }

    /// The bytes, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Who issued the list.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// When the list was made.
    pub fn this_update(&self) -> Instant {
        self.this_update
    }

    /// When the next one comes at the latest.
    pub fn next_update(&self) -> Option<Instant> {
        self.next_update
    }

    /// The list's extensions.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The list's number, where it has one of at most 64 bits.
    pub fn number(&self) -> Option<u64> {
        let value = &extension::find(&self.extensions, &oid::CRL_NUMBER)?.value;
        Element::only(value, "CRLNumber").ok()?.unsigned().ok()
    }

    /// The key identifier of the list's issuer.
    pub fn authority_key_identifier(&self) -> Option<Vec<u8>> {
        let value = &extension::find(&self.extensions, &oid::AUTHORITY_KEY_IDENTIFIER)?.value;
        AuthorityKeyIdentifier::read(value).ok()?.key_identifier
    }

    /// The critical extension that this package does not take into account, where there is one: the list is then not usable
    /// (RFC 5280 §5.2). An issuing distribution point is taken into account by [`Crl::scope`].
    pub fn critical_unknown(&self) -> Option<String> {
        let known = [oid::ISSUING_DISTRIBUTION_POINT, oid::AUTHORITY_KEY_IDENTIFIER, oid::CRL_NUMBER];
        let found = self.extensions.iter().find(|extension| extension.critical && !known.contains(&extension.oid));
        found.map(|extension| extension.oid.to_string())
    }

    /// What the issuing distribution point limits the list to.
    pub fn scope(&self) -> Result<Scope> {
        match extension::find(&self.extensions, &oid::ISSUING_DISTRIBUTION_POINT) {
            None => Ok(Scope::default()),
            Some(extension) => Scope::read(&extension.value),
        }
    }

    /// Passes where the signature over the list is this key's.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<()> {
        let tbs = self.der.get(self.tbs.clone()).unwrap_or_default();
        key.verify_message(self.algorithm, tbs, &self.signature)
    }

    /// The entry of a serial number (content octets of the INTEGER), where the list has one.
    pub fn find(&self, serial: &[u8]) -> Result<Option<RevokedEntry>> {
        let wanted = significant(serial);
        for entry in self.entries() {
            let entry = entry?;
            if entry.serial == wanted {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Every entry, in order.
    pub fn entries(&self) -> impl Iterator<Item = Result<RevokedEntry>> + '_ {
        let content = self.entries.clone().and_then(|range| self.der.get(range)).unwrap_or_default();
        let mut reader = Reader::new(content);
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed || reader.is_empty() {
                return None;
            }
            let entry = read_entry(&mut reader);
            failed = entry.is_err();
            Some(entry)
        })
    }
}

/// The limits that an issuing distribution point sets (RFC 5280 §5.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    pub only_user_certificates: bool,
    pub only_ca_certificates: bool,
    /// Only some reasons, attribute certificates or other issuers' certificates: such lists settle nothing by themselves.
    pub partial: bool,
}

impl Scope {
    fn read(value: &[u8]) -> Result<Self> {
        const WHAT: &str = "IssuingDistributionPoint";
        let mut fields = Element::only(value, WHAT)?.reader();
        let mut scope = Self::default();
        while !fields.is_empty() {
            let element = fields.any()?;
            match element.tag {
                0xa0 => {}
                0x81 => scope.only_user_certificates = element.boolean()?,
                0x82 => scope.only_ca_certificates = element.boolean()?,
                0x83 => scope.partial = true,
                0x84 | 0x85 => scope.partial |= element.boolean()?,
                _ => return Err(Error::Malformed(WHAT)),
            }
        }
        Ok(scope)
    }
}

fn read_entry(reader: &mut Reader<'_>) -> Result<RevokedEntry> {
    const WHAT: &str = "revokedCertificates";
    let mut fields = reader.sequence(WHAT)?;
    let serial = significant(fields.expect(tag::INTEGER, WHAT)?.content).to_vec();
    let revoked_at = fields.any()?.time()?;
    let extensions = match fields.optional(tag::SEQUENCE)? {
        Some(element) => extension::read_extensions(&element)?,
        None => Vec::new(),
    };
    fields.finish(WHAT)?;
    let reason = match extension::find(&extensions, &oid::REASON_CODE) {
        None => None,
        Some(found) => RevocationReason::from_code(Element::only(&found.value, "CRLReason")?.unsigned()?),
    };
    let other_issuer = extension::find(&extensions, &oid::CERTIFICATE_ISSUER).is_some();
    Ok(RevokedEntry { serial, revoked_at, reason, other_issuer })
}

fn significant(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    octets.get(start..).unwrap_or_default()
}

/// What a new list says. Entries are added one by one, so that a million of them need no second copy.
pub struct CrlBuilder {
    scheme: SignatureScheme,
    issuer: Vec<u8>,
    issuer_key_identifier: Vec<u8>,
    number: u64,
    this_update: Instant,
    next_update: Instant,
    entries: Vec<u8>,
}

impl CrlBuilder {
    /// A list without entries. `issuer` is the CA's subject in DER, `issuer_key_identifier` its subject key identifier.
    pub fn new(
        scheme: SignatureScheme,
        issuer: &Name,
        issuer_key_identifier: &[u8],
        number: u64,
        (this_update, next_update): (Instant, Instant),
    ) -> Self {
        Self {
            scheme,
            issuer: issuer.as_der().to_vec(),
            issuer_key_identifier: issuer_key_identifier.to_vec(),
            number,
            this_update,
            next_update,
            entries: Vec::new(),
        }
    }

    /// Adds a revoked certificate. RFC 5280 §5.3.1: the reason `unspecified` is left out.
    pub fn revoke(&mut self, serial: &Serial, at: Instant, reason: RevocationReason) {
        let (serial, time) = (write::integer(serial.as_octets()), write::time(at));
        if reason == RevocationReason::Unspecified {
            self.entries.extend_from_slice(&write::sequence(&[serial, time]));
            return;
        }
        let value = write::element(tag::ENUMERATED, &[reason.code()]);
        let extension = write::sequence(&[write::oid(&oid::REASON_CODE), write::octet_string(&value)]);
        self.entries.extend_from_slice(&write::sequence(&[serial, time, write::sequence(&[extension])]));
    }

    /// The bytes to be signed.
    pub fn to_be_signed(self) -> UnsignedCrl {
        let identifier = write::sequence(&[write::element(0x80, &self.issuer_key_identifier)]);
        let plain = |kind, value: &[u8]| write::sequence(&[write::oid(kind), write::octet_string(value)]);
        let extensions = write::sequence(&[
            plain(&oid::AUTHORITY_KEY_IDENTIFIER, &identifier),
            plain(&oid::CRL_NUMBER, &write::unsigned(self.number)),
        ]);
        // RFC 5280 §5.1.2.6: without entries the field is absent, not empty.
        let entries = match self.entries.is_empty() {
            true => Vec::new(),
            false => write::element(tag::SEQUENCE, &self.entries),
        };
        let tbs = write::sequence(&[
            write::unsigned(1),
            scheme_identifier_der(self.scheme),
            self.issuer,
            write::time(self.this_update),
            write::time(self.next_update),
            entries,
            write::element(tag::constructed(0), &extensions),
        ]);
        UnsignedCrl { scheme: self.scheme, tbs }
    }
}

/// A list that waits for its signature.
pub struct UnsignedCrl {
    scheme: SignatureScheme,
    tbs: Vec<u8>,
}

impl UnsignedCrl {
    /// The digest for the HSM, of the scheme's hash.
    pub fn digest(&self) -> Vec<u8> {
        crypto::digest(self.scheme.hash().into(), &self.tbs)
    }

    /// The finished list in DER, from the signature in X.509 form.
    pub fn assemble(self, signature: &[u8]) -> Vec<u8> {
        write::sequence(&[self.tbs, scheme_identifier_der(self.scheme), write::bit_string(signature)])
    }
}

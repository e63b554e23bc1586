//! Extensions of certificates, CRLs and OCSP messages, read into plain types (RFC 5280 §4.2 and §5.2). Reading is strict about shape
//! and judges nothing.

use crate::asn1::{Element, Reader, tag};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::{limits, oid};
use der::asn1::ObjectIdentifier;

/// One extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    /// Which.
    pub oid: ObjectIdentifier,
    /// Whether a reader that does not know it must refuse.
    pub critical: bool,
    /// The DER inside extnValue.
    pub value: Vec<u8>,
}

/// Reads `Extensions`. The same extension twice is malformed (RFC 5280 §4.2).
pub fn read_extensions(list: &Element<'_>) -> Result<Vec<Extension>> {
    const WHAT: &str = "Extensions";
    let mut reader = list.reader();
    let mut extensions: Vec<Extension> = Vec::new();
    while !reader.is_empty() {
        let mut fields = reader.sequence(WHAT)?;
        let oid = fields.oid(WHAT)?;
        let critical = fields.optional(tag::BOOLEAN)?.map_or(Ok(false), |element| element.boolean())?;
        let value = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
        fields.finish(WHAT)?;
        if extensions.len() >= limits::MOST_EXTENSIONS {
            return Err(Error::Limit("extensions"));
        }
        if extensions.iter().any(|known| known.oid == oid) {
            return Err(Error::Malformed("Extensions: one stands twice"));
        }
        extensions.push(Extension { oid, critical, value });
    }
    Ok(extensions)
}

/// Key usage bits (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    pub const DIGITAL_SIGNATURE: u16 = 1 << 0;
    /// Also called nonRepudiation.
    pub const CONTENT_COMMITMENT: u16 = 1 << 1;
    pub const KEY_ENCIPHERMENT: u16 = 1 << 2;
    pub const DATA_ENCIPHERMENT: u16 = 1 << 3;
    pub const KEY_AGREEMENT: u16 = 1 << 4;
    pub const KEY_CERT_SIGN: u16 = 1 << 5;
    pub const CRL_SIGN: u16 = 1 << 6;

    /// Whether any of these bits is set.
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    pub(crate) fn read(value: &[u8]) -> Result<Self> {
        let element = Element::only(value, "KeyUsage")?;
        if element.tag != tag::BIT_STRING {
            return Err(Error::Malformed("KeyUsage"));
        }
        let bits = element
            .named_bits()?
            .iter()
            .take(2)
            .enumerate()
            .fold(0u16, |all, (position, octet)| all | u16::from(octet.reverse_bits()) << (8 * position));
        Ok(Self(bits))
    }
}

/// Basic constraints (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    pub ca: bool,
    pub path_length: Option<u64>,
}

impl BasicConstraints {
    pub(crate) fn read(value: &[u8]) -> Result<Self> {
        const WHAT: &str = "BasicConstraints";
        let mut fields = Element::sequence(value, WHAT)?;
        let ca = fields.optional(tag::BOOLEAN)?.map_or(Ok(false), |element| element.boolean())?;
        let path_length = fields.optional(tag::INTEGER)?.map(|element| element.unsigned()).transpose()?;
        fields.finish(WHAT)?;
        Ok(Self { ca, path_length })
    }
}

/// A general name (RFC 5280 §4.2.1.6), as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GeneralName {
    Email(String),
    Dns(String),
    Directory(Name),
    Uri(String),
    Ip(Vec<u8>),
    /// A kind that is not read, by its tag number.
    Other(u8),
}

impl GeneralName {
    pub(crate) fn read(element: &Element<'_>) -> Result<Self> {
        let text = || {
            let ascii = std::str::from_utf8(element.content).ok().filter(|text| text.is_ascii());
            ascii.map(str::to_owned).ok_or(Error::Malformed("GeneralName"))
        };
        Ok(match element.tag {
            0x81 => Self::Email(text()?),
            0x82 => Self::Dns(text()?),
            0xa4 => Self::Directory(Name::from_der(element.content)?),
            0x86 => Self::Uri(text()?),
            0x87 => Self::Ip(element.content.to_vec()),
            other if other & 0xc0 == 0x80 => Self::Other(other & 0x1f),
            _ => return Err(Error::Malformed("GeneralName")),
        })
    }

    pub(crate) fn read_all(mut reader: Reader<'_>) -> Result<Vec<Self>> {
        let mut names = Vec::new();
        while !reader.is_empty() {
            names.push(Self::read(&reader.any()?)?);
        }
        Ok(names)
    }
}

/// Authority key identifier (RFC 5280 §4.2.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityKeyIdentifier {
    pub key_identifier: Option<Vec<u8>>,
    pub issuer: Vec<GeneralName>,
    /// Content octets of the INTEGER.
    pub serial: Option<Vec<u8>>,
}

impl AuthorityKeyIdentifier {
    pub(crate) fn read(value: &[u8]) -> Result<Self> {
        const WHAT: &str = "AuthorityKeyIdentifier";
        let mut fields = Element::sequence(value, WHAT)?;
        let key_identifier = fields.optional(0x80)?.map(|element| element.content.to_vec());
        let issuer = match fields.optional(0xa1)? {
            Some(element) => GeneralName::read_all(element.reader())?,
            None => Vec::new(),
        };
        let serial = fields.optional(0x82)?.map(|element| element.content.to_vec());
        fields.finish(WHAT)?;
        Ok(Self { key_identifier, issuer, serial })
    }
}

/// URIs of `AuthorityInfoAccess` for one access method (RFC 5280 §4.2.2.1).
pub(crate) fn access_uris(value: &[u8], method: &ObjectIdentifier) -> Result<Vec<String>> {
    const WHAT: &str = "AuthorityInfoAccess";
    let mut descriptions = Element::sequence(value, WHAT)?;
    let mut uris = Vec::new();
    while !descriptions.is_empty() {
        let mut fields = descriptions.sequence(WHAT)?;
        let found = fields.oid(WHAT)?;
        if let GeneralName::Uri(uri) = GeneralName::read(&fields.any()?)?
            && found == *method
        {
            uris.push(uri);
        }
    }
    Ok(uris)
}

/// URIs of `CRLDistributionPoints` (RFC 5280 §4.2.1.13).
pub(crate) fn distribution_uris(value: &[u8]) -> Result<Vec<String>> {
    const WHAT: &str = "CRLDistributionPoints";
    let mut points = Element::sequence(value, WHAT)?;
    let mut uris = Vec::new();
    while !points.is_empty() {
        let mut point = points.sequence(WHAT)?;
        let Some(name) = point.optional(0xa0)? else { continue };
        if let Some(full) = name.reader().optional(0xa0)? {
            uris.extend(GeneralName::read_all(full.reader())?.into_iter().filter_map(|name| match name {
                GeneralName::Uri(uri) => Some(uri),
                _ => None,
            }));
        }
    }
    Ok(uris)
}

/// The names of every point of `CRLDistributionPoints`, each as its DER, to be compared.
pub(crate) fn distribution_names(value: &[u8]) -> Result<Vec<Vec<u8>>> {
    const WHAT: &str = "CRLDistributionPoints";
    let mut points = Element::sequence(value, WHAT)?;
    let mut names = Vec::new();
    while !points.is_empty() {
        if let Some(name) = points.sequence(WHAT)?.optional(tag::constructed(0))? {
            names.extend(point_names(&name)?);
        }
    }
    Ok(names)
}

/// The names in a `DistributionPointName`: of a full name each, a relative one as it is.
pub(crate) fn point_names(name: &Element<'_>) -> Result<Vec<Vec<u8>>> {
    let inner = name.reader().any()?;
    if inner.tag != tag::constructed(0) {
        return Ok(vec![inner.raw.to_vec()]);
    }
    let mut list = inner.reader();
    let mut names = Vec::new();
    while !list.is_empty() {
        names.push(list.any()?.raw.to_vec());
    }
    Ok(names)
}

/// A SEQUENCE OF OBJECT IDENTIFIER, e.g. extended key usage (RFC 5280 §4.2.1.12).
pub(crate) fn oid_list(value: &[u8]) -> Result<Vec<ObjectIdentifier>> {
    let mut reader = Element::sequence(value, "ExtKeyUsage")?;
    let mut oids = Vec::new();
    while !reader.is_empty() {
        oids.push(reader.oid("ExtKeyUsage")?);
    }
    Ok(oids)
}

/// Policy object identifiers (RFC 5280 §4.2.1.4).
pub(crate) fn policies(value: &[u8]) -> Result<Vec<ObjectIdentifier>> {
    const WHAT: &str = "CertificatePolicies";
    let mut reader = Element::sequence(value, WHAT)?;
    let mut oids = Vec::new();
    while !reader.is_empty() {
        oids.push(reader.sequence(WHAT)?.oid(WHAT)?);
    }
    Ok(oids)
}

/// Name constraints (RFC 5280 §4.2.1.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    pub permitted: Vec<GeneralName>,
    pub excluded: Vec<GeneralName>,
}

impl NameConstraints {
    pub(crate) fn read(value: &[u8]) -> Result<Self> {
        const WHAT: &str = "NameConstraints";
        let subtrees = |element: Element<'_>| -> Result<Vec<GeneralName>> {
            let mut reader = element.reader();
            let mut names = Vec::new();
            while !reader.is_empty() {
                let mut subtree = reader.sequence(WHAT)?;
                names.push(GeneralName::read(&subtree.any()?)?);
                // RFC 5280 §4.2.1.10: minimum is zero and maximum absent.
                subtree.finish(WHAT)?;
            }
            Ok(names)
        };
        let mut fields = Element::sequence(value, WHAT)?;
        let permitted = fields.optional(0xa0)?.map(subtrees).transpose()?.unwrap_or_default();
        let excluded = fields.optional(0xa1)?.map(subtrees).transpose()?.unwrap_or_default();
        fields.finish(WHAT)?;
        Ok(Self { permitted, excluded })
    }
}

/// The extension of that kind.
pub(crate) fn find<'a>(extensions: &'a [Extension], kind: &ObjectIdentifier) -> Option<&'a Extension> {
    extensions.iter().find(|extension| extension.oid == *kind)
}

/// Critical extensions of a certificate that `path` understands.
pub(crate) const UNDERSTOOD: [ObjectIdentifier; 11] = [
    oid::KEY_USAGE,
    oid::BASIC_CONSTRAINTS,
    oid::EXTENDED_KEY_USAGE,
    oid::SUBJECT_ALTERNATIVE_NAME,
    oid::NAME_CONSTRAINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_CONSTRAINTS,
    oid::POLICY_MAPPINGS,
    oid::INHIBIT_ANY_POLICY,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::QC_STATEMENTS,
];

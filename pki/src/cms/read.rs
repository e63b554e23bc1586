//! Reading `SignedData` from DER (RFC 5652 §5). Strict about structure, tolerant about sets whose members are of unknown kinds.

use super::SignedData;
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{Element, Reader, tag};
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::name::Name;
use crate::{limits, oid};
use der::asn1::ObjectIdentifier;

/// How a signer's certificate is named (RFC 5652 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerIdentifier {
    /// By issuer and the serial number's content octets.
    IssuerAndSerial(Name, Vec<u8>),
    /// By subject key identifier.
    KeyIdentifier(Vec<u8>),
}

impl SignerIdentifier {
    /// Whether it names this certificate.
    pub fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial(issuer, serial) => {
                certificate.serial_octets() == serial && certificate.issuer().matches(issuer)
            }
            Self::KeyIdentifier(identifier) => {
                certificate.subject_key_identifier() == Some(identifier)
                    || (certificate.subject_key_identifier().is_none()
                        && crate::crypto::digest(DigestAlgorithm::Sha1, certificate.key_octets()) == *identifier)
            }
        }
    }
}

/// An attribute with its values, each a complete DER element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub oid: ObjectIdentifier,
    pub values: Vec<Vec<u8>>,
}

/// One signer's part.
#[derive(Clone, Debug)]
pub struct SignerInfo {
    pub identifier: SignerIdentifier,
    /// The content's digest algorithm; the error where it is unknown.
    pub digest_algorithm: Result<DigestAlgorithm>,
    /// `AlgorithmIdentifier`, DER.
    pub signature_algorithm_der: Vec<u8>,
    /// What the signature is made with; the error where it is unknown.
    pub signature_algorithm: Result<SignatureAlgorithm>,
    /// The signature value; its digest is what a signature timestamp covers.
    pub signature: Vec<u8>,
    /// The signed attributes as a SET in the order of the file.
    pub signed_attributes_der: Option<Vec<u8>>,
    pub signed_attributes: Vec<Attribute>,
    pub unsigned_attributes: Vec<Attribute>,
    /// The fields from version to signature, DER one after another: what an archive timestamp covers of the signer.
    pub fields_der: Vec<u8>,
}

impl SignerInfo {
    /// The values of every signed attribute of this kind.
    pub fn signed_values<'a>(&'a self, kind: &'a ObjectIdentifier) -> impl Iterator<Item = &'a [u8]> {
        values(&self.signed_attributes, kind)
    }

    /// The values of every unsigned attribute of this kind.
    pub fn unsigned_values<'a>(&'a self, kind: &'a ObjectIdentifier) -> impl Iterator<Item = &'a [u8]> {
        values(&self.unsigned_attributes, kind)
    }
}

fn values<'a>(attributes: &'a [Attribute], kind: &'a ObjectIdentifier) -> impl Iterator<Item = &'a [u8]> {
    attributes.iter().filter(move |attribute| attribute.oid == *kind).flat_map(|a| a.values.iter().map(Vec::as_slice))
}

const WHAT: &str = "SignedData";

pub(super) fn signed_data(der: &[u8]) -> Result<SignedData> {
    let mut content_info = Element::sequence(der, "ContentInfo")?;
    let content_type = content_info.oid("ContentInfo")?;
    if content_type != oid::SIGNED_DATA {
        return Err(Error::Unsupported(format!("CMS content type {content_type}")));
    }
    let explicit = content_info.expect(tag::constructed(0), "ContentInfo")?;
    content_info.finish("ContentInfo")?;
    let mut fields = Element::sequence(explicit.content, WHAT)?;
    fields.expect(tag::INTEGER, WHAT)?;
    let digest_algorithms = digest_algorithms(fields.expect(tag::SET, WHAT)?)?;
    let mut encapsulated = fields.sequence(WHAT)?;
    let content_type = encapsulated.oid(WHAT)?;
    let content = match encapsulated.optional(tag::constructed(0))? {
        Some(wrapped) => Some(Element::only(wrapped.content, "eContent")?.content.to_vec()),
        None => None,
    };
    encapsulated.finish(WHAT)?;
    let mut data = SignedData {
        content_type,
        content,
        digest_algorithms,
        certificates: Vec::new(),
        unreadable_certificates: 0,
        certificates_der: None,
        revocation_der: None,
        crls: Vec::new(),
        ocsp_responses: Vec::new(),
        signers: Vec::new(),
    };
    if let Some(set) = fields.optional(tag::constructed(0))? {
        data.certificates_der = Some(set.raw.to_vec());
        add_certificates(&mut data, set.reader())?;
    }
    if let Some(set) = fields.optional(tag::constructed(1))? {
        data.revocation_der = Some(set.raw.to_vec());
        add_revocation_choices(&mut data, set.reader())?;
    }
    let mut signers = fields.expect(tag::SET, WHAT)?.reader();
    fields.finish(WHAT)?;
    while !signers.is_empty() {
        if data.signers.len() >= limits::MOST_SIGNERS {
            return Err(Error::Limit("signers in one CMS object"));
        }
        data.signers.push(signer_info(signers.sequence("SignerInfo")?)?);
    }
    add_attribute_values(&mut data)?;
    Ok(data)
}

fn digest_algorithms(set: Element<'_>) -> Result<Vec<DigestAlgorithm>> {
    let mut reader = set.reader();
    let mut algorithms = Vec::new();
    while !reader.is_empty() {
        if let Ok(algorithm) = DigestAlgorithm::from_identifier(&reader.expect(tag::SEQUENCE, WHAT)?) {
            algorithms.push(algorithm);
        }
        if algorithms.len() > limits::MOST_SIGNERS {
            return Err(Error::Limit("digest algorithms in one CMS object"));
        }
    }
    Ok(algorithms)
}

fn add_certificates(data: &mut SignedData, mut reader: Reader<'_>) -> Result<()> {
    while !reader.is_empty() {
        let element = reader.any()?;
        if data.certificates.len() >= limits::MOST_CERTIFICATES {
            return Err(Error::Limit("certificates in one CMS object"));
        }
        // RFC 5652 §10.2.2: attribute certificates and other formats carry context tags and are read over.
        if element.tag != tag::SEQUENCE {
            continue;
        }
        match Certificate::from_der(element.raw) {
            Ok(certificate) => data.certificates.push(certificate),
            Err(_) => data.unreadable_certificates += 1,
        }
    }
    Ok(())
}

fn add_revocation_choices(data: &mut SignedData, mut reader: Reader<'_>) -> Result<()> {
    while !reader.is_empty() {
        let element = reader.any()?;
        match element.tag {
            tag::SEQUENCE => push(&mut data.crls, element.raw)?,
            // RFC 5940 §2.1: OtherRevocationInfoFormat with an OCSPResponse.
            0xa1 => {
                let mut other = element.reader();
                if other.oid("OtherRevocationInfoFormat")? == oid::RI_OCSP_RESPONSE {
                    push(&mut data.ocsp_responses, other.any()?.raw)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn push(list: &mut Vec<Vec<u8>>, der: &[u8]) -> Result<()> {
    if list.len() >= limits::MOST_REVOCATION_VALUES {
        return Err(Error::Limit("revocation values in one CMS object"));
    }
    list.push(der.to_vec());
    Ok(())
}

/// Takes certificates and revocation values out of the attributes that carry them (RFC 5126 §6.3.3, §6.3.4; ISO 32000-1 §12.8.3.3.2).
/// What cannot be read there is left out: it is evidence that is missing then, not a broken signature.
fn add_attribute_values(data: &mut SignedData) -> Result<()> {
    let signers = std::mem::take(&mut data.signers);
    for signer in &signers {
        for value in signer.unsigned_values(&oid::CERTIFICATE_VALUES) {
            if let Ok(list) = Element::only(value, "CertificateValues") {
                add_certificates(data, list.reader())?;
            }
        }
        let unsigned = signer.unsigned_values(&oid::REVOCATION_VALUES);
        for value in unsigned.chain(signer.signed_values(&oid::ADBE_REVOCATION_INFO_ARCHIVAL)) {
            let _ = add_revocation_values(data, value);
        }
    }
    data.signers = signers;
    Ok(())
}

/// `RevocationValues` and `RevocationInfoArchival` share their first two fields.
fn add_revocation_values(data: &mut SignedData, value: &[u8]) -> Result<()> {
    let mut fields = Element::sequence(value, "RevocationValues")?;
    for (number, list) in [(0, &mut data.crls), (1, &mut data.ocsp_responses)] {
        if let Some(wrapped) = fields.optional(tag::constructed(number))? {
            let mut items = Element::sequence(wrapped.content, "RevocationValues")?;
            while !items.is_empty() {
                push(list, items.any()?.raw)?;
            }
        }
    }
    Ok(())
}

/// Reads the content of a `SignerInfo` (RFC 5652 §5.3).
pub(super) fn signer_info(mut fields: Reader<'_>) -> Result<SignerInfo> {
    const WHAT: &str = "SignerInfo";
    let whole = fields.rest();
    fields.expect(tag::INTEGER, WHAT)?;
    let identifier = fields.any()?;
    let identifier = match identifier.tag {
        tag::SEQUENCE => {
            let mut pair = identifier.reader();
            let issuer = Name::from_der(pair.expect(tag::SEQUENCE, WHAT)?.raw)?;
            SignerIdentifier::IssuerAndSerial(issuer, pair.expect(tag::INTEGER, WHAT)?.content.to_vec())
        }
        0x80 => SignerIdentifier::KeyIdentifier(identifier.content.to_vec()),
        // Met in the wild: the key identifier tagged explicitly.
        0xa0 => SignerIdentifier::KeyIdentifier(Element::only(identifier.content, WHAT)?.content.to_vec()),
        _ => return Err(Error::Malformed(WHAT)),
    };
    let digest_algorithm = DigestAlgorithm::from_identifier(&fields.expect(tag::SEQUENCE, WHAT)?);
    let signed = fields.optional(tag::constructed(0))?;
    let algorithm = fields.expect(tag::SEQUENCE, WHAT)?;
    let signature = fields.expect(tag::OCTET_STRING, WHAT)?.content.to_vec();
    let fields_der = whole.get(..whole.len().saturating_sub(fields.rest().len())).unwrap_or_default().to_vec();
    let unsigned = fields.optional(tag::constructed(1))?;
    fields.finish(WHAT)?;
    let signature_algorithm = match &digest_algorithm {
        Ok(digest) => SignatureAlgorithm::from_cms(&algorithm, *digest),
        Err(_) => SignatureAlgorithm::from_identifier(&algorithm),
    };
    Ok(SignerInfo {
        identifier,
        digest_algorithm,
        signature_algorithm_der: algorithm.raw.to_vec(),
        signature_algorithm,
        signature,
        // RFC 5652 §5.4: signed as a SET, not with the IMPLICIT tag.
        signed_attributes_der: signed.map(|element| {
            let mut der = element.raw.to_vec();
            if let Some(first) = der.first_mut() {
                *first = tag::SET;
            }
            der
        }),
        signed_attributes: signed.map_or(Ok(Vec::new()), |element| attributes(element.reader()))?,
        unsigned_attributes: unsigned.map_or(Ok(Vec::new()), |element| attributes(element.reader()))?,
        fields_der,
    })
}

fn attributes(mut reader: Reader<'_>) -> Result<Vec<Attribute>> {
    let mut attributes = Vec::new();
    while !reader.is_empty() {
        let mut fields = reader.sequence("Attribute")?;
        let oid = fields.oid("Attribute")?;
        let mut set = fields.expect(tag::SET, "Attribute")?.reader();
        fields.finish("Attribute")?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.any()?.raw.to_vec());
        }
        if attributes.len() >= limits::MOST_ATTRIBUTES || values.len() > limits::MOST_ATTRIBUTES {
            return Err(Error::Limit("attributes of one signer"));
        }
        attributes.push(Attribute { oid, values });
    }
    Ok(attributes)
}

//! Certification requests (PKCS #10, RFC 2986): who asks with a key of their own proves that they hold it. Only the key is taken
//! over; what the request says about its subject and its extensions decides nothing.

use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{Element, tag};
use crate::crypto::PublicKey;
use crate::error::{Error, Result};
use crate::extension;
use crate::name::Name;
use crate::pem;
use crate::{limits, oid};
use der::asn1::ObjectIdentifier;

/// A request whose signature was checked with the key inside.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    /// The subject as the request has it.
    pub subject: Name,
    /// `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
    /// Extensions that it asks for and attributes that are not known here: none of them is taken over.
    pub ignored: Vec<ObjectIdentifier>,
    /// RFC 2985 §5.4.1: the secret that binds the request to whom it was made for.
    pub challenge: Option<String>,
}

impl VerifiedRequest {
    /// Reads DER or PEM and checks the proof of possession.
    pub fn parse(input: &[u8]) -> Result<Self> {
        const WHAT: &str = "CertificationRequest";
        if input.len() > limits::LONGEST_CERTIFICATE {
            return Err(Error::Limit("certification request length"));
        }
        let der = match pem::der_or_first_block(input, "CERTIFICATE REQUEST") {
            Ok(der) => der,
            // What Microsoft's tools write.
            Err(_) => pem::der_or_first_block(input, "NEW CERTIFICATE REQUEST")?,
        };
        let mut outer = Element::sequence(&der, WHAT)?;
        let info = outer.expect(tag::SEQUENCE, WHAT)?;
        let algorithm = SignatureAlgorithm::from_identifier(&outer.expect(tag::SEQUENCE, WHAT)?)?;
        let signature = outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
        outer.finish(WHAT)?;
        let mut fields = info.reader();
        if fields.expect(tag::INTEGER, WHAT)?.unsigned()? != 0 {
            return Err(Error::Unsupported("version of a certification request".into()));
        }
        let subject = Name::from_der(fields.expect(tag::SEQUENCE, WHAT)?.raw)?;
        let spki = fields.expect(tag::SEQUENCE, WHAT)?.raw.to_vec();
        let mut request = Self { subject, spki, ignored: Vec::new(), challenge: None };
        // RFC 2986 §4.1: the set is there even when it is empty, but some tools leave it out.
        if let Some(attributes) = fields.optional(tag::constructed(0))? {
            request.read_attributes(&attributes)?;
        }
        fields.finish(WHAT)?;
        // Circular 15/2025, Appendix I: a proof with SHA-1 or less proves nothing.
        if matches!(
            algorithm.digest(),
            Some(DigestAlgorithm::Md5 | DigestAlgorithm::Ripemd160 | DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224)
        ) {
            return Err(Error::Unsupported(format!("proof of possession by {}", algorithm.name())));
        }
        PublicKey::from_spki_der(&request.spki)?.verify_message(algorithm, info.raw, signature)?;
        Ok(request)
    }

    fn read_attributes(&mut self, attributes: &Element<'_>) -> Result<()> {
        const WHAT: &str = "Attributes";
        let mut list = attributes.reader();
        while !list.is_empty() {
            if self.ignored.len() > limits::MOST_EXTENSIONS {
                return Err(Error::Limit("attributes of a certification request"));
            }
            let mut attribute = list.sequence(WHAT)?;
            let kind = attribute.oid(WHAT)?;
            let values = attribute.expect(tag::SET, WHAT)?;
            attribute.finish(WHAT)?;
            match kind {
                oid::EXTENSION_REQUEST => {
                    let wanted = extension::read_extensions(&values.reader().expect(tag::SEQUENCE, WHAT)?)?;
                    self.ignored.extend(wanted.into_iter().map(|extension| extension.oid));
                }
                oid::CHALLENGE_PASSWORD => self.challenge = Some(Element::only(values.content, WHAT)?.text()?),
                other => self.ignored.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

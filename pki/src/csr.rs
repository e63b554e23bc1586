//! Certification requests (PKCS #10, RFC 2986): who asks with a key of their own proves that they hold it. Only the key is taken
//! over; what the request says about its subject decides nothing.

use crate::algorithm::SignatureAlgorithm;
use crate::asn1::{Element, tag};
use crate::crypto::PublicKey;
use crate::error::{Error, Result};
use crate::limits;
use crate::name::Name;
use crate::pem;

/// A request whose signature was checked with the key inside.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    /// The subject as the request has it.
    pub subject: Name,
    /// `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
}

impl VerifiedRequest {
    /// Reads DER or PEM and checks the proof of possession.
    pub fn parse(input: &[u8]) -> Result<Self> {
        const WHAT: &str = "CertificationRequest";
        if input.len() > limits::LONGEST_CERTIFICATE {
            return Err(Error::Limit("certification request length"));
        }
        let der = pem::der_or_first_block(input, "CERTIFICATE REQUEST")?;
        let mut outer = Element::sequence(&der, WHAT)?;
        let info = outer.expect(tag::SEQUENCE, WHAT)?;
        let algorithm = SignatureAlgorithm::from_identifier(&outer.expect(tag::SEQUENCE, WHAT)?)?;
        let signature = outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
        outer.finish(WHAT)?;
        let mut fields = info.reader();
        fields.expect(tag::INTEGER, WHAT)?;
        let subject = Name::from_der(fields.expect(tag::SEQUENCE, WHAT)?.raw)?;
        let spki = fields.expect(tag::SEQUENCE, WHAT)?.raw.to_vec();
        PublicKey::from_spki_der(&spki)?.verify_message(algorithm, info.raw, signature)?;
        Ok(Self { subject, spki })
    }
}

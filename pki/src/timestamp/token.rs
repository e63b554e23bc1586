//! A token, read: its time, what it covers, and what its bytes prove. The authority's path is validated by the caller with
//! `path::Purpose::TimeStamping`.

use super::issue::read_imprint;
use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, tag};
use crate::certificate::Certificate;
use crate::cms::{SignedData, SignerFindings};
use crate::crypto;
use crate::error::{Error, Result};
use crate::oid;
use chuky_model::instant::Instant;
use chuky_model::report::Check;
use der::asn1::ObjectIdentifier;

/// A timestamp token.
#[derive(Clone, Debug)]
pub struct TimestampToken {
    /// The CMS object, with the certificates that travel along.
    pub signed_data: SignedData,
    /// `genTime`.
    pub time: Instant,
    /// The authority's policy.
    pub policy: ObjectIdentifier,
    /// Content octets of the serial number's INTEGER.
    pub serial: Vec<u8>,
    /// Content octets of the nonce's INTEGER.
    pub nonce: Option<Vec<u8>>,
    /// How the covered data was hashed.
    pub digest_algorithm: DigestAlgorithm,
    /// The digest of what it covers.
    pub digest: Vec<u8>,
}

impl TimestampToken {
    /// Reads a token: a `ContentInfo`, DER or BER.
    pub fn parse(input: &[u8]) -> Result<Self> {
        Self::from_signed_data(SignedData::parse(input)?)
    }

    /// Reads a token from a PDF's padded `Contents`; says how many bytes it took.
    pub fn parse_prefix(input: &[u8]) -> Result<(Self, usize)> {
        let (signed_data, length) = SignedData::parse_prefix(input)?;
        Ok((Self::from_signed_data(signed_data)?, length))
    }

    /// Takes the token out of CMS that was read already.
    pub fn from_signed_data(signed_data: SignedData) -> Result<Self> {
        const WHAT: &str = "TSTInfo";
        if signed_data.content_type != oid::TST_INFO {
            return Err(Error::Malformed("timestamp token: content is not TSTInfo"));
        }
        // RFC 3161 §2.4.2: exactly one signature, the authority's.
        if signed_data.signers.len() != 1 {
            return Err(Error::Malformed("timestamp token: not exactly one signer"));
        }
        let content = signed_data.content.as_deref().ok_or(Error::Malformed(WHAT))?;
        let mut fields = Element::sequence(content, WHAT)?;
        fields.expect(tag::INTEGER, WHAT)?;
        let policy = fields.oid(WHAT)?;
        let (digest_algorithm, digest) = read_imprint(&fields.expect(tag::SEQUENCE, WHAT)?)?;
        let serial = fields.expect(tag::INTEGER, WHAT)?.content.to_vec();
        let time = fields.expect(tag::GENERALIZED_TIME, WHAT)?.time()?;
        fields.optional(tag::SEQUENCE)?;
        fields.optional(tag::BOOLEAN)?;
        let nonce = fields.optional(tag::INTEGER)?.map(|element| element.content.to_vec());
        Ok(Self { time, policy, serial, nonce, digest_algorithm, digest, signed_data })
    }

    /// Checks the imprint against the covered data's digest, and the authority's signature. The imprint's check is `message_imprint`.
    pub fn check(
        &self,
        further: &[Certificate],
        digest_of_covered: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    ) -> SignerFindings {
        let content = self.signed_data.content.as_deref().unwrap_or_default();
        let mut findings = self.signed_data.signers[0]
            .check(&self.signed_data, further, &mut |algorithm| Some(crypto::digest(algorithm, content)));
        findings.checks.insert(
            0,
            match digest_of_covered(self.digest_algorithm) {
                None => Check::not_done("message_imprint", "the covered data is not at hand"),
                Some(digest) if digest == self.digest => Check::passed("message_imprint"),
                Some(_) => Check::failed("message_imprint", "the timestamp covers other data"),
            },
        );
        findings
    }
}

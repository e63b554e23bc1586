//! Building CAdES-B signatures in two steps: attributes → digest to sign, signature → `SignedData`. The signing-time attribute is
//! written for documents of their own only: PAdES keeps it out (EN 319 142-1 §6.3, table 1).

use crate::algorithm::{DigestAlgorithm, scheme_identifier_der};
use crate::asn1::{Element, tag, write};
use crate::certificate::Certificate;
use crate::crypto;
use crate::error::{Error, Result};
use crate::oid;
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use der::asn1::ObjectIdentifier;

/// What a document's CAdES signature is over.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// Beside the signature: its digest, of the scheme's hash.
    Detached(&'a [u8]),
    /// Inside.
    Attached(Vec<u8>),
}

/// A signature being made: everything but the signature value.
#[derive(Clone, Debug)]
pub struct SignatureToMake {
    scheme: SignatureScheme,
    content_type: ObjectIdentifier,
    content: Option<Vec<u8>>,
    signer: Certificate,
    attributes: Vec<u8>,
    digest: Vec<u8>,
}

impl SignatureToMake {
    /// A detached signature over data with this digest, which must be of the scheme's hash.
    pub fn detached(scheme: SignatureScheme, content_digest: &[u8], signer: &Certificate) -> Result<Self> {
        Self::new(scheme, oid::DATA, None, content_digest, signer, None)
    }

    /// A CAdES signature of level B (EN 319 122-1 §6.3), which states its time.
    pub fn cades(
        scheme: SignatureScheme,
        content: Content<'_>,
        signer: &Certificate,
        signed_at: Instant,
    ) -> Result<Self> {
        let time = attribute(&oid::SIGNING_TIME, &write::time(signed_at));
        match content {
            Content::Detached(digest) => Self::new(scheme, oid::DATA, None, digest, signer, Some(time)),
            Content::Attached(octets) => {
                let digest = crypto::digest(scheme.hash().into(), &octets);
                Self::new(scheme, oid::DATA, Some(octets), &digest, signer, Some(time))
            }
        }
    }

    /// A signature that carries its content, e.g. a timestamp token's `TSTInfo`.
    pub fn enveloping(
        scheme: SignatureScheme,
        content_type: ObjectIdentifier,
        content: Vec<u8>,
        signer: &Certificate,
    ) -> Result<Self> {
        let digest = crypto::digest(scheme.hash().into(), &content);
        Self::new(scheme, content_type, Some(content), &digest, signer, None)
    }

    fn new(
        scheme: SignatureScheme,
        content_type: ObjectIdentifier,
        content: Option<Vec<u8>>,
        content_digest: &[u8],
        signer: &Certificate,
        signing_time: Option<Vec<u8>>,
    ) -> Result<Self> {
        if content_digest.len() != scheme.hash().length() {
            return Err(Error::Refused("the digest's length is not that of the scheme's hash".into()));
        }
        // RFC 5035 §4: ESSCertIDv2 with its default, SHA-256, left out.
        let reference =
            write::sequence(&[write::sequence(&[write::sequence(&[write::octet_string(signer.fingerprint())])])]);
        let mut attributes = vec![
            attribute(&oid::CONTENT_TYPE, &write::oid(&content_type)),
            attribute(&oid::MESSAGE_DIGEST, &write::octet_string(content_digest)),
            attribute(&oid::SIGNING_CERTIFICATE_V2, &reference),
        ];
        attributes.extend(signing_time);
        let attributes = write::set_of(tag::SET, attributes);
        let digest = crypto::digest(scheme.hash().into(), &attributes);
        Ok(Self { scheme, content_type, content, signer: signer.clone(), attributes, digest })
    }

    /// What the key must sign, already hashed with the scheme's hash.
    pub fn digest_to_sign(&self) -> &[u8] {
        &self.digest
    }

    /// The octets of which that is the digest: the signed attributes as the signature covers them (RFC 5652 §5.4).
    pub fn octets_to_sign(&self) -> &[u8] {
        &self.attributes
    }

    /// The scheme that must be used.
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// Finishes with the signature value in X.509 form. `further` are the certificates above the signer's that travel along.
    /// Refuses a value that the signer's certificate does not verify.
    pub fn assemble(&self, signature: &[u8], further: &[Certificate]) -> Result<Vec<u8>> {
        self.signer.public_key()?.verify_digest(self.scheme.into(), &self.digest, signature)?;
        Ok(self.assemble_unverified(signature, Some(further)))
    }

    /// The same without verifying, where the whole container is verified before it is handed out, or where the client verifies, as it does
    /// a timestamp token. `None` leaves every certificate out.
    pub fn assemble_unverified(&self, signature: &[u8], further: Option<&[Certificate]>) -> Vec<u8> {
        let certificates = further.map(|further| {
            let others = further.iter().filter(|other| **other != self.signer);
            let all = std::iter::once(&self.signer).chain(others).map(|certificate| certificate.der().to_vec());
            write::set_of(tag::constructed(0), all.collect())
        });
        let digest_algorithm = DigestAlgorithm::from(self.scheme.hash()).identifier_der();
        let mut attributes = self.attributes.clone();
        if let Some(first) = attributes.first_mut() {
            *first = tag::constructed(0);
        }
        let signer_info = write::sequence(&[
            write::unsigned(1),
            write::sequence(&[
                self.signer.issuer().as_der(),
                &write::element(tag::INTEGER, self.signer.serial_octets()),
            ]),
            digest_algorithm.clone(),
            attributes,
            scheme_identifier_der(self.scheme),
            write::octet_string(signature),
        ]);
        let mut encapsulated = vec![write::oid(&self.content_type)];
        if let Some(content) = &self.content {
            encapsulated.push(write::element(tag::constructed(0), &write::octet_string(content)));
        }
        // RFC 5652 §5.1: version 3 where the content is not id-data.
        let version = if self.content_type == oid::DATA { 1 } else { 3 };
        let signed_data = write::sequence(&[
            write::unsigned(version),
            write::parts(tag::SET, &[digest_algorithm]),
            write::sequence(&encapsulated),
            certificates.unwrap_or_default(),
            write::parts(tag::SET, &[signer_info]),
        ]);
        write::sequence(&[write::oid(&oid::SIGNED_DATA), write::element(tag::constructed(0), &signed_data)])
    }
}

fn attribute(kind: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    write::sequence(&[write::oid(kind), write::element(tag::SET, value)])
}

/// Adds a signature timestamp (a `TimeStampToken`, DER) to the only signer of a DER `SignedData`: level B-T (EN 319 122-1 §5.3).
pub fn with_signature_timestamp(signed_data: &[u8], token: &[u8]) -> Result<Vec<u8>> {
    with_unsigned_attribute(signed_data, None, &oid::SIGNATURE_TIME_STAMP, token)
}

/// Adds an unsigned attribute to a signer of a DER `SignedData`, by its place, or to the only one. Nothing else changes but lengths around it.
pub(crate) fn with_unsigned_attribute(
    signed_data: &[u8],
    place: Option<usize>,
    kind: &ObjectIdentifier,
    value: &[u8],
) -> Result<Vec<u8>> {
    const WHAT: &str = "SignedData";
    let mut content_info = Element::sequence(signed_data, WHAT)?;
    let content_type = content_info.oid(WHAT)?;
    let explicit = content_info.expect(tag::constructed(0), WHAT)?;
    let mut fields = Element::sequence(explicit.content, WHAT)?;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    while !fields.is_empty() {
        parts.push(fields.any()?.raw.to_vec());
    }
    let signers = parts.pop().ok_or(Error::Malformed(WHAT))?;
    let signers = Element::only(&signers, WHAT)?;
    let place = match place {
        Some(place) => place,
        None => Element::only(signers.content, "one SignerInfo").map(|_| 0)?,
    };
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut signers = signers.reader();
    while !signers.is_empty() {
        all.push(signers.any()?.raw.to_vec());
    }
    let signer = all.get_mut(place).ok_or(Error::Malformed("SignerInfo"))?;
    *signer = with_attribute(signer, attribute(kind, value))?;
    parts.push(write::parts(tag::SET, &all));
    Ok(write::sequence(&[write::oid(&content_type), write::element(tag::constructed(0), &write::sequence(&parts))]))
}

/// A `SignerInfo` with one more unsigned attribute.
fn with_attribute(signer: &[u8], added: Vec<u8>) -> Result<Vec<u8>> {
    let mut members = Element::sequence(signer, "SignerInfo")?;
    let mut rebuilt: Vec<Vec<u8>> = Vec::new();
    let mut unsigned = vec![added];
    while !members.is_empty() {
        let member = members.any()?;
        if member.tag == tag::constructed(1) {
            let mut existing = member.reader();
            while !existing.is_empty() {
                unsigned.push(existing.any()?.raw.to_vec());
            }
        } else {
            rebuilt.push(member.raw.to_vec());
        }
    }
    rebuilt.push(write::set_of(tag::constructed(1), unsigned));
    Ok(write::sequence(&rebuilt))
}

/// How long the `SignedData` can become, bytes: for the place that a PDF reserves. `timestamp` is the token's expected length.
pub fn longest(signer: &Certificate, further: &[Certificate], timestamp: usize) -> usize {
    let certificates: usize = std::iter::once(signer).chain(further).map(|certificate| certificate.der().len()).sum();
    // Fixed parts measure 350 bytes with P-256; the largest signature, RSA-4096 with PSS parameters, adds 600.
    certificates + signer.issuer().as_der().len() + timestamp + 1_100
}

//! Requests: read with bounds, and built for our own use and tests.

use super::CertificateIdentifier;
use crate::asn1::{Element, tag, write};
use crate::error::{Error, Result};
use crate::{extension, limits, oid};

/// A request as it was read. Its own signature, where it has one, says nothing that is needed and is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    /// 1 to [`limits::MOST_OCSP_SINGLES`].
    pub certificates: Vec<CertificateIdentifier>,
    /// Value of the nonce extension, to be echoed as it is; 1 to 128 octets (RFC 9654 §2.1).
    pub nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// Reads a request in DER.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "OCSPRequest";
        if der.len() > limits::LONGEST_OCSP_REQUEST {
            return Err(Error::Limit("OCSP request length"));
        }
        let mut outer = Element::only(der, WHAT)?.reader();
        let mut fields = outer.sequence(WHAT)?;
        outer.optional(tag::constructed(0))?;
        outer.finish(WHAT)?;
        if let Some(version) = fields.optional(tag::constructed(0))?
            && version.reader().expect(tag::INTEGER, WHAT)?.unsigned()? != 0
        {
            return Err(Error::Unsupported("OCSP version".into()));
        }
        fields.optional(tag::constructed(1))?;
        let mut list = fields.sequence(WHAT)?;
        let mut certificates = Vec::new();
        while !list.is_empty() {
            if certificates.len() >= limits::MOST_OCSP_SINGLES {
                return Err(Error::Limit("certificates in an OCSP request"));
            }
            let mut single = list.sequence(WHAT)?;
            certificates.push(CertificateIdentifier::read(&mut single)?);
            single.optional(tag::constructed(0))?;
            single.finish(WHAT)?;
        }
        if certificates.is_empty() {
            return Err(Error::Malformed(WHAT));
        }
        let nonce = match fields.optional(tag::constructed(2))? {
            None => None,
            Some(element) => {
                let extensions = extension::read_extensions(&element.reader().expect(tag::SEQUENCE, WHAT)?)?;
                read_nonce(&extensions)?
            }
        };
        fields.finish(WHAT)?;
        Ok(Self { certificates, nonce })
    }
}

/// The nonce's octets inside the extension's OCTET STRING; older clients leave that inner wrapping out.
pub(super) fn read_nonce(extensions: &[extension::Extension]) -> Result<Option<Vec<u8>>> {
    let Some(found) = extension::find(extensions, &oid::OCSP_NONCE) else { return Ok(None) };
    let inner = Element::only(&found.value, "Nonce").ok().filter(|element| element.tag == tag::OCTET_STRING);
    let octets = inner.map_or(found.value.as_slice(), |element| element.content);
    // RFC 9654 §2.1: 1 to 128 octets.
    if octets.is_empty() || octets.len() > 128 {
        return Err(Error::Malformed("Nonce"));
    }
    Ok(Some(octets.to_vec()))
}

pub(super) fn nonce_extension(nonce: &[u8]) -> Vec<u8> {
    write::sequence(&[write::oid(&oid::OCSP_NONCE), write::octet_string(&write::octet_string(nonce))])
}

/// Builds a request, unsigned.
#[derive(Clone, Debug, Default)]
pub struct OcspRequestBuilder {
    certificates: Vec<CertificateIdentifier>,
    nonce: Option<Vec<u8>>,
}

impl OcspRequestBuilder {
    /// Asks about one more certificate.
    pub fn about(mut self, certificate: CertificateIdentifier) -> Self {
        self.certificates.push(certificate);
        self
    }

    /// With a nonce of 1 to 128 octets.
    pub fn with_nonce(mut self, nonce: &[u8]) -> Self {
        self.nonce = Some(nonce.to_vec());
        self
    }

    /// The request in DER.
    pub fn to_der(&self) -> Vec<u8> {
        let singles: Vec<Vec<u8>> = self.certificates.iter().map(|one| write::sequence(&[&one.der])).collect();
        let extensions = match &self.nonce {
            None => Vec::new(),
            Some(nonce) => write::element(tag::constructed(2), &write::sequence(&[nonce_extension(nonce)])),
        };
        write::sequence(&[write::sequence(&[write::sequence(&singles), extensions])])
    }
}

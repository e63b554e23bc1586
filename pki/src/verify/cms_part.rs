//! The cryptographic half of one PDF signature: `Contents` read by its `SubFilter` (ISO 32000-2 table 260, EN 319 142-1), and each
//! signer checked against the digest of the covered bytes. Says what failed; integrity and trust follow elsewhere.

use super::digests::Digests;
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::cms::{self, SignedData, SignerFindings};
use crate::pdf::Object;
use crate::pdf::signature::PdfSignature;
use crate::timestamp::TimestampToken;
use crate::{limits, oid};
use chuky_model::report::Check;

/// `Contents`, read.
#[derive(Debug)]
pub(super) enum Body {
    /// Detached, or `adbe.pkcs7.sha1`.
    Cms(SignedData),
    /// A document timestamp.
    Token(TimestampToken),
    /// `adbe.x509.rsa_sha1`, with the certificate of the dictionary's `Cert`.
    Bare(Certificate),
    /// What cannot be read or is not known: the failed or undone check says which.
    None(Check),
}

const NAME: &str = "contents";

/// Reads the CMS object of a signature whose coverage is sound.
pub(super) fn read(signature: &PdfSignature) -> Body {
    let sub_filter = signature.sub_filter();
    match sub_filter.as_str() {
        "adbe.x509.rsa_sha1" => return bare(signature),
        "ETSI.CAdES.detached" | "adbe.pkcs7.detached" | "adbe.pkcs7.sha1" | "ETSI.RFC3161" => {}
        other => return Body::None(Check::not_done(NAME, format!("SubFilter {other:?} is not known"))),
    }
    let (data, length) = match SignedData::parse_prefix(&signature.contents) {
        Ok(parsed) => parsed,
        Err(error) => return Body::None(Check::failed(NAME, error.to_string())),
    };
    // EN 319 142-1 §5.2: the rest is zeros. In an encrypted file it may be what its writer made of them before the signature was there; nobody
    // reads it, and it is no more open to change than the unsigned attributes.
    let rest = signature.contents.get(length..).unwrap_or_default();
    if !signature.in_encrypted_file && rest.iter().any(|byte| *byte != 0) {
        return Body::None(Check::failed(NAME, "something other than zeros follows the CMS object"));
    }
    if data.signers.is_empty() {
        return Body::None(Check::failed(NAME, "the CMS object has no signer"));
    }
    let detached = matches!(sub_filter.as_str(), "ETSI.CAdES.detached" | "adbe.pkcs7.detached");
    if detached && data.content.is_some() {
        // ISO 32000-2 §12.8.3.3.1: no data shall be encapsulated.
        return Body::None(Check::failed(NAME, "a detached signature encapsulates content of its own"));
    }
    if sub_filter == "ETSI.RFC3161" {
        return match TimestampToken::from_signed_data(data) {
            Ok(token) => Body::Token(token),
            Err(error) => Body::None(Check::failed(NAME, error.to_string())),
        };
    }
    Body::Cms(data)
}

fn bare(signature: &PdfSignature) -> Body {
    let certificate = match signature.dictionary.value("Cert") {
        // ISO 32000-2 table 255: a string, or an array of them; some software writes all of them into one string, the signer's first.
        Some(Object::String(der)) => Certificate::from_der(first_element(der)),
        Some(Object::Array(chain)) => Certificate::from_der(chain.first().and_then(Object::string).unwrap_or_default()),
        _ => return Body::None(Check::failed(NAME, "Cert is missing")),
    };
    match certificate {
        Ok(certificate) => Body::Bare(certificate),
        Err(error) => Body::None(Check::failed(NAME, format!("Cert: {error}"))),
    }
}

/// The first of several DER values that follow each other; all of it where that cannot be told.
fn first_element(bytes: &[u8]) -> &[u8] {
    let length = match *bytes {
        [_, 0x81, length, ..] => usize::from(length) + 3,
        [_, 0x82, high, low, ..] => usize::from(u16::from_be_bytes([high, low])) + 4,
        [_, length, ..] if length < 0x80 => usize::from(length) + 2,
        _ => return bytes,
    };
    bytes.get(..length).unwrap_or(bytes)
}

impl Body {
    /// The digests of the covered bytes that will be asked for.
    pub(super) fn algorithms(&self) -> Vec<DigestAlgorithm> {
        match self {
            Self::Cms(data) if data.content.is_some() => vec![DigestAlgorithm::Sha1],
            Self::Cms(data) => {
                let own = data.signers.iter().filter_map(|signer| signer.digest_algorithm.clone().ok());
                own.chain(content_tokens(data).map(|(_, token)| token.digest_algorithm)).collect()
            }
            Self::Token(token) => vec![token.digest_algorithm],
            Self::Bare(_) => {
                vec![DigestAlgorithm::Sha1, DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512]
            }
            Self::None(_) => Vec::new(),
        }
    }

    /// One result for each signer.
    pub(super) fn check(&self, signature: &PdfSignature, digests: &Digests) -> Vec<SignerFindings> {
        let mut digest = |algorithm| digests.of(signature.byte_range?, algorithm);
        match self {
            Self::None(check) => vec![lone(vec![check.clone()], None)],
            Self::Token(token) => vec![token.check(&[], &mut digest)],
            Self::Bare(certificate) => {
                let (check, algorithm) = match cms::check_adbe_x509(&signature.contents, certificate, &mut digest) {
                    Ok(algorithm) => (Check::passed("signature_value"), Some(algorithm)),
                    Err(error) => (Check::failed("signature_value", error.to_string()), None),
                };
                let mut findings = lone(vec![check], Some(certificate.clone()));
                findings.digest_algorithm = algorithm;
                findings.signature_algorithm = algorithm.map(SignatureAlgorithm::RsaPkcs1);
                vec![findings]
            }
            Self::Cms(data) => {
                let mut findings = data.check(&[], &mut digest);
                if data.content.is_some() {
                    let sha1 = digest(DigestAlgorithm::Sha1).unwrap_or_default();
                    let check = if data.encapsulates_sha1(&sha1) {
                        Check::passed("encapsulated_digest")
                    } else {
                        Check::failed("message_digest", "the encapsulated SHA-1 is not that of the covered bytes")
                    };
                    findings.iter_mut().for_each(|signer| signer.checks.push(check.clone()));
                }
                findings
            }
        }
    }

    /// The timestamps over the covered bytes that signers carry among their signed attributes (EN 319 142-1 §6.3), each with its signer.
    pub(super) fn content_timestamps(
        &self,
        signature: &PdfSignature,
        digests: &Digests,
    ) -> Vec<(usize, TimestampToken, SignerFindings)> {
        let Self::Cms(data) = self else { return Vec::new() };
        let mut digest = |algorithm| digests.of(signature.byte_range?, algorithm);
        let checked = |(signer, token): (usize, TimestampToken)| {
            let findings = token.check(&[], &mut digest);
            (signer, token, findings)
        };
        content_tokens(data).map(checked).collect()
    }

    /// The algorithm of a digest that stands between the covered bytes and what the signers sign: of `adbe.pkcs7.sha1` they sign a SHA-1.
    pub(super) fn digest_between(&self) -> Option<DigestAlgorithm> {
        matches!(self, Self::Cms(data) if data.content.is_some()).then_some(DigestAlgorithm::Sha1)
    }

    /// The signer's CMS, where there is one.
    pub(super) fn signed_data(&self) -> Option<&SignedData> {
        match self {
            Self::Cms(data) => Some(data),
            Self::Token(token) => Some(&token.signed_data),
            _ => None,
        }
    }
}

fn content_tokens(data: &SignedData) -> impl Iterator<Item = (usize, TimestampToken)> {
    let signers = data.signers.iter().enumerate();
    let values =
        signers.flat_map(|(at, signer)| signer.signed_values(&oid::CONTENT_TIME_STAMP).map(move |value| (at, value)));
    values.take(limits::MOST_TIMESTAMPS).filter_map(|(at, value)| Some((at, TimestampToken::parse(value).ok()?)))
}

fn lone(checks: Vec<Check>, certificate: Option<Certificate>) -> SignerFindings {
    SignerFindings {
        checks,
        signing_certificate: certificate,
        content_at_hand: true,
        certificate_is_bound: false,
        signing_time: None,
        digest_algorithm: None,
        signature_algorithm: None,
        timestamps: Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::first_element;

    #[test]
    fn the_first_of_several_values_ends_where_its_length_says() {
        let long = [[0x30, 0x82, 1, 0].as_slice(), &[7; 256]].concat();
        let middle = [[0x30, 0x81, 200].as_slice(), &[7; 200]].concat();
        for one in [&[0x30, 2, 1, 2][..], &middle, &long] {
            assert_eq!(first_element(one), one);
            assert_eq!(first_element(&[one, one].concat()), one);
            // Too short for what it says, or of no length that can be told.
            let cut = &one[..one.len() - 1];
            assert_eq!(first_element(cut), cut);
        }
        assert_eq!(first_element(&[0x30, 0x80, 0, 0]), [0x30, 0x80, 0, 0]);
        assert_eq!(first_element(&[]), [0_u8; 0]);
    }
}

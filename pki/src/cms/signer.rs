//! What one signer's bytes prove (RFC 5652 §5.4 and §5.6, RFC 5035, EN 319 122-1 §5.2): digests, attributes, signature value. Each
//! check is listed; nothing undone counts as passed.

use super::{SignedData, SignerInfo};
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{Element, tag, write};
use crate::certificate::Certificate;
use crate::crypto;
use crate::error::{Error, Result};
use crate::oid;
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Outcome};
use der::asn1::ObjectIdentifier;

/// What was found out about one signer.
#[derive(Clone, Debug)]
pub struct SignerFindings {
    /// `signing_certificate`, `signed_attributes`, `content_type`, `digest_algorithms`, `message_digest`, `signing_certificate_reference`,
    /// `signature_value`, as far as each applies.
    pub checks: Vec<Check>,
    /// The certificate that the signer names, where it was found.
    pub signing_certificate: Option<Certificate>,
    /// Whether a signed attribute binds the certificate (RFC 5035), as AdES demands.
    pub certificate_is_bound: bool,
    /// Whether there was a content to check against.
    pub content_at_hand: bool,
    /// The signing-time attribute; proves nothing.
    pub signing_time: Option<Instant>,
    /// The algorithm that the content's digest is made with.
    pub digest_algorithm: Option<DigestAlgorithm>,
    /// The algorithm of the signature value.
    pub signature_algorithm: Option<SignatureAlgorithm>,
    /// Signature timestamps: `ContentInfo` DER each, over the digest of the signature value.
    pub timestamps: Vec<Vec<u8>>,
}

impl SignerFindings {
    /// Failed where any check failed, else not done where any was not done, else passed.
    pub fn outcome(&self) -> Outcome {
        let any = |outcome| self.checks.iter().any(|check| check.outcome == outcome);
        match (any(Outcome::Failed), any(Outcome::NotDone)) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::NotDone,
            (false, false) if self.checks.is_empty() => Outcome::NotDone,
            (false, false) => Outcome::Passed,
        }
    }

    /// The digest that the signature value is made with.
    pub fn signed_with(&self) -> Option<DigestAlgorithm> {
        self.signature_algorithm.and_then(SignatureAlgorithm::digest).or(self.digest_algorithm)
    }

    /// Every check was done and passed.
    pub fn intact(&self) -> bool {
        self.outcome() == Outcome::Passed
    }

    /// The check of that name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

/// What a signer signs: a content, or for a counter-signature another signer's signature value.
struct Signed<'a> {
    /// The octets, where they are at hand and not only their digest.
    content: Option<&'a [u8]>,
    /// `None` for a counter-signature, which names no type (RFC 5652 §11.4).
    content_type: Option<&'a ObjectIdentifier>,
    /// `digestAlgorithms`, where there are any to compare with.
    listed: Option<&'a [DigestAlgorithm]>,
}

impl SignerInfo {
    /// Checks this signer of `data`. `content_digest` gives the digest of the content, attached or not; `None` where the content is
    /// not at hand. `further` as for `SignedData::check`.
    pub fn check(
        &self,
        data: &SignedData,
        further: &[Certificate],
        content_digest: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    ) -> SignerFindings {
        self.check_beside(data, further, None, content_digest)
    }

    /// The same with the detached content at hand, which schemes without a digest of their own (Ed25519, Ed448) sign as it is where there are no
    /// signed attributes.
    pub fn check_beside(
        &self,
        data: &SignedData,
        further: &[Certificate],
        beside: Option<&[u8]>,
        content_digest: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    ) -> SignerFindings {
        let signed = Signed {
            content: data.content.as_deref().or(beside),
            content_type: Some(&data.content_type),
            listed: Some(&data.digest_algorithms),
        };
        self.check_over(&signed, &data.certificates, further, content_digest)
    }

    /// Checks this counter-signature of `signed`. Certificates as for `SignedData::check`.
    pub fn check_counter_signature(
        &self,
        signed: &SignerInfo,
        data: &SignedData,
        further: &[Certificate],
    ) -> SignerFindings {
        let value = signed.signature.as_slice();
        let signed = Signed { content: Some(value), content_type: None, listed: None };
        self.check_over(&signed, &data.certificates, further, &mut |algorithm| Some(crypto::digest(algorithm, value)))
    }

    fn check_over(
        &self,
        data: &Signed<'_>,
        certificates: &[Certificate],
        further: &[Certificate],
        content_digest: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    ) -> SignerFindings {
        let mut checks = Vec::new();
        let certificate = self.signing_certificate(certificates, further);
        checks.push(match &certificate {
            Some(_) => Check::passed("signing_certificate"),
            None => Check::not_done("signing_certificate", "the certificate that the signer names is not at hand"),
        });
        let content_digest = self.digest_algorithm.clone().ok().and_then(content_digest);
        checks.push(self.check_digest_algorithms(data));
        if self.signed_attributes_der.is_some() {
            checks.push(self.check_attributes(data.content_type.is_some()));
            checks.extend(data.content_type.map(|content_type| self.check_content_type(content_type)));
            checks.push(self.check_message_digest(content_digest.as_deref()));
        } else if data.content_type.is_some_and(|content_type| *content_type != oid::DATA) {
            // RFC 5652 §5.3: signedAttrs must be present if the content type is not id-data.
            checks.push(Check::failed("signed_attributes", "absent although the content is not plain data"));
        } else if let Some(check) = data.content.and_then(|content| self.content_of_another(content)) {
            checks.push(check);
        }
        let reference = certificate.as_ref().and_then(|certificate| self.check_reference(certificate));
        checks.extend(reference.clone());
        let value = self.check_signature(certificate.as_ref(), data, content_digest.as_deref(), &mut checks);
        checks.push(value);
        let single_time = self.single_signed(&oid::SIGNING_TIME).ok();
        SignerFindings {
            checks,
            certificate_is_bound: reference.is_some_and(|check| check.outcome == Outcome::Passed),
            signing_certificate: certificate,
            content_at_hand: content_digest.is_some() || self.digest_algorithm.is_err(),
            signing_time: single_time.and_then(|value| Element::only(value, "SigningTime").ok()?.time().ok()),
            digest_algorithm: self.digest_algorithm.clone().ok(),
            signature_algorithm: self.signature_algorithm.clone().ok(),
            timestamps: self.unsigned_values(&oid::SIGNATURE_TIME_STAMP).map(<[u8]>::to_vec).collect(),
        }
    }

    /// The signed attributes of one signature, presented as the content of another that has none: its value would fit both. Detached content, of
    /// which [`SignerInfo::check`] sees the digest only, is looked at by whoever has it.
    pub fn content_of_another(&self, content: &[u8]) -> Option<Check> {
        let found = self.signed_attributes_der.is_none() && are_signed_attributes(content);
        found.then(|| Check::failed("signed_attributes", "absent, and the content is another signature's"))
    }

    /// The certificate that the identifier names; of several that fit, the one that the signed reference names.
    fn signing_certificate(&self, certificates: &[Certificate], further: &[Certificate]) -> Option<Certificate> {
        let named: Vec<&Certificate> =
            certificates.iter().chain(further).filter(|certificate| self.identifier.names(certificate)).collect();
        let bound = named.iter().find(|certificate| {
            self.check_reference(certificate).is_some_and(|check| check.outcome == Outcome::Passed)
        });
        bound.or(named.first()).map(|certificate| (*certificate).clone())
    }

    /// The one value of a signed attribute that may stand only once, with one value.
    fn single_signed(&self, kind: &ObjectIdentifier) -> Result<&[u8]> {
        let mut found = self.signed_attributes.iter().filter(|attribute| attribute.oid == *kind);
        match (found.next().map(|attribute| attribute.values.as_slice()), found.next()) {
            (Some([value]), None) => Ok(value),
            (None, _) => Err(Error::Malformed("signed attributes: one is missing")),
            _ => Err(Error::Malformed("signed attributes: one is not single-valued")),
        }
    }

    fn check_attributes(&self, with_content_type: bool) -> Check {
        const NAME: &str = "signed_attributes";
        let demanded: &[ObjectIdentifier] =
            if with_content_type { &[oid::CONTENT_TYPE, oid::MESSAGE_DIGEST] } else { &[oid::MESSAGE_DIGEST] };
        for kind in demanded {
            if let Err(error) = self.single_signed(kind) {
                return Check::failed(NAME, format!("{kind}: {error}"));
            }
        }
        let once =
            [oid::SIGNING_TIME, oid::SIGNING_CERTIFICATE, oid::SIGNING_CERTIFICATE_V2, oid::CMS_ALGORITHM_PROTECT];
        for kind in once {
            let present = self.signed_attributes.iter().any(|attribute| attribute.oid == kind);
            if present && let Err(error) = self.single_signed(&kind) {
                return Check::failed(NAME, format!("{kind}: {error}"));
            }
        }
        Check::passed(NAME)
    }

    fn check_content_type(&self, content_type: &ObjectIdentifier) -> Check {
        let value = self.single_signed(&oid::CONTENT_TYPE);
        match value.and_then(|value| Element::only(value, "ContentType")?.oid()) {
            Ok(oid) if oid == *content_type => Check::passed("content_type"),
            Ok(oid) => Check::failed("content_type", format!("signed {oid}, encapsulated {content_type}")),
            Err(error) => Check::failed("content_type", error.to_string()),
        }
    }

    fn check_message_digest(&self, content_digest: Option<&[u8]>) -> Check {
        const NAME: &str = "message_digest";
        let value = self.single_signed(&oid::MESSAGE_DIGEST);
        let element = value.and_then(|value| Element::only(value, "MessageDigest"));
        match (&self.digest_algorithm, element, content_digest) {
            (Err(error), _, _) => Check::not_done(NAME, error.to_string()),
            (_, Err(error), _) => Check::failed(NAME, error.to_string()),
            (Ok(_), Ok(_), None) => Check::not_done(NAME, "the signed content is not at hand"),
            (Ok(_), Ok(element), Some(digest)) if element.tag == tag::OCTET_STRING && element.content == digest => {
                Check::passed(NAME)
            }
            _ => Check::failed(NAME, "the content is not the one that was signed"),
        }
    }

    /// RFC 5652 §5.1, §5.3, RFC 6211: the digest algorithm is named up to four times.
    fn check_digest_algorithms(&self, data: &Signed<'_>) -> Check {
        const NAME: &str = "digest_algorithms";
        let (digest, signature) = match (&self.digest_algorithm, &self.signature_algorithm) {
            (Ok(digest), Ok(signature)) => (*digest, *signature),
            (Err(error), _) | (_, Err(error)) => return Check::not_done(NAME, error.to_string()),
        };
        // The parameters of RSASSA-PSS name a hash of their own (RFC 4055 §3.1), so that nothing is ambiguous where it is another one than
        // the content's, as long as neither can be made to collide.
        let names_its_own = matches!(signature, SignatureAlgorithm::RsaPss { .. }) && !digest.is_broken();
        if let Some(signed_with) = signature.digest().filter(|signed_with| *signed_with != digest && !names_its_own) {
            return Check::failed(NAME, format!("content {}, signature {}", digest.name(), signed_with.name()));
        }
        if data.listed.is_some_and(|listed| !listed.contains(&digest)) {
            return Check::failed(NAME, format!("{} is not listed in digestAlgorithms", digest.name()));
        }
        match self.single_signed(&oid::CMS_ALGORITHM_PROTECT) {
            Ok(value) if !self.algorithms_are_protected(value, digest) => {
                Check::failed(NAME, "the CMS algorithm protection attribute names others")
            }
            _ => Check::passed(NAME),
        }
    }

    fn algorithms_are_protected(&self, value: &[u8], digest: DigestAlgorithm) -> bool {
        let compare = || -> Result<bool> {
            let mut fields = Element::sequence(value, "CMSAlgorithmProtection")?;
            let first = DigestAlgorithm::from_identifier(&fields.any()?)?;
            let second = fields.optional(tag::constructed(1))?.ok_or(Error::Malformed("CMSAlgorithmProtection"))?;
            let own = Element::only(&self.signature_algorithm_der, "AlgorithmIdentifier")?;
            Ok(first == digest && second.content == own.content)
        };
        compare().unwrap_or(false)
    }

    /// RFC 5035 §3 to §5: the first ESSCertID is the signing certificate's. `None` where there is no such attribute.
    fn check_reference(&self, certificate: &Certificate) -> Option<Check> {
        const NAME: &str = "signing_certificate_reference";
        let version_2 = self.single_signed(&oid::SIGNING_CERTIFICATE_V2);
        let (value, default) = match (version_2, self.single_signed(&oid::SIGNING_CERTIFICATE)) {
            (Ok(value), _) => (value, DigestAlgorithm::Sha256),
            (Err(_), Ok(value)) => (value, DigestAlgorithm::Sha1),
            _ => return None,
        };
        let read = || -> Result<bool> {
            let mut identifier = Element::sequence(value, NAME)?.sequence(NAME)?.sequence(NAME)?;
            let algorithm = match identifier.optional(tag::SEQUENCE)? {
                Some(element) => DigestAlgorithm::from_identifier(&element)?,
                None => default,
            };
            let hash = identifier.expect(tag::OCTET_STRING, NAME)?.content;
            Ok(match algorithm {
                DigestAlgorithm::Sha256 => hash == certificate.fingerprint(),
                other => hash == crypto::digest(other, certificate.der()),
            })
        };
        Some(match read() {
            Ok(true) => Check::passed(NAME),
            Ok(false) => Check::failed(NAME, "the signed reference names another certificate"),
            Err(error) => Check::failed(NAME, error.to_string()),
        })
    }

    fn check_signature(
        &self,
        certificate: Option<&Certificate>,
        data: &Signed<'_>,
        content_digest: Option<&[u8]>,
        checks: &mut Vec<Check>,
    ) -> Check {
        const NAME: &str = "signature_value";
        let Some(certificate) = certificate else { return Check::not_done(NAME, "there is no key to check it with") };
        let (key, algorithm) = match (certificate.public_key(), &self.signature_algorithm) {
            (Ok(key), Ok(algorithm)) => (key, *algorithm),
            (Err(error), _) => return Check::not_done(NAME, error.to_string()),
            (_, Err(error)) => return Check::not_done(NAME, error.to_string()),
        };
        let verified = match (&self.signed_attributes_der, content_digest, data.content) {
            (Some(attributes), _, _) => in_der_order(attributes).and_then(|sorted| {
                // RFC 5652 §5.4: the DER encoding is signed, whatever order the file keeps them in.
                let verified = key.verify_message(algorithm, &sorted, &self.signature);
                let as_they_stand = || key.verify_message(algorithm, attributes, &self.signature);
                match verified {
                    Err(_) if sorted != *attributes && as_they_stand().is_ok() => {
                        checks.push(Check { reason: IN_FILE_ORDER.to_owned(), ..Check::passed(ATTRIBUTE_ORDER) });
                        Ok(())
                    }
                    other => other,
                }
            }),
            (None, Some(digest), _) if algorithm.digest().is_some() => {
                key.verify_digest(algorithm, digest, &self.signature)
            }
            (None, _, Some(content)) => key.verify_message(algorithm, content, &self.signature),
            (None, _, None) => return Check::not_done(NAME, "the signed content is not at hand"),
        };
        match verified {
            Ok(()) => Check::passed(NAME),
            Err(error @ Error::Unsupported(_)) => Check::not_done(NAME, error.to_string()),
            Err(error) => Check::failed(NAME, error.to_string()),
        }
    }
}

/// Whether the content is a SET that holds a message-digest attribute.
fn are_signed_attributes(content: &[u8]) -> bool {
    let Ok(set) = Element::only(content, "attributes") else { return false };
    let mut attributes = set.reader();
    while set.tag == tag::SET && !attributes.is_empty() {
        match attributes.sequence("Attribute").and_then(|mut attribute| attribute.oid("Attribute")) {
            Ok(oid::MESSAGE_DIGEST) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

/// The check on how signed attributes are ordered, only there where the value does not fit their DER encoding. What that is worth is the
/// matter of the format.
pub const ATTRIBUTE_ORDER: &str = "attribute_order";
const IN_FILE_ORDER: &str =
    "the value fits the signed attributes in the order of the file, and not their DER encoding (RFC 5652 §5.4)";

fn in_der_order(set: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Element::only(set, "signed attributes")?.reader();
    let mut elements = Vec::new();
    while !reader.is_empty() {
        elements.push(reader.any()?.raw.to_vec());
    }
    Ok(write::set_of(tag::SET, elements))
}

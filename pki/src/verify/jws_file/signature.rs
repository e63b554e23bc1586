//! What the bytes of one JWS signature prove: the payload that it covers, the certificate that it names, the value. Each check is
//! listed; nothing undone counts as passed.

use super::{Material, VerificationContext, transmitted};
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::asn1::{Element, tag};
use crate::certificate::Certificate;
use crate::cms::SignerFindings;
use crate::crypto::{self, Hasher};
use crate::error::Error;
use crate::jose::document::{self, DocumentSignature};
use crate::jose::jades::{Mechanism, SignatureHeader};
use crate::jose::unsigned;
use crate::name::Name;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::report::{Check, Outcome};
use std::borrow::Cow;

/// What is signed, as the signature covers it.
pub(super) struct Payload<'a> {
    /// What stands behind the dot in the signing input; of several, the signature tells which. Empty where it is not at hand.
    candidates: Vec<Cow<'a, [u8]>>,
    /// What content and archive timestamps cover.
    timestamped: Option<Cow<'a, [u8]>>,
    /// What was found out about it beyond the signature value.
    checks: Vec<Check>,
    /// The algorithm of the digests by which the protected header names it.
    digest: Option<DigestAlgorithm>,
    covers: &'static str,
}

impl<'a> Payload<'a> {
    /// The payload of a document's signature (RFC 7515 §5.2, RFC 7797 §3, TS 119 182-1 §5.2.8).
    pub(super) fn find(header: &SignatureHeader, inside: Option<&'a [u8]>, content: Option<&'a [u8]>) -> Self {
        let mut payload = Self {
            candidates: Vec::new(),
            timestamped: None,
            checks: Vec::new(),
            digest: None,
            covers: "the content given",
        };
        match (&header.detached, inside) {
            (Some(_), Some(_)) => {
                payload.checks.push(Check::failed(NAME, "sigD stands beside a payload that is attached"));
            }
            (None, Some(inside)) => payload.attached(header, inside, content),
            (None, None) => match content {
                Some(content) => payload.whole(header, content),
                None => payload.checks.push(Check::not_done(NAME, MISSING)),
            },
            (Some(detached), None) => match (&detached.mechanism, detached.objects.as_slice(), content) {
                (Mechanism::ByUri, [_], Some(content)) => payload.whole(header, content),
                (Mechanism::ByUri, _, None) => payload.checks.push(Check::not_done(NAME, MISSING)),
                (Mechanism::ByUri, objects, Some(_)) => {
                    let reason = format!("it covers {} objects, and one content was given", objects.len());
                    payload.checks.push(Check::not_done(NAME, reason));
                }
                (Mechanism::ByUriHash { .. }, _, _) => payload.by_hash(header, &detached.mechanism, content),
                (Mechanism::Other(name), _, _) => {
                    payload.checks.push(Check::not_done(NAME, format!("the mechanism {name} of sigD is not done")));
                }
            },
        }
        payload
    }

    /// The payload of a counter-signature is the signature value that it signs (TS 119 182-1 §5.3.2).
    pub(super) fn of_counter_signature(signed: &DocumentSignature<'_>, inside: Option<&[u8]>) -> Self {
        let candidates: Vec<Cow<'static, [u8]>> = unsigned::counter_payloads(signed).into();
        let check = match inside {
            Some(inside) if !inside.is_empty() && !candidates.iter().any(|one| **one == *inside) => {
                Check::failed(NAME, "the counter-signature carries another payload than the signature")
            }
            _ => Check::passed(NAME),
        };
        Self { candidates, timestamped: None, checks: vec![check], digest: None, covers: "signature" }
    }

    fn attached(&mut self, header: &SignatureHeader, inside: &'a [u8], content: Option<&[u8]>) {
        self.covers = "whole_file";
        let decoded = match header.payload_encoded {
            false => Some(Cow::Borrowed(inside)),
            true => document::decoded(inside).map(Cow::Owned),
        };
        self.checks.push(match (decoded, content) {
            (None, _) => Check::failed(NAME, "the payload is not base64url without padding"),
            (Some(decoded), Some(content)) if *decoded != *content => {
                Check::failed("message_digest", "the signature carries a payload that is not the content given")
            }
            _ => Check::passed(NAME),
        });
        self.candidates.push(Cow::Borrowed(inside));
        self.timestamped = Some(Cow::Borrowed(inside));
    }

    fn whole(&mut self, header: &SignatureHeader, content: &[u8]) {
        let payload = transmitted(content, header.payload_encoded);
        self.timestamped = Some(Cow::Owned(payload.clone()));
        self.candidates.push(Cow::Owned(payload));
        self.checks.push(Check::passed(NAME));
    }

    /// TS 119 182-1 §5.2.8.3.3: the payload is empty, and the protected header holds the digests.
    fn by_hash(&mut self, header: &SignatureHeader, mechanism: &Mechanism, content: Option<&[u8]>) {
        let Mechanism::ByUriHash { algorithm, digests } = mechanism else { return };
        self.candidates.push(Cow::Borrowed(b""));
        let (algorithm, content) = match (algorithm, content) {
            (None, _) => return self.checks.push(Check::not_done(NAME, "hashM names no known digest algorithm")),
            (_, None) => return self.checks.push(Check::not_done(NAME, MISSING)),
            (Some(algorithm), Some(content)) => (*algorithm, content),
        };
        self.digest = Some(algorithm);
        let encoded = transmitted(content, header.payload_encoded);
        // The digest is made over the encoded object unless `b64` is false; some makers digest the object itself all the same.
        let fits = [crypto::digest(algorithm, &encoded), crypto::digest(algorithm, content)];
        let known = digests.iter().filter(|digest| fits.contains(digest)).count();
        self.checks.push(match (known, digests.len()) {
            (0, 1) => Check::failed("message_digest", "the content is not the one that was signed"),
            (0, _) => Check::failed("message_digest", "the content is none of those that were signed"),
            (known, all) if known == all => Check::passed("message_digest"),
            (_, all) => Check::not_done(NAME, format!("it covers {all} objects, and one content was given")),
        });
        self.timestamped = Some(Cow::Owned(encoded));
    }

    pub(super) fn covers(&self) -> &'static str {
        self.covers
    }

    pub(super) fn digest(&self) -> Option<DigestAlgorithm> {
        self.digest
    }

    pub(super) fn timestamped(&self) -> Option<&[u8]> {
        self.timestamped.as_deref()
    }
}

/// What was found out.
pub(super) struct Found {
    pub(super) findings: SignerFindings,
}

impl Found {
    /// Checks certificate, payload and value.
    pub(super) fn new(
        header: &SignatureHeader,
        signature: &DocumentSignature<'_>,
        payload: &Payload<'_>,
        material: &Material,
        context: &VerificationContext,
    ) -> Self {
        let mut checks = vec![Check::passed("protected_header")];
        let certificate = signing_certificate(header, material, context);
        checks.push(match &certificate {
            Some(_) => Check::passed("signing_certificate"),
            None => Check::not_done("signing_certificate", "the certificate that the header names is not at hand"),
        });
        let reference = certificate.as_ref().and_then(|certificate| reference(header, certificate));
        checks.extend(reference.clone());
        checks.extend(payload.checks.iter().cloned());
        let (value, algorithm) = check_value(header, signature, payload, certificate.as_ref());
        checks.push(value);
        let bound = reference.is_some_and(|check| check.outcome == Outcome::Passed);
        let missing = payload.checks.iter().any(|check| check.outcome == Outcome::NotDone);
        let mut findings = findings(checks);
        findings.signing_certificate = certificate;
        findings.certificate_is_bound = bound;
        findings.content_at_hand = !missing;
        findings.signing_time = header.signing_time;
        findings.signature_algorithm = algorithm;
        findings.digest_algorithm = algorithm.and_then(SignatureAlgorithm::digest);
        Self { findings }
    }
}

/// Findings with these checks alone.
pub(super) fn findings(checks: Vec<Check>) -> SignerFindings {
    SignerFindings {
        checks,
        signing_certificate: None,
        certificate_is_bound: false,
        content_at_hand: true,
        signing_time: None,
        digest_algorithm: None,
        signature_algorithm: None,
        timestamps: Vec::new(),
    }
}

/// The header's certificate: the first of `x5c`, else the one at hand that its digest, else its `kid` names.
fn signing_certificate(
    header: &SignatureHeader,
    material: &Material,
    context: &VerificationContext,
) -> Option<Certificate> {
    if let Some(first) = header.chain.first() {
        return Certificate::from_der(first).ok();
    }
    let known = || material.certificates.iter().chain(&context.anchors);
    if let Some(first) = header.thumbprints.first() {
        return known().find(|one| crypto::digest(first.algorithm, one.der()) == first.digest).cloned();
    }
    let (issuer, serial) = issuer_and_serial(header.key_identifier.as_deref()?)?;
    known().find(|one| one.serial_octets() == serial && one.issuer().matches(&issuer)).cloned()
}

/// TS 119 182-1 §5.1.4: `kid` is the base64 of an `IssuerSerial` (RFC 5035 §4).
fn issuer_and_serial(text: &str) -> Option<(Name, Vec<u8>)> {
    let der = STANDARD.decode(text).ok()?;
    let mut fields = Element::sequence(&der, "IssuerSerial").ok()?;
    let mut names = fields.sequence("GeneralNames").ok()?;
    let name = names.expect(tag::constructed(4), "directoryName").ok()?;
    let serial = fields.expect(tag::INTEGER, "serialNumber").ok()?;
    Some((Name::from_der(name.content).ok()?, serial.content.to_vec()))
}

/// Whether a protected digest names the certificate; `None` where there is no digest.
fn reference(header: &SignatureHeader, certificate: &Certificate) -> Option<Check> {
    const NAME: &str = "signing_certificate_reference";
    if header.thumbprints.is_empty() {
        return None;
    }
    let fits = header.thumbprints.iter().any(|one| crypto::digest(one.algorithm, certificate.der()) == one.digest);
    Some(if fits { Check::passed(NAME) } else { Check::failed(NAME, "the protected header names another certificate") })
}

fn check_value(
    header: &SignatureHeader,
    signature: &DocumentSignature<'_>,
    payload: &Payload<'_>,
    certificate: Option<&Certificate>,
) -> (Check, Option<SignatureAlgorithm>) {
    const NAME: &str = "signature_value";
    let Some(certificate) = certificate else {
        return (Check::not_done(NAME, "there is no key to check it with"), None);
    };
    let key = match certificate.public_key() {
        Ok(key) => key,
        Err(error) => return (Check::not_done(NAME, error.to_string()), None),
    };
    let Some(algorithm) = header.algorithm.with(key.key_type()) else {
        // RFC 8725 §3.1: the algorithm must be one that the key is for.
        let reason = format!("the algorithm {} does not fit the key", header.algorithm.name());
        return (Check::failed(NAME, reason), None);
    };
    let head = [signature.protected.as_bytes(), b"."].concat();
    let mut outcome = None;
    for payload in &payload.candidates {
        let verified = match algorithm.digest() {
            Some(digest) => {
                let mut hasher = Hasher::new(digest);
                hasher.update(&head);
                hasher.update(payload);
                key.verify_digest(algorithm, &hasher.finish(), &signature.value)
            }
            None => key.verify_message(algorithm, &[&head, &**payload].concat(), &signature.value),
        };
        match verified {
            Ok(()) => return (Check::passed(NAME), Some(algorithm)),
            Err(error) => outcome = Some(error),
        }
    }
    let check = match outcome {
        None => Check::not_done(NAME, MISSING),
        Some(error @ Error::Unsupported(_)) => Check::not_done(NAME, error.to_string()),
        Some(error) => Check::failed(NAME, error.to_string()),
    };
    (check, Some(algorithm))
}

const NAME: &str = "signed_content";
const MISSING: &str = "the signed content is not at hand";

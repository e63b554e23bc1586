//! Whose key an XML signature is checked with: certificates of `KeyInfo` and of the unsigned properties, the one that the signed
//! properties name before all others, a bare key where there is no certificate (XMLDSig §4.5, EN 319 132-1 §5.2.2).

use super::xml_signature::{Signed, XmlFindings, verify_value};
use crate::algorithm::DigestAlgorithm;
use crate::asn1::write;
use crate::certificate::Certificate;
use crate::crypto::{self, PublicKey};
use crate::error::{Error, Result};
use crate::oid;
use crate::xml::document::{Document, NodeId};
use crate::xml::limits;
use crate::xml::names::DSIG;
use crate::xml::selection::Budget;
use crate::xml::signature::{Signature, base64_text};
use crate::xml::xades::Values;
use chuky_model::report::{Check, Outcome};
use der::asn1::ObjectIdentifier;

/// The key that a value is checked with.
pub(super) type Key = PublicKey;

const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";

/// Every certificate of the signature, those of `KeyInfo` first.
pub(super) fn all(document: &Document<'_>, signature: &Signature, values: &Values) -> Vec<Certificate> {
    let all = in_key_info(document, signature).into_iter().chain(values.certificates.iter().cloned());
    all.filter_map(|der| Certificate::from_der(&der).ok()).collect()
}

/// The certificates of `KeyInfo`, DER.
pub(super) fn in_key_info(document: &Document<'_>, signature: &Signature) -> Vec<Vec<u8>> {
    let data = signature.key_info.into_iter().flat_map(|info| document.children(info));
    let data = data.filter(|node| document.is(*node, DSIG, "X509Data"));
    let in_data = data.flat_map(|data| document.children(data));
    let nodes = in_data.filter(|node| document.is(*node, DSIG, "X509Certificate"));
    nodes.take(limits::CERTIFICATES).filter_map(|node| base64_text(document, node).ok()).collect()
}

/// Chooses the certificate, binds it and checks the value with it.
pub(super) fn choose(
    document: &Document<'_>,
    findings: &mut XmlFindings,
    further: &[Certificate],
    signed: Result<Signed>,
    budget: &mut Budget,
) {
    let digests = findings.qualifying.as_ref().map(|one| one.certificates.as_slice()).unwrap_or_default();
    let mut algorithms: Vec<DigestAlgorithm> =
        digests.iter().filter_map(|(algorithm, _)| algorithm.clone().ok()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    // Each certificate is hashed once for each algorithm, however many digests there are.
    let named = |certificate: &Certificate| {
        algorithms.iter().any(|algorithm| {
            let own = crypto::digest(*algorithm, certificate.der());
            digests.iter().any(|(named_by, digest)| named_by.as_ref() == Ok(algorithm) && *digest == own)
        })
    };
    let candidates = || findings.certificates.iter().chain(further);
    let bound: Vec<&Certificate> = candidates().filter(|certificate| named(certificate)).take(MOST_TRIED).collect();
    let in_key_info = || findings.certificates.iter().take(MOST_TRIED);
    let tried = bound.len().max(in_key_info().count()) + 1;
    let signed = budget.spend(tried * limits::COST_OF_A_VERIFICATION).and(signed);
    let verifies = |certificate: &&Certificate| match (certificate.public_key(), &signed) {
        (Ok(key), Ok(signed)) => verify_value(&key, &findings.signature, signed).is_ok(),
        _ => false,
    };
    let chosen = match (bound.as_slice(), digests) {
        ([], []) => in_key_info().find(verifies).or(findings.certificates.first()),
        ([], _) => in_key_info().find(verifies),
        (bound, _) => bound.iter().copied().find(|one| verifies(one)).or(bound.first().copied()),
    };
    let chosen = chosen.cloned();
    let is_bound = chosen.as_ref().is_some_and(|certificate| bound.contains(&certificate));
    let reference = match (digests, &chosen) {
        ([], _) | (_, None) => None,
        (_, Some(_)) if is_bound => Some(Check::passed(REFERENCE)),
        (_, Some(_)) => Some(Check::failed(REFERENCE, "the signed properties name another certificate")),
    };
    let (certificate, value) = check_value(document, &findings.signature, chosen.as_ref(), digests.is_empty(), &signed);
    let checks = &mut findings.signer.checks;
    checks.extend(certificate);
    checks.extend(reference);
    checks.push(value);
    // Only where the properties are signed is the certificate bound by them.
    let properties = checks.iter().any(|check| check.name == "signed_properties" && check.outcome == Outcome::Passed);
    findings.signer.certificate_is_bound = is_bound && properties;
    findings.signer.signing_certificate = chosen;
}

const REFERENCE: &str = "signing_certificate_reference";
/// Most certificates whose keys are tried.
const MOST_TRIED: usize = 16;

fn check_value(
    document: &Document<'_>,
    signature: &Signature,
    certificate: Option<&Certificate>,
    may_be_bare: bool,
    signed: &Result<Signed>,
) -> (Option<Check>, Check) {
    const NAME: &str = "signature_value";
    let found = Some(Check::passed("signing_certificate"));
    let (first, key) = match certificate {
        Some(certificate) => (found, certificate.public_key()),
        None => match bare_key(document, signature) {
            Some(key) if may_be_bare => (None, key),
            _ => {
                let missing = "the certificate that the signature names is not at hand";
                let missing = Check::not_done("signing_certificate", missing);
                return (Some(missing), Check::not_done(NAME, "there is no key to check it with"));
            }
        },
    };
    let verified = match (key, signed) {
        (Err(error), _) => Err(error),
        (_, Err(error)) => Err(error.clone()),
        (Ok(key), Ok(signed)) => verify_value(&key, signature, signed),
    };
    let bare = if certificate.is_none() { "with a bare key that no certificate names" } else { "" };
    let check = match verified {
        Ok(()) => Check { reason: bare.to_owned(), ..Check::passed(NAME) },
        Err(error @ (Error::Unsupported(_) | Error::Limit(_))) => Check::not_done(NAME, error.to_string()),
        Err(error) => Check::failed(NAME, error.to_string()),
    };
    (first, check)
}

/// A key without a certificate (XMLDSig 1.1 §4.5.2).
fn bare_key(document: &Document<'_>, signature: &Signature) -> Option<Result<PublicKey>> {
    let value = document.child(signature.key_info?, DSIG, "KeyValue")?;
    let octets = |parent: NodeId, namespace: &str, name: &str| {
        let node = document.child(parent, namespace, name).ok_or(Error::Malformed("ds:KeyValue"))?;
        base64_text(document, node)
    };
    if let Some(rsa) = document.child(value, DSIG, "RSAKeyValue") {
        let numbers = octets(rsa, DSIG, "Modulus").and_then(|modulus| Ok((modulus, octets(rsa, DSIG, "Exponent")?)));
        return Some(numbers.and_then(|(modulus, exponent)| {
            let key = write::sequence(&[write::integer(&modulus), write::integer(&exponent)]);
            spki(&[write::oid(&oid::RSA_ENCRYPTION), write::null()], &key)
        }));
    }
    let elliptic = document.child(value, DSIG11, "ECKeyValue")?;
    let curve = document.child(elliptic, DSIG11, "NamedCurve")?;
    let curve = document.attribute(curve, "URI")?.strip_prefix("urn:oid:")?;
    let curve: ObjectIdentifier = curve.parse().ok()?;
    let point = octets(elliptic, DSIG11, "PublicKey");
    Some(point.and_then(|point| spki(&[write::oid(&oid::EC_PUBLIC_KEY), write::oid(&curve)], &point)))
}

fn spki(algorithm: &[Vec<u8>], key: &[u8]) -> Result<PublicKey> {
    PublicKey::from_spki_der(&write::sequence(&[write::sequence(algorithm), write::bit_string(key)]))
}

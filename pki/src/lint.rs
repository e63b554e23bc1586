//! The last look at a certificate before it is signed: rules of RFC 5280 and of the profile, over the very bytes. An error stops the
//! issue; each finding names its clause. It reads the bytes anew and trusts nothing about how they were made.

use crate::asn1::write;
use crate::certificate::Certificate;
use crate::crypto::{Curve, KeyType};
use crate::error::Result;
use crate::extension::KeyUsage;
use crate::oid;
use crate::profile::Profile;
use crate::signed::ToBeSigned;
use der::asn1::ObjectIdentifier;

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// E.g. `RFC 5280 §4.1.2.2`.
    pub clause: &'static str,
    /// What is wrong.
    pub text: String,
}

/// Every rule that these bytes break. None means that they may be signed.
pub fn lint(to_be_signed: &ToBeSigned, profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The signature is not there yet: one zero octet stands for it.
    let whole = write::sequence(&to_be_signed.members(&[0]));
    match Certificate::from_der(&whole) {
        Ok(certificate) => {
            let mut say = |clause, text: &str| findings.push(Finding { clause, text: text.to_owned() });
            fields(&certificate, profile, &mut say);
            if extensions(&certificate, profile, &mut say).is_err() {
                say("RFC 5280 §4.2", "an extension cannot be read");
            }
            key(&certificate, &mut say);
        }
        Err(error) => findings.push(Finding { clause: "RFC 5280 §4.1", text: error.to_string() }),
    }
    findings
}

type Say<'a> = &'a mut dyn FnMut(&'static str, &str);

fn fields(certificate: &Certificate, profile: &Profile, say: Say<'_>) {
    if certificate.version() != 3 {
        say("RFC 5280 §4.1.2.1", "the version is not 3");
    }
    match certificate.serial() {
        // At least 64 random bits (CA/Browser Forum baseline, EN 319 412-1 by reference); ours have 126.
        Some(serial) if serial.as_octets().len() >= 9 => {}
        Some(_) => say("RFC 5280 §4.1.2.2", "the serial number is too short to be random"),
        None => say("RFC 5280 §4.1.2.2", "the serial number is zero, negative or too long"),
    }
    if certificate.signature_algorithm().is_err() {
        say("RFC 5280 §4.1.1.2", "the signature algorithms differ or are unknown");
    }
    if certificate.issuer().is_empty() {
        say("RFC 5280 §4.1.2.4", "the issuer's name is empty");
    }
    if certificate.subject().is_empty() {
        say("RFC 5280 §4.1.2.6", "the subject's name is empty");
    }
    for kind in [oid::COUNTRY, oid::COMMON_NAME] {
        if certificate.subject().values(&kind).count() > 1 {
            say("EN 319 412-2 §4.2.4", "country and common name stand at most once");
        }
    }
    let (from, until) = (certificate.not_before(), certificate.not_after());
    if until <= from {
        say("RFC 5280 §4.1.2.5", "the validity ends before it begins");
    }
    if until > from.plus_seconds(i64::from(profile.longest_validity_days) * 86_400) {
        say("profile", "the validity is longer than the profile allows");
    }
    let times = [write::time(from), write::time(until)].concat();
    if !certificate.tbs().windows(times.len()).any(|window| window == times) {
        say("RFC 5280 §4.1.2.5", "times through 2049 are UTCTime, later ones GeneralizedTime, in whole seconds");
    }
}

fn extensions(certificate: &Certificate, profile: &Profile, say: Say<'_>) -> Result<()> {
    let critical = |kind: &ObjectIdentifier| certificate.extension(kind).is_some_and(|extension| extension.critical);
    let basic = certificate.basic_constraints()?;
    let is_ca = basic.is_some_and(|basic| basic.ca);
    let usage = certificate.key_usage()?.unwrap_or(KeyUsage(0));
    if is_ca != profile.authority {
        say("profile", "CA or not is otherwise in the profile");
    }
    if is_ca && !critical(&oid::BASIC_CONSTRAINTS) {
        say("RFC 5280 §4.2.1.9", "basic constraints of a CA must be critical");
    }
    if basic.is_some_and(|basic| basic.path_length != profile.path_length.map(u64::from)) {
        say("profile", "the path length constraint is otherwise in the profile");
    }
    if usage.0 == 0 || !critical(&oid::KEY_USAGE) {
        say("RFC 5280 §4.2.1.3", "key usage must be present, critical and not empty");
    }
    let expected = profile.key_usage.iter().fold(0u16, |bits, usage| bits | 1 << (*usage as u16));
    if usage.0 != expected {
        say("profile", "the key usage is otherwise in the profile");
    }
    if usage.has(KeyUsage::KEY_CERT_SIGN) != is_ca {
        say("RFC 5280 §4.2.1.9", "keyCertSign without CA, or CA without keyCertSign");
    }
    if certificate.subject_key_identifier().is_none() {
        say("RFC 5280 §4.2.1.2", "there is no subject key identifier");
    }
    let authority = certificate.authority_key_identifier()?;
    if authority.is_none_or(|identifier| identifier.key_identifier.is_none()) {
        say("RFC 5280 §4.2.1.1", "there is no authority key identifier");
    }
    let extended = certificate.extended_key_usage()?.unwrap_or_default();
    if extended != profile.extended_key_usage.iter().map(|usage| usage.oid()).collect::<Vec<_>>() {
        say("profile", "the extended key usage is otherwise in the profile");
    }
    if extended.contains(&oid::ANY_EXTENDED_KEY_USAGE) && critical(&oid::EXTENDED_KEY_USAGE) {
        say("RFC 5280 §4.2.1.12", "anyExtendedKeyUsage must not be critical");
    }
    if certificate.policies()?.first().copied() != profile.policy_oid()? {
        say("profile", "the certificate policy is otherwise in the profile");
    }
    for kind in [oid::SUBJECT_KEY_IDENTIFIER, oid::AUTHORITY_KEY_IDENTIFIER, oid::AUTHORITY_INFORMATION_ACCESS] {
        if critical(&kind) {
            say("RFC 5280 §4.2", "an extension is critical that must not be");
        }
    }
    let addresses = [
        (profile.ocsp, certificate.ocsp_uris()),
        (profile.ca_issuers, certificate.issuer_uris()),
        (profile.crl, certificate.crl_uris()),
    ];
    if addresses.iter().any(|(wanted, uris)| *wanted == uris.is_empty()) {
        say("profile", "addresses of status services are otherwise in the profile");
    }
    Ok(())
}

fn key(certificate: &Certificate, say: Say<'_>) {
    match certificate.public_key().map(|key| key.key_type()) {
        Ok(KeyType::Ec(Curve::P256 | Curve::P384)) => {}
        // Circular 15/2025, Appendix I: RSA of at least 2048 bits.
        Ok(KeyType::Rsa { modulus_bits: 2048.. }) => {}
        Ok(other) => say("Circular 15/2025, Appendix I", &format!("a key of type {other:?} is not issued to")),
        Err(error) => say("RFC 5280 §4.1.2.7", &error.to_string()),
    }
}

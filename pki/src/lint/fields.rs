//! Rules about a certificate's fields other than names and extensions: version, serial number, algorithm, validity, key.

use super::encoding::{self, Parts};
use super::{Findings, Rule};
use crate::certificate::Certificate;
use crate::key;
use crate::profile::Profile;

pub(super) fn look(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) {
    found.unless(certificate.version() == 3, Rule::Version);
    found.unless(encoding::is_serial(&parts.serial), Rule::SerialForm);
    found.unless(parts.serial.content.len() >= SHORTEST_SERIAL, Rule::SerialRandomness);
    found.unless(certificate.signature_algorithm().is_ok(), Rule::AlgorithmsDiffer);
    found.unless(encoding::is_admitted_signature(&parts.algorithm), Rule::AlgorithmNotAdmitted);
    let (from, until) = (certificate.not_before(), certificate.not_after());
    found.unless(from < until, Rule::ValidityOrder);
    let longest = from.plus_seconds(i64::from(profile.longest_validity_days) * 86_400);
    found.unless(until <= longest, Rule::ValidityLength);
    found.unless(parts.times.iter().all(encoding::is_certificate_time), Rule::TimeForm);
    found.unless(!parts.has_unique_identifiers, Rule::UniqueIdentifier);
    key(certificate, parts, profile, found);
}

fn key(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) {
    let key = match certificate.public_key() {
        Ok(key) => key,
        Err(error) => return found.with(Rule::KeyUnreadable, &error.to_string()),
    };
    found.unless(key::is_canonical(parts.spki.raw, &key), Rule::KeyParameters);
    match key::algorithm_of(key.key_type()) {
        Some(algorithm) if profile.admits_key(algorithm) => {}
        _ => found.with(Rule::KeyNotAdmitted, &format!("{:?}", key.key_type())),
    }
    if let Some(weakness) = key::weaknesses(&key).first() {
        found.with(Rule::KeyWeak, weakness.text());
    }
}

/// Octets of a serial number that holds 64 random bits and is positive.
const SHORTEST_SERIAL: usize = 9;

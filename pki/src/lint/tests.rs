//! Every rule of the linter with bytes in which it fires, and clean bytes in which none does.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod certificates;
mod lists;

use super::*;
use crate::asn1::{Element, tag};
use crate::issue::{CertificateIntent, Publication};
use crate::name::{DistinguishedName, NameAttribute};
use crate::profile::Profile;
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use der::asn1::ObjectIdentifier;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use std::collections::HashSet;

/// What ought to fire, and what was found.
type Case = (Rule, Vec<Finding>);

#[test]
fn every_rule_fires() {
    let cases: Vec<Case> = [certificates::cases(), lists::cases(), answers::cases()].into_iter().flatten().collect();
    for (rule, findings) in &cases {
        assert!(findings.iter().any(|finding| finding.rule == *rule), "{rule:?} did not fire: {findings:?}");
        assert!(findings.iter().all(|finding| finding.clause == finding.rule.clause()));
    }
    let fired: HashSet<Rule> = cases.iter().map(|(rule, _)| *rule).collect();
    let silent: Vec<_> = Rule::ALL.iter().filter(|rule| !fired.contains(rule)).collect();
    assert!(silent.is_empty(), "no case for {silent:?}");
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn sign(key: &PKey<Private>, digest: &[u8]) -> Vec<u8> {
    openssl::ecdsa::EcdsaSig::sign(digest, &key.ec_key().unwrap()).unwrap().to_der().unwrap()
}

const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;
const NOW: Instant = Instant::from_unix_seconds(1_790_000_000);

fn serial(mark: u8) -> Serial {
    Serial::from_random([mark; 16])
}

fn service_name(common_name: &str) -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::Organization, "Chuky TEST")
        .with(NameAttribute::CommonName, common_name)
}

fn publication() -> Publication {
    Publication {
        ocsp: Some("http://pki.example/ocsp".into()),
        ca_issuers: Some("http://pki.example/ca.cer".into()),
        crl: Some("http://pki.example/ca.crl".into()),
        practice_statement: Some("https://pki.example/cps".into()),
    }
}

/// An issuing CA that signs itself, with the profile of a root.
fn authority() -> (Certificate, PKey<Private>) {
    let key = key();
    let spki = key.public_key_to_der().unwrap();
    let times = (NOW, NOW.plus_seconds(9_000 * 86_400));
    let profile = Profile::built_in("root").unwrap();
    let intent =
        CertificateIntent::self_signed(profile, SCHEME, serial(1), &service_name("Chuky TEST"), times).unwrap();
    let to_be_signed = intent.to_be_signed(&spki).unwrap();
    assert_eq!(lint(&to_be_signed, &intent.profile), []);
    let issuer = crate::crypto::PublicKey::from_spki_der(&spki).unwrap();
    let der = to_be_signed.assemble(&sign(&key, &to_be_signed.digest()), &issuer).unwrap();
    (Certificate::from_der(&der).unwrap(), key)
}

/// The members of a SEQUENCE.
fn members(sequence: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Element::sequence(sequence, "test").unwrap();
    let mut members = Vec::new();
    while !reader.is_empty() {
        members.push(reader.any().unwrap().raw.to_vec());
    }
    members
}

/// The SEQUENCE with one member replaced.
fn with_member(sequence: &[u8], at: usize, member: &[u8]) -> Vec<u8> {
    let mut members = members(sequence);
    members[at] = member.to_vec();
    write::sequence(&members)
}

fn extension(oid: &ObjectIdentifier, critical: Option<bool>, value: &[u8]) -> Vec<u8> {
    let critical = critical.map(write::boolean).unwrap_or_default();
    write::sequence(&[write::oid(oid), critical, write::octet_string(value)])
}

/// Extensions (a SEQUENCE) with one of them put in the place of what there was; `None` takes it out.
fn with_extension(extensions: &[u8], oid: &ObjectIdentifier, new: Option<Vec<u8>>) -> Vec<u8> {
    let is = |one: &Vec<u8>| Element::sequence(one, "test").unwrap().oid("test").unwrap() == *oid;
    let mut list: Vec<_> = members(extensions).into_iter().filter(|one| !is(one)).collect();
    list.extend(new);
    write::sequence(&list)
}

/// The same inside a context tag.
fn with_tagged_extension(tagged: &[u8], oid: &ObjectIdentifier, new: Option<Vec<u8>>) -> Vec<u8> {
    let element = Element::only(tagged, "test").unwrap();
    write::element(element.tag, &with_extension(element.content, oid, new))
}

fn utc(text: &str) -> Vec<u8> {
    write::element(tag::UTC_TIME, text.as_bytes())
}

fn generalized(text: &str) -> Vec<u8> {
    write::element(tag::GENERALIZED_TIME, text.as_bytes())
}

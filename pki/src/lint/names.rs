//! Rules about the names in a certificate: string types, lengths, Vietnamese in NFC, and what EN 319 412 wants of persons and
//! organizations.

use super::encoding::Parts;
use super::{Findings, Rule};
use crate::asn1::{Element, tag};
use crate::certificate::Certificate;
use crate::error::Result;
use crate::name::{DistinguishedName, Name, NameAttribute};
use crate::oid;
use crate::profile::{Holder, Profile};
use der::asn1::ObjectIdentifier;
use unicode_normalization::is_nfc;

pub(super) fn look(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) {
    let (issuer, subject) = (certificate.issuer(), certificate.subject());
    found.unless(!issuer.is_empty(), Rule::IssuerEmpty);
    found.unless(!subject.is_empty(), Rule::SubjectEmpty);
    // A name that cannot be read so far was refused as unreadable.
    let _ = values(&parts.subject, found);
    found.unless(subject.values(&oid::EMAIL_ADDRESS).next().is_none(), Rule::NameMail);
    found.unless([oid::COUNTRY, oid::COMMON_NAME].iter().all(|kind| count(subject, kind) < 2), Rule::NameOnce);
    match own(subject) {
        Some(own) => {
            if let Err(error) = profile.admits(&own) {
                found.with(Rule::SubjectProfile, &error.to_string());
            }
        }
        None => found.with(Rule::SubjectProfile, "an attribute that no profile has"),
    }
    let named = [oid::COUNTRY, oid::ORGANIZATION, oid::COMMON_NAME].iter().all(|kind| count(issuer, kind) == 1);
    found.unless(named, Rule::IssuerAttributes);
    match profile.holder {
        Holder::Person => person(subject, found),
        Holder::Organization => organization(subject, found),
        Holder::Authority | Holder::Device | Holder::Service => {}
    }
}

fn count(name: &Name, kind: &ObjectIdentifier) -> usize {
    name.values(kind).count()
}

/// The name as profiles judge it; `None` where it has an attribute that none of them knows.
fn own(name: &Name) -> Option<DistinguishedName> {
    let attribute = |(kind, value): &(ObjectIdentifier, String)| Some((NameAttribute::from_oid(kind)?, value.clone()));
    name.attributes().iter().map(attribute).collect::<Option<Vec<_>>>().map(DistinguishedName)
}

fn values(name: &Element<'_>, found: &mut Findings) -> Result<()> {
    const WHAT: &str = "Name";
    let mut rdns = name.reader();
    while !rdns.is_empty() {
        let mut members = rdns.expect(tag::SET, WHAT)?.reader();
        while !members.is_empty() {
            let mut pair = members.sequence(WHAT)?;
            let (kind, value) = (pair.oid(WHAT)?, pair.any()?);
            if !has_right_type(&kind, value.tag) {
                found.with(Rule::NameString, &kind.to_string());
            }
            let text = value.text().unwrap_or_default();
            let longest = NameAttribute::from_oid(&kind).map_or(usize::MAX, NameAttribute::longest);
            if text.is_empty() || text.chars().count() > longest {
                found.with(Rule::NameLength, &kind.to_string());
            }
            if !is_nfc(&text) || text.trim() != text || text.chars().any(char::is_control) {
                found.with(Rule::NameNormal, &kind.to_string());
            }
            let code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
            found.unless(kind != oid::COUNTRY || code, Rule::NameCountry);
        }
    }
    Ok(())
}

/// RFC 5280 §4.1.2.4 and appendix A.1.
fn has_right_type(kind: &ObjectIdentifier, value: u8) -> bool {
    match *kind {
        oid::COUNTRY | oid::SERIAL_NUMBER | oid::TELEPHONE => value == tag::PRINTABLE_STRING,
        oid::EMAIL_ADDRESS | oid::DOMAIN_COMPONENT => value == tag::IA5_STRING,
        _ => matches!(value, tag::UTF8_STRING | tag::PRINTABLE_STRING),
    }
}

fn person(subject: &Name, found: &mut Findings) {
    let once = [oid::COUNTRY, oid::COMMON_NAME, oid::SERIAL_NUMBER].iter().all(|kind| count(subject, kind) == 1);
    let called = [oid::GIVEN_NAME, oid::SURNAME].iter().any(|kind| count(subject, kind) > 0);
    found.unless(once && called, Rule::PersonAttributes);
    let identifiers = ["PNO", "IDC", "PAS", "TIN"];
    found.unless(
        subject.values(&oid::SERIAL_NUMBER).all(|value| is_identifier(value, &identifiers)),
        Rule::PersonIdentifier,
    );
}

fn organization(subject: &Name, found: &mut Findings) {
    let wanted = [oid::COUNTRY, oid::ORGANIZATION, oid::ORGANIZATION_IDENTIFIER, oid::COMMON_NAME];
    found.unless(wanted.iter().all(|kind| count(subject, kind) == 1), Rule::OrganizationAttributes);
    let identifiers = ["NTR", "VAT", "LEI", "PSD"];
    found.unless(
        subject.values(&oid::ORGANIZATION_IDENTIFIER).all(|value| is_identifier(value, &identifiers)),
        Rule::OrganizationIdentifier,
    );
    let same = |identifier| subject.values(&oid::ORGANIZATION).any(|name| name == identifier);
    found.unless(!subject.values(&oid::ORGANIZATION_IDENTIFIER).any(same), Rule::OrganizationName);
}

/// EN 319 412-1 §5.1.3 and §5.1.4: three letters of the register (or two and a colon for a national one), two of the country, a
/// hyphen, the reference.
fn is_identifier(value: &str, registers: &[&str]) -> bool {
    let Some((head, reference)) = value.split_once('-') else { return false };
    let (Some(register), Some(country)) = (head.get(..3), head.get(3..)) else { return false };
    let national = register.ends_with(':') && register.bytes().take(2).all(|byte| byte.is_ascii_uppercase());
    let country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    (national || registers.contains(&register)) && country && !reference.is_empty()
}

//! Rules about a certificate's extensions: what RFC 5280 wants of each, what EN 319 412 wants of subscribers, and that they are
//! exactly those of the profile.

use super::encoding::{Parts, is_address};
use super::{Findings, Rule};
use crate::asn1::{Element, tag};
use crate::certificate::Certificate;
use crate::error::Result;
use crate::extension::KeyUsage;
use crate::issue::key_identifier;
use crate::oid;
use crate::profile::{ExtendedUsage, Holder, Profile};
use crate::qualified;
use der::asn1::ObjectIdentifier;
use std::collections::HashSet;

pub(super) fn look(
    certificate: &Certificate,
    parts: &Parts<'_>,
    profile: &Profile,
    found: &mut Findings,
) -> Result<()> {
    found.unless(parts.extensions.iter().all(|one| one.critical != Some(false)), Rule::ExtensionDefault);
    identifiers(certificate, parts, found)?;
    usage(certificate, parts, profile, found)?;
    constraints(certificate, parts, profile, found)?;
    purposes(certificate, parts, profile, found)?;
    policies(certificate, parts, profile, found)?;
    addresses(certificate, parts, profile, found)?;
    statements(parts, profile, found)?;
    others(parts, profile, found);
    Ok(())
}

fn critical(parts: &Parts<'_>, kind: &ObjectIdentifier) -> bool {
    parts.extension(kind).is_some_and(|extension| extension.is_critical())
}

fn identifiers(certificate: &Certificate, parts: &Parts<'_>, found: &mut Findings) -> Result<()> {
    let authority = certificate.authority_key_identifier()?.and_then(|identifier| identifier.key_identifier);
    found.unless(authority.is_some(), Rule::AuthorityKeyAbsent);
    found.unless(!critical(parts, &oid::AUTHORITY_KEY_IDENTIFIER), Rule::AuthorityKeyCritical);
    found.unless(!critical(parts, &oid::SUBJECT_KEY_IDENTIFIER), Rule::SubjectKeyCritical);
    match certificate.subject_key_identifier() {
        None => found.say(Rule::SubjectKeyAbsent),
        Some(identifier) => {
            found.unless(key_identifier(parts.spki.raw)? == identifier, Rule::SubjectKeyValue);
        }
    }
    Ok(())
}

fn usage(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) -> Result<()> {
    let usage = certificate.key_usage()?.unwrap_or(KeyUsage(0));
    found.unless(usage.0 != 0, Rule::KeyUsageAbsent);
    let Some(extension) = parts.extension(&oid::KEY_USAGE) else { return Ok(()) };
    found.unless(extension.is_critical(), Rule::KeyUsageCritical);
    // X.690 §11.2.2: a named bit list has no trailing zero bits, so its last octet's lowest used bit is set.
    let shortest = match Element::only(extension.value, "KeyUsage")?.content {
        [unused, .., last] => last.trailing_zeros() == u32::from(*unused),
        _ => false,
    };
    found.unless(shortest || usage.0 == 0, Rule::KeyUsageBits);
    let expected = profile.key_usage.iter().fold(0u16, |bits, usage| bits | 1 << (*usage as u16));
    found.unless(usage.0 == expected, Rule::KeyUsageProfile);
    let signing = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CONTENT_COMMITMENT;
    let person = matches!(profile.holder, Holder::Person | Holder::Organization);
    found.unless(
        !person || (usage.has(KeyUsage::CONTENT_COMMITMENT) && usage.0 & !signing == 0),
        Rule::KeyUsageCommitment,
    );
    Ok(())
}

fn constraints(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) -> Result<()> {
    let basic = certificate.basic_constraints()?;
    let is_ca = basic.is_some_and(|basic| basic.ca);
    let signs = certificate.key_usage()?.is_some_and(|usage| usage.has(KeyUsage::KEY_CERT_SIGN));
    found.unless(is_ca == signs, Rule::KeyUsageAuthority);
    found.unless(is_ca == profile.is_authority(), Rule::BasicProfile);
    let length = basic.and_then(|basic| basic.path_length);
    found.unless(length == profile.path_length.map(u64::from), Rule::PathLengthProfile);
    found.unless(length.is_none() || (is_ca && signs), Rule::PathLengthWithoutAuthority);
    let Some(extension) = parts.extension(&oid::BASIC_CONSTRAINTS) else { return Ok(()) };
    found.unless(!is_ca || extension.is_critical(), Rule::BasicCritical);
    let mut fields = Element::sequence(extension.value, "BasicConstraints")?;
    let written = fields.optional(tag::BOOLEAN)?.map(|flag| flag.boolean()).transpose()?;
    found.unless(written != Some(false), Rule::ExtensionDefault);
    Ok(())
}

fn purposes(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) -> Result<()> {
    let extended = certificate.extended_key_usage()?.unwrap_or_default();
    let is_critical = critical(parts, &oid::EXTENDED_KEY_USAGE);
    let expected: Vec<_> = profile.extended_key_usage.iter().copied().map(ExtendedUsage::oid).collect();
    let same = extended == expected && is_critical == profile.extended_key_usage_critical;
    found.unless(same, Rule::ExtendedProfile);
    found.unless(!extended.contains(&oid::ANY_EXTENDED_KEY_USAGE) || !is_critical, Rule::ExtendedAny);
    let stamping = extended.contains(&oid::KP_TIME_STAMPING);
    found.unless(!stamping || (extended.len() == 1 && is_critical), Rule::TimeStampingAlone);
    let no_check = parts.extension(&oid::OCSP_NOCHECK);
    let right = match no_check {
        None => !profile.ocsp_no_check,
        Some(extension) => {
            let responder = extended.contains(&oid::KP_OCSP_SIGNING);
            profile.ocsp_no_check && responder && !extension.is_critical() && extension.value == [tag::NULL, 0]
        }
    };
    found.unless(right, Rule::NoCheck);
    Ok(())
}

fn policies(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) -> Result<()> {
    let policies = certificate.policies()?;
    found.unless(policies == profile.policy_oids()?, Rule::PolicyProfile);
    let mut seen = HashSet::new();
    found.unless(policies.iter().all(|policy| seen.insert(*policy)), Rule::PolicyTwice);
    found.unless(!critical(parts, &oid::CERTIFICATE_POLICIES), Rule::PolicyCritical);
    let Some(extension) = parts.extension(&oid::CERTIFICATE_POLICIES) else { return Ok(()) };
    const WHAT: &str = "CertificatePolicies";
    let mut list = Element::sequence(extension.value, WHAT)?;
    while !list.is_empty() {
        let mut information = list.sequence(WHAT)?;
        information.oid(WHAT)?;
        if information.is_empty() {
            continue;
        }
        let mut qualifiers = information.sequence(WHAT)?;
        while !qualifiers.is_empty() {
            let mut qualifier = qualifiers.sequence(WHAT)?;
            let (kind, value) = (qualifier.oid(WHAT)?, qualifier.any()?);
            found.unless(is_qualifier(&kind, &value).unwrap_or(false), Rule::PolicyQualifier);
        }
    }
    Ok(())
}

fn is_qualifier(kind: &ObjectIdentifier, value: &Element<'_>) -> Result<bool> {
    match *kind {
        oid::CPS_QUALIFIER => Ok(value.tag == tag::IA5_STRING && is_address(&value.text()?)),
        oid::USER_NOTICE_QUALIFIER => {
            let text = Element::only(value.content, "UserNotice")?;
            Ok(text.tag == tag::UTF8_STRING && (1..=200).contains(&text.text()?.chars().count()))
        }
        _ => Ok(false),
    }
}

fn addresses(certificate: &Certificate, parts: &Parts<'_>, profile: &Profile, found: &mut Findings) -> Result<()> {
    let (responders, issuers, lists) = (certificate.ocsp_uris(), certificate.issuer_uris(), certificate.crl_uris());
    found.unless(!critical(parts, &oid::AUTHORITY_INFORMATION_ACCESS), Rule::AccessCritical);
    found.unless(!critical(parts, &oid::CRL_DISTRIBUTION_POINTS), Rule::PointsCritical);
    let access = profile.ocsp != responders.is_empty() && profile.ca_issuers != issuers.is_empty();
    found.unless(access, Rule::AccessProfile);
    found.unless(profile.crl != lists.is_empty(), Rule::PointsProfile);
    found.unless([&responders, &issuers, &lists].into_iter().flatten().all(|uri| is_address(uri)), Rule::AddressForm);
    if matches!(profile.holder, Holder::Person | Holder::Organization | Holder::Device) {
        found.unless(!issuers.is_empty(), Rule::AccessAbsent);
        found.unless(!lists.is_empty() || !responders.is_empty(), Rule::StatusAbsent);
    }
    Ok(())
}

fn statements(parts: &Parts<'_>, profile: &Profile, found: &mut Findings) -> Result<()> {
    let expected = profile.qualified.as_ref().and_then(qualified::to_der);
    let extension = parts.extension(&oid::QC_STATEMENTS);
    found.unless(extension.map(|one| one.value) == expected.as_deref(), Rule::StatementsProfile);
    let Some(extension) = extension else { return Ok(()) };
    found.unless(!extension.is_critical(), Rule::StatementsCritical);
    let statements = qualified::read(extension.value)?;
    let mut seen = HashSet::new();
    for statement in &statements {
        let right = seen.insert(statement.oid) && is_statement(statement).unwrap_or(false);
        if !right {
            found.with(Rule::StatementsForm, &statement.oid.to_string());
        }
    }
    Ok(())
}

/// EN 319 412-5 §4.2 and §4.3, RFC 3739 §3.2.6.1.
fn is_statement(statement: &qualified::Statement) -> Result<bool> {
    const WHAT: &str = "QCStatement";
    let Some(info) = statement.info.as_deref() else {
        return Ok(matches!(statement.oid, oid::QC_COMPLIANCE | oid::QC_SSCD));
    };
    match statement.oid {
        oid::QC_LIMIT_VALUE => {
            let limit = qualified::read_limit(info)?;
            Ok(limit.currency.len() == 3 && limit.amount > 0)
        }
        oid::QC_RETENTION_PERIOD => {
            let years = Element::only(info, WHAT)?;
            Ok(years.tag == tag::INTEGER && years.unsigned()? > 0)
        }
        oid::QC_TYPE => Ok(Element::sequence(info, WHAT)?.oid(WHAT).is_ok()),
        oid::QC_PDS => {
            let mut place = Element::sequence(info, WHAT)?.sequence(WHAT)?;
            let url = place.expect(tag::IA5_STRING, WHAT)?.text()?;
            let language = place.expect(tag::PRINTABLE_STRING, WHAT)?.text()?;
            Ok(url.starts_with("https://") && language.len() == 2)
        }
        oid::QC_CC_LEGISLATION => {
            let mut codes = Element::sequence(info, WHAT)?;
            Ok(codes.expect(tag::PRINTABLE_STRING, WHAT)?.content.len() == 2)
        }
        oid::QCS_SYNTAX_V2 => Ok(Element::sequence(info, WHAT)?.oid(WHAT).is_ok()),
        _ => Ok(false),
    }
}

fn others(parts: &Parts<'_>, profile: &Profile, found: &mut Findings) {
    let wanted = |extension: &crate::profile::PrivateExtension| {
        let oid = ObjectIdentifier::new(&extension.oid).ok()?;
        Some((oid, extension.critical, hex::decode(&extension.value).ok()?))
    };
    let private: Vec<_> = profile.private_extensions.iter().filter_map(wanted).collect();
    for (oid, critical, value) in &private {
        let present = parts.extension(oid).is_some_and(|one| one.is_critical() == *critical && one.value == value);
        if !present {
            found.with(Rule::PrivateProfile, &oid.to_string());
        }
    }
    for extension in &parts.extensions {
        let known = USED.contains(&extension.oid) || private.iter().any(|(oid, ..)| *oid == extension.oid);
        if !known {
            found.with(Rule::ExtensionForeign, &extension.oid.to_string());
        }
    }
}

/// Every extension that certificates of profiles may have; whether they do was judged one by one.
const USED: [ObjectIdentifier; 10] = [
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::CERTIFICATE_POLICIES,
    oid::AUTHORITY_INFORMATION_ACCESS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::OCSP_NOCHECK,
    oid::QC_STATEMENTS,
];

//! The rules that a profile must keep, each with its clause. Read over when a profile is loaded: a certificate that breaks one of
//! them could otherwise be made a thousand times before anybody looks.

use super::{ExtendedUsage, Holder, Law, Profile, Usage};
use crate::asn1::Element;
use crate::error::{Error, Result};
use crate::issue::check_address;
use crate::name::NameAttribute;
use crate::oid;
use crate::qualified;
use chuky_model::algorithm::KeyAlgorithm;
use der::asn1::ObjectIdentifier;
use std::collections::HashSet;

/// Stands in addresses for the label of the issuing key.
pub(super) const ISSUER: &str = "{issuer}";

/// Refuses a profile that breaks a rule, with the first clause that is broken.
pub(super) fn check(profile: &Profile) -> Result<()> {
    let checks = [usages, purposes, validity, keys, policies, subject, persons, addresses, status, statements, private];
    for check in checks {
        check(profile).map_err(|text| Error::Refused(format!("profile {}: {text}", profile.name)))?;
    }
    Ok(())
}

type Outcome = std::result::Result<(), String>;

fn keep(kept: bool, clause_and_text: &str) -> Outcome {
    if kept { Ok(()) } else { Err(clause_and_text.to_owned()) }
}

fn usages(profile: &Profile) -> Outcome {
    let has = |usage| profile.key_usage.contains(&usage);
    let authority = profile.is_authority();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    keep(!profile.name.is_empty() && profile.name.chars().all(plain), "the name is lower-case letters, digits and _")?;
    keep(!profile.key_usage.is_empty(), "RFC 5280 §4.2.1.3: at least one key usage bit must be set")?;
    keep(has(Usage::KeyCertSign) == authority, "RFC 5280 §4.2.1.9: keyCertSign is for CAs, and only for them")?;
    keep(authority || !has(Usage::CrlSign), "RFC 5280 §4.2.1.3: cRLSign is for CAs")?;
    keep(authority || profile.path_length.is_none(), "RFC 5280 §4.2.1.9: pathLenConstraint is for CAs")
}

fn purposes(profile: &Profile) -> Outcome {
    let extended = |usage| profile.extended_key_usage.contains(&usage);
    let alone = profile.extended_key_usage.len() == 1;
    keep(
        !extended(ExtendedUsage::TimeStamping) || (alone && profile.extended_key_usage_critical),
        "RFC 3161 §2.3: timeStamping stands alone and is critical",
    )?;
    let subscriber = !matches!(profile.holder, Holder::Authority | Holder::Service);
    keep(
        !subscriber || !profile.extended_key_usage_critical,
        "EN 319 412-2 §4.3.10: the extended key usage of subscribers is not critical",
    )?;
    keep(
        !subscriber || !(extended(ExtendedUsage::TimeStamping) || extended(ExtendedUsage::OcspSigning)),
        "RFC 6960 §4.2.2.2: time and status are signed by services of the authority, not by subscribers",
    )?;
    keep(
        !profile.ocsp_no_check || extended(ExtendedUsage::OcspSigning),
        "RFC 6960 §4.2.2.2.1: nocheck is for OCSP responders",
    )?;
    keep(
        !profile.extended_key_usage_critical || !profile.extended_key_usage.is_empty(),
        "RFC 5280 §4.2.1.12: an extended key usage that is critical names at least one purpose",
    )?;
    keep(
        !profile.is_authority() || profile.extended_key_usage.is_empty(),
        "RFC 5280 §4.2.1.12: an extended key usage in a CA's certificate would bind everything it issues",
    )
}

/// Longest first validity and longest extension in days, with the clause.
fn limits(law: Law, holder: Holder) -> (u32, Option<u32>, &'static str) {
    match (law, holder) {
        (Law::Public, Holder::Authority) => (9_132, None, "Decree 23/2025: a CA's certificate lives at most 25 years"),
        (Law::Official, Holder::Authority) => {
            (7_306, None, "Decree 68/2024, article 9: a CA's certificate lives at most 20 years")
        }
        (_, Holder::Service) => (3_653, None, "Decree 23/2025: a service's certificate lives at most 10 years"),
        (Law::Public, _) => (1_096, None, "Decree 23/2025: a subscriber's certificate lives at most 3 years"),
        (Law::Official, _) => (
            1_827,
            Some(1_096),
            "Decree 68/2024, article 9: a first certificate lives at most 5 years, an extension at most 3",
        ),
    }
}

/// RFC 6960 §4.2.2.2.1 leaves the number open ("a very short lifetime"); this is the longest that CA/Browser Forum BR §6.3.2 gave a certificate
/// that is checked, and a responder is renewed with the yearly ceremony.
const LONGEST_UNCHECKED_DAYS: u32 = 398;

fn validity(profile: &Profile) -> Outcome {
    let (first, extension, clause) = limits(profile.law, profile.holder);
    keep(profile.longest_validity_days > 0, "RFC 5280 §4.1.2.5: the validity ends before it begins")?;
    keep(profile.longest_validity_days <= first, clause)?;
    keep(
        !profile.ocsp_no_check || profile.longest_validity_days <= LONGEST_UNCHECKED_DAYS,
        "RFC 6960 §4.2.2.2.1: nobody checks a responder with nocheck, so it lives very shortly: at most 398 days (CA/Browser Forum BR §6.3.2)",
    )?;
    match (extension, profile.longest_extension_days) {
        (Some(longest), Some(days)) => keep(days > 0 && days <= longest, clause),
        (Some(_), None) => keep(false, clause),
        (None, Some(_)) => keep(false, "only Decree 68/2024 tells first certificates and extensions apart"),
        (None, None) => Ok(()),
    }
}

fn keys(profile: &Profile) -> Outcome {
    keep(!profile.keys.is_empty(), "RFC 5280 §4.1.2.7: no key type is certified")?;
    for name in &profile.keys {
        if KeyAlgorithm::from_name(name).is_none() {
            return Err(format!(
                "Circular 15/2025, Appendix I: {name:?} is not a key type that is certified (RSA of at least 2048 bits, ECDSA of at least 256)"
            ));
        }
    }
    Ok(())
}

fn policies(profile: &Profile) -> Outcome {
    let mut seen = HashSet::new();
    for policy in &profile.policies {
        let oid = object_identifier(&policy.oid).map_err(|error| error.to_string())?;
        keep(seen.insert(oid), "RFC 5280 §4.2.1.4: a policy stands at most once")?;
        keep(
            oid != oid::ANY_POLICY || profile.is_authority(),
            "RFC 5280 §4.2.1.4: anyPolicy is for CAs, a subscriber's certificate names the policy it was issued under",
        )?;
        keep(
            policy.notice.as_ref().is_none_or(|text| (1..=200).contains(&text.chars().count())),
            "RFC 5280 §4.2.1.4: explicitText has 1 to 200 characters",
        )?;
        if let Some(address) = &policy.practice_statement {
            check_address(address).map_err(|error| error.to_string())?;
        }
    }
    let subscriber = !matches!(profile.holder, Holder::Authority | Holder::Service);
    keep(!subscriber || !profile.policies.is_empty(), "EN 319 412-2 §4.3.3: a subscriber's certificate names a policy")
}

fn subject(profile: &Profile) -> Outcome {
    keep(
        profile.subject.iter().any(|rule| rule.required),
        "RFC 5280 §4.1.2.6: the subject must not be empty: no attribute is required",
    )?;
    let mut seen = HashSet::new();
    for rule in &profile.subject {
        let short = rule.attribute.short();
        if !seen.insert(rule.attribute) {
            return Err(format!("{short} has two rules"));
        }
        if rule.longest() == 0 || rule.longest() > rule.attribute.longest() {
            return Err(format!("RFC 5280, appendix A.1: {short} has at most {} characters", rule.attribute.longest()));
        }
        if rule.most == 0 {
            return Err(format!("{short} may stand no time: leave its rule out"));
        }
        let single = matches!(rule.attribute, NameAttribute::Country | NameAttribute::CommonName);
        keep(!single || rule.most == 1, "EN 319 412-2 §4.2.4: country and common name stand once")?;
        keep(
            rule.attribute != NameAttribute::Email,
            "RFC 5280 §4.1.2.6: new certificates have no emailAddress in the subject",
        )?;
    }
    Ok(())
}

/// EN 319 412: what names and uses of persons must have.
fn persons(profile: &Profile) -> Outcome {
    let required = |attribute| profile.subject.iter().any(|rule| rule.required && rule.attribute == attribute);
    let admitted = |attribute| profile.subject.iter().any(|rule| rule.attribute == attribute);
    let named = required(NameAttribute::Country) && required(NameAttribute::CommonName);
    let commits = profile.key_usage.contains(&Usage::ContentCommitment);
    match profile.holder {
        Holder::Person => {
            let person = admitted(NameAttribute::GivenName) && admitted(NameAttribute::Surname);
            keep(
                named && person,
                "EN 319 412-2 §4.2.4: a person's subject has country, common name, given name or surname",
            )?;
            keep(
                required(NameAttribute::SerialNumber),
                "EN 319 412-2 §4.2.4: a serial number tells persons of one name apart",
            )?;
            keep(commits, "EN 319 412-2 §4.3.2: a person's key that signs documents has content commitment")
        }
        Holder::Organization => {
            let organization = required(NameAttribute::Organization) && required(NameAttribute::OrganizationIdentifier);
            keep(
                named && organization,
                "EN 319 412-3 §4.2.1: a legal person's subject has country, organization, its identifier and common name",
            )?;
            keep(commits, "EN 319 412-3 §4.3.1: a legal person's key that signs documents has content commitment")
        }
        Holder::Authority => keep(
            named && required(NameAttribute::Organization),
            "EN 319 412-2 §4.2.3.1: a CA's name has country, organization and common name",
        ),
        Holder::Device | Holder::Service => Ok(()),
    }
}

fn addresses(profile: &Profile) -> Outcome {
    let own = &profile.addresses;
    for (address, used) in [(&own.ocsp, profile.ocsp), (&own.ca_issuers, profile.ca_issuers), (&own.crl, profile.crl)] {
        let Some(address) = address else { continue };
        check_address(&address.replace(ISSUER, "issuer")).map_err(|error| error.to_string())?;
        keep(used, "an address is given that the profile does not put in")?;
    }
    Ok(())
}

fn status(profile: &Profile) -> Outcome {
    let told = profile.crl || profile.ocsp || profile.ocsp_no_check;
    match profile.holder {
        // A root is trusted by itself; that it stands under nobody shows in that nothing names its issuer.
        Holder::Authority if !profile.ca_issuers => Ok(()),
        Holder::Authority => {
            keep(profile.crl || profile.ocsp, "RFC 5280 §4.2.1.13: a CA's certificate says where its status is found")
        }
        Holder::Service => {
            keep(told, "RFC 6960 §4.2.2.2.1: a responder's certificate says where its status is found, or nocheck")
        }
        Holder::Person | Holder::Organization | Holder::Device => {
            keep(profile.crl || profile.ocsp, "EN 319 412-2 §4.3.11: without OCSP there is a CRL distribution point")?;
            keep(profile.ca_issuers, "EN 319 412-2 §4.4.1: the issuer's certificate can be found")
        }
    }
}

fn statements(profile: &Profile) -> Outcome {
    let Some(statements) = &profile.qualified else { return Ok(()) };
    keep(
        matches!(profile.holder, Holder::Person | Holder::Organization | Holder::Device),
        "EN 319 412-5 §4: statements are about subscribers' certificates",
    )?;
    qualified::check(statements, profile.holder)?;
    // A scheme of two letters and a colon is a national one.
    let identifiers = [NameAttribute::SerialNumber, NameAttribute::OrganizationIdentifier];
    let rules = profile.subject.iter().filter(|rule| identifiers.contains(&rule.attribute));
    let national = rules.flat_map(|rule| &rule.begins).any(|start| start.as_bytes().get(2) == Some(&b':'));
    keep(
        !national || statements.semantics.is_none() || statements.registration_authority.is_some(),
        "EN 319 412-1 §5.1.4: an identifier of a national scheme names its registration authority",
    )
}

fn private(profile: &Profile) -> Outcome {
    let mut seen = HashSet::new();
    for extension in &profile.private_extensions {
        let oid = object_identifier(&extension.oid).map_err(|error| error.to_string())?;
        let text = format!("{oid}.");
        keep(
            !text.starts_with("2.5.29.") && !text.starts_with("1.3.6.1.5.5.7."),
            "RFC 5280 §4.2: a private extension has an identifier of its owner's, not one of the standard's",
        )?;
        keep(seen.insert(oid), "RFC 5280 §4.2: an extension stands at most once")?;
        keep(
            !extension.critical,
            "RFC 5280 §4.2: a private extension is not critical, or no reader elsewhere accepts the certificate",
        )?;
        let value =
            hex::decode(&extension.value).map_err(|_| "a private extension's value is hexadecimal".to_owned())?;
        keep(
            Element::only(&value, "private extension").is_ok(),
            "RFC 5280 §4.2: a private extension's value is one DER element",
        )?;
    }
    Ok(())
}

pub(super) fn object_identifier(text: &str) -> Result<ObjectIdentifier> {
    ObjectIdentifier::new(text)
        .map_err(|_| Error::Refused(format!("RFC 5280 §4.2.1.4: {text:?} is not an object identifier")))
}

//! Rules about certificate revocation lists (RFC 5280 §5), over a finished list. Entries are walked where they lie, so that a million of
//! them cost time but no memory. The signature is not verified here.

use super::encoding::{self, RawExtension};
use super::{Finding, Findings, Rule};
use crate::asn1::{Element, Reader, tag};
use crate::certificate::Certificate;
use crate::error::Result;
use crate::extension::{AuthorityKeyIdentifier, KeyUsage};
use crate::{limits, oid};
use chuky_model::instant::Instant;

/// Every rule that this list (DER) of this issuer breaks; of each rule about entries the first place. None means that it may be handed out.
pub fn lint_crl(list: &[u8], issuer: &Certificate) -> Vec<Finding> {
    let mut found = Findings::default();
    if let Err(error) = look(list, issuer, &mut found) {
        found.with(Rule::ListUnreadable, &error.to_string());
    }
    found.0
}

const WHAT: &str = "CertificateList";

fn look(list: &[u8], issuer: &Certificate, found: &mut Findings) -> Result<()> {
    let mut outer = Element::sequence(list, WHAT)?;
    let mut fields = outer.sequence(WHAT)?;
    let algorithm = outer.expect(tag::SEQUENCE, WHAT)?;
    outer.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
    outer.finish(WHAT)?;
    let version = fields.optional(tag::INTEGER)?.map(|version| version.unsigned()).transpose()?;
    found.unless(version == Some(1), Rule::ListVersion);
    found.unless(fields.expect(tag::SEQUENCE, WHAT)?.raw == algorithm.raw, Rule::ListAlgorithms);
    found.unless(encoding::is_admitted_signature(&algorithm), Rule::ListAlgorithmNotAdmitted);
    let named = fields.expect(tag::SEQUENCE, WHAT)?.raw == issuer.subject().as_der();
    found.unless(named && !issuer.subject().is_empty(), Rule::ListIssuer);
    found.unless(issuer.key_usage()?.is_some_and(|usage| usage.has(KeyUsage::CRL_SIGN)), Rule::ListSigner);
    let this_update = fields.any()?;
    let next_update = match fields.peek() {
        Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(fields.any()?),
        _ => None,
    };
    let right = [Some(this_update), next_update].iter().flatten().all(encoding::is_certificate_time);
    found.unless(right, Rule::ListTimeForm);
    let made = this_update.time()?;
    let until = next_update.map(|next| next.time()).transpose()?;
    found.unless(until.is_some_and(|until| until > made), Rule::ListNextUpdate);
    if let Some(revoked) = fields.optional(tag::SEQUENCE)? {
        found.unless(!revoked.content.is_empty(), Rule::ListEmpty);
        entries(revoked.reader(), made, found)?;
    }
    let extensions = match fields.optional(tag::constructed(0))? {
        Some(wrapped) => encoding::extensions(wrapped.reader().sequence(WHAT)?)?,
        None => Vec::new(),
    };
    fields.finish(WHAT)?;
    of_list(&extensions, issuer, found)
}

fn entries(mut list: Reader<'_>, made: Instant, found: &mut Findings) -> Result<()> {
    let mut rules = EntryRules { made: Some(made), ..EntryRules::default() };
    while !list.is_empty() {
        rules.look(list.sequence(WHAT)?, found)?;
    }
    Ok(())
}

/// What is known from one entry to the next.
#[derive(Default)]
pub(super) struct EntryRules {
    /// When the list was made.
    pub made: Option<Instant>,
    /// Rules that an entry has broken.
    broken: Vec<Rule>,
    /// The serial number before.
    before: Vec<u8>,
}

impl EntryRules {
    /// Judges the fields of one entry.
    pub fn look(&mut self, mut fields: Reader<'_>, found: &mut Findings) -> Result<()> {
        let (serial, at) = (fields.expect(tag::INTEGER, WHAT)?, fields.any()?);
        let broken = &mut self.broken;
        let mut breaks = |kept: bool, rule: Rule| {
            if !kept && !broken.contains(&rule) {
                broken.push(rule);
                let shown = hex::encode(serial.content.get(..20).unwrap_or(serial.content));
                found.with(rule, &format!("entry {shown}"));
            }
        };
        breaks(encoding::is_serial(&serial), Rule::EntrySerial);
        breaks(follows(&self.before, serial.content), Rule::EntryOrder);
        self.before.clear();
        self.before.extend_from_slice(serial.content);
        let latest = self.made.map(|made| made.plus_seconds(limits::REVOKED_WHILE_MADE));
        let time = at.time()?;
        breaks(encoding::is_certificate_time(&at) && latest.is_none_or(|latest| time <= latest), Rule::EntryTime);
        if let Some(extensions) = fields.optional(tag::SEQUENCE)? {
            breaks(!extensions.content.is_empty(), Rule::EntryExtension);
            for extension in encoding::extensions(extensions.reader())? {
                match extension.oid {
                    oid::REASON_CODE => breaks(is_reason(extension.value).unwrap_or(false), Rule::EntryReason),
                    oid::INVALIDITY_DATE => {
                        let date = Element::only(extension.value, WHAT)?;
                        breaks(encoding::is_generalized_time(&date), Rule::EntryInvalidity);
                    }
                    _ => breaks(false, Rule::EntryExtension),
                }
                breaks(extension.critical.is_none(), Rule::EntryExtension);
            }
        }
        fields.finish(WHAT)
    }
}

/// Whether a serial number comes behind another in the order of lists: as numbers, which is the register's order.
fn follows(before: &[u8], next: &[u8]) -> bool {
    let [before, next] = [before, next].map(|octets| {
        let first = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
        octets.get(first..).unwrap_or_default()
    });
    (next.len(), next) > (before.len(), before)
}

/// RFC 5280 §5.3.1: not 0, which is left out; not 7, which is not used; not 8, which delta lists have.
fn is_reason(value: &[u8]) -> Result<bool> {
    let code = Element::only(value, WHAT)?;
    Ok(code.tag == tag::ENUMERATED && matches!(code.content, [1..=6 | 9 | 10]))
}

fn of_list(extensions: &[RawExtension<'_>], issuer: &Certificate, found: &mut Findings) -> Result<()> {
    let find = |oid| extensions.iter().find(|extension| extension.oid == oid);
    let own = issuer.subject_key_identifier();
    let key = find(oid::AUTHORITY_KEY_IDENTIFIER)
        .filter(|extension| !extension.is_critical())
        .map(|extension| AuthorityKeyIdentifier::read(extension.value))
        .transpose()?
        .and_then(|identifier| identifier.key_identifier);
    found.unless(key.is_some() && key.as_deref() == own, Rule::ListAuthorityKey);
    let number = find(oid::CRL_NUMBER).filter(|extension| !extension.is_critical());
    let number = number.map(|extension| Element::only(extension.value, WHAT)).transpose()?;
    let right = number.is_some_and(|number| {
        let positive = number.content.first().is_some_and(|first| first & 0x80 == 0);
        number.tag == tag::INTEGER && number.content.len() <= 20 && positive
    });
    found.unless(right, Rule::ListNumber);
    if let Some(scope) = find(oid::ISSUING_DISTRIBUTION_POINT) {
        found.unless(scope.is_critical() && is_scope(scope.value).unwrap_or(false), Rule::ListScope);
    }
    if let Some(expired) = find(oid::EXPIRED_CERTS_ON_CRL) {
        let since = Element::only(expired.value, WHAT)?;
        found.unless(!expired.is_critical() && encoding::is_generalized_time(&since), Rule::ListExpired);
    }
    let used =
        [oid::AUTHORITY_KEY_IDENTIFIER, oid::CRL_NUMBER, oid::ISSUING_DISTRIBUTION_POINT, oid::EXPIRED_CERTS_ON_CRL];
    for extension in extensions {
        if !used.contains(&extension.oid) || extension.critical == Some(false) {
            found.with(Rule::ListExtension, &extension.oid.to_string());
        }
    }
    Ok(())
}

/// RFC 5280 §5.2.5: not empty, and at most one of the three kinds of certificates.
fn is_scope(value: &[u8]) -> Result<bool> {
    let mut fields = Element::sequence(value, WHAT)?;
    let (mut kinds, mut empty) = (0, true);
    while !fields.is_empty() {
        let field = fields.any()?;
        empty = false;
        if matches!(field.tag, 0x81 | 0x82 | 0x85) {
            // X.690 §11.5: false is not written out.
            if !field.boolean()? {
                return Ok(false);
            }
            kinds += 1;
        }
    }
    Ok(!empty && kinds <= 1)
}

//! Rules about OCSP answers (RFC 6960, RFC 9654), over a finished answer. The signature is not verified here.

use super::encoding::{self, RawExtension, is_generalized_time};
use super::{Finding, Findings, Rule};
use crate::asn1::{Element, Reader, tag};
use crate::certificate::Certificate;
use crate::error::Result;
use crate::path::{self, Purpose, may_have_issued};
use crate::{limits, oid};
use chuky_model::instant::Instant;
use std::collections::HashSet;

/// Every rule that this answer (DER) of a responder for this issuer breaks. None means that it may be handed out. A refusal without a
/// status has nothing to be judged but its form.
pub fn lint_ocsp(answer: &[u8], issuer: &Certificate) -> Vec<Finding> {
    let mut found = Findings::default();
    if let Err(error) = look(answer, issuer, &mut found) {
        found.with(Rule::AnswerUnreadable, &error.to_string());
    }
    found.0
}

const WHAT: &str = "OCSPResponse";

fn look(answer: &[u8], issuer: &Certificate, found: &mut Findings) -> Result<()> {
    let mut outer = Element::sequence(answer, WHAT)?;
    let status = outer.expect(tag::ENUMERATED, WHAT)?;
    if outer.is_empty() {
        // RFC 6960 §4.2.1: only a successful answer has bytes; 4 is not used.
        found.unless(matches!(status.content, [1 | 2 | 3 | 5 | 6]), Rule::AnswerUnreadable);
        return Ok(());
    }
    found.unless(status.content == [0], Rule::AnswerUnreadable);
    let mut bytes = outer.expect(tag::constructed(0), WHAT)?.reader().sequence(WHAT)?;
    outer.finish(WHAT)?;
    found.unless(bytes.oid(WHAT)? == oid::OCSP_BASIC, Rule::AnswerUnreadable);
    let mut basic = Element::sequence(bytes.expect(tag::OCTET_STRING, WHAT)?.content, WHAT)?;
    let mut data = basic.sequence(WHAT)?;
    let algorithm = basic.expect(tag::SEQUENCE, WHAT)?;
    found.unless(encoding::is_admitted_signature(&algorithm), Rule::AnswerAlgorithmNotAdmitted);
    basic.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?;
    let certificates = basic.optional(tag::constructed(0))?;
    basic.finish(WHAT)?;
    data.any()?;
    let produced = data.any()?;
    found.unless(is_generalized_time(&produced), Rule::AnswerTimeForm);
    let at = produced.time()?;
    singles(data.sequence(WHAT)?, at, found)?;
    if let Some(wrapped) = data.optional(tag::constructed(1))? {
        extensions(
            &encoding::extensions(wrapped.reader().sequence(WHAT)?)?,
            &[oid::OCSP_NONCE, oid::OCSP_EXTENDED_REVOKE],
            found,
        );
    }
    data.finish(WHAT)?;
    responder(certificates, issuer, at, found)
}

fn singles(mut list: Reader<'_>, produced: Instant, found: &mut Findings) -> Result<()> {
    found.unless(!list.is_empty(), Rule::AnswerEmpty);
    let mut seen = HashSet::new();
    while !list.is_empty() {
        let mut fields = list.sequence(WHAT)?;
        found.unless(seen.insert(fields.expect(tag::SEQUENCE, WHAT)?.raw), Rule::AnswerTwice);
        let status = fields.any()?;
        if status.tag == tag::constructed(1) {
            let right = is_revocation(status.reader(), produced).unwrap_or(false);
            found.unless(right, Rule::AnswerRevocation);
        }
        let this_update = fields.any()?;
        let next_update = match fields.optional(tag::constructed(0))? {
            Some(wrapped) => Some(Element::only(wrapped.content, WHAT)?),
            None => None,
        };
        found.unless([Some(this_update), next_update].iter().flatten().all(is_generalized_time), Rule::AnswerTimeForm);
        let from = this_update.time()?;
        let until = next_update.map(|next| next.time()).transpose()?;
        found.unless(from <= produced && until.is_none_or(|until| until > from), Rule::AnswerOrder);
        if let Some(wrapped) = fields.optional(tag::constructed(1))? {
            // RFC 6960 §4.4.4: what a status tells of a certificate that has expired.
            extensions(&encoding::extensions(wrapped.reader().sequence(WHAT)?)?, &[oid::OCSP_ARCHIVE_CUTOFF], found);
        }
        fields.finish(WHAT)?;
    }
    Ok(())
}

fn is_revocation(mut info: Reader<'_>, produced: Instant) -> Result<bool> {
    let at = info.any()?;
    let reason = match info.optional(tag::constructed(0))? {
        Some(wrapped) => matches!(Element::only(wrapped.content, WHAT)?.content, [1..=6 | 9 | 10]),
        None => true,
    };
    info.finish(WHAT)?;
    Ok(reason && is_generalized_time(&at) && at.time()? <= produced.plus_seconds(limits::REVOKED_WHILE_MADE))
}

fn extensions(list: &[RawExtension<'_>], used: &[der::asn1::ObjectIdentifier], found: &mut Findings) {
    for extension in list {
        if !used.contains(&extension.oid) || extension.critical.is_some() {
            found.with(Rule::AnswerExtension, &extension.oid.to_string());
        }
        if extension.oid == oid::OCSP_NONCE {
            let nonce = Element::only(extension.value, WHAT).ok();
            let right = nonce.is_some_and(|nonce| {
                nonce.tag == tag::OCTET_STRING && (1..=limits::LONGEST_OCSP_NONCE).contains(&nonce.content.len())
            });
            found.unless(right, Rule::AnswerNonce);
        }
    }
}

/// RFC 6960 §4.2.2.2: the issuer itself, or a certificate that it issued for this purpose.
fn responder(certificates: Option<Element<'_>>, issuer: &Certificate, at: Instant, found: &mut Findings) -> Result<()> {
    let Some(wrapped) = certificates else { return Ok(()) };
    let Some(first) = wrapped.reader().sequence(WHAT)?.any().ok() else {
        found.say(Rule::AnswerResponder);
        return Ok(());
    };
    let responder = Certificate::from_der(first.raw)?;
    if responder == *issuer {
        return Ok(());
    }
    let delegated = may_have_issued(issuer, &responder)
        && responder.is_valid_at(at)
        && path::check_leaf(&responder, Purpose::OcspSigning).is_ok();
    found.unless(delegated, Rule::AnswerResponder);
    let checked = responder.extension(&oid::OCSP_NOCHECK).is_some()
        || !responder.ocsp_uris().is_empty()
        || !responder.crl_uris().is_empty();
    found.unless(checked, Rule::AnswerNoCheck);
    Ok(())
}

//! Certificate policies (RFC 5280 §6.1.2–§6.1.5), as far as a path without policy mappings needs them: a CA that demands an explicit
//! policy is obeyed; where mappings would decide the matter the path is refused rather than guessed.

use super::{PathError, constraint, malformed};
use crate::asn1::Element;
use crate::certificate::Certificate;
use crate::error::Result;
use crate::oid;
use der::asn1::ObjectIdentifier;

/// Checks that, where a CA demands it, one policy (or anyPolicy, while it is not inhibited) runs through the whole path.
pub(super) fn check(path: &[Certificate]) -> std::result::Result<(), PathError> {
    let below_anchor: Vec<&Certificate> = path.iter().rev().skip(1).collect();
    let mut explicit = below_anchor.len() + 1;
    let mut inhibit_any = below_anchor.len() + 1;
    // `None` stands for every policy.
    let mut valid: Option<Vec<ObjectIdentifier>> = None;
    let mut mapped = false;
    for (index, certificate) in below_anchor.iter().enumerate() {
        let last = index + 1 == below_anchor.len();
        let found = certificate.policies().map_err(malformed)?;
        let any = found.contains(&oid::ANY_POLICY) && (inhibit_any > 0 || (!last && certificate.is_self_issued()));
        if !any {
            valid = Some(match valid {
                None => found.into_iter().filter(|policy| *policy != oid::ANY_POLICY).collect(),
                Some(valid) => valid.into_iter().filter(|policy| found.contains(policy)).collect(),
            });
        }
        let required = required_explicit_policy(certificate).map_err(malformed)?;
        if !certificate.is_self_issued() && !last {
            explicit = explicit.saturating_sub(1);
            inhibit_any = inhibit_any.saturating_sub(1);
        }
        if let Some(skip) = required {
            // §6.1.5 (b): in the last certificate only zero counts.
            explicit = if last && skip > 0 { explicit } else { explicit.min(skip) };
        }
        if let Some(skip) = skip_certificates(certificate, &oid::INHIBIT_ANY_POLICY).map_err(malformed)? {
            inhibit_any = inhibit_any.min(skip);
        }
        mapped |= certificate.extension(&oid::POLICY_MAPPINGS).is_some();
        let empty = valid.as_ref().is_some_and(Vec::is_empty);
        if (explicit == 0 || (last && explicit <= 1)) && (empty || mapped) && demands(path) {
            return Err(constraint("RFC 5280 §6.1.5 (g): no policy is valid for the path, and a CA demands one"));
        }
    }
    Ok(())
}

/// Whether any certificate of the path demands an explicit policy at all.
fn demands(path: &[Certificate]) -> bool {
    path.iter().any(|certificate| matches!(required_explicit_policy(certificate), Ok(Some(_))))
}

fn required_explicit_policy(certificate: &Certificate) -> Result<Option<usize>> {
    let Some(extension) = certificate.extension(&oid::POLICY_CONSTRAINTS) else { return Ok(None) };
    let mut fields = Element::only(&extension.value, "PolicyConstraints")?.reader();
    let required = fields.optional(0x80)?.map(|element| element.unsigned()).transpose()?;
    Ok(required.map(|skip| usize::try_from(skip).unwrap_or(usize::MAX)))
}

fn skip_certificates(certificate: &Certificate, kind: &ObjectIdentifier) -> Result<Option<usize>> {
    let Some(extension) = certificate.extension(kind) else { return Ok(None) };
    let skip = Element::only(&extension.value, "InhibitAnyPolicy")?.unsigned()?;
    Ok(Some(usize::try_from(skip).unwrap_or(usize::MAX)))
}

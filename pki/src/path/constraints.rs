//! Name constraints (RFC 5280 §4.2.1.10) and policies (§6.1.3 (d) to (f)) along a path, from the anchor down.

use crate::asn1::{Element, tag};
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::extension::{GeneralName, NameConstraints};
use crate::oid;
use der::asn1::ObjectIdentifier;
use std::collections::BTreeSet;

/// The subtrees that CAs further up allowed and forbade.
#[derive(Default)]
pub(super) struct NameSpace {
    /// One list a CA: a name must be within each of them.
    permitted: Vec<Vec<GeneralName>>,
    excluded: Vec<GeneralName>,
}

impl NameSpace {
    pub(super) fn add(&mut self, certificate: &Certificate) -> Result<()> {
        let Some(extension) = certificate.extension(&oid::NAME_CONSTRAINTS) else { return Ok(()) };
        let constraints = NameConstraints::read(&extension.value)?;
        if !constraints.permitted.is_empty() {
            self.permitted.push(constraints.permitted);
        }
        self.excluded.extend(constraints.excluded);
        Ok(())
    }

    pub(super) fn admit(&self, certificate: &Certificate) -> std::result::Result<(), String> {
        if self.permitted.is_empty() && self.excluded.is_empty() {
            return Ok(());
        }
        let mut names = certificate.alternative_names().map_err(|error| error.to_string())?;
        // RFC 5280 §4.2.1.10: mail addresses in the subject count where there is no alternative name for them.
        if !names.iter().any(|name| matches!(name, GeneralName::Email(_))) {
            let emails = certificate.subject().values(&oid::EMAIL_ADDRESS);
            names.extend(emails.map(|email| GeneralName::Email(email.to_owned())));
        }
        if !certificate.subject().is_empty() {
            names.push(GeneralName::Directory(certificate.subject().clone()));
        }
        for name in &names {
            // RFC 5280 §4.2.1.10: a constraint of a kind that is not understood, on a name that is there, must be refused.
            if self
                .excluded
                .iter()
                .any(|base| same_kind(name, base) && (within(name, base) || matches!(name, GeneralName::Other(_))))
            {
                return Err("RFC 5280 §4.2.1.10: a name lies in an excluded subtree".into());
            }
            for list in &self.permitted {
                let mut relevant = list.iter().filter(|base| same_kind(name, base)).peekable();
                if relevant.peek().is_some() && !relevant.any(|base| within(name, base)) {
                    return Err("RFC 5280 §4.2.1.10: a name lies outside the permitted subtrees".into());
                }
            }
        }
        Ok(())
    }
}

fn same_kind(name: &GeneralName, base: &GeneralName) -> bool {
    match (name, base) {
        (GeneralName::Other(left), GeneralName::Other(right)) => left == right,
        _ => std::mem::discriminant(name) == std::mem::discriminant(base),
    }
}

/// Whether the name lies in the subtree.
fn within(name: &GeneralName, base: &GeneralName) -> bool {
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => name.is_within(base),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => dns_within(name, base),
        (GeneralName::Email(name), GeneralName::Email(base)) => email_within(name, base),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => uri_host(name).is_some_and(|host| host_within(host, base)),
        (GeneralName::Ip(name), GeneralName::Ip(base)) => ip_within(name, base),
        _ => false,
    }
}

fn dns_within(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    let base = base.strip_prefix('.').unwrap_or(&base);
    base.is_empty() || name == base || name.strip_suffix(base).is_some_and(|rest| rest.ends_with('.'))
}

/// RFC 5280 §4.2.1.10: a leading dot means hosts below, otherwise exactly that host.
fn host_within(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    if base.starts_with('.') { host.ends_with(&base) } else { host == base }
}

fn email_within(name: &str, base: &str) -> bool {
    let Some((local, host)) = name.rsplit_once('@') else { return false };
    match base.rsplit_once('@') {
        Some((base_local, base_host)) => local == base_local && host.eq_ignore_ascii_case(base_host),
        None => host_within(host, base),
    }
}

fn uri_host(uri: &str) -> Option<&str> {
    let authority = uri.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.split_once(':').map_or(host, |(host, _)| host))
}

fn ip_within(address: &[u8], base: &[u8]) -> bool {
    let length = address.len();
    if base.len() != 2 * length {
        return false;
    }
    let (network, mask) = base.split_at(length);
    address.iter().zip(network).zip(mask).all(|((address, network), mask)| address & mask == network & mask)
}

/// Which policies are still valid, and whether one must be.
pub(super) struct PolicyState {
    /// `None` stands for any policy.
    valid: Option<BTreeSet<ObjectIdentifier>>,
    /// Certificates until a policy must be valid.
    explicit_after: u64,
    inhibit_any_after: u64,
}

impl Default for PolicyState {
    fn default() -> Self {
        Self { valid: None, explicit_after: u64::MAX, inhibit_any_after: u64::MAX }
    }
}

impl PolicyState {
    pub(super) fn step(
        &mut self,
        certificate: &Certificate,
        is_anchor: bool,
        is_leaf: bool,
    ) -> std::result::Result<(), String> {
        let malformed = |error: Error| error.to_string();
        let self_issued = certificate.is_self_issued() && !is_leaf;
        if !is_anchor {
            self.narrow(certificate.policies().map_err(malformed)?, self_issued);
            if !self_issued {
                self.explicit_after = self.explicit_after.saturating_sub(1);
                self.inhibit_any_after = self.inhibit_any_after.saturating_sub(1);
            }
        }
        let (require, inhibit) = constraints(certificate).map_err(malformed)?;
        if let Some(skip) = require {
            self.explicit_after = self.explicit_after.min(skip);
        }
        if let Some(skip) = inhibit {
            self.inhibit_any_after = self.inhibit_any_after.min(skip);
        }
        if !is_leaf {
            self.map(certificate).map_err(malformed)?;
        }
        // RFC 5280 §6.1.3 (f), §6.1.5 (g).
        if self.explicit_after == 0 && !is_anchor && self.valid.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err("RFC 5280 §6.1.5: no policy is valid along the whole path".into());
        }
        Ok(())
    }

    fn narrow(&mut self, found: Vec<ObjectIdentifier>, self_issued: bool) {
        let any = found.contains(&oid::ANY_POLICY) && (self.inhibit_any_after > 0 || self_issued);
        if any {
            return;
        }
        let found: BTreeSet<_> = found.into_iter().filter(|policy| *policy != oid::ANY_POLICY).collect();
        self.valid = Some(match &self.valid {
            None => found,
            Some(valid) => valid.intersection(&found).copied().collect(),
        });
    }

    /// RFC 5280 §6.1.4 (b): the issuer's policies go by the subject's names from here on.
    fn map(&mut self, certificate: &Certificate) -> Result<()> {
        const WHAT: &str = "PolicyMappings";
        let (Some(extension), Some(valid)) = (certificate.extension(&oid::POLICY_MAPPINGS), self.valid.as_mut()) else {
            return Ok(());
        };
        let mut pairs = Element::sequence(&extension.value, WHAT)?;
        let before = valid.clone();
        while !pairs.is_empty() {
            let mut pair = pairs.sequence(WHAT)?;
            let (issuer, subject) = (pair.oid(WHAT)?, pair.oid(WHAT)?);
            if issuer == oid::ANY_POLICY || subject == oid::ANY_POLICY {
                return Err(Error::Malformed(WHAT));
            }
            if before.contains(&issuer) {
                valid.remove(&issuer);
                valid.insert(subject);
            }
        }
        Ok(())
    }
}

/// `requireExplicitPolicy` and `inhibitAnyPolicy` (RFC 5280 §4.2.1.11, §4.2.1.14).
fn constraints(certificate: &Certificate) -> Result<(Option<u64>, Option<u64>)> {
    let require = match certificate.extension(&oid::POLICY_CONSTRAINTS) {
        Some(extension) => {
            let mut fields = Element::sequence(&extension.value, "PolicyConstraints")?;
            fields.optional(tag::primitive(0))?.map(|element| element.unsigned()).transpose()?
        }
        None => None,
    };
    let inhibit = match certificate.extension(&oid::INHIBIT_ANY_POLICY) {
        Some(extension) => Some(Element::only(&extension.value, "InhibitAnyPolicy")?.unsigned()?),
        None => None,
    };
    Ok((require, inhibit))
}

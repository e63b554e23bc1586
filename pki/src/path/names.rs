//! Name constraints (RFC 5280 §4.2.1.10 and §6.1.4 g): each CA limits the names of everything below it.

use super::{PathError, constraint, malformed};
use crate::certificate::Certificate;
use crate::extension::{GeneralName, NameConstraints};
use crate::oid;

/// Checks every certificate against the constraints of every CA above it.
pub(super) fn check(path: &[Certificate]) -> Result<(), PathError> {
    for (index, ca) in path.iter().enumerate().skip(1) {
        let Some(extension) = ca.extension(&oid::NAME_CONSTRAINTS) else { continue };
        let constraints = NameConstraints::read(&extension.value).map_err(malformed)?;
        for (position, below) in path.iter().take(index).enumerate() {
            // §6.1.3 (b): self-issued intermediates are exempt, the end entity never is.
            if position > 0 && below.is_self_issued() {
                continue;
            }
            for name in names_of(below)? {
                check_name(&name, &constraints)?;
            }
        }
    }
    Ok(())
}

fn names_of(certificate: &Certificate) -> Result<Vec<GeneralName>, PathError> {
    let mut names = certificate.alternative_names().map_err(malformed)?;
    if !certificate.subject().is_empty() {
        names.push(GeneralName::Directory(certificate.subject().clone()));
    }
    for address in certificate.subject().values(&oid::EMAIL_ADDRESS) {
        names.push(GeneralName::Email(address.to_owned()));
    }
    Ok(names)
}

fn check_name(name: &GeneralName, constraints: &NameConstraints) -> Result<(), PathError> {
    if constraints.excluded.iter().any(|base| is_within(name, base).unwrap_or(true)) {
        return Err(constraint("RFC 5280 §6.1.3 (c): a name is excluded by a CA above"));
    }
    let permitted: Vec<bool> = constraints.permitted.iter().filter_map(|base| is_within(name, base)).collect();
    if !permitted.is_empty() && !permitted.contains(&true) {
        return Err(constraint("RFC 5280 §6.1.3 (b): a name is not among those that a CA above permits"));
    }
    Ok(())
}

/// Whether a name lies in a subtree; `None` where they are of different kinds. A kind that cannot be compared lies in every
/// excluded and in no permitted subtree.
fn is_within(name: &GeneralName, base: &GeneralName) -> Option<bool> {
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => Some(name.is_within(base)),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => Some(host_within(name, base, true)),
        (GeneralName::Email(name), GeneralName::Email(base)) => Some(email_within(name, base)),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => Some(host_of(name).is_some_and(|h| uri_within(h, base))),
        (GeneralName::Ip(name), GeneralName::Ip(base)) => Some(address_within(name, base)),
        (GeneralName::Other(name), GeneralName::Other(base)) if name == base => Some(false),
        _ => None,
    }
}

fn host_within(host: &str, base: &str, with_subdomains: bool) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    let base = base.strip_prefix('.').unwrap_or(&base);
    base.is_empty()
        || host == base
        || (with_subdomains && host.strip_suffix(base).is_some_and(|rest| rest.ends_with('.')))
}

fn email_within(address: &str, base: &str) -> bool {
    if base.contains('@') {
        return address.eq_ignore_ascii_case(base);
    }
    let Some((_, host)) = address.rsplit_once('@') else { return false };
    match base.strip_prefix('.') {
        Some(domain) => host_within(host, domain, true) && !host.eq_ignore_ascii_case(domain),
        None => host.eq_ignore_ascii_case(base),
    }
}

fn uri_within(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(domain) => host_within(host, domain, true) && !host.eq_ignore_ascii_case(domain),
        None => host.eq_ignore_ascii_case(base),
    }
}

fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.split(':').next().unwrap_or(host))
}

/// The base is an address and a mask of the same length; a mask that is not contiguous covers nothing.
fn address_within(address: &[u8], base: &[u8]) -> bool {
    let (network, mask) = base.split_at(base.len() / 2);
    let contiguous = mask.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1)).is_sorted_by(|a, b| a >= b);
    network.len() == address.len()
        && mask.len() == address.len()
        && contiguous
        && address.iter().zip(network).zip(mask).all(|((octet, network), mask)| octet & mask == network & mask)
}

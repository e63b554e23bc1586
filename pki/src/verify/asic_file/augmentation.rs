//! Augmentation of the signatures in a container (EN 319 162-1): each signature file as its own format has it, and the archive with it. Files that were
//! signed, manifests and every other signature file keep their octets.

use super::coverage::Container;
use crate::asic::{Archive, ContainerError, Role, limits};
use crate::error::{Error, Result};
use crate::splice::{Splice, spliced};
use crate::verify::augmentation::{Addition, Over};
use crate::verify::xml_file::{Place, Sources};
use crate::verify::{cms_augmentation as cms, xml_augmentation as xml};

/// The signatures of all signature files, as the report names them.
pub(in crate::verify) fn signatures(bytes: &[u8]) -> Result<Vec<String>> {
    let archive = Archive::open(bytes).map_err(as_error)?;
    let container = Container::read(&archive);
    let mut names = Vec::new();
    for part in parts(&container) {
        let inner = match part.role {
            Role::Cades => cms::signatures(part.octets)?,
            _ => xml::signatures(part.octets)?,
        };
        names.extend(inner.into_iter().map(|name| format!("{}, {name}", part.label)));
    }
    Ok(names)
}

/// What a timestamp is over.
pub(in crate::verify) fn imprint(bytes: &[u8], signature: &str, over: Over) -> Result<Vec<u8>> {
    let archive = Archive::open(bytes).map_err(as_error)?;
    let container = Container::read(&archive);
    let parts = parts(&container);
    let (part, inner) = find(&parts, signature)?;
    match part.role {
        Role::Cades => cms::imprint(part.octets, container.covered_by(part.at).content, inner, over),
        _ => {
            let find = |uri: &str| container.by_name(uri).and_then(|at| container.bytes(at));
            let sources = Sources { place: Place::Container, find: &find, length: container.length() };
            xml::imprint(part.octets, &sources, inner, over)
        }
    }
}

/// What changes in the archive.
pub(in crate::verify) fn add(bytes: &[u8], additions: &[(String, Addition)]) -> Result<Vec<Splice>> {
    let archive = Archive::open(bytes).map_err(as_error)?;
    let container = Container::read(&archive);
    let parts = parts(&container);
    let mut of_parts: Vec<(usize, Vec<(String, Addition)>)> = Vec::new();
    for (name, addition) in additions {
        let (part, inner) = find(&parts, name)?;
        let added = (inner.to_owned(), addition.clone());
        match of_parts.iter_mut().find(|(at, _)| *at == part.at) {
            Some((_, list)) => list.push(added),
            None => of_parts.push((part.at, vec![added])),
        }
    }
    let mut contents = Vec::new();
    for (at, additions) in of_parts {
        let Some(part) = parts.iter().find(|part| part.at == at) else { continue };
        let octets = match part.role {
            Role::Cades => cms::add(part.octets, container.covered_by(at).content, &additions)?,
            _ => spliced(part.octets, &xml::add(part.octets, &additions)?)?,
        };
        contents.push((at, octets));
    }
    archive.replaced(&contents).map_err(as_error)
}

/// A signature file.
struct Part<'a> {
    at: usize,
    role: Role,
    label: String,
    octets: &'a [u8],
}

fn parts<'a>(container: &Container<'a>) -> Vec<Part<'a>> {
    let of = |role: Role| container.entries_of(role).into_iter().take(limits::SIGNATURES).map(move |at| (at, role));
    let part = |(at, role)| Some(Part { at, role, label: container.label(at), octets: container.bytes(at)? });
    of(Role::Cades).chain(of(Role::Xades)).filter_map(part).collect()
}

fn find<'p, 'a, 'n>(parts: &'p [Part<'a>], name: &'n str) -> Result<(&'p Part<'a>, &'n str)> {
    let found = parts.iter().find_map(|part| Some((part, name.strip_prefix(&part.label)?.strip_prefix(", ")?)));
    found.ok_or_else(|| Error::Refused("no signature has this identifier".into()))
}

fn as_error(error: ContainerError) -> Error {
    match error {
        ContainerError::Malformed(_) => Error::Malformed("container"),
        ContainerError::Limit(what) => Error::Limit(what),
        ContainerError::Unsupported(what) => Error::Unsupported(what),
    }
}

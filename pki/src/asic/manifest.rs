//! The manifests of a container: `ASiCManifest` (EN 319 162-1 annex A.4), which lists what a signature covers by digest, and the
//! list of files of OpenDocument (`META-INF/manifest.xml`). No DTD, no entities, bounded depth and size.

use super::{ContainerError, limits};
use crate::algorithm::DigestAlgorithm;
use crate::xml::algorithm::digest_method;
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use crate::xml::names::{ASIC_VERSIONS, DSIG};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::borrow::Cow;

/// What a manifest says that a signature, a timestamp or an evidence record covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `SigReference`: the file with the signature.
    pub signature: String,
    pub references: Vec<Reference>,
}

/// One covered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub uri: String,
    /// The algorithm's identifier where it is not known here.
    pub algorithm: Result<DigestAlgorithm, String>,
    pub digest: Vec<u8>,
}

/// The files that `META-INF/manifest.xml` lists, without the container itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    pub paths: Vec<String>,
}

impl Manifest {
    /// Reads an `ASiCManifest`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ContainerError> {
        let text = text(bytes)?;
        let (document, namespace) = document(&text, &ASIC_VERSIONS, "ASiCManifest")?;
        let named = |name: &'static str| elements(&document, namespace, name);
        let mut references_to_signature = named("SigReference");
        let signature = match (references_to_signature.next(), references_to_signature.next()) {
            (Some(one), None) => document.attribute(one, "URI").map(str::to_owned),
            _ => None,
        };
        let signature = signature.ok_or_else(|| malformed("not exactly one SigReference with a URI"))?;
        // Some makers put the references inside SigReference: all of them count, wherever they stand.
        if named("DataObjectReference").count() > limits::REFERENCES {
            return Err(ContainerError::Limit("references in one manifest"));
        }
        let references: Vec<Reference> =
            named("DataObjectReference").map(|element| reference(&document, element)).collect::<Result<_, _>>()?;
        if references.is_empty() {
            return Err(malformed("it lists nothing"));
        }
        Ok(Self { signature, references })
    }
}

impl FileList {
    /// Reads the list.
    pub fn parse(bytes: &[u8]) -> Result<Self, ContainerError> {
        let text = text(bytes)?;
        let (document, _) = document(&text, &[OPEN_DOCUMENT], "manifest")?;
        let entries = || elements(&document, OPEN_DOCUMENT, "file-entry");
        if entries().count() > limits::REFERENCES {
            return Err(ContainerError::Limit("entries in one list of files"));
        }
        let path = |element: NodeId| {
            let named = document.attributes(element).iter().find(|attribute| attribute.local == "full-path");
            named.map(|attribute| attribute.value.to_string()).ok_or_else(|| malformed("a file-entry without a path"))
        };
        let mut paths: Vec<String> = entries().map(path).collect::<Result<_, _>>()?;
        paths.retain(|path| path != "/");
        let unique: std::collections::BTreeSet<&String> = paths.iter().collect();
        if unique.len() != paths.len() {
            return Err(malformed("a path is listed twice"));
        }
        Ok(Self { paths })
    }
}

fn reference(document: &Document<'_>, element: NodeId) -> Result<Reference, ContainerError> {
    let uri = document.attribute(element, "URI").ok_or_else(|| malformed("a reference without a URI"))?;
    let child = |name| document.child(element, DSIG, name);
    let (Some(method), Some(value)) = (child("DigestMethod"), child("DigestValue")) else {
        return Err(malformed("a reference without a digest"));
    };
    let name = document.attribute(method, "Algorithm").unwrap_or_default();
    let digits: String = document.text(value).chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let digest = STANDARD.decode(digits).map_err(|_| malformed("a digest that is no base64"))?;
    let algorithm = digest_method(document, method).map_err(|_| name.chars().take(100).collect());
    Ok(Reference { uri: uri.to_owned(), algorithm, digest })
}

fn elements<'d>(
    document: &'d Document<'_>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = NodeId> + 'd {
    document.elements_within(document.document_element()).filter(move |id| document.is(*id, namespace, name))
}

fn malformed(what: &str) -> ContainerError {
    ContainerError::Malformed(format!("manifest: {what}"))
}

fn text(bytes: &[u8]) -> Result<Cow<'_, str>, ContainerError> {
    if bytes.len() > limits::MANIFEST {
        return Err(ContainerError::Limit("length of a manifest"));
    }
    encoding::decode(bytes).map_err(|error| malformed(&error.to_string()))
}

/// The document with the one of these namespaces that its document element has.
fn document<'t>(
    text: &'t str,
    namespaces: &[&'static str],
    name: &str,
) -> Result<(Document<'t>, &'static str), ContainerError> {
    let document = Document::parse(text).map_err(|error| malformed(&error.to_string()))?;
    let mut known = namespaces.iter().filter(|namespace| document.is(document.document_element(), namespace, name));
    match known.next() {
        Some(namespace) => Ok((document, namespace)),
        None => Err(malformed("another document element than the standard's")),
    }
}

const OPEN_DOCUMENT: &str = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0";

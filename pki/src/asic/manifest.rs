//! The manifests of a container: `ASiCManifest` (EN 319 162-1 annex A.4), which lists what a signature covers by digest, and the
//! list of files of OpenDocument (`META-INF/manifest.xml`). No DTD, no entities, bounded depth and size.

use super::{ContainerError, limits};
use crate::algorithm::DigestAlgorithm;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use uppsala::{Document, NodeId, Parser};

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
        let document = document(text)?;
        let root = root(&document, ASIC, "ASiCManifest")?;
        let signature = match document.get_elements_by_tag_name_ns(ASIC, "SigReference").as_slice() {
            [one] => document.get_attribute(*one, "URI").map(str::to_owned),
            _ => None,
        };
        let signature = signature.ok_or_else(|| malformed("not exactly one SigReference with a URI"))?;
        // Some makers put the references inside SigReference: all of them count, wherever they stand.
        let elements = document.get_elements_by_tag_name_ns(ASIC, "DataObjectReference");
        if elements.len() > limits::REFERENCES {
            return Err(ContainerError::Limit("references in one manifest"));
        }
        let references: Vec<Reference> =
            elements.iter().map(|element| reference(&document, *element)).collect::<Result<_, _>>()?;
        if references.is_empty() || document.parent(root) != Some(document.root()) {
            return Err(malformed("it lists nothing"));
        }
        Ok(Self { signature, references })
    }
}

impl FileList {
    /// Reads the list.
    pub fn parse(bytes: &[u8]) -> Result<Self, ContainerError> {
        let text = text(bytes)?;
        let document = document(text)?;
        root(&document, OPEN_DOCUMENT, "manifest")?;
        let elements = document.get_elements_by_tag_name_ns(OPEN_DOCUMENT, "file-entry");
        if elements.len() > limits::REFERENCES {
            return Err(ContainerError::Limit("entries in one list of files"));
        }
        let path = |element: &NodeId| document.get_attribute_ns(*element, OPEN_DOCUMENT, "full-path");
        let paths = elements.iter().map(|element| path(element).ok_or_else(|| malformed("a file-entry without a path")));
        let mut paths: Vec<String> = paths.map(|path| path.map(str::to_owned)).collect::<Result<_, _>>()?;
        paths.retain(|path| path != "/");
        let unique: std::collections::BTreeSet<&String> = paths.iter().collect();
        if unique.len() != paths.len() {
            return Err(malformed("a path is listed twice"));
        }
        Ok(Self { paths })
    }
}

fn reference(document: &Document<'_>, element: NodeId) -> Result<Reference, ContainerError> {
    let uri = document.get_attribute(element, "URI").ok_or_else(|| malformed("a reference without a URI"))?;
    let method = document.first_child_element_by_name_ns(element, XML_SIGNATURE, "DigestMethod");
    let value = document.first_child_element_by_name_ns(element, XML_SIGNATURE, "DigestValue");
    let (Some(method), Some(value)) = (method, value) else {
        return Err(malformed("a reference without a digest"));
    };
    let name = document.get_attribute(method, "Algorithm").unwrap_or_default();
    let algorithm = DIGESTS.iter().find(|(identifier, _)| *identifier == name).map(|(_, algorithm)| *algorithm);
    let digits: String =
        document.text_content_deep(value).chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let digest = STANDARD.decode(digits).map_err(|_| malformed("a digest that is no base64"))?;
    Ok(Reference { uri: uri.to_owned(), algorithm: algorithm.ok_or_else(|| name.chars().take(100).collect()), digest })
}

fn malformed(what: &str) -> ContainerError {
    ContainerError::Malformed(format!("manifest: {what}"))
}

fn text(bytes: &[u8]) -> Result<&str, ContainerError> {
    if bytes.len() > limits::MANIFEST {
        return Err(ContainerError::Limit("length of a manifest"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))
}

fn document(text: &str) -> Result<Document<'_>, ContainerError> {
    let parser = Parser::new().with_max_depth(limits::MANIFEST_DEPTH).with_forbid_dtd(true).with_forbid_entities(true);
    parser.parse(text).map_err(|_| malformed("not well-formed XML without a DTD"))
}

fn root(document: &Document<'_>, namespace: &str, name: &str) -> Result<NodeId, ContainerError> {
    let root = document.document_element().ok_or_else(|| malformed("empty"))?;
    let fits = document.element(root).is_some_and(|element| element.matches_name_ns(namespace, name));
    if fits { Ok(root) } else { Err(malformed("another document element than the standard's")) }
}

const ASIC: &str = "http://uri.etsi.org/02918/v1.2.1#";
const OPEN_DOCUMENT: &str = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0";
const XML_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// RFC 9231 §2.1, XML Signature 1.1 §6.2, XML Encryption §5.8.
const DIGESTS: [(&str, DigestAlgorithm); 9] = [
    ("http://www.w3.org/2001/04/xmlenc#sha256", DigestAlgorithm::Sha256),
    ("http://www.w3.org/2001/04/xmldsig-more#sha384", DigestAlgorithm::Sha384),
    ("http://www.w3.org/2001/04/xmlenc#sha512", DigestAlgorithm::Sha512),
    ("http://www.w3.org/2001/04/xmldsig-more#sha224", DigestAlgorithm::Sha224),
    ("http://www.w3.org/2000/09/xmldsig#sha1", DigestAlgorithm::Sha1),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-256", DigestAlgorithm::Sha3_256),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-384", DigestAlgorithm::Sha3_384),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-512", DigestAlgorithm::Sha3_512),
    ("http://www.w3.org/2001/04/xmlenc#ripemd160", DigestAlgorithm::Ripemd160),
];

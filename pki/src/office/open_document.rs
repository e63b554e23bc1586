//! OpenDocument packages (ODF 1.2 part 3): which file is a signature file, what the manifest says, and which files elsewhere a part
//! shows.

use super::limits;
use crate::error::{Error, Result};
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;

/// What a file of the package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Mimetype,
    Folder,
    Manifest,
    /// ODF 1.2-3 §5.3.
    DocumentSignatures,
    /// ODF 1.2-3 §5.4.
    MacroSignatures,
    /// Signatures of some program's own (§5.1: any file in `META-INF/` with "signatures" in its name).
    OtherSignatures,
    /// A macro library or a dialog of one.
    Macro,
    Content,
}

/// The role that a name gives.
pub fn role(name: &[u8]) -> Role {
    match name {
        b"mimetype" => Role::Mimetype,
        b"META-INF/manifest.xml" => Role::Manifest,
        b"META-INF/documentsignatures.xml" => Role::DocumentSignatures,
        b"META-INF/macrosignatures.xml" => Role::MacroSignatures,
        _ if name.ends_with(b"/") => Role::Folder,
        _ if name.starts_with(b"META-INF/") && memchr::memmem::find(name, b"signatures").is_some() => {
            Role::OtherSignatures
        }
        _ if [&b"Basic/"[..], b"Scripts/", b"Dialogs/"].iter().any(|folder| name.starts_with(folder)) => Role::Macro,
        _ => Role::Content,
    }
}

/// What is needed of `META-INF/manifest.xml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageManifest {
    /// The media type of the whole package.
    pub media_type: Option<String>,
    /// Whether any file is encrypted.
    pub is_encrypted: bool,
}

impl PackageManifest {
    /// Reads the manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > limits::MARKUP {
            return Err(Error::Limit("length of META-INF/manifest.xml"));
        }
        let text = encoding::decode(bytes)?;
        let document = Document::parse(&text)?;
        if document.local_name(document.document_element()) != "manifest" {
            return Err(Error::Malformed("META-INF/manifest.xml"));
        }
        let mut manifest = Self::default();
        for node in document.elements_within(document.document_element()) {
            match document.local_name(node) {
                "file-entry" if value(&document, node, "full-path") == Some("/") => {
                    let before = manifest
                        .media_type
                        .replace(value(&document, node, "media-type").unwrap_or_default().to_owned());
                    if before.is_some() {
                        return Err(Error::Malformed("META-INF/manifest.xml: the package is listed twice"));
                    }
                }
                "encryption-data" | "encrypted-key" => manifest.is_encrypted = true,
                _ => {}
            }
        }
        Ok(manifest)
    }
}

/// Addresses outside the package whose content a part shows: pictures, objects, sections, sheets, sounds. Links that only lead there
/// are none.
pub fn shown_from_outside(bytes: &[u8]) -> Result<Vec<String>> {
    if bytes.len() > limits::SEARCHED {
        return Err(Error::Limit("length of a part"));
    }
    let text = encoding::decode(bytes)?;
    let document = Document::parse(&text)?;
    let mut found = Vec::new();
    for node in document.elements_within(document.document_element()) {
        let leads_only = ["a", "event-listener", "form"].contains(&document.local_name(node));
        let address = value(&document, node, "href").filter(|address| !leads_only && lies_outside(address));
        found.extend(address.map(|address| address.chars().take(SHOWN).collect()));
        if found.len() >= MOST {
            break;
        }
    }
    Ok(found)
}

/// ODF 1.2-3 §3.7: a reference with a scheme, to a host, or out of the package's folder leads outside.
fn lies_outside(address: &str) -> bool {
    let scheme = address.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    scheme && !address.starts_with("data:") || address.starts_with('/') || address.starts_with("../")
}

fn value<'d>(document: &'d Document<'_>, node: NodeId, local: &str) -> Option<&'d str> {
    document
        .attributes(node)
        .iter()
        .find(|attribute| attribute.local == local)
        .map(|attribute| attribute.value.as_ref())
}

const SHOWN: usize = 120;
/// Addresses told, at most.
const MOST: usize = 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_picture_from_elsewhere_is_found_and_a_link_is_not() {
        let xml = r#"<o xmlns:x="http://www.w3.org/1999/xlink"><image x:href="http://a/b.png"/><image x:href="Pictures/1.png"/>
            <a x:href="https://example.vn"/><image x:href="../c.png"/></o>"#;
        assert_eq!(shown_from_outside(xml.as_bytes()).unwrap(), ["http://a/b.png", "../c.png"]);
    }

    #[test]
    fn names_tell_what_files_are_for() {
        assert_eq!(role(b"META-INF/documentsignatures.xml"), Role::DocumentSignatures);
        assert_eq!(role(b"META-INF/xsignatures.dat"), Role::OtherSignatures);
        assert_eq!(role(b"META-INF/other.xml"), Role::Content);
        assert_eq!(role(b"Basic/Standard/Module1.xml"), Role::Macro);
    }
}

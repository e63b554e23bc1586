//! OpenDocument packages (ODF 1.2 part 3): which file is a signature file, what the manifest says, and which files elsewhere a part
//! shows.

use super::limits;
use crate::error::{Error, Result};
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use crate::xml::names::DSIG;
use crate::xml::transform::percent_decoded;

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
    /// Perhaps signatures of some program's own (§5.1: any file in `META-INF/` with "signatures" in its name); what it holds says.
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
        _ if name
            .strip_prefix(b"META-INF/")
            .is_some_and(|name| !name.contains(&b'/') && memchr::memmem::find(name, b"signatures").is_some()) =>
        {
            Role::OtherSignatures
        }
        _ if [&b"Basic/"[..], b"Scripts/", b"Dialogs/"].iter().any(|folder| name.starts_with(folder)) => Role::Macro,
        _ => Role::Content,
    }
}

/// Whether a file holds signatures and nothing else: one of the elements that formats keep them in, with `ds:Signature` below. Anything else
/// could be a picture or an object that the document shows.
pub fn holds_signatures(bytes: &[u8]) -> bool {
    let Ok(text) = encoding::decode(bytes.get(..limits::MARKUP.min(bytes.len())).unwrap_or_default()) else {
        return false;
    };
    let Ok(document) = Document::parse(&text) else { return false };
    let root = document.document_element();
    let known = SIGNATURE_FILES.iter().any(|(namespace, local)| document.is(root, namespace, local));
    let mut children = document.children(root).peekable();
    known
        && !document.has_own_text(root)
        && children.peek().is_some()
        && children.all(|child| document.is(child, DSIG, "Signature"))
}

/// Attributes of a part that name a file of the package which `is_meant`: pictures, objects, links. `part` is the part's own name, from whose
/// folder references are resolved (ODF 1.2-3 §3.7), or from the package's root.
pub fn leads_to(bytes: &[u8], part: &str, is_meant: impl Fn(&str) -> bool) -> Result<Option<String>> {
    if bytes.len() > limits::SEARCHED {
        return Err(Error::Limit("length of a part"));
    }
    let text = encoding::decode(bytes)?;
    let document = Document::parse(&text)?;
    let folder = part.rsplit_once('/').map_or("", |(folder, _)| folder);
    let elements = document.elements_within(document.document_element());
    let mut values = elements.flat_map(|node| document.attributes(node)).map(|attribute| attribute.value.as_ref());
    Ok(values.find_map(|value| {
        let places = [resolved(folder, value), resolved("", value)];
        places.into_iter().flatten().find(|name| is_meant(name))
    }))
}

/// The name in the package that an address means, where it means one.
fn resolved(folder: &str, address: &str) -> Option<String> {
    let address = match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("vnd.sun.star.Package") => rest,
        _ => address,
    };
    // The format of before OpenDocument wrote `#Pictures/1.png`.
    let address = address.trim().trim_start_matches('#');
    let path = percent_decoded(address.split(['#', '?']).next().unwrap_or_default());
    let mut steps: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.retain(|step| !step.is_empty());
    (!steps.is_empty()).then(|| steps.join("/"))
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

/// Document elements of files with signatures: ODF 1.2-3 §5.2, OpenOffice.org before it, EN 319 162-1 §A.5 and what came before that.
const SIGNATURE_FILES: [(&str, &str); 5] = [
    ("urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0", "document-signatures"),
    ("http://openoffice.org/2004/documentsignatures", "document-signatures"),
    ("http://uri.etsi.org/02918/v1.2.1#", "XAdESSignatures"),
    ("http://uri.etsi.org/2918/v1.2.1#", "XAdESSignatures"),
    ("http://uri.etsi.org/02918/v1.1.1#", "XAdESSignatures"),
];
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
        assert_eq!(role(b"META-INF/signatures/content.xml"), Role::Content);
        assert_eq!(role(b"Basic/Standard/Module1.xml"), Role::Macro);
    }

    #[test]
    fn addresses_lead_into_the_package_in_many_ways() {
        for address in [
            "META-INF/a.xml",
            "./META-INF/a.xml",
            "/META-INF/a.xml",
            "../META-INF/a.xml",
            "META%2DINF/a.xml#b",
            "vnd.sun.star.Package:META-INF/a.xml",
            "#META-INF/a.xml",
        ] {
            let xml = format!(r#"<o xmlns:x="http://www.w3.org/1999/xlink"><image x:href="{address}"/></o>"#);
            let found = leads_to(xml.as_bytes(), "Object 1/content.xml", |name| name == "META-INF/a.xml").unwrap();
            assert!(found.is_some(), "{address}");
        }
        let elsewhere = r#"<o><image href="http://a/META-INF/a.xml"/><image href="a.xml"/></o>"#;
        assert_eq!(leads_to(elsewhere.as_bytes(), "content.xml", |name| name == "META-INF/a.xml").unwrap(), None);
    }

    #[test]
    fn a_file_of_signatures_holds_nothing_else() {
        let file = |content: &str| {
            format!(
                r#"<document-signatures xmlns="urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0">{content}</document-signatures>"#
            )
        };
        let signature = r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>"#;
        assert!(holds_signatures(file(signature).as_bytes()));
        for other in ["", "<svg/>", &format!("{signature}<svg/>"), &format!("{signature}text")] {
            assert!(!holds_signatures(file(other).as_bytes()), "{other}");
        }
        assert!(!holds_signatures(signature.as_bytes()) && !holds_signatures(b"\x89PNG"));
    }
}

//! Reference processing (XMLDSig 1.1 §4.4.3): what a reference is to, and the transforms that are allowed on the way to its digest.
//! Anything that is not in the list is refused by name; nothing is executed, and nothing is fetched.

use super::algorithm::shown;
use super::canonical::{Method, canonicalise};
use super::document::{Document, NodeId};
use super::encoding;
use super::limits;
use super::names::DSIG;
use super::relationships;
use super::selection::{Budget, Selection};
use super::signature::{Canonicalization, decode_base64};
use super::xpath::{self, Filter};
use crate::error::{Error, Result};

/// A transform from the list.
#[derive(Clone, Debug)]
pub enum Transform {
    Canonical(Canonicalization),
    /// Takes out the signature that holds the reference.
    Enveloped,
    Base64,
    /// XPath or XPath Filter 2.0, of the forms that `xpath` knows.
    Filters(Vec<Filter>),
    /// ECMA-376-2 §12.2.4.26: the relationships of an Office Open XML part, those named only.
    Relationships(relationships::Wanted),
}

impl Transform {
    /// The relationships that it takes, where it is the relationship transform.
    pub fn relationships(&self) -> Option<&relationships::Wanted> {
        if let Self::Relationships(wanted) = self { Some(wanted) } else { None }
    }

    /// The same transforms with the relationship transform as xmlsec wrote it; `None` where it is not among them.
    pub fn as_xmlsec_wrote(transforms: &[Self]) -> Option<Vec<Self>> {
        transforms.iter().any(|one| one.relationships().is_some()).then(|| {
            let other = |one: &Self| match one {
                Self::Relationships(wanted) => Self::Relationships(wanted.as_xmlsec_wrote()),
                other => other.clone(),
            };
            transforms.iter().map(other).collect()
        })
    }
}

/// Takes the signature out of the document that it stands in (XMLDSig §6.6.4).
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// XMLDSig §6.6.2.
pub const BASE64: &str = "http://www.w3.org/2000/09/xmldsig#base64";
/// Exclusive XML Canonicalization 1.0.
pub const EXCLUSIVE: &str = super::names::EXCLUSIVE;
const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
const FILTER2: &str = super::names::FILTER2;
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform";

/// Reads a `ds:Transforms` element.
pub(super) fn read(document: &Document<'_>, list: NodeId) -> Result<Vec<Transform>> {
    let mut transforms = Vec::new();
    for node in document.children(list) {
        if !document.is(node, DSIG, "Transform") {
            return Err(Error::Malformed("ds:Transforms"));
        }
        if transforms.len() >= limits::TRANSFORMS {
            return Err(Error::Limit("transforms of one reference"));
        }
        let uri = document.attribute(node, "Algorithm").unwrap_or_default();
        transforms.push(match uri {
            ENVELOPED => Transform::Enveloped,
            BASE64 => Transform::Base64,
            XPATH => Transform::Filters(vec![xpath::read_filter(document, node)?]),
            FILTER2 => Transform::Filters(xpath::read_filters(document, node)?),
            RELATIONSHIPS => Transform::Relationships(relationships::read(document, node)),
            uri if Method::from_uri(uri).is_some() => Transform::Canonical(Canonicalization::read(document, node)?),
            uri => return Err(Error::Unsupported(format!("transform {}", shown(uri)))),
        });
    }
    Ok(transforms)
}

/// What a reference is to.
#[derive(Debug)]
pub enum Target<'d> {
    /// Nodes of the document that holds the signature.
    Nodes(Selection),
    /// Something outside.
    Octets(&'d [u8]),
}

/// Resolves a same-document URI: `""`, `#id`, `#xpointer(/)`, `#xpointer(id('…'))`. `None` where nothing has that identifier.
pub fn same_document(document: &Document<'_>, uri: &str) -> Result<Option<Selection>> {
    let Some(fragment) = uri.strip_prefix('#') else {
        return Ok(uri.is_empty().then(|| Selection::subtree(document, NodeId::ROOT, false)));
    };
    // XMLDSig §4.4.3.3: comments belong to what a full XPointer selects, and to nothing else.
    let (identifier, comments) = match fragment.strip_prefix("xpointer(").and_then(|rest| rest.strip_suffix(')')) {
        Some("/") => return Ok(Some(Selection::subtree(document, NodeId::ROOT, true))),
        Some(pointer) => (xpath::identifier(pointer).ok_or_else(|| unknown_pointer(fragment))?, true),
        None => (fragment, false),
    };
    let mut found = document.by_identifier(identifier)?;
    if found.is_none() && identifier.contains('%') {
        found = document.by_identifier(&percent_decoded(identifier))?;
    }
    Ok(found.map(|id| Selection::subtree(document, id, comments)))
}

fn unknown_pointer(fragment: &str) -> Error {
    Error::Unsupported(format!("XPointer {}", shown(fragment)))
}

/// RFC 3986 §2.1; what is not UTF-8 afterwards stays as it was.
pub fn percent_decoded(uri: &str) -> String {
    let bytes = uri.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits =
            bytes.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let value = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match value.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                decoded.push(octet);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| uri.to_owned())
}

/// Whether the digest of a file was made of a canonical form that has no comments, and the file has some: another file with other
/// comments has the same digest. To readers of XML they are nothing; whoever reads the file as something else may see them.
pub fn leaves_comments_out(octets: &[u8], transforms: &[Transform]) -> Result<bool> {
    let drops = |one: &Transform| matches!(one, Transform::Canonical(wanted) if !wanted.method.keeps_comments());
    Ok(transforms.iter().any(drops) && has_comments(octets)?)
}

/// Whether octets have CDATA sections whose borders one of these transforms takes away (Canonical XML §2.1).
pub fn joins_sections(octets: &[u8], transforms: &[Transform]) -> Result<bool> {
    Ok(transforms.iter().any(|one| matches!(one, Transform::Canonical(_))) && has(octets, b"<![CDATA[")?)
}

/// Whether XML has comments, in whatever encoding.
pub fn has_comments(octets: &[u8]) -> Result<bool> {
    has(octets, b"<!--")
}

fn has(octets: &[u8], what: &[u8]) -> Result<bool> {
    let found = |bytes: &[u8]| memchr::memmem::find(bytes, what).is_some();
    Ok(if octets.contains(&0) { found(encoding::decode(octets)?.as_bytes()) } else { found(octets) })
}

/// ECMA-376-2 §12.2.4.26: the relationship transform takes a relationships part, and its result is only canonicalised. Anywhere else it would
/// leave out, unseen, all that is no relationship: of any document the digest would be that of an empty list.
fn check_order(target: &Target<'_>, transforms: &[Transform]) -> Result<()> {
    let Some(at) = transforms.iter().position(|one| one.relationships().is_some()) else { return Ok(()) };
    let behind = transforms.get(at + 1..).unwrap_or_default();
    let canonical = behind.iter().all(|one| matches!(one, Transform::Canonical(_)));
    match target {
        Target::Octets(_) if at == 0 && canonical => Ok(()),
        _ => Err(misplaced()),
    }
}

/// Sends what is digested to `sink`. Returns the nodes that reached it, `None` where it came from outside. `end` is how nodes are
/// canonicalised that no transform made octets of.
pub fn process(
    document: &Document<'_>,
    signature: NodeId,
    target: Target<'_>,
    transforms: &[Transform],
    end: Method,
    budget: &mut Budget,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<Option<Selection>> {
    check_order(&target, transforms)?;
    let mut selection = match target {
        Target::Octets(octets) => return outside(octets, transforms, budget, sink).map(|()| None),
        Target::Nodes(selection) => selection,
    };
    let mut rest = transforms.iter();
    loop {
        match rest.next() {
            None => {
                canonicalise(document, &selection, end, &[], budget, sink)?;
                selection.comments &= end.keeps_comments();
                return Ok(Some(selection));
            }
            Some(Transform::Enveloped) => selection.subtract([document.subtree(signature)]),
            Some(Transform::Filters(filters)) => {
                for filter in filters {
                    filter.apply(document, signature, &mut selection, budget)?;
                }
            }
            Some(Transform::Canonical(wanted)) => {
                octets_of(&mut rest, budget, sink, |budget, sink| {
                    canonicalise(document, &selection, wanted.method, &wanted.prefixes(), budget, sink)
                })?;
                selection.comments &= wanted.method.keeps_comments();
                return Ok(Some(selection));
            }
            Some(Transform::Base64) => {
                let decoded = decode_base64(&text_only(document, &selection, budget)?)?;
                budget.spend(decoded.len())?;
                outside(&decoded, rest.as_slice(), budget, sink)?;
                selection.comments = false;
                return Ok(Some(selection));
            }
            Some(Transform::Relationships(_)) => return Err(misplaced()),
        }
    }
}

fn misplaced() -> Error {
    Error::Unsupported("this order of transforms".into())
}

/// Canonical octets, and what follows them: nothing, or transforms that take octets.
fn octets_of(
    rest: &mut std::slice::Iter<'_, Transform>,
    budget: &mut Budget,
    sink: &mut dyn FnMut(&[u8]),
    write: impl FnOnce(&mut Budget, &mut dyn FnMut(&[u8])) -> Result<()>,
) -> Result<()> {
    let rest = rest.as_slice();
    if rest.is_empty() {
        return write(budget, sink);
    }
    let mut octets = Vec::new();
    write(budget, &mut |piece| octets.extend_from_slice(piece))?;
    outside(&octets, rest, budget, sink)
}

/// Transforms of octets. Filters are refused here: what they leave out of a detached document nobody could see in the report.
fn outside(octets: &[u8], transforms: &[Transform], budget: &mut Budget, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
    budget.spend(octets.len())?;
    let mut rest = transforms.iter();
    match rest.next() {
        None => sink(octets),
        Some(Transform::Canonical(wanted)) => {
            let text = encoding::decode(octets)?;
            let document = Document::parse(&text)?;
            let all = Selection::subtree(&document, NodeId::ROOT, true);
            octets_of(&mut rest, budget, sink, |budget, sink| {
                canonicalise(&document, &all, wanted.method, &wanted.prefixes(), budget, sink)
            })?;
        }
        Some(Transform::Base64) => {
            let text = std::str::from_utf8(octets).map_err(|_| Error::Malformed("base64"))?;
            outside(&decode_base64(text)?, rest.as_slice(), budget, sink)?;
        }
        Some(Transform::Relationships(wanted)) => {
            outside(&relationships::transform(octets, wanted)?, rest.as_slice(), budget, sink)?;
        }
        Some(Transform::Enveloped | Transform::Filters(_)) => return Err(misplaced()),
    }
    Ok(())
}

/// XMLDSig §6.6.2: the text of the selected nodes. Elements below the first would be left out unseen, so they are refused, and so are attributes
/// but for those that say how the text is to be read.
fn text_only(document: &Document<'_>, selection: &Selection, budget: &mut Budget) -> Result<String> {
    let mut text = String::new();
    for (at, range) in selection.ranges().iter().enumerate() {
        budget.spend(range.len())?;
        let first = NodeId(range.start);
        if at > 0 || document.elements_within(first).nth(1).is_some() || document.subtree(first) != *range {
            return Err(Error::Malformed("base64: an element inside"));
        }
        let Some(element) = document.elements_within(first).next() else { continue };
        let known = |local: &str| local.eq_ignore_ascii_case("id") || OF_OBJECTS.contains(&local);
        if !document.attributes(element).iter().all(|attribute| known(attribute.local)) {
            return Err(Error::Unsupported("base64 of an element whose attributes it would leave out".into()));
        }
        text.push_str(&document.text(first));
    }
    Ok(text)
}

/// Attributes that tell what an element holds: of `ds:Object` (XMLDSig §4.5), and of elements of applications that follow it.
const OF_OBJECTS: [&str; 2] = ["MimeType", "Encoding"];

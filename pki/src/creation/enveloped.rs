//! A signature inside a stranger's XML document: where it goes, and the digest of the document without it, which is what it covers (XMLDSig
//! §6.6.4). Reads hostile input, so it runs where hostile input is read; signs nothing.

use crate::algorithm::DigestAlgorithm;
use crate::crypto::Hasher;
use crate::error::{Error, Result};
use crate::xml::canonical::{Method, canonicalise};
use crate::xml::document::{Document, NodeId};
use crate::xml::names::DSIG;
use crate::xml::selection::{Budget, Selection};
use crate::xml::{document, encoding};
use serde::{Deserialize, Serialize};

/// Where an enveloped signature goes, and what it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enveloped {
    /// Digest of the document's exclusive canonical form without comments, then of the octets that were asked for behind it.
    pub digest: Vec<u8>,
    place: Place,
}

/// As the last child of the document element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Before its end tag, which begins at this octet.
    Before(usize),
    /// The element is empty: its `/>`, which ends behind this octet, becomes `>`, and an end tag of this name follows.
    Instead { end: usize, name: String },
}

impl Enveloped {
    /// Of a document in UTF-8. `behind` is digested after the canonical form. Refuses what a further signature would break, or what
    /// readers do not agree about.
    pub fn read(bytes: &[u8], algorithm: DigestAlgorithm, behind: &[u8]) -> Result<Self> {
        let (text, mark) = encoding::utf8(bytes)?;
        let document = Document::parse(text)?;
        let root = document.document_element();
        if has_signature(&document, root) {
            return Err(Error::Refused(
                "the XML document carries a signature, which a further one inside it would break".into(),
            ));
        }
        let mut hasher = Hasher::new(algorithm);
        let mut budget = Budget::for_length(document.text_length());
        // A reference to the whole document, `URI=""`, is without comments (XMLDSig §4.4.3.3).
        let selection = Selection::subtree(&document, NodeId::ROOT, false);
        canonicalise(&document, &selection, METHOD, &[], &mut budget, &mut |piece| hasher.update(piece))?;
        hasher.update(behind);
        let place = match document.document_element_end() {
            document::ElementEnd::Tag(at) => Place::Before(at + mark),
            document::ElementEnd::Empty { end, name } => Place::Instead { end: end + mark, name: name.to_owned() },
        };
        Ok(Self { digest: hasher.finish(), place })
    }

    /// The document with the signature in its place. Nothing of the document is understood here; a place beyond it is refused.
    pub fn insert(&self, document: &[u8], signature: &str) -> Result<Vec<u8>> {
        const WHAT: Error = Error::Malformed("the place of an enveloped signature");
        let (before, after) = match &self.place {
            Place::Before(at) => document.split_at_checked(*at).filter(|(_, after)| after.starts_with(b"</")),
            Place::Instead { end, .. } => document.split_at_checked(*end).filter(|(before, _)| before.ends_with(b"/>")),
        }
        .ok_or(WHAT)?;
        let mut out = Vec::with_capacity(document.len() + signature.len() + ROOM);
        match &self.place {
            Place::Before(_) => out.extend_from_slice(before),
            Place::Instead { .. } => {
                out.extend_from_slice(before.strip_suffix(b"/>").ok_or(WHAT)?);
                out.push(b'>');
            }
        }
        out.extend_from_slice(signature.as_bytes());
        if let Place::Instead { name, .. } = &self.place {
            out.extend_from_slice(format!("</{name}>").as_bytes());
        }
        out.extend_from_slice(after);
        Ok(out)
    }
}

fn has_signature(document: &Document<'_>, root: NodeId) -> bool {
    document.is(root, DSIG, "Signature")
        || document.elements_within(root).any(|node| document.is(node, DSIG, "Signature"))
}

const METHOD: Method = Method::EXCLUSIVE;
/// For an end tag.
const ROOM: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn placed(text: &str) -> String {
        let found = Enveloped::read(text.as_bytes(), DigestAlgorithm::Sha256, b"").unwrap();
        String::from_utf8(found.insert(text.as_bytes(), "<S/>").unwrap()).unwrap()
    }

    #[test]
    fn the_signature_becomes_the_last_child() {
        assert_eq!(placed("<a>x</a>"), "<a>x<S/></a>");
        assert_eq!(
            placed("<?xml version='1.0'?><a b='/a>'><c/><!-- </a> --></a ><!-- </a> -->\n"),
            "<?xml version='1.0'?><a b='/a>'><c/><!-- </a> --><S/></a ><!-- </a> -->\n"
        );
        assert_eq!(placed("<p:a xmlns:p='u' />"), "<p:a xmlns:p='u' ><S/></p:a>");
        assert_eq!(placed("\u{feff}<a/>\n"), "\u{feff}<a><S/></a>\n");
    }

    #[test]
    fn what_would_break_is_refused() {
        let read = |bytes: &[u8]| Enveloped::read(bytes, DigestAlgorithm::Sha256, b"").unwrap_err().to_string();
        let signed = format!("<a><Signature xmlns=\"{DSIG}\"/></a>");
        assert!(read(signed.as_bytes()).contains("carries a signature"));
        let wide: Vec<u8> = "\u{feff}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(read(&wide).contains("UTF-8"));
        assert!(read(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>").contains("UTF-8"));
        assert!(!read(b"<a>").is_empty() && !read(b"%PDF-1.7").is_empty());
    }

    #[test]
    fn a_place_that_is_none_is_refused() {
        let found = Enveloped::read(b"<a>x</a>", DigestAlgorithm::Sha256, b"").unwrap();
        assert!(found.insert(b"<a></a>", "<S/>").is_err());
        assert!(found.insert(b"", "<S/>").is_err());
    }
}

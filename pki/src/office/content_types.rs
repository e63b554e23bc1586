//! `[Content_Types].xml` (ECMA-376-2 §10.1.2): what each part is taken for. No signature can cover it, so each signed part names its
//! type, and this is what it is compared with.

use super::{limits, part};
use crate::error::{Error, Result};
use crate::xml::document::Document;
use crate::xml::encoding;
use std::collections::BTreeMap;

/// The list, by extension and by part.
#[derive(Clone, Debug, Default)]
pub struct ContentTypes {
    extensions: BTreeMap<String, String>,
    parts: BTreeMap<String, String>,
}

impl ContentTypes {
    /// Reads the list. Two entries for one part, or anything beside entries, and readers might see two packages.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        const WHAT: Error = Error::Malformed("[Content_Types].xml");
        if bytes.len() > limits::MARKUP {
            return Err(Error::Limit("length of [Content_Types].xml"));
        }
        let text = encoding::decode(bytes)?;
        let document = Document::parse(&text)?;
        let root = document.document_element();
        if !document.is(root, NAMESPACE, "Types") {
            return Err(WHAT);
        }
        let mut types = Self::default();
        for (at, entry) in document.children(root).enumerate() {
            if at >= limits::ENTRIES {
                return Err(Error::Limit("entries in [Content_Types].xml"));
            }
            let value = |name: &str| document.attribute(entry, name).ok_or(WHAT);
            let content_type = value("ContentType")?.trim().to_owned();
            let before = match document.local_name(entry) {
                "Default" => types.extensions.insert(value("Extension")?.to_ascii_lowercase(), content_type),
                "Override" => types.parts.insert(part::key(value("PartName")?), content_type),
                _ => return Err(WHAT),
            };
            if before.is_some() || document.namespace(entry) != NAMESPACE {
                return Err(WHAT);
            }
        }
        Ok(types)
    }

    /// The type of a part, by its key.
    pub fn of(&self, key: &str) -> Option<&str> {
        let extension = || key.rsplit_once('.').and_then(|(_, extension)| self.extensions.get(extension));
        self.parts.get(key).or_else(extension).map(String::as_str)
    }
}

const NAMESPACE: &str = "http://schemas.openxmlformats.org/package/2006/content-types";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(entries: &str) -> Result<ContentTypes> {
        ContentTypes::parse(format!("<Types xmlns=\"{NAMESPACE}\">{entries}</Types>").as_bytes())
    }

    #[test]
    fn a_part_has_the_type_of_its_entry_or_of_its_extension() {
        let types =
            list(r#"<Default Extension="XML" ContentType="a/b"/><Override PartName="/Word/D.xml" ContentType="c/d"/>"#);
        let types = types.unwrap();
        assert_eq!(types.of("word/d.xml"), Some("c/d"));
        assert_eq!(types.of("word/e.xml"), Some("a/b"));
        assert_eq!(types.of("word/e.bin"), None);
    }

    #[test]
    fn two_entries_for_one_part_are_refused() {
        let double =
            r#"<Override PartName="/a.xml" ContentType="c/d"/><Override PartName="/A.xml" ContentType="e/f"/>"#;
        assert!(list(double).is_err());
        assert!(list("<Other/>").is_err());
    }
}

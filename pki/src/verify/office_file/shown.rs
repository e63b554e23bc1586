//! What a part of an Office Open XML document shows that stands in other parts or elsewhere: content controls bound to data (ISO/IEC 29500-1
//! §17.5.2.6) and fields that show properties or files (§17.16.5). Readers fill them from there, whatever the part says. Looks at text and
//! markup, so that neither an encoding nor a character reference hides any.

use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;

/// What one part, or several, show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Data behind `customXml` relationships.
    pub(super) data: bool,
    /// Properties of the file.
    pub(super) properties: bool,
    /// Fields that show other files, as they are written.
    pub(super) outside: Vec<String>,
}

impl Shown {
    /// What a part shows. Of markup that cannot be read nothing is known: it may show anything.
    pub(super) fn read(content: &[u8]) -> Self {
        if !is_markup(content) {
            return Self::default();
        }
        let anything = Self { data: true, properties: true, outside: Vec::new() };
        let Ok(text) = encoding::decode(content) else { return anything };
        if !SIGNS.iter().any(|sign| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some()) {
            return Self::default();
        }
        Document::parse(&text).map_or(anything, |document| Self::of(&document))
    }

    /// Both together.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.data |= other.data;
        self.properties |= other.properties;
        let room = MOST_OUTSIDE.saturating_sub(self.outside.len());
        self.outside.extend(other.outside.iter().take(room).cloned());
    }

    fn of(document: &Document<'_>) -> Self {
        let mut shown = Self::default();
        // The instruction of a field from the mark where it begins up to the next mark, in as many pieces as the writer likes.
        let mut instruction: Option<String> = None;
        for node in document.elements_within(NodeId::ROOT) {
            match document.local_name(node) {
                "dataBinding" => shown.binding(document, node),
                "fldSimple" => values(document, node, "instr").for_each(|instruction| shown.field(instruction)),
                "instrText" => {
                    if let Some(instruction) = &mut instruction {
                        instruction.push_str(&document.text(node));
                    }
                }
                "fldChar" => {
                    shown.field(&instruction.take().unwrap_or_default());
                    let inside = values(document, node, "fldCharType").all(|kind| matches!(kind, "separate" | "end"))
                        && values(document, node, "fldCharType").next().is_some();
                    instruction = (!inside).then(String::new);
                }
                // ISO/IEC 29500-1 §21.1.2.2.4: what types there are is left to programs.
                "fld" => {
                    let is_author = |kind: &str| kind.to_ascii_lowercase().starts_with("author");
                    shown.properties |= values(document, node, "type").any(is_author);
                }
                _ => {}
            }
        }
        shown.field(&instruction.unwrap_or_default());
        shown
    }

    /// A control that names neither its data nor a namespace is filled from wherever its path leads.
    fn binding(&mut self, document: &Document<'_>, node: NodeId) {
        self.data = true;
        let mappings =
            values(document, node, "prefixMappings").any(|one| PROPERTIES.iter().any(|name| one.contains(name)));
        let stores: Vec<&str> = values(document, node, "storeItemID").collect();
        let is_data = |store: &&str| !store.is_empty() && !STORES.iter().any(|known| store.eq_ignore_ascii_case(known));
        self.properties |= mappings || !matches!(stores.as_slice(), [store] if is_data(store));
    }

    fn field(&mut self, instruction: &str) {
        let ends = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\\');
        let name = instruction.trim_start().split(ends).next().unwrap_or_default().to_ascii_uppercase();
        self.properties |= OF_PROPERTIES.contains(&name.as_str());
        if OF_FILES.contains(&name.as_str()) && self.outside.len() < MOST_OUTSIDE {
            self.outside.push(instruction.trim().chars().take(LONGEST_FIELD).collect());
        }
    }
}

/// The values of all attributes of that name, whatever their namespaces: none hides another.
fn values<'d>(document: &'d Document<'_>, node: NodeId, local: &'d str) -> impl Iterator<Item = &'d str> {
    let named = document.attributes(node).iter().filter(move |attribute| attribute.local == local);
    named.map(|attribute| attribute.value.as_ref())
}

/// Whether a reader may take it for XML: it begins with a `<`, or with its byte order mark, in any encoding that readers of XML know
/// (XML 1.0 Appendix F).
fn is_markup(content: &[u8]) -> bool {
    let begins = |start: &[u8]| content.starts_with(start);
    let marks: [&[u8]; 6] =
        [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe", b"\0\0\xfe\xff", b"\x4c\x6f\xa7\x94", b"\0\0\0<"];
    content.trim_ascii_start().starts_with(b"<") || begins(b"\0<") || marks.iter().any(|mark| begins(mark))
}

/// Without any of these a part shows nothing from elsewhere. A document type declaration could put them together from pieces.
const SIGNS: [&str; 4] = ["dataBinding", "instr", "fld", "<!DOCTYPE"];
/// Names of the properties' namespaces, as bindings name them (ISO/IEC 29500-2 §11, ISO/IEC 29500-1 §22.2).
const PROPERTIES: [&str; 3] =
    ["2006/metadata/core-properties", "2006/extended-properties", "officeDocument/extendedProperties"];
/// By which bindings name the core and the extended properties as data ([MS-OI29500] §2.1.520).
const STORES: [&str; 2] = ["{6C3C8BC8-F283-45AE-878A-BAB7291924A1}", "{6668398D-A668-4E3E-A5EB-62B293D839F1}"];
/// Fields that show properties (ISO/IEC 29500-1 §17.16.5). Counts of pages and words are made anew by readers.
const OF_PROPERTIES: [&str; 14] = [
    "AUTHOR",
    "COMMENTS",
    "CREATEDATE",
    "DOCPROPERTY",
    "EDITTIME",
    "INFO",
    "KEYWORDS",
    "LASTSAVEDBY",
    "PRINTDATE",
    "REVNUM",
    "SAVEDATE",
    "SUBJECT",
    "TEMPLATE",
    "TITLE",
];
/// Fields that show what other files hold.
const OF_FILES: [&str; 9] =
    ["DATABASE", "DDE", "DDEAUTO", "IMPORT", "INCLUDE", "INCLUDEPICTURE", "INCLUDETEXT", "LINK", "RD"];
const MOST_OUTSIDE: usize = 40;
const LONGEST_FIELD: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> Shown {
        Shown::read(format!("<?xml version=\"1.0\"?><w:p xmlns:w=\"urn:w\">{body}</w:p>").as_bytes())
    }

    fn field(pieces: &[&str]) -> String {
        let text: String = pieces.iter().map(|piece| format!("<w:instrText>{piece}</w:instrText>")).collect();
        format!("<w:fldChar w:fldCharType=\"begin\"/>{text}<w:fldChar w:fldCharType=\"separate\"/>")
    }

    #[test]
    fn fields_are_told_by_their_first_word() {
        for pieces in
            [&["TITLE"][..], &[" docproperty Amount "], &["DOC", "PROPERTY x"], &["INFO Title"], &["TIT&#76;E"]]
        {
            assert!(shown(&field(pieces)).properties, "{pieces:?}");
        }
        for pieces in [&["PAGE"][..], &["NUMPAGES"], &["HYPERLINK \"TITLE\""], &["REF TITLE \\h"], &["TOC \\o"]] {
            assert_eq!(shown(&field(pieces)), Shown::default(), "{pieces:?}");
        }
        assert!(shown("<w:fldSimple w:instr=\" TITLE \"/>").properties);
        assert!(shown("<w:fldSimple a:instr=\"PAGE\" xmlns:a=\"urn:a\" w:instr=\" TITLE \"/>").properties);
        assert_eq!(shown(&field(&["INCLUDETEXT \"a.docx\""])).outside, ["INCLUDETEXT \"a.docx\""]);
        // One field in another's instruction.
        let nested =
            format!("<w:fldChar w:fldCharType=\"begin\"/><w:instrText>IF </w:instrText>{}", field(&["SUBJECT"]));
        assert!(shown(&nested).properties);
    }

    #[test]
    fn no_encoding_hides_a_binding() {
        let text = "<?xml version=\"1.0\"?><x xmlns:w=\"urn:w\"><w:dataBinding w:storeItemID=\"{0}\"/></x>";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xff, 0xfe][..], &wide].concat();
        for bytes in [text.as_bytes(), &wide, &marked] {
            let shown = Shown::read(bytes);
            assert!(shown.data && !shown.properties, "{bytes:?}");
        }
        // What cannot be read may show anything.
        let unread = Shown::read(b"<?xml version=\"1.0\" encoding=\"utf-7\"?><x/>");
        assert!(unread.data && unread.properties);
        let declared = Shown::read(b"<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>");
        assert!(declared.data && declared.properties);
        let mapped = "<x><dataBinding storeItemID=\"{0}\" prefixMappings=\"xmlns:a='http://x/2006/metad&#97;ta/core-properties'\"/></x>";
        assert!(Shown::read(mapped.as_bytes()).properties);
        assert_eq!(Shown::read(b"\x89PNG dataBinding"), Shown::default());
    }
}

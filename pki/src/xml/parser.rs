//! The parser: well-formed, namespace-well-formed XML 1.0 without a document type declaration, or with one that only names the document element. One pass without
//! recursion, in time linear in the text. No entity but the five predefined ones, no network, no file.

use super::document::{Attribute, Content, Declaration, Document, Element, ElementEnd, Node};
use super::document::{NO_NAMESPACE, NO_PREFIX, XML_NAMESPACE, XML_PREFIX};
use super::limits;
use super::text::{self, Place};
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;

/// `bears_type` says whether a declaration that declares nothing is borne.
pub(super) fn parse(text: &str, bears_type: bool) -> Result<Document<'_>> {
    text::check_characters(text)?;
    let mut parser = Parser {
        text,
        at: 0,
        document: Document { text_length: text.len(), ..Document::default() },
        open: Vec::new(),
        bindings: Vec::new(),
        replaced: Vec::new(),
        prefixes: HashMap::new(),
        namespaces: HashMap::new(),
        raw: Vec::new(),
        declared: None,
        bears_type,
    };
    parser.begin()?;
    while parser.at < text.len() {
        parser.step()?;
    }
    parser.finish()
}

/// An element whose end tag has not come yet.
struct Open<'a> {
    node: u32,
    /// The qualified name that the end tag must repeat.
    name: &'a str,
    /// How long `replaced` was before it.
    replaced: usize,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    document: Document<'a>,
    open: Vec<Open<'a>>,
    /// The namespace that each prefix is bound to now.
    bindings: Vec<Option<u32>>,
    /// What to restore when elements end.
    replaced: Vec<(u32, Option<u32>)>,
    prefixes: HashMap<&'a str, u32>,
    namespaces: HashMap<Cow<'a, str>, u32>,
    /// Names and values of the start tag at hand.
    raw: Vec<(&'a str, Cow<'a, str>)>,
    /// The name in the document type declaration.
    declared: Option<&'a str>,
    bears_type: bool,
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

fn malformed<T>(what: &'static str) -> Result<T> {
    Err(Error::Malformed(what))
}

impl<'a> Parser<'a> {
    fn begin(&mut self) -> Result<()> {
        self.prefix("")?;
        self.prefix("xml")?;
        self.namespace(Cow::Borrowed(""));
        self.namespace(Cow::Borrowed(XML));
        self.bindings = vec![Some(NO_NAMESPACE), Some(XML_NAMESPACE)];
        self.document.nodes.push(Node { parent: 0, end: 0, content: Content::Root });
        if let Some(rest) = self.text.strip_prefix("<?xml")
            && rest.starts_with([' ', '\t', '\r', '\n'])
        {
            let end = rest.find("?>").ok_or(Error::Malformed("XML declaration"))?;
            let declaration = rest.get(..end).unwrap_or_default();
            let version = declaration.trim_start().strip_prefix("version").map(str::trim_start);
            let version = version.and_then(|rest| rest.strip_prefix('=')).map(str::trim_start);
            match version.and_then(|version| version.get(1..4)) {
                Some("1.0") => {}
                // XML 1.1 has other characters, names and line ends; no signature format uses it.
                Some(other) if other.starts_with("1.") => return Err(Error::Unsupported(format!("XML {other}"))),
                _ => return malformed("XML declaration"),
            }
            self.at = "<?xml".len() + end + "?>".len();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Document<'a>> {
        if !self.open.is_empty() {
            return malformed("XML: an element is not closed");
        }
        if self.document.document_element == 0 {
            return malformed("XML: there is no document element");
        }
        let end = self.document.nodes.len() as u32;
        if let Some(root) = self.document.nodes.first_mut() {
            root.end = end;
        }
        Ok(self.document)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// One piece of text or of markup.
    fn step(&mut self) -> Result<()> {
        let rest = self.rest();
        let length = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        if length > 0 {
            self.at += length;
            return self.character_data(rest.get(..length).unwrap_or_default());
        }
        match rest.as_bytes().get(1) {
            Some(b'/') => self.end_tag(),
            Some(b'?') => self.instruction(),
            Some(b'!') if rest.starts_with("<!--") => self.comment(),
            Some(b'!') if rest.starts_with("<![CDATA[") => self.cdata(),
            Some(b'!') if rest.starts_with("<!DOCTYPE") => self.document_type(),
            _ => self.start_tag(),
        }
    }

    fn push(&mut self, content: Content<'a>) -> Result<u32> {
        let number = self.document.nodes.len();
        if number >= limits::NODES {
            return Err(Error::Limit("nodes of an XML document"));
        }
        let number = number as u32;
        let parent = self.open.last().map_or(0, |open| open.node);
        self.document.nodes.push(Node { parent, end: number + 1, content });
        Ok(number)
    }

    fn character_data(&mut self, raw: &'a str) -> Result<()> {
        if self.open.is_empty() {
            return if raw.bytes().all(text::is_space) { Ok(()) } else { malformed("XML: text outside the document") };
        }
        let expanded = text::expand(raw, Place::Content)?;
        self.push(Content::Text(expanded)).map(drop)
    }

    /// The text up to `end`, behind which reading goes on.
    fn until(&mut self, start: &str, end: &str, what: &'static str) -> Result<&'a str> {
        let rest = self.rest().get(start.len()..).unwrap_or_default();
        let length = memchr::memmem::find(rest.as_bytes(), end.as_bytes()).ok_or(Error::Malformed(what))?;
        self.at += start.len() + length + end.len();
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn cdata(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return malformed("XML: text outside the document");
        }
        let raw = self.until("<![CDATA[", "]]>", "XML: CDATA section")?;
        self.push(Content::Text(text::line_ends(raw))).map(drop)
    }

    fn comment(&mut self) -> Result<()> {
        let raw = self.until("<!--", "-->", "XML: comment")?;
        if raw.contains("--") || raw.ends_with('-') {
            return malformed("XML: comment");
        }
        self.push(Content::Comment(text::line_ends(raw))).map(drop)
    }

    fn instruction(&mut self) -> Result<()> {
        let raw = self.until("<?", "?>", "XML: processing instruction")?;
        let length = text::name_length(raw);
        let (target, data) = (raw.get(..length).unwrap_or_default(), raw.get(length..).unwrap_or_default());
        let separated = data.is_empty() || data.bytes().next().is_some_and(text::is_space);
        if target.is_empty() || target.eq_ignore_ascii_case("xml") || !separated {
            return malformed("XML: processing instruction");
        }
        let data = text::line_ends(data.trim_start_matches([' ', '\t', '\r', '\n']));
        let index = self.document.instructions.len() as u32;
        self.document.instructions.push((target, data));
        self.push(Content::Instruction(index)).map(drop)
    }

    /// XML 1.0 §2.8: a declaration that only names the document element declares nothing, and no reader sees more or less for it. One with a
    /// subset, inside or outside, could.
    fn document_type(&mut self) -> Result<()> {
        const WHAT: &str = "XML with a document type declaration";
        if self.document.document_element != 0 || self.declared.is_some() {
            return malformed("XML: document type declaration");
        }
        let begins = self.at;
        let raw = self.until("<!DOCTYPE", ">", "XML: document type declaration")?;
        let name = raw.trim_matches([' ', '\t', '\r', '\n']);
        if !self.bears_type
            || !raw.starts_with([' ', '\t', '\r', '\n'])
            || name.is_empty()
            // Browsers read such a document by other rules than those of XML.
            || name.eq_ignore_ascii_case("html")
            || text::name_length(name) != name.len()
        {
            self.at = begins;
            return Err(Error::Unsupported(WHAT.into()));
        }
        self.declared = Some(name);
        Ok(())
    }

    fn end_tag(&mut self) -> Result<()> {
        let begins = self.at;
        let raw = self.until("</", ">", "XML: end tag")?;
        let Some(open) = self.open.pop() else { return malformed("XML: an end tag without its start") };
        if raw.trim_end_matches([' ', '\t', '\r', '\n']) != open.name {
            return malformed("XML: an end tag of another element");
        }
        if self.open.is_empty() {
            self.document.document_element_end = ElementEnd::Tag(begins);
        }
        self.remember_end(&open, ElementEnd::Tag(begins));
        self.close(&open);
        Ok(())
    }

    fn remember_end(&mut self, open: &Open<'a>, end: ElementEnd<'a>) {
        let local = open.name.rsplit(':').next().unwrap_or_default();
        if MAY_GROW.contains(&local) {
            self.document.ends.push((open.node, end));
        }
    }

    fn close(&mut self, open: &Open<'a>) {
        let end = self.document.nodes.len() as u32;
        if let Some(node) = self.document.nodes.get_mut(open.node as usize) {
            node.end = end;
        }
        while self.replaced.len() > open.replaced {
            let Some((prefix, before)) = self.replaced.pop() else { return };
            if let Some(binding) = self.bindings.get_mut(prefix as usize) {
                *binding = before;
            }
        }
    }

    fn start_tag(&mut self) -> Result<()> {
        if self.open.len() >= limits::DEPTH {
            return Err(Error::Limit("nesting of XML elements"));
        }
        if self.open.is_empty() && self.document.document_element != 0 {
            return malformed("XML: more than one document element");
        }
        self.at += 1;
        let name = self.name()?;
        let empty = self.raw_attributes()?;
        let replaced = self.replaced.len();
        let mut raw = std::mem::take(&mut self.raw);
        let declarations = self.declare(&raw)?;
        let attributes = self.resolve_attributes(&mut raw)?;
        raw.clear();
        self.raw = raw;
        let (prefix, local) = text::split(name)?;
        let prefix = self.prefix(prefix)?;
        let namespace = self.bound(prefix)?;
        let index = self.document.elements.len() as u32;
        self.document.elements.push(Element { prefix, namespace, local, attributes, declarations });
        let node = self.push(Content::Element(index))?;
        if self.open.is_empty() {
            self.document.document_element = node;
            // XML 1.0 §2.8, validity constraint: what declares another element is not meant for this document.
            if self.declared.is_some_and(|declared| declared != name) {
                return Err(Error::Unsupported("XML with a document type declaration of another element".into()));
            }
        }
        let open = Open { node, name, replaced };
        if empty {
            if self.open.is_empty() {
                self.document.document_element_end = ElementEnd::Empty { end: self.at, name };
            }
            self.remember_end(&open, ElementEnd::Empty { end: self.at, name });
            self.close(&open);
        } else {
            self.open.push(open);
        }
        Ok(())
    }

    fn name(&mut self) -> Result<&'a str> {
        let rest = self.rest();
        let length = text::name_length(rest);
        self.at += length;
        rest.get(..length).filter(|name| !name.is_empty()).ok_or(Error::Malformed("XML: name"))
    }

    /// Reads to the end of the start tag; says whether the element is empty.
    fn raw_attributes(&mut self) -> Result<bool> {
        const WHAT: &str = "XML: start tag";
        loop {
            let rest = self.rest();
            let spaces = rest.bytes().take_while(|byte| text::is_space(*byte)).count();
            self.at += spaces;
            let rest = self.rest();
            match rest.as_bytes() {
                [b'>', ..] => {
                    self.at += 1;
                    return Ok(false);
                }
                [b'/', b'>', ..] => {
                    self.at += 2;
                    return Ok(true);
                }
                _ if spaces == 0 => return malformed(WHAT),
                _ => {}
            }
            let name = self.name()?;
            self.skip_spaces();
            if !self.rest().starts_with('=') {
                return malformed(WHAT);
            }
            self.at += 1;
            self.skip_spaces();
            let rest = self.rest().as_bytes();
            let quote =
                rest.first().copied().filter(|quote| matches!(quote, b'"' | b'\'')).ok_or(Error::Malformed(WHAT))?;
            let body = self.text.get(self.at + 1..).unwrap_or_default();
            let length = memchr::memchr2(quote, b'<', body.as_bytes()).ok_or(Error::Malformed(WHAT))?;
            if body.as_bytes().get(length) != Some(&quote) {
                return malformed("XML: < in an attribute");
            }
            self.at += length + 2;
            let value = text::expand(body.get(..length).unwrap_or_default(), Place::Attribute)?;
            if self.raw.len() >= limits::ATTRIBUTES {
                return Err(Error::Limit("attributes of an XML element"));
            }
            self.raw.push((name, value));
        }
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().bytes().take_while(|byte| text::is_space(*byte)).count();
    }

    /// Namespace declarations of a start tag, sorted by prefix (Namespaces in XML 1.0 §2.2, §3).
    fn declare(&mut self, raw: &[(&'a str, Cow<'a, str>)]) -> Result<std::ops::Range<u32>> {
        const WHAT: &str = "XML: namespace declaration";
        let mut own: Vec<Declaration> = Vec::new();
        for (name, value) in raw {
            let Some(rest) = name.strip_prefix("xmlns") else { continue };
            let prefix = match rest.strip_prefix(':') {
                Some(prefix) if prefix.is_empty() || prefix.contains(':') || prefix == "xmlns" => {
                    return malformed(WHAT);
                }
                Some(_) if value.is_empty() => return malformed(WHAT),
                Some(prefix) => prefix,
                None if rest.is_empty() => "",
                None => continue,
            };
            if value == XMLNS || (value == XML) != (prefix == "xml") {
                return malformed(WHAT);
            }
            let prefix = self.prefix(prefix)?;
            if prefix != XML_PREFIX {
                own.push((prefix, self.namespace(value.clone())));
            }
        }
        own.sort_unstable_by_key(|(prefix, _)| self.document.prefixes.get(*prefix as usize).copied());
        if own.windows(2).any(|pair| matches!(pair, [left, right] if left.0 == right.0)) {
            return malformed(WHAT);
        }
        for (prefix, namespace) in &own {
            if let Some(binding) = self.bindings.get_mut(*prefix as usize) {
                self.replaced.push((*prefix, *binding));
                *binding = Some(*namespace);
            }
        }
        let start = self.document.declarations.len() as u32;
        self.document.declarations.extend(own);
        Ok(start..self.document.declarations.len() as u32)
    }

    /// The other attributes in canonical order, none twice (Namespaces in XML 1.0 §6.3).
    fn resolve_attributes(&mut self, raw: &mut Vec<(&'a str, Cow<'a, str>)>) -> Result<std::ops::Range<u32>> {
        let start = self.document.attributes.len();
        for (name, value) in raw.drain(..) {
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let (prefix, local) = text::split(name)?;
            let prefix = self.prefix(prefix)?;
            // An attribute without prefix is in no namespace.
            let namespace = if prefix == NO_PREFIX { NO_NAMESPACE } else { self.bound(prefix)? };
            self.document.attributes.push(Attribute { prefix, namespace, local, value });
        }
        let Document { attributes, namespaces, .. } = &mut self.document;
        let own = attributes.get_mut(start..).unwrap_or_default();
        let key = |one: &Attribute<'a>| (namespaces.get(one.namespace as usize).map(|name| name.as_ref()), one.local);
        own.sort_by(|left, right| key(left).cmp(&key(right)));
        if own.windows(2).any(|pair| matches!(pair, [left, right] if key(left) == key(right))) {
            return malformed("XML: an attribute stands twice");
        }
        Ok(start as u32..self.document.attributes.len() as u32)
    }

    fn prefix(&mut self, prefix: &'a str) -> Result<u32> {
        if let Some(number) = self.prefixes.get(prefix) {
            return Ok(*number);
        }
        let number = self.document.prefixes.len();
        if number >= limits::PREFIXES {
            return Err(Error::Limit("namespace prefixes of an XML document"));
        }
        self.document.prefixes.push(prefix);
        self.prefixes.insert(prefix, number as u32);
        if self.bindings.len() <= number {
            self.bindings.push(None);
        }
        Ok(number as u32)
    }

    fn namespace(&mut self, name: Cow<'a, str>) -> u32 {
        let next = self.document.namespaces.len() as u32;
        let Document { namespaces, .. } = &mut self.document;
        *self.namespaces.entry(name).or_insert_with_key(|name| {
            namespaces.push(name.clone());
            next
        })
    }

    fn bound(&self, prefix: u32) -> Result<u32> {
        let bound = self.bindings.get(prefix as usize).copied().flatten();
        bound.ok_or(Error::Malformed("XML: a namespace prefix is not declared"))
    }
}

/// Elements to which unsigned properties are added (EN 319 132-1 §4.3).
const MAY_GROW: [&str; 3] = ["QualifyingProperties", "UnsignedProperties", "UnsignedSignatureProperties"];

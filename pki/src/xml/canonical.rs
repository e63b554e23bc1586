//! Canonical XML 1.0 and 1.1 and Exclusive XML Canonicalization 1.0, with and without comments, of any selection of subtrees.
//! One pass over the selected nodes without recursion; every byte and every namespace looked at is charged to the budget.

use super::document::{Attribute, Content, Document, NO_NAMESPACE, NO_PREFIX, NodeId, XML_NAMESPACE, XML_PREFIX};
use super::selection::{Budget, Selection};
use crate::error::{Error, Result};

/// A canonicalisation algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    kind: Kind,
    comments: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Inclusive10,
    Inclusive11,
    Exclusive,
}

const METHODS: [(&str, Kind); 3] = [
    ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", Kind::Inclusive10),
    ("http://www.w3.org/2006/12/xml-c14n11", Kind::Inclusive11),
    ("http://www.w3.org/2001/10/xml-exc-c14n#", Kind::Exclusive),
];

impl Method {
    /// Canonical XML 1.0 without comments, what applies where nothing is named (XMLDSig §4.4.3.2).
    pub const DEFAULT: Self = Self { kind: Kind::Inclusive10, comments: false };

    /// Exclusive XML Canonicalization 1.0 without comments.
    pub const EXCLUSIVE: Self = Self { kind: Kind::Exclusive, comments: false };

    /// The method of that URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        METHODS.iter().find_map(|(base, kind)| match uri.strip_prefix(base)? {
            "" => Some(Self { kind: *kind, comments: false }),
            "#WithComments" => Some(Self { kind: *kind, comments: true }),
            "WithComments" if base.ends_with('#') => Some(Self { kind: *kind, comments: true }),
            _ => None,
        })
    }

    /// Whether comments belong to the canonical form.
    pub fn keeps_comments(self) -> bool {
        self.comments
    }

    /// Whether an `InclusiveNamespaces` prefix list applies.
    pub fn is_exclusive(self) -> bool {
        self.kind == Kind::Exclusive
    }
}

/// Writes the canonical form in pieces to `sink`. `listed` are the prefixes of `InclusiveNamespaces`, `#default` the empty one.
pub fn canonicalise(
    document: &Document<'_>,
    selection: &Selection,
    method: Method,
    listed: &[&str],
    budget: &mut Budget,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let prefixes = document.prefixes.len();
    let mut is_listed = vec![false; prefixes];
    budget.spend(prefixes + listed.iter().map(|name| name.len()).sum::<usize>())?;
    if method.is_exclusive() {
        let listed: std::collections::HashSet<&str> =
            listed.iter().map(|name| if *name == "#default" { "" } else { name }).collect();
        for (slot, prefix) in is_listed.iter_mut().zip(&document.prefixes) {
            *slot = listed.contains(prefix);
        }
    }
    let mut writer = Writer {
        document,
        method,
        order: document.prefix_order(),
        listed: is_listed,
        scope: vec![None; prefixes],
        rendered: vec![None; prefixes],
        undo: Vec::new(),
        open: Vec::new(),
        used: Vec::new(),
        output: Vec::with_capacity(CHUNK.min(document.text_length()) + CHUNK / 8),
        budget,
        sink,
    };
    for range in &selection.ranges {
        for id in range.clone().map(NodeId) {
            writer.close_before(id);
            writer.node(id, selection.comments)?;
            if writer.output.len() >= CHUNK {
                writer.flush()?;
            }
        }
    }
    writer.close_before(NodeId(u32::MAX));
    writer.flush()
}

/// Output is passed on in pieces of about this many bytes.
const CHUNK: usize = 32 * 1024;

struct Open {
    id: NodeId,
    end: u32,
    undo: usize,
}

enum Change {
    Scope(u32, Option<u32>),
    Rendered(u32, Option<u32>),
}

struct Writer<'w, 'a> {
    document: &'w Document<'a>,
    method: Method,
    order: &'w [u32],
    listed: Vec<bool>,
    /// The namespace that each prefix is bound to at the element at hand.
    scope: Vec<Option<u32>>,
    /// What was written for each prefix by the elements that are open.
    rendered: Vec<Option<u32>>,
    undo: Vec<Change>,
    open: Vec<Open>,
    used: Vec<u32>,
    output: Vec<u8>,
    budget: &'w mut Budget,
    sink: &'w mut dyn FnMut(&[u8]),
}

impl<'w, 'a> Writer<'w, 'a> {
    fn flush(&mut self) -> Result<()> {
        self.budget.spend(self.output.len())?;
        (self.sink)(&self.output);
        self.output.clear();
        Ok(())
    }

    /// Writes the end tags of the elements that end before this node.
    fn close_before(&mut self, id: NodeId) {
        while self.open.last().is_some_and(|open| open.end <= id.0) {
            let Some(open) = self.open.pop() else { return };
            self.output.extend_from_slice(b"</");
            self.name(open.id);
            self.output.push(b'>');
            while self.undo.len() > open.undo {
                let (list, prefix, before) = match self.undo.pop() {
                    Some(Change::Scope(prefix, before)) => (&mut self.scope, prefix, before),
                    Some(Change::Rendered(prefix, before)) => (&mut self.rendered, prefix, before),
                    None => return,
                };
                if let Some(slot) = list.get_mut(prefix as usize) {
                    *slot = before;
                }
            }
        }
    }

    fn name(&mut self, id: NodeId) {
        let Some(element) = self.document.element(id) else { return };
        qualified(&mut self.output, self.document.prefixes.get(element.prefix as usize), element.local);
    }

    fn node(&mut self, id: NodeId, comments: bool) -> Result<()> {
        let document = self.document;
        let Some(node) = document.nodes.get(id.index()) else { return Ok(()) };
        self.budget.spend(1)?;
        match &node.content {
            Content::Root => {}
            Content::Element(_) => self.element(id)?,
            Content::Text(text) => escape_text(&mut self.output, text),
            Content::Comment(text) if comments && self.method.comments => {
                self.beside(id, |output| {
                    output.extend_from_slice(b"<!--");
                    output.extend_from_slice(text.as_bytes());
                    output.extend_from_slice(b"-->");
                });
            }
            Content::Comment(_) => {}
            Content::Instruction(index) => {
                let Some((target, data)) = document.instructions.get(*index as usize) else { return Ok(()) };
                self.beside(id, |output| {
                    output.extend_from_slice(b"<?");
                    output.extend_from_slice(target.as_bytes());
                    if !data.is_empty() {
                        output.push(b' ');
                        escape(output, data, |byte| if byte == b'\r' { Some("&#xD;") } else { None });
                    }
                    output.extend_from_slice(b"?>");
                });
            }
        }
        Ok(())
    }

    /// Canonical XML §2.3: outside the document element a line feed stands between it and what is beside it.
    fn beside(&mut self, id: NodeId, write: impl FnOnce(&mut Vec<u8>)) {
        let outside = self.document.parent(id) == Some(NodeId::ROOT);
        let after = id > self.document.document_element();
        if outside && after {
            self.output.push(b'\n');
        }
        write(&mut self.output);
        if outside && !after {
            self.output.push(b'\n');
        }
    }

    fn element(&mut self, id: NodeId) -> Result<()> {
        let parent_is_out = self.document.parent(id) != self.open.last().map(|open| open.id);
        let undo = self.undo.len();
        if parent_is_out {
            self.enter_scope(id)?;
        } else {
            for (prefix, namespace) in self.document.declarations(id) {
                self.bind(*prefix, Some(*namespace));
            }
        }
        self.output.push(b'<');
        self.name(id);
        self.namespaces(id, parent_is_out)?;
        let attributes = self.document.attributes(id);
        let inherited = if parent_is_out { self.inherited(id)? } else { Vec::new() };
        let base = if parent_is_out { self.joined_base(id)? } else { None };
        if let Some((attribute, joined)) = base {
            let own = attributes.iter().filter(|one| !is_base(one)).chain(inherited);
            let mut all: Vec<(&Attribute<'_>, &str)> = own.map(|one| (one, one.value.as_ref())).collect();
            all.push((attribute, &joined));
            all.sort_by_key(|(one, _)| (self.document.namespaces.get(one.namespace as usize), one.local));
            for (attribute, value) in all {
                self.attribute_with(attribute, value);
            }
        } else if inherited.is_empty() {
            for attribute in attributes {
                self.attribute(attribute);
            }
        } else {
            let mut all: Vec<&Attribute<'_>> = attributes.iter().chain(inherited).collect();
            all.sort_by_key(|one| (self.document.namespaces.get(one.namespace as usize), one.local));
            for attribute in all {
                self.attribute(attribute);
            }
        }
        self.output.push(b'>');
        self.open.push(Open { id, end: self.document.subtree(id).end, undo });
        Ok(())
    }

    fn attribute(&mut self, attribute: &Attribute<'_>) {
        self.attribute_with(attribute, &attribute.value);
    }

    fn attribute_with(&mut self, attribute: &Attribute<'_>, value: &str) {
        self.output.push(b' ');
        qualified(&mut self.output, self.document.prefixes.get(attribute.prefix as usize), attribute.local);
        self.output.extend_from_slice(b"=\"");
        escape_attribute(&mut self.output, value);
        self.output.push(b'"');
    }

    fn bind(&mut self, prefix: u32, namespace: Option<u32>) {
        if let Some(slot) = self.scope.get_mut(prefix as usize)
            && *slot != namespace
        {
            self.undo.push(Change::Scope(prefix, *slot));
            *slot = namespace;
        }
    }

    /// Sets the namespaces in scope at an element whose parent is not written.
    fn enter_scope(&mut self, id: NodeId) -> Result<()> {
        let mut above: Vec<NodeId> = std::iter::once(id).chain(self.document.ancestors(id)).collect();
        let declared: usize = above.iter().map(|place| self.document.declarations(*place).len()).sum();
        self.budget.spend(above.len() + declared + self.scope.len())?;
        above.reverse();
        let mut scope: Vec<Option<u32>> = vec![None; self.scope.len()];
        for (prefix, namespace) in above.iter().flat_map(|place| self.document.declarations(*place)) {
            if let Some(slot) = scope.get_mut(*prefix as usize) {
                *slot = Some(*namespace);
            }
        }
        for (prefix, namespace) in scope.into_iter().enumerate() {
            self.bind(prefix as u32, namespace);
        }
        Ok(())
    }

    /// Writes the namespace declarations that the method wants at this element.
    fn namespaces(&mut self, id: NodeId, parent_is_out: bool) -> Result<()> {
        let document = self.document;
        let mut used = std::mem::take(&mut self.used);
        used.clear();
        if self.method.is_exclusive() {
            // Exclusive XML Canonicalization §3: what is visibly utilised, and what is listed.
            used.extend(document.element(id).map(|element| element.prefix));
            used.extend(document.attributes(id).iter().map(|one| one.prefix).filter(|prefix| *prefix != NO_PREFIX));
            if parent_is_out {
                let listed = self.listed.iter().enumerate().filter(|(_, listed)| **listed);
                used.extend(listed.map(|(prefix, _)| prefix as u32));
            } else {
                let own = document.declarations(id).iter().map(|(prefix, _)| *prefix);
                used.extend(own.filter(|prefix| self.listed.get(*prefix as usize) == Some(&true)));
            }
        } else if parent_is_out {
            used.extend(0..document.prefixes.len() as u32);
        } else {
            used.extend(document.declarations(id).iter().map(|(prefix, _)| *prefix));
        }
        self.budget.spend(used.len())?;
        used.sort_unstable_by_key(|prefix| self.order.get(*prefix as usize));
        used.dedup();
        for prefix in &used {
            let bound = self.scope.get(*prefix as usize).copied().flatten();
            let written = self.rendered.get(*prefix as usize).copied().flatten();
            let namespace = match bound {
                None if *prefix == NO_PREFIX => NO_NAMESPACE,
                None => continue,
                Some(namespace) => namespace,
            };
            if *prefix == XML_PREFIX || namespace == written.unwrap_or(NO_NAMESPACE) {
                continue;
            }
            self.declare(*prefix, namespace, written);
        }
        self.used = used;
        Ok(())
    }

    fn declare(&mut self, prefix: u32, namespace: u32, written: Option<u32>) {
        self.output.extend_from_slice(b" xmlns");
        if prefix != NO_PREFIX {
            self.output.push(b':');
            let name = self.document.prefixes.get(prefix as usize).copied().unwrap_or_default();
            self.output.extend_from_slice(name.as_bytes());
        }
        self.output.extend_from_slice(b"=\"");
        if let Some(name) = self.document.namespaces.get(namespace as usize) {
            escape_attribute(&mut self.output, name);
        }
        self.output.push(b'"');
        self.undo.push(Change::Rendered(prefix, written));
        if let Some(slot) = self.rendered.get_mut(prefix as usize) {
            *slot = Some(namespace);
        }
    }

    /// The attributes of namespace `xml` that an element takes over from ancestors that are not written (Canonical XML 1.0 §2.4,
    /// 1.1 §2.4).
    fn inherited(&mut self, id: NodeId) -> Result<Vec<&'w Attribute<'a>>> {
        let document = self.document;
        let mut taken: Vec<&Attribute<'a>> = Vec::new();
        if self.method.is_exclusive() {
            return Ok(taken);
        }
        let own = document.attributes(id);
        for place in document.ancestors(id) {
            self.budget.spend(1)?;
            for attribute in document.attributes(place).iter().filter(|one| one.namespace == XML_NAMESPACE) {
                self.budget.spend(own.len() + taken.len())?;
                let known = |one: &Attribute<'_>| one.namespace == XML_NAMESPACE && one.local == attribute.local;
                if own.iter().any(known) || taken.iter().any(|one| known(one)) {
                    continue;
                }
                match (self.method.kind, attribute.local) {
                    (Kind::Inclusive11, local) if !matches!(local, "lang" | "space") => {}
                    _ => taken.push(attribute),
                }
            }
        }
        Ok(taken)
    }

    /// Canonical XML 1.1 §2.4: the `xml:base` of an element above which some were left out is joined with theirs. `None` where none of them has one.
    fn joined_base(&mut self, id: NodeId) -> Result<Option<(&'w Attribute<'a>, String)>> {
        if self.method.kind != Kind::Inclusive11 {
            return Ok(None);
        }
        let document = self.document;
        let above = self.open.last().map(|open| open.id);
        let mut bases: Vec<&Attribute<'a>> = document.attributes(id).iter().filter(|one| is_base(one)).collect();
        let own = bases.len();
        for place in document.ancestors(id).take_while(|place| Some(*place) != above) {
            let attributes = document.attributes(place);
            self.budget.spend(1 + attributes.len())?;
            bases.extend(attributes.iter().filter(|one| is_base(one)));
        }
        let (Some(nearest), true) = (bases.first(), bases.len() > own) else { return Ok(None) };
        let mut joined: Option<String> = None;
        for base in bases.iter().rev() {
            self.budget.spend(base.value.len() + joined.as_ref().map_or(0, String::len))?;
            joined = Some(
                match joined {
                    None => plain_address(&base.value).map(|_| base.value.to_string()),
                    Some(outer) => joined_address(&outer, &base.value),
                }
                .ok_or_else(|| {
                    Error::Unsupported("xml:base of this form above a part canonicalised by Canonical XML 1.1".into())
                })?,
            );
        }
        Ok(joined.map(|joined| (*nearest, joined)))
    }
}

fn is_base(attribute: &Attribute<'_>) -> bool {
    attribute.namespace == XML_NAMESPACE && attribute.local == "base"
}

/// Scheme with authority, and the path, of an address whose joining with others every reading of RFC 3986 §5.2 agrees about: absolute, with a host,
/// without query, fragment, dots or doubled slashes.
fn plain_address(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let path = rest.find('/')?;
    let plain = !scheme.is_empty() && path > 0 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (head, path) = address.split_at(scheme.len() + "://".len() + path);
    (plain && is_plain(path) && is_plain(head.get(scheme.len() + "://".len()..)?)).then_some((head, path))
}

fn is_plain(path: &str) -> bool {
    !path.contains(['?', '#']) && !path.contains("//") && !path.split('/').any(|step| matches!(step, "." | ".."))
}

/// RFC 3986 §5.2.2, of addresses of that kind.
fn joined_address(base: &str, reference: &str) -> Option<String> {
    if reference.contains(':') {
        return plain_address(reference).map(|_| reference.to_owned());
    }
    let (head, path) = plain_address(base)?;
    if reference.is_empty() || !is_plain(reference) {
        return None;
    }
    if reference.starts_with('/') {
        return Some(format!("{head}{reference}"));
    }
    let (folder, _) = path.rsplit_once('/')?;
    Some(format!("{head}{folder}/{reference}"))
}

fn qualified(output: &mut Vec<u8>, prefix: Option<&&str>, local: &str) {
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        output.extend_from_slice(prefix.as_bytes());
        output.push(b':');
    }
    output.extend_from_slice(local.as_bytes());
}

fn escape_text(output: &mut Vec<u8>, text: &str) {
    escape(output, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

fn escape_attribute(output: &mut Vec<u8>, text: &str) {
    escape(output, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

#[inline]
fn escape(output: &mut Vec<u8>, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| replacement(*byte).is_some()) {
        let (plain, tail) = rest.split_at(at);
        output.extend_from_slice(plain);
        if let Some((byte, after)) = tail.split_first() {
            output.extend_from_slice(replacement(*byte).unwrap_or_default().as_bytes());
            rest = after;
        }
    }
    output.extend_from_slice(rest);
}

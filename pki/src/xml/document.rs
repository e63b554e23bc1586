//! An XML document as a flat list of nodes in document order: a subtree is a range of node numbers, so that what a signature covers
//! is a few ranges. Only reads; made by `parser` and never changed.

use super::parser;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

/// A node's number in document order. 0 is the root node (XPath §5.1), which is no element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The root node.
    pub const ROOT: Self = Self(0);

    /// The number itself.
    pub fn number(self) -> u32 {
        self.0
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) parent: u32,
    /// The first number behind the subtree.
    pub(super) end: u32,
    pub(super) content: Content<'a>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Root,
    /// An index into `elements`.
    Element(u32),
    /// Text or a CDATA section, expanded.
    Text(Cow<'a, str>),
    Comment(Cow<'a, str>),
    /// An index into `instructions`.
    Instruction(u32),
}

/// An element's names and attributes. Prefixes and namespaces are numbers; see `Document`.
#[derive(Debug)]
pub struct Element<'a> {
    pub(super) prefix: u32,
    pub(super) namespace: u32,
    /// The local name.
    pub local: &'a str,
    pub(super) attributes: Range<u32>,
    pub(super) declarations: Range<u32>,
}

/// An attribute that is no namespace declaration.
#[derive(Debug)]
pub struct Attribute<'a> {
    pub(super) prefix: u32,
    pub(super) namespace: u32,
    /// The local name.
    pub local: &'a str,
    /// The normalised value (XML 1.0 §3.3.3).
    pub value: Cow<'a, str>,
}

/// Prefix and namespace, by number.
pub(super) type Declaration = (u32, u32);

/// A parsed document. Attributes of an element stand in canonical order: by namespace, then local name.
#[derive(Debug, Default)]
pub struct Document<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) declarations: Vec<Declaration>,
    pub(super) instructions: Vec<(&'a str, Cow<'a, str>)>,
    /// By number; 0 is the empty prefix, 1 is `xml`.
    pub(super) prefixes: Vec<&'a str>,
    /// By number; 0 is no namespace, 1 is that of `xml`.
    pub(super) namespaces: Vec<Cow<'a, str>>,
    pub(super) document_element: u32,
    pub(super) document_element_end: ElementEnd<'a>,
    /// Of elements to which properties may be added, by node number, in the order of their ends.
    pub(super) ends: Vec<(u32, ElementEnd<'a>)>,
    pub(super) text_length: usize,
    pub(super) identifiers: OnceLock<HashMap<String, Identified>>,
    pub(super) prefix_order: OnceLock<Vec<u32>>,
}

/// How an element ends in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementEnd<'a> {
    /// By an end tag that begins at this octet.
    Tag(usize),
    /// By the `/>` that ends before this octet; the name is the qualified one.
    Empty { end: usize, name: &'a str },
}

impl Default for ElementEnd<'_> {
    fn default() -> Self {
        Self::Tag(0)
    }
}

/// What an identifier names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Identified {
    Once(NodeId),
    Ambiguous,
}

/// The number of no prefix and of the empty prefix.
pub(super) const NO_PREFIX: u32 = 0;
/// The number of the prefix `xml`.
pub(super) const XML_PREFIX: u32 = 1;
/// The number of no namespace.
pub(super) const NO_NAMESPACE: u32 = 0;
/// The number of the namespace of `xml:lang` and its kind.
pub(super) const XML_NAMESPACE: u32 = 1;

/// SAML 1.0 and 1.1 §5.4.2: identifiers by names of their own.
const SAML_1: &str = "urn:oasis:names:tc:SAML:1.0:";
const OF_SAML_1: [&str; 3] = ["AssertionID", "RequestID", "ResponseID"];

impl<'a> Document<'a> {
    /// Parses text that `encoding::decode` made.
    pub fn parse(text: &'a str) -> Result<Self> {
        parser::parse(text, false)
    }

    /// The same of a document with signatures, which may have a document type declaration that only names its document element.
    pub fn parse_signed(text: &'a str) -> Result<Self> {
        parser::parse(text, true)
    }

    /// Length of the text it was parsed from, bytes.
    pub fn text_length(&self) -> usize {
        self.text_length
    }

    /// How many nodes there are; attributes and namespaces are not counted.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The node of that number.
    pub fn node_at(&self, number: u32) -> Option<NodeId> {
        ((number as usize) < self.nodes.len()).then_some(NodeId(number))
    }

    /// The one element that stands under the root node.
    pub fn document_element(&self) -> NodeId {
        NodeId(self.document_element)
    }

    /// How that element ends in the text.
    pub fn document_element_end(&self) -> ElementEnd<'a> {
        self.document_element_end
    }

    /// How an element ends to which unsigned properties of a signature may be added; `None` of any other.
    pub fn end_of(&self, id: NodeId) -> Option<ElementEnd<'a>> {
        self.ends.iter().find(|(node, _)| *node == id.0).map(|(_, end)| *end)
    }

    /// The element at this node.
    pub fn element(&self, id: NodeId) -> Option<&Element<'a>> {
        match self.nodes.get(id.index())?.content {
            Content::Element(index) => self.elements.get(index as usize),
            _ => None,
        }
    }

    /// The element's namespace; empty where it has none.
    pub fn namespace(&self, id: NodeId) -> &str {
        self.element(id).and_then(|element| self.namespaces.get(element.namespace as usize)).map_or("", |name| name)
    }

    /// The element's local name; empty where it is no element.
    pub fn local_name(&self, id: NodeId) -> &'a str {
        self.element(id).map_or("", |element| element.local)
    }

    /// Whether this is an element of that namespace and local name.
    pub fn is(&self, id: NodeId, namespace: &str, local: &str) -> bool {
        self.local_name(id) == local && self.namespace(id) == namespace
    }

    /// The node above.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        let node = self.nodes.get(id.index())?;
        (id != NodeId::ROOT).then_some(NodeId(node.parent))
    }

    /// The nodes above, nearest first, the root node last.
    pub fn ancestors(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.parent(id), |above| self.parent(*above))
    }

    /// The numbers of the subtree: the node itself and all below.
    pub fn subtree(&self, id: NodeId) -> Range<u32> {
        self.nodes.get(id.index()).map_or(0..0, |node| id.0..node.end)
    }

    /// Whether `id` is `above` or below it.
    pub fn is_within(&self, id: NodeId, above: NodeId) -> bool {
        self.subtree(above).contains(&id.0)
    }

    /// Children of every kind, in order.
    pub(super) fn child_nodes(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let range = self.subtree(id);
        let mut at = range.start + 1;
        std::iter::from_fn(move || {
            let child = NodeId(at);
            at = self.nodes.get(child.index()).filter(|_| at < range.end)?.end;
            Some(child)
        })
    }

    /// Child elements, in order.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.child_nodes(id).filter(|child| self.element(*child).is_some())
    }

    /// Pieces of text and comments that stand directly in an element, in order: whether each is text.
    pub(super) fn loose_children(&self, id: NodeId) -> impl Iterator<Item = bool> + '_ {
        let own = self.subtree(id).filter_map(move |number| self.nodes.get(number as usize));
        own.filter(move |node| node.parent == id.0).filter_map(|node| match node.content {
            Content::Text(_) => Some(true),
            Content::Comment(_) => Some(false),
            _ => None,
        })
    }

    /// Whether text stands behind an element in the one that it stands in.
    pub fn has_text_behind(&self, id: NodeId) -> bool {
        let Some(parent) = self.parent(id) else { return false };
        let behind = self.child_nodes(parent).filter(|child| child.number() >= self.subtree(id).end);
        behind.filter_map(|child| self.nodes.get(child.index())).any(|node| match &node.content {
            Content::Text(text) => !text.trim_ascii().is_empty(),
            _ => false,
        })
    }

    /// The first element among these nodes whose text is divided by what its canonical form does not show: the border of a CDATA section, or a
    /// comment where `comments` are not part of it. Many readers take the first piece for all of the text, or the comment itself.
    pub fn divided_text(&self, nodes: Range<u32>, comments: bool) -> Option<NodeId> {
        // Elements at whose end, so far, stands text or such a comment.
        let mut begun = HashSet::new();
        for node in nodes.filter_map(|number| self.nodes.get(number as usize)) {
            match &node.content {
                Content::Text(text) if !text.trim_ascii().is_empty() => {
                    if !begun.insert(node.parent) {
                        return Some(NodeId(node.parent));
                    }
                }
                Content::Comment(_) if !comments => {
                    begun.insert(node.parent);
                }
                Content::Comment(_) | Content::Element(_) | Content::Instruction(_) => {
                    begun.remove(&node.parent);
                }
                Content::Text(_) | Content::Root => {}
            }
        }
        None
    }

    /// Elements of the subtree, itself first.
    pub fn elements_within(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.subtree(id).map(NodeId).filter(|node| self.element(*node).is_some())
    }

    /// The first child element of that name.
    pub fn child(&self, id: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
        self.children(id).find(|child| self.is(*child, namespace, local))
    }

    /// The attributes of an element, in canonical order.
    pub fn attributes(&self, id: NodeId) -> &[Attribute<'a>] {
        let range = self.element(id).map_or(0..0, |element| element.attributes.clone());
        self.attributes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// The namespace of an attribute; empty where it has none.
    pub fn namespace_of(&self, attribute: &Attribute<'a>) -> &str {
        self.namespaces.get(attribute.namespace as usize).map_or("", |name| name)
    }

    pub(super) fn declarations(&self, id: NodeId) -> &[Declaration] {
        let range = self.element(id).map_or(0..0, |element| element.declarations.clone());
        self.declarations.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// The value of an attribute without namespace.
    pub fn attribute(&self, id: NodeId, local: &str) -> Option<&str> {
        let found = self.attributes(id).iter().find(|one| one.namespace == NO_NAMESPACE && one.local == local);
        found.map(|attribute| attribute.value.as_ref())
    }

    /// Nodes before and behind the document element.
    pub fn beside_document_element(&self) -> impl Iterator<Item = NodeId> {
        let root = self.document_element();
        self.child_nodes(NodeId::ROOT).filter(move |id| *id != root)
    }

    /// The target of a processing instruction; `None` of any other node.
    pub fn instruction(&self, id: NodeId) -> Option<&'a str> {
        match self.nodes.get(id.index())?.content {
            Content::Instruction(index) => self.instructions.get(index as usize).map(|(target, _)| *target),
            _ => None,
        }
    }

    /// All text of the subtree (XPath string-value).
    pub fn text(&self, id: NodeId) -> Cow<'_, str> {
        let mut pieces = self.subtree(id).filter_map(|at| match &self.nodes.get(at as usize)?.content {
            Content::Text(text) => Some(text.as_ref()),
            _ => None,
        });
        let first = pieces.next().unwrap_or_default();
        match pieces.next() {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned([first, second].into_iter().chain(pieces).collect()),
        }
    }

    /// Whether the element has text of its own that is more than white space.
    pub fn has_own_text(&self, id: NodeId) -> bool {
        self.child_nodes(id).any(|child| match self.nodes.get(child.index()).map(|node| &node.content) {
            Some(Content::Text(text)) => !text.trim_ascii().is_empty(),
            _ => false,
        })
    }

    /// The element that carries this identifier. Without a DTD every attribute called `id`, in any case and namespace, may be one
    /// for some reader; so an identifier that stands twice names nothing.
    pub fn by_identifier(&self, identifier: &str) -> Result<Option<NodeId>> {
        match self.identifiers.get_or_init(|| self.index_identifiers()).get(identifier) {
            None => Ok(None),
            Some(Identified::Once(id)) => Ok(Some(*id)),
            Some(Identified::Ambiguous) => Err(Error::Malformed("XML: a referenced identifier stands twice")),
        }
    }

    fn index_identifiers(&self) -> HashMap<String, Identified> {
        let mut index = HashMap::new();
        for id in self.elements_within(NodeId::ROOT) {
            let of_saml = self.namespace(id).starts_with(SAML_1);
            let names_it = |local: &str| local.eq_ignore_ascii_case("id") || of_saml && OF_SAML_1.contains(&local);
            for attribute in self.attributes(id).iter().filter(|one| names_it(one.local)) {
                index
                    .entry(attribute.value.clone().into_owned())
                    .and_modify(|known| {
                        if !matches!(known, Identified::Once(same) if *same == id) {
                            *known = Identified::Ambiguous;
                        }
                    })
                    .or_insert(Identified::Once(id));
            }
        }
        index
    }

    /// The namespace bound to a prefix at an element, by walking up.
    pub(super) fn namespace_of_prefix(&self, id: NodeId, prefix: &str) -> Option<&str> {
        let mut places = std::iter::once(id).chain(self.ancestors(id));
        let bound = places.find_map(|place| {
            // Sorted by prefix, so that many declarations on many levels cost little.
            let own = self.declarations(place);
            let at =
                own.binary_search_by_key(&Some(prefix), |(number, _)| self.prefixes.get(*number as usize).copied());
            own.get(at.ok()?)
        })?;
        self.namespaces.get(bound.1 as usize).map(|name| name.as_ref())
    }

    /// Each prefix's place in lexicographic order.
    pub(super) fn prefix_order(&self) -> &[u32] {
        self.prefix_order.get_or_init(|| {
            let mut sorted: Vec<u32> = (0..self.prefixes.len() as u32).collect();
            sorted.sort_unstable_by_key(|number| self.prefixes.get(*number as usize));
            let mut order = vec![0; sorted.len()];
            for (place, number) in sorted.into_iter().enumerate() {
                if let Some(slot) = order.get_mut(number as usize) {
                    *slot = place as u32;
                }
            }
            order
        })
    }
}

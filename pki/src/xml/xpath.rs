//! The XPath expressions that signatures use to leave themselves out, recognised by their form: no XPath engine, no functions, no
//! arithmetic. Every one selects or removes whole subtrees, in time linear in the document.

use super::algorithm::shown;
use super::document::{Document, NodeId};
use super::limits;
use super::names::{DSIG, FILTER2};
use super::selection::{Budget, Selection, union};
use super::xpath_expression::Expression;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::ops::Range;

/// What is done with the subtrees that an expression names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Subtract,
    Intersect,
    Union,
}

/// One expression with its operation.
#[derive(Clone, Debug)]
pub struct Filter {
    operation: Operation,
    nodes: Nodes,
}

/// A set of whole subtrees, and what is made of such sets.
#[derive(Clone, Debug)]
pub(super) enum Nodes {
    /// The signature that holds the expression.
    OwnSignature,
    Identified(String),
    /// An absolute location path.
    Path(Vec<Step>),
    /// Every element that meets the test.
    Within(Test),
    All,
    Not(Box<Nodes>),
    AnyOf(Vec<Nodes>),
    AllOf(Vec<Nodes>),
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) descendants: bool,
    pub(super) test: Test,
    /// Of those with the same parent.
    pub(super) position: Option<Position>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    First,
    Last,
}

/// What an element must be.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) name: Name,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// An attribute without namespace has this value.
    Attribute(String, String),
    LocalName(String),
    Namespace(String),
}

/// A node test; `None` is `*`.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) namespace: Option<String>,
    pub(super) local: Option<String>,
}

impl Test {
    fn fits(&self, document: &Document<'_>, id: NodeId, budget: &mut Budget) -> Result<bool> {
        let name = &self.name;
        let named = name.local.as_ref().is_none_or(|local| document.local_name(id) == local)
            && name.namespace.as_ref().is_none_or(|namespace| document.namespace(id) == namespace);
        if !named || self.conditions.is_empty() {
            return Ok(named);
        }
        budget.spend(document.attributes(id).len() + self.conditions.len())?;
        Ok(self.conditions.iter().all(|condition| match condition {
            Condition::Attribute(name, value) => document.attribute(id, name) == Some(value),
            Condition::LocalName(local) => document.local_name(id) == local,
            Condition::Namespace(namespace) => document.namespace(id) == namespace,
        }))
    }

    /// Whether it is of `ds:Signature` and asks nothing else.
    pub(super) fn is_signature(&self) -> bool {
        let name = &self.name;
        name.namespace.as_deref() == Some(DSIG)
            && name.local.as_deref() == Some("Signature")
            && self.conditions.is_empty()
    }
}

/// The filter of an XPath transform (XMLDSig §6.6.3), a boolean expression for each node.
pub(super) fn read_filter(document: &Document<'_>, transform: NodeId) -> Result<Filter> {
    let element = only_child(document, transform, DSIG)?;
    let text = document.text(element);
    let nodes = Expression::read(document, element, &text).and_then(Expression::boolean);
    Ok(Filter { operation: Operation::Intersect, nodes: nodes.ok_or_else(|| unknown(&text))? })
}

fn unknown(text: &str) -> Error {
    Error::Unsupported(format!("XPath expression {}", shown(text.trim())))
}

/// The filters of an XPath Filter 2.0 transform.
pub(super) fn read_filters(document: &Document<'_>, transform: NodeId) -> Result<Vec<Filter>> {
    let mut filters = Vec::new();
    for element in document.children(transform) {
        if !document.is(element, FILTER2, "XPath") || filters.len() >= limits::PATH_STEPS {
            return Err(Error::Malformed("XPath filter"));
        }
        let operation = match document.attribute(element, "Filter") {
            Some("subtract") => Operation::Subtract,
            Some("intersect") => Operation::Intersect,
            Some("union") => Operation::Union,
            _ => return Err(Error::Malformed("XPath filter")),
        };
        let text = document.text(element);
        let nodes = Expression::read(document, element, &text).and_then(Expression::node_set);
        filters.push(Filter { operation, nodes: nodes.ok_or_else(|| unknown(&text))? });
    }
    Ok(filters)
}

fn only_child(document: &Document<'_>, transform: NodeId, namespace: &str) -> Result<NodeId> {
    let mut children = document.children(transform);
    match (children.next(), children.next()) {
        (Some(child), None) if document.is(child, namespace, "XPath") => Ok(child),
        _ => Err(Error::Malformed("XPath transform")),
    }
}

/// The identifier of `id('…')`.
pub(super) fn identifier(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("id(")?.strip_suffix(')')?;
    let quote = inner.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    inner.strip_prefix(quote)?.strip_suffix(quote).filter(|identifier| !identifier.contains(quote))
}

impl Filter {
    pub(super) fn apply(
        &self,
        document: &Document<'_>,
        signature: NodeId,
        selection: &mut Selection,
        budget: &mut Budget,
    ) -> Result<()> {
        let subtrees = self.nodes.ranges(document, signature, budget)?;
        budget.spend(selection.ranges().len() + subtrees.len())?;
        match self.operation {
            Operation::Subtract => selection.subtract(subtrees),
            Operation::Intersect => selection.intersect(subtrees),
            Operation::Union => selection.add(subtrees),
        }
        Ok(())
    }
}

impl Nodes {
    /// The nodes as ranges, sorted and apart from each other. As deep as the expression, which is bounded.
    fn ranges(&self, document: &Document<'_>, signature: NodeId, budget: &mut Budget) -> Result<Vec<Range<u32>>> {
        let all = document.subtree(NodeId::ROOT);
        let found = match self {
            Self::OwnSignature => vec![document.subtree(signature)],
            Self::Within(test) => within(document, &[all], test, budget)?,
            Self::Identified(identifier) => {
                document.by_identifier(identifier)?.map(|id| document.subtree(id)).into_iter().collect()
            }
            Self::Path(steps) => follow(document, steps, budget)?,
            Self::All => vec![all],
            Self::Not(inner) => {
                let mut left = Selection { ranges: vec![all], comments: true };
                left.subtract(inner.ranges(document, signature, budget)?);
                left.ranges
            }
            Self::AnyOf(sets) => {
                let mut found = Vec::new();
                for set in sets {
                    found.extend(set.ranges(document, signature, budget)?);
                }
                found
            }
            Self::AllOf(sets) => {
                let mut left = Selection { ranges: vec![all], comments: true };
                for set in sets {
                    left.intersect(set.ranges(document, signature, budget)?);
                }
                left.ranges
            }
        };
        budget.spend(found.len())?;
        Ok(union(found))
    }
}

fn follow(document: &Document<'_>, steps: &[Step], budget: &mut Budget) -> Result<Vec<Range<u32>>> {
    let mut at = vec![document.subtree(NodeId::ROOT)];
    for step in steps {
        let found = if step.descendants {
            within(document, &at, &step.test, budget)?
        } else {
            let mut found = Vec::new();
            for parent in &at {
                for child in document.children(NodeId(parent.start)) {
                    budget.spend(1)?;
                    if step.test.fits(document, child, budget)? {
                        found.push(document.subtree(child));
                    }
                }
            }
            found
        };
        at = match step.position {
            None => found,
            Some(position) => at_position(document, found, position),
        };
    }
    Ok(at)
}

/// XPath §2.4: the position is counted among those with the same parent. They come in the order of the document.
fn at_position(document: &Document<'_>, found: Vec<Range<u32>>, position: Position) -> Vec<Range<u32>> {
    let mut kept: HashMap<Option<NodeId>, Range<u32>> = HashMap::new();
    for range in found {
        let parent = document.parent(NodeId(range.start));
        if position == Position::Last || !kept.contains_key(&parent) {
            kept.insert(parent, range);
        }
    }
    let mut left: Vec<Range<u32>> = kept.into_values().collect();
    left.sort_unstable_by_key(|range| range.start);
    left
}

/// Every element below these nodes, they themselves left out, that meets the test.
fn within(document: &Document<'_>, above: &[Range<u32>], test: &Test, budget: &mut Budget) -> Result<Vec<Range<u32>>> {
    let searched = union(above.iter().map(|range| range.start + 1..range.end));
    let mut found = Vec::new();
    for range in searched {
        budget.spend(range.len())?;
        for id in range.map(NodeId).filter(|id| document.element(*id).is_some()) {
            if test.fits(document, id, budget)? {
                found.push(document.subtree(id));
            }
        }
    }
    Ok(found)
}

//! The XPath expressions that signatures use to leave themselves out, recognised by their form: no XPath engine, no functions, no
//! arithmetic. Every one selects or removes whole subtrees, in time linear in the document.

use super::algorithm::shown;
use super::document::{Document, NodeId};
use super::limits;
use super::names::{DSIG, FILTER2};
use super::selection::{Budget, Selection, union};
use crate::error::{Error, Result};
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

#[derive(Clone, Debug)]
enum Nodes {
    /// The signature that holds the expression.
    OwnSignature,
    /// Every element of that name.
    Named(Name),
    Identified(String),
    /// An absolute location path.
    Path(Vec<Step>),
}

#[derive(Clone, Debug)]
struct Step {
    descendants: bool,
    name: Name,
}

/// A node test; `None` is `*`.
#[derive(Clone, Debug)]
struct Name {
    namespace: Option<String>,
    local: Option<String>,
}

impl Name {
    fn fits(&self, document: &Document<'_>, id: NodeId) -> bool {
        self.local.as_ref().is_none_or(|local| document.local_name(id) == local)
            && self.namespace.as_ref().is_none_or(|namespace| document.namespace(id) == namespace)
    }
}

/// The filter of an XPath transform (XMLDSig §6.6.3), a boolean expression for each node.
pub(super) fn read_filter(document: &Document<'_>, transform: NodeId) -> Result<Filter> {
    let element = only_child(document, transform, DSIG)?;
    let text = compact(&document.text(element));
    let unknown = || Error::Unsupported(format!("XPath expression {}", shown(&text)));
    let name = |text: &str| name(document, element, text);
    if let Some(inner) = text.strip_prefix("not(ancestor-or-self::").and_then(|rest| rest.strip_suffix(')')) {
        let nodes = Nodes::Named(name(inner).ok_or_else(unknown)?);
        return Ok(Filter { operation: Operation::Subtract, nodes });
    }
    if let Some(inner) = text.strip_prefix("ancestor-or-self::") {
        let nodes = Nodes::Named(name(inner).ok_or_else(unknown)?);
        return Ok(Filter { operation: Operation::Intersect, nodes });
    }
    // XMLDSig §6.6.4 writes the enveloped transform as this expression.
    let prefix = text.strip_prefix("count(ancestor-or-self::").and_then(|rest| rest.split_once(":Signature|"));
    if let Some((prefix, _)) = prefix
        && document.namespace_of_prefix(element, prefix) == Some(DSIG)
        && text
            == format!(
                "count(ancestor-or-self::{prefix}:Signature|here()/ancestor::{prefix}:Signature[1])>count(ancestor-or-self::{prefix}:Signature)"
            )
    {
        return Ok(Filter { operation: Operation::Subtract, nodes: Nodes::OwnSignature });
    }
    Err(unknown())
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
        let text = compact(&document.text(element));
        let nodes = nodes(document, element, &text);
        let nodes = nodes.ok_or_else(|| Error::Unsupported(format!("XPath expression {}", shown(&text))))?;
        filters.push(Filter { operation, nodes });
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

/// White space has no meaning between the tokens of the expressions known here.
fn compact(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_whitespace()).collect()
}

/// The identifier of `id('…')`.
pub(super) fn identifier(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("id(")?.strip_suffix(')')?;
    let quote = inner.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    inner.strip_prefix(quote)?.strip_suffix(quote).filter(|identifier| !identifier.contains(quote))
}

fn name(document: &Document<'_>, element: NodeId, text: &str) -> Option<Name> {
    let (namespace, local) = match text.split_once(':') {
        Some((prefix, local)) => (Some(document.namespace_of_prefix(element, prefix)?.to_owned()), local),
        // XPath §2.3: a name without prefix is in no namespace.
        None => (if text == "*" { None } else { Some(String::new()) }, text),
    };
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    match local {
        "*" => Some(Name { namespace, local: None }),
        _ if !local.is_empty() && local.chars().all(plain) => Some(Name { namespace, local: Some(local.to_owned()) }),
        _ => None,
    }
}

fn nodes(document: &Document<'_>, element: NodeId, text: &str) -> Option<Nodes> {
    if let Some(identifier) = identifier(text) {
        return Some(Nodes::Identified(identifier.to_owned()));
    }
    if let Some(rest) = text.strip_prefix("here()/ancestor::") {
        let inner = name(document, element, rest.strip_suffix("[1]")?)?;
        let signature = inner.namespace.as_deref() == Some(DSIG) && inner.local.as_deref() == Some("Signature");
        return signature.then_some(Nodes::OwnSignature);
    }
    let mut steps = Vec::new();
    let mut rest = text;
    if rest == "/" {
        return Some(Nodes::Path(steps));
    }
    while !rest.is_empty() {
        rest = rest.strip_prefix('/')?;
        let mut descendants = false;
        if let Some(after) = rest.strip_prefix('/') {
            (descendants, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("descendant::") {
            (descendants, rest) = (true, after);
        }
        rest = rest.strip_prefix("child::").unwrap_or(rest);
        let (test, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        steps.push(Step { descendants, name: name(document, element, test)? });
        rest = after;
    }
    (!steps.is_empty() && steps.len() <= limits::PATH_STEPS).then_some(Nodes::Path(steps))
}

impl Filter {
    pub(super) fn apply(
        &self,
        document: &Document<'_>,
        signature: NodeId,
        selection: &mut Selection,
        budget: &mut Budget,
    ) -> Result<()> {
        let subtrees = match &self.nodes {
            Nodes::OwnSignature => vec![document.subtree(signature)],
            Nodes::Named(name) => below(document, &[document.subtree(NodeId::ROOT)], name, budget)?,
            Nodes::Identified(identifier) => {
                document.by_identifier(identifier)?.map(|id| document.subtree(id)).into_iter().collect()
            }
            Nodes::Path(steps) => follow(document, steps, budget)?,
        };
        budget.spend(selection.ranges().len() + subtrees.len())?;
        match self.operation {
            Operation::Subtract => selection.subtract(subtrees),
            Operation::Intersect => selection.intersect(subtrees),
            Operation::Union => selection.add(subtrees),
        }
        Ok(())
    }
}

fn follow(document: &Document<'_>, steps: &[Step], budget: &mut Budget) -> Result<Vec<Range<u32>>> {
    let mut at = vec![document.subtree(NodeId::ROOT)];
    for step in steps {
        at = if step.descendants {
            below(document, &at, &step.name, budget)?
        } else {
            let mut found = Vec::new();
            for parent in &at {
                for child in document.children(NodeId(parent.start)) {
                    budget.spend(1)?;
                    if step.name.fits(document, child) {
                        found.push(document.subtree(child));
                    }
                }
            }
            found
        };
    }
    Ok(at)
}

/// Every element below these nodes, they themselves left out, that the name fits.
fn below(document: &Document<'_>, above: &[Range<u32>], name: &Name, budget: &mut Budget) -> Result<Vec<Range<u32>>> {
    let searched = union(above.iter().map(|range| range.start + 1..range.end));
    let mut found = Vec::new();
    for range in searched {
        budget.spend(range.len())?;
        found.extend(
            range
                .map(NodeId)
                .filter(|id| document.element(*id).is_some())
                .filter(|id| name.fits(document, *id))
                .map(|id| document.subtree(id)),
        );
    }
    Ok(found)
}

//! Documents of which only a part is signed: which part that must be, by the layout that readers of such documents know (Vietnamese
//! e-invoices and tax messages, edXML), and by a strict rule for every other document.

use super::xml_coverage::{COVERAGE, Known};
use crate::error::Result;
use crate::xml::document::{Document, NodeId};
use crate::xml::names::{DSIG, is_xades};
use crate::xml::selection::{Budget, contains};
use chuky_model::report::Check;
use std::collections::HashSet;
use std::ops::Range;

/// What a signature leaves uncovered.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Elements with nothing covered and no signature inside.
    pub(super) loose: Vec<NodeId>,
    /// Whether text stands in an element that is not covered but holds something that is.
    pub(super) loose_text: bool,
    /// Elements that only hold others: covered ones, or signatures.
    pub(super) holders: Vec<NodeId>,
    /// Those of them whose attributes say something.
    pub(super) with_attributes: Vec<NodeId>,
    /// Those of them that stand around what is covered: what they are called is not covered, and says what that is a part of.
    pub(super) around: Vec<NodeId>,
    /// Signatures passed by.
    pub(super) signatures: Vec<Range<u32>>,
    /// What signatures carry that no signature format puts there.
    pub(super) carried: Vec<NodeId>,
    /// Processing instructions.
    pub(super) instructions: Vec<NodeId>,
    /// Whether one of them names a stylesheet, which has browsers show whatever it says.
    pub(super) stylesheet: bool,
}

impl Rest {
    pub(super) fn is_empty(&self) -> bool {
        let elements = [&self.loose, &self.with_attributes, &self.carried, &self.instructions];
        elements.iter().all(|list| list.is_empty()) && !self.loose_text
    }

    /// Of the holders, those around the content, apart from the formats' own and from what stands in the signature.
    pub(super) fn keep_frames(
        &mut self,
        document: &Document<'_>,
        content: &[NodeId],
        signature: NodeId,
        budget: &mut Budget,
    ) -> Result<()> {
        let outside: Vec<Range<u32>> =
            content.iter().filter(|id| !document.is_within(**id, signature)).map(|id| document.subtree(*id)).collect();
        budget.spend(self.holders.len() + outside.len())?;
        let holds = |id: &NodeId| {
            let own = document.subtree(*id);
            let first = outside.partition_point(|range| range.start <= own.start);
            outside.get(first).is_some_and(|range| range.start < own.end)
        };
        let around = self.holders.iter().copied().filter(|id| !is_frame(document, *id) && holds(id));
        self.around = around.collect();
        Ok(())
    }

    /// A node that is no element.
    pub(super) fn add_instruction(&mut self, document: &Document<'_>, id: NodeId) {
        if let Some(target) = document.instruction(id) {
            self.stylesheet |= target == STYLESHEET;
            self.instructions.push(id);
        }
    }

    /// Processing instructions before and behind the document element.
    pub(super) fn add_instructions(&mut self, document: &Document<'_>, covered: &[Range<u32>]) {
        for id in document.beside_document_element() {
            if !contains(covered, id) {
                self.add_instruction(document, id);
            }
        }
    }

    /// An element that is not covered and holds something that is, or a signature.
    pub(super) fn add_holder(&mut self, document: &Document<'_>, id: NodeId) {
        self.loose_text |= document.has_own_text(id);
        self.holders.push(id);
        if has_telling_attributes(document, id) {
            self.with_attributes.push(id);
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.around.extend(other.around);
        self.loose.extend(other.loose);
        self.loose_text |= other.loose_text;
        self.holders.extend(other.holders);
        self.with_attributes.extend(other.with_attributes);
        self.signatures.extend(other.signatures);
        self.carried.extend(other.carried);
        self.instructions.extend(other.instructions);
        self.stylesheet |= other.stylesheet;
    }

    /// Elements that a reader could find by name, and whether all below them counts as well: what holds something that is covered counts by
    /// itself, where it says anything.
    fn found_by_name(&self, document: &Document<'_>) -> impl Iterator<Item = (NodeId, bool)> {
        let telling = |id: &&NodeId| document.has_own_text(**id) || has_telling_attributes(document, **id);
        let whole = self.loose.iter().chain(&self.carried).map(|id| (*id, true));
        whole.chain(self.holders.iter().filter(telling).map(|id| (*id, false)))
    }

    /// Whether text that is not covered stands in this element itself.
    fn text_in(&self, document: &Document<'_>, id: NodeId) -> bool {
        self.loose_text && self.holders.contains(&id) && document.has_own_text(id)
    }

    /// In words, for a reason.
    pub(super) fn describe(&self, document: &Document<'_>) -> String {
        let all = self.loose.len() + self.carried.len();
        let names: Vec<&str> =
            self.loose.iter().chain(&self.carried).take(4).map(|id| document.local_name(*id)).collect();
        match (names.is_empty(), all > names.len()) {
            (true, _) if self.loose_text => "text".to_owned(),
            (true, _) => match (self.with_attributes.first(), self.instructions.first(), self.around.first()) {
                (Some(id), _, _) => format!("attributes of <{}>", document.local_name(*id)),
                (None, Some(id), _) => {
                    let target = document.instruction(*id).unwrap_or_default();
                    format!("the processing instruction <?{}?>", target.chars().take(40).collect::<String>())
                }
                (None, None, Some(id)) => format!("that it stands in <{}>", document.local_name(*id)),
                (None, None, None) => "nothing".to_owned(),
            },
            (false, false) => format!("<{}>", names.join(">, <")),
            (false, true) => format!("<{}> and {} more", names.join(">, <"), all - names.len()),
        }
    }
}

/// What signature formats write around what is signed says nothing to a reader.
fn is_frame(document: &Document<'_>, id: NodeId) -> bool {
    document.namespace(id) == DSIG || is_xades(document.namespace(id))
}

/// Whether attributes say anything but what the element is called and where its schema lies; of the signature formats' own elements, any
/// that those do not give them.
pub(super) fn has_telling_attributes(document: &Document<'_>, id: NodeId) -> bool {
    let frame = is_frame(document, id);
    let of_frame = |local: &str| frame && FRAME.contains(&local);
    let tells = |local: &str| !local.eq_ignore_ascii_case("id") && !SCHEMA.contains(&local) && !of_frame(local);
    document.attributes(id).iter().any(|attribute| tells(attribute.local))
}

/// XML stylesheets 1.0 §3.
const STYLESHEET: &str = "xml-stylesheet";
/// XMLDSig §4.4, §4.5 and EN 319 132-1 §4.3: of the elements that may stand around something signed.
const FRAME: [&str; 9] =
    ["MimeType", "Encoding", "Target", "Type", "URI", "Algorithm", "ObjectReference", "Recipient", "Qualifier"];
const SCHEMA: [&str; 2] = ["schemaLocation", "noNamespaceSchemaLocation"];

/// One signature that covers a part.
pub(super) struct Part<'p> {
    pub(super) signature: NodeId,
    /// The elements that it covers, itself left out.
    pub(super) content: &'p [NodeId],
    pub(super) covered: &'p [Range<u32>],
    pub(super) rest: &'p Rest,
}

impl Part<'_> {
    /// Whether it covers the element, by itself or with what it stands in; what a filter took out is told elsewhere.
    fn covers(&self, document: &Document<'_>, id: NodeId) -> bool {
        self.content.iter().any(|content| document.is_within(id, *content))
    }

    /// What a filter took out of the element, beside signatures: its reader finds it there, and it is not signed. Without an element, of anything
    /// that is covered.
    fn taken_out<'d>(
        &self,
        document: &Document<'d>,
        of: Option<NodeId>,
        budget: &mut Budget,
    ) -> Result<Option<&'d str>> {
        budget.spend(self.rest.loose.len() + self.rest.holders.len())?;
        let telling = |id: &&NodeId| document.has_own_text(**id) || has_telling_attributes(document, **id);
        let mut all = self.rest.loose.iter().chain(self.rest.holders.iter().filter(telling));
        let found = all.find(|id| match of {
            Some(of) => document.is_within(**id, of),
            None => document.ancestors(**id).any(|above| above != NodeId::ROOT && contains(self.covered, above)),
        });
        Ok(found.map(|id| document.local_name(*id)))
    }
}

/// Whether that part is what a reader uses.
pub(super) fn judge(document: &Document<'_>, part: &Part<'_>, all: &[Known], budget: &mut Budget) -> Result<Check> {
    let outside = format!("it does not cover {}", part.rest.describe(document));
    if let Some(form) = form_around(document, part.signature) {
        return judge_form(document, part, form, all, budget);
    }
    let root = document.document_element();
    let expected = match document.local_name(root) {
        // Messages to the tax office sign their data, edXML its envelope (QCVN 102:2016/BTTTT).
        "TDiep" => Some("DLieu"),
        "edXML" => Some("edXMLEnvelope"),
        _ => None,
    };
    if let Some(expected) = expected {
        let mut named = document.children(root).filter(|child| document.local_name(*child) == expected);
        let only = match (named.next(), named.next()) {
            (Some(only), None) if part.covers(document, only) => only,
            _ => {
                return Ok(Check::failed(COVERAGE, format!("it does not cover the one {expected} that readers use")));
            }
        };
        return Ok(match part.taken_out(document, Some(only), budget)? {
            Some(name) => Check::failed(COVERAGE, format!("of the {expected} it does not cover <{name}>")),
            None => said(outside),
        });
    }
    judge_unknown_layout(document, part, outside, budget)
}

/// Passed, with what is not covered.
fn said(reason: String) -> Check {
    Check { reason, ..Check::passed(COVERAGE) }
}

/// The invoice, or the declaration or notice to or from the tax office, that a signature stands in, where readers look for one: the document
/// element, or in the data of a tax message (Decision 1450/QĐ-TCT). What is signed of it is its one element of data, `DLHDon` of `HDon`.
fn form_around(document: &Document<'_>, signature: NodeId) -> Option<NodeId> {
    let is_form = |above: &NodeId| match document.local_name(*above) {
        INVOICE => is_placed(document, *above),
        name => FORMS.iter().any(|(form, _)| *form == name) && in_message(document, *above),
    };
    document.ancestors(signature).find(is_form)
}

fn is_placed(document: &Document<'_>, form: NodeId) -> bool {
    form == document.document_element() || in_message(document, form)
}

fn in_message(document: &Document<'_>, form: NodeId) -> bool {
    let root = document.document_element();
    let data = document.parent(form).filter(|data| document.local_name(*data) == "DLieu");
    data.and_then(|data| document.parent(data)) == Some(root) && document.local_name(root) == "TDiep"
}

/// Whether an element of a form is its data.
fn is_data(document: &Document<'_>, id: NodeId) -> bool {
    let form = document.parent(id).map(|form| document.local_name(form)).unwrap_or_default();
    FORMS.contains(&(form, document.local_name(id)))
}

/// Whether a sound signature in a form covers its one element of data.
fn is_signed_form(document: &Document<'_>, form: NodeId, all: &[Known]) -> bool {
    let mut data = document.children(form).filter(|child| is_data(document, *child));
    let (Some(only), None) = (data.next(), data.next()) else { return false };
    all.iter().any(|known| document.is_within(known.node, form) && contains(&known.ranges, only))
}

/// What stands in the data of a message beside a form must be signed as well: which of them a program takes, the message's head says, which nobody
/// signs.
fn beside_in_message(document: &Document<'_>, part: &Part<'_>, form: NodeId, all: &[Known]) -> Option<String> {
    if !in_message(document, form) {
        return None;
    }
    let data = document.parent(form)?;
    if let Some(other) = document.children(data).find(|other| *other != form && !is_signed_form(document, *other, all))
    {
        return Some(format!("<{}> stands beside the form, and no signature covers it", document.local_name(other)));
    }
    let tells = |id: &NodeId| part.rest.with_attributes.contains(id);
    let telling = [data, form].into_iter().find(|id| tells(id) && document.local_name(*id) != INVOICE);
    if let Some(telling) = telling {
        return Some(format!("it does not cover attributes of <{}>", document.local_name(telling)));
    }
    part.rest.text_in(document, data).then(|| "text stands in the DLieu beside the form".to_owned())
}

const INVOICE: &str = "HDon";
/// Forms with the data that is signed of them.
const FORMS: [(&str, &str); 4] =
    [(INVOICE, "DLHDon"), ("TKhai", "DLTKhai"), ("TBao", "DLTBao"), ("BTHDLieu", "DLBTHop")];
/// Places of signatures in `DSCKS`.
const PLACES: [&str; 5] = ["NBan", "NMua", "CQT", "CCKSKhac", "NNT"];

fn judge_form(
    document: &Document<'_>,
    part: &Part<'_>,
    form: NodeId,
    all: &[Known],
    budget: &mut Budget,
) -> Result<Check> {
    let failed = |reason: String| Ok(Check::failed(COVERAGE, reason));
    let form_name = document.local_name(form);
    let mut data = document.children(form).filter(|child| is_data(document, *child));
    let data = match (data.next(), data.next()) {
        (Some(data), None) => data,
        _ => return failed(format!("the {form_name} does not hold exactly one element of data")),
    };
    let name = document.local_name(data);
    if !part.covers(document, data) {
        return failed(format!("it does not cover the {name} of its {form_name}"));
    }
    if let Some(taken) = part.taken_out(document, Some(data), budget)? {
        return failed(format!("of the {name} it does not cover <{taken}>"));
    }
    budget.spend(document.node_count())?;
    let others = document.elements_within(NodeId::ROOT).filter(|id| document.local_name(*id) == name && *id != data);
    for other in others {
        // Another one of the same message has signatures of its own.
        let home = document.parent(other).filter(|home| document.local_name(*home) == form_name);
        let sound = home.filter(|home| *home != form && is_placed(document, *home)).is_some_and(|home| {
            all.iter().any(|known| document.is_within(known.node, home) && contains(&known.ranges, other))
        });
        if !sound {
            return failed(format!("another {name} stands in the document, which no signature of it covers"));
        }
    }
    let beside = document.parent(form).map(|data| document.children(data).count()).unwrap_or_default();
    budget.spend(beside.saturating_mul(all.len()))?;
    if let Some(reason) = beside_in_message(document, part, form, all) {
        return failed(reason);
    }
    if part.rest.text_in(document, form) {
        return failed(format!("text stands in the {form_name} beside the {name}"));
    }
    let in_form = |(id, _): &(NodeId, bool)| document.is_within(*id, form) && !is_empty_place(document, *id, form);
    let inside: Vec<(NodeId, bool)> = part.rest.found_by_name(document).filter(in_form).collect();
    let names = names_within(document, part.covered, budget)?;
    if let Some(double) = first_with_name(document, &inside, &names, budget)? {
        return failed(format!("<{double}> stands beside the {name} as well as in it, and is not covered"));
    }
    Ok(said(format!("of the {form_name} it does not cover {}", part.rest.describe(document))))
}

/// The place of a signature that nobody made: `<NMua/>` in the `DSCKS` of an invoice, called like the buyer in its data.
fn is_empty_place(document: &Document<'_>, id: NodeId, form: NodeId) -> bool {
    let places = document.parent(id).filter(|places| document.local_name(*places) == "DSCKS");
    let placed = places.and_then(|places| document.parent(places)) == Some(form);
    let nothing = document.children(id).next().is_none() && !document.has_own_text(id);
    placed && PLACES.contains(&document.local_name(id)) && nothing && !has_telling_attributes(document, id)
}

/// Any other document: the part counts where nothing that is not covered could be taken for it. A reader finds elements by name, so
/// the same name outside is either an attack or something that only a reader of that format can tell.
fn judge_unknown_layout(
    document: &Document<'_>,
    part: &Part<'_>,
    outside: String,
    budget: &mut Budget,
) -> Result<Check> {
    let root = document.document_element();
    let in_own = |id: NodeId| document.is_within(id, part.signature);
    let main: Vec<NodeId> = part.content.iter().copied().filter(|id| !in_own(*id)).collect();
    let names: HashSet<&str> = main_names(document, part.content);
    let mut searched: Vec<(NodeId, bool)> = part.rest.found_by_name(document).collect();
    for signature in &part.rest.signatures {
        searched.extend(objects_of(document, signature, part.covered).into_iter().map(|id| (id, true)));
    }
    if let Some(double) = first_with_name(document, &searched, &names, budget)? {
        let reason = format!("another <{double}> stands in the document, which it does not cover");
        return Ok(Check::failed(COVERAGE, reason));
    }
    let names = names_within(document, part.covered, budget)?;
    if let Some(double) = first_with_name(document, &searched, &names, budget)? {
        let reason = format!(
            "{outside}; <{double}> stands there as well as in what is covered, and which of them a reader uses is not known"
        );
        return Ok(Check::not_done(COVERAGE, reason));
    }
    if let Some(name) = part.taken_out(document, None, budget)? {
        let reason =
            format!("<{name}> stands in what it covers and was left out; whether a reader uses it is not known");
        return Ok(Check::not_done(COVERAGE, reason));
    }
    if part.rest.stylesheet {
        let reason = format!("{outside}; a stylesheet that it does not cover decides what a browser shows");
        return Ok(Check::not_done(COVERAGE, reason));
    }
    let placed = |id: NodeId| {
        let parent = document.parent(id);
        id == root
            || parent == Some(root)
            || document.is_within(part.signature, id)
            || parent == document.parent(part.signature)
    };
    if main.is_empty() || !main.iter().all(|id| placed(*id)) {
        let reason = format!("{outside}; whether a reader uses what is covered is not known");
        return Ok(Check::not_done(COVERAGE, reason));
    }
    Ok(said(outside))
}

fn main_names<'d>(document: &Document<'d>, content: &[NodeId]) -> HashSet<&'d str> {
    content.iter().map(|id| document.local_name(*id)).filter(|name| *name != "Object").collect()
}

/// Elements in the objects of a signature that are not of the signature formats.
fn objects_of(document: &Document<'_>, signature: &Range<u32>, covered: &[Range<u32>]) -> Vec<NodeId> {
    let Some(node) = document.node_at(signature.start) else { return Vec::new() };
    let objects = document.children(node).filter(|child| document.is(*child, DSIG, "Object"));
    let inside = objects.flat_map(|object| document.children(object)).filter(|id| !contains(covered, *id));
    let foreign = |id: &NodeId| !is_xades(document.namespace(*id)) && document.namespace(*id) != DSIG;
    inside.filter(foreign).collect()
}

fn names_within<'d>(document: &Document<'d>, ranges: &[Range<u32>], budget: &mut Budget) -> Result<HashSet<&'d str>> {
    let mut names = HashSet::new();
    for range in ranges {
        budget.spend(range.len())?;
        let elements = range.clone().filter_map(|number| document.node_at(number));
        let foreign = elements.filter(|id| {
            document.element(*id).is_some() && !is_xades(document.namespace(*id)) && document.namespace(*id) != DSIG
        });
        names.extend(foreign.map(|id| document.local_name(id)));
    }
    Ok(names)
}

/// The first name that stands in these elements as well; with all below them where that is said.
fn first_with_name<'d>(
    document: &Document<'d>,
    tops: &[(NodeId, bool)],
    names: &HashSet<&str>,
    budget: &mut Budget,
) -> Result<Option<&'d str>> {
    for (top, whole) in tops {
        let count = if *whole { document.subtree(*top).len() } else { 1 };
        budget.spend(count)?;
        let mut found = document.elements_within(*top).take(count).map(|id| document.local_name(id));
        if let Some(name) = found.find(|name| names.contains(name)) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

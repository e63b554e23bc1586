//! The two trees that a verdict and a writer walk: pages (ISO 32000-1 §7.7.3) and form fields (§12.7.3).
//! Both are walked with bounded depth and count, and a node met twice is not walked again.

use super::file::PdfFile;
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use super::work;
use std::collections::HashSet;
use std::ops::Deref;
use std::rc::Rc;

/// One page, in reading order.
#[derive(Clone, Debug)]
pub struct Page {
    /// `None` where the page stands directly in `Kids`, which the specification forbids.
    pub id: Option<ObjectId>,
    /// The page's own dictionary.
    pub dictionary: Object,
    /// What it inherits: `Resources`, `MediaBox`, `CropBox`, `Rotate`, own values not included.
    pub inherited: Dictionary,
    /// Whether `Parent` leads back the way on which the page was found, so that who walks up inherits the same as who walks down.
    pub leads_back: bool,
}

/// A node of the page tree that is no page.
#[derive(Clone, Debug)]
pub(super) struct PageNode {
    pub(super) id: Option<ObjectId>,
    pub(super) dictionary: Object,
}

impl Page {
    /// The page's value for the key, its own or inherited, references followed.
    pub fn value(&self, file: &PdfFile<'_>, key: &str) -> Object {
        let own = self.dictionary.dictionary().map(|dictionary| file.value(dictionary, key)).unwrap_or_default();
        // A null is no value (ISO 32000-1 §7.3.7), so that it does not end the inheritance.
        if own.is_null() { file.value(&self.inherited, key) } else { own }
    }
}

/// A terminal field: one that has a type and no kids that are fields. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FormField(Rc<FieldParts>);

/// What a field is.
#[derive(Debug)]
pub struct FieldParts {
    pub id: Option<ObjectId>,
    /// The fully qualified name, parts joined by a full stop, as UTF-8.
    pub name: String,
    /// The field's own dictionary.
    pub dictionary: Object,
    /// `FT`, `V`, `Ff`, `DV` and the like, where inherited from a parent.
    pub inherited: Dictionary,
    /// Its widgets, the field itself where both are one dictionary.
    pub widgets: Vec<(Option<ObjectId>, Object)>,
}

impl Deref for FormField {
    type Target = FieldParts;
    fn deref(&self) -> &FieldParts {
        &self.0
    }
}

impl FormField {
    fn new(parts: FieldParts) -> Self {
        work::count(1);
        Self(Rc::new(parts))
    }

    /// The value as written, the field's own or inherited.
    pub fn value(&self, key: &str) -> Option<&Object> {
        let own = self.dictionary.dictionary().and_then(|dictionary| dictionary.value(key));
        own.or_else(|| self.inherited.value(key))
    }
}

const PAGE_INHERITED: [&str; 4] = ["Resources", "MediaBox", "CropBox", "Rotate"];
/// Entries that a field has from its parents, or that act on all fields below.
pub(super) const FIELD_INHERITED: [&str; 13] =
    ["FT", "V", "Ff", "DV", "DA", "Q", "MaxLen", "Opt", "AA", "RV", "DS", "I", "TI"];

fn inherit(file: &PdfFile<'_>, from: &Dictionary, above: &Dictionary, keys: &[&str]) -> Dictionary {
    let own = |key: &str| from.value(key).filter(|value| !file.resolve(value).is_null());
    let value = |key: &&str| own(key).or_else(|| above.value(key)).map(|value| (key.as_bytes().into(), value.clone()));
    Dictionary::from_entries(keys.iter().filter_map(value).collect())
}

impl PdfFile<'_> {
    /// Walks the page tree.
    pub(super) fn walk_pages(&self) -> (Vec<Page>, Vec<PageNode>) {
        let (mut pages, mut all, mut met) = (Vec::new(), Vec::new(), HashSet::new());
        let catalogue = self.catalogue();
        let root = catalogue.dictionary().and_then(|dictionary| dictionary.value("Pages")).cloned().unwrap_or_default();
        // A page listed twice is shown twice, so circles are ended by the depth and by the number of nodes.
        let mut nodes = 0_usize;
        // A stack of (node, inherited, depth, node that lists it, whether that one leads back), last child pushed first.
        let mut stack = vec![(root, Dictionary::default(), 0_usize, None, true)];
        while let Some((node, inherited, depth, lister, led)) = stack.pop() {
            let id = node.reference();
            nodes += 1;
            if depth > limits::TREE_DEPTH || pages.len() >= limits::PAGES || nodes > limits::PAGE_NODES {
                continue;
            }
            let object = self.resolve(&node);
            let Some(dictionary) = object.dictionary() else { continue };
            let leads_back = led && dictionary.value("Parent").and_then(Object::reference) == lister;
            match self.value(dictionary, "Kids") {
                Object::Array(kids) if !dictionary.is_name("Type", "Page") => {
                    let below = inherit(self, dictionary, &inherited, &PAGE_INHERITED);
                    // A direct node has no number that a kid could name.
                    let leads_back = leads_back && id.is_some();
                    stack.extend(kids.iter().rev().map(|kid| (kid.clone(), below.clone(), depth + 1, id, leads_back)));
                    if id.is_none_or(|id| met.insert(id)) {
                        all.push(PageNode { id, dictionary: object });
                    }
                }
                _ => pages.push(Page { id, dictionary: object, inherited, leads_back }),
            }
        }
        (pages, all)
    }

    /// The interactive form dictionary, `Null` where there is none.
    pub fn form(&self) -> Object {
        self.catalogue().dictionary().map(|catalogue| self.value(catalogue, "AcroForm")).unwrap_or_default()
    }

    /// Walks the field tree.
    pub(super) fn walk_fields(&self) -> Vec<FormField> {
        let form = self.form();
        let roots = form.dictionary().map(|form| self.value(form, "Fields")).unwrap_or_default();
        let mut fields = Vec::new();
        let mut seen = HashSet::new();
        let mut stack: Vec<_> = roots
            .array()
            .unwrap_or_default()
            .iter()
            .rev()
            .map(|node| (node.clone(), Dictionary::default(), String::new(), 0_usize))
            .collect();
        while let Some((node, above, prefix, depth)) = stack.pop() {
            let id = node.reference();
            if depth > limits::TREE_DEPTH || fields.len() >= limits::FIELDS || id.is_some_and(|id| !seen.insert(id)) {
                continue;
            }
            if depth == 0
                && let Some(known) = id.and_then(|id| self.known_field(id))
            {
                fields.push(known);
                continue;
            }
            let object = self.resolve(&node);
            let Some(dictionary) = object.dictionary() else { continue };
            let name = qualified(&prefix, &self.value(dictionary, "T"));
            let kids = self.value(dictionary, "Kids");
            let kids = kids.array().unwrap_or_default();
            // A kid without a name of its own is a widget, not a field (§12.7.3.1).
            let is_field = |kid: &Object| self.resolve(kid).dictionary().is_some_and(|kid| kid.contains("T"));
            let (below, widgets): (Vec<_>, Vec<_>) = kids.iter().cloned().partition(is_field);
            if !below.is_empty() {
                let inherited = inherit(self, dictionary, &above, &FIELD_INHERITED);
                stack.extend(below.into_iter().rev().map(|kid| (kid, inherited.clone(), name.clone(), depth + 1)));
                continue;
            }
            let widgets = if widgets.is_empty() {
                vec![(id, object.clone())]
            } else {
                widgets.iter().map(|widget| (widget.reference(), self.resolve(widget))).collect()
            };
            // At the top, without kids and with its own name: nothing but this one object says what it is.
            let reference = |key: &str| dictionary.value(key).and_then(Object::reference).is_some();
            let alone = depth == 0 && !dictionary.contains("Kids") && !reference("T");
            let field = FormField::new(FieldParts { id, name, inherited: above, widgets, dictionary: object.clone() });
            if let Some(id) = id.filter(|id| alone && !matches!(self.object(*id), Object::Reference(_))) {
                self.keep_field(id, &field);
            }
            fields.push(field);
        }
        fields
    }
}

fn qualified(prefix: &str, name: &Object) -> String {
    let own = name.string().map(text).unwrap_or_default();
    match (prefix.is_empty(), own.is_empty()) {
        (true, _) => own,
        (false, true) => prefix.to_owned(),
        (false, false) => format!("{prefix}.{own}"),
    }
}

/// A text string (§7.9.2.2) as UTF-8: UTF-16 with its mark, UTF-8 with its mark, else PDFDocEncoding, whose ASCII part is all
/// that names need; other bytes are shown as Latin-1.
pub fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(unit);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

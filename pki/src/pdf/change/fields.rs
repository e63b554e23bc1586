//! The interactive form: fields filled, signed, added, removed or changed, and the entries of the form dictionary.

use super::filling::names_in;
use super::kind::ChangeKind;
use super::{Comparison, page_number};
use crate::pdf::file::PdfFile;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::tree::{FIELD_INHERITED, FormField};
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Widgets of signature fields that the later revision has touched.
#[derive(Debug, Default)]
pub(super) struct SignatureWidgets {
    /// Those of new fields.
    pub(super) new: NewWidgets,
    /// Those of fields that were empty and are signed now.
    pub(super) signed: NewWidgets,
}

/// Widgets of signature fields that are new in the later revision.
pub(super) type NewWidgets = BTreeSet<ObjectId>;

/// Entries that a field may gain or change when it is signed.
const SIGNING_MAY_ADD: [&[u8]; 14] =
    [b"AP", b"AS", b"M", b"MK", b"DA", b"Type", b"Subtype", b"Rect", b"F", b"Lock", b"BS", b"Border", b"H", b"DR"];
/// Entries that may change, not only be added, when a field is signed.
const SIGNING_MAY_CHANGE: [&[u8]; 5] = [b"AP", b"AS", b"M", b"MK", b"DA"];
/// Entries that hold or show a field's value.
const VALUE_ENTRIES: [&[u8]; 7] = [b"AP", b"AS", b"DA", b"I", b"M", b"RV", b"V"];
/// Entries of a value that may differ only together with it: how a reader that draws the field anew would show it.
const SHOWING_ENTRIES: [&[u8]; 3] = [b"DA", b"I", b"RV"];
/// The thickest border of a field that nobody signed.
const THICKEST_BORDER: f64 = 4.0;
/// `F` bits that signing software sets: Print and Locked (ISO 32000-1 table 165), and LockedContents.
const SIGNING_FLAGS: i64 = 4 | 128 | 512;

/// What was found out about a field while its entries were compared.
struct Compared {
    /// Its value changed, or how it is shown.
    value: bool,
    /// Entries that changed of those that say how a reader draws the value.
    showing: BTreeSet<Vec<u8>>,
}

impl Comparison<'_, '_> {
    /// Compares the forms; gives the widgets of signature fields that are new or newly signed.
    pub(super) fn form(&self) -> SignatureWidgets {
        let (old, new) = (self.old.form(), self.new.form());
        let empty = Dictionary::default();
        let (old, new) = (old.dictionary().unwrap_or(&empty), new.dictionary().unwrap_or(&empty));
        for key in self.differing_keys(old, new) {
            self.form_entry(old, new, &key);
        }
        self.fields()
    }

    fn form_entry(&self, old: &Dictionary, new: &Dictionary, key: &[u8]) {
        let kind = match key {
            // Compared field by field.
            b"Fields" => return,
            b"SigFlags" => ChangeKind::FurtherSignature,
            b"DR"
                if self.resources_only_grew(&self.old.value(old, "DR"), &self.new.value(new, "DR"))
                    && !self.gives_fields_a_font(old, new) =>
            {
                ChangeKind::FurtherSignature
            }
            b"DA" if !old.contains("DA") => ChangeKind::FurtherSignature,
            b"NeedAppearances" if self.new.value(new, "NeedAppearances").boolean() != Some(true) => {
                ChangeKind::FurtherSignature
            }
            b"XFA" => ChangeKind::Xfa,
            _ => ChangeKind::FormEntry,
        };
        if key == b"SigFlags" {
            return;
        }
        self.add(kind, None, None, format!("form entry {} changed", String::from_utf8_lossy(key)));
    }

    /// Every resource of old is there and means the same.
    fn resources_only_grew(&self, old: &Object, new: &Object) -> bool {
        let Some(old) = old.dictionary() else { return true };
        let Some(new) = new.dictionary() else { return old.is_empty() };
        old.entries().all(|(category, value)| {
            let (before, after) =
                (self.old.resolve(value), new.value_of(category).map(|value| self.new.resolve(value)));
            match (before.dictionary(), after.as_ref().and_then(Object::dictionary)) {
                (Some(before), Some(after)) => before.entries().all(|(name, value)| {
                    // A name that a resource has is no key that says what it is.
                    self.same_drawn(value, after.value_of(name).unwrap_or(&Object::Null))
                }),
                _ => self.same_drawn(value, new.value_of(category).unwrap_or(&Object::Null)),
            }
        })
    }

    /// Whether a font that is new in the form's resources has a name that some field's default appearance used before without meaning:
    /// a reader that makes the appearance anew would now draw other letters.
    fn gives_fields_a_font(&self, old: &Dictionary, new: &Dictionary) -> bool {
        let fonts = |file: &PdfFile<'_>, form: &Dictionary| {
            let resources = file.value(form, "DR");
            resources.dictionary().map(|resources| file.value(resources, "Font")).unwrap_or_default()
        };
        let (before, after) = (fonts(self.old, old), fonts(self.new, new));
        let known = |name: &[u8]| before.dictionary().is_some_and(|fonts| fonts.value_of(name).is_some());
        let names = after.dictionary().into_iter().flat_map(Dictionary::entries).map(|(name, _)| name);
        let mut added = names.filter(|name| !known(name)).peekable();
        if added.peek().is_none() {
            return false;
        }
        let written = |value: Option<&Object>| value.map(|value| self.old.resolve(value)).unwrap_or_default();
        let of_widgets = self.old_fields.iter().flat_map(|field| &field.widgets);
        let of_widgets =
            of_widgets.filter_map(|(_, widget)| widget.dictionary()).map(|widget| written(widget.value("DA")));
        let of_fields = self.old_fields.iter().map(|field| written(field.value("DA")));
        let appearances = of_fields.chain(of_widgets).chain([written(old.value("DA"))]);
        let named: HashSet<Vec<u8>> =
            appearances.flat_map(|appearance| names_in(appearance.string().unwrap_or_default())).collect();
        added.any(|name| named.contains(name))
    }

    fn fields(&self) -> SignatureWidgets {
        let by_id: HashMap<ObjectId, usize> =
            self.old_fields.iter().enumerate().filter_map(|(at, field)| Some((field.id?, at))).collect();
        // Asked only for fields that have another number now.
        let by_name: OnceCell<HashMap<&str, Vec<usize>>> = OnceCell::new();
        let names = || {
            let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
            for (at, field) in self.old_fields.iter().enumerate() {
                by_name.entry(&field.name).or_default().push(at);
            }
            by_name
        };
        let mut met = HashSet::new();
        let mut widgets = SignatureWidgets::default();
        for field in self.new_fields.iter() {
            let known = field.id.and_then(|id| by_id.get(&id).copied()).or_else(|| {
                let candidates = by_name.get_or_init(names).get(field.name.as_str())?;
                candidates.iter().copied().find(|at| !met.contains(at))
            });
            match known.and_then(|at| Some((at, self.old_fields.get(at)?))) {
                Some((at, old)) => {
                    met.insert(at);
                    if !self.is_quiet(old, field) {
                        self.field(old, field, &mut widgets.signed);
                    }
                }
                None => self.new_field(field, &mut widgets.new),
            }
        }
        for (_, gone) in self.old_fields.iter().enumerate().filter(|(at, _)| !met.contains(at)) {
            let signed =
                gone.value("V").is_some_and(|value| !self.old.resolve(value).is_null()) && self.is_signature(gone);
            let kind = if signed { ChangeKind::SignatureReplaced } else { ChangeKind::FieldRemoved };
            self.add(kind, None, Some(&gone.name), format!("field {:?} was removed", gone.name));
        }
        widgets
    }

    fn is_signature(&self, field: &FormField) -> bool {
        // The type is a name, almost always direct, so either file resolves it alike.
        field.value("FT").is_some_and(|kind| self.new.resolve(kind).is_name("Sig"))
    }

    fn new_field(&self, field: &FormField, widgets: &mut NewWidgets) {
        let page = self.page_of(field);
        if !self.is_signature(field) {
            self.add(ChangeKind::FieldAdded, page, Some(&field.name), format!("form field {:?} was added", field.name));
            return;
        }
        widgets.extend(field.widgets.iter().filter_map(|(id, _)| *id));
        let value = field.value("V").map(|value| self.new.resolve(value)).unwrap_or_default();
        let kind = match value.dictionary() {
            None => ChangeKind::SignatureField,
            Some(signature) => signing_kind(signature),
        };
        self.judge_borrowed(field, page);
        let parts = || field.widgets.iter().map(|(_, widget)| widget).chain([&field.dictionary]);
        let mut dictionaries = parts().filter_map(Object::dictionary);
        let has_action = dictionaries.any(|part| part.contains("A") || part.contains("AA"));
        // An empty field has no signature to show, and a document timestamp speaks for no person.
        let signs = matches!(kind, ChangeKind::FurtherSignature);
        if !signs && field.widgets.iter().any(|(_, widget)| self.draws_something(widget)) {
            let detail = format!("field {:?} shows something and holds no signature of a person", field.name);
            self.add(ChangeKind::MisleadingAppearance, page, Some(&field.name), detail);
        }
        if field.widgets.iter().any(|(_, widget)| self.is_disguised(field, widget)) {
            let detail = format!("a widget of signature field {:?} is something else to other readers", field.name);
            self.add(ChangeKind::MisleadingAppearance, page, Some(&field.name), detail);
        }
        let kind = if has_action { ChangeKind::Action } else { kind };
        self.add(kind, page, Some(&field.name), format!("signature field {:?} was added", field.name));
    }

    /// One signature has one field: a second one shows somebody's signature where nobody signed.
    fn judge_borrowed(&self, field: &FormField, page: Option<u32>) {
        let Some(id) = field.value("V").and_then(Object::reference) else { return };
        let signatures = self.signatures.get_or_init(|| {
            let mut found = HashMap::new();
            for id in self.new_fields.iter().filter_map(|field| field.value("V").and_then(Object::reference)) {
                *found.entry(id).or_default() += 1;
            }
            found
        });
        if signatures.get(&id).is_some_and(|fields| *fields > 1) {
            let detail = format!("field {:?} borrows the signature of another field", field.name);
            self.add(ChangeKind::MisleadingAppearance, page, Some(&field.name), detail);
        }
    }

    /// Whether a widget's normal appearance puts anything on the page.
    pub(super) fn draws_something(&self, widget: &Object) -> bool {
        let Some(widget) = widget.dictionary() else { return false };
        let appearance = self.new.value(widget, "AP");
        let normal = appearance.dictionary().map(|appearance| self.new.value(appearance, "N")).unwrap_or_default();
        let characteristics = self.new.value(widget, "MK");
        let speaking = ["CA", "RC", "AC", "BG", "I", "RI", "IX"];
        let captioned = characteristics.dictionary().is_some_and(|one| speaking.iter().any(|key| one.contains(key)));
        captioned
            || self.border(widget) > THICKEST_BORDER
            || match normal {
                Object::Null => false,
                Object::Stream(stream) => match self.new.decoded_regularly(&stream) {
                    Ok(content) => crate::pdf::prepared::draws(&content) != Some(false),
                    Err(_) => true,
                },
                // A choice of appearances is no signature field's.
                _ => true,
            }
    }

    /// The width of the widget's border (ISO 32000-1 §12.5.4).
    fn border(&self, widget: &Dictionary) -> f64 {
        let style = self.new.value(widget, "BS");
        let style = style.dictionary().map(|style| self.new.value(style, "W")).and_then(|width| width.number());
        let border = self.new.value(widget, "Border");
        let border = border.array().and_then(|border| self.new.resolve(border.get(2)?).number());
        style.unwrap_or(0.0).max(border.unwrap_or(0.0))
    }

    fn page_of(&self, field: &FormField) -> Option<u32> {
        let widget = field.widgets.first()?.1.clone();
        let page = widget.dictionary()?.value("P")?.reference()?;
        page_number(*self.new_page_index.get(&page)?)
    }

    fn field(&self, old: &FormField, new: &FormField, newly_signed: &mut NewWidgets) {
        let null = Object::Null;
        let value = |field: &FormField| field.value("V").cloned().unwrap_or_default();
        let (old_value, new_value) = (value(old), value(new));
        let value_same = self.same(&old_value, &new_value);
        let page = self.page_of(new);
        let changed = |detail: String| self.add(ChangeKind::FieldChanged, page, Some(&new.name), detail);
        for key in FIELD_INHERITED.into_iter().filter(|key| *key != "V") {
            let own = |field: &FormField| field.inherited.value(key).unwrap_or(&null).clone();
            if !self.same(&own(old), &own(new)) {
                changed(format!("{key} of field {:?} changed", new.name));
            }
        }
        for key in self.inherited_by_widgets(old, new) {
            changed(format!("{key} of field {:?} is another for who begins at its widget", new.name));
        }
        if old.name != new.name {
            changed(format!("field {:?} is now called {:?}", old.name, new.name));
        }
        let mut signing = false;
        if self.is_signature(new) || self.is_signature(old) {
            let (before, after) = (self.old.resolve(&old_value), self.new.resolve(&new_value));
            signing = before.is_null() && !after.is_null();
            if signing {
                newly_signed.extend(new.widgets.iter().filter_map(|(id, _)| *id));
            }
            self.signature_value(&before, &after, value_same, new, page);
            let timestamp =
                after.dictionary().is_some_and(|value| signing_kind(value) == ChangeKind::DocumentTimestamp);
            if signing && timestamp && new.widgets.iter().any(|(_, widget)| self.draws_something(widget)) {
                let detail = format!("field {:?} shows something and holds a document timestamp", new.name);
                self.add(ChangeKind::MisleadingAppearance, page, Some(&new.name), detail);
            }
        }
        let mut compared = Compared { value: !value_same && !self.is_signature(new), showing: BTreeSet::new() };
        self.compare_parts(old, new, signing, &mut compared, &changed);
        if old.widgets.len() != new.widgets.len() {
            changed(format!("field {:?} has {} widgets, had {}", new.name, new.widgets.len(), old.widgets.len()));
        }
        if compared.value {
            self.filled(old, new, &compared.showing, page);
        }
    }

    /// The entries of the field and of its widgets, one by one.
    fn compare_parts(
        &self,
        old: &FormField,
        new: &FormField,
        signing: bool,
        compared: &mut Compared,
        changed: &dyn Fn(String),
    ) {
        for (at, (old_part, new_part)) in self.parts(old, new).into_iter().enumerate() {
            for key in self.differing_keys(&old_part, &new_part) {
                // What `Parent` leads to was compared by what comes from there; the field's kids are its widgets.
                let in_tree = key == b"Parent" || (key == b"Kids" && at == 0);
                if in_tree
                    || self.belongs_to_widget(&new_part, &key)
                    || self.says_the_default(&old_part, &new_part, &key)
                {
                    continue;
                }
                if key == b"V" {
                    // The field's own was compared; a widget beside it may repeat it and say nothing else.
                    let repeated = self.new.value(&new_part, "V")
                        == new.value("V").map(|value| self.new.resolve(value)).unwrap_or_default();
                    if at > 0 && !repeated {
                        changed(format!("a widget of field {:?} has a value of its own", new.name));
                    }
                    continue;
                }
                let is_button = new.value("FT").is_some_and(|kind| self.new.resolve(kind).is_name("Btn"));
                let flags = new.value("Ff").cloned().unwrap_or_default();
                if key == b"MK" && is_button && self.only_the_mark_changed(&flags, &old_part, &new_part) {
                    compared.value = true;
                    continue;
                }
                if SHOWING_ENTRIES.contains(&key.as_slice()) {
                    compared.showing.insert(key.clone());
                }
                let allowed_by_signing = signing && self.signing_allows(&old_part, &new_part, &key);
                if VALUE_ENTRIES.contains(&key.as_slice()) && !self.is_signature(new) {
                    compared.value = true;
                } else if !allowed_by_signing {
                    changed(format!("{} of field {:?} changed", String::from_utf8_lossy(&key), new.name));
                }
            }
        }
    }

    /// Whether an entry that was missing says what is meant without it: no flags (ISO 32000-1 table 221), a thin border (§12.5.4).
    fn says_the_default(&self, old: &Dictionary, new: &Dictionary, key: &[u8]) -> bool {
        let missing = |key: &str| self.old.value(old, key).is_null();
        match key {
            b"Ff" => missing("Ff") && self.new.value(new, "Ff").integer() == Some(0),
            b"BS" if missing("BS") && missing("Border") => {
                let style = self.new.value(new, "BS");
                style.dictionary().is_some_and(|style| {
                    style.entries().all(|(key, value)| match key {
                        b"Type" => true,
                        b"S" => value.is_name("S"),
                        b"W" => value.number() == Some(1.0),
                        _ => false,
                    })
                })
            }
            _ => false,
        }
    }

    /// Whether the entry says no more than where a widget is: on a page that lists annotations, at a place in the structure.
    fn belongs_to_widget(&self, part: &Dictionary, key: &[u8]) -> bool {
        let value = part.value_of(key);
        let is_page = || {
            let id = value.and_then(Object::reference).filter(|id| self.new_page_index.contains_key(id));
            id.is_some_and(|id| self.new.object(id).dictionary().is_some_and(|page| page.contains("Annots")))
        };
        part.is_name("Subtype", "Widget")
            && match key {
                b"P" => value.is_none_or(Object::is_null) || is_page(),
                b"StructParent" => value.is_none_or(|value| self.new.resolve(value).integer().is_some()),
                _ => false,
            }
    }

    /// The field's dictionary and its widgets, those that are not the field itself, in pairs.
    fn parts(&self, old: &FormField, new: &FormField) -> Vec<(Dictionary, Dictionary)> {
        let own = |object: &Object| object.dictionary().cloned().unwrap_or_default();
        let mut parts = vec![(own(&old.dictionary), own(&new.dictionary))];
        let widgets = old
            .widgets
            .iter()
            .zip(&new.widgets)
            .filter(|((old_id, _), (new_id, _))| (*old_id, *new_id) != (old.id, new.id) || old_id.is_none());
        parts.extend(widgets.map(|((_, old), (_, new))| (own(old), own(new))));
        parts
    }

    fn signing_allows(&self, old: &Dictionary, new: &Dictionary, key: &[u8]) -> bool {
        if key == b"F" {
            let bits = |dictionary: &Dictionary| dictionary.value("F").and_then(Object::integer).unwrap_or(0);
            return bits(old) | SIGNING_FLAGS == bits(new) | SIGNING_FLAGS;
        }
        SIGNING_MAY_CHANGE.contains(&key)
            || (SIGNING_MAY_ADD.contains(&key) && old.value_of(key).is_none_or(Object::is_null))
            || (key == b"F" && new.value_of(key).is_some())
    }

    fn signature_value(&self, before: &Object, after: &Object, same: bool, field: &FormField, page: Option<u32>) {
        let name = &field.name;
        match (before.dictionary(), after.dictionary()) {
            (None, Some(signature)) => {
                self.judge_borrowed(field, page);
                self.add(signing_kind(signature), page, Some(name), format!("signature field {name:?} was signed"));
            }
            (Some(_), None) => {
                self.add(
                    ChangeKind::SignatureReplaced,
                    page,
                    Some(name),
                    format!("the signature in {name:?} was removed"),
                );
            }
            (Some(old), Some(new)) if !same => {
                for key in self.differing_keys(old, new) {
                    let key = String::from_utf8_lossy(&key);
                    let kind = match key.as_ref() {
                        "Contents" | "ByteRange" => ChangeKind::SignatureReplaced,
                        _ => ChangeKind::SignatureDictionary,
                    };
                    self.add(
                        kind,
                        page,
                        Some(name),
                        format!("{key} of the signature in {name:?} is not what was signed"),
                    );
                }
            }
            _ => {}
        }
    }
}

fn signing_kind(signature: &Dictionary) -> ChangeKind {
    let is_timestamp = signature.is_name("Type", "DocTimeStamp") || signature.is_name("SubFilter", "ETSI.RFC3161");
    if is_timestamp { ChangeKind::DocumentTimestamp } else { ChangeKind::FurtherSignature }
}

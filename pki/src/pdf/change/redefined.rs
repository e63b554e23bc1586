//! Whether a later revision left everything alone that was there, but for what long-term data and a timestamp must touch: the catalogue, the
//! document information, the form's list and a page's list of annotations. Then no reader can take it in another way than ours.

use super::quiet::redefined;
use crate::pdf::file::PdfFile;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::xref::Entry;
use std::collections::HashSet;

/// Entries of the catalogue that are judged by themselves and show nothing on a page; the form's is looked at below.
const CATALOGUE: [&[u8]; 5] = [b"AcroForm", b"DSS", b"Extensions", b"Metadata", b"Version"];
const FORM: [&[u8]; 2] = [b"Fields", b"SigFlags"];
const PAGE: [&[u8]; 1] = [b"Annots"];

/// Whether nothing older was defined anew but what names the new objects, and that says what it said, to the letter.
pub(super) fn leaves_alone(old: &PdfFile<'_>, new: &PdfFile<'_>) -> bool {
    let Some(numbers) = redefined(old, new) else { return false };
    let known = Known::of(old, new);
    known.same_form
        && numbers.into_iter().filter(|number| !matches!(old.entry(*number), None | Some(Entry::Free))).all(|number| {
            let id = ObjectId::new(number, 0);
            known.names_only_more(number, &old.object(id), &new.object(id))
        })
}

/// Numbers of objects by what they are in the older revision.
struct Known {
    root: Option<u32>,
    information: Option<u32>,
    form: Option<u32>,
    store: HashSet<u32>,
    pages: HashSet<u32>,
    lists: HashSet<u32>,
    /// A form that stands in the catalogue itself differs by its lists only.
    same_form: bool,
}

fn number(dictionary: &Dictionary, key: &str) -> Option<u32> {
    dictionary.value(key).and_then(Object::reference).map(|id| id.number)
}

impl Known {
    fn of(old: &PdfFile<'_>, new: &PdfFile<'_>) -> Self {
        let empty = Dictionary::default();
        let catalogue = old.catalogue();
        let catalogue = catalogue.dictionary().unwrap_or(&empty);
        let form = old.form();
        let later = new.form();
        let same_form = match (form.dictionary(), later.dictionary()) {
            (Some(old), Some(new)) => is_but(&FORM, old, new),
            // A form for the timestamp's field.
            (None, Some(new)) => new.entries().all(|(key, _)| FORM.contains(&key)),
            (before, after) => before.is_none() && after.is_none(),
        };
        let store = old.value(catalogue, "DSS");
        let mut stored: HashSet<u32> = number(catalogue, "DSS").into_iter().collect();
        for key in ["VRI", "Certs", "CRLs", "OCSPs"] {
            stored.extend(store.dictionary().and_then(|store| number(store, key)));
        }
        let pages = old.pages();
        let lists = pages.iter().filter_map(|page| number(page.dictionary.dictionary()?, "Annots"));
        let fields = form.dictionary().and_then(|form| number(form, "Fields"));
        Self {
            root: number(old.trailer(), "Root"),
            information: number(old.trailer(), "Info"),
            form: number(catalogue, "AcroForm"),
            store: stored,
            pages: pages.iter().filter_map(|page| Some(page.id?.number)).collect(),
            lists: lists.chain(fields).collect(),
            same_form,
        }
    }

    fn names_only_more(&self, number: u32, old: &Object, new: &Object) -> bool {
        let is = |known: Option<u32>| known == Some(number);
        match (old, new) {
            (Object::Dictionary(old), Object::Dictionary(new)) => {
                let except: &[&[u8]] = match () {
                    () if is(self.information) || self.store.contains(&number) => return true,
                    () if is(self.root) => &CATALOGUE,
                    () if is(self.form) => &FORM,
                    () if self.pages.contains(&number) => &PAGE,
                    () => &[],
                };
                is_but(except, old, new)
            }
            (Object::Array(old), Object::Array(new)) => {
                self.store.contains(&number) || (self.lists.contains(&number) && new.starts_with(old)) || old == new
            }
            (Object::Stream(_), _) | (_, Object::Stream(_)) => false,
            (old, new) => old == new,
        }
    }
}

/// Whether the two say the same, to the letter, under all keys but these.
fn is_but(except: &[&[u8]], old: &Dictionary, new: &Dictionary) -> bool {
    let value = |dictionary: &Dictionary, key: &[u8]| dictionary.value_of(key).cloned();
    let keys = old.entries().chain(new.entries()).map(|(key, _)| key);
    keys.filter(|key| !except.contains(key)).all(|key| value(old, key) == value(new, key))
}

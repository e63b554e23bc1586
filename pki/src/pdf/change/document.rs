//! The catalogue and the trailer: everything that is neither page nor form.

use super::Comparison;
use super::fields::NewWidgets;
use super::kind::ChangeKind;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object};
use std::collections::HashSet;

/// `Info` entries that may change without anybody's permission: dates and producer.
const HARMLESS_INFORMATION: [&[u8]; 4] = [b"ModDate", b"CreationDate", b"Producer", b"Creator"];

impl Comparison<'_, '_> {
    pub(super) fn document(&self, widgets: &NewWidgets) {
        let (old, new) = (self.old.catalogue(), self.new.catalogue());
        let empty = Dictionary::default();
        let (old, new) = (old.dictionary().unwrap_or(&empty), new.dictionary().unwrap_or(&empty));
        let mut keys: Vec<&[u8]> = old.entries().chain(new.entries()).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            // These have comparisons of their own.
            if matches!(key, b"Pages" | b"AcroForm") || self.same_value(old, new, key) {
                continue;
            }
            self.catalogue_entry(old, new, key, widgets);
        }
        self.trailer();
    }

    fn catalogue_entry(&self, old: &Dictionary, new: &Dictionary, key: &[u8], widgets: &NewWidgets) {
        let kind = match key {
            b"DSS" if new.value_of(key).is_some_and(|dss| self.is_security_store(&self.new.resolve(dss))) => {
                ChangeKind::LongTermData
            }
            // An extensions dictionary and a version only announce what a file may contain.
            b"Extensions" | b"Version" => ChangeKind::LongTermData,
            b"Metadata" => return self.metadata(old, new),
            b"PieceInfo" | b"LastModified" => ChangeKind::Metadata,
            b"StructTreeRoot" if self.structure_only_grew(old, new, widgets) => ChangeKind::StructureTree,
            b"StructTreeRoot" if self.structure_only_grew(old, new, &self.with_annotations(widgets)) => {
                ChangeKind::AnnotationAdded
            }
            b"Perms" if self.only_signature_permissions(old, new) => ChangeKind::FurtherSignature,
            b"Perms" if self.only_usage_rights_ended(old, new) => ChangeKind::Metadata,
            b"Perms" | b"Legal" => ChangeKind::Permissions,
            b"Names" | b"Dests" | b"AF" => ChangeKind::NameTree,
            b"OCProperties" => ChangeKind::OptionalContent,
            b"OpenAction" | b"AA" => ChangeKind::Action,
            _ => ChangeKind::CatalogueEntry,
        };
        self.add(kind, None, None, format!("catalogue entry {} changed", String::from_utf8_lossy(key)));
    }

    fn metadata(&self, old: &Dictionary, new: &Dictionary) {
        let information = self.new.value(self.new.trailer(), "Info");
        let (kind, about) = self.metadata_kind(old, new, information.dictionary());
        self.add(
            kind,
            None,
            None,
            format!("catalogue entry Metadata changed: {about}").trim_end_matches(": ").to_owned(),
        );
    }

    /// The new widgets, and every annotation that is new on its page.
    fn with_annotations(&self, widgets: &NewWidgets) -> NewWidgets {
        let mut found = widgets.clone();
        for (old, new) in self.old_pages.iter().zip(self.new_pages.iter()) {
            let (before, after) = (old.value(self.old, "Annots"), new.value(self.new, "Annots"));
            let known: HashSet<_> = before.array().unwrap_or_default().iter().filter_map(Object::reference).collect();
            let listed = after.array().unwrap_or_default().iter().take(limits::ANNOTATIONS);
            self.charge(known.len());
            found.extend(listed.filter_map(Object::reference).filter(|id| !known.contains(id)));
            if self.is_spent() {
                break;
            }
        }
        found
    }

    /// ISO 32000-2 table 261: nothing in a document security store but these.
    fn is_security_store(&self, store: &Object) -> bool {
        let known: [&[u8]; 5] = [b"Type", b"VRI", b"Certs", b"CRLs", b"OCSPs"];
        store.dictionary().is_some_and(|store| store.entries().all(|(key, _)| known.contains(&key)))
    }

    /// `Perms` gained nothing but a `DocMDP` entry where there was none and nobody had certified: that is the dictionary of a
    /// later certification, judged with the permissions it gives.
    fn only_signature_permissions(&self, old: &Dictionary, new: &Dictionary) -> bool {
        let permissions = self.new.value(new, "Perms");
        !old.contains("Perms")
            && permissions
                .dictionary()
                .is_some_and(|permissions| permissions.entries().all(|(key, _)| key == b"DocMDP"))
    }

    /// Usage rights (ISO 32000-1 §12.8.2.3) enable features of one reader and end with the first change; dropping them, and
    /// nothing else, takes no permission away.
    fn only_usage_rights_ended(&self, old: &Dictionary, new: &Dictionary) -> bool {
        let (old, new) = (self.old.value(old, "Perms"), self.new.value(new, "Perms"));
        let empty = Dictionary::default();
        let (Some(old), new) = (old.dictionary(), new.dictionary().unwrap_or(&empty)) else { return false };
        let ended = |key: &[u8]| matches!(key, b"UR" | b"UR3") && new.value_of(key).is_none();
        self.differing_keys(old, new).iter().all(|key| ended(key))
    }

    fn trailer(&self) {
        let (old, new) = (self.old.trailer(), self.new.trailer());
        let information = |file: &crate::pdf::PdfFile<'_>| file.value(file.trailer(), "Info");
        let (old_information, new_information) = (information(self.old), information(self.new));
        let empty = Dictionary::default();
        let differing = self.differing_keys(
            old_information.dictionary().unwrap_or(&empty),
            new_information.dictionary().unwrap_or(&empty),
        );
        for key in differing {
            let harmless = HARMLESS_INFORMATION.contains(&key.as_slice())
                || key == b"Trapped" && was_added(old_information.dictionary(), new_information.dictionary(), &key);
            let kind = if harmless { ChangeKind::Metadata } else { ChangeKind::DocumentInformation };
            self.add(kind, None, None, format!("document information {} changed", String::from_utf8_lossy(&key)));
        }
        if !self.same_value(old, new, b"Encrypt") {
            self.add(ChangeKind::Encryption, None, None, "the encryption dictionary changed".to_owned());
        }
    }
}

/// Whether an entry that was not there is a name now: `Trapped` says whether a printer must still trap, and no reader shows it.
fn was_added(old: Option<&Dictionary>, new: Option<&Dictionary>, key: &[u8]) -> bool {
    let before = old.and_then(|old| old.value_of(key));
    before.is_none() && matches!(new.and_then(|new| new.value_of(key)), Some(Object::Name(_)))
}

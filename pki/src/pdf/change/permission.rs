//! What signers permitted: `DocMDP`, `FieldMDP` and field locks (ISO 32000-2 §12.8.2, §12.7.5.5), and whether a change keeps to it.

use super::Finding;
use super::kind::{ChangeKind, Needs};
use crate::pdf::file::PdfFile;
use crate::pdf::object::{Dictionary, Object};
use crate::pdf::tree::text;

/// Which fields a lock covers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lock {
    All,
    Include(Vec<String>),
    Exclude(Vec<String>),
}

impl Lock {
    fn covers(&self, field: &str) -> bool {
        // A name stands for the field and everything below it.
        let named = |names: &[String]| {
            names.iter().any(|name| {
                field == name || field.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        match self {
            Self::All => true,
            Self::Include(names) => named(names),
            Self::Exclude(names) => !named(names),
        }
    }
}

/// What a signature, and those before it, allow to happen later.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// The strictest `DocMDP` level, `None` without certification.
    pub level: Option<i64>,
    locks: Vec<Lock>,
}

impl Permissions {
    /// Adds what this signature dictionary and its field's `Lock` say, as its signed revision shows them.
    pub fn restrict(&mut self, file: &PdfFile<'_>, signature: &Dictionary, field_lock: &Object) {
        let references = file.value(signature, "Reference");
        for reference in references.array().unwrap_or_default().iter().map(|reference| file.resolve(reference)) {
            let Some(reference) = reference.dictionary() else { continue };
            let parameters = file.value(reference, "TransformParams");
            let empty = Dictionary::default();
            let parameters = parameters.dictionary().unwrap_or(&empty);
            match file.value(reference, "TransformMethod").name() {
                Some(b"DocMDP") => self.limit(file.value(parameters, "P").integer().unwrap_or(2)),
                Some(b"FieldMDP") => self.locks.extend(read_lock(file, parameters)),
                _ => {}
            }
        }
        if let Some(lock) = field_lock.dictionary() {
            self.locks.extend(read_lock(file, lock));
            if let Some(level) = file.value(lock, "P").integer() {
                self.limit(level);
            }
        }
    }

    fn limit(&mut self, level: i64) {
        // An unknown level is read as the strictest.
        let level = if (1..=3).contains(&level) { level } else { 1 };
        self.level = Some(self.level.map_or(level, |known| known.min(level)));
    }

    /// Whether the change is permitted, and by or against which rule.
    pub fn judge(&self, finding: &Finding) -> (bool, &'static str) {
        match (finding.kind.needs(), self.level) {
            (Needs::Nothing, _) => (true, "harmless without permission"),
            (Needs::Impossible, _) => (false, "never permitted"),
            (Needs::Signing, Some(1)) => (false, "DocMDP level 1 allows no further signature"),
            (Needs::Signing, _) => (true, "signing is permitted"),
            (Needs::Refilling, None) => (false, "nobody permitted to change a value that was signed"),
            (Needs::FormFilling | Needs::Refilling, Some(1)) => (false, "DocMDP level 1 allows no form filling"),
            (Needs::FormFilling | Needs::Refilling, _) => {
                let locked =
                    finding.field.as_ref().is_some_and(|field| self.locks.iter().any(|lock| lock.covers(field)));
                if locked { (false, "the field is locked") } else { (true, "form filling is permitted") }
            }
            (Needs::Annotating, Some(3)) => (true, "DocMDP level 3 allows annotations"),
            (Needs::Annotating, _) => (false, "nobody permitted annotations"),
        }
    }

    /// The finding for a later signature that allows more than these permissions, `None` where it does not.
    pub fn loosened_by(&self, later: Option<i64>) -> Option<ChangeKind> {
        let (Some(own), Some(later)) = (self.level, later) else { return None };
        (later > own).then_some(ChangeKind::Permissions)
    }
}

fn read_lock(file: &PdfFile<'_>, lock: &Dictionary) -> Option<Lock> {
    let fields = file.value(lock, "Fields");
    let names = || {
        let names = fields.array().unwrap_or_default().iter();
        names.filter_map(|name| file.resolve(name).string().map(text)).collect()
    };
    match file.value(lock, "Action").name() {
        Some(b"All") => Some(Lock::All),
        Some(b"Include") => Some(Lock::Include(names())),
        Some(b"Exclude") => Some(Lock::Exclude(names())),
        // A lock that cannot be understood locks everything.
        Some(_) => Some(Lock::All),
        None => None,
    }
}

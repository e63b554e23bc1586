//! The form fields of a file, built once for all revisions that read the very same ones. Walks nothing itself; that is `tree`.

use super::PdfFile;
use crate::pdf::object::ObjectId;
use crate::pdf::tree::FormField;
use std::collections::HashSet;
use std::rc::Rc;

impl PdfFile<'_> {
    /// The terminal fields in order, at most `limits::FIELDS`.
    pub fn fields(&self) -> Rc<Vec<FormField>> {
        Rc::clone(self.fields.get_or_init(|| Rc::new(self.walk_fields())))
    }

    /// The numbers of all fields and their widgets.
    pub fn field_ids(&self) -> Rc<HashSet<ObjectId>> {
        Rc::clone(self.field_ids.get_or_init(|| {
            let fields = self.fields();
            let ids = |field: &FormField| {
                field.id.into_iter().chain(field.widgets.iter().filter_map(|(id, _)| *id)).collect::<Vec<_>>()
            };
            Rc::new(fields.iter().flat_map(ids).collect())
        }))
    }

    /// The field at this reference as another revision read it, where this one would read the very same.
    pub(in crate::pdf) fn known_field(&self, id: ObjectId) -> Option<FormField> {
        let offset = self.shares.get().then(|| self.offset(id.number))??;
        self.shared.field(offset, id, self.data.len())
    }

    /// Keeps a field that depends on nothing but the object at its reference.
    pub(in crate::pdf) fn keep_field(&self, id: ObjectId, field: &FormField) {
        if self.shares.get()
            && let Some(offset) = self.offset(id.number)
        {
            self.shared.keep_field(offset, id, field);
        }
    }
}

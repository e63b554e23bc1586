//! What revisions of one file have in common: sections and objects by their offset, read once however many revisions are looked at.
//! Keeps only what means the same wherever the file is cut behind it.

use super::chain::Chain;
use crate::pdf::encryption::Encryption;
use crate::pdf::error::PdfError;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::tree::FormField;
use crate::pdf::work;
use crate::pdf::xref::Section;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Read so far.
#[derive(Debug, Default)]
pub(super) struct Shared {
    sections: RefCell<HashMap<(usize, usize), Section>>,
    /// The first chain that was followed to its end, with the shift that it was followed with.
    chain: OnceCell<(Chain, usize)>,
    /// Fields by the offset of their object.
    fields: RefCell<HashMap<usize, (ObjectId, FormField)>>,
    /// By offset: number, end, object.
    objects: RefCell<HashMap<usize, (u32, usize, Object)>>,
    /// The security handler that the objects were opened with, once one revision has said which.
    handler: OnceCell<Option<Rc<Encryption>>>,
}

impl Shared {
    /// The section at this offset of the slice.
    pub(super) fn section(&self, data: &[u8], offset: usize, shift: usize) -> Result<Section, PdfError> {
        if let Some(known) = self.sections.borrow().get(&(offset, shift))
            && known.reach() <= data.len()
        {
            return Ok(known.clone());
        }
        work::count(1);
        let section = Section::read(data, offset, shift)?;
        self.sections.borrow_mut().insert((offset, shift), section.clone());
        Ok(section)
    }

    /// The chain from the section at this offset on, where it is known and the first `length` bytes hold all of it.
    pub(super) fn chain(&self, offset: usize, shift: usize, length: usize) -> Option<Chain> {
        let (chain, _) = self.chain.get().filter(|(_, own)| *own == shift)?;
        chain.beginning_at(offset, length)
    }

    /// Keeps the first chain, which is mostly the whole file's.
    pub(super) fn keep_chain(&self, chain: &Chain, shift: usize) {
        self.chain.get_or_init(|| (chain.clone(), shift));
    }

    /// The field whose object lies at this offset, where it is known and the object ends before the slice does.
    pub(super) fn field(&self, offset: usize, id: ObjectId, length: usize) -> Option<FormField> {
        let fields = self.fields.borrow();
        let (own, field) = fields.get(&offset)?;
        let objects = self.objects.borrow();
        let is_there = objects.get(&offset).is_some_and(|(number, end, _)| *number == id.number && *end <= length);
        (*own == id && is_there).then(|| field.clone())
    }

    /// Keeps a field whose object is kept.
    pub(super) fn keep_field(&self, offset: usize, id: ObjectId, field: &FormField) {
        if self.objects.borrow().get(&offset).is_some_and(|(number, _, _)| *number == id.number) {
            self.fields.borrow_mut().insert(offset, (id, field.clone()));
        }
    }

    /// The handler opened from this dictionary and identifier, where it is the one in common.
    pub(super) fn handler(&self, dictionary: &Dictionary, identifier: &[u8]) -> Option<Rc<Encryption>> {
        let known = self.handler.get()?.as_ref()?;
        known.was_opened_from(dictionary, identifier).then(|| Rc::clone(known))
    }

    /// Whether objects opened with this handler, or without one, may be shared.
    pub(super) fn admits(&self, handler: Option<&Rc<Encryption>>) -> bool {
        match (self.handler.get_or_init(|| handler.cloned()), handler) {
            (None, None) => true,
            (Some(known), Some(own)) => Rc::ptr_eq(known, own),
            _ => false,
        }
    }

    /// The object of that number at this offset, where it is known and ends before the slice does.
    pub(super) fn object(&self, offset: usize, number: u32, length: usize) -> Option<Object> {
        let objects = self.objects.borrow();
        let (own, end, object) = objects.get(&offset)?;
        (*own == number && *end <= length).then(|| object.clone())
    }

    /// Keeps an object that was read without anything odd.
    pub(super) fn keep(&self, offset: usize, number: u32, end: usize, object: &Object) {
        self.objects.borrow_mut().insert(offset, (number, end, object.clone()));
    }
}

//! The revisions of one file, opened once however often they are asked for, as long as they are few; many are opened again.

use super::file::PdfFile;
use super::limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A file and those of its beginnings that were asked for.
pub struct Revisions<'a> {
    whole: Rc<PdfFile<'a>>,
    opened: RefCell<BTreeMap<usize, Option<Rc<PdfFile<'a>>>>>,
}

impl<'a> Revisions<'a> {
    /// The revisions of this file.
    pub fn of(whole: PdfFile<'a>) -> Self {
        Self { whole: Rc::new(whole), opened: RefCell::default() }
    }

    /// The file as it is now.
    pub fn whole(&self) -> &Rc<PdfFile<'a>> {
        &self.whole
    }

    /// The file as its first `end` bytes show it, `None` where those cannot be read by themselves.
    pub fn until(&self, end: usize) -> Option<Rc<PdfFile<'a>>> {
        if end == self.whole.data().len() {
            return Some(Rc::clone(&self.whole));
        }
        if let Some(known) = self.opened.borrow().get(&end) {
            return known.clone();
        }
        let opened = self.whole.revision(end).ok().map(Rc::new);
        // Each holds its own list of fields, so that hundreds kept at once would take memory by their square.
        let mut kept = self.opened.borrow_mut();
        if kept.len() < limits::REVISIONS_KEPT {
            kept.insert(end, opened.clone());
        }
        opened
    }
}

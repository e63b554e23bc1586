//! A PDF file opened over a slice: its cross-reference chain, its objects loaded when asked for, its streams decoded.
//! A prefix of the slice opened as a file of its own is the document as an earlier revision showed it.

mod chain;
mod decoding;
mod entries;
mod fields;
mod protection;
mod shared;

use super::error::{Oddity, PdfError};
use super::lexer::Lexer;
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use super::object_stream::ObjectStream;
use super::recovery;
use super::tree::{FormField, Page, PageNode};
use super::work;
use super::xref::{Entry, Section, stream_at};
use chain::Chain;
use protection::Protection;
use shared::Shared;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// How the objects of the file are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// By cross-reference sections, as the specification says.
    Strict,
    /// By searching for objects, as readers do with damaged files.
    Recovered,
}

/// The pages in order, and the nodes of their tree.
type PageTree = (Rc<Vec<Page>>, Rc<Vec<PageNode>>);

/// An open file.
pub struct PdfFile<'a> {
    data: &'a [u8],
    reading: Reading,
    /// Added to every offset that the file names.
    shift: usize,
    /// Newest first; empty where recovered.
    sections: Chain,
    /// Filled where recovered.
    recovered: BTreeMap<u32, Entry>,
    trailer: Dictionary,
    protection: Protection,
    /// What revisions of the same bytes have in common; used once the security handler is known.
    shared: Rc<Shared>,
    shares: Cell<bool>,
    objects: RefCell<HashMap<u32, Object>>,
    object_streams: RefCell<HashMap<u32, Option<Rc<ObjectStream>>>>,
    loading: RefCell<Vec<u32>>,
    decoded: Cell<usize>,
    oddities: RefCell<Vec<Oddity>>,
    pages: OnceCell<PageTree>,
    fields: OnceCell<Rc<Vec<FormField>>>,
    field_ids: OnceCell<Rc<HashSet<ObjectId>>>,
}

impl<'a> PdfFile<'a> {
    /// Opens strictly, and by searching where that finds no catalogue; [`PdfFile::reading`] says which it was.
    pub fn open(data: &'a [u8]) -> Result<Self, PdfError> {
        Self::open_sharing(data, Rc::default())
    }

    /// The file as its first `end` bytes show it, opened like a file of its own; what both have in common is read once.
    pub fn revision(&self, end: usize) -> Result<Self, PdfError> {
        Self::open_sharing(self.data.get(..end).ok_or(PdfError::NotPdf)?, Rc::clone(&self.shared))
    }

    fn open_sharing(data: &'a [u8], shared: Rc<Shared>) -> Result<Self, PdfError> {
        match Self::open_strict_sharing(data, shared) {
            Ok(file) => Ok(file),
            Err(error @ (PdfError::NotPdf | PdfError::Encrypted(_))) => Err(error),
            Err(_) => Self::open_recovered(data),
        }
    }

    /// Opens by the cross-reference chain only.
    pub fn open_strict(data: &'a [u8]) -> Result<Self, PdfError> {
        Self::open_strict_sharing(data, Rc::default())
    }

    fn open_strict_sharing(data: &'a [u8], shared: Rc<Shared>) -> Result<Self, PdfError> {
        let header = header_offset(data)?;
        let start =
            last_startxref(data).ok_or(PdfError::CrossReference { offset: data.len(), what: "no startxref" })?;
        let mut file = Self::empty(data, Reading::Strict, shared);
        let mut first = file.shared.section(data, start, 0);
        if first.is_err() && header > 0 {
            file.shift = header;
            first = file.shared.section(data, start.saturating_add(header), header);
        }
        if header > 0 {
            file.note(Oddity::HeaderNotFirst { at: header, shifted: file.shift > 0 });
        }
        file.trailer = first.as_ref().map(|section| section.trailer.clone()).unwrap_or_default();
        file.follow_chain(first?)?;
        file.unlock();
        file.share();
        file.require_catalogue_or_key().map(|()| file)
    }

    /// Opens by searching for objects, whatever the cross-reference data says.
    pub fn open_recovered(data: &'a [u8]) -> Result<Self, PdfError> {
        header_offset(data)?;
        // A repaired reading notes what it had to get over, so it reads everything itself.
        let mut file = Self::empty(data, Reading::Recovered, Rc::default());
        file.note(Oddity::Reconstructed);
        let found = recovery::search(data);
        file.recovered = found.entries;
        file.trailer = found.trailer;
        file.unlock();
        for number in found.object_streams {
            let Some(stream) = file.object_stream(number) else { continue };
            for (inner, index) in stream.numbers() {
                let place = Entry::InStream { stream: number, index };
                // What stands in the file itself and comes later than the stream counts; streams are read in file order.
                match (file.recovered.get(&inner), file.recovered.get(&number)) {
                    (Some(Entry::Offset { offset, .. }), Some(Entry::Offset { offset: outer, .. }))
                        if offset > outer => {}
                    _ => {
                        file.recovered.insert(inner, place);
                    }
                }
            }
        }
        file.objects.borrow_mut().clear();
        file.find_catalogue();
        file.require_catalogue_or_key().map(|()| file)
    }

    fn empty(data: &'a [u8], reading: Reading, shared: Rc<Shared>) -> Self {
        Self {
            data,
            reading,
            shift: 0,
            sections: Chain::default(),
            recovered: BTreeMap::new(),
            trailer: Dictionary::default(),
            protection: Protection::None,
            shared,
            shares: Cell::new(false),
            objects: RefCell::default(),
            object_streams: RefCell::default(),
            loading: RefCell::default(),
            decoded: Cell::new(0),
            oddities: RefCell::default(),
            pages: OnceCell::new(),
            fields: OnceCell::new(),
            field_ids: OnceCell::new(),
        }
    }

    fn follow_chain(&mut self, first: Section) -> Result<(), PdfError> {
        if let Some(known) = self.shared.chain(first.offset, self.shift, self.data.len()) {
            self.sections = known;
            return Ok(());
        }
        let mut seen = BTreeSet::from([first.offset]);
        let mut sections = Vec::new();
        let mut is_whole = true;
        let mut next = Some(first);
        while let Some(section) = next.take() {
            let previous = section.previous();
            sections.push(section);
            let Some(previous) = previous else { break };
            let offset = previous.saturating_add(self.shift);
            if sections.len() >= limits::SECTIONS {
                return Err(PdfError::Limit("cross-reference sections"));
            }
            if !seen.insert(offset) {
                self.note(Oddity::BrokenChain { offset });
                is_whole = false;
                break;
            }
            match self.shared.section(self.data, offset, self.shift) {
                Ok(section) => next = Some(section),
                // `Prev 0` is written by careless producers for "none"; readers ignore it.
                Err(_) if previous == 0 => {
                    self.note(Oddity::BrokenChain { offset });
                    is_whole = false;
                }
                Err(error) => return Err(error),
            }
        }
        self.sections = Chain::of(sections);
        // What was noted on the way is noted for each revision anew.
        if is_whole {
            self.shared.keep_chain(&self.sections, self.shift);
        }
        Ok(())
    }

    fn require_catalogue(&self) -> Result<(), PdfError> {
        let catalogue = self.catalogue();
        let pages = catalogue.dictionary().map(|catalogue| self.value(catalogue, "Pages")).unwrap_or_default();
        if pages.dictionary().is_some_and(|pages| pages.contains("Kids")) { Ok(()) } else { Err(PdfError::NoCatalogue) }
    }

    /// Where no trailer leads to a catalogue, the last object of that type is one.
    fn find_catalogue(&mut self) {
        if self.require_catalogue().is_ok() {
            return;
        }
        let numbers: Vec<u32> = self.recovered.keys().rev().copied().collect();
        let found = numbers
            .into_iter()
            .map(|number| ObjectId::new(number, 0))
            .find(|id| self.object(*id).dictionary().is_some_and(|dictionary| dictionary.is_name("Type", "Catalog")));
        if let Some(id) = found {
            let mut entries: Vec<_> = self.trailer.entries().map(|(key, value)| (key.into(), value.clone())).collect();
            entries.push((b"Root".as_slice().into(), Object::Reference(id)));
            self.trailer = Dictionary::from_entries(entries);
        }
    }

    /// The whole slice.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// How the objects are found.
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// What is added to every offset that the file names: bytes before its header.
    pub(super) fn shift(&self) -> usize {
        self.shift
    }

    /// What had to be got over so far. Objects are loaded lazily, so this grows.
    pub fn oddities(&self) -> Vec<Oddity> {
        self.oddities.borrow().clone()
    }

    fn note(&self, oddity: Oddity) {
        let mut oddities = self.oddities.borrow_mut();
        if oddities.len() < limits::ODDITIES && !oddities.contains(&oddity) {
            oddities.push(oddity);
        }
    }

    /// The trailer of the newest section (a cross-reference stream's dictionary included).
    pub fn trailer(&self) -> &Dictionary {
        &self.trailer
    }

    /// The cross-reference sections, newest first. Empty where the file was recovered.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The document catalogue, `Null` never once the file is open.
    pub fn catalogue(&self) -> Object {
        self.trailer.value("Root").map(|root| self.resolve(root)).unwrap_or_default()
    }

    /// One more than the highest object number in use, by the trailers' `Size` and by the entries themselves.
    pub fn size(&self) -> u32 {
        let named = self.sections.iter().filter_map(|section| section.trailer.value("Size")?.integer());
        let named = named.filter_map(|size| u32::try_from(size).ok()).max().unwrap_or(0);
        let highest = self.sections.iter().flat_map(Section::numbers).chain(self.recovered.keys().copied()).max();
        named.max(highest.map_or(1, |highest| highest.saturating_add(1)))
    }

    /// The object, `Null` where it is free, missing or unreadable (then an oddity is noted).
    pub fn object(&self, id: ObjectId) -> Object {
        if let Some(object) = self.objects.borrow().get(&id.number) {
            return object.clone();
        }
        {
            let mut loading = self.loading.borrow_mut();
            if loading.len() >= limits::LOADS_IN_PROGRESS as usize || loading.contains(&id.number) {
                return Object::Null;
            }
            loading.push(id.number);
        }
        let object = self.load(id);
        self.loading.borrow_mut().pop();
        self.objects.borrow_mut().insert(id.number, object.clone());
        object
    }

    fn load(&self, id: ObjectId) -> Object {
        match self.entry(id.number) {
            None | Some(Entry::Free) => Object::Null,
            Some(Entry::Offset { offset, .. }) => self.load_at(id, offset).unwrap_or_default(),
            Some(Entry::InStream { stream, index }) => {
                let object = self.object_stream(stream).and_then(|stream| stream.object(id.number, index));
                if object.is_none() {
                    self.note(Oddity::WrongEntry(id));
                }
                object.unwrap_or_default()
            }
        }
    }

    /// The object at an offset of the slice; `None` where another or none stands there.
    fn load_at(&self, id: ObjectId, offset: usize) -> Option<Object> {
        if !self.shares.get() {
            return self.read_at(id, offset).0;
        }
        if let Some(object) = self.shared.object(offset, id.number, self.data.len()) {
            return Some(object);
        }
        let noted = self.oddities.borrow().len();
        let (object, end) = self.read_at(id, offset);
        if let (Some(object), Some(end)) = (&object, end)
            && self.oddities.borrow().len() == noted
        {
            self.shared.keep(offset, id.number, end, object);
        }
        object
    }

    /// Reads the object at an offset, and gives its end where it means the same in every revision that reaches there.
    fn read_at(&self, id: ObjectId, offset: usize) -> (Option<Object>, Option<usize>) {
        work::count(1);
        let mut lexer = Lexer::new(self.data, offset);
        let Some(written) = lexer.take_object_header().filter(|found| found.number == id.number) else {
            self.note(Oddity::WrongEntry(id));
            return (None, None);
        };
        let Ok(object) = lexer.object() else {
            self.note(Oddity::Malformed(id));
            return (None, None);
        };
        let object = match self.opened(written, object) {
            Object::Dictionary(dictionary) => {
                if dictionary.has_duplicates() {
                    self.note(Oddity::DuplicateKey(id));
                }
                let length = || dictionary.value("Length").map(|length| self.resolve(length))?.integer();
                let stream = Lexer::new(self.data, lexer.position()).take_keyword("stream").then(length);
                match stream.and_then(|length| stream_at(self.data, lexer.position(), &dictionary, written, length)) {
                    Some((stream, exact)) => {
                        if !exact {
                            self.note(Oddity::WrongLength(id));
                        }
                        // A length that stands elsewhere may be another one in another revision.
                        let direct = dictionary.value("Length").is_some_and(|length| length.integer().is_some());
                        let end = stream.start.saturating_add(stream.length).saturating_add(ENDSTREAM);
                        return (Some(Object::Stream(stream.into())), (exact && direct).then_some(end));
                    }
                    None => Object::Dictionary(dictionary),
                }
            }
            other => other,
        };
        if !lexer.take_keyword("endobj") {
            self.note(Oddity::MissingEndobj(id));
        }
        (Some(object), Some(lexer.position()))
    }

    fn object_stream(&self, number: u32) -> Option<Rc<ObjectStream>> {
        if let Some(known) = self.object_streams.borrow().get(&number) {
            return known.clone();
        }
        // An object stream lies in the file itself (§7.5.7), which also ends any circle.
        let stream = match self.entry(number) {
            Some(Entry::Offset { .. }) => self.object(ObjectId::new(number, 0)),
            _ => Object::Null,
        };
        let parsed = stream.stream().and_then(|stream| {
            let data = self.decoded(stream).ok()?;
            ObjectStream::parse(&stream.dictionary, data).ok().map(Rc::new)
        });
        self.object_streams.borrow_mut().insert(number, parsed.clone());
        parsed
    }

    /// The numbers of the objects that an object stream holds, empty where it is none.
    pub(super) fn numbers_in_stream(&self, number: u32) -> Vec<u32> {
        self.object_stream(number).map(|stream| stream.numbers().map(|(inner, _)| inner).collect()).unwrap_or_default()
    }

    /// Follows references until something else is reached; `Null` where that leads nowhere.
    pub fn resolve(&self, object: &Object) -> Object {
        let mut current = object.clone();
        for _ in 0..limits::REFERENCE_STEPS {
            match current {
                Object::Reference(id) => current = self.object(id),
                other => return other,
            }
        }
        Object::Null
    }

    /// The value of a key with references followed, `Null` where it is missing.
    pub fn value(&self, dictionary: &Dictionary, key: &str) -> Object {
        dictionary.value(key).map(|value| self.resolve(value)).unwrap_or_default()
    }

    /// The pages in order, at most `limits::PAGES`.
    pub fn pages(&self) -> Rc<Vec<Page>> {
        Rc::clone(&self.page_tree().0)
    }

    /// The nodes between the catalogue and the pages, each once.
    pub(super) fn page_nodes(&self) -> Rc<Vec<PageNode>> {
        Rc::clone(&self.page_tree().1)
    }

    fn page_tree(&self) -> &(Rc<Vec<Page>>, Rc<Vec<PageNode>>) {
        self.pages.get_or_init(|| {
            let (pages, nodes) = self.walk_pages();
            (Rc::new(pages), Rc::new(nodes))
        })
    }

    /// Where `startxref` points, as the last section is referred to by the next revision's `Prev`: without the header's shift.
    pub fn startxref(&self) -> Option<usize> {
        self.sections.first().and_then(|section| section.offset.checked_sub(self.shift))
    }

    /// Ends of the revisions, oldest first: offsets just behind each `%%EOF` and its end of line. The last one need not be
    /// the end of the slice. The two halves of a linearised file are one revision. Empty where the file was recovered.
    pub fn revisions(&self) -> Vec<usize> {
        let mut ends: Vec<usize> =
            self.sections.iter().rev().filter_map(|section| revision_end(self.data, section, self.shift)).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

/// Room for an end of line and `endstream`.
const ENDSTREAM: usize = 11;

/// Offset of `%PDF-`.
fn header_offset(data: &[u8]) -> Result<usize, PdfError> {
    let window = data.get(..data.len().min(limits::HEADER_WINDOW)).unwrap_or_default();
    memchr::memmem::find(window, b"%PDF-").ok_or(PdfError::NotPdf)
}

/// The number behind the last `startxref` near the end.
fn last_startxref(data: &[u8]) -> Option<usize> {
    let from = data.len().saturating_sub(limits::TAIL_WINDOW);
    let at = memchr::memmem::rfind(data.get(from..)?, b"startxref")?;
    let offset = Lexer::new(data, from + at + 9).take_unsigned()?;
    usize::try_from(offset).ok()
}

/// The end of the revision that this section closes: `startxref`, its own offset, `%%EOF`, at most one end of line.
/// `None` for the first half of a linearised file, whose `startxref` says 0 or names the other half.
fn revision_end(data: &[u8], section: &Section, shift: usize) -> Option<usize> {
    let mut lexer = Lexer::new(data, section.end);
    if section.form == super::xref::SectionForm::Stream {
        lexer.take_keyword("endstream");
        lexer.take_keyword("endobj");
    }
    if !lexer.take_keyword("startxref") {
        return None;
    }
    let named = usize::try_from(lexer.take_unsigned()?).ok()?.checked_add(shift)?;
    if named != section.offset {
        return None;
    }
    let window = data.get(lexer.position()..data.len().min(lexer.position().saturating_add(limits::HEADER_WINDOW)))?;
    let marker = lexer.position() + memchr::memmem::find(window, b"%%EOF")?;
    Some(after_end_of_line(data, marker + 5))
}

/// Behind at most one end of line at this offset.
pub(super) fn after_end_of_line(data: &[u8], at: usize) -> usize {
    match (data.get(at), data.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => at + 2,
        (Some(b'\r' | b'\n'), _) => at + 1,
        _ => at,
    }
}

//! The appended part of a file: changed and new objects, then a cross-reference section of the kind the file ended with
//! (ISO 32000-2 §7.5.6). It never touches what was there before.

use super::super::encryption::Encryption;
use super::super::{Lexer, Object, ObjectId};
use super::WriteError;
use super::syntax;
use std::borrow::Cow;
use std::rc::Rc;

/// An update that grows object by object.
pub(super) struct Update {
    bytes: Vec<u8>,
    /// Length of the file it follows.
    base: usize,
    /// Offset that the file's cross-reference counts from (bytes before the header).
    origin: usize,
    offsets: Vec<(ObjectId, usize)>,
    next: u32,
    /// What strings and streams are sealed with, where the file is encrypted.
    encryption: Option<Rc<Encryption>>,
}

/// What the last cross-reference section says and the new one repeats.
pub(super) struct Trailer {
    pub root: Object,
    pub info: Option<Object>,
    /// The file's permanent identifier, where it has one.
    pub permanent_id: Option<Vec<u8>>,
    /// `Encrypt`, as it is written in the trailer before.
    pub encrypt: Option<Object>,
    /// Offset of the section before, as `startxref` counts it.
    pub previous: usize,
    /// Whether the section is a cross-reference stream.
    pub stream: bool,
}

impl Update {
    /// An update behind `base` bytes; new objects are numbered from `next`.
    pub fn new(base: usize, origin: usize, next: u32, encryption: Option<Rc<Encryption>>) -> Self {
        // A source that ends without an end-of-line keeps its last token apart from the first object.
        Self { bytes: vec![b'\n'], base, origin, offsets: Vec::new(), next, encryption }
    }

    /// A number for a new object.
    pub fn allocate(&mut self) -> ObjectId {
        let id = ObjectId::new(self.next, 0);
        self.next = self.next.saturating_add(1);
        id
    }

    /// Where the next byte will stand in the update.
    pub fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Writes an object given as its bytes.
    pub fn raw(&mut self, id: ObjectId, body: &[u8]) {
        self.begin(id);
        let sealed = self.sealed(id, body).into_owned();
        self.push(&sealed);
        self.end();
    }

    /// One object's bytes with its strings as they must be written inside the object of that number.
    pub fn sealed<'b>(&self, id: ObjectId, body: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(encryption) = &self.encryption else { return Cow::Borrowed(body) };
        let Ok(object) = Lexer::new(body, 0).object() else { return Cow::Borrowed(body) };
        let mut out = Vec::with_capacity(body.len() * 2);
        syntax::push_object(&mut out, &encryption.sealed(id, &object));
        Cow::Owned(out)
    }

    /// Starts an object whose bytes are pushed piece by piece.
    pub fn begin(&mut self, id: ObjectId) {
        // One array may serve as a page's annotations and as the form's fields: the later copy counts, as in any update.
        self.offsets.retain(|(written, _)| written.number != id.number);
        self.offsets.push((id, self.bytes.len()));
        self.bytes.extend_from_slice(format!("{} {} obj\n", id.number, id.generation).as_bytes());
    }

    /// More bytes of the object begun.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends the object begun.
    pub fn end(&mut self) {
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    /// Writes a stream; `entries` are the dictionary's entries without `Length`.
    pub fn stream(&mut self, id: ObjectId, entries: &str, data: &[u8]) {
        self.begin(id);
        let data = match &self.encryption {
            Some(encryption) => Cow::Owned(encryption.sealed_stream(id, data)),
            None => Cow::Borrowed(data),
        };
        let dictionary = format!("<<{entries}/Length {}>>", data.len());
        let sealed = self.sealed(id, dictionary.as_bytes()).into_owned();
        self.push(&sealed);
        self.push(b"\nstream\n");
        self.push(&data);
        self.push(b"\nendstream");
        self.end();
    }

    /// Writes the cross-reference section and gives the update's bytes. `digest` makes the changing half of the file identifier.
    pub fn close(mut self, trailer: &Trailer, digest: impl Fn(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, WriteError> {
        let mut entries = format!("/Root {}/Prev {}", as_text(&trailer.root), trailer.previous);
        if let Some(info) = &trailer.info {
            entries += &format!("/Info {}", as_text(info));
        }
        if let Some(encrypt) = &trailer.encrypt {
            // §7.5.8.2, §7.6.2: neither a trailer nor the encryption dictionary is sealed itself.
            entries += &format!("/Encrypt {}", as_text(encrypt));
        }
        if let Some(permanent) = &trailer.permanent_id {
            // ISO 32000-2 §14.4: the second string changes with each update.
            let changing = digest(&self.bytes);
            let changing = changing.get(..16).unwrap_or(&changing);
            entries += &format!("/ID[<{}><{}>]", hex::encode_upper(permanent), hex::encode_upper(changing));
        }
        let own = trailer.stream.then(|| self.allocate());
        let at = self.bytes.len();
        if let Some(id) = own {
            self.offsets.push((id, at));
        }
        self.offsets.sort_unstable();
        let size = self.next;
        match own {
            Some(id) => self.cross_reference_stream(id, size, &entries)?,
            None => self.cross_reference_table(size, &entries)?,
        }
        let at = self.counted(at)?;
        self.push(format!("startxref\n{at}\n%%EOF\n").as_bytes());
        Ok(self.bytes)
    }

    /// An offset in the update as the cross-reference counts it.
    fn counted(&self, offset: usize) -> Result<usize, WriteError> {
        let counted =
            self.base.checked_add(offset).and_then(|end| end.checked_sub(self.origin)).ok_or(WriteError::TooLarge)?;
        if counted > super::limits::FILE_BYTES { Err(WriteError::TooLarge) } else { Ok(counted) }
    }

    /// Runs of consecutive numbers: first number, how many.
    fn subsections(&self) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (id, _) in &self.offsets {
            match runs.last_mut() {
                Some((first, count)) if first.checked_add(*count) == Some(id.number) => *count += 1,
                _ => runs.push((id.number, 1)),
            }
        }
        runs
    }

    fn cross_reference_table(&mut self, size: u32, entries: &str) -> Result<(), WriteError> {
        let mut table = String::from("xref\n");
        let mut offsets = self.offsets.iter();
        for (first, count) in self.subsections() {
            table += &format!("{first} {count}\n");
            for (id, offset) in offsets.by_ref().take(count as usize) {
                table += &format!("{:010} {:05} n\r\n", self.counted(*offset)?, id.generation);
            }
        }
        table += &format!("trailer\n<</Size {size}{entries}>>\n");
        self.push(table.as_bytes());
        Ok(())
    }

    /// ISO 32000-2 §7.5.8: type, offset in five bytes, generation. Too short to be worth compressing.
    fn cross_reference_stream(&mut self, id: ObjectId, size: u32, entries: &str) -> Result<(), WriteError> {
        let mut data = Vec::with_capacity(self.offsets.len() * 8);
        for (id, offset) in &self.offsets {
            data.push(1);
            data.extend_from_slice(self.counted(*offset)?.to_be_bytes().get(3..).unwrap_or_default());
            data.extend_from_slice(&id.generation.to_be_bytes());
        }
        let index: Vec<String> = self.subsections().iter().map(|(first, count)| format!("{first} {count}")).collect();
        let head = format!(
            "{} {} obj\n<</Type/XRef/Size {size}/W[1 5 2]/Index[{}]{entries}/Length {}>>\nstream\n",
            id.number,
            id.generation,
            index.join(" "),
            data.len()
        );
        self.push(head.as_bytes());
        self.push(&data);
        self.push(b"\nendstream\nendobj\n");
        Ok(())
    }
}

fn as_text(object: &Object) -> String {
    let mut out = Vec::new();
    syntax::push_object(&mut out, object);
    // References and names are written in ASCII.
    String::from_utf8(out).unwrap_or_default()
}

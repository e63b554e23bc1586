//! Encrypted files: the security handler opened once with the file, strings opened as objects are loaded, streams as they are read.
//! What does not open with the empty user password stays closed, and the file says why.

use super::PdfFile;
use crate::pdf::encryption::{Encryption, WANTS_PASSWORD};
use crate::pdf::error::PdfError;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, ObjectId, Stream};
use std::borrow::Cow;
use std::rc::Rc;

/// Whether strings and streams are sealed (ISO 32000-2 §7.6).
#[derive(Clone)]
pub(super) enum Protection {
    None,
    /// Opened with the empty user password.
    Open {
        encryption: Rc<Encryption>,
        dictionary: Option<u32>,
    },
    /// It stays closed, and why.
    Locked(&'static str),
}

impl<'a> PdfFile<'a> {
    /// Whether the trailer names an encryption dictionary.
    pub fn is_encrypted(&self) -> bool {
        self.trailer.contains("Encrypt")
    }

    /// Why the file's strings and streams stay closed, `None` where they can be read.
    pub fn locked(&self) -> Option<&'static str> {
        match self.protection {
            Protection::Locked(reason) => Some(reason),
            _ => None,
        }
    }

    /// The opened security handler of an encrypted file.
    pub(in crate::pdf) fn encryption(&self) -> Option<Rc<Encryption>> {
        match &self.protection {
            Protection::Open { encryption, .. } => Some(Rc::clone(encryption)),
            _ => None,
        }
    }

    /// The encoded bytes of a stream, opened where the file is encrypted.
    pub fn raw(&self, stream: &Stream) -> Result<Cow<'a, [u8]>, PdfError> {
        let end = stream.start.checked_add(stream.length);
        let written = end.and_then(|end| self.data.get(stream.start..end)).unwrap_or_default();
        let Protection::Open { encryption, .. } = &self.protection else { return Ok(Cow::Borrowed(written)) };
        let first = |object: Object| {
            object.array().map(|all| all.first().map(|one| self.resolve(one)).unwrap_or_default()).unwrap_or(object)
        };
        // §7.4.10: a Crypt filter comes first.
        let named = first(self.value(&stream.dictionary, "Filter")).is_name("Crypt");
        let parameters = named.then(|| first(self.value(&stream.dictionary, "DecodeParms")));
        let empty = Dictionary::default();
        let parameters = parameters.as_ref().map(|parameters| parameters.dictionary().unwrap_or(&empty));
        let method = encryption.stream_method(&stream.dictionary, parameters);
        encryption.opened_stream(method, stream.id, written).map(Cow::Owned)
    }

    /// Opens the security handler that the trailer names. Nothing but its dictionary has been read until then.
    pub(super) fn unlock(&mut self) {
        let Some(written) = self.trailer.value("Encrypt").filter(|written| !self.resolve(written).is_null()).cloned()
        else {
            return;
        };
        let identifier = self.value(&self.trailer, "ID");
        let identifier = identifier.array().and_then(|parts| parts.first()).map(|part| self.resolve(part));
        let identifier = identifier.as_ref().and_then(Object::string).unwrap_or_default();
        let opened = match self.encryption_dictionary(&written) {
            Some(dictionary) => match self.shared.handler(&dictionary, identifier) {
                Some(known) => Ok(known),
                None => Encryption::open(dictionary, identifier).map(Rc::new),
            },
            None => Err(WANTS_PASSWORD),
        };
        self.protection = match opened {
            Ok(encryption) => {
                let dictionary = written.reference().map(|id| id.number);
                Protection::Open { encryption, dictionary }
            }
            Err(reason) => Protection::Locked(reason),
        };
        self.objects.borrow_mut().clear();
        self.object_streams.borrow_mut().clear();
    }

    /// Begins to share what is read with other revisions, where they have the same key.
    pub(super) fn share(&self) {
        let closed = matches!(self.protection, Protection::Locked(_));
        self.shares.set(!closed && self.shared.admits(self.encryption().as_ref()));
    }

    /// The encryption dictionary and its crypt filters with what they refer to. `None` where it is no dictionary.
    fn encryption_dictionary(&self, written: &Object) -> Option<Dictionary> {
        let entries = |object: &Object, value: &dyn Fn(&[u8], Object) -> Object| {
            let entries = object.dictionary()?.entries().take(limits::CRYPT_FILTERS);
            let entries = entries.map(|(key, written)| (key.into(), value(key, self.resolve(written))));
            Some(Dictionary::from_entries(entries.collect()))
        };
        let nested =
            |dictionary: Option<Dictionary>| dictionary.map(|one| Object::Dictionary(one.into())).unwrap_or_default();
        let filter = |_: &[u8], filter: Object| nested(entries(&filter, &|_, value| value));
        entries(&self.resolve(written), &|key, value| match key {
            b"CF" => nested(entries(&value, &filter)),
            _ => value,
        })
    }

    /// The object with its strings opened.
    pub(super) fn opened(&self, id: ObjectId, object: Object) -> Object {
        match &self.protection {
            // The strings of the encryption dictionary are what everything else is opened with.
            Protection::Open { encryption, dictionary } if *dictionary != Some(id.number) => {
                encryption.opened(id, object)
            }
            _ => object,
        }
    }

    /// In a closed file the objects may lie in sealed object streams, and no repair brings them out.
    pub(super) fn require_catalogue_or_key(&self) -> Result<(), PdfError> {
        match (self.require_catalogue(), &self.protection) {
            (Err(_), Protection::Locked(reason)) => Err(PdfError::Encrypted(reason)),
            (outcome, _) => outcome,
        }
    }
}

//! The file that is to be extended: what of it an update must know, and whether it may be extended at all. Reads through the
//! strict cross-reference chain only: an update behind a guessed structure would be read differently by different readers.

use super::super::{Dictionary, FormField, Object, ObjectId, PdfError, PdfFile, Reading, SectionForm};
use super::update::{Trailer, Update};
use super::{WriteError, limits};
use std::sync::Arc;

/// A file open for extension.
pub(super) struct Source<'a> {
    pub file: PdfFile<'a>,
    pub catalogue_id: ObjectId,
    pub catalogue: Dictionary,
}

/// A page to be signed on.
pub(super) struct TargetPage {
    pub id: ObjectId,
    pub dictionary: Dictionary,
    /// The visible box: `CropBox` or else `MediaBox`, left, bottom, right, top.
    pub shown: [f32; 4],
    /// Quarter turns clockwise that a reader applies.
    pub quarter_turns: u8,
}

impl<'a> Source<'a> {
    /// Opens a file; refuses what cannot be extended safely.
    pub fn open(data: &'a [u8]) -> Result<Self, WriteError> {
        if data.len() > limits::FILE_BYTES {
            return Err(WriteError::TooLarge);
        }
        let file = PdfFile::open(data).map_err(|error| match error {
            PdfError::NotPdf => WriteError::NotPdf,
            PdfError::NoCatalogue => WriteError::Structure("no catalogue"),
            PdfError::Encrypted(_) => WriteError::Encrypted,
            _ => WriteError::Structure("it cannot be read"),
        })?;
        if file.is_encrypted() && !file.encryption().is_some_and(|encryption| encryption.can_seal()) {
            return Err(WriteError::Encrypted);
        }
        if file.reading() == Reading::Recovered {
            let signed =
                memchr::memmem::find(data, b"/ByteRange").is_some() || signatures(&file.fields()).next().is_some();
            return Err(if signed {
                WriteError::ReconstructedSigned
            } else {
                WriteError::Structure("cross-reference data")
            });
        }
        let root = file.trailer().value("Root").and_then(Object::reference);
        let catalogue_id = root.ok_or(WriteError::Structure("the catalogue is not an indirect object"))?;
        let Object::Dictionary(catalogue) = file.catalogue() else { return Err(WriteError::Structure("no catalogue")) };
        Ok(Self { catalogue_id, catalogue: Dictionary::clone(&catalogue), file })
    }

    /// An update that follows this file.
    pub fn update(&self) -> Update {
        Update::new(self.file.data().len(), self.origin(), self.file.size(), self.file.encryption())
    }

    /// Ends an update in the way the file ended (ISO 32000-2 §7.5.8.4: a table follows a hybrid section too).
    pub fn close(&self, update: Update) -> Result<Vec<u8>, WriteError> {
        let trailer = self.file.trailer();
        let last = self.file.sections().first().ok_or(WriteError::Structure("cross-reference data"))?;
        let permanent_id =
            self.file.value(trailer, "ID").array().and_then(|id| id.first()?.string().map(<[u8]>::to_vec));
        let trailer = Trailer {
            root: Object::Reference(self.catalogue_id),
            info: trailer.value("Info").filter(|info| info.reference().is_some()).cloned(),
            permanent_id,
            encrypt: trailer.value("Encrypt").cloned(),
            previous: self.file.startxref().ok_or(WriteError::Structure("cross-reference data"))?,
            stream: last.form == SectionForm::Stream,
        };
        update.close(&trailer, super::sha256)
    }

    /// Bytes before the header where offsets count from the header.
    fn origin(&self) -> usize {
        let last = self.file.sections().first().map(|section| section.offset);
        last.and_then(|offset| offset.checked_sub(self.file.startxref()?)).unwrap_or(0)
    }

    /// The page of a number from 1; `None` is the last one. Walks no further than it must.
    pub fn page(&self, number: Option<u32>) -> Result<TargetPage, WriteError> {
        let mut left = number.map_or(1, |number| number as usize);
        let missing = WriteError::NoSuchPage(number.unwrap_or(0));
        if left == 0 {
            return Err(missing);
        }
        let root = self.catalogue.value("Pages").cloned().unwrap_or_default();
        let mut stack = vec![(root, Vec::<Arc<Dictionary>>::new())];
        let mut met = 0_usize;
        while let Some((node, above)) = stack.pop() {
            met += 1;
            if met > super::super::limits::PAGES || above.len() > limits::TREE_DEPTH {
                return Err(WriteError::TooMany("pages"));
            }
            let Object::Dictionary(dictionary) = self.file.resolve(&node) else { continue };
            if let (Object::Array(kids), false) =
                (self.file.value(&dictionary, "Kids"), dictionary.is_name("Type", "Page"))
            {
                let mut below = above;
                below.push(dictionary);
                let children = kids.iter().map(|kid| (kid.clone(), below.clone()));
                if number.is_some() {
                    stack.extend(children.rev())
                } else {
                    stack.extend(children)
                }
                continue;
            }
            left -= 1;
            if left == 0 {
                let id = node.reference().ok_or(WriteError::Structure("a page is not an indirect object"))?;
                return Ok(self.target(id, &dictionary, &above));
            }
        }
        Err(missing)
    }

    fn target(&self, id: ObjectId, dictionary: &Dictionary, above: &[Arc<Dictionary>]) -> TargetPage {
        let value = |key: &str| {
            let own = dictionary.value(key).or_else(|| above.iter().rev().find_map(|node| node.value(key)));
            own.map(|value| self.file.resolve(value)).unwrap_or_default()
        };
        let shown = self.rectangle(&value("CropBox")).or_else(|| self.rectangle(&value("MediaBox")));
        let turns = value("Rotate").integer().unwrap_or(0).div_euclid(90).rem_euclid(4);
        TargetPage {
            id,
            dictionary: dictionary.clone(),
            shown: shown.unwrap_or([0.0, 0.0, 595.28, 841.89]),
            quarter_turns: u8::try_from(turns).unwrap_or(0),
        }
    }

    /// Four numbers as left, bottom, right, top.
    pub fn rectangle(&self, object: &Object) -> Option<[f32; 4]> {
        let corners: Vec<f32> = object
            .array()?
            .iter()
            .filter_map(|edge| self.file.resolve(edge).number())
            .map(|edge| edge as f32)
            .collect();
        let [a, b, c, d] = *corners.first_chunk::<4>()?;
        Some([a.min(c), b.min(d), a.max(c), b.max(d)])
    }
}

/// The signature dictionaries that fields refer to.
pub(super) fn signatures(fields: &[FormField]) -> impl Iterator<Item = (&FormField, &Object)> {
    let signed = fields.iter().filter(|field| field.value("FT").is_some_and(|kind| kind.is_name("Sig")));
    signed.filter_map(|field| Some((field, field.value("V").filter(|value| !value.is_null())?)))
}

/// A copy of a dictionary with entries replaced or added.
pub(super) fn with(dictionary: &Dictionary, changes: Vec<(&str, Object)>) -> Dictionary {
    let kept = dictionary.entries().filter(|(key, _)| !changes.iter().any(|(changed, _)| changed.as_bytes() == *key));
    let mut entries: Vec<(Arc<[u8]>, Object)> = kept.map(|(key, value)| (key.into(), value.clone())).collect();
    entries.extend(changes.into_iter().map(|(key, value)| (key.as_bytes().into(), value)));
    Dictionary::from_entries(entries)
}

//! A signature in two steps: [`prepare`] writes the update with room for the signature, [`Prepared::finish`] puts the CMS or the
//! timestamp token into it. Between the two stands whoever holds the key.

use super::super::typeface::Typefaces;
use super::super::{Dictionary, Object, ObjectId};
use super::appearance::{self, Look};
use super::code::{Beside, Code};
use super::source::{Source, signatures};
use super::syntax;
use super::update::Update;
use super::{WriteError, field, limits, permission};
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};

/// What kind of signature is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// An approval signature: anybody may sign after it.
    #[default]
    Approval,
    /// The first signature, which says what may happen later (ISO 32000-2 table 257).
    Certification(Permission),
    /// An RFC 3161 token over the document (EN 319 142-1 §5.4.3).
    DocumentTimestamp,
}

/// What a certifying signer permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Nothing but long-term data.
    Nothing = 1,
    /// Filling in forms and signing.
    FillingAndSigning = 2,
    /// Also annotations.
    Annotations = 3,
}

/// A page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageChoice {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
    /// From 1.
    Number(u32),
}

/// Where a new field stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Which page.
    pub page: PageChoice,
    /// Left, bottom, right, top in points from the lower left corner of the page as a reader shows it.
    pub rectangle: [f32; 4],
}

/// The field that will hold the signature.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Field {
    /// A new one without anything to see; a free name is found.
    #[default]
    NewInvisible,
    /// A new one with its place; `None` finds a free name.
    New {
        /// Without full stops.
        name: Option<String>,
        /// Where it stands.
        placement: Placement,
    },
    /// An empty signature field of this fully qualified name; its own place counts.
    Existing(String),
}

/// How to sign.
#[derive(Clone, Debug)]
pub struct SignatureOptions<'a> {
    /// Approval, certification or timestamp.
    pub kind: Kind,
    /// Where the signature goes.
    pub field: Field,
    /// What is shown in the field's place, and in which typefaces; `None` shows nothing.
    pub look: Option<(Look, &'a Typefaces)>,
    /// A code in a field of its own, in those typefaces.
    pub code: Option<(Code, Placement, &'a Typefaces)>,
    /// The claimed time: goes into `M` and into the look, never into the CMS (EN 319 142-1 §6.3).
    pub signed_at: Instant,
    /// `Name` of the signature dictionary: shown by readers, proves nothing.
    pub signer_name: Option<String>,
    /// `Reason`.
    pub reason: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// Bytes reserved for the CMS: [`crate::cms::build::longest`] knows how many.
    pub contents_bytes: usize,
}

impl SignatureOptions<'_> {
    /// An invisible approval signature at that time.
    pub fn new(signed_at: Instant, contents_bytes: usize) -> Self {
        Self {
            kind: Kind::Approval,
            field: Field::NewInvisible,
            look: None,
            code: None,
            signed_at,
            signer_name: None,
            reason: None,
            location: None,
            contents_bytes,
        }
    }
}

/// An update with room for its signature. It may cross from the process that read the document to the one that signs; what comes from
/// there is bounded at each use, and a wrong one gives a signature that does not verify.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepared {
    update: Vec<u8>,
    source_length: usize,
    /// From the `<` of `Contents` to behind its `>`, in the update.
    gap: std::ops::Range<usize>,
    /// How many pages the document has, where it carries a code.
    pages: Option<u32>,
}

impl Prepared {
    /// SHA-256 of everything the signature covers: the source and the update without the gap.
    pub fn digest(&self, source: &[u8]) -> Vec<u8> {
        super::sha256_of(&self.covered(source))
    }

    /// The covered bytes in order, for any other digest. `source` is what was given to [`prepare`].
    pub fn covered<'d>(&'d self, source: &'d [u8]) -> [&'d [u8]; 3] {
        let before = self.update.get(..self.gap.start).unwrap_or_default();
        let after = self.update.get(self.gap.end..).unwrap_or_default();
        [source.get(..self.source_length).unwrap_or_default(), before, after]
    }

    /// Length of the source that the update follows.
    pub fn source_length(&self) -> usize {
        self.source_length
    }

    /// How many pages the document has, where it carries a code.
    pub fn pages(&self) -> Option<u32> {
        self.pages
    }

    /// Bytes that the CMS may have.
    pub fn capacity(&self) -> usize {
        self.gap.len().saturating_sub(2) / 2
    }

    /// Length of the file once the update is appended.
    pub fn signed_length(&self) -> usize {
        self.source_length.saturating_add(self.update.len())
    }

    /// Puts the DER of the CMS or timestamp token into its place; returns what must be appended to the source.
    pub fn finish(mut self, contents: &[u8]) -> Result<Vec<u8>, WriteError> {
        let too_small = WriteError::ContentsTooSmall { needed: contents.len(), reserved: self.capacity() };
        if contents.len() > self.capacity() {
            return Err(too_small);
        }
        let start = self.gap.start.saturating_add(1);
        let end = start.saturating_add(contents.len() * 2);
        let place = self.update.get_mut(start..end).ok_or(too_small.clone())?;
        hex::encode_to_slice(contents, place).map_err(|_| too_small)?;
        Ok(self.update)
    }
}

/// Writes everything of a signature but the signature. `source` may be a memory map; it is not copied.
pub fn prepare(source: &[u8], options: &SignatureOptions<'_>) -> Result<Prepared, WriteError> {
    if options.contents_bytes > limits::CONTENTS_BYTES {
        return Err(WriteError::ContentsTooSmall { needed: options.contents_bytes, reserved: limits::CONTENTS_BYTES });
    }
    let source = Source::open(source)?;
    let fields = source.file.fields();
    let existing = match &options.field {
        Field::Existing(name) => Some(name.as_str()),
        _ => None,
    };
    let target = field::target(&source, &fields, &options.field)?;
    permission::by_owner(&source, existing.is_some() && options.code.is_none())?;
    permission::check(&source, &fields, existing, options.kind == Kind::DocumentTimestamp)?;
    if matches!(options.kind, Kind::Certification(_)) && signatures(&fields).next().is_some() {
        return Err(WriteError::AlreadySigned);
    }
    let beside = match &options.code {
        Some((code, placement, typefaces)) => Some((Beside::of(&source, &fields, code, *placement)?, *typefaces)),
        None => None,
    };
    let mut update = source.update();
    let signature = update.allocate();
    let appearance = match &options.look {
        Some((look, typefaces)) if target.width > 0.0 && target.height > 0.0 => {
            let drawing = appearance::draw(look, typefaces, target.width, target.height, options.signed_at)?;
            Some(drawing.write(&mut update, target.quarter_turns)?)
        }
        _ => None,
    };
    let beside = match &beside {
        Some((beside, typefaces)) => Some((beside.write(&mut update, typefaces)?, beside.page())),
        None => None,
    };
    let additions = field::write(&source, &mut update, &target, signature, appearance, beside)?;
    let certified = match options.kind {
        Kind::Certification(_) => Some(("Perms", permissions(&source, signature))),
        _ => None,
    };
    field::write_form(&source, &mut update, additions, certified)?;
    let references = references(&source, options.kind, target.lock.as_ref());
    let holes = write_signature(&mut update, signature, options, &references);
    let update = source.close(update)?;
    let has_code = options.code.is_some() || matches!(options.look, Some((Look::Code(_), _)));
    let pages = has_code.then(|| u32::try_from(source.file.pages().len()).unwrap_or(u32::MAX));
    Ok(Prepared { pages, ..fill_byte_range(update, source.file.data().len(), holes)? })
}

/// Where in the update the byte range and the contents stand.
struct Holes {
    byte_range: std::ops::Range<usize>,
    contents: std::ops::Range<usize>,
}

/// The signature dictionary (ISO 32000-2 table 255); `Contents` comes last, so that nothing of meaning follows the gap.
fn write_signature(update: &mut Update, id: ObjectId, options: &SignatureOptions<'_>, references: &str) -> Holes {
    update.begin(id);
    let timestamp = options.kind == Kind::DocumentTimestamp;
    let head = if timestamp {
        "<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161".to_owned()
    } else {
        let sealed = |text: String| String::from_utf8_lossy(&update.sealed(id, text.as_bytes())).into_owned();
        let time = sealed(format!("({})", pdf_date(options.signed_at)));
        let mut head = format!("<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M{time}");
        let texts = [("Name", &options.signer_name), ("Reason", &options.reason), ("Location", &options.location)];
        for (key, value) in texts {
            if let Some(value) = value {
                head += &format!("/{key}{}", sealed(syntax::text(&super::super::typeface::composed(value))));
            }
        }
        head
    };
    update.push(head.as_bytes());
    if !references.is_empty() {
        let references = update.sealed(id, references.as_bytes()).into_owned();
        update.push(b"/Reference");
        update.push(&references);
    }
    update.push(b"/ByteRange[");
    let start = update.position();
    // Room for `0 a b c` with three numbers of up to ten digits.
    update.push(&[b' '; 34]);
    let byte_range = start..update.position();
    update.push(b"]/Contents");
    let start = update.position();
    update.push(b"<");
    update.push(&vec![b'0'; options.contents_bytes * 2]);
    update.push(b">");
    let contents = start..update.position();
    update.push(b">>");
    update.end();
    Holes { byte_range, contents }
}

/// The array that says what later changes the signature permits: by its kind, and by the lock of the field it fills (ISO 32000-2 §12.8.2, §12.7.5.5).
fn references(source: &Source<'_>, kind: Kind, lock: Option<&Dictionary>) -> String {
    let mut references = String::new();
    if let Kind::Certification(permission) = kind {
        references += &format!(
            "<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/V/1.2/P {}>>>>",
            permission as u8
        );
    }
    if let (Some(lock), true) = (lock, kind != Kind::DocumentTimestamp) {
        let kept = ["Action", "Fields", "P"].into_iter().filter_map(|key| {
            let value = source.file.value(lock, key);
            (!value.is_null()).then_some((key, value))
        });
        let mut body = Vec::new();
        syntax::push_dictionary(&mut body, &super::source::with(&Dictionary::default(), kept.collect()));
        let body = String::from_utf8_lossy(&body).into_owned();
        let body = body.trim_start_matches("<<");
        references += &format!(
            "<</Type/SigRef/TransformMethod/FieldMDP/Data {}/TransformParams<</Type/TransformParams/V/1.2{body}>>",
            syntax::reference(source.catalogue_id)
        );
    }
    if references.is_empty() { references } else { format!("[{references}]") }
}

fn fill_byte_range(mut update: Vec<u8>, source_length: usize, holes: Holes) -> Result<Prepared, WriteError> {
    let before = source_length.checked_add(holes.contents.start).ok_or(WriteError::TooLarge)?;
    let behind = source_length.checked_add(holes.contents.end).ok_or(WriteError::TooLarge)?;
    let rest = update.len() - holes.contents.end;
    let range = format!("0 {before} {behind} {rest}");
    let place =
        update.get_mut(holes.byte_range).and_then(|place| place.get_mut(..range.len())).ok_or(WriteError::TooLarge)?;
    place.copy_from_slice(range.as_bytes());
    Ok(Prepared { update, source_length, gap: holes.contents, pages: None })
}

/// `Perms` of the catalogue with the certification added.
fn permissions(source: &Source<'_>, signature: ObjectId) -> Object {
    let present = source.file.value(&source.catalogue, "Perms");
    let present = present.dictionary().cloned().unwrap_or_default();
    Object::Dictionary(super::source::with(&present, vec![("DocMDP", Object::Reference(signature))]).into())
}

/// `D:20261122100300+07'00'` (ISO 32000-2 §7.9.4).
fn pdf_date(time: Instant) -> String {
    let Some(t) = time.in_vietnam() else { return "D:1970".to_owned() };
    let (month, day) = (u8::from(t.month()), t.day());
    format!("D:{:04}{month:02}{day:02}{:02}{:02}{:02}+07'00'", t.year(), t.hour(), t.minute(), t.second())
}

/// What the form needs besides the field itself.
#[derive(Default)]
pub(super) struct Additions {
    /// New fields to be listed in `Fields`.
    pub fields: Vec<ObjectId>,
    /// The form's resources where they change.
    pub resources: Option<Object>,
}

/// A dictionary as an object of its own.
pub(super) fn write_dictionary(update: &mut Update, id: ObjectId, dictionary: &Dictionary) {
    let mut body = Vec::new();
    syntax::push_dictionary(&mut body, dictionary);
    update.raw(id, &body);
}

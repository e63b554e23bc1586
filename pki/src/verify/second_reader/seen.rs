//! What a reader makes of a file's objects, in one form for all readers. Holds bytes of streams nowhere: they are asked for by the
//! object's identifier.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Number and generation.
pub(super) type Id = (u32, u16);
pub(super) type Entries = BTreeMap<Vec<u8>, Seen>;

/// An object as a reader sees it. A key whose value is null is left out, as if it were missing.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    Null,
    Boolean(bool),
    Number(f64),
    String(Vec<u8>),
    Name(Vec<u8>),
    Array(Vec<Seen>),
    Dictionary(Entries),
    /// With the identifier its bytes are asked for by.
    Stream(Id, Entries),
    Reference(Id),
}

impl Seen {
    /// The entries of a dictionary or of a stream.
    pub(super) fn entries(&self) -> Option<&Entries> {
        match self {
            Self::Dictionary(entries) | Self::Stream(_, entries) => Some(entries),
            _ => None,
        }
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> &[Seen] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Its own entries.
    pub(super) entries: Entries,
    /// Own or inherited.
    pub(super) resources: Seen,
    /// What decides its size: media box, crop box, turn; as the reader takes them.
    pub(super) shape: Vec<f64>,
}

/// Somebody who reads PDF files.
pub(super) trait Reader {
    /// The pages in the order in which this reader shows them.
    fn pages(&self) -> &[Page];
    /// The object, `Null` where there is none.
    fn object(&self, id: Id) -> Seen;
    /// The encoded bytes of a stream.
    fn raw(&self, id: Id) -> Option<Cow<'_, [u8]>>;
    /// The decoded bytes of a stream, `None` where its filters cannot be undone.
    fn decoded(&self, id: Id) -> Option<Cow<'_, [u8]>>;

    /// What a value refers to, after a bounded number of steps.
    fn resolve(&self, value: &Seen) -> Seen {
        let mut value = value.clone();
        for _ in 0..crate::pdf::limits::REFERENCE_STEPS {
            match value {
                Seen::Reference(id) => value = self.object(id),
                other => return other,
            }
        }
        Seen::Null
    }

    /// The value of a key, references followed.
    fn value(&self, entries: &Entries, key: &str) -> Seen {
        entries.get(key.as_bytes()).map(|value| self.resolve(value)).unwrap_or(Seen::Null)
    }
}

//! The beginning of a file that several revisions share, without a copy of it: what hayro is given to read.

use std::sync::Arc;

/// The octets before `end`.
pub(crate) struct Prefix {
    pub(crate) whole: Arc<Vec<u8>>,
    pub(crate) end: usize,
}

impl AsRef<[u8]> for Prefix {
    fn as_ref(&self) -> &[u8] {
        self.whole.get(..self.end).unwrap_or_default()
    }
}

//! A file written anew by what changes in it alone: everything else is copied as it is, however large.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Octets in the place of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splice {
    /// Where, in octets from the beginning of the file as it was.
    pub at: u64,
    /// How many octets of it go.
    pub removed: u64,
    pub inserted: Vec<u8>,
}

impl Splice {
    /// From one octet to another.
    pub(crate) fn between(from: usize, to: usize, inserted: Vec<u8>) -> Self {
        let wide = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
        Self { at: wide(from), removed: wide(to.saturating_sub(from)), inserted }
    }

    /// The octet behind what goes.
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.removed)
    }
}

/// Whether they can be done one after the other to a file of this length: in their order, apart from each other, within it. What a stranger's file was
/// read by is believed no more than that.
pub fn check(splices: &[Splice], length: u64) -> Result<()> {
    let mut behind = 0;
    for splice in splices {
        if splice.at < behind || splice.at.checked_add(splice.removed).is_none_or(|end| end > length) {
            return Err(Error::Malformed("places of what changes in a file"));
        }
        behind = splice.end();
    }
    Ok(())
}

/// The octets with all of them done.
pub fn spliced(octets: &[u8], splices: &[Splice]) -> Result<Vec<u8>> {
    check(splices, u64::try_from(octets.len()).unwrap_or(u64::MAX))?;
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let (mut out, mut at) = (Vec::with_capacity(octets.len()), 0);
    for splice in splices {
        out.extend_from_slice(octets.get(at..place(splice.at)).unwrap_or_default());
        out.extend_from_slice(&splice.inserted);
        at = place(splice.end());
    }
    out.extend_from_slice(octets.get(at..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_changes_is_put_in_and_the_rest_is_as_it_was() {
        let some = [Splice::between(1, 1, b"X".to_vec()), Splice::between(2, 4, b"YZ".to_vec())];
        assert_eq!(spliced(b"abcdef", &some).unwrap(), b"aXbYZef");
        assert_eq!(spliced(b"abc", &[]).unwrap(), b"abc");
    }

    #[test]
    fn places_that_overlap_or_lie_outside_are_refused() {
        let two = |first: (usize, usize), second: (usize, usize)| {
            [first, second].map(|(from, to)| Splice::between(from, to, Vec::new()))
        };
        assert!(spliced(b"abcdef", &two((0, 3), (2, 4))).is_err());
        assert!(spliced(b"abcdef", &two((3, 4), (0, 1))).is_err());
        assert!(spliced(b"abcdef", &two((0, 1), (5, 7))).is_err());
        assert!(check(&[Splice { at: 1, removed: u64::MAX, inserted: Vec::new() }], u64::MAX).is_err());
    }
}

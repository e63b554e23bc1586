//! Checkpoints (C2SP tlog-checkpoint): what a log says of itself in a note.

use super::{limits::LONGEST_NAME, note::Note};
use crate::{
    error::{Error, Result},
    merkle::Hash,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// How many entries a log has, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a name, by habit an address without `https://`.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// Reads it from a note's text. Lines after the third are left to those who know them.
    pub fn of(note: &Note) -> Result<Self> {
        let malformed = || Error::Malformed("checkpoint");
        let text = note.text.strip_suffix('\n').ok_or_else(malformed)?;
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or_else(malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        if origin.len() > LONGEST_NAME || lines.any(str::is_empty) {
            return Err(malformed());
        }
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(malformed)?;
        Ok(Self { origin: origin.to_owned(), size: decimal(size).ok_or_else(malformed)?, root })
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))
    }
}

/// A number in decimal digits, without zeros before it.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| plain && *number <= i64::MAX as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The example of tlog-checkpoint.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn read(text: &str) -> Result<Checkpoint> {
        Checkpoint::of(&Note { text: text.to_owned(), signatures: Vec::new() })
    }

    #[test]
    fn the_example_is_read_as_it_was_written() {
        let checkpoint = read(EXAMPLE).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.to_string(), EXAMPLE);
        assert_eq!(read(&format!("{EXAMPLE}more\n")).unwrap(), checkpoint);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        for wrong in [
            EXAMPLE.replace("20852163", "020852163"),
            EXAMPLE.replace("20852163", "+20852163"),
            EXAMPLE.replace("20852163", "9223372036854775808"),
            EXAMPLE.replace("CsUY", "Cs"),
            EXAMPLE.replace("example.com/behind-the-sofa", ""),
            format!("{EXAMPLE}\nmore\n"),
            "origin\n1\n".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }
}

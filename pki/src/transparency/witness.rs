//! What a log asks of a witness (C2SP tlog-witness, `add-checkpoint`).

use super::{Note, checkpoint::decimal, limits::LONGEST_NOTE, proof::hashes};
use crate::{
    error::{Error, Result},
    merkle::Hash,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// A new checkpoint, and that the one of `old` entries, which the witness signed last, is its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    pub old: u64,
    pub proof: Vec<Hash>,
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// Reads the body of a request.
    pub fn parse(octets: &[u8]) -> Result<Self> {
        if octets.len() > LONGEST_NOTE {
            return Err(Error::Limit("octets of a checkpoint to add"));
        }
        let malformed = || Error::Malformed("checkpoint to add");
        let text = std::str::from_utf8(octets).map_err(|_| malformed())?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(malformed)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?)).ok_or_else(malformed)?;
        Ok(Self { old, proof: hashes(lines).ok_or_else(malformed)?, checkpoint: Note::parse(checkpoint.as_bytes())? })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(to, "{}", STANDARD.encode(hash)))?;
        write!(to, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        // The example of tlog-witness, with one signature.
        let example = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let read = AddCheckpoint::parse(example.as_bytes()).unwrap();
        assert_eq!((read.old, read.proof.len()), (20_852_014, 1));
        assert_eq!(read.to_string(), example);
        for wrong in [
            example.replace("old ", "new "),
            example.replace("20852014", "020852014"),
            example.replace("PlRN", "Pl"),
            example.replace("\n\n", "\n"),
        ] {
            assert!(AddCheckpoint::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

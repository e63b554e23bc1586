//! Proofs that stand alone (C2SP tlog-proof): an entry's place, the path to the root, and the checkpoint that signs it.

use super::{
    Checkpoint, Note, VerifierKey,
    checkpoint::decimal,
    limits::{LONGEST_PROOF, MOST_HASHES},
    note::{SignatureType, cosigned_at},
    tree::root_of_path,
};
use crate::{
    error::{Error, Result},
    merkle::{Hash, leaf_hash},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// A proof as a file holds it, nothing of which was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// What the issuer put beside it: here the entry itself. Not authenticated by being here.
    pub extra: Option<Vec<u8>>,
    pub index: u64,
    pub path: Vec<Hash>,
    pub checkpoint: Note,
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub checkpoint: Checkpoint,
    pub index: u64,
    /// Names of the witnesses that signed the checkpoint, each with the time that its signature tells, seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
}

impl LogProof {
    /// Reads a proof.
    pub fn parse(octets: &[u8]) -> Result<Self> {
        if octets.len() > LONGEST_PROOF {
            return Err(Error::Limit("octets of a proof"));
        }
        let malformed = || Error::Malformed("proof of a log");
        let text = std::str::from_utf8(octets).map_err(|_| malformed())?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(malformed)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed());
        }
        let extra = lines.peek().and_then(|line| line.strip_prefix("extra ")).map(str::to_owned);
        let extra = match extra {
            Some(extra) => {
                lines.next();
                Some(STANDARD.decode(extra).map_err(|_| malformed())?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?)).ok_or_else(malformed)?;
        let path = hashes(lines).ok_or_else(malformed)?;
        Ok(Self { extra, index, path, checkpoint: Note::parse(checkpoint.as_bytes())? })
    }

    /// Checks that the log of this key has the entry, and that each of these witnesses signed the same checkpoint. `Refused` says what
    /// does not fit.
    pub fn check(&self, entry: &[u8], log: &VerifierKey, witnesses: &[VerifierKey]) -> Result<Proven> {
        let refused = |what: String| Error::Refused(what);
        if self.checkpoint.verified_by(log)?.is_none() {
            return Err(refused(format!("the checkpoint is not signed by {}", log.name)));
        }
        let checkpoint = Checkpoint::of(&self.checkpoint)?;
        if checkpoint.origin != log.name {
            return Err(refused(format!("the checkpoint is one of {}", checkpoint.origin)));
        }
        let root = root_of_path(leaf_hash(entry), self.index, checkpoint.size, &self.path);
        if root != Some(checkpoint.root) {
            return Err(refused("the entry is not in the log at this place".to_owned()));
        }
        let mut seen = Vec::new();
        for witness in witnesses {
            // Only this kind says when, and nobody is their own witness.
            if witness.kind != SignatureType::Cosignature {
                return Err(refused(format!("the key of {} is not that of a witness", witness.name)));
            }
            if witness.is_key_of(log) {
                return Err(refused(format!("the witness {} is the log itself", witness.name)));
            }
            let signed = self.checkpoint.verified_by(witness)?;
            let at = signed.and_then(|line| cosigned_at(&line.value));
            let at = at.ok_or_else(|| refused(format!("the witness {} has not signed", witness.name)))?;
            seen.push((witness.name.clone(), at));
        }
        Ok(Proven { checkpoint, index: self.index, witnesses: seen })
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(to, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(to, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(to, "{}", STANDARD.encode(hash)))?;
        write!(to, "\n{}", self.checkpoint)
    }
}

/// Lines of one hash each.
pub(super) fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    let hashes: Option<Vec<Hash>> =
        lines.take(MOST_HASHES + 1).map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect();
    hashes.filter(|hashes| hashes.len() <= MOST_HASHES)
}

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        crypto::Ed25519Key,
        merkle::Tree,
        transparency::note::{cosignature, cosigned_message},
    };

    fn made() -> (LogProof, VerifierKey, VerifierKey) {
        let (own, other) = (Ed25519Key::from_seed(&[1; 32]).unwrap(), Ed25519Key::from_seed(&[2; 32]).unwrap());
        let (log, witness) = (
            VerifierKey::parse(&format!("log.example+{}", published(&own, "log.example"))).unwrap(),
            VerifierKey::cosigner("w.example", &other.public().unwrap()).unwrap(),
        );
        let tree = Tree::over((0..5_u8).map(|leaf| leaf_hash(&[leaf])).collect()).unwrap();
        let checkpoint = Checkpoint { origin: "log.example".into(), size: 5, root: tree.root() };
        let text = checkpoint.to_string();
        let signed = log.line(own.sign(text.as_bytes()).unwrap().to_vec());
        let cosigned = witness.line(cosignature(9, &other.sign(cosigned_message(9, &text).as_bytes()).unwrap()));
        let checkpoint = Note { text, signatures: vec![signed, cosigned] };
        (LogProof { extra: Some(vec![4]), index: 4, path: tree.path(4), checkpoint }, log, witness)
    }

    fn published(key: &Ed25519Key, name: &str) -> String {
        let public = key.public().unwrap();
        let id = crate::crypto::sha256(&[name.as_bytes(), b"\n\x01", &public[..]].concat());
        format!("{}+{}", hex::encode(&id[..4]), STANDARD.encode([&[1], &public[..]].concat()))
    }

    #[test]
    fn a_proof_is_read_as_it_was_written_and_holds() {
        let (proof, log, witness) = made();
        let read = LogProof::parse(proof.to_string().as_bytes()).unwrap();
        assert_eq!(read, proof);
        let proven = read.check(&[4], &log, std::slice::from_ref(&witness)).unwrap();
        assert_eq!((proven.index, proven.checkpoint.size), (4, 5));
        assert_eq!(proven.witnesses, [("w.example".to_owned(), 9)]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (proof, log, witness) = made();
        let fails = |proof: &LogProof, entry: &[u8]| {
            let read = LogProof::parse(proof.to_string().as_bytes()).unwrap();
            read.check(entry, &log, std::slice::from_ref(&witness)).unwrap_err()
        };
        fails(&proof, &[3]);
        fails(&LogProof { index: 3, ..proof.clone() }, &[4]);
        fails(&LogProof { path: Vec::new(), ..proof.clone() }, &[4]);
        for line in 0..2 {
            let mut unsigned = proof.clone();
            unsigned.checkpoint.signatures.remove(line);
            fails(&unsigned, &[4]);
            let mut altered = proof.clone();
            altered.checkpoint.signatures[line].value[20] ^= 1;
            assert_eq!(fails(&altered, &[4]), Error::BadSignature);
        }
        // The checkpoint of another log, signed by the same key under its name.
        let mut other = proof.clone();
        other.checkpoint.text = other.checkpoint.text.replace("log.example", "log.example2");
        let own = Ed25519Key::from_seed(&[1; 32]).unwrap();
        other.checkpoint.signatures = vec![log.line(own.sign(other.checkpoint.text.as_bytes()).unwrap().to_vec())];
        assert!(matches!(fails(&other, &[4]), Error::Refused(_)));
        // A key that signs no times is no witness's, whatever it has signed; nor is the log's own key.
        let error = proof.check(&[4], &log, std::slice::from_ref(&log)).unwrap_err();
        assert!(error.to_string().contains("not that of a witness"), "{error}");
        let itself = VerifierKey::cosigner("other.example", &own.public().unwrap()).unwrap();
        let error = proof.check(&[4], &log, &[itself]).unwrap_err();
        assert!(error.to_string().contains("the log itself"), "{error}");
        for wrong in
            ["", "c2sp.org/tlog-proof@v1\nindex 1\n", "c2sp.org/tlog-proof@v2\nindex 1\n\nx\n1\n\n— a AAAAAAA=\n"]
        {
            assert!(LogProof::parse(wrong.as_bytes()).is_err());
        }
        let many =
            format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n", format!("{}\n", STANDARD.encode([0; 32])).repeat(64));
        assert!(LogProof::parse(many.as_bytes()).is_err());
    }
}

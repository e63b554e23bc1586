//! Signed notes (C2SP signed-note): a text, and lines of signatures over it by keys that have a name.

use super::limits::{LONGEST_NAME, LONGEST_NOTE, MOST_SIGNATURES};
use crate::{
    algorithm::{DigestAlgorithm, SignatureAlgorithm},
    crypto::{PublicKey, sha256},
    error::{Error, Result},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// A text with signatures, none of which was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// With the newline at its end, without the empty line after it. This is what is signed.
    pub text: String,
    pub signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    pub name: String,
    /// With the name it says which key this is.
    pub key_id: [u8; 4],
    /// Of an algorithm that the key tells.
    pub value: Vec<u8>,
}

/// What kind of signatures a key makes (signed-note, "Signature types").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureType {
    /// `0x01`: Ed25519 over the text.
    Ed25519,
    /// `0x02`: ECDSA with SHA-256 over the text, DER.
    Ecdsa,
    /// `0x04`: Ed25519 of a witness, with the time (tlog-cosignature).
    Cosignature,
}

/// A key that notes are verified with, as its owner publishes it: `name+id+key`.
#[derive(Clone, Debug)]
pub struct VerifierKey {
    pub name: String,
    pub key_id: [u8; 4],
    pub kind: SignatureType,
    /// Raw octets of an Ed25519 key, SPKI DER of another.
    octets: Vec<u8>,
    key: PublicKey,
}

impl Note {
    /// Reads a note.
    pub fn parse(octets: &[u8]) -> Result<Self> {
        if octets.len() > LONGEST_NOTE {
            return Err(Error::Limit("octets of a signed note"));
        }
        let note = std::str::from_utf8(octets).map_err(|_| Error::Malformed("signed note"))?;
        if note.chars().any(|letter| letter < ' ' && letter != '\n') {
            return Err(Error::Malformed("signed note"));
        }
        // The last empty line parts text and signatures.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(Error::Malformed("signed note"))?;
        let lines = lines.strip_suffix('\n').ok_or(Error::Malformed("signed note"))?;
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<Vec<_>>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(Error::Limit("signatures of a note"));
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Reads signature lines alone, as a witness answers.
    pub fn parse_signatures(lines: &str) -> Result<Vec<NoteSignature>> {
        if lines.len() > LONGEST_NOTE {
            return Err(Error::Limit("octets of a signed note"));
        }
        let lines = lines.strip_suffix('\n').ok_or(Error::Malformed("signature lines"))?;
        lines.split('\n').take(MOST_SIGNATURES).map(NoteSignature::parse).collect()
    }

    /// The value of this key's signature, verified. `None` where the note has none by it. An error where it has one that does not fit: then
    /// nothing of the note counts.
    pub fn verified_by(&self, key: &VerifierKey) -> Result<Option<&NoteSignature>> {
        let by_key = |line: &&NoteSignature| line.name == key.name && line.key_id == key.key_id;
        let mut found = None;
        for line in self.signatures.iter().filter(by_key) {
            key.verify(&self.text, &line.value)?;
            found = Some(line);
        }
        Ok(found)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(to, "{line}"))
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self> {
        let malformed = Error::Malformed("signature line of a note");
        let (name, value) =
            line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or_else(|| malformed.clone())?;
        check_name(name)?;
        let octets = STANDARD.decode(value).map_err(|_| malformed.clone())?;
        let (key_id, value) = octets.split_first_chunk::<4>().ok_or(malformed)?;
        Ok(Self { name: name.to_owned(), key_id: *key_id, value: value.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "— {} {}", self.name, STANDARD.encode([&self.key_id[..], &self.value].concat()))
    }
}

impl VerifierKey {
    /// The ECDSA key of a log, from SPKI DER.
    pub fn ecdsa(name: &str, spki: &[u8]) -> Result<Self> {
        Self::of(name, SignatureType::Ecdsa, spki)
    }

    /// The key of a witness, from the 32 octets of its Ed25519 key.
    pub fn cosigner(name: &str, key: &[u8]) -> Result<Self> {
        Self::of(name, SignatureType::Cosignature, key)
    }

    fn of(name: &str, kind: SignatureType, octets: &[u8]) -> Result<Self> {
        check_name(name)?;
        let key = match kind {
            SignatureType::Ecdsa => PublicKey::from_spki_der(octets)?,
            SignatureType::Ed25519 | SignatureType::Cosignature => PublicKey::ed25519(octets)?,
        };
        let hashed = match kind {
            SignatureType::Ecdsa => sha256(octets),
            _ => sha256(&[name.as_bytes(), b"\n", &[kind.octet()], octets].concat()),
        };
        let [a, b, c, d, ..] = hashed;
        Ok(Self { name: name.to_owned(), key_id: [a, b, c, d], kind, octets: octets.to_vec(), key })
    }

    /// Reads a key in the form in which it is published.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::Malformed("key of a note");
        let mut parts = text.trim().splitn(3, '+');
        let mut part = || parts.next().ok_or_else(malformed);
        let (name, key_id, key) = (part()?, part()?, part()?);
        let octets = STANDARD.decode(key).map_err(|_| malformed())?;
        let (kind, octets) = octets.split_first().ok_or_else(malformed)?;
        let kind = match kind {
            0x01 => SignatureType::Ed25519,
            0x02 => SignatureType::Ecdsa,
            0x04 => SignatureType::Cosignature,
            _ => return Err(Error::Unsupported("kind of a note's key".into())),
        };
        let key = Self::of(name, kind, octets)?;
        if hex::encode(key.key_id) == key_id { Ok(key) } else { Err(malformed()) }
    }

    /// Verifies one signature over a text.
    pub fn verify(&self, text: &str, value: &[u8]) -> Result<()> {
        match self.kind {
            SignatureType::Ed25519 => self.key.verify_message(SignatureAlgorithm::Ed25519, text.as_bytes(), value),
            SignatureType::Ecdsa => {
                let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
                self.key.verify_message(algorithm, text.as_bytes(), value)
            }
            SignatureType::Cosignature => {
                let (time, value) = value.split_first_chunk::<8>().ok_or(Error::BadSignature)?;
                let time = u64::from_be_bytes(*time);
                let message = cosigned_message(time, text);
                self.key.verify_message(SignatureAlgorithm::Ed25519, message.as_bytes(), value)
            }
        }
    }

    /// Whether both are one key, whatever names and kinds they go by.
    pub fn is_key_of(&self, other: &Self) -> bool {
        self.octets == other.octets
    }

    /// A signature line by this key.
    pub fn line(&self, value: Vec<u8>) -> NoteSignature {
        NoteSignature { name: self.name.clone(), key_id: self.key_id, value }
    }
}

/// The form in which a key is published.
impl fmt::Display for VerifierKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = STANDARD.encode([&[self.kind.octet()], &self.octets[..]].concat());
        write!(to, "{}+{}+{octets}", self.name, hex::encode(self.key_id))
    }
}

impl SignatureType {
    fn octet(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ecdsa => 0x02,
            Self::Cosignature => 0x04,
        }
    }
}

/// What a witness signs (tlog-cosignature, "Ed25519 signed message"); `time` in seconds since 1970.
pub fn cosigned_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// The value of a witness's signature: the time, then Ed25519 over [`cosigned_message`].
pub fn cosignature(time: u64, signature: &[u8]) -> Vec<u8> {
    [&time.to_be_bytes()[..], signature].concat()
}

/// The time that a witness's signature tells, seconds since 1970.
pub fn cosigned_at(value: &[u8]) -> Option<u64> {
    value.first_chunk::<8>().map(|time| u64::from_be_bytes(*time))
}

/// Names of keys hold no space and no plus.
pub fn check_name(name: &str) -> Result<()> {
    let holds = |letter: char| letter.is_whitespace() || letter == '+' || letter.is_control();
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(holds) {
        return Err(Error::Malformed("name of a note's key"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::crypto::Ed25519Key;

    /// The example of signed-note, of which no key is known.
    const EXAMPLE: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
        assert!(note.text.ends_with("ed è subito sera.\n") && note.text.contains("\n\n"));
        assert_eq!(note.signatures[0].name, "quasimodo.example/salvatore");
        assert_eq!(note.signatures[0].value.len(), 64);
        assert_eq!(note.to_string(), EXAMPLE);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let many = format!("a\n\n{}", "— n AAAAAAA=\n".repeat(MOST_SIGNATURES + 1));
        for wrong in [
            "",
            "text\n",
            "text\n\n",
            "text\n\n— name AAAAAAA=",
            "text\n\n- name AAAAAAA=\n",
            "text\n\n— name\n",
            "text\n\n— na+me AAAAAAA=\n",
            "text\n\n— name AAA=\n",
            "te\txt\n\n— name AAAAAAA=\n",
            "text\n\n— name !!\n",
            &many,
        ] {
            assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert!(Note::parse(&[0xff; 9]).is_err());
        assert!(Note::parse(&vec![b'a'; LONGEST_NOTE + 1]).is_err());
    }

    #[test]
    fn a_witness_key_is_known_by_name_and_id_and_signs_with_the_time() {
        let own = Ed25519Key::from_seed(&[7; 32]).unwrap();
        let key = VerifierKey::cosigner("witness.example/w1", &own.public().unwrap()).unwrap();
        assert_eq!(VerifierKey::parse(&key.to_string()).unwrap().key_id, key.key_id);
        let text = "log.example\n1\nAAAA\n".to_owned();
        let value = cosignature(1_700_000_000, &own.sign(cosigned_message(1_700_000_000, &text).as_bytes()).unwrap());
        let mut note = Note { text, signatures: vec![key.line(value)] };
        let found = note.verified_by(&key).unwrap().unwrap();
        assert_eq!(cosigned_at(&found.value), Some(1_700_000_000));
        // Another time, another text, another key: all refused; a key that did not sign is not there.
        let other = VerifierKey::cosigner("witness.example/w2", &own.public().unwrap()).unwrap();
        assert_eq!(note.verified_by(&other).unwrap(), None);
        note.signatures[0].value[7] ^= 1;
        assert_eq!(note.verified_by(&key), Err(Error::BadSignature));
        note.signatures[0].value[7] ^= 1;
        note.text.push_str("more\n");
        assert_eq!(note.verified_by(&key), Err(Error::BadSignature));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let own = Ed25519Key::from_seed(&[7; 32]).unwrap();
        let key = VerifierKey::cosigner("w", &own.public().unwrap()).unwrap().to_string();
        let id = key.split('+').nth(1).unwrap();
        for wrong in [
            key.replace(id, "00000000"),
            key.replace("w+", "+"),
            "w+00000000+".to_owned(),
            "w+00000000+BQ==".to_owned(),
            "w".to_owned(),
        ] {
            assert!(VerifierKey::parse(&wrong).is_err(), "{wrong}");
        }
    }
}

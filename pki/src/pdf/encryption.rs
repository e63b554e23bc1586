//! The standard security handler (ISO 32000-2 §7.6) with the empty user password: the key of a file, and what it makes of strings and
//! streams. Reads nothing but the encryption dictionary; knows no other password and guesses none.

use super::error::PdfError;
use super::limits;
use super::object::{Dictionary, Object, ObjectId};
use crate::algorithm::DigestAlgorithm;
use crate::crypto::{self, cipher};
use std::sync::Arc;

/// What a crypt filter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Nothing.
    Identity,
    /// RC4 with a key for each object.
    Rc4,
    /// AES-128 in CBC mode with a key for each object (`AESV2`).
    Aes128,
    /// AES-256 in CBC mode with the file's key (`AESV3`).
    Aes256,
    /// One that is not known.
    Unknown,
}

/// An opened security handler.
#[derive(Debug)]
pub(super) struct Encryption {
    key: Vec<u8>,
    strings: Method,
    streams: Method,
    embedded: Method,
    /// The named crypt filters of `CF`.
    filters: Vec<(Vec<u8>, Method)>,
    encrypts_metadata: bool,
    permissions: u32,
    /// What it was opened from; another revision with the same needs no second opening.
    origin: (Dictionary, Vec<u8>),
}

/// Reasons why a file stays closed; English.
pub(super) const WANTS_PASSWORD: &str = "it asks for a password";
const OTHER_HANDLER: &str = "its security handler is not the standard one";
const OTHER_VERSION: &str = "its version of the security handler is not known";
const MALFORMED: &str = "its encryption dictionary is malformed";

impl Encryption {
    /// Opens with the empty user password. `dictionary` holds no references any more; `identifier` is the first string of the trailer's `ID`.
    pub(super) fn open(dictionary: Dictionary, identifier: &[u8]) -> Result<Self, &'static str> {
        if !dictionary.is_name("Filter", "Standard") {
            return Err(OTHER_HANDLER);
        }
        let integer = |key| dictionary.value(key).and_then(Object::integer);
        let (version, revision) = (integer("V").unwrap_or(0), integer("R").ok_or(MALFORMED)?);
        // Table 22: P is a signed 32-bit number; some writers give it unsigned.
        let permissions = (integer("P").unwrap_or(-1) & 0xffff_ffff) as u32;
        let encrypts_metadata = dictionary.value("EncryptMetadata").and_then(Object::boolean) != Some(false);
        let filters = crypt_filters(&dictionary);
        let named = |key: &str| match dictionary.value(key).and_then(Object::name) {
            None => Method::Identity,
            Some(name) => method_of(&filters, name),
        };
        let (strings, streams) = match version {
            1 | 2 => (Method::Rc4, Method::Rc4),
            4 | 5 => (named("StrF"), named("StmF")),
            _ => return Err(OTHER_VERSION),
        };
        let embedded = if version >= 4 && dictionary.contains("EFF") { named("EFF") } else { streams };
        let password = Password { dictionary: &dictionary, identifier, permissions, encrypts_metadata, revision };
        let key = match revision {
            2..=4 => key_lengths(&dictionary, version).into_iter().find_map(|length| password.key(length)),
            5 | 6 => password.long_key()?,
            _ => return Err(OTHER_VERSION),
        };
        let key = key.ok_or(WANTS_PASSWORD)?;
        let origin = (dictionary, identifier.to_vec());
        Ok(Self { key, strings, streams, embedded, filters, encrypts_metadata, permissions, origin })
    }

    /// Whether it would be opened to the same key from these.
    pub(super) fn was_opened_from(&self, dictionary: &Dictionary, identifier: &[u8]) -> bool {
        self.origin.0 == *dictionary && self.origin.1 == identifier
    }

    /// Whether a user may do what needs this bit, counted from 1 (table 22).
    pub(super) fn permits(&self, bit: u32) -> bool {
        self.permissions >> (bit - 1) & 1 == 1
    }

    /// Whether strings and streams can be written.
    pub(super) fn can_seal(&self) -> bool {
        self.strings != Method::Unknown && self.streams != Method::Unknown
    }

    /// An object of the file itself with its strings opened. §7.6.2: the `Contents` of a signature is not encrypted.
    pub(super) fn opened(&self, id: ObjectId, object: Object) -> Object {
        match self.strings {
            Method::Identity => object,
            _ => map_strings(&object, &|bytes| self.apply(self.strings, id, bytes, Direction::Open)),
        }
    }

    /// An object with its strings sealed, as it is written into the file.
    pub(super) fn sealed(&self, id: ObjectId, object: &Object) -> Object {
        map_strings(object, &|bytes| self.apply(self.strings, id, bytes, Direction::Seal))
    }

    /// A stream's data sealed.
    pub(super) fn sealed_stream(&self, id: ObjectId, data: &[u8]) -> Vec<u8> {
        self.apply(self.streams, id, data, Direction::Seal)
    }

    /// What the stream's encoded bytes are sealed with: its own `Crypt` filter says, or else what it is. `crypt` is the filter's
    /// parameter dictionary, where the stream names that filter.
    pub(super) fn stream_method(&self, dictionary: &Dictionary, crypt: Option<&Dictionary>) -> Method {
        if let Some(parameters) = crypt {
            // Table 14: without a name it is the identity.
            let name = parameters.value("Name").and_then(Object::name);
            return name.map_or(Method::Identity, |name| method_of(&self.filters, name));
        }
        match dictionary.value("Type").and_then(Object::name) {
            // §7.5.8.2: cross-reference streams are not encrypted.
            Some(b"XRef") => Method::Identity,
            Some(b"Metadata") if !self.encrypts_metadata => Method::Identity,
            Some(b"EmbeddedFile") => self.embedded,
            _ => self.streams,
        }
    }

    /// A stream's encoded bytes, opened.
    pub(super) fn opened_stream(&self, method: Method, id: ObjectId, data: &[u8]) -> Result<Vec<u8>, PdfError> {
        match method {
            Method::Unknown => Err(PdfError::Encrypted("the crypt filter is not known")),
            _ => Ok(self.apply(method, id, data, Direction::Open)),
        }
    }

    fn apply(&self, method: Method, id: ObjectId, data: &[u8], direction: Direction) -> Vec<u8> {
        match method {
            Method::Identity | Method::Unknown => data.to_vec(),
            Method::Rc4 => cipher::rc4(&self.object_key(id, false), data),
            Method::Aes128 => aes(&self.object_key(id, true), id, data, direction),
            Method::Aes256 => aes(&self.key, id, data, direction),
        }
    }

    /// Algorithm 1 (§7.6.3.2).
    fn object_key(&self, id: ObjectId, aes: bool) -> Vec<u8> {
        let number = id.number.to_le_bytes();
        let generation = id.generation.to_le_bytes();
        let salt: &[u8] = if aes { b"sAlT" } else { b"" };
        let whole = [&self.key, number.get(..3).unwrap_or_default(), &generation, salt].concat();
        let mut key = crypto::digest(DigestAlgorithm::Md5, &whole);
        key.truncate((self.key.len() + 5).min(16));
        key
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Open,
    Seal,
}

/// §7.6.3.1: the vector stands before the data, and PKCS #7 padding behind it. Readers keep what has a wrong padding.
fn aes(key: &[u8], id: ObjectId, data: &[u8], direction: Direction) -> Vec<u8> {
    if direction == Direction::Open {
        let Some((vector, sealed)) = data.split_at_checked(cipher::BLOCK) else { return Vec::new() };
        let mut opened = cipher::aes_cbc_open(key, vector, sealed).unwrap_or_default();
        let padding = opened.last().map_or(0, |byte| usize::from(*byte));
        if (1..=cipher::BLOCK).contains(&padding) && padding <= opened.len() {
            opened.truncate(opened.len() - padding);
        }
        return opened;
    }
    // The vector follows from key, place and content: nobody without the key can foresee it, and the same document comes out
    // each time.
    let place = [id.number.to_le_bytes(), u32::from(id.generation).to_le_bytes()].concat();
    let digest = crypto::sha256(&[key, &place, data].concat());
    let vector = digest.get(..cipher::BLOCK).unwrap_or_default();
    let padding = cipher::BLOCK - data.len() % cipher::BLOCK;
    let mut padded = data.to_vec();
    padded.extend(std::iter::repeat_n((padding & 0xff) as u8, padding));
    [vector, &cipher::aes_cbc_seal(key, vector, &padded).unwrap_or_default()].concat()
}

/// The object with every string but a signature's `Contents` replaced.
fn map_strings(object: &Object, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Object {
    match object {
        Object::String(bytes) => Object::String(change(bytes).into()),
        Object::Array(elements) => Object::Array(elements.iter().map(|one| map_strings(one, change)).collect()),
        Object::Dictionary(dictionary) => Object::Dictionary(Arc::new(map_dictionary(dictionary, change))),
        other => other.clone(),
    }
}

fn map_dictionary(dictionary: &Dictionary, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Dictionary {
    let is_signature = dictionary.contains("ByteRange");
    let entries = dictionary.entries().map(|(key, value)| {
        let exempt = is_signature && key == b"Contents";
        (key.into(), if exempt { value.clone() } else { map_strings(value, change) })
    });
    Dictionary::from_entries(entries.collect())
}

/// The crypt filters of `CF`, tables 20 and 25.
fn crypt_filters(dictionary: &Dictionary) -> Vec<(Vec<u8>, Method)> {
    let filters = dictionary.value("CF").and_then(Object::dictionary);
    let entries = filters.into_iter().flat_map(Dictionary::entries).take(limits::CRYPT_FILTERS);
    entries
        .map(|(name, filter)| {
            let method = filter.dictionary().and_then(|filter| filter.value("CFM")).and_then(Object::name);
            let method = match method {
                None | Some(b"None") => Method::Identity,
                Some(b"V2") => Method::Rc4,
                Some(b"AESV2") => Method::Aes128,
                Some(b"AESV3") => Method::Aes256,
                Some(_) => Method::Unknown,
            };
            (name.to_vec(), method)
        })
        .collect()
}

fn method_of(filters: &[(Vec<u8>, Method)], name: &[u8]) -> Method {
    if name == b"Identity" {
        return Method::Identity;
    }
    filters.iter().find(|(known, _)| known == name).map_or(Method::Unknown, |(_, method)| *method)
}

/// Lengths in bytes that the file's key may have: `Length` counts bits, some writers count bytes, and version 4 has 128 bits
/// whatever is written.
fn key_lengths(dictionary: &Dictionary, version: i64) -> Vec<usize> {
    let written = dictionary.value("Length").and_then(Object::integer).and_then(|length| usize::try_from(length).ok());
    let written = match written {
        Some(bits @ 40..=128) => bits / 8,
        Some(bytes @ 5..=16) => bytes,
        _ => 5,
    };
    match version {
        1 => vec![5],
        4 => vec![16, written],
        _ => vec![written],
    }
}

/// What the key is derived from.
struct Password<'d> {
    dictionary: &'d Dictionary,
    identifier: &'d [u8],
    permissions: u32,
    encrypts_metadata: bool,
    revision: i64,
}

/// The padding that an empty password consists of (§7.6.4.3.2, step a).
const PADDING: [u8; 32] = [
    0x28, 0xBF, 0x4E, 0x5E, 0x4E, 0x75, 0x8A, 0x41, 0x64, 0x00, 0x4E, 0x56, 0xFF, 0xFA, 0x01, 0x08, 0x2E, 0x2E, 0x00,
    0xB6, 0xD0, 0x68, 0x3E, 0x80, 0x2F, 0x0C, 0xA9, 0xFE, 0x64, 0x53, 0x69, 0x7A,
];

impl Password<'_> {
    fn string(&self, key: &str) -> &[u8] {
        self.dictionary.value(key).and_then(Object::string).unwrap_or_default()
    }

    /// Algorithm 2, and algorithm 6 to know whether the password is right.
    fn key(&self, length: usize) -> Option<Vec<u8>> {
        let owner = self.string("O");
        let mut whole =
            [&PADDING, owner.get(..32).unwrap_or(owner), &self.permissions.to_le_bytes(), self.identifier].concat();
        if self.revision >= 4 && !self.encrypts_metadata {
            whole.extend([0xff; 4]);
        }
        let mut key = crypto::digest(DigestAlgorithm::Md5, &whole);
        if self.revision >= 3 {
            for _ in 0..50 {
                key = crypto::digest(DigestAlgorithm::Md5, key.get(..length)?);
            }
        }
        key.truncate(length);
        let user = self.string("U");
        let right = if self.revision == 2 {
            user.get(..32) == Some(cipher::rc4(&key, &PADDING).as_slice())
        } else {
            let mut check = crypto::digest(DigestAlgorithm::Md5, &[&PADDING, self.identifier].concat());
            for round in 0..20_u8 {
                let key: Vec<u8> = key.iter().map(|byte| byte ^ round).collect();
                check = cipher::rc4(&key, &check);
            }
            user.get(..16) == Some(check.as_slice())
        };
        right.then_some(key)
    }

    /// Algorithm 2.A for the user password. `None` where the password is not empty.
    fn long_key(&self) -> Result<Option<Vec<u8>>, &'static str> {
        // Table 20: U is 48 bytes long, hash, validation salt, key salt.
        let user = self.string("U");
        let (Some(hash), Some(validation), Some(salt)) = (user.get(..32), user.get(32..40), user.get(40..48)) else {
            return Err(MALFORMED);
        };
        if self.hash(validation)? != hash {
            return Ok(None);
        }
        let sealed = self.string("UE").get(..32).ok_or(MALFORMED)?;
        cipher::aes_cbc_open(&self.hash(salt)?, &[0; cipher::BLOCK], sealed).map(Some).ok_or(MALFORMED)
    }

    /// Algorithm 2.B for the empty user password; revision 5 stops at its first step.
    fn hash(&self, salt: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut key = crypto::sha256(salt).to_vec();
        if self.revision == 5 {
            return Ok(key);
        }
        let mut round = 0_usize;
        loop {
            let (Some(own), Some(vector)) = (key.get(..16), key.get(16..32)) else { return Err(MALFORMED) };
            let sealed = cipher::aes_cbc_seal(own, vector, &key.repeat(64)).ok_or(MALFORMED)?;
            // The first 16 bytes as a number modulo 3; 256 is 1 modulo 3.
            let sum: usize = sealed.iter().take(16).map(|byte| usize::from(*byte)).sum();
            let algorithm = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512][sum % 3];
            key = crypto::digest(algorithm, &sealed);
            round += 1;
            // The last byte is at most 255, so it ends after 287 rounds.
            let last = sealed.last().map_or(0, |byte| usize::from(*byte));
            if round >= 64 && last + 32 <= round {
                key.truncate(32);
                return Ok(key);
            }
        }
    }
}

//! Augmentation (EN 319 102-1 §3.1): what takes an existing signature to a higher level, whoever made it. Says what a timestamp must be over, by the
//! same reading that the verdict is made by, and what changes in the file; holds no token and asks nobody for one. What is signed stays as it is, octet
//! for octet. Whether a signature counts is the verdict's matter, before and after.

use super::asic_file;
use super::cms_augmentation as cms;
use super::format::{self, Kind};
use super::jws_file;
use super::xml_augmentation as xml;
use super::xml_file::{Place, Sources};
use crate::algorithm::DigestAlgorithm;
use crate::crypto;
use crate::error::{Error, Result};
use crate::pdf::write::LongTermData;
use crate::splice::Splice;
use serde::{Deserialize, Serialize};

/// What a timestamp is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// The signature value: level T.
    Signature,
    /// Everything: level LTA.
    Archive,
}

/// What is added to one signature.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Addition {
    /// A `TimeStampToken`, DER, over [`imprint`].
    Timestamp { over: Over, token: Vec<u8> },
    /// Certificates, lists and answers, DER. What the signature has already is not added again.
    ValidationData(LongTermData),
}

/// The signatures of a file that can be augmented, by the identifiers of its report, in its order. Counter-signatures are none of them: they are part
/// of the signature that they are on.
pub fn signatures(bytes: &[u8]) -> Result<Vec<String>> {
    match File::of(bytes)? {
        File::Xml => xml::signatures(bytes),
        File::Cms => cms::signatures(bytes),
        File::Jws => jws_file::augmentation::signatures(bytes),
        File::Container => asic_file::augmentation::signatures(bytes),
    }
}

/// SHA-256 of what a timestamp on that signature must be over, the file being as it is now. `content` is what a detached signature covers.
pub fn imprint(bytes: &[u8], content: Option<&[u8]>, signature: &str, over: Over) -> Result<[u8; 32]> {
    let digest = match File::of(bytes)? {
        File::Xml => {
            let length = content.map_or(0, <[u8]>::len);
            let sources = Sources { place: Place::Document, find: &|_| content, length };
            xml::imprint(bytes, &sources, signature, over)
        }
        File::Cms => cms::imprint(bytes, content, signature, over),
        File::Jws => jws_file::augmentation::imprint(bytes, content, signature, over),
        File::Container => asic_file::augmentation::imprint(bytes, signature, over),
    }?;
    digest.try_into().map_err(|_| Error::Malformed("digest"))
}

/// What changes in the file where these are added to these signatures. Tokens over [`Over::Archive`] are for the file as it is now.
pub fn add(bytes: &[u8], content: Option<&[u8]>, additions: &[(String, Addition)]) -> Result<Vec<Splice>> {
    let whole = |new: Vec<u8>| Ok(vec![Splice::between(0, bytes.len(), new)]);
    match File::of(bytes)? {
        File::Xml => xml::add(bytes, additions),
        File::Cms => whole(cms::add(bytes, content, additions)?),
        File::Jws => whole(jws_file::augmentation::add(bytes, additions)?),
        File::Container => asic_file::augmentation::add(bytes, additions),
    }
}

/// A file by what it is.
enum File {
    Xml,
    Cms,
    Jws,
    Container,
}

impl File {
    fn of(bytes: &[u8]) -> Result<Self> {
        Ok(match format::recognise(bytes) {
            Kind::SignedXml => Self::Xml,
            Kind::Cms => Self::Cms,
            Kind::Jws => Self::Jws,
            Kind::Asice | Kind::Asics => Self::Container,
            other => return Err(Error::Unsupported(format!("augmentation of {}", other.description()))),
        })
    }
}

/// The digest that every imprint is in.
pub(super) const DIGEST: DigestAlgorithm = DigestAlgorithm::Sha256;

/// The same of octets.
pub(super) fn digest(octets: &[u8]) -> Vec<u8> {
    crypto::digest(DIGEST, octets)
}

/// What `data` has and the signature has not.
pub(super) fn missing(
    data: &LongTermData,
    certificates: &[Vec<u8>],
    lists: &[Vec<u8>],
    answers: &[Vec<u8>],
) -> LongTermData {
    let without = |all: &[Vec<u8>], present: &[Vec<u8>]| -> Vec<Vec<u8>> {
        all.iter().filter(|one| !present.contains(one)).cloned().collect()
    };
    LongTermData {
        certificates: without(&data.certificates, certificates),
        revocation_lists: without(&data.revocation_lists, lists),
        ocsp_responses: without(&data.ocsp_responses, answers),
    }
}

/// The one with that identifier.
pub(super) fn only(names: &[String], wanted: &str) -> Result<usize> {
    let mut found = names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err(Error::Refused("no signature has this identifier".into())),
        (Some(_), Some(_)) => Err(Error::Refused("two signatures have this identifier".into())),
    }
}

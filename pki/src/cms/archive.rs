//! What archive timestamps cover (EN 319 122-1 §5.5): version 3 through the hash index in its own token, version 2 (annex A.2.4)
//! by the order of the structure's parts. Computes digests; whose timestamp it is and whether it counts is judged elsewhere.

use super::{SignedData, SignerInfo};
use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, Reader, tag, write};
use crate::crypto::{self, Hasher};
use crate::error::{Error, Result};
use crate::oid;
use crate::timestamp::TimestampToken;
use chuky_model::instant::Instant;
use der::asn1::ObjectIdentifier;
use std::collections::BTreeSet;

/// Which of the attribute's definitions it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveVersion {
    V2,
    V3,
}

/// An archive timestamp of one signer.
#[derive(Clone, Debug)]
pub struct ArchiveTimestamp {
    pub version: ArchiveVersion,
    pub token: TimestampToken,
    /// The attribute's value, as it stands.
    pub value: Vec<u8>,
}

/// The types of archive timestamps.
const ARCHIVES: [ObjectIdentifier; 2] = [oid::ARCHIVE_TIME_STAMP_V2, oid::ARCHIVE_TIME_STAMP_V3];

impl SignerInfo {
    /// The archive timestamps in this signer's unsigned attributes; an error for each that cannot be read.
    pub fn archive_timestamps(&self) -> Vec<Result<ArchiveTimestamp>> {
        let kinds =
            [(oid::ARCHIVE_TIME_STAMP_V3, ArchiveVersion::V3), (oid::ARCHIVE_TIME_STAMP_V2, ArchiveVersion::V2)];
        let mut found = Vec::new();
        for (kind, version) in kinds {
            for value in self.unsigned_values(&kind) {
                let read = TimestampToken::parse(value);
                found.push(read.map(|token| ArchiveTimestamp { version, token, value: value.to_vec() }));
            }
        }
        found
    }
}

impl ArchiveTimestamp {
    /// The type of its attribute.
    pub fn kind(&self) -> &'static ObjectIdentifier {
        match self.version {
            ArchiveVersion::V2 => &oid::ARCHIVE_TIME_STAMP_V2,
            ArchiveVersion::V3 => &oid::ARCHIVE_TIME_STAMP_V3,
        }
    }

    /// The digests that the token's imprint may have, in its algorithm. `content_digest` digests the signed content, `detached` are
    /// the octets of detached content. `None` where the content is not at hand.
    pub fn imprints(
        &self,
        data: &SignedData,
        signer: &SignerInfo,
        detached: Option<&[u8]>,
        content_digest: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<u8>>,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        let algorithm = self.token.digest_algorithm;
        match self.version {
            ArchiveVersion::V3 => {
                let index = HashIndex::of(&self.token)?;
                index.check(data, signer)?;
                let Some(content) = content_digest(algorithm) else { return Ok(None) };
                Ok(Some(vec![imprint(algorithm, data, signer, &content, &index.der)]))
            }
            ArchiveVersion::V2 => {
                if data.content.is_none() && detached.is_none() {
                    return Ok(None);
                }
                let unsigned = self.earlier_attributes(signer);
                Ok(Some(vec![
                    version_2(algorithm, data, signer, detached, &write::parts(tag::constructed(1), &unsigned)),
                    // Some signers left the tag and length of the unsigned attributes out.
                    version_2(algorithm, data, signer, detached, &unsigned.concat()),
                ]))
            }
        }
    }

    /// The algorithm of the hash index, where there is one that can be read: what it names is covered by no other digest.
    pub fn index_algorithm(&self) -> Option<DigestAlgorithm> {
        match self.version {
            ArchiveVersion::V3 => HashIndex::of(&self.token).ok().map(|index| index.algorithm),
            ArchiveVersion::V2 => None,
        }
    }

    /// Whether a token in another unsigned attribute is covered, so that this timestamp proves its age as well.
    pub fn covers(&self, kind: &ObjectIdentifier, value: &[u8]) -> bool {
        match self.version {
            // All that was there; of archive timestamps those that are older (`earlier_attributes`).
            ArchiveVersion::V2 if ARCHIVES.contains(kind) => {
                token_time(value).is_some_and(|time| time < self.token.time)
            }
            ArchiveVersion::V2 => token_time(value).is_some_and(|time| time <= self.token.time),
            ArchiveVersion::V3 => HashIndex::of(&self.token)
                .is_ok_and(|index| index.unsigned.contains(&index.attribute_value_digest(kind, &[value]))),
        }
    }

    /// What of the object it covers: what it is therefore a proof of existence of (EN 319 102-1 §5.6.2.3).
    pub fn protected<'d>(&self, data: &'d SignedData, signer: &'d SignerInfo) -> Protected<'d> {
        let index = match self.version {
            ArchiveVersion::V3 => match HashIndex::of(&self.token) {
                Ok(index) => Some(index),
                Err(_) => return Protected::default(),
            },
            ArchiveVersion::V2 => None,
        };
        let listed = |raw: &[u8], of: fn(&HashIndex) -> &BTreeSet<Vec<u8>>| {
            index.as_ref().is_none_or(|index| of(index).contains(&crypto::digest(index.algorithm, raw)))
        };
        let mut protected = Protected {
            certificates: members(&data.certificates_der)
                .filter(|raw| listed(raw, |index| &index.certificates))
                .collect(),
            revocation: members(&data.revocation_der).filter(|raw| listed(raw, |index| &index.revocation)).collect(),
            attributes: Vec::new(),
        };
        for attribute in &signer.unsigned_attributes {
            let values: Vec<&[u8]> = attribute.values.iter().map(Vec::as_slice).collect();
            for value in &values {
                let hashed = match &index {
                    None => self.covers(&attribute.oid, value) || !holds_token(&attribute.oid),
                    Some(index) if index.by_value => {
                        index.unsigned.contains(&index.attribute_value_digest(&attribute.oid, &[*value]))
                    }
                    Some(index) => index.unsigned.contains(&index.attribute_value_digest(&attribute.oid, &values)),
                };
                if hashed {
                    protected.attributes.push((attribute.oid, *value));
                }
            }
        }
        protected
    }

    /// TS 101 733 §6.4.1: the unsigned attributes without this timestamp and those that came after it, in the order of the file.
    fn earlier_attributes(&self, signer: &SignerInfo) -> Vec<Vec<u8>> {
        let later = |attribute: &super::Attribute, value: &[u8]| {
            ARCHIVES.contains(&attribute.oid) && token_time(value).is_none_or(|time| time >= self.token.time)
        };
        let kept = signer
            .unsigned_attributes
            .iter()
            .filter(|attribute| !attribute.values.iter().any(|value| later(attribute, value)));
        kept.map(attribute_der).collect()
    }
}

/// What an archive timestamp covers, each raw.
#[derive(Debug, Default)]
pub struct Protected<'d> {
    pub certificates: Vec<&'d [u8]>,
    /// `RevocationInfoChoice`s.
    pub revocation: Vec<&'d [u8]>,
    /// Values of unsigned attributes.
    pub attributes: Vec<(ObjectIdentifier, &'d [u8])>,
}

/// The members of a SET; those before what cannot be read.
fn members(field: &Option<Vec<u8>>) -> impl Iterator<Item = &[u8]> {
    let set = field.as_deref().and_then(|der| Reader::new(der).any().ok());
    let mut reader = set.map(|set| set.reader());
    std::iter::from_fn(move || {
        let reader = reader.as_mut()?;
        if reader.is_empty() { None } else { reader.any().ok().map(|member| member.raw) }
    })
}

fn holds_token(kind: &ObjectIdentifier) -> bool {
    [
        oid::SIGNATURE_TIME_STAMP,
        oid::ESCAPED_TIME_STAMP,
        oid::CERTIFICATES_AND_CRLS_TIME_STAMP,
        oid::ARCHIVE_TIME_STAMP_V2,
        oid::ARCHIVE_TIME_STAMP_V3,
    ]
    .contains(kind)
}

fn token_time(value: &[u8]) -> Option<Instant> {
    TimestampToken::parse(value).ok().map(|token| token.time)
}

fn attribute_der(attribute: &super::Attribute) -> Vec<u8> {
    write::sequence(&[write::oid(&attribute.oid), write::parts(tag::SET, &attribute.values)])
}

fn version_2(
    algorithm: DigestAlgorithm,
    data: &SignedData,
    signer: &SignerInfo,
    detached: Option<&[u8]>,
    unsigned: &[u8],
) -> Vec<u8> {
    let mut encapsulated = vec![write::oid(&data.content_type)];
    if let Some(content) = &data.content {
        encapsulated.push(write::element(tag::constructed(0), &write::octet_string(content)));
    }
    let encapsulated = write::sequence(&encapsulated);
    let mut hasher = Hasher::new(algorithm);
    hasher.update(&encapsulated);
    if data.content.is_none() {
        hasher.update(detached.unwrap_or_default());
    }
    let set = |field: &Option<Vec<u8>>| field.clone().unwrap_or_default();
    for part in [&set(&data.certificates_der)[..], &set(&data.revocation_der), &signer.fields_der, unsigned] {
        hasher.update(part);
    }
    hasher.finish()
}

/// EN 319 122-1 §5.5.3, the imprint of version 3: content type, hash of the content, the signer's fields, the hash index.
pub(super) fn imprint(
    algorithm: DigestAlgorithm,
    data: &SignedData,
    signer: &SignerInfo,
    content_digest: &[u8],
    hash_index: &[u8],
) -> Vec<u8> {
    let mut hasher = Hasher::new(algorithm);
    for part in [&write::oid(&data.content_type)[..], content_digest, &signer.fields_der, hash_index] {
        hasher.update(part);
    }
    hasher.finish()
}

/// `ATSHashIndexV3` over all that is there now (EN 319 122-1 §5.5.2), DER.
pub(super) fn hash_index(algorithm: DigestAlgorithm, data: &SignedData, signer: &SignerInfo) -> Vec<u8> {
    let list = |digests: Vec<Vec<u8>>| {
        write::sequence(&digests.iter().map(|digest| write::octet_string(digest)).collect::<Vec<_>>())
    };
    let of_members = |field: &Option<Vec<u8>>| list(members(field).map(|raw| crypto::digest(algorithm, raw)).collect());
    let of_values = signer.unsigned_attributes.iter().flat_map(|attribute| {
        let kind = write::oid(&attribute.oid);
        attribute.values.iter().map(move |value| crypto::digest(algorithm, &[&kind[..], value].concat()))
    });
    write::sequence(&[
        algorithm.identifier_der(),
        of_members(&data.certificates_der),
        of_members(&data.revocation_der),
        list(of_values.collect()),
    ])
}

/// `ATSHashIndex` in its versions (EN 319 122-1 §5.5.2; version 1 is TS 101 733 §6.4.2).
struct HashIndex {
    der: Vec<u8>,
    algorithm: DigestAlgorithm,
    /// Whether an attribute's values are hashed one by one (version 3) or the whole attribute.
    by_value: bool,
    certificates: BTreeSet<Vec<u8>>,
    revocation: BTreeSet<Vec<u8>>,
    unsigned: BTreeSet<Vec<u8>>,
}

impl HashIndex {
    fn of(token: &TimestampToken) -> Result<Self> {
        const WHAT: &str = "ATSHashIndex";
        let signer = token.signed_data.signers.first().ok_or(Error::Malformed(WHAT))?;
        let kinds = [(oid::ATS_HASH_INDEX_V3, true), (oid::ATS_HASH_INDEX_V2, false), (oid::ATS_HASH_INDEX, false)];
        for (kind, by_value) in kinds {
            let Some(der) = signer.unsigned_values(&kind).next() else { continue };
            let mut fields = Element::sequence(der, WHAT)?;
            // `hashIndAlgorithm` defaults to SHA-256; the lists are sequences too, of OCTET STRINGs.
            let mut ahead = fields;
            let first = ahead.expect(tag::SEQUENCE, WHAT)?;
            let algorithm = if first.content.first() == Some(&tag::OID) {
                fields = ahead;
                DigestAlgorithm::from_identifier(&first)?
            } else {
                DigestAlgorithm::Sha256
            };
            let certificates = hashes(&mut fields)?;
            let revocation = hashes(&mut fields)?;
            let unsigned = hashes(&mut fields)?;
            fields.finish(WHAT)?;
            return Ok(Self { der: der.to_vec(), algorithm, by_value, certificates, revocation, unsigned });
        }
        Err(Error::Malformed("archive timestamp without a hash index"))
    }

    fn attribute_value_digest(&self, kind: &ObjectIdentifier, values: &[&[u8]]) -> Vec<u8> {
        if self.by_value {
            let value = values.first().copied().unwrap_or_default();
            return crypto::digest(self.algorithm, &[&write::oid(kind)[..], value].concat());
        }
        crypto::digest(self.algorithm, &write::sequence(&[write::oid(kind), write::parts(tag::SET, values)]))
    }

    /// EN 319 122-1 §5.5.2: each hash must be that of something present; what is present without a hash is not protected.
    fn check(&self, data: &SignedData, signer: &SignerInfo) -> Result<()> {
        let members = |field: &Option<Vec<u8>>| -> Result<BTreeSet<Vec<u8>>> {
            let mut found = BTreeSet::new();
            if let Some(der) = field {
                let mut reader = Reader::new(der).any()?.reader();
                while !reader.is_empty() {
                    found.insert(crypto::digest(self.algorithm, reader.any()?.raw));
                }
            }
            Ok(found)
        };
        let mut attributes = BTreeSet::new();
        for attribute in &signer.unsigned_attributes {
            let values: Vec<&[u8]> = attribute.values.iter().map(Vec::as_slice).collect();
            if self.by_value {
                attributes.extend(values.iter().map(|value| self.attribute_value_digest(&attribute.oid, &[*value])));
            } else {
                attributes.insert(self.attribute_value_digest(&attribute.oid, &values));
            }
        }
        let missing = !self.certificates.is_subset(&members(&data.certificates_der)?)
            || !self.revocation.is_subset(&members(&data.revocation_der)?)
            || !self.unsigned.is_subset(&attributes);
        if missing { Err(Error::Refused("the hash index names something that is not there".into())) } else { Ok(()) }
    }
}

fn hashes(fields: &mut Reader<'_>) -> Result<BTreeSet<Vec<u8>>> {
    let mut list = fields.sequence("ATSHashIndex")?;
    let mut found = BTreeSet::new();
    while !list.is_empty() {
        found.insert(list.expect(tag::OCTET_STRING, "ATSHashIndex")?.content.to_vec());
    }
    Ok(found)
}

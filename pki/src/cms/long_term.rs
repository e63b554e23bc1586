//! Long-term levels of a CAdES signature: the data that checks it later (EN 319 122-1 §5.4), and archive timestamps
//! of version 3 over all of it (§5.5). Bytes in, bytes out; the tokens come from elsewhere.

use super::{SignedData, archive, build};
use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, Reader, tag, write};
use crate::error::{Error, Result};
use crate::oid;
use crate::pdf::write::LongTermData;
use std::collections::BTreeSet;

/// Adds certificates, lists and answers (RFC 5652 §10.2.1, RFC 5940 §2) to a DER `SignedData`; what is there already is not added again.
pub fn with_validation_data(signed_data: &[u8], data: &LongTermData) -> Result<Vec<u8>> {
    const WHAT: &str = "SignedData";
    let mut content_info = Element::sequence(signed_data, WHAT)?;
    let content_type = content_info.expect(tag::OID, WHAT)?.raw;
    let explicit = content_info.expect(tag::constructed(0), WHAT)?;
    let mut fields = Element::sequence(explicit.content, WHAT)?;
    let version = fields.expect(tag::INTEGER, WHAT)?.unsigned()?;
    let digest_algorithms = fields.expect(tag::SET, WHAT)?.raw;
    let encapsulated = fields.expect(tag::SEQUENCE, WHAT)?.raw;
    let present = fields.optional(tag::constructed(0))?;
    let certificates = merged(tag::constructed(0), present, data.certificates.clone())?;
    let answers = data.ocsp_responses.iter().map(|answer| {
        // OtherRevocationInfoFormat.
        write::parts(tag::constructed(1), &[write::oid(&oid::RI_OCSP_RESPONSE), answer.clone()])
    });
    let more = data.revocation_lists.iter().cloned().chain(answers).collect();
    let revocation = merged(tag::constructed(1), fields.optional(tag::constructed(1))?, more)?;
    let signers = fields.expect(tag::SET, WHAT)?.raw;
    fields.finish(WHAT)?;
    // RFC 5652 §5.1: version 5 where revocation information of another form is there.
    let mut choices = Reader::new(&revocation).optional(tag::constructed(1))?.map(|set| set.reader());
    let mut other = false;
    while let Some(reader) = choices.as_mut().filter(|reader| !reader.is_empty()) {
        other |= reader.any()?.tag == tag::constructed(1);
    }
    let version = write::unsigned(if other { version.max(5) } else { version });
    let signed_data =
        write::sequence(&[&version[..], digest_algorithms, encapsulated, &certificates, &revocation, signers]);
    Ok(write::sequence(&[content_type, &write::element(tag::constructed(0), &signed_data)]))
}

/// The field with what it lacks; as it stands where it lacks nothing, for archive timestamps of version 2 are over just that order.
fn merged(kind: u8, field: Option<Element<'_>>, more: Vec<Vec<u8>>) -> Result<Vec<u8>> {
    let mut members = BTreeSet::new();
    let mut present = field.as_ref().map(Element::reader);
    while let Some(reader) = present.as_mut().filter(|reader| !reader.is_empty()) {
        members.insert(reader.any()?.raw.to_vec());
    }
    let before = members.len();
    members.extend(more);
    Ok(match field {
        Some(field) if members.len() == before => field.raw.to_vec(),
        None if members.is_empty() => Vec::new(),
        _ => write::set_of(kind, members.into_iter().collect()),
    })
}

/// What an archive timestamp over the object as it is now must be over.
#[derive(Clone, Debug)]
pub struct ArchiveToMake {
    /// In the digest algorithm that was asked for.
    pub imprint: Vec<u8>,
    hash_index: Vec<u8>,
    place: usize,
}

impl ArchiveToMake {
    /// Of the only signer of a DER `SignedData`, and the digest of its content, both in this algorithm.
    pub fn new(signed_data: &[u8], algorithm: DigestAlgorithm, content_digest: &[u8]) -> Result<Self> {
        let data = SignedData::parse(signed_data)?;
        match data.signers.len() {
            1 => Self::of_signer(&data, 0, algorithm, content_digest),
            _ => Err(Error::Refused("an archive timestamp is added to an object with one signer".into())),
        }
    }

    /// The same of one signer of several, by its place.
    pub(crate) fn of_signer(
        data: &SignedData,
        place: usize,
        algorithm: DigestAlgorithm,
        content_digest: &[u8],
    ) -> Result<Self> {
        let signer = data.signers.get(place).ok_or(Error::Malformed("SignerInfo"))?;
        let hash_index = archive::hash_index(algorithm, data, signer);
        let imprint = archive::imprint(algorithm, data, signer, content_digest, &hash_index);
        Ok(Self { imprint, hash_index, place })
    }

    /// The object with the token, a `TimeStampToken` over the imprint, which takes the hash index along.
    pub fn finish(&self, signed_data: &[u8], token: &[u8]) -> Result<Vec<u8>> {
        let token = build::with_unsigned_attribute(token, None, &oid::ATS_HASH_INDEX_V3, &self.hash_index)?;
        build::with_unsigned_attribute(signed_data, Some(self.place), &oid::ARCHIVE_TIME_STAMP_V3, &token)
    }
}

//! Long-term levels of a CAdES signature with one signer: the data that checks it later (EN 319 122-1 §5.4), and archive timestamps
//! of version 3 over all of it (§5.5). Bytes in, bytes out; the tokens come from elsewhere.

use super::{SignedData, SignerInfo, archive, build};
use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, tag, write};
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
    fields.expect(tag::INTEGER, WHAT)?;
    let digest_algorithms = fields.expect(tag::SET, WHAT)?.raw;
    let encapsulated = fields.expect(tag::SEQUENCE, WHAT)?.raw;
    let certificates = merged(fields.optional(tag::constructed(0))?, data.certificates.clone())?;
    let answers = data.ocsp_responses.iter().map(|answer| {
        // OtherRevocationInfoFormat.
        write::parts(tag::constructed(1), &[write::oid(&oid::RI_OCSP_RESPONSE), answer.clone()])
    });
    let revocation =
        merged(fields.optional(tag::constructed(1))?, data.revocation_lists.iter().cloned().chain(answers).collect())?;
    let signers = fields.expect(tag::SET, WHAT)?.raw;
    fields.finish(WHAT)?;
    // RFC 5652 §5.1: version 5 where revocation information of another form is there.
    let other = revocation.iter().any(|choice| choice.first() == Some(&tag::constructed(1)));
    let version = write::unsigned(if other { 5 } else { 1 });
    let set = |kind: u8, members: BTreeSet<Vec<u8>>| match members.is_empty() {
        true => Vec::new(),
        false => write::set_of(tag::constructed(kind), members.into_iter().collect()),
    };
    let signed_data = write::sequence(&[
        &version[..],
        digest_algorithms,
        encapsulated,
        &set(0, certificates),
        &set(1, revocation),
        signers,
    ]);
    Ok(write::sequence(&[content_type, &write::element(tag::constructed(0), &signed_data)]))
}

fn merged(field: Option<Element<'_>>, more: Vec<Vec<u8>>) -> Result<BTreeSet<Vec<u8>>> {
    let mut members = BTreeSet::from_iter(more);
    let mut present = field.as_ref().map(Element::reader);
    while let Some(reader) = present.as_mut().filter(|reader| !reader.is_empty()) {
        members.insert(reader.any()?.raw.to_vec());
    }
    Ok(members)
}

/// What an archive timestamp over the object as it is now must be over.
#[derive(Clone, Debug)]
pub struct ArchiveToMake {
    /// In the digest algorithm that was asked for.
    pub imprint: Vec<u8>,
    hash_index: Vec<u8>,
}

impl ArchiveToMake {
    /// Of a DER `SignedData` and the digest of its content, both in this algorithm.
    pub fn new(signed_data: &[u8], algorithm: DigestAlgorithm, content_digest: &[u8]) -> Result<Self> {
        let data = SignedData::parse(signed_data)?;
        let signer = only_signer(&data)?;
        let hash_index = archive::hash_index(algorithm, &data, signer);
        let imprint = archive::imprint(algorithm, &data, signer, content_digest, &hash_index);
        Ok(Self { imprint, hash_index })
    }

    /// The object with the token, a `TimeStampToken` over the imprint, which takes the hash index along.
    pub fn finish(&self, signed_data: &[u8], token: &[u8]) -> Result<Vec<u8>> {
        let token = build::with_unsigned_attribute(token, &oid::ATS_HASH_INDEX_V3, &self.hash_index)?;
        build::with_unsigned_attribute(signed_data, &oid::ARCHIVE_TIME_STAMP_V3, &token)
    }
}

fn only_signer(data: &SignedData) -> Result<&SignerInfo> {
    match data.signers.as_slice() {
        [one] => Ok(one),
        _ => Err(Error::Refused("an archive timestamp is added to an object with one signer".into())),
    }
}

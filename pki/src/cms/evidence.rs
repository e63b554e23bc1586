//! What evidence records inside a CMS object cover (RFC 4998 appendix A, TS 119 122-3): the object as it was before they were added. Rebuilds
//! it; whose timestamps a record holds and whether they count is judged elsewhere.

use super::ber;
use crate::asn1::{Element, Reader, tag, write};
use crate::error::{Error, Result};
use crate::oid;

/// The `ContentInfo`, DER, with only those evidence records of each signer that are kept, by their places among them.
pub fn before_evidence_records(content_info: &[u8], kept: &dyn Fn(usize) -> bool) -> Result<Vec<u8>> {
    const WHAT: &str = "SignedData";
    let (der, _) = ber::normalise(content_info)?;
    let mut fields = Element::sequence(&der, WHAT)?;
    let content_type = fields.expect(tag::OID, WHAT)?.raw;
    let explicit = fields.expect(tag::constructed(0), WHAT)?;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut members = Element::sequence(explicit.content, WHAT)?;
    while !members.is_empty() {
        parts.push(members.any()?.raw.to_vec());
    }
    let signers = parts.pop().ok_or(Error::Malformed(WHAT))?;
    let mut signers = Element::only(&signers, WHAT)?.reader();
    let mut rebuilt = Vec::new();
    while !signers.is_empty() {
        rebuilt.push(signer(signers.sequence(WHAT)?, kept)?);
    }
    parts.push(write::parts(tag::SET, &rebuilt));
    let signed_data = write::element(tag::constructed(0), &write::sequence(&parts));
    Ok(write::sequence(&[content_type, &signed_data]))
}

fn signer(mut members: Reader<'_>, kept: &dyn Fn(usize) -> bool) -> Result<Vec<u8>> {
    const WHAT: &str = "SignerInfo";
    let mut rebuilt = Vec::new();
    while !members.is_empty() {
        let member = members.any()?;
        if member.tag != tag::constructed(1) {
            rebuilt.push(member.raw.to_vec());
            continue;
        }
        let (mut attributes, mut left, mut records) = (member.reader(), Vec::new(), 0);
        while !attributes.is_empty() {
            let attribute = attributes.expect(tag::SEQUENCE, WHAT)?;
            let kind = attribute.reader().oid(WHAT)?;
            if kind == oid::EVIDENCE_RECORD_INTERNAL || kind == oid::EVIDENCE_RECORD_EXTERNAL {
                records += 1;
                if !kept(records - 1) {
                    continue;
                }
            }
            left.push(attribute.raw.to_vec());
        }
        if !left.is_empty() {
            rebuilt.push(write::parts(tag::constructed(1), &left));
        }
    }
    Ok(write::sequence(&rebuilt))
}

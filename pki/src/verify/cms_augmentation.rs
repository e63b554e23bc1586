//! Augmentation of CAdES signatures (EN 319 122-1 §5.3 to §5.5): unsigned attributes of one signer, and the certificates and revocation data of the
//! object. What is signed is copied; an object in BER becomes DER, in which its signed attributes were hashed.

use super::augmentation::{Addition, DIGEST, Over, digest, only};
use super::cms_file;
use crate::asn1::{Element, tag};
use crate::cms::build::with_unsigned_attribute;
use crate::cms::long_term::{ArchiveToMake, with_validation_data};
use crate::cms::{SignedData, ber};
use crate::error::{Error, Result};
use crate::oid;
use std::borrow::Cow;

/// The signers, as the report names them.
pub(super) fn signatures(bytes: &[u8]) -> Result<Vec<String>> {
    Ok(names(&SignedData::parse(&in_der(bytes)?)?))
}

/// What a timestamp is over; `content` is the detached one.
pub(super) fn imprint(bytes: &[u8], content: Option<&[u8]>, signature: &str, over: Over) -> Result<Vec<u8>> {
    let data = SignedData::parse(&in_der(bytes)?)?;
    let at = only(&names(&data), signature)?;
    match over {
        Over::Signature => {
            let signer = data.signers.get(at).ok_or(Error::Malformed("SignerInfo"))?;
            Ok(digest(&signer.signature))
        }
        Over::Archive => Ok(archive(&data, content, at)?.imprint),
    }
}

/// The object with them.
pub(super) fn add(bytes: &[u8], content: Option<&[u8]>, additions: &[(String, Addition)]) -> Result<Vec<u8>> {
    let mut object = in_der(bytes)?.into_owned();
    for (name, addition) in additions {
        let data = SignedData::parse(&object)?;
        let at = only(&names(&data), name)?;
        object = match addition {
            Addition::Timestamp { over: Over::Signature, token } => {
                with_unsigned_attribute(&object, Some(at), &oid::SIGNATURE_TIME_STAMP, token)?
            }
            Addition::Timestamp { over: Over::Archive, token } => {
                archive(&data, content, at)?.finish(&object, token)?
            }
            Addition::ValidationData(data) => with_validation_data(&object, data)?,
        };
    }
    Ok(object)
}

fn archive(data: &SignedData, content: Option<&[u8]>, at: usize) -> Result<ArchiveToMake> {
    let content = data.content.as_deref().or(content);
    let content =
        content.ok_or_else(|| Error::Unsupported("archive timestamp over content that is not at hand".into()))?;
    ArchiveToMake::of_signer(data, at, DIGEST, &digest(content))
}

fn names(data: &SignedData) -> Vec<String> {
    (1..=data.signers.len()).map(|at| format!("signer {at}")).collect()
}

/// The object in DER. An armour of text is left to whoever put it on.
fn in_der(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if cms_file::is_armoured(bytes) {
        return Err(Error::Unsupported("CMS object in an armour of text (PEM or S/MIME)".into()));
    }
    let (der, length) = ber::normalise(bytes)?;
    if length != bytes.len() {
        return Err(Error::Malformed("CMS: bytes behind the object"));
    }
    // A timestamp authority's response is no signature of a document.
    match Element::sequence(&der, "ContentInfo")?.peek() {
        Some(tag::OID) => Ok(der),
        _ => Err(Error::Unsupported("response of a timestamp authority".into())),
    }
}

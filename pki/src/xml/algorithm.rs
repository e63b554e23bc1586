//! Algorithm URIs of XML signatures (XMLDSig 1.1 §6, RFC 9231). Names only what can be verified; which of them is acceptable when
//! is policy and decided elsewhere.

use super::document::{Document, NodeId};
use super::names::DSIG;
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::error::{Error, Result};
use chuky_model::algorithm::SignatureScheme;

const DIGESTS: [(&str, DigestAlgorithm); 12] = [
    ("http://www.w3.org/2001/04/xmlenc#sha256", DigestAlgorithm::Sha256),
    ("http://www.w3.org/2000/09/xmldsig#sha1", DigestAlgorithm::Sha1),
    ("http://www.w3.org/2001/04/xmlenc#sha512", DigestAlgorithm::Sha512),
    ("http://www.w3.org/2001/04/xmldsig-more#sha384", DigestAlgorithm::Sha384),
    ("http://www.w3.org/2001/04/xmldsig-more#sha224", DigestAlgorithm::Sha224),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-224", DigestAlgorithm::Sha3_224),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-256", DigestAlgorithm::Sha3_256),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-384", DigestAlgorithm::Sha3_384),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-512", DigestAlgorithm::Sha3_512),
    ("http://www.w3.org/2001/04/xmlenc#ripemd160", DigestAlgorithm::Ripemd160),
    ("http://www.w3.org/2001/04/xmldsig-more#md5", DigestAlgorithm::Md5),
    // RFC 4051 and older tools name the digest so.
    ("http://www.w3.org/2001/04/xmldsig-more#sha256", DigestAlgorithm::Sha256),
];

/// Prefix of the URI, and what is signed with; the rest of the URI is the digest's name.
const MORE_2001: &str = "http://www.w3.org/2001/04/xmldsig-more#";
const MORE_2007: &str = "http://www.w3.org/2007/05/xmldsig-more#";
const MORE_2021: &str = "http://www.w3.org/2021/04/xmldsig-more#";

const DIGEST_NAMES: [(&str, DigestAlgorithm); 11] = [
    ("sha1", DigestAlgorithm::Sha1),
    ("sha224", DigestAlgorithm::Sha224),
    ("sha256", DigestAlgorithm::Sha256),
    ("sha384", DigestAlgorithm::Sha384),
    ("sha512", DigestAlgorithm::Sha512),
    ("sha3-224", DigestAlgorithm::Sha3_224),
    ("sha3-256", DigestAlgorithm::Sha3_256),
    ("sha3-384", DigestAlgorithm::Sha3_384),
    ("sha3-512", DigestAlgorithm::Sha3_512),
    ("md5", DigestAlgorithm::Md5),
    ("ripemd160", DigestAlgorithm::Ripemd160),
];

/// The digest algorithm that a `DigestMethod` element names.
pub fn digest_method(document: &Document<'_>, method: NodeId) -> Result<DigestAlgorithm> {
    let uri = document.attribute(method, "Algorithm").unwrap_or_default();
    let found = DIGESTS.iter().find(|(known, _)| *known == uri);
    found.map(|(_, algorithm)| *algorithm).ok_or_else(|| Error::Unsupported(format!("digest algorithm {}", shown(uri))))
}

/// The URI of a digest algorithm that signatures are made with.
pub fn digest_uri(algorithm: DigestAlgorithm) -> &'static str {
    DIGESTS.iter().find(|(_, known)| *known == algorithm).map_or("", |(uri, _)| uri)
}

/// The URI of a scheme that signatures are made with (RFC 9231 §2.3).
pub fn signature_uri(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        SignatureScheme::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
        SignatureScheme::RsaPkcs1Sha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        SignatureScheme::RsaPkcs1Sha384 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
        SignatureScheme::RsaPkcs1Sha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        SignatureScheme::RsaPssSha256 => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        SignatureScheme::RsaPssSha384 => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
        SignatureScheme::RsaPssSha512 => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
    }
}

/// The signature algorithm that a `SignatureMethod` element names, with its parameters.
pub fn signature_method(document: &Document<'_>, method: NodeId) -> Result<SignatureAlgorithm> {
    let uri = document.attribute(method, "Algorithm").unwrap_or_default();
    let unsupported = || Error::Unsupported(format!("signature algorithm {}", shown(uri)));
    match uri {
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1" => return Ok(SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha1)),
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1" => return Ok(SignatureAlgorithm::Dsa(DigestAlgorithm::Sha1)),
        "http://www.w3.org/2009/xmldsig11#dsa-sha256" => return Ok(SignatureAlgorithm::Dsa(DigestAlgorithm::Sha256)),
        "http://www.w3.org/2007/05/xmldsig-more#rsa-pss" => return pss_parameters(document, method),
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519" => return Ok(SignatureAlgorithm::Ed25519),
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448" => return Ok(SignatureAlgorithm::Ed448),
        _ => {}
    }
    let name = [MORE_2001, MORE_2007, MORE_2021].iter().find_map(|base| uri.strip_prefix(base));
    let name = name.ok_or_else(unsupported)?;
    let digest = |name: &str| DIGEST_NAMES.iter().find(|(known, _)| *known == name).map(|(_, digest)| *digest);
    if let Some(digest) = name.strip_prefix("rsa-").and_then(digest) {
        return Ok(SignatureAlgorithm::RsaPkcs1(digest));
    }
    if let Some(digest) = name.strip_prefix("ecdsa-").and_then(digest) {
        return Ok(SignatureAlgorithm::Ecdsa(digest));
    }
    let digest = name.strip_suffix("-rsa-MGF1").and_then(digest).ok_or_else(unsupported)?;
    Ok(pss(digest, digest, None))
}

/// RFC 9231 §2.3.9 and §2.3.10: the salt is as long as the digest where nothing else is said.
fn pss(digest: DigestAlgorithm, mgf1: DigestAlgorithm, salt: Option<u16>) -> SignatureAlgorithm {
    let salt = salt.unwrap_or(u16::try_from(digest.length()).unwrap_or(u16::MAX));
    SignatureAlgorithm::RsaPss { digest, mgf1, salt }
}

fn pss_parameters(document: &Document<'_>, method: NodeId) -> Result<SignatureAlgorithm> {
    const WHAT: Error = Error::Malformed("RSAPSSParams");
    let Some(parameters) = document.child(method, MORE_2007, "RSAPSSParams") else {
        return Ok(pss(DigestAlgorithm::Sha256, DigestAlgorithm::Sha256, None));
    };
    let digest = match document.child(parameters, DSIG, "DigestMethod") {
        Some(method) => digest_method(document, method)?,
        None => DigestAlgorithm::Sha256,
    };
    let mask = document.child(parameters, MORE_2007, "MaskGenerationFunction");
    let mgf1 = match mask.and_then(|mask| document.child(mask, DSIG, "DigestMethod")) {
        Some(method) => digest_method(document, method)?,
        None => digest,
    };
    let number = |name: &str| match document.child(parameters, MORE_2007, name) {
        Some(element) => document.text(element).trim().parse::<u16>().map(Some).map_err(|_| WHAT),
        None => Ok(None),
    };
    if number("TrailerField")?.is_some_and(|trailer| trailer != 1) {
        return Err(WHAT);
    }
    Ok(pss(digest, mgf1, number("SaltLength")?))
}

/// A stranger's text, short enough for a report.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(LONGEST_SHOWN).collect::<String>())
}

const LONGEST_SHOWN: usize = 120;

//! Reads a certification request (PKCS #10) that a stranger made: its key and what it asks for, with the proof of possession checked.
//! Runs in a reader worker; whether the key is certified is decided by the flow.

use chuky_pki::{Error, csr::VerifiedRequest};
use serde::{Deserialize, Serialize};

/// What a request holds that was proved by the key inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRead {
    /// `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
    /// Object identifiers of extensions and attributes that are not taken over.
    pub ignored: Vec<String>,
    /// Whether it names a subject, which is not taken over either.
    pub names_a_subject: bool,
    /// The challenge password, where there is one.
    pub challenge: Option<String>,
}

/// Why a request cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestUnusable {
    /// No PKCS #10 request, or one that is too long.
    Malformed,
    /// The signature does not come from the key inside.
    NotProved,
    /// The key or the signature algorithm is not one that can be judged: SHA-1, a point off its curve, an even modulus.
    Unsupported,
}

/// Reads the request, DER or PEM.
pub(super) fn read(input: &[u8]) -> Result<RequestRead, RequestUnusable> {
    let request = VerifiedRequest::parse(input).map_err(|error| match error {
        Error::BadSignature | Error::AlgorithmDoesNotFitKey => RequestUnusable::NotProved,
        Error::Unsupported(_) | Error::Malformed("EC point" | "RSAPublicKey") => RequestUnusable::Unsupported,
        _ => RequestUnusable::Malformed,
    })?;
    Ok(RequestRead {
        spki: request.spki,
        ignored: request.ignored.iter().map(ToString::to_string).collect(),
        names_a_subject: !request.subject.is_empty(),
        challenge: request.challenge,
    })
}

//! A timestamp from whatever authority: the request, and whether the answer is one to it. The call itself is the caller's.

use crate::error::{RequestError, RequestErrorKind, Result};
use chuky_pki::timestamp::{TimestampRequest, TimestampToken, granted};

/// A request with its nonce.
pub struct TimestampWanted {
    digest: [u8; 32],
    nonce: [u8; 8],
}

impl TimestampWanted {
    /// Over a SHA-256 digest.
    pub fn over(digest: [u8; 32]) -> Self {
        let mut nonce = [0; 8];
        rand::fill(&mut nonce);
        // A positive number that needs all its octets: every authority gives it back as it came.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        Self { digest, nonce }
    }

    /// `TimeStampReq` (RFC 3161 §2.4.1).
    pub fn to_der(&self) -> Vec<u8> {
        TimestampRequest::to_der(&self.digest, &self.nonce)
    }

    /// The token of an answer, where it is one over this digest, with this nonce, and signed by the certificate that it brings.
    pub fn accept(&self, answer: &[u8]) -> Result<Vec<u8>> {
        let token = granted(answer).map_err(refused)?;
        let read = TimestampToken::parse(&token).map_err(refused)?;
        if read.nonce.as_deref() != Some(&self.nonce) {
            return Err(refused("the nonce is another").into());
        }
        let findings = read.check(&[], &mut |algorithm| {
            (algorithm == chuky_pki::algorithm::DigestAlgorithm::Sha256).then(|| self.digest.to_vec())
        });
        match findings.checks.iter().find(|check| check.outcome == chuky_model::report::Outcome::Failed) {
            Some(check) => Err(refused(format!("{}: {}", check.name, check.reason)).into()),
            None => Ok(token),
        }
    }
}

fn refused(reason: impl std::fmt::Display) -> RequestError {
    // A stranger's words: short, and without what moves a cursor.
    let reason: String = reason.to_string().chars().filter(|letter| !letter.is_control()).take(200).collect();
    RequestError::new(
        RequestErrorKind::Unavailable,
        "timestamp_refused",
        format!("Máy chủ dấu thời gian không trả về dấu thời gian dùng được: {reason}"),
        format!("The timestamp server gave no usable timestamp: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_answer_is_refused() {
        let wanted = TimestampWanted::over([7; 32]);
        for answer in [&b""[..], b"<html>", b"\x30\x05\x30\x03\x02\x01\x02"] {
            assert!(wanted.accept(answer).is_err());
        }
        let request = TimestampRequest::parse(&wanted.to_der()).unwrap();
        assert_eq!((request.digest, request.nonce), (vec![7; 32], Some(wanted.nonce.to_vec())));
    }
}

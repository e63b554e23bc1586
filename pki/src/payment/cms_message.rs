//! A payment as a CMS object (RFC 5652), with its content inside or beside it. One signer; what its bytes prove is told by `cms`, and each
//! of its checks becomes one of the reasons that payments are refused for.

use super::{
    message::Claim,
    order::Refusal,
    reason::Reason,
    value::{allowed, digest_allowed},
};
use crate::{
    certificate::Certificate,
    cms::{SignedData, SignerFindings, SignerIdentifier},
    crypto,
    error::Error,
    jose::{SignerReference, limits::MOST_CERTIFICATES},
    pem,
    revocation::Evidence,
};
use chuky_model::{report::Outcome, serial::Serial};

/// A CMS object with its content.
#[derive(Debug)]
pub(super) struct CmsMessage {
    data: SignedData,
    content: Vec<u8>,
}

impl CmsMessage {
    /// Reads DER, BER or PEM. `beside` is the content where it is detached.
    pub fn read(bytes: &[u8], beside: Option<&[u8]>) -> Result<(Self, Claim), Refusal> {
        if bytes.len() > super::limits::LONGEST_MESSAGE {
            return Err((Reason::TooLarge, format!("longer than {} bytes", super::limits::LONGEST_MESSAGE)));
        }
        let der =
            ["CMS", "PKCS7", "PKCS #7 SIGNED DATA"].iter().find_map(|label| pem::der_or_first_block(bytes, label).ok());
        let der = der.ok_or_else(|| (Reason::Malformed, "no CMS object in that text".to_owned()))?;
        let mut data = SignedData::parse(&der).map_err(refusal_of)?;
        let content = match (data.content.take(), beside) {
            (Some(_), Some(_)) => {
                return Err((Reason::Malformed, "the content is both inside the CMS object and beside it".to_owned()));
            }
            (Some(inside), None) => inside,
            (None, Some(beside)) => beside.to_vec(),
            (None, None) => return Err((Reason::ContentMissing, "the signature is detached".to_owned())),
        };
        // As if it were inside: how the content came makes no difference to what is checked.
        data.content = Some(content.clone());
        let claim = claim(&data)?;
        Ok((Self { data, content }, claim))
    }

    /// What is signed.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Revocation data inside.
    pub fn evidence(&self) -> Evidence {
        Evidence::read(&self.data.crls, &self.data.ocsp_responses)
    }

    /// Whether the certificate's key made the value, and whether it is over the content.
    pub fn check(&self, certificate: &Certificate) -> (Result<(), Refusal>, Result<(), Refusal>) {
        let further = std::slice::from_ref(certificate);
        let mut digest = |algorithm| Some(crypto::digest(algorithm, &self.content));
        let Some(findings) = self.data.check(further, &mut digest).pop() else {
            return (Err((Reason::SignatureInvalid, "there is no signer".to_owned())), Ok(()));
        };
        if findings.signing_certificate.as_ref() != Some(certificate) {
            let detail = "the signer identifier names another certificate".to_owned();
            return (Err((Reason::CertificateMismatch, detail)), Ok(()));
        }
        (outcome(&findings, false), outcome(&findings, true))
    }
}

/// The first check that did not pass: of those about the content, or of the others.
fn outcome(findings: &SignerFindings, about_content: bool) -> Result<(), Refusal> {
    let of_content = |name: &str| matches!(name, "message_digest" | "content_type");
    let wrong = findings
        .checks
        .iter()
        .find(|check| check.outcome != Outcome::Passed && of_content(&check.name) == about_content);
    let Some(check) = wrong else { return Ok(()) };
    let reason = match (check.name.as_str(), check.outcome) {
        ("message_digest" | "content_type", _) => Reason::ContentAltered,
        ("signing_certificate_reference", _) => Reason::CertificateMismatch,
        ("signature_value", Outcome::Failed) => Reason::SignatureInvalid,
        ("signature_value" | "digest_algorithms", _) => Reason::AlgorithmDoesNotFitKey,
        _ => Reason::SignatureInvalid,
    };
    Err((reason, format!("{}: {}", check.name, check.reason)))
}

fn claim(data: &SignedData) -> Result<Claim, Refusal> {
    let [signer] = data.signers.as_slice() else {
        return Err((Reason::SeveralSignatures, format!("{} signers", data.signers.len())));
    };
    let algorithm = signer.signature_algorithm.clone().map_err(not_allowed)?;
    allowed(algorithm)?;
    digest_allowed(signer.digest_algorithm.clone().map_err(not_allowed)?)?;
    if data.certificates.len() > MOST_CERTIFICATES {
        return Err((Reason::TooLarge, format!("more than {MOST_CERTIFICATES} certificates")));
    }
    let own = data.certificates.iter().position(|certificate| signer.identifier.names(certificate));
    let signer = match (own, &signer.identifier) {
        (Some(own), _) => {
            let first = data.certificates.iter().skip(own).take(1);
            let others = data.certificates.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, other)| other);
            SignerReference::Chain(first.chain(others).map(|one| one.der().to_vec()).collect())
        }
        (None, SignerIdentifier::IssuerAndSerial(_, octets)) => {
            let serial = Serial::from_octets(octets).map_err(|error| (Reason::Malformed, error.to_string()))?;
            SignerReference::KeyIdentifier(serial.to_string())
        }
        (None, SignerIdentifier::KeyIdentifier(_)) => SignerReference::Nothing,
    };
    Ok(Claim { algorithm, payload_encoded: true, signer, digests: Vec::new(), signer_first: true })
}

fn not_allowed(error: Error) -> Refusal {
    (Reason::AlgorithmNotAllowed, error.to_string())
}

fn refusal_of(error: Error) -> Refusal {
    let reason = if matches!(error, Error::Limit(_)) { Reason::TooLarge } else { Reason::Malformed };
    (reason, error.to_string())
}

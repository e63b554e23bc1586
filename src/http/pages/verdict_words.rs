//! From a report's indications to the words of a verdict card. The worse of integrity and trust is what a person reads
//! first; what was not established is never called valid.

use super::{Frame, texts};
use chuky_model::report::{DocumentFormat, Indication, Integrity, Outcome, SignatureReport, SubIndication};

/// The answers a card gives. A file without a signature is a kind of "cannot be determined" with words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    NotValid,
    Undetermined,
    NoSignature,
}

impl Verdict {
    /// The verdict of an indication together with what the bytes prove.
    pub fn of(indication: Indication, integrity: Integrity) -> Self {
        match (indication, integrity) {
            (_, Integrity::Altered | Integrity::Broken) | (Indication::TotalFailed, _) => Self::NotValid,
            (Indication::NoSignatureFound, Integrity::None) => Self::NoSignature,
            (Indication::TotalPassed, Integrity::Intact) => Self::Valid,
            _ => Self::Undetermined,
        }
    }

    /// The verdict on a timestamp, which has no integrity of its own.
    pub fn of_timestamp(indication: Indication) -> Self {
        match indication {
            Indication::TotalPassed => Self::Valid,
            Indication::TotalFailed => Self::NotValid,
            Indication::Indeterminate | Indication::NoSignatureFound => Self::Undetermined,
        }
    }

    /// The verdict's name in style classes and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotValid => "not-valid",
            Self::Undetermined => "undetermined",
            Self::NoSignature => "no-signature",
        }
    }

    /// Whether the shape is the circle with a tick.
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }

    /// Whether the shape is the octagon with a cross.
    pub fn is_not_valid(self) -> bool {
        self == Self::NotValid
    }
}

/// The format as a person knows it.
pub(super) fn format_name(format: DocumentFormat) -> &'static str {
    match format {
        DocumentFormat::PAdES => "PDF (PAdES)",
        DocumentFormat::CAdES => "CMS (CAdES)",
        DocumentFormat::XAdES => "XML (XAdES)",
        DocumentFormat::JAdES => "JSON (JAdES)",
        DocumentFormat::AsicS => "ASiC-S",
        DocumentFormat::AsicE => "ASiC-E",
        DocumentFormat::Ooxml => "Office Open XML",
        DocumentFormat::Odf => "OpenDocument",
        DocumentFormat::Unknown => "",
    }
}

/// Words for what the bytes prove.
pub(super) fn integrity_words(frame: &Frame, integrity: Integrity) -> String {
    frame.say(match integrity {
        Integrity::Intact => "integrity-intact",
        Integrity::Altered => "integrity-altered",
        Integrity::Broken => "integrity-broken",
        Integrity::None => "integrity-none",
        Integrity::Unknown => "integrity-unknown",
    })
}

/// The stable name of a sub-indication, as the report writes it.
pub(super) fn sub_indication_name(sub_indication: SubIndication) -> String {
    serde_json::to_value(sub_indication).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What the certificate's state at signing was, as far as the report establishes it (Circular 15/2025, article 6).
pub(super) fn certificate_state(frame: &Frame, signature: &SignatureReport) -> String {
    use SubIndication as Sub;
    let key = match (signature.indication, signature.sub_indication) {
        (_, Some(Sub::Revoked | Sub::RevokedNoPoe)) => "certificate-state-revoked",
        (_, Some(Sub::RevokedCaNoPoe)) => "certificate-state-authority-revoked",
        (_, Some(Sub::Expired | Sub::OutOfBoundsNoPoe | Sub::OutOfBoundsNotRevoked)) => "certificate-state-expired",
        (_, Some(Sub::NotYetValid)) => "certificate-state-not-yet-valid",
        (_, Some(Sub::NoCertificateChainFound | Sub::CertificateChainGeneralFailure)) => "certificate-state-no-path",
        (Indication::TotalPassed, _) => "certificate-state-good",
        // The verdict failed for another reason: the certificate's own check still counts, where it was done and passed.
        _ if passed(signature, "revocation") => "certificate-state-good",
        _ => "certificate-state-unknown",
    };
    frame.say(key)
}

fn passed(signature: &SignatureReport, name: &str) -> bool {
    let mut checks = signature.checks.iter().filter(|check| check.name == name).peekable();
    checks.peek().is_some() && checks.all(|check| check.outcome == Outcome::Passed)
}

/// The signing time with what it is worth: proven by a timestamp, or only claimed.
pub(super) fn signing_time(frame: &Frame, signature: &SignatureReport, proven: bool) -> String {
    match (&signature.best_signature_time, &signature.claimed_signing_time) {
        (Some(best), _) if proven => frame.fill("signing-time-proven", &[("time", &texts::screen_time(best))]),
        (_, Some(claimed)) => frame.fill("signing-time-claimed", &[("time", &texts::screen_time(claimed))]),
        _ => frame.say("signing-time-unknown"),
    }
}

/// The name of an outcome in style classes and keys.
pub(super) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::NotDone => "not-done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intact_and_passed_is_valid() {
        use Integrity::{Altered, Broken, Intact, None, Unknown};
        for indication in
            [Indication::TotalPassed, Indication::TotalFailed, Indication::Indeterminate, Indication::NoSignatureFound]
        {
            for integrity in [Intact, Altered, Broken, None, Unknown] {
                let verdict = Verdict::of(indication, integrity);
                assert_eq!(
                    verdict == Verdict::Valid,
                    indication == Indication::TotalPassed && integrity == Intact,
                    "{indication:?} {integrity:?}"
                );
                if matches!(integrity, Altered | Broken) {
                    assert_eq!(verdict, Verdict::NotValid);
                }
            }
        }
    }
}

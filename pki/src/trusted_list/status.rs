//! Kinds and statuses of services (TS 119 612 §5.5.1, §5.5.4, annexes D and J), with those of before July 2016 and of TS 102 231.
//! Names only; what is not in the tables counts as nothing.

use crate::verify::AnchorPurpose;
use chuky_model::instant::Instant;

/// What `ServiceTypeIdentifier` begins with.
const KINDS: [&str; 1] = ["http://uri.etsi.org/TrstSvc/Svctype/"];
/// What `ServiceStatus` begins with, in all versions.
const STATUSES: [&str; 3] = [
    "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/",
    "http://uri.etsi.org/TrstSvc/eSigDir-1999-93-EC-TrustedList/Svcstatus/",
    "http://uri.etsi.org/TrstSvc/Svcstatus/",
];

/// Regulation 910/2014 applies from 1 July 2016 on, Brussels time.
pub(super) const REGULATION_APPLIES: Instant = Instant::from_unix_seconds(1_467_324_000);

pub(super) fn kind(uri: &str) -> String {
    shortened(uri, &KINDS)
}

pub(super) fn status(uri: &str) -> String {
    shortened(uri, &STATUSES)
}

fn shortened(uri: &str, beginnings: &[&str]) -> String {
    let uri = uri.trim();
    let uri = uri.strip_prefix("https://").map_or_else(|| uri.to_owned(), |rest| format!("http://{rest}"));
    beginnings.iter().find_map(|beginning| uri.strip_prefix(beginning)).unwrap_or(&uri).to_owned()
}

/// Authorities whose certificates sign documents, timestamp authorities, and responders.
pub(super) fn purpose(kind: &str) -> Option<AnchorPurpose> {
    match kind {
        "CA/QC" | "CA/PKC" | "NationalRootCA-QC" => Some(AnchorPurpose::Signatures),
        "TSA" | "TSA/QTST" | "TSA/TSS-QC" | "TSA/TSS-AdESQCandQES" => Some(AnchorPurpose::Timestamps),
        "Certstatus/OCSP" | "Certstatus/OCSP/QC" => Some(AnchorPurpose::Statuses),
        _ => None,
    }
}

/// Whether a service in this status is approved, and if so whether the status is one of Directive 1999/93/EC.
pub(super) fn approved(status: &str) -> Option<bool> {
    match status {
        "granted" | "recognisedatnationallevel" | "setbynationallaw" => Some(false),
        "undersupervision" | "supervisionincessation" | "accredited" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_versions() {
        assert_eq!(kind("http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST"), "TSA/QTST");
        assert_eq!(kind("https://elsewhere.example/type"), "http://elsewhere.example/type");
        let old = "http://uri.etsi.org/TrstSvc/eSigDir-1999-93-EC-TrustedList/Svcstatus/accredited";
        assert_eq!(approved(&status(old)), Some(true));
        assert_eq!(approved(&status("http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted")), Some(false));
        for bad in ["withdrawn", "supervisionrevoked", "accreditationceased", "suspended", "Granted", ""] {
            assert_eq!(approved(bad), None, "{bad}");
        }
        assert_eq!(REGULATION_APPLIES.rfc3339(), "2016-06-30T22:00:00Z");
    }
}

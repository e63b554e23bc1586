//! The report on a document: the shape that `chuky verify --json` prints and the API answers with.
//! A verdict is derived from its checks, never stored beside them. EN 319 102-1 names the indications.

use crate::text::Bilingual;
use serde::{Deserialize, Serialize};

/// What became of one check. Nothing undone can become passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    NotDone,
}

/// One check with its outcome and, where it did not pass, the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name, e.g. `signature_value`, `byte_range`, `certificate_path`, `revocation`.
    pub name: String,
    pub outcome: Outcome,
    /// English, for experts; empty where the check simply passed.
    pub reason: String,
}

impl Check {
    /// A check that passed.
    pub fn passed(name: &str) -> Self {
        Self { name: name.to_owned(), outcome: Outcome::Passed, reason: String::new() }
    }

    /// A check that failed, and why.
    pub fn failed(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.to_owned(), outcome: Outcome::Failed, reason: reason.into() }
    }

    /// A check that was not done, and why.
    pub fn not_done(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.to_owned(), outcome: Outcome::NotDone, reason: reason.into() }
    }
}

/// What the file was recognised as, by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DocumentFormat {
    PAdES,
    CAdES,
    XAdES,
    JAdES,
    #[serde(rename = "ASiC-S")]
    AsicS,
    #[serde(rename = "ASiC-E")]
    AsicE,
    #[serde(rename = "OOXML")]
    Ooxml,
    #[serde(rename = "ODF")]
    Odf,
    #[serde(rename = "unknown")]
    Unknown,
}

/// What the bytes prove, whoever signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    Intact,
    Altered,
    Broken,
    None,
    Unknown,
}

/// The main indication of EN 319 102-1 §5.1.3, table 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Indication {
    TotalPassed,
    TotalFailed,
    Indeterminate,
    NoSignatureFound,
}

/// The sub-indications of EN 319 102-1 §5.1.3, tables 6 and 7, that Chuky gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubIndication {
    FormatFailure,
    HashFailure,
    SigCryptoFailure,
    Revoked,
    Expired,
    NotYetValid,
    SigConstraintsFailure,
    ChainConstraintsFailure,
    CertificateChainGeneralFailure,
    CryptoConstraintsFailure,
    PolicyProcessingError,
    SignaturePolicyNotAvailable,
    SignedDataNotFound,
    NoSigningCertificateFound,
    NoCertificateChainFound,
    /// A chain ends at an anchor that is trusted no longer, and nothing proves that the signature is older.
    NoCertificateChainFoundNoPoe,
    RevokedNoPoe,
    RevokedCaNoPoe,
    OutOfBoundsNoPoe,
    OutOfBoundsNotRevoked,
    RevocationOutOfBoundsNoPoe,
    CryptoConstraintsFailureNoPoe,
    NoPoe,
    TryLater,
    TimestampOrderFailure,
}

impl SubIndication {
    /// Every one, in the order of table 6.
    pub const ALL: [Self; 25] = [
        Self::FormatFailure,
        Self::HashFailure,
        Self::SigCryptoFailure,
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::SigConstraintsFailure,
        Self::ChainConstraintsFailure,
        Self::CertificateChainGeneralFailure,
        Self::CryptoConstraintsFailure,
        Self::PolicyProcessingError,
        Self::SignaturePolicyNotAvailable,
        Self::TimestampOrderFailure,
        Self::NoSigningCertificateFound,
        Self::NoCertificateChainFound,
        Self::NoCertificateChainFoundNoPoe,
        Self::RevokedNoPoe,
        Self::RevokedCaNoPoe,
        Self::OutOfBoundsNotRevoked,
        Self::OutOfBoundsNoPoe,
        Self::RevocationOutOfBoundsNoPoe,
        Self::CryptoConstraintsFailureNoPoe,
        Self::NoPoe,
        Self::TryLater,
        Self::SignedDataNotFound,
    ];
}

/// The signer as the signing certificate names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    pub common_name: String,
    pub organization: String,
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    /// RFC 3339, UTC.
    pub not_before: String,
    /// RFC 3339, UTC.
    pub not_after: String,
}

/// One change that came after a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Stable kind, e.g. `long_term_data`, `further_signature`, `form_filled`, `page_content`.
    pub kind: String,
    pub permitted: bool,
    /// 1-based page, where the change is on one.
    pub page: Option<u32>,
    /// English: the object, the rule and what was found.
    pub detail: String,
}

/// One signature with everything that was found out about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureReport {
    /// The field's name, or another stable identifier inside the file.
    pub id: String,
    /// E.g. `PAdES-BASELINE-LT`, `PDF adbe.pkcs7.detached`.
    pub format: String,
    pub integrity: Integrity,
    pub indication: Indication,
    pub sub_indication: Option<SubIndication>,
    pub signer: Option<Signer>,
    /// RFC 3339; shown, proves nothing.
    pub claimed_signing_time: Option<String>,
    /// RFC 3339; the earliest proof of existence.
    pub best_signature_time: Option<String>,
    /// `whole_file`, `revision 2 of 5`, …
    pub covers: String,
    pub changes_after: Vec<Change>,
    pub checks: Vec<Check>,
}

/// A timestamp found in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampReport {
    /// RFC 3339.
    pub time: String,
    pub authority: String,
    pub indication: Indication,
    pub sub_indication: Option<SubIndication>,
    pub checks: Vec<Check>,
}

/// The validation policy that a verdict was made by (EN 319 102-1 §5.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyUsed {
    pub name: String,
    /// Lower-case hex, of the policy's text: two policies of one name are told apart by it.
    pub sha256: String,
    pub title: Bilingual,
}

/// The report on one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Path or name as given.
    pub file: String,
    /// Lower-case hex of the bytes read; `None` where the file could not be read.
    pub sha256: Option<String>,
    pub format: DocumentFormat,
    pub integrity: Integrity,
    pub indication: Indication,
    pub sub_indication: Option<SubIndication>,
    pub message: Bilingual,
    pub next_step: Bilingual,
    pub signatures: Vec<SignatureReport>,
    pub timestamps: Vec<TimestampReport>,
    /// `None` where the file was not judged.
    pub policy: Option<PolicyUsed>,
    /// Checks on the file as a whole: reading, limits, disagreement of readers, policy, time and trust snapshot used.
    pub checks: Vec<Check>,
}

/// The answer of `chuky verify-certificate`: one certificate, its path and its revocation status at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Path as given.
    pub file: String,
    /// Lower-case hex of the certificate's DER; `None` where there was none to read.
    pub sha256: Option<String>,
    /// Of what was asked: the path, and revocation where lists were given.
    pub indication: Indication,
    pub sub_indication: Option<SubIndication>,
    pub message: Bilingual,
    /// The certificate's subject as a signer.
    pub subject: Option<Signer>,
    /// Common names from the certificate to the anchor; empty where no path is valid.
    pub path: Vec<String>,
    pub checks: Vec<Check>,
}

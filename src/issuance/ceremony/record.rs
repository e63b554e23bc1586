//! The record of a ceremony: what was made, by whom, with which software and which file, in words, as JSON that the new keys sign, and to
//! print in both languages; and the check of such a record, which needs no database, no token and no trust in this program:
//! `openssl dgst` comes to the same.

use super::plan::{Person, Plan};
use crate::{
    app::App,
    custodians::ShareSet,
    error::{InternalError, RequestError, Result},
    issuance::authority::{internal, scheme_of, token_of},
};
use chuky_model::{
    instant::Instant,
    record::{
        certificate::{AuthorityKey, CrossCertificate},
        state::KeyPurpose,
    },
};
use chuky_pki::{
    certificate::Certificate,
    crypto::{self, sha256},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Both hierarchies from nothing.
    First,
    /// Further keys beside those in use.
    RollOver,
}

/// The record as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub format: String,
    pub what: What,
    /// RFC 3339.
    pub held_at: String,
    pub place: Option<String>,
    pub present: Vec<Person>,
    /// Name and version.
    pub software: String,
    /// SHA-256 of the program that ran, hex.
    pub program_sha256: String,
    /// SHA-256 of the ceremony's file, hex.
    pub file_sha256: String,
    pub test: bool,
    pub custody: Vec<ShareSet>,
    pub keys: Vec<KeyLine>,
    /// The keys that sign this record.
    pub signed_by: Vec<Signer>,
}

/// Who signs a record, with the digest of the certificate that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    pub label: String,
    /// SHA-256 of the DER, hex.
    pub certificate_sha256: String,
}

/// A key or a certificate that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    pub label: String,
    pub purpose: String,
    /// The token that holds the key.
    pub token: String,
    /// SHA-256 of the SubjectPublicKeyInfo, hex.
    pub public_key_sha256: String,
    pub certificate: Option<CertificateLine>,
}

/// A certificate of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateLine {
    pub subject: String,
    pub issuer: String,
    pub serial: String,
    pub not_before: String,
    pub not_after: String,
    /// SHA-256 of the DER, hex.
    pub sha256: String,
}

/// A record with its signatures, and what goes beside it.
#[derive(Clone, Debug)]
pub struct Made {
    pub record: Record,
    /// Exactly the octets that are signed.
    pub json: Vec<u8>,
    /// Label and signature.
    pub signatures: Vec<(String, Vec<u8>)>,
    /// Label and certificate.
    pub certificates: Vec<(String, Certificate)>,
}

impl Made {
    /// Of what a ceremony made, signed by those keys.
    pub(super) async fn new(
        app: &App,
        (plan, text): (&Plan, &str),
        what: What,
        (rows, crosses): (&[AuthorityKey], &[CrossCertificate]),
        (signers, custody): (&[AuthorityKey], Vec<ShareSet>),
        at: Instant,
    ) -> Result<Self> {
        let mut keys = Vec::new();
        let mut certificates = Vec::new();
        for row in rows {
            let certificate = row.certificate.as_deref().map(Certificate::from_der).transpose().map_err(internal)?;
            keys.push(KeyLine {
                label: row.label.clone(),
                purpose: row.purpose.name().to_owned(),
                token: token_in_words(row).to_owned(),
                public_key_sha256: hex::encode(sha256(&row.spki)),
                certificate: certificate.as_ref().map(line),
            });
            certificates.extend(certificate.map(|certificate| (row.label.clone(), certificate)));
        }
        for cross in crosses {
            let certificate = Certificate::from_der(&cross.certificate).map_err(internal)?;
            keys.push(KeyLine {
                label: cross.label.clone(),
                purpose: "cross".to_owned(),
                token: String::new(),
                public_key_sha256: hex::encode(sha256(certificate.spki_der())),
                certificate: Some(line(&certificate)),
            });
            certificates.push((cross.label.clone(), certificate));
        }
        let record = Record {
            format: FORMAT.to_owned(),
            what,
            held_at: at.rfc3339(),
            place: plan.place.clone(),
            present: plan.present.clone(),
            software: format!("chuky {}", env!("CARGO_PKG_VERSION")),
            program_sha256: digest_of_file(&app.executable)?,
            file_sha256: hex::encode(sha256(text.as_bytes())),
            test: plan.test,
            custody,
            keys,
            signed_by: signers
                .iter()
                .map(|row| Signer {
                    label: row.label.clone(),
                    certificate_sha256: hex::encode(sha256(row.certificate.as_deref().unwrap_or_default())),
                })
                .collect(),
        };
        let mut json = serde_json::to_vec_pretty(&record).map_err(|error| InternalError::other(error.to_string()))?;
        json.push(b'\n');
        let mut signatures = Vec::new();
        for row in signers {
            let certificate =
                Certificate::from_der(row.certificate.as_deref().unwrap_or_default()).map_err(internal)?;
            let scheme = scheme_of(&certificate)?;
            let digest = crypto::digest(scheme.hash().into(), &json);
            let token = token_of(app, row.purpose, row.token.as_deref())?;
            let key = (row.label.as_str(), certificate.spki_der());
            signatures.push((row.label.clone(), token.sign_as(key, scheme, &digest).await?));
        }
        Ok(Self { record, json, signatures, certificates })
    }

    /// In words, as the terminal shows it.
    pub fn text(&self) -> String {
        let Record { held_at, software, program_sha256, file_sha256, keys, .. } = &self.record;
        let mut text =
            format!("CHUKY - KEY CEREMONY\nheld at {held_at}\nwith {software}, program SHA-256 {program_sha256}\n");
        let _ = writeln!(text, "from a file with SHA-256 {file_sha256}");
        for key in keys {
            let KeyLine { label, purpose, public_key_sha256, .. } = key;
            let _ = write!(text, "\n{label} ({purpose})\n  public key, SHA-256: {public_key_sha256}\n");
            let Some(line) = &key.certificate else { continue };
            let CertificateLine { subject, issuer, serial, not_before, not_after, sha256 } = line;
            let _ = write!(
                text,
                "  subject: {subject}\n  issuer: {issuer}\n  serial: {serial}\n  valid: {not_before} to {not_after}\n  \
                 certificate, SHA-256: {sha256}\n"
            );
        }
        text
    }

    /// Keeps everything in `ceremony/` of the data directory: `record.json` with a signature file for each key, `record.txt`, perhaps
    /// `record.pdf`, and a PEM file for each certificate. Later records have a number. Gives the record's path.
    pub(super) fn keep(&self, app: &App, pdf: Option<&[u8]>) -> Result<PathBuf> {
        let directory = app.settings.data_dir.join("ceremony");
        fs::create_dir_all(&directory).map_err(InternalError::io("ceremony"))?;
        let stem = (1_u32..)
            .map(|number| if number == 1 { "record".to_owned() } else { format!("record-{number}") })
            .find(|stem| !directory.join(format!("{stem}.json")).exists())
            .unwrap_or_else(|| "record".to_owned());
        let mut files = vec![(format!("{stem}.txt"), self.text().into_bytes())];
        files.extend(self.certificates.iter().map(|(label, one)| (format!("{label}.pem"), one.to_pem().into_bytes())));
        files.extend(self.signatures.iter().map(|(label, octets)| (format!("{stem}.{label}.sig"), octets.clone())));
        files.extend(pdf.map(|pdf| (format!("{stem}.pdf"), pdf.to_vec())));
        files.push((format!("{stem}.json"), self.json.clone()));
        for (name, content) in files {
            fs::write(directory.join(&name), content).map_err(InternalError::io(name))?;
        }
        Ok(directory.join(format!("{stem}.json")))
    }
}

/// What the check of a record found.
#[derive(Clone, Debug)]
pub struct Verified {
    pub record: Record,
    /// SHA-256 of the record, hex.
    pub sha256: String,
    /// Label and fingerprint of each signer.
    pub signers: Vec<(String, String)>,
}

/// Checks a record: each key that is said to sign it did, by the certificate that the record itself names by its digest, and every
/// certificate beside it is the one that is recorded and was signed by the one that is recorded as its issuer.
pub fn verify(path: &Path) -> Result<Verified> {
    let json = read(path)?;
    let record: Record =
        serde_json::from_slice(&json).map_err(|error| wrong(&format!("{}: {error}", path.display())))?;
    if record.format != FORMAT || record.signed_by.is_empty() {
        return Err(wrong("it is of another format, or nobody signed it").into());
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut certificates: Vec<(String, Certificate)> = Vec::new();
    for key in record.keys.iter().filter(|key| key.certificate.is_some()) {
        let certificate =
            certificate_in(directory, &key.label)?.filter(|one| key.certificate.as_ref() == Some(&line(one)));
        let known = certificate.filter(|one| hex::encode(sha256(one.spki_der())) == key.public_key_sha256);
        let label = key.label.clone();
        certificates.push((label, known.ok_or_else(|| wrong(&format!("{}.pem is another certificate", key.label)))?));
    }
    for (label, certificate) in &certificates {
        let issuers = certificates.iter().filter(|(_, issuer)| issuer.subject().matches(certificate.issuer()));
        let mut tried = issuers.peekable();
        // The issuer of a later ceremony's certificates stands in an earlier record.
        let known = tried.peek().is_none();
        let signed =
            tried.any(|(_, issuer)| issuer.public_key().is_ok_and(|key| certificate.verify_signature(&key).is_ok()));
        if !known && !signed {
            return Err(wrong(&format!("{label}.pem was not signed by its issuer")).into());
        }
    }
    let mut signers = Vec::new();
    for Signer { label, certificate_sha256 } in &record.signed_by {
        let signature = read(&directory.join(format!("{stem}.{label}.sig")))?;
        let found = certificate_in(directory, label)?;
        let found = found.filter(|certificate| hex::encode(certificate.fingerprint()) == *certificate_sha256);
        let certificate = found.ok_or_else(|| wrong(&format!("{label}.pem is another certificate")))?;
        let scheme = scheme_of(&certificate)?;
        let key = certificate.public_key().map_err(internal)?;
        let genuine = key.verify_digest(scheme.into(), &crypto::digest(scheme.hash().into(), &json), &signature);
        genuine.map_err(|_| wrong(&format!("the signature of {label} does not fit")))?;
        signers.push((label.clone(), hex::encode(certificate.fingerprint())));
    }
    Ok(Verified { record, sha256: hex::encode(sha256(&json)), signers })
}

/// The certificate in `label.pem`. A label names a file beside the record and nothing else.
fn certificate_in(directory: &Path, label: &str) -> Result<Option<Certificate>> {
    if !label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-') {
        return Err(wrong("a label is no name of a file").into());
    }
    let pem = String::from_utf8(read(&directory.join(format!("{label}.pem")))?).unwrap_or_default();
    Ok(Certificate::all_from_pem(&pem).map_err(|error| wrong(&error.to_string()))?.into_iter().next())
}

fn line(certificate: &Certificate) -> CertificateLine {
    CertificateLine {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        serial: hex::encode(certificate.serial_octets()),
        not_before: certificate.not_before().rfc3339(),
        not_after: certificate.not_after().rfc3339(),
        sha256: hex::encode(certificate.fingerprint()),
    }
}

fn token_in_words(row: &AuthorityKey) -> &str {
    match (row.token.as_deref(), row.purpose) {
        (Some(label), _) => label,
        (None, KeyPurpose::Root | KeyPurpose::Issuing) => "chuky-authority",
        (None, _) => "chuky-status",
    }
}

fn digest_of_file(path: &Path) -> Result<String> {
    let octets = fs::read(path).map_err(InternalError::io(path.display().to_string()))?;
    Ok(hex::encode(sha256(&octets)))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display().to_string();
    let length = fs::metadata(path).map_err(InternalError::io(shown.clone()))?.len();
    if length > LONGEST_FILE {
        return Err(wrong(&format!("{shown} is longer than any file of a record")).into());
    }
    Ok(fs::read(path).map_err(InternalError::io(shown))?)
}

fn wrong(what: &str) -> RequestError {
    RequestError::invalid(
        "record",
        "record_not_genuine",
        format!("Biên bản KHÔNG đáng tin: {what}"),
        format!("The record is NOT genuine: {what}"),
    )
}

const FORMAT: &str = "chuky-ceremony-1";
/// Octets of a record or of a file beside it; a record of two hierarchies has ten thousand.
const LONGEST_FILE: u64 = 1 << 20;

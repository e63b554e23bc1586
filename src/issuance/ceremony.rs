//! The ceremony: from one TOML file the keys and certificates of both hierarchies, each with root, issuing CA, OCSP responder and
//! timestamp authority. It is held once; keys that an interrupted ceremony left on the tokens are taken up, for nothing was
//! published under them. Everything is stored in one transaction, with a record to be printed and kept.

use super::{
    authority::{internal, scheme_of, token_of},
    certify::{self, Issuer, random_serial},
    revocation_list,
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind, head::AUDIT_KEY},
    error::{InternalError, RequestError, Result},
};
use chuky_model::{
    algorithm::KeyAlgorithm,
    instant::Instant,
    record::{certificate::AuthorityKey, state::KeyPurpose},
    request::Hierarchy,
};
use chuky_pki::{
    certificate::Certificate,
    issue::{CertificateIntent, Publication},
    name::DistinguishedName,
    profile::Profile,
};
use serde::Deserialize;
use std::fmt::Write;

/// The ceremony of a first start, with TEST names.
pub const TEST: &str = include_str!("../../ceremony/test.toml");

/// What a ceremony's file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Whether every name must carry the word TEST.
    pub test: bool,
    pub citizens: HierarchyPlan,
    pub officials: HierarchyPlan,
}

/// The four keys of a hierarchy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HierarchyPlan {
    pub root: KeyPlan,
    pub issuing: KeyPlan,
    pub ocsp: KeyPlan,
    pub timestamp: KeyPlan,
}

/// One key and its certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPlan {
    pub subject: DistinguishedName,
    pub key: KeyAlgorithm,
    /// Validity from the ceremony on.
    pub days: u32,
}

/// What a ceremony made.
#[derive(Clone, Debug)]
pub struct Record {
    /// The record in words, to be printed and signed by those present.
    pub text: String,
    /// Label and certificate of each key, roots first in each hierarchy.
    pub certificates: Vec<(String, Certificate)>,
}

impl Plan {
    /// Reads a ceremony's file; what is wrong with it is the caller's to mend.
    pub fn from_toml(text: &str) -> Result<Self> {
        let plan: Self = toml::from_str(text).map_err(|error| unusable(&error.to_string()))?;
        for (_, hierarchy) in plan.hierarchies() {
            for (_, key) in hierarchy.keys() {
                if plan.test && !key.subject.is_marked_test() {
                    return Err(unusable("test = true, and a subject does not carry the word TEST").into());
                }
            }
        }
        Ok(plan)
    }

    fn hierarchies(&self) -> [(Hierarchy, &HierarchyPlan); 2] {
        [(Hierarchy::Citizens, &self.citizens), (Hierarchy::Officials, &self.officials)]
    }
}

impl HierarchyPlan {
    /// In the order of making: each after its issuer.
    fn keys(&self) -> [(KeyPurpose, &KeyPlan); 4] {
        [
            (KeyPurpose::Root, &self.root),
            (KeyPurpose::Issuing, &self.issuing),
            (KeyPurpose::Ocsp, &self.ocsp),
            (KeyPurpose::Timestamp, &self.timestamp),
        ]
    }
}

/// Whether a ceremony was held.
pub async fn was_held(app: &App) -> Result<bool> {
    Ok(app.store.authority_keys().await?.iter().any(|key| key.purpose == KeyPurpose::Root))
}

/// Holds the ceremony that `text` (TOML) describes. Refuses where one was held.
pub async fn hold(app: &App, text: &str) -> Result<Record> {
    // 1. What is to be made, and that nothing was made before.
    let plan = Plan::from_toml(text)?;
    if was_held(app).await? {
        return Err(RequestError::conflict(
            "ceremony_held",
            "Lễ tạo khóa đã được thực hiện; không có gì thay đổi.",
            "The ceremony was held before; nothing was changed.",
        )
        .into());
    }
    // 2. Keys on their tokens, certificates from the root down.
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    let mut rows = vec![audit_key(app, now).await?];
    for (hierarchy, plan) in plan.hierarchies() {
        let from = rows.len();
        for (purpose, key) in plan.keys() {
            let row = certified_key(app, (hierarchy, purpose), key, rows.get(from..).unwrap_or_default(), now).await?;
            rows.push(row);
        }
    }
    // 3. The record, kept beside the data and in the audit log.
    let record = record(&rows, now)?;
    keep(app, &record)?;
    // 4. All rows with their audit entry in one transaction.
    let fingerprints: Vec<_> = record
        .certificates
        .iter()
        .map(|(label, certificate)| serde_json::json!({ "label": label, "sha256": hex::encode(certificate.fingerprint()) }))
        .collect();
    let mut transaction = app.store.begin().await?;
    for row in &rows {
        transaction.insert_authority_key(row).await?;
    }
    let entry = Entry::new(now, Kind::CeremonyHeld, Actor::Service, "authority");
    audit::record(&mut transaction, entry.with(serde_json::json!({ "certificates": fingerprints }))).await?;
    transaction.commit().await?;
    Ok(record)
}

/// The key's label on its token, and in addresses.
pub fn label(hierarchy: Hierarchy, purpose: KeyPurpose) -> String {
    format!("{}-{}", hierarchy.name(), purpose.name())
}

async fn certified_key(
    app: &App,
    (hierarchy, purpose): (Hierarchy, KeyPurpose),
    plan: &KeyPlan,
    above: &[AuthorityKey],
    now: Instant,
) -> Result<AuthorityKey> {
    let label = label(hierarchy, purpose);
    let spki = service_key(app, &label, purpose, plan.key).await?;
    let issuer_purpose = if purpose == KeyPurpose::Issuing { KeyPurpose::Root } else { KeyPurpose::Issuing };
    let issuer = match purpose {
        KeyPurpose::Root => None,
        _ => above.iter().find(|row| row.purpose == issuer_purpose),
    };
    let intent = intent(app, purpose, plan, issuer, now)?;
    let to_be_signed = certify::linted(&intent, &spki)?;
    let signer = match issuer {
        None => Issuer { label: &label, purpose },
        Some(issuer) => Issuer { label: &issuer.label, purpose: issuer.purpose },
    };
    let certificate = certify::signed(app, &signer, &intent, &spki, &to_be_signed).await?;
    let mut row = AuthorityKey {
        issuer_label: issuer.map(|issuer| issuer.label.clone()),
        label,
        hierarchy: Some(hierarchy),
        purpose,
        spki,
        certificate: Some(certificate.der().to_vec()),
        created_at: now,
        retired_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok(row)
}

fn intent(
    app: &App,
    purpose: KeyPurpose,
    plan: &KeyPlan,
    issuer: Option<&AuthorityKey>,
    now: Instant,
) -> Result<CertificateIntent> {
    let profile = app.issuing.profiles.by_name(purpose.name()).map_err(internal)?.clone();
    let validity = (now, now.plus_seconds(i64::from(plan.days).saturating_mul(86_400)));
    let serial = random_serial();
    let intent = match issuer {
        None => CertificateIntent::self_signed(profile, plan.key.default_scheme(), serial, &plan.subject, validity),
        Some(issuer) => {
            let certificate = issuer.certificate.as_deref().unwrap_or_default();
            let certificate = Certificate::from_der(certificate).map_err(internal)?;
            let scheme = scheme_of(&certificate)?;
            let list = match purpose {
                KeyPurpose::Issuing => issuer.label.clone(),
                _ => revocation_list::list_of(app, &issuer.label, &serial),
            };
            let publication = publication(app, &profile, &issuer.label, &list);
            CertificateIntent::new(profile, &certificate, scheme, serial, &plan.subject, validity, publication)
        }
    };
    // What a profile does not admit stands in the file.
    Ok(intent.map_err(|error| unusable(&error.to_string()))?)
}

/// Where certificates of this issuer say that status and issuer are found.
pub(super) fn publication(app: &App, profile: &Profile, issuer_label: &str, list: &str) -> Publication {
    let public_url = &app.settings.public_url;
    let service = Publication {
        ocsp: Some(format!("{public_url}/ocsp")),
        ca_issuers: Some(format!("{public_url}/ca/{issuer_label}.cer")),
        crl: Some(format!("{public_url}/crl/{list}.crl")),
        practice_statement: app.settings.authority.practice_statement.clone(),
    };
    profile.publication(service, issuer_label)
}

/// The key of that label on its token, made where it is not there.
async fn service_key(app: &App, label: &str, purpose: KeyPurpose, algorithm: KeyAlgorithm) -> Result<Vec<u8>> {
    let token = token_of(app, purpose);
    if let Some(key) = token.service_keys().await?.into_iter().find(|key| key.label == label) {
        if key.algorithm != algorithm {
            return Err(InternalError::other(format!("the token holds another key labelled {label}")).into());
        }
        return Ok(key.spki_der);
    }
    Ok(token.generate_service_key(label, algorithm).await?)
}

/// The audit key as a row; the service made it when it first opened.
async fn audit_key(app: &App, now: Instant) -> Result<AuthorityKey> {
    let spki = service_key(app, AUDIT_KEY, KeyPurpose::Audit, KeyAlgorithm::P256).await?;
    let mut row = AuthorityKey {
        label: AUDIT_KEY.to_owned(),
        hierarchy: None,
        purpose: KeyPurpose::Audit,
        issuer_label: None,
        spki,
        certificate: None,
        created_at: now,
        retired_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok(row)
}

fn record(rows: &[AuthorityKey], at: Instant) -> Result<Record> {
    let mut text = format!("CHUKY - KEY CEREMONY\nheld at {} ({})\n", at.rfc3339(), at.vietnamese());
    let mut certificates = Vec::new();
    for row in rows {
        let digest = hex::encode(chuky_pki::crypto::sha256(&row.spki));
        let _ = write!(text, "\n{} ({})\n  public key, SHA-256: {digest}\n", row.label, row.purpose.name());
        let Some(der) = &row.certificate else { continue };
        let certificate = Certificate::from_der(der).map_err(internal)?;
        let serial = certificate.serial().map(|serial| serial.to_string()).unwrap_or_default();
        let (from, until) = (certificate.not_before().rfc3339(), certificate.not_after().rfc3339());
        let _ = write!(
            text,
            "  subject: {}\n  issuer: {}\n  serial: {serial}\n  valid: {from} to {until}\n  certificate, SHA-256: {}\n",
            certificate.subject(),
            certificate.issuer(),
            hex::encode(certificate.fingerprint())
        );
        certificates.push((row.label.clone(), certificate));
    }
    Ok(Record { text, certificates })
}

/// `ceremony/record.txt` and a PEM file for each certificate, in the data directory.
fn keep(app: &App, record: &Record) -> Result<()> {
    let directory = app.settings.data_dir.join("ceremony");
    std::fs::create_dir_all(&directory).map_err(InternalError::io("ceremony"))?;
    let mut files = vec![("record.txt".to_owned(), record.text.clone())];
    files.extend(record.certificates.iter().map(|(label, one)| (format!("{label}.pem"), one.to_pem())));
    for (name, content) in files {
        std::fs::write(directory.join(&name), content).map_err(InternalError::io(name))?;
    }
    Ok(())
}

fn unusable(what: &str) -> RequestError {
    let vi = format!("Tệp mô tả lễ tạo khóa không dùng được: {what}");
    RequestError::invalid("ceremony", "ceremony_file", vi, format!("The ceremony's file cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_built_in_ceremony_is_marked_as_a_test() {
        let plan = Plan::from_toml(TEST).unwrap();
        assert!(plan.test);
        let unmarked = TEST.replacen("Chuky TEST", "Chuky", 1).replacen("Chuky TEST Root", "Chuky Root", 1);
        assert!(Plan::from_toml(&unmarked).is_err());
        assert!(Plan::from_toml("test = true").is_err());
    }
}

//! Keys and certificates of a ceremony: each key found or made on its token, its certificate linted, signed by the issuer and compared
//! with the intent, the row attested. Stores nothing.

use super::plan::{KeyPlan, unusable};
use crate::{
    app::App,
    attestation,
    audit::head::AUDIT_KEY,
    error::{InternalError, RequestError, Result},
    issuance::{
        authority::{internal, scheme_of, token_of},
        certify::{self, Issuer, random_serial},
        revocation_list,
    },
};
use chuky_model::{
    algorithm::KeyAlgorithm,
    instant::Instant,
    record::{
        certificate::{AuthorityKey, CrossCertificate},
        state::{AuthorityState, KeyPurpose},
    },
    request::Hierarchy,
};
use chuky_pki::{
    certificate::Certificate,
    crypto::PublicKey,
    issue::{CertificateIntent, Publication},
    name::{DistinguishedName, NameAttribute},
    profile::Profile,
};

/// The key's label on its token, and in addresses.
pub fn label(hierarchy: Hierarchy, purpose: KeyPurpose) -> String {
    format!("{}-{}", hierarchy.name(), purpose.name())
}

/// The label of the next key of its kind: the first has no number.
pub(super) fn next_label(rows: &[AuthorityKey], hierarchy: Hierarchy, purpose: KeyPurpose) -> String {
    let first = label(hierarchy, purpose);
    let taken = |label: &str| rows.iter().any(|row| row.label == label);
    if !taken(&first) {
        return first;
    }
    (2_u32..).map(|number| format!("{first}-{number}")).find(|label| !taken(label)).unwrap_or(first)
}

/// A key that is to be made.
pub(super) struct ToMake<'a> {
    pub label: String,
    pub hierarchy: Hierarchy,
    pub purpose: KeyPurpose,
    pub plan: &'a KeyPlan,
    /// `None` for a root.
    pub issuer: Option<&'a AuthorityKey>,
    /// The token of its own that a root lies on.
    pub token: Option<String>,
    pub state: Option<AuthorityState>,
}

/// The key with its certificate, as a row.
pub(super) async fn certified_key(app: &App, to_make: ToMake<'_>, now: Instant) -> Result<AuthorityKey> {
    let ToMake { label, hierarchy, purpose, plan, issuer, token, state } = to_make;
    // What cannot be certified leaves no key behind.
    let intent = intent(app, purpose, plan, issuer, now)?;
    let spki = service_key(app, &label, (purpose, token.as_deref()), plan.key).await?;
    let to_be_signed = certify::linted(&intent, &spki)?;
    let signer = match issuer {
        None => Issuer { label: &label, spki: &spki, purpose, token: token.as_deref() },
        Some(issuer) => signer(issuer),
    };
    let certificate = certify::signed(app, &signer, &intent, &spki, &to_be_signed).await?;
    verified(&certificate, issuer.map_or(spki.as_slice(), |issuer| &issuer.spki))?;
    let mut row = AuthorityKey {
        issuer_label: issuer.map(|issuer| issuer.label.clone()),
        label,
        hierarchy: Some(hierarchy),
        purpose,
        spki,
        certificate: Some(certificate.der().to_vec()),
        created_at: now,
        retired_at: None,
        token,
        state,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok(row)
}

/// A root's key certified by another root, so that whoever trusts one finds a way to the other (RFC 4210 §4.4).
pub(super) async fn cross_certificate(
    app: &App,
    subject: &AuthorityKey,
    issuer: &AuthorityKey,
    now: Instant,
) -> Result<CrossCertificate> {
    let of = |row: &AuthorityKey| Certificate::from_der(row.certificate.as_deref().unwrap_or_default());
    let (own, above) = (of(subject).map_err(internal)?, of(issuer).map_err(internal)?);
    let profile = app.issuing.profiles.by_name("cross").map_err(internal)?.clone();
    let until = own.not_after().min(above.not_after());
    let publication = publication(app, &profile, &issuer.label, &issuer.label);
    let (name, scheme) = (distinguished(&own)?, scheme_of(&above)?);
    let intent = CertificateIntent::new(profile, &above, scheme, random_serial(), &name, (now, until), publication);
    let intent = intent.map_err(internal)?;
    let to_be_signed = certify::linted(&intent, &subject.spki)?;
    let certificate = certify::signed(app, &signer(issuer), &intent, &subject.spki, &to_be_signed).await?;
    verified(&certificate, &issuer.spki)?;
    if certificate.subject() != own.subject() {
        return Err(InternalError::other("a cross-certificate with another name than its root").into());
    }
    let mut row = CrossCertificate {
        label: format!("{}-by-{}", subject.label, issuer.label),
        subject_label: subject.label.clone(),
        issuer_label: issuer.label.clone(),
        certificate: certificate.der().to_vec(),
        created_at: now,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok(row)
}

fn signer(issuer: &AuthorityKey) -> Issuer<'_> {
    Issuer { label: &issuer.label, spki: &issuer.spki, purpose: issuer.purpose, token: issuer.token.as_deref() }
}

/// The issuer's own key signed it, whatever the token has under that label.
fn verified(certificate: &Certificate, issuer_spki: &[u8]) -> Result<()> {
    let key = PublicKey::from_spki_der(issuer_spki).map_err(internal)?;
    Ok(certificate.verify_signature(&key).map_err(internal)?)
}

/// A certificate's subject as it is written in files; encoding it gives the same octets.
fn distinguished(certificate: &Certificate) -> Result<DistinguishedName> {
    let mut name = DistinguishedName::default();
    for (oid, value) in certificate.subject().attributes() {
        let attribute = NameAttribute::from_oid(oid);
        let attribute = attribute.ok_or_else(|| InternalError::other("a root's name with an unknown attribute"))?;
        name = name.with(attribute, value.clone());
    }
    Ok(name)
}

/// What would be certified; an error of the file where its profile or its issuer does not admit it.
pub(super) fn intent(
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
pub(in crate::issuance) fn publication(app: &App, profile: &Profile, issuer_label: &str, list: &str) -> Publication {
    let url = app.settings.status_url();
    let service = Publication {
        ocsp: Some(format!("{url}/ocsp")),
        ca_issuers: Some(format!("{url}/ca/{issuer_label}.cer")),
        crl: Some(format!("{url}/crl/{list}.crl")),
        practice_statement: app.settings.authority.practice_statement.clone(),
    };
    profile.publication(service, issuer_label)
}

/// The key of that label on its token, made where it is not there.
async fn service_key(
    app: &App,
    label: &str,
    (purpose, own): (KeyPurpose, Option<&str>),
    algorithm: KeyAlgorithm,
) -> Result<Vec<u8>> {
    let token = token_of(app, purpose, own)?;
    if let Some(key) = token.service_keys().await?.into_iter().find(|key| key.label == label) {
        if key.algorithm != algorithm {
            return Err(another_key(label, key.algorithm, algorithm).into());
        }
        return Ok(key.spki_der);
    }
    Ok(token.generate_service_key(label, algorithm).await?)
}

/// A ceremony that broke off left a key of another type.
fn another_key(label: &str, found: KeyAlgorithm, wanted: KeyAlgorithm) -> RequestError {
    let (found, wanted) = (found.name(), wanted.name());
    RequestError::conflict(
        "another_key",
        format!(
            "Thiết bị đã có khóa {found} mang nhãn {label}, tệp yêu cầu {wanted}. Hãy sửa tệp, hoặc xóa khóa đó bằng công cụ của hãng: chưa có chứng thư nào dùng nó."
        ),
        format!(
            "The token holds a {found} key labelled {label}, and the file asks for {wanted}. Change the file, or delete that key by the vendor's means: nothing was certified for it."
        ),
    )
}

/// The audit key as a row; the service made it when it first opened.
pub(super) async fn audit_key(app: &App, now: Instant) -> Result<AuthorityKey> {
    let spki = service_key(app, AUDIT_KEY, (KeyPurpose::Audit, None), KeyAlgorithm::P256).await?;
    let mut row = AuthorityKey {
        label: AUDIT_KEY.to_owned(),
        hierarchy: None,
        purpose: KeyPurpose::Audit,
        issuer_label: None,
        spki,
        certificate: None,
        created_at: now,
        retired_at: None,
        token: None,
        state: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok(row)
}

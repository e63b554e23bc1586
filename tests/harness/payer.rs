//! Payers with keys in memory under an authority of the test's own, entered as the service enters its own: authenticated rows, sealed
//! certificates. The signatures are OpenSSL's.

use chuky::{app::App, attestation, current};
use chuky_model::{
    id::CertificateId,
    instant::Instant,
    record::{
        certificate::{AuthorityKey, Certificate as Row},
        state::{CertificateState, KeyPurpose},
    },
    request::Hierarchy,
};
use chuky_pki::{
    certificate::Certificate,
    jose::{Form, JwsAlgorithm, SignerReference, Unsigned},
};
use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{HasPublic, PKey, PKeyRef, Private},
    rsa::Rsa,
    sign::Signer,
    x509::{
        X509, X509Builder, X509NameBuilder, X509NameRef,
        extension::{BasicConstraints, KeyUsage},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A certificate with its key.
pub struct Holder {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// An issuing authority under a root, both known to the service.
pub struct Authority {
    pub root: Holder,
    pub issuing: Holder,
}

/// A payer whose certificate the service has a row of.
pub struct Payer {
    pub holder: Holder,
    pub id: CertificateId,
    /// DER.
    pub issuing: Vec<u8>,
}

pub const UID: &str = "CCCD:001190012345";

pub fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// A certificate from yesterday until in ten days.
fn issue(common_name: &str, authority: bool, key: PKey<Private>, issuer: Option<&Holder>, now: Instant) -> Holder {
    let by = issuer.map_or((None, &key), |issuer| (Some(issuer.certificate.subject_name()), &issuer.key));
    Holder { certificate: certify(common_name, authority, &key, by, now), key }
}

/// The same for a key of which nobody has the private half. `by`: the issuer's name, where it has another, and key.
fn certify<T: HasPublic>(
    common_name: &str,
    authority: bool,
    key: &PKeyRef<T>,
    (issuer, by): (Option<&X509NameRef>, &PKey<Private>),
    now: Instant,
) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, common_name).unwrap();
    if !authority {
        name.append_entry_by_nid(Nid::USERID, UID).unwrap();
    }
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::ONE, false).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.unwrap_or(&name)).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now.unix_seconds() - 86_400).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now.unix_seconds() + 864_000).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let usage = if authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()
    } else {
        KeyUsage::new().critical().digital_signature().non_repudiation().build().unwrap()
    };
    builder.append_extension(usage).unwrap();
    builder.sign(by, MessageDigest::sha256()).unwrap();
    builder.build()
}

impl Authority {
    /// An authority that the service knows nothing of.
    pub fn of_others(app: &App) -> Self {
        let now = app.clock.now();
        let root = issue("TEST Payments Root", true, p256(), None, now);
        let issuing = issue("TEST Payments Issuing", true, p256(), Some(&root), now);
        Self { root, issuing }
    }

    /// An authority that is the service's own.
    pub async fn enter(app: &App) -> Self {
        let own = Self::of_others(app);
        enter_key(app, &own.root, KeyPurpose::Root, None).await;
        enter_key(app, &own.issuing, KeyPurpose::Issuing, Some("payments-Root".to_owned())).await;
        own
    }

    /// A payer's certificate for that key, by the root.
    pub fn certified<T: HasPublic>(&self, key: &PKeyRef<T>, now: Instant) -> X509 {
        certify("TEST Khóa mẫu", false, key, (Some(self.root.certificate.subject_name()), &self.root.key), now)
    }

    /// Whoever the authority's key made a certificate for behind the service's back.
    pub fn stranger(&self, app: &App) -> Payer {
        let holder = issue("TEST Nguyễn Thị Ưởng", false, p256(), Some(&self.issuing), app.clock.now());
        Payer { holder, id: CertificateId(Uuid::now_v7()), issuing: self.issuing.certificate.to_der().unwrap() }
    }

    /// A payer with a certificate that the service issued.
    pub async fn payer(&self, app: &App, key: PKey<Private>) -> Payer {
        let holder = issue("TEST Nguyễn Thị Ưởng", false, key, Some(&self.issuing), app.clock.now());
        let der = holder.certificate.to_der().unwrap();
        let read = Certificate::from_der(&der).unwrap();
        let id = CertificateId(Uuid::now_v7());
        let mut row = Row {
            id,
            request_id: None,
            account_id: None,
            hierarchy: Hierarchy::Citizens,
            issuer_label: "payments-Issuing".to_owned(),
            serial: read.serial().unwrap().clone(),
            state: CertificateState::Issued,
            intent: Vec::new(),
            certificate: Some(app.vault.seal("certificate.certificate", &id.to_string(), &der).unwrap()),
            fingerprint: Some(read.fingerprint().to_vec()),
            spki_hash: None,
            not_before: read.not_before(),
            not_after: read.not_after(),
            revoked_at: None,
            revocation_reason: None,
            invalid_since: None,
            created_at: app.clock.now(),
            updated_at: app.clock.now(),
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut row).await.unwrap();
        let mut transaction = app.store.begin().await.unwrap();
        transaction.insert_certificate(&row).await.unwrap();
        transaction.commit().await.unwrap();
        Payer { holder, id, issuing: self.issuing.certificate.to_der().unwrap() }
    }
}

async fn enter_key(app: &App, holder: &Holder, purpose: KeyPurpose, issuer_label: Option<String>) {
    let mut row = AuthorityKey {
        label: format!("payments-{purpose:?}"),
        hierarchy: Some(Hierarchy::Citizens),
        purpose,
        issuer_label,
        spki: holder.key.public_key_to_der().unwrap(),
        certificate: Some(holder.certificate.to_der().unwrap()),
        created_at: app.clock.now(),
        // Retired: what it certified stays, and the service, which has no such key, signs no list with it.
        retired_at: Some(app.clock.now()),
        token: None,
        state: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await.unwrap();
    let mut transaction = app.store.begin().await.unwrap();
    transaction.insert_authority_key(&row).await.unwrap();
    transaction.commit().await.unwrap();
}

impl Payer {
    /// An order of this payer, good for an hour.
    pub fn order(&self, app: &App, id: &str) -> Value {
        let now = app.clock.now();
        json!({
            "id": id, "payer": UID, "payee": "MST:0100000001", "amount": 150_000, "currency": "VND",
            "created": now.rfc3339(), "expires": now.plus_seconds(3600).rfc3339(), "reference": "Lệ phí hộ tịch"
        })
    }

    /// The order signed, with the chain in its header.
    pub fn sign(&self, order: &Value) -> String {
        let chain = vec![self.holder.certificate.to_der().unwrap(), self.issuing.clone()];
        self.sign_as(&SignerReference::Chain(chain), order)
    }

    /// The order signed, with the certificate's serial number in its header.
    pub fn sign_naming_serial(&self, order: &Value) -> String {
        let read = Certificate::from_der(&self.holder.certificate.to_der().unwrap()).unwrap();
        self.sign_as(&SignerReference::KeyIdentifier(read.serial().unwrap().to_string()), order)
    }

    fn sign_as(&self, signer: &SignerReference, order: &Value) -> String {
        let algorithm = if self.holder.key.rsa().is_ok() { JwsAlgorithm::Rs256 } else { JwsAlgorithm::Es256 };
        let unsigned = Unsigned::prepare(algorithm, None, signer, order.to_string().as_bytes()).unwrap();
        let mut openssl = Signer::new(MessageDigest::sha256(), &self.holder.key).unwrap();
        let signature = openssl.sign_oneshot_to_vec(&unsigned.signing_input().concat()).unwrap();
        unsigned.assemble(&signature, Form::Compact).unwrap()
    }

    /// Stores another state of the certificate, as the service's own flow does.
    pub async fn becomes(&self, app: &App, state: CertificateState, since: Option<Instant>) {
        let mut row = app.store.certificate_by_id(self.id).await.unwrap().unwrap();
        (row.state, row.revoked_at, row.revocation_reason) = (state, since, since.map(|_| 1));
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await.unwrap();
        let mut transaction = app.store.begin().await.unwrap();
        transaction.update_certificate(&row).await.unwrap();
        transaction.commit().await.unwrap();
        current::changed(app, &row);
    }
}

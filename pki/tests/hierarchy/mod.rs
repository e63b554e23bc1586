//! A small test hierarchy: keys made here stand in for the HSM's, everything else is the product's own code.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::crypto::PublicKey;
use chuky_pki::issue::{self, CertificateIntent, Publication};
use chuky_pki::lint;
use chuky_pki::name::{DistinguishedName, NameAttribute};
use chuky_pki::profile::Profile;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

pub const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;

pub struct Key(pub PKey<Private>);

impl Key {
    pub fn new() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    pub fn spki(&self) -> Vec<u8> {
        self.0.public_key_to_der().unwrap()
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::from_spki_der(&self.spki()).unwrap()
    }

    /// Signs a digest, as the HSM does.
    pub fn sign(&self, digest: &[u8]) -> Vec<u8> {
        openssl::ecdsa::EcdsaSig::sign(digest, &self.0.ec_key().unwrap()).unwrap().to_der().unwrap()
    }
}

pub fn now() -> Instant {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Instant::from_unix_seconds(i64::try_from(elapsed.as_secs()).unwrap())
}

pub const DAY: i64 = 86_400;

pub fn serial(mark: u8) -> Serial {
    Serial::from_random([mark; 16])
}

pub fn publication() -> Publication {
    Publication {
        ocsp: Some("http://pki.example.com/ocsp".into()),
        ca_issuers: Some("http://pki.example.com/ca/issuing.cer".into()),
        crl: Some("http://pki.example.com/crl/issuing.crl".into()),
        practice_statement: Some("https://pki.example.com/cps".into()),
    }
}

pub fn service_name(common_name: &str) -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::Organization, "Chuky TEST")
        .with(NameAttribute::CommonName, common_name)
}

pub fn citizen_name() -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::StateOrProvince, "Hà Nội")
        .with(NameAttribute::Surname, "Nguyễn")
        .with(NameAttribute::GivenName, "Thị Hồng Ưởng")
        .with(NameAttribute::CommonName, "Nguyễn Thị Hồng Ưởng")
        .with(NameAttribute::SerialNumber, "PNOVN-001190012345")
        .with(NameAttribute::UserId, "CCCD:001190012345")
}

pub fn official_name() -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::Locality, "Hà Nội")
        .with(NameAttribute::Organization, "ỦY BAN NHÂN DÂN PHƯỜNG HOÀN KIẾM")
        .with(NameAttribute::Title, "Chủ tịch")
        .with(NameAttribute::Surname, "Trần")
        .with(NameAttribute::GivenName, "Văn Đức")
        .with(NameAttribute::CommonName, "Trần Văn Đức")
        .with(NameAttribute::SerialNumber, "PNOVN-001085012346")
}

/// A legal person's name: an agency, a payment provider.
pub fn organization_name() -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::StateOrProvince, "Hà Nội")
        .with(NameAttribute::Organization, "Ủy ban nhân dân phường Hoàn Kiếm TEST")
        .with(NameAttribute::OrganizationIdentifier, "VATVN-0101234567")
        .with(NameAttribute::CommonName, "Ủy ban nhân dân phường Hoàn Kiếm TEST")
}

/// The subject that certificates of a built-in profile have in tests.
pub fn name_of(profile: &str) -> DistinguishedName {
    match profile {
        "citizen" => citizen_name(),
        "official" => official_name(),
        "seal" | "payment_provider" => organization_name(),
        _ => service_name("Chuky TEST Service"),
    }
}

pub fn finish(intent: &CertificateIntent, subject_key: &Key, issuer_key: &Key) -> Certificate {
    let to_be_signed = intent.to_be_signed(&subject_key.spki()).unwrap();
    assert_eq!(lint::lint(&to_be_signed, &intent.profile), []);
    let der = to_be_signed.assemble(&issuer_key.sign(&to_be_signed.digest()), &issuer_key.public()).unwrap();
    let certificate = Certificate::from_der(&der).unwrap();
    issue::compare(&certificate, &to_be_signed, intent, &subject_key.spki()).unwrap();
    certificate
}

pub struct Hierarchy {
    pub root_key: Key,
    pub root: Certificate,
    pub issuing_key: Key,
    pub issuing: Certificate,
}

impl Hierarchy {
    pub fn new() -> Self {
        let (root_key, issuing_key) = (Key::new(), Key::new());
        let from = now().plus_seconds(-DAY);
        let root_intent = CertificateIntent::self_signed(
            Profile::built_in("root").unwrap(),
            SCHEME,
            serial(1),
            &service_name("Chuky TEST Root"),
            (from, from.plus_seconds(9000 * DAY)),
        )
        .unwrap();
        let root = finish(&root_intent, &root_key, &root_key);
        let mut hierarchy = Self { issuing: root.clone(), root, root_key, issuing_key };
        let intent = CertificateIntent::new(
            Profile::built_in("issuing").unwrap(),
            &hierarchy.root,
            SCHEME,
            serial(2),
            &service_name("Chuky TEST Issuing"),
            (from, from.plus_seconds(3000 * DAY)),
            publication(),
        )
        .unwrap();
        hierarchy.issuing = finish(&intent, &hierarchy.issuing_key, &hierarchy.root_key);
        hierarchy
    }

    /// Another root's key, certified by this one.
    pub fn cross(&self) -> Certificate {
        let from = now().plus_seconds(-3600);
        let intent = CertificateIntent::new(
            Profile::built_in("cross").unwrap(),
            &self.root,
            SCHEME,
            serial(3),
            &service_name("Chuky TEST Root G2"),
            (from, from.plus_seconds(3000 * DAY)),
            publication(),
        )
        .unwrap();
        finish(&intent, &Key::new(), &self.root_key)
    }

    pub fn intent(&self, profile: &str, mark: u8, subject: &DistinguishedName) -> CertificateIntent {
        self.intent_by(Profile::built_in(profile).unwrap(), mark, subject)
    }

    pub fn intent_by(&self, profile: Profile, mark: u8, subject: &DistinguishedName) -> CertificateIntent {
        let from = now().plus_seconds(-3600);
        let validity = (from, from.plus_seconds(i64::from(profile.longest_validity_days) * DAY));
        CertificateIntent::new(profile, &self.issuing, SCHEME, serial(mark), subject, validity, publication()).unwrap()
    }

    pub fn issue(&self, profile: &str, mark: u8, subject: &DistinguishedName, key: &Key) -> Certificate {
        finish(&self.intent(profile, mark, subject), key, &self.issuing_key)
    }

    pub fn issue_by(&self, profile: Profile, mark: u8, subject: &DistinguishedName, key: &Key) -> Certificate {
        finish(&self.intent_by(profile, mark, subject), key, &self.issuing_key)
    }
}

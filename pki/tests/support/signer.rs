//! A test authority and a signer's CMS by OpenSSL: stands in for the HSM and for the product's own certificates.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code)]

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

pub struct Signer {
    pub authority: X509,
    pub authority_key: PKey<Private>,
    pub certificate: X509,
    pub key: PKey<Private>,
}

impl Signer {
    pub fn new(common_name: &str) -> Self {
        let authority_key = key();
        let authority = certificate("TEST authority", 1, &authority_key, None, false);
        let own = key();
        let certificate = certificate(common_name, 2, &own, Some((&authority, &authority_key)), false);
        Self { authority, authority_key, certificate, key: own }
    }

    /// A timestamp authority below the same authority.
    pub fn timestamp_authority(&self) -> (X509, PKey<Private>) {
        let own = key();
        let certificate = certificate("TEST timestamps", 3, &own, Some((&self.authority, &self.authority_key)), true);
        (certificate, own)
    }

    /// A detached CAdES over the covered bytes.
    pub fn sign(&self, covered: &[&[u8]]) -> Vec<u8> {
        let content = covered.concat();
        let mut chain = Stack::new().unwrap();
        chain.push(self.authority.clone()).unwrap();
        // CMS_CADES adds signing-certificate-v2; CMS_NOSMIMECAP leaves the mail attributes out.
        let cades = CMSOptions::from_bits_retain(0x0010_0000 | 0x200);
        let flags = CMSOptions::DETACHED | CMSOptions::BINARY | cades;
        let cms = CmsContentInfo::sign(Some(&self.certificate), Some(&self.key), Some(&chain), Some(&content), flags);
        cms.unwrap().to_der().unwrap()
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(
    common_name: &str,
    serial: u32,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
    timestamps: bool,
) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, common_name).unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&name, |(issuer, _)| issuer.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(1_577_836_800).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(2_208_988_800).unwrap()).unwrap();
    if issuer.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()).unwrap();
    } else {
        builder
            .append_extension(KeyUsage::new().critical().digital_signature().non_repudiation().build().unwrap())
            .unwrap();
    }
    if timestamps {
        builder.append_extension(ExtendedKeyUsage::new().critical().time_stamping().build().unwrap()).unwrap();
    }
    let context = builder.x509v3_context(issuer.map(|(issuer, _)| &**issuer), None);
    let own_identifier = SubjectKeyIdentifier::new().build(&context).unwrap();
    builder.append_extension(own_identifier).unwrap();
    if let Some((issuer, _)) = issuer {
        let context = builder.x509v3_context(Some(issuer), None);
        let identifier = AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap();
        builder.append_extension(identifier).unwrap();
    }
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    builder.build()
}

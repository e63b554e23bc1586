//! A test hierarchy and signers made with OpenSSL, standing in for an authority and an HSM.

use chuky_model::instant::Instant;
use chuky_pki::{
    certificate::Certificate,
    jose::{Form, JwsAlgorithm, SignerReference, Unsigned},
    payment::Trust,
};
use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{HasPublic, PKey, PKeyRef, Private},
    rsa::{Padding, Rsa},
    sign::{RsaPssSaltlen, Signer},
    x509::{
        X509, X509Builder, X509NameBuilder, X509Ref,
        extension::{BasicConstraints, KeyUsage},
    },
};

/// 2026-11-22T03:00:00Z.
pub const NOW: Instant = Instant::from_unix_seconds(1_795_316_400);
const DAY: i64 = 86_400;

pub struct Authority {
    pub certificate: X509,
    pub key: PKey<Private>,
}

pub struct Holder {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a test's certificate differs in from a good one.
pub struct Template<'t> {
    pub common_name: &'t str,
    pub uid: Option<&'t str>,
    pub authority: bool,
    pub signs: bool,
    pub days: (i64, i64),
    /// Value of the qualified statements, DER.
    pub statements: Option<&'t [u8]>,
    /// Value of the certificate policies, DER.
    pub policies: Option<&'t [u8]>,
    /// What the issuer signs with.
    pub hash: MessageDigest,
}

impl Default for Template<'_> {
    fn default() -> Self {
        let uid = Some("CCCD:001190012345");
        Self {
            common_name: "TEST Nguyễn Thị Ưởng",
            uid,
            authority: false,
            signs: true,
            days: (-30, 30),
            statements: None,
            policies: None,
            hash: MessageDigest::sha256(),
        }
    }
}

pub fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn p384() -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::SECP384R1).unwrap()).unwrap()).unwrap()
}

pub fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub fn issue(template: &Template<'_>, key: &PKey<Private>, issuer: Option<&Authority>) -> X509 {
    certify(template, key, issuer.map(|issuer| &*issuer.certificate), issuer.map_or(key, |issuer| &issuer.key))
}

/// A certificate over a public key, whoever holds the private one.
pub fn certify<T: HasPublic>(
    template: &Template<'_>,
    public: &PKeyRef<T>,
    issuer: Option<&X509Ref>,
    signing: &PKey<Private>,
) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, template.common_name).unwrap();
    if let Some(uid) = template.uid {
        name.append_entry_by_nid(Nid::USERID, uid).unwrap();
    }
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, openssl::bn::MsbOption::ONE, false).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&*name, |issuer| issuer.subject_name())).unwrap();
    let at = |days: i64| Asn1Time::from_unix(NOW.unix_seconds() + days * DAY).unwrap();
    builder.set_not_before(&at(template.days.0)).unwrap();
    builder.set_not_after(&at(template.days.1)).unwrap();
    builder.set_pubkey(public).unwrap();
    if template.authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()).unwrap();
    } else if template.signs {
        builder
            .append_extension(KeyUsage::new().critical().digital_signature().non_repudiation().build().unwrap())
            .unwrap();
    } else {
        builder.append_extension(KeyUsage::new().critical().key_encipherment().build().unwrap()).unwrap();
    }
    for (kind, value) in [("1.3.6.1.5.5.7.1.3", template.statements), ("2.5.29.32", template.policies)] {
        let Some(value) = value else { continue };
        let kind = openssl::asn1::Asn1Object::from_str(kind).unwrap();
        let value = openssl::asn1::Asn1OctetString::new_from_bytes(value).unwrap();
        builder.append_extension(openssl::x509::X509Extension::new_from_der(&kind, false, &value).unwrap()).unwrap();
    }
    builder.sign(signing, template.hash).unwrap();
    builder.build()
}

impl Authority {
    pub fn root(common_name: &str) -> Self {
        Self::under(common_name, None)
    }

    pub fn under(common_name: &str, issuer: Option<&Authority>) -> Self {
        let key = p256();
        let template = Template { common_name, uid: None, authority: true, days: (-1000, 1000), ..Template::default() };
        Self { certificate: issue(&template, &key, issuer), key }
    }

    pub fn holder(&self, template: &Template<'_>, key: PKey<Private>) -> Holder {
        Holder { certificate: issue(template, &key, Some(self)), key }
    }

    pub fn read(&self) -> Certificate {
        Certificate::from_der(&self.certificate.to_der().unwrap()).unwrap()
    }
}

/// A root and an issuing authority below it; the verifier knows the root only.
pub struct World {
    pub root: Authority,
    pub issuing: Authority,
}

impl World {
    pub fn new() -> Self {
        let root = Authority::root("TEST Root");
        let issuing = Authority::under("TEST Issuing", Some(&root));
        Self { root, issuing }
    }

    pub fn trust(&self) -> Trust {
        Trust { anchors: vec![self.root.read()], intermediates: vec![] }
    }

    pub fn citizen(&self) -> Holder {
        self.issuing.holder(&Template::default(), p256())
    }

    /// The chain as `x5c` carries it, the root left out.
    pub fn chain(&self, holder: &Holder) -> SignerReference {
        SignerReference::Chain(vec![holder.certificate.to_der().unwrap(), self.issuing.certificate.to_der().unwrap()])
    }

    pub fn sign(&self, holder: &Holder, algorithm: JwsAlgorithm, payload: &[u8]) -> String {
        sign(holder, algorithm, &self.chain(holder), payload, Form::Compact)
    }
}

pub fn sign(holder: &Holder, algorithm: JwsAlgorithm, signer: &SignerReference, payload: &[u8], form: Form) -> String {
    let unsigned = Unsigned::prepare(algorithm, Some("chuky-payment+json"), signer, payload).unwrap();
    let input = unsigned.signing_input().concat();
    unsigned.assemble(&signature(&holder.key, algorithm, &input), form).unwrap()
}

pub fn signature(key: &PKey<Private>, algorithm: JwsAlgorithm, input: &[u8]) -> Vec<u8> {
    let digest = match algorithm.hash() {
        chuky_model::algorithm::HashAlgorithm::Sha256 => MessageDigest::sha256(),
        chuky_model::algorithm::HashAlgorithm::Sha384 => MessageDigest::sha384(),
        chuky_model::algorithm::HashAlgorithm::Sha512 => MessageDigest::sha512(),
    };
    let mut signer = Signer::new(digest, key).unwrap();
    if algorithm.name().starts_with("PS") {
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    signer.sign_oneshot_to_vec(input).unwrap()
}

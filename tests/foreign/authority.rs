//! An authority that this service knows nothing of, as the Government's is: a root, an issuing CA below it, and certificates of officials with
//! whatever name and number. The signatures are OpenSSL's.

use crate::{harness::app::TestApp, signing::foreign::p256};
use chuky::trust::{self, Addition};
use chuky_pki::{certificate::Certificate, verify::AnchorPurpose};
use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::{BigNum, MsbOption},
    ecdsa::EcdsaSig,
    hash::{MessageDigest, hash},
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Padding,
    sign::Signer,
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, KeyUsage},
    },
};
use std::{fs, path::Path, process::Command};

/// A certificate with its key.
pub struct Holder {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a certificate says.
pub struct Says<'s> {
    pub name: &'s str,
    /// `CCCD:…`.
    pub user_id: Option<&'s str>,
    /// Days from today.
    pub days: (i64, i64),
}

/// Who issues.
pub struct Authority {
    pub root: Holder,
    pub issuing: Holder,
}

pub const NAME: &str = "Trần Văn Khương";

/// A certificate of that name in force, without a number.
pub fn named(name: &str) -> Says<'_> {
    Says { name, user_id: None, days: (-30, 300) }
}

impl Authority {
    pub fn new() -> Self {
        Self::called("TEST RootCA G2", "TEST CA cơ quan nhà nước")
    }

    pub fn called(root: &str, issuing: &str) -> Self {
        let root = issue(&named(root), true, p256(), None);
        let issuing = issue(&named(issuing), true, p256(), Some(&root));
        Self { root, issuing }
    }

    pub fn issue(&self, says: &Says<'_>, key: PKey<Private>) -> Holder {
        issue(says, false, key, Some(&self.issuing))
    }

    /// Its root as the administrator records it.
    pub fn recorded(&self, test: &TestApp, purposes: &[AnchorPurpose]) {
        let der = self.root.certificate.to_der().unwrap();
        let fingerprint = *Certificate::from_der(&der).unwrap().fingerprint();
        let origin = "Ban Cơ yếu TEST, công văn số 12".to_owned();
        let addition =
            Addition { file: &der, fingerprint, purposes: purposes.to_vec(), from: None, until: None, origin };
        trust::add_anchor(&test.app.trust, addition, test.app.clock.now()).unwrap();
    }

    /// The lists of both, DER, with one certificate of the issuing CA revoked for that reason.
    pub fn lists(&self, at: &Path, revoked: Option<(&Holder, &str)>) -> Vec<Vec<u8>> {
        vec![list(at, "issuing", &self.issuing, revoked), list(at, "root", &self.root, None)]
    }
}

impl Holder {
    pub fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    /// The value over a text by that scheme, in base64.
    pub fn sign(&self, text: &str) -> String {
        let digest = hash(MessageDigest::sha256(), text.as_bytes()).unwrap();
        let value = match self.key.ec_key() {
            Ok(key) => EcdsaSig::sign(&digest, &key).unwrap().to_der().unwrap(),
            Err(_) => {
                let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
                signer.set_rsa_padding(Padding::PKCS1).unwrap();
                signer.sign_oneshot_to_vec(text.as_bytes()).unwrap()
            }
        };
        openssl::base64::encode_block(&value)
    }
}

fn issue(says: &Says<'_>, authority: bool, key: PKey<Private>, issuer: Option<&Holder>) -> Holder {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, says.name).unwrap();
    if let Some(user_id) = says.user_id {
        name.append_entry_by_nid(Nid::USERID, user_id).unwrap();
    }
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::ONE, false).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&name, |issuer| issuer.certificate.subject_name())).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let day = |days: i64| Asn1Time::from_unix(i64::try_from(now).unwrap() + days * 86_400).unwrap();
    builder.set_not_before(&day(says.days.0)).unwrap();
    builder.set_not_after(&day(says.days.1)).unwrap();
    builder.set_pubkey(&key).unwrap();
    let usage = if authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()
    } else {
        KeyUsage::new().critical().digital_signature().non_repudiation().build().unwrap()
    };
    builder.append_extension(usage).unwrap();
    builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
    Holder { certificate: builder.build(), key }
}

fn list(at: &Path, name: &str, holder: &Holder, revoked: Option<(&Holder, &str)>) -> Vec<u8> {
    let write = |file: &str, octets: &[u8]| fs::write(at.join(file), octets).unwrap();
    write(&format!("{name}.pem"), &holder.certificate.to_pem().unwrap());
    write(&format!("{name}.key"), &holder.key.private_key_to_pem_pkcs8().unwrap());
    write(
        "settings",
        b"[ca]\ndefault_ca = own\n[own]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\ndefault_crl_days = 1\n\
          crl_extensions = further\n[further]\nauthorityKeyIdentifier = issuer:always\n",
    );
    write("index", b"");
    write("number", b"01\n");
    let run = |arguments: &str| {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let output = Command::new("openssl").args(words).current_dir(at).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let by = format!("-config settings -cert {name}.pem -keyfile {name}.key");
    if let Some((revoked, reason)) = revoked {
        write("revoked.pem", &revoked.certificate.to_pem().unwrap());
        run(&format!("ca -revoke revoked.pem -crl_reason {reason} {by}"));
    }
    run(&format!("ca -gencrl {by} -out {name}.crl"));
    run(&format!("crl -in {name}.crl -outform DER -out {name}.der"));
    fs::read(at.join(format!("{name}.der"))).unwrap()
}

//! A person's token as their authority hands it over: SoftHSM, filled by the tools that everybody has (softhsm2-util, OpenSC), with
//! certificates of an authority that this service knows nothing of. The command line is run over it as its owner runs it.

use crate::harness::app::EXECUTABLE;
use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{HasPublic, PKey, PKeyRef, Private, Public},
    rsa::Rsa,
    x509::{
        X509, X509Builder, X509Name, X509NameBuilder,
        extension::{BasicConstraints, KeyUsage},
    },
};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The PIN of every token here.
pub const PIN: &str = "271828";

/// A folder with one person's tokens and files.
pub struct Person {
    pub folder: tempfile::TempDir,
    pub authority: (X509, PKey<Private>),
    module: PathBuf,
    /// Whether the fault module stands before the token.
    faults: bool,
}

/// A certificate's validity and use.
#[derive(Clone, Copy)]
pub enum Kind {
    Usual,
    Expired,
    ForEncryption,
}

/// What a run of the command line came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Person {
    /// Without any token.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tokens")).unwrap();
        let tokens = folder.path().join("tokens");
        let settings =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        std::fs::write(folder.path().join("softhsm2.conf"), settings).unwrap();
        std::fs::write(folder.path().join("pin"), format!("{PIN}\n")).unwrap();
        std::fs::write(folder.path().join("wrong-pin"), "161803\n").unwrap();
        let key = p256();
        let certificate = certificate("TEST Ban Cơ yếu", &key, Issuer { certificate: None, key: &key }, Kind::Usual);
        std::fs::write(folder.path().join("root.pem"), certificate.to_pem().unwrap()).unwrap();
        let module = chuky_hsm::find_module(None).unwrap();
        Self { folder, authority: (certificate, key), module, faults: false }
    }

    /// With one token that holds a P-256 key and its certificate.
    pub fn with_token() -> Self {
        let person = Self::new();
        person.token("VGCA");
        person.key("VGCA", "ky", "01", &p256(), Kind::Usual);
        person
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    /// Initialises a token.
    pub fn token(&self, label: &str) {
        let init = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "31415926"];
        self.tool("softhsm2-util", &init);
    }

    /// Imports a key and its certificate.
    pub fn key(&self, token: &str, label: &str, id: &str, key: &PKey<Private>, kind: Kind) {
        self.bare_key(token, label, id, key);
        self.certificate(token, label, id, key, kind);
    }

    /// Imports a key alone.
    pub fn bare_key(&self, token: &str, label: &str, id: &str, key: &PKey<Private>) {
        std::fs::write(self.at("key.pem"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let file = self.path("key.pem");
        let import = ["--import", &file, "--token", token, "--label", label, "--id", id, "--pin", PIN];
        self.tool("softhsm2-util", &import);
        std::fs::remove_file(file).unwrap();
    }

    /// Puts a certificate for that key on the token, and beside it as `LABEL.pem`.
    pub fn certificate<T: HasPublic>(&self, token: &str, label: &str, id: &str, key: &PKeyRef<T>, kind: Kind) {
        let made = self.certificate_file(label, key, kind);
        self.put_certificate(token, label, id, &made);
    }

    /// Puts a certificate of whatever authority on the token.
    pub fn put_certificate(&self, token: &str, label: &str, id: &str, made: &X509) {
        std::fs::write(self.at("certificate.der"), made.to_der().unwrap()).unwrap();
        let file = self.path("certificate.der");
        self.opensc(
            token,
            &["--login", "--pin", PIN, "--write-object", &file, "--type", "cert", "--id", id, "--label", label],
        );
    }

    /// The same beside the token alone.
    pub fn certificate_file<T: HasPublic>(&self, label: &str, key: &PKeyRef<T>, kind: Kind) -> X509 {
        let (issuer, signing) = &self.authority;
        let issuer = Issuer { certificate: Some(issuer), key: signing };
        let made = certificate("Trần Văn Khương", key, issuer, kind);
        std::fs::write(self.at(&format!("{label}.pem")), made.to_pem().unwrap()).unwrap();
        made
    }

    /// Makes a key on the token that asks for the PIN before each signature.
    pub fn careful_key(&self, token: &str, label: &str, id: &str) {
        let make = ["--login", "--pin", PIN, "--keypairgen", "--key-type", "EC:prime256v1", "--always-auth"];
        self.opensc(token, &[&make[..], &["--id", id, "--label", label]].concat());
        let file = self.path("public.der");
        self.opensc(token, &["--read-object", "--type", "pubkey", "--id", id, "--output-file", &file]);
        let public: PKey<Public> = PKey::public_key_from_der(&std::fs::read(file).unwrap()).unwrap();
        self.certificate(token, label, id, &public, Kind::Usual);
    }

    fn opensc(&self, token: &str, arguments: &[&str]) {
        let module = self.module.display().to_string();
        self.tool("pkcs11-tool", &[&["--module", &module, "--token-label", token], arguments].concat());
    }

    fn tool(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(arguments)
            .env("SOFTHSM2_CONF", self.at("softhsm2.conf"))
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    /// The token stands behind the fault module from now on, and meets what these lines say.
    pub fn fail(&mut self, lines: &str) {
        self.faults = true;
        std::fs::write(self.at("control"), format!("{lines}\n")).unwrap();
    }

    /// How often a line of the control file with a count was met, the first line being 0.
    pub fn met(&self, line: usize) -> usize {
        (0..100).take_while(|turn| self.at(&format!("control.0-{line}-{turn}")).exists()).count()
    }

    /// The library that the owner names.
    pub fn module(&self) -> String {
        let faulty = Path::new(EXECUTABLE).with_file_name("examples").join("libfault_module.so");
        if self.faults { faulty.display().to_string() } else { self.module.display().to_string() }
    }

    /// `chuky sign --module … ARGUMENTS`.
    pub fn signing(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(EXECUTABLE);
        command
            .args(["--lang", "en", "sign", "--module", &self.module()])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("XDG_STATE_HOME", self.folder.path())
            .env("SOFTHSM2_CONF", self.at("softhsm2.conf"))
            .env("CHUKY_FAULT_TARGET", &self.module)
            .env("CHUKY_FAULT_CONTROL", self.at("control"))
            .stdin(Stdio::null());
        command
    }

    /// The same, run to its end.
    pub fn sign(&self, arguments: &[&str]) -> Ran {
        let output = self.signing(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Started; its standard output is piped.
    pub fn start(&self, arguments: &[&str], crash_at: &str) -> Child {
        let mut command = self.signing(arguments);
        command.env("CHUKY_CRASH_AT", crash_at).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// `chuky verify --json` with the authority's root as anchor.
    pub fn verify(&self, more: &[&str], file: &str) -> serde_json::Value {
        let output = Command::new(EXECUTABLE)
            .args(["verify", "--json", "--anchors", "root.pem"])
            .args(more)
            .arg(file)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

pub fn p256() -> PKey<Private> {
    curve(Nid::X9_62_PRIME256V1)
}

pub fn curve(name: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(name).unwrap()).unwrap()).unwrap()
}

pub fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// Who issues; without a certificate the key itself.
#[derive(Clone, Copy)]
struct Issuer<'i> {
    certificate: Option<&'i X509>,
    key: &'i PKey<Private>,
}

fn certificate<T: HasPublic>(name: &str, key: &PKeyRef<T>, issuer: Issuer<'_>, kind: Kind) -> X509 {
    let subject = subject(name);
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::ONE, false).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.certificate.map_or(&subject, |issuer| issuer.subject_name())).unwrap();
    let days = |from: i64| Asn1Time::from_unix(now() + from * 86_400).unwrap();
    builder.set_not_before(&days(-30)).unwrap();
    builder.set_not_after(&days(if matches!(kind, Kind::Expired) { -1 } else { 300 })).unwrap();
    builder.set_pubkey(key).unwrap();
    let usage = match (issuer.certificate, kind) {
        (None, _) => {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
            KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()
        }
        (Some(_), Kind::ForEncryption) => KeyUsage::new().critical().key_encipherment().build().unwrap(),
        (Some(_), _) => KeyUsage::new().critical().digital_signature().non_repudiation().build().unwrap(),
    };
    builder.append_extension(usage).unwrap();
    builder.sign(issuer.key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn subject(name: &str) -> X509Name {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    subject.build()
}

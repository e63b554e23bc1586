//! Where the measured files and keys lie. `fixtures.py` makes them once, with foreign programs; they are made anew when that changes.

use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cargo's `target` folder.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// The interpreter of the virtual environment that `scripts/venv` makes.
pub fn python() -> PathBuf {
    target().join("venv/bin/python")
}

/// Keys, certificates and PDF files, plain and signed.
pub struct Fixtures {
    pub folder: PathBuf,
}

impl Fixtures {
    /// Makes the files where they are missing or were made by another text of `fixtures.py`.
    pub fn ready() -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fixtures.py");
        let folder = target().join("bench");
        let made_by = folder.join("made-by.py");
        let text = std::fs::read(&script).map_err(|error| format!("{}: {error}", script.display()))?;
        if std::fs::read(&made_by).is_ok_and(|earlier| earlier == text) {
            return Ok(Self { folder });
        }
        eprintln!("making the files to measure on");
        let status = Command::new(python())
            .arg(&script)
            .arg(&folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .status()
            .map_err(|error| format!("python of the virtual environment: {error}; run scripts/venv"))?;
        if !status.success() {
            return Err(format!("benches/fixtures.py: {status}"));
        }
        std::fs::write(&made_by, text).map_err(|error| error.to_string())?;
        Ok(Self { folder })
    }

    /// The bytes of one of the files.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(name)).map_err(|error| format!("{name}: {error}"))
    }

    /// A certificate of the hierarchy, as DER.
    pub fn certificate(&self, name: &str) -> Result<Vec<u8>, String> {
        let pem = self.read(&format!("{name}.pem"))?;
        let certificate = X509::from_pem(&pem).map_err(text)?;
        certificate.to_der().map_err(text)
    }

    /// A private key of the hierarchy, in memory: it stands in for a token where the token is not what is measured.
    pub fn key(&self, name: &str) -> Result<PKey<Private>, String> {
        PKey::private_key_from_pem(&self.read(&format!("{name}.key"))?).map_err(|error| error.to_string())
    }

    /// A certificate by the issuing CA of the hierarchy for a key that was made here, as DER.
    pub fn issue(&self, spki: &[u8]) -> Result<Vec<u8>, String> {
        let issuing = X509::from_pem(&self.read("issuing.pem")?).map_err(text)?;
        let key = self.key("issuing")?;
        let mut name = X509NameBuilder::new().map_err(text)?;
        name.append_entry_by_text("CN", "TEST subscriber").map_err(text)?;
        let mut builder = X509Builder::new().map_err(text)?;
        let mut serial = BigNum::new().map_err(text)?;
        serial.rand(120, MsbOption::MAYBE_ZERO, false).map_err(text)?;
        builder.set_version(2).map_err(text)?;
        builder.set_serial_number(&*serial.to_asn1_integer().map_err(text)?).map_err(text)?;
        builder.set_issuer_name(issuing.subject_name()).map_err(text)?;
        builder.set_subject_name(&name.build()).map_err(text)?;
        builder.set_not_before(issuing.not_before()).map_err(text)?;
        builder.set_not_after(issuing.not_after()).map_err(text)?;
        builder.set_pubkey(&*PKey::public_key_from_der(spki).map_err(text)?).map_err(text)?;
        builder.sign(&key, MessageDigest::sha256()).map_err(text)?;
        builder.build().to_der().map_err(text)
    }
}

fn text(error: ErrorStack) -> String {
    error.to_string()
}

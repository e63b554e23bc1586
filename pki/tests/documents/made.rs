//! Signed things made for these tests: signers, tokens, JWS, and archives written byte by byte so that they can lie.

use crate::support::signer::Signer;
use base64::{Engine as _, engine::general_purpose};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::report::Report;
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::timestamp::{TimestampRequest, TokenToMake, granted};
use chuky_pki::verify::{VerificationContext, verify_with_content};
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::io::Write;
use std::sync::OnceLock;

pub fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::new("Nguyễn Văn An"))
}

pub fn now() -> Instant {
    Instant::parse_rfc3339("2026-11-22T03:05:09Z").unwrap()
}

pub fn own(certificate: &X509) -> Certificate {
    Certificate::from_der(&certificate.to_der().unwrap()).unwrap()
}

/// Without trust: integrity alone.
pub fn verdict(bytes: &[u8], content: Option<&[u8]>) -> Report {
    verify_with_content(bytes, content, "made", &VerificationContext::at(now()))
}

/// With the test authority as anchor.
pub fn trusting() -> VerificationContext {
    let anchors = vec![own(&signer().authority)];
    VerificationContext { anchors, ..VerificationContext::at(now()) }
}

/// A timestamp token over this SHA-256.
pub fn token(digest: &[u8; 32], at: Instant) -> Vec<u8> {
    static AUTHORITY: OnceLock<(X509, PKey<Private>)> = OnceLock::new();
    let (certificate, key) = AUTHORITY.get_or_init(|| signer().timestamp_authority());
    let request = TimestampRequest::parse(&TimestampRequest::to_der(digest, &[7, 1])).unwrap();
    let serial = Serial::from_octets(&[0x51, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
    let policy = "1.3.6.1.4.1.99999.1".parse().unwrap();
    let scheme = SignatureScheme::EcdsaSha256;
    let token = TokenToMake::new(&request, &own(certificate), scheme, policy, &serial, at).unwrap();
    let signature = EcdsaSig::sign(token.digest_to_sign(), &key.ec_key().unwrap()).unwrap().to_der().unwrap();
    granted(&token.assemble(&signature, &[])).unwrap()
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Members of a protected header that name the signer; `{{` and `}}` are left to the caller.
pub fn naming_the_signer() -> String {
    let der = signer().certificate.to_der().unwrap();
    let thumbprint = base64url(openssl::sha::sha256(&der));
    format!(r#""x5c":["{}"],"x5t#S256":"{thumbprint}""#, general_purpose::STANDARD.encode(der))
}

/// An ES256 signature over header text and transmitted payload.
pub fn es256(protected: &str, transmitted: &[u8]) -> String {
    let input = [protected.as_bytes(), b".", transmitted].concat();
    let signature = EcdsaSig::sign(&openssl::sha::sha256(&input), &signer().key.ec_key().unwrap()).unwrap();
    base64url([signature.r().to_vec_padded(32).unwrap(), signature.s().to_vec_padded(32).unwrap()].concat())
}

/// A compact JWS with this protected header.
pub fn compact(header: &str, payload: &[u8]) -> String {
    let (protected, payload) = (base64url(header), base64url(payload));
    let signature = es256(&protected, payload.as_bytes());
    format!("{protected}.{payload}.{signature}")
}

/// One file of an archive, with the lies that tests tell about it.
#[derive(Clone)]
pub struct File {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub deflated: bool,
    /// The name in the local header, where it is another.
    pub local_name: Option<Vec<u8>>,
    /// The size in the directory, where it is another.
    pub size: Option<u32>,
    pub flags: u16,
    /// Bytes behind the data that belong to nobody.
    pub gap: Vec<u8>,
}

pub fn file(name: &str, content: impl AsRef<[u8]>) -> File {
    File {
        name: name.as_bytes().to_vec(),
        content: content.as_ref().to_vec(),
        deflated: false,
        local_name: None,
        size: None,
        flags: 0,
        gap: Vec::new(),
    }
}

/// An archive of these files, as honest as they are.
pub fn archive(files: &[File]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let packed = if file.deflated { deflated(&file.content) } else { file.content.clone() };
        let crc = flate2::Crc::new();
        let mut crc = crc;
        crc.update(&file.content);
        let start = u32::try_from(bytes.len()).unwrap();
        let size = file.size.unwrap_or(u32::try_from(file.content.len()).unwrap());
        let common = |name: &[u8]| {
            let mut head = Vec::new();
            head.extend_from_slice(&20u16.to_le_bytes());
            head.extend_from_slice(&file.flags.to_le_bytes());
            head.extend_from_slice(&(if file.deflated { 8u16 } else { 0 }).to_le_bytes());
            head.extend_from_slice(&[0, 0, 0x21, 0x5a]);
            head.extend_from_slice(&crc.sum().to_le_bytes());
            head.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
            head.extend_from_slice(&size.to_le_bytes());
            head.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            head.extend_from_slice(&[0, 0]);
            head
        };
        let local = file.local_name.as_ref().unwrap_or(&file.name);
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&common(local));
        bytes.extend_from_slice(local);
        bytes.extend_from_slice(&packed);
        bytes.extend_from_slice(&file.gap);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common(&file.name));
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&start.to_le_bytes());
        directory.extend_from_slice(&file.name);
    }
    let (start, count) = (u32::try_from(bytes.len()).unwrap(), u16::try_from(files.len()).unwrap());
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(directory.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn manifest(signature: &str, files: &[(&str, &[u8])]) -> String {
    let references: String = files
        .iter()
        .map(|(name, content)| {
            let digest = general_purpose::STANDARD.encode(openssl::sha::sha256(content));
            format!(
                r#"<asic:DataObjectReference URI="{name}"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>"#
            )
        })
        .collect();
    format!(
        r#"<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><asic:SigReference URI="{signature}"/>{references}</asic:ASiCManifest>"#
    )
}

pub const EXTENDED: &str = "application/vnd.etsi.asic-e+zip";
pub const SIMPLE: &str = "application/vnd.etsi.asic-s+zip";

/// The files of an ASiC-E with two signed files.
pub fn extended() -> Vec<File> {
    let manifest = manifest("META-INF/signature001.p7s", &[("a.txt", b"first"), ("b.txt", b"second")]);
    let signature = signer().sign(&[manifest.as_bytes()]);
    vec![
        file("mimetype", EXTENDED),
        file("a.txt", "first"),
        File { deflated: true, ..file("b.txt", "second") },
        file("META-INF/ASiCManifest001.xml", manifest),
        file("META-INF/signature001.p7s", signature),
    ]
}

/// The files of an ASiC-S.
pub fn simple() -> Vec<File> {
    vec![file("mimetype", SIMPLE), file("a.txt", "first"), file("META-INF/signature.p7s", signer().sign(&[b"first"]))]
}

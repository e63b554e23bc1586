//! Signing PDF files at B-B, invisible, beside pyHanko doing the same on the same file with the same key, in memory on both
//! sides: source in, whole signed file out. The verification that the service makes afterwards is not in these rows.

use super::{Context, raw};
use crate::harness::{Batch, Goal, Local, Row, Unit};
use crate::peer::PeerTask;
use crate::signing::{HASHES_AN_ACTIVATION, Signing, now};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use chuky_model::report::Indication;
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::cms::build::{SignatureToMake, longest, with_signature_timestamp};
use chuky_pki::crypto;
use chuky_pki::pdf::write::{Prepared, SignatureOptions, prepare};
use chuky_pki::timestamp::{TimestampRequest, TokenToMake, granted};
use chuky_pki::verify::verify_document;
use der::asn1::ObjectIdentifier;
use openssl::pkey::{PKey, Private};
use std::hint::black_box;
use std::rc::Rc;

pub fn small(context: &mut Context) -> Result<Row, String> {
    in_memory(context, "50kb", 50.0)
}

pub fn medium(context: &mut Context) -> Result<Row, String> {
    in_memory(context, "1mb", 20.0)
}

pub fn large(context: &mut Context) -> Result<Row, String> {
    in_memory(context, "20mb", 2.0)
}

fn in_memory(context: &mut Context, size: &str, goal: f64) -> Result<Row, String> {
    let file = format!("{size}.pdf");
    let source = context.fixtures.read(&file)?;
    let limit = raw::sha256(source.clone());
    let signer = DocumentSigner::new(context, &context.fixtures.certificate("signer")?)?;
    let key = context.fixtures.key("signer")?;
    let peer = PeerTask::new(&context.peer()?, "sign", &file);
    let ours = Local::new("pki::pdf::write", move || {
        let signed = signer.begin(&source).and_then(|begun| {
            let signature = raw::sign_digest(&key, begun.digest())?;
            signer.finish(&source, begun, &signature)
        });
        assert!(black_box(signed).is_ok_and(|signed| signed.len() > source.len()), "the file is signed");
    });
    let goals = vec![Goal::PeerRatioAtLeast(goal)];
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: Some(peer), goals })
}

/// B-T, the token made in this process with the same key as the peer's own timestamp authority.
pub fn timestamped(context: &mut Context) -> Result<Row, String> {
    let source = context.fixtures.read("50kb.pdf")?;
    let mut signer = DocumentSigner::new(context, &context.fixtures.certificate("signer")?)?;
    signer.timestamp_bytes = 8 << 10;
    let (key, authority) = (context.fixtures.key("signer")?, TimestampAuthority::new(context)?);
    let peer = PeerTask::new(&context.peer()?, "sign-bt", "50kb.pdf");
    let ours = Local::new("pki::pdf::write", move || {
        let signed = signer.begin(&source).and_then(|begun| {
            let signature = raw::sign_digest(&key, begun.digest())?;
            let cms = begun.attributes.assemble_unverified(&signature, Some(&signer.further));
            let token = authority.token(&signature)?;
            let cms = with_signature_timestamp(&cms, &token).map_err(|error| error.to_string())?;
            let update = begun.prepared.finish(&cms).map_err(|error| error.to_string())?;
            Ok([&source[..], &update].concat())
        });
        assert!(black_box(signed).is_ok_and(|signed| signed.len() > source.len()), "the file is signed");
    });
    let goals = vec![Goal::PeerRatioAtLeast(50.0)];
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: None, peer: Some(peer), goals })
}

pub fn verified_small(context: &mut Context) -> Result<Row, String> {
    verified(context, "50kb")
}

pub fn verified_medium(context: &mut Context) -> Result<Row, String> {
    verified(context, "1mb")
}

pub fn verified_large(context: &mut Context) -> Result<Row, String> {
    verified(context, "20mb")
}

/// With the verification that follows, as the service does it; beside what the hash alone costs twice over.
fn verified(context: &mut Context, size: &str) -> Result<Row, String> {
    let file = format!("{size}.pdf");
    let source = context.fixtures.read(&file)?;
    let limit = raw::sha256([&source[..], &source].concat());
    let signer = DocumentSigner::new(context, &context.fixtures.certificate("signer")?)?;
    let (key, trust) = (context.fixtures.key("signer")?, super::pdf_verify::trust(context)?);
    let peer = PeerTask::new(&context.peer()?, "sign", &file);
    let ours = Local::new("pki::pdf::write + verify", move || {
        let signed = signer.begin(&source).and_then(|begun| {
            let signature = raw::sign_digest(&key, begun.digest())?;
            signer.finish(&source, begun, &signature)
        });
        let report = verify_document(&signed.unwrap_or_default(), &file, &trust);
        assert!(black_box(report).indication == Indication::TotalPassed, "what was signed is valid");
    });
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: Some(peer), goals: Vec::new() })
}

/// With a subscriber's key in the HSM: a hundred documents an activation, through the workers.
pub fn hsm(context: &mut Context) -> Result<Row, String> {
    const DOCUMENTS: u32 = 100;
    let source = Rc::new(context.fixtures.read("50kb.pdf")?);
    let signing = Signing::new(context, KeyAlgorithm::P256, SignatureScheme::EcdsaSha256)?;
    let certificate = context.fixtures.issue(&signing.spki_der())?;
    let signer = DocumentSigner::new(context, &certificate)?;
    let runtime = context.runtime()?;
    let token = context.token()?;
    let limit = token.raw(KeyAlgorithm::P256)?;
    let peer = PeerTask::new(&context.peer_with_token()?, "sign-hsm", "50kb.pdf");
    let processes = context.worker_processes();
    let ours = Batch::new("activations of 100", processes, move |count| {
        let mut left = count;
        while left > 0 {
            let part = left.min(DOCUMENTS.min(HASHES_AN_ACTIVATION));
            let begun = (0..part).map(|_| signer.begin(&source)).collect::<Result<Vec<_>, _>>()?;
            let digests = begun.iter().map(|begun| begun.digest().to_vec()).collect();
            let signatures = runtime.block_on(signing.activation(digests))?;
            for (begun, signature) in begun.into_iter().zip(&signatures) {
                black_box(signer.finish(&source, begun, signature)?);
            }
            left -= part;
        }
        Ok(())
    });
    let goals = vec![Goal::PeerRatioAtLeast(50.0), Goal::RatioAtMost(4.0)];
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: Some(peer), goals })
}

/// A signer's certificate and chain, as the signing flow holds them.
struct DocumentSigner {
    certificate: Certificate,
    further: Vec<Certificate>,
    /// Room that is kept for a token.
    timestamp_bytes: usize,
}

/// The peer's timestamp authority: a key in memory.
struct TimestampAuthority {
    key: PKey<Private>,
    certificate: Certificate,
    further: [Certificate; 1],
}

impl TimestampAuthority {
    fn new(context: &Context) -> Result<Self, String> {
        let parse =
            |name: &str| Certificate::from_der(&context.fixtures.certificate(name)?).map_err(|error| error.to_string());
        let key = context.fixtures.key("timestamp")?;
        Ok(Self { key, certificate: parse("timestamp")?, further: [parse("issuing")?] })
    }

    fn token(&self, signature: &[u8]) -> Result<Vec<u8>, String> {
        const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4.1");
        let request = TimestampRequest::to_der(&crypto::sha256(signature), &rand::random::<[u8; 8]>());
        let request = TimestampRequest::parse(&request).map_err(|failure| failure.to_string())?;
        let scheme = SignatureScheme::RsaPkcs1Sha256;
        let serial = Serial::from_random(rand::random());
        let to_make = TokenToMake::new(&request, &self.certificate, scheme, POLICY, &serial, now());
        let to_make = to_make.map_err(|failure| failure.to_string())?;
        let signature = raw::sign_digest(&self.key, to_make.digest_to_sign())?;
        granted(&to_make.assemble(&signature, &self.further)).map_err(|error| error.to_string())
    }
}

/// A document between the two steps.
struct Begun {
    prepared: Prepared,
    attributes: SignatureToMake,
}

impl Begun {
    fn digest(&self) -> &[u8] {
        self.attributes.digest_to_sign()
    }
}

impl DocumentSigner {
    fn new(context: &Context, certificate: &[u8]) -> Result<Self, String> {
        let parse = |der: &[u8]| Certificate::from_der(der).map_err(|error| error.to_string());
        Ok(Self {
            certificate: parse(certificate)?,
            further: vec![parse(&context.fixtures.certificate("issuing")?)?],
            timestamp_bytes: 0,
        })
    }

    fn begin(&self, source: &[u8]) -> Result<Begun, String> {
        let reserved = longest(&self.certificate, &self.further, self.timestamp_bytes);
        let prepared = prepare(source, &SignatureOptions::new(now(), reserved)).map_err(|error| error.to_string())?;
        let digest = prepared.digest(source);
        let attributes = SignatureToMake::detached(SignatureScheme::EcdsaSha256, &digest, &self.certificate)
            .map_err(|error| error.to_string())?;
        Ok(Begun { prepared, attributes })
    }

    fn finish(&self, source: &[u8], begun: Begun, signature: &[u8]) -> Result<Vec<u8>, String> {
        let cms = begun.attributes.assemble_unverified(signature, Some(&self.further));
        let update = begun.prepared.finish(&cms).map_err(|error| error.to_string())?;
        Ok([source, &update].concat())
    }
}

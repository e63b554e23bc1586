//! Signing PDF files at B-B, invisible, beside pyHanko doing the same on the same file with the same key, in memory on both
//! sides: source in, whole signed file out. The verification that the service makes afterwards is not in these rows.

use super::{Context, raw};
use crate::harness::{Batch, Goal, Local, Row, Unit};
use crate::peer::PeerTask;
use crate::signing::{HASHES_AN_ACTIVATION, Signing, now};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use chuky_pki::certificate::Certificate;
use chuky_pki::cms::build::{SignatureToMake, longest};
use chuky_pki::pdf::write::{Prepared, SignatureOptions, prepare};
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
        Ok(Self { certificate: parse(certificate)?, further: vec![parse(&context.fixtures.certificate("issuing")?)?] })
    }

    fn begin(&self, source: &[u8]) -> Result<Begun, String> {
        let reserved = longest(&self.certificate, &self.further, 0);
        let prepared = prepare(source, &SignatureOptions::new(now(), reserved)).map_err(|error| error.to_string())?;
        let digest = prepared.digest(source);
        let attributes = SignatureToMake::detached(SignatureScheme::EcdsaSha256, &digest, &self.certificate)
            .map_err(|error| error.to_string())?;
        Ok(Begun { prepared, attributes })
    }

    fn finish(&self, source: &[u8], begun: Begun, signature: &[u8]) -> Result<Vec<u8>, String> {
        let cms = begun.attributes.assemble(signature, &self.further).map_err(|error| error.to_string())?;
        let update = begun.prepared.finish(&cms).map_err(|error| error.to_string())?;
        Ok([source, &update].concat())
    }
}

//! A citizen's certificate from a certificate request, without the store: request checked, intent made and written down, built,
//! linted, signed, verified, parsed back and compared. Beside pyca with a key in memory, and beside raw signing by the HSM.

use super::{Context, raw};
use crate::harness::{Batch, Goal, Local, Row, Unit};
use crate::peer::PeerTask;
use crate::signing::now;
use crate::token::Token;
use chuky_hsm::{Hsm, Supervised, TokenKind};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::crypto::PublicKey;
use chuky_pki::csr::VerifiedRequest;
use chuky_pki::issue::{CertificateIntent, Publication, compare};
use chuky_pki::lint::lint;
use chuky_pki::name::{DistinguishedName, NameAttribute};
use chuky_pki::profile::Profile;
use chuky_pki::signed::ToBeSigned;
use openssl::pkey::{PKey, Private};
use std::hint::black_box;
use std::sync::Arc;

const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;
/// The issuing CA's key on the token.
const LABEL: &str = "bench-issuing";
const DAY: i64 = 86_400;
/// Certificates that are issued at once.
const CALLERS: u32 = 16;

pub fn in_memory(context: &mut Context) -> Result<Row, String> {
    let key = context.fixtures.key("issuing")?;
    let spki = key.public_key_to_der().map_err(|error| error.to_string())?;
    let authority = Authority::new(context, &spki)?;
    let signing = key.clone();
    let ours = Local::new("pki::issue", move || {
        let issued = authority.begin().and_then(|begun| {
            let signature = raw::sign_digest(&signing, &begun.to_be_signed.digest())?;
            authority.finish(&begun, &signature)
        });
        assert!(black_box(issued).is_ok(), "a certificate is issued");
    });
    let limit = raw::sign("OpenSSL sign", &key)?;
    let peer = PeerTask::new(&context.peer()?, "issue", "subscriber.csr");
    let goals = vec![Goal::PeerRatioAtLeast(1.0 / 0.7)];
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: Some(peer), goals })
}

pub fn hsm(context: &mut Context) -> Result<Row, String> {
    let token = Token::prepare("chuky-bench-authority", TokenKind::Authority)?;
    let hsm = context.supervise(&token)?;
    let runtime = context.runtime()?;
    let made = runtime.block_on((&*hsm as &dyn Hsm).generate_service_key(LABEL, KeyAlgorithm::P256));
    let spki = made.map_err(|error| error.to_string())?;
    let authority = Arc::new(Authority::new(context, &spki)?);
    let limit = token.raw(KeyAlgorithm::P256)?;
    let ours = Batch::new("through the workers", hsm.worker_processes(), move |count| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..CALLERS)
                .map(|_| {
                    tokio::spawn(issue_many(
                        Arc::<Supervised>::clone(&hsm),
                        Arc::clone(&authority),
                        count.div_ceil(CALLERS),
                    ))
                })
                .collect();
            for task in tasks {
                task.await.map_err(|error| error.to_string())??;
            }
            Ok(())
        })
    });
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(0.5)] })
}

async fn issue_many(hsm: Arc<dyn Hsm>, authority: Arc<Authority>, count: u32) -> Result<(), String> {
    for _ in 0..count {
        let begun = authority.begin()?;
        let key = ("bench-issuing", authority.certificate.spki_der());
        let digest = begun.to_be_signed.digest();
        let signature = hsm.sign_as(key, SCHEME, &digest).await.map_err(|error| error.to_string())?;
        black_box(authority.finish(&begun, &signature)?);
    }
    Ok(())
}

/// An issuing CA and what it is asked for.
struct Authority {
    certificate: Certificate,
    request: Vec<u8>,
}

struct Begun {
    intent: CertificateIntent,
    spki: Vec<u8>,
    to_be_signed: ToBeSigned,
}

impl Authority {
    /// A hierarchy of this row's own: a root in memory, the issuing CA for the key given.
    fn new(context: &Context, spki: &[u8]) -> Result<Self, String> {
        let root_key = context.fixtures.key("root")?;
        let root_spki = root_key.public_key_to_der().map_err(|error| error.to_string())?;
        let from = now().plus_seconds(-DAY);
        let root_until = from.plus_seconds(4000 * DAY);
        let until = from.plus_seconds(1500 * DAY);
        let intent = CertificateIntent::self_signed(
            profile("root")?,
            SCHEME,
            serial(),
            &service_name("Chuky TEST Root"),
            (from, root_until),
        );
        let root = issue_in_memory(&intent.map_err(text)?, &root_spki, &root_key)?;
        let intent = CertificateIntent::new(
            profile("issuing")?,
            &root,
            SCHEME,
            serial(),
            &service_name("Chuky TEST Issuing"),
            (from, until),
            publication(),
        );
        let certificate = issue_in_memory(&intent.map_err(text)?, spki, &root_key)?;
        Ok(Self { certificate, request: context.fixtures.read("subscriber.csr")? })
    }

    /// Request, intent, bytes to sign, lint.
    fn begin(&self) -> Result<Begun, String> {
        let request = VerifiedRequest::parse(&self.request).map_err(text)?;
        let subject = DistinguishedName::default()
            .with(NameAttribute::Country, "VN")
            .with(NameAttribute::StateOrProvince, "Hà Nội")
            .with(NameAttribute::Surname, "Nguyễn")
            .with(NameAttribute::GivenName, "Thị Hồng Ưởng")
            .with(NameAttribute::CommonName, "Nguyễn Thị Hồng Ưởng")
            .with(NameAttribute::SerialNumber, "PNOVN-001190012345")
            .with(NameAttribute::UserId, "CCCD:001190012345");
        let from = now();
        let validity: (Instant, Instant) = (from, from.plus_seconds(365 * DAY));
        let intent = CertificateIntent::new(
            profile("citizen")?,
            &self.certificate,
            SCHEME,
            serial(),
            &subject,
            validity,
            publication(),
        )
        .map_err(text)?;
        black_box(intent.to_canonical_bytes().map_err(text)?);
        let to_be_signed = intent.to_be_signed(&request.spki).map_err(text)?;
        let findings = lint(&to_be_signed, &intent.profile);
        if findings.is_empty() {
            Ok(Begun { intent, spki: request.spki, to_be_signed })
        } else {
            Err(format!("{findings:?}"))
        }
    }

    /// Signature verified, certificate parsed back and compared.
    fn finish(&self, begun: &Begun, signature: &[u8]) -> Result<Certificate, String> {
        let der = begun.to_be_signed.assemble_judged(signature);
        let certificate = Certificate::from_der(&der).map_err(text)?;
        compare(&certificate, &begun.to_be_signed, &begun.intent, &begun.spki).map_err(text)?;
        Ok(certificate)
    }
}

fn issue_in_memory(intent: &CertificateIntent, spki: &[u8], key: &PKey<Private>) -> Result<Certificate, String> {
    let to_be_signed = intent.to_be_signed(spki).map_err(text)?;
    let issuer = PublicKey::from_spki_der(&key.public_key_to_der().map_err(text)?).map_err(text)?;
    let signature = raw::sign_digest(key, &to_be_signed.digest())?;
    Certificate::from_der(&to_be_signed.assemble(&signature, &issuer).map_err(text)?).map_err(text)
}

fn profile(name: &str) -> Result<Profile, String> {
    Profile::built_in(name).map_err(text)
}

fn serial() -> Serial {
    Serial::from_random(rand::random())
}

fn service_name(common_name: &str) -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::Organization, "Chuky TEST")
        .with(NameAttribute::CommonName, common_name)
}

fn publication() -> Publication {
    Publication {
        ocsp: Some("http://chuky.example/ocsp".to_owned()),
        ca_issuers: Some("http://chuky.example/ca/citizens.cer".to_owned()),
        crl: Some("http://chuky.example/crl/citizens.crl".to_owned()),
        practice_statement: Some("http://chuky.example/cps".to_owned()),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

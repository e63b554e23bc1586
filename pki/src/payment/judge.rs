//! The numbered checks of one payment. Reading, examining and concluding are three calls, because between them a flow may have to fetch
//! the certificate that a message only names, and the certificate's status. What passed everything has a type of its own.

use super::{
    answer::{Findings, Judgement},
    detached::Fields,
    message::{self, Claim, Found, Presented},
    order::{self, OrderPolicy, Refusal},
    reason::Reason,
    signer::{Known, Memory, Signer, Trust},
};
use crate::{
    algorithm::DigestAlgorithm,
    certificate::Certificate,
    crl, crypto,
    error::Error,
    jose::SignerReference,
    pem,
    revocation::{self, Evidence, Revocation},
    verify::{Fetched, Gap},
};
use chuky_model::{instant::Instant, payment::PaymentOrder};
use std::sync::Arc;

/// Judges payments against one set of anchors and one policy; makes itself faster by remembering good signers.
#[derive(Debug, Default)]
pub struct Verifier {
    trust: Trust,
    policy: OrderPolicy,
    memory: Memory,
}

/// A certificate's revocation status, as the flow established it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Good,
    Revoked {
        at: Instant,
    },
    Suspended {
        at: Instant,
    },
    /// Why it could not be established.
    Unknown(String),
}

/// What examining found; revocation and identity are still open.
#[derive(Debug)]
pub struct Examined {
    findings: Findings,
    signer: Option<Arc<Signer>>,
    order: Option<VerifiedOrder>,
    evidence: Evidence,
    at: Instant,
}

/// An order whose signature, certificate path and payer were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedOrder {
    pub order: PaymentOrder,
    /// SHA-256 of the canonical form.
    pub digest: [u8; 32],
    /// What the identity is a keyed hash of; holds the verified payer, so never a key by itself.
    pub identity_content: Vec<u8>,
}

impl Verifier {
    /// A verifier with nothing remembered. New trust or policy needs a new verifier.
    pub fn new(trust: Trust, policy: OrderPolicy) -> Self {
        Self { trust, policy, memory: Memory::default() }
    }

    /// Takes a message apart, in whichever form it is.
    pub fn read<'a>(&self, body: &'a [u8], now: Instant) -> Presented<'a> {
        Presented(message::read(body, &self.policy.layouts, &|key| self.memory.recall(key, now)))
    }

    /// Takes a signature apart that stands beside its content.
    pub fn read_fields(&self, fields: Fields, now: Instant) -> Presented<'static> {
        let recall = |key: &str| self.memory.recall(key, now);
        Presented(
            fields
                .into_detached()
                .and_then(|detached| message::read_detached(&detached, &self.policy.layouts, &recall)),
        )
    }

    /// Makes every check but revocation and identity, at that time. `named` is the certificate that [`Presented::wanted`] asked for.
    pub fn examine(&self, presented: &Presented<'_>, named: Option<&Certificate>, at: Instant) -> Examined {
        let mut examined =
            Examined { findings: Findings::default(), signer: None, order: None, evidence: Evidence::default(), at };
        let findings = &mut examined.findings;
        let parts = match &presented.0 {
            Ok(parts) => parts,
            Err(refusal) => {
                findings.refuse(refusal.clone());
                return examined;
            }
        };
        findings.passed("format");

        // 1. Whose key?
        let known = match &parts.signer {
            Found::Remembered(known) => Ok(known.clone()),
            Found::Claimed(claim) => self.establish(claim, named, at),
        };
        let known = match known {
            Ok(known) => known,
            Err(refusal) => {
                findings.refuse(refusal);
                return examined;
            }
        };
        findings.passed("certificate");

        // 2. Did that key sign these bytes? Where not, nothing in them is anybody's statement, and nothing more is read.
        let (value, content) = parts.body.proves(&known);
        if !findings.record("signature_value", value) || !findings.record("signed_content", content) {
            return examined;
        }

        // 3. May the key sign payments, and who vouches for it?
        let signer = known.signer.clone();
        let usable = findings.record("key_usage", signer.usage.clone());
        let path = findings.record("certificate_path", signer.path.as_ref().map(|_| ()).map_err(Clone::clone));
        findings.record("certificate_validity", validity(&signer.certificate, at));
        let payload_encoded = known.payload_encoded;
        if path
            && usable
            && matches!(parts.signer, Found::Claimed(_))
            && let Some(key) = parts.memory_key()
        {
            self.memory.remember(&key, known);
        }

        // 4. What was signed?
        match parts.body.order(payload_encoded) {
            Err(refusal) => findings.refuse(refusal),
            Ok(order) => {
                let verified = self.order(order, &signer, at, findings);
                examined.order = verified.filter(|_| path && usable);
            }
        }
        examined.evidence = parts.body.evidence();
        examined.signer = Some(signer);
        examined
    }

    /// The signer that a message claims, established from the message or from the certificate given.
    fn establish(&self, claim: &Claim, named: Option<&Certificate>, at: Instant) -> Result<Known, Refusal> {
        let malformed = |error: Error| (Reason::CertificateMalformed, error.to_string());
        let mut sent = match &claim.signer {
            SignerReference::Chain(chain) => {
                chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>().map_err(malformed)?
            }
            SignerReference::Nothing => {
                return Err((Reason::CertificateMissing, "no certificate is sent, and none is named".to_owned()));
            }
            SignerReference::KeyIdentifier(_) | SignerReference::Thumbprint(_) => named.into_iter().cloned().collect(),
        };
        let stated = |certificate: &Certificate| {
            claim.digests.iter().any(|(algorithm, digest)| match *algorithm {
                DigestAlgorithm::Sha256 => digest == certificate.fingerprint(),
                other => *digest == crypto::digest(other, certificate.der()),
            })
        };
        if !claim.signer_first {
            // XMLDSig §4.5.4 orders nothing: the signer is the one that is named, or the one that issued none of the others.
            let issued =
                |one: &Certificate| sent.iter().any(|other| other != one && other.issuer().matches(one.subject()));
            let own = sent.iter().position(stated).or_else(|| sent.iter().position(|one| !issued(one)));
            sent.swap(0, own.unwrap_or_default());
        }
        let Some((certificate, above)) = sent.split_first() else {
            return Err((Reason::CertificateUnknown, "no certificate of that serial number or thumbprint".to_owned()));
        };
        // RFC 7515 §4.1.8, EN 319 132-1 §5.2.2: the thumbprint is that of the certificate whose key signed.
        if !claim.digests.is_empty() && !stated(certificate) {
            return Err((Reason::CertificateMismatch, "the digest is another certificate's".to_owned()));
        }
        let signer = Arc::new(Signer::establish(certificate, above, (&self.trust, &self.policy), at)?);
        Ok(Known { algorithm: claim.algorithm, payload_encoded: claim.payload_encoded, signer })
    }

    /// Checks the order's own content and its payer.
    fn order(
        &self,
        order: PaymentOrder,
        signer: &Signer,
        at: Instant,
        findings: &mut Findings,
    ) -> Option<VerifiedOrder> {
        findings.passed("order");
        let sane = [
            findings.record(
                "amount",
                order::amount(&order, &self.policy).and_then(|()| order::within(signer.limit.as_ref(), &order)),
            ),
            findings.record("currency", order::currency(&order)),
        ];
        findings.record("freshness", order::freshness(&order, &self.policy, at));
        let Some(payer) = signer.verified_payer(&order.payer) else {
            findings.refuse((
                Reason::PayerMismatch,
                "payer is no UID, serial or sha256 of the signer's certificate".to_owned(),
            ));
            return None;
        };
        findings.passed("payer");
        let digest = order::canonical_digest(&order)?;
        let identity_content = order::identity_content(&payer, &order);
        sane.iter().all(|passed| *passed).then_some(VerifiedOrder { order, digest, identity_content })
    }
}

impl Examined {
    /// The certificate whose status is asked for; `None` where the verdict does not depend on it any more.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.signer.as_ref().filter(|signer| signer.path.is_ok()).map(|signer| &signer.certificate)
    }

    /// The verified path, from the signer's certificate to the anchor; empty where there is none.
    pub fn path(&self) -> &[Certificate] {
        match self.signer.as_ref().map(|signer| &signer.path) {
            Some(Ok(chain)) => chain.path.certificates(),
            _ => &[],
        }
    }

    /// The status by the lists and answers that came with the message, for a certificate of whose issuer the flow knows nothing. Every certificate of
    /// the path must be good by them.
    pub fn embedded_status(&self) -> Status {
        let Some(Ok(chain)) = self.signer.as_ref().map(|signer| &signer.path) else {
            return Status::Unknown("there is no verified path".to_owned());
        };
        let mut status = Status::Good;
        for (_, revocation) in revocation::judge_path(&chain.path, &self.evidence, self.at) {
            match revocation {
                Revocation::Revoked { at, reason: crl::Reason::CertificateHold } => return Status::Suspended { at },
                Revocation::Revoked { at, .. } => return Status::Revoked { at },
                Revocation::Unknown(why) => status = Status::Unknown(why),
                Revocation::Good { .. } => {}
            }
        }
        status
    }

    /// What others publish about certificates of the path whose status nothing that came with the message tells.
    pub fn missing_status(&self) -> Vec<Gap> {
        let Some(Ok(chain)) = self.signer.as_ref().map(|signer| &signer.path) else { return Vec::new() };
        let certificates = chain.path.certificates();
        let pairs = certificates.iter().zip(certificates.iter().skip(1));
        let open = pairs.filter(|(certificate, issuer)| {
            matches!(revocation::judge(certificate, issuer, &self.evidence, self.at), Revocation::Unknown(_))
        });
        open.filter_map(|(certificate, issuer)| Gap::status(certificate, issuer)).collect()
    }

    /// Takes up what was fetched beside what came with the message. What cannot be read proves nothing.
    pub fn take_up(&mut self, fetched: Vec<Fetched>) {
        let (mut lists, mut answers) = (Vec::new(), Vec::new());
        for one in fetched {
            match one {
                Fetched::List(bytes) => lists.push(pem::der_or_first_block(&bytes, "X509 CRL").unwrap_or(bytes)),
                Fetched::Answer(bytes) => answers.push(bytes),
                Fetched::Issuer(_) => {}
            }
        }
        let read = Evidence::read(&lists, &answers);
        self.evidence.crls = self.evidence.crls.iter().chain(read.crls.iter()).cloned().collect();
        let known = self.evidence.ocsp_responses.iter().chain(read.ocsp_responses.iter());
        self.evidence.ocsp_responses = known.cloned().collect();
    }

    /// Adds the revocation status. A revocation or suspension later than the time of judging does not count.
    pub fn conclude(mut self, status: Status) -> Judgement {
        let at = self.at;
        if self.certificate().is_some() {
            let outcome = match status {
                Status::Revoked { at: since } if since <= at => {
                    Err((Reason::CertificateRevoked, format!("revoked {}", since.rfc3339())))
                }
                Status::Suspended { at: since } if since <= at => {
                    Err((Reason::CertificateSuspended, format!("suspended since {}", since.rfc3339())))
                }
                Status::Unknown(why) => Err((Reason::StatusUnknown, why)),
                Status::Good | Status::Revoked { .. } | Status::Suspended { .. } => Ok(()),
            };
            self.findings.record("revocation", outcome);
        }
        let trusted = self.certificate().is_some();
        let payer = self.signer.as_ref().filter(|_| trusted).map(|signer| signer.payer());
        Judgement { findings: self.findings, payer, order: self.order }
    }
}

fn validity(certificate: &Certificate, at: Instant) -> Result<(), Refusal> {
    if at < certificate.not_before() {
        Err((Reason::CertificateNotYetValid, format!("valid from {}", certificate.not_before().rfc3339())))
    } else if !certificate.is_valid_at(at) {
        Err((Reason::CertificateExpired, format!("valid until {}", certificate.not_after().rfc3339())))
    } else {
        Ok(())
    }
}

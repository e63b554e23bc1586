//! The numbered checks of one payment. Reading, examining and concluding are three calls, because between them a flow may have to fetch
//! the certificate that a message only names, and the certificate's status. What passed everything has a type of its own.

use super::{
    order::{self, OrderPolicy, Refusal},
    reason::{CHECKS, Reason},
    signer::{Known, Memory, Signer, Trust},
};
use crate::{
    algorithm::{DigestAlgorithm, SignatureAlgorithm},
    certificate::Certificate,
    crypto::Hasher,
    error::Error,
    jose::{JoseError, Jws, ProtectedHeader, SignerReference, json::JsonError},
};
use chuky_model::{
    instant::Instant,
    payment::{Payer, PaymentAnswer, PaymentOrder, PaymentVerdict, Seen},
    report::Check,
    serial::Serial,
    text::Bilingual,
};
use std::sync::Arc;

/// Judges payments against one set of anchors and one policy; makes itself faster by remembering good signers.
#[derive(Debug, Default)]
pub struct Verifier {
    trust: Trust,
    policy: OrderPolicy,
    memory: Memory,
}

/// A message taken apart; nothing in it is verified.
#[derive(Debug)]
pub struct Presented<'a>(Result<Parts<'a>, Refusal>);

#[derive(Debug)]
struct Parts<'a> {
    jws: Jws<'a>,
    signer: Found,
}

#[derive(Debug)]
enum Found {
    Remembered(Known),
    Read(ProtectedHeader),
}

/// The certificate that a message names without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Serial(Serial),
    Fingerprint([u8; 32]),
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

/// A judged payment, before its identity is consumed.
#[derive(Clone, Debug)]
pub struct Judgement {
    findings: Findings,
    payer: Option<Payer>,
    order: Option<VerifiedOrder>,
}

/// What became of the payment's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumption {
    First,
    Repeated,
    Conflict,
    /// The same order was consumed by another provider.
    OtherProvider,
    /// The caller does not consume, and this was stored before: nothing, the same order, or another one.
    Looked {
        seen: bool,
        same_order: bool,
    },
    /// Not reached, because another check did not pass.
    NotReached,
    /// Storage could not be asked or did not answer.
    NotRecorded,
    /// The provider that asks may not consume it.
    Refused(Reason),
}

#[derive(Clone, Debug, Default)]
struct Findings {
    checks: Vec<Check>,
    reasons: Vec<Reason>,
}

impl Findings {
    fn passed(&mut self, name: &'static str) {
        self.checks.push(Check::passed(name));
    }

    fn refuse(&mut self, (reason, detail): Refusal) {
        let check = match reason.verdict() {
            PaymentVerdict::Indeterminate => Check::not_done(reason.check(), detail),
            _ => Check::failed(reason.check(), detail),
        };
        self.checks.push(check);
        self.reasons.push(reason);
    }

    /// Records the outcome of one check; whether it passed.
    fn record(&mut self, name: &'static str, outcome: Result<(), Refusal>) -> bool {
        match outcome {
            Ok(()) => {
                self.passed(name);
                true
            }
            Err(refusal) => {
                self.refuse(refusal);
                false
            }
        }
    }

    fn verdict(&self) -> PaymentVerdict {
        let worst = |verdict| self.reasons.iter().any(|reason| reason.verdict() == verdict);
        if worst(PaymentVerdict::Rejected) {
            PaymentVerdict::Rejected
        } else if worst(PaymentVerdict::Indeterminate) {
            PaymentVerdict::Indeterminate
        } else {
            PaymentVerdict::Accepted
        }
    }
}

impl Verifier {
    /// A verifier with nothing remembered. New trust or policy needs a new verifier.
    pub fn new(trust: Trust, policy: OrderPolicy) -> Self {
        Self { trust, policy, memory: Memory::default() }
    }

    /// Takes a message apart.
    pub fn read<'a>(&self, body: &'a [u8], now: Instant) -> Presented<'a> {
        let parts = Jws::parse(body).and_then(|jws| {
            let signer = match self.memory.recall(&jws.protected, now) {
                Some(known) => Found::Remembered(known),
                None => Found::Read(jws.header()?),
            };
            Ok(Parts { jws, signer })
        });
        Presented(parts.map_err(refusal_of))
    }

    /// Makes every check but revocation and identity, at that time. `named` is the certificate that [`Presented::wanted`] asked for.
    pub fn examine(&self, presented: &Presented<'_>, named: Option<&Certificate>, at: Instant) -> Examined {
        let mut examined = Examined { findings: Findings::default(), signer: None, order: None, at };
        let findings = &mut examined.findings;
        let Presented(Ok(parts)) = presented else {
            if let Presented(Err(refusal)) = presented {
                findings.refuse(refusal.clone());
            }
            return examined;
        };
        findings.passed("format");

        // 1. Whose key?
        let known = match &parts.signer {
            Found::Remembered(known) => Ok(known.clone()),
            Found::Read(header) => self.establish(header, named, at),
        };
        let Known { algorithm, payload_encoded, signer } = match known {
            Ok(known) => known,
            Err(refusal) => {
                findings.refuse(refusal);
                return examined;
            }
        };
        findings.passed("certificate");

        // 2. Did that key sign these bytes? Where not, nothing in them is anybody's statement, and nothing more is read.
        if !findings.record("signature_value", signature(&parts.jws, algorithm.scheme().into(), &signer)) {
            return examined;
        }

        // 3. May the key sign payments, and who vouches for it?
        let usable = findings.record("key_usage", signer.usage.clone());
        let path = findings.record("certificate_path", signer.path.clone().map(|_| ()));
        findings.record("certificate_validity", validity(&signer.certificate, at));
        if path && usable && matches!(parts.signer, Found::Read(_)) {
            self.memory.remember(&parts.jws.protected, Known { algorithm, payload_encoded, signer: signer.clone() });
        }

        // 4. What was signed?
        let read = parts.jws.payload(payload_encoded).map_err(refusal_of).and_then(|payload| order::read(&payload));
        match read {
            Err(refusal) => findings.refuse(refusal),
            Ok(order) => {
                let verified = self.order(order, &signer, at, findings);
                examined.order = verified.filter(|_| path && usable);
            }
        }
        examined.signer = Some(signer);
        examined
    }

    /// The signer that a header names, established from the message or from the certificate given.
    fn establish(&self, header: &ProtectedHeader, named: Option<&Certificate>, at: Instant) -> Result<Known, Refusal> {
        let malformed = |error: Error| (Reason::CertificateMalformed, error.to_string());
        let sent = match &header.signer {
            SignerReference::Chain(chain) => {
                chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>().map_err(malformed)?
            }
            SignerReference::Nothing => {
                return Err((Reason::CertificateMissing, "the header has neither x5c nor kid nor x5t#S256".to_owned()));
            }
            SignerReference::KeyIdentifier(_) | SignerReference::Thumbprint(_) => named.into_iter().cloned().collect(),
        };
        let Some((certificate, above)) = sent.split_first() else {
            return Err((Reason::CertificateUnknown, "no certificate of that serial number or thumbprint".to_owned()));
        };
        // RFC 7515 §4.1.8: the thumbprint is that of the certificate whose key signed.
        if header.thumbprint.is_some_and(|thumbprint| thumbprint != *certificate.fingerprint()) {
            return Err((Reason::CertificateMismatch, "x5t#S256 is another certificate's".to_owned()));
        }
        let signer = Arc::new(Signer::establish(certificate, above, &self.trust, at)?);
        Ok(Known { algorithm: header.algorithm, payload_encoded: header.payload_encoded, signer })
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

impl Presented<'_> {
    /// The certificate that must be fetched before examining, where the message only names one and it is not remembered.
    pub fn wanted(&self) -> Option<Wanted> {
        let Ok(Parts { signer: Found::Read(header), .. }) = &self.0 else { return None };
        match &header.signer {
            SignerReference::KeyIdentifier(named) => {
                named.strip_prefix("serial:").unwrap_or(named).parse().ok().map(Wanted::Serial)
            }
            SignerReference::Thumbprint(thumbprint) => Some(Wanted::Fingerprint(*thumbprint)),
            SignerReference::Chain(_) | SignerReference::Nothing => None,
        }
    }
}

impl Examined {
    /// The certificate whose status is asked for; `None` where the verdict does not depend on it any more.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.signer.as_ref().filter(|signer| signer.path.is_ok()).map(|signer| &signer.certificate)
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

impl Judgement {
    /// The order, where every check so far passed: it may be consumed.
    pub fn consumable(&self) -> Option<&VerifiedOrder> {
        self.order.as_ref().filter(|_| self.findings.verdict() == PaymentVerdict::Accepted)
    }

    /// The order, where nothing but the passing of time speaks against it: it may have been accepted earlier.
    pub fn formerly_consumable(&self) -> Option<&VerifiedOrder> {
        let reasons = &self.findings.reasons;
        self.order.as_ref().filter(|_| !reasons.is_empty() && reasons.iter().all(|reason| reason.is_of_time()))
    }

    /// The order, where signature, path and payer are good, whatever else is not: its identity may be looked up.
    pub fn verified_order(&self) -> Option<&VerifiedOrder> {
        self.order.as_ref()
    }

    /// The answer. The verdict is derived from the checks, the identity's among them.
    pub fn answer(mut self, consumption: Consumption) -> PaymentAnswer {
        let refusal = |reason: Reason| Err((reason, String::new()));
        let (seen, before, outcome) = match consumption {
            Consumption::First => (Seen::First, None, Ok(())),
            Consumption::Repeated => (Seen::Repeated, None, Ok(())),
            Consumption::Conflict => (Seen::Conflict, None, refusal(Reason::Conflict)),
            Consumption::OtherProvider => (Seen::Conflict, None, refusal(Reason::OtherProvider)),
            Consumption::Looked { seen: true, same_order: false } => {
                (Seen::NotConsumed, Some(true), refusal(Reason::Conflict))
            }
            Consumption::Looked { seen, .. } => (Seen::NotConsumed, Some(seen), Ok(())),
            Consumption::NotReached => (Seen::NotConsumed, None, Ok(())),
            Consumption::NotRecorded => (Seen::NotConsumed, None, refusal(Reason::NotRecorded)),
            Consumption::Refused(reason) => (Seen::NotConsumed, None, refusal(reason)),
        };
        if consumption != Consumption::NotReached {
            self.findings.record("identity", outcome);
        }
        let Findings { checks, reasons } = &self.findings;
        let verdict = self.findings.verdict();
        PaymentAnswer {
            verdict,
            seen,
            seen_before: before,
            reasons: reasons.iter().map(|reason| reason.code().to_owned()).collect(),
            message: message(verdict, seen, reasons),
            payer: self.payer,
            checks: complete(checks),
            receipt: None,
        }
    }
}

/// The sentence of the reason that decided, or what acceptance means for this caller.
fn message(verdict: PaymentVerdict, seen: Seen, reasons: &[Reason]) -> Bilingual {
    if let Some(reason) = reasons.iter().find(|reason| reason.verdict() == verdict) {
        return reason.sentence();
    }
    match seen {
        Seen::First => Bilingual::new(
            "Lệnh thanh toán hợp lệ và đã được ghi nhận.",
            "The payment order is valid and has been recorded.",
        ),
        Seen::Repeated => Bilingual::new(
            "Lệnh thanh toán hợp lệ và đã được ghi nhận trước đó; không thanh toán lần nữa.",
            "The payment order is valid and was recorded before; do not pay it again.",
        ),
        Seen::Conflict | Seen::NotConsumed => Bilingual::new(
            "Lệnh thanh toán hợp lệ; lần kiểm tra này không ghi nhận thanh toán.",
            "The payment order is valid; this check did not record the payment.",
        ),
    }
}

/// Every check in its place: those not reached are said to be not done.
fn complete(made: &[Check]) -> Vec<Check> {
    let missing = |name: &str| Check::not_done(name, "not reached, because of an earlier check");
    CHECKS
        .iter()
        .map(|name| made.iter().find(|check| check.name == *name).cloned().unwrap_or_else(|| missing(name)))
        .collect()
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

fn signature(jws: &Jws<'_>, algorithm: SignatureAlgorithm, signer: &Signer) -> Result<(), Refusal> {
    let digest = algorithm.digest().unwrap_or(DigestAlgorithm::Sha256);
    let mut hasher = Hasher::new(digest);
    for piece in jws.signing_input() {
        hasher.update(piece);
    }
    let hash = hasher.finish();
    // RFC 7518 §3.4: r ‖ s, and each algorithm belongs to one curve.
    let outcome = match algorithm {
        SignatureAlgorithm::Ecdsa(digest) if !signer.is_on_curve_of(digest) => Err(Error::AlgorithmDoesNotFitKey),
        SignatureAlgorithm::Ecdsa(_) => signer.key.verify_ecdsa_raw(&hash, &jws.signature),
        _ => signer.key.verify_digest(algorithm, &hash, &jws.signature),
    };
    outcome.map_err(|error| match error {
        Error::AlgorithmDoesNotFitKey => (Reason::AlgorithmDoesNotFitKey, error.to_string()),
        _ => (Reason::SignatureInvalid, error.to_string()),
    })
}

/// Which reason a refused message is.
fn refusal_of(error: JoseError) -> Refusal {
    let reason = match &error {
        JoseError::TooLong(_) => Reason::TooLarge,
        JoseError::Json { source: JsonError::DuplicateMember, .. } => Reason::DuplicateMember,
        JoseError::Json { source: JsonError::TooLarge, .. } => Reason::TooLarge,
        JoseError::UnknownCritical(_) => Reason::UnknownCritical,
        JoseError::Algorithm(_) => Reason::AlgorithmNotAllowed,
        JoseError::EmbeddedKey(_) => Reason::EmbeddedKey,
        _ => Reason::Malformed,
    };
    (reason, error.to_string())
}

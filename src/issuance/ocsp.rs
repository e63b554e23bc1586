//! The OCSP responder (RFC 6960, RFC 5019, RFC 9654): answers signed by the delegated responder of the issuing CA that is asked about.
//! Answers without nonce are kept for a minute, only while nothing changed, and renewed in the background while somebody asks; what
//! is not known to be issued is answered anew each time and never kept.

use super::{
    Authority, CertifiedKey,
    authority::internal,
    certify,
    limits::{MOST_ANSWERS_KEPT, MOST_ANSWERS_RENEWED, OCSP_ANSWER_RENEWED, OCSP_ANSWER_SECONDS},
    register::{self, Told},
    revocation_list, status,
};
use crate::{
    app::App,
    error::{Error, InternalError, Result},
};
use chuky_model::{
    instant::Instant,
    record::state::{AuthorityState, KeyPurpose},
    serial::Serial,
};
use chuky_pki::{
    certificate::Certificate,
    crypto::sha256,
    ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, OcspRequest, OcspResponse, Refusal, Status},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// An answer on its way to whoever asked.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `OCSPResponse`, DER.
    pub response: Arc<[u8]>,
    /// Where caches may keep it; `None` for refusals, answers with a nonce, and what is unknown.
    pub validators: Option<Validators>,
}

/// What HTTP caches go by (RFC 5019 §6.2).
#[derive(Clone, Debug)]
pub struct Validators {
    /// Without quotes.
    pub etag: Arc<str>,
    pub made: Instant,
}

/// Answers without nonce that were made, by the `CertID` they answer.
#[derive(Default)]
pub struct Answers(RwLock<HashMap<Vec<u8>, Arc<Kept>>>);

struct Kept {
    answer: Answer,
    made: Instant,
    status: Status,
    issuer_label: String,
    serial: Serial,
    /// The register's word when it was made: an answer is good while that is the same.
    told: Option<Told>,
    /// What it had learned of the authority's own certificates then, among which is the responder's.
    learned: u64,
    asked: AtomicBool,
}

/// The answer to an OCSP request; a refusal is an answer too.
pub async fn answer(app: &App, request: &[u8]) -> Answer {
    let refusal = |refusal: Refusal| Answer { response: refusal.to_der().into(), validators: None };
    let Ok(request) = OcspRequest::parse(request) else { return refusal(Refusal::MalformedRequest) };
    match answer_to(app, &request).await {
        Ok(Some(answer)) => answer,
        // RFC 5019 §2.2.3: a responder that knows nothing of the issuer says unauthorized.
        Ok(None) => refusal(Refusal::Unauthorized),
        Err(error) => {
            tracing::error!(event = "ocsp_failed", error = %error);
            let passing = matches!(&error, Error::Internal(error) if error.is_passing());
            refusal(if passing { Refusal::TryLater } else { Refusal::InternalError })
        }
    }
}

/// An OCSP answer about one certificate of an issuing CA, as it is embedded with a signature: without nonce. An error of the world
/// where no issuing CA of this authority made the certificate.
pub async fn response_about(app: &App, certificate: &Certificate) -> Result<Vec<u8>> {
    let authority = Authority::of(app).await?;
    let issuer = authority.signer_of(certificate).filter(|key| key.purpose == KeyPurpose::Issuing);
    let issuer = issuer.ok_or_else(|| InternalError::other("status of a certificate that was not issued here"))?;
    if issuer.state == AuthorityState::Ended {
        let kept = app.store.archived_answer(&issuer.label, certificate.serial_octets()).await?;
        return Ok(kept.ok_or_else(|| InternalError::other("no answer was archived about a certificate"))?);
    }
    let identifier = CertificateIdentifier::new(&issuer.certificate, certificate.serial_octets());
    register::follow(app).await?;
    let (response, _, _) = signed(app, &authority, issuer, (&[identifier], None), None).await?;
    Ok(response)
}

/// Makes kept answers anew before they end where somebody asked for them, and forgets the others. Bounded: what is left over is made
/// when it is asked for.
pub async fn renew(app: &App) -> Result<()> {
    if app.answers.0.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
        return Ok(());
    }
    register::follow(app).await?;
    let authority = Authority::of(app).await?;
    let now = app.clock.now();
    let age = |kept: &Kept| now.0.saturating_sub(kept.made.0) / 1_000_000;
    let mut due = Vec::new();
    app.answers.0.write().unwrap_or_else(PoisonError::into_inner).retain(|identifier, kept| {
        let is_due = age(kept) >= OCSP_ANSWER_RENEWED;
        let asked = is_due && kept.asked.swap(false, Ordering::Relaxed);
        if asked && due.len() < MOST_ANSWERS_RENEWED {
            due.push(identifier.clone());
        }
        asked || age(kept) < OCSP_ANSWER_SECONDS
    });
    for identifier in due {
        let Ok(identifier) = CertificateIdentifier::from_der(&identifier) else { continue };
        let Some(issuer) = issuer_of(&authority, std::slice::from_ref(&identifier)) else { continue };
        // A CA that cannot answer keeps no other's answers from being made.
        if let Err(error) = made(app, &authority, issuer, &identifier).await {
            tracing::error!(event = "ocsp_answer_not_renewed", issuer = issuer.label, error = %error);
        }
    }
    Ok(())
}

async fn answer_to(app: &App, request: &OcspRequest) -> Result<Option<Answer>> {
    register::follow(app).await?;
    let alone = match (request.certificates.as_slice(), &request.nonce) {
        ([identifier], None) => Some(identifier),
        _ => None,
    };
    if let Some(kept) = alone.and_then(|identifier| app.answers.current(app, identifier))
        && app.clock.now() < kept.made.plus_seconds(OCSP_ANSWER_SECONDS)
        && app.clock.now() >= kept.made
    {
        kept.asked.store(true, Ordering::Relaxed);
        return Ok(Some(kept.answer.clone()));
    }
    let authority = Authority::of(app).await?;
    let Some(issuer) = issuer_of(&authority, &request.certificates) else { return Ok(None) };
    if issuer.state == AuthorityState::Ended {
        return archived(app, issuer, &request.certificates).await;
    }
    if let Some(identifier) = alone {
        return made(app, &authority, issuer, identifier).await.map(Some);
    }
    let (response, _, _) =
        signed(app, &authority, issuer, (&request.certificates, request.nonce.as_deref()), None).await?;
    Ok(Some(Answer { response: response.into(), validators: None }))
}

/// The last answer about a certificate of a CA that ends, by both kinds of `CertID` and good for ever (ETSI EN 319 411-1 §6.3.10).
pub(super) async fn last_answer(
    app: &App,
    authority: &Authority,
    issuer: &CertifiedKey,
    serial: &[u8],
) -> Result<Vec<u8>> {
    register::follow(app).await?;
    let both = [
        CertificateIdentifier::new(&issuer.certificate, serial),
        CertificateIdentifier::with_sha256(&issuer.certificate, serial),
    ];
    let (response, _, _) = signed(app, authority, issuer, (&both, None), Some(revocation_list::FOR_EVER)).await?;
    Ok(response)
}

/// What was archived about one certificate; refused where nothing was, or where several are asked about, whose answers stand apart.
async fn archived(app: &App, issuer: &CertifiedKey, asked: &[CertificateIdentifier]) -> Result<Option<Answer>> {
    let [identifier] = asked else { return Ok(None) };
    let kept = app.store.archived_answer(&issuer.label, &identifier.serial).await?;
    Ok(kept.map(|response| Answer { response: response.into(), validators: None }))
}

/// The newest issuing CA that is asked about.
fn issuer_of<'a>(authority: &'a Authority, asked: &[CertificateIdentifier]) -> Option<&'a CertifiedKey> {
    let mut issuing = authority.keys().iter().rev().filter(|key| key.purpose == KeyPurpose::Issuing);
    issuing.find(|key| asked.iter().any(|one| one.names_issuer(&key.certificate)))
}

/// A fresh answer about one certificate, kept where its status is known.
async fn made(
    app: &App,
    authority: &Authority,
    issuer: &CertifiedKey,
    identifier: &CertificateIdentifier,
) -> Result<Answer> {
    let serial = Serial::from_octets(&identifier.serial).ok();
    // Before the status is read: a change in between makes the answer one that is not kept in use.
    let told = serial.as_ref().and_then(|serial| app.register.told(&issuer.label, serial));
    let learned = app.register.own_learned();
    let (response, made, status) =
        signed(app, authority, issuer, (std::slice::from_ref(identifier), None), None).await?;
    let (Some(serial), true) = (serial, status != Status::Unknown) else {
        return Ok(Answer { response: response.into(), validators: None });
    };
    // What is given out many times is read back and verified once.
    let read = OcspResponse::parse(&response).map_err(internal)?;
    read.verify(&issuer.certificate).map_err(internal)?;
    if !read.singles.first().is_some_and(|line| line.identifier == *identifier && line.status == in_seconds(status)) {
        return Err(InternalError::other("an OCSP answer says something else than what was meant").into());
    }
    let etag = hex::encode(sha256(&response).get(..16).unwrap_or_default()).into();
    let answer = Answer { response: response.into(), validators: Some(Validators { etag, made }) };
    let issuer_label = issuer.label.clone();
    let asked = AtomicBool::new(false);
    let kept = Kept { answer: answer.clone(), made, status, issuer_label, serial, told, learned, asked };
    app.answers.keep(identifier, kept);
    Ok(answer)
}

/// As an answer tells it: GeneralizedTime in whole seconds (RFC 5280 §4.1.2.5.2).
fn in_seconds(status: Status) -> Status {
    match status {
        Status::Revoked { at, reason } => Status::Revoked { at: Instant::from_unix_seconds(at.unix_seconds()), reason },
        other => other,
    }
}

/// The answer, when it was made, and the status in its first line.
async fn signed(
    app: &App,
    authority: &Authority,
    issuer: &CertifiedKey,
    (asked, nonce): (&[CertificateIdentifier], Option<&[u8]>),
    until: Option<Instant>,
) -> Result<(Vec<u8>, Instant, Status)> {
    let responder = authority.responder(issuer)?;
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    if !responder.certificate.is_valid_at(now) {
        return Err(InternalError::other(format!("the certificate of {} is not valid now", responder.label)).into());
    }
    let next_update = now.plus_seconds(app.settings.authority.ocsp_minutes.saturating_mul(60));
    // Nobody believes an answer after its responder's end.
    let next_update = Some(until.unwrap_or_else(|| next_update.min(responder.certificate.not_after())));
    let mut lines = Vec::with_capacity(asked.len());
    for (position, one) in asked.iter().enumerate() {
        // Who asks twice about the same is answered once.
        if asked.iter().take(position).any(|earlier| earlier.der == one.der) {
            continue;
        }
        let status = match app.answers.current(app, one) {
            Some(kept) => kept.status,
            None if one.names_issuer(&issuer.certificate) => status::of(app, authority, issuer, &one.serial).await?,
            // The responder speaks for one CA only; about others it knows nothing.
            None => Status::Unknown,
        };
        lines.push(AnswerLine { identifier_der: one.der.clone(), status, this_update: now, next_update });
    }
    let first = lines.first().map_or(Status::Unknown, |line| line.status);
    // RFC 6960 §4.4.4: certificates are known for ever, from the CA's beginning on.
    let cutoff = Some(issuer.certificate.not_before());
    let answer = AnswerToMake::with_archive(&responder.certificate, responder.scheme, now, &lines, nonce, cutoff);
    let signature = responder.sign(app, &answer.to_be_signed().digest()).await?;
    let answer = answer.assemble(&signature);
    certify::clean(chuky_pki::lint::lint_ocsp(&answer, &issuer.certificate))?;
    Ok((answer, now, first))
}

impl Answers {
    /// What is kept about a certificate, where its standing is the same now and nothing was learned of the authority's own certificates.
    fn current(&self, app: &App, identifier: &CertificateIdentifier) -> Option<Arc<Kept>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&identifier.der)?.clone();
        let same = app.register.told(&kept.issuer_label, &kept.serial) == kept.told
            && app.register.own_learned() == kept.learned;
        same.then_some(kept)
    }

    fn keep(&self, identifier: &CertificateIdentifier, kept: Kept) {
        let mut answers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if answers.len() < MOST_ANSWERS_KEPT || answers.contains_key(&identifier.der) {
            answers.insert(identifier.der.clone(), Arc::new(kept));
        }
    }
}

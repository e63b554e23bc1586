//! Client certificates, and the API keys that open nothing without one (RFC 8705 §3): a key that was stolen from a file or a log is of no use
//! without the private key of its holder's certificate. A certificate is judged when it is used, not only when a connection is made.

use super::Tls;
use crate::{
    accounts::Principal,
    config::{Pin, TlsSettings},
    error::{RequestError, RequestErrorKind},
};
use chuky_model::instant::Instant;
use chuky_pki::{certificate::Certificate, extension::GeneralName};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A certificate whose private key the client of a connection has, under a CA of `server.tls.client_ca`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// As it was shown.
    pub der: Vec<u8>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Its names of hosts, in lower case.
    pub names: Vec<String>,
}

impl ClientCertificate {
    /// As it was shown in a handshake that verified it.
    pub fn of_verified(der: &[u8]) -> chuky_pki::error::Result<Self> {
        let certificate = Certificate::from_der(der)?;
        let names = certificate.alternative_names()?.into_iter().filter_map(|name| match name {
            GeneralName::Dns(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        Ok(Self { der: der.to_vec(), fingerprint: *certificate.fingerprint(), names: names.collect() })
    }

    fn is(&self, pin: &Pin) -> bool {
        match pin {
            Pin::Fingerprint(fingerprint) => self.fingerprint == *fingerprint,
            Pin::Dns(name) => self.names.contains(name),
        }
    }
}

/// Which API keys open nothing without a certificate, and what certificates are judged by now; without the second none counts.
pub struct Bindings<'s>(pub Option<&'s TlsSettings>, pub Option<&'s Tls>);

impl Bindings<'_> {
    /// Refuses an API key that is bound to a certificate which this connection has not shown, or which does not count any more: it has ended or is on a
    /// list, its list has ended, or its CA is admitted no longer.
    pub fn check(
        &self,
        principal: &Principal,
        shown: Option<&ClientCertificate>,
        now: Instant,
    ) -> Result<(), RequestError> {
        let Some((settings, key)) = self.0.zip(principal.api_key()) else { return Ok(()) };
        let pins = match settings.bound_keys.get(&key) {
            Some(pins) => pins.as_slice(),
            None if principal.roles.iter().any(|role| settings.bound_roles.contains(role)) => &[],
            None => return Ok(()),
        };
        let shown = shown.filter(|shown| pins.iter().any(|pin| shown.is(pin)));
        // A connection, or a session that is resumed, may outlive what its certificate counted by.
        match shown.is_some_and(|shown| self.1.is_some_and(|tls| tls.admits(shown, now))) {
            true => Ok(()),
            false => Err(certificate_required()),
        }
    }
}

fn certificate_required() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unauthenticated,
        "certificate_required",
        "Khóa API này chỉ dùng được cùng với chứng thư máy khách đã đăng ký cho nó. Hãy kết nối bằng chứng thư đó.",
        "This API key opens nothing without the client certificate that it is bound to. Connect with that certificate.",
    )
}

/// The CA certificates that came with client certificates in handshakes, by the client certificate's SHA-256: without them one that is under a CA
/// below those of `client_ca` is not verified again. Those of sessions that are resumed are here from the handshake that began the session.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside(Arc<Mutex<HashMap<[u8; 32], Vec<CertificateDer<'static>>>>>);

impl Beside {
    fn remember(&self, shown: &CertificateDer<'_>, beside: &[CertificateDer<'_>]) {
        // The same certificate may have come with others before: sessions of that connection still live by them.
        if beside.is_empty() {
            return;
        }
        let fingerprint = chuky_pki::crypto::sha256(shown);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_REMEMBERED
            && !all.contains_key(&fingerprint)
            && let Some(any) = all.keys().next().copied()
        {
            all.remove(&any);
        }
        all.insert(fingerprint, beside.iter().cloned().map(CertificateDer::into_owned).collect());
    }

    fn of(&self, fingerprint: &[u8; 32]) -> Vec<CertificateDer<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint).cloned().unwrap_or_default()
    }
}

/// The verifier of handshakes: verifies as the one inside, and remembers what came beside a certificate that counts.
#[derive(Debug)]
pub(super) struct AtHandshakes {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) beside: Beside,
}

impl ClientCertVerifier for AtHandshakes {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        beside: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.verify_client_cert(shown, beside, now)?;
        self.beside.remember(shown, beside);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What was found of certificates a moment ago, by the files they were judged by.
#[derive(Debug, Default)]
pub(super) struct Judged(Mutex<HashMap<[u8; 32], Verdict>>);

#[derive(Clone, Copy, Debug)]
struct Verdict {
    counts: bool,
    at: Instant,
    /// Of the files.
    digest: [u8; 32],
}

impl Judged {
    /// Whether a certificate counts by this verifier, asked anew every few seconds and with every change of the files.
    pub(super) fn counts(
        &self,
        shown: &ClientCertificate,
        (verifier, digest): (&dyn ClientCertVerifier, [u8; 32]),
        beside: &Beside,
        now: Instant,
    ) -> bool {
        let is_fresh = |verdict: &Verdict| {
            verdict.digest == digest && (0..FRESH_MICROSECONDS).contains(&now.0.saturating_sub(verdict.at.0))
        };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&shown.fingerprint).copied();
        if let Some(verdict) = known.filter(is_fresh) {
            return verdict.counts;
        }
        let at = UnixTime::since_unix_epoch(Duration::from_micros(u64::try_from(now.0).unwrap_or(0)));
        let der = CertificateDer::from(shown.der.as_slice());
        let verified = verifier.verify_client_cert(&der, &beside.of(&shown.fingerprint), at);
        if let Err(reason) = &verified {
            tracing::warn!(event = "client_certificate_counts_no_longer", fingerprint = hex::encode(shown.fingerprint), reason = %reason);
        }
        let counts = verified.is_ok();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_REMEMBERED {
            all.clear();
        }
        all.insert(shown.fingerprint, Verdict { counts, at: now, digest });
        counts
    }
}

/// Client certificates of which something is remembered.
const MOST_REMEMBERED: usize = 4_096;
/// For which a verdict on a certificate is taken again.
const FRESH_MICROSECONDS: i64 = 5_000_000;

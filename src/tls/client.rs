//! Client certificates, and the API keys that open nothing without one (RFC 8705 §3): a key that was stolen from a file or a log is of no use
//! without the private key of its holder's certificate.

use crate::{
    accounts::Principal,
    config::{Pin, TlsSettings},
    error::{RequestError, RequestErrorKind},
};
use chuky_model::instant::Instant;
use chuky_pki::{certificate::Certificate, extension::GeneralName};

/// A certificate whose private key the client of a connection has, under a CA of `server.tls.client_ca`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Its names of hosts, in lower case.
    pub names: Vec<String>,
    pub not_after: Instant,
}

impl ClientCertificate {
    /// As it was shown in a handshake that verified it.
    pub fn of_verified(der: &[u8]) -> chuky_pki::error::Result<Self> {
        let certificate = Certificate::from_der(der)?;
        let names = certificate.alternative_names()?.into_iter().filter_map(|name| match name {
            GeneralName::Dns(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        Ok(Self { fingerprint: *certificate.fingerprint(), names: names.collect(), not_after: certificate.not_after() })
    }

    fn is(&self, pin: &Pin) -> bool {
        match pin {
            Pin::Fingerprint(fingerprint) => self.fingerprint == *fingerprint,
            Pin::Dns(name) => self.names.contains(name),
        }
    }
}

/// Which API keys open nothing without a certificate.
pub struct Bindings<'s>(pub Option<&'s TlsSettings>);

impl Bindings<'_> {
    /// Refuses an API key that is bound to a certificate which this connection has not shown, or which has ended since.
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
        // A connection may outlive its certificate.
        let shown = shown.filter(|shown| shown.not_after > now);
        match shown.is_some_and(|shown| pins.iter().any(|pin| shown.is(pin))) {
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

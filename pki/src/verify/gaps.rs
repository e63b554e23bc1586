//! What a verdict lacked and what may lie elsewhere: issuers' certificates and revocation status, with the addresses that the certificates name.
//! Says what is missing and reads what somebody brought; fetches nothing itself, and an address here is a stranger's word.

use super::VerificationContext;
use super::store::Material;
use crate::certificate::Certificate;
use crate::cms::SignedData;
use crate::ocsp::{CertificateIdentifier, OcspRequest};
use crate::path::VerifiedPath;
use crate::pem;
use crate::revocation::{self, Revocation};
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

/// One thing that was missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Gap {
    /// The certificate of an issuer (RFC 5280 §4.2.2.1, `caIssuers`): any of these addresses may have it.
    Issuer { addresses: Vec<String> },
    /// The status of a certificate.
    Status {
        /// Where responders are asked (RFC 6960).
        responders: Vec<String>,
        /// The request for them, DER.
        request: Vec<u8>,
        /// Where its issuer's lists lie (RFC 5280 §4.2.1.13).
        lists: Vec<String>,
    },
}

impl Gap {
    /// The status of a certificate, where it names addresses that may tell it.
    pub fn status(certificate: &Certificate, issuer: &Certificate) -> Option<Self> {
        let (responders, lists) = (fetchable(certificate.ocsp_uris()), fetchable(certificate.crl_uris()));
        if responders.is_empty() && lists.is_empty() {
            return None;
        }
        let identifier = CertificateIdentifier::new(issuer, certificate.serial_octets());
        Some(Self::Status { responders, request: OcspRequest::to_der(&[identifier], None), lists })
    }
}

/// Something that was fetched, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fetched {
    /// DER, PEM, or a CMS object that only carries certificates (RFC 5280 §4.2.2.1).
    Issuer(Vec<u8>),
    /// DER or PEM.
    List(Vec<u8>),
    /// An OCSP response.
    Answer(Vec<u8>),
}

/// Collects gaps where somebody asks for them; a verdict is the same with and without.
#[derive(Clone, Debug, Default)]
pub struct Gaps(Option<Arc<Mutex<Vec<Gap>>>>);

impl Gaps {
    /// Ready to collect.
    pub fn collecting() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was collected.
    pub fn take(&self) -> Vec<Gap> {
        let held = self.0.as_ref().and_then(|held| held.lock().ok());
        held.map(|mut held| std::mem::take(&mut *held)).unwrap_or_default()
    }

    fn add(&self, gap: Gap) {
        let Some(mut held) = self.0.as_ref().and_then(|held| held.lock().ok()) else { return };
        if held.len() < MOST_GAPS && !held.contains(&gap) {
            held.push(gap);
        }
    }
}

impl VerificationContext {
    /// Takes up what was fetched. What cannot be read is left out: it proves nothing, and the gap stays.
    pub fn with_fetched(mut self, fetched: Vec<Fetched>) -> Self {
        for one in fetched {
            match one {
                Fetched::Issuer(bytes) => self.intermediates.extend(certificates_in(&bytes)),
                Fetched::List(bytes) => self.crls.push(pem::der_or_first_block(&bytes, "X509 CRL").unwrap_or(bytes)),
                Fetched::Answer(bytes) => self.ocsp_responses.push(bytes),
            }
        }
        self
    }
}

/// Certificates however an authority publishes them.
fn certificates_in(bytes: &[u8]) -> Vec<Certificate> {
    if let Ok(one) = Certificate::from_der(bytes) {
        return vec![one];
    }
    let in_text = std::str::from_utf8(bytes).ok().and_then(|text| Certificate::all_from_pem(text).ok());
    let found = match in_text.filter(|found| !found.is_empty()) {
        Some(found) => found,
        None => SignedData::parse(bytes).map(|data| data.certificates).unwrap_or_default(),
    };
    found.into_iter().take(MOST_ISSUERS).collect()
}

/// No path was found: the issuer of the last certificate that is at hand is missing.
pub(super) fn issuer_is_missing(certificate: &Certificate, material: &Material, context: &VerificationContext) {
    if context.gaps.0.is_none() {
        return;
    }
    let mut top = certificate;
    for _ in 0..LONGEST_PATH {
        let above =
            material.certificates.iter().find(|one| one.subject().matches(top.issuer()) && one.der() != top.der());
        match above {
            Some(above) if !top.is_self_issued() => top = above,
            _ => break,
        }
    }
    let addresses = fetchable(top.issuer_uris());
    if !top.is_self_issued() && !addresses.is_empty() {
        context.gaps.add(Gap::Issuer { addresses });
    }
}

/// Certificates of the path whose status nothing at hand tells for `fresh_at`.
pub(super) fn status_is_missing(
    path: &VerifiedPath,
    material: &Material,
    fresh_at: Instant,
    context: &VerificationContext,
) {
    if context.gaps.0.is_none() {
        return;
    }
    let certificates = path.certificates();
    for (certificate, issuer) in certificates.iter().zip(certificates.iter().skip(1)) {
        let (findings, reasons) = revocation::usable(certificate, issuer, &material.evidence);
        let holds = material.evidence.holds_of(certificate);
        let answer = revocation::decide((&findings, &holds), reasons, fresh_at, &context.policy.revocation).0;
        if !matches!(answer, Revocation::Unknown(_)) {
            continue;
        }
        if let Some(gap) = Gap::status(certificate, issuer) {
            context.gaps.add(gap);
        }
    }
}

/// Plain HTTP alone: what is fetched is signed itself, and RFC 5280 §8 warns of lists behind TLS that need lists.
fn fetchable(addresses: Vec<String>) -> Vec<String> {
    let plain =
        |address: &String| address.len() <= LONGEST_ADDRESS && address.to_ascii_lowercase().starts_with("http://");
    addresses.into_iter().filter(plain).take(MOST_ADDRESSES).collect()
}

/// Gaps of one document.
const MOST_GAPS: usize = 32;
/// Addresses of one gap.
const MOST_ADDRESSES: usize = 4;
/// Bytes of one address.
const LONGEST_ADDRESS: usize = 1_024;
/// Certificates taken from one object.
const MOST_ISSUERS: usize = 16;
/// Steps from the signer up; paths are shorter.
const LONGEST_PATH: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_is_named() {
        let all =
            ["http://a.test/x", "HTTP://a.test/y", "https://a.test", "ldap://a.test", "file:///etc/passwd", "ftp://a"];
        let named = fetchable(all.map(str::to_owned).to_vec());
        assert_eq!(named, ["http://a.test/x", "HTTP://a.test/y"]);
        assert_eq!(fetchable(vec!["http://a.test/".to_owned() + &"x".repeat(2_000)]), Vec::<String>::new());
        assert_eq!(fetchable(vec!["http://a.test".to_owned(); 9]).len(), MOST_ADDRESSES);
    }

    #[test]
    fn gaps_are_bounded_and_each_is_there_once() {
        let gap = |number: usize| Gap::Issuer { addresses: vec![format!("http://a.test/{number}")] };
        let gaps = Gaps::collecting();
        (0..100).for_each(|number| gaps.add(gap(number / 2)));
        assert_eq!(gaps.take().len(), MOST_GAPS);
        assert_eq!(gaps.take(), Vec::new());
        let none = Gaps::default();
        none.add(gap(1));
        assert_eq!(none.take(), Vec::new());
    }
}

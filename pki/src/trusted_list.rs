//! Trusted lists (ETSI TS 119 612): which services a scheme operator vouches for, of which kind and in which times. The shape of what was
//! read; whether a list is genuine is asked in `verify::read_trusted_list`, and nothing here fetches anything.

mod read;
mod status;

pub(crate) use read::{TSL, read};

use crate::verify::{AnchorPurpose, Period};
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};

/// A trusted list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedList {
    /// `SchemeTerritory`: a country's code, or `EU`.
    pub territory: String,
    /// `TSLType`, a URI.
    pub kind: String,
    /// `SchemeOperatorName`, English where there is one.
    pub operator: String,
    /// `TSLVersionIdentifier`.
    pub version: u32,
    /// `TSLSequenceNumber`: grows with every issue.
    pub sequence: u64,
    pub issued: Instant,
    /// `None` where the list is closed: none will follow.
    pub next_update: Option<Instant>,
    /// SHA-256 of the certificate that it was signed with.
    pub signer: [u8; 32],
    pub pointers: Vec<Pointer>,
    pub services: Vec<Service>,
}

/// Another list that this one names; read, never followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    pub territory: String,
    pub location: String,
    /// SHA-256 of the certificates that the other list may be signed with.
    pub signers: Vec<[u8; 32]>,
}

/// A trust service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub provider: String,
    pub name: String,
    /// `ServiceTypeIdentifier` without its common beginning: `CA/QC`, `TSA/QTST`, `Certstatus/OCSP/QC`.
    pub kind: String,
    /// DER.
    pub certificates: Vec<Vec<u8>>,
    /// From the oldest on.
    pub states: Vec<State>,
}

/// What a service was from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub kind: String,
    /// `ServiceStatus` without its common beginning: `granted`, `withdrawn`, `undersupervision`.
    pub status: String,
    pub from: Instant,
    /// Whether its certificates are for web sites alone (`AdditionalServiceInformation`).
    pub web_sites_only: bool,
    /// Whether it has a critical extension that is not known: then it must not be relied on (TS 119 612 §5.5.9).
    pub not_understood: bool,
}

impl Service {
    /// What its certificates are anchors for. `None` for services of other kinds.
    pub fn purpose(&self) -> Option<AnchorPurpose> {
        status::purpose(&self.kind)
    }

    /// The times in which it was approved as a service of its present purpose. `is_european`: its supervised and accredited states end when
    /// the Regulation began to apply (TS 119 612 annex J).
    pub fn periods(&self, is_european: bool) -> Vec<Period> {
        let Some(purpose) = self.purpose() else { return Vec::new() };
        let mut periods: Vec<Period> = Vec::new();
        for (at, state) in self.states.iter().enumerate() {
            let next = self.states.get(at + 1).map(|next| next.from);
            let counts =
                status::purpose(&state.kind) == Some(purpose) && !state.web_sites_only && !state.not_understood;
            let end = status::approved(&state.status).filter(|_| counts);
            let Some(ends_with_directive) = end else { continue };
            let limit = Some(status::REGULATION_APPLIES).filter(|_| ends_with_directive && is_european);
            let until = next.into_iter().chain(limit).min();
            if until.is_some_and(|until| until <= state.from) {
                continue;
            }
            match periods.last_mut().filter(|last| last.until == Some(state.from)) {
                Some(last) => last.until = until,
                None => periods.push(Period { from: Some(state.from), until }),
            }
        }
        periods
    }
}

impl TrustedList {
    /// Whether it is one of the Union's (`TSLType`).
    pub fn is_european(&self) -> bool {
        ["/TSLType/EUgeneric", "/TSLType/generic", "/TSLType/EUlistofthelists"]
            .iter()
            .any(|end| self.kind.ends_with(end))
    }

    /// `trusted list DE no. 12`.
    pub fn label(&self) -> String {
        format!("trusted list {} no. {}", self.territory, self.sequence)
    }
}

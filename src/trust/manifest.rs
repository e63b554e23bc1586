//! The manifest of one snapshot, as TOML: what is trusted, for what, when and since when, by name and digest. Its SHA-256 is the snapshot's
//! name. It holds what a verdict depends on; certificates and lists lie beside it in files of their own.

use chuky_model::instant::Instant;
use chuky_pki::trusted_list::{Service, TrustedList};
use chuky_pki::verify::{AnchorPurpose, Period};
use serde::{Deserialize, Serialize};

/// What is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Of this format.
    pub version: u32,
    /// RFC 3339.
    pub created: String,
    /// The snapshot before; empty for the first.
    pub previous: String,
    #[serde(default, rename = "sequence", skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<SequenceRow>,
    #[serde(default, rename = "anchor", skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<AnchorRow>,
    #[serde(default, rename = "list", skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListRow>,
}

/// The highest sequence number that was ever seen of a list, kept when the list is removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceRow {
    pub territory: String,
    pub kind: String,
    pub highest: u64,
}

/// One anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorRow {
    /// Of the certificate's DER, lower-case hex.
    pub sha256: String,
    pub subject: String,
    pub purposes: Vec<AnchorPurpose>,
    /// RFC 3339, like all times here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    pub origin: String,
    pub added: String,
}

/// One trusted list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRow {
    /// Of the file.
    pub sha256: String,
    pub territory: String,
    pub kind: String,
    pub operator: String,
    pub sequence: u64,
    pub issued: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<String>,
    /// Until when it is relied on: its next update, or earlier where the settings say so.
    pub known_until: String,
    /// SHA-256 of the certificate that it was signed with.
    pub signer: String,
    pub added: String,
    #[serde(default, rename = "pointer", skip_serializing_if = "Vec::is_empty")]
    pub pointers: Vec<PointerRow>,
    #[serde(default, rename = "service", skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceRow>,
}

/// Another list that a list names: for the administrator, who may fetch and add it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointerRow {
    pub territory: String,
    pub location: String,
    pub signers: Vec<String>,
}

/// One service of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRow {
    pub provider: String,
    pub name: String,
    pub kind: String,
    /// Its status when the list was issued.
    pub status: String,
    /// What its certificates are anchors for; none for services of other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<AnchorPurpose>,
    /// SHA-256 each.
    pub certificates: Vec<String>,
    /// When it was approved.
    #[serde(default, rename = "period", skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<PeriodRow>,
}

/// A time in which something was trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

impl ListRow {
    /// What the manifest says of a list. It is relied on for at most so many days.
    pub fn of(list: &TrustedList, sha256: String, now: Instant, most_days: i64) -> Self {
        let oldest = list.issued.plus_seconds(most_days.saturating_mul(SECONDS_A_DAY));
        Self {
            sha256,
            territory: list.territory.clone(),
            kind: list.kind.clone(),
            operator: list.operator.clone(),
            sequence: list.sequence,
            issued: list.issued.rfc3339(),
            next_update: list.next_update.map(Instant::rfc3339),
            known_until: list.next_update.map_or(oldest, |next| next.min(oldest)).rfc3339(),
            signer: hex::encode(list.signer),
            added: now.rfc3339(),
            pointers: list
                .pointers
                .iter()
                .map(|pointer| PointerRow {
                    territory: pointer.territory.clone(),
                    location: pointer.location.clone(),
                    signers: pointer.signers.iter().map(hex::encode).collect(),
                })
                .collect(),
            services: list.services.iter().map(|service| ServiceRow::of(service, list.is_european())).collect(),
        }
    }

    /// `trusted list DE no. 12`.
    pub fn label(&self) -> String {
        format!("trusted list {} no. {}", self.territory, self.sequence)
    }
}

impl ServiceRow {
    fn of(service: &Service, is_european: bool) -> Self {
        let digest = |der: &Vec<u8>| hex::encode(chuky_pki::crypto::sha256(der));
        let periods = service.periods(is_european);
        Self {
            provider: service.provider.clone(),
            name: service.name.clone(),
            kind: service.kind.clone(),
            status: service.states.last().map(|state| state.status.clone()).unwrap_or_default(),
            purpose: service.purpose(),
            certificates: service.certificates.iter().map(digest).collect(),
            periods: periods.iter().map(PeriodRow::of).collect(),
        }
    }
}

impl PeriodRow {
    fn of(period: &Period) -> Self {
        Self { from: period.from.map(Instant::rfc3339), until: period.until.map(Instant::rfc3339) }
    }

    /// The period; `None` where a time is none.
    pub fn read(&self) -> Option<Period> {
        period(self.from.as_deref(), self.until.as_deref())
    }
}

/// A period from its texts.
pub fn period(from: Option<&str>, until: Option<&str>) -> Option<Period> {
    let read = |text: Option<&str>| match text {
        None => Some(None),
        Some(text) => Instant::parse_rfc3339(text).map(Some),
    };
    Some(Period { from: read(from)?, until: read(until)? })
}

const SECONDS_A_DAY: i64 = 86_400;

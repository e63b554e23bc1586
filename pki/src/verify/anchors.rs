//! Trust anchors with purpose, time and origin (EN 319 102-1 §5.2.6.4 steps 2 and 3, TS 119 172-1 table A.2 (m)1.1): what an administrator
//! recorded, and what trusted lists say. An anchor counts for what it was recorded for, and for signatures of the times in which it was trusted.

use super::VerificationContext;
use crate::certificate::Certificate;
use crate::path::Purpose;
use crate::revocation::TrustedResponder;
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// What an anchor is trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorPurpose {
    Signatures,
    Timestamps,
    /// Payment orders of other authorities' subscribers; documents know nothing of it.
    Payments,
    /// Certificates that persons register here because another authority issued them; documents know nothing of it.
    Registration,
    /// OCSP answers about certificates of the authorities beside it in a trusted list; ends no path.
    Statuses,
}

impl AnchorPurpose {
    /// By the name that the command line uses: what an administrator may record an anchor for.
    pub fn from_name(name: &str) -> Option<Self> {
        let recorded = [Self::Signatures, Self::Timestamps, Self::Payments, Self::Registration];
        recorded.into_iter().find(|purpose| purpose.name() == name)
    }

    /// That name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::Timestamps => "timestamps",
            Self::Payments => "payments",
            Self::Registration => "registration",
            Self::Statuses => "statuses",
        }
    }

    fn of(purpose: Purpose) -> Option<Self> {
        match purpose {
            Purpose::DocumentSigning => Some(Self::Signatures),
            Purpose::TimeStamping => Some(Self::Timestamps),
            _ => None,
        }
    }
}

/// A time in which an anchor was trusted: from its start, up to and not with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    /// `None`: always before.
    pub from: Option<Instant>,
    /// `None`: until further notice.
    pub until: Option<Instant>,
}

impl Period {
    /// Whether the moment lies in it.
    pub fn contains(&self, at: Instant) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// An anchor as it was recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordedAnchor {
    /// DER.
    pub certificate: Vec<u8>,
    pub purposes: Vec<AnchorPurpose>,
    /// When it was trusted.
    pub periods: Vec<Period>,
    /// Until when that is known: a trusted list speaks only up to its next update.
    pub known_until: Option<Instant>,
    /// Where it comes from, in one line for the report.
    pub origin: String,
    /// SHA-256 of the authorities' certificates about whose certificates it may answer, where its purpose is status.
    pub answers_for: Vec<[u8; 32]>,
}

impl RecordedAnchor {
    /// Whether it may end the path of a payment that is judged at that moment.
    pub fn is_for_payments(&self, at: Instant) -> bool {
        self.is_for(AnchorPurpose::Payments, at)
    }

    /// Whether it may end the path of a certificate that is registered at that moment.
    pub fn is_for_registration(&self, at: Instant) -> bool {
        self.is_for(AnchorPurpose::Registration, at)
    }

    fn is_for(&self, purpose: AnchorPurpose, at: Instant) -> bool {
        self.purposes.contains(&purpose)
            && self.known_until.is_none_or(|until| at < until)
            && self.periods.iter().any(|period| period.contains(at))
    }

    fn is_responder(&self) -> bool {
        self.purposes == [AnchorPurpose::Statuses]
    }
}

/// Everything that was recorded, at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrustSnapshot {
    /// Lower-case hex of the manifest's SHA-256.
    pub sha256: String,
    /// When it was made, RFC 3339.
    pub created: String,
    pub anchors: Vec<RecordedAnchor>,
    /// What is missing, one line each: an anchor or a list that the manifest names and that could not be read.
    pub missing: Vec<String>,
    /// Trusted lists with the moment until which they speak.
    pub lists: Vec<(String, Option<Instant>)>,
}

impl TrustSnapshot {
    /// Lists that speak no longer at that moment, one line each.
    pub fn stale(&self, at: Instant) -> Vec<String> {
        let stale = self.lists.iter().filter_map(|(name, until)| Some((name, until.filter(|until| *until <= at)?)));
        stale.map(|(name, until)| format!("{name} has not been renewed since {}", until.rfc3339())).collect()
    }
}

/// The same with its certificates read.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    snapshot: TrustSnapshot,
    anchors: Vec<(Certificate, RecordedAnchor)>,
    responders: Arc<[TrustedResponder]>,
}

impl Recorded {
    /// Reads the certificates; an error where one is none.
    pub fn read(mut snapshot: TrustSnapshot) -> crate::error::Result<Self> {
        let recorded = std::mem::take(&mut snapshot.anchors).into_iter();
        let read = recorded.map(|anchor| Ok((Certificate::from_der(&anchor.certificate)?, anchor)));
        let read = read.collect::<crate::error::Result<Vec<_>>>()?;
        let (responders, anchors): (Vec<_>, Vec<_>) = read.into_iter().partition(|(_, anchor)| anchor.is_responder());
        let responders = responders.into_iter().map(|(certificate, anchor)| TrustedResponder {
            certificate,
            answers_for: anchor.answers_for.clone(),
            periods: trusted_periods(&anchor),
        });
        Ok(Self { anchors, responders: responders.collect(), snapshot })
    }

    /// Responders that trusted lists name.
    pub(super) fn responders(&self) -> Arc<[TrustedResponder]> {
        Arc::clone(&self.responders)
    }

    /// Snapshot, without its anchors.
    pub(super) fn snapshot(&self) -> &TrustSnapshot {
        &self.snapshot
    }

    /// How many anchors.
    pub(super) fn len(&self) -> usize {
        self.anchors.len()
    }
}

/// Why a recorded anchor does not count, and the reason for the report.
pub(super) enum NotTrusted {
    /// Not any more: a proof that the signature is older would settle it.
    Later(String),
    /// Not yet, or never.
    Never(String),
    /// The list that knew it speaks no longer.
    Stale(String),
}

impl VerificationContext {
    /// Whether there is any anchor.
    pub(super) fn has_anchors(&self) -> bool {
        !self.anchors.is_empty() || self.recorded.as_ref().is_some_and(|recorded| recorded.len() > 0)
    }

    fn recorded_for(&self, purpose: Purpose) -> impl Iterator<Item = &(Certificate, RecordedAnchor)> {
        let wanted = AnchorPurpose::of(purpose);
        let anchors = self.recorded.iter().flat_map(|recorded| &recorded.anchors);
        let fits = move |purpose: &AnchorPurpose| match wanted {
            Some(wanted) => *purpose == wanted,
            None => !matches!(purpose, AnchorPurpose::Payments | AnchorPurpose::Registration),
        };
        anchors.filter(move |(_, anchor)| anchor.purposes.iter().any(fits))
    }

    /// Anchors for that purpose that were trusted at `signed`, whatever became of them. Of the recorded ones only those that can end a path
    /// from the leaf: lists know thousands.
    pub(super) fn anchors_then(
        &self,
        purpose: Purpose,
        leaf: &Certificate,
        certificates: &[Certificate],
        signed: Instant,
    ) -> Cow<'_, [Certificate]> {
        self.chosen(purpose, leaf, certificates, |anchor| standing(anchor, signed) == Standing::Trusted)
    }

    /// Whatever its time.
    pub(super) fn anchors_ever(
        &self,
        purpose: Purpose,
        leaf: &Certificate,
        certificates: &[Certificate],
    ) -> Cow<'_, [Certificate]> {
        self.chosen(purpose, leaf, certificates, |_| true)
    }

    fn chosen(
        &self,
        purpose: Purpose,
        leaf: &Certificate,
        certificates: &[Certificate],
        fits: impl Fn(&RecordedAnchor) -> bool,
    ) -> Cow<'_, [Certificate]> {
        if self.recorded.is_none() {
            return Cow::Borrowed(&self.anchors);
        }
        let ends = |anchor: &Certificate| {
            let mut below = std::iter::once(leaf).chain(certificates);
            below.any(|one| one.issuer().matches(anchor.subject()) || one == anchor)
        };
        let recorded = self.recorded_for(purpose).filter(|(certificate, anchor)| fits(anchor) && ends(certificate));
        let mut chosen = self.anchors.clone();
        for (certificate, _) in recorded {
            if !chosen.contains(certificate) {
                chosen.push(certificate.clone());
            }
        }
        Cow::Owned(chosen)
    }

    /// What is recorded about this anchor and this purpose, where it was not given as it is.
    fn records(&self, anchor: &Certificate, purpose: Purpose) -> Vec<&RecordedAnchor> {
        if self.anchors.contains(anchor) {
            return Vec::new();
        }
        self.recorded_for(purpose).filter(|(known, _)| known == anchor).map(|(_, record)| record).collect()
    }

    /// Where the anchor comes from: the record that counts at that time.
    pub(super) fn origin(&self, anchor: &Certificate, purpose: Purpose, signed: Instant) -> Option<String> {
        let records = self.records(anchor, purpose);
        let counts = records.iter().find(|record| standing(record, signed) == Standing::Trusted);
        counts.map(|record| record.origin.clone())
    }

    /// Why an anchor that is recorded does not count for a signature of `signed`.
    pub(super) fn not_trusted(&self, anchor: &Certificate, purpose: Purpose, signed: Instant) -> NotTrusted {
        let records = self.records(anchor, purpose);
        let who = anchor.subject().common_name();
        if let Some(stale) = records.iter().find(|record| standing(record, signed) == Standing::Unknown) {
            let until = stale.known_until.map(Instant::rfc3339).unwrap_or_default();
            let reason =
                format!("{who} is trusted by {}, which says nothing about the time after {until}", stale.origin);
            return NotTrusted::Stale(reason);
        }
        let described = records.iter().map(|record| {
            let periods: Vec<String> = record.periods.iter().map(shown).collect();
            let periods = if periods.is_empty() { "never".to_owned() } else { periods.join(", ") };
            format!("{}: {periods}", record.origin)
        });
        let described: Vec<String> = described.collect();
        let reason = format!("{who} was trusted, but not at {} ({})", signed.rfc3339(), described.join("; "));
        let mut periods = records.iter().flat_map(|record| &record.periods);
        match periods.any(|period| period.from.is_none_or(|from| from <= signed)) {
            true => NotTrusted::Later(reason),
            false => NotTrusted::Never(reason),
        }
    }
}

/// The periods of a record, each only as far as its list speaks.
fn trusted_periods(anchor: &RecordedAnchor) -> Vec<Period> {
    let shorter = |period: &Period| {
        let until = period.until.into_iter().chain(anchor.known_until).min();
        Period { until, ..*period }
    };
    anchor.periods.iter().map(shorter).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Trusted,
    NotTrusted,
    /// Trusted when it was last told, which is too long ago.
    Unknown,
}

/// What a record says about a moment.
fn standing(anchor: &RecordedAnchor, at: Instant) -> Standing {
    let Some(period) = anchor.periods.iter().find(|period| period.contains(at)) else { return Standing::NotTrusted };
    // An end that the list tells is told for good.
    match anchor.known_until {
        Some(known) if known <= at && period.until.is_none_or(|until| until > known) => Standing::Unknown,
        _ => Standing::Trusted,
    }
}

fn shown(period: &Period) -> String {
    match (period.from, period.until) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {}", from.rfc3339()),
        (None, Some(until)) => format!("until {}", until.rfc3339()),
        (Some(from), Some(until)) => format!("from {} until {}", from.rfc3339(), until.rfc3339()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_counts_in_its_periods_and_as_far_as_its_list_speaks() {
        let at = Instant::from_unix_seconds;
        let period = |from, until: Option<i64>| Period { from: Some(at(from)), until: until.map(at) };
        let anchor = |known: Option<i64>| RecordedAnchor {
            certificate: Vec::new(),
            purposes: vec![AnchorPurpose::Signatures],
            periods: vec![period(10, Some(20)), period(30, None)],
            known_until: known.map(at),
            origin: String::new(),
            answers_for: Vec::new(),
        };
        let standings = |known: Option<i64>| [9, 10, 19, 20, 30, 39, 40].map(|time| standing(&anchor(known), at(time)));
        use Standing::{NotTrusted, Trusted, Unknown};
        assert_eq!(standings(None), [NotTrusted, Trusted, Trusted, NotTrusted, Trusted, Trusted, Trusted]);
        assert_eq!(standings(Some(40)), [NotTrusted, Trusted, Trusted, NotTrusted, Trusted, Trusted, Unknown]);
    }
}

//! Timestamp tokens and evidence records that stand in a container as files (EN 319 162-1 §4.3.3.2, §4.4.3.3): over the one data file, or over a manifest
//! that lists signatures and files. Judged from the newest, so that each proves the age of what it lists.

use super::coverage::{Container, Covered};
use crate::asic::{Role, limits};
use crate::cms::SignedData;
use crate::error::Result;
use crate::evidence_record::EvidenceRecord;
use crate::timestamp::TimestampToken;
use crate::verify::VerificationContext;
use crate::verify::cades::Content;
use crate::verify::line::{self, badness};
use crate::verify::records;
use crate::verify::store::Material;
use crate::verify::trust::{self, Proof};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, Integrity, TimestampReport};
use std::collections::{BTreeMap, BTreeSet};

/// What the container's own timestamps say.
#[derive(Default)]
pub(super) struct Timed {
    pub(super) reports: Vec<TimestampReport>,
    /// The earliest proof of each entry's existence.
    pub(super) proofs: BTreeMap<usize, Proof>,
    /// What they cover together.
    pub(super) covered: BTreeSet<usize>,
    /// The worst of them; `None` where there is none.
    pub(super) integrity: Option<Integrity>,
    /// What was not read.
    pub(super) undone: Vec<Check>,
    /// Whether one of them is of a kind that cannot be read here.
    pub(super) is_partly_read: bool,
}

/// The container with its CMS objects, and the evidence of all of them.
pub(super) struct Held<'h, 'c> {
    pub(super) container: &'h Container<'c>,
    pub(super) signatures: &'h [(usize, Result<SignedData>)],
    pub(super) tokens: &'h [(usize, Result<SignedData>)],
    pub(super) material: &'h Material,
}

impl Held<'_, '_> {
    /// The entries existed at that time, and with them the objects that they hold.
    fn prove(&self, entries: &BTreeSet<usize>, time: Instant) {
        self.material.prove(time, |objects| {
            let held = self.signatures.iter().chain(self.tokens).filter(|(at, _)| entries.contains(at));
            held.filter_map(|(_, data)| data.as_ref().ok()).for_each(|data| objects.signed_data_and_tokens(data));
        });
    }
}

/// Judges them.
pub(super) fn judge(held: &Held<'_, '_>, context: &VerificationContext) -> Timed {
    let Held { container, tokens, material, .. } = held;
    let mut timed = Timed::default();
    let mut read: Vec<(usize, TimestampToken)> = Vec::new();
    for (at, data) in *tokens {
        match data.clone().and_then(TimestampToken::from_signed_data) {
            Ok(token) => read.push((*at, token)),
            Err(error) => {
                timed.reports.push(trust::unread_timestamp(&container.label(*at), &error));
                timed.note(Integrity::Broken);
            }
        }
    }
    read.sort_by_key(|(_, token)| std::cmp::Reverse(token.time));
    for (at, token) in read {
        let Covered { content, entries, checks, digests, .. } = container.covered_by(at);
        let content = Content::new(content);
        let mut findings = token.check(&material.certificates, &mut |algorithm| content.digest(algorithm));
        findings.checks.extend(checks);
        timed.note(line::integrity(&findings).0);
        let own = timed.proofs.get(&at).copied().unwrap_or(Proof { time: context.at, proven: false });
        let (time, mut report) = trust::timestamp_over(&token, findings, own, &digests, material, context);
        report.checks.insert(0, trust::kind_of_timestamp(&container.label(at)));
        timed.reports.push(report);
        if let Some(time) = time {
            held.prove(&entries, time);
            for entry in &entries {
                let known = timed.proofs.get(entry).copied().unwrap_or(Proof { time: context.at, proven: false });
                timed.proofs.insert(*entry, known.or_earlier(time));
            }
        }
        timed.covered.extend(entries);
    }
    timed
}

/// Judges the evidence records that stand in a container as files, against the files that their manifest lists or the one data
/// file. They count like timestamps.
pub(super) fn judge_records(held: &Held<'_, '_>, timed: &mut Timed, context: &VerificationContext) {
    let container = held.container;
    for at in container.entries_of(Role::EvidenceRecord).into_iter().take(limits::SIGNATURES) {
        let label = container.label(at);
        let Covered { entries, checks, objects, .. } = container.covered_by(at);
        let bytes = container.bytes(at).unwrap_or_default();
        let record = match bytes.first() {
            Some(0x30) => EvidenceRecord::parse(bytes),
            _ => EvidenceRecord::parse_xml(bytes),
        };
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let unknown = matches!(error, crate::Error::Unsupported(_) | crate::Error::Limit(_));
                timed.is_partly_read |= unknown;
                timed.note(if unknown { Integrity::Unknown } else { Integrity::Broken });
                timed.undone.push(if unknown {
                    Check::not_done("evidence_record", format!("{label}: {error}"))
                } else {
                    Check::failed("evidence_record", format!("{label}: {error}"))
                });
                continue;
            }
        };
        let mut digests = |algorithm| container.digests(&objects, algorithm, record.canonicalisation);
        let mut recorded = records::judge(&record, &format!("evidence record {label}"), &checks, &mut digests, context);
        recorded.integrity.iter().for_each(|integrity| timed.note(*integrity));
        timed.reports.append(&mut recorded.reports);
        if let Some(time) = recorded.time {
            held.prove(&entries, time);
            for entry in &entries {
                let known = timed.proofs.get(entry).copied().unwrap_or(Proof { time: context.at, proven: false });
                timed.proofs.insert(*entry, known.or_earlier(time));
            }
        }
        timed.covered.extend(entries);
    }
}

impl Timed {
    /// Keeps the worst integrity.
    fn note(&mut self, integrity: Integrity) {
        if self.integrity.is_none_or(|known| badness(integrity) > badness(known)) {
            self.integrity = Some(integrity);
        }
    }
}

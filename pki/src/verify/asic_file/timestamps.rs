//! Timestamp tokens that stand in a container as files (EN 319 162-1 §4.3.3.2, §4.4.3.3): over the one data file, or over a manifest
//! that lists signatures and files. Judged from the newest, so that each proves the age of what it lists.

use super::coverage::{Container, Covered};
use crate::cms::SignedData;
use crate::error::Result;
use crate::timestamp::TimestampToken;
use crate::verify::VerificationContext;
use crate::verify::cades::Content;
use crate::verify::line::{self, badness};
use crate::verify::store::Material;
use crate::verify::trust::{self, Proof};
use chuky_model::report::{Integrity, TimestampReport};
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
}

/// Judges them.
pub(super) fn judge(
    container: &Container<'_>,
    tokens: &[(usize, Result<SignedData>)],
    material: &Material,
    context: &VerificationContext,
) -> Timed {
    let mut timed = Timed::default();
    let mut read: Vec<(usize, TimestampToken)> = Vec::new();
    for (at, data) in tokens {
        match data.clone().and_then(TimestampToken::from_signed_data) {
            Ok(token) => read.push((*at, token)),
            Err(error) => {
                timed.reports.push(trust::unread_timestamp(&container.label(*at), &error));
                timed.integrity = Some(Integrity::Broken);
            }
        }
    }
    read.sort_by_key(|(_, token)| std::cmp::Reverse(token.time));
    for (at, token) in read {
        let Covered { content, entries, checks } = container.covered_by(at);
        let content = Content::new(content);
        let mut findings = token.check(&material.certificates, &mut |algorithm| content.digest(algorithm));
        findings.checks.extend(checks);
        let (integrity, _) = line::integrity(&findings);
        let worse = timed.integrity.is_none_or(|known| badness(integrity) > badness(known));
        if worse {
            timed.integrity = Some(integrity);
        }
        let own = timed.proofs.get(&at).copied().unwrap_or(Proof { time: context.at, proven: false });
        let (time, mut report) = trust::timestamp_report(&token, findings, own, material, context);
        report.checks.insert(0, trust::kind_of_timestamp(&container.label(at)));
        timed.reports.push(report);
        if let Some(time) = time {
            for entry in &entries {
                let known = timed.proofs.get(entry).copied().unwrap_or(Proof { time: context.at, proven: false });
                timed.proofs.insert(*entry, known.or_earlier(time));
            }
        }
        timed.covered.extend(entries);
    }
    timed
}

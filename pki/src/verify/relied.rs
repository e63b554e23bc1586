//! What a verdict relied on: the certificates of its paths, and the lists and answers that told their status. It is what an archive keeps
//! beside a signature (EN 319 142-1 §5.4.2). Collected where somebody asks; the verdict is the same with and without.

use crate::certificate::Certificate;
use crate::pdf::write::LongTermData;
use crate::revocation::{Finding, Source};
use std::sync::{Arc, Mutex};

/// Collects what was relied on, each thing once.
#[derive(Clone, Debug, Default)]
pub struct Relied(Option<Arc<Mutex<LongTermData>>>);

impl Relied {
    /// Ready to collect.
    pub fn collecting() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was collected, as DER.
    pub fn take(&self) -> LongTermData {
        let held = self.0.as_ref().and_then(|held| held.lock().ok());
        held.map(|mut held| std::mem::take(&mut *held)).unwrap_or_default()
    }

    /// A certificate, its issuer's, and the finding that told its status.
    pub(super) fn add(&self, certificate: &Certificate, issuer: &Certificate, told_by: Option<&Finding<'_>>) {
        let Some(mut held) = self.0.as_ref().and_then(|held| held.lock().ok()) else { return };
        keep(&mut held.certificates, certificate.der());
        keep(&mut held.certificates, issuer.der());
        let Some(finding) = told_by else { return };
        if let Some(responder) = &finding.responder {
            keep(&mut held.certificates, responder.der());
        }
        match finding.source {
            Source::Crl(list) => keep(&mut held.revocation_lists, list.der()),
            Source::Ocsp(answer) => keep(&mut held.ocsp_responses, &answer.to_der()),
        }
    }
}

fn keep(list: &mut Vec<Vec<u8>>, der: &[u8]) {
    if list.len() < MOST && !list.iter().any(|one| one == der) {
        list.push(der.to_vec());
    }
}

/// Of each kind; documents with hundreds of signatures mostly share their authorities.
const MOST: usize = 1_024;

//! Issuers whose signature a list or an answer was found not to bear: a document with many signers and much forged evidence asks the same question
//! for each of them. Lives with what was read, so that a verdict remembers nothing of another's.

use crate::certificate::Certificate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Why, by the SHA-256 of the issuer's certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused(Arc<Mutex<BTreeMap<[u8; 32], String>>>);

impl Refused {
    /// Why that issuer's was refused, where it was.
    pub(super) fn of(&self, issuer: &Certificate) -> Option<String> {
        self.0.lock().ok()?.get(issuer.fingerprint()).cloned()
    }

    /// Notes why, and gives it back.
    pub(super) fn add(&self, issuer: &Certificate, reason: String) -> String {
        if let Ok(mut refused) = self.0.lock()
            && refused.len() < MOST
        {
            refused.insert(*issuer.fingerprint(), reason.clone());
        }
        reason
    }
}

/// Issuers of one list or answer; others are asked anew each time.
const MOST: usize = 64;

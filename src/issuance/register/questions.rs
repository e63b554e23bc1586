//! What is asked of the register about certificates whose row nobody has at hand. Ask [`super::follow`] first.

use super::{Issued, Register, Standing, key};
use chuky_model::{instant::Instant, serial::Serial};
use chuky_pki::certificate::Certificate;
use std::{collections::BTreeMap, sync::atomic::Ordering};

impl Register {
    /// Whether a certificate is revoked for good.
    pub fn is_revoked(&self, issuer_label: &str, certificate: &Certificate) -> bool {
        let told = certificate.serial().and_then(|serial| self.told(issuer_label, &serial));
        told.is_some_and(|told| told.standing == Standing::Revoked)
    }

    /// Grows whenever something is learned of the authority's own certificates.
    pub(in crate::issuance) fn own_learned(&self) -> u64 {
        self.own_learned.load(Ordering::SeqCst)
    }

    /// Labels of the issuers of which the log tells something about this serial number.
    pub fn told_by(&self, serial: &Serial) -> Vec<String> {
        let (memory, key) = (self.memory(), key(serial));
        let knows = |issued: &Issued| issued.told.contains_key(&key) || issued.held.contains_key(&key);
        memory.issuers.iter().filter(|(_, issued)| knows(issued)).map(|(label, _)| label.clone()).collect()
    }

    /// From when to when a certificate was suspended, oldest first, of suspensions that were lifted.
    pub fn suspensions(&self, issuer_label: &str, serial: &Serial) -> Vec<(Instant, Instant)> {
        let memory = self.memory();
        let held = memory.issuers.get(issuer_label).and_then(|issued| issued.held.get(&key(serial)));
        let changes: Vec<_> = held.into_iter().flat_map(BTreeMap::values).collect();
        let pairs = changes.iter().zip(changes.iter().skip(1));
        let lifted = pairs.filter(|pair| matches!(pair, ((Standing::Suspended, _), (Standing::Resumed, _))));
        lifted.map(|((_, from), (_, until))| (*from, *until)).collect()
    }
}

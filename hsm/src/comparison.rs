//! Whether tokens hold the same keys, told from their fingerprints. Pure: asks no token and decides nothing about its use.

use crate::{
    limits,
    message::{Fingerprint, ServiceKey},
    objects::PEPPER_PREFIX,
};

/// In what a token differs from another one of its role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The other one, by its place.
    pub(crate) from: usize,
    /// Labels under which another key stands.
    pub(crate) other: Vec<String>,
    /// Secret keys that it has not.
    pub(crate) missing: Vec<String>,
    /// Service keys that it has not: calls for the rest can still be served.
    pub(crate) lacks: Vec<String>,
}

impl Difference {
    /// Why the token may not be used, where it may not.
    pub(crate) fn forbids(&self) -> Option<String> {
        let missing = self.missing.iter().map(|label| format!("it has no {label}"));
        let found: Vec<String> = self.other.iter().map(|label| other(label)).chain(missing).collect();
        (!found.is_empty()).then(|| found.join("; "))
    }
}

/// Compares each token of a role that was seen with the one of that place. One that lacks the newest pepper of those that agree is stale,
/// the one of that place included: keys sealed under it would not open there, and new ones would be sealed under an old one.
pub(crate) fn compare_all(tokens: &[Option<Fingerprint>], reference: usize) -> Vec<Difference> {
    let known = tokens.get(reference).and_then(Option::as_ref);
    let compared = |token: &Option<Fingerprint>| match (known, token) {
        (Some(known), Some(found)) => Difference { from: reference, ..compare(known, found) },
        _ => Difference::default(),
    };
    let mut differences: Vec<Difference> = tokens.iter().map(compared).collect();
    let agreeing = tokens.iter().zip(&differences).enumerate().filter(|(_, (_, found))| found.other.is_empty());
    let newest = agreeing
        .filter_map(|(place, (token, _))| Some((token.as_ref()?.newest_pepper()?, place)))
        .max_by_key(|(version, _)| *version);
    let Some((version, holder)) = newest else { return differences };
    let label = format!("{PEPPER_PREFIX}{version}");
    for (token, difference) in tokens.iter().zip(&mut differences) {
        let lacks = |token: &Fingerprint| !token.secrets.iter().any(|(found, _)| *found == label);
        if token.as_ref().is_some_and(lacks) && !difference.missing.contains(&label) {
            difference.from = holder;
            difference.missing.push(label.clone());
        }
    }
    differences
}

fn compare(known: &Fingerprint, found: &Fingerprint) -> Difference {
    let mut difference = Difference::default();
    for key in &known.service_keys {
        match found.service_key(&key.label) {
            Some(found) if found == key => {}
            Some(_) => difference.other.push(key.label.clone()),
            None => difference.lacks.push(key.label.clone()),
        }
    }
    for (label, digest) in &known.secrets {
        match found.secret(label) {
            Some(found) if found == digest => {}
            Some(_) => difference.other.push(label.clone()),
            None => difference.missing.push(label.clone()),
        }
    }
    difference
}

impl Fingerprint {
    /// What tells that a token is not the one that it was, or not as it was: another key under a label than ever before, a secret key that is
    /// gone. Old peppers are destroyed, the newest one never, be it one that was added since; a service key that is gone cannot sign wrongly.
    pub(crate) fn changed_to(&self, now: &Self) -> Vec<String> {
        let newest = self.newest_pepper().max(now.newest_pepper());
        let keys =
            self.service_keys.iter().filter(|key| now.service_key(&key.label).is_some_and(|found| found != *key));
        let keys = keys.map(|key| format!("{} than before", other(&key.label)));
        let secrets = self.secrets.iter().filter_map(|(label, digest)| match now.secret(label) {
            Some(found) if found == digest => None,
            Some(_) => Some(format!("{} than before", other(label))),
            None if pepper(label).is_some_and(|version| Some(version) < newest) => None,
            None => Some(format!("it has no {label} any more")),
        });
        keys.chain(secrets).collect()
    }

    /// Adds what was found. What stood under a label stays, though it may have gone meanwhile.
    pub(crate) fn remember(&mut self, found: &Self) {
        self.serial.clone_from(&found.serial);
        let keys = found.service_keys.iter().filter(|key| self.service_key(&key.label).is_none());
        let new_keys: Vec<ServiceKey> = keys.cloned().collect();
        let secrets = found.secrets.iter().filter(|(label, _)| self.secret(label).is_none());
        let new_secrets: Vec<_> = secrets.cloned().collect();
        self.service_keys.extend(new_keys);
        self.service_keys.truncate(limits::LISTED_OBJECTS);
        self.secrets.extend(new_secrets);
        self.secrets.truncate(limits::LISTED_OBJECTS);
    }

    pub(crate) fn service_key(&self, label: &str) -> Option<&ServiceKey> {
        self.service_keys.iter().find(|key| key.label == label)
    }

    fn secret(&self, label: &str) -> Option<&[u8; 32]> {
        self.secrets.iter().find(|(found, _)| found == label).map(|(_, digest)| digest)
    }

    fn newest_pepper(&self) -> Option<u32> {
        self.secrets.iter().filter_map(|(label, _)| pepper(label)).max()
    }
}

fn pepper(label: &str) -> Option<u32> {
    label.strip_prefix(PEPPER_PREFIX)?.parse().ok()
}

fn other(label: &str) -> String {
    format!("another key stands under {label}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use chuky_model::algorithm::KeyAlgorithm;

    fn token(keys: &[(&str, u8)], secrets: &[(&str, u8)]) -> Fingerprint {
        let key = |(label, byte): &(&str, u8)| ServiceKey {
            label: (*label).to_owned(),
            algorithm: KeyAlgorithm::P256,
            spki_der: vec![*byte],
        };
        Fingerprint {
            serial: String::new(),
            service_keys: keys.iter().map(key).collect(),
            secrets: secrets.iter().map(|(label, byte)| ((*label).to_owned(), [*byte; 32])).collect(),
        }
    }

    fn forbids(tokens: &[&Fingerprint], reference: usize) -> Vec<Option<String>> {
        let tokens: Vec<_> = tokens.iter().map(|token| Some((*token).clone())).collect();
        compare_all(&tokens, reference).iter().map(Difference::forbids).collect()
    }

    const BOTH: [(&str, u8); 2] = [("chuky-pepper-1", 3), ("chuky-pepper-2", 4)];

    #[test]
    fn another_key_differs_and_a_missing_one_is_named() {
        let first = token(&[("ca", 1), ("ocsp", 2)], &BOTH);
        let more = token(&[("ca", 1), ("ocsp", 2), ("old", 9)], &[("chuky-pepper-0", 9), BOTH[0], BOTH[1]]);
        assert_eq!(forbids(&[&first, &first, &more], 0), [None, None, None], "more than the first has does no harm");
        let other = token(&[("ca", 7)], &BOTH[..1]);
        let found = compare_all(&[Some(first), Some(other), None], 0);
        assert_eq!(found[1].lacks, ["ocsp"]);
        let text = "another key stands under ca; it has no chuky-pepper-2";
        assert_eq!(found[1].forbids().as_deref(), Some(text));
        assert_eq!((found[0].forbids(), found[2].forbids()), (None, None));
    }

    /// Whichever of the two is looked at first.
    #[test]
    fn a_token_without_the_newest_pepper_is_stale() {
        let (new, old) = (token(&[], &BOTH), token(&[], &BOTH[..1]));
        let stale = Some("it has no chuky-pepper-2".to_owned());
        for reference in [0, 1] {
            assert_eq!(forbids(&[&old, &new], reference), [stale.clone(), None]);
            assert_eq!(forbids(&[&new, &old], reference), [None, stale.clone()]);
        }
        // The first pepper is destroyed on the first token first.
        assert_eq!(forbids(&[&token(&[], &BOTH[1..]), &new], 0), [None, None]);
        // A stranger's peppers say nothing about ours.
        let stranger = token(&[], &[("chuky-pepper-1", 9), ("chuky-pepper-7", 9)]);
        assert_eq!(forbids(&[&new, &stranger], 0)[0], None);
    }

    #[test]
    fn a_key_may_go_but_not_become_another_and_the_newest_pepper_stays() {
        let mut known = token(&[("ca", 1), ("ocsp", 2)], &[("row", 5), BOTH[0], BOTH[1]]);
        let later = token(&[("ca", 1), ("new", 5)], &[("row", 5), BOTH[1]]);
        assert!(known.changed_to(&later).is_empty());
        known.remember(&later);
        let back = token(&[("ca", 9), ("ocsp", 9), ("new", 9)], &[BOTH[0]]);
        let what = [
            "another key stands under ca than before",
            "another key stands under ocsp than before",
            "another key stands under new than before",
            "it has no row any more",
            "it has no chuky-pepper-2 any more",
        ];
        assert_eq!(known.changed_to(&back), what, "what had gone is not forgotten");
        // Added and the old one destroyed while no worker looked: nothing has become another.
        let early = token(&[], &[("row", 5), BOTH[0]]);
        assert!(early.changed_to(&token(&[], &[("row", 5), BOTH[1]])).is_empty());
        assert_eq!(early.changed_to(&token(&[], &[("row", 5)])), ["it has no chuky-pepper-1 any more"]);
    }
}

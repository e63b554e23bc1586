//! Whether a role's tokens hold the same keys: compared when workers start, when a key was made, and now and then. A token that holds
//! another key under a label of the first is never used.

use super::{Shared, Token};
use crate::{
    error::Error,
    limits,
    message::{Fingerprint, Request, Response},
};

/// In what a second token differs from the first.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    /// Labels under which another key stands, or secret keys that are missing.
    other: Vec<String>,
    /// Service keys that are missing: calls for the rest can still be served.
    lacks: Vec<String>,
}

fn compare(first: &Fingerprint, second: &Fingerprint) -> Difference {
    let mut difference = Difference::default();
    for key in &first.service_keys {
        match second.service_keys.iter().find(|found| found.label == key.label) {
            Some(found) if found == key => {}
            Some(_) => difference.other.push(format!("another key stands under {}", key.label)),
            None => difference.lacks.push(key.label.clone()),
        }
    }
    for (label, digest) in &first.secrets {
        match second.secrets.iter().find(|(found, _)| found == label) {
            Some((_, found)) if found == digest => {}
            Some(_) => difference.other.push(format!("another key stands under {label}")),
            None => difference.other.push(format!("it has no {label}")),
        }
    }
    difference
}

/// Labels under which another key stands than did before. A key that is gone, such as an old pepper, is none.
fn changed(known: &Fingerprint, now: &Fingerprint) -> Vec<String> {
    let keys = known
        .service_keys
        .iter()
        .filter(|key| now.service_keys.iter().any(|found| found.label == key.label && found != *key));
    let secrets = known
        .secrets
        .iter()
        .filter(|(label, digest)| now.secrets.iter().any(|(found, other)| found == label && other != digest));
    let labels = keys.map(|key| &key.label).chain(secrets.map(|(label, _)| label));
    labels.map(|label| format!("another key stands under {label} than before")).collect()
}

impl Shared {
    /// Takes what a token was found to hold, and compares all with the first.
    pub(super) fn found(&self, token: usize, fingerprint: Fingerprint) {
        let mut told = Vec::new();
        let name = self.name(token);
        self.board.send_modify(|tokens| {
            if let Some(token) = tokens.get_mut(token) {
                // What stood under a label stays: a token that was exchanged for another, or restored wrongly, is not the one it was.
                let changed = token.fingerprint.as_ref().map(|known| changed(known, &fingerprint)).unwrap_or_default();
                if !changed.is_empty() {
                    let error = Error::Different { first: name.clone(), second: name, difference: changed.join("; ") };
                    token.different = Some(error.clone());
                    told.push(error);
                    return;
                }
                token.different = None;
                token.fingerprint = Some(fingerprint);
            }
            let Some((first, others)) = tokens.split_first_mut() else { return };
            for (index, other) in (1_usize..).zip(others) {
                if let Some(difference) = judge(first, other, [self.name(0), self.name(index)]) {
                    told.push(difference);
                }
            }
        });
        for error in told {
            tracing::error!(event = "hsm.token.different", %error);
        }
    }

    /// Asks one worker anew what its token holds. A worker that does not answer is noticed elsewhere.
    pub(super) async fn refresh(&self, token: usize) {
        let link = self.board.borrow().get(token).and_then(|token| token.live().next().cloned());
        if let Some(link) = link
            && let Ok(Ok(Response::Fingerprint(found))) = link.ask(&Request::Fingerprint, limits::PROBE_DEADLINE).await
        {
            self.found(token, found);
        }
    }

    /// A key is made on the first token; a label that a second one holds is not made again.
    pub(super) fn refuse_second_key(&self, request: &Request) -> Result<(), Error> {
        match request {
            Request::GenerateServiceKey { label, .. } if self.board.borrow().iter().any(|token| token.holds(label)) => {
                Err(Error::KeyExists { label: label.clone() })
            }
            _ => Ok(()),
        }
    }

    fn name(&self, token: usize) -> String {
        format!("{} ({})", token.saturating_add(1), self.label(token))
    }
}

/// Sets what became of the comparison; gives the difference where it is a new one.
fn judge(first: &Token, other: &mut Token, [first_name, second_name]: [String; 2]) -> Option<Error> {
    let (Some(known), Some(found)) = (&first.fingerprint, &other.fingerprint) else { return None };
    let difference = compare(known, found);
    other.lacks = difference.lacks;
    let different = (!difference.other.is_empty()).then(|| Error::Different {
        first: first_name,
        second: second_name,
        difference: difference.other.join("; "),
    });
    let is_new = different.is_some() && other.different != different;
    other.different = different;
    other.different.clone().filter(|_| is_new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ServiceKey;
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

    #[test]
    fn another_key_differs_and_a_missing_one_is_named() {
        let first = token(&[("ca", 1), ("ocsp", 2)], &[("pepper-1", 3), ("pepper-2", 4)]);
        assert_eq!(compare(&first, &first), Difference::default());
        let more = token(&[("ca", 1), ("ocsp", 2), ("old", 9)], &[("pepper-0", 9), ("pepper-1", 3), ("pepper-2", 4)]);
        assert_eq!(compare(&first, &more), Difference::default(), "more than the first has does no harm");
        let second = compare(&first, &token(&[("ca", 7)], &[("pepper-1", 3)]));
        assert_eq!(second.lacks, ["ocsp"]);
        assert_eq!(second.other, ["another key stands under ca", "it has no pepper-2"]);
    }

    #[test]
    fn a_key_may_go_but_not_become_another() {
        let before = token(&[("ca", 1), ("ocsp", 2)], &[("pepper-1", 3), ("pepper-2", 4)]);
        assert!(changed(&before, &token(&[("ca", 1), ("new", 5)], &[("pepper-2", 4)])).is_empty());
        let after = changed(&before, &token(&[("ca", 9)], &[("pepper-2", 9)]));
        assert_eq!(after, ["another key stands under ca than before", "another key stands under pepper-2 than before"]);
    }
}

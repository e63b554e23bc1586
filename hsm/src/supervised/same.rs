//! Whether a role's tokens hold the same keys, and each those that it held before: compared when workers start, when a key was made, when an
//! answer was wrong, and now and then. A token that holds other keys is never used, nor is a single worker that sees other keys than were seen.

use super::{Link, Shared, State, Token};
use crate::{
    comparison::compare_all,
    error::Error,
    limits,
    message::{Fingerprint, Request, Response},
};
use std::sync::Arc;

impl Shared {
    /// A worker takes its place. It serves where the token that it met is the one that is known; else a fresh one looks again.
    pub(super) fn enter(&self, token: usize, place: usize, link: &Arc<Link>, found: &Fingerprint) {
        self.compared(token, |token, name| token.met(place, link, found, name));
    }

    /// What a worker that serves found now.
    fn found(&self, token: usize, place: usize, link: &Arc<Link>, found: &Fingerprint) {
        self.compared(token, |token, name| {
            let is_there = token.places.get(place).and_then(State::live).is_some_and(|live| Arc::ptr_eq(live, link));
            if is_there { token.met(place, link, found, name) } else { None }
        });
    }

    /// Takes what was found, then compares the role's tokens with each other.
    fn compared(&self, token: usize, take: impl FnOnce(&mut Token, &str) -> Option<Error>) {
        let mut told = Vec::new();
        let name = self.name(token);
        self.board.send_modify(|tokens| {
            told.extend(tokens.get_mut(token).and_then(|token| take(token, &name)));
            told.extend(self.judge(tokens));
        });
        if !told.is_empty() {
            // The other workers may not have noticed yet.
            self.doubt(token);
        }
        for error in told {
            tracing::error!(event = "hsm.token.different", %error);
        }
    }

    /// Sets what became of the comparison; the differences that are new. The token that served the first call says what the keys are; until
    /// one did, the first that was seen.
    fn judge(&self, tokens: &mut [Token]) -> Vec<Error> {
        let found: Vec<_> = tokens.iter().map(|token| token.fingerprint.clone()).collect();
        let seen = || found.iter().position(Option::is_some);
        let Some(reference) = self.reference.get().copied().or_else(seen) else { return Vec::new() };
        let mut told = Vec::new();
        for (index, (token, difference)) in tokens.iter_mut().zip(compare_all(&found, reference)).enumerate() {
            let different = difference.forbids().map(|text| Error::Different {
                first: self.name(difference.from),
                second: self.name(index),
                difference: text,
            });
            told.extend(different.clone().filter(|_| token.different != different));
            token.different = different;
            if !difference.other.is_empty() {
                // What a token held that is not used tells nothing about the one that takes its place.
                token.known = Fingerprint::default();
            }
            token.lacks = difference.lacks;
        }
        told
    }

    /// Asks every worker of a token anew what it holds. A worker that does not answer is noticed elsewhere.
    pub(super) async fn refresh(&self, token: usize) {
        let links: Vec<Arc<Link>> =
            self.board.borrow().get(token).into_iter().flat_map(Token::live).map(Arc::clone).collect();
        for link in links {
            self.refresh_one(token, &link).await;
        }
    }

    /// Asks one of them.
    pub(super) async fn refresh_one(&self, token: usize, link: &Arc<Link>) {
        let within = self.settings.stall.saturating_mul(limits::COMPARISON_STALLS);
        let Ok(Ok(Response::Fingerprint(found))) = link.ask(&Request::Fingerprint, within).await else { return };
        let is_it = |state: &State| state.live().is_some_and(|live| Arc::ptr_eq(live, link));
        let place = self.board.borrow().get(token).and_then(|token| token.places.iter().position(is_it));
        if let Some(place) = place {
            self.found(token, place, link, &found);
        }
    }

    /// A call was served: where no token before this one can, or might soon, it is the one that others must equal from now on.
    pub(super) fn learn_reference(&self, token: usize) {
        if self.reference.get().is_none() {
            let settled = self.board.borrow().iter().take(token).all(|before| before.failure().is_some());
            if settled {
                self.reference.get_or_init(|| token);
            }
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

impl Token {
    /// What a worker found: it serves where the token is the one that it was. What is new to tell.
    fn met(&mut self, place: usize, link: &Arc<Link>, found: &Fingerprint, name: &str) -> Option<Error> {
        let changed = self.known.changed_to(found);
        let state = self.places.get_mut(place)?;
        if changed.is_empty() {
            self.known.remember(found);
            self.fingerprint = Some(found.clone());
            *state = State::Live(Arc::clone(link));
            return None;
        }
        let error =
            Error::Different { first: name.to_owned(), second: name.to_owned(), difference: changed.join("; ") };
        let is_new = !matches!(state, State::Strange(known) if *known == error);
        *state = State::Strange(error.clone());
        link.dismiss();
        is_new.then_some(error)
    }
}

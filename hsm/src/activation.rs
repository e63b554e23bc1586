//! What a worker remembers of activations while they are open: which hashes were signed, and the unwrapped handles. Handles are
//! found by the activation secret, never by a key's identifier, and die with the activation.

use crate::{error::Error, judge::Judge, limits, message::ActivationContext, secret::Secret32};
use chuky_model::{algorithm::KeyAlgorithm, id::ActivationId, instant::Instant};
use cryptoki::object::ObjectHandle;
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};

/// An unwrapped key in the token's memory.
#[derive(Debug)]
pub(crate) struct Unwrapped {
    pub(crate) handle: ObjectHandle,
    pub(crate) algorithm: KeyAlgorithm,
    /// Judges its signatures.
    pub(crate) judge: Judge,
    /// The session that made it: the handle dies with it.
    pub(crate) session: u64,
    pub(crate) activation_id: ActivationId,
    pub(crate) expires: Instant,
    /// Of blob and binding: the same secret with anything else is not a hit.
    pub(crate) fingerprint: [u8; 32],
}

/// Handles by the digest of their activation secret.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: HashMap<[u8; 32], Arc<Unwrapped>>,
    /// Taken out while another thread signs with them; destroyed once nobody does.
    leaving: Vec<Arc<Unwrapped>>,
}

impl Handles {
    pub(crate) fn find(&self, secret: &Secret32, fingerprint: &[u8; 32]) -> Option<Arc<Unwrapped>> {
        self.open.get(&slot(secret)).filter(|kept| kept.fingerprint == *fingerprint).cloned()
    }

    /// Keeps a handle; at the bound the one that expires first goes.
    pub(crate) fn keep(&mut self, secret: &Secret32, unwrapped: Arc<Unwrapped>) {
        if self.open.len() >= limits::UNWRAPPED_HANDLES {
            let first = self.open.iter().min_by_key(|(_, kept)| kept.expires).map(|(slot, _)| *slot);
            self.leaving.extend(first.and_then(|slot| self.open.remove(&slot)));
        }
        self.leaving.extend(self.open.insert(slot(secret), unwrapped));
    }

    /// Takes out what has expired.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.leave_where(|kept| kept.expires <= now);
    }

    /// Takes out an activation's handle.
    pub(crate) fn close(&mut self, activation_id: ActivationId) {
        self.leave_where(|kept| kept.activation_id == activation_id);
    }

    /// Forgets the handles of a session that is gone: their numbers may come to mean other objects.
    pub(crate) fn forget_session(&mut self, session: u64) {
        self.open.retain(|_, kept| kept.session != session);
        self.leaving.retain(|kept| kept.session != session);
    }

    /// Handles to destroy now: taken out and used by nobody.
    pub(crate) fn abandoned(&mut self) -> Vec<ObjectHandle> {
        let (free, used) = std::mem::take(&mut self.leaving).into_iter().partition(|kept| Arc::strong_count(kept) == 1);
        self.leaving = used;
        Vec::into_iter(free).map(|kept: Arc<Unwrapped>| kept.handle).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    fn leave_where(&mut self, goes: impl Fn(&Unwrapped) -> bool) {
        let slots: Vec<[u8; 32]> = self.open.iter().filter(|(_, kept)| goes(kept)).map(|(slot, _)| *slot).collect();
        for slot in slots {
            self.leaving.extend(self.open.remove(&slot));
        }
    }
}

/// Which hashes of which activation were signed, until it expires. The database is the lasting guard; this one is at the key.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    entries: HashMap<ActivationId, Entry>,
}

#[derive(Debug)]
struct Entry {
    expires: Instant,
    signed: Vec<bool>,
    closed: bool,
}

impl Replay {
    /// Marks the hashes as signed before they are, and gives their positions. Nothing is marked where one of them is refused.
    pub(crate) fn reserve(
        &mut self,
        activation: &ActivationContext,
        hashes: &[Vec<u8>],
        now: Instant,
    ) -> Result<Vec<usize>, Error> {
        if self.entries.len() >= limits::REPLAY_ENTRIES && !self.entries.contains_key(&activation.activation_id) {
            self.expire(now);
            if self.entries.len() >= limits::REPLAY_ENTRIES {
                return Err(Error::Busy);
            }
        }
        let entry = self.entries.entry(activation.activation_id).or_insert_with(|| Entry {
            expires: activation.expires,
            signed: vec![false; activation.hashes.len()],
            closed: false,
        });
        if entry.closed {
            return Err(Error::Expired);
        }
        let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (index, hash) in activation.hashes.iter().enumerate().rev() {
            let free = places.entry(hash).or_default();
            if entry.signed.get(index) == Some(&false) {
                free.push(index);
            }
        }
        let mut taken = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let free = places.get_mut(hash.as_slice()).ok_or(Error::NotInActivation)?;
            taken.push(free.pop().ok_or(Error::AlreadySigned)?);
        }
        entry.mark(&taken, true);
        Ok(taken)
    }

    /// Unmarks hashes of a call that failed: none of its signatures left the worker.
    pub(crate) fn release(&mut self, activation_id: ActivationId, places: &[usize]) {
        if let Some(entry) = self.entries.get_mut(&activation_id) {
            entry.mark(places, false);
        }
    }

    /// Refuses the activation until it expires by itself.
    pub(crate) fn close(&mut self, activation_id: ActivationId, now: Instant) {
        let entry = self.entries.entry(activation_id).or_insert_with(|| Entry {
            expires: now.plus_seconds(limits::ACTIVATION_SECONDS),
            signed: Vec::new(),
            closed: true,
        });
        entry.closed = true;
        entry.signed = Vec::new();
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.expires > now);
    }
}

impl Entry {
    fn mark(&mut self, places: &[usize], signed: bool) {
        for place in places {
            if let Some(mark) = self.signed.get_mut(*place) {
                *mark = signed;
            }
        }
    }
}

fn slot(secret: &Secret32) -> [u8; 32] {
    Sha256::new().chain_update(b"chuky-handle-v1").chain_update(secret.expose()).finalize().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use chuky_model::algorithm::SignatureScheme;

    fn context(hashes: &[u8]) -> ActivationContext {
        ActivationContext {
            activation_id: ActivationId(uuid::Uuid::from_u128(7)),
            hashes: hashes.iter().map(|byte| vec![*byte; 32]).collect(),
            scheme: SignatureScheme::EcdsaSha256,
            client: "test".to_owned(),
            expires: Instant(1_000_000_000),
        }
    }

    #[test]
    fn a_hash_is_signed_as_often_as_it_stands_there() {
        let (mut replay, context) = (Replay::default(), context(&[1, 2, 1]));
        let hash = |byte| vec![vec![byte; 32]];
        assert_eq!(replay.reserve(&context, &hash(1), Instant(0)), Ok(vec![0]));
        assert_eq!(replay.reserve(&context, &hash(1), Instant(0)), Ok(vec![2]));
        assert_eq!(replay.reserve(&context, &hash(1), Instant(0)), Err(Error::AlreadySigned));
        assert_eq!(replay.reserve(&context, &hash(3), Instant(0)), Err(Error::NotInActivation));
        replay.release(context.activation_id, &[2]);
        assert_eq!(replay.reserve(&context, &hash(1), Instant(0)), Ok(vec![2]));
        replay.close(context.activation_id, Instant(0));
        assert_eq!(replay.reserve(&context, &hash(2), Instant(0)), Err(Error::Expired));
    }

    #[test]
    fn a_refused_call_marks_nothing() {
        let (mut replay, context) = (Replay::default(), context(&[1, 2]));
        let both = vec![vec![1; 32], vec![9; 32]];
        assert_eq!(replay.reserve(&context, &both, Instant(0)), Err(Error::NotInActivation));
        assert_eq!(replay.reserve(&context, &context.hashes, Instant(0)), Ok(vec![0, 1]));
    }
}

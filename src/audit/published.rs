//! The log as those see it who trust nobody: checkpoints that the audit key signs at a fixed interval and witnesses sign too, tiles, entries,
//! and proofs (C2SP tlog-tiles, tlog-checkpoint, tlog-proof).

use super::{
    entry::leaf,
    head::{AUDIT_KEY, AUDIT_SCHEME, digest},
    tree::StoredTree,
    witnesses::{self, Cosigned},
};
use crate::{
    clock::Clock,
    config::AuditSettings,
    error::{InternalError, RequestError, Result},
    store::Store,
};
use chuky_hsm::Hsm;
use chuky_model::record::audit::{AuditEntry, AuditHead};
use chuky_pki::{
    algorithm::DigestAlgorithm,
    crypto::{Hasher, PublicKey},
    merkle::Hash,
    transparency::{
        Checkpoint, LogProof, Note, VerifierKey,
        tile::{Tile, WIDTH, bundle_entry},
        tree::{self, Part},
    },
};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::{Mutex, RwLock};

/// The published log.
pub struct Log {
    store: Store,
    hsm: Arc<dyn Hsm>,
    clock: Clock,
    settings: AuditSettings,
    key: VerifierKey,
    public: PublicKey,
    spki: Vec<u8>,
    tree: StoredTree,
    newest: RwLock<Option<Arc<Published>>>,
    /// Held by whoever signs the next checkpoint and asks the witnesses.
    signing: Mutex<()>,
    /// What each witness has signed last, by its name.
    cosigned: RwLock<HashMap<String, Cosigned>>,
}

/// A checkpoint with its signatures.
#[derive(Clone, Debug)]
pub struct Published {
    pub checkpoint: Checkpoint,
    pub note: Note,
}

/// What a witness has signed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessState {
    pub name: String,
    pub last: Option<Cosigned>,
}

impl Log {
    /// The log that this key on the token of status and time signs (SPKI DER).
    pub fn new(store: Store, hsm: (Arc<dyn Hsm>, Vec<u8>), clock: Clock, settings: AuditSettings) -> Result<Self> {
        let wrong = |error: chuky_pki::Error| InternalError::Pki(error.to_string());
        Ok(Self {
            tree: StoredTree::over(store.clone()),
            key: VerifierKey::ecdsa(&settings.origin, &hsm.1).map_err(wrong)?,
            public: PublicKey::from_spki_der(&hsm.1).map_err(wrong)?,
            spki: hsm.1,
            hsm: hsm.0,
            store,
            clock,
            settings,
            newest: RwLock::default(),
            signing: Mutex::default(),
            cosigned: RwLock::default(),
        })
    }

    /// The key that others verify checkpoints with.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// What each witness has signed last, in the order of the settings.
    pub async fn witnesses(&self) -> Vec<WitnessState> {
        let cosigned = self.cosigned.read().await;
        let state = |witness: &crate::config::Witness| WitnessState {
            name: witness.key.name.clone(),
            last: cosigned.get(&witness.key.name).cloned(),
        };
        self.settings.witnesses.iter().map(state).collect()
    }

    /// Signs checkpoints at their interval until the task is dropped. What fails is logged and tried again.
    pub async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.settings.every).await;
            if let Err(error) = self.publish().await {
                tracing::error!(event = "checkpoint_not_published", error = %error);
            }
        }
    }

    /// The newest checkpoint; the first is signed when somebody asks. "Try again" where the log has no signed head yet.
    pub async fn newest(self: &Arc<Self>) -> Result<Arc<Published>> {
        if let Some(newest) = self.newest.read().await.clone() {
            return Ok(newest);
        }
        Ok(self.publish().await?.ok_or_else(RequestError::try_again)?)
    }

    /// Signs a checkpoint over the newest head where that is newer than the last one, and asks the witnesses that have not signed it.
    pub async fn publish(self: &Arc<Self>) -> Result<Option<Arc<Published>>> {
        let _signing = self.signing.lock().await;
        let last = self.newest.read().await.clone();
        let Some(head) = self.store.latest_audit_head().await? else { return Ok(last) };
        let checkpoint = self.checked(&head).await?;
        if let Some(last) = &last {
            self.continues(&last.checkpoint, &checkpoint).await?;
        }
        let is_newer = last.as_ref().is_none_or(|last| last.checkpoint.size < checkpoint.size);
        let mut published = match last.filter(|_| !is_newer) {
            Some(last) => (*last).clone(),
            None => self.signed(checkpoint).await?,
        };
        if !is_newer && published.note.signatures.len() > self.settings.witnesses.len() {
            return Ok(self.newest.read().await.clone());
        }
        // Readers have it while witnesses are asked.
        let size = published.checkpoint.size;
        *self.newest.write().await = Some(Arc::new(published.clone()));
        let known = self.cosigned.read().await.clone();
        let answers = witnesses::ask(self, &published, &known).await;
        let mut cosigned = self.cosigned.write().await;
        for (witness, answer) in answers {
            match answer {
                Ok(line) => {
                    let at = chuky_pki::transparency::note::cosigned_at(&line.value).unwrap_or_default();
                    cosigned.insert(witness.clone(), Cosigned { size, at });
                    published.note.signatures.push(line);
                }
                Err(failure) => {
                    if let Some(size) = failure.size {
                        cosigned.entry(witness.clone()).or_insert(Cosigned { size, at: 0 }).size = size;
                    }
                    tracing::warn!(event = "witness_did_not_sign", witness, size, reason = failure.reason);
                }
            }
        }
        let published = Arc::new(published);
        *self.newest.write().await = Some(published.clone());
        Ok(Some(published))
    }

    pub(super) fn settings(&self) -> &AuditSettings {
        &self.settings
    }

    /// The checkpoint of a head that the audit key has signed and whose root is that of the entries here. Whoever changes rows by SQL
    /// gets no checkpoint.
    async fn checked(&self, head: &AuditHead) -> Result<Checkpoint> {
        let wrong = |what: &str| InternalError::other(format!("the head of size {}: {what}", head.size));
        let size = u64::try_from(head.size).map_err(|_| wrong("its size"))?;
        let root: Hash = head.root_hash.clone().try_into().map_err(|_| wrong("its root"))?;
        let signed = digest(size, &root, head.signed_at);
        let verified = self.public.verify_digest(AUDIT_SCHEME.into(), &signed, &head.signature);
        verified.map_err(|_| wrong("its signature is not the audit key's"))?;
        self.tree.grow(size).await?;
        if self.tree.read().hash(&tree::root(size)).await? != root {
            return Err(wrong("its root is not that of the entries").into());
        }
        Ok(Checkpoint { origin: self.settings.origin.clone(), size, root })
    }

    /// The log's own part of what witnesses demand: the checkpoint signed last is the beginning of this one.
    async fn continues(&self, last: &Checkpoint, next: &Checkpoint) -> Result<()> {
        let begins = last.size <= next.size && self.tree.read().hash(&tree::root(last.size)).await? == last.root;
        if !begins {
            let what = format!("the checkpoint of size {} does not continue that of size {}", next.size, last.size);
            return Err(InternalError::LogNotWhole(what).into());
        }
        Ok(())
    }

    async fn signed(&self, checkpoint: Checkpoint) -> Result<Published> {
        let text = checkpoint.to_string();
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        hasher.update(text.as_bytes());
        let key = (AUDIT_KEY, self.spki.as_slice());
        let value = self.hsm.sign_as(key, AUDIT_SCHEME, &hasher.finish()).await.map_err(InternalError::Hsm)?;
        Ok(Published { checkpoint, note: Note { text, signatures: vec![self.key.line(value)] } })
    }

    /// The hashes of a tile of the newest checkpoint's tree, one after another; `None` where it has no such tile.
    pub async fn tile(self: &Arc<Self>, tile: Tile) -> Result<Option<Vec<u8>>> {
        let size = self.newest().await?.checkpoint.size;
        Ok(self.tree.tile(tile, size).await?.map(|hashes| hashes.concat()))
    }

    /// A bundle of entries, each as the octets that its leaf is the hash of; `None` where the newest checkpoint's log has not so many.
    pub async fn bundle(self: &Arc<Self>, tile: Tile) -> Result<Option<Vec<u8>>> {
        let size = self.newest().await?.checkpoint.size;
        let begin = tile.index.saturating_mul(WIDTH);
        if tile.level.is_some() || begin.saturating_add(tile.width) > size {
            return Ok(None);
        }
        let column = |number: u64| i64::try_from(number).map_err(|_| InternalError::other("the audit log is full"));
        let mut bundle = Vec::new();
        for (_, entry) in self.store.list_audit_leaves(column(begin)?, column(tile.width)?).await? {
            bundle_entry(&mut bundle, &leaf(&entry)).map_err(|error| InternalError::Pki(error.to_string()))?;
        }
        Ok(Some(bundle))
    }

    /// The entry at a place of the log with the proof that the newest checkpoint covers it; `None` where it does not.
    pub async fn proof(self: &Arc<Self>, index: u64) -> Result<Option<(AuditEntry, LogProof)>> {
        let mut newest = self.newest().await?;
        if index >= newest.checkpoint.size {
            // It may be under a head that the last checkpoint is older than.
            newest = self.publish().await?.unwrap_or(newest);
        }
        let Some(parts) = tree::inclusion(index, newest.checkpoint.size) else { return Ok(None) };
        let place = i64::try_from(index).map_err(|_| InternalError::other("the audit log is full"))?;
        let Some((_, entry)) = self.store.list_audit_leaves(place, 1).await?.into_iter().next() else {
            return Ok(None);
        };
        let path = self.tree.read().proof(&parts).await?;
        let (extra, checkpoint) = (Some(leaf(&entry)), newest.note.clone());
        Ok(Some((entry, LogProof { extra, index, path, checkpoint })))
    }

    /// The proof that a log of the old size is the beginning of the one of that size; `None` where the newest checkpoint has fewer entries.
    pub async fn consistency(self: &Arc<Self>, old: u64, size: u64) -> Result<Option<Vec<Hash>>> {
        if size > self.newest().await?.checkpoint.size {
            return Ok(None);
        }
        match tree::consistency(old, size) {
            Some(parts) => self.proof_of(&parts).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn proof_of(&self, parts: &[Part]) -> Result<Vec<Hash>> {
        self.tree.read().proof(parts).await
    }

    /// Now, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().unix_seconds()
    }
}

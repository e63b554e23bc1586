//! A witness of transparency logs, which runs by itself on a machine of somebody who is not the log's operator: it signs a checkpoint only
//! where that continues the one it signed last, and remembers on disk what it signed before it answers (C2SP tlog-witness, tlog-cosignature).

use crate::{clock::Clock, error::InternalError};
use chuky_pki::{
    crypto::Ed25519Key,
    merkle::Hash,
    transparency::{
        Checkpoint, VerifierKey,
        note::{NoteSignature, cosignature, cosigned_message},
        tree::is_consistent,
        witness::AddCheckpoint,
    },
};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// A witness at work.
pub struct Witness {
    key: Ed25519Key,
    published: VerifierKey,
    /// The keys of the logs it knows; a log may have several.
    logs: Vec<VerifierKey>,
    directory: PathBuf,
    clock: Clock,
    /// One checkpoint at a time, so that comparing and remembering are one step.
    working: Mutex<()>,
    /// No other process remembers here.
    _alone: File,
}

/// Why it does not sign.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the request cannot be read")]
    Malformed,
    #[error("the log is not known here")]
    UnknownLog,
    #[error("no signature by a known key of the log")]
    NotSigned,
    #[error("the old size is larger than the new one")]
    Backwards,
    /// Tells what was signed last.
    #[error("the checkpoint signed last has {0} entries")]
    OtherSize(u64),
    #[error("the checkpoint signed last, of {0} entries, has another root")]
    OtherRoot(u64),
    #[error("the proof does not hold")]
    Inconsistent,
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// What is remembered of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    origin: String,
    size: u64,
    #[serde(with = "hex::serde")]
    root: Hash,
}

impl Witness {
    /// Opens a witness: its key, the logs it signs for, and the directory in which it remembers. Key and directory are made together where both
    /// are missing; one without the other is refused: a key without its memory would sign a second history, and a memory is of one key.
    pub fn open(
        name: &str,
        key_file: &Path,
        logs: Vec<VerifierKey>,
        directory: &Path,
        clock: Clock,
    ) -> Result<Self, InternalError> {
        let (has_key, has_memory) = (key_file.exists(), directory.join(MARK).exists());
        if has_key != has_memory {
            return Err(InternalError::other(format!(
                "{} and {} go together, and one of them is missing: name the right paths, or begin as a new witness with another name",
                key_file.display(),
                directory.display()
            )));
        }
        let wrong = |error: chuky_pki::Error| InternalError::Pki(error.to_string());
        let failed = |error| InternalError::io(directory.display().to_string())(error);
        fs::create_dir_all(directory).map_err(failed)?;
        let alone = File::create(directory.join(MARK)).map_err(failed)?;
        alone.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => failed(error),
            TryLockError::WouldBlock => {
                InternalError::other(format!("{}: another witness is at work here", directory.display()))
            }
        })?;
        // The memory first: what a start that was cut short leaves is then refused, and signs nothing.
        if !has_memory {
            alone.sync_all().and_then(|()| File::open(directory)?.sync_all()).map_err(failed)?;
        }
        let key = own_key(key_file)?;
        let published = VerifierKey::cosigner(name, &key.public().map_err(wrong)?).map_err(wrong)?;
        let working = Mutex::new(());
        Ok(Self { key, published, logs, directory: directory.to_owned(), clock, working, _alone: alone })
    }

    /// The key by which others know its signatures.
    pub fn key(&self) -> &VerifierKey {
        &self.published
    }

    /// Signs a checkpoint, or says why not. `request` is the body of an `add-checkpoint` call.
    pub fn add_checkpoint(&self, request: &[u8]) -> Result<NoteSignature, Refusal> {
        // 1. The log, and that it signed this.
        let request = AddCheckpoint::parse(request).map_err(|_| Refusal::Malformed)?;
        let checkpoint = Checkpoint::of(&request.checkpoint).map_err(|_| Refusal::Malformed)?;
        let keys: Vec<_> = self.logs.iter().filter(|key| key.name == checkpoint.origin).collect();
        if keys.is_empty() {
            return Err(Refusal::UnknownLog);
        }
        let signed = |key: &&VerifierKey| matches!(request.checkpoint.verified_by(key), Ok(Some(_)));
        if !keys.iter().any(signed) {
            return Err(Refusal::NotSigned);
        }
        if request.old > checkpoint.size {
            return Err(Refusal::Backwards);
        }
        // 2. It continues what was signed last.
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.load(&checkpoint.origin)?;
        let (size, root) = last.map_or((0, Hash::default()), |last| (last.size, last.root));
        if request.old != size {
            return Err(Refusal::OtherSize(size));
        }
        if checkpoint.size == size && size > 0 && checkpoint.root != root {
            return Err(Refusal::OtherRoot(size));
        }
        if !is_consistent((size, &root), (checkpoint.size, &checkpoint.root), &request.proof) {
            return Err(Refusal::Inconsistent);
        }
        // 3. Signed, and remembered before anybody has the signature. What is remembered already costs no disk, however often it is asked.
        let time = u64::try_from(self.clock.now().unix_seconds()).unwrap_or_default();
        let message = cosigned_message(time, &request.checkpoint.text);
        let signature = self.key.sign(message.as_bytes()).map_err(|error| InternalError::Pki(error.to_string()))?;
        if checkpoint.size > size {
            self.save(&Remembered { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root })?;
        }
        Ok(self.published.line(cosignature(time, &signature)))
    }

    fn file(&self, origin: &str) -> PathBuf {
        self.directory.join(format!("{}.json", hex::encode(Sha256::digest(origin))))
    }

    fn load(&self, origin: &str) -> Result<Option<Remembered>, InternalError> {
        let file = self.file(origin);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(InternalError::io(file.display().to_string())(error)),
        };
        // What cannot be read is no beginning: without it a second history would be signed.
        let read = serde_json::from_slice(&text).map_err(|error| InternalError::other(error.to_string()))?;
        Ok(Some(read))
    }

    fn save(&self, remembered: &Remembered) -> Result<(), InternalError> {
        let file = self.file(&remembered.origin);
        let failed = |error| InternalError::io(file.display().to_string())(error);
        let text = serde_json::to_vec(remembered).map_err(|error| InternalError::other(error.to_string()))?;
        let beside = file.with_extension("new");
        let mut written = File::create(&beside).map_err(failed)?;
        written.write_all(&text).and_then(|()| written.sync_all()).map_err(failed)?;
        fs::rename(&beside, &file).map_err(failed)?;
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}

/// The file that says that a directory is a witness's memory, also before it has signed anything, and that is locked while one is at work.
const MARK: &str = "lock";

/// Reads the key's 32 octets, in hexadecimal, from its file, or makes one that only its owner can read.
fn own_key(file: &Path) -> Result<Ed25519Key, InternalError> {
    let failed = |error| InternalError::io(file.display().to_string())(error);
    let unusable = || InternalError::other(format!("{}: not 64 hexadecimal digits", file.display()));
    let text = match fs::read_to_string(file) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut seed = Zeroizing::new([0; 32]);
            rand::rng().fill_bytes(&mut *seed);
            let text = Zeroizing::new(hex::encode(*seed));
            let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
            made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(failed)?;
            text
        }
        Err(error) => return Err(failed(error)),
    };
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), &mut *seed).map_err(|_| unusable())?;
    Ed25519Key::from_seed(&seed).map_err(|error| InternalError::Pki(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use chuky_pki::{
        merkle::{Tree, leaf_hash},
        transparency::{
            Note,
            tree::{consistency, joined},
        },
    };

    /// A log whose operator may say anything.
    struct Operator {
        own: Ed25519Key,
        key: VerifierKey,
    }

    impl Operator {
        fn new(seed: u8, name: &str) -> Self {
            let own = Ed25519Key::from_seed(&[seed; 32]).unwrap();
            let public = own.public().unwrap();
            let id = Sha256::digest([name.as_bytes(), b"\n\x01", &public].concat());
            let key = STANDARD.encode([&[1][..], &public].concat());
            let key = VerifierKey::parse(&format!("{name}+{}+{key}", hex::encode(&id[..4]))).unwrap();
            Self { own, key }
        }

        /// Asks for a signature over the first `size` leaves after those of `old`.
        fn asks(&self, witness: &Witness, leaves: &[Hash], (old, size): (u64, u64)) -> Result<NoteSignature, Refusal> {
            witness.add_checkpoint(self.request(leaves, (old, size)).to_string().as_bytes())
        }

        fn request(&self, leaves: &[Hash], (old, size): (u64, u64)) -> AddCheckpoint {
            let tree = |from: u64, count: u64| {
                let range = usize::try_from(from).unwrap()..usize::try_from(from + count).unwrap();
                Tree::over(leaves[range].to_vec()).unwrap().root()
            };
            let checkpoint = Checkpoint { origin: self.key.name.clone(), size, root: tree(0, size) };
            let text = checkpoint.to_string();
            let signatures = vec![self.key.line(self.own.sign(text.as_bytes()).unwrap())];
            let part = |part: Vec<chuky_pki::transparency::tree::Node>| {
                let hashes: Vec<_> =
                    part.iter().map(|node| tree(node.index << node.height, 1 << node.height)).collect();
                joined(&hashes).unwrap()
            };
            let proof = consistency(old.min(size), size).unwrap().into_iter().map(part).collect();
            AddCheckpoint { old, proof, checkpoint: Note { text, signatures } }
        }
    }

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|leaf| leaf_hash(&[leaf])).collect()
    }

    fn opened(at: &Path, operator: &Operator) -> Result<Witness, InternalError> {
        Witness::open("w.example", &at.join("key"), vec![operator.key.clone()], &at.join("state"), Clock::default())
    }

    #[test]
    fn a_second_history_is_never_signed() {
        let directory = tempfile::tempdir().unwrap();
        let operator = Operator::new(1, "log.example");
        let witness = opened(directory.path(), &operator).unwrap();
        let honest = leaves(9);
        let line = operator.asks(&witness, &honest, (0, 5)).unwrap();
        let text = operator.request(&honest, (0, 5)).checkpoint.text;
        assert!(witness.key().verify(&text, &line.value).is_ok());
        assert!(operator.asks(&witness, &honest, (5, 5)).is_ok(), "the same again");
        // From elsewhere it tells where it is.
        assert!(matches!(operator.asks(&witness, &honest, (0, 7)), Err(Refusal::OtherSize(5))));
        assert!(matches!(operator.asks(&witness, &honest, (4, 7)), Err(Refusal::OtherSize(5))));
        assert!(matches!(operator.asks(&witness, &honest, (5, 3)), Err(Refusal::Backwards)));
        // Another history, as long or longer, with an honest proof of itself.
        let mut other = leaves(9);
        other[2] = leaf_hash(b"changed");
        assert!(matches!(operator.asks(&witness, &other, (5, 5)), Err(Refusal::OtherRoot(5))));
        assert!(matches!(operator.asks(&witness, &other, (5, 8)), Err(Refusal::Inconsistent)));
        let mut empty = operator.request(&honest, (5, 8));
        empty.proof.clear();
        let asked = witness.add_checkpoint(empty.to_string().as_bytes());
        assert!(matches!(asked, Err(Refusal::Inconsistent)));
        // None of it moved the witness, and it remembers over its death; a second one is not let in beside it.
        assert!(opened(directory.path(), &operator).is_err());
        let key = witness.key().to_string();
        drop(witness);
        let witness = opened(directory.path(), &operator).unwrap();
        assert_eq!(witness.key().to_string(), key);
        assert!(matches!(operator.asks(&witness, &other, (0, 8)), Err(Refusal::OtherSize(5))));
        assert!(operator.asks(&witness, &honest, (5, 9)).is_ok());
    }

    #[test]
    fn strangers_and_nonsense_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let operator = Operator::new(1, "log.example");
        let witness = opened(directory.path(), &operator).unwrap();
        let all = leaves(3);
        let unknown = Operator::new(1, "other.example").asks(&witness, &all, (0, 3));
        assert!(matches!(unknown, Err(Refusal::UnknownLog)));
        assert!(matches!(Operator::new(2, "log.example").asks(&witness, &all, (0, 3)), Err(Refusal::NotSigned)));
        let mut altered = operator.request(&all, (0, 3));
        altered.checkpoint.text = altered.checkpoint.text.replace("\n3\n", "\n2\n");
        assert!(matches!(witness.add_checkpoint(altered.to_string().as_bytes()), Err(Refusal::NotSigned)));
        for nonsense in [&b""[..], b"old 0\n\n", &[0xff; 40]] {
            assert!(matches!(witness.add_checkpoint(nonsense), Err(Refusal::Malformed)));
        }
        // A memory that cannot be read is no fresh start.
        operator.asks(&witness, &all, (0, 3)).unwrap();
        fs::write(witness.file("log.example"), b"{").unwrap();
        assert!(matches!(operator.asks(&witness, &all, (0, 3)), Err(Refusal::Internal(_))));
    }

    #[test]
    fn a_key_without_its_memory_signs_nothing_and_neither_does_a_memory_without_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let operator = Operator::new(1, "log.example");
        let all = leaves(5);
        let witness = opened(directory.path(), &operator).unwrap();
        operator.asks(&witness, &all, (0, 3)).unwrap();
        drop(witness);
        let elsewhere = |key: &str, state: &str| {
            let (key, state) = (directory.path().join(key), directory.path().join(state));
            let logs = vec![operator.key.clone()];
            Witness::open("w.example", &key, logs, &state, Clock::default()).err().map(|error| error.to_string())
        };
        let refused = elsewhere("key", "sate").unwrap();
        assert!(refused.contains("sate") && refused.contains("go together"), "{refused}");
        assert!(!directory.path().join("sate").exists(), "nothing is made by the way");
        assert!(elsewhere("kye", "state").unwrap().contains("go together"));
        assert!(!directory.path().join("kye").exists());
        // A directory that is there and was nobody's memory is none.
        fs::create_dir(directory.path().join("empty")).unwrap();
        assert!(elsewhere("key", "empty").is_some());
        let witness = opened(directory.path(), &operator).unwrap();
        assert!(matches!(operator.asks(&witness, &all, (0, 5)), Err(Refusal::OtherSize(3))));
    }

    #[test]
    fn what_is_remembered_already_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let operator = Operator::new(1, "log.example");
        let witness = opened(directory.path(), &operator).unwrap();
        let all = leaves(5);
        operator.asks(&witness, &all, (0, 5)).unwrap();
        // Each save would make the file anew.
        let file = witness.file("log.example");
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file).unwrap());
        // Held open, so that its number is given to no other file.
        let (before, _held) = (inode(), File::open(&file).unwrap());
        for _ in 0..3 {
            operator.asks(&witness, &all, (5, 5)).unwrap();
        }
        assert_eq!(inode(), before);
    }

    #[test]
    fn its_key_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let operator = Operator::new(1, "log.example");
        drop(opened(directory.path(), &operator).unwrap());
        let mode = fs::metadata(directory.path().join("key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(directory.path().join("key"), "no key").unwrap();
        assert!(opened(directory.path(), &operator).is_err());
    }
}

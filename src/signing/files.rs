//! Documents on disk: encrypted files below the data directory, and unnamed files for the moment of work, which vanish with the
//! process. Encrypted in pieces, each with its number and whether it is the last, so that none can be altered, moved or left out.

use super::{
    limits::{LEFT_BEHIND_SECONDS, PIECE},
    places::Wanted,
};
use crate::{
    config::Settings,
    error::{InternalError, Result},
    tokens::data_directory,
    vault::Vault,
};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use chuky_pki::{algorithm::DigestAlgorithm, crypto::Hasher};
use rand::Rng;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Writes one encrypted file: whole under its name, or not at all.
pub struct Writer {
    file: File,
    beside: PathBuf,
    path: PathBuf,
    cipher: Aes256Gcm,
    place: String,
    number: u64,
    piece: Vec<u8>,
    digest: Hasher,
    size: u64,
    finished: bool,
}

/// What was written, in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub sha256: Vec<u8>,
    pub size: u64,
}

impl Writer {
    /// Begins the file of that name in the documents' directory.
    pub fn begin(settings: &Settings, vault: &Vault, name: &str) -> Result<Self> {
        let directory = documents(settings);
        data_directory(&directory)?;
        let path = directory.join(name);
        let beside = directory.join(format!("{name}{INCOMPLETE}"));
        let mut salt = [0; SALT];
        rand::rng().fill_bytes(&mut salt);
        let failed = InternalError::io(beside.display().to_string());
        let begun = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let begun = begun.and_then(|mut file| {
            file.write_all(MAGIC)?;
            file.write_all(&salt)?;
            Ok(file)
        });
        Ok(Self {
            file: begun.map_err(failed)?,
            beside,
            path,
            cipher: cipher(vault, &salt),
            place: name.to_owned(),
            number: 0,
            piece: Vec::with_capacity(PIECE),
            digest: Hasher::new(DigestAlgorithm::Sha256),
            size: 0,
            finished: false,
        })
    }

    /// Adds bytes.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        while !bytes.is_empty() {
            // The last piece is written by `finish`, so a full one leaves only when more follows.
            if self.piece.len() == PIECE {
                self.flush(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Writes the last piece; the file then appears under its name, on disk.
    pub fn finish(mut self) -> Result<Written> {
        self.flush(true)?;
        let on_disk = self.file.sync_all().and_then(|()| fs::rename(&self.beside, &self.path)).and_then(|()| {
            // The name itself is on disk once the directory is.
            self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
        });
        on_disk.map_err(InternalError::io(self.path.display().to_string()))?;
        self.finished = true;
        let digest = std::mem::replace(&mut self.digest, Hasher::new(DigestAlgorithm::Sha256));
        Ok(Written { sha256: digest.finish(), size: self.size })
    }

    fn flush(&mut self, last: bool) -> Result<()> {
        let payload = Payload { msg: &self.piece, aad: self.place.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce(self.number, last), payload);
        let sealed = sealed.map_err(|_| InternalError::other("file encryption failed"))?;
        self.number = self.number.saturating_add(1);
        self.piece.clear();
        Ok(self.file.write_all(&sealed).map_err(InternalError::io(self.beside.display().to_string()))?)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // It may be gone already; what cannot be removed is cleared up later.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// An unnamed file of mode 0600 on the documents' disk: it vanishes when nobody holds it.
pub fn unnamed(settings: &Settings) -> Result<File> {
    let directory = documents(settings);
    data_directory(&directory)?;
    Ok(tempfile::tempfile_in(&directory).map_err(InternalError::io(directory.display().to_string()))?)
}

/// Decrypts a file into an unnamed one, which is left at its start. Nothing of a file that does not fit is handed out: each piece is bound
/// to the name, and the whole must be what was written by whoever the row tells of, not an earlier file of that name.
pub fn open(settings: &Settings, vault: &Vault, name: &str, expected: &Written, wanted: &Wanted) -> Result<File> {
    let path = documents(settings).join(name);
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let altered = || InternalError::other(format!("the encrypted file {name} was altered or cut short"));
    let mut file = BufReader::with_capacity(SEALED_PIECE, File::open(&path).map_err(failed)?);
    let mut head = [0; MAGIC.len() + SALT];
    file.read_exact(&mut head).map_err(|_| altered())?;
    let (magic, salt) = head.split_at(MAGIC.len());
    let salt: [u8; SALT] = salt.try_into().map_err(|_| altered())?;
    if magic != MAGIC {
        return Err(altered().into());
    }
    let cipher = cipher(vault, &salt);
    let mut clear = unnamed(settings)?;
    let mut piece = read_piece(&mut file).map_err(failed)?;
    let (mut number, mut size) = (0_u64, 0_u64);
    let mut digest = Hasher::new(DigestAlgorithm::Sha256);
    loop {
        wanted.check().map_err(failed)?;
        let next = read_piece(&mut file).map_err(failed)?;
        let payload = Payload { msg: &piece, aad: name.as_bytes() };
        let plain = cipher.decrypt(&nonce(number, next.is_empty()), payload).map_err(|_| altered())?;
        digest.update(&plain);
        size = size.saturating_add(plain.len() as u64);
        clear.write_all(&plain).map_err(failed)?;
        if next.is_empty() {
            break;
        }
        piece = next;
        number = number.saturating_add(1);
    }
    if *expected != (Written { sha256: digest.finish(), size }) {
        tracing::error!(event = "file_not_expected", name);
        return Err(altered().into());
    }
    clear.rewind().map_err(failed)?;
    Ok(clear)
}

/// Encrypts everything in a file, from its start, under a name.
pub fn store(settings: &Settings, vault: &Vault, name: &str, clear: &mut File, wanted: &Wanted) -> Result<Written> {
    let mut writer = Writer::begin(settings, vault, name)?;
    let failed = InternalError::io("reading a file that was just written");
    let copied = clear.rewind().and_then(|()| {
        let mut piece = vec![0; PIECE];
        loop {
            wanted.check()?;
            match clear.read(&mut piece)? {
                0 => return Ok(Ok(())),
                count => {
                    if let Err(error) = writer.write(piece.get(..count).unwrap_or_default()) {
                        return Ok(Err(error));
                    }
                }
            }
        }
    });
    copied.map_err(failed)??;
    writer.finish()
}

/// Removes a file that is no longer of use; one that is gone already is as good.
pub fn remove(settings: &Settings, name: &str) {
    if let Err(error) = fs::remove_file(documents(settings).join(name))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(event = "file_not_removed", name, %error);
    }
}

/// Names of files older than an hour: those that no row knows were left behind by a crash.
pub fn old_names(settings: &Settings) -> Vec<String> {
    let Ok(entries) = fs::read_dir(documents(settings)) else { return Vec::new() };
    let old = |entry: &fs::DirEntry| {
        let age = entry.metadata().and_then(|found| found.modified()).map(|time| time.elapsed().unwrap_or_default());
        age.is_ok_and(|age| age.as_secs() > LEFT_BEHIND_SECONDS)
    };
    entries.flatten().filter(old).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn documents(settings: &Settings) -> PathBuf {
    Path::new(&settings.data_dir).join("documents")
}

fn cipher(vault: &Vault, salt: &[u8; SALT]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*vault.file_key(salt)))
}

/// The piece's number and whether it is the last. Each file has a key of its own, so no nonce repeats.
fn nonce(number: u64, last: bool) -> Nonce<aes_gcm::aes::cipher::typenum::U12> {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::from(nonce)
}

fn read_piece(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(SEALED_PIECE);
    file.take(SEALED_PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

const MAGIC: &[u8] = b"chuky-file-v1\n";
const SALT: usize = 32;
/// With its tag of 16 bytes.
const SEALED_PIECE: usize = PIECE + 16;
/// Behind the name of a file that is being written.
const INCOMPLETE: &str = ".incomplete";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> (tempfile::TempDir, Settings) {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings::load(None, &directory.path().join("var")).unwrap();
        data_directory(&settings.data_dir).unwrap();
        (directory, settings)
    }

    fn read(mut file: File) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn files_of_every_length_come_back() {
        let (_directory, settings) = settings();
        let vault = Vault::new(&[7; 32]);
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let clear: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let mut file = unnamed(&settings).unwrap();
            file.write_all(&clear).unwrap();
            let written = store(&settings, &vault, "one", &mut file, &Wanted::default()).unwrap();
            assert_eq!((written.size, written.sha256.len()), (length as u64, 32));
            assert!(read(open(&settings, &vault, "one", &written, &Wanted::default()).unwrap()) == clear, "{length}");
            let sealed = fs::read(documents(&settings).join("one")).unwrap();
            assert!(length < 64 || !sealed.windows(64).any(|window| window == &clear[..64]));
        }
    }

    #[test]
    fn altered_shortened_lengthened_and_renamed_files_are_refused() {
        let (_directory, settings) = settings();
        let vault = Vault::new(&[7; 32]);
        let mut writer = Writer::begin(&settings, &vault, "one").unwrap();
        writer.write(&vec![5; 3 * PIECE]).unwrap();
        let written = writer.finish().unwrap();
        let path = documents(&settings).join("one");
        let good = fs::read(&path).unwrap();
        let pieces = MAGIC.len() + SALT;
        let swapped = {
            let mut bytes = good.clone();
            let (first, second) = bytes[pieces..pieces + 2 * SEALED_PIECE].split_at_mut(SEALED_PIECE);
            first.swap_with_slice(second);
            bytes
        };
        let mut flipped = good.clone();
        flipped[pieces + 100] ^= 1;
        let bad = [
            swapped,
            flipped,
            good[..good.len() - 1].to_vec(),
            good[..good.len() - SEALED_PIECE].to_vec(),
            good[..pieces].to_vec(),
            [good.clone(), vec![0]].concat(),
        ];
        for (index, bytes) in bad.iter().enumerate() {
            fs::write(&path, bytes).unwrap();
            assert!(open(&settings, &vault, "one", &written, &Wanted::default()).is_err(), "{index}");
        }
        fs::write(documents(&settings).join("two"), &good).unwrap();
        assert!(open(&settings, &vault, "two", &written, &Wanted::default()).is_err(), "under another name");
        fs::write(&path, &good).unwrap();
        assert!(
            open(&settings, &Vault::new(&[8; 32]), "one", &written, &Wanted::default()).is_err(),
            "under another key"
        );
        assert!(open(&settings, &vault, "one", &written, &Wanted::default()).is_ok());
    }

    #[test]
    fn a_file_of_the_same_name_with_other_content_is_refused() {
        let (_directory, settings) = settings();
        let vault = Vault::new(&[7; 32]);
        let write = |content: &[u8]| {
            let mut writer = Writer::begin(&settings, &vault, "one").unwrap();
            writer.write(content).unwrap();
            writer.finish().unwrap()
        };
        let (first, second) = (write(b"first"), write(b"other"));
        assert!(open(&settings, &vault, "one", &first, &Wanted::default()).is_err());
        assert!(open(&settings, &vault, "one", &Written { size: 6, ..second.clone() }, &Wanted::default()).is_err());
        assert_eq!(read(open(&settings, &vault, "one", &second, &Wanted::default()).unwrap()), b"other");
    }

    #[test]
    fn a_file_that_is_not_finished_is_no_file() {
        let (_directory, settings) = settings();
        let vault = Vault::new(&[7; 32]);
        let mut writer = Writer::begin(&settings, &vault, "one").unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(documents(&settings)).unwrap().count(), 0);
    }
}

//! The folder of trust data, `trust` in the data directory: `certificates/` and `lists/` by digest, `snapshots/` of manifests by digest, and
//! `current`, which names one. Files are written beside and renamed, nothing is written over, and what is read must have the digest that
//! its name says.

use super::manifest::{self, AnchorRow, ListRow, Manifest, ServiceRow};
use crate::error::{InternalError, Result};
use chuky_model::instant::Instant;
use chuky_pki::crypto::sha256;
use chuky_pki::verify::{AnchorPurpose, RecordedAnchor, TrustSnapshot};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Trust data on disk, with the snapshot that was read last.
#[derive(Debug)]
pub struct TrustFolder {
    path: PathBuf,
    kept: Mutex<Option<Arc<TrustSnapshot>>>,
}

pub(super) const CERTIFICATES: &str = "certificates";
pub(super) const LISTS: &str = "lists";
pub(super) const SNAPSHOTS: &str = "snapshots";
pub(super) const CURRENT: &str = "current";

impl TrustFolder {
    /// Of a data directory. It need not exist.
    pub fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join("trust"), kept: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of the present snapshot; `None` where nothing was ever recorded.
    pub fn current(&self) -> Result<Option<String>> {
        let text = match read(&self.path.join(CURRENT), LONGEST_NAME) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
            // Snapshots without a present one: somebody took it away, which must not look like a folder never filled.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.path.join(SNAPSHOTS).exists() => {
                return Ok(None);
            }
            Err(error) => return Err(InternalError::io("trust/current")(error).into()),
        };
        match is_digest(&text) {
            true => Ok(Some(text)),
            false => Err(InternalError::other("trust/current names no snapshot").into()),
        }
    }

    /// The manifest of that digest.
    pub fn manifest(&self, digest: &str) -> Result<Manifest> {
        let failed = |what: String| InternalError::other(format!("trust snapshot {digest}: {what}"));
        if !is_digest(digest) {
            return Err(failed("this is no digest: 64 lower-case hexadecimal digits".to_owned()).into());
        }
        let path = self.path.join(SNAPSHOTS).join(format!("{digest}.toml"));
        let text = named(&path, digest).map_err(failed)?;
        let text = String::from_utf8(text).map_err(|error| failed(error.to_string()))?;
        let manifest: Manifest = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        match manifest.version {
            manifest::VERSION => Ok(manifest),
            other => Err(failed(format!("version {other} of the manifest is not known")).into()),
        }
    }

    /// The snapshot of that digest, as verdicts are made with.
    pub fn snapshot(&self, digest: &str) -> Result<TrustSnapshot> {
        let manifest = self.manifest(digest)?;
        let mut snapshot =
            TrustSnapshot { sha256: digest.to_owned(), created: manifest.created.clone(), ..TrustSnapshot::default() };
        for row in &manifest.anchors {
            match self.anchor(row) {
                Ok(anchor) => snapshot.anchors.push(anchor),
                Err(reason) => snapshot.missing.push(format!("anchor {}: {reason}", row.subject)),
            }
        }
        for row in &manifest.lists {
            match self.list(row) {
                Ok(anchors) => snapshot.anchors.extend(anchors),
                Err(reason) => snapshot.missing.push(format!("{}: {reason}", row.label())),
            }
            snapshot.lists.push((row.label(), Instant::parse_rfc3339(&row.known_until)));
        }
        Ok(snapshot)
    }

    /// The present snapshot, read anew where it changed. What cannot be read is a snapshot that says so: a verdict made with it is
    /// undetermined, and names the reason.
    pub fn present(&self) -> Option<Arc<TrustSnapshot>> {
        let digest = match self.current() {
            Ok(digest) => digest?,
            Err(error) => return Some(Arc::new(unreadable(String::new(), &error))),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().filter(|known| known.sha256 == digest && known.missing.is_empty()) {
            return Some(Arc::clone(known));
        }
        let snapshot = self.snapshot(&digest).unwrap_or_else(|error| unreadable(digest, &error));
        let snapshot = Arc::new(snapshot);
        *kept = Some(Arc::clone(&snapshot));
        Some(snapshot)
    }

    fn anchor(&self, row: &AnchorRow) -> Result<RecordedAnchor, String> {
        let period = manifest::period(row.from.as_deref(), row.until.as_deref()).ok_or("its times cannot be read")?;
        Ok(RecordedAnchor {
            certificate: self.certificate(&row.sha256)?,
            purposes: row.purposes.clone(),
            periods: vec![period],
            known_until: None,
            origin: format!("recorded on {}: {}", row.added, row.origin),
            answers_for: Vec::new(),
        })
    }

    /// The anchors of a list, whose file must still be there: it is what the manifest rests on.
    fn list(&self, row: &ListRow) -> Result<Vec<RecordedAnchor>, String> {
        named(&self.path.join(LISTS).join(format!("{}.xml", row.sha256)), &row.sha256)?;
        let known_until = Instant::parse_rfc3339(&row.known_until).ok_or("its next update cannot be read")?;
        let mut anchors = Vec::new();
        for service in row.services.iter() {
            let Some(purpose) = service.purpose else { continue };
            let periods = service.periods.iter().map(|period| period.read());
            let periods = periods.collect::<Option<Vec<_>>>().ok_or("the times of a service cannot be read")?;
            for digest in &service.certificates {
                anchors.push(RecordedAnchor {
                    certificate: self.certificate(digest)?,
                    purposes: vec![purpose],
                    periods: periods.clone(),
                    known_until: Some(known_until),
                    origin: origin(row, service),
                    answers_for: answers_for(row, service),
                });
            }
        }
        Ok(anchors)
    }

    fn certificate(&self, digest: &str) -> Result<Vec<u8>, String> {
        match is_digest(digest) {
            true => named(&self.path.join(CERTIFICATES).join(format!("{digest}.der")), digest),
            false => Err("its digest cannot be read".to_owned()),
        }
    }

    /// Writes a file by its digest, unless it is there; returns the digest.
    pub(super) fn keep(&self, folder: &str, ending: &str, bytes: &[u8]) -> Result<String> {
        let digest = hex::encode(sha256(bytes));
        let path = self.path.join(folder).join(format!("{digest}.{ending}"));
        if named(&path, &digest).is_err() {
            self.replace(&path, bytes)?;
        }
        Ok(digest)
    }

    /// Writes a file beside and renames it, so that there is never half of one.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let written = || -> io::Result<()> {
            let folder = path.parent().ok_or_else(|| io::Error::other("a path without a folder"))?;
            fs::create_dir_all(folder)?;
            let beside = path.with_extension("new");
            let mut file = File::create(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            File::open(folder)?.sync_all()
        };
        written().map_err(|error| InternalError::io("the folder of trust data")(error).into())
    }
}

/// The authorities about whose certificates a responder may answer: those of its own provider in the same list.
fn answers_for(row: &ListRow, service: &ServiceRow) -> Vec<[u8; 32]> {
    if service.purpose != Some(AnchorPurpose::Statuses) {
        return Vec::new();
    }
    let of_provider = |other: &&ServiceRow| {
        other.provider == service.provider && other.purpose.is_some_and(|purpose| purpose != AnchorPurpose::Statuses)
    };
    let certificates = row.services.iter().filter(of_provider).flat_map(|other| &other.certificates);
    certificates.filter_map(|digest| hex::decode(digest).ok()?.try_into().ok()).collect()
}

fn origin(row: &ListRow, service: &ServiceRow) -> String {
    format!("{}, {}, {} ({})", row.label(), service.provider, service.name, service.kind)
}

fn unreadable(digest: String, error: &crate::error::Error) -> TrustSnapshot {
    TrustSnapshot { sha256: digest, missing: vec![error.to_string()], ..TrustSnapshot::default() }
}

/// A file whose bytes must have that digest.
fn named(path: &Path, digest: &str) -> Result<Vec<u8>, String> {
    let bytes = read(path, LARGEST_FILE).map_err(|error| format!("its file is missing or unreadable: {error}"))?;
    match hex::encode(sha256(&bytes)) == digest {
        true => Ok(bytes),
        false => Err("its file was changed".to_owned()),
    }
}

fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Bytes of `current` that are read.
const LONGEST_NAME: u64 = 1_024;
/// Bytes of a list, a certificate or a manifest that are read: more than a list may have.
const LARGEST_FILE: u64 = 64 << 20;

//! The files that TLS is made from, as they lie there: read whole within bounds, the key only where nobody else has access to it.

use super::TlsError;
use crate::config::TlsSettings;
use chuky_pki::certificate::Certificate;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::{fs::File, io::Read, os::unix::fs::MetadataExt, path::Path};
use zeroize::Zeroizing;

/// What the files hold.
pub(super) struct Files {
    pub certificate: Vec<u8>,
    pub key: Zeroizing<Vec<u8>>,
    pub client_ca: Option<Vec<u8>>,
    pub client_crls: Vec<Vec<u8>>,
}

impl Files {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let client_crls = settings.client_crls.iter().map(|path| read(path, LARGEST_LIST));
        Ok(Self {
            certificate: read(&settings.certificate, LARGEST_FILE)?,
            key: private(&settings.key)?,
            client_ca: settings.client_ca.as_deref().map(|path| read(path, LARGEST_FILE)).transpose()?,
            client_crls: client_crls.collect::<Result<_, _>>()?,
        })
    }

    /// Tells whether anything changed.
    pub(super) fn digest(&self) -> [u8; 32] {
        let all = [&self.certificate[..], &self.key].into_iter().chain(self.client_ca.as_deref());
        let all = all.chain(self.client_crls.iter().map(Vec::as_slice));
        let digests = all.map(Sha256::digest);
        digests.fold(Sha256::new(), |whole, digest| whole.chain_update(digest)).finalize().into()
    }
}

/// The service's own certificate, the first of its file.
pub(super) fn own_certificate(path: &Path, first: Option<&CertificateDer<'_>>) -> Result<Certificate, TlsError> {
    let read = first.map(|der| Certificate::from_der(der)).transpose();
    let refused = |reason| TlsError::File { path: path.to_owned(), reason };
    read.map_err(|error| refused(error.to_string()))?.ok_or_else(|| refused("holds no certificate".to_owned()))
}

/// A key: of this user or root, and closed to others. A group may read what is root's, as where a program that renews certificates is not this one.
pub(super) fn private(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let (file, found) = opened(path)?;
    let own = rustix::process::geteuid().as_raw();
    let closed = if found.uid() == own { OTHERS } else { OTHERS & !GROUP_READS };
    if ![own, 0].contains(&found.uid()) || found.mode() & closed != 0 {
        return Err(TlsError::Open { path: path.to_owned(), owner: found.uid(), mode: found.mode() & 0o7777 });
    }
    // Its whole size at once, so that no part of it stays where a buffer grew.
    let mut content = Zeroizing::new(Vec::with_capacity(LARGEST_KEY));
    fill(path, file, LARGEST_KEY, &mut content)?;
    Ok(content)
}

/// A file of certificates, which anybody may read.
pub(super) fn read_public(path: &Path) -> Result<Vec<u8>, TlsError> {
    read(path, LARGEST_FILE)
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>, TlsError> {
    let (file, _) = opened(path)?;
    let mut content = Vec::new();
    fill(path, file, most, &mut content)?;
    Ok(content)
}

fn opened(path: &Path) -> Result<(File, std::fs::Metadata), TlsError> {
    let file = File::open(path).and_then(|file| file.metadata().map(|found| (file, found)));
    let (file, found) = file.map_err(|error| failed(path, error.to_string()))?;
    if found.is_file() { Ok((file, found)) } else { Err(failed(path, "is no file".to_owned())) }
}

fn fill(path: &Path, file: File, most: usize, content: &mut Vec<u8>) -> Result<(), TlsError> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_end(content).map_err(|error| failed(path, error.to_string()))?;
    if read == most { Err(failed(path, format!("has {most} octets or more"))) } else { Ok(()) }
}

fn failed(path: &Path, reason: String) -> TlsError {
    TlsError::File { path: path.to_owned(), reason }
}

const OTHERS: u32 = 0o077;
const GROUP_READS: u32 = 0o040;
/// Octets: an RSA key of 16384 bits in PEM is shorter.
const LARGEST_KEY: usize = 32 << 10;
/// Octets: the CAs of a country.
const LARGEST_FILE: usize = 4 << 20;
/// Octets: a list with a million entries.
const LARGEST_LIST: usize = 64 << 20;

//! Changes of the trust data: each is checked, makes a new snapshot and leaves all former ones as they are. One change at a time.

use super::folder::{CERTIFICATES, CURRENT, LISTS, SNAPSHOTS, TrustFolder};
use super::manifest::{self, AnchorRow, ListRow, Manifest, SequenceRow};
use crate::error::{Error, InternalError, RequestError, RequestErrorKind, Result};
use chuky_model::instant::Instant;
use chuky_pki::certificate::Certificate;
use chuky_pki::trusted_list::TrustedList;
use chuky_pki::verify::AnchorPurpose;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};

/// An anchor to be recorded.
#[derive(Debug)]
pub struct Addition<'a> {
    /// PEM, with any number of certificates, or DER.
    pub file: &'a [u8],
    /// SHA-256 of the certificate that is meant, from another source than the file.
    pub fingerprint: [u8; 32],
    pub purposes: Vec<AnchorPurpose>,
    pub from: Option<Instant>,
    pub until: Option<Instant>,
    /// Who published it and where the fingerprint was compared.
    pub origin: String,
}

/// Records an anchor; returns its certificate and the new snapshot's digest.
pub fn add_anchor(folder: &TrustFolder, addition: Addition<'_>, now: Instant) -> Result<(Certificate, String)> {
    let certificate = chosen(addition.file, &addition.fingerprint)?;
    if addition.purposes.is_empty() {
        return Err(refused("purpose_missing", "Hãy nêu ít nhất một mục đích.", "Name at least one purpose.").into());
    }
    if addition.from.zip(addition.until).is_some_and(|(from, until)| from >= until) {
        let (vi, en) = ("Thời điểm bắt đầu phải trước thời điểm kết thúc.", "The beginning is earlier than the end.");
        return Err(refused("period_empty", vi, en).into());
    }
    let mut change = Change::begin(folder, now)?;
    let sha256 = hex::encode(addition.fingerprint);
    let mut same = change.manifest.anchors.iter().filter(|row| row.sha256 == sha256);
    if same.any(|row| row.purposes.iter().any(|purpose| addition.purposes.contains(purpose))) {
        return Err(conflict(
            "anchor_known",
            "Chứng thư này đã được ghi nhận cho mục đích đó; hãy xóa bản ghi cũ trước (chuky trust remove).",
            "This certificate is recorded for that purpose; remove the record first (chuky trust remove).",
        )
        .into());
    }
    folder.keep(CERTIFICATES, "der", certificate.der())?;
    change.manifest.anchors.push(AnchorRow {
        sha256,
        subject: super::name(&certificate),
        purposes: addition.purposes,
        from: addition.from.map(Instant::rfc3339),
        until: addition.until.map(Instant::rfc3339),
        origin: addition.origin,
        added: now.rfc3339(),
    });
    Ok((certificate, change.end()?))
}

/// The certificate of the file that has this fingerprint.
fn chosen(file: &[u8], fingerprint: &[u8; 32]) -> Result<Certificate> {
    let unreadable = |error: &dyn std::fmt::Display| {
        let vi = format!("Không đọc được chứng thư: {error}");
        refused("certificate_unreadable", &vi, &format!("The certificate cannot be read: {error}"))
    };
    let found = match std::str::from_utf8(file) {
        Ok(text) if text.contains("-----BEGIN") => Certificate::all_from_pem(text),
        _ => Certificate::from_der(file).map(|one| vec![one]),
    };
    let found = found.map_err(|error| unreadable(&error))?;
    if found.is_empty() {
        return Err(unreadable(&"no certificate in PEM form").into());
    }
    let described: Vec<String> =
        found.iter().map(|one| format!("{} = {}", super::name(one), hex::encode(one.fingerprint()))).collect();
    found.into_iter().find(|one| one.fingerprint() == fingerprint).ok_or_else(|| {
        let described = described.join("; ");
        refused(
            "fingerprint_differs",
            &format!("Không chứng thư nào trong tệp có dấu vân tay đã nêu. Tệp có: {described}. Đừng tin tệp này nếu dấu vân tay bạn có là từ nguồn chính thức."),
            &format!("No certificate in the file has the fingerprint that you named. The file holds: {described}. Do not trust it where yours is from the official source."),
        )
        .into()
    })
}

/// Records a list that was found genuine; returns the new snapshot's digest. It is relied on for at most so many days after its issue.
pub fn add_list(folder: &TrustFolder, list: &TrustedList, file: &[u8], now: Instant, most_days: i64) -> Result<String> {
    let mut change = Change::begin(folder, now)?;
    let digest = hex::encode(chuky_pki::crypto::sha256(file));
    let same = |territory: &str, kind: &str| territory == list.territory && kind == list.kind;
    let highest = change.manifest.sequences.iter_mut().find(|row| same(&row.territory, &row.kind));
    let known = change.manifest.lists.iter().any(|row| row.sha256 == digest);
    match highest {
        Some(_) if known => {
            // Where a file was lost it is there again.
            keep(folder, list, file)?;
            return Err(conflict("list_known", "Danh sách này đã có.", "This list is recorded already.").into());
        }
        Some(row) if list.sequence < row.highest => return Err(going_back(list.sequence, row.highest).into()),
        // One number, two contents: whoever signed both cannot be followed.
        Some(row)
            if list.sequence == row.highest
                && change.manifest.lists.iter().any(|row| same(&row.territory, &row.kind)) =>
        {
            return Err(conflict(
                "list_sequence_twice",
                &format!("Đã có một danh sách khác mang cùng số {}.", list.sequence),
                &format!("Another list with the same sequence number {} is recorded.", list.sequence),
            )
            .into());
        }
        Some(row) => row.highest = list.sequence,
        None => change.manifest.sequences.push(SequenceRow {
            territory: list.territory.clone(),
            kind: list.kind.clone(),
            highest: list.sequence,
        }),
    }
    keep(folder, list, file)?;
    change.manifest.lists.retain(|row| !same(&row.territory, &row.kind));
    change.manifest.lists.push(ListRow::of(list, digest, now, most_days));
    change.end()
}

fn keep(folder: &TrustFolder, list: &TrustedList, file: &[u8]) -> Result<()> {
    folder.keep(LISTS, "xml", file)?;
    for service in list.services.iter().filter(|service| service.purpose().is_some()) {
        for der in &service.certificates {
            folder.keep(CERTIFICATES, "der", der)?;
        }
    }
    Ok(())
}

fn going_back(found: u64, highest: u64) -> RequestError {
    conflict(
        "list_older",
        &format!("Danh sách có số {found}, cũ hơn số {highest} đã ghi nhận: bị từ chối."),
        &format!("The list has sequence number {found}, lower than {highest}, which was recorded before: refused."),
    )
}

/// Takes out anchors and lists of that digest; former snapshots keep them. Returns the new snapshot's digest.
pub fn remove(folder: &TrustFolder, digest: &[u8; 32], now: Instant) -> Result<String> {
    let mut change = Change::begin(folder, now)?;
    let digest = hex::encode(digest);
    let count = |manifest: &Manifest| manifest.anchors.len() + manifest.lists.len();
    let before = count(&change.manifest);
    change.manifest.anchors.retain(|row| row.sha256 != digest);
    change.manifest.lists.retain(|row| row.sha256 != digest);
    match count(&change.manifest) == before {
        true => Err(RequestError::not_found().into()),
        false => change.end(),
    }
}

/// One change under way; the lock is held until it ends.
struct Change<'f> {
    folder: &'f TrustFolder,
    manifest: Manifest,
    _lock: File,
}

impl<'f> Change<'f> {
    fn begin(folder: &'f TrustFolder, now: Instant) -> Result<Self> {
        let failed = InternalError::io("the folder of trust data");
        let lock = fs::create_dir_all(folder.path()).and_then(|()| File::create(folder.path().join("lock")));
        let lock = lock.map_err(failed)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let (vi, en) = ("Một thay đổi khác đang được thực hiện.", "Another change is under way.");
            return Err(conflict("trust_busy", vi, en).into());
        }
        let current = folder.current()?;
        let mut manifest = match &current {
            Some(digest) => folder.manifest(digest)?,
            None => Manifest::default(),
        };
        manifest.version = manifest::VERSION;
        manifest.previous = current.unwrap_or_default();
        manifest.created = now.rfc3339();
        Ok(Self { folder, manifest, _lock: lock })
    }

    fn end(self) -> Result<String> {
        let text = toml::to_string(&self.manifest).map_err(|error| InternalError::other(error.to_string()))?;
        let digest = self.folder.keep(SNAPSHOTS, "toml", text.as_bytes())?;
        // Read back as every verdict will read it, before anybody is pointed there.
        let snapshot = self.folder.snapshot(&digest)?;
        if let Some(reason) = snapshot.missing.first() {
            return Err(Error::Internal(InternalError::other(format!("the trust data is not complete: {reason}"))));
        }
        self.folder.replace(&self.folder.path().join(CURRENT), format!("{digest}\n").as_bytes())?;
        Ok(digest)
    }
}

fn refused(code: &'static str, vi: &str, en: &str) -> RequestError {
    RequestError::new(RequestErrorKind::Invalid, code, vi, en)
}

fn conflict(code: &'static str, vi: &str, en: &str) -> RequestError {
    RequestError::new(RequestErrorKind::Conflict, code, vi, en)
}

//! Puts a signed file where it goes: written beside its place, stored, and only then given its name. It appears whole or not at all, and never
//! over another file.

use super::{Failure, Job, Road, Signed};
use chuky_model::text::Language;
use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tempfile::NamedTempFile;

/// Signs a file into a new one of a folder, which has no name of its own yet. It may be read by whoever may read the original.
pub(super) fn signed(
    road: &mut dyn Road,
    (source, name, media_type): (&Path, &str, &str),
    folder: &Path,
) -> Result<(NamedTempFile, Signed), Failure> {
    let in_folder = |error: io::Error| Failure::stop(format!("{}: {error}", folder.display()), 2);
    let readable = fs::metadata(source).map(|found| found.permissions().mode() & READABLE | OWN);
    let readable = readable.map_err(|error| Failure::document(format!("{}: {error}", source.display()), 2))?;
    let beside = tempfile::Builder::new().prefix(".chuky-").suffix(".part").tempfile_in(folder).map_err(in_folder)?;
    let out = beside.as_file().try_clone().map_err(in_folder)?;
    let signed = road.sign(Job { name, path: source, media_type, out })?;
    beside.as_file().set_permissions(fs::Permissions::from_mode(readable)).map_err(in_folder)?;
    beside.as_file().sync_all().map_err(in_folder)?;
    Ok((beside, signed))
}

/// Gives the file its name, where nothing has it.
pub(super) fn place(file: NamedTempFile, to: &Path, language: Language) -> Result<(), Failure> {
    match file.persist_noclobber(to) {
        Ok(_) => sync(parent(to)).map_err(|error| Failure::stop(format!("{}: {error}", to.display()), 2)),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(to, language)),
        Err(error) => Err(Failure::stop(format!("{}: {}", to.display(), error.error), 2)),
    }
}

/// The refusal where a file has that name.
pub(super) fn exists(path: &Path, language: Language) -> Failure {
    let shown = path.display();
    let said = match language {
        Language::Vi => format!("{shown} đã có; tệp đang có không bị ghi đè"),
        Language::En => format!("{shown} exists; a file that exists is not overwritten"),
    };
    Failure::document(said, 2)
}

/// The folder of a path.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Stores a folder's names on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Who may read it.
const READABLE: u32 = 0o444;
/// What its owner may do.
const OWN: u32 = 0o600;

//! Directories and files that hold secrets: whose a directory is is looked at before anything is put into it, nothing that lies there is
//! written into or followed, and what was written is durable.

use crate::error::{InternalError, RequestError, Result};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Makes a directory that only its owner can enter, where it is missing. One that is there must be the caller's own and closed to others.
pub fn private_directory(path: &Path) -> Result<()> {
    made(path)?;
    checked(path, OTHERS)
}

/// The same for data that is sealed where it must be: others may be allowed to read the directory, never to change it.
pub fn data_directory(path: &Path) -> Result<()> {
    made(path)?;
    checked(path, OTHERS_WRITE)
}

/// A private directory that may lie where everybody writes (`/dev/shm`): nobody else can have put it, or one above it, in another's place.
pub fn ceremony_directory(path: &Path) -> Result<()> {
    let absolute = std::path::absolute(path).map_err(InternalError::io(path.display().to_string()))?;
    // Before anything is made in a place that is not to be trusted, and after it.
    ancestors(&absolute)?;
    private_directory(&absolute)?;
    ancestors(&absolute)
}

/// Writes a file that only its owner can read; it appears whole or not at all, and stays when the power fails.
pub fn write_secret(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let beside = beside(path);
    // What a run left that was cut short, or what somebody put there: neither is written into nor followed.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error).into()),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let mut file = file.map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a directory durable: a file's own synchronisation does not (fsync(2)).
pub fn sync_directory(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    Ok(synced.map_err(InternalError::io(path.display().to_string()))?)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn made(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    Ok(made.map_err(InternalError::io(path.display().to_string()))?)
}

/// A link that somebody else could turn elsewhere is as bad as a directory of theirs.
fn checked(path: &Path, closed: u32) -> Result<()> {
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let (link, found) = (fs::symlink_metadata(path).map_err(failed)?, fs::metadata(path).map_err(failed)?);
    let own = rustix::process::geteuid().as_raw();
    if link.uid() != own || found.uid() != own {
        let owner = if link.uid() == own { found.uid() } else { link.uid() };
        return Err(not_own(path, owner).into());
    }
    if found.mode() & closed != 0 { Err(open_to_others(path, found.mode()).into()) } else { Ok(()) }
}

/// Whoever owns a directory above, or may write into one that has no sticky bit, can put another in a directory's place.
fn ancestors(path: &Path) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let above = path.ancestors().skip(1).filter(|above| above.parent().is_some());
    for above in above {
        let found = match fs::metadata(above) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(InternalError::io(above.display().to_string())(error).into()),
        };
        let link = fs::symlink_metadata(above).map_err(InternalError::io(above.display().to_string()))?;
        if let Some(owner) = [link.uid(), found.uid()].into_iter().find(|uid| ![own, 0].contains(uid)) {
            return Err(not_own(above, owner).into());
        }
        if found.mode() & WORLD_WRITE != 0 && found.mode() & STICKY == 0 {
            return Err(open_to_others(above, found.mode()).into());
        }
    }
    Ok(())
}

fn not_own(path: &Path, owner: u32) -> RequestError {
    let shown = path.display();
    RequestError::conflict(
        "directory_not_own",
        format!(
            "{shown} thuộc người dùng khác (uid {owner}): không đặt bí mật vào đó. Hãy chọn nơi khác, hoặc chạy với đúng người dùng."
        ),
        format!(
            "{shown} belongs to another user (uid {owner}): no secret is put there. Name another place, or run as the right user."
        ),
    )
}

fn open_to_others(path: &Path, mode: u32) -> RequestError {
    let (shown, mode) = (path.display(), mode & 0o7777);
    RequestError::conflict(
        "directory_open",
        format!("Người khác vào được {shown} (quyền {mode:o}). Hãy xem trong đó có gì lạ, rồi: chmod 700 {shown}"),
        format!(
            "Others have access to {shown} (mode {mode:o}). See that nothing strange lies there, then: chmod 700 {shown}"
        ),
    )
}

const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;
const WORLD_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn with_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_that_others_made_or_may_enter_gets_no_secret() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        private_directory(&at("own")).unwrap();
        assert_eq!(fs::metadata(at("own")).unwrap().mode() & 0o777, 0o700);
        for (mode, private, data) in
            [(0o700, true, true), (0o755, false, true), (0o770, false, false), (0o1777, false, false)]
        {
            with_mode(&at("own"), mode);
            assert_eq!(private_directory(&at("own")).is_ok(), private, "{mode:o}");
            assert_eq!(data_directory(&at("own")).is_ok(), data, "{mode:o}");
        }
        with_mode(&at("own"), 0o700);
        // A link of one's own leads to a place of one's own.
        symlink(at("own"), at("link")).unwrap();
        private_directory(&at("link")).unwrap();
        // As in /dev/shm, and where the sticky bit is missing.
        private_directory(&at("common")).unwrap();
        with_mode(&at("common"), 0o1777);
        ceremony_directory(&at("common").join("sheets")).unwrap();
        with_mode(&at("common"), 0o777);
        assert!(ceremony_directory(&at("common").join("sheets")).unwrap_err().to_string().contains("directory_open"));
        if !rustix::process::geteuid().is_root() {
            return;
        }
        // Somebody else was there before.
        with_mode(&at("common"), 0o1777);
        fs::create_dir(at("common").join("theirs")).unwrap();
        with_mode(&at("common").join("theirs"), 0o700);
        chown(at("common").join("theirs"), Some(1234), None).unwrap();
        symlink(at("own"), at("common").join("turned")).unwrap();
        std::os::unix::fs::lchown(at("common").join("turned"), Some(1234), None).unwrap();
        for place in ["theirs", "theirs/sheets", "turned", "turned/sheets"] {
            let refused = ceremony_directory(&at("common").join(place));
            assert!(refused.unwrap_err().to_string().contains("directory_not_own"), "{place}");
        }
    }

    #[test]
    fn nothing_that_lies_beside_is_written_into_or_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let (path, other) = (scratch.path().join("keys-1-of-3.pdf"), scratch.path().join("elsewhere"));
        fs::write(&other, "untouched").unwrap();
        // Held open by whoever put it there.
        for plant in [true, false] {
            let planted = beside(&path);
            match plant {
                true => symlink(&other, &planted).unwrap(),
                false => fs::write(&planted, "planted").unwrap(),
            }
            let held = File::open(&planted).unwrap();
            write_secret(&path, b"a share").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"a share");
            assert_eq!(std::io::read_to_string(held).unwrap(), if plant { "untouched" } else { "planted" });
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
            assert!(!planted.exists());
        }
        assert_eq!(fs::read(&other).unwrap(), b"untouched");
    }
}

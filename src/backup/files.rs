//! What of the data directory goes into a backup, and where a restored database lies: by what paths lead to, never by how they are written.

use crate::{
    audit::sequencer,
    config::Settings,
    error::{InternalError, RequestError, Result},
    store::sqlite_file,
    tokens,
};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Every regular file of the data directory with its name in it, but the live database, what holds secrets, and SoftHSM's settings, which
/// name a place. A link is refused: what it leads to would be missing, or be somebody else's.
pub(super) fn of(settings: &Settings) -> Result<Vec<(String, PathBuf)>> {
    let data_dir = settled(&settings.data_dir)?;
    let mut left_out = secrets(settings, &data_dir)?;
    if let Some(database) = sqlite_file(&settings.database_url) {
        left_out.extend(of_database(&settled(&database)?));
    }
    let mut files = Vec::new();
    let mut directories = vec![data_dir.clone()];
    while let Some(directory) = directories.pop() {
        let shown = || directory.display().to_string();
        for entry in fs::read_dir(&directory).map_err(InternalError::io(shown()))? {
            let entry = entry.map_err(InternalError::io(shown()))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(InternalError::io(shown()))?;
            let name =
                path.strip_prefix(&data_dir).unwrap_or(&path).to_str().ok_or_else(|| unusable(&path))?.to_owned();
            let at_the_top = directory == data_dir;
            if left_out.contains(&path) || (at_the_top && (name.starts_with("softhsm2") || name.starts_with(".chuky-")))
            {
                continue;
            }
            if kind.is_symlink() {
                return Err(unusable(&path).into());
            } else if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                files.push((name, path));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// PINs and the backup's own key, wherever the settings put them.
fn secrets(settings: &Settings, data_dir: &Path) -> Result<Vec<PathBuf>> {
    let mut secrets = Vec::new();
    for directory in [&settings.secrets_dir, &settings.pins_dir] {
        let directory = settled(directory)?;
        if directory == data_dir {
            return Err(secrets_among_data(&directory).into());
        }
        secrets.push(directory);
    }
    for file in settings.hsm.tokens.iter().filter_map(|token| token.pin_file.as_deref()) {
        secrets.push(settled(file)?);
    }
    Ok(secrets)
}

/// Refuses to write a backup where the next one would hold it.
pub(super) fn refuse_inside(settings: &Settings, out: &Path) -> Result<()> {
    if settled(out)?.starts_with(settled(&settings.data_dir)?) {
        return Err(inside(out).into());
    }
    Ok(())
}

/// A directory for data that lies in clear while it is worked on: whatever the umask is, nobody else enters it.
pub(super) fn workplace(prefix: &str, parent: &Path) -> Result<tempfile::TempDir> {
    let private = fs::Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix(prefix).permissions(private).tempdir_in(parent);
    Ok(made.map_err(InternalError::io(parent.display().to_string()))?)
}

/// A SQLite database's file with what SQLite and the audit log's sequencer keep beside it.
pub(super) fn of_database(file: &Path) -> Vec<PathBuf> {
    let with = |end: &str| {
        let mut name = OsString::from(file);
        name.push(end);
        PathBuf::from(name)
    };
    ["", "-wal", "-shm", "-journal", &format!("-{}", sequencer::LEASE)].map(with).to_vec()
}

/// Where a path leads: absolute and without links, as far as it is there.
pub(super) fn settled(path: &Path) -> Result<PathBuf> {
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let absolute = std::path::absolute(path).map_err(failed)?;
    let mut missing = Vec::new();
    let mut there = absolute.as_path();
    loop {
        match (fs::canonicalize(there), there.parent(), there.file_name()) {
            (Ok(found), ..) => return Ok(missing.iter().rev().fold(found, |path, name| path.join(name))),
            (Err(error), Some(above), Some(name)) if error.kind() == ErrorKind::NotFound => {
                missing.push(name.to_owned());
                there = above;
            }
            (Err(error), ..) => return Err(failed(error).into()),
        }
    }
}

/// A database that was just closed is one durable file: what SQLite would still read beside it is not left behind by a move.
pub(super) fn settle_database(file: &Path) -> Result<()> {
    if let Some(beside) = of_database(file).into_iter().skip(1).find(|path| path.exists()) {
        return Err(InternalError::other(format!("{} is still there", beside.display())).into());
    }
    let synced = File::open(file).and_then(|file| file.sync_all());
    Ok(synced.map_err(InternalError::io(file.display().to_string()))?)
}

/// Puts a restored database in its place. A backup may hold files of a live database of that name: they are of another moment.
pub(super) fn place_database(from: &Path, to: &Path) -> Result<()> {
    let failed = |error| InternalError::io(to.display().to_string())(error);
    for stray in of_database(to) {
        match fs::remove_file(&stray) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error).into()),
            _ => {}
        }
    }
    let directory = to.parent().unwrap_or(Path::new("."));
    if !directory.is_dir() {
        tokens::data_directory(directory)?;
    }
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let mut name = OsString::from(to);
            name.push(".restoring");
            fs::copy(from, &name).and_then(|_| File::open(&name)?.sync_all()).map_err(failed)?;
            fs::rename(&name, to).map_err(failed)?;
        }
        other => other.map_err(failed)?,
    }
    tokens::sync_directory(directory)
}

fn unusable(path: &Path) -> RequestError {
    let shown = path.display();
    RequestError::conflict(
        "not_a_file",
        format!(
            "{shown} là liên kết, hoặc có tên không phải UTF-8: bản sao lưu không chứa được. Hãy đặt chính tệp hay thư mục vào đó."
        ),
        format!(
            "{shown} is a link, or has a name that is not UTF-8, and a backup cannot hold it. Put the file or directory itself there."
        ),
    )
}

fn secrets_among_data(directory: &Path) -> RequestError {
    let shown = directory.display();
    RequestError::conflict(
        "secrets_among_data",
        format!(
            "{shown} vừa là thư mục dữ liệu vừa là nơi giữ PIN: bản sao lưu sẽ chứa PIN. Hãy đặt hsm.secrets_dir và hsm.pins_dir ở nơi khác."
        ),
        format!(
            "{shown} is the data directory and holds PINs, which a backup would hold, too. Set hsm.secrets_dir and hsm.pins_dir to other places."
        ),
    )
}

fn inside(out: &Path) -> RequestError {
    let shown = out.display();
    RequestError::conflict(
        "inside_data",
        format!("{shown} nằm trong thư mục dữ liệu: bản sao lưu sau sẽ chứa cả nó. Hãy chọn nơi khác."),
        format!("{shown} lies in the data directory, and the next backup would hold it. Choose another place."),
    )
}

//! Backup and restore of the service's data: the database as it is at one moment, documents, SoftHSM's tokens, records, the settings file;
//! sealed, and without PINs. A restored database says so, and nothing is issued or answered over it until it has been reconciled.

mod files;
mod postgres;
pub mod sealed;

use crate::{
    config::Settings,
    error::{InternalError, RequestError, Result},
    fault,
    store::{self, Store, sqlite_file},
    tokens,
};
use chuky_hsm::Secret32;
use chuky_model::{id::RestorationId, instant::Instant, record::certificate::Restoration, tables::Tables};
use sealed::{Opener, Sealer};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufReader, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub software: String,
    pub made_at: Instant,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// Entries in the audit log when it was made.
    pub audit_entries: i64,
}

/// What was put in or taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub manifest: Manifest,
    pub files: usize,
}

/// The key of the backups, where it lies; made where there is none.
pub fn key(settings: &Settings) -> Result<(PathBuf, Secret32)> {
    let path = settings.secrets_dir.join("backup.key");
    if !path.exists() {
        tokens::private_directory(&settings.secrets_dir)?;
        keep_key(settings, &Secret32::random())?;
    }
    let read = read_key(&path)?;
    Ok((path, read))
}

/// Keeps the key that custodians hold, so that backups run by themselves.
pub fn keep_key(settings: &Settings, key: &Secret32) -> Result<()> {
    let text = Zeroizing::new(hex::encode(key.expose()));
    tokens::write_secret(&settings.secrets_dir.join("backup.key"), text.as_bytes())
}

/// Reads a key from its file.
pub fn read_key(path: &Path) -> Result<Secret32> {
    let text = fs::read_to_string(path).map_err(InternalError::io(path.display().to_string()))?;
    let text = Zeroizing::new(text);
    let mut key = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut()).map_err(|_| no_key(path))?;
    Ok(Secret32::new(*key))
}

/// Writes a backup, while the service runs or not. The file appears whole or not at all.
pub async fn make(
    settings: &Settings,
    settings_file: Option<&Path>,
    out: &Path,
    key: &Secret32,
    now: Instant,
) -> Result<Done> {
    if out.exists() {
        return Err(is_there(out).into());
    }
    files::refuse_inside(settings, out)?;
    // 1. The database as it is now, on the disk where it lives: nothing lies in clear where backups lie.
    let work = files::workplace(".chuky-backup", &settings.data_dir)?;
    let database = work.path().join("database");
    // As it is: a backup before an upgrade holds the tables of before, also where the new program makes it.
    let (store, tables) = Store::open_as_it_is(&settings.database_url).await?;
    if tables == Tables::Absent {
        return Err(store::Error::Tables(tables).into());
    }
    let audit_entries = store.audit_size().await?;
    let sqlite = store.snapshot(&database.to_string_lossy()).await?;
    store.close().await;
    if !sqlite {
        postgres::dump(&settings.database_url, &database)?;
    }
    // 2. Everything into one sealed file: what the database names is read after it.
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        software: format!("chuky {}", env!("CARGO_PKG_VERSION")),
        made_at: now,
        database: if sqlite { "sqlite" } else { "postgres" }.to_owned(),
        audit_entries,
    };
    let shown = out.display().to_string();
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sealed = tempfile::NamedTempFile::new_in(parent).map_err(InternalError::io(shown.clone()))?;
    let mut sealer = Sealer::begin(BufWriter::new(sealed), key)?;
    let text = serde_json::to_vec(&manifest).map_err(|error| InternalError::other(error.to_string()))?;
    sealer.entry(MANIFEST, text.len() as u64, &mut text.as_slice())?;
    add(&mut sealer, DATABASE, &database)?;
    let mut files = 1;
    if let Some(path) = settings_file {
        add(&mut sealer, SETTINGS, path)?;
        files += 1;
    }
    for (name, path) in files::of(settings)? {
        // A document that is removed meanwhile is in nobody's way.
        match add(&mut sealer, &format!("{DATA}{name}"), &path) {
            Err(_) if !path.exists() => {}
            other => {
                other?;
                files += 1;
            }
        }
    }
    // 3. Durable, then in its place.
    let file = sealer.finish()?.into_inner().map_err(|error| InternalError::other(error.to_string()))?;
    file.as_file().sync_all().map_err(InternalError::io(shown.clone()))?;
    file.persist_noclobber(out).map_err(|error| InternalError::io(shown)(error.error))?;
    Ok(Done { manifest, files })
}

/// Restores a backup into a data directory that is not there yet, and for PostgreSQL into an empty database. What comes of it serves
/// nothing before it is reconciled.
pub async fn restore(settings: &Settings, from: &Path, key: &Secret32, now: Instant) -> Result<Done> {
    // 1. Nothing is overwritten.
    let data_dir = files::settled(&settings.data_dir)?;
    if fs::read_dir(&data_dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(is_there(&data_dir).into());
    }
    let sqlite = sqlite_file(&settings.database_url).map(|path| files::settled(&path)).transpose()?;
    let mut of_database = sqlite.iter().flat_map(|path| files::of_database(path));
    if let Some(path) = of_database.find(|path| path.exists()) {
        return Err(is_there(&path).into());
    }
    // 2. Taken out beside its place.
    let parent = data_dir.parent().unwrap_or(Path::new("/"));
    let work = files::workplace(".chuky-restore", parent)?;
    let file = File::open(from).map_err(InternalError::io(from.display().to_string()))?;
    let done = take_out(&mut Opener::begin(BufReader::new(file), key)?, work.path())?;
    let kind = if sqlite.is_some() { "sqlite" } else { "postgres" };
    if done.manifest.database != kind {
        return Err(another_database(&done.manifest.database).into());
    }
    // 3. The database, marked before it can be opened.
    let database = work.path().join(DATABASE);
    let data = work.path().join("data");
    tokens::private_directory(&data)?;
    let row = Restoration {
        id: RestorationId(Uuid::now_v7()),
        backup_at: done.manifest.made_at,
        restored_at: now,
        reconciled_at: None,
    };
    match &sqlite {
        Some(path) => {
            mark(Store::open_file(&database).await?, &row).await?;
            files::settle_database(&database)?;
            match path.strip_prefix(&data_dir) {
                Ok(name) => files::place_database(&database, &data.join(name))?,
                Err(_) => files::place_database(&database, path)?,
            }
        }
        None => postgres::restore(&settings.database_url, &database, &row, work.path())?,
    }
    fault::point("restore.after_database");
    // 4. The data directory in its place; SoftHSM's settings name that place.
    if data.join("tokens").is_dir() {
        tokens::softhsm_configuration(&data.join("softhsm2.conf"), &settings.data_dir.join("tokens"))?;
    }
    let settings_kept = work.path().join(SETTINGS);
    if settings_kept.exists() {
        let kept = data.join("settings.restored.toml");
        fs::rename(&settings_kept, kept).map_err(InternalError::io(SETTINGS))?;
    }
    if data_dir.is_dir() {
        fs::remove_dir(&data_dir).map_err(InternalError::io(data_dir.display().to_string()))?;
    }
    fs::rename(&data, &data_dir).map_err(InternalError::io(data_dir.display().to_string()))?;
    tokens::sync_directory(parent)?;
    Ok(done)
}

async fn mark(store: Store, row: &Restoration) -> Result<()> {
    let mut transaction = store.begin().await?;
    transaction.insert_restoration(row).await?;
    transaction.commit().await?;
    store.close().await;
    Ok(())
}

fn take_out(opener: &mut Opener<BufReader<File>>, to: &Path) -> Result<Done> {
    let mut manifest = None;
    let mut files = 0;
    while let Some((name, size)) = opener.next_entry()? {
        if name == MANIFEST {
            if size > LONGEST_MANIFEST {
                return Err(InternalError::other("the backup's manifest is too long").into());
            }
            let mut text = Vec::new();
            opener.content(size, &mut text)?;
            let read: Manifest =
                serde_json::from_slice(&text).map_err(|error| InternalError::other(error.to_string()))?;
            if read.format != FORMAT {
                return Err(InternalError::other(format!("a backup of another format: {}", read.format)).into());
            }
            manifest = Some(read);
            continue;
        }
        let relative = Path::new(&name);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(InternalError::other("the backup names a file outside its directory").into());
        }
        let path = to.join(relative);
        tokens::private_directory(path.parent().unwrap_or(to))?;
        let shown = path.display().to_string();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(InternalError::io(shown.clone()))?;
        opener.content(size, &mut file)?;
        file.sync_all().map_err(InternalError::io(shown))?;
        files += 1;
    }
    let manifest = manifest.ok_or_else(|| InternalError::other("the backup has no manifest"))?;
    Ok(Done { manifest, files })
}

fn add(sealer: &mut Sealer<BufWriter<tempfile::NamedTempFile>>, name: &str, path: &Path) -> Result<()> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(InternalError::io(shown.clone()))?;
    let size = file.metadata().map_err(InternalError::io(shown))?.len();
    sealer.entry(name, size, &mut BufReader::new(file))
}

fn is_there(path: &Path) -> RequestError {
    let shown = path.display();
    RequestError::conflict(
        "is_there",
        format!("{shown} đã có; không ghi đè lên gì cả. Hãy chọn nơi khác hoặc chuyển nó đi."),
        format!("{shown} is there already, and nothing is overwritten. Choose another place, or move it away."),
    )
}

fn another_database(kind: &str) -> RequestError {
    RequestError::conflict(
        "another_database",
        format!("Bản sao lưu là của {kind}; hãy đặt database.url cho đúng loại cơ sở dữ liệu."),
        format!("The backup is of {kind}: set database.url to a database of that kind."),
    )
}

fn no_key(path: &Path) -> RequestError {
    let shown = path.display();
    RequestError::invalid(
        "key",
        "backup_key",
        format!("{shown} không phải là khóa sao lưu (64 chữ số thập lục phân)."),
        format!("{shown} holds no backup key (64 hexadecimal digits)."),
    )
}

const FORMAT: &str = "chuky-backup-1";
const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "database";
const SETTINGS: &str = "settings.toml";
const DATA: &str = "data/";
/// Octets.
const LONGEST_MANIFEST: u64 = 64 << 10;

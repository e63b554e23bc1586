//! Backup and restore of the service's data: the database as it is at one moment, documents, SoftHSM's tokens, records, the settings file;
//! sealed, and without PINs. A restored database says so, and nothing is issued or answered over it until it has been reconciled.

pub mod sealed;

use crate::{
    config::Settings,
    error::{InternalError, RequestError, Result},
    store::Store,
    tokens,
};
use chuky_hsm::Secret32;
use chuky_model::{id::RestorationId, instant::Instant, record::certificate::Restoration};
use sealed::{Opener, Sealer};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufReader, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
    process::Command,
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
    // 1. The database as it is now, on the disk where it lives: nothing lies in clear where backups lie.
    let work = tempfile::Builder::new().prefix(".chuky-backup").tempdir_in(&settings.data_dir);
    let work = work.map_err(InternalError::io(settings.data_dir.display().to_string()))?;
    let database = work.path().join("database");
    let store = Store::open(&settings.database_url).await?;
    let audit_entries = store.audit_size().await?;
    let sqlite = store.snapshot(&database.to_string_lossy()).await?;
    store.close().await;
    if !sqlite {
        run(postgres("pg_dump", &settings.database_url)?
            .args(["--format=custom", "--no-owner", "--no-privileges"])
            .arg("--file")
            .arg(&database))?;
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
    for path in data_files(settings)? {
        let name = path.strip_prefix(&settings.data_dir).unwrap_or(&path).to_string_lossy().into_owned();
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
    if fs::read_dir(&settings.data_dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(is_there(&settings.data_dir).into());
    }
    let sqlite = settings.database_url.strip_prefix("sqlite://").map(PathBuf::from);
    if let Some(path) = sqlite.as_deref().filter(|path| path.exists()) {
        return Err(is_there(path).into());
    }
    // 2. Taken out beside its place.
    let parent = settings.data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let work = tempfile::Builder::new().prefix(".chuky-restore").tempdir_in(parent);
    let work = work.map_err(InternalError::io(parent.display().to_string()))?;
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
            let shown = path.display().to_string();
            let inside = path.strip_prefix(&settings.data_dir).map_or_else(|_| path.clone(), |name| data.join(name));
            fs::rename(&database, inside).map_err(InternalError::io(shown))?;
        }
        None => {
            let mut command = postgres("pg_restore", &settings.database_url)?;
            command.args(["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]);
            run(command.arg(&database))?;
            mark(Store::open(&settings.database_url).await?, &row).await?;
        }
    }
    // 4. The data directory in its place; SoftHSM's settings name that place.
    if data.join("tokens").is_dir() {
        tokens::softhsm_configuration(&data.join("softhsm2.conf"), &settings.data_dir.join("tokens"))?;
    }
    let settings_kept = work.path().join(SETTINGS);
    if settings_kept.exists() {
        let kept = data.join("settings.restored.toml");
        fs::rename(&settings_kept, kept).map_err(InternalError::io(SETTINGS))?;
    }
    if settings.data_dir.is_dir() {
        fs::remove_dir(&settings.data_dir).map_err(InternalError::io(settings.data_dir.display().to_string()))?;
    }
    fs::rename(&data, &settings.data_dir).map_err(InternalError::io(settings.data_dir.display().to_string()))?;
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

/// Every regular file of the data directory but the live database and SoftHSM's settings, which name a place.
fn data_files(settings: &Settings) -> Result<Vec<PathBuf>> {
    let data_dir = &settings.data_dir;
    // With its journals: `chuky.db-wal` and others.
    let database = settings.database_url.strip_prefix("sqlite://").unwrap_or("\0");
    let mut files = Vec::new();
    let mut directories = vec![data_dir.clone()];
    while let Some(directory) = directories.pop() {
        let shown = || directory.display().to_string();
        for entry in fs::read_dir(&directory).map_err(InternalError::io(shown()))? {
            let entry = entry.map_err(InternalError::io(shown()))?;
            let kind = entry.file_type().map_err(InternalError::io(shown()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_database = entry.path().to_string_lossy().starts_with(database);
            let left_out = is_database || (directory == *data_dir && name.starts_with("softhsm2"));
            if kind.is_dir() && !name.starts_with(".chuky-") {
                directories.push(entry.path());
            } else if kind.is_file() && !left_out {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// PostgreSQL's own program for a database, with the password in its environment and never among its arguments.
fn postgres(program: &str, url: &str) -> Result<Command> {
    let unusable = || InternalError::other("the database's address cannot be given to PostgreSQL's programs");
    let (scheme, rest) = url.split_once("://").ok_or_else(unusable)?;
    let mut command = Command::new(program);
    let address = match rest.split_once('@') {
        Some((user, place)) => match user.split_once(':') {
            Some((name, password)) => {
                command.env("PGPASSWORD", percent_decoded(password).ok_or_else(unusable)?);
                format!("{scheme}://{name}@{place}")
            }
            None => url.to_owned(),
        },
        None => url.to_owned(),
    };
    command.arg("--dbname").arg(address);
    Ok(command)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first == b'%' {
            let (code, more) = rest.split_at_checked(2)?;
            octets.extend(hex::decode(code).ok()?);
            rest = more;
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8(octets).ok()
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(InternalError::io(format!("{program} (package postgresql-client)")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(InternalError::other(format!("{program}: {said}")).into())
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

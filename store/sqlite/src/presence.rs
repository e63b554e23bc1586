//! Work that one process on a file does at a time: a locked file beside the database for each. The kernel lets go of the lock with the
//! process (flock(2)), so what a killed one did is free at once.

use crate::Error;
use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// Work that is held until this is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "closing it lets go of the lock")] File);

/// Holds that work on the database in that file; `None` where somebody does.
pub(crate) fn hold(database: &Path, name: &str) -> Result<Option<Held>, Error> {
    let failed = |error: io::Error| Error::Unavailable(sqlx::Error::Io(error));
    let mut path = database.to_owned().into_os_string();
    path.push(format!("-{name}"));
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

//! PostgreSQL's own programs: a dump of the database as it is at one moment, and its restoration together with the mark that it is to be
//! reconciled, in one transaction.

use crate::{
    error::{InternalError, Result},
    store::percent_decoded,
};
use chuky_model::record::certificate::Restoration;
use std::{fs, path::Path, process::Command};

/// Writes a dump.
pub(super) fn dump(url: &str, to: &Path) -> Result<()> {
    let mut command = program("pg_dump", url)?;
    run(command.args(["--format=custom", "--no-owner", "--no-privileges"]).arg("--file").arg(to))
}

/// Restores a dump into an empty database and marks it; nobody sees the one without the other. `work` is a private directory.
pub(super) fn restore(url: &str, dump: &Path, row: &Restoration, work: &Path) -> Result<()> {
    // 1. Whole before anything is done: of a dump that breaks off nothing may be committed.
    let (data, mark) = (work.join("database.sql"), work.join("mark.sql"));
    let mut command = Command::new("pg_restore");
    run(command.args(["--exit-on-error", "--no-owner", "--no-privileges"]).arg("--file").arg(&data).arg(dump))?;
    // The dump leaves its session without a search path.
    let (id, backup_at, restored_at) = (row.id.0, row.backup_at.0, row.restored_at.0);
    let text = format!(
        "RESET search_path;\nINSERT INTO restoration (id, backup_at, restored_at) VALUES ('{id}', {backup_at}, {restored_at});\n"
    );
    fs::write(&mark, text).map_err(InternalError::io(mark.display().to_string()))?;
    // 2. All or nothing.
    let mut command = program("psql", url)?;
    command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"]);
    run(command.arg("--file").arg(&data).arg("--file").arg(&mark))?;
    fs::remove_file(&data).map_err(InternalError::io(data.display().to_string()))?;
    Ok(fs::remove_file(&mark).map_err(InternalError::io(mark.display().to_string()))?)
}

/// PostgreSQL's own program for a database, with the password in its environment and never among its arguments.
fn program(program: &str, url: &str) -> Result<Command> {
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

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(InternalError::io(format!("{program} (package postgresql-client)")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(InternalError::other(format!("{program}: {said}")).into())
}

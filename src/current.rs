//! Rows that authorise, as they may be relied on: the MAC fits, and the audit log knows of no later version. An account with a role it
//! has lost, a revoked key, an ended session or a code that was used, put back by SQL with its own old MAC, is found here.
//!
//! Every change of such a row records one [`crate::audit::Entry::of_row`] in its transaction, and every flow reads it through here.

use crate::{
    app::App,
    attestation,
    error::{Error, InternalError, RequestError, Result},
    store,
};
use chuky_model::record::Authenticated;
use std::{
    any::Any,
    collections::HashMap,
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The row that `read` finds. Costs neither the HSM nor the log a question where exactly this row was looked at before.
pub async fn row<R, F>(app: &App, read: impl Fn() -> F) -> Result<Option<R>>
where
    R: Authenticated,
    F: Future<Output = Result<Option<R>, store::Error>>,
{
    let mut reading = Reading::default();
    while let Some(row) = read().await? {
        let row = app.checked_rows.check(&*app.tokens.subscribers, row).await?;
        let newest = app.audit.row_versions().newest(&row.subject()).await?;
        if reading.is_newest(app, &row, newest)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// The same, with the log itself asked each time: for rows that are used seldom and are worth most (credentials, requests, codes).
pub async fn row_by_log<R, F>(app: &App, read: impl Fn() -> F) -> Result<Option<R>>
where
    R: Authenticated,
    F: Future<Output = Result<Option<R>, store::Error>>,
{
    let mut reading = Reading::default();
    while let Some(row) = read().await? {
        let row = attestation::check(&*app.tokens.subscribers, row).await?;
        let newest = app.audit.row_versions().newest_by_log(&row.subject()).await?;
        if reading.is_newest(app, &row, newest)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// As [`row`] for the one row of that key, and an error where it is missing although the log knows of it: for rows whose absence would
/// permit something, such as an account whose person is compared with another's. Only the log is asked for a row that is not there.
pub async fn row_of<R, F>(app: &App, key: impl Display, read: impl Fn() -> F) -> Result<Option<R>>
where
    R: Authenticated,
    F: Future<Output = Result<Option<R>, store::Error>>,
{
    let subject = format!("{}:{key}", R::NOUN);
    let mut found = row(app, &read).await?;
    if found.is_none() && app.audit.row_versions().newest_by_log(&subject).await? > 0 {
        // It may have been made between the two looks; one that is still not there was taken away.
        found = Some(row(app, &read).await?.ok_or_else(missing::<R>)?);
    }
    Ok(found)
}

/// As [`row_of`], with the log itself asked each time, as [`row_by_log`] does.
pub async fn row_of_by_log<R, F>(app: &App, key: impl Display, read: impl Fn() -> F) -> Result<Option<R>>
where
    R: Authenticated,
    F: Future<Output = Result<Option<R>, store::Error>>,
{
    let subject = format!("{}:{key}", R::NOUN);
    let mut found = row_by_log(app, &read).await?;
    if found.is_none() && app.audit.row_versions().newest_by_log(&subject).await? > 0 {
        found = Some(row_by_log(app, &read).await?.ok_or_else(missing::<R>)?);
    }
    Ok(found)
}

/// An error of rows that the log knows of and that are not there.
pub fn missing<R: Authenticated>() -> Error {
    tracing::error!(event = "row_missing", table = R::TABLE);
    InternalError::RowForged { table: R::TABLE }.into()
}

/// The same for a list: every row that `read` finds, or an error where one of them is old.
pub async fn rows<R, F>(app: &App, read: impl Fn() -> F) -> Result<Vec<R>>
where
    R: Authenticated,
    F: Future<Output = Result<Vec<R>, store::Error>>,
{
    let mut reading = Reading::default();
    'again: loop {
        let mut rows = Vec::new();
        for row in read().await? {
            let row = app.checked_rows.check(&*app.tokens.subscribers, row).await?;
            let newest = app.audit.row_versions().newest(&row.subject()).await?;
            if !reading.is_newest(app, &row, newest)? {
                continue 'again;
            }
            rows.push(row);
        }
        return Ok(rows);
    }
}

/// The row that `read` finds, without asking the database where it was read a moment ago: for what every request of a busy caller needs.
/// `key` is what `read` looks for; only rows that are `good` for something are kept, so that a refusal always looks anew. A change shows at once on the node that made it and calls [`changed`], on another as soon as it
/// follows the log, and everywhere once the row has been kept for [`KEPT_FOR`].
pub async fn kept<R, F>(
    app: &App,
    key: &[u8],
    read: impl Fn() -> F,
    good: impl Fn(&R) -> bool,
) -> Result<Option<Arc<R>>>
where
    R: Authenticated + Send + Sync + 'static,
    F: Future<Output = Result<Option<R>, store::Error>>,
{
    if let Some(found) = recall(app, key).await? {
        return Ok(Some(found));
    }
    let found = row(app, read).await?.map(Arc::new);
    if let Some(found) = found.as_ref().filter(|found| good(found)) {
        keep(app, key, found.clone());
    }
    Ok(found)
}

/// The row that was kept under this key less than [`KEPT_FOR`] ago, where the log knows of no later version.
pub async fn recall<R>(app: &App, key: &[u8]) -> Result<Option<Arc<R>>>
where
    R: Authenticated + Send + Sync + 'static,
{
    let Some(found) = app.kept_rows.recall::<R>(&key_of::<R>(key)) else { return Ok(None) };
    let newest = app.audit.row_versions().newest(&found.subject()).await?;
    Ok((found.version() >= newest).then_some(found))
}

/// Keeps a row that was just read and found genuine and good for something.
pub fn keep<R>(app: &App, key: &[u8], row: Arc<R>)
where
    R: Authenticated + Send + Sync + 'static,
{
    app.kept_rows.keep(key_of::<R>(key), row);
}

fn key_of<R: Authenticated>(key: &[u8]) -> Vec<u8> {
    [R::TABLE.as_bytes(), b"\0", key].concat()
}

/// Rows that are kept, see [`keep`].
#[derive(Default)]
pub struct KeptRows(Mutex<HashMap<Vec<u8>, KeptRow>>);

type KeptRow = (Arc<dyn Any + Send + Sync>, Instant);

impl KeptRows {
    fn recall<R: Send + Sync + 'static>(&self, key: &[u8]) -> Option<Arc<R>> {
        let (row, since) = self.rows().get(key).cloned()?;
        if since.elapsed() < KEPT_FOR { row.downcast().ok() } else { None }
    }

    fn keep<R: Send + Sync + 'static>(&self, key: Vec<u8>, row: Arc<R>) {
        let mut rows = self.rows();
        if rows.len() >= ROWS_KEPT && !rows.contains_key(&key) {
            rows.clear();
        }
        rows.insert(key, (row, Instant::now()));
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Vec<u8>, KeptRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row was changed and committed here: its older versions are known to be old at once, not only when the log's entry is appended.
/// For changes that take something away from rows that [`row`] reads.
pub fn changed(app: &App, row: &impl Authenticated) {
    app.audit.row_versions().learn(&row.subject(), row.version());
}

/// Tells a row that somebody is just changing from one that was put back. What the log tells was committed before it told it, so the next
/// reading finds that version or a later one, however fast others go on changing the row; one that was put back is still behind it.
#[derive(Default)]
struct Reading {
    readings: usize,
    /// What the log told of rows that were behind it.
    wanted: HashMap<String, i64>,
}

impl Reading {
    fn is_newest<R: Authenticated>(&mut self, app: &App, row: &R, newest: i64) -> Result<bool> {
        let (subject, version) = (row.subject(), row.version());
        if version > newest {
            app.audit.row_versions().learn(&subject, version);
        }
        match self.wanted.get(&subject) {
            _ if version >= newest => return Ok(true),
            Some(wanted) if version >= *wanted => return Ok(true),
            Some(_) => {
                tracing::error!(event = "row_reset", table = R::TABLE, version, newest);
                return Err(InternalError::RowForged { table: R::TABLE }.into());
            }
            None => {}
        }
        self.readings += 1;
        if self.readings >= MOST_READINGS {
            return Err(RequestError::try_again().into());
        }
        self.wanted.insert(subject, newest);
        Ok(false)
    }
}

/// How often a list is read again because another row of it was behind: of each row once is enough.
const MOST_READINGS: usize = 32;
/// A row is read again after this, whatever the log says: a revocation by a node whose entries do not arrive shows by then.
pub const KEPT_FOR: Duration = Duration::from_secs(2);
/// Rows kept at once, each below a kilobyte; one more and all are read again.
const ROWS_KEPT: usize = 10_000;

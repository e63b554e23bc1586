//! Messages on their way out: each waits as an encrypted row until it is handed to whatever sends it. The one adapter there is writes files
//! into a spool directory, from which the operator's gateway takes them. Handed over is not delivered: that is the gateway's to say.

use crate::{
    app::App,
    error::{InternalError, Result},
    issuance::reminders::{BODY, RECIPIENT},
    store,
};
use chuky_model::record::work::Message;
use serde::Deserialize;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Messages to subscribers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesConfig {
    /// Directory into which each message is written as a file, for the operator's gateway to send. Without it messages wait in their table.
    pub spool_dir: Option<PathBuf>,
}

/// Hands what waits to the spool directory, where one is set; how many were handed over. A message that was written and not yet marked
/// when the service ended is written once more under the same name.
pub async fn hand_over(app: &App) -> Result<usize> {
    let Some(spool) = &app.settings.spool_dir else { return Ok(0) };
    let mut handed = 0;
    for message in app.store.unsent_messages(AT_A_TIME).await? {
        let text = content(app, &message)?;
        let name = format!("{}.json", message.id);
        write(spool, &name, &text).map_err(InternalError::io(spool.display().to_string()))?;
        let mut transaction = app.store.begin().await?;
        match transaction.mark_message_sent(message.id, app.clock.now()).await {
            // Another node was faster.
            Err(store::Error::Stale) => continue,
            other => other?,
        }
        transaction.commit().await?;
        handed += 1;
    }
    Ok(handed)
}

/// How many wait, counted up to a thousand.
pub async fn waiting(app: &App) -> Result<usize> {
    Ok(app.store.unsent_messages(MOST_COUNTED).await?.len())
}

fn content(app: &App, message: &Message) -> Result<Zeroizing<String>> {
    let id = message.id.to_string();
    let open = |name: &str, sealed: &[u8]| -> Result<Zeroizing<String>> {
        let plain = app.vault.open(name, &id, sealed)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(&plain).into_owned()))
    };
    let (to, text) = (open(RECIPIENT, &message.recipient)?, open(BODY, &message.body)?);
    let value = serde_json::json!({
        "id": id, "channel": message.channel, "to": to.as_str(), "text": text.as_str(),
        "created": message.created_at.rfc3339(),
    });
    Ok(Zeroizing::new(value.to_string()))
}

/// It appears whole or not at all, and only its owner and group read it.
fn write(spool: &Path, name: &str, text: &str) -> io::Result<()> {
    let beside = spool.join(format!(".{name}"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, spool.join(name))
}

/// In one round of the worker.
const AT_A_TIME: i64 = 200;
const MOST_COUNTED: i64 = 1_000;

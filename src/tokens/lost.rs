//! The subscribers token made anew out of custodians' shares, where the first one is lost: no other token is opened for it.

use super::{directories, known, label, pin, prepared, second::opened_token, subscribers_token, unlock};
use crate::{config::Settings, custodians::Opened, error::Result};
use chuky_hsm::{Hsm, PinSource, TokenKind, provision, share::Purpose};
use std::{path::Path, sync::Arc};

/// Makes the subscribers token that the settings name first, where it is not there, and opens it. Whether it holds the keys that the data
/// was made with is for the caller to prove.
pub async fn rebuilt_subscribers_token(
    settings: &Settings,
    executable: &Path,
    opened: &Opened,
) -> Result<(provision::Prepared, Arc<dyn Hsm>)> {
    let kind = TokenKind::Subscribers;
    let secrets = opened.token_secrets()?;
    directories(settings)?;
    let officer = match opened.has(Purpose::OfficerPin) {
        true => opened.pin(Purpose::OfficerPin, label(kind))?,
        false => pin(settings, kind, "so")?,
    };
    let mut worker = subscribers_token(settings, executable, 1)?;
    if opened.has(Purpose::UserPin) {
        worker.pin = PinSource::Value(opened.pin(Purpose::UserPin, label(kind))?);
    } else {
        // A new token may have a new PIN.
        pin(settings, kind, "user")?;
    }
    let made = prepared(&worker, &officer, &secrets, true).await?;
    known::remember(settings, &worker.token_label)?;
    let token = opened_token(worker).await?;
    unlock(settings, opened)?;
    Ok((made, token))
}
